"""What one update after the other reads of a text: chunks of one length, or of drawn ones."""

import itertools
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt.lm.update import STARTS
from bptt.shapes import Array

# What the lengths are drawn from.
SELDOM, DEVIATION, SHORTEST = 0.05, 5, 5


class Span(NamedTuple):
    """What one update reads, of each of the B arcs into which the text is cut."""

    offset: Annotated[int, "where the first arc begins in the text"]
    at: Annotated[int, "how many characters of its arc come before, in this epoch"]
    T: Annotated[int, "how many characters are read"]


def spans(case: dict[str, Any], length: int) -> Iterator[Span]:
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


def chunk_lengths(case: dict[str, Any], arc: int, *, rng: np.random.Generator) -> Array:
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
