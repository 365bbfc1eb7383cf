r"""The simple recurrent cell: $h_t = \tanh(x_t W_x + h_{t-1} W_h + b)$."""

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
from bptt.ops import tanh, tanh_prime
from bptt.shapes import Array
from bptt.weights import glorot, orthogonal


class Params(NamedTuple):
    """The weights of the cell, or a gradient with respect to them.

    Attributes
    ----------
    W_x : ndarray of shape (I, H)
        From the input.
    W_h : ndarray of shape (H, H)
        From the previous state.
    b : ndarray of shape (H,)
        The bias.
    """

    W_x: Array
    W_h: Array
    b: Array


class State(NamedTuple):
    """What the cell carries from step to step, or a gradient with respect to it.

    Attributes
    ----------
    h : ndarray of shape (B, H)
        The hidden state, which is also the output.
    """

    h: Array


class Step(NamedTuple):
    """What one step leaves behind for its derivative.

    Attributes
    ----------
    x : ndarray of shape (B, I)
        The input $x_t$.
    h_prev : ndarray of shape (B, H)
        The state before, $h_{t-1}$.
    h : ndarray of shape (B, H)
        The state after, $h_t$.
    """

    x: Array
    h_prev: Array
    h: Array


def init(
    input_size: int,
    hidden_size: int,
    *,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> Params:
    r"""Draw initial weights: $W_x$ by Glorot, $W_h$ orthogonal, $b = 0$.

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
        New weights. An orthogonal $W_h$ has spectral radius 1 and largest singular value 1.

    Raises
    ------
    TypeError
        If `dtype` is not a floating-point one.
    ValueError
        If a size is below 1.
    """
    check_init("rnn.init", input_size, hidden_size, dtype)
    return Params(
        W_x=glorot(input_size, hidden_size, rng=rng, dtype=dtype),
        W_h=orthogonal(hidden_size, rng=rng, dtype=dtype),
        b=np.zeros(hidden_size, dtype),
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
    _, H = check_params("rnn.zero_state", params, blocks=1)
    check_batch("rnn.zero_state", batch)
    return State(np.zeros((batch, H), params.b.dtype))


def step(params: Params, x: Array, state: State) -> tuple[State, Step]:
    r"""Take one step in time, $h_t = \tanh(x_t W_x + h_{t-1} W_h + b)$.

    Parameters
    ----------
    params : Params
        Weights $W_x, W_h, b$.
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
    Source: J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990),
    <https://doi.org/10.1207/s15516709cog1402_1>, with tanh in place of the logistic function.
    Omitted: an output layer, which is `bptt.model`'s.
    """
    x, state = check_inputs("rnn.step", params, x, state, State, blocks=1)
    W_x, W_h, b = params
    (h_prev,) = state
    h = tanh(x @ W_x + h_prev @ W_h + b)
    return State(h), Step(x, h_prev, h)


def step_backward(params: Params, saved: Step, dstate: State) -> tuple[Params, Array, State]:
    r"""Take the derivative of one step, from $dL/dh_t$ to its weights, input and previous state.

    $$
    \begin{aligned}
    da_t &= dh_t \odot (1 - h_t^2), \\
    dW_x &= x_t^\top da_t, \qquad dx_t = da_t W_x^\top, \\
    dW_h &= h_{t-1}^\top da_t, \qquad dh_{t-1} = da_t W_h^\top, \\
    db &= \sum_B da_t.
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
    Source: P. J. Werbos, "Backpropagation through time: what it does and how to do it",
    Proceedings of the IEEE 78 (1990), <https://doi.org/10.1109/5.58337>.
    """
    (dh,) = check_output_gradient("rnn.step_backward", params, saved, dstate, State, blocks=1)
    W_x, W_h, _ = params
    x, h_prev, h = saved
    da = dh * tanh_prime(h)
    dparams = Params(W_x=x.T @ da, W_h=h_prev.T @ da, b=da.sum(axis=0))
    return dparams, da @ W_x.T, State(da @ W_h.T)
