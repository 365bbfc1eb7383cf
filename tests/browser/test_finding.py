"""Where all modules and all figures are listed."""

import pytest
from visits import DESKTOP, PHONE, until

GROUP = "details.gallery:has(li + li)"
SHOWN = "[...document.querySelectorAll('{}')].filter((e) => e.checkVisibility())"


def test_the_side_bar_lists_the_groups_and_the_modules_of_one(visit):
    page = visit("api/lm/sample/", viewport=DESKTOP)
    links = page.evaluate(f"{SHOWN.format('.md-sidebar--primary .md-nav__link')}.length")
    assert 20 < links < 50
    assert page.locator(".md-sidebar--primary a", has_text="bptt.lm.score").is_visible()
    assert page.locator(".md-sidebar--primary a", has_text="bptt.lstm").count() == 0


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_a_chapter_opens_to_one_picture_for_each_figure(visit, scheme, size):
    page = visit("figures/", viewport=size, color_scheme=scheme)
    group = page.locator(GROUP).first
    assert group.locator("li img").first.evaluate("image => image.complete") is False
    group.locator("summary").click()
    shown = SHOWN.format(f"{GROUP} li img")
    until(page, f"{shown}.length > 0 && {shown}.every((image) => image.naturalWidth > 0)")
    sources = [image.rpartition("#")[2] for image in page.evaluate(f"{shown}.map((e) => e.src)")]
    assert sources == [f"only-{scheme}"] * group.locator("li").count()


def test_a_picture_leads_to_its_figure(visit):
    page = visit("figures/", viewport=DESKTOP)
    group = page.locator(GROUP).first
    group.locator("summary").click()
    group.locator("li a").first.click()
    page.wait_for_url("**/chapters/**#figure-*")
    until(page, "document.querySelector('figure:target') !== null")
