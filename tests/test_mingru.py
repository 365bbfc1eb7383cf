"""The minimal GRU: its equations by hand, and that no arrow leads from the state to a gate."""

import numpy as np
import pytest
import torch
from helpers import Inputs, assert_close, assert_equal, differences, draw

from bptt import mingru, tree
from bptt.mingru import Params, State

T, B, I, H = 5, 3, 4, 2


def test_one_step_by_hand():
    params = Params(W_x=np.array([[np.log(3.0), 2.0]]), b=np.array([0.0, 1.0]))
    state, saved = mingru.step(params, np.array([[1.0]]), State(np.array([[5.0]])))
    assert_close((saved.z, saved.n), (np.array([[0.75]]), np.array([[3.0]])))
    assert_close(state.h, np.array([[0.25 * 5 + 0.75 * 3]]))


def test_coefficients_are_those_of_the_step_for_any_number_of_axes():
    (params, xs, state), _ = draw(mingru)
    a, b, _ = mingru.coefficients(params, xs)
    assert a.shape == b.shape == (T, B, H)
    for t in range(T):
        a_t, b_t, _ = mingru.coefficients(params, xs[t])
        assert_close((a_t, b_t), (a[t], b[t]))
        assert_close(mingru.step(params, xs[t], state)[0].h, a_t * state.h + b_t)
    alone, _, _ = mingru.coefficients(params, xs[0, 0])
    assert_close(alone, a[0, 0])


def test_the_gate_and_the_candidate_do_not_read_the_state(rng):
    (params, xs, state), _ = draw(mingru)
    _, saved = mingru.step(params, xs[0], state)
    _, other = mingru.step(params, xs[0], State(rng.normal(size=(B, H))))
    assert_equal((saved.z, saved.n), (other.z, other.n))


def test_the_state_stays_between_the_state_before_and_the_candidate():
    (params, xs, state), _ = draw(mingru, seed=7)
    new, saved = mingru.step(params, xs[0], state)
    low, high = np.minimum(state.h, saved.n), np.maximum(state.h, saved.n)
    assert ((low <= new.h) & (new.h <= high)).all()


def test_step_and_its_derivative_agree_with_torch():
    (params, (x, *_), state), (_, dstate) = draw(mingru)
    W_x, b, tx, h = (torch.tensor(array, requires_grad=True) for array in (*params, x, *state))
    z, n = (tx @ W_x + b).split(H, dim=-1)
    new = (1 - torch.sigmoid(z)) * h + torch.sigmoid(z) * n
    (new * torch.tensor(dstate.h)).sum().backward()
    ours, saved = mingru.step(params, x, state)
    assert_close(ours.h, new.detach().numpy())
    dparams, dx, dprev = mingru.step_backward(params, saved, dstate)
    for got, want in zip((*dparams, dx, dprev.h), (W_x, b, tx, h), strict=True):
        assert_close(got, want.grad.numpy())


@pytest.mark.parametrize("shape", [(B, I), (T, B, I), (2, T, B, I)])
def test_the_derivative_of_the_coefficients_matches_central_differences(shape, rng):
    (params, _, _), _ = draw(mingru)
    xs = rng.normal(size=shape)
    das, dbs = rng.normal(size=(2, *shape[:-1], H))

    def total(at):
        a, b, _ = mingru.coefficients(at.params, at.xs)
        return np.sum(das * a) + np.sum(dbs * b)

    at = Inputs(params, xs, ())
    _, _, kept = mingru.coefficients(params, xs)
    got = mingru.coefficients_backward(params, kept, das, dbs)
    assert_close(Inputs(*got, ()), differences(total, at), tol=1e-7)


def test_coefficients_follow_the_dtype_of_the_weights():
    (params, xs, _), _ = draw(mingru)
    a, b, kept = mingru.coefficients(tree.map(np.float32, params), xs.tolist())
    assert {array.dtype for array in (a, b, *kept)} == {np.dtype(np.float32)}


def test_init_draws_each_block_by_glorot_and_biases_of_zero(rng):
    params = mingru.init(300, 200, rng=rng)
    assert params.W_x.shape == (300, 400)
    assert params.b.tolist() == [0] * 400
    limit = np.sqrt(6 / 500)
    for block in np.split(params.W_x, 2, axis=1):
        assert 0.99 * limit < np.abs(block).max() <= limit
