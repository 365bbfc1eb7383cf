"""A learning rate of its own for every row of a comparison, chosen on seeds of their own."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from bptt.shapes import Array

Row = dict[str, Any]


def tune_then_test(
    settings: Any,
    runs: Sequence[Any],
    rows: Sequence[Row],
    *,
    rates: Callable[[Row], Sequence[float]],
    best: Callable[[Row], float],
) -> list[dict[str, Any]]:
    """Return the tuning runs of all rows; once they are done, the test runs as well.

    Parameters
    ----------
    settings : Settings
        With `tuning_seeds` and `seeds`.
    runs : sequence of Run
        The runs so far.
    rows : sequence of dict
        What is compared: a case without its rate and its seed.
    rates : callable
        Takes a row, returns the learning rates that it may choose from.
    best : callable
        Takes a row, returns its choice; it is called when the tuning runs are done.

    Returns
    -------
    list of dict
        The cases, with `lr` and `seed`.
    """
    tuning = [
        {**row, "lr": lr, "seed": seed}
        for row in rows
        for lr in rates(row)
        for seed in settings.tuning_seeds
    ]
    done = [run.case for run in runs]
    if not all(case in done for case in tuning):
        return tuning
    return tuning + [
        {**row, "lr": lr, "seed": seed}
        for row in rows
        for lr in [best(row)]
        for seed in settings.seeds
    ]


def mean_scores(settings: Any, runs: Sequence[Any], names: Sequence[str], **case: Any) -> Array:
    """Average some scores over the tuning runs of one row and rate.

    Parameters
    ----------
    settings : Settings
        With `tuning_seeds`.
    runs : sequence of Run
        The runs so far.
    names : sequence of str
        Which scores.
    **case : object
        What the case of a run must hold.

    Returns
    -------
    ndarray of shape (len(names),)
        The means.
    """
    tuning = [run for run in runs if run.case["seed"] in settings.tuning_seeds]
    chosen = [run.score for run in tuning if case.items() <= run.case.items()]
    means: Array = np.mean([[score[name] for name in names] for score in chosen], axis=0)
    return means
