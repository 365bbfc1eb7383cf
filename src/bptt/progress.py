"""A progress bar, where a terminal shows it and `tqdm` is installed; nothing needs one."""

import sys
from collections.abc import Iterable
from typing import Any, TypeVar

T = TypeVar("T")


def bars() -> Any:
    """Return `tqdm.tqdm`; None away from a terminal or without `tqdm` (`bptt[train]`)."""
    if not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return None
    return tqdm


def shown(items: Iterable[T], *, unit: str, total: int | None = None) -> Iterable[T]:
    """Show on a bar how far a loop is, if there can be one.

    Parameters
    ----------
    items : iterable
        What the loop goes through.
    unit : str
        What one item is called.
    total : int, optional
        How many there are, if `items` has no length.
    """
    bar = bars()
    return items if bar is None else bar(items, unit=unit, total=total)
