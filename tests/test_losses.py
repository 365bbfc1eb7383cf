import math

import numpy as np
import pytest
import torch
from helpers import SEEDS, SIZES, assert_slopes
from hypothesis import given, settings

from bptt.losses import cross_entropy, squared_error
from bptt.shapes import ShapeError


@given(SIZES, SEEDS)
@settings(max_examples=20)
def test_the_gradient_has_the_slopes_of_the_loss(sizes, seed):
    rng = np.random.default_rng(seed)
    *shape, K = sizes[:3]
    logits, targets = rng.normal(size=(*shape, K + 1)), rng.integers(K + 1, size=shape)
    assert_slopes(lambda a: cross_entropy(a, targets)[0], logits, cross_entropy(logits, targets)[1])


def test_the_loss_is_the_mean_of_the_log_probabilities_of_the_targets():
    p = np.array([[0.2, 0.3, 0.5], [0.6, 0.1, 0.3]])
    loss, dlogits = cross_entropy(np.log(p) + 7, [2, 0])
    assert loss == pytest.approx(-(math.log(0.5) + math.log(0.6)) / 2, rel=1e-14)
    assert type(loss) is float
    np.testing.assert_allclose(dlogits, [[0.1, 0.15, -0.25], [-0.2, 0.05, 0.15]], rtol=1e-13)


@pytest.mark.parametrize("K", [1, 2, 5])
def test_a_uniform_guess_scores_the_logarithm_of_the_number_of_classes(K):
    loss, _ = cross_entropy(np.full((3, K), 4.0), [0, K - 1, K // 2])
    assert loss == pytest.approx(math.log(K))


def test_huge_logits_give_a_finite_loss():
    logits = np.array([[1e4, -1e4], [-1e4, 1e4]])
    assert cross_entropy(logits, [0, 1])[0] == 0
    loss, dlogits = cross_entropy(logits, [1, 1])
    assert loss == 1e4
    assert dlogits.tolist() == [[0.5, -0.5], [0, 0]]


def test_the_gradient_has_the_dtype_of_the_logits():
    for dtype in (np.float32, np.float64):
        assert cross_entropy(np.zeros((2, 3, 4), dtype), [[0, 1, 2], [3, 0, 1]])[1].dtype == dtype


@pytest.mark.parametrize("shape", [(2, 4), (1, 3), (3, 2), (2,), (6,), (), (0,), (2, 3, 1)])
def test_targets_of_a_wrong_shape_are_a_shape_error(shape):
    with pytest.raises(ShapeError) as error:
        cross_entropy(np.zeros((2, 3, 5)), np.zeros(shape, int))
    assert str(error.value) == (
        f"losses.cross_entropy: targets must be (2, 3), one for each row of logits, got {shape}"
    )


@pytest.mark.parametrize("shape", [(), (0, 4), (3, 0), (0,)])
def test_logits_of_nothing_are_a_shape_error(shape):
    with pytest.raises(ShapeError) as error:
        cross_entropy(np.zeros(shape), np.zeros(shape[:-1], int))
    assert str(error.value) == (
        f"losses.cross_entropy: logits must be (..., K) with no empty axis, got {shape}"
    )


def test_logits_in_lists_are_converted_and_integers_are_a_type_error():
    loss, dlogits = cross_entropy([[1.0, 2.0]], [0])
    want, want_dlogits = cross_entropy(np.array([[1.0, 2.0]]), [0])
    assert loss == want
    assert np.array_equal(dlogits, want_dlogits)
    with pytest.raises(TypeError, match="logits must be floating-point numbers, got int64"):
        cross_entropy(np.array([[1, 2]]), [0])


@pytest.mark.parametrize("bad", [-1, 4, 0.5, np.nan])
def test_a_target_that_is_no_class_is_a_value_error(bad):
    with pytest.raises(ValueError, match="whole numbers from 0 to 3, got values from"):
        cross_entropy(np.zeros((3, 4)), [0, bad, 3])


def test_the_message_names_the_range_of_the_targets():
    with pytest.raises(ValueError, match=r"from 0 to 3, got values from -1 to 9$"):
        cross_entropy(np.zeros((3, 4)), [9, -1, 3])


# The squared error


@given(SIZES, SEEDS)
@settings(max_examples=20)
def test_the_gradient_of_the_squared_error_has_its_slopes(sizes, seed):
    rng = np.random.default_rng(seed)
    outputs, targets = rng.normal(size=(2, *sizes[:3]))
    grads = squared_error(outputs, targets)[1]
    assert_slopes(lambda y: squared_error(y, targets)[0], outputs, grads)


def test_the_squared_error_is_the_mean_over_all_outputs():
    loss, dys = squared_error(np.array([[1.0, 3.0], [0.0, -2.0]]), [[1, 1], [0.5, 0]])
    assert loss == pytest.approx((0 + 4 + 0.25 + 4) / 4, rel=1e-15)
    assert type(loss) is float
    assert dys.tolist() == [[0, 1], [-0.25, -1]]


def test_the_squared_error_is_that_of_torch(rng):
    outputs, targets = rng.normal(size=(2, 5, 3, 2))
    ys = torch.tensor(outputs, requires_grad=True)
    want = torch.nn.functional.mse_loss(ys, torch.tensor(targets))
    want.backward()
    loss, dys = squared_error(outputs, targets)
    assert loss == pytest.approx(want.item(), rel=1e-12)
    np.testing.assert_allclose(dys, ys.grad.numpy(), rtol=1e-12)


def test_the_gradient_of_the_squared_error_has_the_dtype_of_the_outputs():
    for dtype in (np.float32, np.float64):
        assert squared_error(np.zeros((2, 3), dtype), np.ones((2, 3)))[1].dtype == dtype


@pytest.mark.parametrize("shape", [(2, 4), (3, 2), (3,), (6,), (), (2, 3, 1)])
def test_targets_of_another_shape_than_the_outputs_are_a_shape_error(shape):
    with pytest.raises(ShapeError) as error:
        squared_error(np.zeros((2, 3)), np.zeros(shape))
    assert str(error.value) == (
        "losses.squared_error: targets must be (2, 3), one for each output, with no empty axis, "
        f"got {shape}"
    )


@pytest.mark.parametrize("shape", [(0,), (0, 4), (3, 0)])
def test_a_squared_error_of_nothing_is_a_shape_error(shape):
    with pytest.raises(ShapeError, match="with no empty axis"):
        squared_error(np.zeros(shape), np.zeros(shape))


def test_outputs_that_are_no_floats_and_targets_that_are_no_numbers_are_type_errors():
    with pytest.raises(TypeError, match=r"^losses.squared_error: outputs"):
        squared_error(np.array([1, 2]), [0, 0])
    with pytest.raises(TypeError, match=r"^losses.squared_error: outputs"):
        squared_error(np.zeros(2, np.float16), [0, 0])
    with pytest.raises(TypeError, match=r"^losses.squared_error: targets"):
        squared_error([1.0, 2.0], ["a", "b"])
    assert squared_error([1.0], [True])[0] == 0
