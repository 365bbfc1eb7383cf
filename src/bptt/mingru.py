r"""The minimal GRU: $h_t = (1 - z_t) \odot h_{t-1} + z_t \odot n_t$, gates from $x_t$ alone."""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt.cell import inside
from bptt.linear_cell import checked
from bptt.ops import sigmoid, sigmoid_prime
from bptt.shapes import Array
from bptt.weights import glorot


class Params(NamedTuple):
    """The weights of the cell, or a gradient with respect to them.

    The columns stand in two blocks of H: update gate z, candidate n.
    """

    W_x: Annotated[Array, "I 2H", "from the input"]
    b: Annotated[Array, "2H", "the biases"]


class State(NamedTuple):
    """What the cell carries from step to step, or a gradient with respect to it."""

    h: Annotated[Array, "B H", "the hidden state, which is also the output"]


class Step(NamedTuple):
    """What one step leaves behind for its derivative."""

    x: Annotated[Array, "B I", "the input $x_t$"]
    h_prev: Annotated[Array, "B H", "the state before, $h_{t-1}$"]
    z: Annotated[Array, "B H", "the update gate $z_t$"]
    n: Annotated[Array, "B H", "the candidate $n_t$"]


class Kept(NamedTuple):
    """What the coefficients leave behind for their derivative, for any number of steps."""

    x: Annotated[Array, "the inputs, of shape (..., I)"]
    z: Annotated[Array, "the update gates, of shape (..., H)"]
    n: Annotated[Array, "the candidates, of shape (..., H)"]


@checked
def coefficients(params: Params, xs: Array) -> tuple[Array, Array, Kept]:
    r"""Compute what multiplies each state, $1 - z_t$, and what is added to it, $z_t \odot n_t$.

    $$
    z_t = \sigma(x_t W_{xz} + b_z), \qquad n_t = x_t W_{xn} + b_n.
    $$

    Notes
    -----
    Source: L. Feng et al., "Were RNNs all we needed?" (2024), <https://arxiv.org/abs/2410.01201>,
    section 3.1.
    """
    W_x, b = params
    a_z, n = np.split(xs @ W_x + b, 2, axis=-1)
    z = sigmoid(a_z)
    return 1 - z, z * n, Kept(xs, z, n)


def coefficients_backward(
    params: Params, kept: Kept, das: Array, dbs: Array
) -> tuple[Params, Array]:
    r"""Take the derivative of the coefficients, from $da_t$ and $db_t$ to the weights and inputs.

    With $a_t = 1 - z_t$ and $b_t = z_t \odot n_t$, and $d\tilde z_t$ for what comes to the gate
    before its sigmoid,

    $$
    \begin{aligned}
    dz_t &= db_t \odot n_t - da_t, \qquad dn_t = db_t \odot z_t, \\
    d\tilde z_t &= dz_t \odot z_t (1 - z_t), \\
    dW_x &= \sum_t x_t^\top [d\tilde z_t, dn_t], \qquad
    db = \sum_t \sum_B [d\tilde z_t, dn_t], \\
    dx_t &= [d\tilde z_t, dn_t] W_x^\top.
    \end{aligned}
    $$
    """
    x, z, n = kept
    dz, dn = dbs * n - das, dbs * z
    da = np.concatenate([dz * sigmoid_prime(z), dn], axis=-1)  # (..., 2H)
    steps = tuple(range(x.ndim - 1))  # all axes but the last
    dparams = Params(W_x=np.tensordot(x, da, (steps, steps)), b=da.sum(axis=steps))
    return dparams, da @ params.W_x.T


@checked
def step(params: Params, x: Array, state: State) -> tuple[State, Step]:
    r"""Take one step in time, $h_t = (1 - z_t) \odot h_{t-1} + z_t \odot n_t$.

    The gate and the candidate are those of `coefficients`.

    Notes
    -----
    Source: L. Feng et al., "Were RNNs all we needed?" (2024), <https://arxiv.org/abs/2410.01201>,
    section 3.1. It is the GRU without the arrows from $h_{t-1}$ into its gates and its candidate,
    and without the tanh; here the gate has a bias.
    """
    (h_prev,) = state
    a, b, kept = inside(coefficients)(params, x)
    return State(a * h_prev + b), Step(h_prev=h_prev, **kept._asdict())


@checked
def step_backward(params: Params, saved: Step, dstate: State) -> tuple[Params, Array, State]:
    r"""Take the derivative of one step, from $dL/dh_t$ to its weights, input and previous state.

    $$
    da_t = dh_t \odot h_{t-1}, \qquad db_t = dh_t, \qquad dh_{t-1} = dh_t \odot (1 - z_t),
    $$

    and from $da_t$ and $db_t$ on as in `coefficients_backward`.

    Notes
    -----
    Source: the chain rule, applied to `step` line by line.
    """
    x, h_prev, z, n = saved
    (dh,) = dstate
    dparams, dx = coefficients_backward(params, Kept(x, z, n), dh * h_prev, dh)
    return dparams, dx, State(dh * (1 - z))


@checked
def zero_state(params: Params, batch: int) -> State:
    """Return the state before the first step, $h_0 = 0$."""
    return State(np.zeros((batch, len(params.b) // 2), params.b.dtype))


@checked
def init(
    input_size: int,
    hidden_size: int,
    *,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> Params:
    r"""Draw initial weights: each block of $W_x$ by Glorot, biases 0."""
    I, H = input_size, hidden_size
    return Params(
        W_x=np.hstack([glorot(I, H, rng=rng, dtype=dtype) for _ in "zn"]),
        b=np.zeros(2 * H, dtype),
    )
