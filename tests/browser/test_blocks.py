"""Blocks of code as they are read: large enough, whole, and covered by nothing."""

import pytest
from visits import DESKTOP, PHONE, insist_none

PAGE = "evidence/07-set-the-forget-bias/"
OPEN = "document.querySelectorAll('details').forEach((box) => { box.open = true })"
SHOWN = "[...document.querySelectorAll('article {}')].filter((code) => code.checkVisibility())"
SMALL = f"""{SHOWN.format("code")}
  .filter((code) => parseFloat(getComputedStyle(code).fontSize) < 14)
  .map((code) => probes.finding(code, getComputedStyle(code).fontSize))"""
CUT = f"""{SHOWN.format("pre code")}.filter((code) => code.scrollWidth > code.clientWidth)
  .map((code) => probes.finding(code, `${{code.scrollWidth}} in ${{code.clientWidth}} pixels`))"""
# Where a block is scrolled to its end, too.
COVERED = f"""[0, 1e6].flatMap((left) => {SHOWN.format("pre:has(button) code")}.filter((code) => {{
  code.scrollLeft = left;
  const button = code.closest("pre").querySelector("button").getBoundingClientRect();
  const range = document.createRange();
  range.selectNodeContents(code);
  return [...range.getClientRects()].some((text) => text.right > button.left &&
    text.left < button.right && text.bottom > button.top && text.top < button.bottom);
}}).map((code) => probes.finding(code)))"""


def test_code_is_large_enough_and_no_line_of_it_is_cut_off(visit, lesson):
    page = visit(lesson, viewport=DESKTOP)
    page.evaluate(OPEN)
    insist_none(f"{lesson}, 1280 pixels", page.evaluate(CUT) + page.evaluate(SMALL))
    page.set_viewport_size(PHONE)
    insist_none(f"{lesson}, 412 pixels", page.evaluate(SMALL))


@pytest.mark.parametrize("where", [PAGE, "figures/03_gradients/"])
def test_on_a_phone_the_button_covers_no_code(visit, where):
    page = visit(where, viewport=PHONE)
    page.evaluate(OPEN)
    page.evaluate("probes.layoutShift()")  # it scrolls through the page, and so the buttons come
    buttons = page.locator("pre button:visible")
    assert buttons.count() > 10
    insist_none(where, page.evaluate(COVERED))
    assert buttons.first.evaluate("e => getComputedStyle(e.parentElement).opacity") == "1"
