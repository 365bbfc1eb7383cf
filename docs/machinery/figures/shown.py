"""Show in a chapter what a figure notebook draws.

``![Alt text.](../figures/01_state.py#states)`` names the figure that is drawn under the heading
``States`` of the notebook ``docs/figures/01_state.py``. MkDocs resolves the link and mkdocs-jupyter
runs the notebook. Once all pages are rendered, this takes the pictures out of the notebooks'
pages, makes a light and a dark file of each, and shows them in both places. In the chapter a figure
gets a number, an address of its own, and links to its code and to its data or description.
"""

import html
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from urllib.parse import urldefrag, urljoin

from bs4 import BeautifulSoup, Tag
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

from figures import touch
from figures.colours import dark
from figures.drawn import collect
from figures.svg import alone, size
from read.memory import recall
from read.pages import html_of, ids_of, is_notebook, pages_of

SCHEMES: dict[str, Callable[[str], str]] = {"light": str, "dark": dark}
IMAGE = re.compile(r'<img\b[^>]*?\bsrc="([^"]*)"[^>]*>')
FIGURE = re.compile(r"<figure\b.*?</figure>", re.DOTALL)
# The letters, 10 points high, are shown as large as those of the caption, 15 pixels.
PIXELS_PER_POINT = 1.5
# The page of a chapter or of its evidence, with its number.
CHAPTER = re.compile(r"(chapters|evidence)/0*(\d+)")


@dataclass
class Figure:
    """A picture drawn by a notebook. Its alternative text comes from the page that shows it."""

    page: Page
    name: str
    svg: str
    explanations: list[str]
    touch: dict[str, str] | None = None
    alt: str = ""

    def uri(self, scheme: str) -> str:
        """Name the file of this picture in the site."""
        return f"{self.page.url}{self.name}-{scheme}.svg"

    def images(self, page: Page) -> str:
        """Return the light and the dark image for a page."""
        width, height = (round(points * PIXELS_PER_POINT) for points in size(self.svg))
        return "".join(
            f'<img src="{get_relative_url(self.uri(scheme), page.url)}#only-{scheme}"'
            f' alt="{html.escape(self.alt)}" width="{width}" height="{height}" loading="lazy">'
            for scheme in SCHEMES
        )


Notebooks = dict[str, dict[str, Figure]]


def show(config: MkDocsConfig, files: Files) -> None:
    """Put every figure where it belongs, and its files into the site."""
    pages = pages_of(files)
    drawn = {_address(page): _drawn(page, config) for page in pages if is_notebook(page.file)}
    for page in pages:
        if not is_notebook(page.file):
            page.content = FIGURE.sub(partial(_embed, page, drawn), html_of(page))
            _refuse_without_caption(page, drawn)
    for page in pages:
        if is_notebook(page.file):
            _show(page, drawn[_address(page)], config)
    for figure in (figure for figures in drawn.values() for figure in figures.values()):
        for scheme, coloured in SCHEMES.items():
            svg = alone(coloured(figure.svg))
            files.append(File.generated(config, figure.uri(scheme), content=svg))


def _address(page: Page, link: str = "") -> str:
    """Return where a link on a page leads, within the site."""
    return urljoin(f"/{page.url}", link)


def _drawn(page: Page, config: MkDocsConfig) -> dict[str, Figure]:
    """Take a notebook's figures out of its page, which is ready then to be shown."""
    where = page.file.src_uri
    page.content, figures = recall(
        config, ["figures", where, html_of(page)], partial(collect, html_of(page), where)
    )
    return {name: Figure(page, name, **figure) for name, figure in figures.items()}


def _embed(page: Page, drawn: Notebooks, match: re.Match[str]) -> str:
    """Fill one ``<figure>`` of a chapter, and link to the code that drew it."""
    soup = BeautifulSoup(match[0], "html.parser")
    (frame,) = soup.select("figure")
    for image in frame.find_all("img"):
        link = str(image["src"])
        notebook, name = urldefrag(_address(page, link))
        if notebook in drawn:
            figure = _named(page, drawn[notebook], notebook, name)
            figure.alt = _alternative(page, image, figure)
            frame["id"] = _new_id(page, f"figure-{name}")
            number = _number(page, frame)
            frame.append(_links(link, figure, number))
            image.replace_with(BeautifulSoup(figure.images(page), "html.parser"))
            if figure.touch:
                touch.add(frame, figure.touch, page)
    return str(soup)


def _new_id(page: Page, name: str) -> str:
    """Reserve the address of a figure in its page."""
    if name in ids_of(page):
        raise PluginError(f"{page.file.src_uri}: the address #{name} is taken; a figure needs it")
    ids_of(page).add(name)
    return name


def _number(page: Page, figure: Tag) -> str:
    """Put the chapter's number before the figure's, and make both a link to the figure."""
    (prefix,) = figure.select(".caption-prefix")
    number = prefix.text.removesuffix(".")
    if chapter := CHAPTER.search(page.file.src_uri):
        letter = "E" if chapter[1] == "evidence" else ""
        number = number.replace(" ", f" {letter}{chapter[2]}.")
    link = f'<a href="#{figure["id"]}">{number}.</a>'
    prefix.clear()
    prefix.append(BeautifulSoup(link, "html.parser"))
    return number


def _links(code: str, figure: Figure, number: str) -> BeautifulSoup:
    """Link to the code of a figure, and to what it shows in numbers or words."""
    addresses = {"code": code}
    addresses |= {kind: f"{code}-{kind}" for kind in figure.explanations}
    links = " ".join(
        f'<a class="figure-{kind}" href="{address}">{kind.capitalize()} of {number}</a>'
        for kind, address in addresses.items()
    )
    return BeautifulSoup(f'<p class="figure-links">{links}</p>', "html.parser")


def _named(page: Page, figures: dict[str, Figure], notebook: str, name: str) -> Figure:
    if name not in figures:
        known = ", ".join(figures)
        message = f"{page.file.src_uri}: {notebook} draws no figure #{name}, only: {known}"
        raise PluginError(message)
    return figures[name]


def _alternative(page: Page, image: Tag, figure: Figure) -> str:
    if alt := str(image.get("alt", "")).strip():
        return alt
    raise PluginError(f"{page.file.src_uri}: the figure #{figure.name} has no alternative text")


def _refuse_without_caption(page: Page, drawn: Notebooks) -> None:
    for link in IMAGE.findall(html_of(page)):
        if urldefrag(_address(page, link)).url in drawn:
            raise PluginError(f"{page.file.src_uri}: the figure {link} has no figure-caption")


def _show(page: Page, figures: dict[str, Figure], config: MkDocsConfig) -> None:
    """Show a notebook its own figures the way the chapters show them."""
    for figure in figures.values():
        if not figure.alt:
            raise PluginError(f"{page.file.src_uri}: no page shows the figure #{figure.name}")
    images = (
        f"<p>{figure.images(page)}</p>"
        + (touch.source(figure.touch, page, config) if figure.touch else "")
        for figure in figures.values()
    )
    page.content = IMAGE.sub(lambda _: next(images), html_of(page))
