r"""A long short-term memory whose input and last output first gate each other: the Mogrifier.

Source: G. Melis, T. Kočiský and P. Blunsom, "Mogrifier LSTM", ICLR 2020,
<https://arxiv.org/abs/1909.01792>, equations 1 and 2. The matrices are called Q there where the
output gates the input, and R where the input gates the output; here they are one array, whose
entries take turns. Omitted: matrices of low rank.
"""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt import lstm
from bptt.cell import checked, inside
from bptt.lstm import State
from bptt.ops import sigmoid
from bptt.shapes import Array, check_whole, shown
from bptt.weights import glorot


class Params(NamedTuple):
    """The weights of the cell, or a gradient with respect to them: those of an LSTM, and M."""

    W_x: Annotated[Array, "I 4H", "from the input"]
    W_h: Annotated[Array, "H 4H", "from the previous output"]
    b: Annotated[Array, "4H", "the biases"]
    M: Annotated[Array, "R H I", r"$M_1, \dots, M_R$, one for each round"]


class Round(NamedTuple):
    """What one round leaves behind for its derivative: u gates v, or the other way round."""

    u: Annotated[Array, "what was read"]
    v: Annotated[Array, "what was multiplied"]
    gate: Annotated[Array, "with what"]


class Step(NamedTuple):
    """What one step leaves behind for its derivative."""

    x: Annotated[Array, "B I", "the input $x_t$"]
    h_prev: Annotated[Array, "B H", "the output before, $h_{t-1}$"]
    rounds: Annotated[tuple[Round, ...], "what each round leaves behind"]
    within: Annotated[lstm.Step, "what the LSTM leaves behind"]


@checked
def step(params: Params, x: Array, state: State) -> tuple[State, Step]:
    r"""Take one step in time: R rounds, then a step of `bptt.lstm`.

    With $x = x_t$ and $h = h_{t-1}$ before the first, an odd round puts $x'$ in the place of the
    input x, and an even one $h'$ in that of the previous output h:

    $$
    \begin{aligned}
    x' &= 2 \sigma(h M_r) \odot x, & r &= 1, 3, \dots \\
    h' &= 2 \sigma(x M_r^\top) \odot h, & r &= 2, 4, \dots
    \end{aligned}
    $$

    With $M = 0$, or without a round, it is an LSTM.
    """
    W_x, W_h, b, M = params
    u, v = state.h, x
    rounds = []
    for W in _turns(M):
        gate = 2 * sigmoid(u @ W)
        rounds.append(Round(u, v, gate))
        u, v = gate * v, u  # next time the other way round
    h, x_last = _in_order(len(M), u, v)
    after, within = inside(lstm.step)(lstm.Params(W_x, W_h, b), x_last, State(h, state.c))
    return after, Step(x, state.h, tuple(rounds), within)


@checked
def step_backward(params: Params, saved: Step, dstate: State) -> tuple[Params, Array, State]:
    r"""Take the derivative of one step: that of the LSTM, then that of each round from the last.

    Of a round $v' = \gamma \odot v$ with $\gamma = 2 \sigma(a)$ and $a = u W$, which hands on
    $u' = u$, it is

    $$
    \begin{aligned}
    da &= dv' \odot v \odot \gamma (1 - \gamma / 2), \\
    dW &= u^\top da, \\
    du &= du' + da W^\top, \\
    dv &= dv' \odot \gamma.
    \end{aligned}
    $$
    """
    W_x, W_h, b, M = params
    dlstm, dx, before = inside(lstm.step_backward)(lstm.Params(W_x, W_h, b), saved.within, dstate)
    du, dv = _in_order(len(M), before.h, dx)
    dWs = []
    for W, (u, v, gate) in zip(_turns(M)[::-1], saved.rounds[::-1], strict=True):
        da = du * v * gate * (1 - gate / 2)
        du, dv = dv + da @ W.T, du * gate
        dWs.append(u.T @ da)
    dM = np.reshape(_turns(dWs[::-1]), M.shape)  # without a round there is nothing to stack
    return Params(*dlstm, dM), dv, State(du, before.c)


def _turns(Ms: Array | list[Array]) -> list[Array]:
    """Return each matrix as its round takes it: every second one transposed, and back."""
    return [M_r if r % 2 else M_r.T for r, M_r in enumerate(Ms, start=1)]


def _in_order(R: int, u: Array, v: Array) -> tuple[Array, Array]:
    """Return what u and v are after R rounds as h and x, or the other way round."""
    return (v, u) if R % 2 else (u, v)


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
    rounds: int = 4,
) -> Params:
    """Draw initial weights: those of `bptt.lstm`, and each round's by Glorot.

    Parameters
    ----------
    rounds : int
        R. Anything but a whole number is a TypeError, and one below 1 a ValueError.
    """
    if check_whole("mogrifier.init", "rounds", rounds) < 1:
        raise ValueError(f"mogrifier.init: rounds must be at least 1, got {shown(rounds)}")
    plain = lstm.init(input_size, hidden_size, rng=rng, dtype=dtype)
    M = [glorot(hidden_size, input_size, rng=rng, dtype=dtype) for _ in range(rounds)]
    return Params(*plain, np.stack(M))
