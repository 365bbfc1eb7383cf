"""A lesson opens with its claim and its picture, both on the first screen."""

import pytest

SCREENS = {"phone": {"width": 412, "height": 800}, "desktop": {"width": 1280, "height": 800}}
BOTTOMS = """() => {
  const parts = ["article .abstract", "article figure svg"];
  return parts.map((part) => document.querySelector(part).getBoundingClientRect().bottom);
}"""


@pytest.mark.parametrize("screen", SCREENS)
def test_claim_and_picture_are_on_the_first_screen(screen, visit, lesson):
    size = SCREENS[screen]
    page = visit(lesson, viewport=size)
    claim, picture = page.evaluate(BOTTOMS)
    assert 0 < claim < picture <= size["height"]
