"""A training in a folder: it begins, is saved as it goes, goes on after a stop, leaves a model.

Parameters
----------
place : path
    The folder.
given : mapping
    The settings that were chosen. A training that goes on must have them already, but for `steps`,
    which may be more.
source : str or None
    The text, for `corpus.load`; by default the prose of the standard library, or what it was.
every : int or None
    Steps from save to save; by default a twentieth of all, or what it was.
"""

import dataclasses
import math
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import files, stops, threads, tree
from bptt.cells import CELLS
from bptt.checkpoint import CheckpointError
from bptt.files import WriteError
from bptt.lm import corpus, folder, lock, network, options, run_file, save, training
from bptt.lm.corpus import STANDARD_INPUT, Corpus
from bptt.lm.engine import Alone, Crew, Lost
from bptt.lm.save import CURVE, STATE, Known
from bptt.lm.settings import Settings
from bptt.lm.training import Training
from bptt.lm.update import Run, chunks_per_epoch
from bptt.optim import NonFiniteGradient
from bptt.shapes import shown
from bptt.shell import quoted
from bptt.text import CorpusError

ALONE = Alone()


class Stopped(Exception):  # noqa: N818  # Ctrl-C is no error
    """Someone stopped a training, and it was saved; the message says how to go on."""


class Project(NamedTuple):
    """A training and its folder."""

    place: Annotated[Path, "the folder"]
    settings: Annotated[Settings, "what is trained"]
    corpus: Annotated[Corpus, "on what"]
    every: Annotated[int, "steps from save to save"]
    begun: Annotated[Training | None, "where the training stands; None before it has any weights"]
    known: Annotated[Known, "what the training wrote so far, as `bptt.lm.save` knows it"]
    seen: Annotated[dict[str, str], "what the folder held, as `bptt.lm.save` sees it"]
    remarks: Annotated[tuple[str, ...], "what may surprise in the text"]
    threads: Annotated[int | None, "of the products so far, which decide the last bits"] = None


def begin(place: Path, given: Mapping[str, Any], source: str | None, every: int | None) -> Project:
    """Return a training before its first step. Nothing is written yet.

    Raises
    ------
    CorpusError
        If the text is not there, or is no text.
    ValueError
        If the folder holds a file that the training would replace, a setting is out of its range,
        or the text is too short.
    """
    _insist_on_room(place)
    settings = options.settings(given)
    text, remarks = corpus.read("library" if source is None else source)
    chunks_per_epoch(settings, len(text.train))  # else there is no use to begin
    every = every or math.ceil(settings.steps / 20)
    return Project(place, settings, text, every, None, {}, {}, remarks)


def _insist_on_room(place: Path) -> None:
    """Refuse a folder with files that a training would replace, whoever wrote them."""
    if os.path.lexists(place) and not place.is_dir():
        raise ValueError(f"{place} is no folder; choose another name")
    there = [name for name in (STATE, CURVE, *folder.FILES) if os.path.lexists(place / name)]
    if {STATE, folder.WEIGHTS} & {*there}:
        raise ValueError(
            f"{place} holds a training or a model already; go on with --resume, or choose "
            "another folder"
        )
    if there:
        raise ValueError(
            f"{place} holds {' and '.join(there)}, which a training would replace; choose another "
            "folder"
        )


def resume(place: Path, given: Mapping[str, Any], source: str | None, every: int | None) -> Project:
    """Read a training that was stopped, and insist that nothing else is asked for now.

    With more steps than it had, it goes on past its end. The learning rate is then that of a
    training of so many steps: where it fell from the warmup to the end it does so again, to the new
    end, and else in the last steps, as many as before. At the old end it was zero, so it jumps up
    there, and the weights are not those of a training that had so many steps from its start.

    Raises
    ------
    CheckpointError
        If the training is damaged, or not one of `bptt train`.
    InUseError
        If another training holds the folder.
    ValueError
        If there is no training, or something else is asked for, the text among it, or someone else
        changed a file that it would replace.
    """
    path = place / STATE
    if not path.exists():
        raise ValueError(f"{place} holds no training; leave --resume out to begin one")
    with lock.held(place):
        seen = save.seen(place)
        settings, notes, begun = run_file.read(path)
    _check_notes(path, notes)
    if changed := save.changed(place, notes["files"]):
        raise ValueError(
            f"{place / changed[0]} is not as the training left it, and would be replaced; move it "
            "away or put the old one back, and go on"
        )
    settings = longer(settings, given.get("steps", 0))
    plain = vars(settings) | vars(settings.rates) | notes
    for name, value in {**given, **({"every": every} if every else {})}.items():
        if plain[name] != value:
            raise ValueError(
                f"the training in {place} has {name} {shown(options.shown(plain[name]), str)}, "
                f"and is asked for {shown(options.shown(value), str)}; leave that out to go on"
            )
    text, remarks = _same_text(place, notes, source)
    chunks_per_epoch(settings, len(text.train))
    threads = notes["threads"]
    return Project(
        place, settings, text, notes["every"], begun, notes["files"], seen, remarks, threads
    )


def _check_notes(path: Path, notes: dict[str, Any]) -> None:
    """Insist on what `bptt train` notes."""
    kinds = {"vocabulary": str, "text": str, "sha256": str, "every": int, "files": dict}
    for name, kind in kinds.items():
        if type(notes.get(name)) is not kind:
            raise CheckpointError(f"{path} does not come from `bptt train`: {name} is not noted")
    if notes["every"] < 1:
        raise CheckpointError(f"{path}: every must be at least 1, got {shown(notes['every'])}")
    if not all(isinstance(digests, list) for digests in notes["files"].values()):
        raise CheckpointError(f"{path}: files must name lists")
    threads = notes.get("threads")
    if threads is not None and not (type(threads) is int and threads > 0):
        raise CheckpointError(f"{path}: threads must be a whole number of at least 1")


def _same_text(
    place: Path, notes: Mapping[str, Any], source: str | None
) -> tuple[Corpus, tuple[str, ...]]:
    """Load the text of a training, and insist that it is the same."""
    if source is None and notes["text"] == STANDARD_INPUT:
        raise ValueError(
            f"the training in {place} reads its text from standard input; pipe it in again, "
            "and add --text -"
        )
    try:
        text, remarks = corpus.read(notes["text"] if source is None else source)
    except CorpusError as error:
        raise CorpusError(f"{error}; if the text has moved, add --text") from error
    found = text.sha256, text.vocabulary.characters, len(text.vocabulary)
    if found != (notes["sha256"], notes["vocabulary"], notes["characters"]):
        raise ValueError(
            f"the training in {place} reads another text than {text.source} holds now: its "
            f"SHA-256 is {notes['sha256']}, and here {text.sha256}; name the first by --text"
        )
    return text, remarks


def longer(settings: Settings, steps: int) -> Settings:
    """Return the settings of a training that goes on past its end, if these are more steps.

    Parameters
    ----------
    steps : int
        How many there are to be in all.
    """
    if steps <= settings.steps:
        return settings
    falls = settings.decay == settings.steps - settings.warmup  # from the warmup to the end
    decay = steps - settings.warmup if falls else settings.decay
    return dataclasses.replace(settings, steps=steps, decay=decay)


def train(
    project: Project,
    watch: Callable[[Training], None],
    threads: int | None = None,
    crew: Crew = ALONE,
) -> list[str]:
    """Train to the end, and write the model; it can be used from the first save on.

    Parameters
    ----------
    project : Project
        The training.
    threads : int, optional
        How many share NumPy's products, to be noted.
    crew : Crew
        The processes that train, of which this is the first; it is alone by default.

    Returns
    -------
    list of str
        The names of files that someone else changed meanwhile; they are left as they are.

    Raises
    ------
    InUseError
        If another training holds the folder.
    Lost
        If another process has ended; a note says how to go on.
    NonFiniteGradient
        If a gradient holds NaN or infinity; a note says where the last checkpoint is.
    Stopped
        After Ctrl-C, or another signal to end. What a single process had is saved; of several, all
        since the last checkpoint is lost, since each has its own rows of the states.
    ValueError
        If the folder was changed since the project was opened.
    WriteError
        If a file cannot be written; a note says what survives.
    """
    try:
        project.place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError(
            f"{project.place} cannot be made: {error.strerror}; choose another folder"
        ) from error
    with lock.held(project.place):
        if save.seen(project.place) != project.seen:
            raise ValueError(f"{project.place} has changed meanwhile; try again")
        files.tidy(project.place)  # after a kill
        try:
            return _train(project, watch, {"every": project.every, "threads": threads}, crew)
        except NonFiniteGradient as error:
            error.add_note(f"the last checkpoint stays in {project.place / STATE}")
            raise


def _train(
    project: Project, watch: Callable[[Training], None], notes: Mapping[str, Any], crew: Crew
) -> list[str]:
    """Train, with the folder held."""
    place, settings, text, every, begun, known, *_ = project
    latest = begun or training.begin(settings, len(text.vocabulary))
    engine = crew.engine(settings, text.train)

    def look(now: Training) -> None:
        nonlocal latest
        latest = now
        watch(now)

    def keep(now: Training) -> None:
        nonlocal known
        run_file.insist_on_numbers(now)
        known, contents = save.prepare(place, settings, text, now, known)
        try:
            save.write(place, settings, text, {**notes, "files": known}, now, contents)
        except WriteError as error:
            error.add_note(_fate(project))
            raise

    try:
        keep(latest)
        crew.share(Shared(project, latest.run, notes["threads"]))
        with np.errstate(over="ignore", invalid="ignore"):
            training.train(
                settings,
                text.train,
                text.held_out,
                len(text.vocabulary),
                latest,
                every=every,
                save=keep,
                watch=look,
                engine=engine,
            )
    except Lost as error:
        error.add_note(_fate(project))
        raise
    except KeyboardInterrupt as stop:
        if crew.size > 1:
            raise Stopped(
                f"stopped at step {latest.run.step} of {settings.steps}; {_fate(project)}",
                *stop.args,
            ) from None
        with stops.ignored():
            keep(latest._replace(run=engine.whole(latest.run)))
        raise Stopped(
            f"stopped at step {latest.run.step} of {settings.steps}, and saved; "
            f"{_how_to_go_on(project, save.changed(place, known))}",
            *stop.args,
        ) from None
    return save.changed(place, known)


class Shared(NamedTuple):
    """What the first process of a crew tells the others."""

    project: Annotated[Project, "the training"]
    run: Annotated[Run, "where it goes on"]
    threads: Annotated[int | None, "of the products"]


def follow(crew: Crew) -> None:
    """Take the steps of `train`, which the first process calls, in another one.

    Parameters
    ----------
    crew : Crew
        The processes that train, of which this is not the first.

    Raises
    ------
    KeyboardInterrupt, Lost
        After a signal to end, or if another process has ended: the first one says how to go on.
    Stopped
        In these cases, if the first one was killed and this one has to say it in its place.
    NonFiniteGradient
        If a gradient holds NaN or infinity.
    """
    project, run, count = crew.share(None)
    settings, every = project.settings, project.every
    engine = crew.engine(settings, project.corpus.train)
    try:
        with threads.limited(0, count), np.errstate(over="ignore", invalid="ignore"):
            training.follow(settings, run, engine, every=every)
    except (KeyboardInterrupt, Lost) as stop:
        if not lock.inherited(project.place):
            raise
        number = stop.args if isinstance(stop, KeyboardInterrupt) else ()
        raise Stopped(f"the first process has ended; {_fate(project)}", *number) from None


def _fate(project: Project) -> str:
    """Say what is left where a file could not be written."""
    if not (project.place / STATE).exists():
        return "nothing of the training is saved; begin again where there is room"
    return f"the last checkpoint stays in {project.place / STATE}; {_how_to_go_on(project)}"


def _how_to_go_on(project: Project, changed: Sequence[str] = ()) -> str:
    """Name the command; first what someone else changed, which it would refuse to replace."""
    names = " and ".join(changed)
    moved = f"someone else changed {names}: move that away, and " if changed else ""
    piped = project.corpus.source == STANDARD_INPUT
    before, text = ("pipe the same text in and ", " --text -") if piped else ("", "")
    command = f"bptt train --folder {quoted(project.place)} --resume{text}"
    return f"{moved}{before}go on with: {command}"


def memory(settings: Settings, characters: int) -> int:
    """Return about how many bytes a training takes, without its text.

    Ten numbers for each weight, most of them while it is updated, two more where their mean is
    kept, and what a chunk leaves for its gradient: 20 for each unit, and five for each character
    that may follow.
    """
    form = characters, settings.embedding, settings.widths
    template = network.template(CELLS[settings.cell], *form, tied=settings.tied)
    weights = sum(array.size for _, array in tree.leaves(template))
    of_chunk = settings.batch * settings.chunk * (20 * sum(settings.widths) + 5 * characters)
    return 4 * ((12 if settings.average else 10) * weights + of_chunk)
