"""Tidy a picture that matplotlib drew: whole words, named fonts, few bytes.

In a label with a formula matplotlib places each letter by itself. Here the letters of a word become
one piece again. Their fonts are named by what they are for: the text, a formula, code.
"""

import re

from mkdocs.exceptions import PluginError

from figures.lean import lean

# All before the root of an SVG, the note on when and by what it was made, names of groups, which
# nothing refers to, and turns by no angle.
CLUTTER = re.compile(
    r'^.*?(?=<svg\b)|<metadata>.*?</metadata>\s*|(?<=<g) id="[^"]*"'
    r'| transform="rotate\(-?0 [^"]*\)"',
    re.DOTALL,
)
SIDE = re.compile(r'\b(?:width|height)="([\d.]+)pt"')
FONT = re.compile(r"(?<=font-family: )[^;\"]*")
# By a part of the name of the font that measures the letters, see fonts/text.py.
PURPOSES = {"Site math": "math", "Mono": "monospace", "": "text"}
# What a file asks for, which cannot have the fonts of a page.
FAMILIES = {
    "text": "Site text, system-ui, DejaVu Sans, sans-serif",
    "math": "Site math, math, serif",
    "monospace": "DejaVu Sans Mono, monospace",
}
# What stands for a character that no font has.
MISSING = "¤"
LETTER = re.compile(r'<tspan x="([^"]*)" y="([^"]*)" style="([^"]*)">([^<]*)</tspan>\s*')
LETTERS = re.compile(rf"(?:{re.sub(r'[(](?=[^?])', '(?:', LETTER.pattern)})+")
# The fonts of TeX, where letters stand for other signs. matplotlib takes its prime from there.
SIGNS = re.compile(r"font-family: 'cm\w+'")
PRIMES = {"0": "′"}


def tidy(svg: str) -> str:
    """Return a picture with whole words, in fonts that are named by their purpose."""
    return lean(FONT.sub(_purpose, LETTERS.sub(_words, CLUTTER.sub("", svg))))


def alone(svg: str) -> str:
    """Return a picture for a file of its own, in fonts that its reader may have."""
    for purpose, families in FAMILIES.items():
        svg = svg.replace(f'font-family="{purpose}"', f'font-family="{families}"')
    return svg


def size(svg: str) -> tuple[float, float]:
    """Return the width and the height of a picture, in points."""
    width, height = map(float, SIDE.findall(svg.partition(">")[0]))
    return width, height


def _purpose(family: re.Match[str]) -> str:
    return next(purpose for part, purpose in PURPOSES.items() if part in family[0])


def _words(run: re.Match[str]) -> str:
    """Join letters that follow each other in one style; signs and spaces stay where they are."""
    words: list[list[str]] = []
    for x, y, style, letter in sorted(LETTER.findall(run[0]), key=lambda found: float(found[0])):
        if SIGNS.search(style):
            words.append([x, *_prime(letter, words)])
        elif words and words[-1][1:3] == [y, style] and _joins(words[-1][3][-1]) and _joins(letter):
            words[-1][3] += letter
        else:
            words.append([x, y, style, letter])
    return "".join(
        f'<tspan x="{x}" y="{y}" style="{style}">{word}</tspan>'
        for x, y, style, word in words
        if word.strip()
    )


def _prime(letter: str, before: list[list[str]]) -> list[str]:
    """Return the place, the style and the character of a prime: high by itself, after a letter."""
    if letter not in PRIMES or not before:
        raise PluginError(f"a label of a figure has a sign for which fonts have {letter}")
    _, y, style, _ = before[-1]
    return [y, style, PRIMES[letter]]


def _joins(letter: str) -> bool:
    return letter.isalnum() or letter == "."
