"""What is shown of a training while it runs: a bar, or a line for each point of its curve."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

from bptt import progress
from bptt.cli.output import say
from bptt.lm.settings import Settings
from bptt.lm.training import Training


def while_heard(show: Callable[[Any], None]) -> Callable[[Any], None]:
    """Go on in silence once nobody listens: what is shown is not the work.

    Parameters
    ----------
    show : callable
        Shows what it is given.
    """
    heard = True

    def watch(now: Any) -> None:
        nonlocal heard
        if heard:
            try:
                show(now)
            except (OSError, ValueError):  # a closed pipe, terminal or file
                heard = False

    return watch


@contextlib.contextmanager
def progress_of(settings: Settings, begun: Training | None) -> Iterator[Callable[[Training], None]]:
    """Show a bar on a terminal, else a line for each point of the curve.

    Parameters
    ----------
    settings : Settings
        What is trained.
    begun : Training, optional
        Where it goes on; None at the beginning.

    Yields
    ------
    callable
        Takes the training after each step, and shows it.
    """
    points, step = (len(begun.curve), begun.run.step) if begun else (0, 0)

    def lines(now: Training) -> None:
        nonlocal points
        if len(now.curve) > points:
            points, last = len(now.curve), now.curve[-1]
            say(
                f"step {last.step} of {settings.steps}, {last.seconds:.0f} s: "
                f"train {last.train:.4f}, held out {last.held_out:.4f} nats per character"
            )

    make = progress.bars()
    if make is None:
        yield lines
        return
    chars = settings.batch * settings.chunk
    total, initial = settings.steps * chars, step * chars
    bar = make(total=total, initial=initial, unit="char", unit_scale=True, dynamic_ncols=True)

    def show(now: Training) -> None:
        held_out = f", held out {now.curve[-1].held_out:.3f}" if now.curve else ""
        loss = now.losses[-1] if now.losses else now.curve[-1].train
        bar.set_postfix_str(f"loss {loss:.3f}{held_out} nats", refresh=False)
        bar.update(chars)

    try:
        yield show
    finally:
        with contextlib.suppress(OSError, ValueError):  # the terminal has gone
            bar.close()
