"""Write the first cell of a notebook: it installs the package where it is missing.

What a chapter needs besides NumPy is read off its imports, so nobody has to keep a list.
"""

import ast
import sys
from collections.abc import Iterable, Iterator

# Extras of the package, by the imports that ask for them.
EXTRAS = {"bptt.lm": "lm", "safetensors": "lm", "torch": "torch"}
ALWAYS_THERE = sys.stdlib_module_names | {"bptt", "numpy"}
CELL = """\
import importlib.util

if importlib.util.find_spec("bptt") is None:
    %pip install --quiet {}\
"""


def install(sources: Iterable[str], repository: str) -> str:
    """Return the cell that installs what these sources import."""
    imported = {name for source in sources for name in _imported(source)}
    extras = sorted({extra for name in imported if (extra := _extra(name))})
    others = {name.partition(".")[0] for name in imported if not _extra(name)} - ALWAYS_THERE
    package = f"bptt[{','.join(extras)}]" if extras else "bptt"
    return CELL.format(" ".join([f'"{package} @ git+{repository}"', *sorted(others)]))


def _imported(source: str) -> Iterator[str]:
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _extra(name: str) -> str | None:
    """Return the extra that brings a module, or the package that holds it."""
    asking = (extra for start, extra in EXTRAS.items() if f"{name}.".startswith(f"{start}."))
    return next(asking, None)
