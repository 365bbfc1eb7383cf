r"""Which cell learns to predict characters in the least CPU time? RNN, GRU and LSTM on one text.

The three networks have about the same number of weights, so that a step asks about the same
arithmetic of each; with the same number of units, an RNN would have a quarter of an LSTM's. All
take the same number of steps, and with one seed all read the same characters. The rate is chosen
for each cell from one grid, on the last tenth of the training text and on seeds of their own. The
grid had three rates at first. 6e-3 and 1.8e-2 were put between them when the tuning runs showed
that two of the three did about equally well for the LSTM; no test run had been looked at.

The rate falls in a line to zero over the whole run. A point in the middle of a curve is therefore
no measure of the best that a cell could do in that time; the end of the curve is.
"""

import time
from dataclasses import dataclass
from typing import Any

from bptt import text, tree
from bptt.cells import CELLS
from bptt.experiments.corpora import MADE_UP, lines
from bptt.experiments.plan import shared, tune_then_test
from bptt.lm import score as lm_score
from bptt.lm.settings import Settings as Training
from bptt.lm.update import advance, start


@dataclass(frozen=True)
class Settings:
    """What is run: every cell with every rate on the tuning seeds, then with its best rate.

    Attributes
    ----------
    widths : tuple of tuple of str and int
        The cells, each with its number of units. The weights of the three networks, the embedding
        and the head among them, differ in number by less than 1%.
    corpus : str
        `tiny shakespeare`, or `made up`: words in random order, for which no file is needed.
    rates : tuple of float
        The learning rates of Adam to choose from.
    tuning_seeds : tuple of int
        The seeds that choose the rate.
    seeds : tuple of int
        The seeds of the test runs.
    steps : int
        The number of updates.
    points : int
        How often a test run is scored, each time after about 1.5 times as many steps.
    warmup : int
        In so many steps the learning rate rises; then it falls to zero over all the others.
    embedding : int
        D, how many numbers stand for a character.
    batch : int
        B, the number of places in the text that are read side by side.
    chunk : int
        The number of characters from one update to the next.
    clip : float
        The largest global norm of a gradient.
    """

    widths: tuple[tuple[str, int], ...] = (("rnn", 269), ("gru", 150), ("lstm", 128))
    corpus: str = "tiny shakespeare"
    rates: tuple[float, ...] = (3e-3, 6e-3, 1e-2, 1.8e-2, 3e-2)
    tuning_seeds: tuple[int, ...] = (100, 101)
    seeds: tuple[int, ...] = tuple(range(10))
    steps: int = 1_000
    points: int = 8
    warmup: int = 40
    embedding: int = 64
    batch: int = 16
    chunk: int = 64
    clip: float = 1.0


FULL = Settings()
REDUCED = Settings(
    widths=(("rnn", 20), ("gru", 11), ("lstm", 9)),
    corpus=MADE_UP,
    rates=(1e-4, 2e-2),
    tuning_seeds=(100,),
    seeds=(0, 1),
    steps=150,
    points=3,
    warmup=5,
    embedding=8,
    batch=6,
    chunk=20,
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the tuning runs and, once they are done, those on the test seeds with the best rates.

    The best has the fewest `nats`. `validation` tells what is predicted: False is the last tenth of
    the training text, on which the run does not train; True the validation text.
    """
    same = shared(settings, "widths", "rates", "tuning_seeds", "seeds")
    return tune_then_test(
        settings,
        runs,
        [{"cell": cell, "H": H, "validation": True, **same} for cell, H in settings.widths],
        rates=lambda _: settings.rates,
        rank=lambda score: (score["nats"],),
        tuning={"validation": False, "points": 1},
    )


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network, and score it on the way on a text that it has not seen.

    `weights`, how many numbers are learnt; `steps`, `seconds` and `curve`, for each point the
    updates so far, the CPU seconds that they took without the time to score, and nats per character
    over all windows of 256 characters; `nats`, the last of these.
    """
    whole = lines() if case["corpus"] == MADE_UP else text.tiny_shakespeare()
    vocabulary = text.Vocabulary.of(whole)
    seen, unseen = text.split(whole)
    if not case["validation"]:
        seen, unseen = text.split(seen)
    codes, held_out = vocabulary.encode(seen), vocabulary.encode(unseen)
    names = ("cell", "embedding", "batch", "chunk", "steps", "lr", "warmup", "clip", "seed")
    same = {name: case[name] for name in names}
    decay = case["steps"] - case["warmup"]
    settings = Training(**same, widths=(case["H"],), decay=decay)
    run, seconds = start(settings, len(vocabulary)), 0.0
    steps = [round(case["steps"] / 1.5**point) for point in reversed(range(case["points"]))]
    curve, spent = [], []
    for point in steps:
        before = time.process_time()
        while run.step < point:
            run, _ = advance(settings, codes, run)
        seconds += time.process_time() - before
        spent.append(round(seconds, 3))
        curve.append(lm_score.windows(CELLS[case["cell"]], run.params, held_out))
    return {
        "weights": sum(array.size for _, array in tree.leaves(run.params)),
        "steps": steps,
        "seconds": spent,
        "curve": curve,
        "nats": curve[-1],
    }
