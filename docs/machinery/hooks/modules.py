"""Tell on which modules of the library a text depends; by itself this is no hook."""

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
    """Return the digest of each file that runs when these are imported, those of others among them."""
    digests: dict[str, str] = {}
    ahead = list(names)
    while ahead:
        for file in files(ahead.pop(), source):
            name = file.relative_to(source).as_posix()
            if name not in digests:
                content = file.read_bytes()
                digests[name] = hashlib.sha256(content).hexdigest()
                ahead += imported(content.decode())
    return dict(sorted(digests.items()))


def files(name: str, source: Path) -> Iterator[Path]:
    """Give the files of a module and of the packages on the way to it; a name may go on inside."""
    place = source
    for part in name.split("."):
        place /= part
        for file in (place.with_suffix(".py"), place / "__init__.py"):
            if file.is_file():
                yield file
