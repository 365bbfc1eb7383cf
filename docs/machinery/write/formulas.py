r"""Turn every formula into MathML while the site is built, so that a page needs no math script.

Arithmatex (``generic: true``) leaves ``\(...\)`` in a span and ``\[...\]`` in a div, on prose pages
and in docstrings alike. All formulas of a page are converted together, so that equations are
numbered through the page and ``\eqref`` finds them.
"""

import base64
import html
import re
import unicodedata
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree as ET

from math_core import LatexError, LatexToMathML
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from read.pages import ids_of, listed, text

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
FORMULA_IN_TITLE = re.compile(r"\\\((.*?)\\\)")
# XML has no names for characters, except for those that it needs itself.
NAMED = re.compile(r"&(?!lt;|gt;|amp;|quot;)\w+;")
# A reference to an equation is a plain link: a screen reader takes a formula as one piece.
REFERENCE = re.compile(r"<math><mtext>(<a [^>]*>[^<]*</a>)</mtext></math>")
# The number links to its own equation, and the theme's script makes the button copy.
BOX = '<div class="equation"{anchor}>{math}{number}{button}</div>'
ANCHOR = ' id="{label}"'
NUMBER = '<a href="#{label}" aria-label="Link to equation {number}">{number}</a>'
BUTTON = '<button type="button" title="Copy as TeX" data-clipboard-text="{tex}"></button>'
NUMBER_WITHOUT_LABEL = re.compile(r'<mtd style="width: 50%[^"]*"><mtext>')
# What numbers an equation is of no use to those who paste its TeX elsewhere.
NUMBERING = re.compile(r"\\(?:begin|end)\{equation\}|\\label\{[^}]*\}|\\notag\b")
NUMBERED_LINES = re.compile(r"(?<=\{)(align|gather)(?=\})")
# A browser may break the line between an inline formula and the full stop or bracket beside it.
JOINED = re.compile(
    r"(?P<open>\(?)(?P<math><math (?:(?!</math>).)*</math>)(?P<stop>[.,;:?!)]*)", re.DOTALL
)
# The converter sets three full stops.
DOTS = re.compile(r"(?:<mo[^>]*>\.</mo>){3}")
ELLIPSIS = '<mo lspace="0" rspace="0.1667em">…</mo>'
STOPS = {",", ".", ";"}
SIGNS = {"+", "−"}
RIGHT_SIDE = "padding-left: 0"  # the style of what stands right of an & in aligned lines
# How far letters of our font lean to the right, in hundredths of its size (its italics correction,
# from 5 on). A browser takes them for upright and sets an exponent into them: T^3 looks like T^8.
LEAN = dict.fromkeys("EXSΣγ", 5) | dict.fromkeys("CKZΞζν∂", 7) | dict.fromkeys("HIΠf", 9)
LEAN |= dict.fromkeys("JMNUΨτ", 11) | dict.fromkeys("FPTWΓ", 14) | dict.fromkeys("VY", 21)
EXPONENT_SIZE = 0.7
# In a displayed formula Firefox takes these for the large operators that they resemble.
SMALL = frozenset("⊎⊕⊖⊗⊙")
LARGE = frozenset("∑∏∫")
SCRIPTS = {"msub", "msup", "msubsup", "munder", "mover", "munderover"}
POWERS = {"msub", "msup", "msubsup"}
# Elements that set their children in a row, as mrow does.
ROWS = {"math", "mrow", "mtd", "msqrt", "mpadded"}
APPLY = "\u2061"  # stands between a function and its argument
# The characters of our font; the font is made from the same file.
FONTS = Path(__file__).parents[1] / "fonts"
GLYPHS = frozenset((FONTS / "glyphs.txt").read_text("utf-8"))
# A font that comes after the first look at a page moves all that stands below a formula. This one
# comes in a sheet, which a browser waits for; only pages with formulas link it.
SHEET = "machinery/fonts/latinmodern-math.css"
FACE = """@font-face {{
  font-family: "Latin Modern Math subset";
  src: url("data:font/woff2;base64,{}") format("woff2");
}}
"""
# A browser draws a letter that stands alone with its italic form, a character of its own.
LONE_LETTER = re.compile(r"<mi(?![^>]*mathvariant)[^>]*>([^<&])</mi>")
ITALICS = [*range(0x1D434, 0x1D468), *range(0x1D6A4, 0x1D6A6), *range(0x1D6E2, 0x1D71C)]
ITALIC = {
    chr(int(unicodedata.decomposition(chr(code)).split()[1], 16)): chr(code)
    for code in ITALICS
    if unicodedata.decomposition(chr(code))
} | {"h": "ℎ"}
# Invisible characters need no glyph: operators such as U+2061, and variation selectors.
INVISIBLE = {"Cf", "Mn", "Zs"}


def add_font(config: MkDocsConfig, files: Files) -> None:
    """Add the sheet that holds the font."""
    font = base64.b64encode((FONTS / "latinmodern-math.woff2").read_bytes()).decode()
    files.append(File.generated(config, SHEET, content=FACE.format(font)))


def with_formulas(content: str, page: Page) -> str:
    """Convert the formulas of a page and of its table of contents."""
    formulas = [(html.unescape(tex).strip(), tag == "div") for tag, tex in FORMULA.findall(content)]
    for link in listed(page.toc):
        link.title = FORMULA_IN_TITLE.sub(lambda match: _title(match, page), link.title)
    if not formulas:
        return content
    results = iter(_convert(formulas, page))
    return JOINED.sub(_join, FORMULA.sub(lambda _: next(results), content))


def _join(match: re.Match[str]) -> str:
    alone = not match["open"] and not match["stop"]
    return match[0] if alone else f'<span class="unbroken">{match[0]}</span>'


def _title(match: re.Match[str], page: Page) -> str:
    """Convert one formula of a title, for places where its TeX would be read or shown."""
    return _convert([(html.unescape(match[1]), False)], page)[0]


def _convert(formulas: list[tuple[str, bool]], page: Page) -> list[str]:
    where = page.file.src_uri
    try:
        results = LatexToMathML(fancy_error=False).convert_all(formulas)
    except LatexError as error:
        number, _, problem = str(error).removeprefix("input").split(":", 2)
        message = f"{where}: {problem.strip()} In the formula: {formulas[int(number)][0]}"
        raise PluginError(message) from error
    for (tex, _), result in zip(formulas, results, strict=True):
        _check(tex, result, page)
    return [
        _finish(tex, result, display=display)
        for (tex, display), result in zip(formulas, results, strict=True)
    ]


def _check(tex: str, mathml: str, page: Page) -> None:
    """Refuse what the converter lets pass: bad labels and references, missing glyphs."""
    where = page.file.src_uri
    shown = text(mathml)
    if "(??)" in shown:
        raise PluginError(f"{where}: no equation has this label: {tex}")
    for label in re.findall(r' id="([^"]*)"', mathml):
        if label in ids_of(page):
            raise PluginError(f"{where}: the label {label} is used twice: {tex}")
        ids_of(page).add(label)
    if NUMBER_WITHOUT_LABEL.search(mathml):
        raise PluginError(f"{where}: a numbered equation or line needs a label: {tex}")
    drawn = text(LONE_LETTER.sub(lambda letter: ITALIC.get(letter[1], letter[1]), mathml))
    missing = {c for c in drawn if c not in GLYPHS and unicodedata.category(c) not in INVISIBLE}
    if missing:
        characters = " ".join(sorted(missing))
        raise PluginError(f"{where}: the math font lacks {characters} for: {tex}")


def _finish(tex: str, mathml: str, *, display: bool) -> str:
    """Make the MathML light, and keep the TeX for those who copy it."""
    if reference := REFERENCE.fullmatch(mathml):
        return reference[1]
    mathml = NAMED.sub(lambda name: html.unescape(name[0]), DOTS.sub(ELLIPSIS, mathml))
    math = ET.fromstring(mathml)  # noqa: S314  it comes from the converter, not from outside
    label, number = _take_number(math)
    _space(math)
    _lighten(math)
    _enclose(math)
    _lean(math)
    _name(math)
    if display:
        _shrink(math)
    tex = " ".join(NUMBERED_LINES.sub(r"\1ed", NUMBERING.sub("", tex)).split())
    math.set("data-tex", tex)
    result = ET.tostring(math, encoding="unicode", short_empty_elements=False)
    if not display:
        return result
    return BOX.format(
        anchor=ANCHOR.format(label=label) if label else "",
        math=result,
        number=NUMBER.format(label=label, number=number) if label else "",
        button=BUTTON.format(tex=html.escape(tex)),
    )


def _take_number(math: ET.Element) -> tuple[str, str]:
    """Take an equation out of the table that only sets its number beside it."""
    match [list(row) for row in math.findall("./mtable[@style='width: 100%']/mtr")]:
        case [[_, equation, cell]]:
            math[:] = list(equation)
            return cell.get("id", ""), "".join(cell.itertext())
    return "", ""


def _space(math: ET.Element) -> None:
    """Set no space before a stop after brackets, but one around a sign that begins a line."""
    for row in math.iter():
        for part, stop in pairwise(row):
            if stop.text in STOPS and part.tag in {"mrow", "mpadded"}:
                part.attrib.pop("style", None)
                part[-1].attrib.pop("rspace", None)
        if RIGHT_SIDE in row.get("style", "") and len(row) and row[0].text in SIGNS:
            row[0].set("form", "infix")


def _lean(math: ET.Element) -> None:
    """Keep exponents out of letters that lean to the right."""
    for scripts in math.iter():
        if scripts.tag in {"msup", "msubsup"} and not scripts[0].attrib:
            lean = LEAN.get(scripts[0].text or "", 0) / 100
            if lean:
                scripts[-1].set("style", f"padding-left: {lean / EXPONENT_SIZE:.2f}em")


def _enclose(math: ET.Element) -> None:
    """Make one row of what fences hold: beside a sum, Firefox makes them as tall as the rest."""
    for row in [row for row in math.iter("mrow") if len(row)]:
        start, end = int(_is_fence(row[0])), len(row) - int(_is_fence(row[-1]))
        held = row[start:end]
        if len(held) < len(row) and any(_core(part).text in LARGE for part in held):
            row[start:end] = [ET.Element("mrow")]
            row[start].extend(held)


def _is_fence(edge: ET.Element) -> bool:
    return edge.tag == "mo" and edge.get("stretchy") != "false" and edge.text not in LARGE


def _core(part: ET.Element) -> ET.Element:
    """Return what carries the scripts or the limits."""
    return _core(part[0]) if part.tag in SCRIPTS else part


def _name(math: ET.Element) -> None:
    """Set names as text: Firefox puts a space of its own between a name and a letter.

    If a name is an operator, WebKit puts its space between the name and its exponent.
    """
    for row in [row for row in math.iter() if row.tag in ROWS]:
        for script in [part for part in row if part.tag in POWERS and _is_function(part[0])]:
            place = list(row).index(script)
            before, after = (script[0].attrib.pop(side, "0") for side in ("lspace", "rspace"))
            script[0].tag = "mtext"
            row.insert(place + 1, ET.Element("mspace", width=after))
            if place and row[place - 1].tag != "mo":
                row.insert(place, ET.Element("mspace", width=before))
    for name in math.iter("mi"):
        if len(name.text or "") > 1 or name.get("mathvariant") == "normal":
            name.tag = "mtext"
            name.attrib.pop("mathvariant", None)


def _is_function(base: ET.Element) -> bool:
    return base.tag == "mo" and len(base.text or "") > 1 and (base.text or "").isalpha()


def _shrink(math: ET.Element) -> None:
    """Keep a sign between letters small where sums are large."""
    for sign in math.iter("mo"):
        if sign.text in SMALL:
            sign.set("largeop", "false")


def _lighten(element: ET.Element) -> None:
    """Leave out elements that change nothing: every one costs time on a phone."""
    for child in element:
        _lighten(child)
    element[:] = [part for child in element for part in _parts(child, element)]


def _parts(child: ET.Element, parent: ET.Element) -> list[ET.Element]:
    """Return what has to stand in the parent for a child."""
    if child.tag == "mspace" and not child.attrib:
        return []
    if child.tag not in {"mrow", "mpadded"} or child.attrib or not len(child):
        return [child]
    loose = parent.tag in ROWS and not any(_needs_row(part) for part in (child[0], child[-1]))
    return list(child) if loose or len(child) == 1 else [child]


def _needs_row(edge: ET.Element) -> bool:
    """Say whether an operator at the edge of a row takes its height or its form from the row."""
    return edge.tag == "mo" and edge.get("stretchy") != "false" and edge.text != APPLY
