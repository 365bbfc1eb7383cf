"""Cut a chapter into the cells of a notebook that has been run.

A ``python`` fence is a cell, and the ``Output`` fence below it is what it printed; so is a stage of
the writer, a ``writer`` fence, or a ``writer-diff`` fence below the difference. A ``pycon``
fence is cut below every output, so that each stands where a notebook shows it. Nothing is run here:
the outputs are those of the page, which the tests compare with what the code prints.
"""

import ast
import re
from collections.abc import Callable, Iterator
from doctest import DocTestParser, Example
from textwrap import dedent, indent
from typing import NamedTuple

from nbformat import NotebookNode

from read.console import script
from write.chapter_notebook.parts import code, markdown, printed, result

# What a chapter is made of, besides running text.
BLOCK = re.compile(
    r"""
    ^(?P<ticks>`{3,}|~{3,})[ ]*\{?[ ]*\.?(?P<word>[\w+-]*)(?P<options>[^\n]*)\n
        (?P<source>.*?)^(?P=ticks)[ ]*$
        (?:\n\s*(?P=ticks)text[ ]title="Output"\n(?P<output>.*?)^(?P=ticks)[ ]*$)?
    |^(?P<mark>!!!|\?\?\?)[ ](?P<kind>[\w-]+)[ ]"(?P<title>[^"\n]*)"[ ]*\n
        (?P<body>(?:(?:[ ]{4}[^\n]*)?\n)+)
    |^!\[(?P<alt>[^\n]*)\]\((?P<picture>[^)\s]+)\)\n+
        ///[ ]figure-caption\n(?:[ ]+attrs:.*?\n\n)?(?P<caption>.*?)^///[ ]*$
    """,
    re.MULTILINE | re.DOTALL | re.VERBOSE,
)
HEADING = re.compile(r"^(?=#{1,6} )", re.MULTILINE)
PYTHON = {"python", "python3", "py"}
WRITER = {"writer", "writer-diff"}
SHOWN_AS_TEXT = {"console", "text"}
NOT_RUN = re.compile(r"""\btitle=(["'])(?P<why>Not run\b.*?)\1""")
# The exercises get headings, so that a solution can be folded away below its own.
EXERCISES = re.compile(r"^## Exercises\n.*?(?=^## |\Z)", re.MULTILINE | re.DOTALL)
EXERCISE = re.compile(r"^\*\*(\d+\. [^*]+?)\.?\*\*\s+", re.MULTILINE)
FOLDED = {"jp-MarkdownHeadingCollapsed": True}
# Not the exception itself: a notebook would stop there, and print the paths of the machine.
CATCH = """\
try:
{}except Exception as error:
    print(f"{{type(error).__name__}}: {{error}}")
"""
# On the page the writer has names of its own.
KEEP = "of_the_chapter = dict(globals())"
RESTORE = "globals().update(of_the_chapter)"
MODULE = re.compile(r"^(?:\w+\.)+(?=\w+(?::|$))")


class Site(NamedTuple):
    """What the cells of a chapter need from the site around it."""

    prose: Callable[[str], str]  # running text as Jupyter reads it
    picture: Callable[[str, str], str]  # a link to a figure and its alternative text, as an image
    listing: Callable[[str], str]  # a dotted name as a fence with its source
    program: Callable[[str], str]  # a stage of the writer
    difference: Callable[[str], str]  # and what it changes


def cells(chapter: str, site: Site) -> list[NotebookNode]:
    """Return the cells of a chapter, as yet without ids and numbers."""
    text = EXERCISES.sub(lambda match: EXERCISE.sub(r"### \1\n\n", match[0]), chapter)
    return list(_cells(text, site))


def _cells(text: str, site: Site) -> Iterator[NotebookNode]:
    end, folded = 0, False
    for block in BLOCK.finditer(text):
        yield from _prose(text[end : block.start()], site, folded=folded)
        yield from _block(block, site)
        end, folded = block.end(), block["mark"] == "???" and block["kind"] != "check"
    yield from _prose(text[end:], site, folded=folded)


def _prose(text: str, site: Site, *, folded: bool) -> Iterator[NotebookNode]:
    """Start a cell at every heading."""
    text = text.strip()
    if folded and text and not text.startswith("#"):
        raise ValueError(f"a notebook would fold this away with the block above: {text[:40]}")
    for part in HEADING.split(text):
        if part.strip():
            yield markdown(site.prose(part.strip()))


def _block(block: re.Match[str], site: Site) -> Iterator[NotebookNode]:
    if block["kind"] == "check":
        yield from map(_without_source, _cells(dedent(block["body"]), site))
    elif block["mark"] == "???":
        yield markdown(f"#### {block['title']}", FOLDED)
        yield from _cells(dedent(block["body"]), site)
    elif block["mark"]:
        text = site.prose(f"**{block['title']}**\n\n{dedent(block['body']).strip()}")
        yield markdown("\n".join(f"> {line}".rstrip() for line in text.split("\n")))
    elif block["picture"]:
        image = site.picture(block["picture"], block["alt"])
        caption = site.prose(
            f"{block['caption'].strip()}\n[Code of this figure]({block['picture']})"
        )
        yield markdown(f"{image}\n\n{caption}")
    else:
        yield from _fence(block, site)


def _without_source(cell: NotebookNode) -> NotebookNode:
    """Fold the code of a cell away: Jupyter reads the one mark, Colab the other."""
    if cell.cell_type == "code":
        cell.metadata.update({"jupyter": {"source_hidden": True}, "cellView": "form"})
    return cell


def _fence(fence: re.Match[str], site: Site) -> Iterator[NotebookNode]:
    word, source = fence["word"], fence["source"]
    if fence["output"] is not None and word not in PYTHON | WRITER:
        raise ValueError(f"an Output fence below a fence that prints nothing: {word}")
    if word == "source":
        yield markdown(site.listing(fence[0]))
    elif not_run := NOT_RUN.search(fence["options"]):
        yield markdown(f"{not_run['why']}:\n\n```python\n{source}```")
    elif word in SHOWN_AS_TEXT and not fence["options"].strip():
        yield markdown(f"```{word}\n{source}```")
    elif word in PYTHON:
        yield code(_quiet(source), printed(fence["output"]) if fence["output"] else [])
    elif word in WRITER:
        if word == "writer-diff":
            yield markdown(f"```diff\n{site.difference(source.strip())}\n```")
        output = printed(fence["output"]) if fence["output"] else []
        yield _without_source(code(KEEP, []))
        yield code(_quiet(site.program(source.strip())), output)
        yield _without_source(code(RESTORE, []))
    elif word == "pycon":
        yield from _console(source)
    else:
        raise ValueError(f"a notebook has no form for this fence: {fence[0].splitlines()[0]}")


def _console(source: str) -> Iterator[NotebookNode]:
    """Cut a console session below every output."""
    examples: list[Example] = []
    for example in DocTestParser().get_examples(source):
        examples.append(example)
        if example.want:
            yield _ending_in(examples)
            examples = []
    if examples:
        yield code(script(examples), [])


def _ending_in(examples: list[Example]) -> NotebookNode:
    """Make a cell of statements of which the last has an output."""
    *before, last = examples
    want = last.want.replace("<BLANKLINE>\n", "\n")
    if last.exc_msg is not None:
        caught = script(before) + CATCH.format(indent(last.source, "    "))
        return code(caught, printed(MODULE.sub("", last.exc_msg)))
    if _is_shown(last.source):
        return code(script(examples), [result(want.rstrip("\n"))])
    return code(script(examples), printed(want))


def _quiet(source: str) -> str:
    """End a fence with a semicolon where a notebook would show a value that the page does not."""
    if not _is_shown(source):
        return source
    lines = source.split("\n")
    last = ast.parse(source).body[-1]
    end = last.end_lineno or last.lineno
    line = lines[end - 1].encode()
    shown, comment = line[: last.end_col_offset], line[last.end_col_offset :]
    ended = (shown + b";" + comment).decode()
    return "\n".join([*lines[: end - 1], ended, *lines[end:]])


def _is_shown(source: str) -> bool:
    """Tell whether a notebook shows the value of the last statement: that of print it does not."""
    statement = ast.parse(source).body[-1]
    return isinstance(statement, ast.Expr) and not (
        isinstance(statement.value, ast.Call) and ast.unparse(statement.value.func) == "print"
    )
