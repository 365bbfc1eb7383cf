"""Fused runs: what `unroll` returns, for every cell, size, mask and way to multiply."""

import math
import re

import numpy as np
import pytest
from helpers import (
    SEEDS,
    SIZES,
    Inputs,
    Outputs,
    assert_close,
    assert_equal,
    draw,
    draw_mask,
    gradient,
    run,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt import fused, gru, lstm, rnn, tree, unroll
from bptt.fused import products, steps
from bptt.shapes import ShapeError

T, B, I, H = 5, 3, 4, 2

# How many numbers a cell keeps for each step, sequence and unit, and for the state before.
KEPT = {rnn: (1, 1), lstm: (6, 2), gru: (5, 1)}


def fused_run(cell, inputs, mask=None, **options):
    hs, state_T, tape = fused.forward(cell, *inputs, mask, **options)
    return Outputs(hs, state_T), tape


def fused_both(cell, inputs, douts, mask=None, **options):
    outs, tape = fused_run(cell, inputs, mask, **options)
    return outs, Inputs(*fused.backward(cell, inputs.params, tape, *douts))


def assert_as_unrolled(cell, inputs, douts, mask=None, **options):
    outs, grads = fused_both(cell, inputs, douts, mask, **options)
    assert_close(outs, run(cell, inputs, mask))
    assert_close(grads, gradient(cell, inputs, douts, mask))


# The same results


@given(SIZES, SEEDS)
def test_a_fused_run_and_all_its_gradients_are_those_of_the_unrolled(cell, sizes, seed):
    assert_as_unrolled(cell, *draw(cell, *sizes, seed=seed))


@given(SIZES, SEEDS)
def test_a_fused_run_with_a_mask_is_the_unrolled(cell, sizes, seed):
    inputs, douts = draw(cell, *sizes, seed=seed)
    mask = draw_mask(*sizes[:2], seed)
    params, xs, state = inputs
    inputs = Inputs(params, np.where(mask[..., None], xs, np.nan), state)
    assert_as_unrolled(cell, inputs, douts, mask)


@given(SIZES, SEEDS, st.integers(1, 13), st.booleans())
def test_a_run_that_recomputes_is_the_unrolled(cell, sizes, seed, every, masked):
    mask = draw_mask(*sizes[:2], seed) if masked else None
    assert_as_unrolled(cell, *draw(cell, *sizes, seed=seed), mask, recompute_every=every)


@pytest.mark.parametrize("unpacked", [0, 100 * 16, 100 * 40, 100 * 60, 10**9])
@pytest.mark.parametrize("units", [15, 16, 17, 33, 50])
def test_the_tiles_of_a_product_change_nothing(cell, unpacked, units, monkeypatch):
    monkeypatch.setattr(products, "UNPACKED", unpacked)
    inputs, douts = draw(cell, 3, 2, 4, units)
    assert_as_unrolled(cell, inputs, douts)


@pytest.mark.parametrize("cached", [1, 4, 8, 2**20])
def test_the_spans_of_the_way_back_change_nothing(cell, cached, monkeypatch):
    monkeypatch.setattr(steps, "CACHED", cached)
    assert_as_unrolled(cell, *draw(cell, 7, 2, 3, 2), draw_mask(7, 2, seed=3))


def test_a_long_run_of_many_units_is_the_unrolled(cell):
    inputs, douts = draw(cell, 100, 3, 4, 40)
    params = cell.init(4, 40, rng=np.random.default_rng(1))  # as drawn, so that nothing saturates
    assert_as_unrolled(cell, inputs._replace(params=params), douts)


@given(SIZES, SEEDS, st.data())
@settings(max_examples=20)
def test_two_fused_chunks_give_what_the_whole_gives(cell, sizes, seed, data):
    inputs, (dhs, dstate_T) = draw(cell, max(2, sizes[0]), *sizes[1:], seed=seed)
    params, xs, state = inputs
    cut = data.draw(st.integers(1, len(xs) - 1))
    early_outs, early = fused_run(cell, Inputs(params, xs[:cut], state))
    late_outs, late = fused_run(cell, Inputs(params, xs[cut:], early_outs.state_T))
    late_dparams, late_dxs, dmiddle = fused.backward(cell, params, late, dhs[cut:], dstate_T)
    dparams, early_dxs, dstate = fused.backward(cell, params, early, dhs[:cut], dmiddle)
    outs = Outputs(np.concatenate([early_outs.hs, late_outs.hs]), late_outs.state_T)
    dparams = tree.map(np.add, dparams, late_dparams)
    dxs = np.concatenate([early_dxs, late_dxs])
    assert_close(outs, run(cell, inputs))
    whole = gradient(cell, inputs, Outputs(dhs, dstate_T))
    assert_close(Inputs(dparams, dxs, dstate), whole)


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("every", [None, 2])
def test_a_fused_run_follows_the_dtype_of_the_weights(cell, batch, masked, every):
    inputs, douts = draw(cell, B=batch)
    mask = draw_mask(T, batch, seed=3) if masked else None
    params = tree.map(np.float32, inputs.params)
    got = fused_both(cell, inputs._replace(params=params), douts, mask, recompute_every=every)
    want = run(cell, inputs, mask), gradient(cell, inputs, douts, mask)
    assert {leaf.dtype for half in got for _, leaf in tree.leaves(half)} == {np.dtype(np.float32)}
    for one, other in zip(got, want, strict=True):
        assert_close(one, other, tol=1e-5)


def test_no_state_means_zeros_at_both_ends_of_a_fused_run(cell):
    (params, xs, _), (dhs, _) = draw(cell)
    zero = cell.zero_state(params, B)
    hs, state_T, tape = fused.forward(cell, params, xs)
    outs, grads = fused_both(cell, Inputs(params, xs, zero), Outputs(dhs, zero))
    assert_equal(Outputs(hs, state_T), outs)
    assert_equal(Inputs(*fused.backward(cell, params, tape, dhs)), grads)


def test_a_mask_that_is_all_true_changes_no_bit_of_a_fused_run(cell):
    inputs, douts = draw(cell)
    for got, want in zip(
        fused_both(cell, inputs, douts, np.ones((T, B), bool)),
        fused_both(cell, inputs, douts),
        strict=True,
    ):
        assert_equal(got, want)


def test_lists_are_converted_by_a_fused_run(cell):
    inputs, douts = draw(cell)
    hs, state_T, tape = fused.forward(cell, inputs.params, inputs.xs.tolist(), inputs.state)
    grads = fused.backward(cell, inputs.params, tape, douts.hs.tolist(), douts.state_T)
    outs, want = fused_both(cell, inputs, douts)
    assert_equal(Outputs(hs, state_T), outs)
    assert_equal(Inputs(*grads), want)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("every", [None, 2])
def test_a_gradient_that_is_not_finite_is_passed_on_where_there_is_no_step(cell, bad, every):
    inputs, douts = draw(cell)
    mask = np.ones((T, B), bool)
    mask[:2, 0] = False
    mask[:, 1] = False
    dhs = np.where(mask[..., None], douts.hs, bad)
    dstate_T = tree.map(lambda a: np.where(mask[-1][:, None], a, bad), douts.state_T)
    want = gradient(cell, inputs, Outputs(dhs, dstate_T), mask)
    _, got = fused_both(cell, inputs, Outputs(dhs, dstate_T), mask, recompute_every=every)
    assert all(np.isfinite(leaf).all() for _, leaf in tree.leaves((got.params, got.xs)))
    assert_close(got.params, want.params)
    assert_close(got.xs, want.xs)
    tree.map(np.testing.assert_allclose, got.state, want.state)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_order_of_arrays_in_memory_changes_nothing(cell, batch):
    inputs, douts = draw(cell, B=batch)
    fortran = tree.map(np.asfortranarray, inputs)
    strided = tree.map(lambda a: np.repeat(a, 2, axis=-1)[..., ::2], inputs)
    backwards = tree.map(lambda a: a[::-1].copy()[::-1], inputs)
    for other in (fortran, strided, backwards):
        assert_as_unrolled(cell, other, tree.map(np.asfortranarray, douts))


# Memory


@pytest.mark.parametrize("batch", [1, 3])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("every", [None, 2])
def test_a_fused_run_mutates_nothing_and_its_tape_can_be_walked_twice(cell, batch, masked, every):
    mask = draw_mask(T, batch, seed=3) if masked else None
    inputs, douts = frozen = draw(cell, B=batch)
    for half in frozen:
        for _, leaf in tree.leaves(half):
            leaf.flags.writeable = False
    outs, tape = fused_run(cell, inputs, mask, recompute_every=every)
    before = tree.map(np.copy, outs)
    first = Inputs(*fused.backward(cell, inputs.params, tape, *douts))
    again = Inputs(*fused.backward(cell, inputs.params, tape, *douts))
    assert_equal(again, first)
    assert_equal(outs, before)
    for kept, copy in zip(frozen, draw(cell, B=batch), strict=True):
        assert_equal(kept, copy)


def test_the_outputs_of_a_fused_run_cannot_be_overwritten_since_the_way_back_reads_them(cell):
    outs, _ = fused_run(cell, draw(cell)[0])
    with pytest.raises(ValueError, match="read-only"):
        outs.hs[0] = 0


def test_the_last_state_of_a_fused_run_does_not_hold_on_to_the_others(cell):
    outs, _ = fused_run(cell, draw(cell)[0])
    assert all(leaf.base is None for _, leaf in tree.leaves(outs.state_T))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_bytes_that_a_tape_keeps_are_those_counted_by_hand(cell, dtype):
    params = tree.map(dtype, draw(cell)[0].params)
    xs = np.zeros((T, B, I))
    each, before = KEPT[cell]
    _, _, tape = fused.forward(cell, params, xs)
    assert fused.kept_bytes(tape) == (each * T + before) * B * H * np.dtype(dtype).itemsize


@pytest.mark.parametrize(("every", "parts"), [(1, 5), (2, 3), (3, 2), (5, 1), (9, 1)])
def test_a_run_that_recomputes_keeps_one_state_for_each_part(cell, every, parts):
    params, xs, _ = draw(cell)[0]
    _, _, tape = fused.forward(cell, params, xs, recompute_every=every)
    _, states = KEPT[cell]
    assert fused.kept_bytes(tape) == parts * states * B * H * 8


# What does not fit


@pytest.mark.parametrize("stranger", [unroll, "lstm", None, [rnn]])
def test_a_cell_that_fused_does_not_know_is_a_type_error(stranger):
    params, xs, _ = draw(rnn)[0]
    assert not fused.knows(stranger)
    with pytest.raises(TypeError, match=r"^fused.forward: cell must be bptt.rnn, .* any cell$"):
        fused.forward(stranger, params, xs)
    _, _, tape = fused.forward(rnn, params, xs)
    with pytest.raises(TypeError, match=r"^fused.backward: cell must be bptt.rnn"):
        fused.backward(stranger, params, tape, np.zeros((T, B, H)))


def test_fused_knows_the_cells_of_the_library(cell):
    assert fused.knows(cell)


def test_a_tape_of_another_cell_or_of_another_run_is_a_type_error():
    params, xs, _ = draw(rnn)[0]
    _, _, tape = fused.forward(rnn, params, xs)
    _, _, unrolled = unroll.forward(lstm, draw(lstm)[0].params, xs)
    want = r"^fused.backward: tape must be what fused.forward returned with bptt.lstm, got "
    for foreign, got in ((tape, "one of bptt.rnn"), (unrolled, "Tape"), (None, "NoneType")):
        with pytest.raises(TypeError, match=f"{want}{got}$"):
            fused.backward(lstm, draw(lstm)[0].params, foreign, np.zeros((T, B, H)))


def test_weights_of_another_dtype_than_ran_forwards_are_a_type_error(cell):
    params, xs, _ = draw(cell)[0]
    _, _, tape = fused.forward(cell, params, xs)
    want = r"^fused.backward: params must be those that ran forwards, in float64, got float32$"
    with pytest.raises(TypeError, match=want):
        fused.backward(cell, tree.map(np.float32, params), tape, np.zeros((T, B, H)))


@pytest.mark.parametrize("sizes", [(0, B, I), (T, 0, I), (T, B, 0)])
def test_no_step_no_sequence_and_no_input_of_a_fused_run_are_shape_errors(cell, sizes):
    with pytest.raises(ShapeError, match=r"^fused.forward: xs must .* empty axis"):
        fused.forward(cell, draw(cell)[0].params, np.zeros(sizes))


@pytest.mark.parametrize("shape", [(T, B), (T, B, I, 1), (T, B, I + 1)])
def test_inputs_of_a_wrong_shape_of_a_fused_run_are_shape_errors(cell, shape):
    with pytest.raises(ShapeError, match=r"^fused.forward: xs must be"):
        fused.forward(cell, draw(cell)[0].params, np.ones(shape))


def test_integer_weights_of_a_fused_run_are_a_type_error(cell):
    params, xs, _ = draw(cell)[0]
    with pytest.raises(TypeError, match="floating-point"):
        fused.forward(cell, tree.map(np.int64, params), xs)


def test_a_state_that_does_not_fit_a_fused_run_is_named(cell):
    (params, xs, state), (dhs, dstate) = draw(cell)
    _, _, tape = fused.forward(cell, params, xs)
    for call, name in (
        (lambda s: fused.forward(cell, params, xs, s), "fused.forward: state"),
        (lambda s: fused.backward(cell, params, tape, dhs, s), "fused.backward: dstate_T"),
    ):
        with pytest.raises(ShapeError, match=rf"^{name}\.h must be \(B=3, H=2\), got \(2, 2\)"):
            call(tree.map(lambda a: a[1:], state))
        with pytest.raises(TypeError, match=f"^{name} must be a {cell.__name__}.State"):
            call(tuple(dstate))


@pytest.mark.parametrize("shape", [(T - 1, B, H), (T, B + 1, H), (T, B, H + 1), (B, H)])
def test_output_gradients_of_a_wrong_shape_are_shape_errors(cell, shape):
    params, xs, _ = draw(cell)[0]
    _, _, tape = fused.forward(cell, params, xs)
    with pytest.raises(ShapeError, match=r"^fused.backward: dhs must be \(T=5, B=3, H=2\)"):
        fused.backward(cell, params, tape, np.zeros(shape))


def test_weights_of_other_sizes_than_ran_forwards_are_shape_errors(cell, rng):
    params, xs, _ = draw(cell)[0]
    _, _, tape = fused.forward(cell, params, xs)
    wider, taller = cell.init(I + 1, H, rng=rng), cell.init(I, H + 1, rng=rng)
    with pytest.raises(ShapeError, match=r"^fused.backward: params.W_x must be \(I=4, columns\)"):
        fused.backward(cell, wider, tape, np.zeros((T, B, H)))
    with pytest.raises(ShapeError, match=r"^fused.backward: the state of the tape must be"):
        fused.backward(cell, taller, tape, np.zeros((T, B, H + 1)))


@pytest.mark.parametrize("every", [0, -1])
def test_to_recompute_every_zero_steps_is_a_value_error(cell, every):
    params, xs, _ = draw(cell)[0]
    want = f"^fused.forward: recompute_every must be at least 1, got {every}$"
    with pytest.raises(ValueError, match=want):
        fused.forward(cell, params, xs, recompute_every=every)


@pytest.mark.parametrize("every", [2.0, 2.5, math.nan, "2", [2]])
def test_to_recompute_every_broken_number_of_steps_is_a_type_error(cell, every):
    params, xs, _ = draw(cell)[0]
    want = "^fused.forward: recompute_every must be a whole number, got "
    with pytest.raises(TypeError, match=want + re.escape(repr(every))):
        fused.forward(cell, params, xs, recompute_every=every)


@pytest.mark.parametrize("every", [np.int8(100), np.uint8(200)])
def test_a_small_integer_type_does_not_overflow(cell, every):
    inputs, douts = draw(cell, T=300, B=1, I=1, H=1)
    assert_as_unrolled(cell, inputs, douts, recompute_every=every)


def test_a_mask_that_does_not_fit_a_fused_run_is_named(cell):
    params, xs, _ = draw(cell)[0]
    with pytest.raises(ShapeError, match=r"^fused.forward: mask must be \(T=5, B=3\)"):
        fused.forward(cell, params, xs, mask=np.ones((B, T)))
    with pytest.raises(ValueError, match=r"^fused.forward: mask must hold True and False"):
        fused.forward(cell, params, xs, mask=np.full((T, B), 0.5))


# The parts


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 600))
def test_spans_hold_each_step_once_from_the_last_to_the_first(T, B, H):
    spans = steps.spans(T, B, H)
    back = [t for span in spans for t in reversed(range(T)[span])]
    assert back == list(reversed(range(T)))
    longest = max(span.stop - span.start for span in spans)
    assert longest == 1 or longest * B * H <= steps.CACHED
    assert len(spans) == 1 or (longest + 1) * B * H > steps.CACHED  # no shorter than need be


@given(st.integers(1, 64), st.integers(1, 1200), st.integers(1, 1200))
def test_the_width_of_a_tile_is_not_packed_or_that_of_the_block(batch, K, N):
    for unpacked in (0, 10**6):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(products, "UNPACKED", unpacked)
            n = products.width(batch, K, N)
        fits = [m for m in range(16, N, 16) if batch * K * m <= unpacked]
        if batch * K * N <= unpacked or not fits:
            assert n == N
        else:
            assert n in fits
            assert -(-N // n) * n == min(-(-N // m) * m for m in fits)
            assert n == max(m for m in fits if -(-N // m) * m == -(-N // n) * n)


@pytest.mark.parametrize(("N", "n"), [(6, 2), (7, 2), (7, 7), (5, 3)])
def test_tiles_side_by_side_are_the_blocks_filled_up_with_zeros(N, n, rng, monkeypatch):
    monkeypatch.setattr(products, "width", lambda *_: n)
    blocks = [rng.normal(size=(4, N)) for _ in range(3)]
    tiles = products.cut(blocks, 2)
    assert tiles.flags.c_contiguous
    columns = np.concatenate(list(np.moveaxis(tiles, 1, 0)), axis=-1)
    np.testing.assert_array_equal(columns[..., :N], blocks)
    assert not columns[..., N:].any()
    assert columns.shape[-1] - N < n


def config(blas, found):
    """Return what NumPy says of its build; it leaves out what is empty."""
    extensions = {} if found is None else {"SIMD Extensions": {"found": found}}
    return (
        extensions
        if blas is None
        else {"Build Dependencies": {"blas": {"name": blas}}} | extensions
    )


@pytest.mark.parametrize(
    ("blas", "found", "most"),
    [
        ("scipy-openblas", ["X86_V3", "X86_V4"], 10**6),
        ("openblas", ["AVX2", "AVX512F", "AVX512_SKX"], 10**6),
        ("scipy-openblas", ["X86_V3", "AVX2"], 0),
        ("scipy-openblas", None, 0),
        ("mkl", ["AVX512F"], 0),
        ("accelerate", None, 0),
        (None, None, 0),
    ],
)
def test_only_openblas_with_avx_512_multiplies_unpacked(blas, found, most, monkeypatch):
    monkeypatch.setattr(np, "show_config", lambda **_: config(blas, found))
    assert products.unpacked() == most
