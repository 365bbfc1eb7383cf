"""Data: read from a figure what it shows, and give it back as tables."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.category import StrCategoryLocator
from matplotlib.collections import FillBetweenPolyCollection, LineCollection, PathCollection
from matplotlib.colors import to_rgba_array
from matplotlib.container import BarContainer, ErrorbarContainer
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator

from bptt.figures.canvas import figure_of
from bptt.figures.tables import Table, Tables, number
from bptt.shapes import Array

# More lines than this without a name are shown by their median and their range.
_FEW = 3


@dataclass(frozen=True)
class _Curve:
    """Numbers along one axis: a line, with or without a band or bars around it."""

    name: str
    at: Array
    values: Array
    low: Array | None = None
    high: Array | None = None

    def cell(self, j: int) -> str:
        value = number(self.values[j])
        if self.low is None or self.high is None:
            return value
        return f"{value} ({number(self.low[j])} to {number(self.high[j])})"


def data(fig: Figure, rows: int = 12) -> Tables:
    """Return what a figure shows as tables, one or more for each panel, to be displayed.

    It reads lines with bands or bars around them, bars, maps and dots.

    Parameters
    ----------
    fig : Figure
        The figure. A name that begins with an underscore is not in its legend, but in the table.
    rows : int
        The most rows of a table, and columns of a map. What is longer is thinned evenly, from its
        first entry to its last; a line by itself also keeps its lowest and highest point.

    Raises
    ------
    ValueError
        If the figure shows nothing of these, as a drawing of boxes and arrows.
    """
    tables = [table for ax in _panels(fig) for table in _tables(ax, rows)]
    if not tables:
        raise ValueError("figures.data: the figure shows no data; describe it in words")
    return Tables(tables)


def _panels(fig: Figure) -> list[Axes]:
    bars = {image.colorbar.ax for image in _images(fig) if image.colorbar}
    return [ax for ax in fig.axes if ax not in bars]


def _tables(ax: Axes, rows: int) -> Iterator[Table]:
    """Tabulate one panel; what holds for all of it is noted at its first table."""
    title, notes = ax.get_title(), list(_notes(ax))
    for j, table in enumerate((*_curves(ax, rows), *_bars(ax), *_maps(ax, rows))):
        about = f"{title}: {table.caption}" if title else table.caption
        yield replace(table, caption=". ".join([about, *(notes if j == 0 else [])]) + ".")


def _curves(ax: Axes, rows: int) -> Iterator[Table]:
    """Put curves over the same points into one table."""
    for across in (True, False):
        axis, other = (ax.xaxis, ax.yaxis) if across else (ax.yaxis, ax.xaxis)
        quantity = _label(other, "values")
        groups: dict[tuple[float, ...], list[_Curve]] = {}
        for curve in _read(ax, across=across):
            groups.setdefault(tuple(curve.at.tolist()), []).append(curve)
        for group in groups.values():
            yield _table(_summed_up(group, quantity), axis, quantity, rows)


def _table(curves: list[_Curve], axis: Axis, quantity: str, rows: int) -> Table:
    at = curves[0].at
    kept = _thin(axis, at, rows, curves[0].values if len(curves) == 1 else None)
    names = _names(axis, at)
    body = [[names[j], *(curve.cell(j) for curve in curves)] for j in kept]
    caption = f"{quantity} against {_label(axis)}"
    if len(kept) < len(at):
        caption += f". {len(kept)} of {len(at)} points"
    if any(curve.low is not None for curve in curves):
        caption += ". In brackets: its band or bar"
    return Table(caption, [_label(axis), *(curve.name for curve in curves)], body)


def _summed_up(curves: list[_Curve], quantity: str) -> list[_Curve]:
    """Give names to lines without one; of many, keep the median and the range."""
    named = [curve for curve in curves if curve.name]
    nameless = [curve for curve in curves if not curve.name]
    if len(nameless) <= _FEW:
        return [*named, *(replace(curve, name=quantity) for curve in nameless)]
    values = np.array([curve.values for curve in nameless])
    low, middle, high = np.quantile(values, [0, 0.5, 1], axis=0)
    name = f"median of {len(values)} lines"
    return [*named, _Curve(name, nameless[0].at, middle, low, high)]


def _read(ax: Axes, *, across: bool) -> Iterator[_Curve]:
    """Read all that stands over points of one axis; bars to the side stand over the other."""
    errors = _with_errors(ax)
    for held in errors:
        if held.has_xerr != across:
            yield _with_bars(held, across=across)
    if not across:
        return
    parts = {part for held in errors for part in (held.lines[0], *held.lines[1])}
    bands = [band for band in ax.collections if isinstance(band, FillBetweenPolyCollection)]
    for line in ax.get_lines():
        if line not in parts and line.get_transform() == ax.transData and np.size(line.get_xdata()):
            yield _with_band(line, bands)
    for dots in ax.collections:
        if isinstance(dots, PathCollection):
            yield _Curve(_name(dots), *np.asarray(dots.get_offsets()).T)


def _with_errors(ax: Axes) -> list[ErrorbarContainer]:
    return [held for held in ax.containers if isinstance(held, ErrorbarContainer)]


def _with_band(line: Line2D, bands: list[FillBetweenPolyCollection]) -> _Curve:
    """Take from the bands the first of a line's colour over the same points."""
    x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
    color = to_rgba_array(line.get_color())[0, :3]
    for j, band in enumerate(bands):
        if np.array_equal(to_rgba_array(band.get_facecolor())[0, :3], color):
            # The outline runs along the one edge, and back along the other.
            outline = np.asarray(band.get_paths()[0].vertices)
            n = (len(outline) - 3) // 2
            edges = outline[1 : n + 1], outline[n + 2 : 2 * n + 2][::-1]
            if np.array_equal(edges[0][:, 0], x):
                del bands[j]
                low, high = np.sort([edge[:, 1] for edge in edges], axis=0)
                return _Curve(_name(line), x, y, low, high)
    return _Curve(_name(line), x, y)


def _with_bars(held: ErrorbarContainer, *, across: bool) -> _Curve:
    line, _, (bars, *_) = held.lines
    axis = 1 if across else 0
    low, high = np.sort([segment[:, axis] for segment in bars.get_segments()], axis=1).T
    points = np.asarray(line.get_xydata())
    return _Curve(_name(held), points[:, 1 - axis], points[:, axis], low, high)


def _bars(ax: Axes) -> Iterator[Table]:
    """Put the bars of a panel into one table: a row for each place, a column for each kind."""
    kinds = [held for held in ax.containers if isinstance(held, BarContainer)]
    if not kinds:
        return
    upright = kinds[0].orientation == "vertical"
    axis, other = (ax.xaxis, ax.yaxis) if upright else (ax.yaxis, ax.xaxis)
    columns = [dict(_lengths(held, axis, upright=upright)) for held in kinds]
    places = sorted({place for column in columns for place in column})
    names = _names(axis, np.array(places))
    body = [
        [name, *(column.get(place, "–") for column in columns)]
        for name, place in zip(names, places, strict=True)
    ]
    quantity = _label(other, "values")
    head = [_label(axis), *(_name(held) or quantity for held in kinds)]
    yield Table(f"{quantity} for each {_label(axis)}", head, body)


def _lengths(held: BarContainer, axis: Axis, *, upright: bool) -> Iterator[tuple[float, float]]:
    """List the places of bars, which are those of the nearest ticks, and their lengths."""
    ticks = np.asarray(axis.get_majorticklocs())
    for bar in held:
        place = bar.get_x() + bar.get_width() / 2 if upright else bar.get_y() + bar.get_height() / 2
        yield (
            float(ticks[np.abs(ticks - place).argmin()]),
            bar.get_height() if upright else bar.get_width(),
        )


def _maps(ax: Axes, rows: int) -> Iterator[Table]:
    for image in ax.get_images():
        values: Any = np.ma.masked_invalid(np.ma.asarray(image.get_array()))
        left, right, bottom, top = image.get_extent()
        first, last = (top, bottom) if image.origin == "upper" else (bottom, top)
        x, y = _centres(left, right, values.shape[1]), _centres(first, last, values.shape[0])
        across, down = _even(len(x), rows), _even(len(y), rows)
        above, aside = _names(ax.xaxis, x), _names(ax.yaxis, y)
        shown = values.astype(object).filled("–")
        body = [[aside[i], *shown[i, across]] for i in down]
        caption = f"{_quantity(image, ax)}; down: {_label(ax.yaxis)}; across: {_label(ax.xaxis)}"
        if len(across) < len(x) or len(down) < len(y):
            caption += f". {len(down)} of {len(y)} rows, {len(across)} of {len(x)} columns"
        yield Table(caption, [_label(ax.yaxis), *(above[j] for j in across)], body)


def _centres(first: float, last: float, count: int) -> Array:
    return first + (np.arange(count) + 0.5) * (last - first) / count


def _images(fig: Figure) -> list[AxesImage]:
    return [image for ax in fig.axes for image in ax.get_images()]


def _quantity(image: AxesImage, ax: Axes) -> str:
    """Say what the colours mean; panels may share one bar."""
    images = [image, *_images(figure_of(ax))]
    bars = [other.colorbar.ax for other in images if other.colorbar]
    return next((bar.get_ylabel() or bar.get_xlabel() for bar in bars), "value")


def _notes(ax: Axes) -> Iterator[str]:
    """Say where lines across the panel and marks stand."""
    for line in ax.get_lines():
        for way, transform, ends in (
            ("horizontal", ax.get_yaxis_transform(which="grid"), line.get_ydata()),
            ("vertical", ax.get_xaxis_transform(which="grid"), line.get_xdata()),
        ):
            if line.get_transform() == transform:
                name = f", {_name(line)}," if _name(line) else ""
                yield f"A {way} line{name} at {number(float(np.asarray(ends).flat[0]))}"
    bars = {bar for held in _with_errors(ax) for bar in held.lines[2]}
    for marks in ax.collections:
        if isinstance(marks, LineCollection) and marks not in bars:
            places = [number(segment[0, 0]) for segment in marks.get_segments()]
            yield f"Marks at {', '.join(places)}"


def _thin(axis: Axis, at: Array, rows: int, alone: Array | None) -> list[int]:
    """Choose points that lie evenly on the axis, and the lowest and highest of a single line."""
    if len(at) <= rows:
        return list(range(len(at)))
    on_page = axis.get_transform().transform(at)
    if not (np.diff(on_page) > 0).all():
        return _even(len(at), rows)
    targets = np.linspace(on_page[0], on_page[-1], rows)
    kept = {int(np.abs(on_page - target).argmin()) for target in targets}
    return sorted(kept | (set() if alone is None else {int(alone.argmin()), int(alone.argmax())}))


def _even(count: int, most: int) -> list[int]:
    return [round(j) for j in np.linspace(0, count - 1, min(count, most))]


def _names(axis: Axis, at: Array) -> list[Any]:
    """Name places by the words at their ticks, if all have one, and number words that recur."""
    locator = axis.get_major_locator()
    in_words = isinstance(locator, FixedLocator | StrCategoryLocator)
    ticks = np.asarray(axis.get_majorticklocs()).tolist() if in_words else []
    words = dict(zip(ticks, axis.get_major_formatter().format_ticks(ticks), strict=True))
    places: list[float] = at.tolist()
    if any(place not in words for place in places):
        return places
    names = [words[place] for place in places]
    if len(set(names)) == len(names):
        return names
    return [f"{number(place)}: {name}" for place, name in zip(places, names, strict=True)]


def _label(axis: Axis, otherwise: str = "case") -> str:
    """Return the label of an axis, or the one that stands for it elsewhere in the figure."""
    fig, side = figure_of(axis.axes), "x" if axis is axis.axes.xaxis else "y"
    above_all = fig.get_supxlabel() if side == "x" else fig.get_supylabel()
    others = (getattr(ax, f"{side}axis").get_label_text() for ax in _panels(fig))
    return axis.get_label_text() or above_all or next(filter(None, others), otherwise)


def _name(artist: Any) -> str:
    """Return a name that was given; matplotlib's own begin with `_child` or similar."""
    name = str(artist.get_label() or "")
    return "" if name.startswith(("_child", "_nolegend_", "_container")) else name.removeprefix("_")
