"""The page of all figures: which it shows, in which order, and where each of them leads."""

from types import SimpleNamespace
from typing import Any

import pytest
from bs4 import BeautifulSoup, Tag
from jinja2 import Environment, FileSystemLoader
from machinery import MACHINERY, step

NOTEBOOK = '<h1 id="top">Figures</h1><h2 id="a">A line</h2><h2 id="b">B &lt; C</h2>'
FIGURE = """\
<figure id="figure-{name}"><p>
<img src="../../figures/01_x/{name}-light.svg#only-light" alt="A." width="30" height="20">
<img src="../../figures/01_x/{name}-dark.svg#only-dark" alt="A." width="30" height="20"></p>
<figcaption><p><span class="caption-prefix"><a href="#figure-{name}">Figure {number}.</a></span>
Seen.</p></figcaption><p class="figure-links"><a class="figure-code"
href="../../figures/01_x/#{name}">Code of Figure {number}</a></p></figure>
"""
PAGES = {
    "chapters/01-x.md": ("1. State", FIGURE.format(name="a", number="1.1")),
    "chapters/02-y.md": ("2. None", "<figure><img src='x.svg'></figure>"),
    "evidence/01-x.md": ("1. State", FIGURE.format(name="b", number="E1.1")),
    "figures/01_x.py": ("Figures of chapter 1", NOTEBOOK),
    "figures/index.md": ("All figures", "<p>These:</p>\n<!-- figures -->"),
}


def site() -> Any:
    files = {}
    for uri, (title, content) in PAGES.items():
        name, _ = uri.rsplit("/")[-1].rsplit(".")
        url = "figures/" if name == "index" else f"{uri.rpartition('.')[0]}/"
        file = SimpleNamespace(src_uri=uri, name=name)
        file.page = SimpleNamespace(file=file, url=url, title=title, content=content, meta={})
        files[uri] = file
    return SimpleNamespace(
        documentation_pages=lambda: [*files.values()], get_file_from_path=files.get
    )


@pytest.fixture
def gallery() -> Tag:
    files = site()
    files.get_file_from_path("chapters/01-x.md").page.meta["figure"] = "b"
    loader = FileSystemLoader(MACHINERY / "overrides")
    step("figures.gallery").fill(Environment(loader=loader), {}, files)  # noqa: S701  as MkDocs
    filled = files.get_file_from_path("figures/index.md").page.content
    return BeautifulSoup(filled, "html.parser")


def test_a_chapter_with_its_record_is_folded_up_below_the_figure_that_stands_for_it(
    gallery: Tag,
) -> None:
    (chapter,) = gallery.find_all("details")
    assert chapter.summary.text == "1. State2 figures"
    assert [image["src"] for image in chapter.summary.find_all("img")] == [
        "01_x/b-light.svg#only-light",
        "01_x/b-dark.svg#only-dark",
    ]
    assert not chapter.has_attr("open")


def test_a_figure_leads_to_its_place_and_to_its_code(gallery: Tag) -> None:
    assert [(link.text, link["href"]) for link in gallery.ul.find_all("a")] == [
        ("Figure 1.1. A line", "../chapters/01-x/#figure-a"),
        ("code", "01_x/#a"),
        ("Figure E1.1. B < C", "../evidence/01-x/#figure-b"),
        ("code", "01_x/#b"),
    ]


def test_a_figure_is_fetched_when_it_is_seen_and_keeps_its_place(gallery: Tag) -> None:
    for image in gallery.find_all("img"):
        assert (image["loading"], image["width"], image["height"]) == ("lazy", "30", "20")
        assert image["alt"] == ""
