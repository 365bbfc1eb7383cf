"""Shapes are checked once, where a caller enters the library, and named in one sentence."""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array: TypeAlias = NDArray[Any]


class ShapeError(ValueError):
    """An array does not have the shape that a function needs.

    The message names the function, the argument, the wanted shape and the shape it got.
    """


def check_shape(
    where: str, name: str, value: ArrayLike, axes: str, dtype: DTypeLike | None = None, **sizes: int
) -> Array:
    """Convert to an array, and insist on its shape.

    Parameters
    ----------
    where : str
        The function that asks, for the message.
    name : str
        The argument that is checked, for the message.
    value : array_like
        What the caller passed.
    axes : str
        The names of the axes, separated by spaces. Axes of one name must have one size.
    dtype : dtype, optional
        The dtype of the result; by default that of `value`.
    **sizes : int
        The size that an axis must have. An axis without a size here may have any but zero.

    Returns
    -------
    ndarray
        `value` itself where it already is an array of this dtype, else a converted copy.

    Raises
    ------
    ShapeError
        If the number of axes or the size of one is not as asked.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt.shapes import check_shape
    >>> check_shape("rnn.step", "x", [[1, 2, 3]], "B I", float, I=3)
    array([[1., 2., 3.]])
    >>> check_shape("rnn.step", "x", np.zeros((3, 5)), "B I", I=4)
    Traceback (most recent call last):
        ...
    bptt.shapes.ShapeError: rnn.step: x must be (B, I=4), got (3, 5)
    """
    array = np.asarray(value, dtype=dtype)
    names = axes.split()
    found = dict(sizes)
    fits = array.ndim == len(names) and all(
        found.setdefault(axis, got) == got for axis, got in zip(names, array.shape, strict=True)
    )
    if fits and array.size:
        return array
    wanted = ", ".join(f"{axis}={sizes[axis]}" if axis in sizes else axis for axis in names)
    wanted = f"({wanted},)" if len(names) == 1 else f"({wanted})"
    no_empty_axis = " with no empty axis" if fits else ""
    raise ShapeError(f"{where}: {name} must be {wanted}{no_empty_axis}, got {array.shape}")
