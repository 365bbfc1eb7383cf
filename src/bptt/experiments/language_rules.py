r"""By what rule should the network of chapter 9 learn on? Chosen without the validation text.

A network with the settings of the one that is shipped is trained on the first nine tenths of the
training part. Then it reads the beginning of the last tenth, once by each rule, and learns from
each chunk after it was predicted. With the rule that the library takes it is mixed with n-grams
that count on, in several ways. All is one run, so no spread is known; the validation text takes no
part.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import text
from bptt.cells import CELLS
from bptt.experiments.corpora import MADE_UP, lines
from bptt.experiments.plan import shared
from bptt.lm import adapt, ensemble
from bptt.lm.adapt import Rule
from bptt.lm.dropout import Rates
from bptt.lm.ensemble import Mixing
from bptt.lm.folder import Model
from bptt.lm.settings import Settings as Training
from bptt.lm.update import advance, predictor, start
from bptt.shapes import Array
from bptt.text import Vocabulary

CELL = "lstm"
RATES = ("inputs", "between", "outputs", "recurrent")


@dataclass(frozen=True)
class Settings:
    """What is run: one training, and all rules and mixtures with its network."""

    rules: Annotated[
        tuple[tuple[int, float, float], ...], "the chunk of each, its rate and its decay"
    ] = (
        *((10, lr, 0.0) for lr in (2e-4, 3e-4, 5e-4)),
        *((20, lr, 0.0) for lr in (2e-4, 3e-4, 5e-4, 7e-4, 1e-3)),
        *((20, lr, 3e-3) for lr in (5e-4, 7e-4)),
        (40, 7e-4, 0.0),
    )
    mixtures: Annotated[
        tuple[tuple[int, float, float, float], ...],
        "the order of the n-grams, the weights of network and n-grams to begin with, their rate",
    ] = (
        *((n, 0.7, 0.4, 2e-3) for n in (5, 7, 9, 10, 11, 12)),
        *((10, *weights, 2e-3) for weights in ((1.0, 0.1), (0.5, 0.5))),
        *((10, 0.7, 0.4, lr) for lr in (5e-4, 8e-3)),
    )
    corpus: Annotated[str, "`tiny shakespeare`, or `made up`, without a file"] = "tiny shakespeare"
    characters: Annotated[int, "so many are read of the last tenth"] = 15_000
    seeds: Annotated[tuple[int, ...], "the seed"] = (100,)
    every: Annotated[int, "the updates from point to point of the curve"] = 5_000
    embedding: Annotated[int, "D, how many numbers stand for a character"] = 128
    widths: Annotated[tuple[int, ...], "the number of units of each layer"] = (512, 512)
    rates: Annotated[tuple[float, ...], "what is dropped, as in `RATES`"] = (
        0.1,
        0.4,
        0.4,
        0.15,
    )
    batch: Annotated[int, "B, the number of places in the text that are read side by side"] = 16
    chunk: Annotated[int, "the number of characters from one update to the next"] = 64
    fresh: Annotated[float, "the share of places that start a chunk from zeros"] = 0.02
    steps: Annotated[int, "the updates"] = 10_000
    warmup: Annotated[int, "the updates in which the rate rises"] = 300
    decay: Annotated[int, "the last updates, in which it falls"] = 5_000


FULL = Settings()
REDUCED = Settings(
    rules=((20, 5e-4, 0.0), (9, 1e-3, 0.01)),
    mixtures=((10, 0.7, 0.4, 2e-3), (4, 0.5, 0.5, 1e-2)),
    corpus=MADE_UP,
    characters=200,
    every=10,
    embedding=8,
    widths=(9, 7),
    batch=6,
    chunk=20,
    steps=20,
    warmup=5,
    decay=10,
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:  # noqa: ARG001  # as every experiment
    """Return one case for each seed."""
    tried = {name: list(map(list, getattr(settings, name))) for name in ("rules", "mixtures")}
    same = {**shared(settings, "seeds"), **tried, "until": settings.steps}
    return [{**same, "seed": seed} for seed in settings.seeds]


def beginning(case: dict[str, Any]) -> dict[str, Any]:
    """Return what tells sooner whether a case would come out again: its training's first point."""
    return {**case, "until": case["every"]}


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network, and let it read on by each rule and in each mixture.

    `curve`, for each point the updates so far and the mean loss since the last point, with what is
    dropped; `rules` and `mixtures`, as the case names them, each with nats per character.
    """
    whole = lines() if case["corpus"] == MADE_UP else text.tiny_shakespeare()
    vocabulary = Vocabulary.of(whole)
    codes, held_out = map(vocabulary.encode, text.split(text.split(whole)[0]))
    names = ("embedding", "batch", "chunk", "fresh", "steps", "warmup", "decay", "seed")
    settings = Training(
        cell=CELL,
        widths=tuple(case["widths"]),
        rates=Rates(**dict(zip(RATES, case["rates"], strict=True))),
        **{name: case[name] for name in names},
    )
    run, curve = start(settings, len(vocabulary)), []
    for _ in range(case["until"] // case["every"]):
        losses = []
        for _ in range(case["every"]):
            run, nats = advance(settings, codes, run)
            losses.append(nats)
        curve.append([run.step, round(float(np.mean(losses)), 4)])
    if run.step < settings.steps:
        return {"curve": curve, "rules": [], "mixtures": []}
    model = Model(CELLS[CELL], predictor(run), vocabulary)
    return {"curve": curve, **_read_on(case, model, codes, held_out[: case["characters"] + 1])}


def _read_on(case: dict[str, Any], model: Model, codes: Array, new: Array) -> dict[str, Any]:
    """Read new text by each rule and in each mixture, after a network was trained on `codes`."""
    cell, params, _ = model
    rules = [Rule(*rule) for rule in case["rules"]]
    scales = {
        chunk: adapt.root_mean_squares(cell, params, codes, chunk)
        for chunk in {rule.chunk for rule in rules}
    }
    alone = [adapt.nats(cell, params, new, scales[rule.chunk], rule) for rule in rules]
    log_p = ensemble.learning_log_p(model, codes, new)
    mixings = [Mixing(n, tuple(weights), lr) for n, *weights, lr in case["mixtures"]]
    mixed = [ensemble.mixed_nats([log_p], codes, new, how).mean() for how in mixings]
    return {
        "rules": _with_nats(case["rules"], alone),
        "mixtures": _with_nats(case["mixtures"], mixed),
    }


def _with_nats(tried: list[tuple[float, ...]], nats: list[float]) -> list[list[float]]:
    return [[*row, round(float(one), 5)] for row, one in zip(tried, nats, strict=True)]
