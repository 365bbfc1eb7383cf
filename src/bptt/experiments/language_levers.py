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
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import lstm, text, tree
from bptt.experiments import layer_norm, mogrifier, zoneout
from bptt.experiments.corpora import MADE_UP, lines
from bptt.experiments.plan import shared
from bptt.lm import dropout, network
from bptt.lm import score as lm_score
from bptt.lm.objective import loss_and_grads
from bptt.lm.settings import Settings as Training
from bptt.lm.update import MASKS, STARTS, WEIGHTS, rate_at
from bptt.optim import Adam, clip_global_norm
from bptt.shapes import Array

Case = dict[str, Any]

CELLS: dict[str, Any] = {"lstm": lstm, "layer norm": layer_norm, "mogrifier": mogrifier}

# What the lengths of chunks are drawn from.
SELDOM, DEVIATION, SHORTEST = 0.05, 5, 5


@dataclass(frozen=True)
class Recipe:
    """How one network is trained; by default as the plain LSTM."""

    rate: Annotated[float, "the learning rate, relative to the plain LSTM's"] = 1.0
    cost: Annotated[float, "the CPU time of an update, relative to the plain LSTM's"] = 1.0
    cell: Annotated[str, "`lstm`, `layer norm` or `mogrifier`"] = "lstm"
    rounds: Annotated[int, "of the Mogrifier"] = 0
    p_h: Annotated[float, "zoneout of the hidden state"] = 0.0
    p_c: Annotated[float, "zoneout of the cell state"] = 0.0
    recurrent: Annotated[float, "weight drop: how much of W_h"] = 0.0
    outputs: Annotated[float, "dropout of what the head reads"] = 0.0
    decay: Annotated[float, "of the average of the weights: 0 for the last, 1 for the mean"] = 0.0
    first: Annotated[float, "after which share of the run the average begins"] = 0.0
    falls: Annotated[bool, "whether the rate falls in a line to zero, or stays"] = True
    variable: Annotated[bool, "whether the lengths of chunks are drawn"] = False
    batch: Annotated[int, "B, the number of places in the text that are read side by side"] = 16
    chunk: Annotated[int, "the number of characters from one update to the next"] = 64


@dataclass(frozen=True)
class Lever:
    """What is compared with the plain LSTM: the best of its recipes."""

    name: Annotated[str, "of the lever"]
    recipes: Annotated[tuple[Recipe, ...], "to choose from"]
    again: Annotated[bool, "whether it runs a second time, with as many updates"] = False


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


class Trained(NamedTuple):
    """What a training gives."""

    last: Annotated[network.Params[Any], "the weights after the last update"]
    average: Annotated[network.Params[Any], "their average, which is scored"]
    nats: Annotated[list[float], "the cross-entropy before each update, nats per character"]


def train(case: Case, codes: Array, characters: int) -> Trained:
    """Train a network: the updates of `bptt.lm.update.advance`, with a lever.

    Parameters
    ----------
    codes : ndarray of int of shape (N,)
        The text.
    characters : int
        K, the number of characters.
    """
    params = average = first_weights(case, characters)
    moments, states, nats = Adam().init(params), None, []
    for step, span in enumerate(itertools.islice(spans(case, len(codes)), case["steps"])):
        inputs, targets = read(codes, case["batch"], span)
        rng = np.random.default_rng([case["seed"], MASKS, step])
        rates = dropout.Rates(recurrent=case["recurrent"], outputs=case["outputs"])
        masks = dropout.draw(rates, params, case["batch"], rng=rng)
        cell = cell_within(case, inputs.shape, rng=rng)
        chunk = loss_and_grads(cell, params, inputs, targets, states if span.at else None, masks)
        grads, _ = clip_global_norm(chunk.grads, case["clip"])
        rate = rate_at(_training(case), step) * span.T / case["chunk"]
        params, moments = Adam(rate, beta2=_training(case).beta2).update(params, grads, moments)
        average = averaged(average, params, share(case, step))
        states = chunk.states
        nats.append(chunk.nats)
    return Trained(params, average, nats)


def _training(case: Case) -> Training:
    """Return what the library's own training would be asked to do, for the rate of a step."""
    steps, warmup = case["steps"], round(case["warmup"] * case["steps"])
    decay = steps - warmup if case["falls"] else 0
    return Training(lr=case["lr"], steps=steps, warmup=warmup, decay=decay)


def first_weights(case: Case, characters: int) -> network.Params[Any]:
    """Return the weights before the first update: those of `bptt.lm.update.start` for an LSTM.

    Parameters
    ----------
    characters : int
        K, the number of characters.
    """
    rng = np.random.default_rng([case["seed"], WEIGHTS])
    D, H = case["embedding"], case["H"]
    params = network.init(CELLS[case["cell"]], characters, D, (H,), rng=rng)
    if case["cell"] != "mogrifier":
        return params
    layer = mogrifier.init(D, H, rng=rng, dtype=params.E.dtype, rounds=case["rounds"])
    return params._replace(layers=(layer,))


def cell_within(case: Case, shape: Sequence[int], *, rng: np.random.Generator) -> Any:
    """Return the cell that reads a chunk in training, with what zoneout draws for it.

    Parameters
    ----------
    shape : tuple of int
        T and B.
    rng : numpy.random.Generator
        What is drawn from.
    """
    if not (case["p_h"] or case["p_c"]):
        return CELLS[case["cell"]]
    T, B = shape
    return zoneout.drawn(case["p_h"], case["p_c"], (T, B, case["H"]), rng=rng, dtype=np.float32)


def cell_after(case: Case) -> Any:
    """Return the cell that reads what is scored."""
    if not (case["p_h"] or case["p_c"]):
        return CELLS[case["cell"]]
    return zoneout.expected(case["p_h"], case["p_c"], dtype=np.float32)


# Chunks.


class Span(NamedTuple):
    """What one update reads, of each of the B arcs into which the text is cut."""

    offset: Annotated[int, "where the first arc begins in the text"]
    at: Annotated[int, "how many characters of its arc come before, in this epoch"]
    T: Annotated[int, "how many characters are read"]


def spans(case: Case, length: int) -> Iterator[Span]:
    """Cut a text into chunks, epoch by epoch and without end, as `bptt.lm.update.chunk_at` does.

    Parameters
    ----------
    length : int
        N, the number of characters of the text.
    """
    for epoch in itertools.count():
        rng = np.random.default_rng([case["seed"], STARTS, epoch])
        offset, at = int(rng.integers(length)), 0
        for T in chunk_lengths(case, length // case["batch"], rng=rng):
            yield Span(offset, at, int(T))
            at += int(T)


def chunk_lengths(case: Case, arc: int, *, rng: np.random.Generator) -> Array:
    r"""Return the lengths of the chunks of one epoch, of one size or drawn.

    Drawn lengths are $\max(5, \lfloor n \rfloor)$ with $n \sim N(m, 5^2)$, where m is the usual
    length with probability 0.95 and else half of it; the last chunk ends with the arc. Those of one
    size leave out what is too short for a chunk.

    Parameters
    ----------
    arc : int
        The number of characters of an arc.
    rng : numpy.random.Generator
        What is drawn from.

    Notes
    -----
    Source: S. Merity, N. S. Keskar and R. Socher, "Regularizing and optimizing LSTM language
    models", ICLR 2018, <https://arxiv.org/abs/1708.02182>, section 4.1; the shortest length is that
    of its code.
    """
    if not case["variable"]:
        return np.full(arc // case["chunk"], case["chunk"])
    most = arc // SHORTEST + 1
    middle = np.where(rng.random(most) < SELDOM, case["chunk"] / 2, case["chunk"])
    drawn = np.maximum(SHORTEST, rng.normal(middle, DEVIATION).astype(int))
    lengths: Array = np.diff(np.minimum(np.cumsum(drawn), arc), prepend=0)
    return lengths[lengths > 0]


def read(codes: Array, batch: int, span: Span) -> tuple[Array, Array]:
    """Return what an update reads, and what it has to predict: two arrays of shape (T, B).

    Parameters
    ----------
    codes : ndarray of int of shape (N,)
        The text, a ring.
    batch : int
        B, the number of arcs.
    span : Span
        What is read of each.
    """
    places = span.offset + len(codes) // batch * np.arange(batch)
    steps = span.at + np.arange(span.T + 1)
    both = codes.take(places + steps[:, None], mode="wrap")
    return both[:-1], both[1:]


# Averages of the weights.


def share(case: Case, step: int) -> float:
    r"""Return how much of an average the weights after a step become.

    $$
    w_n = \max(1 - \text{decay}, \; 1 / n)
    $$

    for the n-th of the weights that are averaged. So the average is the mean of all until there are
    enough for the decay, and with a decay of 1 it is their mean to the end. Before the first it is
    the last weights.

    Parameters
    ----------
    step : int
        The step, from 0.

    Notes
    -----
    Source of the mean: B. T. Polyak and A. B. Juditsky, "Acceleration of stochastic approximation
    by averaging", SIAM Journal on Control and Optimization 30 (1992),
    <https://doi.org/10.1137/0330046>. Merity, Keskar and Socher begin it where the validation loss
    no longer falls; here it begins after a share of the run.
    """
    decay: float = case["decay"]
    n: int = step + 1 - round(case["first"] * case["steps"])
    return max(1 - decay, 1 / max(1, n))


def averaged(average: Any, params: Any, w: float) -> Any:
    r"""Return $(1 - w) \bar\theta + w \theta$; the weights themselves if w is 1.

    Parameters
    ----------
    average : tree
        The average so far, $\bar\theta$.
    params : tree
        The weights, $\theta$.
    w : float
        The share of the weights.
    """
    if w == 1:
        return params
    return tree.map(lambda mean, theta: (1 - w) * mean + w * theta, average, params)
