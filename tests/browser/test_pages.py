"""Every page, in each mode in which it may differ: light, whole, quiet and readable by all."""

import functools
from pathlib import Path

import pytest
from visits import DESKTOP, NARROW, PHONE, insist_none, switch, until

MOST_ELEMENTS = 6000
MOST_KILOBYTES = 150
MOST_SHIFT = 0.02
RULES = {
    "runOnly": [
        *("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22a", "wcag22aa", "best-practice")
    ],
    "rules": {"target-size": {"enabled": True}},  # of WCAG 2.2, and off by default
    "resultTypes": ["violations", "incomplete"],
    "preload": False,  # it is for style sheets of other sites
}
# Tables too: axe takes a striped one for data. A contrast is computed by a probe in each mode, and
# judged by axe in each scheme once: it takes half of its time.
RULES_OF_COLOURS = {
    **RULES,
    "runOnly": ["cat.color", "cat.tables"],
    "rules": {"color-contrast": {"enabled": False}, "color-contrast-enhanced": {"enabled": False}},
}
# The height of the text, set in another font; null if there is none.
HEIGHT = """async (font) => {
  if (font) document.documentElement.style.setProperty("--md-text-font", `"${font}"`);
  const reading = document.fonts.load(font ? `1em "${font}"` : "1em 'Site text'");
  // Of a font that the system lacks, browsers say that there is none or that it cannot be read.
  const found = await (font ? reading.catch(() => []) : reading);
  return found.length ? document.querySelector("article").offsetHeight : null;
}"""
LONGER = 0.015  # DejaVu Sans as it is makes a page 9% longer
# Each differs from the one before in one thing.
MODES = [("light", PHONE), ("dark", PHONE), ("dark", DESKTOP), ("light", DESKTOP)]


@pytest.mark.only("chromium")  # weights and shifts are its to tell, and axe takes minutes
def test_every_mode_of_a_page(visit, path, in_all_modes, tools, note):
    """One tab goes through all the modes: a new one for each would take most of the time."""
    page = visit(path)
    problems = weight(page, path, note)
    page.set_viewport_size(NARROW)
    page.visit.load(path)  # anew, as scripts may go by the width, and scrolling moved the side bars
    modes = MODES if path in in_all_modes else MODES[:1]
    problems += narrow(page, note) + in_colours(page, modes, tools, note)
    page.set_viewport_size(PHONE)
    page.visit.load_without_scripts(path)
    problems += without_scripts(page)
    insist_none(path, problems)


@pytest.mark.only("firefox")
def test_the_layout_of_a_page(visit, written, note):
    page = visit(written, viewport=NARROW)
    insist_none(written, narrow(page, note) + formulas(page))


@pytest.mark.only("firefox")
def test_a_page_without_scripts(visit, sample):
    insist_none(sample, without_scripts(visit(sample, java_script_enabled=False)))


def test_a_scheme_looks_the_same_switched_to_as_loaded(visit, sample):
    """So no page needs to be loaded in each."""
    pages = [visit(sample, color_scheme=scheme) for scheme in ("light", "dark")]
    for size in (PHONE, DESKTOP):
        for page in pages:
            switch(page, "dark", size)
        switched, loaded = (set(page.evaluate("probes.look()")) for page in pages)
        insist_none(f"{sample} dark-{size['width']}, in one of the two", switched ^ loaded)


@pytest.mark.only("chromium")
@pytest.mark.parametrize("font", ["As wide", "As wide, elsewhere"])
def test_a_page_is_as_long_before_its_font_has_been_read(visit, sample, font):
    page = visit(sample)
    high = page.evaluate(HEIGHT, None)
    before = page.evaluate(HEIGHT, font)
    if before is None:
        pytest.skip("this system has no such font")
    assert abs(before / high - 1) < LONGER


def weight(page, path, note):
    """A page is light and stands still, also while its reader scrolls to the end."""
    first = page.visit.kilobytes()
    shift = page.evaluate("probes.layoutShift()")
    # Blocks of code get their buttons when they come in sight.
    elements = page.evaluate("document.querySelectorAll('*').length")
    # The bar is for what a reader to the end gets: images further down come as one scrolls.
    whole = page.visit.kilobytes()
    if shift > MOST_SHIFT:
        # A busy machine may read the fonts of a sheet after its first look at the page, once in
        # many loads. What moves at every load is the page's own.
        page.visit.load(path)
        shift = min(shift, page.evaluate("probes.layoutShift()"))
    note(
        elements=elements,
        KB_first=f"{first:.0f}",
        KB_whole=f"{whole:.0f}",
        CLS=f"{shift:.3f}",
    )
    return [
        *([f"{elements} elements, at most {MOST_ELEMENTS}"] * (elements > MOST_ELEMENTS)),
        *([f"{whole:.0f} KB transferred, at most {MOST_KILOBYTES}"] * (whole > MOST_KILOBYTES)),
        *([f"layout shift {shift:.3f}, at most {MOST_SHIFT}"] * (shift > MOST_SHIFT)),
        *(f"image without size: {image}" for image in page.evaluate("probes.withoutSize()")),
    ]


def narrow(page, note):
    """At 320 pixels nothing sticks out but what scrolls in a box of its own."""
    width = page.evaluate("document.scrollingElement.scrollWidth")
    problems = page.evaluate("probes.sticksOut()")
    problems += [f"the page is {width} pixels wide"] * (width > NARROW["width"])
    note(overflow=len(problems))
    return [f"at 320 pixels {problem}" for problem in problems]


def in_colours(page, modes, tools, note):
    """Axe finds nothing, nor do the computed colours, which decide where axe cannot."""
    problems = []
    for scheme, size in modes:
        switch(page, scheme, size)
        violations, low = judged(page, tools)
        mode = f"{scheme}-{size['width']}"
        note(**{mode: f"{len(violations)}+{len(low)}"})
        problems += [f"{mode} {problem}" for problem in violations + low]
    return problems


def judged(page, tools):
    """Return what axe finds, and low contrasts; where only colours are new, of colours alone."""
    rules = RULES if page.evaluate("probes.reshaped()") else RULES_OF_COLOURS
    return axe(page, tools, rules), page.evaluate("probes.lowContrast()")


def axe(page, tools, rules=RULES):
    """Return what axe finds; a contrast that it cannot decide is computed by a probe."""
    if page.evaluate("window.axe?.run === undefined"):
        page.evaluate(axe_source(tools))
    # What has been scrolled half below the header is small to axe.
    page.evaluate("probes.still()")
    page.evaluate("probes.toTop()")
    page.evaluate("probes.settle()")
    found = page.evaluate("rules => axe.run(document, rules)", rules)
    undecided = [rule for rule in found["incomplete"] if rule["id"] != "color-contrast"]
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}  {node['html'][:160]}"
        for rule in found["violations"] + undecided
        for node in rule["nodes"]
    ]


@functools.cache
def axe_source(tools):
    return Path(tools, "axe-core", "axe.min.js").read_text("utf-8")


def without_scripts(page):
    """Without scripts all the text is there, and so are the formulas."""
    problems = page.evaluate("probes.hiddenText()") + formulas(page)
    return [f"without scripts {problem}" for problem in problems]


def formulas(page):
    """Formulas are whole, and drawn in their own font."""
    until(page, "document.fonts.status === 'loaded'")
    return page.evaluate("probes.incomplete()") + page.evaluate("probes.badFormulas()")
