"""Notes of a measurement on its way, so that an interrupted one goes on where it was."""

import contextlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path

from bptt.records.results import Run, path


@contextlib.contextmanager
def kept(name: str, stamp: str) -> Iterator[tuple[list[Run], Callable[[Run], None]]]:
    """Open the notes of a measurement. They are deleted when the block ends, unless it fails.

    Parameters
    ----------
    name : str
        The result that is measured.
    stamp : str
        The digest of the code. What other code noted does not count.

    Yields
    ------
    runs : list of Run
        The runs so far, of an earlier and of this measurement.
    note : callable
        Takes the next run, and adds it to the notes and to `runs`.
    """
    file = path(name).with_suffix(".partial.jsonl")
    file.parent.mkdir(exist_ok=True)
    runs = list(_read(file, stamp))
    with file.open("a", encoding="utf-8") as lines:
        lines.write("\n")  # a line that was cut off ends here

        def note(run: Run) -> None:
            print(json.dumps([stamp, *run]), file=lines, flush=True)
            runs.append(run)

        yield runs, note
    file.unlink()


def _read(file: Path, stamp: str) -> Iterator[Run]:
    """Read every run of this code whose line, `[digest, case, score, seconds]`, is whole."""
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(json.JSONDecodeError):  # cut off when it was written
                made_by, *run = json.loads(line)
                if made_by == stamp:
                    yield Run(*run)
