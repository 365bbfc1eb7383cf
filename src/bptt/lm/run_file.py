"""A training in a file, so that after a stop it goes on to the same bits.

They are the same where NumPy's products have as many threads as before.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from itertools import chain
from typing import Any

import numpy as np

from bptt import checkpoint, tree
from bptt.cells import CELLS
from bptt.checkpoint import CheckpointError
from bptt.lm import network
from bptt.lm.settings import LARGEST, Settings, settings_of
from bptt.lm.training import Point, Training
from bptt.lm.update import Run
from bptt.optim import AdamState, NonFiniteGradient
from bptt.shapes import shown, template

KIND = "a training run of bptt.lm, version 1"


def write(
    path: str | os.PathLike[str], settings: Settings, about: Mapping[str, Any], training: Training
) -> None:
    """Save where a training stands. The file is there as a whole or not at all.

    Parameters
    ----------
    path : str or path
        The file. One that is there already is replaced.
    about : mapping of str to JSON values
        What else to note. `characters` must be K.

    Raises
    ------
    NonFiniteGradient
        If a weight or a loss is NaN or infinite: `read` would refuse it.
    WriteError
        If the file cannot be written.
    """
    insist_on_numbers(training)
    notes = {
        "settings": dataclasses.asdict(settings),
        "curve": training.curve,
        "losses": training.losses,
        "seconds": training.seconds,
        **about,
    }
    checkpoint.write(path, _arrays(training.run), {"kind": KIND, "notes": json.dumps(notes)})


def insist_on_numbers(training: Training) -> None:
    """Refuse a training that no step can follow, and that `read` would refuse.

    Raises
    ------
    NonFiniteGradient
        If a weight or a loss is NaN or infinite.
    """
    numbers = np.array([*training.losses, training.seconds, *chain(*training.curve)])
    leaves = [("", numbers), *tree.leaves(_arrays(training.run))]
    if not all(np.isfinite(array).all() for _, array in leaves):
        raise NonFiniteGradient(
            f"lm.run_file: at step {training.run.step} a weight or a loss is NaN or infinite, so "
            "no step can follow, and it is not saved"
        )


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
    where = f"lm.run_file: {os.fspath(path)}"
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
        like = _template(settings, characters)
    except (KeyError, TypeError, AttributeError, ValueError, RecursionError) as error:
        raise CheckpointError(f"{where} has broken notes: {shown(error)}") from error
    run = checkpoint.fill(like, arrays, where)
    step, t = int(run.step[0]), int(run.moments.t[0])  # type: ignore[index]  # from _arrays
    if not 0 <= step <= settings.steps or t != step:
        raise CheckpointError(f"{where}: step {step} of {settings.steps}, and {t} of Adam's")
    run = run._replace(step=step, moments=run.moments._replace(t=t))
    return settings, about, Training(run, curve, losses, seconds)


def _arrays(run: Run) -> Run:
    """Return the run as a file holds it: its two counters are arrays of one number."""
    t = np.array([run.moments.t], np.int64)
    counted: Any = np.array([run.step], np.int64)
    return run._replace(step=counted, moments=run.moments._replace(t=t))  # type: ignore[arg-type]  # arrays


def _template(settings: Settings, characters: int) -> Run:
    """Return a run of the right names and shapes, as a file holds it, which takes no memory."""
    cell = CELLS[settings.cell]
    form = characters, settings.embedding, settings.widths
    params = network.template(cell, *form, tied=settings.tied)
    states = tuple(
        template(cell.State, np.float32, B=settings.batch, H=width) for width in settings.widths
    )
    mean = params if settings.average else ()
    return _arrays(Run(0, params, AdamState(0, params, params), states, mean))


def _whole(value: Any, least: int = 0) -> int:
    if type(value) is not int or value < least:
        raise ValueError(f"{shown(value)} is no whole number of at least {least}")
    return value


def _real(value: Any) -> float:
    if type(value) not in {int, float} or not abs(value) <= LARGEST:  # NaN is not
        raise ValueError(f"{shown(value)} is no finite number")
    return float(value)
