"""Formulas as a reader meets them: copied, scrolled by keyboard, linked, and without scripts."""

import pytest
from visits import until

PAGE = "chapters/04-start-the-weights/"
NARROW = {"width": 320, "height": 700}
CLIPBOARD = ["clipboard-read", "clipboard-write"]
# From the middle of a formula in a paragraph to the end of the display that follows.
SELECT = """() => {
  const box = document.querySelector(".equation");
  const maths = [...document.querySelectorAll("article p math")];
  const before = maths.filter((math) => math.compareDocumentPosition(box) & 4).pop();
  const range = document.createRange();
  range.setStart(before.lastElementChild, 0);
  range.setEndAfter(box);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
  return [before.dataset.tex, box.querySelector("math").dataset.tex];
}"""
READ = """async () => {
  const [item] = await navigator.clipboard.read();
  const read = async (type) => (await item.getType(type)).text();
  return [await read("text/plain"), await read("text/html")];
}"""
WIDE = "[...document.querySelectorAll('.equation')].find((e) => e.scrollWidth > e.clientWidth)"


def test_a_copied_passage_has_the_tex_of_whole_formulas(visit):
    page = visit(PAGE, permissions=CLIPBOARD)
    inline, display = page.evaluate(SELECT)
    page.keyboard.press("Control+c")
    text, markup = page.evaluate(READ)
    assert text.startswith(f"${inline}$")
    assert text.rstrip().endswith(f"$${display}$$ (1)")
    assert markup.count("<math") >= len([inline, display])
    assert "<button" not in markup


def test_what_is_copied_without_formulas_is_left_alone(visit):
    page = visit(PAGE, permissions=CLIPBOARD)
    page.evaluate("getSelection().selectAllChildren(document.querySelector('article h1'))")
    page.keyboard.press("Control+c")
    assert page.evaluate(READ)[0].startswith("Activations")


def test_the_button_of_an_equation_copies_its_tex(visit):
    page = visit(PAGE, permissions=CLIPBOARD)
    box = page.locator(".equation").first
    box.locator("button").focus()
    assert box.locator("button").evaluate("e => getComputedStyle(e).opacity") == "1"
    page.keyboard.press("Enter")
    tex = box.locator("math").get_attribute("data-tex")
    until(page, "tex => navigator.clipboard.readText().then((t) => t === tex)", arg=tex)


def test_a_wide_equation_scrolls_by_keyboard(visit):
    page = visit(PAGE, viewport=NARROW)
    box = page.evaluate_handle(WIDE).as_element()
    box.query_selector("a, button").focus()
    scrolled = "e => e.scrollLeft === 0", "e => e.scrollLeft > 0"
    for key, condition in zip(["ArrowLeft", "ArrowRight"], scrolled, strict=True):
        for _ in range(4):
            page.keyboard.press(key)
        until(page, condition, arg=box)


def test_nothing_of_an_equation_is_cut_off_above_or_below(visit):
    page = visit(PAGE)
    cut = "e => e.scrollHeight > e.clientHeight"
    assert page.locator(".equation").evaluate_all(f"all => all.filter({cut}).length") == 0


def test_the_number_of_an_equation_leads_to_it(visit):
    page = visit(PAGE)
    page.locator(".equation > a").first.click()
    # Not the address: as the page scrolls, the theme puts the heading in view there.
    until(page, "document.querySelector('.equation').matches(':target')")


@pytest.mark.parametrize("scripts", [True, False])
def test_formulas_are_drawn_with_and_without_scripts(visit, scripts):
    page = visit(PAGE, java_script_enabled=scripts)
    box = page.locator(".equation").first
    assert box.locator("mfrac").first.bounding_box()["height"] > 20
    assert box.locator("button").is_visible() is scripts


def test_on_paper_an_equation_shows_all_of_itself_and_its_number(visit):
    page = visit(PAGE)
    page.emulate_media(media="print")
    box = page.locator(".equation").first
    assert box.evaluate("e => getComputedStyle(e).overflowX") == "visible"
    assert box.locator("a").is_visible()
    assert not box.locator("button").is_visible()
