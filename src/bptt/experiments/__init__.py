"""What the chapters measured in more than a few seconds: how, and with what result.

Each experiment is one module, for one claim; `runner` runs them, and `bptt.records` keeps the
results. With `from bptt import experiments`, `experiments.load("latch")` reads a result with every
run; `python -m nox -s experiments` makes it.

Parameters
----------
settings : Settings
    What to run.
runs : list of Run
    The runs so far.
case : dict
    What is run: every setting, and the seed.
name : str
    The experiment.
"""

from bptt.records.results import load

__all__ = ["load"]
