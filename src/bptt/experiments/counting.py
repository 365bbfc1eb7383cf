r"""Which cells learn to flip a switch, and which to count? Parity and brackets, beyond training.

All arms have about as many weights. Each gets the same steps, and on each task a learning rate of
its own, chosen on other seeds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import deep, diagonal, gru, lstm, mingru, rnn, tasks, train
from bptt.cell import AnyCell
from bptt.experiments.plan import shared, tune_then_test
from bptt.experiments.training import curve
from bptt.optim import Adam
from bptt.shapes import Array
from bptt.tasks import Batch


class Arm(NamedTuple):
    """A network of an arm.

    Attributes
    ----------
    cell : module
        The cell.
    layers : int
        How many layers it has.
    hidden_size : dict of str to int
        H, the units of a layer, on each task that the arm runs on.
    """

    cell: AnyCell
    layers: int
    hidden_size: dict[str, int]


# The units are chosen so that the networks of a task have about as many weights. An arm runs on the
# tasks for which it has units.
ARMS = {
    "fading": Arm(diagonal.fading, 1, {"parity": 53, "brackets": 32}),
    "fading, 2 layers": Arm(diagonal.fading, 2, {"parity": 11}),
    "minGRU": Arm(mingru, 1, {"brackets": 32}),
    "signed": Arm(diagonal.signed, 1, {"parity": 53, "brackets": 32}),
    "tanh": Arm(rnn, 1, {"parity": 16, "brackets": 15}),
    "GRU": Arm(gru, 1, {"parity": 9, "brackets": 8}),
    "LSTM": Arm(lstm, 1, {"parity": 8, "brackets": 7}),
}


@dataclass(frozen=True)
class Settings:
    """What is run: every arm on both tasks, with every rate on the tuning seeds."""

    arms: Annotated[tuple[str, ...], "which of `ARMS`"] = tuple(ARMS)
    asked: Annotated[tuple[str, ...], "`parity`, `brackets`"] = ("parity", "brackets")
    rates: Annotated[tuple[float, ...], "learning rates to choose from"] = (3e-3, 1e-2, 3e-2)
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose the rate"] = (100,)
    seeds: Annotated[tuple[int, ...], "the seeds of the test runs"] = tuple(range(10))
    steps: Annotated[int, "training steps"] = 1000
    T: Annotated[int, "the length of a string in training"] = 40
    max_depth: Annotated[int, "the largest number of open brackets in training"] = 8
    test_T: Annotated[int, "the length of a test string"] = 256
    test_depth: Annotated[int, "the largest number of open brackets in the deep test"] = 64
    test: Annotated[int, "the strings of a test"] = 250
    batch: Annotated[int, "B, the strings of a training step"] = 32
    max_norm: Annotated[float, "the largest global norm of a gradient, by clipping"] = 1.0


FULL = Settings()
REDUCED = Settings(
    arms=("fading", "signed"),
    asked=("parity",),
    rates=(3e-2,),
    tuning_seeds=(),
    seeds=(0, 1),
    steps=300,
    test_T=128,
    test=100,
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the tuning runs, then those on the test seeds, with the rates of the lowest `loss`."""
    varied = ("arms", "asked", "rates", "tuning_seeds", "seeds")
    only_brackets = ("max_depth", "test_depth")
    same = {
        "parity": shared(settings, *varied, *only_brackets),
        "brackets": shared(settings, *varied),
    }
    rows = [
        {"task": task, "arm": arm, **same[task]}
        for task in settings.asked
        for arm in settings.arms
        if task in ARMS[arm].hidden_size
    ]
    return tune_then_test(
        settings, runs, rows, rates=lambda _: settings.rates, rank=lambda score: (score["loss"],)
    )


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network in float32, and test it beyond what it was trained on.

    `loss` is the mean over the last 20 training batches in nats, and `losses` the mean over each
    twentieth of the training. The tests are those of `test_parity` and `test_brackets`.
    """
    rng = np.random.default_rng(case["seed"])
    arm, parity = ARMS[case["arm"]], case["task"] == "parity"
    T = case["T"]
    task: Any = tasks.Parity(T) if parity else tasks.Brackets(T, case["max_depth"])
    inputs = 1 if parity else 3
    params = deep.init(
        arm.cell,
        inputs,
        arm.hidden_size[case["task"]],
        2,
        layers=arm.layers,
        rng=rng,
        dtype=np.float32,
    )
    fresh = batches(task, case["batch"], rng=rng)
    history = train.fit(
        lambda weights, batch: deep.loss_and_grads(arm.cell, weights, *batch),
        params,
        lambda: next(fresh),
        steps=case["steps"],
        optimizer=Adam(lr=case["lr"]),
        max_norm=case["max_norm"],
    )
    test = test_parity if parity else test_brackets
    return {
        **test(arm.cell, history.params, case, rng=rng),
        "loss": float(history.loss[-20:].mean()),
        "losses": curve(history.loss),
    }


def batches(task: Any, batch: int, *, rng: np.random.Generator) -> Iterator[Batch]:
    """Yield fresh batches without end, fifty of them drawn at once, which takes less time.

    Parameters
    ----------
    task : object
        One of `bptt.tasks`.
    batch : int
        The sequences of each batch.
    """
    while True:
        xs, targets = task.draw(50 * batch, rng=rng)
        for first in range(0, 50 * batch, batch):
            yield Batch(xs[:, first : first + batch], targets[:, first : first + batch])


def answers(cell: AnyCell, params: deep.Params, xs: Array) -> Array:
    """Return the class that a network names at each step, of shape (T, B)."""
    named: Array = deep.outputs(cell, params, xs).argmax(axis=-1)
    return named


def test_parity(
    cell: AnyCell, params: deep.Params, case: dict[str, Any], *, rng: np.random.Generator
) -> dict[str, Any]:
    """Test on longer strings of bits.

    `by_step` is the share of right answers in each block of 8 steps, `trained` that at the lengths
    of training, `end` that at the last 8 lengths. `shuffled` is `end` against the targets of
    another string. `changes` counts how often the answer changes on a string of ones.
    """
    xs, targets = tasks.Parity(case["test_T"]).draw(case["test"], rng=rng)
    named = answers(cell, params, xs)
    right = (named == targets).mean(axis=1)
    of_another = (named == np.roll(targets, 1, axis=1)).mean(axis=1)
    on_ones = answers(cell, params, np.ones((case["test_T"], 1, 1)))[:, 0]
    return {
        "by_step": right.reshape(-1, 8).mean(axis=1).round(4).tolist(),
        "trained": float(right[: case["T"]].mean()),
        "end": float(right[-8:].mean()),
        "shuffled": float(of_another[-8:].mean()),
        "changes": int((on_ones[1:] != on_ones[:-1]).sum()),
    }


def test_brackets(
    cell: AnyCell, params: deep.Params, case: dict[str, Any], *, rng: np.random.Generator
) -> dict[str, Any]:
    """Test on longer and deeper strings of brackets.

    `trained`, `long` and `deep` are the shares of strings that are right at every step: of the
    length and depth of training, of the test length, and of the test depth as well. `balanced` is
    the mean of two shares of right answers in the last, where all is closed and where not, so a
    guess is right half the time. `shuffled` is the same against the targets of another string.
    `nested` is the depth up to which n brackets that open, and then close, are right throughout.
    """
    T, max_depth, test_T = case["T"], case["max_depth"], case["test_T"]
    tests = {"trained": (T, max_depth), "long": (test_T, max_depth)}
    tests["deep"] = (test_T, case["test_depth"])
    scores: dict[str, Any] = {}
    for name, (length, depth) in tests.items():
        xs, targets = tasks.Brackets(length, depth).draw(case["test"], rng=rng)
        named = answers(cell, params, xs)
        scores[name] = float((named == targets).all(axis=0).mean())
    scores["balanced"] = balanced(named, targets)
    scores["shuffled"] = balanced(named, np.roll(targets, 1, axis=1))
    n = np.arange(1, test_T // 2 + 1)
    step = np.arange(test_T)[:, None]
    symbols = np.where(step < n, 0, np.where(step < 2 * n, 1, 2))
    closed = step >= 2 * n - 1
    right = (answers(cell, params, np.eye(3)[symbols]) == closed) | (step >= 2 * n)
    scores["nested"] = int(np.append(right.all(axis=0), False).argmin())
    return scores


def balanced(named: Array, targets: Array) -> float:
    """Return the mean over both classes of the share of right answers.

    Parameters
    ----------
    named, targets : ndarray of shape (T, B)
        Classes, 0 or 1.
    """
    return float(np.mean([(named[targets == k] == k).mean() for k in (0, 1)]))
