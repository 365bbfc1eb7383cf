"""Results of experiments, as they were measured: JSON files that are part of the package.

Parameters
----------
name : str
    The experiment.
result : Result
    What was measured.
case : object
    What the case of a run must hold.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import files
from bptt.shapes import Array, shown

FOLDER = Path(__file__).parents[1] / "results"


class Run(NamedTuple):
    """One measurement."""

    case: Annotated[Mapping[str, Any], "what was run: every setting, and the seed"]
    score: Annotated[Mapping[str, Any], "what came out"]
    seconds: Annotated[float, "the CPU time that it took"]


class Result(NamedTuple):
    """All measurements of an experiment."""

    settings: Annotated[Mapping[str, Any], "what the experiment was asked to run"]
    runs: Annotated[Sequence[Run], "every run, with its raw scores"]
    provenance: Annotated[
        Mapping[str, Any], "what made it, where and when; and when one seed was run again, if ever"
    ]

    def scores(self, name: str, **case: Any) -> Array:
        """Return one score of all runs that match, in the order of the runs.

        Parameters
        ----------
        name : str
            Which score.

        Raises
        ------
        ValueError
            If no run matches.
        """
        matching = [run.score[name] for run in self.runs if case.items() <= run.case.items()]
        if not matching:
            raise ValueError(f"experiments: no run has {case}")
        return np.array(matching)


def load(name: str) -> Result:
    """Read the result of an experiment.

    Raises
    ------
    ValueError
        If there is no result of this name.

    Examples
    --------
    >>> from bptt import experiments
    >>> experiments.load("latch").settings["hidden_size"]
    16
    """
    file = path(name)
    if not file.is_file():
        known = ", ".join(sorted(file.stem for file in FOLDER.glob("*.json"))) or "none"
        raise ValueError(f"experiments.load: there is no result {shown(name)}; there are: {known}")
    content = json.loads(file.read_text(encoding="utf-8"))
    runs = tuple(Run(**run) for run in content["runs"])
    return Result(content["settings"], runs, content["provenance"])


def path(name: str) -> Path:
    """Return where the result of an experiment stands, whether there is one or not."""
    return FOLDER / f"{name}.json"


def save(name: str, result: Result) -> None:
    """Write a result, one line for each run. An error on the way leaves the old file as it was.

    Raises
    ------
    ValueError
        If a number is not finite: JSON has no word for it.
    """
    runs = ",\n".join(json.dumps(run._asdict(), allow_nan=False) for run in result.runs)
    head = {"settings": result.settings, "provenance": result.provenance}
    opened = json.dumps(head, indent=1, sort_keys=True, allow_nan=False).removesuffix("\n}")
    text = f'{opened},\n "runs": [\n{runs}\n ]\n}}\n'
    file = path(name)
    file.parent.mkdir(exist_ok=True)
    files.replace(file, text.encode())
