"""The dark scheme: for the bars of the window too, and without scripts."""

import pytest
from visits import DESKTOP, insist_none

PAGE = "chapters/06-gate-the-cell/"
ROOT = "getComputedStyle(document.documentElement).colorScheme"
LOOK = """["background-color", "color", "color-scheme"].map((name) =>
  getComputedStyle(document.body).getPropertyValue(name))"""
IMAGES = """[...document.querySelectorAll("article .card img")]
  .filter((image) => image.checkVisibility()).map((image) => image.src)"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_bars_of_the_window_are_as_dark_as_the_page(visit, scheme):
    page = visit(PAGE, viewport=DESKTOP, color_scheme=scheme)
    assert (page.evaluate(ROOT) == "dark") is (scheme == "dark")
    for _ in range(2 if scheme == "light" else 1):  # from what the system says to the other one
        page.locator("[data-md-component=palette] label:visible").click()
    assert (page.evaluate(ROOT) == "dark") is (scheme == "light")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_without_scripts_the_page_has_the_scheme_of_the_system(visit, scheme):
    scripted = visit(PAGE, color_scheme=scheme)
    page = visit(PAGE, color_scheme=scheme, java_script_enabled=False)
    assert page.evaluate(LOOK) == scripted.evaluate(LOOK)
    insist_none(f"{PAGE} in {scheme}", page.evaluate("probes.lowContrast()"))
    home = visit("", color_scheme=scheme, java_script_enabled=False)
    images = home.evaluate(IMAGES)
    assert images
    assert {image.rpartition("#")[2] for image in images} == {f"only-{scheme}"}
