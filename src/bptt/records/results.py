"""Results of experiments, as they were measured: JSON files that are part of the package."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from bptt import files
from bptt.shapes import Array

FOLDER = Path(__file__).parents[1] / "results"


class Run(NamedTuple):
    """One measurement.

    Attributes
    ----------
    case : dict
        What was run: every setting, and the seed.
    score : dict
        What came out.
    seconds : float
        The CPU time that it took.
    """

    case: Mapping[str, Any]
    score: Mapping[str, Any]
    seconds: float


class Result(NamedTuple):
    """All measurements of an experiment.

    Attributes
    ----------
    settings : dict
        What the experiment was asked to run.
    runs : tuple of Run
        Every run, with its raw scores.
    provenance : dict
        The digest of the code, the versions, the machine, the date, the CPU seconds, and when one
        seed was last run again, if ever.
    """

    settings: Mapping[str, Any]
    runs: Sequence[Run]
    provenance: Mapping[str, Any]

    def scores(self, name: str, **case: Any) -> Array:
        """Return one score of all runs that match.

        Parameters
        ----------
        name : str
            Which score.
        **case : object
            What the case of a run must hold.

        Returns
        -------
        ndarray
            The scores, one for each run, in the order of the runs.

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

    Parameters
    ----------
    name : str
        The experiment, which is the name of its module.

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
        raise ValueError(f"experiments.load: there is no result {name!r}; there are: {known}")
    content = json.loads(file.read_text(encoding="utf-8"))
    runs = tuple(Run(**run) for run in content["runs"])
    return Result(content["settings"], runs, content["provenance"])


def path(name: str) -> Path:
    """Return where the result of an experiment stands, whether there is one or not.

    Parameters
    ----------
    name : str
        The experiment.
    """
    return FOLDER / f"{name}.json"


def save(name: str, result: Result) -> None:
    """Write a result, one line for each run. An error on the way leaves the old file as it was.

    Parameters
    ----------
    name : str
        The experiment.

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
