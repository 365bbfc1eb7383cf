r"""How far training and validation drift apart: a small LSTM on little text, masked or not.

Trials without masks set the sizes and the number of steps. One with a tied head had not overfitted
after as many, so the head is not tied. The rates of the masks are those of others, and not tuned.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import lstm
from bptt.experiments.plan import shared
from bptt.lm import corpus
from bptt.lm.dropout import Rates
from bptt.lm.network import Params, forward
from bptt.lm.settings import Settings as Training
from bptt.lm.update import advance, start
from bptt.losses import cross_entropy
from bptt.shapes import Array
from bptt.text import tiny_shakespeare

# Weight drop as in the AWD-LSTM's paper; all masks with the rates of fastai's language model.
ARMS = {
    "nothing": Rates(),
    "weight drop": Rates(recurrent=0.5),
    "all masks": Rates(rows=0.02, inputs=0.25, between=0.15, outputs=0.1, recurrent=0.2),
}


@dataclass(frozen=True)
class Settings:
    """What is run: every arm with every seed."""

    arms: Annotated[tuple[str, ...], "what is dropped, named as in `ARMS`"] = tuple(ARMS)
    seeds: Annotated[tuple[int, ...], "of weights, starts of epochs and masks"] = tuple(range(10))
    steps: Annotated[int, "the number of updates"] = 1_000
    points: Annotated[int, "scores at equal distances, besides the one before training"] = 10
    characters: Annotated[int, "the training text: the first of the corpus"] = 50_000
    scored: Annotated[int, "the first of the training text, and of the corpus' last tenth"] = 10_000
    embedding: Annotated[int, "D, how many numbers stand for a character"] = 128
    widths: Annotated[tuple[int, ...], "the number of units of each layer"] = (128, 64)
    batch: Annotated[int, "B, the number of places that are read side by side"] = 16
    chunk: Annotated[int, "T, the number of characters from one update to the next"] = 64
    lr: Annotated[float, "the learning rate of Adam, after 100 steps of warming up"] = 3e-3


FULL = Settings()
REDUCED = Settings(
    arms=("nothing", "all masks"),
    seeds=(0, 1),
    steps=200,
    points=2,
    characters=2_000,
    scored=2_000,
    embedding=24,
    widths=(48, 24),
    batch=5,
    chunk=40,
    lr=1e-2,
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:  # noqa: ARG001  # as every experiment
    """Return every arm with every seed."""
    same = shared(settings, "arms", "seeds")
    return [{"arm": arm, "seed": seed, **same} for arm in settings.arms for seed in settings.seeds]


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network, and score it on both texts on the way, with nothing dropped.

    `steps`, the number of updates at each point; `train` and `validation`, nats per character at
    each; `null`, the nats of the validation text under the frequencies of the characters in the
    training text, each counted once more.
    """
    read = corpus.of(tiny_shakespeare())
    codes, unseen = read.train[: case["characters"]], read.held_out[: case["scored"]]
    same = {name: case[name] for name in ("embedding", "batch", "chunk", "steps", "lr", "seed")}
    rates, widths = ARMS[case["arm"]], tuple(case["widths"])
    settings = Training(**same, widths=widths, warmup=100, decay=0, rates=rates)
    run = start(settings, len(read.vocabulary))
    points = np.linspace(0, case["steps"], case["points"] + 1).astype(int).tolist()
    curves: dict[str, list[float]] = {"train": [], "validation": []}
    for point in points:
        while run.step < point:
            run, _ = advance(settings, codes, run)
        curves["train"].append(round(_nats(run.params, codes[: case["scored"]]), 4))
        curves["validation"].append(round(_nats(run.params, unseen), 4))
    null = _unigram(codes, unseen, len(read.vocabulary))
    return {"steps": points, **curves, "null": round(null, 4)}


def _nats(params: Params[Any], codes: Array) -> float:
    """Score a text in twenty equal parts, each from a state of zeros, but for its first character.

    What is left over is not read.
    """
    parts = codes[: len(codes) // 20 * 20].reshape(20, -1).T  # (T, B)
    logits, _, _ = forward(lstm, params, parts[:-1])
    return cross_entropy(logits, parts[1:])[0]


def _unigram(seen: Array, codes: Array, characters: int) -> float:
    counts = np.bincount(seen, minlength=characters) + 1
    return float(-np.log(counts / counts.sum())[codes].mean())
