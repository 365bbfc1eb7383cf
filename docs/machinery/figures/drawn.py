"""Take out of a notebook's page what it draws: one figure under each heading below its title."""

import base64
import re
from collections.abc import Callable
from typing import Any

from bs4 import BeautifulSoup, Tag
from mkdocs.exceptions import PluginError

from figures import touch
from figures.svg import MISSING, tidy

DATA = "data:image/svg+xml;base64,"
SUBHEADINGS = ["h2", "h3", "h4", "h5", "h6"]
# What says in numbers or in words what a figure shows: in the notebook's page, and as a link.
EXPLANATIONS: dict[str, Callable[[Tag], bool]] = {
    "data": lambda tag: "figure-data" in tag.get_attribute_list("class"),
    "description": lambda tag: tag.name == "p" and tag.text.startswith("In words:"),
}
SCRIPTS = {"msub": ["sub"], "msup": ["sup"], "msubsup": ["sub", "sup"]}


def collect(content: str, where: str) -> tuple[str, dict[str, dict[str, Any]]]:
    """Collect the figures of a page: one under each heading below its title."""
    figures: dict[str, dict[str, Any]] = {}
    soup = BeautifulSoup(content, "html.parser")
    name = ""
    explained = _explained(soup)
    _let_scroll(soup)
    for tag in soup.find_all(["h1", *SUBHEADINGS, "img"]):
        if tag.name != "img":
            name = str(tag["id"])
        elif not str(tag["src"]).startswith(DATA):
            raise PluginError(f"{where}: the picture under #{name} is not an SVG")
        elif name in figures:
            raise PluginError(f"{where}: two figures under #{name}; give each its own heading")
        else:
            svg = base64.b64decode(str(tag["src"]).removeprefix(DATA)).decode()
            if MISSING in svg:
                raise PluginError(f"{where}: the fonts of the figures lack a character of #{name}")
            figures[name] = {"svg": tidy(svg), "explanations": explained.get(name, [])}
    touch.take(soup, figures, SUBHEADINGS)
    for heading in soup.find_all(SUBHEADINGS):
        if heading["id"] not in figures:
            raise PluginError(f"{where}: no SVG is drawn under #{heading['id']}")
    for name in figures:
        if name not in explained:
            raise PluginError(f"{where}: the figure #{name} has neither data nor a description")
    return str(soup), figures


def _explained(soup: BeautifulSoup) -> dict[str, list[str]]:
    """Give an address to what explains each figure, in data or in words."""
    explained: dict[str, list[str]] = {}
    name = ""
    for tag in soup.find_all([*SUBHEADINGS, "p", "div"]):
        name = str(tag["id"]) if tag.name in SUBHEADINGS else name
        for kind in (kind for kind, explains in EXPLANATIONS.items() if explains(tag)):
            tag["id"] = f"{name}-{kind}"
            explained.setdefault(name, []).append(kind)
    return explained


def _let_scroll(soup: BeautifulSoup) -> None:
    """Put every table of data into a box of its own."""
    for number, table in enumerate(soup.select(".figure-data > table"), 1):
        box = {"role": "group", "aria-label": f"Table {number}", "tabindex": "0"}
        table.wrap(soup.new_tag("div", attrs=box))
        for formula in table.select("th math"):
            _spell_out(formula)


def _spell_out(formula: Tag) -> None:
    """Write a formula as text: to axe a heading that is MathML and nothing else looks empty."""
    for operator in formula.find_all("mo", string=["=", "/"]):
        operator.string = f" {operator.string} "
    for script in formula.find_all(SCRIPTS):
        _, *raised = script.find_all(recursive=False)
        for part, name in zip(raised, SCRIPTS[script.name], strict=True):
            part.name = name
    for tag in formula.find_all(re.compile("^m")):
        tag.unwrap()
    formula.unwrap()
