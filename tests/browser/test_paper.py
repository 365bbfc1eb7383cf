"""A page on paper, where what may not be broken leaves the end of a sheet empty."""

import pytest
from visits import insist_none

# A4 within its margins.
SHEET = {"width": 672, "height": 986}
HIGH = """(most) => probes.all("article *")
  .filter((box) => getComputedStyle(box).breakInside.startsWith("avoid"))
  .map((box) => [box, box.getBoundingClientRect().height])
  .filter(([box, height]) => box.checkVisibility() && height > most)
  .map(([box, height]) => probes.finding(box, `${Math.round(height)} pixels`))"""


@pytest.mark.only("chromium")
def test_nothing_leaves_a_third_of_a_sheet_empty(visit, lesson):
    page = visit(lesson, viewport=SHEET)
    page.emulate_media(media="print")
    insist_none(lesson, page.evaluate(HIGH, SHEET["height"] * 0.3))
