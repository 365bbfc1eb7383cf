"""Say in what two builds of the site differ: `python tools/differences.py ONE OTHER`.

The line of a page that names its generator does not count, and neither does the zip file, which
packs what the other files are.
"""

import difflib
import re
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

GENERATOR = re.compile(rb'<meta name="generator"[^>]*>')
# Of each file that differs, so many lines are shown, and so much of each.
LINES, WIDTH = 8, 160


def differences(one: Path, other: Path) -> Iterator[str]:
    """Name the files that differ or are missing on one side, and show how they differ."""
    for name in sorted(names(one) | names(other)):
        if not (one / name).is_file():
            yield f"{name}: only in {other}"
        elif not (other / name).is_file():
            yield f"{name}: only in {one}"
        elif content(one / name) != content(other / name):
            yield "\n    ".join([f"{name}:", *changes(one / name, other / name)])


def names(site: Path) -> set[str]:
    """Return the files of a site, by their paths."""
    files = (path.relative_to(site) for path in site.rglob("*") if path.is_file())
    return {path.as_posix() for path in files if path.suffix != ".zip"}


def content(path: Path) -> bytes:
    """Return what counts of a file."""
    return GENERATOR.sub(b"", path.read_bytes())


def changes(one: Path, other: Path) -> list[str]:
    """Return the first lines that differ; of a picture, say only that it does."""
    try:
        before, after = (content(path).decode().splitlines() for path in (one, other))
    except UnicodeDecodeError:
        return ["other bytes"]
    lines = difflib.unified_diff(before, after, lineterm="", n=0)
    return [line[:WIDTH] for line in islice(lines, 2, 2 + LINES)]


if __name__ == "__main__":
    found = list(differences(*map(Path, sys.argv[1:])))
    sys.stdout.write("\n".join(found or ["The two builds are the same."]) + "\n")
    sys.exit(bool(found))
