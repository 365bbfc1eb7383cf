r"""The gated recurrent unit: $h_t = (1 - z_t) \odot n_t + z_t \odot h_{t-1}$."""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt.cell import checked
from bptt.ops import sigmoid, sigmoid_prime, tanh, tanh_prime
from bptt.shapes import Array
from bptt.weights import glorot, orthogonal


class Params(NamedTuple):
    """The weights of the cell, or a gradient with respect to them.

    The columns stand in three blocks of H, in the order of torch: reset gate r, update gate z,
    candidate n.
    """

    W_x: Annotated[Array, "I 3H", "from the input"]
    W_h: Annotated[Array, "H 3H", "from the previous state"]
    b: Annotated[Array, "3H", "the biases outside the reset gate's product"]
    b_hn: Annotated[Array, "H", "the bias of the candidate inside it"]


class State(NamedTuple):
    """What the cell carries from step to step, or a gradient with respect to it."""

    h: Annotated[Array, "B H", "the hidden state, which is also the output"]


class Step(NamedTuple):
    """What one step leaves behind for its derivative."""

    x: Annotated[Array, "B I", "the input $x_t$"]
    h_prev: Annotated[Array, "B H", "the state before, $h_{t-1}$"]
    r: Annotated[Array, "B H", "the reset gate $r_t$"]
    z: Annotated[Array, "B H", "the update gate $z_t$"]
    n: Annotated[Array, "B H", "the candidate $n_t$"]
    q: Annotated[Array, "B H", "what the reset gate multiplies, $q_t = h_{t-1} W_{hn} + b_{hn}$"]


@checked
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

    Notes
    -----
    Source: K. Cho et al., "Learning phrase representations using RNN encoder-decoder for
    statistical machine translation", EMNLP 2014, <https://doi.org/10.3115/v1/D14-1179>, in the
    form of torch: the reset gate acts after the product with $W_{hn}$, as in the decoder there,
    and not before it, as in the encoder.
    """
    W_x, W_h, b, b_hn = params
    (h_prev,) = state
    x_r, x_z, x_n = np.split(x @ W_x + b, 3, axis=-1)  # each (B, H)
    h_r, h_z, h_n = np.split(h_prev @ W_h, 3, axis=-1)
    r, z = sigmoid(x_r + h_r), sigmoid(x_z + h_z)
    q = h_n + b_hn
    n = tanh(x_n + r * q)
    h = (1 - z) * n + z * h_prev
    return State(h), Step(x, h_prev, r, z, n, q)


@checked
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

    Notes
    -----
    Source: the chain rule, applied to `step` line by line; chapter 6 of the site has the
    derivation.
    """
    W_x, W_h, *_ = params
    x, h_prev, r, z, n, q = saved
    (dh,) = dstate
    dz, dn = dh * (h_prev - n), dh * (1 - z)
    da_n = dn * tanh_prime(n)
    dr, dq = da_n * q, da_n * r
    da_r, da_z = dr * sigmoid_prime(r), dz * sigmoid_prime(z)
    da_x = np.concatenate([da_r, da_z, da_n], axis=-1)  # (B, 3H), what came through W_x
    da_h = np.concatenate([da_r, da_z, dq], axis=-1)  # (B, 3H), what came through W_h
    dparams = Params(W_x=x.T @ da_x, W_h=h_prev.T @ da_h, b=da_x.sum(axis=0), b_hn=dq.sum(axis=0))
    return dparams, da_x @ W_x.T, State(da_h @ W_h.T + dh * z)


@checked
def zero_state(params: Params, batch: int) -> State:
    """Return the state before the first step, $h_0 = 0$."""
    return State(np.zeros((batch, len(params.W_h)), params.b.dtype))


@checked
def init(
    input_size: int,
    hidden_size: int,
    *,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> Params:
    r"""Draw initial weights: each block of $W_x$ by Glorot, each of $W_h$ orthogonal, biases 0."""
    I, H = input_size, hidden_size
    return Params(
        W_x=np.hstack([glorot(I, H, rng=rng, dtype=dtype) for _ in "rzn"]),
        W_h=np.hstack([orthogonal(H, rng=rng, dtype=dtype) for _ in "rzn"]),
        b=np.zeros(3 * H, dtype),
        b_hn=np.zeros(H, dtype),
    )
