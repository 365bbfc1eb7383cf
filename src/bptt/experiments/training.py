"""What the experiments on the tasks have in common: training, curve and accuracy."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bptt import model, train
from bptt.cell import AnyCell
from bptt.optim import Adam, Optimizer
from bptt.shapes import Array
from bptt.tasks import Batch
from bptt.train import History


def fit(
    loss_and_grads: Callable[[Any, Batch], tuple[float, Any]],
    params: Any,
    task: Any,
    case: dict[str, Any],
    *,
    rng: np.random.Generator,
    optimizer: Callable[..., Optimizer] = Adam,
) -> History[Any]:
    """Train on a task with the `lr`, `steps`, `batch` and `max_norm` of a case, by `train.fit`.

    Parameters
    ----------
    loss_and_grads : callable
        Takes the weights and a batch, returns the loss in nats and the gradient.
    task : object
        One of `bptt.tasks`.
    optimizer : callable
        Takes the rate.
    """
    return train.fit(
        loss_and_grads,
        params,
        lambda: task.draw(case["batch"], rng=rng),
        steps=case["steps"],
        optimizer=optimizer(lr=case["lr"]),
        max_norm=case["max_norm"],
    )


def losses_of(cell: AnyCell) -> Callable[[Any, Batch], tuple[float, Any]]:
    """Return `model.loss_and_grads` with one cell, as `fit` takes it."""
    return lambda params, batch: model.loss_and_grads(cell, params, *batch)


def curve(losses: Array) -> list[float]:
    """Return the mean over each twentieth of a training; each of its losses, if they are fewer.

    Parameters
    ----------
    losses : ndarray of shape (steps,)
        The loss of each step.
    """
    parts = np.array_split(losses, min(20, len(losses)))
    return [float(part.mean().round(4)) for part in parts]


def accuracy(cell: AnyCell, params: Any, test: Batch) -> float:
    """Return the share of sequences whose class is right at the last step.

    Parameters
    ----------
    test : Batch
        The sequences, with a class each.
    """
    answers = model.logits(cell, params, test.xs)[-1].argmax(axis=-1)
    return float((answers == test.targets[0]).mean())
