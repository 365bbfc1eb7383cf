"""Tests that compare two arms seed by seed, and what becomes of p when several are made."""

from collections.abc import Sequence
from math import comb

import numpy as np

from bptt.shapes import Array


def sign_test(wins: int, losses: int) -> float:
    r"""Return the two-sided p of so many wins and losses, if each were the toss of a fair coin.

    Seeds for which the two arms come out alike are left out. With $n$ of the others,

    $$
    p = \min \Bigl( 1, \; 2^{1 - n} \sum_{k = m}^{n} \binom{n}{k} \Bigr), \qquad
    m = \max(\text{wins}, \text{losses}).
    $$

    Parameters
    ----------
    wins, losses : int
        How many seeds favour the one arm, and the other.
    """
    n = wins + losses
    tail = sum(comb(n, k) for k in range(max(wins, losses), n + 1))
    return float(min(1.0, 2 * tail / 2**n))


def holm(p_values: Sequence[float]) -> Array:
    r"""Correct the p of several tests, so that comparing each with 0.05 errs with probability 0.05.

    If nothing is to be found, the probability that any of them is below 0.05 is at most 0.05,
    whether the tests depend on each other or not. With $p_1 \le \dots \le p_m$ it is the method of
    Holm (1979),

    $$
    \tilde p_i = \max_{j \le i} \, \min(1, (m - j + 1) \, p_j).
    $$

    Parameters
    ----------
    p_values : sequence of float
        What the m tests give, in any order.

    Returns
    -------
    corrected : ndarray of shape (m,)
        In the order of the tests.

    Notes
    -----
    Source: S. Holm, "A simple sequentially rejective multiple test procedure", Scandinavian Journal
    of Statistics 6 (1979), <https://www.jstor.org/stable/4615733>.
    """
    p = np.asarray(p_values, dtype=np.float64)
    order = np.argsort(p)
    rising = np.maximum.accumulate(np.minimum(1.0, np.arange(len(p), 0, -1) * p[order]))
    corrected: Array = rising[np.argsort(order)]
    return corrected
