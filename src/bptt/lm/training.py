"""Training: one update after the other, with a learning curve; it may be stopped and goes on."""

import math
import time
from collections.abc import Callable
from typing import Annotated, NamedTuple

import numpy as np

from bptt.cells import CELLS
from bptt.lm import score
from bptt.lm.engine import Engine, Numpy
from bptt.lm.settings import Settings
from bptt.lm.update import Run, predictor, start
from bptt.optim import NonFiniteGradient
from bptt.shapes import Array, shown

MOST = (
    512  # windows of a point of the curve, that a long text costs no more than 131,072 characters
)


class Point(NamedTuple):
    """One point of a learning curve, in nats per character.

    The chunks since the last point count with dropout, each before it was learnt.
    """

    step: Annotated[int, "the number of updates so far"]
    seconds: Annotated[
        float,
        "the CPU time that they took in this process, the first of several; without that to score",
    ]
    train: Annotated[float, "the mean cross-entropy of the chunks since the last point"]
    held_out: Annotated[
        float, "the score of the other text, on at most `MOST` windows of 256 characters"
    ]


class Training(NamedTuple):
    """A run, and what it has shown so far."""

    run: Annotated[Run, "the weights and all else that a next step needs, in the engine's form"]
    curve: Annotated[tuple[Point, ...], "the points so far"]
    losses: Annotated[tuple[float, ...], "of each chunk since the last point, nats per character"]
    seconds: Annotated[float, "the CPU time of all steps so far"]


def begin(settings: Settings, characters: int) -> Training:
    """Return a training before its first step."""
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
    engine: Engine | None = None,
) -> Training:
    """Train to the last step.

    A stop loses nothing that `watch` has seen: where it is saved and comes back as `begun`, all
    goes on as if it had not stopped, to the last bit of the weights and of the curve's losses where
    NumPy's products have as many threads.

    Parameters
    ----------
    codes : ndarray of int of shape (N,)
        The text to learn.
    held_out : ndarray of int of shape (M,)
        The text for the learning curve, at least 257 characters.
    begun : Training, optional
        Where to go on; at the start by default.
    every : int
        The number of steps from one point of the curve to the next. The last step has one too.
    save : callable
        Takes the training at each point of the curve, with its run as NumPy keeps it.
    engine : Engine, optional
        What takes the steps; NumPy alone by default.

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
        raise ValueError(f"lm.train: every must be at least 1, got {shown(every)}")
    engine = engine or Numpy(settings, codes)
    now = begun or begin(settings, characters)
    run = engine.own(now.run)
    while run.step < settings.steps:
        before = time.process_time()
        try:
            run, nats = engine.advance(run)
        except NonFiniteGradient as error:
            error.add_note(f"lm.train: this was step {run.step + 1} of {settings.steps}")
            raise
        seconds = now.seconds + time.process_time() - before
        now = Training(run, now.curve, (*now.losses, nats), seconds)
        if _has_point(settings, run.step, every):
            whole = engine.whole(run)
            scored = score.windows(CELLS[settings.cell], predictor(whole), held_out, most=MOST)
            point = Point(run.step, seconds, float(np.mean(now.losses)), scored)
            if not math.isfinite(point.train + point.held_out):  # and what was saved before stays
                raise NonFiniteGradient(
                    f"lm.train: at step {run.step} of {settings.steps} the loss is {point.train} "
                    f"and the score {point.held_out}, so no step can follow"
                )
            now = Training(whole, (*now.curve, point), (), seconds)
            save(now)
        watch(now)
    return now


def follow(settings: Settings, run: Run, engine: Engine, *, every: int) -> None:
    """Take the steps of `train` in a process beside it, which neither scores nor saves.

    Parameters
    ----------
    run : Run
        Where the training goes on.
    engine : Engine
        What takes the steps.
    every : int
        As for `train`.

    Raises
    ------
    Lost
        If another process has ended.
    NonFiniteGradient
        If a gradient holds NaN or infinity.
    """
    run = engine.own(run)
    while run.step < settings.steps:
        run, _ = engine.advance(run)
        if _has_point(settings, run.step, every):
            engine.whole(run)  # the first process asks, and needs what is here


def _has_point(settings: Settings, step: int, every: int) -> bool:
    return step % every == 0 or step == settings.steps
