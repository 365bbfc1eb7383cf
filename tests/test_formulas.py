"""Each rule by which a formula becomes MathML, on formulas of its own."""

import unicodedata
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup, Tag
from fontTools.pens.boundsPen import BoundsPen
from fontTools.ttLib import TTFont
from machinery import MACHINERY, step
from mkdocs.exceptions import PluginError

FORMULAS = step("write.formulas")


def shown(*formulas: str, between: str = " ") -> Tag:
    """Convert formulas as the build does; an environment is displayed."""
    parts = [
        f'<div class="arithmatex">\\[{tex}\\]</div>'
        if tex.startswith("\\begin{")
        else f'<span class="arithmatex">\\({tex}\\)</span>'
        for tex in formulas
    ]
    return convert(between.join(parts))


def convert(content: str, **page: object) -> Tag:
    settings = {"file": SimpleNamespace(src_uri="x.md"), "toc": [], "present_anchor_ids": set()}
    converted = FORMULAS.with_formulas(content, page=SimpleNamespace(**settings | page))
    return BeautifulSoup(converted, "html.parser")


def names(tag: Tag) -> list[str]:
    return [child.name for child in tag.find_all(True)]


def test_the_tex_is_an_attribute_on_one_line_and_no_element() -> None:
    math = shown("a < \n  b").math
    assert math["data-tex"] == "a < b"
    assert names(math) == ["mi", "mo", "mi"]
    assert math.get_text() == "a<b"


def test_a_prime_is_a_superscript() -> None:
    (prime,) = shown("f'(x)").select("msup > mo")
    assert prime.text == "′"


@pytest.mark.parametrize(
    ("tex", "elements"),
    [
        (r"\tanh x", ["mtext", "mo", "mi"]),
        (r"\log(h) + 1", ["mtext", "mo", "mo", "mi", "mo", "mo", "mn"]),
        (r"x^{n}", ["msup", "mi", "mi"]),
        (r"x_{t-1}", ["msub", "mi", "mrow", "mi", "mo", "mn"]),
        (r"1, \dots, n", ["mn", "mo", "mo", "mo", "mi"]),
    ],
)
def test_a_formula_has_no_element_that_changes_nothing(tex: str, elements: list[str]) -> None:
    assert names(shown(tex).math) == elements


@pytest.mark.parametrize("tex", [r"2 \left( \frac{a}{b} \right)", r"\left| \frac{a}{b} \right|"])
def test_brackets_that_stretch_keep_the_row_that_they_span(tex: str) -> None:
    row = shown(tex).mrow
    assert [child.name for child in row.children] == ["mo", "mfrac", "mo"]


@pytest.mark.parametrize("core", [r"\prod_n p_n", r"a \sum_{n=1}^N n^2", r"\int x"])
def test_what_brackets_hold_is_a_row_if_there_is_a_sum_in_it(core: str) -> None:
    row = shown(rf"\left( {core} \right)").mrow
    assert [child.name for child in row.children] == ["mo", "mrow", "mo"]
    half = shown(rf"\left. {core} \right|").mrow
    assert [child.name for child in half.children][-2:] == ["mrow", "mo"]


def test_a_name_is_text_and_a_letter_is_not() -> None:
    for tex in (r"\tanh x", r"\nabla f", r"\mathrm{d} x", r"\tanh^2 x"):
        math = shown(tex).math
        assert [len(name.text) > 1 or name.text in "∇d" for name in math.select("mtext")] == [True]
        assert not math.select("[mathvariant]")
        assert len(math.select("mi")) == 1


def test_the_space_of_a_name_stands_behind_its_exponent() -> None:
    math = shown(r"\begin{aligned} a &= (1 - \tanh^2 c_t) + x \ln^2 y_t \end{aligned}").math
    assert [power.contents[0].name for power in math.select("msup")] == ["mtext", "mtext"]
    assert [power.find_next_sibling().name for power in math.select("msup")] == ["mspace"] * 2
    assert not math.select("msup [rspace], msup [lspace]")


def test_a_circled_sign_is_no_large_operator() -> None:
    displayed = shown(r"\begin{aligned} a &= b \odot c + \sum_n d_n \end{aligned}")
    assert [sign.text for sign in displayed.select("[largeop=false]")] == ["⊙"]
    assert not shown(r"b \odot c").select("[largeop]")


@pytest.mark.parametrize("tex", [r"\partial", r"\epsilon", r"\varepsilon", "h", "W", r"\theta"])
def test_a_lone_letter_needs_its_italic_form(monkeypatch: pytest.MonkeyPatch, tex: str) -> None:
    letter = shown(tex).mi.text
    italic = FORMULAS.ITALIC[letter]
    assert "ITALIC" in unicodedata.name(italic) or italic == "ℎ"
    monkeypatch.setattr(FORMULAS, "GLYPHS", FORMULAS.GLYPHS - {italic})
    with pytest.raises(PluginError, match=f"the math font lacks {italic}"):
        shown(tex)


def test_no_space_stands_before_a_stop_after_brackets() -> None:
    stopped, followed, raised = shown(
        r"\left( x \right), y", r"\left( x \right) y", r"\left( x \right)^2."
    ).find_all("math")
    assert not stopped.select("[rspace]")
    assert followed.select("[rspace]")
    assert raised.mpadded is None
    assert not raised.select("[style]")


def test_a_sign_at_the_start_of_a_line_has_the_space_of_a_sum() -> None:
    box = shown(r"\begin{aligned} a &= -b \\ &- c \\ -d &= e \end{aligned}")
    signs = [mo for mo in box.find_all("mo") if mo.text == "−"]
    assert [mo.get("form") for mo in signs] == [None, "infix", None]
    cases = shown(r"\begin{cases} -x, & x < 0 \\ x, & x \ge 0 \end{cases}")
    assert not cases.select("[form=infix]")


def test_an_exponent_stands_clear_of_a_letter_that_leans() -> None:
    cube, transpose, square = shown(r"T^3", r"W_h^{-\top}", r"h^2").find_all(["msup", "msubsup"])
    assert [child.get("style") for child in cube] == [None, "padding-left: 0.20em"]
    assert [child.get("style") for child in transpose] == [None, None, "padding-left: 0.20em"]
    assert not square.find_all(style=True)
    upright = shown(r"\mathrm{T}^3").msup
    assert not upright.find_all(style=True)


def test_a_numbered_equation_is_a_box_whose_number_links_to_it() -> None:
    page = shown(
        r"\begin{equation} x = 1 \label{eq:a} \end{equation}",
        r"\begin{equation} y = 2 \label{eq:b} \end{equation}",
        r"\eqref{eq:b}",
    )
    second = page.select_one("div.equation[id='eq:b']")
    assert [child.name for child in second.children] == ["math", "a", "button"]
    assert second.mtable is None
    assert second.a["href"] == "#eq:b"
    assert second.a.text == "(2)"
    assert "(2)" in second.a["aria-label"]
    assert second.math["data-tex"] == second.button["data-clipboard-text"] == "y = 2"
    reference = page.find_all("a")[-1]
    assert (reference.text, reference["href"]) == ("(2)", "#eq:b")
    assert reference.find_parent("math") is None


def test_each_numbered_line_of_a_derivation_has_an_address() -> None:
    lines = r"x &= 1 \label{eq:a} \\ &= 2 \notag \\ &= 3 \label{eq:c}"
    page = shown(rf"\begin{{align}} {lines} \end{{align}}")
    numbered = {cell["id"]: cell.text for cell in page.select("mtd[id]")}
    assert numbered == {"eq:a": "(1)", "eq:c": "(2)"}
    assert page.math.a is None  # a screen reader takes a formula as one piece
    assert page.math["data-tex"] == r"\begin{aligned} x &= 1 \\ &= 2 \\ &= 3 \end{aligned}"


def test_an_equation_without_a_number_has_nothing_but_the_button() -> None:
    box = shown(r"\begin{aligned} x &= 1 \end{aligned}").div
    assert [child.name for child in box.children] == ["math", "button"]
    assert "id" not in box.attrs


def test_brackets_and_stops_stay_on_the_line_of_the_formula() -> None:
    span = '<span class="arithmatex">\\(x\\)</span>'
    page = convert(f"<p>Of ({span} and {span}), {span} is {span}.</p>")
    assert [part.text for part in page.select(".unbroken")] == ["(x", "x),", "x."]


@pytest.mark.parametrize(
    ("tex", "problem"),
    [
        (r"\begin{equation} x \end{equation}", "needs a label: .*x"),
        (r"\begin{align} x \label{eq:a} \\ y \end{align}", "needs a label: .*y"),
        (r"\frac{1}", r"\\frac{1}"),
        (r"\eqref{eq:none}", "no equation has this label"),
        (r"\text{я}", "the math font lacks я"),
    ],
)
def test_a_formula_is_refused_that_would_be_shown_wrongly(tex: str, problem: str) -> None:
    with pytest.raises(PluginError, match=rf"^x\.md: .*{problem}"):
        shown(tex)


def test_a_label_is_refused_that_the_page_has_already() -> None:
    with pytest.raises(PluginError, match=r"x\.md: the label used is used twice"):
        convert(
            r'<div class="arithmatex">\[\begin{equation}x\label{used}\end{equation}\]</div>',
            present_anchor_ids={"used"},
        )


def test_the_font_has_the_characters_that_formulas_may_use() -> None:
    font = TTFont(MACHINERY / "fonts" / "latinmodern-math.woff2")
    drawn = set(font.getBestCmap())
    assert {c for c in FORMULAS.GLYPHS if ord(c) not in drawn} == {"\n"}
    variants = font["MATH"].table.MathVariants
    tall = {font.getBestCmap()[ord(c)] for c in "([{⟨√∑∫∏"}
    assert tall <= set(variants.VertGlyphCoverage.glyphs)


def test_accents_stand_on_the_line() -> None:
    font = TTFont(MACHINERY / "fonts" / "latinmodern-math.woff2")
    assert font["MATH"].table.MathConstants.AccentBaseHeight.Value == 0
    glyphs, names = font.getGlyphSet(), font.getBestCmap()
    for accent in "¯ˆ˜":
        bounds = BoundsPen(glyphs)
        glyphs[names[ord(accent)]].draw(bounds)
        assert 0 < bounds.bounds[1] < 200


@pytest.mark.parametrize("opening", ["(", "[", "{", "⟨", "√"])
def test_all_sizes_of_a_bracket_are_equally_wide(opening: str) -> None:
    font = TTFont(MACHINERY / "fonts" / "latinmodern-math.woff2")
    variants = font["MATH"].table.MathVariants
    glyph = font.getBestCmap()[ord(opening)]
    made = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(glyph)]
    sizes = {record.VariantGlyph for record in made.MathGlyphVariantRecord} - {glyph}
    assert len({font["hmtx"][size][0] for size in sizes}) == 1
