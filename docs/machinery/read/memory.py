"""Remember what a build worked out, so that the next one does anew only what has changed.

What is remembered is the result of a function that depends on nothing but its causes. It stands in
a file whose name is a digest of them all: of the causes that are told, and of those that stand
behind everything here, the configuration, this machinery and the installed libraries.
"""

import base64
import contextlib
import functools
import hashlib
import importlib.metadata
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig

MACHINERY = Path(__file__).parents[1]
# What no build has asked for in a week is forgotten.
KEPT_SECONDS = 7 * 24 * 3600


def recall(
    config: MkDocsConfig,
    causes: Any,
    make: Callable[[], Any],
    *,
    keep: Callable[[Any], bool] = lambda _: True,
) -> Any:
    """Return what `make` returns, a value that JSON can hold, or returned for the same causes."""
    path = place(config, causes)
    try:
        value = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError):  # nothing is there, or not the whole of it
        value = make()
        if keep(value):
            write(path, json.dumps(value))
    else:
        os.utime(path)
    return value


def recall_bytes(config: MkDocsConfig, causes: Any, make: Callable[[], bytes]) -> bytes:
    """Do the same for bytes, such as a picture."""
    return base64.b64decode(recall(config, causes, lambda: base64.b64encode(make()).decode()))


def place(config: MkDocsConfig, causes: Any) -> Path:
    """Name the file in which a value stands, by all that the value depends on."""
    configuration = Path(config.config_file_path)
    everything = (
        world(configuration, configuration.stat().st_mtime_ns),
        json.dumps(causes, default=str),
    )
    name = hashlib.sha256("".join(everything).encode()).hexdigest()[:32]
    return folder(config) / f"{name}.json"


def folder(config: MkDocsConfig) -> Path:
    """Return where all values stand."""
    return Path(config.config_file_path).resolve().parent / ".cache" / "pages"


@functools.cache
def world(configuration: Path, _: int) -> str:
    """Hash what stands behind every value; the time tells whether the configuration has changed."""
    digest = hashlib.sha256(configuration.read_bytes())
    for part in (*libraries(), *machinery()):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()


@functools.cache
def libraries() -> tuple[bytes, ...]:
    """Name Python and all that is installed, with the versions."""
    installed = {f"{d.name} {d.version}" for d in importlib.metadata.distributions()}
    return tuple(name.encode() for name in [sys.version, *sorted(installed)])


def machinery() -> Iterator[bytes]:
    """Give the code of the machinery, and the characters of the font, which it reads."""
    for path in [*sorted(MACHINERY.rglob("*.py")), MACHINERY / "fonts" / "glyphs.txt"]:
        yield path.relative_to(MACHINERY).as_posix().encode()
        yield path.read_bytes()


def write(path: Path, text: str) -> None:
    """Write a whole file or none: another build may read it, or write the same."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=path.parent, suffix=".draft", delete=False) as draft:
        draft.write(text)
    Path(draft.name).replace(path)


def forget(config: MkDocsConfig) -> None:
    """Forget what has not been asked for in a long time."""
    oldest = time.time() - KEPT_SECONDS
    for path in folder(config).glob("*"):
        with contextlib.suppress(FileNotFoundError):  # another build may do the same
            if path.stat().st_mtime < oldest:
                path.unlink()
