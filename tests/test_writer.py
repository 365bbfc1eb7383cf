"""The writer: the program that grows through the chapters, and how pages show it."""

import ast
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from machinery import step
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
STAGES = sorted((DOCS / "writer").glob("*.py"))
PROGRAMS = sorted((DOCS / "writer").rglob("*.py"))
CONFIG = SimpleNamespace(
    docs_dir=str(DOCS),
    extra={"repository": "https://code.example/us/bptt"},
    remote_branch="gh-pages",
    site_url="https://site.example/",
    site_name="Ours",
)
EVERY_STAGE = pytest.mark.parametrize("stage", STAGES, ids=lambda path: path.stem)
EVERY_PROGRAM = pytest.mark.parametrize("program", PROGRAMS, ids=lambda path: path.stem)
MOST_LINES = {"02_learn": 50}
MOST_CHANGES = {}


def code_lines(path):
    """Return the lines of a program without blank ones."""
    return [line for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


@EVERY_PROGRAM
def test_a_program_needs_numpy_alone(program):
    tree = ast.parse(program.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {ast.unparse(node) for node in imports} <= {"import numpy as np", "import sys"}


@EVERY_PROGRAM
def test_a_program_is_short(program):
    assert len(code_lines(program)) <= MOST_LINES.get(program.stem, 65)


# How a page shows it.

PAGE = """\
Above.

```writer
02_learn.py
```

```text title="Output"
{output}
```

Below.
"""


def shown(text, name="chapters/02-toy.md"):
    page = File(name, src_dir=None, dest_dir="", use_directory_urls=True)
    return step("write.writer").with_writer(text, page, CONFIG)


def test_a_page_shows_the_whole_program_and_where_to_get_it():
    page = shown(PAGE.format(output="0"))
    program = (DOCS / "writer" / "02_learn.py").read_text(encoding="utf-8")
    assert page == (
        f'Above.\n\n```python title="writer/02_learn.py"\n{program}```\n\n'
        '```text title="Output"\n0\n```\n\n'
        '[Download](../writer/02_learn.py){ download="02_learn.py" } · [Open in Colab]('
        "https://colab.research.google.com/github/us/bptt/blob/gh-pages/writer/02_learn.ipynb)\n"
        "{ .writer-links }\n\n\nBelow.\n"
    )


@pytest.mark.parametrize("name", ["99_none.py", "../figures/01_state.py", "learn.py"])
def test_what_is_no_stage_stops_the_build(name):
    with pytest.raises(PluginError, match=re.escape(f"02-toy.md: the writer has no stage {name}")):
        shown(f"```writer\n{name}\n```\n")


@pytest.fixture
def run_page(pytester):
    """Return a function that tests one page beside a copy of the writer."""
    shutil.copy(ROOT / "conftest.py", pytester.path)
    folder = pytester.mkdir("docs") / "writer"
    folder.mkdir()
    program = "import sys\n\n\ndef f():\n    return x\n\n\nx = 2\nprint(f(), len(sys.argv))\n"
    folder.joinpath("02_learn.py").write_text(program, encoding="utf-8")

    def run(text):
        pytester.path.joinpath("page.md").write_text(text, encoding="utf-8")
        return pytester.runpytest_inprocess("--tb=short", "-ra", "page.md")

    return run


def test_a_page_runs_it_in_a_namespace_of_its_own(run_page):
    page = f"```python\nx = 1\n```\n{PAGE.format(output='2 1')}\n```pycon\n>>> x\n1\n```\n"
    run_page(page).assert_outcomes(passed=4)


def test_a_wrong_output_is_noticed(run_page):
    result = run_page(PAGE.format(output="3 1"))
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*page.md*line 7,*"])


@pytest.mark.parametrize("word", ["writer", "writer-diff"])
def test_only_the_writer_is_run(run_page, word):
    result = run_page(f"```{word}\n../../conftest.py\n```\n")
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines(["*page.md:1: a writer fence holds the name of a file*"])


# Its notebook.


@EVERY_PROGRAM
def test_the_notebook_of_a_program_holds_all_of_it(program):
    name = program.relative_to(DOCS / "writer").as_posix()
    notebook = step("write.downloads").stage_notebook(name, "said\n", CONFIG)
    nbformat.validate(notebook)
    title, *cells = notebook.cells
    source = "\n\n\n".join(cell.source for cell in cells)
    text = program.read_text(encoding="utf-8")
    assert text.endswith(f"\n\n{source}\n")
    assert title.source.startswith(f"# {ast.get_docstring(ast.parse(text)).rstrip('.')}\n")
    assert [cell.outputs[0].text for cell in cells if cell.outputs] == ["said\n"]
    assert cells[-1].outputs


def test_the_output_of_a_notebook_is_that_of_the_page():
    found = step("write.writer").outputs(["none", PAGE.format(output="0\n1")])
    assert found == {"02_learn.py": "0\n1\n"}
