"""The bibliography: every citation is complete and consistent, and every mistake has a sentence."""

import re
from pathlib import Path
from types import SimpleNamespace

import machinery
import pytest
from mkdocs.exceptions import PluginError

ROOT = Path(__file__).parents[1]
references = machinery.step("write.references")

SOURCE = """
@article{polyak1964,
  author = {Polyak, B. T. and van der Berg, C.},
  title = {Iteration & speed},
  journal = {Mathematical Physics},
  volume = {4},
  year = {1964},
  doi = {10.1016/0041-5553(64)90137-5},
}
"""
ADDRESS = "https://doi.org/10.1016/0041-5553%2864%2990137-5"
SECTIONS = '<h1 id="top">A</h1><h2 id="first">B</h2>'


class Files(list):
    """Files of MkDocs: documentation pages."""

    def documentation_pages(self):
        return list(self)


def make_file(uri, content):
    anchors = re.findall(r'id="(\w+)"', content)
    toc = [SimpleNamespace(id=name, title=name.title(), children=[]) for name in anchors]
    page = SimpleNamespace(
        url=uri.replace(".md", "/"), title=uri, content=content, toc=toc, present_anchor_ids=set()
    )
    file = SimpleNamespace(src_uri=uri, page=page)
    page.file = file
    return file


def build(folder, content, source=SOURCE):
    (folder / "references.bib").write_text(source, encoding="utf-8")
    files = Files([make_file("chapter.md", content), make_file("references.md", "")])
    references.fill(SimpleNamespace(docs_dir=folder), files)
    return tuple(file.page for file in files)


def test_a_citation_leads_to_the_work_and_the_list_leads_back(tmp_path: Path) -> None:
    link = f'<a href="{ADDRESS}">Polyak (1964)</a>'
    chapter, listing = build(tmp_path, f"{SECTIONS}<p>{link}</p>")
    assert 'title="B. T. Polyak and C. van der Berg, “Iteration &amp; speed”,' in chapter.content
    assert '<li id="polyak1964">' in listing.content
    assert "<em>Mathematical Physics</em> 4 (1964)" in listing.content
    assert 'chapter.md (<a href="../chapter/#first">First</a>)' in listing.content
    assert "polyak1964" in listing.present_anchor_ids


@pytest.mark.parametrize("text", ["doi:10.1016/0041-5553(64)90137-5", "Polyak"])
def test_a_link_without_a_year_is_left_as_it_is(text: str, tmp_path: Path) -> None:
    content = f'{SECTIONS}<a href="{ADDRESS}">{text}</a>'
    assert build(tmp_path, content)[0].content == content


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ('<a href="https://doi.org/10.1/x">X</a>', "chapter.md: https://doi.org/10.1/x is not in"),
        ('<a href="https://arxiv.org/abs/1">X</a>', "chapter.md: https://arxiv.org/abs/1 is not"),
        ("", "references.bib: no page cites polyak1964, https://doi.org/10.1016"),
        (f'<a href="{ADDRESS}">Polyak, 1965</a>', "chapter.md: “Polyak, 1965” cites polyak1964"),
        (f'<a href="{ADDRESS}">Nesterov, 1964</a>', "chapter.md: “Nesterov, 1964” cites"),
    ],
)
def test_a_wrong_citation_is_a_mistake(content: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=problem):
        build(tmp_path, SECTIONS + content)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("year =", "date =", "polyak1964 has no year"),
        ("author =", "editor =", "polyak1964 has no author"),
        ("doi =", "isbn =", "polyak1964 has no doi, eprint or url"),
        ("@article{polyak1964,", "@article{", "references.bib: "),
        (SOURCE, SOURCE + SOURCE, "references.bib: .*polyak1964"),
    ],
)
def test_an_incomplete_work_is_a_mistake(old: str, new: str, problem: str, tmp_path: Path) -> None:
    with pytest.raises(PluginError, match=problem):
        build(tmp_path, SECTIONS, SOURCE.replace(old, new))


def test_a_site_without_a_bibliography_cites_nothing(tmp_path: Path) -> None:
    assert references.read(tmp_path / "references.bib") == []


def test_the_works_are_sorted_by_author_and_year() -> None:
    works = references.read(ROOT / "docs" / "references.bib")
    assert [work.order for work in works] == sorted(work.order for work in works)
    addresses = [address for work in works for address, _ in work.addresses]
    assert len(set(addresses)) == len(addresses)


@pytest.mark.parametrize("record", sorted((ROOT / "docs" / "evidence").glob("*.md")))
def test_further_reading_names_each_work_as_the_bibliography_does(record: Path) -> None:
    works = references.read(ROOT / "docs" / "references.bib")
    titles = {references._normal(at): work.title for work in works for at, _ in work.addresses}
    _, reading = record.read_text("utf-8").split("## Further reading\n")
    items = [" ".join(item.split()) for item in reading.split("\n- ")[1:]]
    assert items
    for item in items:
        named = re.findall(r'"([^"]+)"', item)[:1] or re.findall(r"\*([^*]+)\*", item)[:1]
        cited = [titles.get(references._normal(at)) for at in re.findall(r"\]\((\S+)\)", item)]
        assert named[0] in cited, item
