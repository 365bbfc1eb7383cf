"""Let the search find the chapters first, by their prose, and each of them by its claim.

The plugin cuts a page into sections, each an entry of the index, which a reader's phone has to
load. Code was more than half of it: a function is found by its entry in the API and by the prose
that names it. Left out as well is what names many subjects and explains none: the facts about a
chapter, the list of its record's sections, the links below a figure. So the first entry of a
chapter is its title with its claim.

Two fields more are searched and never shown, see `mkdocs.yml`. ``words`` has what the glossary
develops in a section, and what a chapter's front matter says that it is ``also`` looked for by.
``american`` has the words that are spelt otherwise in America.

The plugin takes a while, so the entries of a page are remembered.
"""

import re
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page
from selectolax.lexbor import LexborHTMLParser

from read.memory import recall
from read.pages import html_of, is_chapter, is_notebook, text
from read.plugins import plugin

# What a hit is worth, by the folder of its page; elsewhere 1.
BOOSTS = {"chapters": 4.0, "questions.md": 3.0, "evidence": 0.7, "api": 0.5}
# The theme multiplies a hit on a section by 2 if it has all words and by 1.25 if it has half of
# them, a hit on the top of a page by 5 and 3.25. With this, a chapter whose top has all words
# comes before a section with all of them, and that before a chapter with half.
CLAIM = 0.5
LEFT_OUT = (
    "pre, .mkdocstrings-source, .equation, .chapter-facts, .admonition-title, summary,"
    "p:has(> img), .figure-links, #the-evidence, #the-evidence ~ *"
)
# Where a word ends otherwise in America.
ENDING = re.compile(r"(?<=\w{3})(?:is(?=e[ds]?\b|ers?\b|ing\b|ation)|ou(?=rs?\b))")
AMERICAN = {"is": "iz", "ou": "o"}


def weigh(page: Page) -> None:
    """Weigh a page by its folder; the figures of a notebook are found where they are shown."""
    folder = page.file.src_uri.partition("/")[0]
    if is_notebook(page.file):
        page.meta["search"] = {"exclude": True}
    elif folder in BOOSTS:
        page.meta["search"] = {"boost": BOOSTS[folder]}


def remember(config: MkDocsConfig, developed: dict[str, list[str]]) -> None:
    """Let the plugin look for entries only in a page that has changed.

    It is told which terms are developed at an address.
    """
    index = plugin(config, "material/search").search_index
    add = index.add_entry_from_context
    index.add_entry_from_context = partial(_add, index, add, config, developed)


def _add(
    index: Any,
    add: Callable[[Page], None],
    config: MkDocsConfig,
    developed: dict[str, list[str]],
    page: Page,
) -> None:
    before = len(index.entries)

    def entries() -> list[dict[str, Any]]:
        whole, page.content = page.content, prose(html_of(page))
        add(page)
        page.content = whole
        return completed(index.entries[before:], page, developed)

    here = {url: names for url, names in developed.items() if url.partition("#")[0] == page.url}
    seen = [page.url, page.title, page.meta, str(page.toc), page.content, here]
    index.entries[before:] = recall(config, ["search", *seen], entries)


def prose(content: str) -> str:
    """Leave out what is not to be found; what comes before the title would be an entry."""
    tree = LexborHTMLParser(content)
    for node in tree.css(LEFT_OUT):
        node.decompose()
    return (tree.body.inner_html or "").strip() if tree.body else ""


def completed(
    entries: list[dict[str, Any]], page: Page, developed: dict[str, list[str]]
) -> list[dict[str, Any]]:
    """Add to the entries of a page the words that it is looked for by, but does not have."""
    names = {entry["location"]: [*developed.get(entry["location"], [])] for entry in entries}
    if is_chapter(page.file):
        claim = entries[0]
        number, *_ = str(page.title).partition(" ")
        claim |= {"title": f"{number} {claim['title']}", "boost": claim["boost"] * CLAIM}
        names[claim["location"]] += page.meta.get("also", [])
    for entry in entries:
        if words := plurals(names[entry["location"]]):
            entry["words"] = words
        if others := american(f"{entry['title']} {entry['text']} {words}"):
            entry["american"] = others
    return entries


def plurals(names: Iterable[str]) -> str:
    """Put names into the plural, as a word is found by its beginning: one find for both numbers.

    In small letters: the search takes a capital within a word for the beginning of another.
    """
    return ", ".join(f"{name.lower().removesuffix('s')}s" for name in names)


def american(prose: str) -> str:
    """Return the words of a text that America spells otherwise, spelt its way."""
    words = set(re.findall(r"\w+", text(prose).lower()))
    spelt = {ENDING.sub(lambda end: AMERICAN[end[0]], word) for word in words}
    return " ".join(sorted(spelt - words))
