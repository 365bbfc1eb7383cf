"""What a training keeps in its folder: its state, its curve, and a model that can be used.

A file that someone else put there, or changed, is left alone: the state notes the SHA-256 of all
that it wrote.

Parameters
----------
place : path
    The folder.
known : mapping of str to list of str
    The SHA-256 that each file may have, by its name, if the training wrote it.
text : Corpus
    What it is trained on.
now : Training
    Where it stands.
"""

import contextlib
import dataclasses
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

from bptt import files
from bptt.cells import CELLS
from bptt.lm import card, corpus, folder, run_file
from bptt.lm.corpus import Corpus
from bptt.lm.settings import Settings
from bptt.lm.training import Point, Training
from bptt.lm.update import predictor

STATE, CURVE = "training.safetensors", "curve.csv"
NAMES = (CURVE, *folder.FILES)  # beside the state

Known: TypeAlias = dict[str, list[str]]


def seen(place: Path) -> dict[str, str]:
    """Return what tells whether the folder changes: the SHA-256 of files, the date of the state."""
    with contextlib.suppress(OSError):
        state = (place / STATE).lstat()
        return {STATE: f"{state.st_mtime_ns} {state.st_size}", **_found(place)}
    return _found(place)


def _found(place: Path) -> dict[str, str]:
    """Return the SHA-256 of each file that is there, but for the state.

    What cannot be read has none that could be known.
    """
    return {name: _of_file(place / name) for name in NAMES if os.path.lexists(place / name)}


def _of_file(path: Path) -> str:
    with contextlib.suppress(OSError):
        return _sha256(path.read_bytes())
    return "cannot be read"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def changed(place: Path, known: Mapping[str, list[str]]) -> list[str]:
    """Return the names of files that someone else put there or changed."""
    return _alien(_found(place), known)


def _alien(there: Mapping[str, str], known: Mapping[str, list[str]]) -> list[str]:
    return [name for name, digest in there.items() if digest not in known.get(name, [])]


def prepare(
    place: Path, settings: Settings, text: Corpus, now: Training, known: Known
) -> tuple[Known, dict[str, bytes]]:
    """Return what will be known after a save, and what it will write but for the state.

    A file that someone else changed is not among it.

    Returns
    -------
    known : dict
        The SHA-256 of each file, before the save and after it.
    contents : dict of str to bytes
        What each file will hold, by its name.
    """
    before = _found(place)
    alien = _alien(before, known)
    contents = {
        name: content
        for name, content in _contents(settings, text, now).items()
        if name not in alien
    }
    digests = {
        name: sorted({_sha256(content), before.get(name, _sha256(content))})
        for name, content in contents.items()
    }
    return {**known, **digests}, contents


def write(
    place: Path,
    settings: Settings,
    text: Corpus,
    notes: Mapping[str, Any],
    now: Training,
    contents: Mapping[str, bytes],
) -> None:
    """Write where a training stands, and what it has so far.

    The state comes first: wherever the program ends, it knows what may have been written.

    Parameters
    ----------
    notes : mapping
        What else the state is to say.
    contents : mapping of str to bytes
        What `prepare` returned.

    Raises
    ------
    WriteError
        If a file cannot be written.
    """
    about = {
        "characters": len(text.vocabulary),
        "vocabulary": text.vocabulary.characters,
        "text": text.source,
        "sha256": text.sha256,
        **notes,
    }
    run_file.write(place / STATE, settings, about, now)
    before = _found(place)
    for name, content in contents.items():
        if before.get(name) != _sha256(content):
            files.replace(place / name, content)


def _contents(settings: Settings, text: Corpus, now: Training) -> dict[str, bytes]:
    """Return what the curve and the files of the model are to hold, by their names."""
    rows = [Point._fields, *(map(repr, point) for point in now.curve)]
    lines = "".join(",".join(row) + "\n" for row in rows)
    about = {
        "corpus": {
            "name": corpus.name(text.source),
            "sha256": text.sha256,
            "train": len(text.train),
            "validation": len(text.held_out),
        },
        "settings": dataclasses.asdict(settings),
        "step": now.run.step,
        "cpu_seconds": now.seconds,
        "val_nats_window256": now.curve[-1].held_out if now.curve else None,
    }
    model = folder.Model(CELLS[settings.cell], predictor(now.run), text.vocabulary)
    page = card.trained(settings, about, now.curve)
    return {CURVE: lines.encode(), **folder.contents(model, about=about, card=page)}
