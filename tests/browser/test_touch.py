"""Figures that can be touched: what holds for each of them, whatever it shows."""

from itertools import chain

import pytest
from test_pages import MODES, judged
from visits import NARROW, insist_none, switch, until

FIGURE = "figure[data-touch]"
PICTURE = "p > :is(img, svg):visible"
SETTINGS = """figure => [...figure.querySelectorAll(".touch-control :is(input, select, textarea)")]
  .map((control) => control.type === "checkbox" ? control.checked : control.value)"""
# What may be pressed to change a control, and back.
KEYS = {"range": ("ArrowRight", "ArrowLeft"), "select-one": ("ArrowDown", "ArrowUp")}


def opened(page, figure):
    """Open a figure by keyboard."""
    button = figure.locator(".touch > button")
    button.focus()
    page.keyboard.press("Enter")
    figure.locator(".touch-panel").wait_for()
    until(page, "() => document.querySelector('.touch-status').textContent !== ''")
    return button


def test_a_figure_opens_by_keyboard_and_closes_to_its_picture(visit, touchable):
    page = visit(touchable)
    address = page.url
    for figure in page.locator(FIGURE).all():
        button = opened(page, figure)
        assert button.get_attribute("aria-expanded") == "true"
        assert not figure.locator(PICTURE).count()
        page.keyboard.press("Enter")
        figure.locator(".touch-panel").wait_for(state="detached")
        assert button.get_attribute("aria-expanded") == "false"
        assert figure.locator(PICTURE).count() == 1
    assert page.url.partition("#")[0] == address


def test_every_control_moves_by_keyboard_and_speaks(visit, touchable):
    page = visit(touchable)
    for figure in page.locator(FIGURE).all():
        opened(page, figure)
        for control in figure.locator(".touch-control :is(input, select)").all():
            if not control.is_visible():  # one before it may have no use for it
                continue
            before = figure.evaluate(SETTINGS)
            control.focus()
            kind = control.evaluate("control => control.type")
            for key in KEYS.get(kind, (" ",)):
                page.keyboard.press("Space" if key == " " else key)
                page.evaluate("probes.settle()")
                if figure.evaluate(SETTINGS) != before:
                    break
            assert figure.evaluate(SETTINGS) != before
            assert control.evaluate("control => control === document.activeElement")
            if kind == "range":
                assert control.get_attribute("aria-valuetext")
            assert control.evaluate("control => control.labels.length") == 1


def test_an_address_holds_the_setting(visit, touchable):
    page = visit(touchable)
    for number, figure in enumerate(page.locator(FIGURE).all()):
        opened(page, figure)
        slider = figure.locator("input[type=range]:enabled").first
        slider.focus()
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        until(page, "() => location.search !== ''")
        settings, address = figure.evaluate(SETTINGS), page.url.removeprefix(page.visit.home)
        page.visit.load(address)
        again = page.locator(FIGURE).nth(number)
        again.locator(".touch-panel").wait_for()
        assert again.evaluate(SETTINGS) == settings
        page.visit.load(touchable)


@pytest.mark.only("chromium")
def test_a_figure_that_is_open_suits_all(visit, touchable, tools):
    page = visit(touchable)
    for figure in page.locator(FIGURE).all():
        opened(page, figure)
    page.set_viewport_size(NARROW)
    page.evaluate("probes.settle()")
    problems = [f"at 320 pixels {problem}" for problem in page.evaluate("probes.sticksOut()")]
    for scheme, size in MODES:
        switch(page, scheme, size)
        found = chain(*judged(page, tools))
        problems += [f"{scheme}-{size['width']} {problem}" for problem in found]
    insist_none(touchable, problems)


@pytest.mark.only("chromium")
def test_on_paper_stands_the_picture(visit, touchable):
    page = visit(touchable)
    for figure in page.locator(FIGURE).all():
        opened(page, figure)
        page.emulate_media(media="print")
        assert figure.locator(PICTURE).count() == 1
        assert not figure.locator(".touch-panel, .touch").locator("visible=true").count()
        page.emulate_media(media="screen")


@pytest.mark.only("chromium")
def test_without_scripts_stands_the_picture_alone(visit, touchable):
    page = visit(touchable, java_script_enabled=False)
    for figure in page.locator(FIGURE).all():
        assert figure.locator(PICTURE).count() == 1
        assert not figure.locator("button").count()


@pytest.mark.only("chromium")
def test_what_a_figure_needs_comes_when_a_pointer_comes(visit, touchable):
    page = visit(touchable)
    loaded = "name => !!document.querySelector(`script[src$='/${name}']`)"
    seen = set()
    for figure in page.locator(FIGURE).all():
        name = figure.get_attribute("data-touch").rpartition("/")[2]
        assert page.evaluate(loaded, name) is (name in seen)
        figure.hover()
        seen.add(name)
        until(page, loaded, name)


@pytest.mark.only("chromium")
def test_a_figure_opens_from_the_file_system(browser, touchable, unpacked):
    page = browser.new_page()
    page.goto(f"{unpacked}/{touchable}index.html")
    for figure in page.locator(FIGURE).all():
        figure.locator(".touch > button").click()
        figure.locator(".touch-panel").wait_for()
    page.close()


@pytest.mark.only("chromium")
@pytest.mark.parametrize("query", ["T=99&w=x&path=-4", "T=&w=Infinity", "no=1", "T=2.7"])
def test_an_address_that_makes_no_sense_is_a_setting_that_does(visit, query):
    prefixed = "&".join(f"paths.{part}" for part in query.split("&"))
    page = visit(f"chapters/02-backpropagate-through-time/?{prefixed}")
    until(page, "() => document.querySelector('.touch-status')?.textContent.startsWith('Path ')")
    assert "NaN" not in page.locator("#figure-paths").inner_text()
