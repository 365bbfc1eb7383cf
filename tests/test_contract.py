"""What the source says once stands in full on the API pages."""

import ast
from pathlib import Path

import griffe
import pytest

ROOT = Path(__file__).parents[1]
CONTRACT = ROOT / "docs" / "machinery" / "read" / "contract.py"

PACKAGE = '''
"""A package.

Parameters
----------
x : float
    What the package says.
*rest : float
    All others.
"""
'''
MODULE = '''
r"""A module.

Parameters
----------
y : float
    What the module says.
"""

from typing import Annotated, Any, NamedTuple, Protocol


class Cell(Protocol):
    """A kind of module."""

    def init(self, y): ...

    def step(self, z, x):
        """Take a step.

        Parameters
        ----------
        z : float
            What the protocol says.

        Returns
        -------
        float
            What comes back.

        Raises
        ------
        TypeError
            If it is wrong.
        """


class Pair(NamedTuple):
    """Two of a kind.

    Attributes
    ----------
    second : int
        Said above.
    """

    first: Annotated[Any, "B 4H", r"the first, $\\\\alpha$"]
    second: int
    third: Annotated[list[int], "iT"] = []
    b: Annotated[Any, "H", "one axis"]
    plain: int = 0


def own(x, y, *rest):
    """Say something.

    Parameters
    ----------
    x : int
        What the function says.

    Notes
    -----
    A note.
    """


def silent(q):
    """Say nothing."""
'''
CELL = '''
def init(y, more): ...


def step(z, x):
    """Take this step.

    Raises
    ------
    ValueError
        If it is worse.
    """
'''
OTHER = '''
def step(z):
    """Belong to no cell: there is no `init`."""
'''


@pytest.fixture(scope="module")
def package(tmp_path_factory):
    folder = tmp_path_factory.mktemp("source") / "toy"
    folder.mkdir()
    for name, text in {"__init__": PACKAGE, "a": MODULE, "cell": CELL, "other": OTHER}.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    return load("toy", folder.parent)


def load(name, path):
    extensions = griffe.load_extensions(CONTRACT)
    return griffe.load(name, search_paths=[path], docstring_parser="numpy", extensions=extensions)


def told(member):
    """Return what stands on the page: the kinds of the sections, and the entries by section."""
    sections = member.docstring.parsed
    kinds = [section.kind.value for section in sections]
    entries = {
        s.kind.value: [(getattr(e, "name", ""), str(e.annotation), e.description) for e in s.value]
        for s in sections
        if isinstance(s.value, list)
    }
    return kinds, entries


def test_a_function_goes_before_its_module_and_that_before_its_package(package):
    kinds, entries = told(package["a.own"])
    assert kinds == ["text", "parameters", "admonition"]
    assert entries["parameters"] == [
        ("x", "int", "What the function says."),
        ("y", "float", "What the module says."),
        ("*rest", "float", "All others."),
    ]


def test_what_nobody_describes_is_left_out(package):
    assert told(package["a.silent"]) == (["text"], {})


def test_the_words_for_all_are_not_shown_where_they_stand(package):
    assert told(package) == (["text"], {})
    assert told(package["a"]) == (["text"], {})


def test_a_module_with_the_functions_of_a_protocol_has_its_words(package):
    kinds, entries = told(package["cell.step"])
    assert kinds == ["text", "parameters", "returns", "raises"]
    assert entries["parameters"] == [
        ("z", "float", "What the protocol says."),
        ("x", "float", "What the package says."),
    ]
    assert entries["returns"] == [("", "float", "What comes back.\n")]
    assert entries["raises"] == [("", "ValueError", "If it is worse.")]


def test_a_protocol_is_complete_itself(package):
    kinds, entries = told(package["a.Cell.step"])
    assert kinds == ["text", "parameters", "returns", "raises"]
    assert [name for name, *_ in entries["parameters"]] == ["z", "x"]


def test_one_function_alone_does_not_follow_a_protocol(package):
    assert told(package["other.step"]) == (["text"], {})


def test_a_field_is_described_beside_its_type(package):
    kinds, entries = told(package["a.Pair"])
    assert kinds == ["text", "attributes"]
    assert entries["attributes"] == [
        ("first", "ndarray of shape (B, 4H)", r"The first, $\\alpha$."),
        ("second", "int", "Said above."),
        ("third", "list[int]", "IT."),
        ("b", "ndarray of shape (H,)", "One axis."),
    ]


# The library itself says nothing twice.


def vocabularies():
    """Return what modules and packages say of names, by their full names."""
    plain = griffe.load("bptt", search_paths=[ROOT / "src"], docstring_parser="numpy")
    found = {}

    def visit(module):
        sections = module.docstring.parsed if module.docstring else []
        entries = [e for s in sections if s.kind.value == "parameters" for e in s.value]
        found[module.path] = {e.name: (str(e.annotation), e.description) for e in entries}
        for child in module.modules.values():
            if not child.is_alias:
                visit(child)

    visit(plain)
    return plain, found


def test_no_function_repeats_what_its_module_or_package_says():
    plain, found = vocabularies()
    repeated = []

    def visit(parent, known):
        known = known | found.get(parent.path, {})
        for member in parent.members.values():
            if member.is_alias:
                continue
            if member.is_function and member.docstring:
                for section in member.docstring.parsed:
                    if section.kind.value == "parameters":
                        repeated.extend(
                            f"{member.path}: {e.name}"
                            for e in section.value
                            if known.get(e.name) == (str(e.annotation), e.description)
                        )
            elif member.is_module or member.is_class:
                visit(member, known)

    visit(plain, {})
    assert repeated == []


def test_every_word_of_a_module_or_package_is_used():
    _, found = vocabularies()
    names = {}
    for path in ROOT.glob("src/bptt/**/*.py"):
        inner = path.relative_to(ROOT / "src").with_suffix("")
        module = ".".join(part for part in inner.parts if part != "__init__")
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names[module] = {node.arg for node in ast.walk(tree) if isinstance(node, ast.arg)}
    unused = [
        f"{owner}: {name}"
        for owner, vocabulary in found.items()
        for name in vocabulary
        if not any(
            name.lstrip("*") in used
            for module, used in names.items()
            if f"{module}.".startswith(f"{owner}.")
        )
    ]
    assert unused == []
