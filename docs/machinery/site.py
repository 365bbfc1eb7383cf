"""The way of a page through the build: what is done at each event of MkDocs, in order.

MkDocs reads the sources (`on_files`), completes the Markdown of each page (`on_page_markdown`) and
renders it (`on_pre_page`). When all are rendered, what needs several of them follows (`on_env`).
Each is put into the theme's template (`on_post_page`), and the site is written (`on_post_build`).

The steps stand in five folders. `read`, `write`, `figures` and `publish` are our document, and
would serve another theme as well; all that fights mkdocs-material stands in `theme` and nowhere
else. A step imports from its own folder and from `read`; only this file knows all of them. MkDocs
runs it after the plugins, and puts its folder on the path while it loads it.
"""

from jinja2 import Environment
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page

from figures import gallery, inlined, kernel, networks, notebooks, shown
from publish import addresses, offline, policy, strict
from read import memory, modules, rendering
from read.pages import html_of
from theme import (
    blanks,
    codeblocks,
    copies,
    highlighting,
    names,
    search,
    stylesheets,
    templates,
    tooltips,
)
from write import (
    api,
    chapters,
    downloads,
    formulas,
    gates,
    glossary,
    previews,
    references,
    source,
    writer,
)


def on_config(config: MkDocsConfig) -> None:
    """Complete the configuration."""
    addresses.derive(config)
    kernel.prepare(config)


def on_pre_build(config: MkDocsConfig) -> None:  # noqa: ARG001  MkDocs passes it
    """Look at the modules once for each build."""
    modules.look_again()


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is written, and not read."""
    formulas.add_font(config, files)
    networks.add(config, files)
    return api.add(config, files)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Complete a page while it is text."""
    addresses.straighten(page)
    markdown = api.with_modules(markdown, page.file, config)
    markdown = source.with_sources(markdown, page.file, config)
    markdown = writer.with_writer(markdown, page.file, config)
    search.weigh(page)
    chapters.count(markdown, page)
    previews.draw(page, config, files)
    return markdown


def on_pre_page(page: Page, config: MkDocsConfig, files: Files) -> None:  # noqa: ARG001  as above
    """Say how a page is to be rendered."""
    notebooks.rebuild(page)
    rendering.remember(page, _finished)


def _finished(page: Page) -> str:
    """Do to the HTML of a page what needs nothing but that page."""
    content = formulas.with_formulas(html_of(page), page)
    content = highlighting.lean(content)
    content = copies.with_copies(content, page)
    return gates.coloured(content, page)


def on_env(env: Environment, config: MkDocsConfig, files: Files) -> None:
    """Do what needs several pages, now that all are rendered."""
    shown.show(config, files)
    inlined.remember(files)
    references.fill(config, files)
    glossary.mark_terms(config, files)
    search.remember(config, glossary.developed(files))
    downloads.write(config, files)
    chapters.introduce(env, config, files)
    gallery.fill(env, config, files)
    strict.refuse_leftovers(config, files)
    templates.remember(env, config)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:  # noqa: ARG001  as above
    """Lighten a page that stands in its template."""
    output = inlined.drawn_in(output, page)
    output = names.with_breaks(output)
    output = tooltips.only_telling(output)
    output = codeblocks.hidden(output)
    return blanks.without_blanks(output)


def on_post_build(config: MkDocsConfig) -> None:
    """Merge, protect, pack and tidy up, now that the site is written."""
    stylesheets.merge(config)
    policy.protect(config)
    offline.pack(config)
    memory.forget(config)
