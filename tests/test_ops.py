import numpy as np
import pytest
from helpers import SEEDS, SIZES
from hypothesis import given

from bptt import ops

PAIRS = [(ops.tanh, ops.tanh_prime), (ops.sigmoid, ops.sigmoid_prime), (ops.relu, ops.relu_prime)]
each_pair = pytest.mark.parametrize(("f", "prime"), PAIRS, ids=lambda f: f.__name__)


@each_pair
def test_the_derivative_matches_central_differences(f, prime):
    a = np.linspace(-5, 5, 100)  # not 0, where the rectifier has no derivative
    eps = 1e-5
    want = (f(a + eps) - f(a - eps)) / (2 * eps)
    np.testing.assert_allclose(prime(f(a)), want, rtol=0, atol=1e-10)


@pytest.mark.parametrize(
    ("f", "prime", "values", "slopes"),
    [
        (*PAIRS[0], (-1, 1), (0, 1)),
        (*PAIRS[1], (0, 1), (0, 0.25)),
        (*PAIRS[2], (0, np.inf), (0, 1)),
    ],
)
def test_values_and_slopes_stay_in_bounds_without_a_warning(f, prime, values, slopes):
    y = f(np.concatenate([np.linspace(-60, 60, 1001), [-1e4, 1e4, -1e308, 1e308]]))
    for got, (low, high) in ((y, values), (prime(y), slopes)):
        assert (low <= got).all()
        assert (got <= high).all()


@each_pair
def test_the_dtype_is_kept(f, prime):
    for dtype in (np.float32, np.float64):
        y = f(np.linspace(-1, 1, 5, dtype=dtype))
        assert y.dtype == prime(y).dtype == dtype


def test_known_values():
    assert ops.tanh(np.array(0.5)) == pytest.approx(0.46211715726000975, rel=1e-15)
    assert ops.sigmoid(np.array(2.0)) == pytest.approx(0.8807970779778823, rel=1e-15)
    assert ops.sigmoid(np.array([-40.0, 0, 40])).tolist() == [0, 0.5, 1]
    assert ops.relu(np.array([-2.0, 0, 3])).tolist() == [0, 0, 3]
    assert ops.relu_prime(np.array([0.0, 3])).tolist() == [0, 1]


def test_the_logistic_function_and_tanh_are_one_function_in_two_units():
    a = np.linspace(-20, 20, 401)
    np.testing.assert_allclose(ops.sigmoid(a), 1 / (1 + np.exp(-a)), rtol=0, atol=1e-15)
    np.testing.assert_allclose(ops.tanh(a), 2 / (1 + np.exp(-2 * a)) - 1, rtol=0, atol=1e-15)


@pytest.mark.parametrize(
    ("f", "prime", "largest"), [(*PAIRS[0], 1), (*PAIRS[1], 0.25)], ids=["tanh", "sigmoid"]
)
def test_a_slope_is_largest_at_zero_and_falls_to_both_sides(f, prime, largest):
    slopes = prime(f(np.arange(-500, 501) / 100))
    assert slopes[500] == largest
    assert (np.diff(slopes[:501]) > 0).all()
    assert (np.diff(slopes[500:]) < 0).all()


@given(SIZES, SEEDS)
def test_the_softmax_sums_to_one_over_the_last_axis(sizes, seed):
    a = np.random.default_rng(seed).normal(scale=10, size=sizes)
    np.testing.assert_allclose(ops.softmax(a).sum(axis=-1), np.ones(sizes[:-1]), rtol=1e-14)
    np.testing.assert_allclose(np.log(ops.softmax(a)), ops.log_softmax(a), rtol=1e-9, atol=1e-12)


def test_the_softmax_does_not_change_with_a_shift_of_the_logits(rng):
    a = rng.normal(size=(3, 4))
    np.testing.assert_allclose(ops.softmax(a + 1e4), ops.softmax(a), rtol=1e-11)
    np.testing.assert_allclose(ops.softmax(a - 1e4), ops.softmax(a), rtol=1e-11)


def test_the_softmax_of_huge_logits_is_finite():
    a = np.array([[1e4, -1e4, 0], [-1e300, 1e300, 1e300]])
    assert ops.softmax(a).tolist() == [[1, 0, 0], [0, 0.5, 0.5]]
    assert ops.log_softmax(a)[0].tolist() == [0, -2e4, -1e4]
    assert np.isfinite(ops.log_softmax(a)).all()


@pytest.mark.parametrize("f", [ops.softmax, ops.log_softmax])
def test_the_softmax_keeps_the_dtype(f):
    assert f(np.zeros((3, 4), np.float32)).dtype == np.float32
