"""Tell on which modules of the library a text depends; by itself this is no hook."""

import functools
import hashlib
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

# It may take a line of prose for an import. Then the text depends on a module too many.
IMPORT = re.compile(
    r"^\s*(?:from\s+(?P<package>[\w.]+)\s+import\s+(?P<names>\([^)]*\)|[^\n]*)"
    r"|import\s+(?P<modules>[\w., ]+))",
    re.MULTILINE,
)


def imported(text: str) -> Iterator[str]:
    """Give the full names of all that a text imports, and some that are none."""
    for found in IMPORT.finditer(text):
        if found["modules"]:
            yield from re.findall(r"[\w.]+", found["modules"])
        else:
            yield from (f"{found['package']}.{name}" for name in re.findall(r"\w+", found["names"]))


def behind(names: Iterable[str], source: Path) -> dict[str, str]:
    """Return the digests of the files that run when these names are imported, by their paths."""
    digests: dict[str, str] = {}
    seen: set[str] = set()
    ahead = set(names)
    while ahead:
        seen |= ahead
        found = {file for name in ahead for file, _ in places(name, source)}
        looks = {file: _look(file, file.stat().st_mtime_ns) for file in found}
        digests |= {file.relative_to(source).as_posix(): look[0] for file, look in looks.items()}
        ahead = {name for _, names in looks.values() for name in names} - seen
    return dict(sorted(digests.items()))


@functools.cache
def _look(file: Path, _: int) -> tuple[str, frozenset[str]]:
    """Return the digest of a file, and what it imports; the time tells whether it has changed."""
    content = file.read_bytes()
    return hashlib.sha256(content).hexdigest(), frozenset(imported(content.decode()))


def places(name: str, source: Path) -> Iterator[tuple[Path, str]]:
    """Give the files on the way to a name, packages and module, and the rest of the name in each."""
    place, rest = source, name
    while rest:
        part, _, rest = rest.partition(".")
        place /= part
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                yield file, rest
