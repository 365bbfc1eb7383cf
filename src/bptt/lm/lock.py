"""One training in a folder at a time: a lock that names its holder.

The system drops a lock whose process has ended, however it ended, so none is left behind.

Parameters
----------
place : path
    The folder.
"""

import contextlib
import json
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bptt.files import WriteError

LOCK = ".bptt-train.lock"
NEEDS = 'lm.lock: filelock is missing: python -m pip install "bptt[lm]"'


class InUseError(ValueError):
    """Another training holds the folder, or a file that is no lock; the message names it."""


@contextlib.contextmanager
def held(place: Path) -> Iterator[None]:
    """Hold a folder, which must be there, until the block ends.

    Raises
    ------
    InUseError
        If another training holds it.
    ModuleNotFoundError
        If filelock is not installed. The message says how to install it.
    WriteError
        If a file cannot be made there.
    """
    try:
        import filelock
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(NEEDS) from error
    path = place / LOCK
    if os.path.lexists(path) and not _is_lock(path):
        raise InUseError(f"{path} is no lock of a training; move it away")
    lock = filelock.FileLock(path, timeout=0)
    try:
        lock.acquire()
    except OSError as error:
        if not isinstance(error, filelock.Timeout):
            raise WriteError(
                f"{place} cannot be written to: {error.strerror}; choose another folder"
            ) from error
        raise InUseError(
            f"{place} is in use by {_holder(path)}; wait for it or stop it, or choose another "
            "folder"
        ) from None
    # Where the file system cannot lock, filelock makes a file of its own kind, and removes it.
    ours = not isinstance(lock, filelock.SoftFileLock)
    try:
        with contextlib.suppress(OSError):  # without it the holder has no name
            if ours:
                path.write_text(json.dumps(_myself()), encoding="utf-8")
        yield
    finally:
        # Before the release: whoever opened the file before then sees that its name has gone.
        with contextlib.suppress(OSError):  # Windows keeps a file that is open
            if ours:
                path.unlink()
        lock.release()


def inherited(place: Path) -> bool:
    """Tell whether the holder of a folder was killed, and take the lock away that it left.

    Of several processes that ask, one alone hears yes. Where locks are not those of POSIX, none.
    """
    try:
        import fcntl
    except ModuleNotFoundError:
        return False
    path = place / LOCK
    with contextlib.suppress(OSError), path.open("rb+") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # fails while the holder lives
        path.unlink()  # fails where the holder has ended in order, which takes it away first
        return True
    return False


def _myself() -> dict[str, str | int]:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return {"process": os.getpid(), "machine": platform.node(), "since": since}


def _is_lock(path: Path) -> bool:
    """Tell whether a file is a lock, which may be empty for a moment, or of another system."""
    with contextlib.suppress(OSError):
        return path.is_file() and not path.is_symlink() and _said(path) is not None
    return True  # it is locked against reading


def _said(path: Path) -> dict[str, Any] | None:
    """Return what a lock says of its holder; None if that is no lock."""
    content = path.read_bytes()
    if not content:
        return {}
    try:
        said = json.loads(content)
    except ValueError:
        return None
    return said if isinstance(said, dict) and said.keys() == _myself().keys() else None


def _holder(path: Path) -> str:
    """Say who holds a lock, as far as its file tells."""
    with contextlib.suppress(OSError):
        if said := _said(path):
            return f"process {said['process']} on {said['machine']} since {said['since']}"
    return "another training"
