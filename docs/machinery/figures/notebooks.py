"""Make an executed notebook a page like the others: headings, code and output, nothing else.

nbconvert wraps every cell in JupyterLab's markup and brings 580 KB of its styles and scripts, some
of them from third parties. This keeps the contents of the cells and drops all of that.
"""

import re
from collections.abc import Callable, Iterator
from functools import partial
from urllib.parse import urldefrag, urlsplit

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url
from nbclient.exceptions import CellExecutionError
from selectolax.lexbor import LexborHTMLParser, LexborNode

from read.pages import html_of, is_notebook, linked

# Markdown, code, printed text, pictures, their data, and what lets them be touched.
CELLS = (
    ".jp-MarkdownOutput, .highlight-ipynb pre,"
    ".jp-OutputArea-output > :is(pre, img, .figure-data, .figure-touch)"
)
FORMULA = re.compile(r"\$([^$]+)\$")

Render = Callable[[MkDocsConfig, Files], None]


def rebuild(page: Page) -> None:
    """Add to what mkdocs-jupyter does to render a notebook."""
    if is_notebook(page.file):
        page.render = partial(_render, page, page.render)  # type: ignore[method-assign]


def _render(page: Page, render: Render, config: MkDocsConfig, files: Files) -> None:
    """Rebuild a notebook's page from its cells, and let MkDocs check the links to and from it."""
    try:
        render(config, files)
    except CellExecutionError as error:
        # What a cell raises, with the name of the notebook, in one sentence.
        message = f"{page.file.src_uri}: a cell raises {error.ename}: {error.evalue}"
        raise PluginError(message) from error
    tree = LexborHTMLParser(html_of(page))
    for permalink in tree.css("a.anchor-link"):
        permalink.attrs["class"], permalink.attrs["title"] = "headerlink", "Permanent link"
    anchors: dict[File, dict[str, str]] = {}
    for link in tree.css(".jp-MarkdownOutput a[href]"):
        link.attrs["href"] = _address(link.attrs["href"] or "", page, files, anchors)
    page.links_to_anchors = anchors
    page.present_anchor_ids = {tag.id or "" for tag in tree.css(".jp-MarkdownOutput [id]")}
    page.content = "\n".join(_cells(tree))


def _address(link: str, page: Page, files: Files, anchors: dict[File, dict[str, str]]) -> str:
    """Turn a link to a source file into a link to its page, and note to which anchor it leads."""
    path, anchor = urldefrag(link)
    if not path or urlsplit(link).scheme:
        return link
    file = linked(page.file, files, path)
    if file is None:
        raise PluginError(f"{page.file.src_uri}: a link leads to no page: {link}")
    address = get_relative_url(file.url, page.url)
    if not anchor:
        return address
    anchors.setdefault(file, {})[anchor] = link
    return f"{address}#{anchor}"


def _cells(tree: LexborHTMLParser) -> Iterator[str]:
    for node in tree.css(CELLS):
        if node.tag in {"img", "script"}:
            yield str(node.html)
        elif _is_a("figure-data", node):
            yield _with_formulas(str(node.html))
        elif node.tag == "pre":
            printed = node.parent and _is_a("jp-OutputArea-output", node.parent)
            kind = "output" if printed else "language-python"
            content = str(node.inner_html).strip()
            yield f'<div class="{kind} highlight"><pre><code>{content}\n</code></pre></div>'
        else:
            yield _with_formulas(str(node.inner_html).strip())


def _is_a(name: str, node: LexborNode) -> bool:
    """Tell whether an element has a class; `css_matches` would look inside it as well."""
    return name in (node.attrs.get("class") or "").split()


def _with_formulas(content: str) -> str:
    """Mark formulas as arithmatex marks them in Markdown, for `formulas.py`, which renders them."""
    return FORMULA.sub(r'<span class="arithmatex">\\(\1\\)</span>', content)
