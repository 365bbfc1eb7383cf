"""The glossary: what is marked in a chapter, what is left alone, and what is a mistake."""

from pathlib import Path
from types import SimpleNamespace

import machinery
import pytest
from bs4 import BeautifulSoup
from mkdocs.exceptions import PluginError

glossary = machinery.step("write.glossary")

GATE = """Gate</dt><dd>A row of "numbers".</dd><dd><a href="../a/#one">Here</a></dd>"""
GLOSSARY = f"""
<dl>
<dt id="gate">{GATE}
<dt id="forget-gate">Forget gate</dt><dd>It keeps.</dd><dd><a href="../a/#two">Here</a></dd>
<dt id="bptt">Backpropagation through time, BPTT</dt><dd>Back.</dd><dd><a href="../a/">Here</a></dd>
<dt id="round" class="common">Round</dt><dd>Work.</dd><dd><a href="../a/#below">Here</a></dd>
</dl>
"""
CHAPTER = """
<h1 id="top">A</h1>
<p>BPTT.</p>
<h2 id="one">One</h2>
<p>A <em>gate</em>.</p>
<pre><code>tape</code></pre>
<h2 id="two">Two</h2>
<p>A gate.</p>
<h3 id="below">Below</h3>
<p>A forget gate, a round.</p>
<h2 id="three">Three</h2>
<p>A tape.</p>
"""


def marked(content: str) -> list[tuple[str, str]]:
    """List the anchors and words that are marked in a page."""
    page = glossary.mark(content, list(glossary.read(GLOSSARY)), "../glossary/")
    assert BeautifulSoup(page, "html.parser").text == BeautifulSoup(content, "html.parser").text
    links = BeautifulSoup(page, "html.parser").select("a.term")
    return [(link["href"].removeprefix("../glossary/#"), link.text) for link in links]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("<p>A gate. A gate.</p><p>A gate.</p>", [("gate", "gate")]),
        ("<p>Gates: the forget\ngate.</p>", [("gate", "Gates"), ("forget-gate", "forget\ngate")]),
        ("<p>The forget\n    gate.</p>", [("forget-gate", "forget\n    gate")]),
        ("<p>BPTT, or backpropagation through time.</p>", [("bptt", "BPTT")]),
        ("<p>a &lt; b, <em>one gate</em></p>", [("gate", "gate")]),
        ("<p>A gated bptt-gate, bptt, one round.</p>", []),
        ("<h2>The gate</h2><pre>gate</pre><td>gate</td>", []),
        ('<p><code>gate</code> <a href="x">gate</a> <math><mtext>gate</mtext></math></p>', []),
        ('<p><autoref identifier="x">gate</autoref></p>', []),
    ],
)
def test_the_first_use_in_a_paragraph_is_marked(
    content: str, expected: list[tuple[str, str]]
) -> None:
    assert marked(content) == expected


def test_the_title_of_a_mark_is_the_definition() -> None:
    page = glossary.mark("<p>A gate.</p>", list(glossary.read(GLOSSARY)), "../glossary/")
    assert BeautifulSoup(page, "html.parser").a["title"] == 'A row of "numbers".'


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        (' id="gate"', "", "glossary.md: Gate has no anchor"),
        ("<dd>It keeps.</dd>", "", "glossary.md: Forget gate needs a definition and a link"),
        ('<dd><a href="../a/#one">Here</a></dd>', "<dd>Here</dd>", "Gate needs a definition"),
        (">Gate<", ">Valve<", "glossary.md: Valve is not used in ../a/#one"),
        (">Round<", ">Bout<", "glossary.md: Bout is not used in ../a/#below"),
        (">Gate<", ">Tape<", "glossary.md: Tape is not used in ../a/#one"),  # in code only
        ("#two", "#three", "glossary.md: Forget gate is not used in ../a/#three"),
        ("#two", "#four", "glossary.md: Forget gate is not used in ../a/#four"),
        ("../a/#two", "../b/#two", "glossary.md: Forget gate is not used in ../b/#two"),
        (
            GATE,
            GATE.replace("Gate", "Valve").replace("a/#one", "guide/"),
            "no chapter uses the term",
        ),
    ],
)
def test_a_careless_entry_is_a_mistake(old: str, new: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "mkdocs.yml").touch()
    config = SimpleNamespace(config_file_path=str(tmp_path / "mkdocs.yml"))
    pages = {
        "glossary.md": GLOSSARY.replace(old, new),
        "chapters/a.md": CHAPTER,
        "guide.md": "<p>A valve.</p>",
    }
    with pytest.raises(PluginError, match=problem):
        glossary.mark_terms(config, site(pages))
    glossary.mark_terms(config, site(pages | {"glossary.md": GLOSSARY}))


def site(pages: dict[str, str]) -> SimpleNamespace:
    files = {
        uri: SimpleNamespace(src_uri=uri, page=SimpleNamespace(content=content, url=url_of(uri)))
        for uri, content in pages.items()
    }
    for file in files.values():
        file.page.file = file
    return SimpleNamespace(documentation_pages=lambda: list(files.values()))


def url_of(uri: str) -> str:
    return f"{Path(uri).stem}/"
