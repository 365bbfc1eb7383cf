"""Correlations of many series with one, what chance alone would give, and a baseline for them."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from bptt.shapes import Array


def standardised(series: ArrayLike) -> Array:
    """Return rows in float32, shifted to mean 0 and scaled to norm 1.

    The product of two is their correlation. A row that does not vary becomes zero.

    Parameters
    ----------
    series : array_like of shape (M, N)
        The rows.
    """
    rows = np.asarray(series)
    rows = (rows - rows.mean(axis=1, keepdims=True, dtype=np.float64)).astype(np.float32)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    scaled: Array = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 1e-4)
    return scaled


def shifted(states: Sequence[Array], event: Sequence[Array], shortest: int) -> tuple[Array, Array]:
    """Choose and measure a unit for each shift of the event, in a circle within each half.

    Parameters
    ----------
    states : sequence of two ndarray of shape (M, N)
        The states on both halves, standardised.
    event : sequence of two ndarray of shape (1, N)
        The event on both halves, standardised.
    shortest : int
        The shortest distance, either way round.

    Returns
    -------
    maximum : ndarray of shape (N - 2 * shortest + 1,)
        For each shift the largest absolute correlation on the first half.
    held_out : ndarray of the same shape
        The correlation of the same unit on the second half, times its sign on the first.
    """
    N = states[0].shape[1]
    shifts = slice(shortest, N - shortest + 1)
    waves = [np.fft.rfft(values).conj() for values in event]
    maximum, held_out = np.zeros((2, N - 2 * shortest + 1))
    for part in range(0, len(states[0]), 128):  # a matter of memory only
        on_first, on_second = (
            np.fft.irfft(np.fft.rfft(rows[part : part + 128]) * wave, N)[:, shifts]
            for rows, wave in zip(states, waves, strict=True)
        )
        best = np.abs(on_first).argmax(axis=0)[None]
        first, second = (np.take_along_axis(r, best, 0)[0] for r in (on_first, on_second))
        better = np.abs(first) > maximum
        maximum = np.where(better, np.abs(first), maximum)
        held_out = np.where(better, np.sign(first) * second, held_out)
    return maximum, held_out


def p_value(observed: float, null: ArrayLike) -> float:
    r"""Return the share of a null that is at least as large, the observation counted with it.

    $$
    p = \frac{1 + \#\{\text{null} \ge \text{observed}\}}{1 + n}
    $$

    Parameters
    ----------
    observed : float
        What was found.
    null : array_like of shape (n,)
        What is found where there is nothing.
    """
    null = np.asarray(null)
    return float((1 + (null >= observed).sum()) / (1 + null.size))


def window(codes: Array, values: Array, k: int, characters: int, *, latest: bool = False) -> Array:
    """Predict events from the last k characters, by a linear regression with a ridge of 1.

    The first half is fitted, and the predictions on the second are returned: (M, N - N // 2).
    There is a weight for each character at each place of the window.

    Parameters
    ----------
    codes : ndarray of int of shape (first + N,)
        The text.
    values : ndarray of shape (N, M)
        M events at its last N characters.
    k : int
        The length of the window; the character of the event is its last.
    characters : int
        K, the number of characters.
    latest : bool
        Whether a character counts only where it stood last. Then the prediction is a sum of
        functions, one for each character, of how long ago that was, and not linear in what stands
        in the window.
    """
    first, half = len(codes) - len(values), len(values) // 2
    single = np.eye(characters, dtype=np.float32)
    places = np.stack([single[codes[first - back : len(codes) - back]] for back in range(k)])
    if latest:
        places = places * (np.cumsum(places, axis=0) <= 1)
    features = np.concatenate(places, axis=1)
    X, y = (rows[:half] - rows[:half].mean(axis=0) for rows in (features, values))
    solution = np.linalg.solve(X.T @ X + np.eye(X.shape[1]), X.T @ y)
    return np.asarray((features[half:] @ solution).T)


def auc(series: Array, marks: Array) -> float:
    """Return the probability that a value at a mark is higher than one elsewhere.

    It is the area under the receiver operating characteristic, from 0 to 1.

    Parameters
    ----------
    series : ndarray of shape (N,)
        The values; of equal ones, the earlier counts as the lower.
    marks : ndarray of bool of shape (N,)
        The marks, at least one, and not everywhere.
    """
    ranks = np.empty(len(series))
    ranks[np.argsort(series, kind="stable")] = np.arange(1, len(series) + 1)
    n = int(marks.sum())
    return float((ranks[marks].sum() - n * (n + 1) / 2) / (n * (len(series) - n)))
