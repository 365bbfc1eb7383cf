r"""How far training and validation drift apart: a small LSTM on little text, masked or not.

Trials without masks set the sizes and the number of steps. One with a tied head had not overfitted
after as many, so the head is not tied. The rates of the masks are those of others, and not tuned.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt import lstm
from bptt.experiments.plan import shared
from bptt.lm.dropout import Rates
from bptt.lm.network import Params, forward
from bptt.lm.settings import Settings as Training
from bptt.lm.update import advance, start
from bptt.losses import cross_entropy
from bptt.shapes import Array
from bptt.text import Vocabulary, split, tiny_shakespeare

# Weight drop as in the AWD-LSTM's paper; all masks with the rates of fastai's language model.
ARMS = {
    "nothing": Rates(),
    "weight drop": Rates(recurrent=0.5),
    "all masks": Rates(rows=0.02, inputs=0.25, between=0.15, outputs=0.1, recurrent=0.2),
}


@dataclass(frozen=True)
class Settings:
    """What is run: every arm with every seed.

    Attributes
    ----------
    arms : tuple of str
        What is dropped, named as in `ARMS`.
    seeds : tuple of int
        The seeds of the weights, of where epochs start, and of the masks.
    steps : int
        The number of updates.
    points : int
        How often both texts are scored, in equal distances, after the first time before training.
    characters : int
        The length of the training text: so many from the start of the corpus.
    scored : int
        The characters of each text that are scored: so many from the start of the training text,
        and of the corpus' last tenth.
    embedding : int
        D, how many numbers stand for a character. The head is not tied to them.
    widths : tuple of int
        The number of units of each layer.
    batch : int
        B, the number of places that are read side by side.
    chunk : int
        T, the number of characters from one update to the next.
    lr : float
        The learning rate of Adam, after 100 steps of warming up.
    """

    arms: tuple[str, ...] = tuple(ARMS)
    seeds: tuple[int, ...] = tuple(range(10))
    steps: int = 1_000
    points: int = 10
    characters: int = 50_000
    scored: int = 10_000
    embedding: int = 128
    widths: tuple[int, ...] = (128, 64)
    batch: int = 16
    chunk: int = 64
    lr: float = 3e-3


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
    corpus = tiny_shakespeare()
    vocabulary = Vocabulary.of(corpus)
    first, last = (vocabulary.encode(part) for part in split(corpus))
    codes, unseen = first[: case["characters"]], last[: case["scored"]]
    same = {name: case[name] for name in ("embedding", "batch", "chunk", "steps", "lr", "seed")}
    rates, widths = ARMS[case["arm"]], tuple(case["widths"])
    settings = Training(**same, widths=widths, warmup=100, decay=0, rates=rates)
    run = start(settings, len(vocabulary))
    points = np.linspace(0, case["steps"], case["points"] + 1).astype(int).tolist()
    curves: dict[str, list[float]] = {"train": [], "validation": []}
    for point in points:
        while run.step < point:
            run, _ = advance(settings, codes, run)
        curves["train"].append(round(_nats(run.params, codes[: case["scored"]]), 4))
        curves["validation"].append(round(_nats(run.params, unseen), 4))
    return {"steps": points, **curves, "null": round(_unigram(codes, unseen, len(vocabulary)), 4)}


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
