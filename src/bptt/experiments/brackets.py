"""Does an LSTM count? It is asked whether all brackets are closed.

The weights are kept, so that a chapter can look inside the networks that were trained here.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import lstm, model, tasks, tree
from bptt.experiments.plan import shared
from bptt.experiments.training import curve, fit, losses_of


@dataclass(frozen=True)
class Settings:
    """What is run: one network for each seed."""

    seeds: Annotated[tuple[int, ...], "the seeds"] = tuple(range(10))
    T: Annotated[int, "the length of a string, in steps"] = 50
    max_depth: Annotated[int, "the largest number of open brackets"] = 8
    steps: Annotated[int, "training steps"] = 2000
    hidden_size: Annotated[int, "H, the number of hidden units"] = 8
    batch: Annotated[int, "B, the strings of a training step"] = 32
    lr: Annotated[float, "the learning rate of Adam"] = 1e-2
    max_norm: Annotated[float, "the largest global norm of a gradient, by clipping"] = 1.0


FULL = Settings()
REDUCED = Settings(seeds=(0, 1), T=20, max_depth=3, steps=200)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:  # noqa: ARG001  # as every experiment
    """Return one case for each seed."""
    return [{"seed": seed, **shared(settings, "seeds")} for seed in settings.seeds]


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network, round its weights and test it.

    `weights` are all numbers of the network in the order of `tree.ravel`, with four decimals. With
    these weights, on 1,000 new sequences: `accuracy` over all steps, `strings`, the share of
    sequences that are right at every step, and `loss` in nats. `losses` is the mean training loss
    over each twentieth of the training.
    """
    rng = np.random.default_rng(case["seed"])
    task = tasks.Brackets(case["T"], case["max_depth"])
    params = model.init(lstm, 3, case["hidden_size"], 2, rng=rng)
    history = fit(losses_of(lstm), params, task, case, rng=rng)
    weights, unravel = tree.ravel(history.params)
    weights = weights.round(4)
    test = task.draw(1000, rng=rng)
    right = model.logits(lstm, unravel(weights), test.xs).argmax(axis=-1) == test.targets
    return {
        "accuracy": float(right.mean()),
        "strings": float(right.all(axis=0).mean()),
        "loss": model.loss_and_grads(lstm, unravel(weights), *test)[0],
        "losses": curve(history.loss),
        "weights": weights.tolist(),
    }
