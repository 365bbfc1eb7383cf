"""Drawings of how things hang together: boxes, arrows and paths."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyArrowPatch
from matplotlib.path import Path

from bptt.figures.canvas import axes_or_new, figure, figure_of


def plot_unrolled(T: int, *, ax: Axes | None = None) -> Figure:
    """Draw a recurrent cell with its loop, and the same cell unrolled over T steps.

    Parameters
    ----------
    T : int
        The number of steps to draw.
    ax : Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    Figure
        The drawing.
    """
    ax = axes_or_new(ax, height=1.9)
    _column(ax, 0, "t")
    loop = Path([(0.32, 0.1), (1.1, 0.5), (1.1, -0.5), (0.32, -0.1)], [1, 4, 4, 4])
    ax.add_patch(FancyArrowPatch(path=loop, arrowstyle="-|>", mutation_scale=10, color="C1"))
    _node(ax, 1.4, 0, "=", fontsize="x-large")
    _node(ax, 1.9, 0, "$h_0$")
    for t in range(1, T + 1):
        _column(ax, t + 1.9, str(t))
        _arrow(ax, (t + 1.2, 0), (t + 1.6, 0), color="C1")
    ax.set(xlim=(-0.4, T + 2.3), ylim=(-1.1, 1.1), aspect="equal")
    ax.axis("off")
    return figure_of(ax)


def plot_paths(T: int) -> Figure:
    """Draw each path from the weights at step k to the loss at step t, for all k <= t <= T.

    Parameters
    ----------
    T : int
        The number of steps.

    Returns
    -------
    Figure
        T rows (t) and T columns (k); one path in each panel on or below the diagonal.
    """
    fig, axes = figure(T, T, height=1.15 * T + 0.2, squeeze=False)
    for (row, column), ax in np.ndenumerate(axes):
        ax.axis("off")
        if column <= row:
            _path(ax, T, t=row + 1, k=column + 1)
    return fig


def _node(ax: Axes, x: float, y: float, text: str, **options: Any) -> None:
    ax.text(x, y, text, ha="center", va="center", **options)


def _arrow(
    ax: Axes, start: tuple[float, float], end: tuple[float, float], color: str, width: float = 1.2
) -> None:
    props = {"arrowstyle": "-|>", "color": color, "linewidth": width, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", end, start, arrowprops=props)


def _column(ax: Axes, x: float, t: str) -> None:
    """One step: the input below, the cell, the output above."""
    _node(ax, x, -0.9, f"$x_{t}$")
    _arrow(ax, (x, -0.7), (x, -0.27), color="C0")
    _node(ax, x, 0, "step", bbox={"boxstyle": "round", "facecolor": "none", "edgecolor": "C0"})
    _arrow(ax, (x, 0.27), (x, 0.7), color="C1")
    _node(ax, x, 0.9, f"$h_{t}$")


def _path(ax: Axes, T: int, t: int, k: int) -> None:
    """The graph from the weights to the losses, with the path of one term drawn thick."""
    for step in range(1, T + 1):
        on_path = {"W": step == k, "h": k < step <= t, "L": step == t}
        _edge(ax, (step, -1), (step, 0), on_path=on_path["W"])
        _edge(ax, (step - 1, 0), (step, 0), on_path=on_path["h"])
        _edge(ax, (step, 0), (step, 1), on_path=on_path["L"])
    for step in range(T + 1):
        ax.plot(step, 0, "o", color="C1" if k <= step <= t else "0.6", markersize=4)
    ax.text(k, -1.1, f"$W, k={k}$", ha="center", va="top", color="C1")
    ax.text(t, 1.1, f"$L_{t}$", ha="center", va="bottom", color="C1")
    ax.set(xlim=(-0.3, T + 0.6), ylim=(-1.9, 1.8))


def _edge(ax: Axes, start: tuple[float, float], end: tuple[float, float], *, on_path: bool) -> None:
    _arrow(ax, start, end, color="C1" if on_path else "0.6", width=2 if on_path else 0.8)
