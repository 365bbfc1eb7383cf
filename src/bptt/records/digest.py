"""A fingerprint of the code that a result depends on, blind to comments and docstrings."""

import ast
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]


def digest(module: str) -> str:
    """Hash the syntax of a module of the package and of all modules of it that it imports.

    Rewording a comment, a docstring or the layout changes nothing. The hash, sixteen hexadecimal
    digits of SHA-256, does not depend on the version of Python.

    Parameters
    ----------
    module : str
        The full name, such as `bptt.experiments.latch`.

    Raises
    ------
    ValueError
        If the package has no such module.
    """
    if not _file(module):
        raise ValueError(f"records.digest: there is no module {module}")
    trees = {name: _outline(tree) for name, tree in sorted(_closure(module).items())}
    return hashlib.sha256(json.dumps(trees).encode()).hexdigest()[:16]


def _closure(module: str) -> dict[str, ast.Module]:
    found: dict[str, ast.Module] = {}
    ahead = [module]
    while ahead:
        name = ahead.pop()
        if name not in found and (file := _file(name)):
            found[name] = ast.parse(file.read_text(encoding="utf-8"))
            ahead += _imports(found[name])
    return found


def _file(module: str) -> Path | None:
    """Return the file of a module of this package; None for anything else."""
    package, *parts = module.split(".")
    place = ROOT.joinpath(*parts)
    files = [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]
    return files[0] if package == ROOT.name and parts and files else None


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield f"{node.module}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _outline(node: Any) -> Any:
    """Nest a syntax tree in lists, without docstrings, positions and fields that are empty."""
    if isinstance(node, ast.AST):
        fields = [(name, value) for name, value in ast.iter_fields(node) if value not in (None, [])]
        return [type(node).__name__, *([name, _outline(value)] for name, value in fields)]
    if isinstance(node, list):
        return [_outline(child) for child in node if not _is_docstring(child)]
    return repr(node)


def _is_docstring(node: Any) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
