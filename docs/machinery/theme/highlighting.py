"""Keep only the spans of highlighted code that change its colour.

Pygments puts every name, bracket, operator and blank into a span of its own. They are drawn like
plain code, and were half of all elements of the longest pages.
"""

import re

# Text, or an element that holds nothing but text, such as the link of a type in a signature.
PLAIN = re.compile(r'<span class="(?:n|o|p|sa|w)">((?:[^<]|<([\w-]+)[^>]*>[^<]*</\2>)*)</span>')
# Neighbours of one kind, such as the parts of a string or the lines of a docstring.
ALIKE = re.compile(r'<span class="(\w+)">[^<]*</span>(?:\s*<span class="\1">[^<]*</span>)+')
BETWEEN = re.compile(r'</span>(\s*)<span class="\w+">')
# Pygments starts every block with an empty span, to keep an empty first line.
MARK = "<pre><span></span>"
# The line numbers of the library's source tell less than the file's name above it.
NUMBERED = re.compile(
    r'<table class="highlighttable"><tr><td class="linenos">.*?</td>'
    r'<td class="code"><div>(.*?)</div></td></tr></table>',
    re.DOTALL,
)


def lean(content: str) -> str:
    """Take the spans and line numbers out of a page that tell its reader nothing."""
    bare = PLAIN.sub(r"\1", NUMBERED.sub(r"\1", content).replace(MARK, "<pre>"))
    return ALIKE.sub(lambda alike: BETWEEN.sub(r"\1", alike[0]), bare)
