"""Averages of the weights, which predict in place of the last."""

from typing import Any

from bptt import tree


def share(case: dict[str, Any], step: int) -> float:
    r"""Return how much of an average the weights after a step become.

    $$
    w_n = \max(1 - \text{decay}, \; 1 / n)
    $$

    for the n-th of the weights that are averaged. So the average is the mean of all until there are
    enough for the decay, and with a decay of 1 it is their mean to the end. Before the first it is
    the last weights.

    Parameters
    ----------
    step : int
        The step, from 0.

    Notes
    -----
    Source of the mean: B. T. Polyak and A. B. Juditsky, "Acceleration of stochastic approximation
    by averaging", SIAM Journal on Control and Optimization 30 (1992),
    <https://doi.org/10.1137/0330046>. Merity, Keskar and Socher begin it where the validation loss
    no longer falls; here it begins after a share of the run.
    """
    decay: float = case["decay"]
    n: int = step + 1 - round(case["first"] * case["steps"])
    return max(1 - decay, 1 / max(1, n))


def averaged(average: Any, params: Any, w: float) -> Any:
    r"""Return $(1 - w) \bar\theta + w \theta$; the weights themselves if w is 1.

    Parameters
    ----------
    average : tree
        The average so far, $\bar\theta$.
    params : tree
        The weights, $\theta$.
    w : float
        The share of the weights.
    """
    if w == 1:
        return params
    return tree.map(lambda mean, theta: (1 - w) * mean + w * theta, average, params)
