r"""Layers of a cell and a readout: the outputs of a layer are the inputs of the next.

$$
y_t = h^{(L)}_t W_y + b_y.
$$

Parameters
----------
params : Params
    The weights of the model.
xs : array_like of shape (T, B, I)
    The inputs of the lowest layer.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bptt import linear, run, stack
from bptt.cell import AnyCell
from bptt.linear_cell import is_linear
from bptt.losses import cross_entropy
from bptt.run import OverTime
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

Loss: TypeAlias = Callable[[Array, ArrayLike], tuple[float, Array]]


class Params(NamedTuple):
    """The weights of the model, or a gradient with respect to them."""

    layers: Annotated[tuple[Any, ...], "the weights of each layer, from the lowest"]
    W_y: Annotated[Array, "H K", "from the outputs of the highest layer"]
    b_y: Annotated[Array, "K", "the bias of the readout"]


def init(
    cell: AnyCell,
    input_size: int,
    hidden_size: int,
    output_size: int,
    *,
    layers: int = 1,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> Params:
    """Draw initial weights: each layer by the cell's own `init`, $W_y$ by Glorot, $b_y = 0$.

    Parameters
    ----------
    output_size : int
        K, how many numbers are predicted at a step.
    layers : int
        L, the number of layers, H units each.

    Raises
    ------
    TypeError
        If `dtype` is not a floating-point one.
    ValueError
        If a size or the number of layers is below 1.
    """
    if check_whole("deep.init", "output_size", output_size) < 1:
        raise ValueError(f"deep.init: output_size must be at least 1, got {shown(output_size)}")
    return Params(
        layers=stack.init(cell, input_size, hidden_size, layers=layers, rng=rng, dtype=dtype),
        W_y=glorot(hidden_size, output_size, rng=rng, dtype=dtype),
        b_y=np.zeros(output_size, dtype),
    )


def over_time(cell: AnyCell) -> OverTime:
    """Return `bptt.linear` for a cell that is linear in its state, else what `run.of` returns."""
    linear_run: Any = linear  # for linear cells only, which the type of a run does not say
    return linear_run if is_linear(cell) else run.of(cell)


def outputs(cell: AnyCell, params: Params, xs: ArrayLike) -> Array:
    """Predict at every step: K numbers, of shape (T, B, K).

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If the weights are not arrays of one floating-point dtype.
    """
    hs, _ = _forward("deep.outputs", cell, params, xs)
    return np.asarray(hs @ params.W_y + params.b_y)


def loss_and_grads(
    cell: AnyCell, params: Params, xs: ArrayLike, targets: ArrayLike, loss: Loss = cross_entropy
) -> tuple[float, Params]:
    """Loss of the predictions at the last N steps, and its gradient.

    Parameters
    ----------
    targets : array_like of shape (N, B) or (N, B, K)
        What to predict at the last N of the T steps, as the loss takes it.
    loss : callable
        Takes the predictions (N, B, K) and the targets, returns the loss and its derivative: one of
        `bptt.losses`.

    Returns
    -------
    loss : float
        In the unit of the loss.
    grads : Params
        The gradient with respect to every weight.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If the weights are not arrays of one floating-point dtype, or a target is no number.
    ValueError
        If a target is not a class, with cross-entropy.
    """
    where = "deep.loss_and_grads"
    hs, tapes = _forward(where, cell, params, xs)
    T, N = len(hs), len(np.atleast_1d(targets))
    if N > T:
        raise ShapeError(f"{where}: targets has {N} steps, xs only {T}")
    read = hs[T - N :]
    value, dys = loss(read @ params.W_y + params.b_y, targets)
    dhs = np.concatenate([np.zeros_like(hs[: T - N]), dys @ params.W_y.T])
    dlayers = []
    for weights, tape in zip(params.layers[::-1], tapes[::-1], strict=True):
        dweights, dhs, _ = over_time(cell).backward(cell, weights, tape, dhs)
        dlayers.append(dweights)
    steps = ((0, 1), (0, 1))
    return value, Params(tuple(dlayers[::-1]), np.tensordot(read, dys, steps), dys.sum(axis=(0, 1)))


def _forward(where: str, cell: AnyCell, params: Params, xs: ArrayLike) -> tuple[Array, list[Any]]:
    """Run the layers, once the readout fits; return the highest outputs and all tapes."""
    check_type(where, "params", params, Params)
    hs: Any = xs
    tapes = []
    for weights in params.layers:
        hs, _, tape = over_time(cell).forward(cell, weights, hs)
        tapes.append(tape)
    check_weights(where, [hs, params.W_y, params.b_y])
    W_y = check_shape(where, "params.W_y", params.W_y, "H K", H=hs.shape[-1])
    check_shape(where, "params.b_y", params.b_y, "K", K=W_y.shape[1])
    return hs, tapes
