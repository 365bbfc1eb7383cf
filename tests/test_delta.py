import numpy as np
import pytest
import torch

from bptt import delta
from bptt.gradcheck import check_gradient, relative_error
from bptt.shapes import ShapeError

T, B, D, E = 5, 3, 4, 2
NAMES = ("q", "k", "v", "beta", "state")
ADD_NAMES = ("q", "k", "v", "beta", "f", "state")
SHAPES = {
    "q": (T, B, D),
    "k": (T, B, D),
    "v": (T, B, E),
    "beta": (T, B),
    "f": (T, B),
    "state": (B, D, E),
}
RULES = {
    "delta": (delta.forward, delta.backward, NAMES),
    "add": (delta.add_forward, delta.add_backward, ADD_NAMES),
}


@pytest.fixture(params=RULES)
def rule(request):
    return RULES[request.param]


@pytest.fixture
def given(rng):
    return {name: rng.normal(size=shape) for name, shape in SHAPES.items()}


def torch_loop(q, k, v, beta, state, f=None):
    """Both rules, written out for torch."""
    os = []
    for t in range(len(q)):
        if f is None:
            new = v[t] - torch.einsum("bd,bde->be", k[t], state)
            kept = state
        else:
            new, kept = v[t], f[t][:, None, None] * state
        state = kept + torch.einsum("b,bd,be->bde", beta[t], k[t], new)
        os.append(torch.einsum("bd,bde->be", q[t], state))
    return torch.stack(os), state


def test_both_passes_match_torch(rule, given, rng):
    forward, backward, names = rule
    os, state_T, tape = forward(*(given[name] for name in names))
    dos, dstate_T = rng.normal(size=os.shape), rng.normal(size=state_T.shape)
    grads = backward(tape, dos, dstate_T)
    leaves = {name: torch.from_numpy(given[name]).requires_grad_() for name in names}
    their_os, their_state = torch_loop(**leaves)
    torch.autograd.backward(
        [their_os, their_state], [torch.from_numpy(dos), torch.from_numpy(dstate_T)]
    )
    assert relative_error(os, their_os.detach().numpy()) < 1e-12
    assert relative_error(state_T, their_state.detach().numpy()) < 1e-12
    for name, grad in zip(names, grads, strict=True):
        assert grad.shape == SHAPES[name]
        assert relative_error(grad, leaves[name].grad.numpy()) < 1e-12


def test_backward_matches_central_differences(rule, given, rng):
    forward, backward, names = rule
    at = tuple(given[name] for name in names)
    os, state_T, tape = forward(*at)
    dos, dstate_T = rng.normal(size=os.shape), rng.normal(size=state_T.shape)

    def loss(at):
        os, state_T, _ = forward(*at)
        return float((os * dos).sum() + (state_T * dstate_T).sum())

    check_gradient(loss, at, backward(tape, dos, dstate_T))


def test_two_halves_with_the_state_handed_on_are_the_whole(rule, given, rng):
    forward, backward, names = rule
    *series, state = (given[name] for name in names)
    os, state_T, tape = forward(*series, state)
    one, between, tape_1 = forward(*(array[:2] for array in series), state)
    two, last, tape_2 = forward(*(array[2:] for array in series), between)
    assert relative_error(np.concatenate([one, two]), os) < 1e-12
    assert relative_error(last, state_T) < 1e-12
    dos = rng.normal(size=os.shape)
    *back_2, dstate = backward(tape_2, dos[2:])
    *back_1, dstate_0 = backward(tape_1, dos[:2], dstate)
    *whole, dstate_whole = backward(tape, dos)
    for a, b, c in zip(back_1, back_2, whole, strict=True):
        assert relative_error(np.concatenate([a, b]), c) < 1e-12
    assert relative_error(dstate_0, dstate_whole) < 1e-12


def test_no_state_and_no_gradient_of_the_last_are_zeros(rule, given):
    forward, backward, names = rule
    *series, state = (given[name] for name in names)
    os, state_T, tape = forward(*series)
    with_zeros = forward(*series, np.zeros_like(state))
    assert np.array_equal(os, with_zeros[0])
    dos = np.ones_like(os)
    for a, b in zip(backward(tape, dos), backward(tape, dos, 0 * state_T), strict=True):
        assert np.array_equal(a, b)


def test_float32_stays_float32_and_lists_become_float64(rule, given):
    forward, backward, names = rule
    single = [given[name].astype(np.float32) for name in names]
    os, state_T, tape = forward(*single)
    assert {os.dtype, state_T.dtype} == {np.dtype(np.float32)}
    assert {grad.dtype for grad in backward(tape, np.ones_like(os))} == {np.dtype(np.float32)}
    double = forward(*(given[name] for name in names))[0]
    assert relative_error(os, double) < 1e-5
    lists = forward(*(given[name].tolist() for name in names))[0]
    assert np.array_equal(lists, double)
    backward(tape, np.ones(os.shape))  # float64 is converted


def test_nothing_that_goes_in_is_changed(rule, given):
    forward, backward, names = rule
    before = {name: array.copy() for name, array in given.items()}
    os, state_T, tape = forward(*(given[name] for name in names))
    dos, dstate = np.ones_like(os), np.ones_like(state_T)
    first = [grad.copy() for grad in backward(tape, dos, dstate)]
    again = backward(tape, dos, dstate)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(np.array_equal(given[name], before[name]) for name in names)
    assert (dos == 1).all()
    assert (dstate == 1).all()


def test_after_a_full_write_a_unit_key_finds_its_value(given):
    k = given["k"] / np.linalg.norm(given["k"], axis=-1, keepdims=True)
    os, _, _ = delta.forward(k, k, given["v"], np.ones((T, B)), given["state"])
    assert np.allclose(os, given["v"], rtol=1e-12)


def test_on_orthonormal_keys_both_rules_are_one(rng):
    k = np.eye(4)[:, None]
    v, ones = rng.normal(size=(4, 1, 3)), np.ones((4, 1))
    _, by_delta, _ = delta.forward(k, k, v, ones)
    _, by_sum, _ = delta.add_forward(k, k, v, ones, ones)
    assert np.allclose(by_delta, by_sum, rtol=1e-12)
    assert np.allclose(by_sum[0], v[:, 0], rtol=1e-12)


def test_a_write_of_nothing_reads_alone(rule, given):
    forward, _, names = rule
    nothing = {**given, "beta": np.zeros((T, B)), "f": np.ones((T, B))}
    _, state_T, _ = forward(*(nothing[name] for name in names))
    assert np.array_equal(state_T, given["state"])


def test_the_sum_is_linear_attention(given):
    ones = np.ones((T, B))
    os, _, _ = delta.add_forward(given["q"], given["k"], given["v"], ones, ones)
    scores = np.einsum("tbd,sbd->bts", given["q"], given["k"])
    wanted = np.einsum("bts,sbe->tbe", np.tril(scores), given["v"])
    assert relative_error(os, wanted) < 1e-12


def test_many_passes_of_the_delta_rule_find_the_least_squares(rng):
    k, v = rng.normal(size=(4, 1, 6)), rng.normal(size=(4, 1, 2))
    k /= np.linalg.norm(k, axis=-1, keepdims=True)
    state = None
    for _ in range(3000):
        _, state, _ = delta.forward(k, k, v, np.ones((4, 1)), state)
    assert np.allclose(state[0], np.linalg.pinv(k[:, 0]) @ v[:, 0], atol=1e-9)


@pytest.mark.parametrize(
    ("name", "shape", "wanted"),
    [
        ("q", (T, B), r"q must be \(T, B, D\), got \(5, 3\)"),
        ("q", (0, B, D), r"q must be \(T, B, D\) with no empty axis, got \(0, 3, 4\)"),
        ("k", (T, B, 7), r"k must be \(T=5, B=3, D=4\), got \(5, 3, 7\)"),
        ("v", (T, 7, E), r"v must be \(T=5, B=3, E\), got \(5, 7, 2\)"),
        ("beta", (T, 7), r"beta must be \(T=5, B=3\), got \(5, 7\)"),
        ("state", (B, E, D), r"state must be \(B=3, D=4, E=2\), got \(3, 2, 4\)"),
    ],
)
def test_a_shape_that_does_not_fit_is_named(rule, given, name, shape, wanted):
    forward, _, names = rule
    where = f"delta.{forward.__name__}"
    changed = {**given, name: np.zeros(shape)}
    with pytest.raises(ShapeError, match=f"^{where}: {wanted}$"):
        forward(*(changed[name] for name in names))


def test_the_shares_kept_must_fit(given):
    changed = {**given, "f": np.zeros((T, 1))}
    wanted = r"^delta.add_forward: f must be \(T=5, B=3\), got \(5, 1\)$"
    with pytest.raises(ShapeError, match=wanted):
        delta.add_forward(*(changed[name] for name in ADD_NAMES))


def test_what_holds_no_numbers_is_refused(rule, given):
    forward, _, names = rule
    changed = {**given, "v": np.full((T, B, E), "a")}
    with pytest.raises(TypeError, match=f"^delta.{forward.__name__}: v must hold real numbers"):
        forward(*(changed[name] for name in names))


def test_a_tape_of_the_other_rule_is_refused(given):
    _, _, tape = delta.forward(*(given[name] for name in NAMES))
    _, _, add_tape = delta.add_forward(*(given[name] for name in ADD_NAMES))
    dos = np.ones((T, B, E))
    wanted = "^delta.backward: tape must be a bptt.delta.Tape, got bptt.delta.AddTape$"
    with pytest.raises(TypeError, match=wanted):
        delta.backward(add_tape, dos)
    wanted = "^delta.add_backward: tape must be a bptt.delta.AddTape, got bptt.delta.Tape$"
    with pytest.raises(TypeError, match=wanted):
        delta.add_backward(tape, dos)


def test_gradients_that_do_not_fit_are_named(rule, given):
    forward, backward, names = rule
    _, _, tape = forward(*(given[name] for name in names))
    where = f"delta.{backward.__name__}"
    with pytest.raises(ShapeError, match=rf"^{where}: dos must be \(T=5, B=3, E=2\), got \(5, 3\)"):
        backward(tape, np.ones((T, B)))
    with pytest.raises(ShapeError, match=rf"^{where}: dstate_T must be \(B=3, D=4, E=2\), got \("):
        backward(tape, np.ones((T, B, E)), np.ones((B, E, D)))
