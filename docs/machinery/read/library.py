"""Read the modules of the library: what each is about and what it defines, in a reader's order.

``pyproject.toml`` knows the package, which import-linter watches, and its layers. Their order, from
the lowest to the highest, is that of the modules; where no layers are told, it is the alphabet's.
"""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from mkdocs.config.defaults import MkDocsConfig

from read.memory import recall


class Module(NamedTuple):
    """A public module."""

    name: str  # in full
    path: str  # of its file, from the root of the project
    phrase: str  # the first line of its docstring
    defined: list[str]  # its public functions and classes
    parts: list[str]  # the full names of its modules, if it is a package


def modules(config: MkDocsConfig) -> list[Module]:
    """Read all modules, each package before what is in it. A project without a package has none."""
    root = Path(config.config_file_path).resolve().parent
    project = root / "pyproject.toml"
    if not project.is_file():
        return []
    linter = tomllib.loads(project.read_text("utf-8"))["tool"]["importlinter"]
    files = dict(_files(linter["root_package"], root / "src", _orders(linter["contracts"])))
    texts = {name: file.read_text("utf-8") for name, file in files.items()}
    outlines = recall(
        config, ["library", texts], lambda: {name: _outline(text) for name, text in texts.items()}
    )
    return [
        Module(
            name=name,
            path=file.relative_to(root).as_posix(),
            phrase=outlines[name][0],
            defined=outlines[name][1],
            parts=[part for part in files if part.rpartition(".")[0] == name],
        )
        for name, file in files.items()
    ]


def _orders(contracts: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the names of the modules of each package whose layers are told, from the lowest."""
    return {
        container: [name for layer in reversed(contract["layers"]) for name in _names(layer)]
        for contract in contracts
        if contract["type"] == "layers"
        for container in contract["containers"]
    }


def _names(layer: str) -> list[str]:
    """Split a layer; signs between the names say whether they may import each other."""
    return re.findall(r"\w+", layer)


def _files(package: str, source: Path, orders: dict[str, list[str]]) -> Iterator[tuple[str, Path]]:
    """Give the public modules of a package by their full names, and their files."""
    folder = source.joinpath(*package.split("."))
    names = {path.stem for path in folder.iterdir() if not path.name.startswith("_")}
    order = [name for name in orders.get(package, []) if name in names]
    for name in [*order, *sorted(names - {*order})]:
        if (folder / f"{name}.py").is_file():
            yield f"{package}.{name}", folder / f"{name}.py"
        elif (folder / name / "__init__.py").is_file():
            yield f"{package}.{name}", folder / name / "__init__.py"
            yield from _files(f"{package}.{name}", source, orders)


def _outline(text: str) -> tuple[str, list[str]]:
    """Return the first line of a module's docstring, and what it defines."""
    tree = ast.parse(text)
    phrase = (ast.get_docstring(tree) or "").partition("\n")[0]
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    names = [node.name for node in tree.body if isinstance(node, kinds)]
    return phrase, [name for name in names if not name.startswith("_")]
