"""Curves: one quantity against another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bptt.figures.canvas import axes_or_new, figure_of
from bptt.shapes import Array, check_shape

# As many as the colours of the site, so that no two lines differ by their colour only.
STYLES: Any = ("-", "--", ":", "-.", (0, (6, 1, 1, 1, 1, 1)))


def plot_bands(
    x: Array, draws: Sequence[Array], labels: Sequence[str], *, ax: Axes | None = None
) -> Figure:
    """Draw the median over random draws as a line, and the middle half of them as a band.

    The vertical axis is logarithmic; the caller names both.

    Parameters
    ----------
    x : ndarray of shape (N,)
        Where the values stand.
    draws : sequence of ndarrays of shape (D, N)
        For each line, the values of D draws.
    labels : sequence of str
        The name of each line.

    Raises
    ------
    ShapeError
        If a set of draws has not N values.
    """
    ax = axes_or_new(ax, height=2.4)
    for j, (values, label) in enumerate(zip(draws, labels, strict=True)):
        check_shape("figures.plot_bands", f"draws[{j}]", values, "D N", N=len(x))
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
        ax.fill_between(x, low, high, alpha=0.25, linewidth=0)
        ax.plot(x, median, label=label, linestyle=STYLES[j % 5])
    ax.set_yscale("log")
    ax.legend()
    return figure_of(ax)
