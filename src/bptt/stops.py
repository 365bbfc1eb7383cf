"""What ends a program from outside: Ctrl-C, a scheduler, a terminal that closes."""

import contextlib
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any, NoReturn

# Ctrl-C; schedulers and containers; a terminal that closes; Ctrl-Break. Not every system has all.
NAMES = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
SIGNALS = tuple(getattr(signal, name) for name in NAMES if hasattr(signal, name))


def end_at_once() -> None:
    """Let Ctrl-C end the program without a word: there is nothing yet that could be lost."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextlib.contextmanager
def like_ctrl_c() -> Iterator[None]:
    """Let all of them raise KeyboardInterrupt, with the number of the signal, until the block ends.

    One that is ignored, as `nohup` asks for, stays ignored.
    """
    with _handled(_interrupt, lambda before: before is not signal.SIG_IGN):
        yield


@contextlib.contextmanager
def ignored() -> Iterator[None]:
    """Let none of them hinder what must be brought to its end."""
    with _handled(signal.SIG_IGN, lambda _: True):
        yield


def _interrupt(number: int, _frame: FrameType | None) -> NoReturn:
    # A second one, before `ignored` is reached, would hinder what the first one asks for.
    for each in SIGNALS:
        if signal.getsignal(each) is _interrupt:
            signal.signal(each, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


@contextlib.contextmanager
def _handled(handler: Any, wanted: Callable[[Any], bool]) -> Iterator[None]:
    """Handle the signals so, and then as before. Only the main thread can; others leave them."""
    before = {}
    if threading.current_thread() is threading.main_thread():
        found = {number: signal.getsignal(number) for number in SIGNALS}
        before = {n: was for n, was in found.items() if was is not None and wanted(was)}
    for number in before:
        signal.signal(number, handler)
    try:
        yield
    finally:
        for number, was in before.items():
            signal.signal(number, was)
