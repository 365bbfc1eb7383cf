"""A progress bar, where a terminal shows it and `tqdm` is installed; nothing needs one."""

import sys
from collections.abc import Iterable
from typing import Any, TypeVar

T = TypeVar("T")


def bars() -> Any:
    """Return `tqdm.tqdm`; None away from a terminal or without `tqdm` (`bptt[train]`)."""
    if not is_terminal(sys.stderr):
        return None
    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        return None
    return tqdm


def is_terminal(stream: Any) -> bool:
    """Tell whether someone may read along. A program without a console has None for a stream.

    Parameters
    ----------
    stream : file or None
        Such as `sys.stderr`. It may be closed.
    """
    return stream is not None and not stream.closed and bool(stream.isatty())


def shown(
    items: Iterable[T], *, unit: str, total: int | None = None, brief: bool = False
) -> Iterable[T]:
    """Show on a bar how far a loop is, if there can be one.

    Parameters
    ----------
    items : iterable
        What the loop goes through.
    unit : str
        What one item is called.
    total : int, optional
        How many there are, if `items` has no length.
    brief : bool
        Whether the bar comes only after a second, and goes when all is done.
    """
    bar = bars()
    how = {"delay": 1, "leave": False} if brief else {}
    return items if bar is None else bar(items, unit=unit, total=total, **how)
