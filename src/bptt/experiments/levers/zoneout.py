r"""A long short-term memory some of whose units keep what they had: zoneout.

$$
\begin{aligned}
h_t &= d^h_t \odot h_{t-1} + (1 - d^h_t) \odot \tilde h_t, \\
c_t &= d^c_t \odot c_{t-1} + (1 - d^c_t) \odot \tilde c_t
\end{aligned}
$$

Here $\tilde h_t, \tilde c_t$ are what a step of `bptt.lstm` makes of $h_{t-1}, c_{t-1}$. In
training an entry of $d$ is 1 with probability p and else 0, drawn anew for each step, text and
unit; after it, $d = p$.

Source: D. Krueger et al., "Zoneout: regularizing RNNs by randomly preserving hidden activations",
ICLR 2017, <https://arxiv.org/abs/1606.01305>, section 3.

Parameters
----------
p_h, p_c : float
    The probability that a unit keeps its h, and its c.
"""

from dataclasses import dataclass
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt import lstm
from bptt.cell import inside
from bptt.lstm import Params
from bptt.shapes import Array


class State(NamedTuple):
    """What the cell carries from step to step, or a gradient with respect to it."""

    h: Annotated[Array, "B H", "the hidden state, which is also the output"]
    c: Annotated[Array, "B H", "the cell state"]
    n: Annotated[Array, "B H", "how many draws are used up, everywhere the same; no gradient"]


class Step(NamedTuple):
    """What one step leaves behind for its derivative."""

    within: Annotated[lstm.Step, "what the LSTM leaves behind"]
    d_h: Annotated[Array, "B H", "1 where h is kept"]
    d_c: Annotated[Array, "B H", "1 where c is kept"]


@dataclass(frozen=True)
class Cell:
    """A cell with its draws for T steps, after which they begin again: for one layer only."""

    d_h: Annotated[Array, "T B H", "$d^h$"]
    d_c: Annotated[Array, "T B H", "$d^c$"]

    def zero_state(self, params: Params, batch: int) -> State:
        """Return the state before the first step, $h_0 = c_0 = 0$, with all draws ahead."""
        h, c = lstm.zero_state(params, batch)
        return State(h, c, np.zeros_like(h))

    def step(self, params: Params, x: Array, state: State) -> tuple[State, Step]:
        """Take one step in time."""
        h_prev, c_prev, n = state
        t = int(n[0, 0])
        d_h, d_c = self.d_h[t], self.d_c[t]
        (h, c), within = inside(lstm.step)(params, x, lstm.State(h_prev, c_prev))
        h, c = d_h * h_prev + (1 - d_h) * h, d_c * c_prev + (1 - d_c) * c
        return State(h, c, (n + 1) % len(self.d_h)), Step(within, d_h, d_c)

    def step_backward(
        self, params: Params, saved: Step, dstate: State
    ) -> tuple[Params, Array, State]:
        """Take the derivative of one step: what is kept goes past the LSTM."""
        within, d_h, d_c = saved
        dh, dc, dn = dstate
        through = lstm.State((1 - d_h) * dh, (1 - d_c) * dc)
        dparams, dx, before = inside(lstm.step_backward)(params, within, through)
        return dparams, dx, State(before.h + d_h * dh, before.c + d_c * dc, dn)


def drawn(
    p_h: float,
    p_c: float,
    shape: tuple[int, int, int],
    *,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> Cell:
    """Return a cell for training.

    Parameters
    ----------
    shape : tuple of int
        T, B and H.
    dtype : dtype
        That of the weights.
    """
    return Cell(*((rng.random(shape, np.float32) < p).astype(dtype) for p in (p_h, p_c)))


def expected(p_h: float, p_c: float, *, dtype: DTypeLike = np.float64) -> Cell:
    """Return the cell after training, which keeps the share p of each state.

    Parameters
    ----------
    dtype : dtype
        That of the weights.
    """
    return Cell(*(np.full((1, 1, 1), p, dtype) for p in (p_h, p_c)))
