"""Render a page again only if something has changed on which it depends.

That is its Markdown, which other steps have completed by now; the modules that it documents, with
all that they import; the files that it includes; and the names of all files, for its links. A page
that brought a warning is not remembered, so that the next build warns again.
"""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import AnchorLink, get_toc
from mkdocs.utils import CountHandler

from read.memory import recall
from read.modules import behind, protocols
from read.pages import is_notebook
from read.plugins import plugin

DOCUMENTED = re.compile(r"^::: ([\w.]+)", re.MULTILINE)
INCLUDED = re.compile(r'^--8<-- "([^"]+)"', re.MULTILINE)

Render = Callable[[MkDocsConfig, Files], None]
Finish = Callable[[Page], str]


def remember(page: Page, finish: Finish) -> None:
    """Let the page be rendered from memory, if that is possible, and finished if it is not.

    What finishes its HTML may need nothing but that page.
    """
    page.render = partial(_render, page, page.render, finish)  # type: ignore[method-assign]


def _render(page: Page, render: Render, finish: Finish, config: MkDocsConfig, files: Files) -> None:
    rendered = recall(
        config,
        ["page", page.file.src_uri, page.markdown, *_others(page, config, files)],
        partial(_rendered, page, render, finish, config, files),
        keep=lambda rendered: not rendered["warnings"],
    )
    page.content = rendered["content"]
    page.toc = get_toc(rendered["toc"])
    page.present_anchor_ids = set(rendered["ids"])
    linked = ((files.get_file_from_path(uri), links) for uri, links in rendered["links"].items())
    page.links_to_anchors = {file: links for file, links in linked if file}
    page.title = rendered["title"]
    for arguments, named in rendered["anchors"]:
        plugin(config, "autorefs").register_anchor(page, *arguments, **named)
    for arguments, named in rendered["objects"]:
        _documentation(config).inventory.register(*arguments, **named)


def _others(page: Page, config: MkDocsConfig, files: Files) -> Iterator[Any]:
    """Give what a page depends on beside its own text."""
    root = Path(config.config_file_path).resolve().parent
    yield sorted(file.src_uri for file in files if _can_be_linked(file))
    if documented := DOCUMENTED.findall(page.markdown or ""):
        yield behind(documented, root / "src")
        yield protocols(root / "src")
    yield [(root / path).read_text("utf-8") for path in INCLUDED.findall(page.markdown or "")]
    if is_notebook(page.file):
        # Its name stands for all that the notebook's kernel can see.
        yield Path(config.plugins["mkdocs-jupyter"].config["cache_dir"]).name


def _can_be_linked(file: File) -> bool:
    """Tell pages and sources from pictures, which are added one by one while pages are rendered."""
    return file.is_documentation_page() or file.generated_by is None


def _rendered(
    page: Page, render: Render, finish: Finish, config: MkDocsConfig, files: Files
) -> dict[str, Any]:
    """Render a page; note what it is then, and what it told the plugins and the log."""
    with (
        _listening(plugin(config, "autorefs"), "register_anchor") as anchors,
        _listening(_documentation(config).inventory, "register") as objects,
        _warnings() as warnings,
    ):
        render(config, files)
        page.content = finish(page)
    return {
        "content": page.content,
        "toc": [_entry(link) for link in page.toc],
        "ids": sorted(page.present_anchor_ids or ()),
        "links": {file.src_uri: links for file, links in (page.links_to_anchors or {}).items()},
        "title": page.title,
        "anchors": [(arguments[1:], named) for arguments, named in anchors],
        "objects": objects,
        "warnings": len(warnings.counts),
    }


def _documentation(config: MkDocsConfig) -> Any:
    """Return what documents objects, with its inventory of them, as if a page had asked for it."""
    documentation = plugin(config, "mkdocstrings")
    documentation.get_handler("python")
    return documentation.handlers


def _entry(link: AnchorLink) -> dict[str, Any]:
    """Write an entry of a table of contents as Markdown's `toc` does."""
    children = [_entry(child) for child in link.children]
    return {"name": link.title, "id": link.id, "level": link.level, "children": children}


@contextmanager
def _listening(owner: Any, name: str) -> Iterator[list[Any]]:
    """Note with what arguments a method is called."""
    calls, method = [], getattr(owner, name)

    def listen(*arguments: Any, **named: Any) -> Any:
        calls.append((arguments, named))
        return method(*arguments, **named)

    setattr(owner, name, listen)
    try:
        yield calls
    finally:
        delattr(owner, name)


@contextmanager
def _warnings() -> Iterator[CountHandler]:
    """Count warnings, as MkDocs does to fail a strict build."""
    counter = CountHandler(level=logging.WARNING)
    logging.getLogger("mkdocs").addHandler(counter)
    try:
        yield counter
    finally:
        logging.getLogger("mkdocs").removeHandler(counter)
