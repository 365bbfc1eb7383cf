"""Code that is completed when it comes in sight, and text that waits until the page answers."""

import pytest
from test_pages import axe
from visits import DESKTOP, PHONE, insist_none, until

PAGE = "evidence/07-set-the-forget-bias/"
CLIPBOARD = ["clipboard-read", "clipboard-write"]
CONSOLE = ".language-pycon pre:has(.gp)"
# In a closed box nothing is drawn, and its width means nothing.
MISTAKEN = """[...document.querySelectorAll("pre code")]
  .filter((code) => code.checkVisibility())
  .filter((code) => (code.scrollWidth > code.clientWidth) !== (code.tabIndex === 0))
  .map((code) => probes.finding(code))"""
WAITING = """[...document.querySelectorAll("article p > *")]
  .filter((e) => e.checkVisibility() && !e.checkVisibility({contentVisibilityAuto: true})).length"""


def test_the_button_copies_a_session_without_its_prompts(visit):
    page = visit(PAGE, viewport=DESKTOP, permissions=CLIPBOARD)
    block = page.locator(CONSOLE).first
    block.scroll_into_view_if_needed()
    block.hover()
    block.locator("button").click()
    source = block.locator("code").get_attribute("data-copy").strip()
    assert source
    assert ">>>" not in source
    until(
        page, "source => navigator.clipboard.readText().then((text) => text === source)", arg=source
    )


def test_the_keyboard_comes_to_the_code_that_scrolls_and_to_no_other(visit):
    page = visit(PAGE, viewport=PHONE)
    page.evaluate("probes.layoutShift()")
    insist_none(PAGE, page.evaluate(MISTAKEN))
    narrow = page.locator("pre code[tabindex]").count()
    page.set_viewport_size(DESKTOP)
    page.evaluate("probes.layoutShift()")
    insist_none(f"{PAGE}, wide", page.evaluate(MISTAKEN))
    assert page.locator("pre code[tabindex]").count() < narrow


def test_buttons_move_no_code_and_axe_finds_nothing_in_them(visit, tools):
    page = visit(PAGE)
    page.evaluate("probes.layoutShift()")
    assert page.locator(".md-code__button").count() > 20
    moved = "[...document.querySelectorAll('pre:has(button) code')].filter((e) => e.offsetTop > 0)"
    assert page.evaluate(f"{moved}.length") == 0
    insist_none(PAGE, axe(page, tools))


def test_all_text_is_laid_out_soon_and_would_wait_without_the_script(visit):
    page = visit(PAGE)
    until(page, f"{WAITING} === 0")
    page.add_init_script("window.setTimeout = () => 0")
    page.reload()
    assert page.evaluate(WAITING) > 50


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("target", ["eq:lstm", "the-pass-backwards-line-by-line", "the-evidence"])
def test_a_link_into_the_page_lands_below_the_header(visit, target, size):
    page = visit(f"chapters/06-gate-the-cell/#{target}", viewport=size)
    page.wait_for_timeout(500)  # what is laid out late would move it
    top = page.evaluate("id => document.getElementById(id).getBoundingClientRect().top", target)
    header = page.evaluate("document.querySelector('.md-header').getBoundingClientRect().bottom")
    at_the_end = page.evaluate("innerHeight + scrollY >= document.body.scrollHeight - 1")
    assert header - 1 <= top
    assert top <= header + 40 or at_the_end
