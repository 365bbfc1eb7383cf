r"""How much should the long run of chapter 9 drop? A search that never sees the validation text.

Each arm trains the large network on the first nine tenths of the training part and is scored on
the last tenth of it, in windows and with the state carried. The arms differ in what is dropped;
all else they share, the schedule among it. An arm runs once, so no spread is known, and most end
before the schedule does. What is chosen here is then to be trained anew, on the whole training part
and with several seeds, and the validation text to be scored once.
"""

from dataclasses import dataclass
from typing import Annotated, Any, TypeAlias

import numpy as np

from bptt import text
from bptt.cells import CELLS
from bptt.experiments.corpora import MADE_UP, lines
from bptt.experiments.plan import shared
from bptt.lm import score as lm_score
from bptt.lm.dropout import Rates
from bptt.lm.settings import Settings as Training
from bptt.lm.update import advance, predictor, start

CELL = "lstm"
RATES = ("inputs", "between", "outputs", "recurrent")


Arm: TypeAlias = tuple[tuple[float, ...], int]


@dataclass(frozen=True)
class Settings:
    """What is run: each arm once."""

    arms: Annotated[tuple[Arm, ...], "the rates of each, as in `RATES`, and its updates"] = (
        ((0.1, 0.4, 0.4, 0.0), 3_000),
        ((0.1, 0.4, 0.4, 0.15), 10_000),
        ((0.1, 0.4, 0.4, 0.3), 4_000),
    )
    corpus: Annotated[str, "`tiny shakespeare`, or `made up`, without a file"] = "tiny shakespeare"
    seeds: Annotated[tuple[int, ...], "the seed"] = (0,)
    every: Annotated[int, "the updates from score to score"] = 1_000
    embedding: Annotated[int, "D, how many numbers stand for a character"] = 128
    widths: Annotated[tuple[int, ...], "the number of units of each layer"] = (512, 512)
    batch: Annotated[int, "B, the number of places in the text that are read side by side"] = 16
    chunk: Annotated[int, "the number of characters from one update to the next"] = 64
    fresh: Annotated[float, "the share of places that start a chunk from zeros"] = 0.02
    steps: Annotated[int, "the updates that the schedule is made for"] = 10_000
    warmup: Annotated[int, "the updates in which the rate rises"] = 300
    decay: Annotated[int, "the last updates, in which it falls"] = 5_000
    average: Annotated[float, "the decay of the mean of the weights"] = 0.9995


FULL = Settings()
REDUCED = Settings(
    arms=(((0.0, 0.0, 0.1, 0.0), 10), ((0.1, 0.4, 0.4, 0.3), 20)),
    corpus=MADE_UP,
    every=10,
    embedding=8,
    widths=(9, 7),
    batch=6,
    chunk=20,
    steps=30,
    warmup=5,
    decay=20,
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:  # noqa: ARG001  # as every experiment
    """Return one case for each arm."""
    same = shared(settings, "arms", "seeds")
    return [
        {**same, "rates": dict(zip(RATES, rates, strict=True)), "until": until, "seed": seed}
        for rates, until in settings.arms
        for seed in settings.seeds
    ]


def beginning(case: dict[str, Any]) -> dict[str, Any]:
    """Return what tells in minutes whether a case would come out again: its first point."""
    return {**case, "until": case["every"]}


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network, and score it on the way on a text that it has not seen.

    `curve`, for each point the updates so far, the mean loss since the last point, with what is
    dropped, and nats per character in windows and with the state carried.
    """
    whole = lines() if case["corpus"] == MADE_UP else text.tiny_shakespeare()
    vocabulary = text.Vocabulary.of(whole)
    codes, held_out = map(vocabulary.encode, text.split(text.split(whole)[0]))
    names = ("embedding", "batch", "chunk", "fresh", "steps", "warmup", "decay", "average", "seed")
    settings = Training(
        cell=CELL,
        widths=tuple(case["widths"]),
        rates=Rates(**case["rates"]),
        **{name: case[name] for name in names},
    )
    run, curve = start(settings, len(vocabulary)), []
    for _ in range(case["until"] // case["every"]):
        losses = []
        for _ in range(case["every"]):
            run, nats = advance(settings, codes, run)
            losses.append(nats)
        weights = predictor(run)
        scores = [f(CELLS[CELL], weights, held_out) for f in (lm_score.windows, lm_score.carried)]
        mean = round(float(np.mean(losses)), 4)
        curve.append([run.step, mean, *(round(nats, 5) for nats in scores)])
    return {"curve": curve}
