"""Show a function of the library in a chapter, as it stands in `src`, without its docstring.

A fence ```` ```source ```` that holds a dotted name becomes a Python block. It is read at build and
never pasted, so the page cannot show code that the tests do not run. An unknown name fails the
build.
"""

import re
from functools import partial
from pathlib import Path
from textwrap import dedent, indent

import griffe
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

from read.memory import recall
from read.modules import places

FENCE = re.compile(r"^(?P<indent> *)```source\n *(?P<name>\S+)\n *```$", re.MULTILINE)


def with_sources(markdown: str, file: File, config: MkDocsConfig) -> str:
    """Replace every `source` fence of a text that stands in a file."""
    return FENCE.sub(partial(_python_block, page=file, config=config), markdown)


def _python_block(match: re.Match[str], page: File, config: MkDocsConfig) -> str:
    name, root = match["name"], Path(config.config_file_path).resolve().parent
    try:
        *_, (file, inside) = places(name, root / "src")
        text, path = file.read_text("utf-8"), file.relative_to(root).as_posix()
        code = recall(config, ["source", inside, text], partial(_code, inside, file, text))
    except (ValueError, KeyError) as error:
        raise PluginError(f"{page.src_uri}: there is no {name} to show") from error
    return indent(f'```python title="{path}"\n{code}\n```', match["indent"])


def _code(name: str, file: Path, text: str) -> str:
    """Return a function of a module, without its docstring."""
    lines = griffe.LinesCollection()
    lines[file] = text.splitlines()
    module = griffe.visit(file.stem, filepath=file, code=text, lines_collection=lines)
    return _without_docstring(module[name])


def _without_docstring(function: griffe.Function) -> str:
    lines, docstring = function.lines, function.docstring
    if docstring and docstring.lineno and docstring.endlineno and function.lineno:
        first, last = docstring.lineno - function.lineno, docstring.endlineno - function.lineno
        lines = lines[:first] + lines[last + 1 :]
    return dedent("\n".join(lines)).strip()
