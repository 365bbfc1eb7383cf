"""Draw the figures within their pages: there they have the page's fonts and colours.

Until all else is done a page holds the two images of each figure, for a light and a dark page, as
`shown.py` put them there: so the letters of a figure are no text of the page, to be searched or
linked. Pictures on cards stay images.
"""

import html
import re
from functools import partial
from itertools import count
from urllib.parse import urljoin

from mkdocs.structure.files import Files
from mkdocs.structure.pages import Page
from selectolax.lexbor import LexborHTMLParser

from figures.colours import named

ATTRIBUTES = r"""(?:[^"'>]|"[^"]*"|'[^']*')*"""
IMAGE = rf'<img {ATTRIBUTES}?src="[^"]*-{{0}}\.svg#only-{{0}}"{ATTRIBUTES}>'
PAIR = re.compile(rf"({IMAGE.format('light')})\s*{IMAGE.format('dark')}")
HEAD = re.compile(r'^<svg [^>]*?(viewBox="[^"]*")[^>]*>')
FRAME = (
    '<svg class="figure" role="img" aria-label="{alt}" width="{width}"'
    ' height="{height}" {view} font-size="11" stroke-linejoin="round">'
)
NAME = re.compile(r'( id="| href="#|url\(#)(?=p\d)')
FORMULA = re.compile(r'(<tspan [^>]*)font-family="Site math[^"]*"([^>]*>)([^<]*)')
SIZE = re.compile(r' font-size="([^"]*)"')
SLANTED = ' font-style="italic"'
# The letters of formulas are characters of their own, and larger than those of the text, by as much
# as css/math.css and fonts/text.py say.
LETTERS = {0x61 + n: 0x1D44E + n for n in range(26)} | {0x41 + n: 0x1D434 + n for n in range(26)}
LETTERS |= {0x3B1 + n: 0x1D6FC + n for n in range(25)} | {ord("h"): 0x210E}
LARGER = 1.12
# matplotlib sets a bar over a letter by a character that the font of the page does not have.
BAR, BAR_OF_MATHML = "\N{COMBINING MACRON}", "\N{MACRON}"

pictures: dict[str, str] = {}


def remember(files: Files) -> None:
    """Keep the light pictures of this build, by their addresses."""
    light = (file for file in files if file.src_uri.endswith("-light.svg"))
    pictures.clear()
    pictures.update((file.src_uri, file.content_string) for file in light)


def drawn_in(output: str, page: Page) -> str:
    """Put the pictures in the place of their images."""
    names = (f"f{number}" for number in count(1))
    return PAIR.sub(lambda pair: _drawn(pair, page, next(names)), output)


def _drawn(pair: re.Match[str], page: Page, name: str) -> str:
    (tag,) = LexborHTMLParser(pair[1]).css("img")
    image = {name: value or "" for name, value in tag.attributes.items()}
    if not image["alt"]:  # on a card, which says the same in words
        return pair[0]
    address = urljoin(f"/{page.url}", image["src"]).partition("#")[0]
    frame = partial(_frame, html.escape(image["alt"]), image["width"], image["height"])
    svg = HEAD.sub(frame, named(pictures[address[1:]]))
    return FORMULA.sub(_formula, NAME.sub(rf"\1{name}", svg))


def _frame(alt: str, width: str, height: str, head: re.Match[str]) -> str:
    return FRAME.format(alt=alt, width=width, height=height, view=head[1])


def _formula(letters: re.Match[str]) -> str:
    """Set letters in the font of the formulas."""
    before, after, text = letters.groups()
    text = text.replace(BAR, BAR_OF_MATHML)
    look = before + after
    size = SIZE.search(look)
    points = LARGER * float(size[1] if size else 11)
    if SLANTED in look:
        text = text.translate(LETTERS)
    look = SIZE.sub("", look).replace(SLANTED, "")
    return look.replace("<tspan ", f'<tspan class="formula" font-size="{points:.1f}" ', 1) + text
