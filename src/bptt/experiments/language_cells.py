r"""Which cell learns to predict characters in the least CPU time? RNN, GRU and LSTM on one text.

The numbers of weights of the three networks, the embedding and the head among them, differ by less
than 1%, so that a step asks about the same arithmetic of each; with the same number of units, an
RNN would have a quarter of an LSTM's. All take the same number of steps, and with one seed all read
the same characters. The rate is chosen for each cell from one grid, on the last tenth of the
training text and on seeds of their own. The grid had three rates at first. 6e-3 and 1.8e-2 were put
between them when the tuning runs showed that two of the three did about equally well for the LSTM;
no test run had been looked at.

The rate falls in a line to zero over the whole run. A point in the middle of a curve is therefore
no measure of the best that a cell could do in that time; the end of the curve is.
"""

import time
from dataclasses import dataclass
from typing import Annotated, Any

from bptt import text, tree
from bptt.cells import CELLS
from bptt.experiments.corpora import MADE_UP, lines
from bptt.experiments.plan import shared, tune_then_test
from bptt.lm import score as lm_score
from bptt.lm.settings import Settings as Training
from bptt.lm.update import advance, start


@dataclass(frozen=True)
class Settings:
    """What is run: every cell with every rate on the tuning seeds, then with its best rate."""

    widths: Annotated[tuple[tuple[str, int], ...], "the cells, each with its number of units"] = (
        ("rnn", 269),
        ("gru", 150),
        ("lstm", 128),
    )
    corpus: Annotated[str, "`tiny shakespeare`, or `made up`, without a file"] = "tiny shakespeare"
    rates: Annotated[tuple[float, ...], "rates to choose from"] = (3e-3, 6e-3, 1e-2, 1.8e-2, 3e-2)
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose the rate"] = (100, 101)
    seeds: Annotated[tuple[int, ...], "the seeds of the test runs"] = tuple(range(10))
    steps: Annotated[int, "the number of updates"] = 1_000
    points: Annotated[int, "scores of a test run, each after about 1.5 times as many steps"] = 8
    warmup: Annotated[int, "the steps in which the rate rises, before it falls"] = 40
    embedding: Annotated[int, "D, how many numbers stand for a character"] = 64
    batch: Annotated[int, "B, the number of places in the text that are read side by side"] = 16
    chunk: Annotated[int, "the number of characters from one update to the next"] = 64
    clip: Annotated[float, "the largest global norm of a gradient"] = 1.0


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
