"""Heat maps: one coloured cell for each number of a matrix.

Of units, steps run to the right and units down, both counted from 1.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bptt.figures.canvas import axes_or_new, count_axes, with_bar
from bptt.shapes import Array, check_shape


def plot_states(hs: Array, *, ax: Axes | None = None) -> Figure:
    """Draw the states of one sequence as a heat map, from -1 (blue) to 1 (red).

    Parameters
    ----------
    hs : ndarray of shape (T, H)
        The state after each step.

    Raises
    ------
    ShapeError
        If `hs` has not two axes.
    """
    hs = check_shape("figures.plot_states", "hs", hs, "T H")
    return _plot_units(hs, "state $h_t$", ax, cmap="RdBu_r", vmin=-1)


def plot_terms(norms: Array, *, ax: Axes | None = None) -> Figure:
    """Draw the sizes of the terms of the double sum as a heat map of their logarithm.

    The step k runs to the right, the step t down; terms that are zero stay empty.

    Parameters
    ----------
    norms : ndarray of shape (T, T)
        At [t - 1, k - 1] the norm of what the weights at step k add through the loss at step t;
        zero where k > t.

    Raises
    ------
    ShapeError
        If `norms` is not square.
    """
    check_shape("figures.plot_terms", "norms", norms, "T T", T=len(norms))
    ax, names = axes_or_new(ax, height=2.6), ("weights used at step $k$", "loss read at step $t$")
    return _map(np.ma.log10(norms), ax, names, r"$\log_{10}$ of the norm", cmap="viridis")


def plot_gates(gates: Array, *, ax: Axes | None = None) -> Figure:
    """Draw the gates of one sequence as a heat map, from 0 (closed, dark) to 1 (open, bright).

    Parameters
    ----------
    gates : ndarray of shape (T, H)
        One gate of each unit at each step, such as the series `f` of `probe.series`.

    Raises
    ------
    ShapeError
        If `gates` has not two axes.
    """
    gates = check_shape("figures.plot_gates", "gates", gates, "T H")
    return _plot_units(gates, "gate", ax, cmap="viridis", vmin=0)


def _plot_units(values: Array, label: str, ax: Axes | None, **colors: Any) -> Figure:
    """Draw what units do over time, up to 1: steps to the right, units down."""
    ax, names = axes_or_new(ax, height=2.2), ("step $t$", "unit")
    return _map(np.transpose(values), ax, names, label, aspect="auto", vmax=1, **colors)


def _map(values: Array, ax: Axes, names: tuple[str, str], label: str, **options: Any) -> Figure:
    """Draw a matrix; its columns to the right and its rows down are counted from 1."""
    rows, columns = values.shape
    extent = (0.5, columns + 0.5, rows + 0.5, 0.5)
    image = ax.imshow(values, extent=extent, interpolation="nearest", **options)
    count_axes(ax, *names)
    return with_bar(image, ax, label)
