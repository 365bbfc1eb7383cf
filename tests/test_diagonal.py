"""The diagonal linear recurrences, whose factors keep their sign or may turn it."""

import dataclasses

import numpy as np
import pytest
import torch
from helpers import (
    Inputs,
    Outputs,
    assert_close,
    assert_equal,
    assert_slopes,
    draw,
    draw_mask,
    gradient,
    run,
)

from bptt import deep, linear, tree, unroll
from bptt.diagonal import Params, State, diagonal, fading, signed
from bptt.linear_cell import is_linear
from bptt.ops import sigmoid, sigmoid_prime, tanh
from bptt.shapes import ShapeError

BOTH = pytest.mark.parametrize("cell", [fading, signed], ids=lambda cell: cell.name)
SQUASH = {"fading": torch.sigmoid, "signed": torch.tanh}


def run_linear(cell, inputs, mask=None):
    hs, state_T, tape = linear.forward(cell, *inputs, mask)
    return Outputs(hs, state_T), tape


def run_torch(cell, inputs, douts):
    """Run the equations in torch, step by step; return the outputs and the gradient."""
    W_x, b, xs, h = (
        torch.tensor(a, requires_grad=True) for a in (*inputs.params, inputs.xs, inputs.state.h)
    )
    H, now, hs = len(b) // 2, h, []
    for x in xs:
        factor = SQUASH[cell.name](x @ W_x[:, :H] + b[:H])
        now = factor * now + x @ W_x[:, H:] + b[H:]
        hs.append(now)
    hs = torch.stack(hs)
    torch.autograd.backward([hs, now], [torch.tensor(d) for d in (douts.hs, douts.state_T.h)])
    outs = Outputs(hs.detach().numpy(), State(now.detach().numpy()))
    grads = Params(W_x.grad.numpy(), b.grad.numpy())
    return outs, Inputs(grads, xs.grad.numpy(), State(h.grad.numpy()))


@BOTH
def test_both_passes_are_those_of_torch(cell):
    inputs, douts = draw(cell)
    outs, grads = run_torch(cell, inputs, douts)
    assert_close(run(cell, inputs), outs)
    assert_close(gradient(cell, inputs, douts), grads)


@BOTH
@pytest.mark.parametrize("masked", [False, True])
def test_a_run_over_all_steps_at_once_is_the_loop(cell, masked):
    inputs, douts = draw(cell)
    mask = draw_mask(5, 3, seed=1) if masked else None
    outs, tape = run_linear(cell, inputs, mask)
    assert_close(outs, run(cell, inputs, mask))
    grads = Inputs(*linear.backward(cell, inputs.params, tape, *douts))
    assert_close(grads, gradient(cell, inputs, douts, mask))


@BOTH
def test_the_derivative_agrees_with_central_differences(cell):
    inputs, douts = draw(cell)
    grads = gradient(cell, inputs, douts)
    assert_slopes(lambda at: tree.dot(douts, run(cell, at)), inputs, grads)


@BOTH
@pytest.mark.parametrize("layers", [1, 2])
def test_layers_with_a_readout_have_the_slopes_of_their_loss(cell, layers):
    rng = np.random.default_rng(0)
    params = deep.init(cell, 4, 2, 3, layers=layers, rng=rng)
    xs, targets = rng.normal(size=(5, 6, 4)), rng.integers(3, size=(5, 6))
    _, grads = deep.loss_and_grads(cell, params, xs, targets)
    assert_slopes(lambda p: deep.loss_and_grads(cell, p, xs, targets)[0], params, grads)


@BOTH
def test_nothing_that_is_passed_in_is_changed(cell):
    inputs, douts = draw(cell)
    before = tree.map(np.copy, (inputs, douts))
    _, tape = run_linear(cell, inputs)
    linear.backward(cell, inputs.params, tape, *douts)
    gradient(cell, inputs, douts)
    assert_equal((inputs, douts), before)


@BOTH
def test_everything_follows_the_dtype_of_the_weights(cell):
    params = cell.init(4, 2, rng=np.random.default_rng(0), dtype=np.float32)
    xs = np.random.default_rng(1).normal(size=(5, 3, 4))
    for over_time in (linear, unroll):
        hs, state, tape = over_time.forward(cell, params, xs)
        back = over_time.backward(cell, params, tape, np.ones_like(hs))
        for _, leaf in tree.leaves((hs, state, back)):
            assert leaf.dtype == np.float32


@BOTH
def test_the_first_weights_are_within_the_limit_of_glorot_and_the_biases_are_zero(cell):
    params = cell.init(4, 200, rng=np.random.default_rng(0))
    limit = np.sqrt(6 / (4 + 200))
    assert params.W_x.shape == (4, 400)
    assert 0.95 * limit < np.abs(params.W_x).max() <= limit
    assert not params.b.any()
    with pytest.raises(ValueError, match=r"^diagonal\.init: input_size and hidden_size must"):
        cell.init(0, 2, rng=np.random.default_rng(0))


def test_the_factors_of_one_cell_keep_the_sign_and_those_of_the_other_need_not():
    params = signed.init(4, 50, rng=np.random.default_rng(0))
    xs = np.random.default_rng(1).normal(scale=3, size=(5, 3, 4))
    for cell, lowest in ((fading, 0), (signed, -1)):
        a, b, _ = cell.coefficients(params, xs)
        assert lowest < a.min() < lowest + 0.2
        assert 0.8 < a.max() < 1
        assert np.array_equal(b, xs @ params.W_x[:, 50:])  # a term is linear in the input


def test_one_unit_tells_the_parity_of_any_string_exactly():
    switch = Params(np.array([[-80.0, 1.0]]), np.array([40.0, 0.0]))  # h, or 1 - h at a 1
    bits = np.random.default_rng(0).integers(2, size=(3000, 7))
    for over_time in (linear, unroll):
        hs, _, _ = over_time.forward(signed, switch, bits[..., None].astype(float))
        assert np.array_equal(hs[..., 0], bits.cumsum(axis=0) % 2)


@BOTH
def test_a_cell_is_linear_frozen_and_named(cell):
    assert is_linear(cell)
    assert deep.over_time(cell) is linear
    assert cell.Params is Params
    with pytest.raises(dataclasses.FrozenInstanceError):
        cell.name = "another"


@BOTH
def test_what_does_not_fit_is_told(cell):
    inputs, _ = draw(cell)
    with pytest.raises(ShapeError, match=r"^diagonal.step: x must be \(B, I=4\), got \(3, 5\)"):
        cell.step(inputs.params, np.zeros((3, 5)), cell.zero_state(inputs.params, 3))
    odd = Params(np.zeros((4, 3)), np.zeros(3))
    with pytest.raises(ShapeError, match=r"^diagonal.coefficients: params.b must be \(2H,\)"):
        cell.coefficients(odd, inputs.xs)
    with pytest.raises(ShapeError, match=r"^diagonal\.zero_state: batch must be at least 1, got 0"):
        cell.zero_state(inputs.params, 0)
    with pytest.raises(TypeError, match=r"^diagonal.step: params must be a bptt\.diagonal\.Params"):
        cell.step(None, inputs.xs[0], inputs.state)


def test_a_wrong_slope_is_caught_by_the_differences():
    wrong = diagonal("wrong", tanh, sigmoid_prime)
    inputs, douts = draw(wrong)
    with pytest.raises(AssertionError):
        assert_slopes(
            lambda at: tree.dot(douts, run(wrong, at)), inputs, gradient(wrong, inputs, douts)
        )


def test_another_squashing_function_makes_another_cell():
    halved = diagonal("halved", lambda a: sigmoid(a) / 2, lambda y: y * (1 - 2 * y))
    inputs, douts = draw(halved)
    assert_slopes(
        lambda at: tree.dot(douts, run(halved, at)), inputs, gradient(halved, inputs, douts)
    )
