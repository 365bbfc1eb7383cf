r"""Check a derivative against central differences.

$$
\langle \nabla f(\theta), u \rangle \approx
\frac{f(\theta + \epsilon u) - f(\theta - \epsilon u)}{2 \epsilon}
$$

The error has two parts: truncation grows as $\epsilon^2$, rounding as $\eta / \epsilon$ with the
machine epsilon $\eta$. Their sum is least near $\epsilon = \eta^{1/3}$, which is 6e-6 in float64. A
value that is NaN or infinite, on either side, is an error and never passes.

Parameters
----------
f : callable
    The function: takes a tree of the structure of `at`, returns a number.
at : Params
    The point $\theta$, in float64: in float32 the difference drowns in rounding.
eps : float
    The step $\epsilon$.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from bptt import tree
from bptt.shapes import Array

P = TypeVar("P")
EPS = float(np.finfo(np.float64).eps ** (1 / 3))


class GradientError(AssertionError):
    """A derivative is wrong; the message names the array and the entry, and gives both numbers."""


def directional_derivative(f: Callable[[P], float], at: P, direction: P, eps: float = EPS) -> float:
    r"""Slope of a function along one direction, by a central difference.

    Compare it with $\langle \nabla f, u \rangle$, `tree.dot(grads, direction)`: two evaluations
    check a gradient of any size, along that direction.

    Parameters
    ----------
    direction : Params
        The direction $u$, of the structure of `at`.

    Raises
    ------
    ShapeError
        If an array of `direction` has not the shape of its array in `at`.
    TypeError
        If an array is not float64.
    ValueError
        If the slope is NaN or infinite.
    """
    for name, leaf in tree.leaves(at):
        if leaf.dtype != np.float64:
            raise TypeError(f"gradcheck: {name or 'at'} must be float64, got {leaf.dtype}")
    tree.check_same_shapes("gradcheck.directional_derivative", "direction", direction, at)
    ahead = f(tree.map(lambda theta, u: theta + eps * u, at, direction))
    behind = f(tree.map(lambda theta, u: theta - eps * u, at, direction))
    slope = (float(ahead) - float(behind)) / (2 * eps)
    if not math.isfinite(slope):
        raise ValueError(f"gradcheck: f must be finite around the point, got {ahead} and {behind}")
    return slope


def numeric_gradient(f: Callable[[P], float], at: P, eps: float = EPS) -> P:
    r"""Slope along every axis, $\partial f / \partial \theta_j$: two evaluations for each number.

    Raises
    ------
    TypeError
        If an array is not float64.
    ValueError
        If a slope is NaN or infinite.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt.gradcheck import numeric_gradient
    >>> numeric_gradient(lambda theta: theta[0] * theta[1], np.array([2.0, 3.0])).round(6)
    array([3., 2.])
    """
    theta, unravel = tree.ravel(at)
    axes = (np.arange(theta.size) == j for j in range(theta.size))
    slopes = [directional_derivative(f, at, unravel(axis), eps) for axis in axes]
    return unravel(np.array(slopes))


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
    f: Callable[[P], float], at: P, grads: P, tol: float = 1e-7, eps: float = EPS
) -> float:
    """Insist that a gradient agrees with central differences; return the largest relative error.

    Parameters
    ----------
    grads : Params
        The gradient that is checked.
    tol : float
        The largest relative error allowed, per array.

    Raises
    ------
    GradientError
        If the error of an array is above `tol`.
    ShapeError
        If an array of `grads` has not the shape of its array in `at`.
    TypeError
        If an array is not float64, or the trees differ in structure.
    ValueError
        If a value or a slope is NaN or infinite.
    """
    tree.check_same_shapes("gradcheck.check_gradient", "grads", grads, at)
    numeric = numeric_gradient(f, at, eps)
    errors = _errors(grads, numeric)
    named = zip(tree.leaves(grads), tree.leaves(numeric), errors, strict=True)
    for (name, got), (_, want), error in named:
        if not error <= tol:
            worst = np.unravel_index(np.argmax(np.abs(got - want)), want.shape)
            place = ", ".join(str(index) for index in worst)
            raise GradientError(
                f"gradcheck: {name or 'grads'}[{place}] is {got[worst]:.6g}, "
                f"central differences give {want[worst]:.6g}"
            )
    return max(errors)


def _errors(got: Any, want: Any) -> list[float]:
    return [float(error) for _, error in tree.leaves(tree.map(_array_error, got, want))]


def _array_error(got: Array, want: Array) -> Array:
    a, b = np.asarray(got, np.float64), np.asarray(want, np.float64)
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError("gradcheck: both arrays must be finite, got NaN or infinity")
    difference, scale = np.abs(a - b).max(), np.abs(b).max()
    if scale == 0:
        return np.asarray(0.0 if difference == 0 else math.inf)
    return np.asarray(difference / scale)
