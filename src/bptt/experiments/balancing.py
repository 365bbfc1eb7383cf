r"""Which way is a weight turned that helps at once and harms later? A chain of units.

Each of n units takes half of itself and half of its right neighbour,

$$
s'_i = \tfrac12 s_i + \tfrac12 s_{i+1} \pm \theta.
$$

The weight is added to the first units and taken from the others, which are more. The loss reads the
first unit, $\frac12 (s_1 - 1)^2$. Soon a larger weight lifts it; in the end it presses it down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import online
from bptt.experiments.plan import shared, tune_then_test
from bptt.shapes import Array

FAR = 1e6  # a weight beyond has run away


@dataclass(frozen=True)
class Settings:
    """What is run: every arm with the rate that was best for it on other seeds."""

    arms: Annotated[tuple[str, ...], "where the gradient comes from; a number is a window"] = (
        "rtrl", "uoro", "1", "10", "30", "100",
    )  # fmt: skip
    rates: Annotated[tuple[float, ...], "the learning rates to choose from"] = (
        1e-6, 3e-6, 1e-5, 3e-5, 1e-4,
    )  # fmt: skip
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose"] = (100, 101, 102)
    seeds: Annotated[tuple[int, ...], "the seeds"] = tuple(range(10))
    steps: Annotated[int, "the steps, each with an update"] = 20_000
    units: Annotated[int, "n, the units of the chain"] = 23
    added: Annotated[int, "how many of them the weight is added to"] = 10


FULL = Settings()
REDUCED = Settings(
    arms=("rtrl", "uoro", "3"), rates=(1e-3,), tuning_seeds=(), seeds=(0, 1), steps=4000,
    units=5, added=2,
)  # fmt: skip


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the tuning runs of all arms; once they are done, the test runs as well."""
    same = shared(settings, "arms", "rates", "tuning_seeds", "seeds")
    return tune_then_test(
        settings,
        runs,
        [{"arm": arm, **same} for arm in settings.arms],
        rates=lambda _: settings.rates,
        rank=lambda found: (np.log10(found["loss"] + 1e-12),),
    )


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Learn while the chain runs, with an update at every step.

    `theta` is the weight after each twentieth of the steps, kept at 1e6 where it ran away, `start`
    the weight before. `loss` is the mean loss of the last tenth, 1e12 after a weight that ran away.
    `null` is the loss in the end if nothing had been learned, and `best` the weight that has none.
    """
    rng = np.random.default_rng(case["seed"])
    start = theta = float(rng.uniform(0, 1))
    J, F = chain(case["units"], case["added"])
    gradient = gradients(case["arm"], J, F, rng=rng)
    thetas: list[float] = []
    s, losses = np.ones(len(F)), np.zeros(case["steps"])
    for t in range(case["steps"]):
        s = s @ J + theta * F
        ds = np.zeros(len(F))
        ds[0] = s[0] - 1
        losses[t] = ds[0] ** 2 / 2
        theta -= case["lr"] * gradient(ds)
        if not abs(theta) < FAR:
            thetas += [float(np.copysign(FAR, theta))] * (20 - len(thetas))
            losses[:] = 1e12
            break
        if (t + 1) % (case["steps"] // 20) == 0:
            thetas.append(round(theta, 6))
    lift = float(np.linalg.solve((np.eye(len(F)) - J).T, F)[0])  # of the first unit, in the end
    return {
        "theta": thetas,
        "start": round(start, 6),
        "loss": float(f"{losses[-(case['steps'] // 10) :].mean():.4e}"),
        "null": float(f"{(start * lift - 1) ** 2 / 2:.4e}"),
        "best": round(1 / lift, 6),
    }


def chain(units: int, added: int) -> tuple[Array, Array]:
    r"""Return both derivatives of a step, $s' = s J + \theta F$, which is linear.

    Parameters
    ----------
    units : int
        The units of the chain.
    added : int
        How many the weight is added to.
    """
    J = 0.5 * np.eye(units) + 0.5 * np.eye(units, k=-1)
    return J, np.where(np.arange(units) < added, 1.0, -1.0)


def gradients(
    arm: str, J: Array, F: Array, *, rng: np.random.Generator
) -> Callable[[Array], float]:
    """Return what computes the gradient of each step in turn, from what its loss reads.

    Parameters
    ----------
    arm : str
        `rtrl`, `uoro`, or the window of a truncated gradient.
    J : ndarray of shape (N, N)
        The Jacobian of a step.
    F : ndarray of shape (N,)
        Its derivative by the weight.
    """
    zero = np.zeros_like(F)
    if arm == "rtrl":
        carried = [zero]

        def exact(ds: Array) -> float:
            carried[0] = carried[0] @ J + F
            return float(carried[0] @ ds)

        return exact
    if arm == "uoro":
        rows = [(zero, np.zeros(1))]

        def estimate(ds: Array) -> float:
            s, theta = rows[0]
            found = F @ ds + (s @ (J @ ds)) * theta[0]
            signs = rng.choice([-1.0, 1.0], size=len(F))
            rows[0] = online.mix(s @ J, theta, signs, np.array([signs @ F]))
            return float(found)

        return estimate
    influences = [F]  # of the last steps alone: of one step, of two, ...
    for _ in range(int(arm) - 1):
        influences.append(influences[-1] @ J + F)
    seen = [0]

    def cut(ds: Array) -> float:
        seen[0] += 1
        return float(influences[min(seen[0], len(influences)) - 1] @ ds)

    return cut
