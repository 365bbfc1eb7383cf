r"""Does clipping help to learn? Success on the temporal order task against the length T.

SGD and Adam, each with and without clipping, get the same budget of steps, and at each length a
learning rate of their own, chosen on other seeds.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import model, rnn, tasks, tree
from bptt.experiments.plan import shared, tune_then_test
from bptt.experiments.training import accuracy, curve, fit, losses_of
from bptt.optim import SGD, Adam, NonFiniteGradient

# The name of an arm, its optimiser, and the largest norm that it allows.
ARMS = {
    "SGD": (SGD, math.inf),
    "SGD, clipped": (SGD, 1.0),
    "Adam": (Adam, math.inf),
    "Adam, clipped": (Adam, 1.0),
}


@dataclass(frozen=True)
class Settings:
    """What is run: every arm at every length, with every rate of its grid on the tuning seeds."""

    arms: Annotated[tuple[str, ...], "which of `ARMS`"] = tuple(ARMS)
    lengths: Annotated[tuple[int, ...], "the lengths T of the sequences, in steps"] = (20, 35, 50)
    sgd_rates: Annotated[tuple[float, ...], "for both arms of SGD"] = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
    adam_rates: Annotated[tuple[float, ...], "for both arms of Adam"] = (3e-4, 1e-3, 3e-3)
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that decide about the rates"] = (100, 101)
    seeds: Annotated[tuple[int, ...], "the seeds that are reported"] = tuple(range(10))
    steps: Annotated[int, "training steps"] = 1000
    hidden_size: Annotated[int, "H, the number of hidden units"] = 50
    batch: Annotated[int, "B, the sequences of a training step"] = 20


FULL = Settings()
REDUCED = Settings(
    arms=("SGD", "SGD, clipped"),
    lengths=(20,),
    sgd_rates=(1e-1,),
    tuning_seeds=(),
    seeds=(0, 1),
    steps=300,
    hidden_size=30,
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the tuning runs, then those on the test seeds with the rates that were best.

    The best has the highest `accuracy`, and of equal ones the lowest `loss`.
    """
    varied = ("arms", "lengths", "sgd_rates", "adam_rates", "tuning_seeds", "seeds")
    same = shared(settings, *varied)
    return tune_then_test(
        settings,
        runs,
        [{"arm": arm, "T": T, **same} for arm in settings.arms for T in settings.lengths],
        rates=lambda row: _rates(settings, row["arm"]),
        rank=lambda score: (-score["accuracy"], score["loss"]),
    )


def _rates(settings: Settings, arm: str) -> tuple[float, ...]:
    return settings.adam_rates if ARMS[arm][0] is Adam else settings.sgd_rates


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network and test it.

    `accuracy` on 2,000 new sequences; `loss`, the mean over the last twentieth of the training in
    nats; `losses`, the mean over each twentieth; `norms`, the quartiles and the maximum of the
    gradient's norm over the steps; `steps`, how many were taken. A gradient that is not finite ends
    the training: the accuracy is then zero.
    """
    rng = np.random.default_rng(case["seed"])
    task = tasks.TemporalOrder(case["T"])
    optimizer, max_norm = ARMS[case["arm"]]
    params = model.init(rnn, 6, case["hidden_size"], 4, rng=rng)
    budget = {**case, "max_norm": max_norm}
    seen = []  # the loss and the norm at each step

    def loss_and_grads(params: Any, batch: tasks.Batch) -> tuple[float, Any]:
        loss, grads = losses_of(rnn)(params, batch)
        seen.append([loss, tree.global_norm(grads)])
        return loss, grads

    try:
        history = fit(loss_and_grads, params, task, budget, rng=rng, optimizer=optimizer)
    except NonFiniteGradient:
        del seen[-1]
        right = 0.0
    else:
        right = accuracy(rnn, history.params, task.draw(2000, rng=rng))
    losses, norms = np.transpose(seen)
    return {
        "accuracy": right,
        "loss": curve(losses)[-1],
        "losses": curve(losses),
        "norms": [float(f"{q:.3g}") for q in np.quantile(norms, [0.25, 0.5, 0.75, 1])],
        "steps": len(seen),
    }
