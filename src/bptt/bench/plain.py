"""The loop that a teaching notebook writes: one product for each gate and each step.

At every step $[h, x]$ is put together for the gates, each gate has a matrix of its own, what the
way back needs is a list of dictionaries, and the gradient of each matrix grows by one product at
each step. The results are those of `bptt.unroll`; the code is what `bptt.fused` is measured by. The
step of the LSTM is that of the ladder's first rung.

Parameters
----------
cell : module
    The cell.
weights : dict of str to ndarray
    What `split` returned.
caches : list of dict
    What the steps kept.
grads : dict of str to ndarray
    Gradients, named as `split` names the weights.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from bptt import gru, lstm, rnn
from bptt.bench.ladder import gate_gradients, plain_step, sigmoid
from bptt.shapes import Array

# Weights and gradients by name: `W_i` (H + I, H), `b_i` (H,), ...; what a step keeps, likewise.
Arrays: TypeAlias = dict[str, Array]
State: TypeAlias = tuple[Array, ...]

# The gates of a cell, in the order of its columns.
GATES = {rnn: "h", lstm: "ifgo", gru: "rzn"}
SAVED = ("c_prev", "i", "f", "g", "o", "tanh_c")  # what `ladder.plain_step` saves of the LSTM


def split(cell: ModuleType, params: Any) -> Arrays:
    """Give each gate a matrix of its own, for the state and the input together.

    For gate i these are `W_i` of shape (H + I, H) and `b_i` of shape (H,), and so on; the candidate
    n of the GRU has `W_xn`, `W_hn`, `b_n` and `b_hn`.
    """
    weights: Arrays = {}
    for k, gate in enumerate(GATES[cell]):
        W_x, W_h, b = (np.split(a, len(GATES[cell]), axis=-1)[k].copy() for a in params[:3])
        weights |= {f"W_{gate}": np.vstack([W_h, W_x]), f"b_{gate}": b}
    if cell is gru:
        W_hn, W_xn = np.split(weights.pop("W_n"), [len(params.W_h)])
        weights |= {"W_xn": W_xn.copy(), "W_hn": W_hn.copy(), "b_hn": params.b_hn.copy()}
    return weights


def join(cell: ModuleType, grads: Arrays) -> Any:
    """Put the gradients of the gates side by side again, as the `Params` of the cell."""
    if cell is gru:
        grads = {**grads, "W_n": np.vstack([grads["W_hn"], grads["W_xn"]])}
    W, b = (np.concatenate([grads[f"{n}_{g}"] for g in GATES[cell]], axis=-1) for n in "Wb")
    H = len(b) // len(GATES[cell])
    more = [grads["b_hn"]] if cell is gru else []
    return cell.Params(W[H:], W[:H], b, *more)


def forward(cell: ModuleType, weights: Arrays, xs: Array) -> tuple[Array, list[Arrays]]:
    """Run forwards from a state of zeros; return the outputs and what each step keeps."""
    step, _ = STEPS[cell]
    zero = _zero(cell, weights, xs.shape[1])
    state = (zero,) * len(cell.State._fields)
    hs, caches = [], []
    for x in xs:
        state, cache = step(weights, x, state)
        hs.append(state[0])
        caches.append(cache)
    return np.stack(hs), caches


def backward(
    cell: ModuleType, weights: Arrays, caches: list[Arrays], dhs: Array
) -> tuple[Arrays, Array]:
    """Run backwards, and add to each gradient at each step.

    Returned are the gradients, named as the weights, and those with respect to the inputs.
    """
    _, step_backward = STEPS[cell]
    grads = {name: np.zeros_like(W) for name, W in weights.items()}
    dstate = (_zero(cell, weights, dhs.shape[1]),) * len(cell.State._fields)
    dxs = []
    for cache, dh in zip(reversed(caches), dhs[::-1], strict=True):
        dx, dstate = step_backward(weights, cache, (dstate[0] + dh, *dstate[1:]), grads)
        dxs.append(dx)
    return grads, np.stack(dxs[::-1])


def _zero(cell: ModuleType, weights: Arrays, batch: int) -> Array:
    b = weights[f"b_{GATES[cell][0]}"]
    return np.zeros((batch, len(b)), b.dtype)


def _rnn_step(weights: Arrays, x: Array, state: State) -> tuple[State, Arrays]:
    hx = np.concatenate([state[0], x], axis=1)
    h = np.tanh(hx @ weights["W_h"] + weights["b_h"])
    return (h,), {"hx": hx, "h": h}


def _rnn_step_backward(
    weights: Arrays, cache: Arrays, dstate: State, grads: Arrays
) -> tuple[Array, State]:
    dhx = _gate_backward(weights, cache["hx"], {"h": dstate[0] * (1 - cache["h"] ** 2)}, grads)
    H = dstate[0].shape[1]
    return dhx[:, H:], (dhx[:, :H],)


def _lstm_step(weights: Arrays, x: Array, state: State) -> tuple[State, Arrays]:
    h_prev, c_prev = state
    hx = np.concatenate([h_prev, x], axis=1)
    W, b = ([weights[f"{name}_{gate}"] for gate in GATES[lstm]] for name in "Wb")
    h, c, saved = plain_step(hx, c_prev, W, b)
    return (h, c), {"hx": hx, **dict(zip(SAVED, saved, strict=True))}


def _lstm_step_backward(
    weights: Arrays, cache: Arrays, dstate: State, grads: Arrays
) -> tuple[Array, State]:
    dh, dc = dstate
    c_prev, i, f, g, o, tanh_c = (cache[name] for name in SAVED)
    found, dc_prev = gate_gradients(dh, dc, (c_prev, i, f, g, o, tanh_c))
    das = dict(zip(GATES[lstm], found, strict=True))
    dhx = _gate_backward(weights, cache["hx"], das, grads)
    H = dh.shape[1]
    return dhx[:, H:], (dhx[:, :H], dc_prev)


def _gru_step(weights: Arrays, x: Array, state: State) -> tuple[State, Arrays]:
    (h_prev,) = state
    hx = np.concatenate([h_prev, x], axis=1)
    r = sigmoid(hx @ weights["W_r"] + weights["b_r"])
    z = sigmoid(hx @ weights["W_z"] + weights["b_z"])
    q = h_prev @ weights["W_hn"] + weights["b_hn"]
    n = np.tanh(x @ weights["W_xn"] + weights["b_n"] + r * q)
    cache = {"hx": hx, "x": x, "h_prev": h_prev, "r": r, "z": z, "q": q, "n": n}
    return ((1 - z) * n + z * h_prev,), cache


def _gru_step_backward(
    weights: Arrays, cache: Arrays, dstate: State, grads: Arrays
) -> tuple[Array, State]:
    (dh,) = dstate
    x, h_prev, r, z, q, n = (cache[name] for name in ("x", "h_prev", "r", "z", "q", "n"))
    da_n = dh * (1 - z) * (1 - n**2)
    dq = da_n * r
    das = {"r": da_n * q * r * (1 - r), "z": dh * (h_prev - n) * z * (1 - z)}
    dhx = _gate_backward(weights, cache["hx"], das, grads)
    grads["W_xn"] += x.T @ da_n
    grads["W_hn"] += h_prev.T @ dq
    grads["b_n"] += da_n.sum(axis=0)
    grads["b_hn"] += dq.sum(axis=0)
    H = dh.shape[1]
    dx = dhx[:, H:] + da_n @ weights["W_xn"].T
    return dx, (dhx[:, :H] + dq @ weights["W_hn"].T + dh * z,)


def _gate_backward(weights: Arrays, hx: Array, das: Arrays, grads: Arrays) -> Array:
    """Go back through the product of each gate, and add to the gradients of its weights."""
    dhx = np.zeros_like(hx)
    for gate, da in das.items():
        grads[f"W_{gate}"] += hx.T @ da
        grads[f"b_{gate}"] += da.sum(axis=0)
        dhx += da @ weights[f"W_{gate}"].T
    return dhx


Step: TypeAlias = Callable[[Arrays, Array, State], tuple[State, Arrays]]
StepBackward: TypeAlias = Callable[[Arrays, Arrays, State, Arrays], tuple[Array, State]]

STEPS: dict[ModuleType, tuple[Step, StepBackward]] = {
    rnn: (_rnn_step, _rnn_step_backward),
    lstm: (_lstm_step, _lstm_step_backward),
    gru: (_gru_step, _gru_step_backward),
}
