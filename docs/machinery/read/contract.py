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
from collections.abc import Iterator
from textwrap import dedent

import griffe

PARAMETERS = griffe.DocstringSectionKind.parameters
ATTRIBUTES = griffe.DocstringSectionKind.attributes
FIELDS = (ATTRIBUTES, PARAMETERS)
# What a protocol says for all, if a function says nothing else.
RESULTS = (
    griffe.DocstringSectionKind.returns,
    griffe.DocstringSectionKind.yields,
    griffe.DocstringSectionKind.raises,
)


class Contract(griffe.Extension):
    """Completes the docstrings of a package once it is loaded."""

    def on_package(self, *, pkg: griffe.Module, **_: object) -> None:
        """Complete all public functions and classes."""
        modules = list(_modules(pkg))
        protocols = [cls for module in modules for cls in _defined(module) if _is_protocol(cls)]
        vocabularies = {module.path: _vocabulary(module) for module in modules}
        for module in modules:
            _complete(module, protocols, _known(module, vocabularies))


def _complete(
    parent: griffe.Module | griffe.Class,
    protocols: list[griffe.Class],
    known: dict[str, griffe.DocstringParameter],
) -> None:
    """Complete what a module or a class defines."""
    followed = [protocol for protocol in protocols if _follows(parent, protocol)]
    for member in _defined(parent):
        if member.is_class and not _is_protocol(member):
            _complete_class(member)
            _complete(member, protocols, known)
        elif member.is_function:
            models = [p.members[member.name] for p in followed if member.name in p.members]
            _complete_function(member, models, known)


def _modules(module: griffe.Module) -> Iterator[griffe.Module]:
    yield module
    for child in module.modules.values():
        if not child.is_alias:
            yield from _modules(child)


def _defined(parent: griffe.Module | griffe.Class) -> Iterator[griffe.Object]:
    """Give what has a docstring of its own."""
    for name, member in parent.members.items():
        if not member.is_alias and not name.startswith("_") and member.docstring:
            yield member


def _vocabulary(module: griffe.Module) -> dict[str, griffe.DocstringParameter]:
    """Take from the docstring of a module what it says of names; each function will say it."""
    if not module.docstring:
        return {}
    sections = module.docstring.parsed
    module.docstring.parsed = [s for s in sections if s.kind is not PARAMETERS]
    found = (entry for s in sections if s.kind is PARAMETERS for entry in s.value)
    return {entry.name.lstrip("*"): entry for entry in found}


def _known(
    module: griffe.Module, vocabularies: dict[str, dict[str, griffe.DocstringParameter]]
) -> dict[str, griffe.DocstringParameter]:
    """Return what the names mean in a module: what it says, and what the packages around it say."""
    parts = module.path.split(".")
    around = (vocabularies[".".join(parts[:end])] for end in range(1, len(parts) + 1))
    return {name: entry for vocabulary in around for name, entry in vocabulary.items()}


def _is_protocol(member: griffe.Object) -> bool:
    return member.is_class and any("Protocol" in str(base) for base in member.bases)


def _follows(parent: griffe.Module | griffe.Class, protocol: griffe.Class) -> bool:
    """Tell whether something has all functions of a protocol, with its parameters at least."""
    return all(
        name in parent.functions and _names(method) <= _names(parent.functions[name])
        for name, method in protocol.functions.items()
    )


def _names(function: griffe.Function) -> set[str]:
    return {parameter.name for parameter in function.parameters} - {"self", "cls"}


def _complete_function(
    function: griffe.Function,
    models: list[griffe.Function],
    known: dict[str, griffe.DocstringParameter],
) -> None:
    """Say of each parameter what it is, and what comes back, if the function says nothing."""
    sections = function.docstring.parsed
    sources = [function, *models]
    told = [_entries(source) for source in sources] + [known]
    entries = []
    for parameter in function.parameters:
        name = parameter.name
        said = next((entries[name] for entries in told if name in entries), None)
        if said:
            entries.append(said)
    if entries:
        others = [section for section in sections if section.kind is not PARAMETERS]
        _insert(others, griffe.DocstringSectionParameters(entries))
        sections = others
    for kind in RESULTS:
        found = (s for source in sources for s in source.docstring.parsed if s.kind is kind)
        section = next(found, None)
        if section and section not in sections:
            _insert(sections, section)
    function.docstring.parsed = sections


def _entries(function: griffe.Function) -> dict[str, griffe.DocstringParameter]:
    sections = function.docstring.parsed
    return {
        entry.name.lstrip("*"): entry
        for section in sections
        if section.kind is PARAMETERS
        for entry in section.value
    }


def _complete_class(cls: griffe.Class) -> None:
    """Describe the fields that are described beside their types."""
    sections = cls.docstring.parsed
    told = {entry.name: entry for s in sections if s.kind in FIELDS for entry in s.value}
    own = {name: member for name, member in cls.members.items() if member.is_attribute}
    fields = [told.get(name) or _field(name, member) for name, member in own.items()]
    if any(fields):
        others = [section for section in sections if section.kind not in FIELDS]
        _insert(others, griffe.DocstringSectionAttributes([field for field in fields if field]))
        cls.docstring.parsed = others


def _field(name: str, attribute: griffe.Attribute) -> griffe.DocstringAttribute | None:
    """Read what stands beside the type of a field, in the source: griffe takes words for names."""
    match ast.parse(dedent(attribute.source)).body:
        case [ast.AnnAssign(annotation=ast.Subscript(ast.Name("Annotated"), ast.Tuple(parts)))]:
            kind, *axes, words = parts
            return griffe.DocstringAttribute(
                name,
                annotation=_shape(axes[0].value) if axes else ast.unparse(kind),
                description=f"{words.value[0].upper()}{words.value[1:]}.",
            )
    return None


def _shape(axes: str) -> str:
    return f"ndarray of shape ({', '.join(axes.split())}{'' if ' ' in axes else ','})"


ORDER = ("text", PARAMETERS, ATTRIBUTES, *RESULTS)


def _insert(sections: list[griffe.DocstringSection], section: griffe.DocstringSection) -> None:
    """Put a section where the order of sections wants it: after the last that goes before it."""
    before = ORDER[1 : ORDER.index(section.kind)]
    places = [k for k, other in enumerate(sections) if other.kind in before]
    first_text = 1 if sections and sections[0].kind is griffe.DocstringSectionKind.text else 0
    sections.insert(places[-1] + 1 if places else first_text, section)
