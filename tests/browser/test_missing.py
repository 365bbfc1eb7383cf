"""The page for missing addresses guesses from the address, and its box searches."""

import pytest
from test_reading import TIMEOUT
from visits import DESKTOP

# The host shows the page at any address; what stands in its box then.
GUESSES = {
    "chapters/06-gate-the-cell/": "gate the cell",
    "chapters/06-gate-the-cell": "gate the cell",
    "chapters/gate_the_cell.html": "gate the cell",
    "gate-the-cell/index.html": "gate the cell",
    "chapters/12-load/pretrained-weights.md": "pretrained weights",
    "gate": "gate",
    "api/bptt.lstm/": "bptt lstm",
    "vanish%20and%20explode/": "vanish and explode",
    "Hochreiter%20%C3%9Cber/": "Hochreiter Über",
    "%D0%BF%D0%B0%D0%BC%D1%8F%D1%82%D1%8C/": "память",
    "word2vec/": "word2vec",
    "the-year/1997/": "the year",
    "100%25-sure/": "sure",
    "%E0%A4%A/cell/": "cell",
    "cell/%E0%A4%A/": "cell",
    "1997/": "",
    "%3Cscript%3Ealert(1)%3C/script%3E/": "script",
}


@pytest.fixture
def missing(visit, home, pytestconfig):
    """Open the page at any address, as the host does."""
    page = visit("404.html", viewport=DESKTOP)
    body = (pytestconfig.option.site / "404.html").read_text("utf-8")
    answer = {"status": 200, "content_type": "text/html", "body": body}

    def open_at(address):
        page.context.route(home + address, lambda route: route.fulfill(**answer))
        page.goto(home + address)
        return page

    return open_at


@pytest.mark.only("chromium")  # what a script makes of a text
@pytest.mark.parametrize("address", GUESSES)
def test_the_box_holds_the_words_of_the_address(address, missing):
    page = missing(address)
    assert page.locator("#find").input_value() == GUESSES[address]
    assert page.evaluate("'value' in window.find") is False


def test_the_page_by_its_own_name_guesses_nothing(visit):
    assert visit("404.html").locator("#find").input_value() == ""


def test_the_box_leads_to_what_was_meant(missing):
    page = missing("gate-the-cell/")
    page.locator("form.find button").click()
    page.locator(".md-search-result__item a[href*='chapters/']").first.wait_for(timeout=TIMEOUT)
    assert page.locator(".md-search__input").input_value() == "gate the cell"
