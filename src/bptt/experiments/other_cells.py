r"""The tasks of part two, asked of the cells that their own experiments left out.

Each task has the sizes of the experiment that it comes from: the same length, batch and number of
steps, and about as many weights, for recall as many numbers of state. Each cell has a learning rate
of its own on each task, chosen on other seeds.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import deep, diagonal, gru, lstm, mingru, rnn, tasks, tree
from bptt.cell import AnyCell
from bptt.experiments.plan import shared, tune_then_test
from bptt.experiments.training import curve, fit
from bptt.losses import cross_entropy, squared_error
from bptt.shapes import Array
from bptt.weights import chrono

CELLS: dict[str, AnyCell] = {
    "tanh": rnn,
    "GRU": gru,
    "LSTM": lstm,
    "minGRU": mingru,
    "[0, 1]": diagonal.fading,
    "[-1, 1]": diagonal.signed,
}


class Task(NamedTuple):
    """What is asked of a network."""

    train: Annotated[Any, "what draws the batches of a training"]
    test: Annotated[Any, "what draws those of a test"]
    asked: Annotated[int, "how many of the last steps of a test count"]
    I: Annotated[int, "the inputs"]
    K: Annotated[int, "the outputs"]
    longest: Annotated[int, "the longest time of the chrono start; 0 for each cell's own start"] = 0
    loss: Annotated[Callable[..., tuple[float, Array]], "one of `bptt.losses`"] = cross_entropy


TASKS = {
    "adding": Task(tasks.Adding(100), tasks.Adding(100), 1, 2, 1, 100, squared_error),
    "copying": Task(tasks.Copying(50), tasks.Copying(50), 10, 10, 10, 70),
    "selective copying": Task(
        tasks.SelectiveCopying(12, 4, 4), tasks.SelectiveCopying(12, 4, 4), 4, 6, 4
    ),
    "parity": Task(tasks.Parity(40), tasks.Parity(256), 8, 1, 2),
    "recall": Task(tasks.Recall(8, 0, 8), tasks.Recall(8, 0, 8), 8, 32, 16),
    "recall, rewritten": Task(tasks.Recall(8, 8, 8), tasks.Recall(8, 8, 8), 8, 32, 16),
}


@dataclass(frozen=True)
class Settings:
    """What is run: each task with its cells, and every rate on the tuning seeds."""

    rows: Annotated[
        tuple[tuple[str, int, int, int, tuple[str, ...]], ...],
        "task, training steps, batch, about how many weights (0 for 64 units), some of `CELLS`",
    ] = (
        ("adding", 600, 20, 1760, ("GRU", "minGRU", "[0, 1]", "[-1, 1]")),
        ("copying", 600, 20, 2450, ("GRU", "minGRU", "[0, 1]", "[-1, 1]")),
        ("selective copying", 1200, 16, 1400, ("tanh", "LSTM", "[0, 1]", "[-1, 1]")),
        ("parity", 1000, 32, 322, ("minGRU",)),
        ("recall", 250, 32, 0, ("tanh", "GRU", "minGRU", "[0, 1]", "[-1, 1]")),
        ("recall, rewritten", 250, 32, 0, ("tanh", "GRU", "minGRU", "[0, 1]", "[-1, 1]")),
    )
    rates: Annotated[tuple[float, ...], "learning rates to choose from"] = (3e-3, 1e-2, 3e-2)
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose the rate"] = (100, 101)
    seeds: Annotated[tuple[int, ...], "the seeds of the test runs"] = tuple(range(10))
    max_norm: Annotated[float, "the largest global norm of a gradient, by clipping"] = 1.0


FULL = Settings()
REDUCED = Settings(
    rows=(("recall", 60, 32, 0, ("tanh",)), ("parity", 60, 32, 322, ("minGRU",))),
    rates=(1e-2,),
    tuning_seeds=(),
    seeds=(0,),
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the tuning runs, then those on the test seeds, with the rates of the lowest `loss`."""
    same = shared(settings, "rows", "rates", "tuning_seeds", "seeds")
    rows = [
        {"task": task, "arm": arm, "steps": steps, "batch": batch, "H": units(arm, task, weights)}
        | same
        for task, steps, batch, weights, arms in settings.rows
        for arm in arms
    ]
    return tune_then_test(
        settings, runs, rows, rates=lambda _: settings.rates, rank=lambda score: (score["loss"],)
    )


def units(arm: str, task: str, weights: int) -> int:
    """Return how many units bring a network nearest to a number of weights; 64 for none.

    Parameters
    ----------
    arm : str
        One of `CELLS`.
    task : str
        One of `TASKS`.
    weights : int
        The number, the readout included.
    """
    rng = np.random.default_rng(0)

    def off(H: int) -> int:
        params = deep.init(CELLS[arm], TASKS[task].I, H, TASKS[task].K, rng=rng)
        return abs(sum(array.size for _, array in tree.leaves(params)) - weights)

    return min(range(1, 300), key=off) if weights else 64


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network in float32 and test it on 500 new sequences.

    `test` is the share of right answers, for `adding` the mean squared error as a share of that of
    the best guess without the input. `loss` is the mean over the last 20 training batches, and
    `losses` that over each twentieth of the training.
    """
    rng = np.random.default_rng(case["seed"])
    cell, task = CELLS[case["arm"]], TASKS[case["task"]]
    params = initial(case["arm"], task, case["H"], rng=rng)
    history = fit(
        lambda weights, batch: deep.loss_and_grads(cell, weights, *batch, task.loss),
        params,
        task.train,
        case,
        rng=rng,
    )
    xs, targets = task.test.draw(500, rng=rng)
    outputs, targets = deep.outputs(cell, history.params, xs)[-task.asked :], targets[-task.asked :]
    adding = task.loss is squared_error
    return {
        "test": squared_error(outputs, targets)[0] / task.test.null_loss
        if adding
        else float((outputs.argmax(axis=-1) == targets).mean()),
        "loss": float(history.loss[-20:].mean()),
        "losses": curve(history.loss),
    }


def initial(arm: str, task: Task, H: int, *, rng: np.random.Generator) -> deep.Params:
    r"""Draw the weights that a run starts from.

    For the long tasks, as for the LSTM of `long_memory`: the factor that keeps the state begins at
    $\sigma(b)$ with the chrono biases b, and the readout is small and begins with what knowing
    nothing would say.

    Parameters
    ----------
    arm : str
        One of `CELLS`.
    task : Task
        One of `TASKS`.
    H : int
        The units.
    """
    dtype = np.float32
    params = deep.init(CELLS[arm], task.I, H, task.K, rng=rng, dtype=dtype)
    if not task.longest:
        return params
    (layer,) = params.layers
    b = chrono(H, task.longest, rng=rng, dtype=dtype)
    keeps = {  # the block of the biases, and what it begins with
        "GRU": (1, b),
        "minGRU": (0, -b),
        "[0, 1]": (0, b),
        "[-1, 1]": (0, np.arctanh(1 / (1 + np.exp(-b)))),
    }
    block, begins = keeps[arm]
    biases = layer.b.copy()
    biases[block * H : (block + 1) * H] = begins
    if task.K == 1:
        b_y = np.ones(1, dtype)
    else:  # a symbol each, the blank, and the sign as seldom as a symbol
        each = 10 / 8 / task.longest
        b_y = np.log([*[each] * 8, 1 - 10 / task.longest, each]).astype(dtype)
    return deep.Params((layer._replace(b=biases),), params.W_y * dtype(0.1), b_y)
