"""Read the stages of the writer, the program that grows through the chapters, and what one changes.

The build reads with it, and so does ``tools/prose.py``, which has the standard library alone.
"""

import posixpath
import re
from difflib import unified_diff
from pathlib import Path

FOLDER = "writer"
NAME = re.compile(r"(?:exercises/)?\d\d_\w+\.py")
HUNK = re.compile(r"@@ -\S+ \+(\d+)\S* @@")
CONTEXT = 2


def program(docs: Path, name: str) -> str:
    """Return the program of a stage."""
    path = docs / FOLDER / name
    if not NAME.fullmatch(name) or not path.is_file():
        raise ValueError(f"the writer has no stage {name}")
    return path.read_text("utf-8").strip()


def difference(docs: Path, name: str) -> str:
    """Return the difference to the stage before; a hunk is headed by its line in the new stage."""
    new, old = program(docs, name), program(docs, before(docs, name))
    _, _, *lines = unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=CONTEXT)
    return "\n".join(HUNK.sub(r"@@ line \1 @@", line) for line in lines)


def before(docs: Path, name: str) -> str:
    """Return the stage from which another one differs."""
    stages = sorted(path.name for path in (docs / FOLDER).glob("*.py"))
    if name.startswith("exercises/"):
        number = posixpath.basename(name)[:2]
        earlier = [stage for stage in stages if stage.startswith(number)]
    else:
        earlier = [stage for stage in stages if stage < name]
    if not earlier:
        raise ValueError(f"no stage comes before {name}")
    return earlier[-1]
