"""A step that is masked is not taken: nothing of it leaks, however large or broken it is."""

import warnings

import numpy as np
import pytest
from helpers import CELLS, SEEDS, SIZES, draw, draw_mask
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt import fused, stack, tree, unroll

HUGE = [1e300, -1e300, 1e38, np.inf, -np.inf, np.nan]
RUNS = pytest.mark.parametrize("over_time", [unroll, fused], ids=["unroll", "fused"])
each_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.__name__)


def both_ways(over_time, cell, inputs, douts, mask, **options):
    """Run both ways with every warning an error."""
    params, xs, state = inputs
    with warnings.catch_warnings(), np.errstate(all="warn", under="ignore"):
        warnings.simplefilter("error")
        hs, state_T, tape = over_time.forward(cell, params, xs, state, mask, **options)
        return hs, state_T, *over_time.backward(cell, params, tape, *douts)


def assert_same(got, want, tol=1e-12):
    """Insist on the same numbers, with NaN and infinities at the same places."""

    def same(a, b):
        finite = np.isfinite(b)
        np.testing.assert_array_equal(np.where(np.isfinite(a), 0, a), np.where(finite, 0, b))
        scale = np.abs(b[finite]).max(initial=0)
        np.testing.assert_array_less(np.abs(a[finite] - b[finite]), tol * scale + 1e-300)

    tree.map(same, got, want)


def broken(cell, sizes, seed, value):
    """Draw a run whose last sequence is masked throughout, and broken in all that is not read."""
    (params, xs, state), (dhs, dstate) = draw(cell, *sizes, seed=seed)
    mask = draw_mask(*sizes[:2], seed)
    mask[:, -1] = False
    xs = np.where(mask[..., None], xs, value)
    state = tree.map(lambda a: np.where(np.arange(len(a))[:, None] == len(a) - 1, value, a), state)
    return (params, xs, state), (dhs, dstate), mask


@RUNS
@each_cell
@given(SIZES, SEEDS, st.sampled_from(HUGE))
def test_a_sequence_without_a_step_changes_nothing_of_the_others(
    over_time, cell, sizes, seed, value
):
    inputs, douts, mask = broken(cell, sizes, seed, value)
    hs, state_T, dparams, dxs, dstate_0 = both_ways(over_time, cell, inputs, douts, mask)
    np.testing.assert_array_equal(hs[:, -1], inputs[2].h[None, -1].repeat(len(hs), 0))
    tree.map(lambda a, b: np.testing.assert_array_equal(a[-1], b[-1]), state_T, inputs[2])
    np.testing.assert_array_equal(dxs[:, -1], 0)
    if sizes[1] > 1:
        params, xs, state = inputs
        rest = params, xs[:, :-1], tree.map(lambda a: a[:-1], state)
        ends = douts[0][:, :-1], tree.map(lambda a: a[:-1], douts[1])
        want = both_ways(over_time, cell, rest, ends, mask[:, :-1])
        assert_same(dparams, want[2])
        assert_same((hs[:, :-1], dxs[:, :-1]), (want[0], want[3]))
        assert_same(tree.map(lambda a: a[:-1], dstate_0), want[4])
    else:
        assert not any(leaf.any() for _, leaf in tree.leaves(dparams))


@each_cell
@given(SIZES, SEEDS, st.sampled_from(HUGE), st.sampled_from([None, 1, 2]))
def test_fused_and_unrolled_runs_agree_on_what_is_masked(cell, sizes, seed, value, every):
    inputs, douts, mask = broken(cell, sizes, seed, value)
    got = both_ways(fused, cell, inputs, douts, mask, recompute_every=every)
    assert_same(got, both_ways(unroll, cell, inputs, douts, mask))


@each_cell
@given(SIZES, SEEDS, st.sampled_from([1e100, 1e200, 1e300]), st.booleans())
def test_fused_and_unrolled_runs_agree_where_weights_and_states_are_huge(
    cell, sizes, seed, scale, weights
):
    params, xs, state = draw(cell, *sizes, seed=seed)[0]
    mask = draw_mask(*sizes[:2], seed)
    if weights:
        params = tree.map(lambda w: scale * w, params)
    else:
        state = tree.map(lambda s: np.where(mask[:1].T, s, scale * s), state)
    with np.errstate(all="ignore"):
        ends = [run.forward(cell, params, xs, state, mask)[:2] for run in (fused, unroll)]
    assert_same(*ends)


@each_cell
@given(
    SIZES,
    SEEDS,
    st.sampled_from([1e30, 1e76, 1e78, 1e150, 1e200, 1e300, 1e308, np.inf, np.nan]),
    st.sampled_from([None, 2]),
    st.booleans(),
)
@settings(max_examples=60)
def test_fused_and_unrolled_runs_agree_both_ways_from_a_huge_state(
    cell, sizes, seed, scale, every, masked
):
    (params, xs, state), (dhs, dstate) = draw(cell, *sizes, seed=seed)
    mask = draw_mask(*sizes[:2], seed) if masked else None
    state = tree.map(lambda s: scale * s, state)
    with np.errstate(all="ignore"):
        hs, state_T, tape = fused.forward(cell, params, xs, state, mask, recompute_every=every)
        got = hs, state_T, *fused.backward(cell, params, tape, dhs, dstate)
        hs, state_T, unrolled = unroll.forward(cell, params, xs, state, mask)
        want = hs, state_T, *unroll.backward(cell, params, unrolled, dhs, dstate)
    assert_same(got, want, tol=1e-9)
    assert fused.kept_bytes(tape) > 0


@each_cell
@given(
    SIZES,
    SEEDS,
    st.sampled_from([1e78, 1e308, np.inf, -np.inf, np.nan]),
    st.sampled_from(["none", "some", "all"]),
    st.sampled_from([None, 2]),
    st.data(),
)
@settings(max_examples=60)
def test_fused_and_unrolled_runs_agree_with_a_weight_or_an_input_that_is_broken(
    cell, sizes, seed, value, masked, every, data
):
    (params, xs, state), (dhs, dstate) = draw(cell, *sizes, seed=seed)
    mask = {"none": None, "some": draw_mask(*sizes[:2], seed), "all": np.zeros(sizes[:2], bool)}
    numbers, unravel = tree.ravel((params, xs))
    place = data.draw(st.integers(0, numbers.size - 1))
    params, xs = unravel(np.where(np.arange(numbers.size) == place, value, numbers))
    start = data.draw(st.sampled_from([None, state]))
    runs = []
    with np.errstate(all="ignore"):
        for over_time, how in ((fused, {"recompute_every": every}), (unroll, {})):
            run = over_time.forward(cell, params, xs, start, mask[masked], **how)
            runs.append((*run[:2], *over_time.backward(cell, params, run[2], dhs, dstate)))
    assert_same(*runs, tol=1e-9)


@RUNS
@each_cell
@pytest.mark.parametrize("value", [1e300, np.inf, np.nan])
def test_a_run_without_a_step_adds_nothing_to_the_gradient_of_broken_weights(
    over_time, cell, value
):
    (params, xs, state), douts = draw(cell)
    for broken_params in (
        params._replace(**{name: np.full_like(array, value)})
        for name, array in params._asdict().items()
    ):
        with np.errstate(all="ignore"):
            _, _, tape = over_time.forward(cell, broken_params, xs, state, np.zeros((5, 3)))
            dparams, dxs, _ = over_time.backward(cell, broken_params, tape, *douts)
        assert not any(leaf.any() for _, leaf in tree.leaves((dparams, dxs)))


@RUNS
@each_cell
@pytest.mark.parametrize("value", [1e300, np.inf, np.nan])
def test_a_state_that_is_carried_over_padding_in_front_is_read_by_the_first_step(
    over_time, cell, value
):
    (params, xs, state), _ = draw(cell, 4, 2, 3, 2)
    mask = np.array([[0, 0], [0, 1], [1, 1], [1, 1]], bool)
    xs = np.where(mask[..., None], xs, value)
    hs, _, _ = over_time.forward(cell, params, xs, state, mask)
    first, _, _ = over_time.forward(cell, params, xs[2:, :1], tree.map(lambda a: a[:1], state))
    np.testing.assert_allclose(hs[2:, :1], first, rtol=1e-12)
    np.testing.assert_array_equal(hs[:2, 0], state.h[[0, 0]])


@each_cell
def test_a_stack_of_both_directions_reads_no_padding(cell, rng):
    params = stack.init(cell, 3, 2, layers=2, bidirectional=True, rng=rng)
    xs, mask = rng.normal(size=(4, 2, 3)), np.array([[1, 1], [1, 0], [1, 0], [1, 0]], bool)
    want = stack.forward(cell, params, np.where(mask[..., None], xs, 0), mask=mask)
    for value in HUGE:
        got = stack.forward(cell, params, np.where(mask[..., None], xs, value), mask=mask)
        assert_same(got[:2], want[:2])
        assert_same(
            stack.backward(cell, params, got[2], want[0])[:2],
            stack.backward(cell, params, want[2], want[0])[:2],
        )
