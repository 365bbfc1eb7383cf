r"""Does the noise of UORO grow with the network, or with the sequence? `online` at other sizes.

It was asked after `online` was seen, with fewer estimates and a window of three steps alone.
"""

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any

from bptt.experiments import online


@dataclass(frozen=True)
class Settings:
    """What is run: both networks of `online` at each size, on its seeds."""

    sizes: Annotated[tuple[tuple[int, int], ...], "the hidden units H, and the steps T"] = (
        (2, 60), (8, 60), (16, 60), (8, 15), (8, 120),
    )  # fmt: skip
    seeds: Annotated[tuple[int, ...], "the seeds"] = online.FULL.seeds
    draws: Annotated[int, "the estimates by UORO"] = 200


FULL = Settings()
REDUCED = Settings(sizes=((2, 10), (8, 10)), seeds=(0, 1), draws=100)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the cases of `online` at these sizes."""
    return [
        case
        for H, T in settings.sizes
        for case in online.cases(
            dataclasses.replace(
                online.FULL,
                hidden_size=H,
                T=T,
                seeds=settings.seeds,
                windows=(3,),
                draws=settings.draws,
                averaged=(1,),
            ),
            runs,
        )
    ]


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Compute one gradient in all ways, as `online.score` does."""
    return online.score(case)
