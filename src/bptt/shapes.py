"""Shapes are written once, where an array is named, and checked where a caller enters."""

import functools
import reprlib
from collections.abc import Callable
from typing import Any, TypeAlias, get_type_hints

import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

Array: TypeAlias = NDArray[Any]


class ShapeError(ValueError):
    """An array does not have the shape that a function needs.

    The message names the function, the argument, the wanted shape and the shape it got.
    """


# What a message shows of a value: so many characters, on one line.
SHOWN = 200

# How a value is written: what is long or deep is left out before it is written.
_write = reprlib.Repr()
_write.maxlevel = 3
_write.maxlist = _write.maxtuple = _write.maxset = _write.maxfrozenset = _write.maxdict = 50
_write.maxarray = _write.maxdeque = 50
_write.maxstring = _write.maxlong = _write.maxother = SHOWN


def shown(value: Any, write: Callable[[Any], str] = _write.repr) -> str:
    """Write a value for a message: on one line, and cut where it is long.

    Parameters
    ----------
    value : object
        What the caller passed.
    write : callable
        `repr`, which leaves out what is long, or `str`.

    Examples
    --------
    >>> from bptt.shapes import shown
    >>> shown(["a", 2.5])
    "['a', 2.5]"
    >>> len(shown(list(range(10**6))))
    195
    >>> shown(10**5000)
    'an int too long to be written'
    """
    try:
        text = write(value)
    except Exception:  # noqa: BLE001  # the message is about another error
        kind = type(value).__name__
        text = "an int too long to be written" if kind == "int" else f"a value of type {kind}"
    line = " ".join(part.strip() for part in text.splitlines())
    return line if len(line) <= SHOWN else f"{line[: SHOWN - 3]}..."


def check_shape(
    where: str, name: str, value: ArrayLike, axes: str, dtype: DTypeLike | None = None, **sizes: int
) -> Array:
    """Convert to an array, and insist on its shape.

    Parameters
    ----------
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


@functools.cache
def axes_of(kind: Any) -> dict[str, str]:
    """Return the axes of the fields of a NamedTuple, from `Annotated[Array, "B H", "the output"]`.

    Parameters
    ----------
    kind : type
        The NamedTuple. Its fields that say no axes are left out.
    """
    hints = get_type_hints(kind, include_extras=True)
    said: dict[str, Any] = {n: getattr(hint, "__metadata__", ()) for n, hint in hints.items()}
    return {name: words[0] for name, words in said.items() if len(words) == 2}


def template(kind: Any, dtype: DTypeLike, **fields: Any) -> Any:
    """Return a NamedTuple of arrays with the right shapes, which take no memory.

    Parameters
    ----------
    kind : type
        The NamedTuple.
    **fields : int or tree
        The size of each axis, and the fields that are no arrays. Axes such as 4H follow from H.

    Examples
    --------
    >>> from bptt import rnn, shapes
    >>> shapes.template(rnn.Params, "float32", I=10**9, H=10**9).W_x.shape
    (1000000000, 1000000000)
    """
    zero = np.zeros((), dtype)
    arrays = {
        name: np.broadcast_to(zero, tuple(_size(axis, fields) for axis in axes.split()))
        for name, axes in axes_of(kind).items()
        if name not in fields
    }
    trees = {name: value for name, value in fields.items() if name in kind._fields}
    return kind(**arrays, **trees)


def _size(axis: str, sizes: dict[str, int]) -> int:
    """Return the size of an axis such as 4H."""
    return int(axis[:-1] or 1) * sizes[axis[-1]]
