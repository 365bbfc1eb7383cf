r"""A long short-term memory whose sums are normalised: layer normalisation.

$$
\begin{aligned}
z(a) &= \frac{a - \mu}{s}, \qquad \mu = \operatorname{mean}_j a_j, \\
s &= \sqrt{\operatorname{mean}_j (a_j - \mu)^2 + \epsilon}
\end{aligned}
$$

The mean is over all entries of a row: over all four gates together for what comes from the input,
and likewise for what comes from the previous output. No other text of the batch has a part in it.

Source: J. L. Ba, J. R. Kiros and G. E. Hinton, "Layer normalization" (2016),
<https://arxiv.org/abs/1607.06450>, equations 20 to 22 of its supplement, with the $\epsilon$ of
torch. Left out: the biases $\beta_1$ and $\beta_2$, which add up with $b$.
"""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt import lstm
from bptt.cell import checked
from bptt.lstm import State
from bptt.ops import sigmoid, sigmoid_prime, tanh, tanh_prime
from bptt.shapes import Array

EPS = 1e-5


class Params(NamedTuple):
    """The weights of the cell, or a gradient with respect to them: blocks i, f, g, o of H columns.

    The gains and the bias have the names of the paper, with x, h and c in place of 2, 1 and 3.
    """

    W_x: Annotated[Array, "I 4H", "from the input"]
    W_h: Annotated[Array, "H 4H", "from the previous output"]
    b: Annotated[Array, "4H", "the biases"]
    alpha_x: Annotated[Array, "4H", "the gains of what comes from the input"]
    alpha_h: Annotated[Array, "4H", "the gains of what comes from the previous output"]
    alpha_c: Annotated[Array, "H", "the gains of the cell state, on its way to the output"]
    beta_c: Annotated[Array, "H", "its biases there"]


class Step(NamedTuple):
    """What one step leaves behind for its derivative."""

    x: Annotated[Array, "B I", "the input $x_t$"]
    h_prev: Annotated[Array, "B H", "the output before, $h_{t-1}$"]
    c_prev: Annotated[Array, "B H", "the cell state before, $c_{t-1}$"]
    i: Annotated[Array, "B H", "the input gate $i_t$"]
    f: Annotated[Array, "B H", "the forget gate $f_t$"]
    g: Annotated[Array, "B H", "the candidate $g_t$"]
    o: Annotated[Array, "B H", "the output gate $o_t$"]
    tanh_c: Annotated[Array, "B H", r"$\tanh$ of the normalised cell state after"]
    z_x: Annotated[Array, "B 4H", "what comes from the input, normalised"]
    z_h: Annotated[Array, "B 4H", "what comes from the previous output, normalised"]
    z_c: Annotated[Array, "B H", "the cell state after, normalised"]
    s_x: Annotated[Array, "B one", "its spread before"]
    s_h: Annotated[Array, "B one", "likewise"]
    s_c: Annotated[Array, "B one", "likewise"]


@checked
def step(params: Params, x: Array, state: State) -> tuple[State, Step]:
    r"""Take one step in time.

    $$
    \begin{aligned}
    a_t &= \alpha_x \odot z(x_t W_x) \\
    &\quad + \alpha_h \odot z(h_{t-1} W_h) + b, \\
    [a_i, a_f, a_g, a_o] &= a_t, \\
    i_t &= \sigma(a_i), \qquad f_t = \sigma(a_f), \\
    g_t &= \tanh(a_g), \quad o_t = \sigma(a_o), \\
    c_t &= f_t \odot c_{t-1} + i_t \odot g_t, \\
    h_t &= o_t \odot \tanh(\alpha_c \odot z(c_t) + \beta_c).
    \end{aligned}
    $$
    """
    W_x, W_h, b, alpha_x, alpha_h, alpha_c, beta_c = params
    h_prev, c_prev = state
    z_x, s_x = normalise(x @ W_x)
    z_h, s_h = normalise(h_prev @ W_h)
    a_i, a_f, a_g, a_o = np.split(alpha_x * z_x + alpha_h * z_h + b, 4, axis=-1)  # each (B, H)
    i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)
    c = f * c_prev + i * g
    z_c, s_c = normalise(c)
    tanh_c = tanh(alpha_c * z_c + beta_c)
    saved = Step(x, h_prev, c_prev, i, f, g, o, tanh_c, z_x, z_h, z_c, s_x, s_h, s_c)
    return State(o * tanh_c, c), saved


@checked
def step_backward(params: Params, saved: Step, dstate: State) -> tuple[Params, Array, State]:
    r"""Take the derivative of one step, from $dh_t$ and $dc_t$ to what went in.

    With $u = \alpha_c \odot z(c_t) + \beta_c$ and the derivative $z'$ of `normalise`:

    $$
    \begin{aligned}
    do_t &= dh_t \odot \tanh u, \\
    du &= dh_t \odot o_t \odot (1 - \tanh^2 u), \\
    d\bar{c}_t &= dc_t + z'(c_t)[du \odot \alpha_c], \\
    di_t &= d\bar{c}_t \odot g_t, \qquad df_t = d\bar{c}_t \odot c_{t-1}, \\
    dg_t &= d\bar{c}_t \odot i_t, \qquad dc_{t-1} = d\bar{c}_t \odot f_t, \\
    da_t &= [di \odot i (1 - i), \; df \odot f (1 - f), \\
    &\qquad dg \odot (1 - g^2), \; do \odot o (1 - o)], \\
    da_x &= z'(x_t W_x)[da_t \odot \alpha_x], \\
    da_h &= z'(h_{t-1} W_h)[da_t \odot \alpha_h], \\
    dW_x &= x_t^\top da_x, \qquad dx_t = da_x W_x^\top, \\
    dW_h &= h_{t-1}^\top da_h, \quad dh_{t-1} = da_h W_h^\top.
    \end{aligned}
    $$

    A gain gets its gradient times what it multiplies, a bias the gradient itself, each summed over
    the batch.
    """
    W_x, W_h, _, alpha_x, alpha_h, alpha_c, _ = params
    x, h_prev, c_prev, i, f, g, o, tanh_c, z_x, z_h, z_c, s_x, s_h, s_c = saved
    dh, dc = dstate
    do = dh * tanh_c
    du = dh * o * tanh_prime(tanh_c)
    dc = dc + normalise_backward(z_c, s_c, du * alpha_c)
    di, df, dg = dc * g, dc * c_prev, dc * i
    da_i, da_f, da_o = di * sigmoid_prime(i), df * sigmoid_prime(f), do * sigmoid_prime(o)
    da = np.concatenate([da_i, da_f, dg * tanh_prime(g), da_o], axis=-1)  # (B, 4H)
    da_x = normalise_backward(z_x, s_x, da * alpha_x)
    da_h = normalise_backward(z_h, s_h, da * alpha_h)
    dparams = Params(
        W_x=x.T @ da_x,
        W_h=h_prev.T @ da_h,
        b=da.sum(axis=0),
        alpha_x=(da * z_x).sum(axis=0),
        alpha_h=(da * z_h).sum(axis=0),
        alpha_c=(du * z_c).sum(axis=0),
        beta_c=du.sum(axis=0),
    )
    return dparams, da_x @ W_x.T, State(h=da_h @ W_h.T, c=dc * f)


def normalise(a: Array) -> tuple[Array, Array]:
    r"""Shift each row to mean 0 and scale it to mean square 1: return $z(a)$, and $s$.

    Parameters
    ----------
    a : ndarray of shape (B, N)
        The rows.
    """
    centred = a - a.mean(axis=-1, keepdims=True)
    s: Array = np.sqrt((centred * centred).mean(axis=-1, keepdims=True) + EPS)  # (B, 1)
    return centred / s, s


def normalise_backward(z: Array, s: Array, dz: Array) -> Array:
    r"""Take the derivative of `normalise`.

    What shifts a row, or scales it, is lost:

    $$
    \begin{aligned}
    z'(a)[dz] = \tfrac{1}{s} \bigl( dz
    &- \operatorname{mean}_j dz_j \\
    &- z \operatorname{mean}_j (z_j \, dz_j) \bigr).
    \end{aligned}
    $$

    Parameters
    ----------
    z : ndarray of shape (B, N)
        The normalised rows.
    s : ndarray of shape (B, 1)
        The spread of each before.
    dz : ndarray of shape (B, N)
        The gradient with respect to z.
    """
    shift = dz.mean(axis=-1, keepdims=True)
    scale = (z * dz).mean(axis=-1, keepdims=True)
    da: Array = (dz - shift - z * scale) / s
    return da


@checked
def zero_state(params: Params, batch: int) -> State:
    """Return the state before the first step, $h_0 = c_0 = 0$."""
    return State(*(np.zeros((batch, len(params.W_h)), params.b.dtype) for _ in "hc"))


@checked
def init(
    input_size: int,
    hidden_size: int,
    *,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> Params:
    r"""Draw initial weights: those of `bptt.lstm`, with gains of 1 and $\beta_c = 0$."""
    plain = lstm.init(input_size, hidden_size, rng=rng, dtype=dtype)
    return Params(
        *plain,
        alpha_x=np.ones(4 * hidden_size, dtype),
        alpha_h=np.ones(4 * hidden_size, dtype),
        alpha_c=np.ones(hidden_size, dtype),
        beta_c=np.zeros(hidden_size, dtype),
    )
