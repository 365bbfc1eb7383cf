r"""The network: characters to vectors, layers of a cell, and back to characters.

$$
\begin{aligned}
x_t &= E_{k_t}, \qquad h_t = \text{the last layer's output}, \\
y_t &= h_t W_y + b_y.
\end{aligned}
$$

With a tied head $W_y = E^\top$: a character's row is what goes in for it, and what the output is
compared with. Then the last layer is as wide as a row of $E$.
"""

from collections.abc import Sequence
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bptt import fused
from bptt.lm.dropout import Masks, nothing, times
from bptt.shapes import Array, check_shape
from bptt.weights import glorot

P = TypeVar("P")


class Params(NamedTuple, Generic[P]):
    """The weights of the network, or a gradient with respect to them.

    Attributes
    ----------
    E : ndarray of shape (K, D)
        A row for each of the K characters.
    layers : tuple of Params
        The weights of the cell in each layer, from the lowest. The last has H units.
    b_y : ndarray of shape (K,)
        The bias of the logits.
    W_y : ndarray of shape (H, K), or ()
        From the outputs of the last layer to the logits; an empty tree where the head is tied.
    """

    E: Array
    layers: tuple[P, ...]
    b_y: Array
    W_y: Array | tuple[()] = ()


class Tape(NamedTuple):
    """What `forward` keeps for `backward`. Its fields are not part of the library's contract."""

    codes: Array
    masks: Masks
    weights: tuple[Any, ...]  # of the layers, as they ran
    runs: tuple[Any, ...]  # the tape of each layer
    hs: Array  # the outputs of the last layer,
    reads: Array  # and what the head read of them


def init(
    cell: Any,
    characters: int,
    embedding: int,
    widths: Sequence[int],
    *,
    tied: bool = False,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> Params[Any]:
    r"""Draw initial weights: the cell's own, $E$ normal, $W_y$ by Glorot, $b_y = 0$.

    Parameters
    ----------
    cell : module
        `bptt.rnn`, `bptt.lstm` or `bptt.gru`.
    characters : int
        K, the number of characters.
    embedding : int
        D, the width of a row of E.
    widths : sequence of int
        The number of units of each layer, from the lowest.
    tied : bool
        Whether E is the head too. Then its variance is 1/D, else 1.
    rng : numpy.random.Generator
        The source of randomness.
    dtype : dtype
        The dtype of the weights.

    Returns
    -------
    Params
        New weights.

    Raises
    ------
    ValueError
        If there is no layer, a size is below 1, or a tied head does not fit the last layer.
    """
    D = embedding
    if not widths or min(characters, D, *widths) < 1:
        raise ValueError(
            "lm.init: characters, embedding and the width of each layer must be at least 1, "
            f"got {characters}, {D} and {tuple(widths)}"
        )
    if tied and widths[-1] != D:
        raise ValueError(
            f"lm.init: with a tied head the last layer must be as wide as the embedding, {D}, "
            f"got {widths[-1]}"
        )
    E = rng.standard_normal((characters, D)) / (np.sqrt(D) if tied else 1)
    reads = (D, *widths[:-1])
    layers = tuple(
        cell.init(I, H, rng=rng, dtype=dtype) for I, H in zip(reads, widths, strict=True)
    )
    W_y = () if tied else glorot(widths[-1], characters, rng=rng, dtype=dtype)
    return Params(E.astype(dtype), layers, np.zeros(characters, dtype), W_y)


def least_shapes(characters: int, embedding: int, widths: Sequence[int]) -> list[tuple[int, int]]:
    """Return shapes that every network of a form holds at least, whatever its cell.

    Parameters
    ----------
    characters : int
        K, the number of characters.
    embedding : int
        D, the width of a row of E.
    widths : sequence of int
        The number of units of each layer.

    Returns
    -------
    list of tuple of int
        The shapes of E, and of one gate's W_x and W_h in each layer.
    """
    reads = (embedding, *widths[:-1])
    gates = (pair for I, H in zip(reads, widths, strict=True) for pair in ((I, H), (H, H)))
    return [(characters, embedding), *gates]


def forward(
    cell: Any,
    params: Params[Any],
    codes: ArrayLike,
    states: tuple[Any, ...] | None = None,
    masks: Masks | None = None,
) -> tuple[Array, tuple[Any, ...], Tape]:
    """Read T characters of B texts, and predict after each what comes next.

    Parameters
    ----------
    cell : module
        The cell of all layers.
    params : Params
        The weights.
    codes : array_like of int of shape (T, B)
        The characters, each a number from 0 to K - 1.
    states : tuple of State, optional
        The state of each layer before the first character; zeros by default.
    masks : Masks, optional
        What is dropped in training; nothing by default.

    Returns
    -------
    logits : ndarray of shape (T, B, K)
        Unnormalised log probabilities of the next character.
    states_T : tuple of State
        The state of each layer after the last character.
    tape : Tape
        What `backward` needs.

    Raises
    ------
    ShapeError
        If a shape does not fit, or T or B is zero.
    ValueError
        If a code is not one of a character.
    """
    codes = check_shape("lm.forward", "codes", codes, "T B")
    K, layers = len(params.E), len(params.layers)
    if codes.min() < 0 or codes.max() >= K:
        raise ValueError(
            f"lm.forward: codes must be from 0 to {K - 1}, got {codes.min()} to {codes.max()}"
        )
    states = states or (None,) * layers
    masks = masks or nothing(layers)
    weights = tuple(
        p._replace(W_h=times(p.W_h, mask))
        for p, mask in zip(params.layers, masks.recurrent, strict=True)
    )
    reads = times(times(params.E, masks.rows)[codes], masks.reads[0])
    states_T, runs = [], []
    for p, state, mask in zip(weights, states, masks.reads[1:], strict=True):
        hs, state_T, run = fused.forward(cell, p, reads, state)
        reads = times(hs, mask)
        states_T.append(state_T)
        runs.append(run)
    logits = reads @ head(params) + params.b_y
    return logits, tuple(states_T), Tape(codes, masks, weights, tuple(runs), hs, reads)


def backward(
    cell: Any, params: Params[Any], tape: Tape, dlogits: ArrayLike, dhs: Array | None = None
) -> Params[Any]:
    r"""Backpropagate through the head, the layers and time, as far as the chunk reaches.

    Each row of $E$ gets the $dx_t$ of all places where its character stands. With a tied head its
    two uses add up: $dW_y^\top$ comes on top.

    Parameters
    ----------
    cell : module
        The cell that ran forwards.
    params : Params
        The weights that it ran with.
    tape : Tape
        What `forward` returned.
    dlogits : array_like of shape (T, B, K)
        The gradient of the loss with respect to the logits.
    dhs : ndarray of shape (T, B, H), optional
        The gradient with respect to the outputs of the last layer before they are dropped, from
        a loss of their own; zero by default.

    Returns
    -------
    Params
        The gradient with respect to the weights.

    Raises
    ------
    ShapeError
        If a shape does not fit what `forward` saw.
    """
    T, B = tape.codes.shape
    K, D = params.E.shape
    W_y = head(params)
    dlogits = check_shape("lm.backward", "dlogits", dlogits, "T B K", None, T=T, B=B, K=K)
    rows = dlogits.reshape(T * B, K)
    dW_y = tape.reads.reshape(T * B, -1).T @ rows
    dreads = dlogits @ W_y.T
    dlayers = []
    for layer in reversed(range(len(params.layers))):
        douts = times(dreads, tape.masks.reads[layer + 1])
        if dhs is not None and layer == len(params.layers) - 1:
            douts = douts + dhs
        dp, dreads, _ = fused.backward(cell, tape.weights[layer], tape.runs[layer], douts)
        dlayers.append(dp._replace(W_h=times(dp.W_h, tape.masks.recurrent[layer])))
    dxs = times(dreads, tape.masks.reads[0]).reshape(T * B, D)
    stands = (np.arange(K)[:, None] == tape.codes.ravel()).astype(dxs.dtype)  # (K, T B)
    dE = times(stands @ dxs, tape.masks.rows)
    db_y = rows.sum(axis=0)
    if is_tied(params):
        return Params(dE + dW_y.T, tuple(dlayers[::-1]), db_y)
    return Params(dE, tuple(dlayers[::-1]), db_y, dW_y)


def is_tied(params: Params[Any]) -> bool:
    """Tell whether the head is tied to E.

    Parameters
    ----------
    params : Params
        The weights.

    Returns
    -------
    bool
        Whether there is no W_y.
    """
    return isinstance(params.W_y, tuple)


def head(params: Params[Any]) -> Array:
    """Return what multiplies the outputs of the last layer.

    Parameters
    ----------
    params : Params
        The weights.

    Returns
    -------
    ndarray of shape (H, K)
        W_y, or the transpose of E where the head is tied.
    """
    return params.E.T if isinstance(params.W_y, tuple) else params.W_y
