"""Look inside a run: how large the gradient is at each step."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bptt import unroll
from bptt.shapes import Array, check_shape


def gradient_norms(cell: Any, params: Any, tape: Any, dhs: ArrayLike) -> Array:
    r"""Norm of the gradient at every state, $\lVert dL/dh_t \rVert_2$ for $t = 0, \dots, T$.

    Parameters
    ----------
    cell : module
        The cell that ran forwards.
    params : Params
        The weights that it ran with.
    tape : Tape
        What `unroll.forward` returned.
    dhs : array_like of shape (T, B, H)
        The gradients with respect to the outputs, where the loss reads them.

    Returns
    -------
    ndarray of shape (T + 1,)
        L2 norms over (B, H), in units of the loss. Entry t belongs to $h_t$, so entry 0 to the
        initial state; each counts what the loss reads at $h_t$ and what comes back from later.

    Raises
    ------
    ShapeError
        If a shape does not fit what `forward` saw.
    TypeError
        If `cell` is not a cell.
    """
    steps = unroll.backward_steps(cell, params, tape, dhs)
    carried = np.stack([dstate.h for _, _, dstate in steps][::-1])  # from t + 1, for t = 0 .. T-1
    nothing = np.zeros_like(carried[:1])
    read = np.asarray(dhs, carried.dtype)
    totals = np.concatenate([nothing, read]) + np.concatenate([carried, nothing])
    return np.asarray(np.linalg.norm(totals, axis=(1, 2)))


def term_norms(cell: Any, params: Any, tape: Any, dhs: ArrayLike) -> Array:
    r"""Norm of each term of the double sum, $\lVert h_{k-1}^\top da_{t,k} \rVert_2$.

    A row comes from a pass backwards with a loss that reads one step t only.

    Parameters
    ----------
    cell : module
        The cell that ran forwards.
    params : Params
        The weights that it ran with.
    tape : Tape
        What `unroll.forward` returned.
    dhs : array_like of shape (T, B, H)
        The gradients with respect to the outputs, where the loss reads them.

    Returns
    -------
    ndarray of shape (T, T)
        L2 norms over `W_h`, in units of the loss. At [t - 1, k - 1] stands what the weights at
        step k add to the gradient through the loss at step t: zero for k > t.

    Raises
    ------
    ShapeError
        If a shape does not fit what `forward` saw.
    TypeError
        If `cell` is not a cell.
    """
    dhs = check_shape("probe.term_norms", "dhs", dhs, "T B H")
    rows = []
    for t in range(len(dhs)):
        at_t = np.arange(len(dhs)) == t
        only_t = np.where(at_t[:, None, None], dhs, 0)
        steps = unroll.backward_steps(cell, params, tape, only_t)
        rows.append([np.linalg.norm(dparams_k.W_h) for dparams_k, _, _ in steps][::-1])
    return np.array(rows)
