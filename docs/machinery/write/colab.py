"""Say where Colab opens a notebook of the published site."""

from urllib.parse import urlsplit

from mkdocs.config.defaults import MkDocsConfig

COLAB = "https://colab.research.google.com/github{repository}/blob/{branch}/{path}"


def address(path: str, config: MkDocsConfig) -> str:
    """Return the address for the notebook that the site has at a path."""
    repository = urlsplit(config.extra["repository"]).path
    return COLAB.format(repository=repository, branch=config.remote_branch, path=path)
