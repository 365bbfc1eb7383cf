"""Show a function of the library in a chapter, as it stands in `src`, without its docstring.

A fence ```` ```source ```` that holds a dotted name becomes a Python block. It is read at build and
never pasted, so the page cannot show code that the tests do not run. An unknown name fails the
build.
"""

import re
from functools import cache, partial
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import griffe
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

FENCE = re.compile(r"^(?P<indent> *)```source\n *(?P<name>\S+)\n *```$", re.MULTILINE)


def on_pre_build(**_: Any) -> None:
    """Read the library anew at every build: `serve` builds again when it has changed."""
    _package.cache_clear()


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Replace every `source` fence of a page."""
    return FENCE.sub(partial(_python_block, page=page), markdown)


def _python_block(match: re.Match[str], page: Page) -> str:
    package, _, name = match["name"].partition(".")
    try:
        function = _package(package)[name]
    except (ImportError, KeyError) as error:
        raise PluginError(f"{page.file.src_uri}: there is no {match['name']} to show") from error
    path = function.filepath.resolve().relative_to(Path.cwd().resolve()).as_posix()
    block = f'```python title="{path}"\n{_without_docstring(function)}\n```'
    return indent(block, match["indent"])


@cache
def _package(name: str) -> griffe.Module:
    return griffe.load(name, search_paths=["src"])


def _without_docstring(function: griffe.Function) -> str:
    lines = function.lines
    if function.docstring:
        first = function.docstring.lineno - function.lineno
        last = function.docstring.endlineno - function.lineno
        lines = lines[:first] + lines[last + 1 :]
    return dedent("\n".join(lines)).strip()
