"""What the search finds: which parts of a page, under which words, and how much a find is worth."""

from types import SimpleNamespace
from typing import Any

import pytest
from machinery import step

LESSON = """\
<ul class="chapter-facts"><li>25 minutes to read</li></ul>
<h1 id="top">Gates</h1>
<div class="admonition abstract"><p class="admonition-title">Claim</p><p>They open.</p></div>
<figure><p><img alt="x" src="x.svg"></p><figcaption>A gate.</figcaption>
<p class="figure-links"><a href="x">Code of Figure 1</a></p></figure>
<details><summary>Check</summary><pre><code>1 + 1</code></pre></details>
<h2 id="more">More</h2><div class="equation">x = y</div><p>Optimisers.</p>
<h2 id="the-evidence">The evidence</h2><p>Elsewhere:</p><ul class="evidence"><li>Set-up</li></ul>
"""


def page(uri: str, **meta: Any) -> Any:
    return SimpleNamespace(file=SimpleNamespace(src_uri=uri), meta=meta, title="6. The gates")


@pytest.mark.parametrize(
    ("uri", "weight"),
    [
        ("chapters/01-x.md", 4.0),
        ("questions.md", 3.0),
        ("index.md", 1),
        ("evidence/01-x.md", 0.7),
        ("api/rnn.md", 0.5),
    ],
)
def test_the_chapters_come_first(uri: str, weight: float) -> None:
    weighed = page(uri)
    step("theme.search").weigh(weighed)
    assert weighed.meta.get("search", {}).get("boost", 1) == weight


def test_the_page_of_a_notebook_is_not_searched() -> None:
    weighed = page("figures/01_x.py")
    step("theme.search").weigh(weighed)
    assert weighed.meta["search"] == {"exclude": True}


def test_only_prose_is_searched_and_it_begins_with_the_title() -> None:
    prose = step("theme.search").prose(LESSON)
    assert prose.startswith('<h1 id="top">')
    for kept in ("They open.", "A gate.", "Optimisers."):
        assert kept in prose
    for left in ("minutes", "Claim", "Code of", "Check", "1 + 1", "x = y", "evidence", "Set-up"):
        assert left not in prose


def test_a_chapter_is_found_by_its_number_its_terms_and_what_else_it_is_called() -> None:
    entries = [
        {"location": "chapters/x/", "title": "Gates", "text": "They open.", "boost": 4.0},
        {"location": "chapters/x/#more", "title": "More", "text": "Optimisers.", "boost": 4.0},
    ]
    developed = {"chapters/x/#more": ["Forget gate", "LSTM"], "chapters/y/": ["Other"]}
    asked = page("chapters/x.md", also=["valves"])
    claim, section = step("theme.search").completed(entries, asked, developed)
    assert (claim["title"], claim["boost"]) == ("6. Gates", 2.0)
    assert claim["words"] == "valves"
    assert section["words"] == "forget gates, lstms"
    assert section["american"] == "optimizers"
    assert section["boost"] == 4.0


def test_an_entry_without_other_words_stays_as_it_is() -> None:
    entry = {"location": "api/x/", "title": "bptt.x", "text": "It adds."}
    assert step("theme.search").completed([dict(entry)], page("api/x.md"), {}) == [entry]


@pytest.mark.parametrize(
    ("british", "spelt"),
    [
        ("Initialisation, <code>optimiser</code>", "initialization optimizer"),
        ("vectorised behaviours", "behaviors vectorized"),
        ("this is his list, an hour of four", ""),
    ],
)
def test_a_word_is_found_in_both_spellings(british: str, spelt: str) -> None:
    assert step("theme.search").american(british) == spelt
