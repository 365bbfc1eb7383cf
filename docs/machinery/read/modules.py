"""Tell on which modules of the library a text depends."""

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
    ahead = [file for name in names for file, _ in places(name, source)]
    while ahead:
        file = ahead.pop()
        name = file.relative_to(source).as_posix()
        if name not in digests:
            digests[name], others = _look(file, source)
            ahead += others
    return dict(sorted(digests.items()))


@functools.cache
def _look(file: Path, source: Path) -> tuple[str, tuple[Path, ...]]:
    """Return the digest of a file, and the files that it imports."""
    content = file.read_bytes()
    found = {place for name in imported(content.decode()) for place, _ in places(name, source)}
    return hashlib.sha256(content).hexdigest(), tuple(found)


@functools.cache
def protocols(source: Path) -> dict[str, str]:
    """Return the digests of the files with protocols, which document what follows them."""
    files = [file for file in sorted(source.rglob("*.py")) if b"(Protocol" in file.read_bytes()]
    return {file.relative_to(source).as_posix(): _look(file, source)[0] for file in files}


def look_again() -> None:
    """Forget what the files were like: `serve` builds again when one has changed."""
    _look.cache_clear()
    protocols.cache_clear()


def places(name: str, source: Path) -> Iterator[tuple[Path, str]]:
    """Give the files on the way to a name, and in each the rest of the name."""
    place, rest = source, name
    while rest:
        part, _, rest = rest.partition(".")
        place /= part
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                yield file, rest
