"""Give the letters of the four gates their colours, in the formulas and the code of three chapters.

The figures and `css/site.css` have the same ones. Elsewhere i, f, g and o mean other things.
"""

import re

from mkdocs.structure.pages import Page

PAGE = re.compile(r"(?:chapters|evidence)/0[678]-")
LETTER = re.compile(r"<mi>([𝑖𝑓𝑔𝑜ifgo])</mi>")
PLAIN = dict(zip("𝑖𝑓𝑔𝑜", "ifgo", strict=True))
BLOCK = re.compile(r"<code>.*?</code>", re.DOTALL)
# A string, a note or a tag, or a name: that of a gate, of its gradient or its pre-activation.
PART = re.compile(r'<span class="[sc]\w*">[^<]*</span>|<[^>]*>|\b(d|a_|)([ifgo])\b(?![\'"])')
# A block that does not have these is no step of an LSTM.
NEEDED = {"f", "g", "o"}
# A line of code beside its equation.
BESIDE = re.compile(r"(?<=<td>)<code>.*?</code>(?=</td>)")


def coloured(content: str, page: Page) -> str:
    """Return a page whose gates have their colours."""
    if not PAGE.match(page.file.src_uri):
        return content
    content = LETTER.sub(_formula, content)
    content = BESIDE.sub(lambda line: PART.sub(_name, line[0]), content)
    return BLOCK.sub(_code, content)


def _formula(letter: re.Match[str]) -> str:
    gate = PLAIN.get(letter[1], letter[1])
    return f'<mi class="gate-{gate}">{letter[1]}</mi>'


def _code(block: re.Match[str]) -> str:
    """Colour the gates of a block that has them."""
    named = {name[2] for name in PART.finditer(block[0]) if not name[1]}
    return PART.sub(_name, block[0]) if named >= NEEDED else block[0]


def _name(part: re.Match[str]) -> str:
    if not part[2]:
        return part[0]
    return f'{part[1]}<span class="gate-{part[2]}">{part[2]}</span>'
