"""Run a cell over time in the fastest way that there is for it."""

from typing import Any, Protocol

from numpy.typing import ArrayLike

from bptt import fused, unroll
from bptt.cell import AnyCell
from bptt.shapes import Array


class OverTime(Protocol):
    """A cell over time, both ways: `bptt.unroll` for any cell, `bptt.fused` for some."""

    def forward(
        self,
        cell: AnyCell,
        params: Any,
        xs: ArrayLike,
        state: Any = None,
        mask: ArrayLike | None = None,
    ) -> tuple[Array, Any, Any]:
        r"""Run forwards.

        Returns
        -------
        hs : ndarray of shape (T, B, H)
            The outputs $h_1, \dots, h_T$.
        state_T : State
            The state after the last step.
        tape : Tape
            What `backward` needs. It refers to `xs` and does not copy it: do not overwrite `xs`
            before.

        Raises
        ------
        ShapeError
            If a shape does not fit, or T or B is zero.
        TypeError
            If `cell` is not a cell, `state` is not a state of this cell, the weights are not arrays
            of one floating-point dtype, or another array does not hold real numbers.
        ValueError
            If the mask holds anything but True and False, or 1 and 0.
        """

    def backward(
        self, cell: AnyCell, params: Any, tape: Any, dhs: ArrayLike, dstate_T: Any = None
    ) -> tuple[Any, Array, Any]:
        """Run backwards.

        Returns
        -------
        dparams : Params
            The gradient with respect to the weights.
        dxs : ndarray of shape (T, B, I)
            The gradients with respect to the inputs.
        dstate_0 : State
            The gradient with respect to the state before the first step.

        Raises
        ------
        ShapeError
            If a shape does not fit what `forward` saw.
        TypeError
            If `cell` is not a cell, `tape` is none of `forward`, `dstate_T` is not a state of this
            cell, the weights are of another dtype than those that ran, or an array does not hold
            real numbers.
        """


def of(cell: AnyCell) -> OverTime:
    """Return `bptt.fused` for the cells that it knows, and `bptt.unroll` for any other."""
    return fused if fused.knows(cell) else unroll
