r"""Does a cell learn to hold one bit? Cells and forget biases against the length T.

Every cell gets the same budget of steps, and a learning rate of its own, chosen on other seeds.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt import lstm, model, rnn, tasks, train, weights
from bptt.experiments.tuning import mean_scores, tune_then_test
from bptt.optim import Adam

# The name of a start, and the cell that it belongs to.
STARTS = {
    "tanh": rnn,
    "lstm, bias 0": lstm,
    "lstm, bias 1": lstm,
    "lstm, bias 3": lstm,
    "lstm, chrono": lstm,
}


@dataclass(frozen=True)
class Settings:
    """What is run: every start at every length, with every rate on the tuning seeds.

    Attributes
    ----------
    starts : tuple of str
        Cells with their first weights, named as in `STARTS`.
    lengths : tuple of int
        The lengths T of a sequence, in steps.
    rates : tuple of float
        The learning rates of Adam to choose from.
    tuning_seeds : tuple of int
        The seeds that choose the rate; without any, the first rate is taken.
    seeds : tuple of int
        The seeds of the test runs.
    steps : int
        Training steps.
    hidden_size : int
        H, the number of hidden units.
    batch : int
        B, the sequences of a training step.
    max_norm : float
        The largest global norm of a gradient; a longer one is clipped.
    """

    starts: tuple[str, ...] = tuple(STARTS)
    lengths: tuple[int, ...] = (50, 100, 200)
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2, 3e-2)
    tuning_seeds: tuple[int, ...] = (100, 101, 102)
    seeds: tuple[int, ...] = tuple(range(10))
    steps: int = 400
    hidden_size: int = 16
    batch: int = 32
    max_norm: float = 1.0


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
    """Return the tuning runs and, once they are done, those on the test seeds with the best rates.

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
    shared = {
        "steps": s.steps,
        "hidden_size": s.hidden_size,
        "batch": s.batch,
        "max_norm": s.max_norm,
    }
    return tune_then_test(
        s,
        runs,
        [{"start": start, "T": T, **shared} for start in s.starts for T in s.lengths],
        rates=lambda _: s.rates,
        best=lambda row: best_rate(s, runs, row["start"], row["T"]),
    )


def best_rate(settings: Settings, runs: list[Any], start: str, T: int) -> float:
    """Return the learning rate with the lowest final loss, averaged over the tuning seeds.

    Parameters
    ----------
    settings : Settings
        What was run.
    runs : list of Run
        The runs so far, those on the tuning seeds among them.
    start : str
        Which start.
    T : int
        The length.

    Returns
    -------
    float
        The rate; the smaller one of two that are equal.
    """
    if not settings.tuning_seeds:
        return settings.rates[0]

    def final_loss(lr: float) -> float:
        return float(mean_scores(settings, runs, ["loss"], start=start, T=T, lr=lr)[0])

    return min(settings.rates, key=final_loss)


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network and test it.

    Parameters
    ----------
    case : dict
        The start, the length T, the learning rate, the seed and the budget.

    Returns
    -------
    dict
        `accuracy` on 20 new batches, `loss` as the mean over the last 20 training batches in nats,
        and `losses`, the mean over each twentieth of the training.
    """
    rng = np.random.default_rng(case["seed"])
    params = initial(case["start"], case["T"], case["hidden_size"], rng=rng)
    return train_and_test(STARTS[case["start"]], params, case, rng=rng)


def train_and_test(
    cell: Any, params: Any, case: dict[str, Any], *, rng: np.random.Generator
) -> dict[str, Any]:
    """Train one network from the weights it is given, and test it.

    Parameters
    ----------
    cell : module
        The cell.
    params : Params
        Weights of a model of this cell.
    case : dict
        The length T, the learning rate and the budget.
    rng : numpy.random.Generator
        The source of the batches.

    Returns
    -------
    dict
        As for `score`.
    """
    task = tasks.Latch(case["T"])
    history = train.fit(
        lambda params, batch: model.loss_and_grads(cell, params, *batch),
        params,
        lambda: task.draw(case["batch"], rng=rng),
        steps=case["steps"],
        optimizer=Adam(lr=case["lr"]),
        max_norm=case["max_norm"],
    )
    test = task.draw(20 * case["batch"], rng=rng)
    answers = model.logits(cell, history.params, test.xs)[-1].argmax(axis=-1)
    curve = [float(part.mean().round(4)) for part in np.array_split(history.loss, 20)]
    return {
        "accuracy": float((answers == test.targets[0]).mean()),
        "loss": float(history.loss[-20:].mean()),
        "losses": curve,
    }


def initial(start: str, T: int, hidden_size: int, *, rng: np.random.Generator) -> Any:
    """Draw the weights that a run starts from.

    Parameters
    ----------
    start : str
        One of `STARTS`.
    T : int
        The length of the sequences, which the chrono start uses.
    hidden_size : int
        H, the number of hidden units.
    rng : numpy.random.Generator
        The source of randomness.

    Returns
    -------
    Params
        Weights of a model.
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
