"""Leave out the blanks that templates leave between the elements of a page."""

import re

# Within these a blank is seen, or read by a script.
KEPT = re.compile(r"(<(pre|script|textarea)\b.*?</\2>)", re.DOTALL)
BLANKS = re.compile(r"\s*\n\s*")


def without_blanks(page: str) -> str:
    """Leave one line end where there were several blanks: a browser shows both as one space."""
    end, parts = 0, []
    for kept in KEPT.finditer(page):
        parts += [BLANKS.sub("\n", page[end : kept.start()]), kept[0]]
        end = kept.end()
    return "".join([*parts, BLANKS.sub("\n", page[end:])])
