"""What the chapters measured in more than a few seconds: how, and with what result.

One module for each claim. `load` reads a result; `python -m nox -s experiments` makes it.
"""

from bptt.records.results import load

__all__ = ["load"]
