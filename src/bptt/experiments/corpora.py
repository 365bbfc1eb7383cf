"""Texts that are made up, always the same, for tests that have no corpus."""

import numpy as np

MADE_UP = "made up"  # the name of such a text, in place of that of a corpus
WORDS = [
    *("to", "be", "or", "not", "that", "is", "the"),
    *("question", "whether", "tis", "nobler", "in", "mind", "suffer"),
]


def lines() -> str:
    """Return words in random order, in lines of two to seven: about 26,000 characters."""
    rng = np.random.default_rng(0)
    found = (rng.choice(WORDS, rng.integers(2, 8)) for _ in range(1_200))
    return "\n".join(" ".join(line) for line in found)


def play() -> str:
    """Return speakers in turn, with random words: about 20,000 characters."""
    rng = np.random.default_rng(0)
    parts = []
    for _ in range(200):
        lines = [" ".join(rng.choice(WORDS, rng.integers(5, 9))) for _ in range(rng.integers(1, 5))]
        speech = "\n".join(line.capitalize() for line in lines).replace("tis", "'tis")
        parts.append(f"{rng.choice(['HAMLET', 'OPHELIA', 'First Lord'])}:\n{speech}.")
    return "\n\n".join(parts)
