"""Cases from settings: what all cases share, and a learning rate for each row of a comparison."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

Row = dict[str, Any]


def shared(settings: Any, *varied: str) -> Row:
    """Return what all cases share, with lists in place of tuples, as JSON keeps them.

    Parameters
    ----------
    *varied : str
        The fields of the settings to leave out.
    """
    fields = dataclasses.asdict(settings)
    kept = {name: value for name, value in fields.items() if name not in varied}
    return {name: list(v) if isinstance(v, tuple) else v for name, v in kept.items()}


def tune_then_test(
    settings: Any,
    runs: Sequence[Any],
    rows: Sequence[Row],
    *,
    rates: Callable[[Row], Sequence[float]],
    rank: Callable[[Mapping[str, Any]], tuple[float, ...]],
    tuning: Mapping[str, Any] | None = None,
) -> list[Row]:
    """Return the tuning runs of all rows; once they are done, the test runs as well.

    A row is tested with the rate whose rank is lowest in the mean over the tuning seeds: the first
    of equal ones, and without tuning seeds the first of all. The cases get their `lr` and `seed`.

    Parameters
    ----------
    settings : Settings
        With `tuning_seeds` and `seeds`.
    rows : sequence of dict
        What is compared: a case without its rate and its seed.
    rates : callable
        Takes a row, returns the learning rates that it may choose from.
    rank : callable
        Takes the scores of a run, returns what decides first, second, and so on.
    tuning : mapping, optional
        What a tuning run has in place of what its row has.
    """
    done = [run.case for run in runs]

    def trials(row: Row, lr: float) -> list[Row]:
        changed = {**row, **(tuning or {}), "lr": lr}
        return [{**changed, "seed": seed} for seed in settings.tuning_seeds]

    def mean(row: Row, lr: float) -> tuple[float, ...]:
        ranks = [rank(runs[done.index(case)].score) for case in trials(row, lr)]
        return tuple(np.mean(ranks, axis=0)) if ranks else ()

    def best(row: Row) -> float:
        return min(rates(row), key=lambda lr: mean(row, lr))

    ahead = [case for row in rows for lr in rates(row) for case in trials(row, lr)]
    if not all(case in done for case in ahead):
        return ahead
    return ahead + [
        {**row, "lr": lr, "seed": seed}
        for row in rows
        for lr in [best(row)]
        for seed in settings.seeds
    ]
