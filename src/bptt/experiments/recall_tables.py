r"""What the experiment `recall` measured, by rule, and how many keys a rule has room for."""

from typing import Any

import numpy as np

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
            for_choice = np.concatenate([for_choice, of("sum", tuning)[..., None]], axis=-1)
            for_test = np.concatenate([for_test, of("sum", test)[..., None]], axis=-1)
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
