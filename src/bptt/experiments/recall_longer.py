r"""Does the LSTM recall, given more time? The LSTM of `recall_trained`, for twelve times the steps.

Its loss was still falling after 250 steps. This was asked after `recall_trained` was seen.
"""

from dataclasses import dataclass, replace
from typing import Annotated, Any

from bptt.experiments import recall_trained


@dataclass(frozen=True)
class Settings:
    """What is run: one arm on one task, with rates of its own."""

    arms: Annotated[tuple[str, ...], "which of `recall_trained.ARMS`"] = ("lstm",)
    overwrites: Annotated[tuple[int, ...], "how many pairs are written again"] = (0,)
    rates: Annotated[tuple[float, ...], "learning rates to choose from"] = (3e-3, 1e-2)
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose the rate"] = (100,)
    seeds: Annotated[tuple[int, ...], "the seeds of the test runs"] = recall_trained.FULL.seeds
    steps: Annotated[int, "training steps"] = 3000


FULL = Settings()
REDUCED = Settings(rates=(1e-2,), tuning_seeds=(), seeds=(0,), steps=100)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the cases of `recall_trained` with these settings and its sizes."""
    names = ("arms", "overwrites", "rates", "tuning_seeds", "seeds", "steps")
    theirs = replace(recall_trained.FULL, **{name: getattr(settings, name) for name in names})
    return recall_trained.cases(theirs, runs)


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network and test it, as `recall_trained.score` does."""
    return recall_trained.score(case)
