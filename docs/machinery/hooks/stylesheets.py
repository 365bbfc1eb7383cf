"""Leave out of the theme's style sheets what can match nothing on this site.

The theme styles languages that run from right to left, twenty palettes, blogs, versions and more.
A selector stays if every class, id and attribute in it occurs in a tag of some page or in a script.
"""

import re
from collections.abc import Callable, Iterator
from itertools import groupby, pairwise
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from tinycss2 import parse_stylesheet, serialize
from tinycss2.ast import Node

SHEETS = "assets/**/*.css"
TAG = re.compile(r"<[a-zA-Z][^<>]*>")
WORD = re.compile(r"[\w-]+")
# At-rules that hold rules.
GROUPS = {"media", "supports"}


def on_post_build(config: MkDocsConfig) -> None:
    """Shorten the style sheets of the finished site."""
    site = Path(config.site_dir)
    words = {*_words(site)}
    for path in site.glob(SHEETS):
        path.write_text(shortened(path.read_text("utf-8"), words.__contains__), "utf-8")


def _words(site: Path) -> Iterator[str]:
    """Give all that a class, an id or an attribute on the site can be."""
    for path in site.rglob("*.html"):
        for tag in {*TAG.findall(path.read_text("utf-8"))}:
            yield from WORD.findall(tag)
    for path in site.rglob("*.js"):
        yield from WORD.findall(path.read_text("utf-8"))


def shortened(css: str | list[Node], occurs: Callable[[str], bool]) -> str:
    """Return a style sheet without the rules that match nothing."""
    rules = parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    return "".join(_rule(rule, occurs) for rule in rules)


def _rule(rule: Node, occurs: Callable[[str], bool]) -> str:
    if rule.type == "qualified-rule":
        kept = [one for one in _selectors(rule.prelude) if all(map(occurs, _needed(one)))]
        return f"{','.join(map(serialize, kept))}{{{serialize(rule.content)}}}" if kept else ""
    if rule.type == "at-rule" and rule.lower_at_keyword in GROUPS:
        inner = shortened(rule.content, occurs)
        return f"@{rule.at_keyword}{serialize(rule.prelude)}{{{inner}}}" if inner else ""
    return rule.serialize()


def _selectors(prelude: list[Node]) -> Iterator[list[Node]]:
    """Split what stands before a block at its commas; those in brackets are further inside."""
    for is_comma, nodes in groupby(prelude, key=lambda node: node == ","):
        if not is_comma:
            yield list(nodes)


def _needed(selector: list[Node]) -> Iterator[str]:
    """Give the classes, ids and attributes; what stands in brackets, as of `:not`, is optional."""
    for before, node in pairwise([None, *selector]):
        if node.type == "hash" or (node.type == "ident" and before == "."):
            yield node.value
        elif node.type == "[] block":
            for part in node.content:
                if part.type in {"ident", "string"}:
                    yield from WORD.findall(part.value)
