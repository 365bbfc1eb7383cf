r"""The LSTM with one part removed: cells to find out what the part is for.

The LSTM of `bptt.lstm` is $c_t = f_t \odot c_{t-1} + i_t \odot g_t$ and $h_t = o_t \odot y_t$ with
$y_t = \tanh c_t$. A missing gate is 1, and its weights do not exist. Of the separate gates one is
left: the forget gate, and $i_t = 1 - f_t$. A missing activation leaves $g_t = a_g$ in place of
$\tanh a_g$, or $y_t = c_t$ in place of $\tanh c_t$.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from bptt import lstm
from bptt.cell import checked
from bptt.lstm import State
from bptt.ops import sigmoid, sigmoid_prime, tanh, tanh_prime
from bptt.shapes import Array, check_number, shown
from bptt.weights import glorot, orthogonal


class Params(NamedTuple):
    """The weights of a cell that lacks a gate, or a gradient with respect to them.

    The columns stand in three blocks of H, in the order i, f, g, o without the gate that is
    missing. A cell that lacks an activation has the weights of `bptt.lstm`.
    """

    W_x: Annotated[Array, "I 3H", "from the input"]
    W_h: Annotated[Array, "H 3H", "from the previous output"]
    b: Annotated[Array, "3H", "the biases"]


class Step(NamedTuple):
    """What one step leaves behind for its derivative."""

    x: Annotated[Array, "B I", "the input $x_t$"]
    h_prev: Annotated[Array, "B H", "the output before, $h_{t-1}$"]
    c_prev: Annotated[Array, "B H", "the cell state before, $c_{t-1}$"]
    i: Annotated[Array, "B H", "the input gate $i_t$"]
    f: Annotated[Array, "B H", "the forget gate $f_t$"]
    g: Annotated[Array, "B H", "the candidate $g_t$"]
    o: Annotated[Array, "B H", "the output gate $o_t$"]
    y: Annotated[Array, "B H", "what the output gate multiplies, $y_t$"]


@dataclass(frozen=True)
class Ablated:
    """A cell, as `bptt.cell` describes it: what a module such as `bptt.lstm` is elsewhere."""

    part: Annotated[str, "what is missing, one of `PARTS`"]
    blocks: Annotated[str, "what has weights, in this order: of i, f, g and o"]
    Params: Annotated[Any, "the type of the weights"] = field(repr=False)
    init: Annotated[Callable[..., Any], "see `bptt.lstm.init`"] = field(repr=False)
    zero_state: Annotated[Callable[..., Any], "the state before the first step"] = field(repr=False)
    step: Annotated[Callable[..., Any], "one step in time"] = field(repr=False)
    step_backward: Annotated[Callable[..., Any], "its derivative"] = field(repr=False)


# A function of each entry, and its derivative in terms of the output.
Pointwise: TypeAlias = tuple[Callable[[Array], Array], Callable[[Array], Array]]
TANH: Pointwise = (tanh, tanh_prime)
IDENTITY: Pointwise = (np.positive, np.ones_like)


class Left(NamedTuple):
    """What is left of an LSTM."""

    blocks: Annotated[str, "what has weights"] = "ifgo"
    coupled: Annotated[bool, "whether i = 1 - f"] = False
    into: Annotated[Pointwise, "from $a_g$ to the candidate"] = TANH
    out: Annotated[Pointwise, "from the cell state to $y_t$"] = TANH


LEFT_WITHOUT = {
    "input gate": Left(blocks="fgo"),
    "forget gate": Left(blocks="igo"),
    "output gate": Left(blocks="ifg"),
    "separate gates": Left(blocks="fgo", coupled=True),
    "input activation": Left(into=IDENTITY),
    "output activation": Left(out=IDENTITY),
}
PARTS = tuple(LEFT_WITHOUT)


def without(part: str) -> Ablated:
    r"""Return the LSTM without one part, as a cell.

    With $\varphi$ for tanh or, where it is missing, the identity, one step in time is

    $$
    \begin{aligned}
    a_t &= x_t W_x + h_{t-1} W_h + b, \\
    i_t &= \sigma(a_i), \quad f_t = \sigma(a_f), \quad o_t = \sigma(a_o), \\
    g_t &= \varphi_g(a_g), \\
    c_t &= f_t \odot c_{t-1} + i_t \odot g_t, \\
    h_t &= o_t \odot y_t, \qquad y_t = \varphi_c(c_t),
    \end{aligned}
    $$

    where a missing gate is 1. Its derivative is that of `bptt.lstm`, with $\varphi'$ for the slope
    of tanh, and without the columns of $da_t$ that belong to a missing gate:

    $$
    \begin{aligned}
    d\bar{c}_t &= dc_t + dh_t \odot o_t \odot \varphi_c'(c_t), \\
    di_t &= d\bar{c}_t \odot g_t, \qquad df_t = d\bar{c}_t \odot c_{t-1}, \\
    dg_t &= d\bar{c}_t \odot i_t, \qquad do_t = dh_t \odot y_t, \\
    dc_{t-1} &= d\bar{c}_t \odot f_t, \qquad da_g = dg_t \odot \varphi_g'(a_g).
    \end{aligned}
    $$

    Without separate gates $i_t = 1 - f_t$, and the forget gate hears from both:
    $df_t = d\bar{c}_t \odot (c_{t-1} - g_t)$.

    Parameters
    ----------
    part : str
        One of `PARTS`. "separate gates" couples the input gate to the forget gate.

    Returns
    -------
    cell : Ablated
        The cell. Its `init` is that of `bptt.lstm`; `forget_bias` is without effect where there is
        no forget gate.

    Raises
    ------
    ValueError
        If the LSTM has no such part.

    Notes
    -----
    Source: K. Greff, R. K. Srivastava, J. Koutník, B. R. Steunebrink and J. Schmidhuber, "LSTM: a
    search space odyssey", IEEE Transactions on Neural Networks and Learning Systems 28 (2017),
    <https://doi.org/10.1109/TNNLS.2016.2582924>, who remove the same parts from an LSTM with
    peepholes. Omitted: the variants without peepholes, which our LSTM never has, and with full
    gate recurrence, which adds a part.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt import ablation
    >>> cell = ablation.without("forget gate")
    >>> cell.blocks, cell.init(4, 2, rng=np.random.default_rng(0)).W_x.shape
    ('igo', (4, 6))
    """
    if part not in LEFT_WITHOUT:
        wanted = ", ".join(PARTS)
        raise ValueError(f"ablation.without: part must be one of {wanted}, got {shown(part)}")
    blocks, coupled, (into, into_prime), (out, out_prime) = LEFT_WITHOUT[part]
    kind: Any = lstm.Params if blocks == "ifgo" else Params

    def step(params: Any, x: Array, state: State) -> tuple[State, Step]:
        W_x, W_h, b = params
        h_prev, c_prev = state
        a = (x @ W_x + h_prev @ W_h + b).reshape(len(x), len(blocks), -1)
        a_of = {block: a[:, k] for k, block in enumerate(blocks)}  # each (B, H)
        i, f, o = (sigmoid(a_of[gate]) if gate in a_of else np.ones_like(c_prev) for gate in "ifo")
        if coupled:
            i = 1 - f
        g = into(a_of["g"])
        c = f * c_prev + i * g
        y = out(c)
        return State(o * y, c), Step(x, h_prev, c_prev, i, f, g, o, y)

    def step_backward(params: Any, saved: Step, dstate: State) -> tuple[Any, Array, State]:
        W_x, W_h, _ = params
        x, h_prev, c_prev, i, f, g, o, y = saved
        dh, dc = dstate
        dc = dc + dh * o * out_prime(y)
        di, df, dg, do = dc * g, dc * c_prev, dc * i, dh * y
        if coupled:
            df = df - di
        da_of = {
            "i": di * sigmoid_prime(i),
            "f": df * sigmoid_prime(f),
            "g": dg * into_prime(g),
            "o": do * sigmoid_prime(o),
        }
        da = np.concatenate([da_of[block] for block in blocks], axis=-1)  # as the columns of W_x
        dparams = kind(W_x=x.T @ da, W_h=h_prev.T @ da, b=da.sum(axis=0))
        return dparams, da @ W_x.T, State(h=da @ W_h.T, c=dc * f)

    def zero_state(params: Any, batch: int) -> State:
        shape, dtype = (batch, len(params.W_h)), params.b.dtype
        return State(h=np.zeros(shape, dtype), c=np.zeros(shape, dtype))

    def init(
        input_size: int,
        hidden_size: int,
        *,
        rng: np.random.Generator,
        dtype: DTypeLike = np.float64,
        forget_bias: float = 1.0,
    ) -> Any:
        I, H = input_size, hidden_size
        bias = check_number("ablation.init", "forget_bias", forget_bias, "finite", math.isfinite)
        return kind(
            W_x=np.hstack([glorot(I, H, rng=rng, dtype=dtype) for _ in blocks]),
            W_h=np.hstack([orthogonal(H, rng=rng, dtype=dtype) for _ in blocks]),
            b=np.repeat([bias if block == "f" else 0 for block in blocks], H).astype(dtype),
        )

    def let_in(function: Callable[..., Any]) -> Callable[..., Any]:
        function.__annotations__["params"] = kind  # which no annotation above can name
        return checked(function)

    doors = [let_in(init), let_in(zero_state), let_in(step), let_in(step_backward)]
    return Ablated(part, blocks, kind, *doors)
