"""Let the copy button of a console block give code that runs: no prompts, no output.

The theme's button copies the attribute ``data-copy`` where there is one, else the visible text.
"""

import html
import re
from functools import partial

from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page

from read.console import runnable
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
