"""Give the site one style sheet, without what can match nothing here, and two scripts of ours.

The theme styles languages that run from right to left, twenty palettes, blogs, versions and more.
A selector stays if every class, id and attribute in it occurs in a tag of some page or in a script,
and a custom property if something asks for it. One file is one request, and compresses better.
"""

import base64
import re
from collections.abc import Callable, Iterator
from functools import partial
from itertools import groupby, pairwise
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from tinycss2 import parse_blocks_contents, parse_stylesheet, serialize
from tinycss2.ast import Node

from read.memory import recall
from theme import styles, unscripted

# Beside the sheets of ours, so that the fonts are found from it.
SHEET = "machinery/css/all.css"
LINK = re.compile(
    r'<link rel="stylesheet" href="(?P<top>[./]*/|/\S*?/|)(?P<path>(?:assets|machinery/css)/[^"]+)"'
    r'(?: media="(?P<media>\w+)")?>\s*'
)
LOAD = r'<script src="(?P<top>[./]*/|/\S*?/|)(?P<path>machinery/js/[^"]+)"{}></script>\s*'
# One runs before the theme's script, the other when the page is there.
SCRIPTS = {"machinery/js/first.js": "", "machinery/js/all.js": " defer"}
# What is put in the place of what, by the name of the file.
LINKS = {SHEET: (LINK, f'<link rel="stylesheet" href="{{}}{SHEET}">')} | {
    name: (re.compile(LOAD.format(when)), f'<script src="{{}}{name}"{when}></script>')
    for name, when in SCRIPTS.items()
}
FONT = re.compile(r"""url\(["']?([^"')]+\.woff2)["']?\)""")
# What a script does not need: the blanks before a line, and a line that is a note.
IDLE_SIGNS = re.compile(r"^\s*(?://.*\n)?", re.MULTILINE)
TAG = re.compile(r"<[a-zA-Z][^<>]*>")
WORD = re.compile(r"[\w-]+")
PROPERTY = re.compile(r"--[\w-]+")
ASKED = re.compile(r"var\(\s*(--[\w-]+)")
# While the scheme changes, the theme stops every transition on the page. To set and to take this
# mark makes the browser style all elements anew, twice at every start.
IDLE = {"data-md-color-switching"}
# At-rules that hold rules.
GROUPS = {"media", "supports"}


def merge(config: MkDocsConfig) -> None:
    """Merge the style sheets and scripts of the finished site, and link the few for the many."""
    site = Path(config.site_dir)
    pages = {path: path.read_text("utf-8") for path in sorted(site.rglob("*.html"))}
    words, named = sorted({*_words(site)} - IDLE), sorted({*_named(site)})
    sheets = [_for_media(_text(site, link), link) for link in _links(LINK, pages)]
    causes = ["stylesheet", sheets, words, named]
    css = recall(config, causes, partial(merged, sheets, {*words}, {*named}))
    fonts = {address: site / "machinery/css" / address for address in FONT.findall(css)}
    css = FONT.sub(lambda address: _with_font(fonts[address[1]]), css)
    files = {SHEET: css + styles.sheet(pages.values())}
    for name in SCRIPTS:
        files[name] = "".join(_apart(_text(site, load)) for load in _links(LINKS[name][0], pages))
    for pattern, _ in LINKS.values():
        for link in _links(pattern, pages):
            (site / link["path"]).unlink()
    for font in fonts.values():
        font.unlink()
    for path, html in pages.items():
        path.write_text(styles.moved(_linked(html)), "utf-8")
    for name, text in files.items():
        (site / name).write_text(text, "utf-8")


def merged(sheets: list[str], words: set[str], named: set[str]) -> str:
    """Return the one style sheet."""
    css = without_idle("".join(shortened(css, words.__contains__) for css in sheets), named)
    return css + unscripted.dark(css)


def _with_font(path: Path) -> str:
    """Write a font as a part of the sheet: one that comes later moves what is drawn."""
    return f'url("data:font/woff2;base64,{base64.b64encode(path.read_bytes()).decode()}")'


def _links(pattern: re.Pattern[str], pages: dict[Path, str]) -> list[re.Match[str]]:
    """Find the links to files of one kind, each file once, in their order."""
    links = {link["path"]: link for html in pages.values() for link in pattern.finditer(html)}
    return [*links.values()]


def _text(site: Path, link: re.Match[str]) -> str:
    """Return the file to which a link leads."""
    try:
        return (site / link["path"]).read_text("utf-8")
    except FileNotFoundError as error:
        raise PluginError(f"a page links {link['path']}, which the site does not have") from error


def _apart(script: str) -> str:
    """Give a script a block of its own, where its names meet no others, and take its notes out."""
    return f"{{\n{IDLE_SIGNS.sub('', script)}}}\n"


def _linked(html: str) -> str:
    for pattern, link in LINKS.values():
        html = _replaced(pattern, link, html)
    return html


def _replaced(pattern: re.Pattern[str], link: str, html: str) -> str:
    """Put a link where the first of the others stands."""
    first = pattern.search(html)
    if first is None:
        return html
    rest = pattern.sub("", html[first.end() :])
    return f"{html[: first.start()]}{link.format(first['top'])}\n{rest}"


def _for_media(css: str, link: re.Match[str]) -> str:
    return f"@media {link['media']}{{{css}}}" if link["media"] else css


def _named(site: Path) -> Iterator[str]:
    """Give the custom properties that scripts name and elements ask for, as the logo does."""
    for path in site.rglob("*.js"):
        yield from PROPERTY.findall(path.read_text("utf-8"))
    for path in site.rglob("*.html"):
        yield from ASKED.findall(path.read_text("utf-8"))


def _words(site: Path) -> Iterator[str]:
    """Give all that a class, an id or an attribute on the site can be."""
    for path in site.rglob("*.html"):
        for tag in {*TAG.findall(path.read_text("utf-8"))}:
            yield from WORD.findall(tag)
    for path in site.rglob("*.js"):
        yield from WORD.findall(path.read_text("utf-8"))


def without_idle(css: str, asked: set[str]) -> str:
    """Leave out the custom properties that nothing asks for, and then those that only they did."""
    used = asked | {*ASKED.findall(css)}
    shorter = "".join(_without_idle(rule, used) for rule in parse_stylesheet(css))
    return shorter if shorter == css else without_idle(shorter, asked)


def _without_idle(rule: Node, used: set[str]) -> str:
    if rule.type == "qualified-rule":
        parts = parse_blocks_contents(rule.content)
        kept = [part for part in parts if not _is_idle(part, used)]
        return f"{serialize(rule.prelude)}{{{serialize(kept)}}}"
    if rule.type == "at-rule" and rule.lower_at_keyword in GROUPS:
        inner = "".join(_without_idle(one, used) for one in parse_stylesheet(rule.content))
        return f"@{rule.at_keyword}{serialize(rule.prelude)}{{{inner}}}"
    return str(rule.serialize())


def _is_idle(part: Node, used: set[str]) -> bool:
    return part.type == "declaration" and part.name.startswith("--") and part.name not in used


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
    return str(rule.serialize())


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
