"""Drawings of how things hang together: boxes, arrows and paths."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch
from matplotlib.path import Path

from bptt.figures.canvas import BACKWARD, FORWARD, GATES, axes_or_new, figure, figure_of

# One step of an LSTM: its wires by their corners, in the direction of the values, ...
_LSTM_WIRES: dict[str, list[tuple[float, float]]] = {
    "c_prev": [(0.8, 5), (1.83, 5)],
    "kept": [(2.37, 5), (4.43, 5)],
    "c": [(4.97, 5), (9.8, 5)],
    "f": [(2.1, 2.5), (2.1, 4.73)],
    "i": [(3.7, 2.5), (3.7, 3.8), (4.43, 3.8)],
    "g": [(5.7, 2.5), (5.7, 3.8), (4.97, 3.8)],
    "written": [(4.7, 4.07), (4.7, 4.73)],
    "read": [(8.9, 5), (8.9, 4.6)],
    "tanh_c": [(8.9, 4.0), (8.9, 3.17)],
    "o": [(7.3, 2.5), (7.3, 2.9), (8.63, 2.9)],
    "h": [(9.17, 2.9), (9.8, 2.9)],
    "a_f": [(2.1, 0.8), (2.1, 1.9)],
    "a_i": [(3.7, 0.8), (3.7, 1.9)],
    "a_g": [(5.7, 0.8), (5.7, 1.9)],
    "a_o": [(7.3, 0.8), (7.3, 1.9)],
    "h_prev": [(0.8, 0.5), (1.5, 0.5)],
    "x": [(4.7, -0.8), (4.7, 0.2)],
}
_LSTM_CELL_PATH = ("c_prev", "kept", "c")
# ... what stands where they meet, with the width of a box or None for a circle, and the gate that
# it makes, if any, ...
_LSTM_NODES: list[tuple[float, float, str, float | None, str]] = [
    (2.1, 5, "×", None, ""),
    (4.7, 5, "+", None, ""),
    (4.7, 3.8, "×", None, ""),
    (8.9, 2.9, "×", None, ""),
    (2.1, 2.2, r"$\sigma$", 0.7, "f"),
    (3.7, 2.2, r"$\sigma$", 0.7, "i"),
    (5.7, 2.2, r"$\tanh$", 1.1, "g"),
    (7.3, 2.2, r"$\sigma$", 0.7, "o"),
    (8.9, 4.3, r"$\tanh$", 1.1, ""),
    (4.7, 0.5, "$x_t W_x + h_{t-1} W_h + b$", 6.4, ""),
]
# ... and its labels: where, on which side of that point, and the symbol, with ∂ for a gradient's d.
_LSTM_LABELS = {
    "c_prev": (0.7, 5, "right", r"∂c_{t-1}"),
    "c_total": (6.9, 5.5, "center", r"∂\bar{c}_t"),
    "c": (9.9, 5, "left", r"∂c_t"),
    "f": (1.95, 3.2, "right", r"∂f_t"),
    "i": (3.55, 3.2, "right", r"∂i_t"),
    "g": (5.85, 3.2, "left", r"∂g_t"),
    "o": (8.15, 2.45, "center", r"∂o_t"),
    "tanh_c": (8.75, 3.5, "right", r"∂\tanh c_t"),
    "h": (9.9, 2.9, "left", r"∂h_t"),
    "a_f": (1.95, 1.35, "right", r"∂a_f"),
    "a_i": (3.55, 1.35, "right", r"∂a_i"),
    "a_g": (5.85, 1.35, "left", r"∂a_g"),
    "a_o": (7.45, 1.35, "left", r"∂a_o"),
    "h_prev": (0.7, 0.5, "right", r"∂h_{t-1}"),
    "x": (4.85, -0.4, "left", r"∂x_t"),
}


def plot_unrolled(T: int, *, ax: Axes | None = None) -> Figure:
    """Draw a recurrent cell with its loop, and the same cell unrolled over T steps."""
    ax = axes_or_new(ax, height=1.9)
    _column(ax, 0, "t")
    loop = Path([(0.32, 0.1), (1.1, 0.5), (1.1, -0.5), (0.32, -0.1)], [1, 4, 4, 4])
    ax.add_patch(FancyArrowPatch(path=loop, arrowstyle="-|>", mutation_scale=10, color=FORWARD))
    _node(ax, 1.4, 0, "=", fontsize="x-large")
    _node(ax, 1.9, 0, "$h_0$")
    for t in range(1, T + 1):
        _column(ax, t + 1.9, str(t))
        _arrow(ax, (t + 1.2, 0), (t + 1.6, 0), color=FORWARD)
    ax.set(xlim=(-0.4, T + 2.3), ylim=(-1.1, 1.1), aspect="equal")
    ax.axis("off")
    return figure_of(ax)


def plot_paths(T: int, *, weight: str = "W") -> Figure:
    """Draw each path from the weights at step k to the loss at step t, for all k <= t <= T.

    Each has a panel, in row t and column k, on or below the diagonal.

    Parameters
    ----------
    weight : str
        The letter of the weights.
    """
    fig, axes = figure(T, T, height=1.15 * T + 0.2, squeeze=False)
    for (row, column), ax in np.ndenumerate(axes):
        ax.axis("off")
        if column <= row:
            _path(ax, T, t=row + 1, k=column + 1, weight=weight)
    return fig


def plot_lstm(
    numbers: Mapping[str, float], *, backward: bool = False, ax: Axes | None = None
) -> Figure:
    r"""Draw how values flow through one step of an LSTM, or how gradients flow back through it.

    The path along the cell state is thick, and each gate has its colour. Gradients are orange.

    Parameters
    ----------
    numbers : mapping of str to float
        What to write beside the wires: the value of `x`, `h_prev`, `c_prev`, `a_i`, `a_f`, `a_g`,
        `a_o`, `i`, `f`, `g`, `o`, `c`, `tanh_c` or `h`, or, backwards, the gradient with respect
        to it; `c_total` is then $d\bar{c}_t$. A wire without a number has no label.
    backward : bool
        Whether the arrows point backwards and the labels name gradients.

    Raises
    ------
    KeyError
        If a name is none of these.
    """
    ax = axes_or_new(ax, height=3.4)
    for name, corners in _LSTM_WIRES.items():
        width = 2.6 if name in _LSTM_CELL_PATH else 1.2
        color = BACKWARD if backward else GATES.get(name.removeprefix("a_"), FORWARD)
        way = corners[::-1] if backward else corners
        ax.plot(*zip(*way[:-1], strict=True), color=color, linewidth=width)
        _arrow(ax, way[-2], way[-1], color=color, width=width)
    ax.plot(*_LSTM_WIRES["read"][0], "o", color=BACKWARD if backward else FORWARD, markersize=4)
    for x, y, text, size, gate in _LSTM_NODES:
        _node(ax, x, y, text)
        edge: dict[str, Any] = {"edgecolor": GATES[gate], "linewidth": 1.4} if gate else {}
        if size is None:
            ax.add_patch(Circle((x, y), 0.27, fill=False))
        else:
            style = "round,pad=0,rounding_size=0.15"
            ax.add_patch(
                FancyBboxPatch((x - size / 2, y - 0.3), size, 0.6, style, fill=False, **edge)
            )
    for name, number in numbers.items():
        x, y, side, symbol = _LSTM_LABELS[name]
        symbol = symbol.replace("∂", "d" * backward)
        value = f"{number:z.2f}".replace("-", "−")
        gate = name.removeprefix("a_")
        ink: dict[str, Any] = {"color": GATES[gate]} if gate in GATES else {}
        ax.text(x, y, f"${symbol}$\n{value}", ha=side, va="center", multialignment="center", **ink)
    ax.set(xlim=(-0.4, 10.9), ylim=(-0.9, 5.8), aspect="equal")
    ax.axis("off")
    return figure_of(ax)


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
    _arrow(ax, (x, -0.7), (x, -0.27), color=FORWARD)
    box = {"boxstyle": "round", "facecolor": "none", "edgecolor": FORWARD}
    _node(ax, x, 0, "step", bbox=box)
    _arrow(ax, (x, 0.27), (x, 0.7), color=FORWARD)
    _node(ax, x, 0.9, f"$h_{t}$")


def _path(ax: Axes, T: int, t: int, k: int, weight: str) -> None:
    """The graph from the weights to the losses, with the path of one term drawn thick."""
    for step in range(1, T + 1):
        on_path = {"W": step == k, "h": k < step <= t, "L": step == t}
        _edge(ax, (step, -1), (step, 0), on_path=on_path["W"])
        _edge(ax, (step - 1, 0), (step, 0), on_path=on_path["h"])
        _edge(ax, (step, 0), (step, 1), on_path=on_path["L"])
    for step in range(T + 1):
        ax.plot(step, 0, "o", color=BACKWARD if k <= step <= t else "0.6", markersize=4)
    ax.text(k, -1.1, f"${weight}, k={k}$", ha="center", va="top")
    ax.text(t, 1.1, f"$L_{t}$", ha="center", va="bottom")
    ax.set(xlim=(-0.3, T + 0.6), ylim=(-1.9, 1.8))


def _edge(ax: Axes, start: tuple[float, float], end: tuple[float, float], *, on_path: bool) -> None:
    _arrow(ax, start, end, color=BACKWARD if on_path else "0.6", width=2 if on_path else 0.8)
