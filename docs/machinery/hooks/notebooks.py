"""Make an executed notebook a page like the others: headings, code and output, nothing else.

nbconvert wraps every cell in JupyterLab's markup and brings 580 KB of its styles and scripts, some
of them from third parties. This hook keeps the contents of the cells and drops all of that.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from urllib.parse import urldefrag, urlsplit

from bs4 import BeautifulSoup
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url
from nbclient.exceptions import CellExecutionError
from pages import is_notebook, linked

# Markdown, code, printed text, pictures, and their data.
CELLS = (
    ".jp-MarkdownOutput, .highlight-ipynb pre, .jp-OutputArea-output > :is(pre, img, .figure-data)"
)
FORMULA = re.compile(r"\$([^$]+)\$")


def on_pre_page(page: Page, **_: Any) -> Page:
    """Catch what a cell raises, to name the notebook in one sentence."""
    if is_notebook(page.file):
        page.render = partial(_render, page, page.render)
    return page


def _render(page: Page, render: Callable[..., None], *args: Any) -> None:
    try:
        render(*args)
    except CellExecutionError as error:
        message = f"{page.file.src_uri}: a cell raises {error.ename}: {error.evalue}"
        raise PluginError(message) from error


def on_page_content(html: str, page: Page, files: Files, **_: Any) -> str | None:
    """Rebuild a notebook's page from its cells, and let MkDocs check the links to and from it."""
    if not is_notebook(page.file):
        return None
    soup = BeautifulSoup(html, "html.parser")
    for permalink in soup.select("a.anchor-link"):
        permalink["class"], permalink["title"] = "headerlink", "Permanent link"
    page.links_to_anchors = {}
    for link in soup.select(".jp-MarkdownOutput a[href]"):
        link["href"] = _address(link["href"], page, files)
    page.present_anchor_ids = {tag["id"] for tag in soup.select(".jp-MarkdownOutput [id]")}
    return "\n".join(_cells(soup))


def _address(link: str, page: Page, files: Files) -> str:
    """Turn a link to a source file into a link to its page, as MkDocs does in Markdown pages."""
    path, anchor = urldefrag(link)
    if not path or urlsplit(link).scheme:
        return link
    file = linked(page.file, files, path)
    if file is None:
        raise PluginError(f"{page.file.src_uri}: a link leads to no page: {link}")
    address = get_relative_url(file.url, page.url)
    if not anchor:
        return address
    page.links_to_anchors.setdefault(file, {})[anchor] = link
    return f"{address}#{anchor}"


def _cells(soup: BeautifulSoup) -> Iterator[str]:
    for node in soup.select(CELLS):
        content = node.decode_contents().strip()
        if node.name == "img":
            yield str(node)
        elif "figure-data" in node.get("class", []):
            yield _with_formulas(str(node))
        elif node.name == "pre":
            kind = (
                "output" if node.find_parent(class_="jp-OutputArea-output") else "language-python"
            )
            yield f'<div class="{kind} highlight"><pre><code>{content}\n</code></pre></div>'
        else:
            yield _with_formulas(content)


def _with_formulas(content: str) -> str:
    """Mark formulas as arithmatex marks them in Markdown, for the hook that renders them."""
    return FORMULA.sub(r'<span class="arithmatex">\\(\1\\)</span>', content)
