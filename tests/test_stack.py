"""Layers and directions, against runs of single cells; `test_against_torch.py` has the other."""

import numpy as np
import pytest
import torch
from helpers import CELLS, SEEDS, SIZES, assert_close, assert_equal, assert_slopes, draw_mask
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt import lstm, rnn, run, stack, tree
from bptt.gradcheck import directional_derivative
from bptt.shapes import ShapeError
from bptt.stack import Both

T, B, I, H = 5, 3, 4, 2
BOTH = pytest.mark.parametrize("bidirectional", [False, True])


def draw(cell, *, layers=2, bidirectional=True, sizes=(T, B, I, H), seed=0):
    """Draw a run of a stack and the gradient at its end. Nothing is zero."""
    T, B, I, H = sizes
    rng = np.random.default_rng(seed)
    params = stack.init(cell, I, H, layers=layers, bidirectional=bidirectional, rng=rng)
    zero = cell.zero_state(params[0].forwards if bidirectional else params[0], B)
    states = (Both(zero, zero) if bidirectional else zero,) * layers
    width = (1 + bidirectional) * H

    def normal(scale):
        return lambda a: rng.normal(scale=scale, size=np.shape(a))

    inputs = tree.map(normal(0.5), (params, np.zeros((T, B, I)), states))
    douts = tree.map(normal(1), (np.zeros((T, B, width)), states))
    return inputs, douts


def outputs(cell, inputs, mask=None):
    return stack.forward(cell, *inputs, mask)[:2]


def gradient(cell, inputs, douts, mask=None):
    _, _, tape = stack.forward(cell, *inputs, mask)
    return stack.backward(cell, inputs[0], tape, *douts)


def assert_slope(f, at, grads, seed):
    """Insist that a gradient is that of `f` along a random direction."""
    tree.check_same_shapes("assert_slope", "grads", grads, at)
    rng = np.random.default_rng(seed)
    along = tree.map(lambda a: rng.normal(size=a.shape), at)
    near, far = (directional_derivative(f, at, along, eps) for eps in (1e-4, 2e-4))
    want = (4 * near - far) / 3  # without the error of second order
    assert abs(tree.dot(along, grads) - want) <= 1e-8 * tree.global_norm(grads)


# What it computes


def test_one_layer_in_one_direction_is_the_cell_unrolled(cell):
    inputs, douts = draw(cell, layers=1, bidirectional=False)
    ((params,), xs, (state,)), (dhs, (dstate_T,)) = inputs, douts
    hs, state_T, tape = run.of(cell).forward(cell, params, xs, state)
    dparams, dxs, dstate_0 = run.of(cell).backward(cell, params, tape, dhs, dstate_T)
    assert_equal(outputs(cell, inputs), (hs, (state_T,)))
    assert_equal(gradient(cell, inputs, douts), ((dparams,), dxs, (dstate_0,)))


def test_a_layer_reads_the_outputs_of_the_one_below(cell):
    inputs, _ = draw(cell, layers=2, bidirectional=False)
    params, xs, states = inputs
    below, state_0, _ = run.of(cell).forward(cell, params[0], xs, states[0])
    hs, state_1, _ = run.of(cell).forward(cell, params[1], below, states[1])
    assert_equal(outputs(cell, inputs), (hs, (state_0, state_1)))


def test_the_second_direction_reads_time_backwards_and_stands_to_the_right(cell):
    inputs, _ = draw(cell, layers=1)
    (params,), xs, (state,) = inputs
    left, end, _ = run.of(cell).forward(cell, params.forwards, xs, state.forwards)
    right, start, _ = run.of(cell).forward(cell, params.backwards, xs[::-1].copy(), state.backwards)
    hs, (state_T,) = outputs(cell, inputs)
    assert hs.shape == (T, B, 2 * H)
    assert_equal(hs[..., :H], left)
    assert_equal(hs[..., H:], right[::-1])
    assert_equal(state_T, Both(end, start))
    assert_equal(hs[0, :, H:], state_T.backwards.h)  # it ends at the first step


@BOTH
@pytest.mark.parametrize("layers", [1, 2, 3])
@given(SIZES, SEEDS)
@settings(max_examples=5)
def test_backward_has_the_slope_of_the_loss_in_any_direction(
    cell, layers, bidirectional, sizes, seed
):
    inputs, douts = draw(cell, layers=layers, bidirectional=bidirectional, sizes=sizes, seed=seed)
    mask = draw_mask(*sizes[:2], seed) if seed % 2 else None
    grads = gradient(cell, inputs, douts, mask)
    assert_slope(lambda at: tree.dot(douts, outputs(cell, at, mask)), inputs, grads, seed)


@BOTH
def test_each_array_of_the_gradient_has_the_slopes_of_the_loss(cell, bidirectional):
    inputs, douts = draw(cell, bidirectional=bidirectional, sizes=(3, 1, 3, 2))
    grads = gradient(cell, inputs, douts)
    assert_slopes(lambda at: tree.dot(douts, outputs(cell, at)), inputs, grads)


@given(SIZES, SEEDS, st.sampled_from(CELLS))
@settings(max_examples=25)
def test_a_padded_sequence_gives_what_the_shorter_one_gives_alone(sizes, seed, cell):
    T, B = sizes[:2]
    (params, xs, states), (dhs, dstates_T) = draw(cell, sizes=sizes, seed=seed)
    lengths = np.random.default_rng(seed).integers(1, T + 1, size=B)
    mask = np.arange(T)[:, None] < lengths
    xs = np.where(mask[..., None], xs, np.nan)
    dhs = np.where(mask[..., None], dhs, 0)
    hs, states_T = outputs(cell, (params, xs, states), mask)
    grads = gradient(cell, (params, xs, states), (dhs, dstates_T), mask)
    total = tree.map(np.zeros_like, params)
    for b, length in enumerate(lengths):
        alone, dalone = tree.map(lambda a, b=b: a[[b]], (states, dstates_T))
        inputs = params, xs[:length, [b]], alone
        want_hs, want_states = outputs(cell, inputs)
        assert_close(hs[:length, [b]], want_hs)
        assert_close(tree.map(lambda a, b=b: a[[b]], states_T), want_states)
        dparams, dxs, dstates_0 = gradient(cell, inputs, (dhs[:length, [b]], dalone))
        assert_close(grads[1][:length, [b]], dxs)
        assert_close(tree.map(lambda a, b=b: a[[b]], grads[2]), dstates_0)
        total = tree.map(np.add, total, dparams)
    assert_close(grads[0], total, tol=1e-11)
    assert not grads[1][~mask].any()


@BOTH
def test_states_and_their_gradients_are_zeros_by_default(cell, bidirectional):
    (params, xs, states), (dhs, dstates_T) = draw(cell, bidirectional=bidirectional)
    zeros, dzeros = tree.map(np.zeros_like, (states, dstates_T))
    hs, states_T, tape = stack.forward(cell, params, xs)
    assert_equal((hs, states_T), outputs(cell, (params, xs, zeros)))
    want = stack.backward(cell, params, tape, dhs, dzeros)
    assert_equal(stack.backward(cell, params, tape, dhs), want)


@BOTH
def test_a_stack_of_float32_stays_float32(cell, bidirectional):
    rng = np.random.default_rng(0)
    params = stack.init(
        cell, I, H, layers=2, bidirectional=bidirectional, rng=rng, dtype=np.float32
    )
    hs, states_T, tape = stack.forward(cell, params, rng.normal(size=(T, B, I)))
    grads = stack.backward(cell, params, tape, rng.normal(size=hs.shape))
    found = {leaf.dtype for _, leaf in tree.leaves((params, hs, states_T, grads))}
    assert found == {np.dtype(np.float32)}


def test_layers_may_differ_in_width_and_direction():
    rng = np.random.default_rng(0)
    one, other = lstm.init(I, 3, rng=rng), lstm.init(I, 5, rng=rng)
    params = (Both(one, other), lstm.init(8, H, rng=rng))
    xs = rng.normal(size=(T, B, I))
    hs, _, tape = stack.forward(lstm, params, xs)
    assert hs.shape == (T, B, H)
    dhs = rng.normal(size=hs.shape)
    dparams, dxs, _ = stack.backward(lstm, params, tape, dhs)

    def loss(at):
        return tree.dot(dhs, stack.forward(lstm, at[0], at[1])[0])

    assert_slope(loss, (params, xs), (dparams, dxs), seed=0)


def test_nothing_that_is_passed_is_changed(cell):
    inputs, douts = draw(cell)
    kept = tree.map(np.copy, (inputs, douts))
    mask = np.ones((T, B), bool)
    gradient(cell, inputs, douts, mask)
    assert_equal((inputs, douts), kept)
    assert mask.all()


@BOTH
def test_init_draws_each_layer_and_direction_anew_by_the_cells_own_rule(cell, bidirectional):
    got = stack.init(
        cell, I, H, layers=3, bidirectional=bidirectional, rng=np.random.default_rng(0)
    )
    rng = np.random.default_rng(0)
    directions = 1 + bidirectional
    for width, entry in zip([I, directions * H, directions * H], got, strict=True):
        assert isinstance(entry, Both) is bidirectional
        for params in entry if bidirectional else (entry,):
            assert_equal(params, cell.init(width, H, rng=rng))


def test_the_leaves_of_a_stack_are_named_by_layer_and_direction():
    (params, _, _), _ = draw(rnn)
    names = [name for name, _ in tree.leaves(params)]
    assert names == [
        f"{layer}.{direction}.{array}"
        for layer in (0, 1)
        for direction in ("forwards", "backwards")
        for array in ("W_x", "W_h", "b")
    ]


# What does not fit


@pytest.mark.parametrize("layers", [0, -1])
def test_a_stack_without_layers_is_a_value_error(layers, rng):
    with pytest.raises(ValueError, match=f"^stack.init: layers must be at least 1, got {layers}$"):
        stack.init(rnn, I, H, layers=layers, rng=rng)


@pytest.mark.parametrize(
    ("change", "got"),
    [
        (lambda params: params[0], "Both"),
        (lambda params: params[0].forwards, "Params"),
        (list, "list"),
        (lambda _: (), "a tuple of 0"),
    ],
)
def test_weights_that_are_no_tuple_of_layers_are_a_type_error(change, got):
    (params, xs, _), (dhs, _) = draw(rnn)
    _, _, tape = stack.forward(rnn, params, xs)
    for where, call in {
        "forward": lambda params: stack.forward(rnn, params, xs),
        "backward": lambda params: stack.backward(rnn, params, tape, dhs),
    }.items():
        with pytest.raises(TypeError) as error:
            call(change(params))
        assert str(error.value) == (
            f"stack.{where}: params must be a tuple with the weights of each layer, got {got}"
        )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda states: states[:1],
            "must be a tuple with an entry for each of the layers of params, 2, got a tuple of 1",
        ),
        (
            lambda states: (*states, states[0]),
            "must be a tuple with an entry for each of the layers of params, 2, got a tuple of 3",
        ),
        (
            lambda states: states[0],
            "must be a tuple with an entry for each of the layers of params, 2, got Both",
        ),
        (
            lambda states: (states[0], states[1].forwards),
            "[1] must be a stack.Both, like params[1], got State",
        ),
    ],
)
def test_states_of_another_form_than_the_weights_are_a_type_error(change, message):
    (params, xs, states), (dhs, _) = draw(rnn)
    with pytest.raises(TypeError) as error:
        stack.forward(rnn, params, xs, change(states))
    space = "" if message.startswith("[") else " "
    assert str(error.value) == f"stack.forward: states{space}{message}"
    _, _, tape = stack.forward(rnn, params, xs)
    with pytest.raises(TypeError) as error:
        stack.backward(rnn, params, tape, dhs, change(states))
    assert str(error.value) == f"stack.backward: dstates_T{space}{message}"


def test_two_states_for_one_direction_are_a_type_error():
    (params, xs, states), _ = draw(rnn, layers=1, bidirectional=False)
    message = r"^stack.forward: states\[0\] must not be a stack.Both, like params\[0\], got Both$"
    with pytest.raises(TypeError, match=message):
        stack.forward(rnn, params, xs, (Both(*states, *states),))


def test_weights_of_another_form_than_those_that_ran_are_a_type_error():
    (params, xs, _), (dhs, _) = draw(rnn)
    _, _, tape = stack.forward(rnn, params, xs)
    with pytest.raises(TypeError, match=r"^stack.backward: tape.layers must be .*, 1, got a tuple"):
        stack.backward(rnn, params[:1], tape, dhs)


@pytest.mark.parametrize(
    ("xs", "mask", "message"),
    [
        ((T, I), None, "stack.forward: xs must be (T, B, I), got (5, 4)"),
        ((0, B, I), None, "stack.forward: xs must be (T, B, I) with no empty axis, got (0, 3, 4)"),
        ((T, B, 3), None, "fused.forward: xs must be (T, B, I=4), got (5, 3, 3)"),
        ((T, B, I), (B, T), "stack.forward: mask must be (T=5, B=3), got (3, 5)"),
        ((T, B, I), (T, 1), "stack.forward: mask must be (T=5, B=3), got (5, 1)"),
        ((T, B, I), (), "stack.forward: mask must be (T=5, B=3), got ()"),
    ],
)
def test_forward_names_the_argument_that_does_not_fit(xs, mask, message):
    (params, _, _), _ = draw(rnn)
    with pytest.raises(ShapeError) as error:
        stack.forward(rnn, params, np.ones(xs), None, None if mask is None else np.ones(mask))
    assert str(error.value) == message


@pytest.mark.parametrize("second", [False, True])
def test_a_layer_that_does_not_fit_the_one_below_is_named(second, rng):
    (params, xs, _), _ = draw(rnn)
    fits, narrow = params[1].forwards, rnn.init(3, H, rng=rng)
    bad = Both(fits, narrow) if second else Both(narrow, fits)
    with pytest.raises(ShapeError) as error:
        stack.forward(rnn, (params[0], bad), xs)
    assert str(error.value) == (
        "stack.forward: W_x of params[1] must be (I=4, columns), got (3, 2)"
    )


@BOTH
def test_backward_refuses_output_gradients_of_another_shape(bidirectional):
    (params, xs, _), _ = draw(rnn, bidirectional=bidirectional)
    hs, _, tape = stack.forward(rnn, params, xs)
    wanted = "(T=5, B=3, 2H=4)" if bidirectional else "(T=5, B=3, H=2)"
    for bad in (hs[1:], hs[:, :1], hs[..., 1:], hs[0]):
        with pytest.raises(ShapeError) as error:
            stack.backward(rnn, params, tape, bad)
        assert str(error.value) == f"stack.backward: dhs must be {wanted}, got {bad.shape}"


# What stands between layers


def factors(bidirectional, layers=3, seed=4):
    """Draw what the outputs of each layer but the highest are multiplied with."""
    width = (1 + bidirectional) * H
    return tuple(np.random.default_rng(seed).normal(size=(layers - 1, B, width)))


@BOTH
def test_between_layers_the_outputs_are_multiplied_at_every_step(bidirectional):
    (params, xs, states), _ = draw(lstm, layers=3, bidirectional=bidirectional)
    between = factors(bidirectional)
    hs, states_T, _ = stack.forward(lstm, params, xs, states, between=between)
    below, ends = xs, []
    for layer in range(3):
        alone = slice(layer, layer + 1)
        below, end, _ = stack.forward(lstm, params[alone], below, states[alone])
        ends += end
        below = below * between[layer] if layer < 2 else below
    assert_equal(hs, below)
    assert_equal(states_T, tuple(ends))


@BOTH
def test_the_gradient_goes_back_through_what_stands_between(bidirectional):
    inputs, douts = draw(lstm, layers=3, bidirectional=bidirectional)
    between = factors(bidirectional)

    def loss(inputs):
        hs, states_T, _ = stack.forward(lstm, *inputs, between=between)
        return tree.dot(douts, (hs, states_T))

    _, _, tape = stack.forward(lstm, *inputs, between=between)
    assert_slope(loss, inputs, stack.backward(lstm, inputs[0], tape, *douts), seed=5)


def test_none_between_layers_multiplies_with_nothing():
    (params, xs, states), (dhs, dstates) = draw(rnn, layers=3, bidirectional=False)
    one = np.ones((B, H))
    plain = stack.forward(rnn, params, xs, states)
    for between in ((None, None), (one, None), (None, one)):
        hs, states_T, tape = stack.forward(rnn, params, xs, states, between=between)
        assert_equal((hs, states_T), plain[:2])
        back = stack.backward(rnn, params, tape, dhs, dstates)
        assert_equal(back, stack.backward(rnn, params, plain[2], dhs, dstates))


def test_what_does_not_fit_between_layers_is_named():
    (params, xs, _), _ = draw(rnn, layers=3, bidirectional=False)
    one = np.ones((B, H))
    with pytest.raises(ValueError, match=r"between must have an entry .*, 2, got 1$"):
        stack.forward(rnn, params, xs, between=(one,))
    with pytest.raises(ShapeError) as error:
        stack.forward(rnn, params, xs, between=(one, np.ones((1, H))))
    assert str(error.value) == ("stack.forward: between[1] must be (B=3, columns=2), got (1, 2)")


@pytest.mark.parametrize("cell", CELLS)
def test_a_single_step_of_all_layers_is_that_of_a_run(cell):
    (params, xs, states), _ = draw(cell, bidirectional=False)
    hs, states_T, _ = stack.forward(cell, params, xs[:1], states)
    h, after = stack.step(cell, params, xs[0], states)
    assert_close((h, after), (hs[0], states_T))


@pytest.mark.parametrize("wrong", [None, 1, (), np.ones((2, 2))])
def test_an_entry_that_is_no_weights_is_named(cell, rng, wrong):
    params, xs = stack.init(cell, 3, 2, layers=2, rng=rng), np.ones((4, 2, 3))
    hs, _, tape = stack.forward(cell, params, xs)
    for layer in (0, 1):
        broken = tuple(wrong if n == layer else p for n, p in enumerate(params))
        message = (
            rf"^stack\.(forward|backward): params\[{layer}\] must be weights of the cell, got "
        )
        with pytest.raises(TypeError, match=message):
            stack.forward(cell, broken, xs)
        with pytest.raises(TypeError, match=message):
            stack.backward(cell, broken, tape, hs)


@pytest.mark.parametrize("wrong", [None, 1.0, np.ones((2, 2)), torch.ones(2, 2), "ab"])
def test_factors_between_layers_that_are_no_tuple_are_a_type_error(cell, rng, wrong):
    params = stack.init(cell, 3, 2, layers=2, rng=rng)
    with pytest.raises(TypeError, match=r"^stack\.forward: between must be a tuple of arrays, got"):
        stack.forward(cell, params, np.ones((4, 2, 3)), between=wrong)
