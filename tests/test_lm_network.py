"""The network against a model written in torch, character by character and with every mask on."""

import numpy as np
import pytest
import torch
from helpers import assert_close, assert_equal, assert_slopes

from bptt import gru, lstm, rnn, torch_layout, tree
from bptt.lm.dropout import Masks, Rates, draw, nothing
from bptt.lm.network import Params, backward, forward, head, init, is_tied, template
from bptt.shapes import ShapeError

T, B, K = 5, 3, 7
WIDTHS = (3, 2, 4)
RATES = Rates(rows=0.3, inputs=0.3, between=0.3, outputs=0.3, recurrent=0.3)


def network(cell, seed=0, *, tied=True, dtype=np.float64):
    """Draw a network whose every weight is random, b_y too."""
    rng = np.random.default_rng(seed)
    params = init(cell, K, WIDTHS[-1] if tied else 8, WIDTHS, tied=tied, rng=rng)
    return tree.map(lambda a: rng.normal(scale=0.5, size=a.shape).astype(dtype), params)


def states(cell, params, seed=1):
    rng = np.random.default_rng(seed)
    zeros = tuple(cell.zero_state(p, B) for p in params.layers)
    return tree.map(lambda a: rng.normal(scale=0.5, size=a.shape), zeros)


def codes(seed=2, T=T):
    drawn = np.random.default_rng(seed).integers(K, size=(T, B))
    drawn[0, 0] = drawn[-1, -1]  # one row of E has at least two places
    return drawn


def masks(params, seed=3):
    for attempt in range(100):  # until each mask drops something, and not everything
        drawn = draw(RATES, params, B, rng=np.random.default_rng([seed, attempt]))
        if all(0 < (mask == 0).mean() < 1 for mask in (drawn.rows, *drawn.reads, *drawn.recurrent)):
            return drawn
    raise AssertionError


# The same network in torch: one step of a cell after the other, with torch's own cells.

CELLS = {rnn: torch.nn.RNNCell, lstm: torch.nn.LSTMCell, gru: torch.nn.GRUCell}


class Theirs:
    """A model of torch with autograd, from our weights; it drops with our masks."""

    def __init__(self, cell, params):
        self.E = torch.tensor(params.E, requires_grad=True)
        self.b_y = torch.tensor(params.b_y, requires_grad=True)
        self.W_y = None if is_tied(params) else torch.tensor(params.W_y, requires_grad=True)
        self.cells, self.whole = [], []
        for p in params.layers:
            arrays = torch_layout.to_torch(cell, p)
            self.whole.append(
                {
                    name.removesuffix("_l0"): torch.tensor(array, requires_grad=True)
                    for name, array in arrays.items()
                }
            )
            I, H = p.W_x.shape[0], p.W_h.shape[0]
            self.cells.append(CELLS[cell](I, H, dtype=torch.float64))

    def __call__(self, read, start, drop):
        """Return logits and the outputs of the last layer, before they are dropped."""

        def mask(array, *, transpose=False):
            if array is None:
                return 1.0
            return torch.tensor(array.T.copy() if transpose else array)

        weights = [
            {**own, "weight_hh": own["weight_hh"] * mask(drop.recurrent[j], transpose=True)}
            for j, own in enumerate(self.whole)
        ]
        carried = [[torch.tensor(part) for part in state] for state in start]
        E = self.E * mask(drop.rows)
        logits, outs = [], []
        for row in read:
            x = torch.stack([E[int(code)] for code in row]) * mask(drop.reads[0])
            for j, cell in enumerate(self.cells):
                before = tuple(carried[j]) if len(carried[j]) == 2 else carried[j][0]
                after = torch.func.functional_call(cell, weights[j], (x, before))
                carried[j] = list(after) if isinstance(after, tuple) else [after]
                h = carried[j][0]
                x = h * mask(drop.reads[j + 1])
            outs.append(h)
            head = self.E.T if self.W_y is None else self.W_y
            logits.append(x @ head + self.b_y)
        self.ends = carried
        return torch.stack(logits), torch.stack(outs)

    def grads(self, cell):
        """Return the gradient in our layout."""
        layers = []
        for own in self.whole:
            by_name = {f"{name}_l0": tensor.grad.numpy() for name, tensor in own.items()}
            # Both biases of torch have the gradient of ours, which is not a sum of them.
            by_name["bias_ih_l0"] = by_name["bias_ih_l0"].copy()
            if cell is gru:
                H = by_name["weight_hh_l0"].shape[1]
                by_name["bias_hh_l0"][: 2 * H] = 0
            else:
                by_name["bias_hh_l0"] = np.zeros_like(by_name["bias_hh_l0"])
            layers.append(torch_layout.from_torch(cell, by_name))
        W_y = () if self.W_y is None else self.W_y.grad.numpy()
        return Params(self.E.grad.numpy(), tuple(layers), self.b_y.grad.numpy(), W_y)


def both(cell, *, tied, drop, start, extra):
    """Run forwards and backwards here and in torch, for a random gradient of the results."""
    params = network(cell, tied=tied)
    drop = masks(params) if drop else nothing(len(WIDTHS))
    begin = states(cell, params) if start else None
    rng = np.random.default_rng(5)
    dlogits, dhs = rng.normal(size=(T, B, K)), rng.normal(size=(T, B, WIDTHS[-1]))

    logits, ends, tape = forward(cell, params, codes(), begin, drop)
    grads = backward(cell, params, tape, dlogits, dhs if extra else None)

    theirs = Theirs(cell, params)
    zeros = tuple(cell.zero_state(p, B) for p in params.layers)
    their_logits, their_hs = theirs(codes(), begin or zeros, drop)
    loss = (their_logits * torch.tensor(dlogits)).sum()
    if extra:
        loss = loss + (their_hs * torch.tensor(dhs)).sum()
    loss.backward()
    return (logits, ends, grads), (their_logits, theirs, theirs.grads(cell))


@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("start", [False, True])
@pytest.mark.parametrize("drop", [False, True])
@pytest.mark.parametrize("tied", [False, True])
def test_logits_states_and_gradients_are_those_of_a_torch_model(cell, tied, drop, start, extra):
    (logits, ends, grads), (want, theirs, want_grads) = both(
        cell, tied=tied, drop=drop, start=start, extra=extra
    )
    assert_close(logits, want.detach().numpy())
    for end, their_end in zip(ends, theirs.ends, strict=True):
        for ours, other in zip(end, their_end, strict=True):
            assert_close(ours, other.detach().numpy())
    assert_close(grads, want_grads)


@pytest.mark.parametrize("tied", [False, True])
def test_every_array_of_the_gradient_has_the_slopes_of_the_loss(cell, tied):
    params, rng = network(cell, tied=tied), np.random.default_rng(5)
    drop, begin = masks(params), states(cell, params)
    dlogits, dhs = rng.normal(size=(T, B, K)), rng.normal(size=(T, B, WIDTHS[-1]))

    def value(p):
        logits, _, tape = forward(cell, p, codes(), begin, drop)
        return float((logits * dlogits).sum() + (tape.hs * dhs).sum())

    _, _, tape = forward(cell, params, codes(), begin, drop)
    assert_slopes(value, params, backward(cell, params, tape, dlogits, dhs))


def test_the_two_uses_of_a_row_add_up(cell):
    """With only one of the two in torch's graph, each gives its part."""
    params, dlogits = network(cell), np.random.default_rng(5).normal(size=(T, B, K))
    _, _, tape = forward(cell, params, codes())
    whole = backward(cell, params, tape, dlogits).E

    parts = []
    for place in ("where characters go in", "in the head"):
        model = Theirs(cell, params)
        live, still = model.E, model.E.detach()
        zeros = tuple(cell.zero_state(p, B) for p in params.layers)
        model.E = live if place == "where characters go in" else still
        _, hs = model(codes(), zeros, nothing(len(WIDTHS)))
        head = live if place == "in the head" else still
        loss = (torch.einsum("tbd,kd->tbk", hs, head) * torch.tensor(dlogits)).sum()
        loss.backward()
        parts.append(live.grad.numpy())
    assert all(np.abs(part).max() > 1e-3 for part in parts)
    assert_close(whole, parts[0] + parts[1])


def test_a_character_that_stands_nowhere_still_gets_a_gradient_from_the_head(cell):
    params = network(cell)
    read = np.full((T, B), 2)
    _, _, tape = forward(cell, params, read)
    dlogits = np.zeros((T, B, K))
    dlogits[..., 4] = 1
    dE = backward(cell, params, tape, dlogits).E
    assert set(np.flatnonzero(np.abs(dE).max(axis=1))) == {2, 4}


def test_future_characters_change_no_logit_of_the_past(cell):
    params, read = network(cell), codes()
    logits, _, _ = forward(cell, params, read)
    for t in range(T):
        other = read.copy()
        other[t:] = (other[t:] + 1) % K
        changed, _, _ = forward(cell, params, other)
        assert np.array_equal(changed[:t], logits[:t])
        assert (np.abs(changed[t] - logits[t]).max(axis=-1) > 1e-3).all()


def test_one_text_does_not_see_another(cell):
    params, read = network(cell), codes()
    other = read.copy()
    other[:, 1] = (other[:, 1] + 1) % K
    a, b = (forward(cell, params, each)[0] for each in (read, other))
    assert_close(b[:, [0, 2]], a[:, [0, 2]])
    assert (np.abs(a[:, 1] - b[:, 1]).max(axis=-1) > 1e-3).all()


def test_a_text_in_two_chunks_with_the_state_carried_is_the_text_in_one(cell):
    params, read, begin = network(cell), codes(), states(cell, network(cell))
    whole, ends, _ = forward(cell, params, read, begin)
    first, middle, _ = forward(cell, params, read[:2], begin)
    second, last, _ = forward(cell, params, read[2:], middle)
    assert_close(np.concatenate([first, second]), whole)
    assert_close(last, ends)
    fresh, _, _ = forward(cell, params, read[2:])
    assert np.abs(fresh - second).max() > 1e-3


def test_what_is_read_is_dropped_alike_at_all_steps(cell):
    """Units that the first mask takes out can hold anything: no logit changes."""
    params = network(cell)
    only = np.ones((B, WIDTHS[-1]))
    only[:, 2] = 0
    reads = (only, None, None, only)  # and out of the head, which reads the same rows
    drop = Masks(None, reads, (None,) * 3)
    logits, _, _ = forward(cell, params, codes(), None, drop)
    E = params.E.copy()
    E[:, 2] += 3
    assert np.array_equal(forward(cell, params._replace(E=E), codes(), None, drop)[0], logits)
    assert not np.array_equal(forward(cell, params._replace(E=E), codes())[0], logits)


def test_a_dropped_row_goes_in_as_zeros_and_still_serves_the_head(cell):
    params = network(cell)
    rows = np.ones((K, 1))
    rows[4] = 0
    drop = Masks(rows, (None,) * 4, (None,) * 3)
    read = np.full((T, B), 4)
    zeroed = params._replace(E=params.E * rows)
    logits, _, _ = forward(cell, params, read, None, drop)
    without, _, _ = forward(cell, zeroed, read)
    others = np.arange(K) != 4
    assert_close(logits[..., others], without[..., others])
    assert np.abs(logits[..., 4] - without[..., 4]).max() > 1e-3


def test_dropped_weights_from_state_to_state_are_zeros_for_all_texts(cell):
    params = network(cell)
    drop = nothing(3)._replace(recurrent=masks(params).recurrent)
    layers = tuple(
        p._replace(W_h=p.W_h * mask) for p, mask in zip(params.layers, drop.recurrent, strict=True)
    )
    want, _, _ = forward(cell, params._replace(layers=layers), codes())
    assert_equal(forward(cell, params, codes(), None, drop)[0], want)


def test_a_dropped_weight_has_no_gradient_and_a_kept_one_is_scaled(cell):
    params, dlogits = network(cell), np.random.default_rng(5).normal(size=(T, B, K))
    drop = nothing(3)._replace(recurrent=masks(params).recurrent)
    _, _, tape = forward(cell, params, codes(), None, drop)
    layers = tuple(
        p._replace(W_h=p.W_h * mask) for p, mask in zip(params.layers, drop.recurrent, strict=True)
    )
    _, _, thinned = forward(cell, params._replace(layers=layers), codes())
    got = backward(cell, params, tape, dlogits)
    inner = backward(cell, params._replace(layers=layers), thinned, dlogits)
    for mask, a, b in zip(drop.recurrent, got.layers, inner.layers, strict=True):
        assert not a.W_h[mask == 0].any()
        assert_close(a.W_h, b.W_h * mask)


def test_nothing_is_mutated(cell):
    params, begin = network(cell), states(cell, network(cell))
    drop, read = masks(params), codes()
    kept = tree.map(np.copy, (params, begin))
    kept_read = read.copy()
    _, _, tape = forward(cell, params, read, begin, drop)
    dlogits = np.random.default_rng(5).normal(size=(T, B, K))
    dhs = np.random.default_rng(6).normal(size=(T, B, WIDTHS[-1]))
    kept_d = tree.map(np.copy, (dlogits, dhs))
    first = backward(cell, params, tape, dlogits, dhs)
    assert_equal(backward(cell, params, tape, dlogits, dhs), first)
    assert_equal((params, begin), kept)
    assert_equal((dlogits, dhs), kept_d)
    assert np.array_equal(read, kept_read)


def test_what_goes_in_in_float32_comes_out_in_float32(cell):
    params = network(cell, dtype=np.float32)
    drop = masks(params)
    logits, ends, tape = forward(cell, params, codes(), None, drop)
    grads = backward(cell, params, tape, np.ones((T, B, K), np.float32))
    assert logits.dtype == np.float32
    for tr in (ends, grads):
        assert {leaf.dtype for _, leaf in tree.leaves(tr)} == {np.dtype(np.float32)}


@pytest.mark.parametrize(("tied", "variance"), [(False, 1), (True, 1 / 50)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_init_draws_the_rows_the_layers_the_head_and_a_bias_of_zero(
    cell, rng, tied, variance, dtype
):
    widths = (8, 50) if tied else (8, 9)
    params = init(cell, 300, 50, widths, tied=tied, rng=rng, dtype=dtype)
    assert params.E.shape == (300, 50)
    assert abs(params.E.var() / variance - 1) < 0.06
    assert abs(params.E.mean()) < 0.04 * np.sqrt(variance)
    assert params.b_y.tolist() == [0] * 300
    assert [p.W_x.shape[0] for p in params.layers] == [50, 8]
    assert [p.W_h.shape[0] for p in params.layers] == list(widths)
    if not tied:
        assert params.W_y.shape == (9, 300)
        assert abs(params.W_y.var() / (2 / (9 + 300)) - 1) < 0.15  # Glorot
    assert {leaf.dtype for _, leaf in tree.leaves(params)} == {np.dtype(dtype)}


def test_a_tied_head_is_the_transpose_of_the_rows_and_another_its_own():
    tied, free = (network(lstm, tied=tied) for tied in (True, False))
    assert is_tied(tied)
    assert tied.W_y == ()
    assert np.array_equal(head(tied), tied.E.T)
    assert not is_tied(free)
    assert head(free) is free.W_y


@pytest.mark.parametrize("tied", [False, True])
def test_a_template_has_the_names_shapes_and_types_of_weights_and_takes_no_memory(cell, tied, rng):
    form = 7, 4, (6, 4)
    drawn = dict(tree.leaves(init(cell, *form, tied=tied, rng=rng)))
    blank = dict(tree.leaves(template(cell, *form, tied=tied)))
    assert list(blank) == list(drawn)
    for name, array in blank.items():
        assert (array.shape, array.dtype) == (drawn[name].shape, drawn[name].dtype)
        assert set(array.strides) == {0}
    assert template(cell, 2**30, 2**30, (4,)).E.shape == (2**30, 2**30)


def test_init_draws_float32_and_a_head_of_its_own_if_nothing_else_is_asked(cell, rng):
    params = init(cell, 3, 2, (2,), rng=rng)
    assert not is_tied(params)
    assert {leaf.dtype for _, leaf in tree.leaves(params)} == {np.dtype(np.float32)}


def test_a_layer_is_drawn_by_its_cell(cell):
    rng = np.random.default_rng(0)
    rng.standard_normal((K, 5))
    want = cell.init(5, 6, rng=rng), cell.init(6, 4, rng=rng)
    got = init(cell, K, 5, (6, 4), rng=np.random.default_rng(0), dtype=np.float64).layers
    assert_equal(got, want)


@pytest.mark.parametrize(
    ("characters", "embedding", "widths"),
    [(0, 4, (3, 4)), (5, 0, (4,)), (5, 4, ()), (5, 4, (3, 0)), (5, 4, (0, 3)), (-1, 2, (2,))],
)
def test_init_refuses_a_network_without_characters_layers_or_units(
    rng, characters, embedding, widths
):
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared below
        init(lstm, characters, embedding, widths, rng=rng)
    assert str(error.value) == (
        "lm.init: characters, embedding and the width of each layer must be at least 1, "
        f"got {characters}, {embedding} and {widths}"
    )


def test_init_refuses_a_tied_head_that_does_not_fit(rng):
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared below
        init(lstm, 5, 4, (4, 3), tied=True, rng=rng)
    assert str(error.value) == (
        "lm.init: with a tied head the last layer must be as wide as the embedding, 4, got 3"
    )


def test_the_smallest_network_has_one_character_one_layer_and_one_unit(cell, rng):
    params = init(cell, 1, 1, (1,), rng=rng)
    logits, _, _ = forward(cell, params, [[0]])
    assert logits.shape == (1, 1, 1)


@pytest.mark.parametrize(("code", "low", "high"), [(K, 0, K), (-1, -1, 0)])
def test_a_code_of_no_character_is_refused(code, low, high):
    read = np.zeros((T, B), int)
    read[2, 1] = code
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared below
        forward(lstm, network(lstm), read)
    assert str(error.value) == f"lm.forward: codes must be from 0 to 6, got {low} to {high}"


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((B,), "lm.forward: codes must be (T, B), got (3,)"),
        ((T, B, 1), "lm.forward: codes must be (T, B), got (5, 3, 1)"),
        ((0, B), "lm.forward: codes must be (T, B) with no empty axis, got (0, 3)"),
        ((T, 0), "lm.forward: codes must be (T, B) with no empty axis, got (5, 0)"),
    ],
)
def test_codes_of_another_shape_are_refused(shape, message):
    with pytest.raises(ShapeError) as error:
        forward(lstm, network(lstm), np.zeros(shape, int))
    assert str(error.value) == message


def test_a_gradient_of_another_shape_is_refused():
    params = network(lstm)
    _, _, tape = forward(lstm, params, codes())
    with pytest.raises(ShapeError) as error:
        backward(lstm, params, tape, np.zeros((B, T, K)))
    assert str(error.value) == "lm.backward: dlogits must be (T=5, B=3, K=7), got (3, 5, 7)"
