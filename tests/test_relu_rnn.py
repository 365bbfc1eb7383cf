"""The simple cell with a rectifier."""

import math

import numpy as np
import pytest
import torch
from helpers import SEEDS, SIZES, assert_close, assert_equal, assert_slopes, draw, gradient, run
from hypothesis import given, settings

from bptt import deep, relu_rnn, tree
from bptt.shapes import ShapeError
from bptt.tasks import Adding

T, B, I, H = 5, 3, 4, 2


def test_a_step_is_the_rectified_weighted_sum():
    (params, (x, *_), state), _ = draw(relu_rnn)
    new, saved = relu_rnn.step(params, x, state)
    for n in range(B):
        for j in range(H):
            a = params.b[j] + sum(x[n, i] * params.W_x[i, j] for i in range(I))
            a += sum(state.h[n, k] * params.W_h[k, j] for k in range(H))
            assert new.h[n, j] == pytest.approx(max(a, 0), rel=1e-13)
    assert_equal(saved, relu_rnn.Step(x=x, h_prev=state.h, h=new.h))


def test_the_gradient_is_that_of_torch():
    inputs, douts = draw(relu_rnn, T, B, I, H)
    net = torch.nn.RNN(I, H, nonlinearity="relu", bias=True, dtype=torch.float64)
    with torch.no_grad():
        net.weight_ih_l0[:] = torch.tensor(inputs.params.W_x.T)
        net.weight_hh_l0[:] = torch.tensor(inputs.params.W_h.T)
        net.bias_ih_l0[:] = torch.tensor(inputs.params.b)
        net.bias_hh_l0[:] = 0
    xs, h = (torch.tensor(a, requires_grad=True) for a in (inputs.xs, inputs.state.h))
    out, last = net(xs, h[None])
    torch.autograd.backward(
        [out, last], [torch.tensor(douts.hs), torch.tensor(douts.state_T.h)[None]]
    )
    got = gradient(relu_rnn, inputs, douts)
    assert_close(run(relu_rnn, inputs).hs, out.detach().numpy())
    assert_close(got.params.W_x, net.weight_ih_l0.grad.numpy().T)
    assert_close(got.params.W_h, net.weight_hh_l0.grad.numpy().T)
    assert_close(got.params.b, net.bias_ih_l0.grad.numpy())
    assert_close(got.xs, xs.grad.numpy())
    assert_close(got.state.h, h.grad.numpy())


@given(SIZES, SEEDS)
@settings(max_examples=6)
def test_backward_has_the_slopes_of_the_run(sizes, seed):
    inputs, douts = draw(relu_rnn, *sizes, seed=seed)
    grads = gradient(relu_rnn, inputs, douts)
    assert_slopes(lambda at: tree.dot(douts, run(relu_rnn, at)), inputs, grads)


def test_init_draws_glorot_the_identity_and_no_bias(rng):
    params = relu_rnn.init(input_size=300, hidden_size=50, rng=rng)
    assert math.sqrt(6 / 350) * 0.99 < abs(params.W_x).max() <= math.sqrt(6 / 350)
    assert np.array_equal(params.W_h, np.eye(50))
    assert params.b.tolist() == [0] * 50
    small = relu_rnn.init(I, H, rng=rng, dtype=np.float32)
    assert {a.dtype for a in small} == {np.dtype(np.float32)}


def test_what_does_not_fit_is_an_error():
    (params, (x, *_), state), _ = draw(relu_rnn)
    with pytest.raises(ShapeError, match=r"^relu_rnn.step: x must be \(B, I=4\), got \(3, 5\)$"):
        relu_rnn.step(params, np.zeros((3, 5)), state)
    with pytest.raises(TypeError, match=r"^relu_rnn.step: state must be a bptt.relu_rnn.State"):
        relu_rnn.step(params, x, (state.h,))
    with pytest.raises(ValueError, match=r"^relu_rnn.init: input_size and hidden_size must be"):
        relu_rnn.init(2, 0, rng=np.random.default_rng(0))


def test_two_rectified_units_add_exactly(rng):
    cell = relu_rnn.Params(
        np.array([[1, 0], [1, 0]]) * 1.0, np.array([[0, 1], [0, 1.0]]), np.array([-1, 0.0])
    )
    xs, targets = Adding(50).draw(20, rng=rng)
    sums = deep.outputs(relu_rnn, deep.Params((cell,), np.ones((2, 1)), np.zeros(1)), xs)[-1:]
    np.testing.assert_allclose(sums, targets, rtol=0, atol=1e-13)
