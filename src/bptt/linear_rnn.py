r"""A cell with a linear transition: $h_t = \max(0, x_t W_x + b) + h_{t-1} W_h$."""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt.cell import checked
from bptt.ops import relu, relu_prime
from bptt.shapes import Array
from bptt.weights import glorot, orthogonal


class Params(NamedTuple):
    """The weights of the cell, or a gradient with respect to them."""

    W_x: Annotated[Array, "I H", "from the input"]
    W_h: Annotated[Array, "H H", "from the previous state"]
    b: Annotated[Array, "H", "the bias of the input"]


class State(NamedTuple):
    """What the cell carries from step to step, or a gradient with respect to it."""

    h: Annotated[Array, "B H", "the hidden state, which is also the output"]


class Step(NamedTuple):
    """What one step leaves behind for its derivative."""

    x: Annotated[Array, "B I", "the input $x_t$"]
    h_prev: Annotated[Array, "B H", "the state before, $h_{t-1}$"]
    u: Annotated[Array, "B H", "what is added, $u_t$"]


@checked
def step(params: Params, x: Array, state: State) -> tuple[State, Step]:
    r"""Take one step in time: add something to a state that is turned, and never bent.

    $$
    u_t = \max(0, x_t W_x + b), \qquad h_t = u_t + h_{t-1} W_h.
    $$

    Notes
    -----
    Source: M. Henaff, A. Szlam and Y. LeCun, "Recurrent orthogonal networks and long-memory tasks",
    ICML 2016, <https://arxiv.org/abs/1602.06662>, for recurrent networks with a linear transition.
    """
    W_x, W_h, b = params
    (h_prev,) = state
    u = relu(x @ W_x + b)
    return State(u + h_prev @ W_h), Step(x, h_prev, u)


@checked
def step_backward(params: Params, saved: Step, dstate: State) -> tuple[Params, Array, State]:
    r"""Take the derivative of one step, from $dL/dh_t$ to its weights, input and previous state.

    $$
    \begin{aligned}
    da_t &= dh_t \text{ where } u_t > 0 \text{, else } 0, \\
    dW_x &= x_t^\top da_t, \qquad dx_t = da_t W_x^\top, \\
    db &= \sum_B da_t, \\
    dW_h &= h_{t-1}^\top dh_t, \qquad dh_{t-1} = dh_t W_h^\top.
    \end{aligned}
    $$

    Notes
    -----
    Source: the chain rule, applied to `step` line by line.
    """
    W_x, W_h, _ = params
    x, h_prev, u = saved
    (dh,) = dstate
    da = dh * relu_prime(u)
    dparams = Params(W_x=x.T @ da, W_h=h_prev.T @ dh, b=da.sum(axis=0))
    return dparams, da @ W_x.T, State(dh @ W_h.T)


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
    r"""Draw initial weights: $W_x$ by Glorot, $W_h$ orthogonal, $b = 0$."""
    return Params(
        W_x=glorot(input_size, hidden_size, rng=rng, dtype=dtype),
        W_h=orthogonal(hidden_size, rng=rng, dtype=dtype),
        b=np.zeros(hidden_size, dtype),
    )
