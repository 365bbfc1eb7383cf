"""What several commands write: lines, remarks on a text, and a table of scores."""

import sys
from collections.abc import Iterable, Mapping

from bptt import text


def say(line: str) -> None:
    """Write a line at once.

    Parameters
    ----------
    line : str
        What it says.
    """
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def remark(remarks: Iterable[str]) -> None:
    """Say what may surprise in a text.

    Parameters
    ----------
    remarks : iterable of str
        What is said of it.
    """
    for said in remarks:
        say(f"Of the text: {said}.")


def table(rows: Mapping[str, float], head: str = "per character:") -> None:
    """Write scores in three units.

    Parameters
    ----------
    rows : mapping
        Nats per character by what has that score.
    head : str
        What stands above the names.
    """
    width = max(map(len, [head, *rows]))
    say(f"{head:{width}}    nats    bits  perplexity")
    for name, nats in rows.items():
        say(f"{name:{width}}  {nats:6.4f}  {text.bits(nats):6.4f}  {text.perplexity(nats):10.4f}")
