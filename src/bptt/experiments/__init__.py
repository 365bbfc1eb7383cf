"""What the chapters measured in more than a few seconds: how, and with what result.

Each experiment is one module, for one claim; four others make, keep and judge the results:
`results`, `runner`, `digest` and `tuning`. With `from bptt import experiments`,
`experiments.load("latch")` reads a result with every run; `python -m nox -s experiments` makes it.
"""

from bptt.experiments.results import load

__all__ = ["load"]
