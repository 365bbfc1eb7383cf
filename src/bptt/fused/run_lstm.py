r"""A whole sequence through `bptt.lstm`.

The gates stand in the order i, f, o, g here, so that the three with a logistic function are
neighbours.
"""

from typing import Annotated, NamedTuple

import numpy as np

from bptt.fused.products import by_gate, from_gates, project, to_gates, with_ones
from bptt.fused.steps import each, each_backwards, read, spans
from bptt.lstm import Params, State
from bptt.shapes import Array


class Kept(NamedTuple):
    """What `forward` keeps for `backward`."""

    xs: Annotated[Array, "T B I", "the inputs"]
    gates: Annotated[Array, "4 T B H", "the gates i, f, o and the candidate g"]
    hs: Annotated[Array, "T+1 B H", "the outputs, from that before the first step"]
    cs: Annotated[Array, "T+1 B H", "the cell states, likewise"]


def forward(
    params: Params, xs: Array, state: State, skip: Array | None
) -> tuple[Array, State, Kept]:
    r"""Run forwards: `bptt.lstm.step` with all that does not wait for $h_{t-1}$ before the loop.

    With $\sigma(a) = (1 + \tanh(a / 2)) / 2$ one tanh serves all gates; the half of a is taken from
    the weights, which is exact as long as they are not subnormal: it is a power of two.
    """
    W_x, W_h, b = params
    (T, B, _), H, dtype = xs.shape, len(W_h), b.dtype
    half = np.array(0.5, dtype)

    def blocks(W: Array) -> list[Array]:
        i, f, g, o = by_gate(W, 4)
        return [half * i, half * f, half * o, g]

    gates = project(with_ones(xs), blocks(np.vstack([W_x, b])))  # (4, T, B, H)
    times_W_h = to_gates(blocks(W_h), B)
    hs, cs = np.empty((T + 1, B, H), dtype), np.empty((T + 1, B, H), dtype)
    hs[0], cs[0] = state

    h_prev, c_prev = hs[0], cs[0]
    ig = tanh_c = np.empty((B, H), dtype)  # one after the other
    for_all, for_ifo = gates.swapaxes(0, 1), gates[:3].swapaxes(0, 1)
    add, multiply, tanh = np.add, np.multiply, np.tanh  # a lookup costs as much as a small sum
    for skipped, a, ifo, i, f, o, g, h, c in each(skip, for_all, for_ifo, *gates, hs[1:], cs[1:]):
        if skipped is not None:  # what has no step starts from zeros, and is held
            held, h_prev, c_prev = (h_prev, c_prev), read(skipped, h_prev), read(skipped, c_prev)
        add(a, times_W_h(h_prev), a)
        tanh(a, a)  # now `a` holds g and, of the others, tanh(a / 2)
        multiply(ifo, half, ifo)
        add(ifo, half, ifo)
        multiply(f, c_prev, c)
        add(c, multiply(i, g, ig), c)
        multiply(o, tanh(c, tanh_c), h)
        if skipped is not None:
            np.copyto(h, held[0], where=skipped)
            np.copyto(c, held[1], where=skipped)
        h_prev, c_prev = h, c
    return hs[1:], State(h_prev.copy(), c_prev.copy()), Kept(xs, gates, hs, cs)


def backward(
    params: Params, kept: Kept, dhs: Array, dstate: State, skip: Array | None
) -> tuple[Params, Array, State]:
    r"""Run backwards: `bptt.lstm.step_backward` with all that does not wait for $dh_t$ taken out.

    Each gradient of a step is $dc_t$ or $dh_t$ times a factor that the way forwards fixed:

    $$
    \begin{aligned}
    dc_t &\mathrel{+}= dh_t \odot (o_t - h_t \odot \tanh c_t), \\
    da_i &= dc_t \odot i_t g_t (1 - i_t), \\
    da_f &= dc_t \odot f_t c_{t-1} (1 - f_t), \\
    da_g &= dc_t \odot (i_t - i_t g_t^2), \\
    da_o &= dh_t \odot h_t (1 - o_t), \\
    dc_{t-1} &= dc_t \odot f_t.
    \end{aligned}
    $$
    """
    W_x, W_h, b = params
    xs, gates, hs, cs = kept
    before, after = read(skip, hs[:-1]), read(skip, hs[1:])
    c_before, c_after = read(skip, cs[:-1]), read(skip, cs[1:])
    (T, B, H), dtype = dhs.shape, b.dtype
    times_W_h_T = from_gates(list(by_gate(W_h, 4).swapaxes(1, 2)), B)
    das = np.empty((T, B, 4 * H), dtype)  # i, f, g, o, as in the weights
    da_gates = das.reshape(T, B, 4, H).swapaxes(1, 2)

    dh, dh_next = np.empty((B, H), dtype), dstate.h  # dh_next: what the later steps send back
    dc, dh_k = dstate.c.copy(), np.empty((B, H), dtype)
    add, multiply = np.add, np.multiply
    for span in spans(T, B, H):
        f, skips = gates[1, span], None if skip is None else skip[span]
        k = _factors(gates[:, span], after[span], c_after[span], c_before[span])
        factors = f, k[:3].swapaxes(0, 1), *k[3:]
        places = das[span], da_gates[span, :3], da_gates[span, 3]
        for skipped, dh_t, f_t, k_ifg, k_o, k_c, da, da_ifg, da_o in each_backwards(
            skips, dhs[span], *factors, *places
        ):
            add(dh_next, dh_t, dh)
            if skipped is not None:  # what has no step goes past it
                held = dh.copy(), dc.copy()
                np.copyto(dh, 0, where=skipped)
                np.copyto(dc, 0, where=skipped)
            add(dc, multiply(dh, k_c, dh_k), dc)
            multiply(dc, k_ifg, da_ifg)
            multiply(dh, k_o, da_o)
            multiply(dc, f_t, dc)
            dh_next = times_W_h_T(da)
            if skipped is not None:
                np.copyto(dh_next, held[0], where=skipped)
                np.copyto(dc, held[1], where=skipped)

    rows = das.reshape(T * B, 4 * H)
    dW = with_ones(before, xs).reshape(T * B, -1).T @ rows  # (H + I + 1, 4H)
    dxs = (rows @ np.ascontiguousarray(W_x.T)).reshape(xs.shape)
    return Params(W_x=dW[H:-1], W_h=dW[:H], b=dW[-1]), dxs, State(dh_next, dc)


def _factors(gates: Array, h: Array, c: Array, c_prev: Array) -> Array:
    """Return what multiplies dc in da_i, da_f and da_g, and dh in da_o and dc: (5, steps, B, H)."""
    i, f, o, g = gates
    ig = i * g
    k = np.empty((5, *i.shape), i.dtype)
    np.multiply(ig, 1 - i, k[0])
    np.multiply(f * c_prev, 1 - f, k[1])
    np.subtract(i, ig * g, k[2])
    np.multiply(h, 1 - o, k[3])
    np.subtract(o, h * np.tanh(c), k[4])
    return k
