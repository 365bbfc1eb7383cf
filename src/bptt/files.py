"""Files that are there as a whole or not at all, whoever else writes."""

import contextlib
import errno
import os
import re
import secrets
import shutil
import time
from pathlib import Path

PAUSES = (0.05, 0.1, 0.2, 0.4)  # seconds before another try
# What may be over in a moment: a full disk, or another program that has the file open (Windows).
PASSING = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EBUSY}

DRAFT = re.compile(r"\.bptt-[0-9a-f]{16}\.draft")


class WriteError(OSError):
    """A file cannot be written. The message says which, why, and what survives."""


def replace(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that it is there as a whole or not at all, even if the power fails.

    A reader finds the old file or the new one, and of several writers the last one wins. A link
    stays a link, and the mode of an old file stays too.

    Parameters
    ----------
    path : str or path
        The file. One that is there already is replaced, or after an error left as it was.
    content : bytes
        What it will hold.

    Raises
    ------
    WriteError
        If it cannot be written, after some tries where the cause may pass.
    """
    place = Path(os.path.realpath(path))  # what a link names
    for pause in (*PAUSES, None):
        try:
            _replace_once(place, content)
            break
        except OSError as error:
            if pause is None or error.errno not in PASSING:
                raise _failed(path, place, error) from error
            time.sleep(pause)
    _sync_folder(place.parent)


def tidy(folder: str | os.PathLike[str]) -> None:
    """Remove the drafts of writers that were killed; nobody may be writing there.

    Parameters
    ----------
    folder : str or path
        The folder.
    """
    for path in Path(folder).iterdir():
        if DRAFT.fullmatch(path.name):
            path.unlink(missing_ok=True)


def _replace_once(place: Path, content: bytes) -> None:
    draft = place.with_name(f".bptt-{secrets.token_hex(8)}.draft")  # nobody else's
    old = os.path.lexists(place)
    if old and not place.is_file():
        raise OSError(errno.EINVAL, "it is no file")
    try:
        with draft.open("xb") as file:  # never a file or a link that is there
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        if old:
            shutil.copymode(place, draft)
        draft.replace(place)
    except BaseException:  # Ctrl-C too
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
        raise


def _failed(path: str | os.PathLike[str], place: Path, error: OSError) -> WriteError:
    survives = "; the file that was there is as it was" if os.path.isfile(place) else ""  # noqa: PTH113  # no error
    return WriteError(f"{os.fspath(path)} cannot be written: {error.strerror or error}{survives}")


def _sync_folder(folder: Path) -> None:
    """Let the new name survive a power failure, where a system can be asked to."""
    with contextlib.suppress(OSError):  # a folder that cannot be opened, as on Windows
        number = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(number)
        finally:
            os.close(number)
