"""Count and find the words of a page that is still text.

The build counts with it, and so does ``tools/prose.py``, which has the standard library alone.
"""

import re
from collections.abc import Iterable

FENCE = re.compile(r"^ *```.*?^ *```$", re.DOTALL | re.MULTILINE)
# Solutions and checks: read by who wants to, so they take no time.
FOLDED = re.compile(r"^\?\?\? [^\n]*\n(?:(?: {4}[^\n]*)?\n)+", re.MULTILINE)
# What stands below a program: where to get it.
LINKS = re.compile(r"^.*\n *\{ \.writer-links \}$", re.MULTILINE)
# A page of prose takes a minute, and a line of code some seconds. Of what a stage of the writer
# changes, the lines that are new: the others were read before.
WORDS_PER_MINUTE = 200
SECONDS_PER_LINE = 5


def minutes(markdown: str) -> int:
    """Estimate how long it takes to read a page and its code, in minutes."""
    open_text = LINKS.sub("", FOLDED.sub("", f"{markdown}\n"))
    words = len(FENCE.sub("", open_text).split())
    lines = sum(map(_lines, FENCE.findall(open_text)))
    seconds = words * 60 / WORDS_PER_MINUTE + lines * SECONDS_PER_LINE
    return max(1, round(seconds / 60))


def _lines(fence: str) -> int:
    """Count the lines of a fence that have to be read."""
    first, *lines, _ = (line.strip() for line in fence.split("\n"))
    changes = first.startswith("```diff")
    return sum(line.startswith("+") if changes else bool(line) for line in lines)


def pattern(names: Iterable[str]) -> re.Pattern[str]:
    """Match the names, longest first, with their first letter in either case, and their plurals."""
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    alternatives = "|".join(
        f"[{name[0].upper()}{name[0].lower()}]" + r"\s+".join(map(re.escape, name[1:].split(" ")))
        for name in longest_first
    )
    return re.compile(rf"(?<![\w-])(?P<name>{alternatives})s?(?![\w-])")
