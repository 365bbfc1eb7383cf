"""Files that are there as a whole or not at all."""

import os
from pathlib import Path


def replace(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file so that it is there as a whole or not at all, even if the power fails.

    Parameters
    ----------
    path : str or path
        The file. One that is there already is replaced, or after an OSError left as it was.
    content : bytes
        What it will hold.
    """
    path = Path(path)
    draft = path.with_name(f"{path.name}.draft")
    try:
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:  # a full disk, or Ctrl-C
        draft.unlink(missing_ok=True)
        raise
