"""Shapes are written once, where an array is named, and checked where a caller enters.

What is checked with them: that an array holds real numbers, and that a message stays short.
"""

import functools
import math
import numbers
import reprlib
from collections.abc import Callable, Iterable
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

# What is said of arrays that hold no real numbers, by the kind of their dtype.
REMEDIES = {
    "c": "complex numbers; pass their real part",
    "O": "objects, such as rows of different lengths or integers beyond 64 bits",
    "S": "bytes; turn them into numbers",
    "U": "text; turn it into numbers",
    "T": "text; turn it into numbers",
    "M": "dates; subtract the first and divide by a unit of time",
    "m": "spans of time; divide them by a unit of time",
    "V": "records; pass one field",
}


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


def check_number(
    where: str, name: str, value: Any, wanted: str, fits: Callable[[float], bool]
) -> float:
    """Return a setting, such as a learning rate, as a Python float once it is in its range.

    A float64 of NumPy would widen what it multiplies.

    Parameters
    ----------
    value : float
        What the caller passed.
    wanted : str
        The range, for the message.
    fits : callable
        Tells whether a number is in it.

    Raises
    ------
    TypeError
        If it is not a number.
    ValueError
        If it is not in its range.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Real):
        raise TypeError(f"{where}: {name} must be a number, got {shown(value)}")
    try:
        number = float(value)
    except OverflowError:
        number = math.nan
    if not fits(number):
        raise ValueError(f"{where}: {name} must be {wanted}, got {shown(value, str)}")
    return number


def check_whole(where: str, name: str, value: Any) -> int:
    """Return a count as a Python int.

    Parameters
    ----------
    value : int
        What the caller passed.

    Raises
    ------
    TypeError
        If it is not a whole number.
    """
    if isinstance(value, bool | np.bool_) or not isinstance(value, numbers.Integral):
        raise TypeError(f"{where}: {name} must be a whole number, got {shown(value)}")
    return int(value)


def check_generator(where: str, rng: Any) -> np.random.Generator:
    """Insist on a generator of random numbers.

    Parameters
    ----------
    rng : numpy.random.Generator
        What the caller passed.

    Raises
    ------
    TypeError
        If it is anything else, such as a seed.
    """
    if not isinstance(rng, np.random.Generator):
        raise TypeError(
            f"{where}: rng must be a generator, such as np.random.default_rng(0), got {shown(rng)}"
        )
    return rng


def check_type(where: str, name: str, value: Any, kind: type) -> None:
    """Insist on a type of this library.

    Parameters
    ----------
    value : object
        What the caller passed.
    kind : type
        Such as `bptt.lstm.Params`.

    Raises
    ------
    TypeError
        If it is of another type.
    """
    if not isinstance(value, kind):
        wanted, got = (f"{one.__module__}.{one.__name__}" for one in (kind, type(value)))
        raise TypeError(f"{where}: {name} must be a {wanted}, got {got.removeprefix('builtins.')}")


def check_numbers(where: str, name: str, value: Any) -> Array:
    """Convert to an array of real numbers or bools, in the byte order of the machine.

    Parameters
    ----------
    value : array_like
        What the caller passed.

    Returns
    -------
    ndarray
        `value` itself where it already is such an array.

    Raises
    ------
    TypeError
        If it holds anything else: complex numbers, text, dates, objects or records; or if it is a
        masked array, a `numpy.matrix`, or a tensor that NumPy cannot read.
    ShapeError
        If it is a list of lists of different lengths.

    Examples
    --------
    >>> from bptt.shapes import check_numbers
    >>> check_numbers("unroll.forward", "xs", [[1j]])
    Traceback (most recent call last):
        ...
    TypeError: unroll.forward: xs must hold real numbers, got complex numbers; pass their real part
    """
    array: Array = value if type(value) is np.ndarray else _array(where, name, value)
    dtype = array.dtype
    if dtype.kind not in "fiub":
        got = REMEDIES.get(dtype.kind, shown(dtype, str))
        if dtype.kind == "V" and dtype.names is None:  # bfloat16 of a library such as ml_dtypes
            got = f"{dtype.name}; call .astype(np.float32) on it first, or .float() in torch"
        raise TypeError(f"{where}: {name} must hold real numbers, got {got}")
    return array if dtype.isnative else array.astype(dtype.newbyteorder("="))


def _array(where: str, name: str, value: Any) -> Array:
    """Convert what is no plain array, or say what it is and what to do."""
    if isinstance(value, np.ma.MaskedArray):
        raise TypeError(
            f"{where}: {name} must be a plain array, got a masked one; call .filled() with a "
            "number, and pass what is left out as `mask`"
        )
    if isinstance(value, np.matrix):
        raise TypeError(f"{where}: {name} must be a plain array, got np.matrix; call np.asarray")
    try:
        return np.asarray(value)
    except ValueError as error:  # NumPy's word for rows of different lengths
        raise ShapeError(
            f"{where}: {name} must be one array, got rows of different lengths"
        ) from error
    except Exception as error:
        got = _tensor(value) or f"what NumPy cannot read: {shown(error, str)}"
        raise TypeError(f"{where}: {name} must be an array, got {got}") from error


def _tensor(value: Any) -> str:
    """Describe a tensor that NumPy cannot read, by its words alone; empty for anything else."""
    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if getattr(value, "requires_grad", False):
        return f"a {kind} that requires grad; call .detach() on it first"
    if "bfloat16" in shown(getattr(value, "dtype", ""), str):
        return f"a {kind} of bfloat16; call .float() on it first"
    if shown(getattr(value, "device", "cpu"), str) != "cpu":
        return f"a {kind} on another device; call .cpu() on it first"
    return ""


def check_dtype(where: str, dtype: DTypeLike) -> np.dtype[Any]:
    """Insist on a dtype that weights can have: float32 or wider, in the byte order of the machine.

    In float16 the squares of Adam and the sums of a loss are lost, so it is left to files.

    Parameters
    ----------
    dtype : dtype
        What the caller passed.

    Raises
    ------
    TypeError
        If it is another.
    """
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise TypeError(
            f"{where}: dtype must be a floating-point one, got {shown(dtype)}"
        ) from None
    if not _trains(found):
        got = f"{shown(found, str)}{_wider(found)}"
        raise TypeError(f"{where}: dtype must be a floating-point one, got {got}")
    return found


def check_weights(where: str, weights: Iterable[Any], name: str = "params") -> np.dtype[Any]:
    """Insist on arrays of one dtype that `check_dtype` lets pass; return it.

    Parameters
    ----------
    weights : iterable of ndarray
        The arrays.

    Raises
    ------
    TypeError
        If one is no array, or they have several dtypes, or another one.
    """
    found = {_dtype_or_type(array) for array in weights} or {type(None)}
    (first, *others) = found
    if not others and isinstance(first, np.dtype) and _trains(first):
        return first
    got = shown(" and ".join(sorted(map(str, found))), str)
    remedy = next(filter(None, map(_wider, found)), "")
    raise TypeError(
        f"{where}: {name} must be arrays of one floating-point dtype, got {got}{remedy}"
    )


def _dtype_or_type(array: Any) -> Any:
    """Return the dtype of a plain array, and the type of anything else."""
    plain = isinstance(array, np.ndarray) and not isinstance(array, np.ma.MaskedArray | np.matrix)
    return array.dtype if plain else type(array)


def _trains(dtype: np.dtype[Any]) -> bool:
    return dtype.kind == "f" and dtype.itemsize >= 4 and dtype.isnative


def _wider(found: Any) -> str:
    """Say what to do with a dtype that is nearly right, or with a type of torch."""
    if not isinstance(found, np.dtype):
        torch = found.__module__.partition(".")[0] == "torch"
        return "; call .detach().float().numpy() on each" if torch else ""
    if found.kind == "f" and not found.isnative:
        return f"; convert to {found.newbyteorder('=')}"
    return "; convert to float32" if "float16" in str(found) else ""


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
    TypeError
        If it does not hold real numbers, as for `check_numbers`.

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
    array = check_numbers(where, name, value)
    if dtype is not None:
        array = np.asarray(array, dtype)
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
    raise ShapeError(f"{where}: {name} must be {wanted}{no_empty_axis}, got {shown(array.shape)}")


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
