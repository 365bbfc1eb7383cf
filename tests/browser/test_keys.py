"""Keys that a reader expects to work: arrows turn the pages, a space presses what has the focus."""

import pytest
from test_reading import SCHEME, SEARCH, tab_until
from visits import DESKTOP, PHONE, until

PAGE = "chapters/06-gate-the-cell/"
SHOWN = "[data-md-component=palette] label:visible"
IN_PALETTE = "document.activeElement.matches('[data-md-component=palette] input')"
# The label beside the button that has the focus is drawn for it.
SEEN = f"{IN_PALETTE} && document.activeElement.nextElementSibling.checkVisibility()"
# An arrow that turns the page does nothing else.
NOTE = "addEventListener('keydown', (event) => { window.turned = event.defaultPrevented })"
WIDE = """[...document.querySelectorAll('{}')]
  .find((e) => e.checkVisibility() && e.scrollWidth > e.clientWidth)"""


def test_arrows_turn_the_pages(visit):
    page = visit(PAGE)
    for key, name in [("ArrowRight", "07-*"), ("ArrowLeft", "06-*"), ("ArrowLeft", "05-*")]:
        page.keyboard.press(key)
        page.wait_for_url(f"**/chapters/{name}/")


def turns(page, key):
    """Say whether a key turns the page."""
    page.evaluate("window.turned = undefined")
    page.keyboard.press(key)
    until(page, "window.turned !== undefined")
    return page.evaluate("window.turned")


@pytest.mark.parametrize("key", ["Alt+ArrowDown", "Control+ArrowRight", "Shift+ArrowLeft"])
def test_an_arrow_with_another_key_turns_no_page(visit, key):
    page = visit(PAGE)
    page.evaluate(NOTE)
    assert not turns(page, key)


def test_arrows_in_a_field_or_at_a_control_turn_no_page(visit):
    page = visit(PAGE, viewport=DESKTOP)
    page.evaluate(NOTE)
    page.locator(SEARCH).focus()
    until(page, "document.getElementById('__search').checked")
    assert not turns(page, "ArrowRight")
    page.keyboard.press("Escape")
    page.locator("article summary").first.focus()
    assert not turns(page, "ArrowRight")


@pytest.mark.parametrize("box", ["pre code", ".equation"])
def test_arrows_in_a_box_that_scrolls_turn_no_page(visit, box):
    page = visit(PAGE if box == "pre code" else "chapters/04-start-the-weights/", viewport=PHONE)
    page.set_viewport_size({"width": 320, "height": 700})
    page.evaluate(NOTE)
    wide = page.evaluate_handle(WIDE.format(box)).as_element()
    wide.scroll_into_view_if_needed()
    wide.click(position={"x": 30, "y": 20})
    assert not turns(page, "ArrowRight")


def test_a_space_goes_through_the_schemes_and_keeps_the_focus(visit):
    page = visit(PAGE, viewport=DESKTOP)
    tab_until(page, SEEN)
    labels, schemes = set(), set()
    for _ in range(3):
        page.keyboard.press("Space")
        assert page.evaluate(SEEN)
        labels.add(page.locator(SHOWN).get_attribute("for"))
        schemes.add(page.evaluate(SCHEME))
    assert len(labels) == 3
    assert schemes == {"default", "slate"}


def test_the_focus_comes_to_the_scheme_that_was_chosen(visit):
    page = visit(PAGE, viewport=DESKTOP)
    for _ in range(2):
        page.locator(SHOWN).click()
    page.reload()
    tab_until(page, IN_PALETTE)
    assert page.evaluate(SEEN)
