r"""A whole sequence through `bptt.gru`."""

from typing import Annotated, NamedTuple

import numpy as np

from bptt.fused.products import by_gate, from_gates, project, to_gates, with_ones
from bptt.fused.steps import each, each_backwards, read, spans
from bptt.gru import Params, State
from bptt.shapes import Array


class Kept(NamedTuple):
    """What `forward` keeps for `backward`."""

    xs: Annotated[Array, "T B I", "the inputs"]
    gates: Annotated[Array, "3 T B H", "the gates r and z and the candidate n"]
    qs: Annotated[Array, "T B H", "what r multiplies"]
    hs: Annotated[Array, "T+1 B H", "the states, from that before the first step"]


def forward(
    params: Params, xs: Array, state: State, skip: Array | None
) -> tuple[Array, State, Kept]:
    r"""Run forwards: `bptt.gru.step` with all that does not wait for $h_{t-1}$ before the loop.

    The half of $\sigma(a) = (1 + \tanh(a / 2)) / 2$ is taken from the weights, and
    $h_t = n_t + z_t \odot (h_{t-1} - n_t)$.
    """
    W_x, W_h, b, b_hn = params
    (T, B, _), H, dtype = xs.shape, len(W_h), b.dtype
    half = np.array(0.5, dtype)

    def blocks(W: Array) -> list[Array]:
        r, z, n = by_gate(W, 3)
        return [half * r, half * z, n]

    gates = project(with_ones(xs), blocks(np.vstack([W_x, b])))  # (3, T, B, H)
    times_W_h = to_gates(blocks(W_h), B)
    qs, hs = np.empty((T, B, H), dtype), np.empty((T + 1, B, H), dtype)
    hs[0] = state.h

    h_prev = hs[0]
    p = np.empty((B, H), dtype)
    add, multiply, tanh = np.add, np.multiply, np.tanh  # a lookup costs as much as a small sum
    for skipped, rz, r, z, n, q, h in each(skip, gates[:2].swapaxes(0, 1), *gates, qs, hs[1:]):
        if skipped is not None:  # what has no step starts from zeros, and is held
            held, h_prev = h_prev, read(skipped, h_prev)
        a_h = times_W_h(h_prev)
        add(rz, a_h[:2], rz)
        tanh(rz, rz)
        multiply(rz, half, rz)
        add(rz, half, rz)
        add(a_h[2], b_hn, q)
        add(n, multiply(r, q, p), n)
        tanh(n, n)
        np.subtract(h_prev, n, h)
        multiply(z, h, h)
        add(n, h, h)
        if skipped is not None:
            np.copyto(h, held, where=skipped)
        h_prev = h
    return hs[1:], State(h_prev.copy()), Kept(xs, gates, qs, hs)


def backward(
    params: Params, kept: Kept, dhs: Array, dstate: State, skip: Array | None
) -> tuple[Params, Array, State]:
    r"""Run backwards: `bptt.gru.step_backward` with all that does not wait for $dh_t$ taken out.

    Each gradient of a step is $dh_t$ times a factor that the way forwards fixed:

    $$
    \begin{aligned}
    da_n &= dh_t \odot (1 - z_t)(1 - n_t^2), \\
    dq_t &= da_n \odot r_t, \\
    da_r &= da_n \odot q_t r_t (1 - r_t), \\
    da_z &= dh_t \odot (h_{t-1} - n_t) z_t (1 - z_t).
    \end{aligned}
    $$
    """
    W_x, W_h, b, _ = params
    xs, gates, qs, hs = kept
    before = read(skip, hs[:-1])
    (T, B, H), dtype = dhs.shape, b.dtype
    times_W_h_T = from_gates(list(by_gate(W_h, 3).swapaxes(1, 2)), B)
    # n, r, z, q: the first three came through W_x, the last three through W_h
    das = np.empty((T, B, 4 * H), dtype)

    dh, dh_next = np.empty((B, H), dtype), dstate.h  # dh_next: what the later steps send back
    dh_z = np.empty((B, H), dtype)
    for span in spans(T, B, H):
        z, skips = gates[1, span], None if skip is None else skip[span]
        k = _factors(gates[:, span], qs[span], before[span])
        factors = z, k.swapaxes(0, 1)
        places = das[span].reshape(-1, B, 4, H).swapaxes(1, 2), das[span, :, H:]
        for skipped, dh_t, z_t, k_t, da, da_h in each_backwards(
            skips, dhs[span], *factors, *places
        ):
            np.add(dh_next, dh_t, dh)
            if skipped is not None:  # what has no step goes past it
                held = dh.copy()
                np.copyto(dh, 0, where=skipped)
            np.multiply(dh, k_t, da)
            np.multiply(dh, z_t, dh_z)
            dh_next = times_W_h_T(da_h)
            np.add(dh_next, dh_z, dh_next)
            if skipped is not None:
                np.copyto(dh_next, held, where=skipped)

    rows = das.reshape(T * B, 4 * H)
    da_x, da_h = rows[:, : 3 * H], rows[:, H:]
    dW_x = np.roll(with_ones(xs).reshape(T * B, -1).T @ da_x, -H, axis=1)  # (I + 1, 3H)
    dW_h = with_ones(before).reshape(T * B, -1).T @ da_h  # (H + 1, 3H)
    dxs = (da_x @ np.ascontiguousarray(np.roll(W_x, H, axis=1).T)).reshape(xs.shape)
    dparams = Params(W_x=dW_x[:-1], W_h=dW_h[:-1], b=dW_x[-1], b_hn=dW_h[-1, 2 * H :])
    return dparams, dxs, State(dh_next)


def _factors(gates: Array, q: Array, h_prev: Array) -> Array:
    """Return what multiplies dh in da_n, da_r, da_z and dq, as an array of (4, steps, B, H)."""
    r, z, n = gates
    k = np.empty((4, *r.shape), r.dtype)
    np.multiply(1 - z, 1 - n * n, k[0])
    np.multiply(k[0], r, k[3])
    np.multiply(k[3], q * (1 - r), k[1])
    np.multiply(h_prev - n, z * (1 - z), k[2])
    return k
