"""Twenty steps in float64 by an engine, alone or as one of the processes of a launcher.

`python double.py numpy` prints the losses; of several processes the first one does.
"""

import json
import sys

import numpy as np

from bptt import tree
from bptt.lm import crews, update
from bptt.lm.dropout import Rates
from bptt.lm.settings import Settings

K = 11
SETTINGS = Settings(
    embedding=16, widths=(40, 24), batch=5, chunk=12, steps=20, lr=0.02, warmup=4, decay=10,
    clip=0.15, fresh=0.3, average=0.9, rates=Rates(inputs=0.2, outputs=0.4, recurrent=0.25), seed=3,
)  # fmt: skip
CODES = np.cumsum(np.random.default_rng(3).integers(1, 3, size=5 * 12 * 6 + 2)) % K


def begun():
    """Return the run before its first step, in float64."""
    run = update.start(SETTINGS, K)
    return tree.map(lambda leaf: leaf if isinstance(leaf, int) else leaf.astype(np.float64), run)


def losses(engine):
    """Take the steps."""
    run, found = engine.own(begun()), []
    for _ in range(SETTINGS.steps):
        run, nats = engine.advance(run)
        found.append(nats)
    return found


def main():
    """Take part, and let the first process print."""
    with crews.joined(sys.argv[1], None) as crew:
        found = losses(crew.engine(SETTINGS, CODES))
        if crew.rank == 0:
            json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
