r"""Cells that are linear in their state: $h_t = a_t \odot h_{t-1} + b_t$.

What multiplies the state, $a_t$, and what is added to it, $b_t$, depend on the input $x_t$ alone.
They are known for all steps before the first is taken, so a run need not wait: see `bptt.linear`.

Such a cell is a module like any other, with `coefficients` and their derivative beside the step.
Its functions are `checked`, so their code is mathematics.
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any, Protocol, TypeAlias, TypeVar, get_type_hints

import numpy as np

from bptt import cell
from bptt.cell import Cell, Given, P, S, Saved
from bptt.shapes import (
    Array,
    ShapeError,
    axes_of,
    check_numbers,
    check_shape,
    check_type,
    check_weights,
    check_whole,
    shown,
)

F = TypeVar("F", bound=Callable[..., Any])
Kept = TypeVar("Kept")


class LinearCell(Cell[P, S, Saved], Protocol[P, S, Saved, Kept]):
    """A cell, and what its step does to the state, for any number of steps at once."""

    def coefficients(self, params: P, xs: Array) -> tuple[Array, Array, Kept]:
        """Compute what multiplies each state and what is added to it.

        Parameters
        ----------
        params : Params
            The weights of the cell.
        xs : ndarray of shape (..., I)
            The inputs, of one step or of many.

        Returns
        -------
        a : ndarray of shape (..., H)
            What each state before is multiplied with.
        b : ndarray of shape (..., H)
            What is added.
        kept : Kept
            What `coefficients_backward` needs.

        Raises
        ------
        ShapeError
            If the shapes of the weights and of `xs` do not fit each other.
        TypeError
            If the weights are not arrays of one floating-point dtype, or `xs` does not hold real
            numbers.
        """

    def coefficients_backward(
        self, params: P, kept: Kept, das: Array, dbs: Array
    ) -> tuple[P, Array]:
        """Take the derivative of the coefficients.

        Parameters
        ----------
        params : Params
            The weights of the cell.
        kept : Kept
            What `coefficients` returned.
        das, dbs : ndarray of shape (..., H)
            The gradients of the loss with respect to the coefficients.

        Returns
        -------
        dparams : Params
            The gradient with respect to the weights, summed over all steps.
        dxs : ndarray of shape (..., I)
            The gradients with respect to the inputs.
        """


AnyLinearCell: TypeAlias = LinearCell[Any, Any, Any, Any]


def is_linear(cell: object) -> bool:
    """Tell whether a cell has coefficients.

    Parameters
    ----------
    cell : module
        Any cell.
    """
    return hasattr(cell, "coefficients") and hasattr(cell, "coefficients_backward")


def checked(function: F) -> F:
    """Let arguments into a function of a linear cell only if they fit, in the dtype of the weights.

    It does what `bptt.cell.checked` does for cells whose weights know the state before.

    Parameters
    ----------
    function : callable
        `init`, `zero_state`, `step`, `step_backward` or `coefficients`.
    """
    where = f"{function.__module__.removeprefix('bptt.')}.{function.__name__}"
    check, kinds = CHECKS[function.__name__], get_type_hints(function)
    signature = inspect.signature(function)

    @functools.wraps(function)
    def door(*arguments: Any, **named: Any) -> Any:
        bound = signature.bind(*arguments, **named)
        bound.apply_defaults()
        return function(**{**bound.arguments, **check(where, kinds, bound.arguments)})

    door.inside = function  # type: ignore[attr-defined]  # functions have room for it
    return door  # type: ignore[return-value]  # it takes what the function takes


def check_params(where: str, kind: Any, params: Any) -> tuple[int, int, Any]:
    """Insist that weights are arrays of one dtype that fit each other; return I, H and the dtype.

    The bias says how many units there are, and all else is held against it.

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
    check_type(where, "params", params, kind)
    dtype = check_weights(where, params)
    axes = axes_of(kind)
    blocks = int(axes["b"][:-1] or 1)
    columns = len(np.atleast_1d(params.b))
    if params.b.ndim != 1 or columns == 0 or columns % blocks:
        got = shown(params.b.shape)
        raise ShapeError(f"{where}: params.b must be ({axes['b']},) with no empty axis, got {got}")
    H = columns // blocks
    sizes = {"H": H, f"{blocks}H": columns}
    for field, said in axes.items():
        check_shape(where, f"params.{field}", getattr(params, field), said, None, **sizes)
    return len(params.W_x), H, dtype


def _check_zero_state(where: str, kinds: Given, given: Given) -> Given:
    check_params(where, kinds["params"], given["params"])
    if check_whole(where, "batch", given["batch"]) < 1:
        raise ShapeError(f"{where}: batch must be at least 1, got {shown(given['batch'])}")
    return {}


def _check_step(where: str, kinds: Given, given: Given) -> Given:
    I, H, dtype = check_params(where, kinds["params"], given["params"])
    x = check_shape(where, "x", given["x"], "B I", dtype, I=I)
    check_type(where, "state", given["state"], kinds["state"])
    zero = kinds["state"](np.zeros((len(x), H), dtype))
    return {"x": x, "state": cell.state_or_zero(where, "state", given["state"], zero)}


def _check_step_backward(where: str, kinds: Given, given: Given) -> Given:
    I, H, _ = check_params(where, kinds["params"], given["params"])
    saved = given["saved"]
    check_type(where, "saved", saved, kinds["saved"])
    for name, axes in axes_of(kinds["saved"]).items():
        check_shape(where, f"saved.{name}", getattr(saved, name), axes, B=len(saved.x), I=I, H=H)
    check_type(where, "dstate", given["dstate"], kinds["dstate"])
    zero = kinds["dstate"](np.zeros_like(saved.h_prev))
    return {"dstate": cell.state_or_zero(where, "dstate", given["dstate"], zero)}


def _check_coefficients(where: str, kinds: Given, given: Given) -> Given:
    I, _, dtype = check_params(where, kinds["params"], given["params"])
    xs = check_numbers(where, "xs", given["xs"])
    axes = " ".join([*"TBCDE"[: max(xs.ndim - 1, 0)], "I"])
    return {"xs": check_shape(where, "xs", xs, axes, dtype, I=I)}


CHECKS: dict[str, Callable[[str, Given, Given], Given]] = {
    "init": cell.CHECKS["init"],
    "zero_state": _check_zero_state,
    "step": _check_step,
    "step_backward": _check_step_backward,
    "coefficients": _check_coefficients,
}
