"""How time is taken: in batches of calls, each contestant once a round, in a new random order."""

import math
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from itertools import repeat
from typing import Annotated, NamedTuple, TypeVar

import numpy as np

# Median and ratio of the minima may differ by so much of the median.
TOLERANCE = 0.1

Name = TypeVar("Name", bound=Hashable)


class Timing(NamedTuple):
    """How long something took."""

    rounds: Annotated[tuple[float, ...], "seconds of CPU per call, one for each round"]
    calls: Annotated[int, "the calls of a round"]


class Ratio(NamedTuple):
    """How many times as long as another one took something."""

    median: Annotated[float, "the median of the ratios of the rounds"]
    q1: Annotated[float, "their lower quartile"]
    q3: Annotated[float, "their upper quartile"]
    minima: Annotated[float, "the ratio of the shortest times"]
    resolved: Annotated[bool, "whether median and minima agree within a tenth"]


def compare(rounds: Sequence[float], against: Sequence[float]) -> Ratio:
    """Compare times that were taken side by side: above 1 where the first one took longer.

    Parameters
    ----------
    rounds : sequence of float
        Seconds per call, one for each round.
    against : sequence of float
        Those of the other one, in the same rounds.

    Raises
    ------
    ValueError
        If there are no rounds, or not as many of both.
    """
    if not len(rounds) == len(against) > 0:
        raise ValueError(
            "clock.compare: rounds and against must be of one length and not empty, "
            f"got {len(rounds)} and {len(against)}"
        )
    q1, median, q3 = np.quantile(np.divide(rounds, against), [0.25, 0.5, 0.75]).tolist()
    minima = min(rounds) / min(against)
    return Ratio(median, q1, q3, minima, abs(minima - median) <= TOLERANCE * median)


def time_rounds(
    work: Mapping[Name, Callable[[], object]],
    *,
    rounds: int,
    batch: float,
    rng: np.random.Generator,
    timer: Callable[[], float] = time.process_time,
    between: Callable[[], object] | None = None,
) -> dict[Name, Timing]:
    """Time contestants side by side, so that what disturbs the machine disturbs all of them.

    Parameters
    ----------
    work : mapping of name to callable
        What each contestant calls. It was called before, so nothing is loaded for the first time.
    batch : float
        How long the calls of a round last at least, in seconds; one call, if it is longer.
    rng : numpy.random.Generator
        The source of the order in each round.
    timer : callable
        The clock, by default that of the CPU time of this process, all threads together.
    between : callable, optional
        What is done before each batch, outside the time that is taken.
    """
    names = list(work)
    calls = {name: _calls_for(f, batch, timer) for name, f in work.items()}
    seconds: dict[Name, list[float]] = {name: [] for name in names}
    for _ in range(rounds):
        for k in rng.permutation(len(names)):
            name = names[k]
            if between is not None:
                between()
            seconds[name].append(_elapsed(work[name], calls[name], timer) / calls[name])
    return {name: Timing(tuple(seconds[name]), calls[name]) for name in names}


def _calls_for(f: Callable[[], object], batch: float, timer: Callable[[], float]) -> int:
    """Find a number of calls that last as long as a batch."""
    calls = 1
    while (elapsed := _elapsed(f, calls, timer)) < batch:
        # A little more than needed. One call, or a coarse clock, tells little: go step by step.
        growth = min(10, 1.1 * batch / elapsed) if elapsed > 0 else 10
        calls = math.ceil(calls * growth)
    return calls


def _elapsed(f: Callable[[], object], calls: int, timer: Callable[[], float]) -> float:
    start = timer()
    for _ in repeat(None, calls):
        f()
    return timer() - start
