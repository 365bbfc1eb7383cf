"""Mark in each chapter where it first uses a term of the glossary, with the definition at hand.

``docs/glossary.md`` is the only list. A term is a ``<dt>`` with an anchor; commas separate its
names. The first ``<dd>`` below defines it, the second links to where it is developed. A word that
also has another meaning has the class ``common`` and is not marked.

The mark is a link to the glossary whose title is the definition. Unlike an ``<abbr>``, it is
reached by the keyboard and by touch, and works without scripts.
"""

import html
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from urllib.parse import urldefrag, urljoin

from bs4 import BeautifulSoup
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.utils import get_relative_url

from read.memory import recall
from read.pages import html_of, is_chapter, pages_of, text
from read.words import pattern

LIST = "glossary.md"
PARAGRAPH = re.compile(r"<p>.*?</p>", re.DOTALL)
# Inside these, words stay as they are. An autoref is a link that is not resolved yet.
UNMARKED = "a|abbr|autoref|code|math|strong"
# One of these with all that is in it, or another tag, or words.
PIECE = re.compile(rf"<({UNMARKED})\b.*?</\1>|<[^>]*>|(?P<words>[^<]+)", re.DOTALL)
BLOCK = re.compile(r"<pre\b.*?</pre>", re.DOTALL)


@dataclass(frozen=True)
class Term:
    """A term with the names that are looked for."""

    anchor: str
    names: tuple[str, ...]
    definition: str
    common: bool
    links: tuple[str, ...]  # to where it is developed


def mark_terms(config: MkDocsConfig, files: Files) -> None:
    """Read the glossary, once it is rendered, and mark its terms in the chapters."""
    pages = {page.file.src_uri: page for page in pages_of(files)}
    if LIST not in pages:
        return
    glossary = pages[LIST]
    terms = list(read(html_of(glossary)))
    asked = [[*term.names] for term in terms]
    used: set[str] = set()
    _check_links(terms, glossary.url, {page.url: html_of(page) for page in pages.values()})
    for page in (page for page in pages.values() if is_chapter(page.file)):
        content, link = html_of(page), get_relative_url(glossary.url, page.url)
        causes = ["glossary", html_of(glossary), content]
        used |= {*recall(config, [*causes, "used"], partial(names_used, content, asked))}
        page.content = recall(config, [*causes, link], partial(mark, content, terms, link))
    for term in terms:
        if term.names[0] not in used:
            raise PluginError(f"{LIST}: no chapter uses the term {term.names[0]}")


def developed(files: Files) -> dict[str, list[str]]:
    """Return the names of the terms that are developed at an address, a section or a page."""
    glossary = files.get_file_from_path(LIST)
    if glossary is None or glossary.page is None:
        return {}
    names: dict[str, list[str]] = {}
    for term in read(html_of(glossary.page)):
        for link in term.links:
            names.setdefault(urljoin(f"/{glossary.url}", link)[1:], []).extend(term.names)
    return names


def names_used(content: str, terms: list[list[str]]) -> list[str]:
    """Return the first names of the terms that a page uses, by any of their names."""
    prose = text(content)
    return [names[0] for names in terms if pattern(names).search(prose)]


def _check_links(terms: Iterable[Term], base: str, contents: dict[str, str]) -> None:
    """Insist that each term is used where its entry sends the reader."""
    for term in terms:
        for link in term.links:
            url, anchor = urldefrag(urljoin(f"/{base}", link))
            if not pattern(term.names).search(section(contents.get(url[1:], ""), anchor)):
                raise PluginError(f"{LIST}: {term.names[0]} is not used in {link}")


def section(content: str, anchor: str) -> str:
    """Return the prose of a section with those below it; without an anchor, of the whole page."""
    prose = BLOCK.sub("", content)
    if anchor:
        heading = re.search(rf'<h(\d) id="{re.escape(anchor)}"', prose)
        if heading is None:
            return ""
        following = prose[heading.start() + 1 :]
        prose = re.split(rf"<h[1-{heading[1]}]\b", following)[0]
    return text(prose)


def read(content: str) -> Iterator[Term]:
    """Read the terms of the rendered glossary."""
    for name in BeautifulSoup(content, "html.parser").find_all("dt"):
        definitions = name.find_next_siblings(["dt", "dd"], limit=2)
        if [tag.name for tag in definitions] != ["dd", "dd"] or not definitions[1].a:
            raise PluginError(f"{LIST}: {name.text} needs a definition and a link, each after a :")
        if not name.get("id"):
            raise PluginError(f"{LIST}: {name.text} has no anchor")
        definition = " ".join(definitions[0].text.split())
        common = "common" in name.get_attribute_list("class")
        links = tuple(str(link["href"]) for link in definitions[1].find_all("a"))
        yield Term(str(name["id"]), tuple(name.text.split(", ")), definition, common, links)


def mark(content: str, terms: list[Term], link: str) -> str:
    """Mark the first use of each term in the paragraphs of a page."""
    rare = [term for term in terms if not term.common]
    names = {name.casefold(): term for term in rare for name in term.names}
    any_name = pattern(name for term in rare for name in term.names)
    used: set[str] = set()

    def mark_use(match: re.Match[str]) -> str:
        term = names[" ".join(match["name"].casefold().split())]
        if term.anchor in used:
            return match[0]
        used.add(term.anchor)
        title = html.escape(term.definition)
        return f'<a class="term" href="{link}#{term.anchor}" title="{title}">{match[0]}</a>'

    def mark_words(piece: re.Match[str]) -> str:
        return any_name.sub(mark_use, piece[0]) if piece["words"] else piece[0]

    return PARAGRAPH.sub(lambda paragraph: PIECE.sub(mark_words, paragraph[0]), content)
