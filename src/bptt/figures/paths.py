"""Paths from a weight to the losses, with what each of them adds to the gradient."""

from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bptt.figures.canvas import BACKWARD
from bptt.figures.drawings import plot_paths
from bptt.figures.tables import number


def plot_path_values(states: Sequence[float], weight: float) -> Figure:
    r"""Draw each path from the weight of a linear unit to its losses, with its factors and value.

    The unit is $h_t = u_t + w h_{t-1}$ with inputs $u_t$, and each state is a loss of its own,
    $L_t = h_t$. So the path from step k to the loss of step t adds $h_{k-1} w^{t-k}$ to the
    derivative by $w$. It has a panel in row t and column k, and the sum stands in the free corner.

    Parameters
    ----------
    states : sequence of float
        The states $h_0, \dots, h_T$.
    weight : float
        The weight $w$.

    Examples
    --------
    >>> from bptt import figures
    >>> fig = figures.plot_path_values([4, 6, 5], 0.5)
    >>> [ax.texts[-1].get_text() for ax in fig.axes]
    ['4', '= 12', '4 × 0.5 = 2', '6']
    """
    T = len(states) - 1
    fig = plot_paths(T, weight="w")
    fig.set_figheight(1.02 * T + 0.1)
    values = []
    for t in range(1, T + 1):
        for k in range(1, t + 1):
            values.append(states[k - 1] * weight ** (t - k))
            _label(fig.axes[(t - 1) * T + k - 1], t, k, states[k - 1], weight, values[-1])
    corner = fig.axes[T - 1]
    right: dict[str, Any] = {"transform": corner.transAxes, "ha": "right", "in_layout": False}
    corner.text(1, 0.7, " + ".join(map(number, values)), fontsize="large", **right)
    corner.text(1, 0.25, f"= {number(sum(values))}", fontsize="xx-large", **right)
    return fig


def _label(ax: Axes, t: int, k: int, state: float, weight: float, value: float) -> None:
    """Write the factors beside the edges of one path, and their product below."""
    ax.text(k + 0.12, -0.6, number(state), color=BACKWARD, va="center")
    for step in range(k + 1, t + 1):
        ax.text(step - 0.5, 0.12, number(weight), color=BACKWARD, ha="center", va="bottom")
    left, right = ax.get_xlim()
    factors = [number(state), *[number(weight)] * (t - k)]
    text = " × ".join(factors) + f" = {number(value)}" * (t > k)
    ax.set_ylim(-3, 1.8)
    ax.text((left + right) / 2, -1.95, text, ha="center", va="top", fontsize="large")
