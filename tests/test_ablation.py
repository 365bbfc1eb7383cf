"""The LSTM with one part removed, against torch, central differences and the LSTM itself."""

import dataclasses

import numpy as np
import pytest
import torch
from helpers import assert_close, assert_equal, assert_slopes, draw, draw_mask, gradient, run

from bptt import ablation, deep, lstm, tree, unroll
from bptt.cell import Cell, Steps, blocks
from bptt.shapes import ShapeError

T, B, I, H = 5, 3, 4, 2
GATES = {"input gate": "i", "forget gate": "f", "output gate": "o"}
each_part = pytest.mark.parametrize("part", ablation.PARTS)
each_gate = pytest.mark.parametrize("part", GATES)


def torch_step(part, params, x, h, c):
    """The equations, written once more."""
    W_x, W_h, b = params
    a = x @ W_x + h @ W_h + b
    one = torch.ones_like(c)
    if part == "separate gates":
        f, g, o = a.chunk(3, -1)
        f, g, o = torch.sigmoid(f), torch.tanh(g), torch.sigmoid(o)
        i = 1 - f
    elif part in GATES:
        names = "ifgo".replace(GATES[part], "")
        found = dict(zip(names, a.chunk(3, -1), strict=True))
        i, f, o = (torch.sigmoid(found[k]) if k in found else one for k in "ifo")
        g = torch.tanh(found["g"])
    else:
        i, f, g, o = a.chunk(4, -1)
        i, f, o = torch.sigmoid(i), torch.sigmoid(f), torch.sigmoid(o)
        g = g if part == "input activation" else torch.tanh(g)
    c = f * c + i * g
    return o * (c if part == "output activation" else torch.tanh(c)), c


@each_part
def test_both_passes_are_those_of_torch(part):
    cell = ablation.without(part)
    inputs, douts = draw(cell, T, B, I, H)
    there = tree.map(lambda a: torch.tensor(a, requires_grad=True), inputs)
    (h, c), hs = there.state, []
    for x in there.xs:
        h, c = torch_step(part, there.params, x, h, c)
        hs.append(h)
    outs = [torch.stack(hs), h, c]
    found = run(cell, inputs)
    assert_close((found.hs, *found.state_T), tuple(a.detach().numpy() for a in outs))
    weights = [douts.hs, *douts.state_T]
    sum((a * torch.tensor(w)).sum() for a, w in zip(outs, weights, strict=True)).backward()
    assert_close(gradient(cell, inputs, douts), tree.map(lambda a: a.grad.numpy(), there))


@each_part
@pytest.mark.parametrize("masked", [False, True])
def test_the_gradient_is_that_of_central_differences(part, masked):
    cell = ablation.without(part)
    inputs, douts = draw(cell, T, B, I, H)
    mask = draw_mask(T, B, seed=1) if masked else None
    assert_slopes(
        lambda at: tree.dot(douts, run(cell, at, mask)),
        inputs,
        gradient(cell, inputs, douts, mask),
    )


@each_part
def test_it_is_a_cell_with_a_block_for_each_letter(part):
    cell = ablation.without(part)
    assert isinstance(cell, Steps)
    assert isinstance(cell, Cell)
    assert cell.part == part
    assert blocks(cell) == len(cell.blocks)
    params = cell.init(I, H, rng=np.random.default_rng(0))
    n = len(cell.blocks)
    assert [a.shape for a in params] == [(I, n * H), (H, n * H), (n * H,)]


def test_the_weights_of_a_missing_gate_do_not_exist():
    found = {part: ablation.without(part).blocks for part in ablation.PARTS}
    assert found == {
        "input gate": "fgo",
        "forget gate": "igo",
        "output gate": "ifg",
        "separate gates": "fgo",
        "input activation": "ifgo",
        "output activation": "ifgo",
    }


@each_gate
def test_without_a_gate_it_is_an_lstm_whose_gate_stands_open(part):
    cell = ablation.without(part)
    inputs, _ = draw(cell, T, B, I, H)
    at = "ifgo".index(GATES[part]) * H
    W_x, W_h, b = inputs.params
    full = lstm.Params(
        np.insert(W_x, [at] * H, 0, axis=1),
        np.insert(W_h, [at] * H, 0, axis=1),
        np.insert(b, [at] * H, 1000),
    )
    state = lstm.State(*inputs.state)
    assert_close(run(cell, inputs), run(lstm, inputs._replace(params=full, state=state)))


def test_without_separate_gates_it_is_an_lstm_whose_input_gate_hears_the_opposite():
    cell = ablation.without("separate gates")
    inputs, _ = draw(cell, T, B, I, H)
    full = lstm.Params(*(np.concatenate([-a[..., :H], a], axis=-1) for a in inputs.params))
    state = lstm.State(*inputs.state)
    assert_close(run(cell, inputs), run(lstm, inputs._replace(params=full, state=state)))


def test_its_cell_is_an_average_and_stays_between_minus_one_and_one():
    cell = ablation.without("separate gates")
    inputs, _ = draw(cell, 50, B, I, H)
    state = lstm.State(np.zeros((B, H)), np.ones((B, H)))
    _, tape_state, tape = unroll.forward(cell, inputs.params, 5 * inputs.xs, state)
    cells = [saved.c_prev for saved in tape.steps] + [tape_state.c]
    assert np.abs(cells).max() <= 1


@pytest.mark.parametrize(("part", "what"), [("input", "g"), ("output", "y")])
def test_a_missing_activation_lets_large_numbers_through(part, what):
    big = lstm.Params(np.full((1, 4), 30.0), np.zeros((1, 4)), np.zeros(4))
    state = lstm.State(np.zeros((1, 1)), np.full((1, 1), 7.0))
    _, saved = ablation.without(f"{part} activation").step(big, np.ones((1, 1)), state)
    _, other = lstm.step(big, np.ones((1, 1)), state)
    assert getattr(saved, what)[0, 0] > 7
    assert getattr(other, {"g": "g", "y": "tanh_c"}[what])[0, 0] <= 1


@each_part
def test_the_first_weights_are_those_of_the_lstm_block_by_block(part):
    cell = ablation.without(part)
    params = cell.init(I, H, rng=np.random.default_rng(0), forget_bias=2.0)
    for block, W_h, b in zip(
        cell.blocks,
        np.split(params.W_h, len(cell.blocks), axis=1),
        np.split(params.b, len(cell.blocks)),
        strict=True,
    ):
        assert_close(W_h @ W_h.T, np.eye(H))
        assert (b == (2 if block == "f" else 0)).all()
    if len(cell.blocks) == 4:
        assert_equal(params, lstm.init(I, H, rng=np.random.default_rng(0), forget_bias=2.0))


@each_part
def test_everything_follows_the_dtype_of_the_weights_and_nothing_is_changed(part):
    cell = ablation.without(part)
    params = cell.init(I, H, rng=np.random.default_rng(0), dtype=np.float32)
    xs = np.random.default_rng(1).normal(size=(T, B, I))
    before = tree.map(np.copy, (params, xs))
    hs, state, tape = unroll.forward(cell, params, xs)
    grads = unroll.backward(cell, params, tape, np.ones((T, B, H)))
    assert {a.dtype for _, a in tree.leaves((hs, state, grads))} == {np.dtype(np.float32)}
    assert_equal((params, xs), before)


@each_part
def test_a_model_of_it_trains_on_any_run(part):
    cell = ablation.without(part)
    params = deep.init(cell, I, H, 3, rng=np.random.default_rng(0))
    _, grads = deep.loss_and_grads(cell, params, np.ones((T, B, I)), np.zeros((1, B), int))
    tree.check_same_shapes("test", "grads", grads, params)


def test_a_part_that_an_lstm_has_not_is_refused():
    with pytest.raises(ValueError, match=r"^ablation\.without: part must be one of input gate, .*"):
        ablation.without("peepholes")


@each_gate
def test_weights_and_states_that_do_not_fit_are_refused(part):
    cell = ablation.without(part)
    params = cell.init(I, H, rng=np.random.default_rng(0))
    state = cell.zero_state(params, B)
    with pytest.raises(ShapeError, match=r"^ablation\.step: x must be \(B, I=4\), got \(3, 5\)$"):
        cell.step(params, np.ones((B, I + 1)), state)
    with pytest.raises(ShapeError, match=r"^ablation\.step: params\.W_h must be \(H, 3H=6\)"):
        cell.step(params._replace(W_h=np.ones((H, 4 * H))), np.ones((B, I)), state)
    with pytest.raises(TypeError, match=r"^ablation\.step: params must be a bptt\.ablation\.Par"):
        cell.step(lstm.init(I, H, rng=np.random.default_rng(0)), np.ones((B, I)), state)
    with pytest.raises(ShapeError, match=r"^ablation\.zero_state: batch must be at least 1"):
        cell.zero_state(params, 0)
    with pytest.raises(ValueError, match=r"^ablation\.init: forget_bias must be finite, got nan$"):
        cell.init(I, H, rng=np.random.default_rng(0), forget_bias=np.nan)


def test_a_cell_cannot_be_changed_and_is_told_by_its_part():
    cell = ablation.without("input gate")
    with pytest.raises(dataclasses.FrozenInstanceError):
        cell.part = "none"
    assert repr(cell) == "Ablated(part='input gate', blocks='fgo')"
