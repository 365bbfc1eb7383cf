"""What all tests share: one thread, an order, and Sybil, which makes every example a test.

- A ``pycon`` fence is a doctest, compared to the last digit.
- A ``python`` fence is run.
- A ``writer`` or ``writer-diff`` fence runs a program of ``docs/writer`` in a namespace of its own.
- A fence with ``title="Output"`` right below one of these is compared with what it printed.
- A fence with ``title="Not run: <why>"`` is skipped, and the page shows why.

The examples of a page share one namespace and those of a docstring another. It starts empty: what
a reader sees above an example, typed into a plain Python session, is all that the example uses.
So the workers of `pytest -n auto` share out whole pages.
"""

import contextlib
import gc
import io
import os
import re
import runpy
import sys
from collections.abc import Iterable, Iterator
from itertools import accumulate
from pathlib import Path
from typing import Any, NoReturn

# The arrays are small, so more threads only wait for each other. NumPy and torch read this as they
# are loaded, and the programs that a test starts inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("MKL_NUM_THREADS", "1")

import numpy as np
import pytest
from sybil import Document, Example, Region, Sybil
from sybil.document import PythonDocStringDocument
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.evaluators.python import PythonEvaluator
from sybil.example import NotEvaluated
from sybil.parsers.abstract.doctest import DocTestStringParser
from sybil.parsers.markdown.lexers import RawFencedCodeBlockLexer
from xdist.scheduler import LoadScopeScheduling

ROOT = Path(__file__).parent
PRINT_OPTIONS = np.get_printoptions()

# Neither ELLIPSIS nor NUMBER: they would let a changed digit pass.
run_doctest = DocTestEvaluator()
run_python = PythonEvaluator()
find_doctests = DocTestStringParser(run_doctest)

# What stands behind the backticks: `python`, ` py`, `python title="x"`, `{.python .annotate}`, ...
INFO = re.compile(r"[ \t]*\{?[ \t]*\.?(?P<word>[\w+-]*)(?P<options>[^\n]*)\n")
find_fences = RawFencedCodeBlockLexer(INFO)
PYTHON = {"python", "python3", "py"}
WRITER = {"writer", "writer-diff"}
STAGE = re.compile(r"(?:exercises/)?\d\d_\w+\.py")
OUTPUT = re.compile(r"""\btitle=["']Output["']""")
NOT_RUN = re.compile(r"""\btitle=(["'])Not run\b:?\s*(?P<why>.*?)\1""")


def parse_page(page: Document) -> Iterator[Region]:
    """Find the examples of a Markdown page."""
    above = None
    for fence in outermost(find_fences(page)):
        word, options = fence.lexemes["word"], fence.lexemes["options"]
        fence.parsed = fence.lexemes["source"]
        if word in PYTHON | {"pycon"} and (skip := NOT_RUN.search(options)):
            yield not_run(page, fence, skip["why"])
            word = None  # it prints nothing for an Output fence to show
        elif word in PYTHON:
            fence.evaluator = evaluate_python
            yield fence
        elif word in WRITER:
            if not STAGE.fullmatch(fence.parsed.strip()):
                fail(page, fence, "a writer fence holds the name of a file in docs/writer")
            fence.evaluator = evaluate_writer
            yield fence
        elif word == "pycon":
            yield from console(page, fence)
        elif OUTPUT.search(options):
            if above not in PYTHON | WRITER:
                fail(page, fence, "an Output fence belongs right below a python fence that runs")
            fence.evaluator = evaluate_output
            yield fence
        above = word


def outermost(fences: Iterable[Region]) -> Iterator[Region]:
    """Drop a fence inside another: the page shows it as text, not as code."""
    end = 0
    for fence in sorted(fences, key=lambda fence: fence.start):
        if fence.start >= end:
            yield fence
            end = fence.end


def console(page: Document, fence: Region) -> Iterator[Region]:
    """Find the doctests of a console fence; each is an example with a line of its own."""
    offsets = [0, *accumulate(len(line) + 1 for line in page.text.split("\n"))]
    # Blank lines above the source make the doctest parser count the lines of the page.
    source = "\n" * line_of(page, fence) + fence.parsed
    read = 0
    for example in find_doctests(source, page.path):
        refuse_text(page, fence, source[read : example.start])
        read = example.end
        first, last = (source.count("\n", 0, place) for place in (example.start, example.end))
        example.start, example.end = offsets[first], offsets[last]
        yield example
    if not read:
        fail(page, fence, "a pycon fence needs a >>> prompt")
    refuse_text(page, fence, source[read:])


def refuse_text(page: Document, fence: Region, between: str) -> None:
    """Refuse lines that doctest passes over, such as output below a blank line."""
    for line in between.splitlines():
        if not re.fullmatch(r"\s*(>>>\s*(#.*)?)?", line):
            fail(page, fence, f"neither a >>> example nor its output: {line!r}")


def not_run(page: Document, fence: Region, why: str) -> Region:
    """Skip a fence for the reason that its title shows."""
    if not why.strip():
        fail(page, fence, 'the title has to say why: title="Not run: <why>"')
    return Region(fence.start, fence.end, why, lambda example: pytest.skip(example.parsed))


def line_of(page: Document, region: Region) -> int:
    return page.text.count("\n", 0, region.start) + 1


def fail(page: Document, region: Region, why: str) -> NoReturn:
    raise ValueError(f"{page.path}:{line_of(page, region)}: {why}")


def evaluate_python(example: Example) -> None:
    """Run a fence and keep what it prints."""
    __tracebackhide__ = True
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        run_python(example)
    example.document.printed = printed.getvalue()


def evaluate_writer(example: Example) -> None:
    """Run a stage of the writer, as from the command line, and keep what it prints."""
    path = str(ROOT / "docs" / "writer" / example.parsed.strip())
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()) as said:
        patch.setattr(sys, "argv", [path])
        runpy.run_path(path, run_name="__main__")
    example.document.printed = said.getvalue()


def evaluate_output(example: Example) -> str | None:
    """Compare an Output fence with what the fence above it printed."""
    want, got = trim(example.parsed), trim(vars(example.document).pop("printed", "(nothing)"))
    return None if want == got else f"Expected:\n{want}\n\nPrinted by the fence above:\n{got}"


def trim(text: str) -> str:
    """Drop the white space at line ends, which editors and readers cannot see."""
    return "\n".join(line.rstrip() for line in text.rstrip().split("\n"))


def parse_docstring(docstring: Document) -> Iterator[Region]:
    """Find the doctests of one docstring; the first of them starts a new session."""
    for number, example in enumerate(find_doctests(docstring.text, docstring.path)):
        if number == 0:
            example.evaluator = evaluate_first
        yield example


def evaluate_first(example: Example) -> str:
    example.namespace.clear()
    start_session(example.namespace)
    return run_doctest(example)


class Docstrings(PythonDocStringDocument):
    """Sybil's own class puts the module's names into the namespace; a reader has to import them."""

    def import_document(self, _: Example) -> NoReturn:
        """Import nothing, and let the example run."""
        raise NotEvaluated


def start_session(namespace: dict[str, Any]) -> None:
    namespace["__name__"] = "__main__"


def end_session(_: dict[str, Any]) -> None:
    """Undo ``np.set_printoptions``: no page may change what the next one prints."""
    np.set_printoptions(**PRINT_OPTIONS)


session = {"setup": start_session, "teardown": end_session}
pages = Sybil([parse_page], pattern="*.md", path=ROOT, **session)
docstrings = Sybil(
    [parse_docstring],
    pattern="*.py",
    path=ROOT / "src",
    document_types={".py": Docstrings},
    **session,
)
pytest_collect_file = (pages + docstrings).pytest()

# Marks of tests that take seconds each.
LONG = {"experiments", "notebooks", "records", "site"}
# Each test of this file is long and shares nothing with the others.
APART = "tests/test_notebooks.py"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with what is long, so that all workers end at the same time."""
    items.sort(key=lambda item: LONG.isdisjoint(mark.name for mark in item.iter_markers()))


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    """Give whole files to the workers of `-n`, in the order above."""
    config.option.loadscopereorder = False
    return Files(config, log)


class Files(LoadScopeScheduling):
    """The examples of a page share a namespace, and the tests of a file what they train."""

    def _split_scope(self, nodeid: str) -> str:
        file, _, _ = nodeid.partition("::")
        return nodeid if file == APART else file


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over all that is loaded by now: a tenth of the time."""
    gc.collect()
    gc.freeze()
