"""Which experiments there are, and what each of them has."""

import importlib
from typing import Any, Protocol, TypeAlias

from bptt.records.results import Run
from bptt.shapes import shown

Case: TypeAlias = dict[str, Any]

# The modules of this package that measure a claim, in alphabetical order.
NAMES = (
    "balancing",
    "brackets",
    "counting",
    "flip_flop",
    "gap",
    "language_cells",
    "language_levers",
    "language_rules",
    "language_search",
    "language_units",
    "latch",
    "latch_rate",
    "latch_weights",
    "long_memory",
    "long_memory_long",
    "long_memory_short",
    "newton",
    "other_cells",
    "online",
    "parts",
    "recall",
    "recall_trained",
    "reversal",
    "scan",
    "selective_copying",
    "start",
    "temporal_order",
)


class Experiment(Protocol):
    """A module of this package that measures one claim.

    `FULL` and `REDUCED` are its settings, for the result and for a test: dataclasses with a field
    `seeds`.
    """

    __name__: str
    FULL: Any
    REDUCED: Any

    def cases(self, settings: Any, runs: list[Run]) -> list[Case]:
        """Return all that is to be run, as far as the runs so far tell.

        Parameters
        ----------
        runs : list of Run
            The runs so far. An experiment that chooses rates returns its tuning runs alone until
            they are done.

        Returns
        -------
        list of dict
            The cases; `score` takes one. Each holds its `seed`, and all else that `score` needs.
        """

    def score(self, case: Case) -> dict[str, Any]:
        """Run one case.

        Returns
        -------
        dict
            The scores by name: finite numbers, or lists of them, or text. What the clock says, and
            no run repeats, is in a score of the name `seconds`.
        """


def find(name: str) -> Experiment:
    """Return the module of an experiment.

    Raises
    ------
    ValueError
        If there is no such experiment.
    """
    if name not in NAMES:
        raise ValueError(
            f"experiments: there is no experiment {shown(name)}; there are: {', '.join(NAMES)}"
        )
    module: Experiment = importlib.import_module(f"bptt.experiments.{name}")
    return module
