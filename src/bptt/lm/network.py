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
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bptt import shapes, stack
from bptt.cell import AnyCell
from bptt.lm.dropout import Masks, nothing, times
from bptt.shapes import (
    Array,
    ShapeError,
    check_dtype,
    check_shape,
    check_type,
    check_weights,
    shown,
)
from bptt.weights import glorot

P = TypeVar("P")


class Params(NamedTuple, Generic[P]):
    """The weights of the network, or a gradient with respect to them.

    The last layer has H units. Where the head is tied, W_y is an empty tree.
    """

    E: Annotated[Array, "K D", "a row for each of the K characters"]
    layers: Annotated[tuple[P, ...], "the weights of the cell in each layer, from the lowest"]
    b_y: Annotated[Array, "K", "the bias of the logits"]
    W_y: Annotated[Array | tuple[()], "H K", "from the last layer's outputs to the logits"] = ()


class Tape(NamedTuple):
    """What `forward` keeps for `backward`. Its fields are not part of the library's contract."""

    codes: Array
    masks: Masks
    weights: tuple[Any, ...]  # of the layers, as they ran
    layers: stack.Tape
    hs: Array  # the outputs of the last layer,
    reads: Array  # and what the head read of them


def init(
    cell: AnyCell,
    characters: int,
    embedding: int,
    widths: Sequence[int],
    *,
    tied: bool = False,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float32,
) -> Params[Any]:
    """Draw initial weights: the cell's own, $E$ normal, $W_y$ by Glorot, $b_y = 0$.

    Parameters
    ----------
    tied : bool
        Whether E is the head too. Then its variance is 1/D, else 1.

    Raises
    ------
    TypeError
        If `dtype` is not a floating-point one.
    ValueError
        If there is no layer, a size is below 1, or a tied head does not fit the last layer.
    """
    check_dtype("lm.init", dtype)
    _check_form(characters, embedding, widths, tied=tied)
    D = embedding
    E = rng.standard_normal((characters, D)) / (np.sqrt(D) if tied else 1)
    reads = (D, *widths[:-1])
    layers = tuple(
        cell.init(I, H, rng=rng, dtype=dtype) for I, H in zip(reads, widths, strict=True)
    )
    W_y = () if tied else glorot(widths[-1], characters, rng=rng, dtype=dtype)
    return Params(E.astype(dtype), layers, np.zeros(characters, dtype), W_y)


def template(
    cell: AnyCell,
    characters: int,
    embedding: int,
    widths: Sequence[int],
    *,
    tied: bool = False,
    dtype: DTypeLike = np.float32,
) -> Params[Any]:
    """Return weights of the right names, shapes and dtype, which take no memory.

    The parameters are those of `init`.

    Raises
    ------
    ValueError
        As `init`, or if an array would be larger than any can be.
    """
    _check_form(characters, embedding, widths, tied=tied)
    reads = (embedding, *widths[:-1])
    layers = tuple(
        shapes.template(cell.Params, dtype, I=I, H=H) for I, H in zip(reads, widths, strict=True)
    )
    sizes = {"K": characters, "D": embedding, "H": widths[-1]}
    head = {"W_y": ()} if tied else {}
    blank: Params[Any] = shapes.template(Params, dtype, **sizes, layers=layers, **head)
    return blank


def _check_form(characters: int, embedding: int, widths: Sequence[int], *, tied: bool) -> None:
    if not widths or min(characters, embedding, *widths) < 1:
        raise ValueError(
            "lm.init: characters, embedding and the width of each layer must be at least 1, "
            f"got {shown(characters)}, {shown(embedding)} and {shown(tuple(widths))}"
        )
    if tied and widths[-1] != embedding:
        raise ValueError(
            "lm.init: with a tied head the last layer must be as wide as the embedding, "
            f"{shown(embedding)}, got {shown(widths[-1])}"
        )


def forward(
    cell: AnyCell,
    params: Params[Any],
    codes: ArrayLike,
    states: tuple[Any, ...] | None = None,
    masks: Masks | None = None,
) -> tuple[Array, tuple[Any, ...], Tape]:
    """Read T characters of B texts, and predict after each what comes next.

    Parameters
    ----------
    codes : array_like of int of shape (T, B)
        The characters, each a number from 0 to K - 1.

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
    TypeError
        If a code is no whole number, or the weights are not arrays of one floating-point dtype.
    ValueError
        If a code is not one of a character.
    """
    _check_weights("lm.forward", params)
    codes = check_codes("lm.forward", "codes", codes, "T B", len(params.E))
    masks = _check_masks(params, codes.shape[1], masks)
    weights = tuple(
        p._replace(W_h=times(p.W_h, mask))
        for p, mask in zip(params.layers, masks.recurrent, strict=True)
    )
    reads = times(times(params.E, masks.rows)[codes], masks.reads[0])
    between = masks.reads[1:-1]
    hs, states_T, layers = stack.forward(cell, weights, reads, states, between=between)
    reads = times(hs, masks.reads[-1])
    logits = reads @ head(params) + params.b_y
    return logits, states_T, Tape(codes, masks, weights, layers, hs, reads)


def backward(
    cell: AnyCell, params: Params[Any], tape: Tape, dlogits: ArrayLike, dhs: Array | None = None
) -> Params[Any]:
    r"""Backpropagate through the head, the layers and time, as far as the chunk reaches.

    Each row of $E$ gets the $dx_t$ of all places where its character stands. With a tied head its
    two uses add up: $dW_y^\top$ comes on top.

    Parameters
    ----------
    dlogits : array_like of shape (T, B, K)
        The gradient of the loss with respect to the logits.
    dhs : ndarray of shape (T, B, H), optional
        The gradient with respect to the outputs of the last layer before they are dropped, from
        a loss of their own; zero by default.

    Raises
    ------
    ShapeError
        If a shape does not fit what `forward` saw.
    TypeError
        If a gradient does not hold real numbers.
    """
    _check_weights("lm.backward", params)
    check_type("lm.backward", "tape", tape, Tape)
    T, B = tape.codes.shape
    K, D = params.E.shape
    W_y = head(params)
    dtype = params.E.dtype
    dlogits = check_shape("lm.backward", "dlogits", dlogits, "T B K", dtype, T=T, B=B, K=K)
    rows = dlogits.reshape(T * B, K)
    dW_y = tape.reads.reshape(T * B, -1).T @ rows
    douts = times(dlogits @ W_y.T, tape.masks.reads[-1])
    if dhs is not None:
        H = len(W_y)
        douts = douts + check_shape("lm.backward", "dhs", dhs, "T B H", dtype, T=T, B=B, H=H)
    dlayers, dreads, _ = stack.backward(cell, tape.weights, tape.layers, douts)
    dlayers = tuple(
        dp._replace(W_h=times(dp.W_h, mask))
        for dp, mask in zip(dlayers, tape.masks.recurrent, strict=True)
    )
    dxs = times(dreads, tape.masks.reads[0]).reshape(T * B, D)
    stands = (np.arange(K)[:, None] == tape.codes.ravel()).astype(dxs.dtype)  # (K, T B)
    dE = times(stands @ dxs, tape.masks.rows)
    db_y = rows.sum(axis=0)
    if is_tied(params):
        return Params(dE + dW_y.T, dlayers, db_y)
    return Params(dE, dlayers, db_y, dW_y)


def check_codes(where: str, name: str, codes: ArrayLike, axes: str, K: int) -> Array:
    """Return characters as an array of whole numbers from 0 to K - 1.

    Parameters
    ----------
    codes : array_like of int
        The characters.
    axes : str
        The names of the axes, as for `bptt.shapes.check_shape`.

    Raises
    ------
    ShapeError
        If the axes are others.
    TypeError
        If they are no whole numbers.
    ValueError
        If one is not from 0 to K - 1.
    """
    codes = check_shape(where, name, codes, axes)
    if codes.dtype.kind not in "iu":
        raise TypeError(f"{where}: {name} must be whole numbers, got {codes.dtype}")
    if codes.min() < 0 or codes.max() >= K:
        raise ValueError(
            f"{where}: {name} must be from 0 to {K - 1}, got {codes.min()} to {codes.max()}"
        )
    return codes


def _check_weights(where: str, params: Params[Any]) -> None:
    """Insist on one dtype; the shapes of the layers are checked where they run."""
    check_type(where, "params", params, Params)
    if not params.layers:
        raise TypeError(f"{where}: params.layers must hold the weights of a layer, got none")
    arrays = [params.E, params.b_y, *([] if is_tied(params) else [params.W_y])]
    K, H = len(params.b_y), len(params.layers[-1].W_h)
    check_weights(where, [*arrays, *(array for p in params.layers for array in p)])
    check_shape(where, "params.E", params.E, "K D", None, K=K)
    if not is_tied(params):
        check_shape(where, "params.W_y", params.W_y, "H K", None, H=H, K=K)


def _check_masks(params: Params[Any], B: int, masks: Masks | None) -> Masks:
    """Return masks in the dtype of the weights, each of the shape of what it multiplies."""
    layers, dtype = params.layers, params.E.dtype
    if masks is None:
        return nothing(len(layers))

    def check(name: str, mask: Array | None, axes: str, **sizes: int) -> Array | None:
        if mask is None:
            return None
        return check_shape("lm.forward", f"masks.{name}", mask, axes, dtype, **sizes)

    widths = [*(len(p.W_x) for p in layers), len(layers[-1].W_h)]
    if (len(masks.reads), len(masks.recurrent)) != (len(widths), len(layers)):
        raise ShapeError(
            f"lm.forward: masks must have {len(widths)} for what is read and {len(layers)} for the "
            f"recurrent weights, got {len(masks.reads)} and {len(masks.recurrent)}"
        )
    return Masks(
        check("rows", masks.rows, "K one", K=len(params.E), one=1),
        tuple(
            check(f"reads[{n}]", mask, "B width", B=B, width=width)
            for n, (mask, width) in enumerate(zip(masks.reads, widths, strict=True))
        ),
        tuple(
            check(f"recurrent[{n}]", mask, "H columns", H=len(p.W_h), columns=p.W_h.shape[1])
            for n, (mask, p) in enumerate(zip(masks.recurrent, layers, strict=True))
        ),
    )


def is_tied(params: Params[Any]) -> bool:
    """Tell whether the head is tied to E."""
    return isinstance(params.W_y, tuple)


def head(params: Params[Any]) -> Array:
    """Return what multiplies the outputs of the last layer: W_y, or the transpose of a tied E."""
    return params.E.T if isinstance(params.W_y, tuple) else params.W_y
