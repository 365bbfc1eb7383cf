"""Show a stage of the writer, the program that grows through the chapters, or what a stage changes.

A fence ```` ```writer ```` that holds the name of a file in ``writer/`` becomes a Python block with
the whole program. A fence ```` ```writer-diff ```` becomes the difference to the stage before; for
a file in ``writer/exercises/``, to the stage with its number. Below the block, and below the
``Output`` that belongs to it, stand the links to the file and to its notebook. The tests run the
programs, and nothing is pasted, so the page cannot show code that they do not run.
"""

import posixpath
import re
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from textwrap import dedent, indent

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

from read.stages import FOLDER, difference, program
from write import colab

FENCE = re.compile(
    r"^(?P<indent> *)```(?P<word>writer|writer-diff)\n *(?P<name>\S+)\n *```$"
    r"(?P<output>\s*^ *```text title=\"Output\"\n(?P<printed>.*?)^ *```$)?",
    re.MULTILINE | re.DOTALL,
)
LINKS = '[Download]({file}){{ download="{name}" }} · [Open in Colab]({colab})\n{{ .writer-links }}'


def with_writer(markdown: str, file: File, config: MkDocsConfig) -> str:
    """Replace every fence of a text that stands in a file."""
    return FENCE.sub(partial(_block, page=file, config=config), markdown)


def _block(match: re.Match[str], page: File, config: MkDocsConfig) -> str:
    name, folder = match["name"], Path(config.docs_dir)
    try:
        if match["word"] == "writer":
            block = f'```python title="{FOLDER}/{name}"\n{program(folder, name)}\n```'
        else:
            block = f'```diff title="{FOLDER}/{name}"\n{difference(folder, name)}\n```'
    except ValueError as error:
        raise PluginError(f"{page.src_uri}: {error}") from error
    path = f"{FOLDER}/{name}"
    links = LINKS.format(
        file=posixpath.relpath(path, posixpath.dirname(page.src_uri) or "."),
        name=posixpath.basename(name),
        colab=colab.address(notebook(path), config),
    )
    shown = indent(block, match["indent"])
    return f"{shown}{match['output'] or ''}\n\n{indent(links, match['indent'])}\n"


def notebook(path: str) -> str:
    """Return the path of the notebook that stands beside a stage."""
    return f"{path.removesuffix('.py')}.ipynb"


def outputs(texts: Iterable[str]) -> dict[str, str]:
    """Find in the text of pages what they say that each stage prints."""
    found = (match for text in texts for match in FENCE.finditer(text) if match["output"])
    return {match["name"]: dedent(match["printed"]) for match in found}
