"""The simple recurrent cell; what all cells share is in `test_cells.py`."""

import math

import numpy as np
import pytest
from helpers import assert_equal, draw

from bptt import rnn

B, I, H = 3, 4, 2


@pytest.fixture
def params():
    return draw(rnn)[0].params


def test_a_step_is_the_hyperbolic_tangent_of_the_weighted_sum():
    (params, (x, *_), state), _ = draw(rnn)
    new, _ = rnn.step(params, x, state)
    for n in range(B):
        for j in range(H):
            a = params.b[j]
            a += sum(x[n, i] * params.W_x[i, j] for i in range(I))
            a += sum(state.h[n, k] * params.W_h[k, j] for k in range(H))
            assert new.h[n, j] == pytest.approx(math.tanh(a), rel=1e-13)


def test_the_derivative_of_a_step_is_the_sum_over_the_batch():
    (params, (x, *_), state), (_, dstate) = draw(rnn)
    new, saved = rnn.step(params, x, state)
    dparams, dx, dstate_prev = rnn.step_backward(params, saved, dstate)
    da = [[dstate.h[n, j] * (1 - new.h[n, j] ** 2) for j in range(H)] for n in range(B)]
    for j in range(H):
        for i in range(I):
            want = sum(x[n, i] * da[n][j] for n in range(B))
            assert dparams.W_x[i, j] == pytest.approx(want, rel=1e-12)
        for k in range(H):
            want = sum(state.h[n, k] * da[n][j] for n in range(B))
            assert dparams.W_h[k, j] == pytest.approx(want, rel=1e-12)
        assert dparams.b[j] == pytest.approx(sum(da[n][j] for n in range(B)), rel=1e-12)
    for n in range(B):
        for i in range(I):
            want = sum(da[n][j] * params.W_x[i, j] for j in range(H))
            assert dx[n, i] == pytest.approx(want, rel=1e-12)
        for k in range(H):
            want = sum(da[n][j] * params.W_h[k, j] for j in range(H))
            assert dstate_prev.h[n, k] == pytest.approx(want, rel=1e-12)


def test_a_step_saves_its_input_and_both_states():
    (params, (x, *_), state), _ = draw(rnn)
    new, saved = rnn.step(params, x, state)
    assert_equal(saved, rnn.Step(x=x, h_prev=state.h, h=new.h))


def test_init_draws_glorot_orthogonal_and_no_bias(rng):
    params = rnn.init(input_size=300, hidden_size=50, rng=rng)
    assert params.W_x.shape == (300, 50)
    assert math.sqrt(6 / 350) * 0.99 < abs(params.W_x).max() <= math.sqrt(6 / 350)
    np.testing.assert_allclose(params.W_h.T @ params.W_h, np.eye(50), rtol=0, atol=1e-12)
    assert params.b.tolist() == [0] * 50


def test_the_zero_state_has_a_row_for_each_sequence(params):
    assert_equal(rnn.zero_state(params, B), rnn.State(np.zeros((B, H))))
    assert_equal(rnn.zero_state(params, batch=1), rnn.State(np.zeros((1, H))))
