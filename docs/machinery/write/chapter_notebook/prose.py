r"""Write a chapter's Markdown as Jupyter reads it.

Jupyter, Colab and the others know no cross-references, resolve no link to another page, and do not
number equations. So links become addresses of the site, and every ``\label`` becomes the ``\tag``
with the number that the site shows.
"""

import re
from collections.abc import Callable
from functools import partial

# What means something in running text. Code is in the list so that nothing in it is changed.
TOKEN = re.compile(
    r"(?P<code>(?P<ticks>`+)(?!`).+?(?<!`)(?P=ticks)(?!`))"
    r"|(?P<display>\$\$.+?\$\$)"
    r"|(?P<math>\$(?!\s)[^$]+?(?<!\s)\$)"
    r"|\]\((?P<link>[^\s()]*(?:\([^\s()]*\)[^\s()]*)*)\)"
    r"|\]\[(?P<name>[\w.]+)\]",
    re.DOTALL,
)
CITATION = re.compile(r"\\eqref\{(.*?)\}")
LABEL = re.compile(r"\\label\{(.*?)\}")
# Only `equation` takes one number; of the others, every line takes one.
NUMBERED = re.compile(r"\\begin\{(equation|align|gather)\}(.*?)\\end\{\1\}", re.DOTALL)
EQUATION = re.compile(r"\n?\\(?:begin|end)\{equation\}")
FENCE = re.compile(r"^[ \t>]*(?:```|~~~)[^\n]*", re.MULTILINE)
# Markdown of the site's own that Jupyter would show as it is written.
UNKNOWN = {
    "a block": re.compile(r"^\s*(?:!!!|\?\?\?|///|===|:::)[^\n]*|--8<--[^\n]*", re.MULTILINE),
    "a picture": re.compile(r"!\[[^\n]*"),
    "attributes": re.compile(r"\{[ ]?[:.#][^\n]*"),
    "a footnote": re.compile(r"\[\^[^\]]+\]"),
    "an abbreviation": re.compile(r"^\*\[[^\n]*", re.MULTILINE),
    "a cross-reference without a name": re.compile(r"\]\[\]"),
    "a link in brackets": re.compile(r"\[\[[^\n]*"),
}

# A heading may name its anchor, which a notebook has no use for.
ANCHOR = re.compile(r"^(#{1,6} .*?) +\{#[\w:-]+\}$", re.MULTILINE)

Address = Callable[[str], str]


def numbers(text: str) -> dict[str, str]:
    """Number the equations of a chapter in their order, by their labels."""
    labels = []
    for environment, body in NUMBERED.findall(text):
        found = LABEL.findall(body)
        lines = 1 if environment == "equation" else body.count(r"\\") + 1
        if len(found) != lines:
            raise ValueError(f"a line of {environment} has no label, or two: {body.strip()}")
        labels += found
    return {label: f"{number}" for number, label in enumerate(labels, start=1)}


def for_jupyter(text: str, equations: dict[str, str], link: Address, name: Address) -> str:
    """Translate running text; `link` and `name` give the address of a link and of a definition."""
    text = ANCHOR.sub(r"\1", text)
    refuse_unknown(text)
    return TOKEN.sub(partial(_translated, equations=equations, link=link, name=name), text)


def refuse_unknown(text: str) -> None:
    """Refuse what would be shown as it is written."""
    if match := FENCE.search(text):
        raise ValueError(f"a notebook cannot show a fence inside a list: {match[0].strip()}")
    plain = TOKEN.sub(lambda match: match[0] if match["link"] or match["name"] else "x", text)
    for what, pattern in UNKNOWN.items():
        if match := pattern.search(plain):
            raise ValueError(f"a notebook cannot show {what}: {match[0].strip()}")


def _translated(
    match: re.Match[str], equations: dict[str, str], link: Address, name: Address
) -> str:
    if match["code"]:
        return match[0]
    if match["display"]:
        tagged = LABEL.sub(lambda label: rf"\tag{{{equations[label[1]]}}}", match[0])
        return _cited(EQUATION.sub("", tagged), equations)
    if match["math"]:
        alone = CITATION.fullmatch(match["math"].strip("$"))
        return _cited(alone[0] if alone else match[0], equations)
    address = name(match["name"]) if match["name"] else link(match["link"])
    return f"]({address})"


def _cited(text: str, equations: dict[str, str]) -> str:
    def number(citation: re.Match[str]) -> str:
        if citation[1] not in equations:
            raise ValueError(f"no equation of this chapter has the label {citation[1]}")
        return f"({equations[citation[1]]})"

    return CITATION.sub(number, text)
