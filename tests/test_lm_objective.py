"""The loss of a chunk and its gradient: against central differences, torch and small sums."""

import numpy as np
import pytest
import torch
from helpers import assert_close, assert_equal, assert_slopes, differences

from bptt import lstm, tree
from bptt.lm.dropout import Rates, draw
from bptt.lm.network import backward, forward, init
from bptt.lm.objective import activation, loss_and_grads, slowness
from bptt.losses import cross_entropy
from bptt.shapes import ShapeError

T, B, K = 5, 3, 6
WIDTHS = (2, 4)
ALPHA, BETA = 1.5, 0.7


@pytest.fixture
def case(cell):
    rng = np.random.default_rng(0)
    params = tree.map(
        lambda a: rng.normal(scale=0.5, size=a.shape), init(cell, K, 4, WIDTHS, tied=True, rng=rng)
    )
    inputs, targets = rng.integers(K, size=(2, T, B))
    zeros = tuple(cell.zero_state(p, B) for p in params.layers)
    states = tree.map(lambda a: rng.normal(scale=0.5, size=a.shape), zeros)
    masks = draw(Rates(0.3, 0.3, 0.3, 0.3, 0.3), params, B, rng=rng)
    assert (masks.reads[-1] == 0).any()
    return params, inputs, targets, states, masks


@pytest.mark.parametrize(("alpha", "beta"), [(0, 0), (ALPHA, BETA)])
def test_every_array_of_the_gradient_has_the_slopes_of_the_loss(cell, case, alpha, beta):
    params, *rest = case

    def value(p):
        return loss_and_grads(cell, p, *rest, alpha=alpha, beta=beta).loss

    got = loss_and_grads(cell, params, *rest, alpha=alpha, beta=beta).grads
    assert_slopes(value, params, got)


def test_the_loss_is_that_of_torch_with_both_penalties(cell, case):
    params, inputs, targets, states, masks = case
    chunk = loss_and_grads(cell, *case, alpha=ALPHA, beta=BETA)
    logits, ends, tape = forward(cell, params, inputs, states, masks)
    hs, mask = torch.tensor(tape.hs), torch.tensor(masks.reads[-1])
    nats = torch.nn.functional.cross_entropy(
        torch.tensor(logits).flatten(0, 1), torch.tensor(targets).flatten()
    ).item()
    ar = ALPHA * (hs * mask).pow(2).mean().item()
    tar = BETA * (hs[1:] - hs[:-1]).pow(2).mean().item()
    assert ar > 0.01
    assert tar > 0.001
    assert chunk.nats == pytest.approx(nats, rel=1e-12)
    assert chunk.loss == pytest.approx(nats + ar + tar, rel=1e-12)
    assert_equal(chunk.states, ends)


@pytest.mark.parametrize(("alpha", "beta"), [(0, 0), (ALPHA, 0), (0, BETA), (ALPHA, BETA)])
def test_gradients_of_the_penalties_reach_the_weights_as_in_torch(cell, case, alpha, beta):
    """The penalties alone, through the outputs: autograd has to hand back what is added to dhs."""
    params, inputs, targets, states, masks = case
    logits, _, tape = forward(cell, params, inputs, states, masks)
    hs = torch.tensor(tape.hs, requires_grad=True)
    mask = torch.tensor(masks.reads[-1])
    penalty = alpha * (hs * mask).pow(2).mean() + beta * (hs[1:] - hs[:-1]).pow(2).mean()
    penalty.backward()
    _, dlogits = cross_entropy(logits, targets)
    want = backward(cell, params, tape, dlogits, hs.grad.numpy())
    got = loss_and_grads(cell, *case, alpha=alpha, beta=beta).grads
    assert_close(got, want)


def test_without_penalties_the_loss_is_the_cross_entropy(cell, case):
    chunk = loss_and_grads(cell, *case)
    assert chunk.loss == chunk.nats


def test_states_and_masks_are_zeros_and_none_if_they_are_left_out(cell, case):
    params, inputs, targets, states, masks = case
    zeros = tree.map(np.zeros_like, states)
    plain = loss_and_grads(cell, params, inputs, targets)
    same = loss_and_grads(cell, params, inputs, targets, zeros)
    assert plain.nats == same.nats
    assert_equal((plain.grads, plain.states), (same.grads, same.states))
    assert plain.nats != loss_and_grads(cell, params, inputs, targets, states).nats
    assert plain.nats != loss_and_grads(cell, params, inputs, targets, None, masks).nats


@pytest.mark.parametrize("cell", [lstm])
def test_no_gradient_goes_back_beyond_the_chunk(cell, case):
    """The gradient of the second chunk is that with its first states held fixed."""
    params, inputs, targets, _, _ = case
    first = loss_and_grads(cell, params, inputs[:2], targets[:2])
    second = loss_and_grads(cell, params, inputs[2:], targets[2:], first.states)

    def fixed(p):
        return loss_and_grads(cell, p, inputs[2:], targets[2:], first.states).loss

    def through(b):
        p = params._replace(layers=(params.layers[0]._replace(b=b), *params.layers[1:]))
        carried = loss_and_grads(cell, p, inputs[:2], targets[:2]).states
        return loss_and_grads(cell, p, inputs[2:], targets[2:], carried).loss

    assert_slopes(fixed, params, second.grads)
    full = differences(through, params.layers[0].b)
    assert np.abs(full - second.grads.layers[0].b).max() > 1e-5


def test_activation_is_the_mean_square_of_what_is_read():
    hs = np.array([[[1.0, 2.0]], [[3.0, -4.0]]])  # T, B, D = 2, 1, 2
    assert activation(hs, None, 2.0)[0] == 2 * (1 + 4 + 9 + 16) / 4
    loss, dhs = activation(hs, np.array([[0.0, 2.0]]), 2.0)
    assert loss == 2 * (16 + 64) / 4
    assert dhs.tolist() == [[[0, 8]], [[0, -16]]]  # 2 alpha m^2 h / 4


def test_slowness_is_the_mean_square_of_the_change():
    hs = np.array([[[1.0, 2.0]], [[3.0, -4.0]], [[3.0, 0.0]]])  # T, B, D = 3, 1, 2
    loss, dhs = slowness(hs, 0.5)
    assert loss == 0.5 * (4 + 36 + 0 + 16) / 4
    # Each difference pulls on both its ends, with beta d / 2 here.
    assert dhs.tolist() == [[[-0.5, 1.5]], [[0.5, -2.5]], [[0, 1]]]


@pytest.mark.parametrize("penalty", [lambda hs: activation(hs, None, ALPHA), None])
def test_a_penalty_agrees_with_central_differences(rng, penalty):
    penalty = penalty or (lambda hs: slowness(hs, BETA))
    hs = rng.normal(size=(T, B, 4))
    assert_close(penalty(hs)[1], differences(lambda x: penalty(x)[0], hs), 1e-7)


def test_a_penalty_that_weighs_nothing_has_no_gradient(rng):
    hs = rng.normal(size=(T, B, 4))
    for loss, dhs in (activation(hs, None, 0.0), slowness(hs, 0.0)):
        assert loss == 0
        assert not dhs.any()


def test_a_single_step_cannot_be_slow(rng):
    loss, dhs = slowness(rng.normal(size=(1, B, 4)), BETA)
    assert loss == 0
    assert dhs.tolist() == np.zeros((1, B, 4)).tolist()


def test_outputs_that_stay_cost_nothing_in_slowness(rng):
    hs = np.repeat(rng.normal(size=(1, B, 4)), T, axis=0)
    loss, dhs = slowness(hs, BETA)
    assert loss == 0
    assert not dhs.any()


def test_float32_stays_float32(cell, case):
    params, inputs, targets, states, masks = case
    params, states = (tree.map(np.float32, values) for values in (params, states))
    masks = draw(Rates(0.3, 0.3, 0.3, 0.3, 0.3), params, B, rng=np.random.default_rng(0))
    chunk = loss_and_grads(
        cell, params, inputs, targets, states, masks, alpha=np.float64(ALPHA), beta=np.float64(BETA)
    )
    for values in (chunk.grads, chunk.states):
        assert {leaf.dtype for _, leaf in tree.leaves(values)} == {np.dtype(np.float32)}
    assert isinstance(chunk.nats, float)


def test_float32_and_float64_agree(cell, case):
    params, inputs, targets, states, masks = case
    narrow = tree.map(np.float32, (params, states))
    thin = masks._replace(
        rows=np.float32(masks.rows),
        reads=tuple(map(np.float32, masks.reads)),
        recurrent=tuple(map(np.float32, masks.recurrent)),
    )
    wide = loss_and_grads(cell, *case, alpha=ALPHA, beta=BETA)
    single = loss_and_grads(
        cell, narrow[0], inputs, targets, narrow[1], thin, alpha=ALPHA, beta=BETA
    )
    assert single.loss == pytest.approx(wide.loss, rel=1e-5)
    assert_close(single.grads, wide.grads, 1e-4)


def test_a_target_of_no_character_is_refused(rng):
    params = init(lstm, K, 4, WIDTHS, rng=rng)
    with pytest.raises(ValueError, match="targets must be whole numbers from 0 to 5"):
        loss_and_grads(lstm, params, np.zeros((T, B), int), np.full((T, B), K))


def test_targets_of_another_shape_are_refused(rng):
    params = init(lstm, K, 4, WIDTHS, rng=rng)
    with pytest.raises(ShapeError, match=r"targets must be \(5, 3\)"):
        loss_and_grads(lstm, params, np.zeros((T, B), int), np.zeros((B, T), int))
