"""Let the copy button of a console block give code that runs: no prompts, no output.

The theme's button copies the attribute ``data-copy`` where there is one, else the visible text.
"""

import html
import re
from collections.abc import Iterable
from doctest import DocTestParser, Example
from functools import partial

from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page
from read.pages import text

CONSOLE = re.compile(r'(<div class="language-pycon\b.*?<code)>(.*?)</code>', re.DOTALL)


def with_copies(content: str, page: Page) -> str:
    """Give every console block of a page its text to copy."""
    return CONSOLE.sub(partial(_with_copy, page), content)


def _with_copy(page: Page, match: re.Match[str]) -> str:
    start, code = match.groups()
    try:
        source = runnable(text(code))
    except ValueError as error:
        raise PluginError(f"{page.file.src_uri}: a console block is malformed: {error}") from error
    return f'{start} data-copy="{html.escape(source)}">{code}</code>'


def runnable(console: str) -> str:
    """Return the source of a console session."""
    return script(DocTestParser().get_examples(console))


def script(examples: Iterable[Example]) -> str:
    """Join the statements of a console session.

    A block statement is followed by an empty line: a Python prompt needs it, a script allows it.
    """
    sources = [example.source for example in examples]
    return "".join(f"{source}\n" if _is_block(source) else source for source in sources)


def _is_block(source: str) -> bool:
    return source.rstrip().splitlines()[-1].startswith((" ", "\t"))
