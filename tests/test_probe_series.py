"""The series of what a run saved: every field over time, and the cell state after each step."""

import numpy as np
import pytest
from helpers import draw

from bptt import gru, lstm, probe, rnn, unroll

T, B, I, H = 5, 3, 4, 2


def run(cell, mask=None):
    inputs, _ = draw(cell, T, B, I, H)
    hs, state_T, tape = unroll.forward(cell, *inputs, mask)
    return inputs, hs, state_T, tape


@pytest.mark.parametrize(
    ("cell", "names"),
    [
        (rnn, {"x", "h_prev", "h"}),
        (gru, {"x", "h_prev", "r", "z", "n", "q"}),
        (lstm, {"x", "h_prev", "c_prev", "i", "f", "g", "o", "tanh_c", "c"}),
    ],
)
def test_every_field_of_a_step_is_there_over_time(cell, names):
    _, _, _, tape = run(cell)
    series = probe.series(tape)
    assert set(series) == names
    for name, array in series.items():
        assert array.shape == (T, B, I if name == "x" else H)
        if name != "c":
            for t in range(T):
                assert np.array_equal(array[t], getattr(tape.steps[t], name))


def test_the_cell_state_is_that_of_the_run_after_each_step():
    (params, xs, state), _, state_T, tape = run(lstm)
    c = probe.series(tape)["c"]
    for t in range(T):
        state, _ = lstm.step(params, xs[t], state)
        assert np.array_equal(c[t], state.c)
    assert np.array_equal(c[-1], state_T.c)


def test_a_masked_step_leaves_the_cell_state_alone():
    mask = np.array([[1, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1], [0, 1, 1]], bool)
    _, _, state_T, tape = run(lstm, mask)
    series = probe.series(tape)
    assert np.array_equal(series["c"][:-1], series["c_prev"][1:])
    assert np.array_equal(series["c"][-1], state_T.c)
    still = (series["c"] == series["c_prev"]).all(axis=2)
    assert np.array_equal(still, ~mask)


def test_the_arrays_have_the_dtype_of_the_weights():
    params = lstm.init(I, H, rng=np.random.default_rng(0), dtype=np.float32)
    _, _, tape = unroll.forward(lstm, params, np.zeros((T, B, I)))
    assert {array.dtype for array in probe.series(tape).values()} == {np.dtype(np.float32)}
