"""Ways through the site: the table of contents, the pages before and after, what a word means."""

import pytest
from visits import DESKTOP, NARROW, PHONE, insist_none, until

CONTENTS = ".md-nav--secondary .md-nav__link"
# What the table says after a click, or at the end of the page, where nothing more can be scrolled.
NAMED = """(link) => link.matches(".md-nav__link--active") ||
  innerHeight + scrollY >= document.body.scrollHeight - 1"""
TERM = "article a.term"
TOOLTIP = ".md-tooltip2--active .md-tooltip2__inner"
# It fades in and moves into its place.
STILL = f"""() => {{
  const box = document.querySelector("{TOOLTIP}");
  return box && box.getAnimations({{ subtree: true }}).length === 0 &&
    getComputedStyle(box.parentElement).opacity === "1";
}}"""


@pytest.mark.parametrize("where", ["chapters/06-gate-the-cell/", "api/lstm/"])
def test_the_table_of_contents_names_the_section_that_was_clicked(visit, where):
    page = visit(where, viewport=DESKTOP)
    links = page.locator(f"{CONTENTS}:visible").element_handles()
    assert len(links) > 3
    for link in links:
        link.click()
        until(page, NAMED, arg=link, seconds=10)


@pytest.mark.parametrize("size", [PHONE, NARROW], ids=["phone", "narrow"])
def test_a_phone_shows_the_titles_of_the_pages_before_and_after(visit, size):
    page = visit("chapters/03-vanish-and-explode/", viewport=size)
    for way, title in [("prev", "2. Back"), ("next", "4. Act")]:
        shown = page.locator(f".md-footer__link--{way} .md-ellipsis")
        assert shown.is_visible()
        assert shown.inner_text().startswith(title)
    insist_none("footer", page.evaluate("probes.sticksOut()"))


def insist_readable(page):
    until(page, STILL)
    box = page.locator(TOOLTIP)
    size, weight = box.evaluate(
        "e => [getComputedStyle(e).fontSize, getComputedStyle(e).fontWeight]"
    )
    assert float(size.removesuffix("px")) >= 14
    assert weight == "400"
    place, window = box.bounding_box(), page.viewport_size
    assert place["x"] >= 0
    assert place["x"] + place["width"] <= window["width"]


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("way", ["hover", "focus"])
def test_the_meaning_of_a_term_is_large_enough_to_be_read(visit, size, way):
    page = visit("chapters/06-gate-the-cell/", viewport=size)
    getattr(page.locator(TERM).first, way)()
    insist_readable(page)
    page.keyboard.press("Escape")
    until(page, f"document.querySelector('{TOOLTIP}') === null")


@pytest.mark.only("chromium")  # a stock Firefox has no fingers
def test_a_finger_first_asks_what_a_term_means_and_then_follows_it(visit):
    page = visit("chapters/06-gate-the-cell/", has_touch=True, is_mobile=True)
    term = page.locator(TERM).first
    term.tap()
    insist_readable(page)
    assert "glossary" not in page.url
    term.tap()
    page.wait_for_url("**/glossary/#*")
