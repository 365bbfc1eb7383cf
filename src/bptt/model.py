r"""A cell and a readout: $y_t = h_t W_y + b_y$, the logits of a prediction at each step.

Parameters
----------
params : Params
    The weights of the model.
output_size : int
    K, the number of classes.
"""

from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bptt import run
from bptt.cell import AnyCell
from bptt.losses import cross_entropy
from bptt.shapes import (
    Array,
    ShapeError,
    check_shape,
    check_type,
    check_weights,
    check_whole,
    shown,
)
from bptt.weights import glorot

P = TypeVar("P")


class Params(NamedTuple, Generic[P]):
    """The weights of the model, or a gradient with respect to them."""

    cell: Annotated[P, "the weights of the cell"]
    W_y: Annotated[Array, "H K", "from the output of the cell to the logits"]
    b_y: Annotated[Array, "K", "the bias of the logits"]


def init(
    cell: AnyCell,
    input_size: int,
    hidden_size: int,
    output_size: int,
    *,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> Params[Any]:
    """Draw initial weights: the cell's own, $W_y$ by Glorot, $b_y = 0$.

    Raises
    ------
    TypeError
        If `dtype` is not a floating-point one.
    ValueError
        If a size is below 1.
    """
    if check_whole("model.init", "output_size", output_size) < 1:
        raise ValueError(f"model.init: output_size must be at least 1, got {shown(output_size)}")
    return Params(
        cell=cell.init(input_size, hidden_size, rng=rng, dtype=dtype),
        W_y=glorot(hidden_size, output_size, rng=rng, dtype=dtype),
        b_y=np.zeros(output_size, dtype),
    )


def logits(cell: AnyCell, params: Params[Any], xs: ArrayLike) -> Array:
    """Predict at every step, $y_t = h_t W_y + b_y$: unnormalised log probabilities (T, B, K).

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If the weights are not arrays of one floating-point dtype.
    """
    check_type("model.logits", "params", params, Params)
    hs, _, _ = run.of(cell).forward(cell, params.cell, xs)
    return _read("model.logits", params, hs)


def loss_and_grads(
    cell: AnyCell, params: Params[Any], xs: ArrayLike, targets: ArrayLike
) -> tuple[float, Params[Any]]:
    """Mean cross-entropy of the predictions at the last N steps, and its gradient.

    Parameters
    ----------
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
    TypeError
        If the weights are not arrays of one floating-point dtype, or a target is no number.
    ValueError
        If a target is not a class.
    """
    check_type("model.loss_and_grads", "params", params, Params)
    over_time = run.of(cell)
    hs, _, tape = over_time.forward(cell, params.cell, xs)
    T, B, _ = hs.shape
    targets = check_shape("model.loss_and_grads", "targets", targets, "N B", B=B)
    N = len(targets)
    if N > T:
        raise ShapeError(f"model.loss_and_grads: targets has {N} steps, xs only {T}")
    read = hs[T - N :]
    loss, dlogits = cross_entropy(_read("model.loss_and_grads", params, read), targets)
    unread = np.zeros_like(hs[: T - N])
    dhs = np.concatenate([unread, dlogits @ params.W_y.T])
    dcell, _, _ = over_time.backward(cell, params.cell, tape, dhs)
    dW_y = read.reshape(N * B, -1).T @ dlogits.reshape(N * B, -1)
    return loss, Params(dcell, dW_y, dlogits.sum(axis=(0, 1)))


def _read(where: str, params: Params[Any], hs: Array) -> Array:
    """Return the logits, once the readout fits the states, in the dtype of all weights."""
    check_weights(where, [hs, params.W_y, params.b_y])
    W_y = check_shape(where, "params.W_y", params.W_y, "H K", H=hs.shape[-1])
    b_y = check_shape(where, "params.b_y", params.b_y, "K", K=W_y.shape[1])
    logits: Array = hs @ W_y + b_y
    return logits
