"""The site as a zip file: unpacked, its pages and its search work without a server."""

import re

import pytest

PAGES = ["", "chapters/06-gate-the-cell/", "figures/08_gates/", "api/unroll/"]


@pytest.fixture
def page(browser):
    """Open pages; at the end, fail if one of them complained or lacked a file."""
    problems = []
    with browser.new_context() as context:
        page = context.new_page()
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda said: said.type == "error" and problems.append(said.text))
        page.on("requestfailed", lambda request: problems.append(request.url))
        yield page
    assert problems == []


@pytest.mark.parametrize("place", PAGES)
def test_a_page_opens_from_the_file_system(place, page, unpacked):
    page.goto(f"{unpacked}/{place}index.html", wait_until="networkidle")
    assert page.locator("h1").is_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('.md-header')).position") == (
        "sticky"
    )


def test_search_leads_to_a_page_of_the_folder(page, unpacked):
    page.goto(f"{unpacked}/index.html")
    page.keyboard.press("/")
    page.keyboard.type("clipping")  # a word of the title, which every hit on the page marks
    page.locator(".md-search-result__link").first.click()
    page.wait_for_url(re.compile(rf"^{re.escape(unpacked)}/.*index\.html\?h="))
    assert page.locator("mark").count() > 0
