r"""Diagonal linear recurrences: $h_t = a_t \odot h_{t-1} + b_t$, both read from $x_t$ alone.

$$
a_t = \varphi(x_t W_{xa} + b_a), \qquad b_t = x_t W_{xb} + b_b.
$$

There are two cells, and they differ in $\varphi$ alone. `fading` has the logistic function, so each
factor lies between 0 and 1: it can keep a state or let it fade. `signed` has the hyperbolic
tangent, so each factor lies between -1 and 1: it can turn the sign of a state as well.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt.cell import inside
from bptt.linear_cell import checked
from bptt.ops import sigmoid, sigmoid_prime, tanh, tanh_prime
from bptt.shapes import Array
from bptt.weights import glorot


class Params(NamedTuple):
    """The weights of the cell, or a gradient with respect to them.

    The columns stand in two blocks of H: what makes the factor a, what makes the term b.
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
    a: Annotated[Array, "B H", "the factor $a_t$"]


class Kept(NamedTuple):
    """What the coefficients leave behind for their derivative, for any number of steps."""

    x: Annotated[Array, "the inputs, of shape (..., I)"]
    a: Annotated[Array, "the factors, of shape (..., H)"]


@dataclass(frozen=True)
class Diagonal:
    """A cell of this module. Its functions are those of `bptt.linear_cell.LinearCell`."""

    name: Annotated[str, "what the cell is called"]
    coefficients: Annotated[Callable[..., Any], "the factors and terms of all steps"]
    coefficients_backward: Annotated[Callable[..., Any], "their derivative"]
    step: Annotated[Callable[..., Any], "one step in time"]
    step_backward: Annotated[Callable[..., Any], "the derivative of one step"]
    zero_state: Annotated[Callable[..., Any], "the state before the first step"]
    init: Annotated[Callable[..., Any], "initial weights"]
    Params: Annotated[type, "the type of the weights"] = Params


def diagonal(
    name: str, squash: Callable[[Array], Array], slope: Callable[[Array], Array]
) -> Diagonal:
    r"""Make a cell of a squashing function $\varphi$.

    With $d\tilde a_t$ for what comes to the factor before $\varphi$, its derivative is

    $$
    \begin{aligned}
    da_t &= dh_t \odot h_{t-1}, \qquad db_t = dh_t, \qquad dh_{t-1} = dh_t \odot a_t, \\
    d\tilde a_t &= da_t \odot \varphi'(a_t), \\
    dW_x &= \sum_t x_t^\top [d\tilde a_t, db_t], \qquad
    db = \sum_t \sum_B [d\tilde a_t, db_t], \\
    dx_t &= [d\tilde a_t, db_t] W_x^\top.
    \end{aligned}
    $$

    Parameters
    ----------
    name : str
        What the cell is called.
    squash, slope : callable
        The function, and its derivative, which takes the output: a pair of `bptt.ops`.

    Notes
    -----
    Source: the recurrence is that of E. Martin and C. Cundy, "Parallelizing linear recurrent neural
    nets over sequence length", ICLR 2018, <https://arxiv.org/abs/1709.04057>, section 2; the range
    of the factors is the subject of R. Grazzi et al., "Unlocking state-tracking in linear RNNs
    through negative eigenvalues" (2024), <https://arxiv.org/abs/2411.12537>. Omitted: what their
    layers have around the recurrence. The derivative is the chain rule, line by line.
    """

    @checked
    def coefficients(params: Params, xs: Array) -> tuple[Array, Array, Kept]:
        W_x, bias = params
        to_a, b = np.split(xs @ W_x + bias, 2, axis=-1)
        a = squash(to_a)
        return a, b, Kept(xs, a)

    def coefficients_backward(
        params: Params, kept: Kept, das: Array, dbs: Array
    ) -> tuple[Params, Array]:
        x, a = kept
        both = np.concatenate([das * slope(a), dbs], axis=-1)  # (..., 2H)
        steps = tuple(range(x.ndim - 1))  # all axes but the last
        dparams = Params(W_x=np.tensordot(x, both, (steps, steps)), b=both.sum(axis=steps))
        return dparams, both @ params.W_x.T

    @checked
    def step(params: Params, x: Array, state: State) -> tuple[State, Step]:
        (h_prev,) = state
        a, b, _ = inside(coefficients)(params, x)
        return State(a * h_prev + b), Step(x, h_prev, a)

    @checked
    def step_backward(params: Params, saved: Step, dstate: State) -> tuple[Params, Array, State]:
        x, h_prev, a = saved
        (dh,) = dstate
        dparams, dx = coefficients_backward(params, Kept(x, a), dh * h_prev, dh)
        return dparams, dx, State(dh * a)

    return Diagonal(
        name, coefficients, coefficients_backward, step, step_backward, zero_state, init
    )


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
        W_x=np.hstack([glorot(I, H, rng=rng, dtype=dtype) for _ in "ab"]),
        b=np.zeros(2 * H, dtype),
    )


fading = diagonal("fading", sigmoid, sigmoid_prime)
"""The cell whose factors lie between 0 and 1."""

signed = diagonal("signed", tanh, tanh_prime)
"""The cell whose factors lie between -1 and 1."""
