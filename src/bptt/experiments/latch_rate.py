r"""Was it the rate? Two cells of `latch` that failed on half of the seeds, at the next lower rate.

Both had the highest rate of the grid, which had held the bit on all three tuning seeds. This was
asked after `latch` was seen.
"""

from dataclasses import dataclass
from typing import Annotated, Any

from bptt.experiments import latch


@dataclass(frozen=True)
class Settings:
    """What is run: each start at its length, with one rate, on the test seeds of `latch`."""

    cells: Annotated[tuple[tuple[str, int], ...], "the starts, each with its length T"] = (
        ("lstm, bias 1", 50),
        ("lstm, bias 3", 100),
    )
    rate: Annotated[float, "the learning rate of Adam"] = 1e-2
    seeds: Annotated[tuple[int, ...], "the seeds"] = latch.FULL.seeds
    steps: Annotated[int, "training steps"] = latch.FULL.steps


FULL = Settings()
REDUCED = Settings(cells=(("lstm, bias 1", 50),), seeds=(1,), steps=150)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:  # noqa: ARG001  # as every experiment
    """Return the cases of `latch` with this rate."""
    return [
        case
        for start, T in settings.cells
        for case in latch.cases(
            latch.Settings(
                starts=(start,),
                lengths=(T,),
                rates=(settings.rate,),
                tuning_seeds=(),
                seeds=settings.seeds,
                steps=settings.steps,
            ),
            [],
        )
    ]


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network and test it, as `latch.score` does."""
    return latch.score(case)
