"""Give every lesson and record its header, and the home page a card for each lesson.

A chapter says in its front matter what it claims (``claim``), in which modules its code lives
(``code``), and which of its figures stands for it (``figure``, by its name). All else is counted
or looked up.

A chapter stands on two pages of one name: the lesson in ``chapters/``, the record in ``evidence/``.
Below the lesson the sections of its record are listed. Each entry has the anchors of its section,
so an address of what has moved there still leads to it.
"""

import re
from collections import defaultdict
from functools import partial
from urllib.parse import urljoin, urlsplit

from jinja2 import Environment
from markdown import markdown as to_html
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import AnchorLink
from mkdocs.utils import get_relative_url
from selectolax.lexbor import LexborHTMLParser

from read.pages import html_of, ids_of, is_chapter, listed, pages_of, record_of
from read.words import minutes

TOLD = ("claim", "code", "description", "figure")
CARDS = re.compile(r"<!-- chapters from (\d+) -->")
RECORDS = "<!-- evidence -->"
TIME = re.compile(r"<!-- time (\d+) -->")
# Of a heading, an equation or a figure; those of a theme's making begin with two lines.
ANCHOR = re.compile(r' id="((?!__)[^"]*)"')
KNOWN = re.compile(r"<p>(?=<em>How we know[:.]?</em>)")
EXAMPLE = re.compile(r"^ *```(python|pycon)\b(?!.*Not run)", re.MULTILINE)


def count(markdown: str, page: Page) -> None:
    """Look at a chapter while it is still text."""
    if is_chapter(page.file):
        if missing := [name for name in TOLD if page.meta.get(name) is None]:
            names = ", ".join(missing)
            raise PluginError(f"{page.file.src_uri}: its front matter does not say: {names}")
        page.meta["minutes"] = minutes(markdown)
        page.meta["examples"] = len(EXAMPLE.findall(markdown))


def introduce(env: Environment, config: MkDocsConfig, files: Files) -> None:
    """Write the headers and the cards, once all pages and figures are there."""
    chapters = [page for page in pages_of(files) if is_chapter(page.file)]
    header = env.get_template("partials/chapter.html")
    for number, page in enumerate(chapters, start=1):
        address = partial(get_relative_url, other=page.url)
        facts = {
            "number": number,
            "chapters": len(chapters),
            "modules": [(name, address(_api(page, name, files))) for name in page.meta["code"]],
            "notation": address("conventions/"),
            **page.meta,
        }
        content = KNOWN.sub('<p class="known">', html_of(page))
        page.content = header.render(config=config, page=page, **facts) + content
        if (record := record_of(page.file, files)) and record.page:
            _lead_to(record.page, page, number, env, config)
    for page in pages_of(files):
        page.content = TIME.sub(partial(_time, chapters), html_of(page))
        if RECORDS in page.content:
            page.content = page.content.replace(RECORDS, _records(chapters, page, files))
        page.content = CARDS.sub(partial(_cards, env, chapters, page), html_of(page))


def _lead_to(
    record: Page, lesson: Page, number: int, env: Environment, config: MkDocsConfig
) -> None:
    """List the sections of a record below its lesson, and link back from its top."""
    sections = [section for top in record.toc for section in top.children]
    headings = {link.id for link in listed(sections)}
    inside, section = defaultdict(list), ""
    for anchor in ANCHOR.findall(html_of(record)):
        section = anchor if anchor in headings else section
        if section and anchor not in ids_of(lesson):
            inside[section].append(anchor)
    facts = {
        "number": number,
        "name": lesson.file.name,
        "record": get_relative_url(record.url, lesson.url),
        "lesson": get_relative_url(lesson.url, record.url),
        "sections": sections,
        "inside": inside,
    }
    evidence = env.get_template("partials/evidence.html").render(config=config, **facts)
    lesson.content = html_of(lesson) + evidence
    ids_of(lesson).update(*inside.values(), {"the-evidence"})
    (title,) = lesson.toc
    title.children.append(AnchorLink("The evidence", "the-evidence", 2))
    header = env.get_template("partials/record.html")
    record.content = header.render(config=config, page=record, **facts) + html_of(record)


def _time(chapters: list[Page], match: re.Match[str]) -> str:
    """Say how long the first chapters take to read."""
    total = sum(page.meta["minutes"] for page in chapters[: int(match[1])])
    if total < 90:
        return f"{total} minutes"
    hours, half = divmod(round(total / 30), 2)
    return f"{hours}{' and a half' * half} hours"


def _records(chapters: list[Page], home: Page, files: Files) -> str:
    """List the records of the chapters, in their order."""
    records = [record_of(chapter.file, files) for chapter in chapters]
    links = [
        f'<li><a href="{get_relative_url(record.url, home.url)}">{record.page.title}</a></li>'
        for record in records
        if record and record.page
    ]
    return "\n".join(['<ul class="records">', *links, "</ul>"])


def _api(page: Page, module: str, files: Files) -> str:
    """Return the address of a module's page."""
    path = f"api/{module.removeprefix('bptt.').replace('.', '/')}.md"
    if file := files.get_file_from_path(path):
        return file.url
    raise PluginError(f"{page.file.src_uri}: its code lives in {module}, which has no page {path}")


def _cards(env: Environment, chapters: list[Page], home: Page, match: re.Match[str]) -> str:
    """Write the cards of a part: of the chapters from this one on, as far as the next part."""
    firsts = [int(first) for first in CARDS.findall(html_of(home))]
    first = int(match[1])
    later = [other for other in firsts if other > first]
    end = min(later, default=len(chapters) + 1)
    address = partial(get_relative_url, other=home.url)
    return env.get_template("partials/cards.html").render(
        first=first,
        cards=[_card(chapter, home) for chapter in chapters[first - 1 : end - 1]],
        last=not later,
        library=address("api/"),
        archive=address("bptt-site.zip"),
    )


def _card(chapter: Page, home: Page) -> dict[str, object]:
    """Collect what the card of a chapter shows."""
    return {
        "title": chapter.title,
        "url": get_relative_url(chapter.url, home.url),
        "claim": to_html(chapter.meta["claim"]).removeprefix("<p>").removesuffix("</p>"),
        "images": [_image(image, chapter, home) for image in _key_figure(chapter)],
        "minutes": chapter.meta["minutes"],
        "examples": chapter.meta["examples"],
        "figures": html_of(chapter).count("<figure"),
    }


def _key_figure(chapter: Page) -> list[dict[str, str]]:
    """Return the images, a light and a dark one, of the figure that stands for a chapter."""
    name = chapter.meta["figure"]
    images = LexborHTMLParser(html_of(chapter)).css(f'img[src*="/{name}-"]')
    if images:
        return [{name: value or "" for name, value in image.attributes.items()} for image in images]
    raise PluginError(f"{chapter.file.src_uri}: it shows no figure {name}")


def _image(image: dict[str, str], chapter: Page, home: Page) -> dict[str, str]:
    """Address an image of a chapter from the home page."""
    target = urlsplit(urljoin(f"/{chapter.url}", image["src"]))
    source = f"{get_relative_url(target.path.lstrip('/'), home.url)}#{target.fragment}"
    return {"src": source, "width": image["width"], "height": image["height"]}
