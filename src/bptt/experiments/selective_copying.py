r"""Can layers of a linear recurrence copy tokens in order? Depth against the number of tokens.

Minimal GRUs of one, two and three layers copy k tokens that stand among blanks; beside them a GRU
of one layer, whose gates read the state. All have the same number of weights, within five percent,
the same number of steps and of sequences, and a learning rate of their own, chosen on other seeds.
"""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import deep, gru, mingru, tasks
from bptt.cell import AnyCell
from bptt.experiments.plan import shared, tune_then_test
from bptt.experiments.training import curve, fit


class Arm(NamedTuple):
    """A network that is compared."""

    cell: Annotated[AnyCell, "the cell of all layers"]
    layers: Annotated[int, "how many"]
    hidden_size: Annotated[int, "H, the hidden units of each"]


# Their weights are 1390, 1412, 1380 and 1444 with 4 kinds of token, the readout included.
ARMS = {
    "minGRU, 1 layer": Arm(mingru, 1, 77),
    "minGRU, 2 layers": Arm(mingru, 2, 22),
    "minGRU, 3 layers": Arm(mingru, 3, 16),
    "GRU, 1 layer": Arm(gru, 1, 18),
}


@dataclass(frozen=True)
class Settings:
    """What is run: every arm with every number of tokens, and every rate on the tuning seeds."""

    arms: Annotated[tuple[str, ...], "which of `ARMS`"] = tuple(ARMS)
    tokens: Annotated[tuple[int, ...], "k, the tokens to copy"] = (2, 4, 8)
    rates: Annotated[tuple[float, ...], "learning rates to choose from"] = (
        5e-3,
        1e-2,
        2e-2,
        4e-2,
        8e-2,
        0.16,
    )
    easy: Annotated[
        tuple[int, ...], "k that a rate of the lower half solves: no other is tried"
    ] = (2,)
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose the rate"] = (100, 101)
    seeds: Annotated[tuple[int, ...], "the seeds of the test runs"] = tuple(range(10))
    steps: Annotated[int, "training steps"] = 1200
    tuning_steps: Annotated[int, "training steps of a tuning run"] = 800
    longer: Annotated[tuple[str, ...], "arms that are also trained for longer"] = (
        "minGRU, 1 layer",
    )
    longer_tokens: Annotated[int, "k of those"] = 4
    longer_steps: Annotated[int, "training steps of those"] = 4800
    longer_rate: Annotated[float, "the learning rate of those"] = 2e-2
    T: Annotated[int, "the steps among which the tokens stand"] = 12
    kinds: Annotated[int, "K, the kinds of token"] = 4
    batch: Annotated[int, "B, the sequences of a training step"] = 16
    max_norm: Annotated[float, "the largest global norm of a gradient, by clipping"] = 1.0


FULL = Settings()
REDUCED = Settings(
    arms=("minGRU, 1 layer", "minGRU, 3 layers"),
    tokens=(4,),
    rates=(1e-2,),
    tuning_seeds=(),
    seeds=(0, 1),
    steps=500,
    longer=(),
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the tuning runs, then those on the test seeds, with the rates of the lowest `loss`.

    Last come those that are trained for longer, with one rate.
    """
    names = ("arms", "tokens", "rates", "easy", "tuning_seeds", "seeds", "tuning_steps")
    same = shared(settings, *names, "longer", "longer_tokens", "longer_steps", "longer_rate")
    rows = [{"arm": arm, "tokens": k, **same} for arm in settings.arms for k in settings.tokens]
    both = tune_then_test(
        settings,
        runs,
        rows,
        rates=lambda row: _rates(settings, row["tokens"]),
        rank=lambda score: (score["loss"],),
        tuning={"steps": settings.tuning_steps},
    )
    again = [
        {**case, "steps": settings.longer_steps, "lr": settings.longer_rate}
        for case in both
        if case["seed"] in settings.seeds
        and case["arm"] in settings.longer
        and case["tokens"] == settings.longer_tokens
    ]
    return both + again


def _rates(settings: Settings, tokens: int) -> tuple[float, ...]:
    """Return the rates that are tried for so many tokens."""
    half = max(1, len(settings.rates) // 2)
    return settings.rates[:half] if tokens in settings.easy else settings.rates


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network and test it.

    `accuracy` is the share of right tokens in 50 new batches, and `places` that at each query;
    `whole` the share of sequences without a mistake; `loss` the mean over the last 20 training
    batches in nats, and `losses` that over each twentieth of the training.
    """
    rng = np.random.default_rng(case["seed"])
    cell, layers, H = ARMS[case["arm"]]
    k, K = case["tokens"], case["kinds"]
    task = tasks.SelectiveCopying(case["T"], k, K)
    params = deep.init(cell, K + 2, H, K, layers=layers, rng=rng, dtype=np.float32)
    history = fit(lambda p, b: deep.loss_and_grads(cell, p, *b), params, task, case, rng=rng)
    test = task.draw(50 * case["batch"], rng=rng)
    right = deep.outputs(cell, history.params, test.xs)[-k:].argmax(axis=-1) == test.targets
    return {
        "accuracy": float(right.mean()),
        "whole": float(right.all(axis=0).mean()),
        "places": right.mean(axis=1).tolist(),
        "loss": float(history.loss[-20:].mean()),
        "losses": curve(history.loss),
    }
