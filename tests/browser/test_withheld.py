"""A browser that withholds something: the page says no error and does all that it did before."""

import json

import pytest
from test_code import CLIPBOARD, CONSOLE
from test_reading import SCHEME, insist_section, put_in_words
from visits import DESKTOP, until

PAGE = "chapters/08-read-a-cell/"
STORES = ["localStorage", "sessionStorage"]

# A script that runs before all others: what is asked for is refused, is nothing, or is not there.
REFUSED = "get() { throw new DOMException('withheld', 'SecurityError') }"
NULL = "value: null, writable: true"
MISSING = "value: undefined, writable: true"


def as_if(names, what):
    return "".join(
        f"Object.defineProperty(window, '{name}', {{ configurable: true, {what} }});"
        for name in names
    )


WITHHELD = {
    "storage blocked": as_if(STORES, REFUSED),
    "storage null": as_if(STORES, NULL),
    "storage full": "Storage.prototype.setItem = () => { throw new Error('full') };",
    "no Worker": as_if(["Worker"], MISSING),
    "Worker null": as_if(["Worker"], NULL),
    "Worker deleted": "delete window.Worker;",
    "Worker for reading only": as_if(["Worker"], "get: () => undefined"),
    "Worker refused": "window.Worker = class { constructor() { throw new Error('withheld') } };",
    "no IntersectionObserver": as_if(["IntersectionObserver"], MISSING),
    "IntersectionObserver deleted": "delete window.IntersectionObserver;",
    "IntersectionObserver for reading only": as_if(
        ["IntersectionObserver"], "get: () => undefined"
    ),
    "no ResizeObserver": as_if(["ResizeObserver"], MISSING),
    "nothing at all": as_if(STORES, REFUSED)
    + as_if(["Worker", "IntersectionObserver", "ResizeObserver"], MISSING),
}

# What may stand where the theme keeps the choice of a scheme, and is none.
COLOURS = {"scheme": "slate", "primary": "custom", "accent": "custom"}
BROKEN = {
    "cut short": '{"index":',
    "no JSON": "dark",
    "nothing": "",
    **{
        name: json.dumps(value)
        for name, value in {
            "null": None,
            "a number": 2,
            "a text": "slate",
            "true": True,
            "a list": [1, 2],
            "an empty object": {},
            "colours alone": {"color": COLOURS},
            "no such index": {"index": 3, "color": COLOURS},
            "a negative index": {"index": -1, "color": COLOURS},
            "half an index": {"index": 1.5, "color": COLOURS},
            "an index in words": {"index": "2", "color": COLOURS},
            "the name of a method": {"index": "length", "color": COLOURS},
            "an index that is null": {"index": None, "color": COLOURS},
            "an index that is a list": {"index": [1], "color": COLOURS},
        }.items()
    },
}
# The index is good; the colours beside it are not, and are not needed.
WRONG_COLOURS = {
    "none": {"index": 2},
    "null": {"index": 2, "color": None},
    "a text": {"index": 2, "color": "dark"},
    "no names of attributes": {"index": 2, "color": {"a b": 1, "": 2, "<": 3}},
    "another scheme": {"index": 2, "color": {**COLOURS, "scheme": "no"}},
    "for no such media": {"index": 2, "color": {**COLOURS, "media": "(none)"}},
}
STORE = """localStorage.setItem(
  new URL(document.querySelector("[rel=icon]").href.replace("machinery/favicon.svg", "")).pathname
    + ".__palette", %s)"""


# One by one in Chromium: what a script cannot have is the same everywhere.
each_withheld = pytest.mark.parametrize(
    "what",
    [
        pytest.param(name, marks=() if name == "nothing at all" else pytest.mark.only("chromium"))
        for name in WITHHELD
    ],
)


@pytest.fixture
def without(visit):
    """Open a page in a browser that withholds something."""

    def open_page(script, path=PAGE, **settings):
        page = visit("404.html", viewport=DESKTOP, **settings)
        page.context.add_init_script(script)
        page.visit.load(path)
        return page

    return open_page


@each_withheld
def test_search_finds_a_section_without(what, without):
    page = without(WITHHELD[what])
    page.keyboard.press("/")
    put_in_words(page)
    section = page.locator(".md-search-result__item a[href*='chapters/'][href*='#']").first
    section.wait_for(state="attached", timeout=30_000)
    section.evaluate("link => link.click()")
    insist_section(page)
    page.locator("mark").first.wait_for(state="attached")


@each_withheld
def test_scheme_copying_and_links_work_without(what, without):
    page = without(WITHHELD[what], permissions=CLIPBOARD)
    change_scheme(page)
    copy_code(page)
    insist_links(page)


def change_scheme(page):
    """Press the button three times: each time it is another one, and both schemes are seen."""
    button = "[data-md-component=palette] label:visible"
    buttons, schemes = set(), set()
    for _ in range(3):
        buttons.add(page.locator(button).get_attribute("for"))
        schemes.add(page.evaluate(SCHEME))
        page.locator(button).click()
    assert len(buttons) == 3
    assert schemes == {"default", "slate"}


def copy_code(page):
    block = page.locator(CONSOLE).first
    block.scroll_into_view_if_needed()
    block.hover()
    block.locator("button").click()
    source = block.locator("code").get_attribute("data-copy").strip()
    assert source
    until(
        page, "source => navigator.clipboard.readText().then((text) => text === source)", arg=source
    )


def insist_links(page):
    page.locator(".md-nav--secondary a[href^='#']:visible").last.click()
    page.wait_for_url("**#*")
    page.locator("header .md-logo").click()
    page.wait_for_url(page.visit.home)


@pytest.mark.only("chromium")
@pytest.mark.parametrize("entry", BROKEN)
def test_a_choice_of_scheme_that_is_broken_is_none(entry, visit):
    page = visit(PAGE, viewport=DESKTOP, color_scheme="dark")
    fresh = page.evaluate(SCHEME)
    page.evaluate(STORE % json.dumps(BROKEN[entry]))
    page.visit.load(PAGE)
    assert page.evaluate(SCHEME) == fresh == "slate"
    change_scheme(page)


@pytest.mark.only("chromium")
@pytest.mark.parametrize("colours", WRONG_COLOURS)
def test_the_colours_of_a_choice_are_those_of_the_page(colours, visit):
    page = visit(PAGE, viewport=DESKTOP, color_scheme="light")
    page.evaluate(STORE % json.dumps(json.dumps(WRONG_COLOURS[colours])))
    page.visit.load(PAGE)
    assert page.evaluate("({...document.body.dataset})") == {
        "mdColorMedia": "(prefers-color-scheme: dark)",
        "mdColorScheme": "slate",
        "mdColorPrimary": "custom",
        "mdColorAccent": "custom",
    }
    change_scheme(page)
