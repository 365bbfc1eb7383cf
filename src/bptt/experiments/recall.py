r"""How many pairs does a matrix recall? The sum, the sum with a decay, the delta rule and a cache.

Nothing is trained. Keys are random rows of length 1, values are words: random rows of length 1 from
a fixed list. A rule writes all pairs, then reads with each key, and answers with the word whose
product with the reading is largest.
"""

import math
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import attention, delta
from bptt.experiments.plan import shared
from bptt.shapes import Array

# A query so long that softmax looks the nearest key up, and how much a score gains a step: little
# against the difference of two keys, and much against nothing.
LONG, A_STEP = 1e6, 10.0

# The steps of a matrix that are kept at once.
CHUNK = 64


@dataclass(frozen=True)
class Settings:
    """What is drawn: unique keys at every size, the other kinds at one."""

    sizes: Annotated[tuple[int, ...], "H: the matrix has H x H numbers"] = (16, 32, 64)
    kinds: Annotated[tuple[str, ...], "of keys, at the size of `kinds_at`"] = (
        "overwritten",
        "correlated",
        "noisy",
        "any length",
    )
    kinds_at: Annotated[int, "H of the kinds other than unique"] = 64
    counts: Annotated[tuple[int, ...], "n, the keys that are asked for"] = (
        *(8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512),
    )
    shares: Annotated[tuple[float, ...], "beta of the delta rule"] = (
        *(1.0, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.02, 0.01),
    )
    lives: Annotated[tuple[float, ...], "half-lives of the decay, in parts of all writes"] = (
        *(0.03, 0.06, 0.12, 0.25, 0.5, 1.0, 2.0),
    )
    words: Annotated[int, "the values there are"] = 256
    common: Annotated[float, "the cosine of two correlated keys"] = 0.5
    noise: Annotated[float, "the length of what is added to a noisy query"] = 0.5
    spread: Annotated[float, "of the logarithm of the lengths of keys of any length"] = 0.5
    tuning_seeds: Annotated[tuple[int, ...], "draws that choose beta and the half-life"] = (
        *(100, 101, 102, 103, 104),
    )
    seeds: Annotated[tuple[int, ...], "the draws of the test"] = tuple(range(20))


FULL = Settings()
REDUCED = Settings(
    sizes=(16, 32),
    kinds=("overwritten",),
    kinds_at=16,
    counts=(8, 16, 64),
    shares=(1.0, 0.1),
    lives=(0.12, 0.5),
    tuning_seeds=(100,),
    seeds=(0, 1, 2),
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:  # noqa: ARG001  # the contract
    """Return all draws: those that choose and those of the test."""
    same = shared(settings, "sizes", "kinds", "kinds_at", "tuning_seeds", "seeds")
    rows = [("unique", H) for H in settings.sizes]
    rows += [(kind, settings.kinds_at) for kind in settings.kinds]
    return [
        {"kind": kind, "H": H, **same, "seed": seed}
        for kind, H in rows
        for seed in (*settings.tuning_seeds, *settings.seeds)
    ]


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Write and read once for each number of keys; return the share recalled, by rule.

    `sum`, `least squares`, `attention`, `attention, latest`, `cache` and `permuted` hold a share
    for each number of keys; `decay` and `delta` a list of them, for each half-life and each beta.
    `permuted` compares what the delta rule with beta 1 answers with the words of other keys.
    """
    rng = np.random.default_rng(case["seed"])
    found: dict[str, list[Any]] = {}
    for n in case["counts"]:
        drawn = draw(case, n, rng=rng)
        for name, share in recalled(drawn, case).items():
            found.setdefault(name, []).append(share)
    return found


def unit(rows: Array) -> Array:
    """Return rows of length 1.

    Parameters
    ----------
    rows : ndarray of shape (n, H)
        The rows.
    """
    scaled: Array = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return scaled


def draw(case: dict[str, Any], n: int, *, rng: np.random.Generator) -> dict[str, Array]:
    """Draw n keys, what is written and what is asked.

    Parameters
    ----------
    n : int
        How many keys there are.

    Returns
    -------
    dict
        `k` and `word` of each write in order, the queries `q` with the right word `answer` of each,
        and all `words`.
    """
    H, kind = case["H"], case["kind"]
    words = unit(rng.normal(size=(case["words"], H)))
    keys = rng.normal(size=(n, H))
    if kind == "correlated":
        root, rest = math.sqrt(case["common"]), math.sqrt(1 - case["common"])
        keys = unit(root * unit(rng.normal(size=(1, H))) + rest * unit(keys))
    else:
        keys = unit(keys)
    if kind == "any length":
        keys = keys * np.exp(case["spread"] * rng.normal(size=(n, 1)))
    answer = rng.integers(len(words), size=n)
    writes, word = np.arange(n), answer
    if kind == "overwritten":
        old = (answer + rng.integers(1, len(words), size=n)) % len(words)  # another word
        one, two = rng.permutation(n), rng.permutation(n)
        writes, word = np.concatenate([one, two]), np.concatenate([old[one], answer[two]])
    q = keys + case["noise"] * unit(rng.normal(size=(n, H))) if kind == "noisy" else keys
    return {"k": keys[writes], "word": word, "q": q, "answer": answer, "words": words}


def recalled(drawn: dict[str, Array], case: dict[str, Any]) -> dict[str, Any]:
    """Write by every rule, read, and return the share of right answers by rule.

    Parameters
    ----------
    drawn : dict
        What `draw` returned.
    """
    k, q, words, answer = (drawn[name] for name in ("k", "q", "words", "answer"))
    v, N, H = words[drawn["word"]], len(k), k.shape[1]

    def right(readings: Array, wanted: Array = answer) -> float:
        return round(float(((readings @ words.T).argmax(axis=1) == wanted).mean()), 5)

    age = np.arange(N)[::-1]
    by_delta = written(k, v, case["shares"])
    time = A_STEP * np.arange(N)
    back = np.zeros((len(q), 1, N), bool)
    back[..., -(H // 2) :] = True  # H / 2 pairs of 2H numbers are a matrix
    return {
        "sum": right(q @ (k.T @ v)),
        "decay": [right(q @ ((0.5 ** (age / (life * N)) * k.T) @ v)) for life in case["lives"]],
        "delta": [right(q @ S) for S in by_delta],
        "least squares": right(q @ (np.linalg.pinv(k) @ v)),
        "attention": right(looked_up(q, k, v)),
        "attention, latest": right(looked_up(q, k, v, time)),
        "cache": right(looked_up(q, k, v, time, back)),
        "permuted": right(q @ by_delta[0], np.roll(answer, len(answer) // 2)),
    }


def written(k: Array, v: Array, shares: list[float]) -> Array:
    """Write pairs by the delta rule; return a matrix for each share, of shape (shares, D, E).

    Parameters
    ----------
    k, v : ndarray of shape (n, H)
        The keys and the values.
    shares : list of float
        One beta or more.
    """
    B = len(shares)
    S: Array | None = None
    for start in range(0, len(k), CHUNK):  # a tape holds every matrix
        keys, values = (np.repeat(rows[start : start + CHUNK, None], B, axis=1) for rows in (k, v))
        beta = np.broadcast_to(np.asarray(shares, float), keys.shape[:2])
        _, S, _ = delta.forward(keys, keys, values, beta, S)
    return np.asarray(S)


def looked_up(
    q: Array, k: Array, v: Array, time: Array | None = None, mask: Array | None = None
) -> Array:
    """Read by softmax attention with long queries.

    Parameters
    ----------
    q, k, v : ndarray of shape (n, H)
        The queries, the keys and the values.
    time : ndarray of shape (n,), optional
        What is added to the score of each pair. It is one more column of the keys, where all
        queries have the same number.
    mask : ndarray of bool, optional
        As for `bptt.attention.attend`.
    """
    D = q.shape[1] + (time is not None)
    q = LONG * q
    if time is not None:
        q = np.column_stack([q, np.ones(len(q))])
        k = np.column_stack([k, time])
    os, _ = attention.attend(math.sqrt(D) * q[:, None], k[:, None], v[:, None], mask)
    return os[:, 0]
