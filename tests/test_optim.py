import dataclasses
import math

import numpy as np
import pytest
from helpers import assert_close, assert_equal, draw

from bptt import rnn, tree
from bptt.optim import SGD, Adam, NonFiniteGradient, clip_global_norm
from bptt.shapes import ShapeError


@pytest.fixture
def params():
    return draw(rnn)[0].params


@pytest.fixture
def grads():
    return draw(rnn, seed=1)[0].params


# Clipping


def test_a_long_gradient_is_shortened_to_the_norm_allowed(grads):
    clipped, norm = clip_global_norm(grads, 0.1)
    assert norm == tree.global_norm(grads) > 0.1
    assert type(norm) is float
    assert tree.global_norm(clipped) == pytest.approx(0.1, rel=1e-14)
    assert_close(clipped, tree.map(lambda g: g * 0.1 / norm, grads))


def test_a_short_gradient_comes_back_as_it_was(grads):
    norm = tree.global_norm(grads)
    for max_norm in (norm, norm + 1e-9, 1e300, math.inf):
        clipped, same = clip_global_norm(grads, max_norm)
        assert_equal(clipped, grads)
        assert same == norm


def test_the_epsilon_is_added_to_the_norm():
    g = np.array([3.0, 4.0])
    assert clip_global_norm(g, 1.0, eps=5.0)[0] == pytest.approx([0.3, 0.4])
    assert clip_global_norm(g, 5.0, eps=1.0)[0] == pytest.approx([2.5, 10 / 3])
    assert clip_global_norm(g, 6.0, eps=1.0)[0].tolist() == [3, 4]


def test_a_gradient_of_zero_is_not_too_long(grads):
    zeros = tree.map(np.zeros_like, grads)
    clipped, norm = clip_global_norm(zeros, 1e-300)
    assert_equal(clipped, zeros)
    assert norm == 0


@pytest.mark.parametrize("max_norm", [0, 0.0, -1.0, -math.inf, math.nan])
def test_a_norm_allowed_that_is_not_above_zero_is_a_value_error(grads, max_norm):
    with pytest.raises(ValueError, match=f"max_norm must be above zero, got {max_norm}$"):
        clip_global_norm(grads, max_norm)


@pytest.mark.parametrize("max_norm", [1.0, math.inf])
@pytest.mark.parametrize(("bad", "norm"), [(np.nan, "nan"), (np.inf, "inf"), (-np.inf, "inf")])
def test_a_gradient_that_is_not_finite_has_no_direction(grads, max_norm, bad, norm):
    grads.b[1] = bad
    with pytest.raises(NonFiniteGradient, match=f"norm of the gradient is {norm}, so it has no"):
        clip_global_norm(grads, max_norm)
    assert issubclass(NonFiniteGradient, ValueError)


@pytest.mark.parametrize("number", [float, np.float64])
def test_float32_gradients_stay_float32_and_their_norm_is_summed_in_float64(number):
    large = np.full(3, 1e30, np.float32)  # its squares overflow float32
    clipped, norm = clip_global_norm(large, number(1.0), number(1e-6))
    assert norm == pytest.approx(math.sqrt(3) * 1e30)
    assert type(norm) is float
    assert clipped.dtype == np.float32
    assert clipped == pytest.approx(np.full(3, 1 / math.sqrt(3)))


# SGD


def test_a_step_of_sgd_is_the_learning_rate_against_the_gradient(params, grads):
    sgd = SGD(lr=0.5)
    new, state = sgd.update(params, grads, sgd.init(params))
    assert_equal(new, tree.map(lambda theta, g: theta - 0.5 * g, params, grads))
    again, _ = sgd.update(new, grads, state)  # without momentum, nothing is left of the first
    assert_equal(again, tree.map(lambda theta, g: theta - 0.5 * g, new, grads))


def test_momentum_keeps_a_share_of_the_last_direction():
    sgd = SGD(lr=0.5, momentum=0.25)
    state = sgd.init(np.array([1.0]))
    assert_equal(state, np.zeros(1))
    theta, state = sgd.update(np.array([1.0]), np.array([4.0]), state)
    assert (*theta, *state) == (1 - 0.5 * 4, 4)
    theta, state = sgd.update(theta, np.array([-2.0]), state)
    assert (*theta, *state) == (-1 - 0.5 * (1 - 2), 0.25 * 4 - 2)
    theta, state = sgd.update(theta, np.array([0.0]), state)
    assert (*theta, *state) == (-0.5 + 0.5 * 0.25, -0.25)


def test_sgd_has_no_momentum_unless_asked_and_no_rate_of_its_own():
    assert SGD(lr=0.1) == SGD(lr=0.1, momentum=0.0)
    with pytest.raises(TypeError, match="lr"):
        SGD()


def test_the_settings_of_sgd_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SGD(lr=0.1).lr = 1.0


def test_sgd_mutates_nothing(params, grads):
    sgd = SGD(lr=0.1, momentum=0.9)
    _, state = sgd.update(params, grads, sgd.init(params))
    for tree_ in (params, grads, state):
        for leaf in tree_:
            leaf.flags.writeable = False
    first = sgd.update(params, grads, state)
    assert_equal(first[0], sgd.update(params, grads, state)[0])
    assert_equal(params, draw(rnn)[0].params)


# Adam


def test_the_first_step_of_adam_is_the_learning_rate_against_the_sign(params, grads):
    adam = Adam(lr=0.01, eps=0.0)
    new, _ = adam.update(params, grads, adam.init(params))
    assert_close(new, tree.map(lambda theta, g: theta - 0.01 * np.sign(g), params, grads))


def test_adam_keeps_moving_means_of_the_gradients_and_their_squares():
    adam = Adam(lr=1.0, beta1=0.5, beta2=0.25, eps=0.5)
    state = adam.init(np.array([1.0]))
    assert_equal(state.m, np.zeros(1))
    assert_equal(state.v, np.zeros(1))
    theta, state = adam.update(np.array([1.0]), np.array([4.0]), state)
    assert (state.t, *state.m, *state.v) == (1, 2, 12)
    assert theta[0] == pytest.approx(1 - 4 / (4 + 0.5))
    theta, state = adam.update(theta, np.array([-2.0]), state)
    assert (state.t, *state.m, *state.v) == (2, 0, 6)
    again, state = adam.update(theta, np.array([8.0]), state)
    assert (state.t, *state.m, *state.v) == (3, 4, 49.5)
    m_hat, v_hat = 4 / (1 - 0.5**3), 49.5 / (1 - 0.25**3)
    assert again[0] == pytest.approx(theta[0] - m_hat / (math.sqrt(v_hat) + 0.5))


@pytest.mark.parametrize(
    ("dtype", "bad"),
    [("f8", np.nan), ("f8", np.inf), ("f8", -np.inf), ("f4", np.nan), ("f4", 1e300)]
    + [(d, 2.0**n) for d, n in (("f4", 70), ("f4", 127), ("f8", 520), ("f8", 1023))],
)
@pytest.mark.parametrize("optimizer", [SGD(lr=0.1), SGD(lr=0.1, momentum=0.9), Adam()], ids=repr)
def test_a_gradient_that_is_too_large_for_its_dtype_takes_no_step(
    params, grads, optimizer, dtype, bad
):
    params = tree.map(np.dtype(dtype).type, params)
    large = grads._replace(W_h=np.full_like(grads.W_h, bad))
    with np.errstate(all="raise", under="ignore"):
        if isinstance(optimizer, SGD) and np.isfinite(bad) and bad != 1e300:
            assert np.isfinite(optimizer.update(params, large, optimizer.init(params))[0].W_h).all()
            return
        with pytest.raises(NonFiniteGradient, match=r"update: grads\.W_h must be finite"):
            optimizer.update(params, large, optimizer.init(params))


@pytest.mark.parametrize("dtype", ["f4", "f8"])
@pytest.mark.parametrize("eps", [0.0, 1e-60, 1e-320, 1e-8])
def test_without_a_gradient_adam_takes_no_step_whatever_its_epsilon(params, dtype, eps):
    params, adam = tree.map(np.dtype(dtype).type, params), Adam(eps=eps)
    state = adam.init(params)
    with np.errstate(all="raise", under="ignore"):
        for _ in range(3):
            again, state = adam.update(params, tree.map(np.zeros_like, params), state)
            assert_equal(again, params)
        moved, _ = adam.update(params, tree.map(np.ones_like, params), state)
    assert all((leaf < before).all() for leaf, before in zip(moved, params, strict=True))


@pytest.mark.parametrize("bad", [-1.0, -1e-300, np.nan, -np.inf])
def test_a_mean_of_squares_of_adam_that_is_negative_is_refused(params, grads, bad):
    adam = Adam()
    state = adam.init(params)
    wrong = state._replace(v=state.v._replace(b=np.array([1.0, bad])))
    with pytest.raises(ValueError, match=r"Adam\.update: state\.v must be zero or more, got"):
        adam.update(params, grads, wrong)


def test_the_defaults_of_adam_are_those_of_its_paper():
    assert Adam() == Adam(lr=1e-3, beta1=0.9, beta2=0.999, eps=1e-8)


def test_the_settings_of_adam_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Adam().lr = 1.0


def test_adam_mutates_nothing(params, grads):
    adam = Adam()
    state = adam.init(params)
    for tree_ in (params, grads, state.m, state.v):
        for leaf in tree_:
            leaf.flags.writeable = False
    first = adam.update(params, grads, state)
    assert_equal(first[0], adam.update(params, grads, state)[0])
    assert_equal(params, draw(rnn)[0].params)
    assert state.t == 0


# Both

SETTINGS = {SGD: (0.1, 0.9), Adam: (0.1, 0.9, 0.999, 1e-8)}
each_kind = pytest.mark.parametrize("kind", SETTINGS)


@each_kind
@pytest.mark.parametrize("number", [float, np.float64])
def test_float32_weights_stay_float32(params, grads, number, kind):
    params, grads = tree.map(np.float32, params), tree.map(np.float32, grads)
    optimizer = kind(*map(number, SETTINGS[kind]))
    state = optimizer.init(params)
    for _ in range(3):
        params, state = optimizer.update(params, grads, state)
    for held in (params, *((state.m, state.v) if kind is Adam else (state,))):
        assert {leaf.dtype for leaf in held} == {np.dtype(np.float32)}


@each_kind
def test_gradients_that_would_broadcast_are_a_shape_error(params, grads, kind):
    optimizer = kind(*SETTINGS[kind])
    where = rf"^optim.{kind.__name__}.update"
    message = where + r": an array of grads must be \(2,\), got \(1, 2\)$"
    with pytest.raises(ShapeError, match=message):
        optimizer.update(params, grads._replace(b=np.ones((1, 2))), optimizer.init(params))


@each_kind
def test_gradients_of_another_structure_are_a_type_error(params, grads, kind):
    optimizer = kind(*SETTINGS[kind])
    with pytest.raises(TypeError, match="structure"):
        optimizer.update(params, rnn.Step(*grads), optimizer.init(params))
