"""What a chapter shows of itself: its header, its card on the home page, its preview."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from machinery import step
from test_site import build, page, write_project

CHAPTER = """\
---
description: "About it."
claim: "The answer is `half`, & no more."
figure: a-line
code: [bptt.toy]
---

# Toy

Read on.

![A line that rises.](../figures/01_toy.py#a-line)
/// figure-caption
It rises.
///

```pycon
>>> 1 + 1
2
```

```python title="Not run: for show"
x = 1
```
"""


pytestmark = pytest.mark.site


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = write_project(tmp_path_factory.mktemp("chapters"))
    for name, text in {
        "chapters/01-toy.md": CHAPTER,
        "chapters/02-toy.md": CHAPTER,
        "api/toy.md": "# bptt.toy",
    }.items():
        path = project / "docs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    home = project / "docs" / "index.md"
    marks = "<!-- chapters -->\n\n<!-- evidence -->\n\nTwo take <!-- time 2 -->.\n"
    home.write_text(f"{home.read_text('utf-8')}\n{marks}", encoding="utf-8")
    configuration = project / "mkdocs.yml"
    nav = "chapter.md, '1. Toy': chapters/01-toy.md, '2. Toy': chapters/02-toy.md, api/toy.md,"
    text = configuration.read_text("utf-8").replace("chapter.md,", nav)
    configuration.write_text(text, encoding="utf-8")
    return project


@pytest.fixture(scope="module")
def site(project: Path) -> Path:
    said = build(project)
    assert said.startswith("exit code 0"), said
    return project / "site"


def test_the_header_says_where_one_is_and_what_belongs_to_it(site: Path) -> None:
    facts = page(site, "chapters/02-toy").select_one("article > .chapter-facts")
    assert facts.find_next("h1").text.startswith("Toy")
    assert [" ".join(fact.text.split()) for fact in facts.find_all("li")] == [
        "Chapter 2 of 2",
        "1 minute to read",
        "Code: bptt.toy",
        "Notebook (open in Colab)",
        "Notation",
    ]
    assert [link["href"] for link in facts.find_all("a")] == [
        "../../api/toy/",
        "02-toy.ipynb",
        "https://colab.research.google.com/github/bptt/blob/gh-pages/chapters/02-toy/02-toy.ipynb",
        "../../conventions/",
    ]
    assert (site / "chapters" / "02-toy" / "02-toy.ipynb").exists()


def test_the_home_page_has_a_card_for_each_chapter_with_its_figure(site: Path) -> None:
    cards = page(site, "").select(".card:not(.card--more)")
    assert [card.a["href"] for card in cards] == ["chapters/01-toy/", "chapters/02-toy/"]
    assert [card.h3.text.strip() for card in cards] == ["1. Toy", "2. Toy"]
    card = cards[0]
    assert str(card.p) == "<p>The answer is <code>half</code>, &amp; no more.</p>"
    assert card.select_one(".card__facts").text == "1 minute · 1 block of code · 1 figure"
    for scheme, image in zip(("light", "dark"), card.find_all("img"), strict=True):
        assert image["src"] == f"figures/01_toy/a-line-{scheme}.svg#only-{scheme}"
        assert (site / image["src"].partition("#")[0]).exists()
        assert int(image["width"]) > int(image["height"]) > 0


def test_the_home_page_says_how_long_the_chapters_take(site: Path) -> None:
    assert "Two take 2 minutes." in page(site, "").article.text


def test_the_other_cards_lead_to_what_the_site_has(site: Path) -> None:
    links = [card.a["href"] for card in page(site, "").select(".card--more")]
    assert links[1] == "bptt-site.zip"
    assert (site / links[1]).exists()


@pytest.mark.parametrize(
    ("name", "preview"),
    [("", "preview.png"), ("chapter", "preview.png"), ("chapters/01-toy", "1")],
)
def test_a_shared_link_shows_a_picture_of_the_site(name: str, preview: str, site: Path) -> None:
    head = page(site, name).head
    preview = "chapters/01-toy/preview.png" if preview == "1" else preview
    assert head.find(property="og:image")["content"] == f"https://site.example/{preview}"
    picture = (site / preview).read_bytes()
    size = [int.from_bytes(picture[start : start + 4]) for start in (16, 20)]
    assert size == [
        int(head.find(property=f"og:image:{s}")["content"]) for s in ("width", "height")
    ]


def test_previews_of_different_pages_differ(site: Path) -> None:
    assert (site / "preview.png").read_bytes() != (
        site / "chapters" / "01-toy" / "preview.png"
    ).read_bytes()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("[bptt.toy]", "[bptt.no]", "its code lives in bptt.no, which has no page api/no.md"),
        ("figure: a-line", "figure: none", "it shows no figure none"),
        ("figure: a-line\n", "", "its front matter does not say: figure"),
        ("[bptt.toy]", "", "its front matter does not say: code"),
    ],
)
def test_a_careless_chapter_stops_the_build(
    old: str, new: str, problem: str, project: Path
) -> None:
    chapter = project / "docs" / "chapters" / "02-toy.md"
    chapter.write_text(CHAPTER.replace(old, new), encoding="utf-8")
    said = build(project)
    chapter.write_text(CHAPTER, encoding="utf-8")
    assert said.startswith("exit code 1"), said
    assert f"chapters/02-toy.md: {problem}" in said


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(44, "88 minutes"), (45, "1 and a half hours"), (150, "5 hours"), (171, "5 and a half hours")],
)
def test_long_times_are_said_in_hours(minutes: int, said: str) -> None:
    chapters = step("write.chapters")
    pages = [SimpleNamespace(meta={"minutes": minutes})] * 3
    assert chapters._time(pages, chapters.TIME.search("<!-- time 2 -->")) == said


@pytest.mark.parametrize(
    ("markdown", "minutes"),
    [
        ("word " * 400, 2),
        ("word " * 200 + "\n```python\n" + "x = 1\n" * 24 + "```\n", 3),
        ("", 1),
    ],
)
def test_prose_and_code_take_their_time(markdown: str, minutes: int) -> None:
    assert step("write.chapters").minutes(markdown) == minutes
