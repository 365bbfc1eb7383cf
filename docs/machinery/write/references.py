"""Fill the page of references from ``docs/references.bib``, and hold every citation against it.

A page cites a work by linking to its address: a DOI, an arXiv number or another that stands in the
file. The link gets the full reference as its title. A citation of an unknown work, one with a wrong
date and a work that no page cites are mistakes.
"""

import html
import re
import unicodedata
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from urllib.parse import unquote

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url
from pybtex.database import Entry, parse_file
from pybtex.exceptions import PybtexError

from read.pages import html_of, ids_of, listed, pages_of, text

SOURCE = "references.bib"
LIST = "references.md"
# Whoever links to these cites a work.
PUBLISHERS = ("https://doi.org/", "https://arxiv.org/abs/", "https://proceedings.mlr.press/")
PREFIXES = {"doi": "https://doi.org/", "eprint": "https://arxiv.org/abs/", "url": ""}
LABELS = {"doi": "doi:", "eprint": "arXiv:", "url": ""}
LINK = re.compile(r'<a (?P<rest>[^>]*?)href="(?P<link>https://[^"]*)">(?P<text>.*?)</a>', re.DOTALL)
HEADING = re.compile(r'<h[1-6] id="([^"]*)"')
# A year that stands for itself: not a part of a DOI, of an arXiv number or of an address.
YEAR = re.compile(r"(?<![\w./:-])(?:1[89]|20)\d\d(?![\w./-])")


@dataclass(frozen=True)
class Work:
    """One entry of the file."""

    key: str
    authors: tuple[tuple[str, str], ...]  # initials and last name of each
    title: str
    venue: str
    volume: str
    year: str
    addresses: tuple[tuple[str, str], ...]  # address and what is shown of it

    @property
    def text(self) -> str:
        """The reference in full, without its addresses."""
        names = [" ".join(author) for author in self.authors]
        several = ", ".join(names[:-1]) + " and " if names[1:] else ""
        place = " ".join(part for part in (self.venue, self.volume, f"({self.year})") if part)
        return f"{several}{names[-1]}, “{self.title}”{',' * bool(self.venue)} {place}"

    @property
    def order(self) -> tuple[str, ...]:
        """Sort by the first author's last name, without accents, then by year."""
        plain = unicodedata.normalize("NFKD", self.authors[0][1]).casefold()
        return (plain, self.year, self.title)


# For each work: the places that cite it, each a page and the anchor of a section.
Citations = dict[str, list[tuple[Page, str]]]


def fill(config: MkDocsConfig, files: Files) -> None:
    """Look at the citations of all pages, once they are rendered."""
    works = read(Path(config.docs_dir) / SOURCE)
    by_address = {_normal(address): work for work in works for address, _ in work.addresses}
    citations: Citations = defaultdict(list)
    for page in sorted(pages_of(files), key=lambda page: page.file.src_uri.startswith("api/")):
        page.content = LINK.sub(partial(_cite, page, by_address, citations), html_of(page))
    for work in works:
        if work.key not in citations:
            raise PluginError(f"{SOURCE}: no page cites {work.key}, {work.addresses[0][0]}")
    for page in pages_of(files):
        if page.file.src_uri == LIST:
            items = "\n".join(_item(work, citations[work.key], page) for work in works)
            page.content = f'{html_of(page)}\n<ul class="references">\n{items}\n</ul>'
            ids_of(page).update(work.key for work in works)


def read(path: Path) -> list[Work]:
    """Read all works, in the order of the list. A site without the file cites nothing."""
    if not path.exists():
        return []
    try:
        works = [_work(key, entry) for key, entry in parse_file(path, "bibtex").entries.items()]
    except PybtexError as error:
        raise PluginError(f"{SOURCE}: {error}") from error
    return sorted(works, key=lambda work: work.order)


def _work(key: str, entry: Entry) -> Work:
    try:
        authors = tuple(
            (
                " ".join(person.first_names + person.middle_names),
                " ".join(person.prelast_names + person.last_names),
            )
            for person in entry.persons["author"]
        )
        title, year = entry.fields["title"], entry.fields["year"]
    except KeyError as error:
        raise PluginError(f"{SOURCE}: {key} has no {error.args[0]}") from error
    fields = entry.fields
    venue = next((fields[f] for f in ("journal", "booktitle", "publisher") if f in fields), "")
    addresses = tuple(
        (PREFIXES[field] + fields[field], LABELS[field] + fields[field])
        for field in PREFIXES
        if field in fields
    )
    if not addresses:
        raise PluginError(f"{SOURCE}: {key} has no doi, eprint or url")
    return Work(key, authors, title, venue, fields.get("volume", ""), year, addresses)


def _normal(address: str) -> str:
    """Make the spellings of an address equal; case does not matter in a DOI."""
    return unquote(html.unescape(address)).casefold()


def _cite(
    page: Page, by_address: dict[str, Work], citations: Citations, match: re.Match[str]
) -> str:
    """Note one citation, and give its link the full reference as title."""
    work = by_address.get(_normal(match["link"]))
    if work is None:
        if match["link"].startswith(PUBLISHERS):
            raise PluginError(f"{page.file.src_uri}: {match['link']} is not in {SOURCE}")
        return match[0]
    *_, section = HEADING.findall(match.string, 0, match.start())
    if (page, section) not in citations[work.key]:
        citations[work.key].append((page, section))
    citation = " ".join(text(match["text"]).split())
    if not YEAR.search(citation):
        return match[0]
    _check(page, work, citation)
    title = html.escape(f"{work.text}.")
    return f'<a {match["rest"]}href="{match["link"]}" title="{title}">{match["text"]}</a>'


def _check(page: Page, work: Work, citation: str) -> None:
    """Insist on the year and on the first author, if there is more than a year."""
    name = work.authors[0][1]
    named = citation == work.year or name in citation
    if not named or work.year not in YEAR.findall(citation):
        message = f"{page.file.src_uri}: “{citation}” cites {work.key}, which {SOURCE} gives as"
        raise PluginError(f"{message} {work.text}")


def _item(work: Work, citations: list[tuple[Page, str]], listing: Page) -> str:
    links = ", ".join(
        f'<a href="{html.escape(address)}">{html.escape(label)}</a>'
        for address, label in work.addresses
    )
    cited = "; ".join(
        _places(page, [section for _, section in places], listing)
        for page, places in groupby(citations, key=lambda place: place[0])
    )
    full, venue = html.escape(work.text, quote=False), html.escape(work.venue, quote=False)
    full = full.replace(f"”, {venue} ", f"”, <em>{venue}</em> ")
    return f'<li id="{work.key}">{full}, {links}. <small>Cited in {cited}.</small></li>'


def _places(page: Page, sections: list[str], listing: Page) -> str:
    """Link to the sections of one page that cite a work."""
    sections = [section for section in sections if section != "further-reading"] or sections
    titles = {link.id: link.title for link in listed(page.toc)}
    base = get_relative_url(page.url, listing.url)
    links = ", ".join(f'<a href="{base}#{id_}">{titles[id_]}</a>' for id_ in sections)
    return f"{html.escape(str(page.title))} ({links})"
