"""Show the page dark where the system is dark and no script can say so.

It is a script that gives a page its scheme. Without scripts all pages have the light one, so what
the style sheet says of the dark one is said once more, of any.
"""

import re
from collections.abc import Iterator

from tinycss2 import parse_stylesheet, serialize
from tinycss2.ast import Node

WHEN = "screen and (scripting: none) and (prefers-color-scheme: dark)"
SCHEME = re.compile(r'(?<!:not\()\[data-md-color-scheme="?slate"?\]')


def dark(css: str) -> str:
    """Return the rules for the dark scheme of a style sheet, for a page of any scheme."""
    return f"@media {WHEN}{{{''.join(_rules(parse_stylesheet(css)))}}}"


def _rules(nodes: list[Node]) -> Iterator[str]:
    for node in nodes:
        if node.type == "qualified-rule" and SCHEME.search(serialize(node.prelude)):
            selector = SCHEME.sub("[data-md-color-scheme]", serialize(node.prelude))
            yield f"{selector}{{{serialize(node.content)}}}"
        elif node.type == "at-rule" and node.lower_at_keyword == "media":
            inner = "".join(_rules(parse_stylesheet(node.content)))
            yield f"@media{serialize(node.prelude)}{{{inner}}}" if inner else ""
