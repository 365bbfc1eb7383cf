"""The door of a linear cell: what fits comes in, and each message names what does not."""

import numpy as np
import pytest
from helpers import CELLS, draw

from bptt import linear_cell, mingru, rnn, tree
from bptt.cell import inside
from bptt.linear_cell import is_linear
from bptt.mingru import Params, State
from bptt.shapes import ShapeError

B, I, H = 3, 4, 2


@pytest.fixture
def given():
    (params, (x, *_), state), _ = draw(mingru)
    _, saved = mingru.step(params, x, state)
    return {"params": params, "x": x, "state": state, "saved": saved, "dstate": state}


def call(name, given):
    wanted = {
        "zero_state": ("params", "batch"),
        "step": ("params", "x", "state"),
        "step_backward": ("params", "saved", "dstate"),
        "coefficients": ("params", "xs"),
    }[name]
    defaults = {"batch": B, "xs": given["x"]}
    return getattr(mingru, name)(*({**defaults, **given}[argument] for argument in wanted))


def test_a_linear_cell_has_coefficients_and_the_other_cells_have_none():
    assert is_linear(mingru)
    assert not any(map(is_linear, CELLS))


def test_what_fits_comes_in_by_place_or_by_name(given):
    params, x, state = (given[name] for name in ("params", "x", "state"))
    by_name, _ = mingru.step(state=state, x=x.tolist(), params=params)
    assert np.array_equal(by_name.h, mingru.step(params, x, state)[0].h)
    assert inside(mingru.step) is not mingru.step
    assert inside(mingru.step)(params, x, state)[0].h.shape == (B, H)


@pytest.mark.parametrize("name", ["zero_state", "step", "step_backward", "coefficients"])
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"b": (3,)}, "params.b must be (2H,) with no empty axis, got (3,)"),
        ({"b": (0,)}, "params.b must be (2H,) with no empty axis, got (0,)"),
        ({"b": (1, 4)}, "params.b must be (2H,) with no empty axis, got (1, 4)"),
        ({"b": ()}, "params.b must be (2H,) with no empty axis, got ()"),
        ({"W_x": (4, 6)}, "params.W_x must be (I, 2H=4), got (4, 6)"),
        ({"W_x": (4,)}, "params.W_x must be (I, 2H=4), got (4,)"),
        ({"W_x": (0, 4)}, "params.W_x must be (I, 2H=4) with no empty axis, got (0, 4)"),
    ],
)
def test_weights_that_do_not_fit_each_other_are_a_shape_error(name, change, message, given):
    bent = {field: np.ones(shape) for field, shape in change.items()}
    with pytest.raises(ShapeError) as error:
        call(name, {**given, "params": given["params"]._replace(**bent)})
    assert str(error.value) == f"mingru.{name}: {message}"


@pytest.mark.parametrize("name", ["zero_state", "step", "step_backward", "coefficients"])
def test_what_is_no_weights_of_the_cell_is_a_type_error(name, given):
    with pytest.raises(TypeError) as error:
        call(name, {**given, "params": draw(rnn)[0].params})
    got = "params must be a bptt.mingru.Params, got bptt.rnn.Params"
    assert str(error.value) == f"mingru.{name}: {got}"
    wanted = rf"^mingru.{name}: params must be arrays of one floating-point dtype, got "
    for params in (
        Params(given["params"].W_x, np.float32(given["params"].b)),
        tree.map(lambda array: array.astype(int), given["params"]),
        Params(given["params"].W_x.tolist(), given["params"].b),
    ):
        with pytest.raises(TypeError, match=wanted):
            call(name, {**given, "params": params})


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("step", {"x": (3, 5)}, "step: x must be (B, I=4), got (3, 5)"),
        ("step", {"x": (4,)}, "step: x must be (B, I=4), got (4,)"),
        ("step", {"x": (0, 4)}, "step: x must be (B, I=4) with no empty axis, got (0, 4)"),
        ("step", {"state": (1, 2)}, "step: state.h must be (B=3, H=2), got (1, 2)"),
        (
            "step_backward",
            {"dstate": (3, 1)},
            "step_backward: dstate.h must be (B=3, H=2), got (3, 1)",
        ),
        ("coefficients", {"xs": (3, 5)}, "coefficients: xs must be (T, I=4), got (3, 5)"),
        ("coefficients", {"xs": (7, 3, 5)}, "coefficients: xs must be (T, B, I=4), got (7, 3, 5)"),
        ("coefficients", {"xs": ()}, "coefficients: xs must be (I=4,), got ()"),
    ],
)
def test_each_message_names_the_argument_that_does_not_fit(name, change, message, given):
    bent = {
        field: State(np.ones(shape)) if "state" in field else np.ones(shape)
        for field, shape in change.items()
    }
    with pytest.raises(ShapeError) as error:
        call(name, {**given, **bent})
    assert str(error.value) == f"mingru.{message}"


@pytest.mark.parametrize(("name", "field"), [("step", "state"), ("step_backward", "dstate")])
@pytest.mark.parametrize("other", [None, (np.ones((B, H)),), rnn.State(np.ones((B, H)))])
def test_what_is_no_state_of_the_cell_is_a_type_error(name, field, other, given):
    with pytest.raises(TypeError, match=rf"^mingru.{name}: {field} must be a bptt.mingru.State"):
        call(name, {**given, field: other})


def test_a_step_that_was_not_saved_by_the_cell_is_refused(given):
    with pytest.raises(
        TypeError, match=r"^mingru.step_backward: saved must be a bptt.mingru.Step, got tuple$"
    ):
        call("step_backward", {**given, "saved": tuple(given["saved"])})
    short = given["saved"]._replace(z=np.ones((B, 1)))
    with pytest.raises(
        ShapeError, match=r"^mingru.step_backward: saved.z must be \(B=3, H=2\), got \(3, 1\)$"
    ):
        call("step_backward", {**given, "saved": short})


@pytest.mark.parametrize("bad", [[[1, 2], [3]], np.ones((B, I)) * 1j, "text"])
def test_inputs_that_are_no_numbers_are_refused(bad, given):
    for name, field in (("step", "x"), ("coefficients", "xs")):
        with pytest.raises((TypeError, ShapeError), match=rf"^mingru.{name}: {field} must "):
            call(name, {**given, field: bad})


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_below_one_is_a_shape_error(batch, given):
    with pytest.raises(
        ShapeError, match=rf"^mingru.zero_state: batch must be at least 1, got {batch}$"
    ):
        call("zero_state", {**given, "batch": batch})


def test_init_is_checked_as_for_any_cell(rng):
    with pytest.raises(ValueError, match=r"^mingru.init: input_size and hidden_size must be at"):
        mingru.init(0, H, rng=rng)
    with pytest.raises(TypeError, match=r"^mingru.init: rng must be a generator, such as"):
        mingru.init(I, H, rng=0)
    with pytest.raises(TypeError, match=r"^mingru.init: dtype must be a floating-point one, got"):
        mingru.init(I, H, rng=rng, dtype=int)


def test_the_door_knows_the_functions_of_a_linear_cell():
    known = {"init", "zero_state", "step", "step_backward", "coefficients"}
    assert set(linear_cell.CHECKS) == known
