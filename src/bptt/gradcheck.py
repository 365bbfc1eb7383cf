r"""Check a derivative against central differences.

$$
\langle \nabla f(\theta), u \rangle \approx
\frac{f(\theta + \epsilon u) - f(\theta - \epsilon u)}{2 \epsilon}
$$

The error has two parts. Taylor's theorem leaves the truncation $\epsilon^2 |f^{(3)}| / 6$. Each
value of $f$ is rounded by about $\eta |f|$, with the machine epsilon $\eta$, which leaves
$\eta |f| / \epsilon$. Their sum is least where its derivative is zero, at
$\epsilon = (3 \eta |f| / |f^{(3)}|)^{1/3} \approx \eta^{1/3} s$, where $s$ is the scale on which
$f$ bends; what is left is of the order $\eta^{2/3}$ of $|f| / s$. In float64 $\eta^{1/3}$ is 6e-6.

The scale is not known beforehand. Along axis $j$ the default is $|\theta_j|$, but no less than 1
or, if all numbers of the point are smaller, than the largest of them: a bias of 0 or 1e-5 matters
on the scale of the other weights. Where all weights are tiny and the loss is not, pass `eps`.

What rounding hides never passes. A step that is lost in the rounding of the point, and a value that
is NaN or infinite, are errors; so is, for `check_gradient`, a slope that is lost in the rounding of
$f$. The slopes themselves, of `numeric_gradient` and `directional_derivative`, are what was
measured: where $f$ is large and changes little they may be nothing but rounding.

At a kink, such as that of relu at 0, central differences give the mean of the slopes on both sides,
which no rule for the derivative gives (1/2 for relu): move the point away from it.

Source of the step and its scale: W. H. Press, S. A. Teukolsky, W. T. Vetterling and B. P. Flannery,
"Numerical recipes", third edition, Cambridge University Press 2007, section 5.7.

Parameters
----------
f : callable
    The function: takes a tree of the structure of `at`, returns a number.
at : Params
    The point $\theta$, in float64: in float32 the difference drowns in rounding.
eps : float, optional
    The step $\epsilon$; by default $\eta^{1/3} s$.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np

from bptt import tree
from bptt.shapes import Array, check_number, check_numbers, shown

P = TypeVar("P")
EPS = float(np.finfo(np.float64).eps ** (1 / 3))

WHERE = "gradcheck"

# A value of f is rounded a few times on the way.
ROUNDINGS = 4

# The part of a step that the rounding of the point may take.
LOST = 1e-6

# Slopes are sure if the rounding of f may have added no more than this part of an array's largest,
SURE = 1e-3

# or so little of the largest of all, or of 1, that they may be taken for zero.
NOTHING = 1e-6


# The slopes on both sides of a kink differ by more than this part of the larger.
KINK = 0.01


class GradientError(AssertionError):
    """A derivative is wrong; the message names the array and the entry, and gives both numbers."""


class UnmeasurableGradient(GradientError):  # noqa: N818  # as `optim.NonFiniteGradient`
    """A derivative may be right or wrong: the rounding of the function hides it."""


class _Slope(NamedTuple):
    """What a central difference gives."""

    value: float
    noise: float  # what the rounding of f may have added to it


def directional_derivative(
    f: Callable[[P], float], at: P, direction: P, eps: float | None = None
) -> float:
    r"""Slope of a function along one direction, by a central difference.

    Compare it with $\langle \nabla f, u \rangle$, `tree.dot(grads, direction)`: two evaluations
    check a gradient of any size, along that direction.

    Parameters
    ----------
    direction : Params
        The direction $u$, of the structure of `at`. The default step has the scale of the largest
        number that it moves, times $u$: its entries should be near 1.

    Raises
    ------
    ShapeError
        If an array of `direction` has not the shape of its array in `at`.
    TypeError
        If an array is not float64, or `f` returns no number.
    ValueError
        If the slope is NaN or infinite, or the step is lost in the rounding of the point or leads
        beyond the numbers of float64.
    """
    theta, unravel = _point(at)
    tree.check_same_shapes("gradcheck.directional_derivative", "direction", direction, at)
    u, _ = tree.ravel(tree.numbers(WHERE, "direction", direction))
    return _slope(f, theta, unravel, u, eps).value


def numeric_gradient(f: Callable[[P], float], at: P, eps: float | None = None) -> P:
    r"""Slope along every axis, $\partial f / \partial \theta_j$: two evaluations for each number.

    Raises
    ------
    TypeError
        If an array is not float64, or `f` returns no number.
    ValueError
        If a slope is NaN or infinite, or a step is lost in the rounding of the point or leads
        beyond the numbers of float64.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt.gradcheck import numeric_gradient
    >>> numeric_gradient(lambda theta: theta[0] * theta[1], np.array([2.0, 3.0])).round(6)
    array([3., 2.])
    """
    return _measure(f, at, eps)[0]


def relative_error(got: Any, want: Any) -> float:
    r"""Largest $\max |a - b| / \max |b|$ over the arrays of two trees.

    Where an array $b$ is all zeros the error is 0 or infinity.

    Parameters
    ----------
    got : Params
        What is checked, $a$: a tree or an array.
    want : Params
        What it is checked against, $b$, of the same structure.

    Raises
    ------
    ShapeError
        If two arrays differ in shape.
    TypeError
        If the trees differ in structure.
    ValueError
        If a value is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt.gradcheck import relative_error
    >>> relative_error(np.array([1.0, 2.5]), np.array([1.0, 2.0]))
    0.25
    """
    tree.check_same_shapes("gradcheck.relative_error", "got", got, want)
    return max(_errors(got, want))


def check_gradient(
    f: Callable[[P], float],
    at: P,
    grads: P,
    tol: float = 1e-7,
    eps: float | None = None,
    atol: float = 0.0,
) -> float:
    r"""Insist that a gradient agrees with central differences; return the largest relative error.

    The gradient $a$ of an array passes if $\max |a - b| \le \text{atol} + \text{tol} \max |b|$ with
    the differences $b$.

    Parameters
    ----------
    grads : Params
        The gradient that is checked.
    tol : float
        The largest relative error allowed, per array.
    atol : float
        The error that is allowed however small the gradient is, for one that has vanished.

    Raises
    ------
    GradientError
        If the error of an array is above what is allowed.
    ShapeError
        If an array of `grads` has not the shape of its array in `at`.
    TypeError
        If an array is not float64, or the trees differ in structure, or `f` returns no number.
    UnmeasurableGradient
        If the rounding of `f` hides whether the error is above what is allowed.
    ValueError
        If a value or a slope is NaN or infinite, a step is lost in the rounding of the point or
        leads beyond the numbers of float64, the point has no number, or a tolerance is negative or
        not finite.
    """
    tol, atol = _tolerance("tol", tol), _tolerance("atol", atol)
    tree.check_same_shapes("gradcheck.check_gradient", "grads", grads, at)
    numeric, noise = _measure(f, at, eps)
    errors = _errors(grads, numeric)
    largest = max(float(np.abs(b).max(initial=0)) for _, b in tree.leaves(numeric))
    each = zip(tree.leaves(grads), tree.leaves(numeric), tree.leaves(noise), strict=True)
    first = 0  # the place of an array's first number in the vector of all
    for (name, a), (_, b), (_, hidden) in each:
        if not a.size:
            continue
        with np.errstate(over="ignore"):  # what overflows is above what is allowed
            difference, scale = np.abs(a - b), float(np.abs(b).max())
        noisy = hidden.max()
        worst = np.unravel_index(np.argmax(difference), b.shape)
        place = ", ".join(str(index) for index in worst)
        both = (
            f"gradcheck: {name or 'grads'}[{place}] is {a[worst]:.6g}, "
            f"central differences give {b[worst]:.6g}"
        )
        slack = tol * scale if scale else 0.0
        fits = difference.max() <= atol + slack
        drowns = noisy > max(atol, NOTHING * max(1.0, largest), slack, SURE * scale)
        if drowns if fits else 0 < difference.max() <= hidden[worst]:
            most = 10.0 ** math.ceil(math.log10(min(noisy, 1e308)))
            raise UnmeasurableGradient(
                f"{both}; the rounding of f alone may add up to {most:.0e}: pass that as atol, or "
                "take a larger eps or a smaller f"
            )
        if not fits:
            raise GradientError(both + _kink(f, at, first + int(np.argmax(difference)), eps))
        first += a.size
    return max(errors)


def _tolerance(name: str, value: Any) -> float:
    wanted = "zero or more, and finite"
    return check_number(WHERE, name, value, wanted, lambda most: 0 <= most < math.inf)


def _point(at: P) -> tuple[Array, Callable[[Array], P]]:
    """Lay a point out as a vector, once it is in float64."""

    def readable(leaf: Any) -> Any:
        return leaf if type(leaf) is np.ndarray else check_numbers(WHERE, "at", leaf)

    for name, leaf in tree.leaves(tree.map(readable, at)):
        if leaf.dtype != np.float64:
            raise TypeError(f"gradcheck: {name or 'at'} must be float64, got {leaf.dtype}")
    theta, unravel = tree.ravel(at)
    if not theta.size:
        raise ValueError("gradcheck: at must hold a number, got empty arrays only")
    if not np.isfinite(theta).all():
        raise ValueError("gradcheck: at must be finite, got NaN or infinity")
    return theta, unravel


def _measure(f: Callable[[P], float], at: P, eps: float | None) -> tuple[P, P]:
    """Return the slope along every axis, and what rounding may have added to each."""
    theta, unravel = _point(at)
    axes = (np.arange(theta.size) == j for j in range(theta.size))
    values, noises = np.array([_slope(f, theta, unravel, axis, eps) for axis in axes]).T
    return unravel(values), unravel(noises)


def _slope(
    f: Callable[[P], float],
    theta: Array,
    unravel: Callable[[Array], P],
    u: Array,
    eps: float | None,
) -> _Slope:
    """Take a central difference, and judge how much of it may be rounding."""
    step = _step(theta, u, eps)
    with np.errstate(over="ignore", invalid="ignore"):
        after, before = theta + step * u, theta - step * u
        lost = float(np.abs(after - before - 2 * step * u).max())
    if not math.isfinite(lost):
        raise ValueError(
            f"gradcheck: a step of {step:.2g} leads beyond the numbers of float64, from "
            f"{np.abs(theta).max():.2g}; pass a smaller eps or a smaller point"
        )
    if step == 0 or lost > LOST * 2 * step * np.abs(u).max():
        raise ValueError(
            f"gradcheck: a step of {step:.2g} is lost in the rounding of at, "
            f"where it reaches {np.abs(theta).max():.2g}; pass a larger eps"
        )
    (ahead, of_one), (behind, of_other) = _value(f, unravel(after)), _value(f, unravel(before))
    slope = (ahead - behind) / (2 * step)
    if not math.isfinite(slope):
        raise ValueError(f"gradcheck: f must be finite around the point, got {ahead} and {behind}")
    return _Slope(slope, ROUNDINGS * max(of_one, of_other) / step)


def _step(theta: Array, u: Array, eps: float | None) -> float:
    r"""Return $\epsilon$, by default $\eta^{1/3} s$, with the scale of what a direction moves."""
    if eps is not None:
        return check_number(WHERE, "eps", eps, "above zero, and finite", lambda e: 0 < e < math.inf)
    sizes = np.abs(theta)
    of_all = float(sizes.max())
    of_moved = float(sizes[u != 0].max(initial=0))
    return EPS * max(of_moved, min(1.0, of_all or 1.0))


def _value(f: Callable[[P], float], at: P) -> tuple[float, float]:
    """Return the value of a function, and by how much it is rounded; below that it underflows."""
    value = f(at)
    array = np.asarray(value)
    if array.size != 1 or array.dtype.kind not in "fiub":
        raise TypeError(f"gradcheck: f must return a number, got {shown(value)}")
    kind, number = (
        np.finfo(array.dtype if array.dtype.kind == "f" else np.float64),
        float(array.item()),
    )
    return number, float(kind.eps) * abs(number) + float(kind.smallest_subnormal)


def _kink(f: Callable[[P], float], at: P, j: int, eps: float | None) -> str:
    """Say so where the slopes on both sides along an axis differ, however small the step."""
    theta, unravel = _point(at)
    u = np.arange(theta.size) == j
    step = _step(theta, u, eps)
    here, rounded = _value(f, at)

    def slope(h: float) -> float:
        return (_value(f, unravel(theta + h * u))[0] - here) / h + 0.0  # no -0

    left, right, further = slope(-step), slope(step), slope(10 * step) - slope(-10 * step)
    jump, noise = abs(right - left), ROUNDINGS * rounded / step
    # Where f only bends, the slopes differ by ten times as much at ten times the step.
    if not jump > max(KINK * max(abs(left), abs(right)), noise, abs(further) / 2):
        return ""
    return f"; the slopes on both sides are {left:.6g} and {right:.6g}, a kink"


def _errors(got: Any, want: Any) -> list[float]:
    return [float(error) for _, error in tree.leaves(tree.map(_array_error, got, want))]


def _array_error(got: Any, want: Any) -> Array:
    a, b = (np.asarray(check_numbers(WHERE, "an array", x), np.float64) for x in (got, want))
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("gradcheck: both arrays must be finite, got NaN or infinity")
    with np.errstate(over="ignore"):
        difference, scale = np.abs(a - b).max(initial=0), np.abs(b).max(initial=0)
        if difference == math.inf:  # half of it is not
            return _array_error(a / 2, b / 2)
        if scale == 0:
            return np.asarray(0.0 if difference == 0 else math.inf)
        return np.asarray(difference / scale)
