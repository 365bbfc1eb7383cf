r"""The simple recurrent cell with a rectifier: $h_t = \max(0, x_t W_x + h_{t-1} W_h + b)$."""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt.cell import checked
from bptt.ops import relu, relu_prime
from bptt.shapes import Array
from bptt.weights import glorot, identity


class Params(NamedTuple):
    """The weights of the cell, or a gradient with respect to them."""

    W_x: Annotated[Array, "I H", "from the input"]
    W_h: Annotated[Array, "H H", "from the previous state"]
    b: Annotated[Array, "H", "the bias"]


class State(NamedTuple):
    """What the cell carries from step to step, or a gradient with respect to it."""

    h: Annotated[Array, "B H", "the hidden state, which is also the output"]


class Step(NamedTuple):
    """What one step leaves behind for its derivative."""

    x: Annotated[Array, "B I", "the input $x_t$"]
    h_prev: Annotated[Array, "B H", "the state before, $h_{t-1}$"]
    h: Annotated[Array, "B H", "the state after, $h_t$"]


@checked
def step(params: Params, x: Array, state: State) -> tuple[State, Step]:
    r"""Take one step in time, $h_t = \max(0, x_t W_x + h_{t-1} W_h + b)$.

    Notes
    -----
    Source: Q. V. Le, N. Jaitly and G. E. Hinton, "A simple way to initialize recurrent networks of
    rectified linear units" (2015), <https://arxiv.org/abs/1504.00941>, which calls it an IRNN where
    $W_h$ starts as the identity.
    """
    W_x, W_h, b = params
    (h_prev,) = state
    h = relu(x @ W_x + h_prev @ W_h + b)
    return State(h), Step(x, h_prev, h)


@checked
def step_backward(params: Params, saved: Step, dstate: State) -> tuple[Params, Array, State]:
    r"""Take the derivative of one step, from $dL/dh_t$ to its weights, input and previous state.

    $$
    \begin{aligned}
    da_t &= dh_t \text{ where } h_t > 0 \text{, else } 0, \\
    dW_x &= x_t^\top da_t, \qquad dx_t = da_t W_x^\top, \\
    dW_h &= h_{t-1}^\top da_t, \qquad dh_{t-1} = da_t W_h^\top, \\
    db &= \sum_B da_t.
    \end{aligned}
    $$

    Notes
    -----
    Source: the chain rule, applied to `step`: the rows of `bptt.rnn.step_backward` with the slope
    of the rectifier, 0 at its corner.
    """
    W_x, W_h, _ = params
    x, h_prev, h = saved
    (dh,) = dstate
    da = dh * relu_prime(h)
    dparams = Params(W_x=x.T @ da, W_h=h_prev.T @ da, b=da.sum(axis=0))
    return dparams, da @ W_x.T, State(da @ W_h.T)


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
    r"""Draw initial weights: $W_x$ by Glorot, $W_h$ the identity, $b = 0$."""
    return Params(
        W_x=glorot(input_size, hidden_size, rng=rng, dtype=dtype),
        W_h=identity(hidden_size, dtype=dtype),
        b=np.zeros(hidden_size, dtype),
    )
