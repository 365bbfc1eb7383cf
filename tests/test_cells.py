"""Every cell keeps these, alone and unrolled over time."""

import numpy as np
import pytest
from helpers import (
    ALL_CELLS,
    SEEDS,
    SIZES,
    Inputs,
    Outputs,
    assert_close,
    assert_equal,
    assert_slopes,
    differences,
    draw,
    draw_mask,
    gradient,
    run,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt import tree, unroll
from bptt.shapes import ShapeError

T, B, I, H = 5, 3, 4, 2


@pytest.fixture(scope="module", params=ALL_CELLS, ids=lambda cell: cell.__name__)
def cell(request):
    return request.param


def rows(state, chosen):
    return tree.map(lambda a: a[chosen], state)


# The derivative


@pytest.mark.parametrize("mask", [None, np.array([[1, 0, 1], [0, 0, 1], [1, 1, 1]], bool)])
def test_each_entry_of_the_gradient_matches_central_differences(cell, mask):
    inputs, douts = draw(cell, T=3, B=3, I=3, H=2)
    want = differences(lambda at: tree.dot(douts, run(cell, at, mask)), inputs)
    assert_close(gradient(cell, inputs, douts, mask), want, tol=1e-7)


@given(SIZES, SEEDS)
@settings(max_examples=12)
def test_step_backward_has_the_slopes_of_the_step(cell, sizes, seed):
    (params, (x, *_), state), (_, dstate) = draw(cell, *sizes, seed=seed)
    _, saved = cell.step(params, x, state)
    grads = Inputs(*cell.step_backward(params, saved, dstate))
    at = Inputs(params, x, state)
    assert_slopes(lambda at: tree.dot(dstate, cell.step(*at)[0]), at, grads)


@given(SIZES, SEEDS)
@settings(max_examples=6)
def test_backward_has_the_slopes_of_the_run(cell, sizes, seed):
    inputs, douts = draw(cell, *sizes, seed=seed)
    grads = gradient(cell, inputs, douts)
    assert_slopes(lambda at: tree.dot(douts, run(cell, at)), inputs, grads)


@given(SIZES, SEEDS)
@settings(max_examples=6)
def test_backward_with_a_mask_has_the_slopes_of_the_run(cell, sizes, seed):
    inputs, douts = draw(cell, *sizes, seed=seed)
    mask = draw_mask(*sizes[:2], seed)
    grads = gradient(cell, inputs, douts, mask)
    assert_slopes(lambda at: tree.dot(douts, run(cell, at, mask)), inputs, grads)


@given(SIZES, SEEDS)
def test_backward_is_linear_in_what_comes_from_the_loss(cell, sizes, seed):
    inputs, one = draw(cell, *sizes, seed=seed)
    _, other = draw(cell, *sizes, seed=seed + 1)
    both = gradient(cell, inputs, tree.map(lambda a, b: 3 * a - b, one, other))
    parts = gradient(cell, inputs, one), gradient(cell, inputs, other)
    assert_close(both, tree.map(lambda a, b: 3 * a - b, *parts), tol=1e-11)


# One run in parts


@given(SIZES, SEEDS, st.data())
def test_two_chunks_give_what_the_whole_gives(cell, sizes, seed, data):
    (params, xs, state), (dhs, dstate_T) = draw(cell, max(2, sizes[0]), *sizes[1:], seed=seed)
    cut = data.draw(st.integers(1, len(xs) - 1))

    early_hs, middle, early = unroll.forward(cell, params, xs[:cut], state)
    late_hs, state_T, late = unroll.forward(cell, params, xs[cut:], middle)
    late_dparams, late_dxs, dmiddle = unroll.backward(cell, params, late, dhs[cut:], dstate_T)
    early_dparams, early_dxs, dstate = unroll.backward(cell, params, early, dhs[:cut], dmiddle)

    hs, dxs = np.concatenate([early_hs, late_hs]), np.concatenate([early_dxs, late_dxs])
    dparams = tree.map(np.add, early_dparams, late_dparams)
    inputs = Inputs(params, xs, state)
    assert_close(Outputs(hs, state_T), run(cell, inputs))
    assert_close(Inputs(dparams, dxs, dstate), gradient(cell, inputs, Outputs(dhs, dstate_T)))


@given(SIZES, SEEDS)
def test_each_row_of_a_batch_runs_as_if_alone_and_adds_to_the_weights(cell, sizes, seed):
    (params, xs, state), (dhs, dstate_T) = inputs, douts = draw(cell, *sizes, seed=seed)
    outs, grads = run(cell, inputs), gradient(cell, inputs, douts)
    dparams = tree.map(np.zeros_like, params)
    for b in range(xs.shape[1]):
        alone = Inputs(params, xs[:, [b]], rows(state, [b]))
        alone_douts = Outputs(dhs[:, [b]], rows(dstate_T, [b]))
        assert_close(run(cell, alone), Outputs(outs.hs[:, [b]], rows(outs.state_T, [b])))
        dparams_b, *dinputs_b = gradient(cell, alone, alone_douts)
        assert_close(dinputs_b[0], grads.xs[:, [b]])
        assert_close(dinputs_b[1], rows(grads.state, [b]))
        dparams = tree.map(np.add, dparams, dparams_b)
    assert_close(grads.params, dparams, tol=1e-11)


def test_one_step_of_forward_is_the_step_of_the_cell(cell):
    (params, xs, state), _ = draw(cell, T=1)
    hs, state_T, _ = unroll.forward(cell, params, xs, state)
    new, _ = cell.step(params, xs[0], state)
    assert_equal(state_T, new)
    assert_equal(hs[0], new.h)


# Masks


@pytest.mark.parametrize("padding", [0.0, np.nan, np.inf])
def test_a_padded_sequence_gives_what_the_shorter_one_gives(cell, padding):
    inputs, douts = draw(cell)
    params, xs, state = inputs
    padded = np.concatenate([xs, np.full((3, B, I), padding)])
    mask = np.arange(len(padded))[:, None] < np.full(B, T)
    dhs = np.concatenate([douts.hs, np.zeros((3, B, H))])

    outs = run(cell, Inputs(params, padded, state), mask)
    grads = gradient(cell, Inputs(params, padded, state), Outputs(dhs, douts.state_T), mask)

    short = run(cell, inputs)
    assert_equal(Outputs(outs.hs[:T], outs.state_T), short)
    assert_equal(outs.hs[T:], np.stack([short.hs[-1]] * 3))
    assert_equal(grads._replace(xs=grads.xs[:T]), gradient(cell, inputs, douts))
    assert not grads.xs[T:].any()


@given(SIZES, SEEDS)
def test_a_sequence_with_gaps_gives_what_it_gives_alone_without_them(cell, sizes, seed):
    (params, xs, state), (dhs, dstate_T) = draw(cell, *sizes, seed=seed)
    mask = draw_mask(*sizes[:2], seed)
    xs = np.where(mask[..., None], xs, np.nan)
    dhs = np.where(mask[..., None], dhs, 0)
    outs = run(cell, Inputs(params, xs, state), mask)
    grads = gradient(cell, Inputs(params, xs, state), Outputs(dhs, dstate_T), mask)

    dparams = tree.map(np.zeros_like, params)
    for b, live in enumerate(mask.T):
        start, dend = rows(state, [b]), rows(dstate_T, [b])
        alone, alone_grads = Outputs(xs[:0], start), Inputs(dparams, xs[:0], dend)
        if live.any():
            inputs = Inputs(params, xs[live][:, [b]], start)
            alone = run(cell, inputs)
            alone_grads = gradient(cell, inputs, Outputs(dhs[live][:, [b]], dend))
            assert_close(outs.hs[live][:, [b]], alone.hs)
            assert_close(grads.xs[live][:, [b]], alone_grads.xs)
            dparams = tree.map(np.add, dparams, alone_grads.params)
        assert_close(rows(outs.state_T, [b]), alone.state_T)
        assert_close(rows(grads.state, [b]), alone_grads.state)
    assert_close(grads.params, dparams)
    assert not grads.xs[~mask].any()


@given(SIZES, SEEDS)
def test_a_masked_step_carries_the_state_over(cell, sizes, seed):
    inputs, _ = draw(cell, *sizes, seed=seed)
    mask = draw_mask(*sizes[:2], seed)
    hs = run(cell, inputs, mask).hs
    before = np.concatenate([inputs.state.h[None], hs[:-1]])
    assert_equal(hs[~mask], before[~mask])
    assert (hs[mask] != before[mask]).all()


def test_a_mask_that_is_all_true_changes_nothing(cell):
    inputs, douts = draw(cell)
    mask = np.ones((T, B), bool)
    assert_equal(run(cell, inputs, mask), run(cell, inputs))
    assert_equal(gradient(cell, inputs, douts, mask), gradient(cell, inputs, douts))


def test_a_mask_of_zeros_and_ones_in_lists_is_a_mask(cell):
    inputs, douts = draw(cell)
    mask = draw_mask(T, B, seed=3)
    numbers = mask.astype(int).tolist()
    assert_equal(run(cell, inputs, numbers), run(cell, inputs, mask))
    assert_equal(gradient(cell, inputs, douts, numbers), gradient(cell, inputs, douts, mask))


# What goes in and what comes out


def test_gradients_have_the_shapes_and_types_of_what_they_belong_to(cell):
    inputs, douts = draw(cell)
    outs, grads = run(cell, inputs), gradient(cell, inputs, douts)
    assert outs.hs.shape == (T, B, H)
    for got, like in ((outs.state_T, inputs.state), (grads, inputs)):
        shapes = tree.map(lambda a, b: np.array(np.shape(a) == np.shape(b)), got, like)
        assert all(same for _, same in tree.leaves(shapes))


def test_no_state_means_zeros_at_both_ends(cell):
    (params, xs, _), (dhs, _) = draw(cell)
    zero = cell.zero_state(params, B)
    hs, state_T, tape = unroll.forward(cell, params, xs)
    assert not any(leaf.any() for _, leaf in tree.leaves(zero))
    assert_equal(Outputs(hs, state_T), run(cell, Inputs(params, xs, zero)))
    got = Inputs(*unroll.backward(cell, params, tape, dhs))
    assert_equal(got, Inputs(*unroll.backward(cell, params, tape, dhs, zero)))


def test_the_last_output_is_the_output_of_the_last_state(cell):
    outs = run(cell, draw(cell)[0])
    assert_equal(outs.hs[-1], outs.state_T.h)


@pytest.mark.parametrize("mask", [None, np.arange(T)[:, None] < [2, 5, 3]])
def test_everything_follows_the_dtype_of_the_weights(cell, mask):
    inputs, douts = draw(cell)
    params = tree.map(np.float32, inputs.params)
    for xs in (inputs.xs, np.float32(inputs.xs)):
        narrow = Inputs(params, xs, inputs.state)
        outs, grads = run(cell, narrow, mask), gradient(cell, narrow, douts, mask)
        dtypes = {leaf.dtype for got in (outs, grads) for _, leaf in tree.leaves(got)}
        assert dtypes == {np.dtype(np.float32)}
        assert_close(outs, run(cell, inputs, mask), tol=1e-5)
        assert_close(grads, gradient(cell, inputs, douts, mask), tol=1e-5)


def test_a_single_step_follows_the_dtype_of_the_weights(cell):
    (params, (x, *_), state), (_, dstate) = draw(cell)
    params = tree.map(np.float32, params)
    new, saved = cell.step(params, x, state)
    grads = Inputs(*cell.step_backward(params, saved, dstate))
    assert {leaf.dtype for got in (new, grads) for _, leaf in tree.leaves(got)} == {
        np.dtype(np.float32)
    }


def test_lists_and_integers_are_converted(cell, rng):
    (params, _, _), (dhs, dstate_T) = draw(cell)
    whole = rng.integers(-2, 3, size=(T, B, I))
    want = run(cell, Inputs(params, whole.astype(float), cell.zero_state(params, B)))
    for xs in (whole, whole.tolist()):
        hs, state_T, tape = unroll.forward(cell, params, xs)
        assert_equal(Outputs(hs, state_T), want)
        got = Inputs(*unroll.backward(cell, params, tape, dhs.tolist(), dstate_T))
        assert_equal(got, Inputs(*unroll.backward(cell, params, tape, dhs, dstate_T)))


@pytest.mark.parametrize("masked", [False, True])
def test_nothing_is_mutated(cell, masked):
    mask = draw_mask(T, B, seed=3) if masked else None
    before = draw(cell)
    frozen = draw(cell)
    for half in frozen:
        for _, leaf in tree.leaves(half):
            leaf.flags.writeable = False
    first = gradient(cell, *frozen, mask)
    assert_equal(first, gradient(cell, *frozen, mask))
    for kept, copy in zip(frozen, before, strict=True):
        assert_equal(kept, copy)


def test_a_tape_can_be_walked_twice(cell):
    inputs, douts = draw(cell)
    _, _, tape = unroll.forward(cell, *inputs)
    first = Inputs(*unroll.backward(cell, inputs.params, tape, *douts))
    assert_equal(Inputs(*unroll.backward(cell, inputs.params, tape, *douts)), first)


# What does not fit


@pytest.mark.parametrize("sizes", [(0, B, I), (T, 0, I), (T, B, 0)])
def test_no_step_no_sequence_and_no_input_are_shape_errors(cell, sizes):
    (params, _, _), _ = draw(cell)
    with pytest.raises(ShapeError, match=r"with no empty axis, got \(\d, \d, \d\)"):
        unroll.forward(cell, params, np.zeros(sizes))


@pytest.mark.parametrize("shape", [(T, B), (B, I), (T, B, I, 1), (T, B, I + 1)])
def test_inputs_of_a_wrong_shape_are_shape_errors(cell, shape):
    (params, _, _), _ = draw(cell)
    with pytest.raises(ShapeError, match="must be"):
        unroll.forward(cell, params, np.ones(shape))


def test_integer_weights_are_a_type_error(cell):
    (params, xs, _), _ = draw(cell)
    with pytest.raises(TypeError, match="floating-point"):
        unroll.forward(cell, tree.map(np.int64, params), xs)


@pytest.mark.parametrize("batch", [0, -1])
def test_a_state_of_no_sequences_is_a_shape_error(cell, batch):
    (params, _, _), _ = draw(cell)
    with pytest.raises(ShapeError, match=f"batch must be at least 1, got {batch}"):
        cell.zero_state(params, batch)


@pytest.mark.parametrize("sizes", [(0, 2), (4, 0), (-1, 2)])
def test_no_inputs_or_no_units_are_a_value_error(cell, sizes, rng):
    with pytest.raises(ValueError, match="at least 1"):
        cell.init(*sizes, rng=rng)


def test_equal_seeds_draw_equal_weights(cell):
    one, same, other = (cell.init(I, H, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert_equal(one, same)
    assert not np.array_equal(one.W_x, other.W_x)
    if "W_h" in cell.Params._fields:
        assert not np.array_equal(one.W_h, other.W_h)


def test_init_draws_the_dtype_it_is_asked_for(cell, rng):
    for dtype in (np.float32, np.float64):
        params = cell.init(I, H, rng=rng, dtype=dtype)
        assert {leaf.dtype for _, leaf in tree.leaves(params)} == {np.dtype(dtype)}
        assert cell.zero_state(params, B).h.dtype == dtype
