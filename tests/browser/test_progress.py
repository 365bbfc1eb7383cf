"""What the browser remembers of the chapters that were read."""

import pytest
from test_withheld import BROKEN, WITHHELD
from visits import DESKTOP, PHONE

FIRST, SECOND = "chapters/01-carry-a-state/", "chapters/02-backpropagate-through-time/"
BUTTON = "[data-chapter] button"
CARDS = ".card:has(img) h3 a"


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_chapter_is_marked_and_the_home_page_goes_on_with_the_next(visit, size):
    page = visit(FIRST, viewport=size)
    button = page.locator(BUTTON)
    assert button.get_attribute("aria-pressed") == "false"
    button.click()
    assert button.get_attribute("aria-pressed") == "true"
    page.visit.load("")
    read = page.locator(CARDS).evaluate_all("cards => cards.map((card) => card.dataset.read)")
    assert read == ["", *[None] * (len(read) - 1)]
    assert page.locator("#begin").inner_text() == "Go on with chapter 2"
    page.locator("#begin").click()
    page.wait_for_url(f"**/{SECOND}")


def test_a_mark_can_be_taken_back(visit):
    page = visit(FIRST, viewport=DESKTOP)
    for _ in range(2):
        page.locator(BUTTON).click()
    page.visit.load("")
    assert page.locator("[data-read]").count() == 0
    assert page.locator("#begin").inner_text() == "Begin with chapter 1"


@pytest.mark.parametrize("what", [name for name in WITHHELD if name.startswith("storage")])
def test_a_browser_that_keeps_nothing_marks_as_long_as_the_page_is_open(what, visit):
    page = visit("404.html", viewport=DESKTOP)
    page.context.add_init_script(WITHHELD[what])
    page.visit.load(FIRST)
    page.locator(BUTTON).click()
    assert page.locator(BUTTON).get_attribute("aria-pressed") == "true"
    page.visit.load("")
    assert page.locator("[data-read]").count() == 0


@pytest.mark.only("chromium")
@pytest.mark.parametrize("kept", [*BROKEN.values(), '[1, {"a": 2}]'])
def test_what_is_kept_and_makes_no_sense_marks_nothing(kept, visit):
    page = visit(FIRST, viewport=DESKTOP)
    page.evaluate("kept => localStorage.setItem('bptt-read', kept)", kept)
    page.visit.load("")
    assert page.locator("[data-read]").count() == 0
