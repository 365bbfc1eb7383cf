r"""Turn every formula into MathML while the site is built, so that a page needs no math script.

Arithmatex (``generic: true``) leaves ``\(...\)`` in a span and ``\[...\]`` in a div, on prose pages
and in docstrings alike. All formulas of a page are converted together, so that equations are
numbered through the page and ``\eqref`` finds them.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from math_core import LatexError, LatexToMathML
from mkdocs.exceptions import PluginError
from mkdocs.structure.pages import Page
from mkdocs.structure.toc import AnchorLink

FORMULA = re.compile(r'<(span|div) class="arithmatex">\\[(\[](.*?)\\[)\]]</\1>', re.DOTALL)
FORMULA_IN_TITLE = re.compile(r"\\\((.*?)\\\)")
ANNOTATION = re.compile(r"<annotation.*?</annotation>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
LABEL = re.compile(r' id="([^"]*)"')
# A reference to an equation is a plain link: a screen reader takes a formula as one piece.
REFERENCE = re.compile(r"<math><semantics><mtext>(<a [^>]*>[^<]*</a>)</mtext><annotation")
# A wide equation scrolls in its own box, which the keyboard must reach.
BOX = '<div class="equation" role="group" aria-label="Equation" tabindex="0">{}</div>'
# A browser may break the line between an inline formula and the full stop that follows it.
PUNCTUATED = re.compile(r"(<math>(?:(?!</math>).)*</math>[.,;:?!)]+)", re.DOTALL)
# The characters of our font; the font is made from the same file.
GLYPHS = frozenset((Path(__file__).parents[1] / "fonts" / "glyphs.txt").read_text("utf-8"))
# Invisible characters need no glyph: operators such as U+2061, and variation selectors.
INVISIBLE = {"Cf", "Mn", "Zs"}


def on_page_content(content: str, page: Page, **_: Any) -> str:
    """Convert the formulas of a page and of its table of contents."""
    formulas = [(html.unescape(tex).strip(), tag == "div") for tag, tex in FORMULA.findall(content)]
    for link in _links(page.toc):
        link.title = FORMULA_IN_TITLE.sub(lambda match: _title(match, page), link.title)
    if not formulas:
        return content
    results = iter(_convert(formulas, page))
    content = FORMULA.sub(lambda _: next(results), content)
    return PUNCTUATED.sub(r'<span class="unbroken">\1</span>', content)


def _links(toc: Iterable[AnchorLink]) -> Iterator[AnchorLink]:
    for link in toc:
        yield link
        yield from _links(link.children)


def _title(match: re.Match[str], page: Page) -> str:
    """Convert one formula of a title, for places where its TeX would be read or shown."""
    return ANNOTATION.sub("", _convert([(html.unescape(match[1]), False)], page)[0])


def _convert(formulas: list[tuple[str, bool]], page: Page) -> list[str]:
    where = page.file.src_uri
    try:
        results = LatexToMathML(annotation=True, fancy_error=False).convert_all(formulas)
    except LatexError as error:
        number, _, problem = str(error).removeprefix("input").split(":", 2)
        message = f"{where}: {problem.strip()} In the formula: {formulas[int(number)][0]}"
        raise PluginError(message) from error
    for (tex, _), result in zip(formulas, results, strict=True):
        _check(tex, result, page)
    return [
        _finish(result, display=display)
        for (_, display), result in zip(formulas, results, strict=True)
    ]


def _check(tex: str, mathml: str, page: Page) -> None:
    """Refuse what the converter lets pass: dead references, double labels, missing glyphs."""
    shown = ANNOTATION.sub("", mathml)
    text = html.unescape(TAG.sub("", shown))
    if "(??)" in text:
        raise PluginError(f"{page.file.src_uri}: no equation has this label: {tex}")
    for label in LABEL.findall(shown):
        if label in page.present_anchor_ids:
            raise PluginError(f"{page.file.src_uri}: the label {label} is used twice: {tex}")
        page.present_anchor_ids.add(label)
    missing = {c for c in text if c not in GLYPHS and unicodedata.category(c) not in INVISIBLE}
    if missing:
        characters = " ".join(sorted(missing))
        raise PluginError(f"{page.file.src_uri}: the math font lacks {characters} for: {tex}")


def _finish(mathml: str, *, display: bool) -> str:
    """Keep the TeX for those who copy a formula, but not in the search index."""
    if reference := REFERENCE.match(mathml):
        return reference[1]
    mathml = mathml.replace("<annotation ", "<annotation data-search-exclude ")
    return BOX.format(mathml) if display else mathml
