"""Notes of a measurement on its way, so that an interrupted one goes on where it was.

Each run has a file of its own, in one folder for all runs of a result. So processes and machines
that work side by side never write the same file, and what is there is whole.

Parameters
----------
place : path
    The folder of the notes.
stamp : str
    The digest of the code. What other code noted does not count.
run : Run
    What was measured.
case : mapping
    What was run.
"""

import hashlib
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from bptt import files
from bptt.records.results import Run, path


def folder(name: str) -> Path:
    """Return where the notes of a result stand, whether there are any or not."""
    return path(name).with_suffix(".partial")


def write(place: Path, stamp: str, run: Run) -> None:
    """Note a run, in place of one of the same case."""
    place.mkdir(parents=True, exist_ok=True)
    name = hashlib.sha256(key(run.case).encode()).hexdigest()[:16]
    files.replace(place / f"{name}.json", json.dumps([stamp, *run]).encode())


def read(place: Path, stamp: str) -> list[Run]:
    """Return the runs that were noted, in no order that would mean anything."""
    noted = [json.loads(file.read_text(encoding="utf-8")) for file in sorted(place.glob("*.json"))]
    return [Run(*run) for made_by, *run in noted if made_by == stamp]


def remove(place: Path) -> None:
    """Remove the notes, once the result is saved."""
    shutil.rmtree(place, ignore_errors=True)  # a cluster may still write what its tasks printed


def key(case: Mapping[str, Any]) -> str:
    """Return what two cases have in common if they are the same, whatever their order."""
    return json.dumps(case, sort_keys=True)
