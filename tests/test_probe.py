import numpy as np
import pytest
from helpers import assert_close, draw

from bptt import probe, rnn, tree, unroll
from bptt.shapes import ShapeError

T = 5


@pytest.fixture
def ran(cell):
    """What the probes take of a run, and its inputs."""
    inputs, (dhs, _) = draw(cell)
    _, _, tape = unroll.forward(cell, *inputs)
    return (cell, inputs.params, tape, dhs), inputs


def tail(cell, inputs, dhs, start):
    """Return the gradient of the steps from `start` on: of their weights and of their state."""
    params, xs, state = inputs
    if start == len(xs):
        return tree.map(np.zeros_like, params), tree.map(np.zeros_like, state)
    if start:
        _, state, _ = unroll.forward(cell, params, xs[:start], state)
    _, _, tape = unroll.forward(cell, params, xs[start:], state)
    dparams, _, dstate = unroll.backward(cell, params, tape, dhs[start:])
    return dparams, dstate


def test_the_norm_at_a_state_counts_what_is_read_there_and_after(ran):
    (cell, *_, dhs), inputs = ran
    reads = [0, *dhs]
    want = [np.linalg.norm(reads[t] + tail(cell, inputs, dhs, t)[1].h) for t in range(T + 1)]
    assert_close(probe.gradient_norms(*ran[0]), np.array(want))


def test_a_term_is_what_the_weights_of_one_step_add_through_the_loss_at_another(ran):
    (cell, *_, dhs), inputs = ran
    norms = probe.term_norms(*ran[0])
    assert norms.shape == (T, T)
    for t in range(T):
        only_t = np.zeros_like(dhs)
        only_t[t] = dhs[t]
        for k in range(T):
            with_k, without_k = (tail(cell, inputs, only_t, start)[0] for start in (k, k + 1))
            want = np.linalg.norm(with_k.W_h - without_k.W_h)
            assert norms[t, k] == pytest.approx(want, rel=1e-9)
            assert (norms[t, k] > 0) == (k <= t)


@pytest.mark.parametrize("f", [probe.gradient_norms, probe.term_norms])
def test_lists_are_converted(f, ran):
    cell, params, tape, dhs = ran[0]
    assert_close(f(cell, params, tape, dhs.tolist()), f(*ran[0]))


@pytest.mark.parametrize("f", [probe.gradient_norms, probe.term_norms])
def test_output_gradients_of_a_wrong_shape_are_a_shape_error(f, ran):
    cell, params, tape, dhs = ran[0]
    with pytest.raises(ShapeError, match="dhs must be"):
        f(cell, params, tape, dhs[:, :, :1])
    with pytest.raises(TypeError, match="cell must be"):
        f(None, params, tape, dhs)


@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 2), ()])
def test_term_norms_name_gradients_that_are_no_sequence(shape):
    with pytest.raises(ShapeError, match=r"^probe\.term_norms: dhs must be \(T, B, H\)"):
        probe.term_norms(rnn, None, None, np.zeros(shape))


def test_the_products_carry_a_small_change_of_a_state_to_the_end(ran):
    (cell, params, tape, _), inputs = ran
    products = probe.jacobian_products(cell, params, tape)
    _, state_T, _ = unroll.forward(cell, *inputs)
    N = tree.ravel(state_T)[0].size // len(inputs.xs[0])
    assert products.shape == (T + 1, len(inputs.xs[0]), N, N)

    state = inputs.state
    for t in range(T + 1):
        if t:
            state, _ = cell.step(params, inputs.xs[t - 1], state)

        def end(state, t=t):
            return state if t == T else unroll.forward(cell, params, inputs.xs[t:], state)[1]

        change = tree.map(lambda a, t=t: np.cos(a + t), state)
        up, down = (tree.map(lambda a, d, e=e: a + e * d, state, change) for e in (1e-5, -1e-5))
        slope = tree.map(lambda a, b: (a - b) / 2e-5, end(up), end(down))
        got = np.einsum("bi,bij->bj", np.concatenate(change, axis=1), products[t])
        assert_close(got, np.concatenate(slope, axis=1), tol=1e-7)


def test_a_gradient_at_the_end_comes_back_through_the_transpose(ran):
    (cell, params, tape, _), inputs = ran
    _, (_, dstate_T) = draw(cell)
    _, _, dstate_0 = unroll.backward(cell, params, tape, np.zeros((T, 3, 2)), dstate_T)
    first = probe.jacobian_products(cell, params, tape)[0]
    got = np.einsum("bj,bij->bi", np.concatenate(dstate_T, axis=1), first)
    assert_close(got, np.concatenate(dstate_0, axis=1))
    assert len(inputs.xs) == T


def test_the_jacobians_of_the_simple_cell_are_those_of_its_formula():
    inputs, _ = draw(rnn, T, 3, 4, 5)
    hs, _, tape = unroll.forward(rnn, *inputs)
    steps = probe.jacobians(rnn, inputs.params, tape)
    assert steps.shape == (T, 3, 5, 5)
    for t, b in np.ndindex(T, 3):
        assert_close(steps[t, b], inputs.params.W_h @ np.diag(1 - hs[t, b] ** 2))
    got = probe.jacobian_products(rnn, inputs.params, tape)
    for b in range(3):
        want = np.eye(5)
        assert_close(got[T, b], want, tol=0)
        for t in reversed(range(T)):
            want = inputs.params.W_h @ np.diag(1 - hs[t, b] ** 2) @ want
            assert_close(got[t, b], want)


def test_a_masked_step_multiplies_by_the_identity():
    inputs, _ = draw(rnn)
    mask = np.arange(T)[:, None] < [T, 2, 0]  # (T, B)
    _, _, tape = unroll.forward(rnn, *inputs, mask)
    steps = probe.jacobians(rnn, inputs.params, tape)
    is_identity = np.all(steps == np.eye(2), axis=(2, 3))
    assert np.array_equal(is_identity, ~mask)
    got = probe.jacobian_products(rnn, inputs.params, tape)
    assert_close(got[2:, 1], np.broadcast_to(np.eye(2), (T - 1, 2, 2)), tol=0)
    assert_close(got[:, 2], np.broadcast_to(np.eye(2), (T + 1, 2, 2)), tol=0)
    _, _, short = unroll.forward(rnn, inputs.params, inputs.xs[:2], inputs.state)
    assert_close(got[:3, 1], probe.jacobian_products(rnn, inputs.params, short)[:, 1])


def test_the_products_follow_the_dtype_of_the_weights():
    inputs, _ = draw(rnn)
    inputs = tree.map(lambda a: a.astype(np.float32), inputs)
    _, _, tape = unroll.forward(rnn, *inputs)
    assert probe.jacobians(rnn, inputs.params, tape).dtype == np.float32
    assert probe.jacobian_products(rnn, inputs.params, tape).dtype == np.float32


@pytest.mark.parametrize("f", [probe.jacobians, probe.jacobian_products])
def test_jacobians_of_something_that_is_no_cell_are_a_type_error(f):
    with pytest.raises(TypeError, match=r"^probe\.jacobians: cell must be a module"):
        f(None, None, None)


@pytest.mark.parametrize("f", [probe.jacobians, probe.jacobian_products])
def test_jacobians_with_weights_of_another_run_are_a_shape_error(f):
    inputs, _ = draw(rnn, T, 3, 4, 2)
    (others, _, _), _ = draw(rnn, T, 3, 4, 5)
    _, _, tape = unroll.forward(rnn, *inputs)
    with pytest.raises(ShapeError, match=r"saved\.h_prev must be"):
        f(rnn, others, tape)


@pytest.mark.parametrize(
    ("matrix", "radius"),
    [
        ([[0.5, 9.0], [0.0, -2.0]], 2),  # the largest is negative, and none is a singular value
        ([[0.0, -3.0], [3.0, 0.0]], 3),  # a pair of complex ones
        ([[1.0, 1.0], [-1.0, -1.0]], 0),
        ([[-4]], 4),
    ],
)
def test_the_spectral_radius_is_the_largest_absolute_eigenvalue(matrix, radius):
    got = probe.spectral_radius(matrix)
    assert type(got) is float
    assert got == pytest.approx(radius, abs=1e-7)


@pytest.mark.parametrize("shape", [(3, 2), (3,), (), (2, 2, 2)])
def test_a_spectral_radius_of_what_is_not_square_is_a_shape_error(shape):
    with pytest.raises(ShapeError, match=r"^probe\.spectral_radius: matrix must be \(N=\d, N=\d\)"):
        probe.spectral_radius(np.ones(shape))
