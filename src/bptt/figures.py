"""Draw arrays: each function returns a matplotlib `Figure`, or draws on the `ax` it is given.

No pyplot and no style: colours, fonts and sizes come from the reader's `matplotlibrc`.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from bptt.shapes import Array, check_shape

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyArrowPatch
    from matplotlib.path import Path
    from matplotlib.ticker import MaxNLocator
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "bptt.figures needs matplotlib: pip install 'bptt[figures]'", name=error.name
    ) from error


def figure(rows: int = 1, columns: int = 1, *, height: float, **options: Any) -> tuple[Figure, Any]:
    """Return an empty figure of the page's width, and its axes.

    Parameters
    ----------
    rows : int
        Rows of axes.
    columns : int
        Columns of axes.
    height : float
        The height of the figure, in inches; its width is 5.6 inches, so that its letters stay
        legible on a phone.
    **options
        For `Figure.subplots`, such as `sharey=True`.

    Returns
    -------
    fig : Figure
        The figure.
    axes : Axes or ndarray of Axes
        As `Figure.subplots` returns them.
    """
    fig = Figure(figsize=(5.6, height), layout="constrained")
    return fig, fig.subplots(rows, columns, **options)


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
    ax = _axes(ax, height=1.9)
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
    return _figure_of(ax)


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


def plot_states(hs: Array, *, ax: Axes | None = None) -> Figure:
    """Draw the states of one sequence as a heat map, from -1 (blue) to 1 (red).

    Parameters
    ----------
    hs : ndarray of shape (T, H)
        The state after each step.
    ax : Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    Figure
        Steps run to the right, from 1; units run down, from 1.

    Raises
    ------
    ShapeError
        If `hs` has not two axes.
    """
    T, H = check_shape("figures.plot_states", "hs", hs, "T H").shape
    ax = _axes(ax, height=2.2)
    image = ax.imshow(
        np.transpose(hs),
        extent=(0.5, T + 0.5, H + 0.5, 0.5),
        aspect="auto",
        cmap="RdBu_r",
        vmin=-1,
        vmax=1,
        interpolation="nearest",
    )
    _count(ax, "step $t$", "unit")
    return _with_bar(image, ax, "state $h_t$")


def plot_terms(norms: Array, *, ax: Axes | None = None) -> Figure:
    r"""Draw the sizes of the terms of the double sum as a heat map of their logarithm.

    Parameters
    ----------
    norms : ndarray of shape (T, T)
        At [t - 1, k - 1] the norm of what the weights at step k add through the loss at step t;
        zero where k > t.
    ax : Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    Figure
        The step k runs to the right, the step t down; terms that are zero stay empty.

    Raises
    ------
    ShapeError
        If `norms` is not square.
    """
    T = len(check_shape("figures.plot_terms", "norms", norms, "T T", T=len(norms)))
    ax = _axes(ax, height=2.6)
    image = ax.imshow(
        np.ma.log10(norms),
        extent=(0.5, T + 0.5, T + 0.5, 0.5),
        cmap="viridis",
        interpolation="nearest",
    )
    _count(ax, "weights used at step $k$", "loss read at step $t$")
    return _with_bar(image, ax, r"$\log_{10}$ of the norm")


def plot_bands(
    x: Array, draws: Sequence[Array], labels: Sequence[str], *, ax: Axes | None = None
) -> Figure:
    """Draw the median over random draws as a line, and the middle half of them as a band.

    Parameters
    ----------
    x : ndarray of shape (N,)
        Where the values stand.
    draws : sequence of ndarrays of shape (D, N)
        For each line, the values of D draws.
    labels : sequence of str
        The name of each line.
    ax : Axes, optional
        Where to draw; by default on a new figure.

    Returns
    -------
    Figure
        A logarithmic vertical axis; the caller names both axes.

    Raises
    ------
    ShapeError
        If a set of draws has not N values.
    """
    ax = _axes(ax, height=2.4)
    for j, (values, label) in enumerate(zip(draws, labels, strict=True)):
        check_shape("figures.plot_bands", f"draws[{j}]", values, "D N", N=len(x))
        low, median, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
        ax.fill_between(x, low, high, alpha=0.25, linewidth=0)
        ax.plot(x, median, label=label, linestyle=("-", "--", ":", "-.")[j % 4])
    ax.set_yscale("log")
    ax.legend()
    return _figure_of(ax)


def _axes(ax: Axes | None, height: float) -> Axes:
    return figure(height=height)[1] if ax is None else ax


def _figure_of(ax: Axes) -> Figure:
    fig = ax.get_figure(root=True)
    if fig is None:
        raise ValueError("figures: ax must belong to a figure, but was removed from its own")
    return fig


def _count(ax: Axes, xlabel: str, ylabel: str) -> None:
    """Label both axes, which count something, with whole numbers."""
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))


def _with_bar(image: Any, ax: Axes, label: str) -> Figure:
    fig = _figure_of(ax)
    fig.colorbar(image, ax=ax, label=label)
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
