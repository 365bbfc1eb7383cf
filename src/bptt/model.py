r"""A cell and a readout: $y_t = h_t W_y + b_y$, the logits of a prediction at each step."""

from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bptt import fused, unroll
from bptt.losses import cross_entropy
from bptt.shapes import Array, ShapeError, check_shape
from bptt.weights import glorot

P = TypeVar("P")


class Params(NamedTuple, Generic[P]):
    """The weights of the model, or a gradient with respect to them.

    Attributes
    ----------
    cell : Params
        The weights of the cell.
    W_y : ndarray of shape (H, K)
        From the output of the cell to the logits.
    b_y : ndarray of shape (K,)
        The bias of the logits.
    """

    cell: P
    W_y: Array
    b_y: Array


def init(
    cell: Any,
    input_size: int,
    hidden_size: int,
    output_size: int,
    *,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> Params[Any]:
    """Draw initial weights: the cell's own, $W_y$ by Glorot, $b_y = 0$.

    Parameters
    ----------
    cell : module
        The cell, for example `bptt.rnn`.
    input_size : int
        I, the width of an input.
    hidden_size : int
        H, the number of hidden units.
    output_size : int
        K, the number of classes.
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
    TypeError
        If `dtype` is not a floating-point one.
    ValueError
        If a size is below 1.
    """
    if output_size < 1:
        raise ValueError(f"model.init: output_size must be at least 1, got {output_size}")
    return Params(
        cell=cell.init(input_size, hidden_size, rng=rng, dtype=dtype),
        W_y=glorot(hidden_size, output_size, rng=rng, dtype=dtype),
        b_y=np.zeros(output_size, dtype),
    )


def logits(cell: Any, params: Params[Any], xs: ArrayLike) -> Array:
    r"""Predict at every step, $y_t = h_t W_y + b_y$.

    Parameters
    ----------
    cell : module
        The cell.
    params : Params
        The weights of the model.
    xs : array_like of shape (T, B, I)
        The inputs.

    Returns
    -------
    ndarray of shape (T, B, K)
        Unnormalised log probabilities of the classes.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    """
    hs, _, _ = _run_of(cell).forward(cell, params.cell, xs)
    return _read("model.logits", params, hs)


def loss_and_grads(
    cell: Any, params: Params[Any], xs: ArrayLike, targets: ArrayLike
) -> tuple[float, Params[Any]]:
    r"""Mean cross-entropy of the predictions at the last N steps, and its gradient.

    Parameters
    ----------
    cell : module
        The cell.
    params : Params
        The weights of the model.
    xs : array_like of shape (T, B, I)
        The inputs.
    targets : array_like of shape (N, B)
        The class of each prediction, for the last N of the T steps.

    Returns
    -------
    loss : float
        Nats per prediction.
    grads : Params
        The gradient with respect to every weight.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    ValueError
        If a target is not a class.
    """
    run = _run_of(cell)
    hs, _, tape = run.forward(cell, params.cell, xs)
    T, B, _ = hs.shape
    targets = check_shape("model.loss_and_grads", "targets", targets, "N B", B=B)
    N = len(targets)
    if N > T:
        raise ShapeError(f"model.loss_and_grads: targets has {N} steps, xs only {T}")
    read = hs[T - N :]
    loss, dlogits = cross_entropy(_read("model.loss_and_grads", params, read), targets)
    unread = np.zeros_like(hs[: T - N])
    dhs = np.concatenate([unread, dlogits @ params.W_y.T])
    dcell, _, _ = run.backward(cell, params.cell, tape, dhs)
    dW_y = read.reshape(N * B, -1).T @ dlogits.reshape(N * B, -1)
    return loss, Params(dcell, dW_y, dlogits.sum(axis=(0, 1)))


def _run_of(cell: Any) -> Any:
    """Return the fast run for the cells that it knows, and the one for any cell for others."""
    return fused if fused.knows(cell) else unroll


def _read(where: str, params: Params[Any], hs: Array) -> Array:
    """Return the logits, once the readout fits the states."""
    W_y = check_shape(where, "params.W_y", params.W_y, "H K", H=hs.shape[-1])
    b_y = check_shape(where, "params.b_y", params.b_y, "K", K=W_y.shape[1])
    logits: Array = hs @ W_y + b_y
    return logits
