"""Adding over a short wait, from both starts of the linear cell.

It is `long_memory` with 30 steps in place of 100, and was asked after seeing the result there.
"""

import dataclasses

from bptt.experiments import long_memory
from bptt.experiments.long_memory import cases, score

__all__ = ["FULL", "REDUCED", "cases", "score"]

ROWS = (("adding", 30, ("linear, orthogonal", "linear, identity")),)
FULL = dataclasses.replace(long_memory.FULL, rows=ROWS)
REDUCED = dataclasses.replace(long_memory.REDUCED, rows=ROWS, steps=60)
