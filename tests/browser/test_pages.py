"""Every page, in every mode: light, whole, quiet and readable by all."""

import functools
from pathlib import Path

import pytest
from visits import DESKTOP, PHONE, insist_none

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


def test_weight(visit, path, note):
    """A page is light and stands still, also while its reader scrolls to the end."""
    page = visit(path)
    first = page.visit.kilobytes()
    shift = page.evaluate("probes.layoutShift()")
    # Blocks of code get their buttons when they come in sight.
    elements = page.evaluate("document.querySelectorAll('*').length")
    # The bar is for what a reader to the end gets: images further down come as one scrolls.
    whole = page.visit.kilobytes()
    note(
        elements=elements,
        KB_first=f"{first:.0f}",
        KB_whole=f"{whole:.0f}",
        CLS=f"{shift:.3f}",
    )
    problems = [
        *([f"{elements} elements, at most {MOST_ELEMENTS}"] * (elements > MOST_ELEMENTS)),
        *([f"{whole:.0f} KB transferred, at most {MOST_KILOBYTES}"] * (whole > MOST_KILOBYTES)),
        *([f"layout shift {shift:.3f}, at most {MOST_SHIFT}"] * (shift > MOST_SHIFT)),
        *(f"image without size: {image}" for image in page.evaluate("probes.withoutSize()")),
    ]
    insist_none(path, problems)


def test_narrow(visit, path, note):
    """At 320 pixels nothing sticks out but what scrolls in a box of its own."""
    page = visit(path, viewport={"width": 320, "height": 640})
    width = page.evaluate("document.scrollingElement.scrollWidth")
    problems = page.evaluate("probes.sticksOut()")
    problems += [f"the page is {width} pixels wide"] * (width > 320)
    note(overflow=len(problems))
    insist_none(f"{path} at 320 pixels", problems)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe(visit, path, scheme, tools, note):
    """Axe finds nothing, nor do the computed colours, which decide where axe cannot."""
    page = visit(path, color_scheme=scheme)
    problems = []
    for size in (PHONE, DESKTOP):
        page.set_viewport_size(size)
        violations, low = axe(page, tools), page.evaluate("probes.lowContrast()")
        mode = f"{scheme}-{size['width']}"
        note(**{mode: f"{len(violations)}+{len(low)}"})
        problems += [f"{mode} {problem}" for problem in violations + low]
    insist_none(path, problems)


def axe(page, tools):
    """Return what axe finds; a contrast that it cannot decide is computed by a probe."""
    page.evaluate(axe_source(tools))
    found = page.evaluate("rules => axe.run(document, rules)", RULES)
    undecided = [rule for rule in found["incomplete"] if rule["id"] != "color-contrast"]
    return [
        f"{rule['id']}: {' '.join(map(str, node['target']))}  {node['html'][:160]}"
        for rule in found["violations"] + undecided
        for node in rule["nodes"]
    ]


@functools.cache
def axe_source(tools):
    return Path(tools, "axe-core", "axe.min.js").read_text("utf-8")


def test_without_scripts(visit, path):
    """Without scripts all the text is there, and the formulas are drawn in their own font."""
    page = visit(path, java_script_enabled=False)
    problems = page.evaluate("probes.hiddenText()") + page.evaluate("probes.badFormulas()")
    insist_none(f"{path} without scripts", problems)
