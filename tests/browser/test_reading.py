"""One page of each kind, used as a reader does: search, schemes, keyboard, calm, paper."""

import re

import pytest
from visits import DESKTOP, PHONE, insist_none, until

SCHEME = "document.body.dataset.mdColorScheme"
SEARCH = "[data-md-component=search-query]"
TIMEOUT = 30_000  # milliseconds to load the index and search it


each_size = pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])


@each_size
def test_the_scheme_can_be_chosen_by_mouse_and_stays(visit, sample, size):
    page = visit(sample, viewport=size)
    before = page.evaluate(SCHEME)
    for _ in range(3):  # light, dark, as the system
        page.locator("[data-md-component=palette] label:visible").click()
        if page.evaluate(SCHEME) != before:
            break
    chosen = page.evaluate(SCHEME)
    assert chosen != before
    page.reload()
    assert page.evaluate(SCHEME) == chosen


def test_the_scheme_can_be_chosen_by_keyboard(visit, sample):
    page = visit(sample, viewport=DESKTOP)
    before = page.evaluate(SCHEME)
    in_palette = "document.activeElement.closest('[data-md-component=palette]') !== null"
    tab_until(page, in_palette)
    for key in ("Enter", "Space", "ArrowRight"):
        for _ in range(2):
            page.keyboard.press(key)
            page.wait_for_timeout(50)
            if page.evaluate(SCHEME) != before:
                return
    pytest.fail("no key changes the scheme", pytrace=False)


def tab_until(page, condition):
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate(condition):
            return
    pytest.fail(f"thirty times Tab, and never: {condition}", pytrace=False)


@each_size
def test_search_by_click_leads_to_a_section(visit, sample, size):
    page = visit(sample, viewport=size)
    page.locator(f"label[for=__search]:visible, {SEARCH}:visible").first.click()
    put_in_words(page)
    chapter = page.locator(".md-search-result__item:has(a[href*='chapters/'])").first
    chapter.wait_for(timeout=TIMEOUT)
    more = chapter.locator("summary")  # most of the sections are one click away
    if more.count():
        more.click()
    chapter.locator("a[href*='#']:visible").first.click()
    insist_section(page)


def test_search_by_keyboard_leads_to_a_section(visit, sample):
    page = visit(sample, viewport=DESKTOP)
    page.keyboard.press("/")
    put_in_words(page)
    page.locator(".md-search-result__item a[href*='chapters/']").first.wait_for(timeout=TIMEOUT)
    for _ in range(30):
        page.keyboard.press("ArrowDown")
        if page.evaluate("document.activeElement.matches('summary')"):
            page.keyboard.press("Enter")
        if page.evaluate('document.activeElement.matches(\'a[href*="chapters/"][href*="#"]\')'):
            page.keyboard.press("Enter")
            return insist_section(page)
    pytest.fail("the arrow keys come to no section of a chapter", pytrace=False)


def put_in_words(page):
    """Enter them at once, as the list is made anew at every letter; the theme looks at a key."""
    until(page, f"document.activeElement.matches('{SEARCH}')")
    page.keyboard.insert_text("forget bias")
    page.keyboard.press("End")


def insist_section(page):
    page.wait_for_url(re.compile(r"/chapters/.*#"), timeout=TIMEOUT)
    target = "document.getElementById(decodeURIComponent(location.hash.slice(1)))"
    until(page, f"{target} !== null")


def test_escape_closes_search(visit, sample):
    page = visit(sample, viewport=DESKTOP)
    page.keyboard.press("/")
    until(page, "document.getElementById('__search').checked")
    page.keyboard.press("Escape")
    until(page, "!document.getElementById('__search').checked")


@each_size
def test_the_keyboard_reaches_everything(visit, sample, size):
    """Tab comes to each link, control and scrolling box, and shows where it is."""
    page = visit(sample, viewport=size, reduced_motion="reduce")
    mouse_only, stops = page.evaluate("probes.mouseOnly()"), walk(page)
    insist_none(
        sample,
        [
            *(f"works by mouse only: {found}" for found in mouse_only),
            *(f"Tab never comes to: {found}" for found in stops["missed"]),
            *(f"focus does not show at: {found}" for found in stops["ringless"]),
            *(f"focus is out of sight at: {found}" for found in stops["covered"]),
        ],
    )


def walk(page):
    """Press Tab through the page; return the stops that are missing, or do not show."""
    for _ in range(page.evaluate("probes.startWalk()") + 20):
        page.keyboard.press("Tab")
        if not page.evaluate("probes.step()"):
            break
    return page.evaluate("probes.endWalk()")


def test_the_first_stop_skips_to_the_content(visit, sample):
    page = visit(sample, viewport=DESKTOP)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.matches('.md-skip')")
    until(page, "getComputedStyle(document.activeElement).opacity === '1'")
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('article') !== null")


def test_nothing_moves_for_who_asked_for_calm(visit, sample):
    page = visit(sample, viewport=DESKTOP, reduced_motion="reduce")
    insist_none(f"{sample} with reduced motion", page.evaluate("probes.moves()"))


def test_paper_shows_the_article_alone_and_whole(visit, sample):
    page = visit(sample, viewport={"width": 718, "height": 1000})  # A4 within its margins
    page.emulate_media(media="print")
    shown = page.evaluate(
        "probes.all('header, nav, footer').filter(e => !e.closest('article') && probes.seen(e))"
        ".map(e => probes.finding(e, 'printed'))"
    )
    cut = page.evaluate("probes.cutOff()")
    insist_none(f"{sample} on paper", shown + [f"cut off: {found}" for found in cut])
