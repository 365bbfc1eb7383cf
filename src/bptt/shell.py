"""Words of a command line, as one types or pastes them."""

import os
import shlex
import subprocess


def quoted(word: str | os.PathLike[str]) -> str:
    """Write a path so that a shell reads it as it is, whatever is in it.

    Parameters
    ----------
    word : str or path
        The path.
    """
    text = os.fspath(word)
    text = f".{os.sep}{text}" if text.startswith("-") else text  # else it reads as an option
    if os.name == "nt":
        return subprocess.list2cmdline([text])
    if text.isprintable():
        return shlex.quote(text)
    return f"$'{''.join(map(_escaped, os.fsencode(text)))}'"  # a form of bash, zsh and ksh


def _escaped(byte: int) -> str:
    letter = chr(byte)
    return letter if 32 <= byte < 127 and letter not in "'\\" else f"\\x{byte:02x}"
