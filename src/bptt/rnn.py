r"""The simple recurrent cell: $h_t = \tanh(x_t W_x + h_{t-1} W_h + b)$."""

from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt.ops import tanh, tanh_prime
from bptt.shapes import Array, ShapeError, check_shape
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
    if not np.issubdtype(dtype, np.floating):
        raise TypeError(f"rnn.init: dtype must be a floating-point one, got {np.dtype(dtype)}")
    if input_size < 1 or hidden_size < 1:
        raise ValueError(
            f"rnn.init: input_size and hidden_size must be at least 1, "
            f"got {input_size} and {hidden_size}"
        )
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
    _, H = _sizes("rnn.zero_state", params)
    if batch < 1:
        raise ShapeError(f"rnn.zero_state: batch must be at least 1, got {batch}")
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
        If the weights are not arrays of one floating-point dtype.

    Notes
    -----
    Source: J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990),
    <https://doi.org/10.1207/s15516709cog1402_1>, with tanh in place of the logistic function.
    Omitted: an output layer, which is `bptt.model`'s.
    """
    W_x, W_h, b = params
    x, h_prev = _inputs(params, x, state)
    h = tanh(x @ W_x + h_prev @ W_h + b)
    return State(h), Step(x, h_prev, h)


def step_backward(params: Params, saved: Step, dstate: State) -> tuple[Params, Array, State]:
    r"""Take the derivative of one step, from $dL/dh_t$ to its weights, input and previous state.

    $$
    da_t = dh_t \odot (1 - h_t^2), \qquad
    dW_x = x_t^\top da_t, \quad dW_h = h_{t-1}^\top da_t, \quad db = \sum_B da_t, \qquad
    dx_t = da_t W_x^\top, \quad dh_{t-1} = da_t W_h^\top.
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
        If the weights are not arrays of one floating-point dtype.

    Notes
    -----
    Source: P. J. Werbos, "Backpropagation through time: what it does and how to do it",
    Proceedings of the IEEE 78 (1990), <https://doi.org/10.1109/5.58337>.
    """
    W_x, W_h, _ = params
    x, h_prev, h = saved
    dh = _output_gradient(params, saved, dstate)
    da = dh * tanh_prime(h)
    dparams = Params(W_x=x.T @ da, W_h=h_prev.T @ da, b=da.sum(axis=0))
    return dparams, da @ W_x.T, State(da @ W_h.T)


def _sizes(where: str, params: Params) -> tuple[int, int]:
    """Return I and H, once the weights agree on them."""
    kinds = {array.dtype if isinstance(array, np.ndarray) else type(array) for array in params}
    if len(kinds) > 1 or not np.issubdtype(next(iter(kinds)), np.floating):
        got = " and ".join(sorted(map(str, kinds)))
        raise TypeError(f"{where}: params must be arrays of one floating-point dtype, got {got}")
    H = len(check_shape(where, "params.W_h", params.W_h, "H H"))
    check_shape(where, "params.b", params.b, "H", H=H)
    return len(check_shape(where, "params.W_x", params.W_x, "I H", H=H)), H


def _inputs(params: Params, x: Array, state: State) -> tuple[Array, Array]:
    """Return the input and the previous state in the dtype of the weights, once they fit."""
    I, H = _sizes("rnn.step", params)
    x = check_shape("rnn.step", "x", x, "B I", params.b.dtype, I=I)
    return x, check_shape("rnn.step", "state.h", state.h, "B H", params.b.dtype, B=len(x), H=H)


def _output_gradient(params: Params, saved: Step, dstate: State) -> Array:
    """Return the gradient of the output in its dtype, once everything fits."""
    where = "rnn.step_backward"
    I, H = _sizes(where, params)
    B = len(saved.x)
    check_shape(where, "saved.x", saved.x, "B I", B=B, I=I)
    check_shape(where, "saved.h", saved.h, "B H", B=B, H=H)
    return check_shape(where, "dstate.h", dstate.h, "B H", saved.h.dtype, B=B, H=H)
