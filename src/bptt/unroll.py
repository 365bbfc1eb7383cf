"""Run any cell over time, forwards and backwards, one step after the other."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Generic, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bptt import tree
from bptt.cell import P, S, Saved, Steps, check_cell, check_mask, inside, state_or_zero
from bptt.shapes import Array, check_shape, check_type


class Tape(NamedTuple, Generic[Saved]):
    """What `forward` keeps for `backward`. Its fields are not part of the library's contract."""

    steps: tuple[Saved, ...]
    mask: Array | None
    batch: int
    dtype: np.dtype[Any]
    before: tuple[Any, ...]  # the state before each step; with a mask, since `steps` lacks it


def forward(
    cell: Steps[P, S, Saved],
    params: P,
    xs: ArrayLike,
    state: S | None = None,
    mask: ArrayLike | None = None,
) -> tuple[Array, S, Tape[Saved]]:
    r"""Apply a cell T times: $s_t = \mathrm{step}(x_t, s_{t-1})$ for $t = 1, \dots, T$.

    The tape holds `xs` itself, not a copy: overwrite it only after `backward`.
    """
    check_cell("unroll.forward", cell)
    xs = check_shape("unroll.forward", "xs", xs, "T B I")
    T, B, _ = xs.shape
    zero = cell.zero_state(params, B)
    state = state_or_zero("unroll.forward", "state", state, zero)
    if mask is not None:
        mask = check_mask("unroll.forward", mask, T, B)
        xs = np.where(mask[:, :, None], xs, 0)  # padding may be NaN

    xs = _in_its_dtype(cell, xs, zero.h.dtype)
    hs, steps, before = [], [], []
    for t in range(T):
        step = inside(cell.step) if t else cell.step  # what fits at the first step fits at all
        if mask is None:
            state, saved = step(params, xs[t], state)
        else:  # where there is no step it starts from zeros: a factor of 0 would not stop infinity
            before.append(state)
            new_state, saved = step(params, xs[t], _where(mask[t], state, zero))
            state = _where(mask[t], new_state, state)
        hs.append(state.h)
        steps.append(saved)
    return np.stack(hs), state, Tape(tuple(steps), mask, B, zero.h.dtype, tuple(before))


def backward(
    cell: Steps[P, S, Saved],
    params: P,
    tape: Tape[Saved],
    dhs: ArrayLike,
    dstate_T: S | None = None,
) -> tuple[P, Array, S]:
    """Backpropagate through time: sum over the steps what each adds to the gradient.

    Notes
    -----
    Source: P. J. Werbos, "Backpropagation through time: what it does and how to do it",
    Proceedings of the IEEE 78 (1990), <https://doi.org/10.1109/5.58337>.
    """
    dparams: Any = tree.map(np.zeros_like, params)
    dxs = []
    for dparams_t, dx, dstate in backward_steps(cell, params, tape, dhs, dstate_T):
        dparams = tree.map(np.add, dparams, dparams_t)
        dxs.append(dx)
    return dparams, np.stack(dxs[::-1]), dstate


def backward_steps(
    cell: Steps[P, S, Saved],
    params: P,
    tape: Tape[Saved],
    dhs: ArrayLike,
    dstate_T: S | None = None,
) -> Iterator[tuple[P, Array, S]]:
    r"""Walk from the last step to the first; `backward` sums what this yields.

    At step t the gradient with respect to the state has two parts: what the loss reads there,
    $dL_t/dh_t$, and what comes back from the steps after it.

    Yields
    ------
    dparams_t : Params
        What step t adds to the gradient with respect to the weights, for t = T, ..., 1.
    dx : ndarray of shape (B, I)
        The gradient with respect to $x_t$.
    dstate : State
        What comes back to the state before, $s_{t-1}$, from step t and all after it.

    Raises
    ------
    ShapeError
        At the first step that is asked for, if a shape does not fit what `forward` saw.
    TypeError
        Likewise, if `cell` is not a cell, `tape` is none of `forward`, `dstate_T` is not a state of
        this cell, or the weights are of another dtype than those that ran.
    """
    check_cell("unroll.backward", cell)
    check_type("unroll.backward", "tape", tape, Tape)
    zero = cell.zero_state(params, tape.batch)
    if zero.h.dtype != tape.dtype:
        raise TypeError(
            "unroll.backward: params must be those that ran forwards, "
            f"in {tape.dtype}, got {zero.h.dtype}"
        )
    dstate = state_or_zero("unroll.backward", "dstate_T", dstate_T, zero)
    T, (B, H) = len(tape.steps), zero.h.shape
    sizes = {"T": T, "B": B, "H": H}
    dhs = check_shape("unroll.backward", "dhs", dhs, "T B H", zero.h.dtype, **sizes)

    for t in reversed(range(T)):
        step_backward = inside(cell.step_backward) if t < T - 1 else cell.step_backward
        saved = tape.steps[t]
        dstate = dstate._replace(h=dstate.h + dhs[t])
        if tape.mask is None:
            dparams_t, dx, dstate = step_backward(params, saved, dstate)
        else:  # the gradient takes the step where there was one, else it skips it
            skipping, stepping = dstate, _where(tape.mask[t], dstate, zero)
            dparams_t, dx, dstate = step_backward(params, saved, stepping)
            if not tape.mask[t].any():  # a factor of 0 would not stop infinite weights
                dparams_t = tree.map(np.zeros_like, params)
            dx = np.where(tape.mask[t][:, None], dx, 0)
            dstate = _where(tape.mask[t], dstate, skipping)
        yield dparams_t, dx, dstate


def _in_its_dtype(cell: Steps[P, S, Saved], xs: Array, dtype: DTypeLike) -> Array:
    """Convert all inputs at once where the door of the cell would convert each."""
    return xs if inside(cell.step) is cell.step else np.asarray(xs, dtype)


def _where(live: Array, a: S, b: S) -> S:
    """Take the rows of `a` where a sequence has a step, and those of `b` elsewhere."""
    return tree.map(partial(np.where, live[:, None]), a, b)
