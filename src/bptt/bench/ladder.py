r"""From a plain loop over time to `bptt.fused`, one change at a time: the LSTM, from a zero state.

All rungs compute the same. Where a rung changes one direction only, it shares the other. Every
`..._forward` and `..._backward` is called as `Rung` says; what a tape holds is up to the two.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from bptt import fused, lstm
from bptt.fused.products import Product, from_gates, project, to_gates, with_ones
from bptt.fused.steps import spans
from bptt.lstm import Params
from bptt.shapes import Array

# Of a step: c before it, its gates i, f, g and o, and the tanh of c after it.
Saved: TypeAlias = tuple[Array, Array, Array, Array, Array, Array]
# One for each gate, i, f, g and o.
Blocks: TypeAlias = Sequence[Array] | Array


class Rung(NamedTuple):
    """One rung: a pass forwards and a pass backwards.

    Attributes
    ----------
    forward : callable
        Takes the weights and the inputs (T, B, I), returns the outputs (T, B, H) and a tape.
    backward : callable
        Takes the weights, the tape and the gradients with respect to the outputs, returns those
        with respect to the weights and the inputs.
    dtype : str
        In which precision the rung is timed. It computes in that of the weights.
    """

    forward: Callable[[Params, Array], tuple[Array, Any]]
    backward: Callable[[Params, Any, Array], tuple[Params, Array]]
    dtype: str

    def run(self, params: Params, xs: Array, dhs: Array) -> tuple[Array, Params, Array]:
        """Run both; return the outputs, and the gradients with respect to weights and inputs."""
        hs, tape = self.forward(params, xs)
        dparams, dxs = self.backward(params, tape, dhs)
        return hs, dparams, dxs


class Lists(NamedTuple):
    """What the way back needs, step by step.

    Attributes
    ----------
    xs : ndarray of shape (T, B, I)
        The inputs.
    hs : list of ndarray of shape (B, H)
        The outputs, from $h_0$.
    steps : list of tuple of ndarray of shape (B, H)
        What each step has left behind, as in `Saved`.
    """

    xs: Array
    hs: list[Array]
    steps: list[Saved]


class Tape(NamedTuple):
    """What the way back needs, in one array each.

    `gates` is of shape (T, 4, B, H), in the order i, f, o, g; `hs` and `cs` begin with the state
    before the first step.
    """

    xs: Array
    gates: Array
    hs: Array
    cs: Array
    tanh_cs: Array


def sigmoid(a: Array) -> Array:
    r"""Logistic function $1 / (1 + e^{-a})$, as its definition has it.

    Parameters
    ----------
    a : ndarray
        Pre-activations.
    """
    y: Array = 1 / (1 + np.exp(-a))
    return y


def by_gate(W: Array) -> Array:
    """Cut weights into one contiguous block for each gate: (..., 4H) becomes (4, ..., H).

    Parameters
    ----------
    W : ndarray of shape (..., 4H)
        Weights or biases.
    """
    return np.stack(np.split(W, 4, axis=-1))


def plain_step(hx: Array, c_prev: Array, W: Blocks, b: Blocks) -> tuple[Array, Array, Saved]:
    """Take each gate of a step by a product of its own; return h, c and what the way back needs.

    Parameters
    ----------
    hx : ndarray of shape (B, H + I)
        The state before the step, and the input.
    c_prev : ndarray of shape (B, H)
        The cell state before the step.
    W, b : sequence of ndarray of shape (H + I, H) and (H,)
        The weights and the bias of each gate.
    """
    i = sigmoid(hx @ W[0] + b[0])
    f = sigmoid(hx @ W[1] + b[1])
    g = np.tanh(hx @ W[2] + b[2])
    o = sigmoid(hx @ W[3] + b[3])
    c = f * c_prev + i * g
    tanh_c = np.tanh(c)
    return o * tanh_c, c, (c_prev, i, f, g, o, tanh_c)


def plain_forward(params: Params, xs: Array) -> tuple[Array, Any]:
    """Take the steps one by one, and keep what they give in lists."""
    W, b = by_gate(np.vstack([params.W_h, params.W_x])), by_gate(params.b)
    h = c = np.zeros((xs.shape[1], len(params.W_h)), params.b.dtype)
    hs, tape = [], []
    for x in xs:
        hx = np.concatenate([h, x], axis=1)
        h, c, saved = plain_step(hx, c, W, b)
        hs.append(h)
        tape.append((hx, saved))
    return np.stack(hs), tape


def plain_backward(params: Params, tape: Any, dhs: Array) -> tuple[Params, Array]:
    """Take the gradients of each gate of each step by products of their own, and add them up."""
    H, W = len(params.W_h), by_gate(np.vstack([params.W_h, params.W_x]))
    dW, db = np.zeros_like(W), np.zeros_like(by_gate(params.b))
    dh_next = dc = np.zeros_like(dhs[0])
    dxs = []
    for dh_t, (hx, saved) in zip(dhs[::-1], tape[::-1], strict=True):
        da, dc = gate_gradients(dh_next + dh_t, dc, saved)
        dhx = np.zeros_like(hx)
        for k in range(4):
            dW[k] += hx.T @ da[k]
            db[k] += da[k].sum(axis=0)
            dhx += da[k] @ W[k].T
        dh_next, dx = dhx[:, :H], dhx[:, H:]
        dxs.append(dx)
    dW_h, dW_x = np.split(np.hstack(list(dW)), [H])
    return Params(W_x=dW_x, W_h=dW_h, b=db.ravel()), np.stack(dxs[::-1])


def gate_gradients(dh: Array, dc: Array, saved: Saved) -> tuple[list[Array], Array]:
    """Take a step back from its state to its pre-activations, as `lstm.step_backward` does.

    Returned are the gradients with respect to $a_i, a_f, a_g, a_o$, and to $c_{t-1}$.

    Parameters
    ----------
    dh, dc : ndarray of shape (B, H)
        The gradients with respect to $h_t$ and, with $h_t$ held, to $c_t$.
    saved : tuple of ndarray of shape (B, H)
        What the step has left behind.
    """
    c_prev, i, f, g, o, tanh_c = saved
    dc = dc + dh * o * (1 - tanh_c**2)
    da_i = dc * g * i * (1 - i)
    da_f = dc * c_prev * f * (1 - f)
    da_g = dc * i * (1 - g**2)
    da_o = dh * tanh_c * o * (1 - o)
    return [da_i, da_f, da_g, da_o], dc * f


def one_sum_backward(params: Params, tape: Any, dhs: Array) -> tuple[Params, Array]:
    """Take the gradient of all weights by one product over all steps, after the last step."""
    H, W = len(params.W_h), by_gate(np.vstack([params.W_h, params.W_x]))
    dh_next = dc = np.zeros_like(dhs[0])
    back, dxs = [], []
    for dh_t, (hx, saved) in zip(dhs[::-1], tape[::-1], strict=True):
        da, dc = gate_gradients(dh_next + dh_t, dc, saved)
        dhx = np.zeros_like(hx)
        for k in range(4):
            dhx += da[k] @ W[k].T
        dh_next, dx = dhx[:, :H], dhx[:, H:]
        back.append(np.concatenate(da, axis=1))
        dxs.append(dx)
    dparams = weight_gradients(np.stack(back[::-1]), np.stack([hx for hx, _ in tape]))
    return dparams, np.stack(dxs[::-1])


def weight_gradients(das: Array, *factors: Array) -> Params:
    r"""Return $\sum_t [h_{t-1}, x_t, 1]^\top da_t$, the gradient of all weights, by one product.

    Parameters
    ----------
    das : ndarray of shape (T, B, 4H)
        The gradients with respect to the pre-activations.
    *factors : ndarray of shape (T, B, ...)
        The states before each step and its inputs, in one array or two.
    """
    T, B, H = *das.shape[:2], das.shape[2] // 4
    dW = with_ones(*factors).reshape(T * B, -1).T @ das.reshape(T * B, -1)
    return Params(W_x=dW[H:-1], W_h=dW[:H], b=dW[-1])


def hoisted_forward(params: Params, xs: Array) -> tuple[Array, Any]:
    """Multiply the inputs of all steps with their weights before the first step."""
    W_h = by_gate(params.W_h)
    h = c = np.zeros((xs.shape[1], len(params.W_h)), params.b.dtype)
    tape = Lists(xs, [h], [])
    for a_x in project_inputs(params, xs):
        a_i, a_f, a_g, a_o = np.split(a_x, 4, axis=1)
        i = sigmoid(a_i + h @ W_h[0])
        f = sigmoid(a_f + h @ W_h[1])
        g = np.tanh(a_g + h @ W_h[2])
        o = sigmoid(a_o + h @ W_h[3])
        h, c = _end_step(tape, c, (i, f, g, o))
    return np.stack(tape.hs[1:]), tape


def _end_step(tape: Lists, c_prev: Array, gates: Sequence[Array]) -> tuple[Array, Array]:
    """Compute the state of a step from its gates i, f, g, o, and add to the lists of the tape."""
    i, f, g, o = gates
    c = f * c_prev + i * g
    tanh_c = np.tanh(c)
    h = o * tanh_c
    tape.hs.append(h)
    tape.steps.append((c_prev, i, f, g, o, tanh_c))
    return h, c


def project_inputs(params: Params, xs: Array) -> Array:
    r"""Return $x_t W_x + b$ of all steps, (T, B, 4H), by one product, $b$ as a row."""
    T, B, I = xs.shape
    a_xs: Array = with_ones(xs).reshape(T * B, I + 1) @ np.vstack([params.W_x, params.b])
    return a_xs.reshape(T, B, -1)


def hoisted_backward(params: Params, tape: Lists, dhs: Array) -> tuple[Params, Array]:
    """Multiply the gradients of all steps with the weights of the inputs after the last step."""
    W_h = by_gate(params.W_h)
    dh_next = dc = np.zeros_like(dhs[0])
    back = []
    for t in reversed(range(len(dhs))):
        da, dc = gate_gradients(dh_next + dhs[t], dc, tape.steps[t])
        dh_next = np.zeros_like(dh_next)
        for k in range(4):
            dh_next += da[k] @ W_h[k].T
        back.append(np.concatenate(da, axis=1))
    das = np.stack(back[::-1])
    dparams = weight_gradients(das, np.stack(tape.hs[:-1]), tape.xs)
    return dparams, input_gradients(das, params.W_x.T)


def input_gradients(das: Array, W_x_T: Array) -> Array:
    r"""Return $da_t W_x^\top$ of all steps, (T, B, I), by one product.

    Parameters
    ----------
    das : ndarray of shape (T, B, 4H)
        The gradients with respect to the pre-activations.
    W_x_T : ndarray of shape (4H, I)
        The weights of the inputs, transposed.
    """
    T, B, _ = das.shape
    dxs: Array = das.reshape(T * B, -1) @ W_x_T
    return dxs.reshape(T, B, -1)


def one_product_forward(params: Params, xs: Array) -> tuple[Array, Any]:
    """Take the four gates of a step by one product."""
    h = c = np.zeros((xs.shape[1], len(params.W_h)), params.b.dtype)
    tape = Lists(xs, [h], [])
    for a_x in project_inputs(params, xs):
        a_i, a_f, a_g, a_o = np.split(a_x + h @ params.W_h, 4, axis=1)
        i, f, g, o = sigmoid(a_i), sigmoid(a_f), np.tanh(a_g), sigmoid(a_o)
        h, c = _end_step(tape, c, (i, f, g, o))
    return np.stack(tape.hs[1:]), tape


def one_product_backward(params: Params, tape: Lists, dhs: Array) -> tuple[Params, Array]:
    """Send the gradients of the four gates of a step back by one product."""
    dh_next = dc = np.zeros_like(dhs[0])
    back = []
    for t in reversed(range(len(dhs))):
        gates, dc = gate_gradients(dh_next + dhs[t], dc, tape.steps[t])
        da = np.concatenate(gates, axis=1)
        dh_next = da @ params.W_h.T
        back.append(da)
    das = np.stack(back[::-1])
    dparams = weight_gradients(das, np.stack(tape.hs[:-1]), tape.xs)
    return dparams, input_gradients(das, params.W_x.T)


def halved(params: Params) -> Params:
    """Halve what goes into the logistic functions, and put the gates in the order i, f, o, g."""

    def change(W: Array) -> Array:
        i, f, g, o = np.split(W, 4, axis=-1)
        half = W.dtype.type(0.5)
        return np.concatenate([half * i, half * f, half * o, g], axis=-1)

    return Params(*map(change, params))


def one_tanh_forward(params: Params, xs: Array) -> tuple[Array, Any]:
    r"""Take all gates by one tanh: $\sigma(a) = (1 + \tanh(a / 2)) / 2$."""
    h = c = np.zeros((xs.shape[1], len(params.W_h)), params.b.dtype)
    ready, H = halved(params), h.shape[1]
    tape = Lists(xs, [h], [])
    for a_x in project_inputs(ready, xs):
        a = np.tanh(a_x + h @ ready.W_h)
        i, f, o = np.split((1 + a[:, : 3 * H]) / 2, 3, axis=1)
        h, c = _end_step(tape, c, (i, f, a[:, 3 * H :], o))
    return np.stack(tape.hs[1:]), tape


def in_place_forward(params: Params, xs: Array) -> tuple[Array, Tape]:
    """Make every array before the first step, and write into it."""
    ready = halved(params)
    rows = project_inputs(ready, xs)  # the gates take the place of what they are computed from
    T, B, H = *xs.shape[:2], len(params.W_h)
    tape = _room(xs, rows.reshape(T, B, 4, H).swapaxes(1, 2))
    a_h = np.empty((B, 4 * H), rows.dtype)
    for t, a in enumerate(rows):
        np.add(a, np.matmul(tape.hs[t], ready.W_h, out=a_h), out=a)
        np.tanh(a, out=a)
        a[:, : 3 * H] += 1
        a[:, : 3 * H] *= 0.5
        write_state(tape, t)
    return tape.hs[1:], tape


def _room(xs: Array, gates: Array) -> Tape:
    """Make the arrays of a run around (T, 4, B, H), where the gates will be."""
    T, _, B, H = gates.shape
    hs, cs = np.empty((T + 1, B, H), gates.dtype), np.empty((T + 1, B, H), gates.dtype)
    hs[0] = cs[0] = 0
    return Tape(xs, gates, hs, cs, np.empty((T, B, H), gates.dtype))


def write_state(tape: Tape, t: int) -> None:
    """Compute the state of a step from its gates, and write it into the tape.

    Parameters
    ----------
    t : int
        The step, from 0.
    """
    _, gates, hs, cs, tanh_cs = tape
    i, f, o, g = gates[t]
    ig = hs[t + 1]  # its place is free until the output is known
    np.multiply(f, cs[t], out=cs[t + 1])
    cs[t + 1] += np.multiply(i, g, out=ig)
    np.tanh(cs[t + 1], out=tanh_cs[t])
    np.multiply(o, tanh_cs[t], out=hs[t + 1])


def in_place_backward(params: Params, tape: Tape, dhs: Array) -> tuple[Params, Array]:
    """Write every gradient of a step into the place that it will be read from."""
    das = steps_back(tape, dhs, params.W_h.T)
    return weight_gradients(das, tape.hs[:-1], tape.xs), input_gradients(das, params.W_x.T)


def steps_back(tape: Tape, dhs: Array, W_h_T: Array) -> Array:
    """Walk from the last step to the first, and write into arrays that are there already.

    What comes out are the gradients with respect to the pre-activations, (T, B, 4H), in the order
    i, f, g, o.

    Parameters
    ----------
    W_h_T : ndarray of shape (4H, H)
        The weights of the state, transposed.
    """
    T, B, H = dhs.shape
    das = np.empty((T, B, 4 * H), dhs.dtype)
    da_gates = das.reshape(T, B, 4, H).swapaxes(1, 2)
    dh, p = np.empty((2, B, H), dhs.dtype)
    dc, dh_next = np.zeros((2, B, H), dhs.dtype)
    for t in reversed(range(T)):
        i, f, o, g = tape.gates[t]
        da_i, da_f, da_g, da_o = da_gates[t]
        c_prev, tanh_c = tape.cs[t], tape.tanh_cs[t]
        np.add(dh_next, dhs[t], out=dh)
        # To dc goes dh o (1 - tanh^2 c)
        np.multiply(tanh_c, tanh_c, out=p)
        np.subtract(1, p, out=p)
        p *= o
        p *= dh
        dc += p
        # To a_i goes dc g i (1 - i)
        np.subtract(1, i, out=p)
        p *= i
        p *= g
        np.multiply(dc, p, out=da_i)
        # To a_f goes dc c_prev f (1 - f)
        np.subtract(1, f, out=p)
        p *= f
        p *= c_prev
        np.multiply(dc, p, out=da_f)
        # To a_g goes dc i (1 - g^2)
        np.multiply(g, g, out=p)
        np.subtract(1, p, out=p)
        p *= i
        np.multiply(dc, p, out=da_g)
        # To a_o goes dh tanh c o (1 - o)
        np.subtract(1, o, out=p)
        p *= o
        p *= tanh_c
        np.multiply(dh, p, out=da_o)
        dc *= f
        np.matmul(das[t], W_h_T, out=dh_next)
    return das


def blocks_forward(params: Params, xs: Array) -> tuple[Array, Tape]:
    """Give each gate of a step a contiguous block of memory."""
    return by_blocks(params, xs, whole)


def by_blocks(
    params: Params, xs: Array, prepare: Callable[[Sequence[Array], int], Product]
) -> tuple[Array, Tape]:
    """Run forwards over blocks, by a product of one's choice.

    Parameters
    ----------
    prepare : callable
        Takes the block of each gate and B, and returns what takes the product of a step.
    """
    W_x, W_h, b = halved(params)
    gates = project(with_ones(xs), np.split(np.vstack([W_x, b]), 4, axis=1)).swapaxes(0, 1)
    tape = _room(xs, gates)  # (T, 4, B, H), and the block of a gate is contiguous
    times_W_h = prepare(np.split(W_h, 4, axis=1), xs.shape[1])
    for t, a in enumerate(gates):
        np.add(a, times_W_h(tape.hs[t]), out=a)
        np.tanh(a, out=a)
        a[:3] += 1
        a[:3] *= 0.5
        write_state(tape, t)
    return tape.hs[1:], tape


def whole(blocks: Sequence[Array], batch: int) -> Product:
    """Prepare the product of a step, from (B, H) to (4, B, H), with whole blocks.

    Parameters
    ----------
    blocks : sequence of ndarray of shape (H, H)
        The block of each gate.
    """
    W = np.stack(blocks)
    out = np.empty((len(W), batch, W.shape[-1]), W.dtype)
    return lambda h: np.matmul(h, W, out=out)


def copied_backward(params: Params, tape: Tape, dhs: Array) -> tuple[Params, Array]:
    """Multiply with transposed weights that stand in memory as they are read."""
    W_x_T, W_h_T = np.ascontiguousarray(params.W_x.T), np.ascontiguousarray(params.W_h.T)
    das = steps_back(tape, dhs, W_h_T)
    return weight_gradients(das, tape.hs[:-1], tape.xs), input_gradients(das, W_x_T)


def factors_backward(params: Params, tape: Tape, dhs: Array) -> tuple[Params, Array]:
    """Compute what the gradients are multiplied with for a span of steps at a time."""
    W_h_T = np.ascontiguousarray(params.W_h.T)
    dh_prev = np.empty_like(dhs[0])
    das = spans_back(tape, dhs, lambda da: np.matmul(da, W_h_T, out=dh_prev))
    W_x_T = np.ascontiguousarray(params.W_x.T)
    return weight_gradients(das, tape.hs[:-1], tape.xs), input_gradients(das, W_x_T)


def spans_back(tape: Tape, dhs: Array, times_W_h_T: Product) -> Array:
    """Walk back as `steps_back` does, but span by span, and by a product of one's choice.

    Parameters
    ----------
    times_W_h_T : callable
        Takes the product of a step.
    """
    T, B, H = dhs.shape
    das = np.empty((T, B, 4 * H), dhs.dtype)
    da_gates = das.reshape(T, B, 4, H).swapaxes(1, 2)
    dh, p = np.empty((2, B, H), dhs.dtype)
    dc, dh_next = np.zeros((2, B, H), dhs.dtype)
    for span in spans(T, B, H):
        k_ifg, k_o, k_c = factors(tape, span)
        for n in reversed(range(len(k_o))):
            t = span.start + n
            np.add(dh_next, dhs[t], out=dh)
            dc += np.multiply(dh, k_c[n], out=p)
            np.multiply(dc, k_ifg[n], out=da_gates[t, :3])
            np.multiply(dh, k_o[n], out=da_gates[t, 3])
            dc *= tape.gates[t, 1]
            dh_next = times_W_h_T(das[t])
    return das


def factors(tape: Tape, span: slice) -> tuple[Array, Array, Array]:
    r"""Return what $dc_t$ and $dh_t$ are multiplied with, for a span of steps.

    Parameters
    ----------
    span : slice
        The steps.

    Returns
    -------
    k_ifg : ndarray of shape (steps, 3, B, H)
        By these $dc_t$ becomes $da_i, da_f, da_g$.
    k_o, k_c : ndarray of shape (steps, B, H)
        By these $dh_t$ becomes $da_o$, and joins $dc_t$.
    """
    i, f, o, g = tape.gates[span].swapaxes(0, 1)
    h, c_prev, tanh_c = tape.hs[1:][span], tape.cs[span], tape.tanh_cs[span]
    ig = i * g
    k_ifg = np.stack([ig * (1 - i), f * c_prev * (1 - f), i - ig * g], axis=1)
    return k_ifg, h * (1 - o), o - h * tanh_c


def tiles_forward(params: Params, xs: Array) -> tuple[Array, Tape]:
    """Cut the blocks into tiles that the BLAS need not pack."""
    return by_blocks(params, xs, to_gates)


def tiles_backward(params: Params, tape: Tape, dhs: Array) -> tuple[Params, Array]:
    """Cut the transposed blocks into tiles, and add up what the gates send back."""
    das = spans_back(tape, dhs, from_gates(np.split(params.W_h.T, 4), dhs.shape[1]))
    W_x_T = np.ascontiguousarray(params.W_x.T)
    return weight_gradients(das, tape.hs[:-1], tape.xs), input_gradients(das, W_x_T)


def fused_forward(params: Params, xs: Array) -> tuple[Array, Any]:
    """Run `bptt.fused`: its loop looks nothing up that was known before it began."""
    hs, _, tape = fused.forward(lstm, params, xs)
    return hs, tape


def fused_backward(params: Params, tape: Any, dhs: Array) -> tuple[Params, Array]:
    """Run `bptt.fused`."""
    dparams, dxs, _ = fused.backward(lstm, params, tape, dhs)
    return dparams, dxs


RUNGS = {
    "plain": Rung(plain_forward, plain_backward, "float64"),
    "float32": Rung(plain_forward, plain_backward, "float32"),
    "one sum": Rung(plain_forward, one_sum_backward, "float32"),
    "hoisted": Rung(hoisted_forward, hoisted_backward, "float32"),
    "one product": Rung(one_product_forward, one_product_backward, "float32"),
    "one tanh": Rung(one_tanh_forward, one_product_backward, "float32"),
    "in place": Rung(in_place_forward, in_place_backward, "float32"),
    "blocks": Rung(blocks_forward, in_place_backward, "float32"),
    "transposed copy": Rung(blocks_forward, copied_backward, "float32"),
    "factors": Rung(blocks_forward, factors_backward, "float32"),
    "tiles": Rung(tiles_forward, tiles_backward, "float32"),
    "fused": Rung(fused_forward, fused_backward, "float32"),
}
