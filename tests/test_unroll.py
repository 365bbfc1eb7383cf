"""The loop over time, with a cell whose sums are known; `test_cells.py` has what all cells keep."""

from types import SimpleNamespace
from typing import NamedTuple

import numpy as np
import pytest
from helpers import Outputs, assert_close, assert_equal, draw, draw_mask, run

from bptt import rnn, tree, unroll
from bptt.shapes import ShapeError

T, B, I, H = 5, 3, 4, 2


class Scale(NamedTuple):
    """The weight of the cell below."""

    w: np.ndarray


class Two(NamedTuple):
    """A state with more than an output."""

    h: np.ndarray
    c: np.ndarray


# h_t = h_{t-1} + w x_t and c_t = 2 c_{t-1} + x_t: whole numbers, so every comparison is exact.
double = SimpleNamespace(
    zero_state=lambda params, batch: Two(*np.zeros((2, batch, len(params.w)))),
    step=lambda params, x, state: (Two(state.h + params.w * x, 2 * state.c + x), x),
    step_backward=lambda params, x, dstate: (
        Scale((x * dstate.h).sum(axis=0)),
        params.w * dstate.h + dstate.c,
        Two(dstate.h, 2 * dstate.c),
    ),
)


@pytest.fixture
def whole(rng):
    """Whole numbers for the cell above: weight, inputs, state and the gradients at the end."""

    def numbers(*shape):
        return rng.integers(-9, 10, size=shape).astype(float)

    end = Two(numbers(B, H), numbers(B, H))
    start = Two(numbers(B, H), numbers(B, H))
    return Scale(numbers(H)), numbers(T, B, H), start, numbers(T, B, H), end


def powers(exponents):
    return 2.0 ** np.asarray(exponents)[:, None, None]


def test_forward_carries_every_field_of_the_state(whole):
    params, xs, start, _, _ = whole
    hs, state_T, _ = unroll.forward(double, params, xs, start)
    assert_equal(hs, start.h + np.cumsum(params.w * xs, axis=0))
    c = 2.0**T * start.c + (powers(np.arange(T)[::-1]) * xs).sum(axis=0)
    assert_equal(state_T, Two(hs[-1], c))


def test_backward_sums_what_every_later_step_reads(whole):
    params, xs, start, dhs, dend = whole
    _, _, tape = unroll.forward(double, params, xs, start)
    dparams, dxs, dstart = unroll.backward(double, params, tape, dhs, dend)
    later = np.cumsum(dhs[::-1], axis=0)[::-1] + dend.h
    assert_equal(dparams, Scale((xs * later).sum(axis=(0, 1))))
    assert_equal(dxs, params.w * later + powers(np.arange(T)[::-1]) * dend.c)
    assert_equal(dstart, Two(later[0], 2.0**T * dend.c))


def test_a_mask_holds_every_field_of_the_state(whole):
    params, xs, start, dhs, dend = whole
    mask = np.array([[1, 0, 0], [0, 1, 0], [1, 1, 0], [1, 0, 0], [0, 1, 0]], bool)
    live = mask[..., None]
    after = np.cumsum(mask[::-1], axis=0)[::-1][..., None]  # steps from here to the end
    padded = np.where(live, xs, np.nan)

    hs, state_T, tape = unroll.forward(double, params, padded, start, mask)
    weights = np.where(live, 2.0 ** (after - 1), 0)
    assert_equal(hs, start.h + np.cumsum(params.w * xs * live, axis=0))
    assert_equal(state_T, Two(hs[-1], 2.0 ** after[0] * start.c + (weights * xs).sum(axis=0)))

    dparams, dxs, dstart = unroll.backward(double, params, tape, dhs, dend)
    later = np.cumsum(dhs[::-1], axis=0)[::-1] + dend.h
    assert_equal(dparams, Scale((xs * later * live).sum(axis=(0, 1))))
    assert_equal(dxs, params.w * later * live + weights * dend.c)
    assert_equal(dstart, Two(later[0], 2.0 ** after[0] * dend.c))


def test_the_steps_backwards_go_from_the_last_to_the_first():
    (params, xs, state), (dhs, dstate_T) = draw(rnn)
    _, _, tape = unroll.forward(rnn, params, xs, state)
    dparams, dxs, dstate_0 = unroll.backward(rnn, params, tape, dhs, dstate_T)
    steps = list(unroll.backward_steps(rnn, params, tape, dhs, dstate_T))
    assert len(steps) == T
    assert_equal(np.stack([dx for _, dx, _ in steps[::-1]]), dxs)
    assert_equal(steps[-1][2], dstate_0)
    total = tree.map(lambda *each: np.sum(each, axis=0), *(step for step, _, _ in steps))
    assert_close(total, dparams)


@pytest.mark.parametrize("masked", [False, True])
def test_each_step_backwards_carries_the_gradient_of_the_state_before_it(masked):
    (params, xs, state), (dhs, dstate_T) = draw(rnn)
    mask = draw_mask(T, B, seed=3) if masked else np.ones((T, B), bool)
    _, _, tape = unroll.forward(rnn, params, xs, state, mask)
    steps = unroll.backward_steps(rnn, params, tape, dhs, dstate_T)
    for t, (_, _, dstate) in zip(reversed(range(T)), steps, strict=True):
        _, before, _ = unroll.forward(rnn, params, xs[:t], state, mask[:t]) if t else (0, state, 0)
        _, _, rest = unroll.forward(rnn, params, xs[t:], before, mask[t:])
        assert_close(dstate, unroll.backward(rnn, params, rest, dhs[t:], dstate_T)[2])


def test_a_state_of_lists_is_converted():
    inputs, douts = draw(rnn)
    listed = inputs._replace(state=rnn.State(inputs.state.h.tolist()))
    assert_equal(run(rnn, listed), run(rnn, inputs))
    _, _, tape = unroll.forward(rnn, *inputs)
    got = unroll.backward(rnn, inputs.params, tape, douts.hs, rnn.State(douts.state_T.h.tolist()))
    want = unroll.backward(rnn, inputs.params, tape, *douts)
    assert_equal(Outputs(*got[1:]), Outputs(*want[1:]))


# What does not fit


@pytest.fixture
def ran():
    inputs, _ = draw(rnn)
    return inputs, unroll.forward(rnn, *inputs)[2]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"xs": (5, 3)}, "unroll.forward: xs must be (T, B, I), got (5, 3)"),
        ({"xs": (5, 3, 3)}, "rnn.step: x must be (B, I=4), got (3, 3)"),
        (
            {"xs": (0, 3, 4)},
            "unroll.forward: xs must be (T, B, I) with no empty axis, got (0, 3, 4)",
        ),
        (
            {"xs": (5, 0, 4)},
            "unroll.forward: xs must be (T, B, I) with no empty axis, got (5, 0, 4)",
        ),
        ({"state": (1, 2)}, "unroll.forward: state.h must be (B=3, H=2), got (1, 2)"),
        ({"state": (3, 1)}, "unroll.forward: state.h must be (B=3, H=2), got (3, 1)"),
        ({"state": (2,)}, "unroll.forward: state.h must be (B=3, H=2), got (2,)"),
        ({"mask": (5, 1)}, "unroll.forward: mask must be (T=5, B=3), got (5, 1)"),
        ({"mask": (1, 3)}, "unroll.forward: mask must be (T=5, B=3), got (1, 3)"),
        ({"mask": (3,)}, "unroll.forward: mask must be (T=5, B=3), got (3,)"),
    ],
)
def test_forward_names_the_argument_that_does_not_fit(change, message):
    (params, xs, state), _ = draw(rnn)
    given = {"xs": xs, "state": state, "mask": None}
    for name, shape in change.items():
        given[name] = rnn.State(np.ones(shape)) if name == "state" else np.ones(shape)
    with pytest.raises(ShapeError) as error:
        unroll.forward(rnn, params, **given)
    assert str(error.value) == message


@pytest.mark.parametrize(
    "shape", [(5, 3, 1), (5, 1, 2), (1, 3, 2), (3, 2), (4, 3, 2), (5, 3, 2, 1)]
)
def test_backward_refuses_output_gradients_of_another_shape(ran, shape):
    (params, _, _), tape = ran
    with pytest.raises(ShapeError) as error:
        unroll.backward(rnn, params, tape, np.ones(shape))
    assert str(error.value) == f"unroll.backward: dhs must be (T=5, B=3, H=2), got {shape}"


@pytest.mark.parametrize("shape", [(1, 2), (3, 1), (2,), (4, 2)])
def test_backward_refuses_a_gradient_of_the_last_state_that_would_broadcast(ran, shape):
    (params, _, _), tape = ran
    with pytest.raises(ShapeError) as error:
        unroll.backward(rnn, params, tape, np.ones((T, B, H)), rnn.State(np.ones(shape)))
    got = np.empty(shape).shape
    assert str(error.value) == f"unroll.backward: dstate_T.h must be (B=3, H=2), got {got}"


@pytest.mark.parametrize("other", [Two(*np.ones((2, B, H))), (np.ones((B, H)),), np.ones((B, H))])
def test_what_is_no_state_of_the_cell_is_a_type_error(ran, other):
    (params, xs, _), tape = ran
    got = type(other).__name__
    with pytest.raises(
        TypeError, match=f"^unroll.forward: state must be a bptt.rnn.State, got {got}$"
    ):
        unroll.forward(rnn, params, xs, other)
    with pytest.raises(
        TypeError, match=f"^unroll.backward: dstate_T must be a bptt.rnn.State, got {got}$"
    ):
        unroll.backward(rnn, params, tape, np.ones((T, B, H)), other)


def test_every_field_of_a_state_is_checked(whole):
    params, xs, start, _, _ = whole
    for field in ("h", "c"):
        bent = start._replace(**{field: np.ones((1, H))})
        with pytest.raises(
            ShapeError, match=rf"state\.{field} must be \(B=3, H=2\), got \(1, 2\)$"
        ):
            unroll.forward(double, params, xs, bent)


@pytest.mark.parametrize("bad", [2, -1, 0.5, np.nan])
def test_a_mask_of_anything_but_zeros_and_ones_is_a_value_error(bad):
    inputs, _ = draw(rnn)
    mask = np.ones((T, B))
    mask[2, 1] = bad
    with pytest.raises(
        ValueError, match=r"^unroll.forward: mask must hold True and False, or 1 and 0"
    ):
        run(rnn, inputs, mask)


@pytest.mark.parametrize("cell", ["rnn", None, np, SimpleNamespace(step=rnn.step)])
def test_what_is_no_cell_is_a_type_error(ran, cell):
    (params, xs, _), tape = ran
    needs = "cell must be a module with zero_state, step and step_backward, such as bptt.rnn, got "
    with pytest.raises(TypeError) as error:
        unroll.forward(cell, params, xs)
    assert str(error.value) == f"unroll.forward: {needs}{cell!r}"
    with pytest.raises(TypeError) as error:
        unroll.backward(cell, params, tape, np.ones((T, B, H)))
    assert str(error.value) == f"unroll.backward: {needs}{cell!r}"
