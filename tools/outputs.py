"""Write into pages what their examples print now: `python outputs.py [PAGE ...]`.

An output that the tests accept stays as it is written. A person reads the diff.
"""

import argparse
import importlib.util
import re
import sys
from collections.abc import Iterator
from itertools import chain, takewhile
from pathlib import Path
from types import ModuleType, TracebackType
from typing import Any, NamedTuple

import pytest
from sybil import Document, Example, Sybil
from sybil.evaluators.doctest import DocTestRunner
from sybil.example import SybilFailure

ROOT = Path(__file__).parents[1]
TRACEBACK = re.compile(r"(?s).*(Traceback \(most recent call last\):\n)(?: [^\n]*\n)+")


class Edit(NamedTuple):
    """A new text for a part of a page."""

    start: int
    end: int
    text: str


class Recorder(DocTestRunner):
    """Keep what a doctest printed, if it is not what the page says."""

    got = ""

    def report_failure(self, out: Any, _test: Any, _example: Any, got: str) -> None:
        """Keep it, with a traceback as short as pages have it."""
        self.got = TRACEBACK.sub(r"\1    ...\n", got)
        out("It prints something else.")

    def report_unexpected_exception(
        self, _out: Any, _test: Any, _example: Any, raised: tuple[type, Exception, TracebackType]
    ) -> None:
        """Stop: no output can stand for it."""
        raise raised[1]


def wired() -> ModuleType:
    """Import conftest.py, which finds and runs examples, and let it record what they print."""
    spec = importlib.util.spec_from_file_location("wiring", ROOT / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.run_doctest.runner = Recorder(module.run_doctest.runner.optionflags)
    return module


wiring = wired()


def renew(path: Path) -> int:
    """Run a page, write what it prints into it, and return how many outputs that changed."""
    sybil = wiring.docstrings if path.suffix == ".py" else wiring.pages
    page = sybil.parse(path)
    sybil.setup(page.namespace)
    try:
        edits = list(edits_of(page))
    finally:
        sybil.teardown(page.namespace)
    if edits:
        replace(path, applied(page.text, edits), sybil, page)
    return len(edits)


def edits_of(page: Document) -> Iterator[Edit]:
    """Run the examples in order, and give the outputs that are no longer printed."""
    for example in page:
        printed = vars(page).get("printed", "")  # by the fence above, if this is an Output fence
        try:
            example.evaluate()
        except pytest.skip.Exception:
            pass
        except SybilFailure:
            is_fence = example.region.evaluator is wiring.evaluate_output
            yield in_fence(example, printed) if is_fence else in_console(example)
        except Exception as error:
            place, what = f"{page.path}:{example.line}", f"{type(error).__name__}: {error}"
            raise ValueError(f"{place}: raised {what}; mend that, the file is as it was") from error


def in_fence(example: Example, printed: str) -> Edit:
    """Fill an Output fence, with the indent of the line that closes it."""
    text = example.document.text
    start = example.start + example.region.lexemes["source"].offset
    end = text.rindex("\n", 0, example.end) + 1
    indent = re.compile(r"[ \t>]*").match(text, end)[0]
    lines = wiring.trim(printed).splitlines()
    return Edit(start, end, "".join(f"{indent}{line}".rstrip() + "\n" for line in lines))


def in_console(example: Example) -> Edit:
    """Put the output below the lines of a doctest, with the indent of its prompt."""
    text = example.document.text
    lines = text[example.start : example.end].splitlines(keepends=True)
    indent = lines[0].partition(">>>")[0]
    is_typed = re.compile(re.escape(indent) + r"(>>>|\.\.\.)").match
    start = example.start + len("".join(takewhile(is_typed, lines)))
    printed = wiring.run_doctest.runner.got.splitlines()
    output = "".join(f"{indent}{line.rstrip() or '<BLANKLINE>'}\n" for line in printed)
    return Edit(start, example.end, output)


def applied(text: str, edits: list[Edit]) -> str:
    """Return the text with its edits, from the last to the first, which keeps places valid."""
    for edit in reversed(edits):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def replace(path: Path, text: str, sybil: Sybil, page: Document) -> None:
    """Replace a file at once, if its examples are still the same."""
    newline = "\r\n" if b"\r\n" in path.read_bytes() else "\n"
    draft = path.with_suffix(f".draft{path.suffix}")
    try:
        draft.write_text(text, encoding="utf-8", newline=newline)
        if typed(sybil.parse(draft)) != typed(page):
            raise ValueError(f"{path}: an output looks like an example, so no page can show it")
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def typed(page: Document) -> list[str]:
    """Return what a reader types."""
    return [
        getattr(example.parsed, "source", example.parsed)
        for example in page
        if example.region.evaluator is not wiring.evaluate_output
    ]


def main() -> None:
    """Renew the outputs of the pages and modules that were named, or of all."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("pages", nargs="*", type=Path, metavar="PAGE")
    everything = (ROOT.glob(pattern) for pattern in ("*.md", "docs/**/*.md", "src/**/*.py"))
    for page in parser.parse_args().pages or sorted(chain(*everything)):
        try:
            changed = renew(page)
        except (OSError, ValueError) as error:
            parser.error(str(error))
        if changed:
            sys.stdout.write(f"{page}: {changed} changed\n")


if __name__ == "__main__":
    main()
