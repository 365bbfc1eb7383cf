"""The fingerprint of an experiment's code: blind to words and layout, awake to everything else."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bptt.experiments.registry import NAMES
from bptt.records import digest as module
from bptt.records.digest import digest

FILE = Path(module.__file__)

MODULE = '''"""What it does."""

import numpy as np
from bptt import low
from bptt.deep.inner import helper

RATE = 0.1


def score(x: float, *, steps: int = 3) -> float:
    """Return something."""
    # a comment
    return helper(low.f(x) - RATE * steps)


class Empty:
    """Only a docstring."""
'''
PACKAGE = {
    "__init__.py": "",
    "exp.py": MODULE,
    "low.py": "from bptt.lowest import g\n\n\ndef f(x):\n    return g(x) < 1\n",
    "lowest.py": "import bptt.bottom\n\n\ndef g(x):\n    return [x, None]\n",
    "bottom.py": "TOP = 1\n",
    "deep/__init__.py": "FLAG = True\n",
    "deep/inner.py": "def helper(x):\n    return (yield x)\n",
    "unused.py": "RATE = 0.1\n",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Return a function that writes a small package, with changed files, and takes the digest."""
    monkeypatch.setattr("bptt.records.digest.ROOT", tmp_path / "bptt")

    def digest_with(**changed: str) -> str:
        for name, text in (PACKAGE | changed).items():
            file = tmp_path / "bptt" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        return digest("bptt.exp")

    return digest_with


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a comment", "# another one"),
        ("    # a comment\n", ""),
        ("Return something.", "Return something else."),
        ('    """Return something."""\n', ""),
        ('"""What it does."""\n', ""),
        ("Only a docstring.", "Only another."),
        ("low.f(x) - RATE * steps", "(low.f(x)\n        - (RATE * steps))"),
        ("RATE = 0.1", "RATE = 1e-1  # the same number"),
        ("\n\n\ndef", "\ndef"),
    ],
)
def test_words_and_layout_leave_the_digest_as_it_is(package, old, new):
    assert old in MODULE
    assert package(**{"exp.py": MODULE.replace(old, new)}) == package()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RATE = 0.1", "RATE = 0.2"),
        ("- RATE", "+ RATE"),
        ("RATE * steps", "steps * RATE"),
        ("steps: int = 3", "steps: int = 4"),
        ("*, steps", "steps"),
        ("return helper", "helper"),
        ("low.f(x)", "low.f(-x)"),
        ("score", "points"),
        ("helper(low.f(x) - RATE * steps)", '"a string is no docstring here"'),
        ("import numpy as np\n", ""),
    ],
)
def test_a_change_of_the_program_changes_the_digest(package, old, new):
    assert old in MODULE
    assert package(**{"exp.py": MODULE.replace(old, new)}) != package()


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("low.py", "<", "<="),  # from bptt import low
        ("lowest.py", "[x, None]", "[x, 0]"),  # what low imports in turn
        ("bottom.py", "1", "2"),  # import bptt.bottom
        ("deep/inner.py", "yield x", "yield"),  # from bptt.deep.inner import helper
    ],
)
def test_a_change_of_an_imported_module_changes_the_digest(package, name, old, new):
    assert old in PACKAGE[name]
    assert package(**{name: PACKAGE[name].replace(old, new)}) != package()


def test_a_module_that_is_not_imported_does_not_count(package):
    assert package(**{"unused.py": "RATE = 0.2\n"}) == package()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("low.py", "\n\ndef unasked(x):\n    return x\n"),  # low.f is all that is asked of low
        ("low.py", "from bptt.unused import RATE\n"),
        ("deep/inner.py", "\n\nclass Unasked:\n    pass\n"),
    ],
)
def test_what_nothing_leads_to_does_not_count(package, file, text):
    assert package(**{file: PACKAGE[file] + text}) == package()


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("low.py", "\n\ndef f(x):\n    return 0\n"),  # again, under the same name
        ("low.py", "if g:\n    def f(x):\n        return 0\n"),
        ("low.py", "f.cache = {}\n"),  # what runs at the import, whatever is asked
        ("low.py", "print(0)\n"),
        ("low.py", "import bptt.unused\n"),
        ("lowest.py", "g += 1\n"),
    ],
)
def test_all_that_a_definition_meets_counts(package, file, text):
    assert package(**{file: PACKAGE[file] + text}) != package()


@pytest.mark.parametrize(
    "use",
    [
        "f(low)",  # a module that is handed on, as a cell is
        "getattr(low, name)",
        'sys.modules["low"]',
    ],
)
def test_a_module_that_is_handed_on_counts_as_a_whole(package, use):
    handing = {"exp.py": MODULE.replace("low.f(x)", use)}
    more = PACKAGE["low.py"] + "\n\ndef unasked(x):\n    return x\n"
    assert package(**handing, **{"low.py": more}) != package(**handing)


@pytest.mark.parametrize("line", ["from bptt import unused", "import bptt.unused"])
def test_an_import_inside_a_function_counts(package, line):
    inside = {"low.py": PACKAGE["low.py"].replace("return", f"{line}\n    return")}
    changed = {"unused.py": "RATE = 0.2\n"}
    assert package(**inside, **changed) != package(**inside)


def test_a_name_that_another_module_hands_on_leads_to_where_it_is_defined(package):
    handed = {"deep/__init__.py": "from bptt.deep.inner import helper\n"}
    through = {**handed, "exp.py": MODULE.replace("bptt.deep.inner", "bptt.deep")}
    changed = {"deep/inner.py": "def helper(x):\n    return x\n"}
    assert package(**through, **changed) != package(**through)


def test_a_module_of_another_package_with_the_same_name_does_not_count(package):
    mixed = MODULE.replace("import numpy as np", "from numpy import unused")
    before = package(**{"exp.py": mixed})
    assert package(**{"exp.py": mixed, "unused.py": "RATE = 0.2\n"}) == before


def test_modules_that_import_each_other_are_read_once(package):
    circle = {"bottom.py": "import bptt.exp\nTOP = 1\n"}
    assert package(**circle) == package(**circle) != package()


def test_a_name_moved_to_another_module_changes_the_digest(package):
    before = package()
    moved = MODULE.replace("from bptt import low", "from bptt import unused as low")
    assert package(**{"exp.py": moved, "unused.py": PACKAGE["low.py"]}) != before


def test_the_digest_of_a_module_that_is_not_there_is_refused(package):
    package()
    with pytest.raises(ValueError, match=r"^records\.digest: there is no module bptt\.nope$"):
        digest("bptt.nope")
    with pytest.raises(ValueError, match=r"^records\.digest: there is no module numpy$"):
        digest("numpy")


EVERY_SYNTAX = '''
from __future__ import annotations
import a.b as c, d
from typing import NamedTuple

class A(NamedTuple, metaclass=M):
    x: int = 1
    @property
    def y(self, /, z, *args: int, k=None, **more) -> "A":
        """Docstring."""
        global G
        return f"{self.x!r:>{z}.2f} and {{braces}} {'nested'}" "joined" u"old"

async def f(*, a: list[int] | None = ...):
    async with a as b, c:
        yield await d
    async for _ in g():
        pass
    else:
        raise KeyError from None

def h(n):
    match n:
        case {"k": [1, *rest], **kw} if n > 0:
            return lambda q, r=2: (q := r)
        case A(x=1) | "s" | None | -1.5e3j:
            return {**n, "a": b"bytes"}
        case _:
            del n[1:2, ::3], n.attr
    try:
        assert not n, "why"
    except* (ValueError, TypeError) as error:
        n **= 3 if n else ~1
    finally:
        while True:
            continue
    return [(*i, j) for i in n if i for j in {*i}], 0x10, 1_000, True, "\\t\\n"
'''


def test_the_digest_of_every_piece_of_syntax_is_the_same_under_each_python(package):
    # Measured under 3.11, 3.12 and 3.13. CI runs this under each Python, so it has to hold there.
    assert package(**{"exp.py": EVERY_SYNTAX}) == "31618157f2d64ce4"


PROGRAM = """
import runpy, sys
file, *modules = sys.argv[1:]
print(*map(runpy.run_path(file)["digest"], modules))
"""


@pytest.mark.process
@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13", "3.14"])
def test_another_python_finds_the_digest_of_every_experiment(version):
    """It needs no NumPy for it: the file imports the standard library only."""
    python = shutil.which(f"python{version}")
    if python is None or subprocess.run([python, "-c", ""], check=False).returncode:
        pytest.skip(f"there is no python{version} on this machine")
    modules = [f"bptt.experiments.{name}" for name in NAMES]
    command = [python, "-I", "-c", PROGRAM, str(FILE), *modules]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == [digest(module) for module in modules]
