"""The instrument itself: each probe finds what it is for, and nothing on a good page."""

import gzip
import re

import pytest
from pages import source
from test_pages import RULES_OF_COLOURS, axe
from test_reading import walk
from visits import DESKTOP, PHONE, PROBES, Visit, switch

GOOD = """
<!doctype html><html lang="en"><head><title>Good</title>
<meta name="viewport" content="width=device-width">
<style>:focus-visible { outline: 2px solid } body { background: #fff }</style>
<body><header><a href="#top">Skip</a></header><main id="top"><article><h1>A page</h1>
<p>Text, and <a href="#top">a link</a>.</p><details><summary>More</summary><p>Below</p></details>
<div style="overflow: auto; width: 9em" tabindex="0" role="region" aria-label="Code">
<pre style="width: 40em">code</pre></div>
<img src="data:," alt="An image" width="9" height="9"><label><input type="checkbox"> Tick</label>
"""
HIGH = "<mfrac><mi>x</mi><mi>y</mi></mfrac>"
BAD = {
    "lowContrast": [
        '<p style="color: #999">grey</p>',
        '<p style="opacity: 0.4">pale</p>',
        '<p style="color: rgb(0 0 0 / 40%)">thin</p>',
        '<p style="background: #555"><code>dark on dark</code></p>',
        '<p style="background: linear-gradient(red, blue)">on a picture</p>',
    ],
    "sticksOut": ['<p style="width: 3000px">wide</p>', '<p style="margin-left: -9px">left</p>'],
    "withoutSize": ['<img src="data:," alt="">', '<img src="data:," alt="" width="9">'],
    "hiddenText": ['<p style="display: none">no</p>', '<p style="opacity: 0">no</p>'],
    "badFormulas": ["<math><mi>x</mi></math>"],
    "incomplete": ["<math><msub><mi>x</mi></msub></math>", "<math><munderover></math>"],
    "shortFences": [f'<math display="block"><mrow><mo maxsize="1em">(</mo>{HIGH}</mrow></math>'],
    "moves": [
        '<p style="transition: color 1s">x</p>',
        "<style>@keyframes k {} p::before { content: ''; animation: k 200ms }</style>",
    ],
    "mouseOnly": [
        '<input id="a" type="checkbox" hidden><label for="a" style="cursor: pointer">x</label>'
    ],
}
OFF_BY_KEY = {
    "missed": [
        '<div style="overflow: auto; height: 9px; width: 9em" tabindex="-1">a<br>b<br>c</div>',
        '<button onfocus="this.blur()">never held</button>',
    ],
    "ringless": ['<button style="outline: none">no ring</button>'],
    "covered": [
        '<a href="#x" style="opacity: 0">unseen</a>',
        '<a href="#x" style="position: fixed; left: -99px">away</a>',
        '<a href="#x">x</a><div style="position: fixed; inset: 0; background: #fff"></div>',
    ],
}
AXE = {
    "image-alt": '<img src="data:," width="9" height="9">',
    "link-name": '<a href="#x"></a>',
    "landmark-unique": '<nav aria-label="a">x</nav><nav aria-label="a">x</nav>',
    "target-size": '<button style="width: 19px; height: 19px">x</button>' * 2,
    "select-name": "<select></select>",
    "color-contrast": '<p style="color: #999">grey</p>',
}

OFF_BY_COLOUR = '<p>Text with <a href="#x" style="text-decoration: none">a link</a>.</p>'
# What may be otherwise in the dark beside colours.
RESHAPE = [
    "p { display: none }",
    "p { visibility: hidden }",
    "p { opacity: 0 }",
    "p { padding-left: 1px }",
    "div { overflow: hidden !important }",
    "label { position: relative; z-index: 1 }",
]


def each(cases):
    return [
        pytest.param(name, html, id=f"{name}-{number}")
        for name, htmls in cases.items()
        for number, html in enumerate(htmls)
    ]


@pytest.fixture
def show(browser):
    """Show a page of the given source."""
    with browser.new_context(viewport=DESKTOP) as context:
        page = context.new_page()

        def shown(html):
            page.set_content(html)
            page.evaluate(PROBES)
            return page

        yield shown


@pytest.mark.parametrize("probe", BAD)
def test_a_good_page_is_good(show, probe):
    assert not show(GOOD).evaluate(f"probes.{probe}()")


@pytest.mark.parametrize(("probe", "html"), each(BAD))
def test_a_bad_page_is_found(show, probe, html):
    assert show(GOOD + html).evaluate(f"probes.{probe}()")


def test_the_keyboard_reaches_all_of_a_good_page(show):
    assert walk(show(GOOD)) == {"missed": [], "ringless": [], "covered": []}


@pytest.mark.parametrize(("fault", "html"), each(OFF_BY_KEY))
def test_a_stop_that_is_wrong_is_found(show, fault, html):
    assert walk(show(GOOD + html))[fault]


@pytest.mark.only("chromium")
def test_axe_finds_nothing_on_a_good_page(show, tools):
    assert axe(show(GOOD), tools) == []


@pytest.mark.only("chromium")
@pytest.mark.parametrize("rule", AXE)
def test_axe_finds_what_is_wrong(show, tools, rule):
    assert any(found.startswith(f"{rule}:") for found in axe(show(f"{GOOD}<p>{AXE[rule]}"), tools))


@pytest.mark.only("chromium")
def test_the_rules_of_colours_find_what_is_wrong(show, tools):
    found = axe(show(f"{GOOD}<p>{OFF_BY_COLOUR}"), tools, RULES_OF_COLOURS)
    assert any(line.startswith("link-in-text-block:") for line in found)


@pytest.mark.only("chromium")
def test_another_shape_is_told_from_another_colour(show):
    page = show(GOOD)
    assert page.evaluate("probes.reshaped()")
    assert not page.evaluate("probes.reshaped()")
    page.add_style_tag(content="@media (prefers-color-scheme: dark) { p { color: #999 } }")
    switch(page, "dark", DESKTOP)
    assert not page.evaluate("probes.reshaped()")


@pytest.mark.only("chromium")
@pytest.mark.parametrize("change", RESHAPE)
def test_another_shape_in_the_dark_is_seen(show, change):
    page = show(GOOD)
    page.add_style_tag(content=f"@media (prefers-color-scheme: dark) {{ {change} }}")
    page.evaluate("probes.reshaped()")
    switch(page, "dark", DESKTOP)
    assert page.evaluate("probes.reshaped()")


@pytest.mark.only("chromium")
def test_another_window_is_another_shape(show):
    page = show(GOOD)
    page.evaluate("probes.reshaped()")
    switch(page, "light", PHONE)
    assert page.evaluate("probes.reshaped()")


def test_a_scheme_shows_at_once_however_slowly_it_fades_in(show):
    page = show(GOOD)
    fading = "p { transition: color 9s } @media (prefers-color-scheme: dark) { p { color: #999 } }"
    page.add_style_tag(content=fading)
    before = page.evaluate("probes.look()")
    switch(page, "dark", DESKTOP)
    assert page.evaluate("probes.look()") != before
    assert page.evaluate("probes.lowContrast()")


def test_what_is_cut_off_on_paper_is_found(show):
    page = show(GOOD)
    assert page.evaluate("probes.cutOff()")


@pytest.mark.only("chromium")
def test_a_shift_is_measured(show):
    page = show(GOOD)
    page.evaluate("setTimeout(() => document.body.style.paddingTop = '300px', 100)")
    page.wait_for_function("probes.layoutShift().then(shift => shift > 0.02)")


FAULTS = {
    "error: ": "setTimeout(() => { throw new Error('broken') })",
    "console: ": "console.error('broken')",
    # No policy forbids to leave.
    "foreign request: ": "setTimeout(() => { location = 'http://localhost:65535/' })",
    "failed: ": "setTimeout(() => { location = 'http://127.0.0.1:65535/' })",
}


# What the policy of a page forbids, though a script of its own asks for it.
FORBIDDEN = {
    "style-src-attr": "document.body.setAttribute('style', 'color: red')",
    "style-src-elem": "document.head.insertAdjacentHTML('beforeend', '<style>p {}</style>')",
    # A browser may look at it only when it is needed.
    "script-src-attr": "document.body.setAttribute('onclick', 'x()'); document.body.click()",
    "script-src-elem": """{
      const script = document.createElement("script");
      script.textContent = "x()";
      document.body.append(script);
    }""",
    "script-src": "setTimeout('x()')",
    "connect-src": "fetch('http://127.0.0.1:1/').catch(() => {})",
    "img-src": "new Image().src = 'http://127.0.0.1:1/a.png'",
    "frame-src": """{
      const frame = document.createElement("iframe");
      frame.src = "http://127.0.0.1:1/";
      document.body.append(frame);
    }""",
    "form-action": """{
      document.forms[0].action = "http://127.0.0.1:1/";
      document.forms[0].submit();
    }""",
}


@pytest.fixture
def visited(browser, home):
    context = browser.new_context()
    yield Visit(context, home)
    context.close()


def insist_soon(page, visited, what):
    for _ in range(100):
        if any(what in problem for problem in visited.problems):
            return
        page.wait_for_timeout(50)
    pytest.fail(f"never noted: {what}", pytrace=False)


@pytest.mark.parametrize("kind", FAULTS)
def test_a_fault_of_a_page_is_noted(browser, home, kind):
    with browser.new_context() as context:
        visited = Visit(context, home)
        page = visited.open("404.html")
        page.evaluate(FAULTS[kind])
        insist_soon(page, visited, kind)


# Firefox tells a page nothing of a frame that is refused, and throws where a form is.
ONE_SAYS_IT = {"frame-src", "form-action"}


@pytest.mark.parametrize(
    "kind",
    [
        pytest.param(kind, marks=pytest.mark.only("chromium") if kind in ONE_SAYS_IT else ())
        for kind in FORBIDDEN
    ],
)
def test_what_a_policy_forbids_is_noted(visited, kind):
    page = visited.open("404.html")
    page.evaluate(FORBIDDEN[kind])
    insist_soon(page, visited, f"forbidden by the policy: {kind} ")


@pytest.mark.only("chromium")
def test_all_that_is_sent_is_counted(visited, pytestconfig):
    """The page, its style sheets and scripts, compressed, with their headers."""
    visited.open("404.html")
    site = pytestconfig.option.site
    parts = re.findall(
        r'(?:href|src)="[^"]*?/((?:assets|machinery)/[^"]*\.(?:css|js|svg))"',
        source(site, "404.html"),
    )
    bodies = [len(gzip.compress((site / part).read_bytes())) for part in {"404.html", *parts}]
    assert visited.kilobytes() > (sum(bodies) + 200 * len(bodies)) / 1000


@pytest.mark.only("chromium")
def test_without_scripts_none_runs(visited):
    visited.open("404.html")
    assert "js" in visited.page.evaluate("document.documentElement.className").split()
    visited.load_without_scripts("404.html")
    assert "js" not in visited.page.evaluate("document.documentElement.className").split()
