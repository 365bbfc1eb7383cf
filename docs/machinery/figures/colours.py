"""The colours of the figures: what they mean, and what they are in the dark.

Notebooks draw in the light ones. A picture in a page takes them from the style sheet, as
css/site.css names them; a file, such as the picture on a card, has a copy in the dark ones.
"""

import re

INK = "#1f2328"
# What the style sheet calls a colour, and the colour in a file for a dark page.
NAMED = {
    INK: ("currentColor", "#e6e6e6"),
    "#1f6ae6": ("var(--forward)", "#5b9bff"),
    "#bb5000": ("var(--backward)", "#ee6c1f"),
    "#00684a": ("var(--gate-i)", "#35b07c"),
    "#5b1a94": ("var(--gate-f)", "#ddb8fb"),
    "#4d3800": ("var(--gate-g)", "#e6d65c"),
    "#9c4b7e": ("var(--gate-o)", "#cc82b0"),
}
KNOWN = re.compile("|".join(NAMED))


def named(svg: str) -> str:
    """Return a picture that has the colours of its page."""
    return KNOWN.sub(lambda colour: NAMED[colour[0]][0], svg)


def dark(svg: str) -> str:
    """Return a picture for a dark page."""
    return KNOWN.sub(lambda colour: NAMED[colour[0]][1], svg)
