"""What goes wrong: one sentence, and the exit code."""

import contextlib
import functools
import signal
import sys
from collections.abc import Callable, Mapping
from typing import Any, NoReturn

from bptt.lm import project
from bptt.optim import NonFiniteGradient
from bptt.text import CorpusError


def told(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command tell what goes wrong in one sentence, and exit.

    Parameters
    ----------
    command : callable
        Takes what was typed, by name.
    """

    @functools.wraps(command)
    def run(**typed: Any) -> None:
        try:
            _insist_on_names(typed)
            command(**typed)
        except project.Stopped as stop:
            fail(str(stop.args[0]), code_after(*stop.args[1:]))
        except KeyboardInterrupt as stop:
            fail("stopped", code_after(*stop.args))
        except BrokenPipeError:  # `bptt ... | head`: click ends the program quietly
            raise
        except NonFiniteGradient as error:
            fail(_with_notes(error), 1)
        except (ValueError, CorpusError) as error:
            fail(str(error), 2)
        except MemoryError as error:
            why = str(error) or "a text or a network is too large"
            fail(f"memory does not suffice: {why}; take a smaller text or network", 1)
        except (OSError, ModuleNotFoundError) as error:
            fail(_with_notes(error), 1)

    return run


def _insist_on_names(typed: Mapping[str, Any]) -> None:
    """Refuse an empty name: it would be the folder where one is, or the default."""
    for name in ("folder", "text", "model", "adapt_to"):
        if typed.get(name) == "":
            option = "MODEL" if name == "model" else f"--{name.replace('_', '-')}"
            leave = "" if name == "folder" else ", or leave it out"
            raise ValueError(f"{option} must not be empty; name one{leave}")


def code_after(number: int = signal.SIGINT) -> int:
    """Return the exit code after a signal, as shells have it.

    Parameters
    ----------
    number : int
        That of the signal; of Ctrl-C by default.
    """
    return 128 + number


def _with_notes(error: BaseException) -> str:
    """Return what an error says; one of the system says neither where nor in words."""
    said = str(error)
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.filename or 'standard output'} cannot be used: {error.strerror}"
    return "; ".join([said, *getattr(error, "__notes__", ())])


def fail(message: str, code: int) -> NoReturn:
    """Write one line, of which a file from elsewhere may be a part, and exit.

    Parameters
    ----------
    message : str
        What is wrong.
    code : int
        The exit code.
    """
    line = "".join(c if c.isprintable() else " " for c in message)
    with contextlib.suppress(OSError, ValueError):  # nobody reads it
        sys.stderr.write(f"Error: {line}\n")
        sys.stderr.flush()
    sys.exit(code)
