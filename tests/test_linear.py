"""Linear recurrences: the scan is the loop, and a run by both is the run of `unroll`."""

import math

import numpy as np
import pytest
import torch
from helpers import (
    SEEDS,
    SIZES,
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
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt import linear, lstm, mingru, rnn, tree
from bptt.gradcheck import relative_error
from bptt.shapes import ShapeError

T, B, I, H = 5, 3, 4, 2


def linear_run(inputs, mask=None):
    hs, state_T, _ = linear.forward(mingru, *inputs, mask)
    return Outputs(hs, state_T)


def linear_gradient(inputs, douts, mask=None):
    _, _, tape = linear.forward(mingru, *inputs, mask)
    return Inputs(*linear.backward(mingru, inputs.params, tape, *douts))


@pytest.fixture(params=[0, math.inf], ids=["by the loop", "by the scan"])
def way(request, monkeypatch):
    monkeypatch.setattr(linear, "NARROW", request.param)


# The recurrence itself


@pytest.mark.parametrize("T", [1, 2, 3, 4, 7, 8, 9, 100, 1000])
@pytest.mark.parametrize("started", [False, True])
def test_the_scan_has_the_states_of_the_loop(T, started, rng):
    a, b = rng.uniform(-1, 1, size=(T, 3, 2)), rng.normal(size=(T, 3, 2))
    h_0 = rng.normal(size=(3, 2)) if started else None
    assert relative_error(linear.scan(a, b, h_0), linear.loop(a, b, h_0)) < 1e-12


def test_the_loop_is_the_recurrence_written_out():
    a, b = np.array([2.0, 3.0, 5.0]), np.array([1.0, 10.0, 100.0])
    assert linear.loop(a, b).tolist() == [1, 13, 165]
    assert linear.loop(a, b, 7.0).tolist() == [15, 55, 375]
    assert linear.scan(a, b, 7.0).tolist() == [15, 55, 375]


@pytest.mark.parametrize("T", [1, 2, 3, 4, 5, 8, 9, 1000, 1024, 1025])
def test_the_scan_takes_the_logarithm_of_the_steps_in_rounds(T, monkeypatch):
    rounds = []

    class Counted(np.ndarray):
        """An array that counts the products of its parts with themselves: one a round."""

        def __imul__(self, other):
            rounds.append(len(other))
            return super().__imul__(other)

    checked = linear._checked

    def counted(*arguments):
        a, b, h_0 = checked(*arguments)
        return a.view(Counted), b, h_0

    monkeypatch.setattr(linear, "_checked", counted)
    linear.scan(np.ones(T), np.ones(T))
    assert len(rounds) == math.ceil(math.log2(T))


@given(st.integers(1, 40), SEEDS)
def test_the_scan_agrees_where_factors_are_zero(T, seed):
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-1, 2, size=(T, 2)), rng.integers(-5, 6, size=(T, 2))
    assert_equal(linear.scan(a, b), linear.loop(a, b))  # whole numbers, so in every bit


@pytest.mark.parametrize("solve", [linear.scan, linear.loop])
def test_a_recurrence_follows_the_dtypes_of_its_arrays(solve):
    narrow = np.ones(3, np.float32)
    assert solve(narrow, narrow).dtype == np.float32
    assert solve(narrow, narrow, 1.5).dtype == np.float32
    assert solve(narrow, np.ones(3)).dtype == np.float64
    assert solve([1, 1, 1], [1, 2, 3]).tolist() == [1, 3, 6]


@pytest.mark.parametrize("solve", [linear.scan, linear.loop])
def test_a_recurrence_leaves_what_it_is_given(solve, rng):
    a, b, h_0 = rng.normal(size=(3, T, H))[:, :, 0]
    h_0 = np.array(h_0[0])
    kept = a.copy(), b.copy(), h_0.copy()
    for array in (a, b, h_0):
        array.flags.writeable = False
    solve(a, b, h_0)
    assert_equal((a, b, h_0), kept)


@pytest.mark.parametrize("name", ["scan", "loop"])
@pytest.mark.parametrize(
    ("a", "b", "h_0", "message"),
    [
        (
            (3,),
            (4,),
            None,
            "a and b must have one shape (T, ...) with no empty axis, got (3,) and (4,)",
        ),
        (
            (0,),
            (0,),
            None,
            "a and b must have one shape (T, ...) with no empty axis, got (0,) and (0,)",
        ),
        ((), (), None, "a and b must have one shape (T, ...) with no empty axis, got () and ()"),
        ((3, 2), (3, 2), (3,), "h_0 must be (2,), one step of a, got (3,)"),
        ((3,), (3,), (1,), "h_0 must be (), one step of a, got (1,)"),
    ],
)
def test_a_recurrence_names_what_does_not_fit(name, a, b, h_0, message):
    with pytest.raises(ShapeError) as error:
        getattr(linear, name)(np.ones(a), np.ones(b), None if h_0 is None else np.ones(h_0))
    assert str(error.value) == f"linear.{name}: {message}"


@pytest.mark.parametrize("place", range(3))
def test_a_recurrence_of_complex_numbers_is_a_type_error(place):
    given = [np.ones(2), np.ones(2), np.ones(())]
    given[place] = given[place] * 1j
    with pytest.raises(TypeError, match=r"^linear.scan: (a|b|h_0) must hold real numbers, got com"):
        linear.scan(*given)


# A run over time


@given(SIZES, SEEDS)
def test_a_run_is_the_run_of_unroll(sizes, seed):
    inputs, douts = draw(mingru, *sizes, seed=seed)
    for mask in (None, draw_mask(*sizes[:2], seed)):
        assert_close(linear_run(inputs, mask), run(mingru, inputs, mask))
        assert_close(linear_gradient(inputs, douts, mask), gradient(mingru, inputs, douts, mask))


@pytest.mark.parametrize("T", [1, 6, 8, 33])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.usefixtures("way")
def test_both_ways_give_what_unroll_gives(T, masked):
    inputs, douts = draw(mingru, T)
    mask = draw_mask(T, B, seed=3) if masked else None
    assert_close(linear_run(inputs, mask), run(mingru, inputs, mask))
    assert_close(linear_gradient(inputs, douts, mask), gradient(mingru, inputs, douts, mask))


def test_a_wide_step_is_taken_by_the_loop_and_a_narrow_one_by_the_scan(monkeypatch):
    called = []

    def noting(name):
        def run(_, b, __):
            called.append(name)
            return np.zeros_like(b)

        return run

    for name in ("scan", "loop"):
        monkeypatch.setattr(linear, name, noting(name))
    for width in (linear.NARROW, linear.NARROW + 1):
        linear.forward(mingru, draw(mingru, B=1, H=width)[0].params, np.ones((T, 1, I)))
    assert called == ["scan", "loop"]


@given(SIZES, SEEDS)
@settings(max_examples=6)
def test_backward_has_the_slopes_of_the_run(sizes, seed):
    inputs, douts = draw(mingru, *sizes, seed=seed)
    grads = linear_gradient(inputs, douts)
    assert_slopes(lambda at: tree.dot(douts, linear_run(at)), inputs, grads)


@pytest.mark.usefixtures("way")
def test_both_passes_agree_with_torch():
    inputs, douts = draw(mingru)
    W_x, b, xs, h = (
        torch.tensor(array, requires_grad=True)
        for array in (*inputs.params, inputs.xs, inputs.state.h)
    )
    z, n = (xs @ W_x + b).split(H, dim=-1)
    z, state, hs = torch.sigmoid(z), h, []
    for t in range(T):
        state = (1 - z[t]) * state + z[t] * n[t]
        hs.append(state)
    hs = torch.stack(hs)
    loss = (hs * torch.tensor(douts.hs)).sum() + (state * torch.tensor(douts.state_T.h)).sum()
    loss.backward()
    assert_close(linear_run(inputs).hs, hs.detach().numpy())
    grads = linear_gradient(inputs, douts)
    theirs = (W_x, b, xs, h)
    ours = (*grads.params, grads.xs, grads.state.h)
    for got, want in zip(ours, theirs, strict=True):
        assert_close(got, want.grad.numpy())


@pytest.mark.parametrize("padding", [np.nan, np.inf])
@pytest.mark.usefixtures("way")
def test_a_padded_sequence_gives_what_the_shorter_one_gives(padding):
    (params, xs, state), douts = draw(mingru)
    padded = np.concatenate([xs, np.full((3, B, I), padding)])
    mask = np.arange(len(padded))[:, None] < np.full(B, T)
    dhs = np.concatenate([douts.hs, np.zeros((3, B, H))])
    outs = linear_run(Inputs(params, padded, state), mask)
    short = linear_run(Inputs(params, xs, state))
    assert_close(Outputs(outs.hs[:T], outs.state_T), short)
    grads = linear_gradient(Inputs(params, padded, state), Outputs(dhs, douts.state_T), mask)
    assert_close(grads._replace(xs=grads.xs[:T]), linear_gradient(Inputs(params, xs, state), douts))
    assert not grads.xs[T:].any()


@pytest.mark.usefixtures("way")
def test_a_run_follows_the_dtype_of_the_weights():
    inputs, douts = draw(mingru)
    narrow = inputs._replace(params=tree.map(np.float32, inputs.params))
    outs, grads = linear_run(narrow), linear_gradient(narrow, douts)
    assert {leaf.dtype for got in (outs, grads) for _, leaf in tree.leaves(got)} == {
        np.dtype(np.float32)
    }
    assert_close(outs, linear_run(inputs), tol=1e-5)
    assert_close(grads, linear_gradient(inputs, douts), tol=1e-5)


@pytest.mark.usefixtures("way")
def test_no_state_means_zeros_at_both_ends_and_nothing_is_mutated():
    (params, xs, _), (dhs, _) = halves = draw(mingru)
    for half in halves:
        for _, leaf in tree.leaves(half):
            leaf.flags.writeable = False
    zero = mingru.zero_state(params, B)
    hs, state_T, tape = linear.forward(mingru, params, xs.tolist())
    assert_equal(Outputs(hs, state_T), linear_run(Inputs(params, xs, zero)))
    got = Inputs(*linear.backward(mingru, params, tape, dhs))
    assert_equal(got, linear_gradient(Inputs(params, xs, zero), Outputs(dhs, zero)))


# What does not fit


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"xs": (5, 3)}, "linear.forward: xs must be (T, B, I), got (5, 3)"),
        ({"xs": (5, 3, 3)}, "mingru.coefficients: xs must be (T, B, I=4), got (5, 3, 3)"),
        (
            {"xs": (0, 3, 4)},
            "linear.forward: xs must be (T, B, I) with no empty axis, got (0, 3, 4)",
        ),
        ({"state": (1, 2)}, "linear.forward: state.h must be (B=3, H=2), got (1, 2)"),
        ({"mask": (5, 1)}, "linear.forward: mask must be (T=5, B=3), got (5, 1)"),
    ],
)
def test_forward_names_the_argument_that_does_not_fit(change, message):
    (params, xs, state), _ = draw(mingru)
    given = {"xs": xs, "state": state, "mask": None}
    for name, shape in change.items():
        given[name] = mingru.State(np.ones(shape)) if name == "state" else np.ones(shape)
    with pytest.raises(ShapeError) as error:
        linear.forward(mingru, params, **given)
    assert str(error.value) == message


@pytest.mark.parametrize("shape", [(5, 3, 1), (4, 3, 2), (3, 2)])
def test_backward_refuses_output_gradients_of_another_shape(shape):
    inputs, _ = draw(mingru)
    _, _, tape = linear.forward(mingru, *inputs)
    with pytest.raises(ShapeError) as error:
        linear.backward(mingru, inputs.params, tape, np.ones(shape))
    assert str(error.value) == f"linear.backward: dhs must be (T=5, B=3, H=2), got {shape}"


def test_backward_refuses_other_states_tapes_and_dtypes():
    (params, xs, _), (dhs, _) = draw(mingru)
    _, _, tape = linear.forward(mingru, params, xs)
    with pytest.raises(ShapeError, match=r"^linear.backward: dstate_T.h must be \(B=3, H=2\), got"):
        linear.backward(mingru, params, tape, dhs, mingru.State(np.ones((1, 2))))
    with pytest.raises(TypeError, match=r"^linear.backward: dstate_T must be a bptt.mingru.State"):
        linear.backward(mingru, params, tape, dhs, rnn.State(np.ones((B, H))))
    with pytest.raises(TypeError, match=r"^linear.backward: tape must be a bptt.linear.Tape, got "):
        linear.backward(mingru, params, (), dhs)
    wanted = r"^linear.backward: params must be those that ran forwards, in float64, got float32$"
    with pytest.raises(TypeError, match=wanted):
        linear.backward(mingru, tree.map(np.float32, params), tape, dhs)


@pytest.mark.parametrize("name", ["forward", "backward"])
def test_a_cell_whose_gates_read_the_state_is_a_type_error(name):
    arguments = (None, None) if name == "forward" else (None, None, None)
    with pytest.raises(TypeError) as error:
        getattr(linear, name)(lstm, *arguments)
    wanted = "cell must have coefficients, as bptt.mingru has, got "
    assert str(error.value).startswith(f"linear.{name}: {wanted}<module 'bptt.lstm'")
    with pytest.raises(TypeError, match=rf"^linear.{name}: cell must be a module with zero_state"):
        getattr(linear, name)("mingru", *arguments)
