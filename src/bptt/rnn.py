r"""The simple recurrent cell: $h_t = \tanh(x_t W_x + h_{t-1} W_h + b)$."""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt.cell import checked
from bptt.ops import tanh, tanh_prime
from bptt.shapes import Array
from bptt.weights import glorot, orthogonal


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
    r"""Take one step in time, $h_t = \tanh(x_t W_x + h_{t-1} W_h + b)$.

    Notes
    -----
    Source: J. L. Elman, "Finding structure in time", Cognitive Science 14 (1990),
    <https://doi.org/10.1207/s15516709cog1402_1>, with tanh in place of the logistic function.
    Omitted: an output layer, which is `bptt.model`'s.
    """
    W_x, W_h, b = params
    (h_prev,) = state
    h = tanh(x @ W_x + h_prev @ W_h + b)
    return State(h), Step(x, h_prev, h)


@checked
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

    Notes
    -----
    Source: P. J. Werbos, "Backpropagation through time: what it does and how to do it",
    Proceedings of the IEEE 78 (1990), <https://doi.org/10.1109/5.58337>.
    """
    W_x, W_h, _ = params
    x, h_prev, h = saved
    (dh,) = dstate
    da = dh * tanh_prime(h)
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
    r"""Draw initial weights: $W_x$ by Glorot, $W_h$ orthogonal, $b = 0$.

    An orthogonal $W_h$ has spectral radius 1 and largest singular value 1.
    """
    return Params(
        W_x=glorot(input_size, hidden_size, rng=rng, dtype=dtype),
        W_h=orthogonal(hidden_size, rng=rng, dtype=dtype),
        b=np.zeros(hidden_size, dtype),
    )
