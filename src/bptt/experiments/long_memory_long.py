"""Copying and adding over a wait of 200 steps, from both starts of the linear cell and an LSTM.

It is `long_memory` with longer sequences, fewer arms, and without the highest rate of the simple
cells: with it the states overflow within the first steps.
"""

import dataclasses

from bptt.experiments import long_memory
from bptt.experiments.long_memory import cases, score

__all__ = ["FULL", "REDUCED", "cases", "score"]

ARMS = ("linear, orthogonal", "linear, identity", "lstm, chrono")
ROWS = (("copying", 200, ARMS), ("adding", 200, ARMS))
FULL = dataclasses.replace(long_memory.FULL, rows=ROWS, rates=(3e-4, 1e-3, 3e-3))
REDUCED = dataclasses.replace(long_memory.REDUCED, rows=ROWS[1:], steps=20)
