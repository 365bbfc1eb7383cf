r"""What is wrong with a gradient that is cheap: the bias of truncation, the noise of UORO.

One LSTM forgets quickly, another keeps for long: nothing but the forget bias differs.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import lstm, online, tree, unroll
from bptt.experiments.plan import shared
from bptt.shapes import Array

# The forget bias of each network: half of a cell is left after 1 step, or after 38.
NETWORKS = {"short": 0.0, "long": 4.0}

# The loss is a weighted sum of all outputs, with weights drawn at every step, or once for all.
LOSSES = ("drawn", "same")

BLOCK = 500  # draws at a time, a matter of memory only


@dataclass(frozen=True)
class Settings:
    """What is run: every seed with both networks, with weights, input and losses of its own."""

    networks: Annotated[tuple[str, ...], "which of `NETWORKS`"] = tuple(NETWORKS)
    seeds: Annotated[tuple[int, ...], "the seeds"] = tuple(range(20))
    T: Annotated[int, "the steps of the sequence"] = 60
    input_size: Annotated[int, "I, the numbers of an input"] = 4
    hidden_size: Annotated[int, "H, the hidden units"] = 8
    windows: Annotated[tuple[int, ...], "the steps that a truncated gradient goes back"] = (
        1, 3, 10, 30,
    )  # fmt: skip
    draws: Annotated[int, "the estimates by UORO"] = 4000
    averaged: Annotated[tuple[int, ...], "how many estimates are averaged"] = (1, 10, 100, 1000)


FULL = Settings()
REDUCED = Settings(
    seeds=(0, 1), T=15, hidden_size=3, windows=(1, 3), draws=500, averaged=(1, 10, 100)
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:  # noqa: ARG001  # as every experiment
    """Return every seed with both networks."""
    same = shared(settings, "networks", "seeds")
    return [
        {"network": network, "seed": seed, **same}
        for network in settings.networks
        for seed in settings.seeds
    ]


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Compute one gradient in all ways, for both losses.

    All is relative to the gradient of backpropagation through time. An error is the squared length
    of a difference over that of the gradient: that of no gradient, zeros, is 1. `rtrl` is the
    largest difference of RTRL, rounded up to a power of ten. For each loss:

    - `truncated`, for each window: the share of the gradient that it has along it, the error, and
      the cosine of the angle between them.
    - `uoro`: the mean and the standard deviation of that share over all draws, the mean error, the
      median cosine, and the share of draws with a cosine above 0.
    - `position`, for no gradient and for each window: the mean and the standard deviation of the
      place of an estimate on the line from there, 0, to the gradient, 1; and the mean place after
      the difference of each draw from the gradient was turned round by the toss of a coin.
    - `averaged`: the error of means of so many draws. `turned` is the same after the tosses.
    """
    rng = np.random.default_rng(case["seed"])
    T, H = case["T"], case["hidden_size"]
    bias = NETWORKS[case["network"]]
    params = lstm.init(case["input_size"], H, rng=rng, forget_bias=bias)
    xs = rng.normal(size=(T, 1, case["input_size"]))
    dhs = {
        "drawn": rng.normal(size=(T, 1, H)),
        "same": np.repeat(rng.normal(size=(1, 1, H)), T, axis=0),
    }
    _, _, tape = unroll.forward(lstm, params, xs)
    estimates = draws(params, tape.steps, dhs, case["draws"], rng=rng)
    found: dict[str, Any] = {"rtrl": 0.0}
    for loss in LOSSES:
        g = _vector(unroll.backward(lstm, params, tape, dhs[loss])[0])
        exact = _vector(online.rtrl(lstm, params, xs, dhs[loss]))
        error = float(np.abs(exact - g).max() / np.abs(g).max())
        found["rtrl"] = max(found["rtrl"], float(10.0 ** np.ceil(np.log10(max(error, 1e-17)))))
        cut = [
            _vector(online.truncated(lstm, params, xs, dhs[loss], window))
            for window in case["windows"]
        ]
        found[f"truncated {loss}"] = [
            [_digits(value) for value in (_along(c, g), _error(c, g), _cosine(c, g))] for c in cut
        ]
        noise = estimates[loss] - g
        tosses = rng.choice([-1.0, 1.0], size=len(noise))
        along, cosines = _along(estimates[loss], g), _cosine(estimates[loss], g)
        found[f"uoro {loss}"] = [
            _digits(value)
            for value in (
                along.mean(), along.std(ddof=1), _error(estimates[loss], g).mean(),
                np.median(cosines), (cosines > 0).mean(),
            )
        ]  # fmt: skip
        places = [
            [1 + _along(n, g - c) for n in (noise, tosses[:, None] * noise)] for c in [0, *cut]
        ]
        found[f"position {loss}"] = [
            [_digits(value) for value in (place.mean(), place.std(ddof=1), turned.mean())]
            for place, turned in places
        ]
        for name, each in (("averaged", noise), ("turned", tosses[:, None] * noise)):
            means = [each.reshape(-1, n, g.size).mean(axis=1) for n in case["averaged"]]
            found[f"{name} {loss}"] = [_digits(_error(g + mean, g).mean()) for mean in means]
    return found


def draws(
    params: lstm.Params,
    steps: tuple[lstm.Step, ...],
    dhs: dict[str, Array],
    count: int,
    *,
    rng: np.random.Generator,
) -> dict[str, Array]:
    """Draw many estimates by UORO of one run of one sequence, for several losses at once.

    They are those of `bptt.online.rank_one`. The derivatives of a step are the same for all draws,
    and no loss changes what is carried, so both are computed once.

    Parameters
    ----------
    steps : tuple of Step
        What each step saved.
    dhs : dict of str to ndarray of shape (T, 1, H)
        What each loss reads.
    count : int
        How many are drawn.

    Returns
    -------
    dict of str to ndarray of shape (count, P)
        For each loss the estimates.
    """
    derivatives = [online.derivatives(lstm, params, saved) for saved in steps]
    P, N = derivatives[0][1][0].shape
    estimates = {loss: np.zeros((count, P)) for loss in dhs}
    for first in range(0, count, BLOCK):
        block = slice(first, min(first + BLOCK, count))
        size = block.stop - block.start
        s, theta = np.zeros((size, N)), np.zeros((size, P))
        for t, ((J,), (F,)) in enumerate(derivatives):
            for loss, read in dhs.items():
                ds = np.zeros(N)
                ds[: read.shape[-1]] = read[t, 0]
                estimates[loss][block] += F @ ds + (s @ (J @ ds))[:, None] * theta
            signs = rng.choice([-1.0, 1.0], size=(size, N))
            s, theta = online.mix(s @ J, theta, signs, signs @ F.T)
    return estimates


def _vector(params: Any) -> Array:
    return tree.ravel(params)[0]


def _along(vectors: Array, g: Array) -> Array:
    """Return the share of a gradient that vectors have along it."""
    return np.asarray(vectors @ g / (g @ g))


def _error(vectors: Array, g: Array) -> Array:
    """Return the squared length of the difference from a gradient, over that of the gradient."""
    return np.asarray(((vectors - g) ** 2).sum(axis=-1) / (g @ g))


def _cosine(vectors: Array, g: Array) -> Array:
    return np.asarray(vectors @ g / (np.linalg.norm(vectors, axis=-1) * np.linalg.norm(g)))


def _digits(value: Any) -> float:
    """Keep six digits."""
    return float(f"{float(value):.5e}")
