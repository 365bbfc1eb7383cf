"""Leave out of the theme's style sheets what can match nothing on this site.

The theme styles languages that run from right to left, twenty palettes, blogs, versions and more.
A selector stays if every class, id and attribute in it occurs in a tag of some page or in a script.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig

SHEETS = "assets/**/*.css"
TAG = re.compile(r"<[a-zA-Z][^<>]*>")
WORD = re.compile(r"[\w-]+")
# What stands in the brackets of `:not(...)` need not occur.
PSEUDO_CLASS = re.compile(r":[\w-]+\((?:[^()]|\([^()]*\))*\)")
NEEDED = re.compile(r"""[.#]([\w-]+)|\[([\w-]+)(?:\W?=["']?([\w-]*))?""")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
# A rule and its block, in which rules may be nested once. Or a statement without a block.
RULE = re.compile(r"([^{};]+)\{((?:[^{}]|\{[^{}]*\})*)\}|[^{};]+;")
GROUPS = ("@media", "@supports")
# A selector up to the next comma that does not stand in brackets.
SELECTOR = re.compile(r"(?:[^,()\[\]]|\((?:[^()]|\([^()]*\))*\)|\[[^\]]*\])+")


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


def shortened(css: str, occurs: Callable[[str], bool]) -> str:
    """Return a style sheet without the rules that match nothing."""

    def rewrite(match: re.Match[str]) -> str:
        selectors, block = match.groups()
        if selectors is None:
            return match[0]
        if selectors.lstrip().startswith(GROUPS):
            inner = shortened(block, occurs)
            return f"{selectors}{{{inner}}}" if inner.strip() else ""
        if selectors.lstrip().startswith("@"):
            return match[0]
        kept = [one for one in SELECTOR.findall(selectors) if _can_match(one, occurs)]
        return f"{','.join(kept)}{{{block}}}" if kept else ""

    return RULE.sub(rewrite, COMMENT.sub("", css))


def _can_match(selector: str, occurs: Callable[[str], bool]) -> bool:
    needed = NEEDED.findall(PSEUDO_CLASS.sub("", selector))
    return all(occurs(word) for words in needed for word in words if word)
