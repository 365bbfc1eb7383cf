r"""The gated recurrent unit: $h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}$."""

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt.cell import (
    check_batch,
    check_init,
    check_inputs,
    check_output_gradient,
    check_params,
)
from bptt.ops import sigmoid, sigmoid_prime, tanh, tanh_prime
from bptt.shapes import Array, check_shape
from bptt.weights import glorot, orthogonal


class Params(NamedTuple):
    """The weights of the cell, or a gradient with respect to them.

    The columns stand in three blocks of H, in the order of torch: reset gate r, update gate z,
    candidate n.

    Attributes
    ----------
    W_x : ndarray of shape (I, 3H)
        From the input.
    W_h : ndarray of shape (H, 3H)
        From the previous state.
    b : ndarray of shape (3H,)
        The biases outside the reset gate's product.
    b_hn : ndarray of shape (H,)
        The bias of the candidate inside it.
    """

    W_x: Array
    W_h: Array
    b: Array
    b_hn: Array


class State(NamedTuple):
    """What the cell carries from step to step, or a gradient with respect to it.

    Attributes
    ----------
    h : ndarray of shape (B, H)
        The hidden state, which is also the output.
    """

    h: Array


class Step(NamedTuple):
    r"""What one step leaves behind for its derivative.

    Attributes
    ----------
    x : ndarray of shape (B, I)
        The input $x_t$.
    h_prev : ndarray of shape (B, H)
        The state before, $h_{t-1}$.
    r : ndarray of shape (B, H)
        The reset gate $r_t$.
    z : ndarray of shape (B, H)
        The update gate $z_t$.
    n : ndarray of shape (B, H)
        The candidate $n_t$.
    q : ndarray of shape (B, H)
        What the reset gate multiplies, $q_t = h_{t-1} W_{hn} + b_{hn}$.
    """

    x: Array
    h_prev: Array
    r: Array
    z: Array
    n: Array
    q: Array


def init(
    input_size: int,
    hidden_size: int,
    *,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> Params:
    r"""Draw initial weights: each block of $W_x$ by Glorot, each of $W_h$ orthogonal, biases 0.

    Parameters
    ----------
    input_size : int
        I, the width of an input.
    hidden_size : int
        H, the number of hidden units.
    rng : numpy.random.Generator
        The source of randomness.
    dtype : dtype
        The dtype of the weights, which everything that is computed with them follows.

    Returns
    -------
    Params
        New weights.

    Raises
    ------
    TypeError
        If `dtype` is not a floating-point one.
    ValueError
        If a size is below 1.
    """
    check_init("gru.init", input_size, hidden_size, dtype)
    I, H = input_size, hidden_size
    return Params(
        W_x=np.hstack([glorot(I, H, rng=rng, dtype=dtype) for _ in "rzn"]),
        W_h=np.hstack([orthogonal(H, rng=rng, dtype=dtype) for _ in "rzn"]),
        b=np.zeros(3 * H, dtype),
        b_hn=np.zeros(H, dtype),
    )


def zero_state(params: Params, batch: int) -> State:
    """Return the state before the first step, $h_0 = 0$.

    Parameters
    ----------
    params : Params
        Weights, for H and the dtype.
    batch : int
        B, the number of sequences.

    Returns
    -------
    State
        Zeros of shape (B, H).

    Raises
    ------
    ShapeError
        If `batch` is below 1, or the shapes of the weights do not fit each other.
    TypeError
        If the weights are not arrays of one floating-point dtype.
    """
    _, H = check_params("gru.zero_state", params, blocks=3)
    check_shape("gru.zero_state", "params.b_hn", params.b_hn, "H", H=H)
    check_batch("gru.zero_state", batch)
    return State(np.zeros((batch, H), params.b.dtype))


def step(params: Params, x: Array, state: State) -> tuple[State, Step]:
    r"""Take one step in time.

    $$
    \begin{aligned}
    r_t &= \sigma(x_t W_{xr} + h_{t-1} W_{hr} + b_r), \\
    z_t &= \sigma(x_t W_{xz} + h_{t-1} W_{hz} + b_z), \\
    q_t &= h_{t-1} W_{hn} + b_{hn}, \\
    n_t &= \tanh(x_t W_{xn} + b_n + r_t \odot q_t), \\
    h_t &= (1 - z_t) \odot n_t + z_t \odot h_{t-1}.
    \end{aligned}
    $$

    Parameters
    ----------
    params : Params
        Weights $W_x, W_h, b, b_{hn}$.
    x : ndarray of shape (B, I)
        The input $x_t$.
    state : State
        The state $h_{t-1}$, of shape (B, H).

    Returns
    -------
    state : State
        The new state $h_t$.
    saved : Step
        What `step_backward` needs.

    Raises
    ------
    ShapeError
        If the shapes of the weights, of `x` and of `state` do not fit each other.
    TypeError
        If the weights are not arrays of one floating-point dtype, or `state` is none of this cell.

    Notes
    -----
    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder for
    statistical machine translation", EMNLP 2014, <https://doi.org/10.3115/v1/D14-1179>, in the
    form of torch: the reset gate acts after the product with $W_{hn}$, not before it.
    """
    x, state = check_inputs("gru.step", params, x, state, State, blocks=3)
    W_x, W_h, b, b_hn = params
    (h_prev,) = state
    check_shape("gru.step", "params.b_hn", b_hn, "H", H=len(W_h))
    x_r, x_z, x_n = np.split(x @ W_x + b, 3, axis=-1)  # each (B, H)
    h_r, h_z, h_n = np.split(h_prev @ W_h, 3, axis=-1)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    q = h_n + b_hn
    n = tanh(x_n + r * q)
    h = (1 - z) * n + z * h_prev
    return State(h), Step(x, h_prev, r, z, n, q)


def step_backward(params: Params, saved: Step, dstate: State) -> tuple[Params, Array, State]:
    r"""Take the derivative of one step, from $dL/dh_t$ to its weights, input and previous state.

    $$
    \begin{aligned}
    dz_t &= dh_t \odot (h_{t-1} - n_t), \\
    dn_t &= dh_t \odot (1 - z_t), \\
    da_n &= dn_t \odot (1 - n_t^2), \\
    dr_t &= da_n \odot q_t, \qquad dq_t = da_n \odot r_t, \\
    da_r &= dr_t \odot r_t (1 - r_t), \\
    da_z &= dz_t \odot z_t (1 - z_t), \\
    dW_x &= x_t^\top [da_r, da_z, da_n], \\
    db &= \sum_B [da_r, da_z, da_n], \\
    dx_t &= [da_r, da_z, da_n] W_x^\top, \\
    dW_h &= h_{t-1}^\top [da_r, da_z, dq_t], \\
    db_{hn} &= \sum_B dq_t, \\
    dh_{t-1} &= [da_r, da_z, dq_t] W_h^\top + dh_t \odot z_t.
    \end{aligned}
    $$

    Parameters
    ----------
    params : Params
        The weights of the step.
    saved : Step
        What `step` returned.
    dstate : State
        The gradient of the loss with respect to $h_t$, of shape (B, H).

    Returns
    -------
    dparams : Params
        What this step adds to the gradient with respect to the weights.
    dx : ndarray of shape (B, I)
        The gradient with respect to $x_t$.
    dstate_prev : State
        The gradient with respect to $h_{t-1}$, along this step.

    Raises
    ------
    ShapeError
        If the shapes of the weights, of `saved` and of `dstate` do not fit each other.
    TypeError
        If the weights are not arrays of one floating-point dtype, or `dstate` is none of this
        cell's states.

    Notes
    -----
    Source: the chain rule, applied to `step` line by line; chapter 6 of the site has the
    derivation.
    """
    (dh,) = check_output_gradient("gru.step_backward", params, saved, dstate, State, blocks=3)
    W_x, W_h, _, b_hn = params
    check_shape("gru.step_backward", "params.b_hn", b_hn, "H", H=len(W_h))
    x, h_prev, r, z, n, q = saved
    dz, dn = dh * (h_prev - n), dh * (1 - z)
    da_n = dn * tanh_prime(n)
    dr, dq = da_n * q, da_n * r
    da_r, da_z = dr * sigmoid_prime(r), dz * sigmoid_prime(z)
    da_x = np.concatenate([da_r, da_z, da_n], axis=-1)  # (B, 3H), what came through W_x
    da_h = np.concatenate([da_r, da_z, dq], axis=-1)  # (B, 3H), what came through W_h
    dparams = Params(W_x=x.T @ da_x, W_h=h_prev.T @ da_h, b=da_x.sum(axis=0), b_hn=dq.sum(axis=0))
    return dparams, da_x @ W_x.T, State(da_h @ W_h.T + dh * z)
