r"""What all cells have in common: their type, and the door that checks what comes in.

A cell is a module. Its types `Params`, `State` and `Step` say with each field which axes it has,
in `"I 4H"` four blocks of H columns. Its functions are `checked`, so their code is mathematics.
"""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self, TypeAlias, TypeVar, get_type_hints, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bptt.shapes import (
    Array,
    ShapeError,
    axes_of,
    check_dtype,
    check_generator,
    check_shape,
    check_type,
    check_weights,
    check_whole,
    shown,
)


class HasOutput(Protocol):
    """A state of any cell: a NamedTuple whose field `h` is the output."""

    @property
    def h(self) -> Array:
        """The output, of shape (B, H)."""

    def _replace(self, *, h: Array) -> Self:
        """Return the state with another output."""


F = TypeVar("F", bound=Callable[..., Any])
P = TypeVar("P")
S = TypeVar("S", bound=HasOutput)
Saved = TypeVar("Saved")


@runtime_checkable
class Steps(Protocol[P, S, Saved]):
    """All that a run over time needs of a cell: a state to begin with, a step, its derivative."""

    def zero_state(self, params: P, batch: int) -> S:
        """Return the state before the first step: zeros of shape (B, H).

        Parameters
        ----------
        params : Params
            Weights, for H and the dtype.

        Raises
        ------
        ShapeError
            If `batch` is below 1, or the shapes of the weights do not fit each other.
        TypeError
            If the weights are not arrays of one floating-point dtype, float32 or wider.
        """

    def step(self, params: P, x: Array, state: S) -> tuple[S, Saved]:
        """Take one step in time.

        Parameters
        ----------
        x : ndarray of shape (B, I)
            The input $x_t$.
        state : State
            The state before the step, each of its arrays of shape (B, H).

        Returns
        -------
        state : State
            The new state.
        saved : Step
            What `step_backward` needs.

        Raises
        ------
        ShapeError
            If the shapes of the weights, of `x` and of `state` do not fit each other.
        TypeError
            If the weights are not arrays of one floating-point dtype, `state` is none of this cell,
            or another array does not hold real numbers.
        """

    def step_backward(self, params: P, saved: Saved, dstate: S) -> tuple[P, Array, S]:
        """Take the derivative of one step.

        Parameters
        ----------
        params : Params
            The weights of the step.
        saved : Step
            What `step` returned.
        dstate : State
            The gradient of the loss with respect to the state after the step, each of its arrays
            of shape (B, H).

        Returns
        -------
        dparams : Params
            What this step adds to the gradient with respect to the weights.
        dx : ndarray of shape (B, I)
            The gradient with respect to $x_t$.
        dstate_prev : State
            The gradient with respect to the state before the step, along this step.

        Raises
        ------
        ShapeError
            If the shapes of the weights, of `saved` and of `dstate` do not fit each other.
        TypeError
            If the weights are not arrays of one floating-point dtype, `dstate` is none of this
            cell's states, or another array does not hold real numbers.
        """


class Cell(Steps[P, S, Saved], Protocol[P, S, Saved]):
    """One step in time and its derivative, and weights: a module such as `bptt.rnn`."""

    @property
    def Params(self) -> type[P]:  # noqa: N802  # a type
        """The type of the weights."""

    def init(
        self,
        input_size: int,
        hidden_size: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float64,
    ) -> P:
        """Draw initial weights.

        Parameters
        ----------
        dtype : dtype
            The dtype of the weights, which everything that is computed with them follows.

        Raises
        ------
        TypeError
            If `dtype` is not a floating-point one, or `rng` no generator.
        ValueError
            If a size is below 1.
        """


AnyCell: TypeAlias = Cell[Any, Any, Any]


def checked(function: F) -> F:
    """Let arguments into a function of a cell only if they fit, in the dtype of the weights.

    What does not fit raises what `Cell` says. A loop over time passes what its first step has let
    in, so it calls the function `inside` the door.

    Parameters
    ----------
    function : callable
        `init`, `zero_state`, `step` or `step_backward` of a cell.
    """
    where = f"{function.__module__.removeprefix('bptt.')}.{function.__name__}"
    check, kinds = CHECKS[function.__name__], get_type_hints(function)
    signature = inspect.signature(function)
    names = tuple(name for name, p in signature.parameters.items() if p.kind is not p.KEYWORD_ONLY)

    @functools.wraps(function)
    def door(*arguments: Any, **named: Any) -> Any:
        if not named and len(arguments) == len(names) == len(signature.parameters):
            given = dict(zip(names, arguments, strict=True))  # which is faster
        else:
            bound = signature.bind(*arguments, **named)
            bound.apply_defaults()
            given = bound.arguments
        return function(**{**given, **check(where, kinds, given)})

    door.inside = function  # type: ignore[attr-defined]  # functions have room for it
    return door  # type: ignore[return-value]  # it takes what the function takes


def inside(function: F) -> F:
    """Return a function of any cell without its door, if it has one.

    Parameters
    ----------
    function : callable
        Such as `cell.step`.
    """
    return getattr(function, "inside", function)


def blocks(cell: Any) -> int:
    """Return how many blocks of H columns the weights of a cell have: one for each gate."""
    return _columns(cell.Params)[1]


Given: TypeAlias = Mapping[str, Any]


def _check_init(where: str, _: Given, given: Given) -> Given:
    check_dtype(where, given["dtype"])
    check_generator(where, given["rng"])
    I, H = (check_whole(where, name, given[name]) for name in ("input_size", "hidden_size"))
    if I < 1 or H < 1:
        got = f"{shown(I)} and {shown(H)}"
        raise ValueError(f"{where}: input_size and hidden_size must be at least 1, got {got}")
    return {}


def _check_zero_state(where: str, kinds: Given, given: Given) -> Given:
    check_params(where, "params", kinds["params"], given["params"])
    if check_whole(where, "batch", given["batch"]) < 1:
        raise ShapeError(f"{where}: batch must be at least 1, got {shown(given['batch'])}")
    return {}


def _check_step(where: str, kinds: Given, given: Given) -> Given:
    I, H, dtype = check_params(where, "params", kinds["params"], given["params"])
    x = check_shape(where, "x", given["x"], "B I", dtype, I=I)
    state = _check_state(where, "state", kinds["state"], given["state"], dtype, B=len(x), H=H)
    return {"x": x, "state": state}


def _check_step_backward(where: str, kinds: Given, given: Given) -> Given:
    I, H, _ = check_params(where, "params", kinds["params"], given["params"])
    saved = given["saved"]
    check_type(where, "saved", saved, kinds["saved"])
    B, dtype = len(saved.x), saved.h_prev.dtype
    for name, axes in axes_of(kinds["saved"]).items():
        check_shape(where, f"saved.{name}", getattr(saved, name), axes, B=B, I=I, H=H)
    state = _check_state(where, "dstate", kinds["dstate"], given["dstate"], dtype, B=B, H=H)
    return {"dstate": state}


CHECKS: dict[str, Callable[[str, Given, Given], Given]] = {
    "init": _check_init,
    "zero_state": _check_zero_state,
    "step": _check_step,
    "step_backward": _check_step_backward,
}


def check_params(where: str, name: str, kind: Any, params: Any) -> tuple[int, int, Any]:
    """Insist that weights are arrays of one dtype that fit each other; return I, H and the dtype.

    The rows of W_h say how many units there are, and all else is held against them.

    Parameters
    ----------
    kind : type
        The `Params` of the cell.
    params : object
        What the caller passed.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other.
    TypeError
        If they are not arrays of one floating-point dtype, or no weights of this cell.
    """
    columns, blocks, others = _columns(kind)
    check_type(where, name, params, kind)
    dtype = check_weights(where, params, name)
    H = len(np.atleast_1d(params.W_h))
    sizes = {"H": H, columns: blocks * H}
    known = {} if blocks == 1 else {columns: blocks * H}  # one block only has to be square
    check_shape(where, f"{name}.W_h", params.W_h, f"H {columns}", None, **known)
    for field, axes in others:
        check_shape(where, f"{name}.{field}", getattr(params, field), axes, None, **sizes)
    return len(params.W_x), H, dtype


@functools.cache
def _columns(kind: type) -> tuple[str, int, list[tuple[str, str]]]:
    """Return the columns of W_h, how many blocks they are, and the axes of the other weights."""
    axes = axes_of(kind)
    _, columns = axes["W_h"].split()
    others = [(name, said) for name, said in axes.items() if name != "W_h"]
    biases_first = sorted(others, key=lambda entry: len(entry[1].split()))
    return columns, int(columns[:-1] or 1), biases_first


def _check_state(
    where: str, name: str, kind: type[S], state: Any, dtype: DTypeLike, **sizes: int
) -> S:
    """Return a state in a dtype, once it is one of this cell."""
    fields: Any = state
    if type(state) is not kind:
        got = type(state).__name__
        raise TypeError(f"{where}: {name} must be a {kind.__module__}.{kind.__name__}, got {got}")
    return kind(
        **{
            field: check_shape(where, f"{name}.{field}", array, "B H", dtype, **sizes)
            for field, array in fields._asdict().items()
        }
    )


# The checks of a whole run, for `bptt.unroll` and `bptt.fused`.


def check_cell(where: str, cell: object) -> None:
    """Insist that something has what a run over time needs of a cell, or raise a TypeError."""
    if not isinstance(cell, Steps):
        raise TypeError(
            f"{where}: cell must be a module with zero_state, step and step_backward, "
            f"such as bptt.rnn, got {shown(cell)}"
        )


def check_mask(where: str, mask: ArrayLike, T: int, B: int) -> Array:
    """Return a mask of shape (T, B) as an array of bools.

    Raises
    ------
    ShapeError
        If its shape is another.
    TypeError
        If it does not hold numbers.
    ValueError
        If it holds anything but True and False, or 1 and 0.
    """
    mask = check_shape(where, "mask", mask, "T B", T=T, B=B)
    if not np.isin(mask, (0, 1)).all():
        raise ValueError(f"{where}: mask must hold True and False, or 1 and 0, only")
    return mask.astype(bool)


def state_or_zero(where: str, name: str, state: S | None, zero: S) -> S:
    """Return a state in the shape and dtype of the zero state, which stands in for None.

    Parameters
    ----------
    zero : State
        The zero state of the cell.

    Raises
    ------
    ShapeError
        If an array has not the shape of the zero state's.
    TypeError
        If it is not a state of this cell.
    """
    if state is None:
        return zero
    B, H = zero.h.shape
    return _check_state(where, name, type(zero), state, zero.h.dtype, B=B, H=H)
