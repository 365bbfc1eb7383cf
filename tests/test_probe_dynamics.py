import numpy as np
import pytest
from helpers import ALL_CELLS, CELLS, assert_close, draw

from bptt import gru, linear_rnn, lstm, probe, rnn, unroll
from bptt.shapes import ShapeError

T = 5


def linear(W, B=1):
    """Return the cell without a bend, its weights, inputs that are zero and a state."""
    H = len(W)
    params = linear_rnn.Params(np.zeros((4, H)), np.asarray(W, float), np.zeros(H))
    return linear_rnn, params, np.zeros((400, B, 4)), linear_rnn.State(np.ones((B, H)))


def unit(w, b=0.0):
    """Return the weights of one tanh unit."""
    return rnn.Params(np.ones((1, 1)), np.array([[w]]), np.array([b]))


def near(cell, rows):
    """Return rows as a state of the cell."""
    fields = len(cell.State._fields)
    return cell.State(*np.split(np.asarray(rows, float), fields, axis=1))


# Lyapunov exponents


def test_the_exponents_of_a_linear_map_are_the_logarithms_of_its_eigenvalues():
    V = np.random.default_rng(0).normal(size=(3, 3))
    W = np.linalg.inv(V) @ np.diag([0.3, -1.2, 0.7]) @ V
    got = probe.lyapunov(*linear(W, B=2), skip=200)
    assert got.shape == (2, 3)
    assert_close(got, np.tile(np.log([1.2, 0.7, 0.3]), (2, 1)))


def test_a_triangular_map_needs_no_steps_to_turn_the_frame():
    W = [[0.5, 0.0], [3.0, 2.0]]  # its transpose is upper triangular
    assert_close(probe.lyapunov(*linear(W)), np.log([[2.0, 0.5]]))


def test_the_exponents_of_a_rotation_are_zero():
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))[0]
    assert np.abs(probe.lyapunov(*linear(turn))).max() < 1e-14
    assert_close(probe.lyapunov(*linear(0.9 * turn)), np.full((1, 4), np.log(0.9)))


def test_a_direction_that_is_lost_has_minus_infinity():
    assert probe.lyapunov(*linear([[0.5, 0], [0, 0]]))[0, 1] == -np.inf


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.__name__)
def test_the_exponents_add_up_to_the_logarithm_of_the_determinant(cell):
    inputs, _ = draw(cell, T=9)
    _, _, tape = unroll.forward(cell, *inputs)
    steps = probe.jacobians(cell, inputs.params, tape)
    for skip in (0, 4):
        got = probe.lyapunov(cell, *inputs, skip=skip)
        assert got.shape == steps.shape[1:3]
        assert (np.diff(got, axis=1) <= 0).all()
        _, logs = np.linalg.slogdet(steps[skip:])
        assert_close(got.sum(axis=1), logs.mean(axis=0))


def test_one_unit_has_the_mean_logarithm_of_its_slopes():
    params, xs = unit(1.5, 0.1), np.random.default_rng(0).normal(size=(7, 3, 1))
    hs, _, _ = unroll.forward(rnn, params, xs)
    want = np.log(1.5 * (1 - hs[..., 0] ** 2))
    assert_close(probe.lyapunov(rnn, params, xs)[:, 0], want.mean(axis=0))
    assert_close(probe.lyapunov(rnn, params, xs, skip=6)[:, 0], want[6])


@pytest.mark.parametrize("skip", [-1, 5])
def test_skip_has_to_leave_a_step(skip):
    inputs, _ = draw(rnn)
    message = rf"^probe.lyapunov: skip must be from 0 to T - 1 = 4, got {skip}$"
    with pytest.raises(ValueError, match=message):
        probe.lyapunov(rnn, *inputs, skip=skip)


# Fixed points


def test_a_unit_with_a_weight_above_1_has_three():
    starts = near(rnn, [[-2.0], [-0.6], [0.1], [0.4], [3.0]])
    found = probe.fixed_points(rnn, unit(2.0), [0.0], starts)
    by_height = np.argsort(found.state.h[:, 0])
    h = 0.9575040240772687  # tanh(2 h) = h
    assert np.abs(found.state.h[by_height, 0] - [-h, 0, h]).max() < 1e-12
    slope = 2 * (1 - h**2)
    assert_close(found.jacobians[by_height, 0, 0], np.array([slope, 2, slope]))
    assert_close(found.eigenvalues[by_height, 0].real, np.array([slope, 2, slope]))
    assert found.found.max() == 2
    assert_close(found.state.h[found.found][[0, -1], 0], np.array([-h, h]))


def test_a_unit_with_a_weight_below_1_has_one():
    starts = near(rnn, np.linspace(-2, 2, 9)[:, None])
    found = probe.fixed_points(rnn, unit(0.5), [0.0], starts)
    assert np.abs(found.state.h).max() < 1e-9
    assert found.state.h.shape == (1, 1)
    assert (found.found == 0).all()


def test_two_units_that_do_not_meet_have_three_times_three():
    params = rnn.Params(np.zeros((1, 2)), np.diag([2.0, 3.0]), np.zeros(2))
    grid = np.stack(np.meshgrid([-1, -0.5, 0.01, 0.5, 1], [-1, -0.5, 0.01, 0.5, 1]), -1)
    found = probe.fixed_points(rnn, params, [0.0], near(rnn, grid.reshape(-1, 2)))
    unstable = (np.abs(found.eigenvalues) > 1).sum(axis=1)
    assert np.bincount(unstable).tolist() == [4, 4, 1]  # corners, edges, the centre
    assert (np.diff(np.abs(found.eigenvalues), axis=1) <= 0).all()
    signs = np.prod(np.where(found.eigenvalues.real > 1, -1, 1), axis=1)
    assert signs.sum() == 1


def test_the_input_moves_them():
    found = probe.fixed_points(rnn, unit(0.5), [0.7], near(rnn, [[0.0]]))
    (h,) = found.state.h[0]
    assert np.tanh(0.7 + 0.5 * h) == pytest.approx(h, abs=1e-12)
    assert h > 0.5


@pytest.mark.parametrize("cell", ALL_CELLS, ids=lambda cell: cell.__name__)
def test_a_step_leaves_each_point_where_it_is(cell):
    params = draw(cell)[0].params
    x, rng = np.array([1.0, -1.0, 0.5, 0.0]), np.random.default_rng(1)
    N = 2 * len(cell.State._fields)
    found = probe.fixed_points(cell, params, x, near(cell, rng.uniform(-1, 1, (20, N))))
    M = len(found.state.h)
    assert M >= 1
    assert found.jacobians.shape == (M, N, N)
    assert found.eigenvalues.shape == (M, N)
    after, _ = cell.step(params, np.tile(x, (M, 1)), found.state)
    assert np.abs(np.concatenate(after, 1) - np.concatenate(found.state, 1)).max() <= 1e-10
    _, _, tape = unroll.forward(cell, params, np.tile(x, (1, M, 1)), found.state)
    assert_close(found.jacobians, probe.jacobians(cell, params, tape)[0])
    determinants = np.linalg.det(found.jacobians)
    assert np.abs(np.prod(found.eigenvalues, axis=1) - determinants).max() < 1e-12


def test_a_start_that_leads_nowhere_is_minus_1():
    turn = 1.5 * np.array([[0.0, 1.0], [-1.0, 0.0]])
    params = rnn.Params(np.zeros((1, 2)), turn, np.zeros(2))
    found = probe.fixed_points(rnn, params, [0.0], near(rnn, [[0.8, 0.3], [0, 0]]), most=0)
    assert found.found.tolist() == [-1, 0]
    assert found.state.h.tolist() == [[0, 0]]
    none = probe.fixed_points(rnn, params, [0.0], near(rnn, [[0.8, 0.3]]), most=0)
    assert none.found.tolist() == [-1]
    assert none.eigenvalues.shape == (0, 2)
    assert none.jacobians.shape == (0, 2, 2)


def test_points_that_lie_close_are_one():
    starts = near(rnn, [[0.5], [-0.5], [0.05]])
    assert len(probe.fixed_points(rnn, unit(2.0), [0.0], starts).state.h) == 3
    assert len(probe.fixed_points(rnn, unit(2.0), [0.0], starts, apart=1.0).state.h) == 2


def test_a_line_of_fixed_points_keeps_where_it_began():
    W = np.diag([1.0, 0.5])  # I - J is singular
    params = linear_rnn.Params(np.zeros((1, 2)), W, np.zeros(2))
    starts = near(linear_rnn, [[3.0, 1.0], [-2.0, 4.0]])
    found = probe.fixed_points(linear_rnn, params, [0.0], starts)
    assert_close(found.state.h, np.array([[3.0, 0], [-2, 0]]))


def test_a_limit_keeps_guesses_away_from_gates_that_are_shut():
    params = gru.Params(np.zeros((1, 3)), np.array([[0.0, 60.0, 2.0]]), np.zeros(3), np.zeros(1))
    starts = near(gru, [[40.0]])  # where the gate is 1, and a step changes nothing
    assert probe.fixed_points(gru, params, [0.0], starts).state.h.tolist() == [[40]]
    held = probe.fixed_points(gru, params, [0.0], starts, limit=0.1)
    assert np.abs(held.state.h).max(initial=0) <= 0.1


def test_the_points_follow_the_dtype_of_the_weights():
    params = rnn.Params(*(a.astype(np.float32) for a in unit(2.0)))
    found = probe.fixed_points(rnn, params, [0.0], near(rnn, [[0.9]]), tol=1e-6)
    assert found.state.h.dtype == np.float32
    assert found.state.h[0, 0] == pytest.approx(0.957504, abs=1e-5)
    exponents = probe.lyapunov(rnn, params, np.zeros((3, 1, 1)))
    assert exponents.shape == (1, 1)


def test_the_starts_are_not_changed():
    starts = near(rnn, [[0.3], [-0.3]])
    probe.fixed_points(rnn, unit(2.0), [0.0], starts)
    assert starts.h.tolist() == [[0.3], [-0.3]]


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"x": [0.0, 1.0]}, ShapeError, "x must be"),
        ({"x": 0.0}, ShapeError, "x must be"),
        ({"starts": rnn.State(np.zeros((0, 1)))}, ShapeError, "batch must be at least 1"),
        ({"starts": rnn.State(np.zeros((3, 2)))}, ShapeError, "starts.h must be"),
        ({"starts": np.zeros((3, 1))}, TypeError, "starts must be"),
        ({"cell": None}, TypeError, "cell must be"),
        ({"tol": 0}, ValueError, "tol must be above zero"),
        ({"apart": -1}, ValueError, "apart must be above zero"),
        ({"limit": 0.0}, ValueError, "limit must be above zero"),
        ({"most": -1}, ValueError, "most must be zero or more, got -1"),
    ],
)
def test_what_does_not_fit_is_named(change, error, message):
    given = {"cell": rnn, "params": unit(2.0), "x": [0.0], "starts": near(rnn, [[0.5]])} | change
    with pytest.raises(error, match=message):
        probe.fixed_points(**given)


def test_the_exponents_of_an_lstm_count_its_cell_state():
    inputs, _ = draw(lstm)
    assert probe.lyapunov(lstm, *inputs).shape == (3, 4)
