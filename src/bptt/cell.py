"""What all cells have in common: their type, and the checks of what is passed with them."""

from typing import Any, Protocol, Self, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bptt import tree
from bptt.shapes import Array, ShapeError, check_shape


class HasOutput(Protocol):
    """A state of any cell: a NamedTuple whose field `h` is the output."""

    @property
    def h(self) -> Array:
        """The output, of shape (B, H)."""

    def _replace(self, *, h: Array) -> Self:
        """Return the state with another output."""


P = TypeVar("P")
S = TypeVar("S", bound=HasOutput)
Saved = TypeVar("Saved")


@runtime_checkable
class Cell(Protocol[P, S, Saved]):
    """One step in time and its derivative: a module with these functions, such as `bptt.rnn`."""

    def zero_state(self, params: P, batch: int) -> S:
        """Return the state before the first step."""

    def step(self, params: P, x: Array, state: S) -> tuple[S, Saved]:
        """Take one step in time."""

    def step_backward(self, params: P, saved: Saved, dstate: S) -> tuple[P, Array, S]:
        """Take the derivative of one step."""


def check_cell(where: str, cell: object) -> None:
    """Insist that something is a cell.

    Parameters
    ----------
    where : str
        The function that asks, for the message.
    cell : object
        What the caller passed.

    Raises
    ------
    TypeError
        If one of the three functions is missing.
    """
    if not isinstance(cell, Cell):
        raise TypeError(
            f"{where}: cell must be a module with zero_state, step and step_backward, "
            f"such as bptt.rnn, got {cell!r}"
        )


def check_init(where: str, input_size: int, hidden_size: int, dtype: DTypeLike) -> None:
    """Insist on sizes and a dtype that weights can have.

    Parameters
    ----------
    where : str
        The function that asks, for the message.
    input_size : int
        I, the width of an input.
    hidden_size : int
        H, the number of hidden units.
    dtype : dtype
        The dtype of the weights.

    Raises
    ------
    TypeError
        If `dtype` is not a floating-point one.
    ValueError
        If a size is below 1.
    """
    if not np.issubdtype(dtype, np.floating):
        raise TypeError(f"{where}: dtype must be a floating-point one, got {np.dtype(dtype)}")
    if input_size < 1 or hidden_size < 1:
        raise ValueError(
            f"{where}: input_size and hidden_size must be at least 1, "
            f"got {input_size} and {hidden_size}"
        )


def check_params(where: str, params: Any, *, blocks: int) -> tuple[int, int]:
    """Insist that the arrays `W_x`, `W_h` and `b` of some weights fit each other.

    Parameters
    ----------
    where : str
        The function that asks, for the message.
    params : Params
        The weights; arrays beside the three share their dtype.
    blocks : int
        How many blocks of H columns stand side by side: one for each gate.

    Returns
    -------
    I : int
        The width of an input.
    H : int
        The number of hidden units.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other.
    TypeError
        If the weights are not arrays of one floating-point dtype.
    """
    kinds = {array.dtype if isinstance(array, np.ndarray) else type(array) for array in params}
    if len(kinds) > 1 or not np.issubdtype(next(iter(kinds)), np.floating):
        got = " and ".join(sorted(map(str, kinds)))
        raise TypeError(f"{where}: params must be arrays of one floating-point dtype, got {got}")
    columns = f"{blocks}H" if blocks > 1 else "H"
    H = len(np.atleast_1d(params.W_h))
    sizes = {columns: blocks * H}
    known = sizes if blocks > 1 else {}  # a single block only has to be square
    check_shape(where, "params.W_h", params.W_h, f"H {columns}", None, **known)
    check_shape(where, "params.b", params.b, columns, None, **sizes)
    return len(check_shape(where, "params.W_x", params.W_x, f"I {columns}", None, **sizes)), H


def check_batch(where: str, batch: int) -> None:
    """Insist on at least one sequence.

    Parameters
    ----------
    where : str
        The function that asks, for the message.
    batch : int
        B, the number of sequences.

    Raises
    ------
    ShapeError
        If `batch` is below 1.
    """
    if batch < 1:
        raise ShapeError(f"{where}: batch must be at least 1, got {batch}")


def check_mask(where: str, mask: ArrayLike, T: int, B: int) -> Array:
    """Return a mask as an array of bools.

    Parameters
    ----------
    where : str
        The function that asks, for the message.
    mask : array_like of shape (T, B)
        True or 1 where a sequence has a step, False or 0 elsewhere.
    T : int
        The number of steps.
    B : int
        The number of sequences.

    Returns
    -------
    ndarray of bool of shape (T, B)
        The mask.

    Raises
    ------
    ShapeError
        If its shape is another.
    ValueError
        If it holds anything but True and False, or 1 and 0.
    """
    mask = check_shape(where, "mask", mask, "T B", T=T, B=B)
    if not np.isin(mask, (0, 1)).all():
        raise ValueError(f"{where}: mask must hold True and False, or 1 and 0, only")
    return mask.astype(bool)


def check_inputs(
    where: str, params: Any, x: Array, state: S, kind: type[S], *, blocks: int
) -> tuple[Array, S]:
    """Return the input and the state of a step in the dtype of the weights, once they fit.

    Parameters
    ----------
    where : str
        The function that asks, for the message.
    params : Params
        The weights.
    x : array_like of shape (B, I)
        The input.
    state : State
        The state before the step.
    kind : type
        The cell's `State`.
    blocks : int
        As for `check_params`.

    Returns
    -------
    x : ndarray of shape (B, I)
        The input.
    state : State
        The state, each array of shape (B, H).

    Raises
    ------
    ShapeError
        If the shapes of the weights, of `x` and of `state` do not fit each other.
    TypeError
        If the weights are not arrays of one floating-point dtype, or `state` is none of the cell's.
    """
    I, H = check_params(where, params, blocks=blocks)
    x = check_shape(where, "x", x, "B I", params.b.dtype, I=I)
    shape = (len(x), H)
    return x, _check_state(where, "state", state, kind, shape=shape, dtype=params.b.dtype)


def check_output_gradient(
    where: str, params: Any, saved: Any, dstate: S, kind: type[S], *, blocks: int
) -> S:
    """Return the gradient of the state after a step in its dtype, once everything fits.

    Parameters
    ----------
    where : str
        The function that asks, for the message.
    params : Params
        The weights.
    saved : Step
        What the step saved: `x` of shape (B, I), and arrays of shape (B, H).
    dstate : State
        The gradient with respect to the state after the step.
    kind : type
        The cell's `State`.
    blocks : int
        As for `check_params`.

    Returns
    -------
    State
        The gradient, each array of shape (B, H).

    Raises
    ------
    ShapeError
        If the shapes of the weights, of `saved` and of `dstate` do not fit each other.
    TypeError
        If the weights are not arrays of one floating-point dtype, or `dstate` is none of the
        cell's states.
    """
    I, H = check_params(where, params, blocks=blocks)
    B = len(saved.x)
    for name, array in saved._asdict().items():
        axes = "B I" if name == "x" else "B H"
        check_shape(where, f"saved.{name}", array, axes, B=B, I=I, H=H)
    return _check_state(where, "dstate", dstate, kind, shape=(B, H), dtype=saved.h_prev.dtype)


def state_or_zero(where: str, name: str, state: S | None, zero: S) -> S:
    """Return a state in the shape and dtype of the zero state, which stands in for None.

    Parameters
    ----------
    where : str
        The function that asks, for the message.
    name : str
        The argument that is checked, for the message.
    state : State or None
        What the caller passed.
    zero : State
        The zero state of the cell.

    Returns
    -------
    State
        The state, its arrays converted to the dtype of the zero state.

    Raises
    ------
    ShapeError
        If an array has not the shape of the zero state's.
    TypeError
        If it is not a state of this cell.
    """
    if state is None:
        return zero
    h = zero.h
    return _check_state(where, name, state, type(zero), shape=h.shape, dtype=h.dtype)


def _check_state(
    where: str, name: str, state: S, kind: type[S], *, shape: tuple[int, ...], dtype: DTypeLike
) -> S:
    if type(state) is not kind:
        got = type(state).__name__
        raise TypeError(f"{where}: {name} must be a {kind.__module__}.{kind.__name__}, got {got}")
    B, H = shape
    fields = {
        field: check_shape(where, f"{name}.{field}", array, "B H", dtype, B=B, H=H)
        for field, array in tree.leaves(state)
    }
    return kind(**fields)
