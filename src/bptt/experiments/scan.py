r"""Where is the scan faster than the loop, on one processor and in NumPy? Width against length.

The scan does about $\log_2 T$ times as much work, in $\log_2 T$ operations in place of T.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import linear
from bptt.experiments.plan import shared
from bptt.gradcheck import relative_error


@dataclass(frozen=True)
class Settings:
    """What is run: every length with every width."""

    lengths: Annotated[tuple[int, ...], "the lengths T of a sequence, in steps"] = (
        16, 64, 256, 1024, 4096,
    )  # fmt: skip
    widths: Annotated[tuple[int, ...], "how many numbers a step has"] = (1, 8, 64, 512)
    seeds: Annotated[tuple[int, ...], "the seeds"] = tuple(range(10))
    numbers: Annotated[int, "how many numbers are computed between two looks at the clock"] = (
        200_000
    )


FULL = Settings()
REDUCED = Settings(lengths=(5, 16), widths=(3,), seeds=(0, 1), numbers=1)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:  # noqa: ARG001  # as every experiment
    """Return every length with every width."""
    same = shared(settings, "lengths", "widths", "seeds")
    return [
        {"T": T, "width": width, "seed": seed, **same}
        for T in settings.lengths
        for width in settings.widths
        for seed in settings.seeds
    ]


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Compute one recurrence in both ways.

    `seconds` is the CPU time of the loop and of the scan, the least of three looks; `error` how far
    they are from each other, relative to the largest state, rounded up to a power of ten.
    """
    rng = np.random.default_rng(case["seed"])
    shape = case["T"], case["width"]
    a, b = rng.random(shape), rng.normal(size=shape)
    times = max(1, case["numbers"] // (case["T"] * max(case["width"], 32)))
    error = relative_error(linear.scan(a, b), linear.loop(a, b))
    return {
        "error": 10.0 ** np.ceil(np.log10(max(error, 1e-17))),
        "seconds": [_seconds(run, times, a, b) for run in (linear.loop, linear.scan)],
    }


def _seconds(run: Callable[..., Any], times: int, *arguments: Any) -> float:
    """Return the CPU time of one call."""
    looks = []
    for _ in range(3):
        start = time.process_time()
        for _ in range(times):
            run(*arguments)
        looks.append((time.process_time() - start) / times)
    return min(looks)
