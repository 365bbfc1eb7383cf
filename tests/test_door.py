"""The door of the cells: what does not fit is named in one sentence, and what fits is converted."""

import numpy as np
import pytest
from helpers import CELLS, draw

from bptt import gru, lstm, rnn, unroll
from bptt.cell import blocks, inside
from bptt.shapes import ShapeError

B, I, H = 3, 4, 2
BLOCKS = {rnn: 1, lstm: 4, gru: 3}
STEP = {
    rnn: ["h_prev", "h"],
    lstm: ["h_prev", "c_prev", "i", "f", "g", "o", "tanh_c"],
    gru: ["h_prev", "r", "z", "n", "q"],
}
STATE = {rnn: ["h"], lstm: ["h", "c"], gru: ["h"]}

each_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.__name__)


def each(fields):
    """Give every cell with each of its fields."""
    pairs = [(cell, field) for cell, names in fields.items() for field in names]
    return pytest.mark.parametrize(("cell", "field"), pairs, ids=str)


def short(cell):
    return cell.__name__.removeprefix("bptt.")


def columns(cell, H=None):
    """Name the columns of the weights, and their number if H is known."""
    k = BLOCKS[cell]
    name = "H" if k == 1 else f"{k}H"
    return name if H is None else f"{name}={k * H}"


def calls(cell, params):
    """Return each function that takes weights, by its name."""
    square = np.ones((B, H))
    x, state = np.ones((B, I)), cell.State(*[square] * len(STATE[cell]))
    saved = cell.Step(x, *[square] * len(STEP[cell]))
    return {
        f"{short(cell)}.zero_state": lambda: cell.zero_state(params, B),
        f"{short(cell)}.step": lambda: cell.step(params, x, state),
        f"{short(cell)}.step_backward": lambda: cell.step_backward(params, saved, state),
    }


def refusal(call, kind=ShapeError):
    """Return what is said."""
    with pytest.raises(kind) as error:
        call()
    assert error.type is kind
    return str(error.value)


@each_cell
@pytest.mark.parametrize(
    ("shape", "wanted"),
    [
        ((3, 5), "(B, I=4), got (3, 5)"),
        ((4,), "(B, I=4), got (4,)"),
        ((0, 4), "(B, I=4) with no empty axis, got (0, 4)"),
    ],
)
def test_an_input_that_does_not_fit_is_named(cell, shape, wanted):
    params = draw(cell)[0].params
    state = cell.zero_state(params, max(1, shape[0]))
    said = refusal(lambda: cell.step(params, np.ones(shape), state))
    assert said == f"{short(cell)}.step: x must be {wanted}"


@each(STATE)
@pytest.mark.parametrize("shape", [(1, 2), (3, 1), (3, 3), (2,)])
def test_a_state_that_would_broadcast_is_refused_both_ways(cell, field, shape):
    params = draw(cell)[0].params
    zero = cell.zero_state(params, B)
    _, saved = cell.step(params, np.ones((B, I)), zero)
    wrong = zero._replace(**{field: np.ones(shape)})
    got = np.empty(shape).shape
    said = refusal(lambda: cell.step(params, np.ones((B, I)), wrong))
    assert said == f"{short(cell)}.step: state.{field} must be (B=3, H=2), got {got}"
    said = refusal(lambda: cell.step_backward(params, saved, wrong))
    assert said == f"{short(cell)}.step_backward: dstate.{field} must be (B=3, H=2), got {got}"


@each(STEP)
def test_the_step_of_another_run_is_refused(cell, field):
    params = draw(cell)[0].params
    state = cell.zero_state(params, B)
    _, saved = cell.step(params, np.ones((B, I)), state)
    other = saved._replace(**{field: np.ones((1, H))})
    said = refusal(lambda: cell.step_backward(params, other, state))
    assert said == f"{short(cell)}.step_backward: saved.{field} must be (B=3, H=2), got (1, 2)"


@each_cell
@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((3, 5), "x must be (B=3, I=4), got (3, 5)"), ((1, 4), "h_prev must be (B=1, H=2), got (3")],
)
def test_the_input_of_another_run_is_refused(cell, shape, wanted):
    params = draw(cell)[0].params
    state = cell.zero_state(params, B)
    _, saved = cell.step(params, np.ones((B, I)), state)
    other = saved._replace(x=np.ones(shape))
    said = refusal(lambda: cell.step_backward(params, other, state))
    assert said.startswith(f"{short(cell)}.step_backward: saved.{wanted}")


@each_cell
def test_what_is_no_state_of_this_cell_is_a_type_error(cell):
    params = draw(cell)[0].params
    state = cell.zero_state(params, B)
    x = np.ones((B, I))
    _, saved = cell.step(params, x, state)
    other = gru.State(state.h) if cell is not gru else rnn.State(state.h)
    for wrong, got in ((tuple(state), "tuple"), (state.h, "ndarray"), (other, "State")):
        said = refusal(lambda wrong=wrong: cell.step(params, x, wrong), TypeError)
        assert said == f"{short(cell)}.step: state must be a {cell.__name__}.State, got {got}"
        said = refusal(lambda wrong=wrong: cell.step_backward(params, saved, wrong), TypeError)
        wanted = f"dstate must be a {cell.__name__}.State, got {got}"
        assert said == f"{short(cell)}.step_backward: {wanted}"


def bent():
    """Give weights of a wrong shape, with what is said of them."""
    for cell in CELLS:
        k, name, all_of = BLOCKS[cell], columns(cell), columns(cell, H)
        square = "(H, H)" if k == 1 else f"(H, {all_of})"
        yield cell, "b", (k * H + 1,), f"params.b must be ({all_of},), got ({k * H + 1},)"
        yield cell, "b", (1, k * H), f"params.b must be ({all_of},), got (1, {k * H})"
        yield cell, "W_h", (2, k * H + 1), f"params.W_h must be {square}, got (2, {k * H + 1})"
        three = f"params.b must be ({name}={3 * k},), got ({k * H},)"
        yield cell, "W_h", (3, 3 * k), three
        yield cell, "W_x", (k * H, 4), f"params.W_x must be (I, {all_of}), got ({k * H}, 4)"
        yield cell, "W_x", (8,), f"params.W_x must be (I, {all_of}), got (8,)"
    yield rnn, "W_h", (0, 0), "params.W_h must be (H, H) with no empty axis, got (0, 0)"
    yield lstm, "W_h", (8, 2), "params.W_h must be (H, 4H=32), got (8, 2)"
    yield gru, "b_hn", (6,), "params.b_hn must be (H=2,), got (6,)"
    yield gru, "b_hn", (1,), "params.b_hn must be (H=2,), got (1,)"


@pytest.mark.parametrize(("cell", "name", "shape", "message"), list(bent()))
def test_weights_that_do_not_fit_each_other_are_named(cell, name, shape, message):
    params = draw(cell)[0].params._replace(**{name: np.ones(shape)})
    for where, call in calls(cell, params).items():
        assert refusal(call) == f"{where}: {message}"


def test_of_two_weights_that_do_not_fit_a_bias_is_named_first():
    params = draw(gru)[0].params
    both = params._replace(W_x=np.ones((4, 1)), b_hn=np.ones(1))
    said = refusal(lambda: gru.zero_state(both, B))
    assert said == "gru.zero_state: params.b_hn must be (H=2,), got (1,)"


@each_cell
@pytest.mark.parametrize(
    ("change", "got"),
    [
        ({"W_x": np.int32, "W_h": np.int32, "b": np.int32, "b_hn": np.int32}, "int32"),
        ({"W_h": np.float32}, "float32 and float64"),
        ({"b": np.complex128}, "complex128 and float64"),
        ({"W_x": np.ndarray.tolist}, "<class 'list'> and float64"),
    ],
)
def test_weights_that_are_not_of_one_floating_point_dtype_are_a_type_error(cell, change, got):
    params = draw(cell)[0].params
    params = params._replace(
        **{n: f(getattr(params, n)) for n, f in change.items() if n in params._fields}
    )
    for where, call in calls(cell, params).items():
        wanted = f"{where}: params must be arrays of one floating-point dtype, got {got}"
        assert refusal(call, TypeError) == wanted


def test_the_second_bias_of_the_gru_is_one_of_the_weights():
    params = draw(gru)[0].params
    params = params._replace(b_hn=np.float32(params.b_hn))
    for where, call in calls(gru, params).items():
        wanted = f"{where}: params must be arrays of one floating-point dtype, got"
        assert refusal(call, TypeError) == f"{wanted} float32 and float64"


@each_cell
def test_sizes_and_dtypes_that_will_not_do_are_named(cell, rng):
    name = short(cell)
    for sizes in ((0, 2), (2, 0)):
        said = refusal(lambda sizes=sizes: cell.init(*sizes, rng=rng), ValueError)
        wanted = "input_size and hidden_size must be at least 1"
        assert said == f"{name}.init: {wanted}, got {sizes[0]} and {sizes[1]}"
    for dtype in (int, np.complex128):
        said = refusal(lambda dtype=dtype: cell.init(I, H, rng=rng, dtype=dtype), TypeError)
        assert said == f"{name}.init: dtype must be a floating-point one, got {np.dtype(dtype)}"
    said = refusal(lambda: cell.zero_state(draw(cell)[0].params, 0))
    assert said == f"{name}.zero_state: batch must be at least 1, got 0"


@each_cell
def test_the_blocks_of_a_cell_follow_from_its_weights(cell):
    assert blocks(cell) == BLOCKS[cell]


@each_cell
def test_one_input_and_one_unit_are_enough(cell, rng):
    params = cell.init(1, 1, rng=rng)
    assert params.W_x.shape == (1, BLOCKS[cell])
    assert params.W_h.shape == (1, BLOCKS[cell])


@each_cell
def test_arguments_may_be_named(cell):
    (params, (x, *_), state), (_, dstate) = draw(cell)
    by_place = cell.step(params, x, state)
    by_name = cell.step(state=state, x=x, params=params)
    for one, other in zip(by_place, by_name, strict=True):
        assert all(map(np.array_equal, one, other))
    _, saved = by_place
    one, dx, _ = cell.step_backward(params, saved, dstate)
    other, dx_too, _ = cell.step_backward(params, dstate=dstate, saved=saved)
    assert np.array_equal(dx, dx_too)
    assert all(map(np.array_equal, one, other))


@each_cell
def test_arguments_that_are_missing_or_too_many_are_type_errors(cell):
    params, (x, *_), state = draw(cell)[0]
    with pytest.raises(TypeError, match="missing a required argument: 'state'"):
        cell.step(params, x)
    with pytest.raises(TypeError, match="too many positional arguments"):
        cell.step(params, x, state, None)
    with pytest.raises(TypeError, match="unexpected keyword argument 'mask'"):
        cell.step(params, x, state, mask=None)
    with pytest.raises(TypeError, match="multiple values for argument 'x'"):
        cell.step(params, x, state, x=x)
    with pytest.raises(TypeError, match="missing a required argument: 'input_size'"):
        cell.init()
    with pytest.raises(TypeError, match="missing a required argument: 'rng'"):
        cell.init(I, H)
    with pytest.raises(TypeError, match="too many positional arguments"):
        cell.init(I, H, np.random.default_rng(0), np.float64)
    with pytest.raises(TypeError, match="too many positional arguments"):
        cell.init(I, H, np.random.default_rng(0), np.float64, 1.0)


@each_cell
def test_inside_is_the_function_without_its_door(cell):
    params, (x, *_), state = draw(cell)[0]
    assert inside(cell.step) is not cell.step
    assert inside(inside(cell.step)) is inside(cell.step)
    one, other = cell.step(params, x, state), inside(cell.step)(params, x, state)
    assert all(map(np.array_equal, one[1], other[1]))
    with pytest.raises(ValueError, match="matmul"):  # NumPy's own words
        inside(cell.step)(params, x[:, :3], state)
    assert cell.step.__name__ == "step"
    assert cell.step.__doc__ == inside(cell.step).__doc__


@each_cell
def test_a_loop_goes_through_the_door_once_each_way(cell):
    (params, xs, state), (dhs, dstate) = draw(cell)
    through = []

    def counted(name):
        def door(*arguments):
            through.append((name, arguments[1]))
            return getattr(cell, name)(*arguments)

        door.inside = inside(getattr(cell, name))
        return door

    class Counted:
        zero_state = staticmethod(cell.zero_state)
        step = staticmethod(counted("step"))
        step_backward = staticmethod(counted("step_backward"))

    hs, _, tape = unroll.forward(Counted, params, xs, state)
    unroll.backward(Counted, params, tape, dhs, dstate)
    (first, x), (second, saved) = through
    assert (first, second) == ("step", "step_backward")
    assert np.array_equal(x, xs[0])
    assert saved is tape.steps[-1]
    assert np.array_equal(hs, unroll.forward(cell, params, xs, state)[0])


def test_a_cell_without_a_door_reads_what_it_is_given():
    class Reader:
        """Reads whole numbers, such as characters."""

        zero_state = staticmethod(rnn.zero_state)

        @staticmethod
        def step(params, x, state):
            assert x.dtype == np.int64
            return rnn.step(params, np.eye(I)[x[:, 0]], state)

        step_backward = staticmethod(rnn.step_backward)

    params = draw(rnn)[0].params
    codes = np.array([[[0], [1]], [[2], [3]]])
    hs, _, _ = unroll.forward(Reader, params, codes)
    assert np.array_equal(hs, unroll.forward(rnn, params, np.eye(I)[codes[:, :, 0]])[0])
