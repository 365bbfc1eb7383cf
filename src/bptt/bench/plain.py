r"""The loop that a teaching notebook writes: one product for each gate and each step.

At every step $[h, x]$ is put together for the gates, each gate has a matrix of its own, what the
way back needs is a list of dictionaries, and the gradient of each matrix grows by one product at
each step. The results are those of `bptt.unroll`; the code is what `bptt.fused` is measured by.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np

from bptt import gru, lstm, rnn
from bptt.shapes import Array

# Weights and gradients by name: `W_i` (H + I, H), `b_i` (H,), ...; what a step keeps, likewise.
Arrays: TypeAlias = dict[str, Array]
State: TypeAlias = tuple[Array, ...]

# The gates of a cell, in the order of its columns.
GATES = {rnn: "h", lstm: "ifgo", gru: "rzn"}


def split(cell: ModuleType, params: Any) -> Arrays:
    """Give each gate a matrix of its own, for the state and the input together.

    Parameters
    ----------
    cell : module
        The cell.
    params : Params
        Its weights.

    Returns
    -------
    dict of str to ndarray
        For gate i `W_i` of shape (H + I, H) and `b_i` of shape (H,), and so on; the candidate n of
        the GRU has `W_xn`, `W_hn`, `b_n` and `b_hn`.
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
    """Put the gradients of the gates side by side again.

    Parameters
    ----------
    cell : module
        The cell.
    grads : dict of str to ndarray
        Gradients, named as `split` names the weights.

    Returns
    -------
    Params
        The gradient with respect to the weights of the cell.
    """
    if cell is gru:
        grads = {**grads, "W_n": np.vstack([grads["W_hn"], grads["W_xn"]])}
    W, b = (np.concatenate([grads[f"{n}_{g}"] for g in GATES[cell]], axis=-1) for n in "Wb")
    H = len(b) // len(GATES[cell])
    more = [grads["b_hn"]] if cell is gru else []
    return cell.Params(W[H:], W[:H], b, *more)


def forward(cell: ModuleType, weights: Arrays, xs: Array) -> tuple[Array, list[Arrays]]:
    """Run forwards from a state of zeros.

    Parameters
    ----------
    cell : module
        The cell.
    weights : dict of str to ndarray
        What `split` returned.
    xs : ndarray of shape (T, B, I)
        The inputs.

    Returns
    -------
    hs : ndarray of shape (T, B, H)
        The outputs.
    caches : list of dict
        What each step keeps for the way back.
    """
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

    Parameters
    ----------
    cell : module
        The cell.
    weights : dict of str to ndarray
        The weights that it ran with.
    caches : list of dict
        What the steps kept.
    dhs : ndarray of shape (T, B, H)
        The gradients with respect to the outputs.

    Returns
    -------
    grads : dict of str to ndarray
        The gradient with respect to each of the weights.
    dxs : ndarray of shape (T, B, I)
        The gradients with respect to the inputs.
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


def _sigmoid(a: Array) -> Array:
    return np.asarray(1 / (1 + np.exp(-a)))


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
    i = _sigmoid(hx @ weights["W_i"] + weights["b_i"])
    f = _sigmoid(hx @ weights["W_f"] + weights["b_f"])
    g = np.tanh(hx @ weights["W_g"] + weights["b_g"])
    o = _sigmoid(hx @ weights["W_o"] + weights["b_o"])
    c = f * c_prev + i * g
    tanh_c = np.tanh(c)
    cache = {"hx": hx, "c_prev": c_prev, "i": i, "f": f, "g": g, "o": o, "tanh_c": tanh_c}
    return (o * tanh_c, c), cache


def _lstm_step_backward(
    weights: Arrays, cache: Arrays, dstate: State, grads: Arrays
) -> tuple[Array, State]:
    dh, dc = dstate
    i, f, g, o, tanh_c = (cache[name] for name in ("i", "f", "g", "o", "tanh_c"))
    dc = dc + dh * o * (1 - tanh_c**2)
    das = {
        "i": dc * g * i * (1 - i),
        "f": dc * cache["c_prev"] * f * (1 - f),
        "g": dc * i * (1 - g**2),
        "o": dh * tanh_c * o * (1 - o),
    }
    dhx = _gate_backward(weights, cache["hx"], das, grads)
    H = dh.shape[1]
    return dhx[:, H:], (dhx[:, :H], dc * f)


def _gru_step(weights: Arrays, x: Array, state: State) -> tuple[State, Arrays]:
    (h_prev,) = state
    hx = np.concatenate([h_prev, x], axis=1)
    r = _sigmoid(hx @ weights["W_r"] + weights["b_r"])
    z = _sigmoid(hx @ weights["W_z"] + weights["b_z"])
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
