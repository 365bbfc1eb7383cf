"""Tables: the numbers of a figure, for readers who do not see it or want to check it."""

import html
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

_DIGITS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class Table:
    """One table; its texts may hold formulas between dollars, which a notebook typesets.

    Numbers are shown with three significant digits.
    """

    caption: Annotated[str, "what the table shows"]
    head: Annotated[Sequence[Any], "the names of the columns; the first column names the rows"]
    rows: Annotated[Sequence[Sequence[Any]], "texts or numbers"]

    def _repr_html_(self) -> str:
        head = "".join(f'<th scope="col">{_shown(name)}</th>' for name in self.head)
        body = "".join(
            f'<tr><th scope="row">{_shown(first)}</th>'
            + "".join(f"<td>{_shown(value)}</td>" for value in others)
            + "</tr>"
            for first, *others in self.rows
        )
        return (
            f'<table class="figure-table"><caption>{_shown(self.caption)}</caption>'
            f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        )


@dataclass(frozen=True)
class Tables:
    """What a figure shows, as tables; a notebook cell displays them."""

    tables: Annotated[Sequence[Table], "the tables, in the order of the panels"]

    def _repr_html_(self) -> str:
        tables = "".join(table._repr_html_() for table in self.tables)
        return f'<div class="figure-data">{tables}</div>'


def table(caption: str, columns: Mapping[str, Sequence[Any]]) -> Tables:
    """Make a table by hand, where a figure draws something else than what it says in numbers.

    Parameters
    ----------
    caption : str
        What the table shows.
    columns : mapping of str to sequence
        For each name the values, all of one length; the first column names the rows.

    Raises
    ------
    ValueError
        If a column has no name: who hears the table would not know what it holds.
    """
    if not all(columns):
        raise ValueError("figures.table: a column has no name; name each")
    return Tables([Table(caption, list(columns), list(zip(*columns.values(), strict=True)))])


def number(value: float) -> str:
    """Write a number for a reader: three significant digits, whole numbers below a million exactly.

    What is not a number is a dash.

    Parameters
    ----------
    value : float
        The number.

    Examples
    --------
    >>> from bptt.figures.tables import number
    >>> [number(value) for value in (0.012345, -1.5, 31741, 1.2e-9)]
    ['0.0123', '−1.5', '31741', '1.2 × 10⁻⁹']
    """
    if not np.isfinite(value):
        return "–" if np.isnan(value) else "∞" if value > 0 else "−∞"
    whole = abs(value) < 1e6 and value == round(value)
    rounded = float(value) if whole else float(f"{value:.3g}")
    if rounded == 0 or 1e-3 <= abs(rounded) < 1e6:
        return np.format_float_positional(rounded + 0.0, trim="-").replace("-", "−")
    mantissa, exponent = f"{rounded:.2e}".split("e")
    mantissa = mantissa.rstrip("0").rstrip(".").replace("-", "−")
    return f"{mantissa} × 10{str(int(exponent)).translate(_DIGITS)}"


def _shown(value: Any) -> str:
    return html.escape(value, quote=False) if isinstance(value, str) else number(value)
