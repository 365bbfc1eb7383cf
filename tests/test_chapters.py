"""What a chapter shows of itself: its header, its card, its preview, and its evidence."""

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

*How we know:* 10 seeds ([evidence](../evidence/01-toy.md#a-proof)).

This, *How we know:*, is no such line.

## The same id

$$
\\begin{equation}
a \\label{eq:here}
\\end{equation}
$$

??? check "Check"
    ```python
    assert 1 == 1
    ```

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

RECORD = """\
---
description: "Its evidence."
---

# Toy: the evidence

<span id="above"></span>What stands here.

## A proof {#a-proof}

<span id="gone"></span>It moved here.

$$
\\begin{equation}
b \\label{eq:moved}
\\end{equation}
$$

### A lemma

![A line that rises.](../figures/01_toy.py#a-line)
/// figure-caption
It rises.
///

## Runs

### The same id

Ten of `a`.
"""


pytestmark = pytest.mark.site


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = write_project(tmp_path_factory.mktemp("chapters"))
    for name, text in {
        "chapters/01-toy.md": CHAPTER,
        "chapters/02-toy.md": CHAPTER,
        "evidence/01-toy.md": RECORD,
        "api/toy.md": "# bptt.toy",
    }.items():
        path = project / "docs" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    home = project / "docs" / "index.md"
    marks = [*(f"<!-- chapters from {first} -->" for first in (1, 2)), "<!-- evidence -->"]
    told = "\n\n".join([*marks, "Two take <!-- time 2 -->.\n"])
    home.write_text(f"{home.read_text('utf-8')}\n{told}", encoding="utf-8")
    configuration = project / "mkdocs.yml"
    pages = "'1. Toy': chapters/01-toy.md, '2. Toy': chapters/02-toy.md, evidence/01-toy.md"
    nav = f"chapter.md, {pages}, api/toy.md,"
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


def test_below_a_lesson_the_sections_of_its_record_are_listed(site: Path) -> None:
    lesson = page(site, "chapters/01-toy")
    heading = lesson.select_one("article > h2#the-evidence")
    assert heading.find_previous("h2")["id"] == "the-same-id"
    evidence = heading.find_next("ul", class_="evidence")
    assert [(link.text, link["href"]) for link in evidence.find_all("a")] == [
        ("A proof", "../../evidence/01-toy/#a-proof"),
        ("A lemma", "../../evidence/01-toy/#a-lemma"),
        ("Runs", "../../evidence/01-toy/#runs"),
        ("The same id", "../../evidence/01-toy/#the-same-id"),
    ]
    above = heading.find_next("p").a
    assert above["href"] == "../../evidence/01-toy/"
    contents = lesson.find("nav", class_="md-nav--secondary")
    assert [link["href"] for link in contents.find_all("a")][-1] == "#the-evidence"
    # A chapter without a record lists none.
    assert page(site, "chapters/02-toy").select_one("#the-evidence, .evidence") is None


def test_an_entry_has_the_addresses_of_its_section_that_the_lesson_lacks(site: Path) -> None:
    lesson = page(site, "chapters/01-toy")
    entries = lesson.select(".evidence li")
    inside = [[a["id"] for a in entry.find_all("span", recursive=False)] for entry in entries]
    assert inside == [["a-proof", "gone", "eq:moved"], ["a-lemma"], ["runs"], []]
    ids = [tag["id"] for tag in lesson.article.find_all(id=True)]
    assert len(ids) == len(set(ids))
    assert {"the-same-id", "eq:here", "figure-a-line"} <= {*ids}
    assert "above" not in ids


def test_a_record_says_whose_evidence_it_is(site: Path) -> None:
    record = page(site, "evidence/01-toy")
    facts = record.select_one("article > .chapter-facts")
    assert facts.find_next("h1").text.startswith("Toy: the evidence")
    assert " ".join(facts.text.split()) == "The evidence of chapter 1"
    assert [link["href"] for link in facts.find_all("a")] == ["../../chapters/01-toy/"]
    assert record.select_one(".caption-prefix").text == "Figure E1.1."
    assert record.select_one(".evidence") is None


def test_how_a_claim_is_known_is_a_line_of_its_own_kind(site: Path) -> None:
    (known,) = page(site, "chapters/01-toy").select("p.known")
    assert known.text == "How we know: 10 seeds (evidence)."
    assert known.a["href"] == "../../evidence/01-toy/#a-proof"


def test_a_check_is_folded(site: Path) -> None:
    check = page(site, "chapters/01-toy").select_one("details.check")
    assert check.summary.text == "Check"
    assert "open" not in check.attrs
    assert check.code.text.strip() == "assert 1 == 1"


def test_the_home_page_has_a_card_for_each_chapter_with_its_figure(site: Path) -> None:
    parts = page(site, "").select(".cards")
    assert [len(part.select(".card:not(.card--more)")) for part in parts] == [1, 1]
    assert [part.get("start") for part in parts] == [None, "2"]
    cards = page(site, "").select(".card:not(.card--more)")
    assert [card.a["href"] for card in cards] == ["chapters/01-toy/", "chapters/02-toy/"]
    assert [card.h3.text.strip() for card in cards] == ["1. Toy", "2. Toy"]
    card = cards[0]
    assert str(card.p) == "<p>The answer is <code>half</code>, &amp; no more.</p>"
    assert card.select_one(".card__facts").text == "1 minute · 2 blocks of code · 1 figure"
    for scheme, image in zip(("light", "dark"), card.find_all("img"), strict=True):
        assert image["src"] == f"figures/01_toy/a-line-{scheme}.svg#only-{scheme}"
        assert (site / image["src"].partition("#")[0]).exists()
        assert int(image["width"]) > int(image["height"]) > 0


def test_the_home_page_says_how_long_the_chapters_take(site: Path) -> None:
    assert "Two take 2 minutes." in page(site, "").article.text


def test_the_home_page_lists_the_records(site: Path) -> None:
    links = page(site, "").select(".records a")
    assert [(link.text, link["href"]) for link in links] == [
        ("Toy: the evidence", "evidence/01-toy/")
    ]


def test_a_lesson_with_a_record_can_be_marked_as_read(site: Path) -> None:
    (place,) = page(site, "chapters/01-toy").select("[data-chapter]")
    assert place["data-chapter"] == "01-toy"
    assert not place.contents  # until a script puts the button there


def test_the_other_cards_lead_to_what_the_site_has(site: Path) -> None:
    last = page(site, "").select(".cards")[-1]
    links = [card.a["href"] for card in page(site, "").select(".card--more")]
    assert links == [card.a["href"] for card in last.select(".card--more")]
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
        ("word " * 400 + '\n\n??? check "Check"\n' + "    word\n\n" * 400 + "word", 2),
        ("word " * 400 + "\n\n??? success\n    ```python\n" + "    x\n" * 90 + "    ```", 2),
        ("word " * 400 + "\n\n!!! note\n    " + "word " * 200, 3),
        ("", 1),
    ],
)
def test_prose_and_code_take_their_time(markdown: str, minutes: int) -> None:
    assert step("write.chapters").minutes(markdown) == minutes
