"""Formulas of twenty-four kinds look in each browser as TeX would set them."""

import html
import re
from pathlib import Path

import pytest
from pages import every, source
from visits import NARROW, PHONE, insist_none

MEASURES = Path(__file__).with_name("formulas.js").read_text("utf-8")
PAGE = "chapters/04-start-the-weights/"
MATH = re.compile(r'<math [^>]*data-tex="([^"]*)".*?</math>', re.DOTALL)
# A piece of TeX that a kind of formula has, and what is measured on it.
KINDS = {
    "fraction in brackets": (r"\\left\( *\\frac", "fence"),
    "product in brackets": (r"\\left\( *\\prod", "fence"),
    "sum in brackets": (r"\\left\( *\\sum", "fence"),
    "sum in square brackets": (r"\\left\[ *\\sum", "fence"),
    "matrix": (r"\\begin\{pmatrix\}", "fence"),
    "binomial": (r"\\binom", "fence"),
    "cases": (r"\\begin\{cases\}", "fence"),
    "norm": (r"\\left\\lVert", "fence"),
    "derivative at a point": (r"\\right\|", "fence"),
    "root in square brackets": (r"\\left\[.*\\sqrt", "fence"),
    "displayed sum": (r"\\begin.*\\sum_\{t=1\}\^\{T\}", "sum"),
    "displayed product": (r"\\left\( \\prod_\{i=k", "sum"),
    "circled dot": (r"\\begin\{aligned\}.*\\odot", "sign"),
    "plus": (r"x_t W_x \+ ", "sign"),
    "name and letter": (r"\\tanh c_t", "name"),
    "power of a name": (r"\\tanh\^2", "name"),
    "name in a line": (r"^(?!\\begin).*\\log p", "name"),
    "upright and letter": (r"\\nabla f", "word"),
    "bar": (r"\\bar\{?[ ]?c", "accent"),
    "tilde": (r"\\tilde", "accent"),
    "hat": (r"\\hat", "accent"),
    "transposed": (r"E\^\\top", "beside"),
    "root": (r"\\sqrt", "root"),
    "fraction": (r"\\frac", "fraction"),
}
SHOW = """markup => {
  document.querySelector("article").innerHTML = markup;
  return [...document.querySelectorAll("article math")].map(formulas.measure);
}"""
BROKEN = """() => [...document.querySelectorAll(".equation > a")].filter((number) => {
  const range = document.createRange();
  range.selectNodeContents(number);
  return new Set([...range.getClientRects()].map(({ top }) => Math.round(top))).size > 1;
}).map((number) => number.hash)"""
# Each equation, whether it is wide, and how it fades.
EDGES = """() => [...document.querySelectorAll(".equation")].map((box) => {
  return [box.scrollWidth > box.clientWidth, getComputedStyle(box).maskImage];
})"""


@pytest.fixture(scope="module")
def formulas(pytestconfig):
    """Return a formula of each kind, as the built site has it."""
    site = pytestconfig.option.site
    found = [match for page in every(site) for match in MATH.finditer(source(site, page))]
    return {kind: the_first(tex, found) for kind, (tex, _) in KINDS.items()}


def the_first(tex, found):
    return next((each[0] for each in found if re.search(tex, html.unescape(each[1]))), "")


def test_formulas_of_all_kinds_are_well_proportioned(visit, formulas):
    assert [kind for kind, math in formulas.items() if not math] == []
    page = visit(PAGE)
    page.evaluate(MEASURES)
    boxes = "".join(f'<div class="equation">{math}</div>' for math in formulas.values())
    results = dict(zip(formulas, page.evaluate(SHOW, boxes), strict=True))
    unmeasured = [kind for kind, each in results.items() if KINDS[kind][1] not in each["measured"]]
    assert unmeasured == []
    problems = [f"{kind}: {wrong}" for kind, each in results.items() for wrong in each["wrong"]]
    insist_none("formulas", problems)


@pytest.mark.parametrize("width", [NARROW, PHONE], ids=["narrow", "phone"])
def test_the_number_of_an_equation_stands_in_one_line(visit, width):
    page = visit("evidence/04-start-the-weights/", viewport=width)
    assert page.locator(".equation > a").count() > 1
    assert page.evaluate(BROKEN) == []


def test_what_is_seen_of_an_equation_is_not_faded(visit):
    page = visit(PAGE, viewport=NARROW)
    edges = page.evaluate(EDGES)
    assert {wide for wide, *_ in edges} == {True, False}
    for wide, mask in edges:
        # At its start: what has been scrolled past would fade to the right.
        assert "to right" not in mask
        assert mask == "none" or wide


def test_a_formula_has_its_font_when_the_page_first_shows(visit):
    """A font in a file of its own may come late, and move what stands below."""
    page = visit(PAGE)
    files = page.evaluate("performance.getEntriesByType('resource').map((each) => each.name)")
    assert [file.rsplit(".")[-1] for file in files if "latinmodern" in file] == ["css"]
    assert page.evaluate("probes.badFormulas()") == []
