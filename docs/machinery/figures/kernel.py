"""Run the figure notebooks the same way everywhere, and again only when something changed.

mkdocs-jupyter keys its cache on the notebook alone. A figure also depends on the package, on the
installed libraries and on matplotlib's settings, so this puts a hash of them all into the name
of the cache folder.
"""

import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

from read.memory import libraries

# Some settings are read when a figure is drawn, so they are set for the whole kernel.
MATPLOTLIBRC = Path(__file__).parents[1] / "matplotlibrc"
FONTS = Path(__file__).parent / "fonts"
# What a kernel runs before a notebook.
STARTUP = """from pathlib import Path
from matplotlib.font_manager import fontManager

for font in sorted(Path({folder!r}).iterdir()):
    fontManager.addfont(font)
del Path, fontManager, font
"""
# A few folders stay, so that going back to an earlier version of the code is quick.
KEPT_FOLDERS = 4


def prepare(config: MkDocsConfig) -> None:
    """Prepare the kernels' environment, and choose the cache folder."""
    os.environ["MATPLOTLIBRC"] = str(MATPLOTLIBRC)
    root = Path(config.config_file_path).parent
    _make_fonts_known(root / ".cache" / "ipython")
    caches = root / ".cache" / "mkdocs-jupyter"
    cache = caches / _digest(root / "src")
    cache.mkdir(parents=True, exist_ok=True)
    cache.touch()
    _prune(caches)
    config.plugins["mkdocs-jupyter"].config["cache_dir"] = str(cache)


def _make_fonts_known(folder: Path) -> None:
    """Let every kernel measure text with the fonts of the page."""
    startup = folder / "profile_default" / "startup" / "fonts.py"
    startup.parent.mkdir(parents=True, exist_ok=True)
    startup.write_text(STARTUP.format(folder=str(FONTS)), "utf-8")
    os.environ["IPYTHONDIR"] = str(folder)


def _digest(source: Path) -> str:
    """Hash everything that a figure depends on besides its notebook."""
    digest = hashlib.sha256()
    for part in _parts(source):
        digest.update(hashlib.sha256(part).digest())
    return digest.hexdigest()[:16]


def _parts(source: Path) -> Iterator[bytes]:
    yield from libraries()
    yield MATPLOTLIBRC.read_bytes()
    yield from (font.read_bytes() for font in sorted(FONTS.iterdir()))
    for path in sorted(source.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            yield path.relative_to(source).as_posix().encode()
            yield path.read_bytes()


def _prune(caches: Path) -> None:
    newest_first = sorted(caches.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
    for old in newest_first[KEPT_FOLDERS:]:
        shutil.rmtree(old)
