"""The training loop."""

import math
from collections.abc import Callable
from typing import Annotated, Generic, NamedTuple, TypeVar

import numpy as np

from bptt import progress
from bptt.optim import NonFiniteGradient, Optimizer, clip_global_norm
from bptt.shapes import Array, check_shape, check_whole, shown

B = TypeVar("B")
P = TypeVar("P")


class History(NamedTuple, Generic[P]):
    """What a training run leaves."""

    params: Annotated[P, "the weights after the last step"]
    loss: Annotated[Array, "steps", "what `loss_and_grads` gave for each batch, before its step"]
    norm: Annotated[Array, "steps", "the L2 norm of each gradient before clipping"]


def fit(
    loss_and_grads: Callable[[P, B], tuple[float, P]],
    params: P,
    draw: Callable[[], B],
    *,
    steps: int,
    optimizer: Optimizer,
    max_norm: float = math.inf,
) -> History[P]:
    """Train: draw a batch, clip its gradient, take a step; again.

    A terminal shows a progress bar, if `tqdm` is installed (`bptt[train]`).

    Parameters
    ----------
    loss_and_grads : callable
        Takes the weights and a batch, returns the loss and the gradient.
    params : Params
        The weights to start from.
    draw : callable
        Returns the next batch.
    steps : int
        The number of steps.
    optimizer : Optimizer
        How to step, for example `optim.Adam()`.
    max_norm : float
        The largest global norm of a gradient; no clipping by default.

    Raises
    ------
    NonFiniteGradient
        If a gradient holds NaN or infinity, or its norm overflows; a note says at which step.
    ShapeError
        If a loss is an array of more than one number.
    TypeError
        If `steps` is no whole number, `optimizer` is none, or a loss is no number.
    ValueError
        If `steps` is negative, or a loss is NaN.
    """
    if check_whole("train.fit", "steps", steps) < 0:
        raise ValueError(f"train.fit: steps must be zero or more, got {shown(steps)}")
    if isinstance(optimizer, type) or not isinstance(optimizer, Optimizer):
        raise TypeError(
            "train.fit: optimizer must have init and update, such as optim.Adam(), "
            f"got {shown(optimizer)}"
        )
    state = optimizer.init(params)
    losses, norms = [], []
    for step in progress.shown(range(steps), unit="step"):
        loss, grads = loss_and_grads(params, draw())
        try:
            clipped, norm = clip_global_norm(grads, max_norm)
            if np.isnan(check_shape("train.fit", "the loss", loss, "")):
                raise ValueError(f"train.fit: the loss of step {step + 1} of {steps} is NaN")
            params, state = optimizer.update(params, clipped, state)
        except NonFiniteGradient as error:
            error.add_note(
                f"train.fit: this was step {step + 1} of {steps}, with loss {shown(loss, str)}"
            )
            raise
        losses.append(loss)
        norms.append(norm)
    return History(params, np.array(losses), np.array(norms))
