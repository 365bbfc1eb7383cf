r"""What helps a small language model of characters, if it may take no more time? Levers on an LSTM.

Each lever is pulled alone, against one LSTM of one layer, and gets as much CPU time as it: a lever
whose update costs more takes fewer of them. The learning rate rises and falls over as many updates
as the run has. What an update costs relative to the plain LSTM's is a number in the settings, so
that a run repeats to the digit; it was measured on one thread, as the median of the ratios of
neighbouring blocks of updates, which two measurements gave alike to about a tenth, and rounded to a
twentieth. `seconds` says whether it holds.

Layer normalisation, the Mogrifier and zoneout run through `bptt.unroll`, a loop in Python over all
steps, while the LSTM has `bptt.fused`; an update of the plain LSTM would take 1.5 times as long
there. So they run a second time, with as many updates as the plain LSTM: between both runs lies
what a fast implementation could gain at most.

The rate of the plain LSTM is chosen first, then how strong each lever is, and for some its rate
relative to that, all on the last tenth of the training text and on seeds of their own.

The network has a single layer, so that dropout between layers is no lever here. The text is read
about twice by the plain LSTM: what only helps against overfitting has little to help with.
"""

import functools
import time
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import text, tree
from bptt.experiments.corpora import MADE_UP, lines
from bptt.experiments.levers.recipe import Lever, Recipe
from bptt.experiments.levers.training import cell_after, train
from bptt.experiments.plan import shared
from bptt.lm import score as lm_score

Case = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """What is run: every recipe on the tuning seeds, then the best of each lever."""

    levers: Annotated[tuple[Lever, ...], "the plain LSTM first, then what is compared with it"]
    corpus: Annotated[str, "`tiny shakespeare`, or `made up`, without a file"] = "tiny shakespeare"
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose the recipe"] = (100,)
    seeds: Annotated[tuple[int, ...], "the seeds of the test runs"] = (0, 1, 2)
    updates: Annotated[int, "the number of updates of the plain LSTM"] = 2_200
    lr: Annotated[float, "what the rates of the plain LSTM are relative to"] = 1e-2
    warmup: Annotated[float, "the share of the run in which the rate rises"] = 0.04
    embedding: Annotated[int, "D, how many numbers stand for a character"] = 64
    H: Annotated[int, "the number of units"] = 128
    clip: Annotated[float, "the largest global norm of a gradient"] = 1.0


FULL = Settings(
    levers=(
        Lever("plain", tuple(Recipe(rate) for rate in (0.5, 1.0, 2.0))),
        Lever(
            "layer norm",
            tuple(Recipe(rate, 2.5, cell="layer norm") for rate in (0.5, 1.0, 2.0)),
            again=True,
        ),
        Lever(
            "mogrifier",
            tuple(
                Recipe(rate, cost, cell="mogrifier", rounds=rounds)
                for rounds, cost in ((2, 2.05), (4, 2.45))
                for rate in (0.7, 1.4)
            ),
            again=True,
        ),
        Lever(
            "zoneout",
            tuple(Recipe(cost=1.8, p_h=p_h, p_c=p_c) for p_h, p_c in ((0.01, 0.1), (0.05, 0.3))),
            again=True,
        ),
        Lever("weight drop", tuple(Recipe(cost=1.05, recurrent=p) for p in (0.05, 0.2))),
        Lever("dropout", tuple(Recipe(outputs=p) for p in (0.05, 0.2))),
        Lever(
            "moving average",
            tuple(
                Recipe(cost=1.05, decay=decay, falls=falls)
                for decay in (0.98, 0.996)
                for falls in (True, False)
            ),
        ),
        Lever(
            "tail average",
            tuple(Recipe(decay=1.0, first=first, falls=False) for first in (0.5, 0.7, 0.9)),
        ),
        Lever("variable chunks", tuple(Recipe(rate, 0.95, variable=True) for rate in (0.7, 1.0))),
        Lever("batch of 8", tuple(Recipe(rate, 0.6, batch=8) for rate in (0.5, 1.0))),
        Lever("batch of 32", tuple(Recipe(rate, 1.9, batch=32) for rate in (1.0, 1.5))),
        Lever("chunks of 32", tuple(Recipe(rate, 0.6, chunk=32) for rate in (0.7, 1.0))),
        Lever("chunks of 128", tuple(Recipe(rate, 1.9, chunk=128) for rate in (1.0, 1.5))),
    ),
)

small = functools.partial(Recipe, batch=6, chunk=20)
REDUCED = Settings(
    levers=(
        Lever("plain", (small(0.005), small())),
        Lever("layer norm", (small(cost=1.5, cell="layer norm"),), again=True),
        Lever("mogrifier", (small(cost=1.5, cell="mogrifier", rounds=3),), again=True),
        Lever("zoneout", (small(cost=1.5, p_h=0.05, p_c=0.1),), again=True),
        Lever("weight drop", (small(recurrent=0.1),)),
        Lever("dropout", (small(outputs=0.1),)),
        Lever("moving average", (small(decay=0.9),)),
        Lever("tail average", (small(decay=1.0, first=0.8, falls=False),)),
        Lever("variable chunks", (small(variable=True),)),
        Lever("batch of 3", (Recipe(cost=0.5, batch=3, chunk=20),)),
        Lever("chunks of 40", (Recipe(cost=2.0, batch=6, chunk=40),)),
    ),
    corpus=MADE_UP,
    seeds=(0, 1),
    updates=80,
    lr=2e-2,
    embedding=8,
    H=9,
)


def cases(settings: Settings, runs: list[Any]) -> list[Case]:
    """Return the tuning runs, of the plain LSTM and then of the levers, and at last the test runs.

    Of the recipes of a lever, the one with the fewest `nats` in the mean over the tuning seeds is
    tested. `validation` tells what is predicted: False is the last tenth of the training text, on
    which the run does not train; True the validation text. `equal` is what the run has in common
    with the plain LSTM's: the `time`, or the `updates`.
    """
    done = [run.case for run in runs]
    plain, *others = settings.levers

    def trials(lever: Lever, recipe: Recipe, lr: float) -> list[Case]:
        seeds = settings.tuning_seeds
        return [_case(settings, lever, recipe, lr, seed, tunes=True) for seed in seeds]

    def best(lever: Lever, lr: float) -> Recipe:
        def mean(recipe: Recipe) -> float:
            found = [runs[done.index(case)] for case in trials(lever, recipe, lr)]
            return float(np.mean([run.score["nats"] for run in found]))

        return min(lever.recipes, key=mean)

    ahead = [case for recipe in plain.recipes for case in trials(plain, recipe, settings.lr)]
    if not all(case in done for case in ahead):
        return ahead
    lr = settings.lr * best(plain, settings.lr).rate
    ahead += [case for lever in others for r in lever.recipes for case in trials(lever, r, lr)]
    if not all(case in done for case in ahead):
        return ahead
    return ahead + [
        _case(settings, lever, best(lever, base), base, seed, equal=equal)
        for lever, base in [(plain, settings.lr), *((lever, lr) for lever in others)]
        for equal in ("time", "updates")[: 1 + lever.again]
        for seed in settings.seeds
    ]


def _case(
    settings: Settings,
    lever: Lever,
    recipe: Recipe,
    lr: float,
    seed: int,
    *,
    equal: str = "time",
    tunes: bool = False,
) -> Case:
    """Return a case, with its own rate and the number of updates that its cost allows."""
    cost = recipe.cost if equal == "time" else 1.0
    return {
        "lever": lever.name,
        "equal": equal,
        "validation": not tunes,
        **shared(settings, "levers", "tuning_seeds", "seeds", "updates"),
        **shared(recipe, "rate"),
        "lr": lr * recipe.rate,
        "steps": round(settings.updates / cost),
        "seed": seed,
    }


def score(case: Case) -> dict[str, Any]:
    """Train one network, and score it on a text that it has not seen.

    `nats`, per character in windows of 256 characters; `carried`, with the state carried through
    the text, of test runs alone; `train`, the mean over the last twentieth of the updates of the
    nats before each; `weights`, how many numbers are learnt; `steps`, the updates, and `seconds`,
    their CPU time.
    """
    whole = lines() if case["corpus"] == MADE_UP else text.tiny_shakespeare()
    vocabulary = text.Vocabulary.of(whole)
    seen, unseen = text.split(whole)
    if not case["validation"]:
        seen, unseen = text.split(seen)
    codes, held_out = vocabulary.encode(seen), vocabulary.encode(unseen)
    before = time.process_time()
    trained = train(case, codes, len(vocabulary))
    seconds = time.process_time() - before
    cell = cell_after(case)
    scores = {"nats": lm_score.windows(cell, trained.average, held_out)}
    if case["validation"]:
        scores["carried"] = lm_score.carried(cell, trained.average, held_out)
    return {
        **scores,
        "train": float(np.mean(trained.nats[-max(1, case["steps"] // 20) :])),
        "weights": sum(array.size for _, array in tree.leaves(trained.last)),
        "steps": case["steps"],
        "seconds": round(seconds, 3),
    }
