"""Show all figures of the site on one page, as thumbnails below the chapter that they belong to.

The page has ``<!-- figures -->`` where they are to stand. A chapter is folded up and shows one of
its figures: all together weigh more than a page may. What is folded up is not fetched.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit

from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url
from selectolax.lexbor import LexborHTMLParser, LexborNode

from read.pages import html_of, is_notebook, is_record, pages_of, record_of

FIGURES = "<!-- figures -->"


class Picture(NamedTuple):
    """A figure of a page, by its light and its dark image; the addresses start at the root."""

    number: str
    name: str  # by which the front matter of its chapter knows it
    title: str
    images: list[dict[str, str]]
    place: str
    code: str


def fill(env: Environment, config: MkDocsConfig, files: Files) -> None:
    """Put the figures into each page that asks for them."""
    for page in pages_of(files):
        if FIGURES in html_of(page):
            block = env.get_template("partials/gallery.html").render(
                config=config,
                chapters=[*_chapters(files)],
                url=partial(_from, page),
            )
            page.content = html_of(page).replace(FIGURES, block)


def _from(page: Page, target: str) -> str:
    """Address from a page what has an address from the root."""
    parts = urlsplit(target)
    return parts._replace(path=get_relative_url(parts.path.lstrip("/"), page.url)).geturl()


def _chapters(files: Files) -> Iterator[dict[str, Any]]:
    """Give the pages that show figures, those of a record with its chapter."""
    titles = _titles(files)
    for page in pages_of(files):
        if is_notebook(page.file) or is_record(page.file):
            continue
        pictures = [*_pictures(page, titles)]
        if (record := record_of(page.file, files)) and record.page:
            pictures += _pictures(record.page, titles)
        if pictures:
            key = [picture for picture in pictures if picture.name == page.meta.get("figure")]
            notebook = pictures[0].code.partition("#")[0]
            yield {
                "title": page.title,
                "key": [*key, pictures[0]][0],
                "pictures": pictures,
                "notebook": notebook,
            }


def _titles(files: Files) -> dict[str, str]:
    """Return what the notebooks call their figures, by the addresses of their code."""
    return {
        f"/{page.url}#{heading.id}": heading.text(deep=True).removesuffix("¶")
        for page in pages_of(files)
        if is_notebook(page.file)
        for heading in LexborHTMLParser(html_of(page)).css("h2[id]")
    }


def _pictures(page: Page, titles: dict[str, str]) -> Iterator[Picture]:
    """Give the figures of a page that a notebook draws."""
    for figure in LexborHTMLParser(html_of(page)).css("figure:has(.figure-code)"):
        (number,), (link,) = figure.css(".caption-prefix"), figure.css(".figure-code")
        code = urljoin(f"/{page.url}", _attribute(link, "href"))
        yield Picture(
            number=number.text().removesuffix("."),
            name=code.partition("#")[2],
            title=titles[code],
            images=[_image(image, page) for image in figure.css("img")],
            place=f"/{page.url}#{figure.id}",
            code=code,
        )


def _image(image: LexborNode, page: Page) -> dict[str, str]:
    address = urljoin(f"/{page.url}", _attribute(image, "src"))
    sides = {side: _attribute(image, side) for side in ("width", "height")}
    return {"src": address, **sides}


def _attribute(node: LexborNode, name: str) -> str:
    """Return an attribute that `shown.py` has written."""
    return node.attributes.get(name) or ""
