"""Leave out the blanks that templates leave between the elements of a page."""

import re
from typing import Any

# Within these a blank is seen, or read by a script.
KEPT = re.compile(r"(<(pre|script|textarea)\b.*?</\2>)", re.DOTALL)
BLANKS = re.compile(r"\s*\n\s*")


def on_post_page(output: str, **_: Any) -> str:
    """Leave one line end where there were several blanks: a browser shows both as one space."""
    end, parts = 0, []
    for kept in KEPT.finditer(output):
        parts += [BLANKS.sub("\n", output[end : kept.start()]), kept[0]]
        end = kept.end()
    return "".join([*parts, BLANKS.sub("\n", output[end:])])
