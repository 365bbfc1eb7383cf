r"""Long short-term memory: a cell state $c_t = f_t \odot c_{t-1} + i_t \odot g_t$ behind gates."""

import math
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt.cell import checked
from bptt.ops import sigmoid, sigmoid_prime, tanh, tanh_prime
from bptt.shapes import Array, check_number
from bptt.weights import glorot, orthogonal


class Params(NamedTuple):
    """The weights of the cell, or a gradient with respect to them.

    The columns stand in four blocks of H, in the order of torch: input gate i, forget gate f,
    candidate g, output gate o.
    """

    W_x: Annotated[Array, "I 4H", "from the input"]
    W_h: Annotated[Array, "H 4H", "from the previous output"]
    b: Annotated[Array, "4H", "the biases"]


class State(NamedTuple):
    """What the cell carries from step to step, or a gradient with respect to it."""

    h: Annotated[Array, "B H", "the hidden state, which is also the output"]
    c: Annotated[Array, "B H", "the cell state"]


class Step(NamedTuple):
    """What one step leaves behind for its derivative."""

    x: Annotated[Array, "B I", "the input $x_t$"]
    h_prev: Annotated[Array, "B H", "the output before, $h_{t-1}$"]
    c_prev: Annotated[Array, "B H", "the cell state before, $c_{t-1}$"]
    i: Annotated[Array, "B H", "the input gate $i_t$"]
    f: Annotated[Array, "B H", "the forget gate $f_t$"]
    g: Annotated[Array, "B H", "the candidate $g_t$"]
    o: Annotated[Array, "B H", "the output gate $o_t$"]
    tanh_c: Annotated[Array, "B H", r"$\tanh c_t$ of the cell state after"]


@checked
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

    Notes
    -----
    Source: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9
    (1997), <https://doi.org/10.1162/neco.1997.9.8.1735>, with the forget gate of F. A. Gers,
    J. Schmidhuber and F. Cummins (2000), <https://doi.org/10.1162/089976600300015015>.
    Omitted: peephole connections, projections.
    """
    W_x, W_h, b = params
    h_prev, c_prev = state
    a_i, a_f, a_g, a_o = np.split(x @ W_x + h_prev @ W_h + b, 4, axis=-1)  # each (B, H)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)
    c = f * c_prev + i * g
    tanh_c = tanh(c)
    h = o * tanh_c
    return State(h, c), Step(x, h_prev, c_prev, i, f, g, o, tanh_c)


@checked
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

    Notes
    -----
    Source: K. Greff, R. K. Srivastava, J. Koutník, B. R. Steunebrink and J. Schmidhuber, "LSTM: a
    search space odyssey", IEEE Transactions on Neural Networks and Learning Systems 28 (2017),
    <https://doi.org/10.1109/TNNLS.2016.2582924>, without its peepholes.
    """
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


@checked
def zero_state(params: Params, batch: int) -> State:
    """Return the state before the first step, $h_0 = c_0 = 0$."""
    shape, dtype = (batch, len(params.W_h)), params.b.dtype
    return State(h=np.zeros(shape, dtype), c=np.zeros(shape, dtype))


@checked
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
    forget_bias : float
        The bias of the forget gate. Anything but a number is a TypeError, and one that is not
        finite a ValueError.

    Notes
    -----
    Source of the forget bias: F. A. Gers, J. Schmidhuber and F. Cummins, "Learning to forget:
    continual prediction with LSTM", Neural Computation 12 (2000),
    <https://doi.org/10.1162/089976600300015015>; of the value 1: R. Jozefowicz, W. Zaremba and
    I. Sutskever, "An empirical exploration of recurrent network architectures", ICML 2015,
    <https://proceedings.mlr.press/v37/jozefowicz15.html>.
    """
    I, H = input_size, hidden_size
    forget_bias = check_number("lstm.init", "forget_bias", forget_bias, "finite", math.isfinite)
    return Params(
        W_x=np.hstack([glorot(I, H, rng=rng, dtype=dtype) for _ in "ifgo"]),
        W_h=np.hstack([orthogonal(H, rng=rng, dtype=dtype) for _ in "ifgo"]),
        b=np.repeat([0, forget_bias, 0, 0], H).astype(dtype),
    )
