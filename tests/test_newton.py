"""Newton's method for all states at once: it ends where the loop ends, and how fast."""

import math

import numpy as np
import pytest
from helpers import ALL_CELLS, SEEDS, assert_close, assert_equal, draw
from hypothesis import given
from hypothesis import strategies as st

from bptt import lstm, mingru, newton, rnn, tree, unroll
from bptt.gradcheck import relative_error
from bptt.shapes import ShapeError

T, B, I, H = 5, 3, 4, 2

every_cell = pytest.mark.parametrize("cell", ALL_CELLS, ids=lambda cell: cell.__name__)
each_kind = pytest.mark.parametrize("tangents", newton.TANGENTS)


@every_cell
@each_kind
@pytest.mark.parametrize("T", [1, 2, 7, 8])
def test_the_states_are_those_of_the_loop(cell, tangents, T):
    (params, xs, state), _ = draw(cell, T)
    hs, state_T, _ = unroll.forward(cell, params, xs, state)
    found = newton.forward(cell, params, xs, state, tangents=tangents, tol=1e-14)
    assert type(found.state_T) is cell.State
    assert_close((found.hs, found.state_T), (hs, state_T))
    assert found.errors[-1] <= 1e-14
    assert len(found.errors) <= T + 1


@every_cell
@each_kind
def test_after_k_corrections_the_first_k_states_are_right(cell, tangents):
    (params, xs, state), _ = draw(cell, T=8, seed=1)
    hs, _, _ = unroll.forward(cell, params, xs, state)
    for k in range(9):
        found = newton.forward(cell, params, xs, state, tangents=tangents, tol=0, most=k)
        right = min(k + 1, 8)  # the outputs are one step further than the guess
        assert_close(found.hs[:right], hs[:right], tol=1e-12)


def test_near_the_solution_the_number_of_right_digits_doubles():
    (params, xs, state), _ = draw(lstm, T=60, H=6)
    errors = newton.forward(lstm, params, xs, state, tol=1e-14).errors
    near = [k for k in range(len(errors) - 1) if 1e-7 < errors[k] < 1e-2]
    assert near
    assert all(errors[k + 1] < 30 * errors[k] ** 2 for k in near)
    plain = newton.forward(lstm, params, xs, state, tangents="none", tol=1e-14).errors
    assert len(plain) > 4 * len(errors)


def test_a_cell_that_is_linear_in_its_state_needs_one_correction():
    (params, xs, state), _ = draw(mingru, T=40)
    for tangents in ("full", "diagonal"):
        errors = newton.forward(mingru, params, xs, state, tangents=tangents, tol=1e-12).errors
        assert len(errors) == 2
    assert len(newton.forward(mingru, params, xs, state, tangents="none", most=20).errors) == 21


def test_picards_iteration_is_the_next_step_from_the_guess():
    (params, xs, state), _ = draw(rnn, T=3)
    first = newton.forward(rnn, params, xs, state, tangents="none", most=0)
    zero = rnn.zero_state(params, B)
    starts = [state, zero, zero]
    assert_close(
        first.hs, np.stack([rnn.step(params, x, s)[0].h for x, s in zip(xs, starts, strict=True)])
    )
    assert first.errors.tolist() == [np.abs(first.hs).max()]


def test_it_stops_at_the_error_that_is_small_enough():
    (params, xs, _), _ = draw(lstm, T=60, H=6)
    loose = newton.forward(lstm, params, xs, tol=1e-2).errors
    strict = newton.forward(lstm, params, xs, tol=1e-12).errors
    assert loose[-1] <= 1e-2 < loose[-2]
    assert len(loose) < len(strict)
    assert_equal(strict[: len(loose)], loose)


def test_an_overflow_is_no_warning_and_no_success():
    params = rnn.Params(np.ones((1, 1)), np.full((1, 1), 1e200), np.zeros(1))
    xs = np.full((40, 1, 1), 1e-201)
    found = newton.forward(rnn, params, xs, tol=0, most=3)
    assert not np.isfinite(found.errors[-1])
    assert len(found.errors) == 4


def test_no_state_means_zeros_lists_are_converted_and_nothing_is_mutated():
    (params, xs, _), _ = draw(lstm)
    for _, leaf in tree.leaves((params, xs)):
        leaf.flags.writeable = False
    found = newton.forward(lstm, params, xs.tolist())
    assert_equal(found, newton.forward(lstm, params, xs, lstm.zero_state(params, B)))


def test_everything_follows_the_dtype_of_the_weights():
    (params, xs, state), _ = draw(lstm)
    found = newton.forward(lstm, tree.map(np.float32, params), xs, state, tol=1e-6)
    assert found.hs.dtype == found.state_T.c.dtype == np.float32
    assert_close(found.hs, unroll.forward(lstm, params, xs, state)[0], tol=1e-5)


# The scan with matrices


@given(st.integers(1, 20), st.integers(1, 3), st.integers(1, 4), SEEDS)
def test_the_scan_has_the_states_of_the_loop(T, B, N, seed):
    rng = np.random.default_rng(seed)
    J, u, s = (rng.normal(size=size) for size in ((T, B, N, N), (T, B, N), (B, N)))
    kept = J.copy(), u.copy(), s.copy()
    got, want, state = newton.scan(J, u, s), [], s
    for t in range(T):
        state = np.einsum("bn,bnm->bm", state, J[t]) + u[t]
        want.append(state)
    assert relative_error(got, np.array(want)) < 1e-10
    assert_equal((J, u, s), kept)


@pytest.mark.parametrize("T", [1, 2, 3, 8, 9])
def test_the_scan_takes_the_logarithm_of_the_steps_in_rounds(T, monkeypatch):
    rounds = []
    times = newton._times
    monkeypatch.setattr(newton, "_times", lambda *both: rounds.append(1) or times(*both))
    newton.scan(np.ones((T, 2, 2)), np.ones((T, 2)), np.ones(2))
    assert len(rounds) - 1 == math.ceil(math.log2(T))  # one for the state before the first step


@pytest.mark.parametrize(
    "shapes",
    [
        ((5, 2, 2), (5, 2), (3,)),
        ((5, 2, 3), (5, 2), (2,)),
        ((4, 2, 2), (5, 2), (2,)),
        ((0, 2, 2), (0, 2), (2,)),
        ((), (), ()),
    ],
)
def test_the_scan_names_what_does_not_fit(shapes):
    with pytest.raises(ShapeError) as error:
        newton.scan(*map(np.ones, shapes))
    got = ", ".join(map(str, shapes))
    assert str(error.value) == (
        "newton.scan: J, u and s_0 must be (T, ..., N, N), (T, ..., N) and (..., N) "
        f"with no empty axis, got {got}"
    )


# What does not fit


@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"xs": np.ones((5, 3))}, ShapeError, "xs must be (T, B, I), got (5, 3)"),
        (
            {"state": lstm.State(*np.ones((2, 1, 2)))},
            ShapeError,
            "state.h must be (B=3, H=2), got (1, 2)",
        ),
        (
            {"tangents": "half"},
            ValueError,
            "tangents must be one of ('full', 'diagonal', 'none'), got 'half'",
        ),
        ({"tol": -1}, ValueError, "tol must be zero or more, got -1"),
        ({"most": -1}, ValueError, "most must be zero or more, got -1"),
        ({"most": 1.5}, TypeError, "most must be a whole number, got 1.5"),
    ],
)
def test_each_message_names_the_argument_that_does_not_fit(change, kind, message):
    (params, xs, _), _ = draw(lstm)
    with pytest.raises(kind) as error:
        newton.forward(lstm, params, **{"xs": xs, **change})
    assert str(error.value) == f"newton.forward: {message}"


def test_what_is_no_cell_is_a_type_error():
    with pytest.raises(TypeError, match=r"^newton.forward: cell must be a module with zero_state"):
        newton.forward("lstm", None, np.ones((T, B, I)))
