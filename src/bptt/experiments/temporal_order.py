r"""Does clipping help to learn? Success on the temporal order task against the length T.

SGD and Adam, each with and without clipping, get the same budget of steps, and at each length a
learning rate of their own, chosen on other seeds.
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt import model, rnn, tasks, train, tree
from bptt.experiments.tuning import mean_scores, tune_then_test
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
    """What is run: every arm at every length, with every rate of its grid on the tuning seeds.

    Attributes
    ----------
    arms : tuple of str
        Which of `ARMS`.
    lengths : tuple of int
        The lengths T of the sequences, in steps.
    sgd_rates : tuple of float
        The learning rates that both arms of SGD choose from.
    adam_rates : tuple of float
        Those of both arms of Adam.
    tuning_seeds : tuple of int
        The seeds that decide about the rates.
    seeds : tuple of int
        The seeds that are reported, with the rates that were best.
    steps : int
        Training steps.
    hidden_size : int
        H, the number of hidden units.
    batch : int
        B, the sequences of a training step.
    """

    arms: tuple[str, ...] = tuple(ARMS)
    lengths: tuple[int, ...] = (20, 35, 50)
    sgd_rates: tuple[float, ...] = (3e-3, 1e-2, 3e-2, 1e-1, 3e-1)
    adam_rates: tuple[float, ...] = (3e-4, 1e-3, 3e-3)
    tuning_seeds: tuple[int, ...] = (100, 101)
    seeds: tuple[int, ...] = tuple(range(10))
    steps: int = 1000
    hidden_size: int = 50
    batch: int = 20


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

    Parameters
    ----------
    settings : Settings
        What to run.
    runs : list of Run
        The runs so far.

    Returns
    -------
    list of dict
        The cases; `score` takes one.
    """
    s = settings
    shared = {"steps": s.steps, "hidden_size": s.hidden_size, "batch": s.batch}
    return tune_then_test(
        s,
        runs,
        [{"arm": arm, "T": T, **shared} for arm in s.arms for T in s.lengths],
        rates=lambda row: rates(s, row["arm"]),
        best=lambda row: best_rate(s, runs, row["arm"], row["T"]),
    )


def rates(settings: Settings, arm: str) -> tuple[float, ...]:
    """Return the learning rates that an arm may choose from.

    Parameters
    ----------
    settings : Settings
        What to run.
    arm : str
        One of `ARMS`.

    Returns
    -------
    tuple of float
        The same for both arms of an optimiser.
    """
    return settings.adam_rates if ARMS[arm][0] is Adam else settings.sgd_rates


def best_rate(settings: Settings, runs: list[Any], arm: str, T: int) -> float:
    """Return the rate with the highest accuracy, averaged over the tuning seeds.

    Parameters
    ----------
    settings : Settings
        What was run.
    runs : list of Run
        The runs so far, those on the tuning seeds among them.
    arm : str
        Which arm.
    T : int
        The length.

    Returns
    -------
    float
        The rate. Of rates with equal accuracy, the one with the lowest final loss.
    """
    choice = rates(settings, arm)
    if not settings.tuning_seeds:
        return choice[0]

    def order(lr: float) -> tuple[float, float]:
        names = ["accuracy", "loss"]
        accuracy, loss = mean_scores(settings, runs, names, arm=arm, T=T, lr=lr)
        return -float(accuracy), float(loss)

    return min(choice, key=order)


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network and test it.

    Parameters
    ----------
    case : dict
        The arm, the length T, the learning rate, the seed and the budget.

    Returns
    -------
    dict
        `accuracy` on 2,000 new sequences; `loss`, the mean over the last twentieth of the
        training in nats; `losses`, the mean over each twentieth; `norms`, the quartiles and the
        maximum of the gradient's norm over the steps; `steps`, how many were taken. A gradient
        that is not finite ends the training: the accuracy is then zero.
    """
    rng = np.random.default_rng(case["seed"])
    task = tasks.TemporalOrder(case["T"])
    optimizer, max_norm = ARMS[case["arm"]]
    seen = []  # the loss and the norm at each step

    def loss_and_grads(params: Any, batch: tasks.Batch) -> tuple[float, Any]:
        loss, grads = model.loss_and_grads(rnn, params, *batch)
        seen.append([loss, tree.global_norm(grads)])
        return loss, grads

    try:
        history = train.fit(
            loss_and_grads,
            model.init(rnn, 6, case["hidden_size"], 4, rng=rng),
            lambda: task.draw(case["batch"], rng=rng),
            steps=case["steps"],
            optimizer=optimizer(lr=case["lr"]),
            max_norm=max_norm,
        )
    except NonFiniteGradient:
        del seen[-1]
        accuracy = 0.0
    else:
        test = task.draw(2000, rng=rng)
        answers = model.logits(rnn, history.params, test.xs)[-1].argmax(axis=-1)
        accuracy = float((answers == test.targets[0]).mean())
    losses, norms = np.transpose(seen)
    parts = np.array_split(losses, min(20, len(losses)))  # a failure may leave fewer
    curve = [float(part.mean().round(4)) for part in parts]
    return {
        "accuracy": accuracy,
        "loss": curve[-1],
        "losses": curve,
        "norms": [float(f"{q:.3g}") for q in np.quantile(norms, [0.25, 0.5, 0.75, 1])],
        "steps": len(seen),
    }
