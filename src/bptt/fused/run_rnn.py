r"""A whole sequence through `bptt.rnn`."""

from typing import Annotated, NamedTuple

import numpy as np

from bptt.fused.products import from_gates, project, to_gates, with_ones
from bptt.fused.steps import each, each_backwards, read, spans
from bptt.rnn import Params, State
from bptt.shapes import Array


class Kept(NamedTuple):
    """What `forward` keeps for `backward`."""

    xs: Annotated[Array, "T B I", "the inputs"]
    hs: Annotated[Array, "T+1 B H", "the states, from that before the first step"]


def forward(
    params: Params, xs: Array, state: State, skip: Array | None
) -> tuple[Array, State, Kept]:
    r"""Run forwards, $h_t = \tanh(x_t W_x + b + h_{t-1} W_h)$: the first two terms at once."""
    W_x, W_h, b = params
    (T, B, _), H, dtype = xs.shape, len(W_h), b.dtype
    (a_xs,) = project(with_ones(xs), [np.vstack([W_x, b])])
    times_W_h = to_gates([W_h], B)
    hs = np.empty((T + 1, B, H), dtype)
    hs[0] = state.h

    h_prev = hs[0]
    for skipped, a, h in each(skip, a_xs, hs[1:]):
        if skipped is not None:  # what has no step starts from zeros, and is held
            held, h_prev = h_prev, read(skipped, h_prev)
        np.add(a, times_W_h(h_prev)[0], a)
        np.tanh(a, h)
        if skipped is not None:
            np.copyto(h, held, where=skipped)
        h_prev = h
    return hs[1:], State(h_prev.copy()), Kept(xs, hs)


def backward(
    params: Params, kept: Kept, dhs: Array, dstate: State, skip: Array | None
) -> tuple[Params, Array, State]:
    r"""Run backwards, $da_t = dh_t \odot (1 - h_t^2)$: weights and inputs wait for all of them."""
    W_x, W_h, b = params
    xs, hs = kept
    before, after = read(skip, hs[:-1]), read(skip, hs[1:])
    (T, B, H), dtype = dhs.shape, b.dtype
    times_W_h_T = from_gates([W_h.T], B)
    das = np.empty((T, B, H), dtype)

    dh, dh_next = np.empty((B, H), dtype), dstate.h  # dh_next: what the later steps send back
    for span in spans(T, B, H):
        k = 1 - after[span] ** 2
        skips = None if skip is None else skip[span]
        for skipped, dh_t, k_t, da in each_backwards(skips, dhs[span], k, das[span]):
            np.add(dh_next, dh_t, dh)
            if skipped is not None:  # what has no step goes past it
                held = dh.copy()
                np.copyto(dh, 0, where=skipped)
            np.multiply(dh, k_t, da)
            dh_next = times_W_h_T(da)
            if skipped is not None:
                np.copyto(dh_next, held, where=skipped)

    rows = das.reshape(T * B, H)
    dW = with_ones(before, xs).reshape(T * B, -1).T @ rows  # (H + I + 1, H)
    dxs = (rows @ np.ascontiguousarray(W_x.T)).reshape(xs.shape)
    return Params(W_x=dW[H:-1], W_h=dW[:H], b=dW[-1]), dxs, State(dh_next)
