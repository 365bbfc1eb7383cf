r"""What each kind of network made of each task: the results of many experiments on one scale.

A network that knows nothing of the input has skill 0, and one without a mistake has skill 1:

$$
\text{skill} = \frac{\text{score} - \text{null}}{\text{best} - \text{null}}.
$$
"""

from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from bptt.records import results
from bptt.shapes import Array


class Question(NamedTuple):
    """A task, as one of the experiments asked it."""

    chapter: Annotated[int, "where it was asked"]
    experiment: Annotated[str, "the name of the result"]
    case: Annotated[Mapping[str, Any], "what its runs have in common"]
    field: Annotated[str, "the score"]
    null: Annotated[float, "the score of the best guess without the input"]
    best: Annotated[float, "the score without a mistake"]
    arms: Annotated[Mapping[str, str], "which arm stands for which kind"]


_MEMORY = {
    "tanh": "tanh, orthogonal",
    "LSTM": "lstm, chrono",
    "matrix that turns": "linear, orthogonal",
    "matrix that adds": "linear, identity",
}
_GATES = {"tanh": "tanh", "GRU": "GRU", "LSTM": "LSTM", "[0, 1]": "fading", "[-1, 1]": "signed"}
_STORES = {
    "LSTM": "lstm",
    "sum": "sum",
    "decay": "decay",
    "delta rule": "delta",
    "attention": "attention",
    "attention, with time": "attention, latest",
}

# The kinds, in the order of a table: what the next state reads, and how it grows.
KINDS = (
    "tanh",
    "GRU",
    "LSTM",
    "matrix that turns",
    "matrix that adds",
    "minGRU",
    "minGRU, 2 layers",
    "[0, 1]",
    "[-1, 1]",
    "sum",
    "decay",
    "delta rule",
    "attention",
    "attention, with time",
)

QUESTIONS = {
    "adding": Question(16, "long_memory", {"task": "adding", "T": 100}, "test", 1, 0, _MEMORY),
    "copying": Question(
        16, "long_memory", {"task": "copying", "T": 50}, "accuracy", 1 / 8, 1, _MEMORY
    ),
    "selective copying": Question(
        17,
        "selective_copying",
        {"tokens": 4},
        "accuracy",
        1 / 4,
        1,
        {
            "GRU": "GRU, 1 layer",
            "minGRU": "minGRU, 1 layer",
            "minGRU, 2 layers": "minGRU, 2 layers",
        },
    ),
    "parity": Question(18, "counting", {"task": "parity"}, "end", 1 / 2, 1, _GATES),
    "brackets": Question(
        18, "counting", {"task": "brackets"}, "balanced", 1 / 2, 1, {**_GATES, "minGRU": "minGRU"}
    ),
    "recall": Question(19, "recall_trained", {"overwrites": 0}, "accuracy", 1 / 16, 1, _STORES),
    "recall, rewritten": Question(
        19, "recall_trained", {"overwrites": 8}, "accuracy", 1 / 16, 1, _STORES
    ),
}


def skills(name: str) -> dict[str, Array]:
    """Return the skill of each kind on each test seed, from the stored results.

    What the experiment of a chapter did not ask, `other_cells` did, under the same name.

    Parameters
    ----------
    name : str
        One of `QUESTIONS`.
    """
    question = QUESTIONS[name]
    there, others = (_tested(results.load(name)) for name in (question.experiment, "other_cells"))
    steps = there.settings["steps"]
    asked = {run.case["arm"] for run in others.runs if run.case["task"] == name}

    def score(kind: str) -> Array:
        if kind in asked:
            return others.scores("test", task=name, arm=kind)
        return there.scores(question.field, **question.case, arm=question.arms[kind], steps=steps)

    return {
        kind: (score(kind) - question.null) / (question.best - question.null)
        for kind in KINDS
        if kind in asked | set(question.arms)
    }


def _tested(result: results.Result) -> results.Result:
    """Leave out the runs that chose a rate."""
    seeds = result.settings["seeds"]
    return result._replace(runs=[run for run in result.runs if run.case["seed"] in seeds])
