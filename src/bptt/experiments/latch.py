r"""Does a cell learn to hold one bit? Cells and forget biases against the length T.

Every cell gets the same budget of steps, and a learning rate of its own, chosen on other seeds.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import lstm, model, rnn, tasks, weights
from bptt.cell import AnyCell
from bptt.experiments.plan import shared, tune_then_test
from bptt.experiments.training import accuracy, curve, fit, losses_of

# The name of a start, and the cell that it belongs to.
STARTS: dict[str, AnyCell] = {
    "tanh": rnn,
    "lstm, bias 0": lstm,
    "lstm, bias 1": lstm,
    "lstm, bias 3": lstm,
    "lstm, chrono": lstm,
}


@dataclass(frozen=True)
class Settings:
    """What is run: every start at every length, with every rate on the tuning seeds."""

    starts: Annotated[tuple[str, ...], "which of `STARTS`"] = tuple(STARTS)
    lengths: Annotated[tuple[int, ...], "the lengths T of a sequence, in steps"] = (50, 100, 200)
    rates: Annotated[tuple[float, ...], "learning rates to choose from"] = (1e-3, 3e-3, 1e-2, 3e-2)
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose the rate"] = (100, 101, 102)
    seeds: Annotated[tuple[int, ...], "the seeds of the test runs"] = tuple(range(10))
    steps: Annotated[int, "training steps"] = 400
    hidden_size: Annotated[int, "H, the number of hidden units"] = 16
    batch: Annotated[int, "B, the sequences of a training step"] = 32
    max_norm: Annotated[float, "the largest global norm of a gradient, by clipping"] = 1.0


FULL = Settings()
REDUCED = Settings(
    starts=("lstm, bias 0", "lstm, chrono"),
    lengths=(50,),
    rates=(1e-2,),
    tuning_seeds=(),
    seeds=(0, 1),
    steps=150,
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the tuning runs, then those on the test seeds, with the rates of the lowest `loss`."""
    same = shared(settings, "starts", "lengths", "rates", "tuning_seeds", "seeds")
    rows = [{"start": start, "T": T, **same} for start in settings.starts for T in settings.lengths]
    return tune_then_test(
        settings, runs, rows, rates=lambda _: settings.rates, rank=lambda score: (score["loss"],)
    )


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network and test it.

    `accuracy` on 20 new batches, `loss` as the mean over the last 20 training batches in nats, and
    `losses`, the mean over each twentieth of the training.
    """
    rng = np.random.default_rng(case["seed"])
    params = initial(case["start"], case["T"], case["hidden_size"], rng=rng)
    return train_and_test(STARTS[case["start"]], params, case, rng=rng)


def train_and_test(
    cell: AnyCell, params: Any, case: dict[str, Any], *, rng: np.random.Generator
) -> dict[str, Any]:
    """Train one network from the weights it is given, and score it as `score` does."""
    task = tasks.Latch(case["T"])
    history = fit(losses_of(cell), params, task, case, rng=rng)
    return {
        "accuracy": accuracy(cell, history.params, task.draw(20 * case["batch"], rng=rng)),
        "loss": float(history.loss[-20:].mean()),
        "losses": curve(history.loss),
    }


def initial(start: str, T: int, hidden_size: int, *, rng: np.random.Generator) -> Any:
    """Draw the weights that a run starts from, as the `Params` of a model.

    Parameters
    ----------
    start : str
        One of `STARTS`. The chrono start uses T.
    """
    params = model.init(STARTS[start], 1, hidden_size, 2, rng=rng)
    if start == "tanh":
        return params
    zero = np.zeros(hidden_size)
    if start == "lstm, chrono":
        b_f = weights.chrono(hidden_size, T, rng=rng)
        b = np.concatenate([-b_f, b_f, zero, zero])
    else:
        b = np.concatenate([zero, zero + float(start.removeprefix("lstm, bias ")), zero, zero])
    return params._replace(cell=params.cell._replace(b=b))
