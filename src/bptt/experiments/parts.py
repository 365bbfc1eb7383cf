r"""Which of its parts does an LSTM need? One removed at a time, and the GRU, on four tasks.

All arms of a task have about the same number of weights, so an LSTM without a gate has more units
than one with all of them. All take the same steps on the same batches, each with a learning rate of
its own from one grid, chosen on other seeds. The gate that keeps the state, where there is one,
gets the bias whose half-life is the length of the sequence, and the input gate the opposite, so
that the full LSTM starts with i = 1 - f as in the chrono initialisation. Two more arms tell the
input gate from its start: the full LSTM with a bias of 0 in its input gate, which starts with
i = 1/2, and the LSTM without that gate whose candidate starts as small as the gate would make it.
"""

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import ablation, deep, gru, lstm, run, tasks, text, tree
from bptt.experiments.corpora import lines
from bptt.experiments.plan import shared, tune_then_test
from bptt.experiments.training import curve, fit
from bptt.losses import cross_entropy, squared_error
from bptt.shapes import Array
from bptt.tasks import Batch


class Arm(NamedTuple):
    """A cell and its start.

    Attributes
    ----------
    cell : Cell
        The cell.
    keeps : int
        Which block of its biases begins with the bias that keeps, from 0; -1 for none.
    opposite : int
        Which begins with the opposite.
    small : int
        Which block of its matrices begins multiplied by 1 - f, for the f of the bias that keeps.
    """

    cell: Any
    keeps: int
    opposite: int = -1
    small: int = -1


ARMS = {
    "full": Arm(lstm, keeps=1, opposite=0),
    "full, i = 1/2": Arm(lstm, keeps=1),
    **{
        f"no {part}": Arm(cell, *(cell.blocks.find(gate) for gate in "fi"))
        for part in ablation.PARTS
        for cell in [ablation.without(part)]
    },
    "no input gate, small g": Arm(ablation.without("input gate"), keeps=0, small=1),
    "gru": Arm(gru, keeps=1),
}


@dataclass(frozen=True)
class Letters:
    """Predict the next character of a made-up text at each of T steps."""

    T: Annotated[int, "the length of a window, in characters"]
    unseen: Annotated[bool, "whether to read the last tenth of the text, or the rest"] = False

    def draw(self, batch: int, *, rng: np.random.Generator) -> Batch:
        """Draw one-hot characters (T, B, K), and at each step the character that follows."""
        codes, K = encoded(unseen=self.unseen)
        at = rng.integers(len(codes) - self.T, size=batch) + np.arange(self.T + 1)[:, None]
        return Batch(np.eye(K)[codes[at[:-1]]], codes[at[1:]])


@functools.cache
def encoded(*, unseen: bool) -> tuple[Array, int]:
    """Return one of the two parts of the text in numbers, and how many characters there are.

    Parameters
    ----------
    unseen : bool
        Whether the last tenth.
    """
    whole = lines()
    vocabulary = text.Vocabulary.of(whole)
    return vocabulary.encode(text.split(whole)[unseen]), len(vocabulary)


class Task(NamedTuple):
    """What is asked of a network.

    Attributes
    ----------
    of : callable
        Takes the length T, returns what draws the batches of a training.
    test : callable
        Takes the length, returns what draws those of a test.
    I : int
        The inputs of the network.
    K : int
        Its outputs.
    loss : callable
        One of `bptt.losses`.
    """

    of: Callable[[int], Any]
    test: Callable[[int], Any]
    I: int
    K: int
    loss: Callable[..., tuple[float, Array]] = cross_entropy


TASKS = {
    "latch": Task(tasks.Latch, tasks.Latch, 1, 2),
    "adding": Task(tasks.Adding, tasks.Adding, 2, 1, squared_error),
    "brackets": Task(tasks.Brackets, tasks.Brackets, 3, 2),
    "letters": Task(Letters, lambda T: Letters(T, unseen=True), 19, 19),
}


@dataclass(frozen=True)
class Settings:
    """What is run: every arm on every task, with every rate on the tuning seeds."""

    arms: Annotated[tuple[str, ...], "which of `ARMS`"] = tuple(ARMS)
    sizes: Annotated[
        tuple[tuple[str, int, int, int], ...],
        "tasks, each with the length T, the training steps and the units of the full LSTM",
    ] = (
        ("latch", 60, 150, 12),
        ("adding", 50, 440, 12),
        ("brackets", 24, 250, 12),
        ("letters", 20, 200, 16),
    )
    rates: Annotated[tuple[float, ...], "learning rates to choose from"] = (0.02, 0.05, 0.12, 0.3)
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose the rate"] = (100, 101)
    seeds: Annotated[tuple[int, ...], "the seeds of the test runs"] = tuple(range(10))
    batch: Annotated[int, "B, the sequences of a training step"] = 16
    test: Annotated[int, "the sequences of a test"] = 300
    max_norm: Annotated[float, "the largest global norm of a gradient, by clipping"] = 1.0


FULL = Settings()
REDUCED = Settings(
    arms=("full", "full, i = 1/2"),
    sizes=(("adding", 40, 220, 12),),
    rates=(4e-2,),
    tuning_seeds=(),
    seeds=(0, 1),
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the tuning runs, then those on the test seeds, with the rates of the lowest `loss`."""
    same = shared(settings, "arms", "sizes", "rates", "tuning_seeds", "seeds")
    rows = [
        {"task": task, "arm": arm, "T": T, "steps": steps, "H": width(task, arm, units), **same}
        for task, T, steps, units in settings.sizes
        for arm in settings.arms
    ]
    return tune_then_test(
        settings, runs, rows, rates=lambda _: settings.rates, rank=lambda score: (score["loss"],)
    )


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network and test it.

    `weights`, how many numbers were learnt; `loss`, the mean over the last twenty training batches;
    `losses`, the mean over each twentieth of the training. On new sequences: `test`, the loss;
    `right`, the share of right answers, or for `adding` of sums that are off by less than 0.1; and
    `state`, the mean size of a number that is carried out of the last step, c or h of the GRU.
    """
    task, cell = TASKS[case["task"]], ARMS[case["arm"]].cell
    params = initial(case["task"], case["arm"], case["T"], case["H"], seed=case["seed"])
    rng = np.random.default_rng([case["seed"], 1])  # all arms read the same batches

    def loss_and_grads(params: Any, batch: Batch) -> tuple[float, Any]:
        return deep.loss_and_grads(cell, params, *batch, task.loss)

    history = fit(loss_and_grads, params, task.of(case["T"]), case, rng=rng)
    xs, targets = task.test(case["T"]).draw(case["test"], rng=rng)
    answers = deep.outputs(cell, history.params, xs)[-len(targets) :]
    off = np.abs(answers - targets) < 0.1 if task.K == 1 else answers.argmax(axis=-1) == targets
    _, state, _ = run.of(cell).forward(cell, history.params.layers[0], xs)
    return {
        "weights": sum(array.size for _, array in tree.leaves(params)),
        "loss": float(history.loss[-20:].mean()),
        "losses": curve(history.loss),
        "test": task.loss(answers, targets)[0],
        "right": float(off.mean()),
        "state": float(np.abs(state[-1]).mean()),
    }


def solved(task: str, score: Mapping[str, Any]) -> bool:
    """Tell whether a run has learnt its task: more than 99.5% right, or a tenth of the null.

    The tenth is for `adding`: of the variance of the sum. For `letters` nothing is solved.

    Parameters
    ----------
    task : str
        One of `TASKS`.
    score : mapping
        What `score` returned.
    """
    if task == "adding":
        return bool(score["test"] < tasks.Adding.null_loss / 10)
    return task != "letters" and bool(score["right"] > 0.995)


def initial(task: str, arm: str, T: int, H: int, *, seed: int) -> deep.Params:
    """Draw the weights that a run starts from.

    Parameters
    ----------
    task, arm : str
        One of `TASKS`, one of `ARMS`.
    seed : int
        Of the draw.
    """
    cell, keeps, opposite, small = ARMS[arm]
    params = deep.init(cell, TASKS[task].I, H, TASKS[task].K, rng=np.random.default_rng(seed))
    (layer,) = params.layers
    bias = -np.log(np.expm1(np.log(2) / T))  # with a half-life of T steps
    b = np.zeros((layer.b.size // H, H))
    for block, value in ((keeps, bias), (opposite, -bias)):
        if block >= 0:
            b[block] = value
    factor = np.ones_like(b)
    if small >= 0:
        factor[small] = 1 - 2 ** (-1 / T)
    W_x, W_h = layer.W_x * factor.ravel(), layer.W_h * factor.ravel()
    return params._replace(layers=(layer._replace(W_x=W_x, W_h=W_h, b=b.ravel()),))


def width(task: str, arm: str, units: int) -> int:
    """Return how many units give an arm about as many weights as the full LSTM has.

    Parameters
    ----------
    task, arm : str
        One of `TASKS`, one of `ARMS`.
    units : int
        The units of the full LSTM.
    """

    def weights(arm: str, H: int) -> int:
        params = initial(task, arm, 2, H, seed=0)
        return sum(array.size for _, array in tree.leaves(params))

    wanted = weights("full", units)
    return min(range(units, 2 * units), key=lambda H: abs(weights(arm, H) - wanted))
