import numpy as np
import pytest
import torch

from bptt import attention
from bptt.gradcheck import check_gradient, relative_error
from bptt.shapes import ShapeError

N, M, B, D, E = 5, 6, 3, 4, 2
NAMES = ("q", "k", "v")


@pytest.fixture
def given(rng):
    return [rng.normal(size=shape) for shape in [(N, B, D), (M, B, D), (M, B, E)]]


@pytest.fixture
def series(rng):
    return [rng.normal(size=(N, B, width)) for width in [D, D, E]]


def torch_attention(arrays, **how):
    """Torch's own attention, batch first, with leaves that take a gradient."""
    leaves = [torch.from_numpy(a.swapaxes(0, 1).copy()).requires_grad_() for a in arrays]
    return leaves, torch.nn.functional.scaled_dot_product_attention(*leaves, **how)


def agree(ours, tape, arrays, backward, rng, **how):
    dos = rng.normal(size=ours.shape)
    leaves, theirs = torch_attention(arrays, **how)
    theirs.backward(torch.from_numpy(dos.swapaxes(0, 1).copy()))
    assert relative_error(ours, theirs.detach().numpy().swapaxes(0, 1)) < 1e-12
    for grad, leaf, array in zip(backward(tape, dos), leaves, arrays, strict=True):
        assert grad.shape == array.shape
        assert relative_error(grad, leaf.grad.numpy().swapaxes(0, 1)) < 1e-12


def test_attending_matches_torch(given, rng):
    agree(*attention.attend(*given), given, attention.attend_backward, rng)


def test_attending_under_a_mask_matches_torch(given, rng):
    mask = rng.random((N, B, M)) < 0.5
    mask[:, :, 2] = True
    theirs = torch.from_numpy(mask.swapaxes(0, 1).copy())
    ours = attention.attend(*given, mask)
    agree(*ours, given, attention.attend_backward, rng, attn_mask=theirs)


def test_looking_back_over_time_matches_torch(series, rng):
    agree(*attention.forward(*series), series, attention.backward, rng, is_causal=True)


def test_the_derivative_matches_central_differences(given, rng):
    mask = np.tri(N, M, dtype=bool)[:, None]
    os, tape = attention.attend(*given, mask)
    dos = rng.normal(size=os.shape)

    def loss(at):
        return float((attention.attend(*at, mask)[0] * dos).sum())

    check_gradient(loss, tuple(given), attention.attend_backward(tape, dos))


def test_one_step_at_a_time_gives_the_whole_run(series):
    os, _ = attention.forward(*series)
    cache, steps = None, []
    for row in zip(*series, strict=True):
        o, cache = attention.step(*row, cache)
        steps.append(o)
    assert relative_error(np.stack(steps), os) < 1e-12
    assert cache.k.shape == (N, B, D)
    assert np.array_equal(cache.v, series[2])


@pytest.mark.parametrize("limit", [1, 2, 7])
def test_a_limit_lets_the_oldest_fall_out(series, limit):
    back = np.arange(N)[:, None] - np.arange(N)
    mask = (back >= 0) & (back < limit)
    os, _ = attention.attend(*series, mask[:, None])
    cache, steps = None, []
    for t, row in enumerate(zip(*series, strict=True)):
        o, cache = attention.step(*row, cache, limit=limit)
        steps.append(o)
        assert len(cache.k) == min(t + 1, limit)
    assert relative_error(np.stack(steps), os) < 1e-12
    assert np.array_equal(cache.k, series[1][-limit:])


def test_what_is_masked_has_no_part(given):
    mask = np.ones((1, 1, M), bool)
    mask[..., 1] = False
    os, tape = attention.attend(*given, mask)
    q, k, v = given
    k[1], v[1] = 1000, -1000
    assert np.array_equal(attention.attend(q, k, v, mask)[0], os)
    _, dk, dv = attention.attend_backward(tape, np.ones_like(os))
    assert not dk[1].any()
    assert not dv[1].any()


def test_the_order_of_the_pairs_does_not_matter(given, rng):
    q, k, v = given
    order = rng.permutation(M)
    one, other = attention.attend(q, k, v)[0], attention.attend(q, k[order], v[order])[0]
    assert relative_error(one, other) < 1e-12


def test_a_sharp_query_looks_one_value_up():
    k, v = np.eye(4)[:, None], np.arange(8.0).reshape(4, 1, 2)
    assert np.allclose(attention.attend(1000 * k, k, v)[0], v)


def test_large_scores_do_not_overflow(given):
    q, k, v = given
    assert np.isfinite(attention.attend(1e6 * q, k, v)[0]).all()


def test_float32_stays_float32(given, series):
    single = [array.astype(np.float32) for array in given]
    os, tape = attention.attend(*single)
    assert os.dtype == np.float32
    assert {g.dtype for g in attention.attend_backward(tape, os)} == {np.dtype(np.float32)}
    assert relative_error(os, attention.attend(*given)[0]) < 1e-5
    row = [array[0].astype(np.float32) for array in series]
    o, cache = attention.step(*row)
    assert {o.dtype, cache.k.dtype, cache.v.dtype} == {np.dtype(np.float32)}


def test_nothing_that_goes_in_is_changed(given, series):
    before = [array.copy() for array in [*given, *series]]
    os, tape = attention.attend(*given)
    attention.attend_backward(tape, np.ones_like(os))
    _, cache = attention.step(*(array[0] for array in series))
    kept = cache.k.copy()
    attention.step(*(array[1] for array in series), cache)
    assert np.array_equal(cache.k, kept)
    assert all(np.array_equal(a, b) for a, b in zip(before, [*given, *series], strict=True))


@pytest.mark.parametrize(
    ("place", "shape", "wanted"),
    [
        (0, (N, B), r"q must be \(N, B, D\), got \(5, 3\)"),
        (1, (M, B, 7), r"k must be \(M, B=3, D=4\), got \(6, 3, 7\)"),
        (1, (0, B, D), r"k must be \(M, B=3, D=4\) with no empty axis, got \(0, 3, 4\)"),
        (2, (7, B, E), r"v must be \(M=6, B=3, E\), got \(7, 3, 2\)"),
    ],
)
def test_a_shape_that_does_not_fit_is_named(given, place, shape, wanted):
    given[place] = np.zeros(shape)
    with pytest.raises(ShapeError, match=f"^attention.attend: {wanted}$"):
        attention.attend(*given)


def test_over_time_there_is_a_key_for_each_query(given):
    wanted = r"^attention.forward: k must be \(T=5, B, D\), got \(6, 3, 4\)$"
    with pytest.raises(ShapeError, match=wanted):
        attention.forward(*given)
    with pytest.raises(ShapeError, match=r"^attention.forward: q must be \(T, B, D\), got \(5,\)$"):
        attention.forward(np.zeros(5), *given[1:])


def test_a_mask_must_be_bools_that_fit_and_leave_something(given):
    where = "attention.attend: mask must"
    with pytest.raises(TypeError, match=f"^{where} be bools, got float64$"):
        attention.attend(*given, np.ones((N, B, M)))
    wanted = rf"^{where} broadcast to \(N=5, B=3, M=6\), got \(5, 6\)$"
    with pytest.raises(ShapeError, match=wanted):
        attention.attend(*given, np.ones((N, M), bool))
    mask = np.ones((N, B, M), bool)
    mask[1, 2] = False
    with pytest.raises(ValueError, match=f"^{where} let each query look at a pair, got one that"):
        attention.attend(*given, mask)


def test_a_gradient_or_a_tape_that_does_not_fit_is_refused(given):
    os, tape = attention.attend(*given)
    wanted = r"^attention.attend_backward: dos must be \(N=5, B=3, E=2\), got \(5, 3\)$"
    with pytest.raises(ShapeError, match=wanted):
        attention.attend_backward(tape, os[..., 0])
    with pytest.raises(TypeError, match=r"^attention.backward: tape must be a bptt.attention.Tape"):
        attention.backward((1, 2), os)


def test_a_step_that_does_not_fit_is_refused(series):
    q, k, v = (array[0] for array in series)
    where = "attention.step:"
    _, cache = attention.step(q, k, v)
    with pytest.raises(ShapeError, match=rf"^{where} q_t must be \(B, D\), got \(5, 3, 4\)$"):
        attention.step(series[0], k, v)
    with pytest.raises(ShapeError, match=rf"^{where} k_t must be \(B=3, D=4\), got \(3, 2\)$"):
        attention.step(q, v, v)
    with pytest.raises(ShapeError, match=rf"^{where} v_t must be \(B=3, E\), got \(4,\)$"):
        attention.step(q, k, k[0])
    wide = cache._replace(k=np.zeros((1, B, 7)))
    with pytest.raises(ShapeError, match=rf"^{where} cache.k must be \(M, B=3, D=4\), got \(1, 3"):
        attention.step(q, k, v, wide)
    short = cache._replace(v=np.zeros((2, B, E)))
    with pytest.raises(ShapeError, match=rf"^{where} cache.v must be \(M=1, B=3, E=2\), got \(2"):
        attention.step(q, k, v, short)
    with pytest.raises(
        TypeError, match=f"^{where} cache must be a bptt.attention.Cache, got dict$"
    ):
        attention.step(q, k, v, {})
    with pytest.raises(ValueError, match=f"^{where} limit must be at least 1, got 0$"):
        attention.step(q, k, v, cache, limit=0)
    with pytest.raises(TypeError, match=f"^{where} limit must be a whole number, got 1.5$"):
        attention.step(q, k, v, cache, limit=1.5)
