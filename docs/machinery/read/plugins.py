"""Reach the plugins of MkDocs, which have methods that their common type does not know."""

from typing import Any

from mkdocs.config.defaults import MkDocsConfig


def plugin(config: MkDocsConfig, name: str) -> Any:
    """Return a plugin by the name that it has in the configuration."""
    return config.plugins[name]
