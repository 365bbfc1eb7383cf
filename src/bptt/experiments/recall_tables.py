r"""What the experiment `recall` measured, by rule, and what theory says of two of the rules."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bptt.shapes import Array


def by_rule(result: Any, kind: str, H: int) -> dict[str, Array]:
    """Gather what the rules recall of one kind of keys, on the draws of the test.

    Parameters
    ----------
    result : Result
        The stored result.
    kind : str
        Of keys: `unique`, or one of the settings.
    H : int
        The size.

    Returns
    -------
    dict
        For each rule an array of shape (draws, counts). `delta` has beta 1. For `delta, chosen` and
        `decay, chosen` the beta and the half-life had the best mean on the other draws, for each
        count; the decay may choose none, and be the sum.
    """
    settings = result.settings

    def of(name: str, seeds: list[int]) -> Array:
        rows = [result.scores(name, kind=kind, H=H, seed=seed)[0] for seed in seeds]
        return np.array(rows)

    test, tuning = settings["seeds"], settings["tuning_seeds"]
    plain = ("sum", "least squares", "attention", "attention, latest", "cache", "permuted")
    found = {name: of(name, test) for name in plain}
    found["delta"] = of("delta", test)[..., 0]
    for name in ("delta", "decay"):
        for_choice, for_test = of(name, tuning), of(name, test)
        if name == "decay":
            for_choice = np.concatenate([of("sum", tuning)[..., None], for_choice], axis=-1)
            for_test = np.concatenate([of("sum", test)[..., None], for_test], axis=-1)
        best = for_choice.mean(axis=0).argmax(axis=-1)
        found[f"{name}, chosen"] = np.take_along_axis(for_test, best[None, :, None], -1)[..., 0]
    return found


def capacity(shares: Array, counts: list[int], wanted: float = 0.9) -> Array:
    """Return how many keys there may be before less than a share of them is recalled.

    Between two counts it is interpolated, linearly in the logarithm of the count.

    Parameters
    ----------
    shares : ndarray of shape (draws, counts)
        What was recalled.
    counts : list of int
        The numbers of keys.
    wanted : float
        The share.

    Returns
    -------
    ndarray of shape (draws,)
        The number for each draw: infinite if all counts are recalled, 0 if not even the first.
    """
    found = []
    for row in shares:
        below = np.flatnonzero(row < wanted)
        if not below.size or below[0] == 0:
            found.append(np.inf if not below.size else 0.0)
            continue
        j = below[0]
        part = (row[j - 1] - wanted) / (row[j - 1] - row[j])
        low, high = np.log(counts[j - 1]), np.log(counts[j])
        found.append(float(np.exp(low + part * (high - low))))
    return np.array(found)


def share_right(signal: ArrayLike, noise: ArrayLike, H: int, words: int) -> Array:
    r"""Predict the share of right answers from the signal and the energy of the noise.

    The reading is $s v + z$, with the word $v$ that was written and a sum $z$ of words with random
    signs, of energy $\eta = \lVert z \rVert^2$ in the mean. A word may be one of those in $z$, so
    that along a word the noise has the variance $\eta' / H$, with $\eta' = \eta (1 + H / V)$. Along
    $v$ the reading has the part $b = s + x \sqrt{\eta' / H}$, with a normal $x$; what is at right
    angles has the energy $\eta' (1 - 1/H)$. The answer is right if the angle to $v$ is smaller than
    to all others, whose cosines have the distribution $F_H$ of random rows:

    $$
    p = \int \varphi(x) \, F_H \Bigl( \frac{b}{\sqrt{b^2 + \eta' (1 - 1/H)}} \Bigr)^{V - 1} dx,
    \qquad F_H'(c) \propto (1 - c^2)^{(H - 3) / 2}.
    $$

    Parameters
    ----------
    signal, noise : array_like
        $s$ and $\eta$, of one shape.
    H : int
        The width of a value.
    words : int
        V, the number of words.
    """
    x, cosines = np.linspace(-8, 8, 321), np.linspace(-1, 1, 8001)
    density = np.exp(-(x**2) / 2)
    of_cosine = (1 - cosines**2) ** ((H - 3) / 2)
    F = (np.cumsum(of_cosine) - of_cosine / 2) / of_cosine.sum()
    nu = np.asarray(noise, float)[..., None] * (1 + H / words)
    b = np.asarray(signal, float)[..., None] + x * np.sqrt(nu / H)
    cosine = b / np.sqrt(b**2 + nu * (1 - 1 / H) + 1e-300)
    right = np.interp(cosine, cosines, F) ** (words - 1)
    return np.asarray((density * right).sum(axis=-1) / density.sum())


def predicted_sum(n: int, H: int, words: int) -> float:
    r"""Predict what the sum recalls of n unique keys: $s = 1$ and $\eta = (n - 1) / H$.

    Parameters
    ----------
    n : int
        The number of keys.
    H, words : int
        As for `share_right`.
    """
    return float(share_right(1.0, (n - 1) / H, H, words))


def predicted_delta(n: int, H: int, words: int) -> Array:
    r"""Predict what the delta rule with $\beta = 1$ recalls of each of n unique keys, by its age.

    With $x = a / H$ for a key after which a others were written, and $g = e^{-(n - a) / H}$,

    $$
    s = e^{-x}, \qquad \eta = (1 - e^{-x}) (1 + (1 - g) e^{-x}).
    $$

    Parameters
    ----------
    n : int
        The number of keys.
    H, words : int
        As for `share_right`.

    Returns
    -------
    ndarray of shape (n,)
        The probability for each age, from the latest on.
    """
    age = np.arange(n)
    s, g = np.exp(-age / H), np.exp(-(n - age) / H)
    return share_right(s, (1 - s) * (1 + (1 - g) * s), H, words)
