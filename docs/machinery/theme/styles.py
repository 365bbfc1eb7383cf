"""Move the `style` attributes of the pages into the style sheet: the policy allows none in a page.

They come with formulas, and with the columns of Markdown's tables. Another attribute takes their
place, so that the classes of an element, and what asks whether it has any, stay as they are.
"""

import html
import re
from collections.abc import Iterable

from tinycss2 import parse_blocks_contents, serialize
from tinycss2.ast import Declaration
from tinycss2.serializer import serialize_string_value

STYLED = re.compile(r'(<[a-zA-Z](?:[^<>"]|"[^"]*")*?) style="([^"]*)"')


def moved(page: str) -> str:
    """Return a page whose elements name their style, and do not bring it along."""
    return STYLED.sub(r'\1 data-look="\2"', page)


def sheet(pages: Iterable[str]) -> str:
    """Return the rules for the styles that the elements of some pages bring along."""
    styles = {html.unescape(style) for page in pages for _, style in STYLED.findall(page)}
    return "".join(map(_rule, sorted(styles)))


def _rule(style: str) -> str:
    """Write a style as a rule that wins over all others, as the attribute does."""
    parts = parse_blocks_contents(style, skip_comments=True, skip_whitespace=True)
    declarations = (
        f"{part.name}:{serialize(part.value).strip()}!important"
        for part in parts
        if isinstance(part, Declaration)
    )
    return f'[data-look="{serialize_string_value(style)}"]{{{";".join(declarations)}}}'
