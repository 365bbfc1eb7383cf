"""Fill the theme's template for a page only if something has changed that it shows.

That is the page; the names of all pages, for the navigation; the addresses; and our own templates.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.nav import Navigation
from mkdocs.structure.pages import Page

from read.memory import recall

Context = dict[str, Any]


def remember(env: Environment, config: MkDocsConfig) -> None:
    """Put the memory before the template from which all pages are made."""
    template = env.get_template("main.html")
    overrides = Path(str(config.theme.custom_dir))
    ours = [path.read_text("utf-8") for path in sorted(overrides.rglob("*")) if path.is_file()]
    template.render = partial(_filled, template.render, config, ours)  # type: ignore[method-assign]


def _filled(
    render: Callable[[Context], str], config: MkDocsConfig, ours: list[str], context: Context
) -> str:
    asked = ["template", ours, *_page(context["page"]), _names(context["nav"])]
    addresses = [config.site_url, config.extra, config.extra_css]
    filled: str = recall(config, [*asked, *addresses], partial(render, context))
    return filled


def _page(page: Page) -> list[Any]:
    """Give all of a page that a template can ask for."""
    text = [page.content, str(page.toc), page.title, page.meta]
    return [*text, page.url, page.canonical_url, page.edit_url, page.file.src_uri]


def _names(nav: Navigation) -> list[tuple[str, str]]:
    """Give the pages in their order, by which each also knows the one before and after it."""
    return [(page.title, page.url) for page in nav.pages]
