"""Let the search find the chapters first, by their prose, and leave out blocks of code.

Code was more than half of the index, which a reader's phone has to load. A function is found by its
entry in the API and by the prose that names it.

The plugin cuts a page into sections, each an entry of the index. That takes it a while, so the
entries of a page are remembered.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page

from read.memory import recall
from read.plugins import plugin

# What a hit is worth, by the folder of its page; elsewhere 1.
BOOSTS = {"chapters": 2.0, "evidence": 0.7, "api": 0.5, "figures": 0.1}
# All blocks of code, what the API pages fold away with them, and displayed formulas.
CODE = re.compile(r'<pre\b|<details class="mkdocstrings-source"|<div class="equation"')


def weigh(page: Page) -> None:
    """Weigh a page by its folder."""
    folder = page.file.src_uri.partition("/")[0]
    if folder in BOOSTS:
        page.meta["search"] = {"boost": BOOSTS[folder]}


def without_code(content: str) -> str:
    """Leave out the code; the search plugin takes the attribute off again."""
    return CODE.sub(r'\g<0> data-search-exclude="true"', content)


def remember(config: MkDocsConfig) -> None:
    """Let the plugin look for entries only in a page that has changed."""
    index = plugin(config, "material/search").search_index
    index.add_entry_from_context = partial(_add, index, index.add_entry_from_context, config)


def _add(index: Any, add: Callable[[Page], None], config: MkDocsConfig, page: Page) -> None:
    def entries() -> list[dict[str, Any]]:
        before = len(index.entries)
        add(page)
        return list(index.entries[before:])

    before = len(index.entries)
    seen = [page.url, page.title, page.meta, str(page.toc), page.content]
    index.entries[before:] = recall(config, ["search", *seen], entries)
