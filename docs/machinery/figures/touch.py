"""Let a figure be touched: put its script and its data behind its picture.

A notebook cell that displays ``figures.touchable(...)`` leaves an element with the data in its
page. This takes it out of there, where the script is shown instead, and puts it into the chapter's
figure. The scripts stand in ``docs/figures/touch``; ``js/touch.js`` fetches them.
"""

import html
import re
from pathlib import Path
from typing import Any

from bs4 import BeautifulSoup, Tag
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

FOLDER = "figures/touch"
MARK = "figure-touch"
# A reader fetches it with the pointer on the figure, and must not wait for it.
MOST_BYTES = 12_000
# How a script names another that it fetches.
FETCHED = re.compile(r'script\("([\w-]+\.js)"\)')
# In one colour: the elements of others would be a thousand.
SOURCE = (
    '<details class="touch-source"><summary>The script with which it is touched: {name}</summary>'
    '<div class="highlight" data-search-exclude><pre><code>{code}</code></pre></div></details>'
)


def take(soup: BeautifulSoup, figures: dict[str, dict[str, Any]], headings: list[str]) -> None:
    """Take what the figures of a notebook's page bring along to be touched."""
    name = ""
    for tag in soup.find_all([*headings, "script"]):
        if tag.name != "script":
            name = str(tag.get("id", ""))
        elif MARK in tag.get_attribute_list("class") and name in figures:
            figures[name]["touch"] = {
                "script": str(tag["data-script"]),
                "invitation": str(tag["data-invitation"]),
                "data": tag.text,
            }
            tag.decompose()


def add(frame: Tag, touch: dict[str, str], page: Page) -> None:
    """Give a chapter's figure the data for its script, and a place for a button."""
    address = f"{FOLDER}/{touch['script']}.js"
    frame["data-touch"] = get_relative_url(address, page.url)
    place = (
        f'<p class="touch" data-invitation="{html.escape(touch["invitation"])}"></p>'
        f'<script type="application/json">{touch["data"]}</script>'
    )
    (caption,) = frame.select("figcaption")
    caption.insert_before(BeautifulSoup(place, "html.parser"))


def source(touch: dict[str, str], page: Page, config: MkDocsConfig) -> str:
    """Return a figure's script, to be read on its notebook's page, and those that it fetches."""
    folder, own = Path(config.docs_dir, FOLDER), f"{touch['script']}.js"
    names = [own, *FETCHED.findall(_script(folder / own, page))]
    return "".join(
        SOURCE.format(name=name, code=html.escape(_script(folder / name, page), quote=False))
        for name in names
    )


def _script(path: Path, page: Page) -> str:
    try:
        code = path.read_bytes()
    except FileNotFoundError as error:
        raise PluginError(f"{page.file.src_uri}: there is no script {path.name}") from error
    if len(code) > MOST_BYTES:
        message = f"{FOLDER}/{path.name}: {len(code)} bytes; a script has at most {MOST_BYTES}"
        raise PluginError(message)
    return code.decode()
