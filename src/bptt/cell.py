"""What all cells have in common: their type, and the checks of what is passed with them."""

from typing import Protocol, Self, TypeVar, runtime_checkable

from bptt import tree
from bptt.shapes import Array, check_shape


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
    if type(state) is not type(zero):
        wanted, got = type(zero), type(state)
        raise TypeError(
            f"{where}: {name} must be a {wanted.__module__}.{wanted.__name__}, got {got.__name__}"
        )
    B, H = zero.h.shape
    fields = {
        field: check_shape(where, f"{name}.{field}", array, "B H", zero.h.dtype, B=B, H=H)
        for field, array in tree.leaves(state)
    }
    return type(zero)(**fields)
