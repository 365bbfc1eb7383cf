import math

import numpy as np
import pytest
from helpers import SEEDS, assert_slopes
from hypothesis import given
from hypothesis import strategies as st

from bptt import model, rnn, tree
from bptt.gradcheck import (
    EPS,
    GradientError,
    UnmeasurableGradient,
    check_gradient,
    directional_derivative,
    numeric_gradient,
    relative_error,
)
from bptt.shapes import ShapeError

AT = rnn.Params(np.array([[1.0, -2.0]]), np.array([[0.5, 3.0], [2.0, -1.0]]), np.array([1.5, 0.1]))


def cubes(theta):
    """Return the sum of cubes, whose gradient is three times the squares."""
    return sum((leaf**3).sum() for leaf in theta)


RIGHT = tree.map(lambda theta: 3 * theta**2, AT)


def with_entry(grads, value):
    """Return a gradient with another value at W_h[1, 0]."""
    W_h = grads.W_h.copy()
    W_h[1, 0] = value
    return grads._replace(W_h=W_h)


def test_the_numeric_gradient_is_the_slope_along_every_axis():
    assert relative_error(numeric_gradient(cubes, AT), RIGHT) < 1e-9


def test_the_step_is_the_cube_root_of_the_machine_epsilon():
    assert pytest.approx(2.0**-52) == EPS**3
    seen = []
    numeric_gradient(lambda theta: seen.append(theta.copy()) or 0.0, np.array([1.0, 2.0]))
    want = [[1 + EPS, 2], [1 - EPS, 2], [1, 2 + 2 * EPS], [1, 2 - 2 * EPS]]
    assert np.array_equal(seen, want)


@pytest.mark.parametrize(
    ("at", "scales"),
    [
        ([0.0, 0.0], [1, 1]),
        ([0.5, 0.0], [0.5, 0.5]),
        ([1e-8, -2e-8], [2e-8, 2e-8]),
        ([3.0, 1e-5, 0.0], [3, 1, 1]),
        ([-1e12, 1.0], [1e12, 1]),
    ],
)
def test_the_scale_of_a_step_is_that_of_the_number_and_not_below_that_of_the_point(at, scales):
    seen = []
    numeric_gradient(lambda theta: seen.append(theta) or 0.0, np.array(at))
    steps = np.ptp(np.array(seen).reshape(len(at), 2, -1), axis=1).max(axis=1) / 2
    assert steps == pytest.approx(EPS * np.array(scales), rel=1e-9)


@pytest.mark.parametrize("eps", [0.1, 0.5])
def test_a_central_difference_is_exact_for_squares_and_off_by_the_step_squared_for_cubes(eps):
    at = np.array([2.0])
    assert numeric_gradient(lambda x: x[0] ** 2, at, eps)[0] == pytest.approx(4)
    assert numeric_gradient(lambda x: x[0] ** 3, at, eps)[0] == pytest.approx(12 + eps**2)
    slope = directional_derivative(lambda x: x[0] ** 3, at, np.ones(1), eps)
    assert slope == pytest.approx(12 + eps**2)
    assert check_gradient(lambda x: x[0] ** 3, at, np.array([12 + eps**2]), eps=eps) < 1e-12


def test_the_directional_derivative_is_the_product_with_the_gradient(rng):
    direction = tree.map(lambda theta: rng.normal(size=theta.shape), AT)
    slope = directional_derivative(cubes, AT, direction)
    assert slope == pytest.approx(tree.dot(RIGHT, direction), rel=1e-8)
    assert type(slope) is float


def test_a_right_gradient_passes_and_its_error_comes_back():
    error = check_gradient(cubes, AT, RIGHT)
    assert error < 1e-8
    assert error == relative_error(RIGHT, numeric_gradient(cubes, AT))
    assert check_gradient(cubes, AT, tree.map(lambda g: 1.01 * g, RIGHT), tol=0.02) == (
        pytest.approx(0.01, rel=1e-4)
    )


def test_a_wrong_gradient_is_named_with_its_entry_and_both_numbers():
    wrong = with_entry(RIGHT, 11.0)
    message = (
        r"^gradcheck: W_h\[1, 0\] is 11, central differences give (12\.0000000|11\.9999999|12)"
    )
    with pytest.raises(GradientError, match=message):
        check_gradient(cubes, AT, wrong)


def test_a_wrong_gradient_deep_in_a_tree_has_a_dotted_name():
    def half(theta):
        return cubes(theta.cell) + theta.W_y.sum()

    at = model.Params(AT, np.ones((2, 3)), np.ones(3))
    right = model.Params(RIGHT, np.ones((2, 3)), np.zeros(3))
    check_gradient(half, at, right)
    with pytest.raises(GradientError, match=r"^gradcheck: cell\.W_h\[1, 0\] is "):
        check_gradient(half, at, right._replace(cell=with_entry(RIGHT, 0.0)))
    with pytest.raises(GradientError, match=r"^gradcheck: b_y\[2\] is 1, .* give 0$"):
        check_gradient(half, at, right._replace(b_y=np.array([0.0, 0, 1])))


def test_a_wrong_gradient_of_a_bare_array_is_named_too():
    with pytest.raises(GradientError, match=r"^gradcheck: grads\[1\] is -12, "):
        check_gradient(lambda x: (x**3).sum(), np.array([1.0, 2.0]), np.array([3.0, -12.0]))


def test_an_error_just_above_the_tolerance_fails():
    at, right = np.array([3.0, 1.0]), np.array([6.0, 2.0])
    off = np.array([0, 6e-7])  # 1e-7 of the largest entry

    def squares(x):
        return (x**2).sum()

    check_gradient(squares, at, right + 0.9 * off)
    with pytest.raises(GradientError, match=r"grads\[1\]"):
        check_gradient(squares, at, right + 1.1 * off)


def test_the_relative_error_of_lists_and_of_booleans_is_that_of_their_numbers():
    assert relative_error([1.0, 2.5], np.array([1.0, 2.0])) == 0.25
    assert relative_error(np.array([True, False]), np.array([True, True])) == 1


def test_a_gradient_error_is_an_assertion_error():
    assert issubclass(GradientError, AssertionError)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_gradient_that_is_not_finite_never_passes(bad):
    with pytest.raises(ValueError, match="must be finite, got NaN or infinity"):
        check_gradient(cubes, AT, with_entry(RIGHT, bad), tol=1e300)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_function_that_is_not_finite_never_passes(bad):
    def f(theta):
        return bad if theta.b[1] > 0.1 else cubes(theta)

    message = f"f must be finite around the point, got {bad} and "
    with pytest.raises(ValueError, match=message):
        check_gradient(f, AT, RIGHT)
    with pytest.raises(ValueError, match=message):
        directional_derivative(f, AT, RIGHT)


def test_a_point_that_is_not_finite_never_passes():
    with pytest.raises(ValueError, match="finite"):
        check_gradient(lambda x: float(x.sum()), np.array([1.0, np.nan]), np.ones(2))


@pytest.mark.parametrize("dtype", [np.float32, np.int64, np.complex128])
def test_what_is_not_float64_is_a_type_error(dtype):
    at = AT._replace(W_h=AT.W_h.astype(dtype))
    message = f"^gradcheck: W_h must be float64, got {np.dtype(dtype)}$"
    with pytest.raises(TypeError, match=message):
        check_gradient(cubes, at, RIGHT)
    with pytest.raises(TypeError, match=message):
        directional_derivative(cubes, at, RIGHT)
    with pytest.raises(TypeError, match=f"^gradcheck: at must be float64, got {np.dtype(dtype)}$"):
        numeric_gradient(lambda x: x.sum(), np.ones(2, dtype))


def test_where_a_gradient_is_zero_only_zero_passes():
    at = np.ones((2, 3))
    assert check_gradient(lambda _: 1.0, at, np.zeros((2, 3)), tol=0.0) == 0
    with pytest.raises(GradientError, match=r"grads\[0, 2\] is 1e-300, .* give 0; the rounding"):
        check_gradient(lambda _: 1.0, at, np.array([[0, 0, 1e-300], [0, 0, 0]]))
    with pytest.raises(GradientError, match=r"grads\[0, 2\] is 1e-09, .* give 0$"):
        check_gradient(lambda _: 1.0, at, np.array([[0, 0, 1e-9], [0, 0, 0]]))


def test_the_slopes_of_the_tests_notice_one_wrong_entry():
    assert_slopes(cubes, AT, RIGHT)
    for off in (1e-5, -1e-5):
        with pytest.raises(AssertionError):
            assert_slopes(cubes, AT, with_entry(RIGHT, RIGHT.W_h[1, 0] + off))


def test_shapes_that_differ_are_a_shape_error():
    wrong = RIGHT._replace(b=np.ones((1, 2)))
    message = r"gradcheck.{}: an array of {} must be \(2,\), got \(1, 2\)$"
    with pytest.raises(ShapeError, match=message.format("check_gradient", "grads")):
        check_gradient(cubes, AT, wrong)
    with pytest.raises(ShapeError, match=message.format("directional_derivative", "direction")):
        directional_derivative(cubes, AT, wrong)
    with pytest.raises(ShapeError, match=message.format("relative_error", "got")):
        relative_error(wrong, RIGHT)


def test_structures_that_differ_are_a_type_error():
    other = rnn.Step(*RIGHT)
    with pytest.raises(TypeError, match="structure"):
        check_gradient(cubes, AT, other)
    with pytest.raises(TypeError, match="structure"):
        directional_derivative(cubes, AT, other)
    with pytest.raises(TypeError, match="structure"):
        relative_error(RIGHT, other)


def test_the_relative_error_is_the_largest_over_the_arrays():
    want = rnn.Params(np.array([[10.0, -100.0]]), np.ones((2, 2)), np.array([0.5, -0.25]))
    got = rnn.Params(np.array([[10.0, -101.0]]), np.ones((2, 2)), np.array([0.5, -0.15]))
    assert relative_error(got, want) == pytest.approx(0.2)
    assert relative_error(got.W_x, want.W_x) == pytest.approx(0.01)
    assert relative_error(want, want) == 0


def test_the_relative_error_to_zeros_is_zero_or_infinite():
    assert relative_error(np.zeros(2), np.zeros(2)) == 0
    assert relative_error(np.array([0, 1e-300]), np.zeros(2)) == math.inf


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_the_relative_error_of_what_is_not_finite_is_a_value_error(bad):
    with pytest.raises(ValueError, match="finite"):
        relative_error(np.array([1, bad]), np.ones(2))
    with pytest.raises(ValueError, match="finite"):
        relative_error(np.ones(2), np.array([1, bad]))


def test_the_point_is_not_mutated():
    at = np.array([1.0, 2.0])
    at.flags.writeable = False
    check_gradient(lambda x: (x**2).sum(), at, 2 * at)
    assert at.tolist() == [1, 2]


# Where the step or the slope is lost in rounding


@given(st.floats(-30, 30), st.sampled_from([1, 2, 3]), SEEDS)
def test_a_power_passes_and_a_wrong_slope_fails_at_points_of_every_scale(exponent, n, seed):
    at = 10.0**exponent * np.random.default_rng(seed).uniform(0.5, 2, size=3)
    right = n * at ** (n - 1)
    check_gradient(lambda x: (x**n).sum(), at, right)
    for wrong in (0 * right, 1.001 * right, -right, right * [1, 1, 0]):
        with pytest.raises(GradientError):
            check_gradient(lambda x: (x**n).sum(), at, wrong)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
@pytest.mark.parametrize(
    ("f", "slope"), [(np.log, lambda x: 1 / x), (np.sqrt, lambda x: 0.5 / x**0.5)]
)
def test_a_function_that_is_not_defined_below_zero_can_be_checked_near_it(f, slope, scale):
    at = np.array([1.0, 3.0]) * scale
    check_gradient(lambda x: float(f(x).sum()), at, slope(at))


@pytest.mark.parametrize("offset", [1e12, 1e15, -1e18])
def test_what_the_rounding_of_the_function_hides_is_refused_right_or_wrong(offset):
    at = np.array([1.0, 2.0])
    for grads in (np.ones(2), np.zeros(2), np.array([1.0, 0.0])):
        with pytest.raises(UnmeasurableGradient, match="the rounding of f alone may add up to"):
            check_gradient(lambda x: offset + x.sum(), at, grads)


def test_a_small_slope_beside_a_large_one_is_refused_if_it_is_hidden():
    at = np.array([1e8, 1.0])
    for small in (0.0, 0.01):
        with pytest.raises(UnmeasurableGradient):
            check_gradient(lambda x: x[0] + 0.01 * x[1], at, np.array([1.0, small]))


@pytest.mark.parametrize("eps", [1e-20, 1e-5])
def test_a_step_that_is_lost_in_the_point_is_refused(eps):
    at, grads = np.full(2, 1e12), np.zeros(2)
    with pytest.raises(ValueError, match=r"is lost in the rounding of at, .* pass a larger eps$"):
        check_gradient(lambda x: x.sum(), at, grads, eps=eps)
    with pytest.raises(ValueError, match="is lost in the rounding of at"):
        directional_derivative(lambda x: x.sum(), at, np.ones(2), eps)
    with pytest.raises(ValueError, match="is lost in the rounding of at"):
        directional_derivative(lambda x: x.sum(), np.ones(2), np.full(2, 1e-20))


def test_a_gradient_that_has_vanished_passes_with_an_absolute_tolerance():
    at = np.array([40.0, 35.0])

    def f(x):
        return np.tanh(x).sum()

    right = np.cosh(at) ** -2.0  # 7e-35 and 2e-30
    assert 0 < right.max() < 1e-29
    with pytest.raises(UnmeasurableGradient, match="pass that as atol") as error:
        check_gradient(f, at, right)
    named = float(str(error.value).split(" up to ")[1].split(":")[0])
    check_gradient(f, at, right, atol=named)
    with pytest.raises(GradientError, match=r"central differences give 0$"):
        check_gradient(f, at, right + 1e-8, atol=1e-9)


@pytest.mark.parametrize("at", [[np.inf, 1.0], [1.0, np.nan], [5e-324]])
def test_a_point_without_room_for_a_step_is_refused(at):
    with pytest.raises(ValueError, match=r"at must be finite|is lost in the rounding of at"):
        check_gradient(lambda _: 1.0, np.array(at), np.zeros(len(at)))


def test_tolerances_are_numbers_and_the_relative_one_is_not_negative():
    for name in ("tol", "atol"):
        with pytest.raises(TypeError, match=f"gradcheck: {name} must be a number, got '1'"):
            check_gradient(cubes, AT, RIGHT, **{name: "1"})
    with pytest.raises(ValueError, match="gradcheck: tol must be zero or more, and finite, got -1"):
        check_gradient(cubes, AT, RIGHT, tol=-1)


@pytest.mark.parametrize("name", ["tol", "atol"])
@pytest.mark.parametrize("wrong", [-1e-9, np.nan, np.inf, -np.inf])
def test_a_tolerance_is_zero_or_more_and_finite(name, wrong):
    message = f"gradcheck: {name} must be zero or more, and finite, got"
    with pytest.raises(ValueError, match=message):
        check_gradient(cubes, AT, RIGHT, **{name: wrong})


@given(st.floats(-300, -170), SEEDS)
def test_what_underflows_is_not_measured_right_or_wrong(exponent, seed):
    at = 10.0**exponent * np.random.default_rng(seed).uniform(0.5, 2, size=3)
    for grads in (2 * at, 3 * at, -at):
        with pytest.raises(UnmeasurableGradient):
            check_gradient(lambda x: (x**2).sum(), at, grads)
    check_gradient(lambda x: (x**2).sum(), at, 0 * at)
    with pytest.raises(GradientError, match=r"central differences give 0$"):
        check_gradient(lambda x: (x**2).sum(), at, 0 * at + 1.0)


@pytest.mark.parametrize(
    ("at", "eps"), [(np.finfo(float).max, None), (1.0, 1e308), (-1e308, 1e308), (1e308, 1e308)]
)
def test_a_step_beyond_the_numbers_of_float64_is_refused(at, eps):
    at = np.array([at, 1.0])
    with np.errstate(all="raise"), pytest.raises(ValueError, match="leads beyond the numbers of"):
        check_gradient(lambda _: 0.0, at, np.zeros(2), eps=eps)


@given(st.floats(-1.7e308, 1.7e308), st.floats(1e300, 1.7e308))
def test_the_relative_error_of_huge_numbers_is_that_of_small_ones(a, b):
    with np.errstate(all="raise", under="ignore"):
        got = relative_error(np.array([a]), np.array([-b]))
    assert got == pytest.approx(abs(a / 4 + b / 4) / (b / 4), rel=1e-12)


@pytest.mark.parametrize("eps", [0, -1e-5, np.nan, np.inf])
def test_a_step_is_above_zero(eps):
    with pytest.raises(ValueError, match="gradcheck: eps must be above zero, and finite, got"):
        check_gradient(cubes, AT, RIGHT, eps=eps)


def test_a_kink_is_named_with_both_its_slopes_and_a_bend_is_not():
    at = np.array([1.0, 0.0])
    for wrong in ([1.0, 0.0], [1.0, 1.0]):
        with pytest.raises(GradientError, match=r"give 0\.5; the slopes on .* 0 and 1, a kink$"):
            check_gradient(lambda x: np.maximum(x, 0).sum(), at, np.array(wrong))
    with pytest.raises(GradientError, match=r"give 0$"):
        check_gradient(lambda x: (x**2).sum(), np.array([1.0, 0.0]), np.array([2.0, 1.0]))
    with pytest.raises(GradientError, match=r"give 1$"):
        check_gradient(lambda x: 3.0 + x[0] + 0 * x[1], at, np.array([1.5, 0.0]))


def test_a_loss_of_a_narrower_dtype_is_judged_by_its_own_rounding():
    at = np.array([1.0, 2.0])
    with pytest.raises(UnmeasurableGradient):
        check_gradient(lambda x: np.float32(x.sum()), at, np.ones(2))


def test_empty_arrays_hold_nothing_that_is_wrong_and_a_point_of_nothing_else_is_refused():
    at = (np.array([1.0, 2.0]), np.zeros((0, 3)))
    assert check_gradient(lambda t: t[0].sum(), at, (np.ones(2), np.zeros((0, 3)))) < 1e-9
    with pytest.raises(ValueError, match="at must hold a number"):
        check_gradient(lambda _: 1.0, np.zeros(0), np.zeros(0))
    assert relative_error(np.zeros(0), np.zeros(0)) == 0


@pytest.mark.parametrize("value", [np.ones(2), "3", None, 1j, [[1.0], [2.0]]])
def test_a_function_that_returns_no_number_is_a_type_error(value):
    with pytest.raises(TypeError, match="gradcheck: f must return a number, got "):
        numeric_gradient(lambda _: value, np.ones(2))


@pytest.mark.parametrize(
    "bad", [np.array([1j, 1]), np.ma.masked_array([1.0, 2.0], [0, 1]), np.array(["1", "2"])]
)
def test_gradients_of_anything_but_numbers_are_a_type_error(bad):
    with pytest.raises(TypeError, match="gradcheck"):
        check_gradient(lambda x: x.sum(), np.ones(2), bad)
