"""The cell with a linear transition."""

import math

import numpy as np
import pytest
import torch
from helpers import SEEDS, SIZES, assert_close, assert_equal, assert_slopes, draw, gradient, run
from hypothesis import given, settings

from bptt import deep, linear_rnn, tree
from bptt.shapes import ShapeError
from bptt.tasks import Adding, Copying

T, B, I, H = 5, 3, 4, 2


def test_a_step_adds_a_rectified_input_to_a_state_that_is_only_multiplied():
    (params, (x, *_), state), _ = draw(linear_rnn)
    new, saved = linear_rnn.step(params, x, state)
    for n in range(B):
        for j in range(H):
            a = params.b[j] + sum(x[n, i] * params.W_x[i, j] for i in range(I))
            kept = sum(state.h[n, k] * params.W_h[k, j] for k in range(H))
            assert new.h[n, j] == pytest.approx(max(a, 0) + kept, rel=1e-13)
            assert saved.u[n, j] == pytest.approx(max(a, 0), rel=1e-13)
    assert_equal(saved._replace(u=x[:, :H]), linear_rnn.Step(x, state.h, x[:, :H]))


def test_the_gradient_is_that_of_torch():
    inputs, douts = draw(linear_rnn, T, B, I, H)
    W_x, W_h, b, xs, h = (
        torch.tensor(a, requires_grad=True) for a in (*inputs.params, inputs.xs, *inputs.state)
    )
    state, hs = h, []
    for x in xs:
        state = torch.relu(x @ W_x + b) + state @ W_h
        hs.append(state)
    out = torch.stack(hs)
    torch.autograd.backward([out, state], [torch.tensor(douts.hs), torch.tensor(douts.state_T.h)])
    got = gradient(linear_rnn, inputs, douts)
    assert_close(run(linear_rnn, inputs).hs, out.detach().numpy())
    assert_close(got.params, linear_rnn.Params(*(w.grad.numpy() for w in (W_x, W_h, b))))
    assert_close(got.xs, xs.grad.numpy())
    assert_close(got.state.h, h.grad.numpy())


@given(SIZES, SEEDS)
@settings(max_examples=6)
def test_backward_has_the_slopes_of_the_run(sizes, seed):
    inputs, douts = draw(linear_rnn, *sizes, seed=seed)
    grads = gradient(linear_rnn, inputs, douts)
    assert_slopes(lambda at: tree.dot(douts, run(linear_rnn, at)), inputs, grads)


def test_a_masked_step_keeps_the_state():
    inputs, _ = draw(linear_rnn, T, B, I, H)
    mask = np.ones((T, B), bool)
    mask[2, 1] = False
    hs = run(linear_rnn, inputs, mask).hs
    assert np.array_equal(hs[2, 1], hs[1, 1])
    assert not np.array_equal(hs[2, 0], hs[1, 0])


def test_init_draws_glorot_orthogonal_and_no_bias(rng):
    params = linear_rnn.init(input_size=300, hidden_size=50, rng=rng)
    assert math.sqrt(6 / 350) * 0.99 < abs(params.W_x).max() <= math.sqrt(6 / 350)
    np.testing.assert_allclose(params.W_h.T @ params.W_h, np.eye(50), rtol=0, atol=1e-12)
    assert params.b.tolist() == [0] * 50
    small = linear_rnn.init(I, H, rng=rng, dtype=np.float32)
    assert {a.dtype for a in small} == {np.dtype(np.float32)}


def test_what_does_not_fit_is_an_error():
    (params, (x, *_), state), _ = draw(linear_rnn)
    with pytest.raises(ShapeError, match=r"^linear_rnn.step: x must be \(B, I=4\), got \(3, 5\)$"):
        linear_rnn.step(params, np.zeros((3, 5)), state)
    with pytest.raises(TypeError, match=r"^linear_rnn.step: state must be a bptt.linear_rnn.State"):
        linear_rnn.step(params, x, (state.h,))
    with pytest.raises(ValueError, match=r"^linear_rnn.init: input_size and hidden_size must be"):
        linear_rnn.init(0, 2, rng=np.random.default_rng(0))


# The solutions by hand


@pytest.mark.parametrize("T", [10, 30])
def test_rings_of_ten_and_eleven_copy_without_an_error(T, rng):
    ring, gate = np.roll(np.eye(10), 1, axis=1), np.roll(np.eye(11), 1, axis=1)
    W_h = np.block([[np.kron(ring, np.eye(8)), np.zeros((80, 11))], [np.zeros((11, 80)), gate]])
    assert np.array_equal(W_h @ W_h.T, np.eye(91))
    W_x, W_y = np.zeros((10, 91)), np.zeros((91, 10))
    W_x[:8, :8] = np.eye(8)  # a symbol is written into the first place of its ring
    W_x[9, 80] = 1  # the sign into the first place of the other
    W_y[:8, :8] = 100 * np.eye(8)
    W_y[81:, 8] = -400
    cell = linear_rnn.Params(W_x, W_h, np.zeros(91))
    params = deep.Params((cell,), W_y, np.array([0] * 8 + [200, -100.0]))
    xs, targets = Copying(T).draw(50, rng=rng)
    assert np.array_equal(deep.outputs(linear_rnn, params, xs).argmax(axis=-1), targets)
    assert deep.loss_and_grads(linear_rnn, params, xs, targets)[0] < 1e-40


def test_one_unit_that_never_forgets_adds_exactly(rng):
    cell = linear_rnn.Params(np.ones((2, 1)), np.eye(1), -np.ones(1))
    xs, targets = Adding(50).draw(20, rng=rng)
    sums = deep.outputs(linear_rnn, deep.Params((cell,), np.ones((1, 1)), np.zeros(1)), xs)[-1:]
    np.testing.assert_allclose(sums, targets, rtol=0, atol=1e-13)
