"""A small training, for the files that test what takes its steps."""

import threading

import numpy as np
from click.testing import CliRunner

from bptt import cli, tree
from bptt.lm.dropout import Rates
from bptt.lm.save import CURVE
from bptt.lm.settings import Settings

# All that a training may have: shares of 5 rows are uneven, and an epoch has six chunks.
K = 11
DROPS = Rates(rows=0.1, inputs=0.2, between=0.3, outputs=0.4, recurrent=0.25)
SETTINGS = Settings(
    embedding=7, widths=(13, 9), batch=5, chunk=12, steps=20, lr=0.05, warmup=4, decay=10,
    clip=0.15, fresh=0.3, average=0.9, rates=DROPS, alpha=0.5, beta=0.25, seed=3,
)  # fmt: skip
CODES = np.cumsum(np.random.default_rng(3).integers(1, 3, size=5 * 12 * 6 + 2)) % K

# And one as it is typed.
SMALL = ("--embedding", 4, "--widths", "9,7", "--batch", 5, "--chunk", 8, "--average", 0.9)
DROPPED = ("--inputs", 0.1, "--outputs", 0.2, "--recurrent", 0.2)


def in_dtype(run, dtype="float64"):
    return tree.map(lambda leaf: leaf if isinstance(leaf, int) else leaf.astype(dtype), run)


def steps_of(taken, run, steps=20):
    """Take steps by an engine; return where the run stands then, whole, and the losses."""
    run, losses = taken.own(run), []
    for _ in range(steps):
        run, nats = taken.advance(run)
        losses.append(nats)
    return taken.whole(run), losses


def in_threads(size, work):
    """Let each rank work in a thread; return what each has at the end."""
    ended = [None] * size

    def note(rank):
        ended[rank] = work(rank)

    workers = [threading.Thread(target=note, args=[rank]) for rank in range(size)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return ended


def bptt(*words):
    """Run a command in this process."""
    done = CliRunner().invoke(cli.commands(), [str(word) for word in words])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


def train(text, place, *more, steps=12):
    """Return the words of a training."""
    words = ("--steps", steps, "--every", 4, *SMALL, *DROPPED)
    return ("train", "--text", text, "--folder", place, *words, *more)


def write_text(place):
    """Write the text that it reads; return its file."""
    path = place / "words.txt"
    path.write_text("the cat sat on the mat\n" * 150)
    return path


def points(place):
    """Return the curve of a training, without what the clock says."""
    rows = (place / CURVE).read_text().splitlines()[1:]
    return np.array([[float(n) for k, n in enumerate(row.split(",")) if k != 1] for row in rows])
