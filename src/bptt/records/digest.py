"""A fingerprint of the code that a result depends on, blind to comments and docstrings.

It is that of definitions: a function that nothing in an experiment leads to may change, or come new
into a module that the experiment uses, and the result stays what it was. Who reads the sources can
not tell what a decorator notes elsewhere, or a name that is put together while the program runs: a
module that is handed on as a whole, as a cell is, counts as a whole.
"""

import ast
import functools
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

ROOT = Path(__file__).parents[1]
ALL = "*"  # in place of a name: all that a module defines
DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class _Name(NamedTuple):
    """What some code needs: a name that a module of the package defines, or all of them."""

    module: str
    name: str


def digest(module: str) -> str:
    """Hash the syntax of a module of the package and of all definitions that it leads to.

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
    needed = _closure(_Name(module, ALL))
    outlines = {source.module: source.outlines(names) for source, names in needed.items()}
    told = json.dumps(outlines, sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()[:16]


class _Part(NamedTuple):
    """A statement of a module."""

    statement: ast.stmt
    binds: set[str]  # the names that it defines
    uses: dict[str, set[str]]  # the names that stand in it, each with its attributes
    imports: list[_Name]  # what it imports where it runs, not at the top

    @property
    def always_counts(self) -> bool:
        """Whether it does something when the module is imported, whatever is asked of it."""
        return not self.binds or (isinstance(self.statement, ast.Import) and bool(self.imports))


class _Source:
    """A module: what each of its statements defines and needs."""

    def __init__(self, module: str) -> None:
        file = _file(module)
        read = _statements(file.read_text(encoding="utf-8")) if file else []
        self.module = module
        self.parts = [_Part(part, binds, uses, list(_imports(part))) for part, binds, uses in read]
        self.binds: set[str] = set().union(*(part.binds for part in self.parts))
        # The names that come from elsewhere: from which module, and what they are called there.
        self.imported = {
            alias.asname or alias.name: (f"{part.module}", alias.name)
            for part, _, _ in read
            if isinstance(part, ast.ImportFrom)
            for alias in part.names
        }

    def chosen(self, names: set[str]) -> list[_Part]:
        """Return the statements that define these names, and those that always count."""
        return [
            part for part in self.parts if ALL in names or part.binds & names or part.always_counts
        ]

    def needs(self, names: set[str]) -> Iterator[_Name]:
        """Yield what the definitions of these names need, here and in other modules."""
        for part in self.chosen(names):
            asked = part.binds if ALL in names else part.binds & names
            for name in asked & self.imported.keys():
                yield from _needed(*self.imported[name], set())
            yield from part.imports
            for name in part.uses.keys() & self.binds:
                yield _Name(self.module, name)
                if name in self.imported:
                    yield from _needed(*self.imported[name], part.uses[name])

    def outlines(self, names: set[str]) -> list[Any]:
        """Return the outlines of what defines these names; of an import only what is asked for."""
        return [
            [part.statement.module, sorted(part.binds & names)]
            if isinstance(part.statement, ast.ImportFrom) and ALL not in names
            else _outline(part.statement)
            for part in self.chosen(names)
            if not _is_docstring(part.statement)
        ]


@functools.cache
def _statements(text: str) -> list[tuple[ast.stmt, set[str], dict[str, set[str]]]]:
    """Return the statements of a module with what each binds and uses; results share modules."""
    return [(part, set(_bound(part)), _used(part)) for part in ast.parse(text).body]


def _closure(start: _Name) -> dict[_Source, set[str]]:
    """Return all that is needed, by way of whatever needs it: the names of each module."""
    sources: dict[str, _Source] = {}
    found: set[_Name] = set()
    ahead = {start}
    while ahead:
        module = min(ahead).module
        now = {need for need in ahead if need.module == module}
        source = sources.setdefault(module, _Source(module))
        found |= now
        needs = set(source.needs({need.name for need in now}))
        ahead = {need for need in ahead | needs if _file(need.module)} - found
    return {
        source: {need.name for need in found if need.module == module}
        for module, source in sources.items()
    }


def _needed(module: str, name: str, attributes: set[str]) -> Iterator[_Name]:
    """Yield what an imported name stands for: a definition, or a module and what is used of it."""
    whole = f"{module}.{name}"
    if _file(whole):
        yield from (_Name(whole, attribute) for attribute in attributes)
    else:
        yield _Name(module, name)


def _used(statement: ast.stmt) -> dict[str, set[str]]:
    """Return the names in a statement, each with its attributes; `ALL` where it stands alone.

    A text counts as a name: annotations may be texts.
    """
    used: dict[str, set[str]] = {}
    after_dot = set()
    for node in ast.walk(statement):
        match node:
            case ast.Attribute(value=ast.Name(id=name) as before):
                after_dot.add(before)
                used.setdefault(name, set()).add(node.attr)
            case ast.Constant(value=str(name)):
                used.setdefault(name, set()).add(ALL)
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and node not in after_dot:
            used.setdefault(node.id, set()).add(ALL)
    return used


def _bound(statement: ast.stmt) -> Iterator[str]:
    """Yield the names that a statement of a module binds, in its branches too."""
    if isinstance(statement, DEFINITIONS):
        yield statement.name
        return
    for node in ast.walk(statement):
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name
            case ast.ClassDef(name=name) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Import(names=names) | ast.ImportFrom(names=names):
                yield from (alias.asname or alias.name.partition(".")[0] for alias in names)


def _imports(statement: ast.stmt) -> Iterator[_Name]:
    """Yield what a statement imports where it runs, as a whole."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Import):
            yield from (_Name(alias.name, ALL) for alias in node.names if _file(alias.name))
        elif isinstance(node, ast.ImportFrom) and node is not statement:
            for alias in node.names:
                yield from _needed(f"{node.module}", alias.name, {ALL})


def _file(module: str) -> Path | None:
    """Return the file of a module of this package; None for anything else."""
    package, *parts = module.split(".")
    place = ROOT.joinpath(*parts)
    files = [file for file in (place.with_suffix(".py"), place / "__init__.py") if file.is_file()]
    return files[0] if package == ROOT.name and parts and files else None


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
