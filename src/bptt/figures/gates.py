"""Drawings of gates: the cell path with as many of them as wanted, a sentence read, the GRU."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from bptt.figures.canvas import FORWARD, GATES, axes_or_new, figure_of
from bptt.figures.drawings import _arrow, _node

Point = tuple[float, float]

# The cell path and what a gate adds to it: wires by their corners, circles, and a box each.
_PATH = {"": [(0.8, 0), (4.43, 0)], "f": [(0.8, 0), (1.83, 0)]}
_GATES: dict[str, tuple[list[list[Point]], list[tuple[float, float, str]], Point, str]] = {
    "f": (
        [[(2.1, -1.9), (2.1, -0.27)], [(2.37, 0), (4.43, 0)]],
        [(2.1, 0, "×")],
        (2.1, -2.2),
        "keep",
    ),
    "i": ([[(3.9, -1.9), (3.9, -1.0), (4.43, -1.0)]], [(4.7, -1.0, "×")], (3.9, -2.2), "write"),
    "o": (
        [
            [(8.9, 0), (8.9, -0.4)],
            [(8.9, -1.0), (8.9, -1.33)],
            [(7.5, -1.9), (7.5, -1.6), (8.63, -1.6)],
            [(9.17, -1.6), (9.8, -1.6)],
        ],
        [(8.9, -1.6, "×")],
        (7.5, -2.2),
        "show",
    ),
}
_NEW = {
    "": ([[(4.7, -1.9), (4.7, -0.27)]], (4.7, -2.2)),
    "i": ([[(5.7, -1.9), (5.7, -1.0), (4.97, -1.0)], [(4.7, -0.73), (4.7, -0.27)]], (5.7, -2.2)),
}

# One step of a GRU: its wires, ...
_GRU_WIRES: dict[str, list[Point]] = {
    "h_prev": [(0.8, 5), (1.83, 5)],
    "kept": [(2.37, 5), (5.03, 5)],
    "h": [(5.57, 5), (9.8, 5)],
    "z": [(2.1, 2.5), (2.1, 4.73)],
    "other": [(2.1, 3.8), (2.9, 3.8)],
    "rest": [(3.7, 3.8), (5.03, 3.8)],
    "written": [(5.3, 4.07), (5.3, 4.73)],
    "n": [(5.3, 3.2), (5.3, 3.53)],
    "a_n": [(5.3, 2.17), (5.3, 2.6)],
    "x_n": [(5.3, 0.8), (5.3, 1.63)],
    "reset": [(6.93, 1.9), (5.57, 1.9)],
    "q": [(7.2, 0.8), (7.2, 1.63)],
    "r": [(8.35, 1.9), (7.47, 1.9)],
    "a_r": [(8.7, 0.8), (8.7, 1.6)],
    "a_z": [(2.1, 0.8), (2.1, 1.9)],
    "below": [(0.8, 0.5), (1.5, 0.5)],
    "x": [(5.3, -0.8), (5.3, 0.2)],
}
_GRU_PATH = ("h_prev", "kept", "h")
# ... what stands where they meet, with the width of a box or None for a circle, ...
_GRU_NODES: list[tuple[float, float, str, float | None]] = [
    (2.1, 5, "×", None),
    (5.3, 5, "+", None),
    (5.3, 3.8, "×", None),
    (5.3, 1.9, "+", None),
    (7.2, 1.9, "×", None),
    (2.1, 2.2, r"$\sigma$", 0.7),
    (3.3, 3.8, "$1 -$", 0.8),
    (5.3, 2.9, r"$\tanh$", 1.1),
    (8.7, 1.9, r"$\sigma$", 0.7),
    (5.3, 0.5, "$x_t$ and $h_{t-1}$ times their weights", 7.6),
]
# ... and its labels: where, on which side of that point, and the symbol.
_GRU_LABELS = {
    "h_prev": (0.7, 5, "right", "h_{t-1}"),
    "h": (9.9, 5, "left", "h_t"),
    "z": (1.95, 3.2, "right", "z_t"),
    "a_z": (1.95, 1.35, "right", "a_z"),
    "n": (6.0, 3.3, "left", "n_t"),
    "q": (7.35, 1.2, "left", "q_t"),
    "r": (7.9, 2.45, "center", "r_t"),
    "a_r": (8.85, 1.2, "left", "a_r"),
    "x": (5.45, -0.4, "left", "x_t"),
}


def plot_belt(
    numbers: Mapping[str, float],
    *,
    gates: str = "fio",
    new: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw the cell path of an LSTM as a line that carries a number past its gates.

    Parameters
    ----------
    numbers : mapping of str to float
        What to write beside the line: the values of `c_prev`, `f`, `i`, `g`, `c`, `o` or `h`. What
        has no number has no label.
    gates : str
        Which gates are there: any of the letters `f`, `i` and `o`.
    new : str
        The gate that is drawn thick, as it was not there before.

    Raises
    ------
    KeyError
        If a number has a name that is none of these, or a gate is none of the three.

    Examples
    --------
    >>> from bptt import figures
    >>> fig = figures.plot_belt({"c_prev": 0, "g": 1, "c": 1}, gates="")
    >>> [text.get_text() for text in fig.axes[0].texts if "g" in text.get_text()]
    ['$g$ = 1']
    """
    ax = axes_or_new(ax, height=2.0)
    for line in (_PATH["f" if "f" in gates else ""], [(4.97, 0), (9.8, 0)]):
        _wire(ax, line, FORWARD, 2.6)
    _circle(ax, 4.7, 0, "+")
    wires, where = _NEW["i" if "i" in gates else ""]
    for corners in wires:
        _wire(ax, corners, GATES["g"], 1.2)
    _box(ax, *where, "new", 1.3, GATES["g"])
    places = {
        "c_prev": (0.7, 0, "right", "$c_{t-1}$\n"),
        "c": (9.9, 0, "left", "$c_t$\n"),
        "g": (where[0], -2.95, "center", "$g$ = "),
    }
    for gate in gates:
        wires, circles, where, word = _GATES[gate]
        for corners in wires:
            on_path = gate == "f" and corners[0][1] == corners[-1][1]
            width = 2.6 if on_path else 2.0 if gate == new else 1.2
            _wire(ax, corners, FORWARD if on_path else GATES[gate], width)
        for circle in circles:
            _circle(ax, *circle)
        _box(ax, *where, word, 1.3, GATES[gate], 2.2 if gate == new else 1.2)
        places[gate] = (where[0], -2.95, "center", f"${gate}$ = ")
        if gate == "o":
            ax.plot(8.9, 0, "o", color=GATES["o"], markersize=4)
            _box(ax, 8.9, -0.7, r"$\tanh$", 1.1)
            places["h"] = (9.9, -1.6, "left", "$h_t$\n")
    for name, number in numbers.items():
        x, y, side, symbol = places[name]
        ink: dict[str, Any] = {"color": GATES[name]} if name in GATES else {}
        text = f"{symbol}{_short(number)}"
        ax.text(x, y, text, ha=side, va="center", multialignment="center", **ink)
    ax.set(xlim=(-0.4, 10.9), ylim=(-3.3, 0.6), aspect="equal")
    ax.axis("off")
    return figure_of(ax)


def plot_reading(
    words: Sequence[str],
    rows: Mapping[str, Sequence[float]],
    *,
    marked: int | None = None,
    new: str = "",
    ax: Axes | None = None,
) -> Figure:
    """Draw what a cell does at each word: a row for each quantity, a shaded number for each word.

    Blue shades stand for numbers above 0, grey ones for numbers below.

    Parameters
    ----------
    words : sequence of str
        The words in the order of reading.
    rows : mapping of str to sequence of float
        For the symbol of each quantity its value at each word, between -1 and 1.
    marked : int, optional
        The word to draw a frame around, counted from 0.
    new : str
        The row whose symbol is drawn larger.

    Examples
    --------
    >>> from bptt import figures
    >>> fig = figures.plot_reading(["the", "cat"], {"c": [0, 0.99]}, marked=1)
    >>> [text.get_text() for text in fig.axes[0].texts]
    ['the', 'cat', '$c$', '0', '0.99']
    """
    ax = axes_or_new(ax, height=0.3 * (len(rows) + 1))
    widths = [max(len(word), 4) for word in words]
    edges = [sum(widths[:t]) for t in range(len(words) + 1)]
    for t, word in enumerate(words):
        _node(ax, edges[t] + widths[t] / 2, 0.5, word)
    for y, (symbol, values) in enumerate(rows.items(), start=1):
        ink = {"color": GATES[symbol]} if symbol in GATES else {}
        size = "xx-large" if symbol == new else "large"
        _node(ax, -1.2, y + 0.5, f"${symbol}$", fontsize=size, **ink)
        for t, value in enumerate(values):
            shade: dict[str, Any] = {
                "color": FORWARD if value > 0 else "0.5",
                "alpha": 0.35 * min(1.0, abs(value)),
            }
            box = Rectangle((edges[t], y + 0.06), widths[t], 0.88, linewidth=0, **shade)
            ax.add_patch(box)
            text = _short(value)
            size = "medium" if len(text) < 3 else "small"
            _node(ax, edges[t] + widths[t] / 2, y + 0.5, text, fontsize=size)
    if marked is not None:
        frame: dict[str, Any] = {"fill": False, "linewidth": 1.4}
        place = (edges[marked], 0.02)
        ax.add_patch(Rectangle(place, widths[marked], len(rows) + 0.96, **frame))
    ax.set(xlim=(-2.2, edges[-1] + 0.1), ylim=(len(rows) + 1.02, -0.02))
    ax.axis("off")
    return figure_of(ax)


def plot_gru(numbers: Mapping[str, float], *, ax: Axes | None = None) -> Figure:
    r"""Draw how values flow through one step of a GRU; the path along its state is thick.

    Parameters
    ----------
    numbers : mapping of str to float
        What to write beside the wires: the value of `x`, `h_prev`, `a_z`, `z`, `n`, `q`, `a_r`,
        `r` or `h`.

    Raises
    ------
    KeyError
        If a name is none of these.

    Examples
    --------
    >>> from bptt import figures
    >>> fig = figures.plot_gru({"z": 0.75})
    >>> fig.axes[0].texts[-1].get_text()
    '$z_t$\n0.75'
    """
    ax = axes_or_new(ax, height=3.4)
    for name, corners in _GRU_WIRES.items():
        _wire(ax, corners, FORWARD, 2.6 if name in _GRU_PATH else 1.2)
    ax.plot(2.1, 3.8, "o", color=FORWARD, markersize=4)
    ax.text(0.7, 0.5, "$h_{t-1}$", ha="right", va="center")
    for x, y, text, size in _GRU_NODES:
        if size is None:
            _circle(ax, x, y, text)
        else:
            _box(ax, x, y, text, size)
    for name, number in numbers.items():
        x, y, side, symbol = _GRU_LABELS[name]
        value = f"{number:z.2f}".replace("-", "−")
        ax.text(x, y, f"${symbol}$\n{value}", ha=side, va="center", multialignment="center")
    ax.set(xlim=(-0.4, 10.9), ylim=(-0.9, 5.8), aspect="equal")
    ax.axis("off")
    return figure_of(ax)


def _short(number: float) -> str:
    """Write a number with two decimals, and whole ones, or what rounds to them, without."""
    text = f"{number:z.2f}".removesuffix(".00")
    return text.replace("-", "−")


def _wire(ax: Axes, corners: Sequence[Point], color: str, width: float) -> None:
    ax.plot(*zip(*corners[:-1], strict=True), color=color, linewidth=width)
    _arrow(ax, corners[-2], corners[-1], color=color, width=width)


def _circle(ax: Axes, x: float, y: float, text: str) -> None:
    _node(ax, x, y, text)
    ax.add_patch(Circle((x, y), 0.27, fill=False))


def _box(
    ax: Axes, x: float, y: float, text: str, width: float, color: str = "", line: float = 1.2
) -> None:
    _node(ax, x, y, text, **({"color": color} if color else {}))
    style = "round,pad=0,rounding_size=0.15"
    edge: dict[str, Any] = {"edgecolor": color, "linewidth": line} if color else {}
    ax.add_patch(FancyBboxPatch((x - width / 2, y - 0.3), width, 0.6, style, fill=False, **edge))
