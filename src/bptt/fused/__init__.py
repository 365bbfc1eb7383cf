r"""Whole sequences, fast: what `bptt.unroll` returns, for the cells of this library.

Three things make the difference. What does not wait for the previous step is computed for all steps
at once: the products with $W_x$, and the gradients of all weights. What is left in the loop is one
product and a few operations on whole batches, written into memory that is there already. And memory
is read in the order in which it stands. Chapter 11 of the site takes these steps one by one.

There is one module for each cell; they share the products and the order of the steps.

A run whose weights, inputs or first state are NaN, infinite or so large that a product of four may
overflow is left to `bptt.unroll`: there the order of a product decides between NaN and a number. It
also does where `backward` gets gradients near the end of their dtype, of which NaN and infinity may
stand at other places than those of `bptt.unroll`.
"""

import operator
from typing import Any, NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike

from bptt import gru, lstm, rnn, tree, unroll
from bptt.cell import AnyCell, check_mask, state_or_zero
from bptt.fused import run_gru, run_lstm, run_rnn
from bptt.shapes import Array, check_shape, shown


class Run(Protocol):
    """A whole sequence through one cell, both ways: a module such as `bptt.fused.run_lstm`."""

    def forward(
        self, params: Any, xs: Array, state: Any, skip: Array | None
    ) -> tuple[Array, Any, Any]:
        """Run forwards.

        Parameters
        ----------
        xs : ndarray of shape (T, B, I)
            The inputs, in the dtype of the weights.
        state : State
            The state before the first step.
        skip : ndarray of bool of shape (T, B, 1), or None
            True where a sequence has no step.

        Returns
        -------
        hs : ndarray of shape (T, B, H)
            The outputs, which are part of what is kept.
        state_T : State
            The state after the last step.
        kept : Kept
            What `backward` needs.
        """

    def backward(
        self, params: Any, kept: Any, dhs: Array, dstate: Any, skip: Array | None
    ) -> tuple[Any, Array, Any]:
        """Run backwards.

        Parameters
        ----------
        kept : Kept
            What `forward` returned.
        dhs : ndarray of shape (T, B, H)
            The gradients with respect to the outputs, where they are read.
        dstate : State
            The gradient with respect to the state after the last step.
        skip : ndarray of bool of shape (T, B, 1), or None
            As for `forward`.

        Returns
        -------
        dparams : Params
            The gradient with respect to the weights.
        dxs : ndarray of shape (T, B, I)
            The gradients with respect to the inputs.
        dstate_0 : State
            The gradient with respect to the state before the first step.
        """


CELLS: dict[Any, Run] = {rnn: run_rnn, lstm: run_lstm, gru: run_gru}


class Tape(NamedTuple):
    """What `forward` keeps for `backward`. Its fields are not part of the library's contract."""

    cell: Any
    xs: Array
    skip: Array | None
    starts: tuple[Any, ...]  # the state before the first step of each part
    parts: tuple[slice, ...]
    kept: Any  # the tape of the only part, or of `unroll`; None where parts run forwards again


def forward(
    cell: AnyCell,
    params: Any,
    xs: ArrayLike,
    state: Any = None,
    mask: ArrayLike | None = None,
    *,
    recompute_every: int | None = None,
) -> tuple[Array, Any, Tape]:
    r"""Apply a cell T times, as `bptt.unroll.forward` does.

    `backward` reads the outputs too, unless it recomputes them, so they cannot be overwritten:
    `hs.copy()` can. The tape holds `xs` itself, not a copy: overwrite it only after `backward`.

    Parameters
    ----------
    cell : module
        `bptt.rnn`, `bptt.lstm` or `bptt.gru`.
    recompute_every : int, optional
        Keep only the states after every so many steps; `backward` runs forwards again from there,
        part by part. It takes longer and needs less memory: for an LSTM least with about
        $\sqrt{T / 3}$ steps. Anything but a whole number is a TypeError, and below 1 a ValueError.

    Notes
    -----
    Source of the products for all steps: J. Appleyard, T. Kočiský and P. Blunsom, "Optimizing
    performance of recurrent neural networks on GPUs" (2016), <https://arxiv.org/abs/1604.01946>;
    of the recomputation: A. Gruslys, R. Munos, I. Danihelka, M. Lanctot and A. Graves,
    "Memory-efficient backpropagation through time", NIPS 2016, <https://arxiv.org/abs/1606.03401>.
    Omitted: their best placing of the states that are kept; here they are evenly spaced.
    """
    run = _run_of("fused.forward", cell)
    xs = check_shape("fused.forward", "xs", xs, "T B I")
    T, B, _ = xs.shape
    zero = cell.zero_state(params, B)
    check_shape("fused.forward", "xs", xs, "T B I", None, I=len(params.W_x))
    state = state_or_zero("fused.forward", "state", state, zero)
    if mask is not None:
        mask = check_mask("fused.forward", mask, T, B)
        xs = np.where(mask[:, :, None], xs, 0)  # padding may be NaN
    xs = np.asarray(xs, zero.h.dtype)
    skip = None if mask is None else ~mask[:, :, None]
    every = T if recompute_every is None else _whole(recompute_every)
    if _is_huge((params, xs, state)):
        hs, state_T, plain = unroll.forward(cell, params, xs, state, mask)
        hs.flags.writeable = False
        return hs, state_T, Tape(cell, xs, skip, (state,), (), plain)
    if recompute_every is None:
        hs, state_T, kept = run.forward(params, xs, state, skip)
        hs.flags.writeable = False
        return hs, state_T, Tape(cell, xs, skip, (state,), (slice(0, T),), kept)

    parts = tuple(slice(t, t + every) for t in range(0, T, every))
    hs, starts = np.empty((T, *zero.h.shape), zero.h.dtype), []
    for part in parts:
        starts.append(state)
        hs[part], state, _ = run.forward(params, xs[part], state, _of(skip, part))
    return hs, state, Tape(cell, xs, skip, tuple(starts), parts, None)


def backward(
    cell: AnyCell, params: Any, tape: Tape, dhs: ArrayLike, dstate_T: Any = None
) -> tuple[Any, Array, Any]:
    """Backpropagate through time, as `bptt.unroll.backward` does.

    A tape of another run, or weights of another dtype than those that ran, are a TypeError.
    """
    run = _run_of("fused.backward", cell)
    if not isinstance(tape, Tape) or tape.cell is not cell:
        got = f"one of {tape.cell.__name__}" if isinstance(tape, Tape) else type(tape).__name__
        wanted = f"what fused.forward returned with {cell.__name__}"  # type: ignore[attr-defined]  # a module
        raise TypeError(f"fused.backward: tape must be {wanted}, got {got}")
    T, B, I = tape.xs.shape
    zero = cell.zero_state(params, B)
    H, dtype = len(params.W_h), zero.h.dtype
    if dtype != tape.xs.dtype:
        raise TypeError(
            "fused.backward: params must be those that ran forwards, "
            f"in {tape.xs.dtype}, got {dtype}"
        )
    check_shape("fused.backward", "params.W_x", params.W_x, "I columns", None, I=I)
    check_shape("fused.backward", "the state of the tape", tape.starts[0].h, "B H", None, B=B, H=H)
    dhs = check_shape("fused.backward", "dhs", dhs, "T B H", dtype, T=T, B=B, H=H)
    dstate = state_or_zero("fused.backward", "dstate_T", dstate_T, zero)
    if isinstance(tape.kept, unroll.Tape):
        return unroll.backward(cell, params, tape.kept, dhs, dstate)
    if tape.kept is not None:
        dparams, dxs, dstate_0 = run.backward(params, tape.kept, dhs, dstate, tape.skip)
        return dparams, dxs, dstate_0

    dparams = tree.map(np.zeros_like, params)
    dxs = np.empty_like(tape.xs)
    for part, start in zip(tape.parts[::-1], tape.starts[::-1], strict=True):
        skip = _of(tape.skip, part)
        _, _, kept = run.forward(params, tape.xs[part], start, skip)
        dpart, dxs[part], dstate = run.backward(params, kept, dhs[part], dstate, skip)
        dparams = tree.map(np.add, dparams, dpart)
    return dparams, dxs, dstate


def kept_bytes(tape: Tape) -> int:
    """Count the memory of what a run computed and its tape keeps.

    A number is kept for each step, sequence and unit: 6 for the LSTM (its four gates, c and h), 5
    for the GRU (r, z, n, q and h) and 1 for the RNN (h), and the state before the first step. With
    `recompute_every` it is one state for each part.

    Returns
    -------
    int
        Bytes.
    """
    if isinstance(tape.kept, unroll.Tape):
        kept: Any = tape.kept.steps
    else:
        kept = tape.starts if tape.kept is None else tape.kept[1:]
    return sum(array.nbytes for _, array in tree.leaves(kept))


def knows(cell: AnyCell) -> bool:
    """Tell whether a cell is one of the three that this module can run; `bptt.unroll` runs any."""
    return any(cell is known for known in CELLS)


def _run_of(where: str, cell: AnyCell) -> Run:
    if not knows(cell):
        raise TypeError(
            f"{where}: cell must be bptt.rnn, bptt.lstm or bptt.gru, got {shown(cell)}; "
            "bptt.unroll runs any cell"
        )
    return CELLS[cell]


def _is_huge(run: Any) -> bool:
    """Tell whether a product of four of its numbers may overflow; NaN and infinity are huge."""
    most = np.finfo(run[-1].h.dtype).max ** 0.25  # all are of one dtype
    return not all(-most < a.min() and a.max() < most for _, a in tree.leaves(run))


def _whole(recompute_every: Any) -> int:
    try:
        every = operator.index(recompute_every)
    except TypeError:
        raise TypeError(
            f"fused.forward: recompute_every must be a whole number, got {shown(recompute_every)}"
        ) from None
    if every < 1:
        raise ValueError(f"fused.forward: recompute_every must be at least 1, got {shown(every)}")
    return every


def _of(skip: Array | None, part: slice) -> Array | None:
    return None if skip is None else skip[part]
