"""The empty figure, and what all plots share: their axes, their bar of colours, their labels.

Parameters
----------
ax : Axes
    The axes.
"""

from typing import Any

try:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ModuleNotFoundError as error:
    raise ModuleNotFoundError(
        "bptt.figures needs matplotlib: pip install 'bptt[figures]'", name=error.name
    ) from error

# What a colour means: values flow forwards in blue and gradients back in orange, and each gate of
# an LSTM has a colour of its own. The pages of the site have the same ones.
FORWARD, BACKWARD = "#1f6ae6", "#bb5000"
GATES = {"i": "#00684a", "f": "#5b1a94", "g": "#4d3800", "o": "#9c4b7e"}


def figure(rows: int = 1, columns: int = 1, *, height: float, **options: Any) -> tuple[Figure, Any]:
    """Return an empty figure of the page's width, and its axes.

    It is 5.2 inches wide, so that its letters stay legible on a phone.

    Parameters
    ----------
    rows, columns : int
        The size of the grid of axes.
    **options
        For `Figure.subplots`, such as `sharey=True`.
    """
    fig = Figure(figsize=(5.2, height), layout="constrained")
    return fig, fig.subplots(rows, columns, **options)


def axes_or_new(ax: Axes | None, *, height: float) -> Axes:
    """Return the axes that a caller passed, or those of a new figure."""
    return figure(height=height)[1] if ax is None else ax


def figure_of(ax: Axes) -> Figure:
    """Return the whole figure that some axes stand on.

    Raises
    ------
    ValueError
        If the axes were removed from their figure.
    """
    fig = ax.get_figure(root=True)
    if fig is None:
        raise ValueError("figures: ax must belong to a figure, but was removed from its own")
    return fig


def count_axes(ax: Axes, xlabel: str, ylabel: str) -> None:
    """Label two axes that count something, with whole numbers on both.

    Parameters
    ----------
    xlabel, ylabel : str
        The label of the axis.
    """
    ax.set(xlabel=xlabel, ylabel=ylabel)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_locator(MaxNLocator(integer=True))


def with_bar(image: Any, ax: Axes, label: str) -> Figure:
    """Add the bar that says what the colours of an image mean.

    Parameters
    ----------
    image : AxesImage
        What `imshow` returned.
    label : str
        The quantity, with its unit.
    """
    fig = figure_of(ax)
    fig.colorbar(image, ax=ax, label=label)
    return fig
