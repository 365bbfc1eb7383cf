r"""Write out on the API pages what the source says once.

In the source a name is described where it means one thing, and nowhere else:

- a field beside its type, `Annotated[Array, "B H", "the forget gate"]`, `Annotated[int, "a size"]`;
- what all cells do, all experiments or all optimisers, on the protocol that they follow;
- what a parameter is throughout a module or a package, in the docstring of that module or package,
  in a section of parameters.

A reader of one function wants it all on one page. This extension of griffe puts it there; what a
function says itself goes before what its protocol says, and that before its module and packages.
"""

import ast
from collections.abc import Iterable, Iterator
from textwrap import dedent
from typing import Any, TypeAlias

import griffe

Kind = griffe.DocstringSectionKind
Sections: TypeAlias = list[Any]
Entries: TypeAlias = dict[str, Any]  # what is said of a name

FIELDS = (Kind.attributes, Kind.parameters)
# What a protocol says of its functions, if one of them says nothing else.
RESULTS = (Kind.returns, Kind.yields, Kind.raises)


class Contract(griffe.Extension):
    """Completes the docstrings of a package once it is loaded."""

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """Complete all public functions and classes."""
        modules = list(_modules(pkg))
        protocols = [cls for module in modules for cls in _classes(module) if _is_protocol(cls)]
        vocabularies = {module.path: _vocabulary(module) for module in modules}
        for module in modules:
            _complete(module, protocols, _known(module.path, vocabularies))
        for protocol in protocols:  # last: what its module says of names is not for all that follow
            for function in _functions(protocol).values():
                _complete_function(function, [], _known(protocol.module.path, vocabularies))


def _modules(module: griffe.Module) -> Iterator[griffe.Module]:
    yield module
    for child in module.modules.values():
        if isinstance(child, griffe.Module):
            yield from _modules(child)


def _classes(parent: griffe.Module | griffe.Class) -> Iterator[griffe.Class]:
    members = parent.members.values()
    yield from (member for member in members if isinstance(member, griffe.Class))


def _functions(parent: griffe.Module | griffe.Class) -> dict[str, griffe.Function]:
    members = parent.members.items()
    return {name: member for name, member in members if isinstance(member, griffe.Function)}


def _sections(member: griffe.Object) -> Sections:
    return list(member.docstring.parsed) if member.docstring else []


def _vocabulary(module: griffe.Module) -> Entries:
    """Take from the docstring of a module what it says of names; each function will say it."""
    sections = _sections(module)
    if module.docstring:
        module.docstring.parsed = [s for s in sections if s.kind is not Kind.parameters]
    return _entries(sections, [Kind.parameters])


def _known(path: str, vocabularies: dict[str, Entries]) -> Entries:
    """Return what the names mean in a module: what it says, and what the packages around it say."""
    parts = path.split(".")
    around = (vocabularies[".".join(parts[:end])] for end in range(1, len(parts) + 1))
    return {name: entry for vocabulary in around for name, entry in vocabulary.items()}


def _entries(sections: Sections, kinds: Iterable[Kind]) -> Entries:
    """Return what some sections say of each name."""
    found = (entry for section in sections if section.kind in kinds for entry in section.value)
    return {entry.name.lstrip("*"): entry for entry in found}


def _complete(
    parent: griffe.Module | griffe.Class, protocols: list[griffe.Class], known: Entries
) -> None:
    """Complete what a module or a class defines."""
    followed = [_functions(p) for p in protocols if _follows(_functions(parent), _functions(p))]
    for name, function in _functions(parent).items():
        models = [functions[name] for functions in followed if name in functions]
        _complete_function(function, models, known)
    for cls in _classes(parent):
        if not _is_protocol(cls):
            _complete_class(cls)
            _complete(cls, protocols, known)


def _is_protocol(cls: griffe.Class) -> bool:
    return any("Protocol" in str(base) for base in cls.bases)


def _follows(ours: dict[str, griffe.Function], theirs: dict[str, griffe.Function]) -> bool:
    """Tell whether there are all functions of a protocol, with its parameters at least."""
    shared = theirs.keys() & ours.keys()
    return shared == theirs.keys() and all(
        _names(theirs[name]) <= _names(ours[name]) for name in theirs
    )


def _names(function: griffe.Function) -> set[str]:
    return {parameter.name for parameter in function.parameters} - {"self", "cls"}


def _complete_function(
    function: griffe.Function, models: list[griffe.Function], known: Entries
) -> None:
    """Say of each parameter what it is, and what comes back, if the function says nothing."""
    if not function.docstring:
        return
    told = [_sections(source) for source in (function, *models)]
    says: Entries = dict(known)
    for sections in reversed(told):
        says |= _entries(sections, [Kind.parameters])
    entries = [says[p.name] for p in function.parameters if p.name in says]
    others = [s for s in told[0] if s.kind not in {Kind.parameters, *RESULTS}]
    results = (
        next((s for sections in told for s in sections if s.kind is kind), None) for kind in RESULTS
    )
    parameters = [griffe.DocstringSectionParameters(entries)] if entries else []
    function.docstring.parsed = _inserted(others, [*parameters, *filter(None, results)])


def _complete_class(cls: griffe.Class) -> None:
    """Describe the fields that are described beside their types."""
    sections = _sections(cls)
    told = _entries(sections, FIELDS)
    fields = [
        told.get(name) or _field(name, dedent(member.source))
        for name, member in cls.members.items()
        if isinstance(member, griffe.Attribute)
    ]
    if cls.docstring and any(fields):
        others = [section for section in sections if section.kind not in FIELDS]
        section = griffe.DocstringSectionAttributes([field for field in fields if field])
        cls.docstring.parsed = _inserted(others, [section])


def _field(name: str, source: str) -> griffe.DocstringAttribute | None:
    """Read what stands beside the type of a field, in the source: griffe takes words for names."""
    match ast.parse(source).body:
        case [ast.AnnAssign(annotation=ast.Subscript(ast.Name("Annotated"), ast.Tuple(parts)))]:
            kind, *axes, words = map(ast.unparse, parts)
            said = ast.literal_eval(words)
            return griffe.DocstringAttribute(
                name,
                annotation=_shape(ast.literal_eval(axes[0])) if axes else kind,
                description=f"{said[0].upper()}{said[1:]}.",
            )
    return None


def _shape(axes: str) -> str:
    return f"ndarray of shape ({', '.join(axes.split())}{'' if ' ' in axes else ','})"


def _inserted(sections: Sections, new: Sections) -> Sections:
    """Put sections after the text at the top, before notes and examples."""
    top = 1 if sections and sections[0].kind is Kind.text else 0
    return [*sections[:top], *new, *sections[top:]]
