"""Ratios, floors and exponents, from the raw times of a result.

Parameters
----------
dtype : str
    "float32" or "float64".
who, against : str
    A contestant, or a rung of the ladder.
case : object
    What the case of a run must hold: cell, dtype, T, B, I, H, mode.
"""

from typing import Any

import numpy as np

from bptt.bench import clock, floor
from bptt.bench.clock import Ratio
from bptt.records.results import Result, Run


def find(result: Result, **case: Any) -> Run:
    """Return the run of a case.

    Raises
    ------
    ValueError
        If there is none, or more than one.
    """
    found = [run for run in result.runs if case.items() <= run.case.items()]
    if len(found) != 1:
        raise ValueError(f"tables.find: {len(found)} runs have {case}; exactly one must have it")
    return found[0]


def ratio(
    result: Result, who: str, against: str = "torch", *, part: str = "ratio", **case: Any
) -> Ratio:
    """Compare two contestants that were timed side by side, by `clock.compare`.

    Parameters
    ----------
    part : str
        Where both were timed: "ratio", "product", "scaling", "ladder", "recompute" or "single".

    Raises
    ------
    ValueError
        If a run is missing, or the case leaves a choice.
    """
    one, other = (find(result, part=part, who=name, **case) for name in (who, against))
    return clock.compare(one.score["rounds"], other.score["rounds"])


def floor_seconds(
    result: Result, *, cell: str, dtype: str, T: int, B: int, I: int, H: int, mode: str
) -> float:
    """Return `floor.seconds` of a case, with the speeds that were measured in the same run."""
    speeds = floor.Speeds(**find(result, part="floor", dtype=dtype).score)
    return floor.seconds(speeds, cell, T=T, B=B, I=I, H=H, mode=mode)


def exponent(result: Result, who: str, axis: str) -> float:
    r"""Fit $s = a n^p$ to the median times by least squares between the logarithms; return p.

    Only the upper half of the values of n counts: below, what does not grow with n hides the rest.

    Parameters
    ----------
    axis : str
        What n is: "T", "B" or "H".
    """
    wanted = {"part": "scaling", "axis": axis, "who": who}
    runs = [run for run in result.runs if wanted.items() <= run.case.items()]
    points = sorted((run.case[axis], float(np.median(run.score["rounds"]))) for run in runs)
    values, seconds = np.log(points[len(points) // 2 :]).T
    slope, _ = np.polyfit(values, seconds, 1)
    return float(slope)
