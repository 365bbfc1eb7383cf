r"""Refuse Markdown that was left as text: MkDocs publishes it without a word, even when strict."""

import re
from functools import partial
from html.parser import HTMLParser

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import Files

from read.memory import recall
from read.pages import html_of, pages_of

# Inside these, the same characters mean themselves.
LITERAL = {"code", "pre", "script", "style", "math"}
LEFTOVERS = {
    "a footnote that is not defined": re.compile(r"\[\^[^\]\s]+\]"),
    "a caption or another block that is not closed": re.compile(r"^///", re.MULTILINE),
    "a notebook whose cells are not recognised": re.compile(r"^%%", re.MULTILINE),
    "a formula that is not rendered": re.compile(r"\$[^$]+\$|\$\$|\\[(\[]|\\begin\{"),
    "a cross-reference that is not resolved": re.compile(r"\]\[[\w.]*\]"),
}


def refuse_leftovers(config: MkDocsConfig, files: Files) -> None:
    """Check every page, after all other steps and plugins have changed it."""
    for page in pages_of(files):
        content = html_of(page)
        for problem in recall(config, ["strict", content], partial(problems, content)):
            raise PluginError(f"{page.file.src_uri}: {problem}")


def problems(content: str) -> list[str]:
    """Say what is wrong with a page."""
    prose = _Prose()
    prose.feed(content)
    prose.close()
    return prose.problems


class _Prose(HTMLParser):
    """Look at the text outside code and formulas, and at the images."""

    def __init__(self) -> None:
        super().__init__()
        self.problems: list[str] = []
        self._literal_depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._literal_depth += tag in LITERAL
        named = dict(attrs)
        if tag == "img" and not (named.get("alt") or "").strip() and "aria-hidden" not in named:
            self.problems.append(f"an image without alternative text: {named.get('src')}")

    def handle_endtag(self, tag: str) -> None:
        self._literal_depth -= tag in LITERAL

    def handle_data(self, data: str) -> None:
        if self._literal_depth:
            return
        for problem, pattern in LEFTOVERS.items():
            if match := pattern.search(data):
                self.problems.append(f"{problem}: {match[0]}")
