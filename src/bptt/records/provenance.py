"""Where and when a result was made."""

import datetime as dt
import platform
from collections.abc import Iterable
from typing import Any

import numpy as np

from bptt.records.results import Run


def provenance(stamp: str, runs: Iterable[Run]) -> dict[str, Any]:
    """Return the digest, the date, the versions, the machine and the CPU seconds of a result.

    Parameters
    ----------
    stamp : str
        The digest of the code.
    runs : iterable of Run
        The runs, for their CPU seconds.
    """
    return {
        "digest": stamp,
        "date": today(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "machine": f"{platform.system()} {platform.machine()}",
        "cpu_seconds": round(sum(run.seconds for run in runs), 1),
    }


def today() -> str:
    """Return the date, as results carry it: year, month and day, in UTC."""
    return dt.datetime.now(dt.UTC).date().isoformat()
