"""The command line: `bptt train`, `evaluate`, `generate` and `baselines`.

Each command is a module, with its options and what it does. Whatever goes wrong is told in one
sentence. The exit code is 2 where what was asked for or a file is wrong, 1 where the work failed,
and 128 and the number of the signal after one, 130 for Ctrl-C.
"""

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Any

from bptt import stops
from bptt.cli import baselines, evaluate, generate, train
from bptt.cli.errors import fail

if TYPE_CHECKING:
    import click


def main() -> None:
    """Run the command line. What ends it from outside takes the path of Ctrl-C."""
    _open_streams()
    try:
        with stops.like_ctrl_c():
            _run()
    except OSError:  # nobody listens, not even to what is wrong
        sys.exit(1)
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)


def _run() -> None:
    try:
        program = commands()
    except KeyboardInterrupt as stop:  # while this is imported; nothing has begun
        sys.exit(128 + stop.args[0])
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        fail('click is missing: python -m pip install "bptt[lm]"', 1)
    program(prog_name="bptt")


def _open_streams() -> None:
    """Write UTF-8 and never fail at a character; where a stream is closed, write to nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _flush(stream: Any) -> None:
    """Write what is left. If nobody takes it, forget it: the interpreter would complain."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def commands() -> "click.Group":
    """Return the commands and their options.

    Raises
    ------
    ModuleNotFoundError
        If click is not installed.
    """
    from click import Group

    made = [module.command() for module in (train, evaluate, generate, baselines)]
    words = "Character language models in NumPy: train one, score it, let it write."
    return Group("bptt", commands=made, help=words)
