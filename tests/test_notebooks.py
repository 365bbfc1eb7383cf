"""The chapters as notebooks: they run from top to bottom and print what they hold.

They do so as an old processor rounds, while the pages' own examples run as this one does: what a
page prints may not depend on that.
"""

import ast
import base64
import doctest
import functools
import hashlib
import os
import re
import tempfile
from collections import Counter
from copy import deepcopy
from pathlib import Path
from types import SimpleNamespace

import machinery
import markdown
import nbformat
import pytest
from bs4 import BeautifulSoup
from mkdocs.config import load_config
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files, get_files
from mkdocs.utils import meta
from nbclient import NotebookClient
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook
from sybil import Region
from test_docs import CHAPTERS, blocks, each_chapter, wiring
from test_site import build, write_project

pytestmark = pytest.mark.notebooks

ROOT = Path(__file__).parents[1]
PICTURE = re.compile(r"\]\(\.\./(figures/\w+)\.py#([\w-]+)\)")
SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="6pt" height="3pt"/>'
PROFILER = re.compile(r"^USDT:.*\n?", re.MULTILINE)
# Packages that a chapter may load, and where the first cell gets them from.
OPTIONAL = {"torch": "torch", "safetensors": "lm", "pooch": "lm", "pytest": "pytest"}


@functools.cache
def site() -> tuple[MkDocsConfig, Files]:
    """Return the configuration and the files of the site, with small figures and no page built."""
    config = load_config(str(ROOT / "mkdocs.yml"))
    config.plugins["autorefs"].get_item_url = lambda name: (f"api/#{name}", None)
    files = config.plugins.on_files(get_files(config), config=config)
    texts = [page.read_text("utf-8") for chapter in CHAPTERS for page in pages(chapter)]
    for notebook, name in {picture for text in texts for picture in PICTURE.findall(text)}:
        files.append(virtual(f"{notebook}/{name}-light.svg", SVG))
    return config, files


def pages(chapter: Path) -> list[Path]:
    """Return the lesson and the record of a chapter, as they stand in its notebook."""
    return [chapter, ROOT / "docs" / "evidence" / chapter.name]


def virtual(path: str, text: str) -> File:
    file = File(path, src_dir=None, dest_dir="", use_directory_urls=True)
    file.content_string = text
    return file


def assemble(chapter: Path) -> NotebookNode:
    config, files = site()
    return machinery.step("write.downloads").assemble(
        files.get_file_from_path(f"chapters/{chapter.name}"), config, files
    )


def assemble_text(text: str, record: str | None = None) -> NotebookNode:
    """Assemble a chapter that has this text, and perhaps a record."""
    config, files = site()
    page = f"---\ndescription: About it.\n---\n# Title\n\n## Part\n{text}"
    lesson = virtual("chapters/toy.md", page)
    if record is not None:
        front = "---\ndescription: More of it.\n---\n"
        written = virtual("evidence/toy.md", f"{front}# Record\n{record}")
        files = Files([*files, lesson, written])
    return machinery.step("write.downloads").assemble(lesson, config, files)


notebook_of = functools.cache(assemble)


def run(notebook: NotebookNode) -> NotebookNode:
    """Run a copy of a notebook in a new kernel, from top to bottom."""
    copy = deepcopy(notebook)
    client = NotebookClient(copy, timeout=600, kernel_name="python3")
    client.execute(cwd=tempfile.gettempdir(), env={**os.environ, **old_processor()})
    return copy


def old_processor() -> dict[str, str]:
    """Return the environment of the session `processors`."""
    assigned = {
        node.targets[0].id: node.value
        for node in ast.parse((ROOT / "noxfile.py").read_text("utf-8")).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    return ast.literal_eval(assigned["OLD"])


def code(notebook: NotebookNode) -> list[NotebookNode]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def prose(notebook: NotebookNode) -> str:
    """Return the running text: no code, inline or fenced, and no picture."""
    text = "\n\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.sub(r"^```.*?^```$|(`+).+?\1|<img [^>]*>", "", text, flags=re.DOTALL | re.MULTILINE)


def shown(cell: NotebookNode) -> list[tuple[str, str]]:
    """Return what stands below a cell: printed text in one piece, results and whatever else."""
    found: list[tuple[str, str]] = []
    for output in cell.outputs:
        if output.output_type == "stream":
            start = found.pop()[1] if found and found[-1][0] == output.name else ""
            found.append((output.name, start + output.text))
        else:
            found.append((output.output_type, output.get("data", {}).get("text/plain", "")))
    # A page shows no space at the end of a line, and torch's profiler says when it runs.
    tidy = [(kind, wiring().trim(PROFILER.sub("", text))) for kind, text in found]
    return [(kind, text) for kind, text in tidy if kind != "stderr" or text]


def differences(notebook: NotebookNode, ran: NotebookNode) -> list[tuple]:
    pairs = zip(code(notebook), code(ran), strict=False)
    return [(a.source, shown(a), shown(b)) for a, b in pairs if shown(a) != shown(b)]


def stamp(notebook: NotebookNode) -> Path:
    """Name the file that says that this very notebook has run with these libraries."""
    parts = [nbformat.writes(notebook).encode(), *machinery.step("read.memory").libraries()]
    return ROOT / ".cache" / "notebooks" / hashlib.sha256(b"".join(parts)).hexdigest()[:32]


@each_chapter
def test_a_notebook_runs_and_prints_what_it_holds(chapter):
    notebook = notebook_of(chapter)
    passed = stamp(notebook)
    if passed.exists() and "CI" not in os.environ:
        pytest.skip("it ran here as it is, and its code is tested with the page; CI runs it again")
    asked = f"import sys; print(*sorted({set(OPTIONAL)} & set(sys.modules)))"
    ran = run(new_notebook(cells=[*notebook.cells, new_code_cell(asked)]))
    assert differences(notebook, ran) == []
    counts = [cell.execution_count for cell in code(notebook)]
    assert counts == list(range(1, len(counts) + 1))
    # And the first cell installs what the others have loaded.
    install = code(notebook)[0].source
    loaded = code(ran)[-1].outputs[0].text.split()
    assert [name for name in loaded if OPTIONAL[name] not in install] == []
    passed.parent.mkdir(parents=True, exist_ok=True)
    passed.touch()


TOY = """
```pycon
>>> x = 2
>>> x / 3
0.67
```

```python
print(1)
```

```text title="Output"
1
```
"""


def test_a_wrong_digit_is_noticed():
    notebook = assemble_text(TOY)
    ((_, held, printed),) = differences(notebook, run(notebook))
    assert held == [("execute_result", "0.67")]
    assert printed == [("execute_result", "0.6666666666666666")]


@pytest.mark.parametrize("source", ["1 + 1", "print(1)", "import warnings; warnings.warn('x')"])
def test_an_output_that_is_not_held_is_noticed(source):
    notebook = new_notebook(cells=[new_code_cell(source)])
    assert len(differences(notebook, run(notebook))) == 1


def test_a_cell_that_raises_is_noticed():
    with pytest.raises(Exception, match="ZeroDivisionError"):
        run(assemble_text("```python\n1 / 0\n```\n"))


OUTPUTS = """
```pycon
>>> def f():
...     print(1)
...
>>> f
<f>
>>> for _ in [0]:
...     f()
...
1
<BLANKLINE>
>>> print(2)
2
>>> y = 3
```

```python
len([1])  # one
```

```pycon
>>> y = 4
>>> int("x")
Traceback (most recent call last):
    ...
a.b.ValueError: no 'x'
```
"""
CAUGHT = """\
y = 4
try:
    int("x")
except Exception as error:
    print(f"{type(error).__name__}: {error}")\
"""


def test_the_outputs_stand_where_a_notebook_shows_them():
    cells = code(assemble_text(OUTPUTS))[1:]
    assert [(cell.source, shown(cell)) for cell in cells] == [
        ("def f():\n    print(1)\n\nf", [("execute_result", "<f>")]),
        ("for _ in [0]:\n    f()", [("stdout", "1")]),
        ("print(2)", [("stdout", "2")]),
        ("y = 3", []),
        ("len([1]);  # one", []),
        (CAUGHT, [("stdout", "ValueError: no 'x'")]),
    ]


@each_chapter
def test_a_notebook_holds_the_examples_of_the_chapter_and_no_others(chapter):
    regions = [r for page in pages(chapter) for _, r in wiring().pages.parse(page).regions]
    held = [cell.source for cell in code(notebook_of(chapter))[1:]]
    assert lines(held) == lines([source for r in regions if (source := example(r)) is not None])


def example(region: Region) -> str | None:
    """Return what an example of a page runs."""
    if isinstance(region.parsed, doctest.Example):
        return region.parsed.source
    if region.evaluator is wiring().evaluate_writer:
        return (ROOT / "docs" / "writer" / region.parsed.strip()).read_text(encoding="utf-8")
    return region.parsed if region.evaluator is wiring().evaluate_python else None


def lines(sources: list[str]) -> list[str]:
    """Return the lines of some code without what a notebook adds to it."""
    added = {"", "try:", "except Exception as error:", 'print(f"{type(error).__name__}: {error}")'}
    names = machinery.step("write.chapter_notebook.cells")
    added |= {names.KEEP, names.RESTORE}
    stripped = (line.strip() for source in sources for line in source.splitlines())
    return [re.sub(r";(?=\s*(#|$))", "", line) for line in stripped if line not in added]


@each_chapter
def test_a_notebook_holds_all_words_of_the_chapter(chapter):
    texts = (page_text(page) for page in pages(chapter))
    parts = (part for text in texts for part in blocks(text) if part.word is None)
    text = "\n".join(line for part in parts for line in part.lines)
    assert words(text) - words(prose(notebook_of(chapter))) == Counter()


def page_text(page: Path) -> str:
    return meta.get_data(page.read_text(encoding="utf-8"))[0]


def words(text: str) -> Counter[str]:
    """Count the words and commands, but not in links, alternative texts and labels of equations."""
    gone = (
        r"(`+).+?\1|!\[[^\n]*|\]\([^)\s]*\)*|\]\[[\w.]*|/// figure-caption|^ *attrs: .*?$"
        r"|^\?\?\? check \"[^\"]*\"|^(!!!|\?\?\?) \w+|<span [^>]*>|[ ]\{#[\w:-]+\}$|<!--.*?-->"
        r"|\\(label|tag|eqref)\{[^}]*\}|\\(begin|end)\{equation\}"
    )
    return Counter(re.findall(r"\w+", re.sub(gone, "", text, flags=re.MULTILINE | re.DOTALL)))


@each_chapter
def test_a_notebook_leaves_no_markdown_of_the_site_behind(chapter):
    text = prose(notebook_of(chapter))
    found = re.findall(r"!!!|\?\?\?|///|===|\[\[|\]\[|\[\^|\\label|\\eqref|\{equation\}", text)
    assert found == []


@each_chapter
def test_every_link_of_a_notebook_is_a_whole_address(chapter):
    links = re.findall(r"\]\(([^)\s]*)", prose(notebook_of(chapter)))
    assert len(links) > 5
    assert [link for link in links if not link.startswith("https://")] == []


@each_chapter
def test_the_equations_of_a_notebook_have_the_numbers_of_the_site(chapter):
    tagged = []
    for page in pages(chapter):
        numbers = machinery.step("write.downloads").prose.numbers(page_text(page))
        assert {label: f"({number})" for label, number in numbers.items()} == numbered(page)
        tagged += numbers.values()
    assert re.findall(r"\\tag\{(\d+)\}", prose(notebook_of(chapter))) == tagged


def numbered(path: Path) -> dict[str, str]:
    """Return the numbers that the site gives to the equations of a page, by their labels."""
    html = markdown.markdown(
        page_text(path),
        extensions=["pymdownx.superfences", "pymdownx.arithmatex"],
        extension_configs={"pymdownx.arithmatex": {"generic": True}},
    )
    page = SimpleNamespace(file=SimpleNamespace(src_uri="x.md"), toc=[], present_anchor_ids=set())
    shown = BeautifulSoup(machinery.step("write.formulas").with_formulas(html, page), "html.parser")
    boxes = {box["id"]: box.a.text for box in shown.select(".equation[id]")}
    return boxes | {line["id"]: line.text for line in shown.select("mtd[id]")}


@each_chapter
def test_a_notebook_is_valid_and_the_same_every_time(chapter):
    notebook = notebook_of(chapter)
    nbformat.validate(notebook)
    assert nbformat.writes(assemble(chapter)) == nbformat.writes(notebook)


@each_chapter
def test_a_folded_solution_hides_its_own_cells_only(chapter):
    cells = notebook_of(chapter).cells
    solutions = [
        i for i, cell in enumerate(cells) if "jp-MarkdownHeadingCollapsed" in cell.metadata
    ]
    folded = [re.findall(r"^\?\?\? (?!check)", page_text(p), re.MULTILINE) for p in pages(chapter)]
    assert len(solutions) == sum(map(len, folded))
    # In a lesson they are those of the exercises.
    headings = [i for i, cell in enumerate(cells) if cell.source.startswith("### ")]
    above = [max(h for h in headings if h < i) for i in solutions[: len(folded[0])]]
    assert len({*above}) == len(above)
    assert all(re.match(r"### \d+\. ", cells[i].source) for i in above)
    assert all(cells[i].source.startswith("#### ") for i in solutions)


TEXT = r"""
$$
\begin{equation}
a \label{eq:a}
\end{equation}
$$

By $\eqref{eq:a}$, $x$ and `[x](y.md)`: [one](01-carry-a-state.md#exercises),
[two](#a), [`three`][bptt.rnn], [four](https://doi.org/10.1016/0364-0213(90)90002-E).

!!! abstract "Claim"
    It is *so*.
"""
WRITTEN = r"""
## Part

$$
a \tag{1}
$$

By (1), $x$ and `[x](y.md)`: [one](HOME/chapters/01-carry-a-state/#exercises),
[two](HOME/chapters/toy/#a), [`three`](HOME/api/#bptt.rnn), [four](https://doi.org/10.1016/0364-0213(90)90002-E).

> **Claim**
>
> It is *so*.
"""


def test_running_text_is_written_as_jupyter_reads_it():
    *_, text, claim = (cell.source for cell in assemble_text(TEXT).cells)
    home = site()[0].site_url.rstrip("/")
    assert f"\n{text}\n\n{claim}\n" == WRITTEN.replace("HOME", home)


RECORD = r"""
## Moved here {#old-id}

$$
\begin{equation}
b \label{eq:b}
\end{equation}
$$

By $\eqref{eq:b}$ and [that](../chapters/toy.md#part).

```python
assert x == 1
```
"""


def test_a_notebook_holds_the_lesson_and_then_its_record():
    lesson = f"{TEXT}\n## Named {{#so}}\n\n```python\nx = 1\n```\n"
    notebook = assemble_text(lesson, RECORD)
    sources = [cell.source for cell in notebook.cells]
    home = site()[0].site_url.rstrip("/")
    assert sources[-5:] == [
        "## Named",
        "x = 1",
        "# Record",
        f"## Moved here\n\n$$\nb \\tag{{1}}\n$$\n\nBy (1) and [that]({home}/chapters/toy/#part).",
        "assert x == 1",
    ]
    assert "More of it" not in "".join(sources)
    assert differences(notebook, run(notebook)) == []  # in one kernel
    assert [cell.execution_count for cell in code(notebook)] == [1, 2, 3]


def test_what_a_record_imports_is_installed_too():
    notebook = assemble_text("", "```python\nimport torch\n```\n")
    assert "bptt[torch] @" in code(notebook)[0].source


CHECK = """
??? check "Check"
    It holds.

    ```python
    assert 1 == 1
    ```

More text.

??? success "Solution"
    ```python
    x = 2
    ```
"""


def test_a_check_hides_its_code_and_nothing_else():
    *_, words, check, more, title, solution = assemble_text(CHECK).cells
    assert [words.source, check.source, more.source] == ["It holds.", "assert 1 == 1", "More text."]
    told = [{k: v for k, v in c.metadata.items() if k != "id"} for c in (check, title, solution)]
    hidden = {"jupyter": {"source_hidden": True}, "cellView": "form"}
    assert told == [hidden, {"jp-MarkdownHeadingCollapsed": True}, {}]
    assert "jupyter" not in {*words.metadata, *more.metadata}


@pytest.mark.parametrize(
    ("imports", "installed"),
    [
        ("import numpy as np, json\nfrom bptt import rnn", "bptt @"),
        ("from bptt.lm import score\nimport torch.nn", "bptt[lm,torch] @"),
        ("from bptt import lm\nimport pytest", "bptt[lm] @"),
    ],
)
def test_the_first_cell_installs_what_the_others_import(imports, installed):
    first = code(assemble_text(f"```python\n{imports}\n```\n"))[0].source
    assert f'"{installed} git+{site()[0].extra["repository"]}"' in first
    assert first.endswith(" pytest") == ("pytest" in imports)


MISTAKES = {
    "a fence of another language": ("```rust\nx\n```", "no form for this fence: ```rust"),
    "an output below nothing": ('```text title="Output"\nx\n```', "no form for this fence"),
    "an output below a console": (
        '```pycon\n>>> 1\n1\n```\n\n```text title="Output"\nx\n```',
        "an Output fence below a fence that prints nothing: pycon",
    ),
    "a fence in a list": ("- one\n\n    ```python\n    x\n    ```", "a fence inside a list"),
    "a tab": ('=== "One"\n\n    Text.', 'a block: === "One"'),
    "a picture without a caption": ("![A.](../figures/01_state.py#states)", "a picture: "),
    "an unknown figure": (
        "![A.](../figures/01_state.py#no)\n/// figure-caption\nIt.\n///",
        "01_state.py draws no figure #no",
    ),
    "attributes": ("Text.{ .x }", r"attributes: \{ .x \}"),
    "a footnote": ("Text.[^1]", r"a footnote: \[\^1\]"),
    "a broken link": ("[x](nowhere.md)", "a link leads to no page: nowhere.md"),
    "an unknown equation": (r"By $\eqref{eq:no}$.", "has the label eq:no"),
    "an equation without a label": (
        "$$\n\\begin{equation}\nx\n\\end{equation}\n$$",
        "equation has no label",
    ),
    "text that would be folded away": (
        '??? success "Solution"\n    So.\n\nMore text.',
        "would fold this away with the block above: More text.",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_page_that_no_notebook_can_show_stops_the_build(mistake):
    text, message = MISTAKES[mistake]
    with pytest.raises(ValueError, match=message):
        assemble_text(f"{text}\n")


# The build as a whole, on the small project of the site's tests.

CHAPTER = """\
---
description: "About it."
claim: "It is half."
figure: a-line
code: []
---

# Toy

![A line that rises.](../figures/01_toy.py#a-line)
/// figure-caption
It rises, as does [half][toy.half].
///

```source
toy.half
```
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    project = write_project(tmp_path_factory.mktemp("notebooks"))
    (project / "docs" / "chapters").mkdir()
    (project / "docs" / "chapters" / "01-toy.md").write_text(CHAPTER, encoding="utf-8")
    configuration = project / "mkdocs.yml"
    text = configuration.read_text("utf-8").replace(
        "chapter.md,", "chapter.md, chapters/01-toy.md,"
    )
    configuration.write_text(text, encoding="utf-8")
    return project


@pytest.mark.site
def test_the_site_holds_the_notebook_with_its_figures(project):
    said = build(project)
    assert said.startswith("exit code 0"), said
    path = project / "site" / "chapters" / "01-toy" / "01-toy.ipynb"
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    *_, figure, listing = (cell.source for cell in notebook.cells)
    image = BeautifulSoup(figure, "html.parser").img
    assert image["alt"] == "A line that rises."
    picture = base64.b64decode(image["src"].removeprefix("data:image/png;base64,"))
    assert picture.startswith(b"\x89PNG")
    assert int.from_bytes(picture[16:20]) == 2 * int(image["width"])
    assert "[half](https://site.example/#toy.half)" in figure
    assert "[Code of this figure](https://site.example/figures/01_toy/#a-line)" in figure
    assert listing == "`src/toy/__init__.py`:\n\n```python\ndef half(x):\n    return x / 2\n```"
    assert "git+https://forge.example/bptt" in notebook.cells[2].source


@pytest.mark.site
def test_a_mistake_stops_the_build_in_one_sentence(project):
    chapter = project / "docs" / "chapters" / "01-toy.md"
    chapter.write_text(f"{CHAPTER}\n```rust\nx\n```\n", encoding="utf-8")
    said = build(project)
    assert said.startswith("exit code 1"), said
    assert "chapters/01-toy.md: a notebook has no form for this fence: ```rust" in said


def test_the_pages_know_their_notebook_and_its_address_in_colab():
    config, _ = site()
    path = "chapters/01-carry-a-state/01-carry-a-state.ipynb"
    assert machinery.step("write.downloads").links(path, config) == {
        "notebook": "01-carry-a-state.ipynb",
        "colab": "https://colab.research.google.com/github/bptt-authors/bptt/blob/gh-pages/" + path,
    }
    # It is the branch to which the site is published.
    assert f'BRANCH = "{config.remote_branch}"' in (ROOT / "noxfile.py").read_text("utf-8")
