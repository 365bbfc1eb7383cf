"""A training run in a file: it saves as it goes, and after a stop goes on to the same bits."""

import dataclasses
import json
import math
import os
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from bptt import checkpoint
from bptt.checkpoint import CheckpointError
from bptt.lm import score
from bptt.lm.dropout import Rates
from bptt.lm.network import least_shapes
from bptt.lm.training import CELLS, LARGEST, Run, Settings, advance, start
from bptt.optim import NonFiniteGradient
from bptt.shapes import Array

STATE = "training.safetensors"
KIND = "a training run of bptt.lm, version 1"


class Point(NamedTuple):
    """One point of a learning curve.

    Attributes
    ----------
    step : int
        The number of updates so far.
    seconds : float
        The CPU time that they took, in seconds, without the time to score.
    train : float
        The mean cross-entropy of the chunks since the last point, with dropout, before each was
        learnt; nats per character.
    held_out : float
        The score of the other text in windows of 256 characters; nats per character.
    """

    step: int
    seconds: float
    train: float
    held_out: float


class Training(NamedTuple):
    """A run, and what it has shown so far.

    Attributes
    ----------
    run : Run
        The weights and all else that a next step needs.
    curve : tuple of Point
        The points so far.
    losses : tuple of float
        The cross-entropy of each chunk since the last point, nats per character.
    seconds : float
        The CPU time of all steps so far.
    """

    run: Run
    curve: tuple[Point, ...]
    losses: tuple[float, ...]
    seconds: float


def begin(settings: Settings, characters: int) -> Training:
    """Return a training before its first step.

    Parameters
    ----------
    settings : Settings
        What is asked.
    characters : int
        K, the number of characters.

    Returns
    -------
    Training
        A new run that has shown nothing.
    """
    return Training(start(settings, characters), (), (), 0.0)


def train(
    settings: Settings,
    codes: Array,
    held_out: Array,
    characters: int,
    begun: Training | None = None,
    *,
    every: int,
    save: Callable[[Training], None],
    watch: Callable[[Training], None],
) -> Training:
    """Train to the last step.

    A stop loses nothing that `watch` has seen: where it is saved and comes back as `begun`, all
    goes on as if it had not stopped, to the last bit of the weights and of the curve's losses.

    Parameters
    ----------
    settings : Settings
        What is asked.
    codes : ndarray of int of shape (N,)
        The text to learn.
    held_out : ndarray of int of shape (M,)
        The text for the learning curve, at least 257 characters.
    characters : int
        K, the number of characters.
    begun : Training, optional
        Where to go on; at the start by default.
    every : int
        The number of steps from one point of the curve to the next. The last step has one too.
    save : callable
        Takes the training at each point of the curve.
    watch : callable
        Takes the training after each step.

    Returns
    -------
    Training
        The training after the last step.

    Raises
    ------
    NonFiniteGradient
        If a gradient holds NaN or infinity; a note says at which step. Or if a point of the curve
        would hold one; it is not saved.
    ShapeError
        If the text for the learning curve is too short.
    ValueError
        If the text to learn is too short, or `every` is below 1.
    """
    if every < 1:
        raise ValueError(f"lm.train: every must be at least 1, got {every}")
    now = begun or begin(settings, characters)
    while now.run.step < settings.steps:
        before = time.process_time()
        try:
            run, nats = advance(settings, codes, now.run)
        except NonFiniteGradient as error:
            error.add_note(f"lm.train: this was step {now.run.step + 1} of {settings.steps}")
            raise
        seconds = now.seconds + time.process_time() - before
        now = Training(run, now.curve, (*now.losses, nats), seconds)
        if run.step % every == 0 or run.step == settings.steps:
            scored = score.windows(CELLS[settings.cell], run.params, held_out)
            point = Point(run.step, seconds, float(np.mean(now.losses)), scored)
            if not math.isfinite(point.train + point.held_out):  # and what was saved before stays
                raise NonFiniteGradient(
                    f"lm.train: at step {run.step} of {settings.steps} the loss is {point.train} "
                    f"and the score {point.held_out}, so no step can follow"
                )
            now = Training(run, (*now.curve, point), (), seconds)
            save(now)
        watch(now)
    return now


def write(
    path: str | os.PathLike[str], settings: Settings, about: Mapping[str, Any], training: Training
) -> None:
    """Save where a training stands. The file is there as a whole or not at all.

    Parameters
    ----------
    path : str or path
        The file. One that is there already is replaced.
    settings : Settings
        What is asked.
    about : mapping of str to JSON values
        What else to note. `characters` must be K.
    training : Training
        Where it stands.

    Raises
    ------
    OSError
        If the file cannot be written. One that was there is left as it was.
    """
    notes = {
        "settings": dataclasses.asdict(settings),
        "curve": training.curve,
        "losses": training.losses,
        "seconds": training.seconds,
        **about,
    }
    checkpoint.write(path, _arrays(training.run), {"kind": KIND, "notes": json.dumps(notes)})


def read(path: str | os.PathLike[str]) -> tuple[Settings, dict[str, Any], Training]:
    """Read where a training stands.

    Parameters
    ----------
    path : str or path
        The file.

    Returns
    -------
    settings : Settings
        What was asked.
    about : dict
        What else was noted.
    training : Training
        Where it stands.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is damaged, or holds no training run, or one that these
        settings cannot have led to.
    """
    arrays, said = checkpoint.read(path)
    where = f"lm.loop: {os.fspath(path)}"
    if said.get("kind") != KIND:
        raise CheckpointError(f"{where} holds no training run of this program")
    try:
        about = json.loads(said["notes"])
        settings = settings_of(about.pop("settings"))
        characters = _whole(about["characters"], 1)
        curve = tuple(
            Point(_whole(step), _real(seconds), _real(train), _real(held_out))
            for step, seconds, train, held_out in about.pop("curve")
        )
        losses = tuple(map(_real, about.pop("losses")))
        seconds = _real(about.pop("seconds"))
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{where} has broken notes: {error!r}") from error
    checkpoint.check_room(arrays, _shapes(settings, characters), where)
    run = checkpoint.fill(_arrays(start(settings, characters)), arrays, where)
    step, t = int(run.step[0]), int(run.moments.t[0])  # type: ignore[index]  # from _arrays
    if not 0 <= step <= settings.steps or t != step:
        raise CheckpointError(f"{where}: step {step} of {settings.steps}, and {t} of Adam's")
    run = run._replace(step=step, moments=run.moments._replace(t=t))
    return settings, about, Training(run, curve, losses, seconds)


def settings_of(plain: Mapping[str, Any]) -> Settings:
    """Read settings from JSON.

    Parameters
    ----------
    plain : mapping of str to JSON values
        What `dataclasses.asdict` gives, with lists for tuples.

    Returns
    -------
    Settings
        The settings.

    Raises
    ------
    KeyError, TypeError, ValueError
        If these are no settings, or one is out of its range.
    """
    rates = Rates(**plain["rates"])
    return Settings(**{**plain, "widths": tuple(plain["widths"]), "rates": rates})


def _arrays(run: Run) -> Run:
    """Return the run as a file holds it: its two counters are arrays of one number."""
    t = np.array([run.moments.t], np.int64)
    counted: Any = np.array([run.step], np.int64)
    return run._replace(step=counted, moments=run.moments._replace(t=t))  # type: ignore[arg-type]  # arrays


def _shapes(settings: Settings, characters: int) -> list[tuple[int, int]]:
    """Return the shapes of some of the arrays, enough to see that a file cannot hold them."""
    widths = settings.widths
    head = [] if settings.tied else [(widths[-1], characters)]
    states = [(settings.batch, H) for H in widths]
    return [*least_shapes(characters, settings.embedding, widths), *head, *states]


def _whole(value: Any, least: int = 0) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"{value!r} is no whole number of at least {least}")
    return value


def _real(value: Any) -> float:
    if type(value) not in {int, float} or not abs(value) <= LARGEST:  # NaN is not
        raise ValueError(f"{value!r} is no finite number")
    return float(value)
