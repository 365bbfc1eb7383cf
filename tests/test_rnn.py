"""The simple recurrent cell; what all cells share is in `test_cells.py`."""

import math

import numpy as np
import pytest
from helpers import assert_equal, draw

from bptt import rnn
from bptt.shapes import ShapeError

B, I, H = 3, 4, 2


@pytest.fixture
def params():
    return draw(rnn)[0].params


def test_a_step_is_the_hyperbolic_tangent_of_the_weighted_sum():
    (params, (x, *_), state), _ = draw(rnn)
    new, _ = rnn.step(params, x, state)
    for n in range(B):
        for j in range(H):
            a = params.b[j]
            a += sum(x[n, i] * params.W_x[i, j] for i in range(I))
            a += sum(state.h[n, k] * params.W_h[k, j] for k in range(H))
            assert new.h[n, j] == pytest.approx(math.tanh(a), rel=1e-13)


def test_the_derivative_of_a_step_is_the_sum_over_the_batch():
    (params, (x, *_), state), (_, dstate) = draw(rnn)
    new, saved = rnn.step(params, x, state)
    dparams, dx, dstate_prev = rnn.step_backward(params, saved, dstate)
    da = [[dstate.h[n, j] * (1 - new.h[n, j] ** 2) for j in range(H)] for n in range(B)]
    for j in range(H):
        for i in range(I):
            want = sum(x[n, i] * da[n][j] for n in range(B))
            assert dparams.W_x[i, j] == pytest.approx(want, rel=1e-12)
        for k in range(H):
            want = sum(state.h[n, k] * da[n][j] for n in range(B))
            assert dparams.W_h[k, j] == pytest.approx(want, rel=1e-12)
        assert dparams.b[j] == pytest.approx(sum(da[n][j] for n in range(B)), rel=1e-12)
    for n in range(B):
        for i in range(I):
            want = sum(da[n][j] * params.W_x[i, j] for j in range(H))
            assert dx[n, i] == pytest.approx(want, rel=1e-12)
        for k in range(H):
            want = sum(da[n][j] * params.W_h[k, j] for j in range(H))
            assert dstate_prev.h[n, k] == pytest.approx(want, rel=1e-12)


def test_a_step_saves_its_input_and_both_states():
    (params, (x, *_), state), _ = draw(rnn)
    new, saved = rnn.step(params, x, state)
    assert_equal(saved, rnn.Step(x=x, h_prev=state.h, h=new.h))


def test_init_draws_glorot_orthogonal_and_no_bias(rng):
    params = rnn.init(input_size=300, hidden_size=50, rng=rng)
    assert params.W_x.shape == (300, 50)
    assert math.sqrt(6 / 350) * 0.99 < abs(params.W_x).max() <= math.sqrt(6 / 350)
    np.testing.assert_allclose(params.W_h.T @ params.W_h, np.eye(50), rtol=0, atol=1e-12)
    assert params.b.tolist() == [0] * 50


def test_the_zero_state_has_a_row_for_each_sequence(params):
    assert_equal(rnn.zero_state(params, B), rnn.State(np.zeros((B, H))))
    assert_equal(rnn.zero_state(params, batch=1), rnn.State(np.zeros((1, H))))


@pytest.mark.parametrize(
    ("x", "h", "message"),
    [
        ((3, 5), (3, 2), "rnn.step: x must be (B, I=4), got (3, 5)"),
        ((4,), (3, 2), "rnn.step: x must be (B, I=4), got (4,)"),
        ((0, 4), (0, 2), "rnn.step: x must be (B, I=4) with no empty axis, got (0, 4)"),
        ((3, 4), (1, 2), "rnn.step: state.h must be (B=3, H=2), got (1, 2)"),
        ((3, 4), (3, 3), "rnn.step: state.h must be (B=3, H=2), got (3, 3)"),
        ((3, 4), (2,), "rnn.step: state.h must be (B=3, H=2), got (2,)"),
    ],
)
def test_step_names_the_argument_that_does_not_fit(params, x, h, message):
    with pytest.raises(ShapeError) as error:
        rnn.step(params, np.ones(x), rnn.State(np.ones(h)))
    assert str(error.value) == message


@pytest.mark.parametrize("shape", [(1, 2), (3, 1), (2,), (3, 3)])
def test_step_backward_refuses_a_gradient_that_would_broadcast(params, shape):
    _, saved = rnn.step(params, np.ones((B, I)), rnn.zero_state(params, B))
    with pytest.raises(ShapeError) as error:
        rnn.step_backward(params, saved, rnn.State(np.ones(shape)))
    assert str(error.value) == (
        f"rnn.step_backward: dstate.h must be (B=3, H=2), got {np.empty(shape).shape}"
    )


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"x": (3, 5)}, "saved.x must be (B=3, I=4), got (3, 5)"),
        ({"x": (1, 4)}, "saved.h_prev must be (B=1, H=2), got (3, 2)"),
        ({"h": (3, 1)}, "saved.h must be (B=3, H=2), got (3, 1)"),
    ],
)
def test_step_backward_refuses_the_step_of_another_run(params, change, message):
    _, saved = rnn.step(params, np.ones((B, I)), rnn.zero_state(params, B))
    saved = saved._replace(**{name: np.ones(shape) for name, shape in change.items()})
    with pytest.raises(ShapeError) as error:
        rnn.step_backward(params, saved, rnn.State(np.ones((B, H))))
    assert str(error.value) == f"rnn.step_backward: {message}"


def calls(params):
    """Return each function that takes weights, by its name."""
    x, state = np.ones((B, I)), rnn.State(np.ones((B, H)))
    return {
        "rnn.zero_state": lambda: rnn.zero_state(params, B),
        "rnn.step": lambda: rnn.step(params, x, state),
        "rnn.step_backward": lambda: rnn.step_backward(params, rnn.Step(x, *state, *state), state),
    }


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("b", (3,), "params.b must be (H=2,), got (3,)"),
        ("b", (1, 2), "params.b must be (H=2,), got (1, 2)"),
        ("W_h", (0, 0), "params.W_h must be (H, H) with no empty axis, got (0, 0)"),
        ("W_h", (2, 3), "params.W_h must be (H, H), got (2, 3)"),
        ("W_h", (3, 3), "params.b must be (H=3,), got (2,)"),
        ("W_x", (2, 4), "params.W_x must be (I, H=2), got (2, 4)"),
        ("W_x", (8,), "params.W_x must be (I, H=2), got (8,)"),
    ],
)
def test_weights_that_do_not_fit_each_other_are_named(params, name, shape, message):
    for where, call in calls(params._replace(**{name: np.ones(shape)})).items():
        with pytest.raises(ShapeError) as error:
            call()
        assert str(error.value) == f"{where}: {message}"


@pytest.mark.parametrize(
    ("change", "got"),
    [
        ({"W_x": np.int32, "W_h": np.int32, "b": np.int32}, "int32"),
        ({"W_h": np.float32}, "float32 and float64"),
        ({"b": np.complex128}, "complex128 and float64"),
        ({"W_x": np.ndarray.tolist}, "<class 'list'> and float64"),
    ],
)
def test_weights_that_are_not_of_one_floating_point_dtype_are_a_type_error(params, change, got):
    bent = params._replace(**{name: f(getattr(params, name)) for name, f in change.items()})
    for where, call in calls(bent).items():
        with pytest.raises(TypeError) as error:
            call()
        want = f"{where}: params must be arrays of one floating-point dtype, got {got}"
        assert str(error.value) == want


@pytest.mark.parametrize("dtype", [int, np.complex128])
def test_init_refuses_what_is_no_floating_point_dtype(dtype, rng):
    message = f"^rnn.init: dtype must be a floating-point one, got {np.dtype(dtype)}$"
    with pytest.raises(TypeError, match=message):
        rnn.init(I, H, rng=rng, dtype=dtype)


def test_the_messages_name_the_sizes_that_are_too_small(params, rng):
    with pytest.raises(ValueError, match="init") as error:
        rnn.init(0, 2, rng=rng)
    assert str(error.value) == (
        "rnn.init: input_size and hidden_size must be at least 1, got 0 and 2"
    )
    with pytest.raises(ShapeError) as error:
        rnn.zero_state(params, 0)
    assert str(error.value) == "rnn.zero_state: batch must be at least 1, got 0"


def test_one_input_and_one_unit_are_enough(rng):
    assert rnn.init(1, 1, rng=rng).W_x.shape == (1, 1)
