"""A training in a folder: it begins, is saved as it goes, goes on after a stop, leaves a model.

Parameters
----------
place : path
    The folder.
given : mapping
    The settings that were chosen; a training that goes on must have them already.
source : str or None
    The text, for `corpus.load`; by default the prose of the standard library, or what it was.
every : int or None
    Steps from save to save; by default a twentieth of all, or what it was.
"""

import contextlib
import dataclasses
import math
import signal
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import files
from bptt.cells import CELLS
from bptt.checkpoint import CheckpointError
from bptt.lm import card, corpus, folder, options, run_file, training
from bptt.lm.corpus import TEXTS, Corpus
from bptt.lm.settings import Settings
from bptt.lm.training import Point, Training
from bptt.lm.update import chunks_per_epoch
from bptt.optim import NonFiniteGradient

STATE, CURVE = "training.safetensors", "curve.csv"


class Stopped(Exception):  # noqa: N818  # Ctrl-C is no error
    """Someone stopped a training, and it was saved; the message says how to go on."""


class Project(NamedTuple):
    """A training and its folder."""

    place: Annotated[Path, "the folder"]
    settings: Annotated[Settings, "what is trained"]
    corpus: Annotated[Corpus, "on what"]
    every: Annotated[int, "steps from save to save"]
    begun: Annotated[Training, "where the training stands"]


def begin(place: Path, given: Mapping[str, Any], source: str | None, every: int | None) -> Project:
    """Return a training before its first step. Nothing is written yet.

    Raises
    ------
    CorpusError
        If the text is not there, or is no text.
    ValueError
        If the folder holds a training or a model, a setting is out of its range, or the text is too
        short.
    """
    if any((place / name).exists() for name in (STATE, folder.WEIGHTS)):
        raise ValueError(
            f"{place} holds a training or a model already; go on with --resume, or choose "
            "another folder"
        )
    settings, text = options.settings(given), corpus.load(source or "library")
    chunks_per_epoch(settings, len(text.train))  # else there is no use to begin
    every = every or math.ceil(settings.steps / 20)
    return Project(place, settings, text, every, training.begin(settings, len(text.vocabulary)))


def resume(place: Path, given: Mapping[str, Any], source: str | None, every: int | None) -> Project:
    """Read a training that was stopped, and insist that nothing else is asked for now.

    Raises
    ------
    CheckpointError
        If the training is damaged, or not one of `bptt train`.
    ValueError
        If there is no training, or something else is asked for, the text among it.
    """
    path = place / STATE
    if not path.exists():
        raise ValueError(f"{place} holds no training; leave --resume out to begin one")
    settings, notes, begun = run_file.read(path)
    for name, kind in {"vocabulary": str, "text": str, "sha256": str, "every": int}.items():
        if type(notes.get(name)) is not kind:
            raise CheckpointError(f"{path} does not come from `bptt train`: {name} is not noted")
    if notes["every"] < 1:
        raise CheckpointError(f"{path}: every must be at least 1, got {notes['every']}")
    plain = vars(settings) | vars(settings.rates) | notes
    for name, value in {**given, **({"every": every} if every else {})}.items():
        if plain[name] != value:
            raise ValueError(
                f"the training in {place} has {name} {options.shown(plain[name])}, "
                f"and is asked for {options.shown(value)}; leave that out to go on"
            )
    text = corpus.load(source or notes["text"])
    found = text.sha256, text.vocabulary.characters, len(text.vocabulary)
    if found != (notes["sha256"], notes["vocabulary"], notes["characters"]):
        raise ValueError(
            f"the training in {place} reads another text than {text.source} holds now: its "
            f"SHA-256 is {notes['sha256']}, and here {text.sha256}"
        )
    chunks_per_epoch(settings, len(text.train))
    return Project(place, settings, text, notes["every"], begun)


def train(project: Project, watch: Callable[[Training], None]) -> None:
    """Train to the end, and write the model.

    Parameters
    ----------
    project : Project
        The training.

    Raises
    ------
    NonFiniteGradient
        If a gradient holds NaN or infinity; a note says where the last checkpoint is.
    OSError
        If a file cannot be written.
    Stopped
        After Ctrl-C.
    """
    place, settings, text, every, latest = project
    place.mkdir(parents=True, exist_ok=True)

    def look(now: Training) -> None:
        nonlocal latest
        latest = now
        watch(now)

    try:
        _save(project, latest)
        with np.errstate(over="ignore", invalid="ignore"):
            ended = training.train(
                settings,
                text.train,
                text.held_out,
                len(text.vocabulary),
                latest,
                every=every,
                save=lambda now: _save(project, now),
                watch=look,
            )
    except KeyboardInterrupt:
        with _impatience_ignored():
            _save(project, latest)
        raise Stopped(
            f"stopped at step {latest.run.step} of {settings.steps}, and saved; go on with: "
            f"bptt train --folder {quoted(place)} --resume"
        ) from None
    except NonFiniteGradient as error:
        error.add_note(f"the last checkpoint stays in {place / STATE}")
        raise
    _write_model(project, ended)


def quoted(path: Path | str) -> str:
    """Write a path as it is typed: in quotation marks if it has blanks.

    Parameters
    ----------
    path : path
        The path.
    """
    return f'"{path}"' if " " in str(path) else str(path)


def _save(project: Project, now: Training) -> None:
    """Write where the training stands, and its curve."""
    text = project.corpus
    about = {
        "characters": len(text.vocabulary),
        "vocabulary": text.vocabulary.characters,
        "text": text.source,
        "sha256": text.sha256,
        "every": project.every,
    }
    run_file.write(project.place / STATE, project.settings, about, now)
    rows = [Point._fields, *(map(repr, point) for point in now.curve)]
    lines = "".join(",".join(row) + "\n" for row in rows)
    files.replace(project.place / CURVE, lines.encode())


@contextlib.contextmanager
def _impatience_ignored() -> Iterator[None]:
    """Let a second Ctrl-C not hinder the saving."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _write_model(project: Project, ended: Training) -> None:
    place, settings, text, *_ = project
    last = ended.curve[-1]
    about = {
        "corpus": {
            "name": text.source if text.source in TEXTS else Path(text.source).name,
            "sha256": text.sha256,
            "train": len(text.train),
            "validation": len(text.held_out),
        },
        "settings": dataclasses.asdict(settings),
        "cpu_seconds": last.seconds,
        "val_nats_window256": last.held_out,
    }
    model = folder.Model(CELLS[settings.cell], ended.run.params, text.vocabulary)
    folder.write(place, model, about=about, card=card.trained(settings, about))
