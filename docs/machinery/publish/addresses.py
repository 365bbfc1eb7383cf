"""Derive every link into the repository from its one address, ``extra.repository``.

MkDocs would take ``repo_url``, but then the theme asks the forge's API for stars and releases on
every page. The footer's links are made in ``overrides/partials/copyright.html``.
"""

from urllib.parse import urljoin, urlsplit

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.pages import Page

LOCAL = {"127.0.0.1", "localhost"}


def derive(config: MkDocsConfig) -> None:
    """Let the edit button of a page lead to its source on the main branch."""
    repository = config.extra["repository"] = config.extra["repository"].rstrip("/")
    config.edit_uri = f"{repository}/edit/main/docs/"


def straighten(page: Page) -> None:
    """Let no address go down a folder and up again, as to a module's source, outside of `docs`."""
    if page.edit_url:
        page.edit_url = urljoin(page.edit_url, urlsplit(page.edit_url).path)


def is_local(config: MkDocsConfig) -> bool:
    """Tell the address that `mkdocs serve` gives to a site from one that readers have."""
    return urlsplit(config.site_url).hostname in LOCAL
