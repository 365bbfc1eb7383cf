r"""Long short-term memory: a cell state $c_t = f_t \odot c_{t-1} + i_t \odot g_t$ behind gates."""

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
from bptt.shapes import Array
from bptt.weights import glorot, orthogonal


class Params(NamedTuple):
    """The weights of the cell, or a gradient with respect to them.

    The columns stand in four blocks of H, in the order of torch: input gate i, forget gate f,
    candidate g, output gate o.

    Attributes
    ----------
    W_x : ndarray of shape (I, 4H)
        From the input.
    W_h : ndarray of shape (H, 4H)
        From the previous output.
    b : ndarray of shape (4H,)
        The biases.
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
    c : ndarray of shape (B, H)
        The cell state.
    """

    h: Array
    c: Array


class Step(NamedTuple):
    r"""What one step leaves behind for its derivative.

    Attributes
    ----------
    x : ndarray of shape (B, I)
        The input $x_t$.
    h_prev : ndarray of shape (B, H)
        The output before, $h_{t-1}$.
    c_prev : ndarray of shape (B, H)
        The cell state before, $c_{t-1}$.
    i : ndarray of shape (B, H)
        The input gate $i_t$.
    f : ndarray of shape (B, H)
        The forget gate $f_t$.
    g : ndarray of shape (B, H)
        The candidate $g_t$.
    o : ndarray of shape (B, H)
        The output gate $o_t$.
    tanh_c : ndarray of shape (B, H)
        $\tanh c_t$ of the cell state after.
    """

    x: Array
    h_prev: Array
    c_prev: Array
    i: Array
    f: Array
    g: Array
    o: Array
    tanh_c: Array


def init(
    input_size: int,
    hidden_size: int,
    *,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
    forget_bias: float = 1.0,
) -> Params:
    r"""Draw initial weights: each block of $W_x$ by Glorot, each of $W_h$ orthogonal.

    The biases are 0, but that of the forget gate is 1 by default, so that the gate starts near
    $\sigma(1) = 0.73$ instead of 1/2.

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
    forget_bias : float
        The bias of the forget gate.

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

    Notes
    -----
    Source of the forget bias: F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to forget:
    continual prediction with LSTM", Neural Computation 12 (2000),
    <https://doi.org/10.1162/089976600300015015>; of the value 1: R. Jozefowicz, W. Zaremba and
    I. Sutskever, "An empirical exploration of recurrent network architectures", ICML 2015,
    <https://proceedings.mlr.press/v37/jozefowicz15.html>.
    """
    check_init("lstm.init", input_size, hidden_size, dtype)
    I, H = input_size, hidden_size
    return Params(
        W_x=np.hstack([glorot(I, H, rng=rng, dtype=dtype) for _ in "ifgo"]),
        W_h=np.hstack([orthogonal(H, rng=rng, dtype=dtype) for _ in "ifgo"]),
        b=np.repeat([0, forget_bias, 0, 0], H).astype(dtype),
    )


def zero_state(params: Params, batch: int) -> State:
    """Return the state before the first step, $h_0 = c_0 = 0$.

    Parameters
    ----------
    params : Params
        Weights, for H and the dtype.
    batch : int
        B, the number of sequences.

    Returns
    -------
    State
        Two arrays of zeros of shape (B, H).

    Raises
    ------
    ShapeError
        If `batch` is below 1, or the shapes of the weights do not fit each other.
    TypeError
        If the weights are not arrays of one floating-point dtype.
    """
    _, H = check_params("lstm.zero_state", params, blocks=4)
    check_batch("lstm.zero_state", batch)
    return State(np.zeros((batch, H), params.b.dtype), np.zeros((batch, H), params.b.dtype))


def step(params: Params, x: Array, state: State) -> tuple[State, Step]:
    r"""Take one step in time.

    $$
    \begin{aligned}
    [a_i, a_f, a_g, a_o] &= a_t = x_t W_x + h_{t-1} W_h + b, \\
    i_t &= \sigma(a_i), \qquad f_t = \sigma(a_f), \\
    g_t &= \tanh(a_g), \quad o_t = \sigma(a_o), \\
    c_t &= f_t \odot c_{t-1} + i_t \odot g_t, \\
    h_t &= o_t \odot \tanh c_t.
    \end{aligned}
    $$

    Parameters
    ----------
    params : Params
        Weights $W_x, W_h, b$.
    x : ndarray of shape (B, I)
        The input $x_t$.
    state : State
        The state $h_{t-1}, c_{t-1}$, each of shape (B, H).

    Returns
    -------
    state : State
        The new state $h_t, c_t$.
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
    Source: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9
    (1997), <https://doi.org/10.1162/neco.1997.9.8.1735>, with the forget gate of F. A. Gers,
    J. Schmidhuber and F. Cummins (2000), <https://doi.org/10.1162/089976600300015015>.
    Omitted: peephole connections, projections.
    """
    x, state = check_inputs("lstm.step", params, x, state, State, blocks=4)
    W_x, W_h, b = params
    h_prev, c_prev = state
    a_i, a_f, a_g, a_o = np.split(x @ W_x + h_prev @ W_h + b, 4, axis=-1)  # each (B, H)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)
    c = f * c_prev + i * g
    tanh_c = tanh(c)
    h = o * tanh_c
    return State(h, c), Step(x, h_prev, c_prev, i, f, g, o, tanh_c)


def step_backward(params: Params, saved: Step, dstate: State) -> tuple[Params, Array, State]:
    r"""Take the derivative of one step, from $dh_t$ and $dc_t$ to what went in.

    The cell state is reached from later steps and through $h_t = o_t \odot \tanh c_t$:

    $$
    \begin{aligned}
    do_t &= dh_t \odot \tanh c_t, \\
    d\bar{c}_t &= dc_t + dh_t \odot o_t \odot (1 - \tanh^2 c_t), \\
    di_t &= d\bar{c}_t \odot g_t, \qquad df_t = d\bar{c}_t \odot c_{t-1}, \\
    dg_t &= d\bar{c}_t \odot i_t, \qquad dc_{t-1} = d\bar{c}_t \odot f_t, \\
    da_t &= [di \odot i (1 - i), \; df \odot f (1 - f), \\
    &\qquad dg \odot (1 - g^2), \; do \odot o (1 - o)], \\
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
        The gradient of the loss with respect to $h_t$ and $c_t$, each of shape (B, H).

    Returns
    -------
    dparams : Params
        What this step adds to the gradient with respect to the weights.
    dx : ndarray of shape (B, I)
        The gradient with respect to $x_t$.
    dstate_prev : State
        The gradient with respect to $h_{t-1}$ and $c_{t-1}$, along this step.

    Raises
    ------
    ShapeError
        If the shapes of the weights, of `saved` and of `dstate` do not fit each other.
    TypeError
        If the weights are not arrays of one floating-point dtype, or `dstate` is none of this
        cell's states.

    Notes
    -----
    Source: K. Greff, R. K. Srivastava, J. Koutník, B. R. Steunebrink and J. Schmidhuber, "LSTM: a
    search space odyssey", IEEE Transactions on Neural Networks and Learning Systems 28 (2017),
    <https://doi.org/10.1109/TNNLS.2016.2582924>, without its peepholes.
    """
    dstate = check_output_gradient("lstm.step_backward", params, saved, dstate, State, blocks=4)
    W_x, W_h, _ = params
    x, h_prev, c_prev, i, f, g, o, tanh_c = saved
    dh, dc = dstate
    do = dh * tanh_c
    dc = dc + dh * o * tanh_prime(tanh_c)
    di, df, dg = dc * g, dc * c_prev, dc * i
    da_i, da_f, da_o = di * sigmoid_prime(i), df * sigmoid_prime(f), do * sigmoid_prime(o)
    da_g = dg * tanh_prime(g)
    da = np.concatenate([da_i, da_f, da_g, da_o], axis=-1)  # (B, 4H)
    dparams = Params(W_x=x.T @ da, W_h=h_prev.T @ da, b=da.sum(axis=0))
    return dparams, da @ W_x.T, State(h=da @ W_h.T, c=dc * f)
