"""Derive every link into the repository from its one address, ``extra.repository``.

MkDocs would take ``repo_url``, but then the theme asks the forge's API for stars and releases on
every page. The footer's links are made in ``overrides/partials/copyright.html``.
"""

from mkdocs.config.defaults import MkDocsConfig


def derive(config: MkDocsConfig) -> None:
    """Let the edit button of a page lead to its source on the main branch."""
    repository = config.extra["repository"] = config.extra["repository"].rstrip("/")
    config.edit_uri = f"{repository}/edit/main/docs/"
