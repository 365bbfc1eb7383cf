"""Set the letters of the figures in the reader's own font, and leave out what nobody sees.

matplotlib lays text out in DejaVu Sans, which is wider than the fonts of the readers' systems, so
that theirs fits. In a label with a formula it places each letter by itself: in a narrower font,
gaps would stand between the letters. Here the letters of a word become one piece again.
"""

import re

from mkdocs.exceptions import PluginError

# All before the root of an SVG, the note on when and by what it was made, names of groups, which
# nothing refers to, and turns by no angle.
CLUTTER = re.compile(
    r'^.*?(?=<svg\b)|<metadata>.*?</metadata>\s*|(?<=<g) id="[^"]*"'
    r'| transform="rotate\(-?0 [^"]*\)"',
    re.DOTALL,
)
SIDE = re.compile(r'\b(?:width|height)="([\d.]+)pt"')
FONT = re.compile(r"(?<=font-family: )[^;\"]*")
FONTS = "system-ui, 'DejaVu Sans', sans-serif"
LETTER = re.compile(r'<tspan x="([^"]*)" y="([^"]*)" style="([^"]*)">([^<]*)</tspan>\s*')
LETTERS = re.compile(rf"(?:{re.sub(r'[(](?=[^?])', '(?:', LETTER.pattern)})+")
# The fonts of TeX, where letters stand for other signs. matplotlib takes its prime from there.
SIGNS = re.compile(r"font-family: 'cm\w+'")
PRIMES = {"0": "′"}
# Paths and places, in points. The picture in a heat map has a scale that needs all its digits.
NUMBERS = re.compile(r'(?<= )(?:d|x|y)="[^"]*"')
DIGITS = re.compile(r"\d+\.\d{2,}")


def tidy(svg: str) -> str:
    """Return a picture with whole words, the reader's font and one decimal."""
    svg = FONT.sub(FONTS, LETTERS.sub(_words, CLUTTER.sub("", svg)))
    return NUMBERS.sub(lambda match: DIGITS.sub(_rounded, match[0]), svg)


def size(svg: str) -> tuple[float, float]:
    """Return the width and the height of a picture, in points."""
    width, height = map(float, SIDE.findall(svg.partition(">")[0]))
    return width, height


def _rounded(number: re.Match[str]) -> str:
    return f"{float(number[0]):.1f}".rstrip("0").rstrip(".")


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
