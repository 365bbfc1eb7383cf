"""The writer: the program that grows through the chapters, and how pages show it."""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import nbformat
import numpy as np
import pytest
from machinery import step
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File
from test_site import build, write_project
from test_site import page as site_page

from bptt import optim

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
# Of code: without blank lines, the docstring and the imports.
MOST_LINES = {1: 25, 2: 45, 3: 45, 4: 45, 5: 60, 6: 70, 7: 70, 8: 80, 9: 80}
# To the stage before, or of an exercise to its stage: a changed line is one out and one in.
MOST_CHANGES = {2: 62, 3: 40, 4: 14, 5: 40, 6: 54, 7: 4, 8: 52, 9: 54}


def number(program):
    return int(program.name[:2])


def body(program):
    return ast.parse(program.read_text(encoding="utf-8")).body


def name_of(program):
    return program.relative_to(DOCS / "writer").as_posix()


@EVERY_PROGRAM
def test_a_program_needs_numpy_alone(program):
    tree = ast.parse(program.read_text(encoding="utf-8"))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert {ast.unparse(node) for node in imports} <= {"import numpy as np", "import sys"}


@EVERY_PROGRAM
def test_a_program_is_short(program):
    lines = program.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if line and not line.startswith(('"""', "import "))]
    assert len(lines) <= MOST_LINES[number(program)]
    assert max(map(len, lines)) <= 100


def test_the_backward_pass_of_stage_2_has_twelve_lines():
    (backward,) = (node for node in body(STAGES[1]) if getattr(node, "name", "") == "backward")
    assert backward.end_lineno - backward.lineno == 12


@pytest.mark.parametrize("program", PROGRAMS[1:], ids=lambda path: path.stem)
def test_a_program_changes_little(program):
    lines = step("read.stages").difference(DOCS, name_of(program)).splitlines()
    changed = sum(line.startswith(("+", "-")) for line in lines)
    most = 8 if program.parent.name == "exercises" else MOST_CHANGES[number(program)]
    most = 32 if program.stem == "08_seeds" else most
    assert 2 <= changed <= most


def test_only_the_forget_bias_changes_in_stage_7():
    lines = step("read.stages").difference(DOCS, "07_hold.py").splitlines()
    changed = [line for line in lines if line.startswith(("+", "-")) and "stage" not in line]
    assert changed == [
        "-    b[1] = 0.0  # of the forget gate",
        "+    b[1] = 3.0  # of the forget gate",
    ]


@pytest.mark.process
@EVERY_STAGE
def test_a_stage_runs_by_itself(stage, tmp_path):
    # With one start and a few updates, where it takes seconds: the pages run it in full.
    text = stage.read_text(encoding="utf-8")
    short = text.replace("range(5)", "range(1)").replace("range(500)", "range(3)")
    short = re.sub(r"range\(1, \d+\)", "range(1, 3)", short)
    tmp_path.joinpath(stage.name).write_text(short, encoding="utf-8")
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("the fish, which sat on the mat, ate the cat. " * 9, encoding="utf-8")
    command = [sys.executable, "-I", "-W", "error", stage.name, str(corpus)]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert said.stderr == ""
    assert said.stdout


# Its derivatives.


def functions(stage, **names):
    """Return the functions of a stage with the names that they use, as small as they may be."""
    kept = [
        node for node in body(STAGES[stage - 1]) if isinstance(node, ast.Import | ast.FunctionDef)
    ]
    namespace = dict(names)
    exec(compile(ast.Module(kept, []), f"stage {stage}", "exec"), namespace)  # noqa: S102
    return SimpleNamespace(**namespace)


def central(loss, arrays, eps=1e-5):
    """Return the derivatives of a loss with respect to some arrays, by central differences."""
    found = []
    for array in arrays:
        found.append(np.empty_like(array))
        for place in np.ndindex(array.shape):
            was = array[place]
            array[place] = was + eps
            above = loss()
            array[place] = was - eps
            found[-1][place] = (above - loss()) / (2 * eps)
            array[place] = was
    return found


def small_case(B, T=7, K=4):
    rng = np.random.default_rng(0)
    rows = np.eye(K)[rng.integers(K, size=(T + 1, B))]
    return rng, {"T": T, "B": B, "K": K, "H": 3}, rows[:-1], rows[1:]


def random_params(params, rng):
    return [W + 0.5 * rng.normal(size=W.shape) for W in params]


def agree(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        assert np.shape(a) == np.shape(b)
        assert np.allclose(a, b, rtol=1e-6, atol=1e-9)


def test_the_twelve_lines_are_the_derivative():
    rng, sizes, x, target = small_case(B=1)
    stage = functions(2, **sizes)
    params = random_params(stage.start(rng), rng)
    grads = stage.backward(x, *stage.forward(x, params), target, *params)

    def loss():
        return -np.log(stage.forward(x, params)[1][target == 1]).mean()

    agree(grads, central(loss, params))


@pytest.mark.parametrize("number", [3, 4, 5])
def test_the_derivative_of_one_answer(number):
    rng, sizes, x, _ = small_case(B=4)
    stage = functions(number, **sizes)
    params = random_params(stage.start(rng, *[1.5][: number > 3]), rng)
    grads, _ = stage.backward(x, *stage.forward(x, params), x[0], *params)

    def loss():
        return -np.log(stage.forward(x, params)[1][-1][x[0] == 1]).mean()

    agree(grads, central(loss, params))


@pytest.mark.parametrize("number", [6, 7])
def test_the_derivative_of_the_lstm(number):
    rng, sizes, x, _ = small_case(B=4)
    stage = functions(number, **sizes)
    params = random_params(stage.start(rng, 1.5), rng)
    grads, _ = stage.backward(x, *stage.forward(x, params), x[0], *params)

    def loss():
        return -np.log(stage.forward(x, params)[-1][-1][x[0] == 1]).mean()

    agree(grads, central(loss, params))


def test_the_derivative_of_a_chunk_and_of_the_state_before_it():
    rng, sizes, x, target = small_case(B=2)
    stage = functions(9, **sizes)
    params = random_params(stage.start(rng, 1.5), rng)
    states = [rng.normal(size=(2, 3)), rng.normal(size=(2, 3))]
    run = stage.forward(x, *states, params)
    grads, size = stage.backward(x, *run, target, *params)

    def loss():
        return -np.log(stage.forward(x, *states, params)[-1][target == 1]).mean()

    agree(grads, central(loss, params))
    dh, dc = central(loss, states)
    assert np.allclose(size, np.hypot(dh, dc), rtol=1e-6, atol=1e-9)


def test_clipping_and_adam_are_those_of_the_library():
    rng = np.random.default_rng(0)
    stage = functions(5)
    params, m, v = [rng.normal(size=3), rng.normal(size=(2, 2))], [0, 0], [0, 0]
    ours = theirs = tuple(params)
    adam = optim.Adam(lr=0.01)
    state = adam.init(theirs)
    for n in range(1, 6):
        grads = tuple(rng.normal(size=W.shape) for W in params)
        clipped, norm = optim.clip_global_norm(grads, 0.1)
        assert norm > 0.1
        agree(stage.clipped(grads, m, v, n)[0], clipped)
        change, m, v = stage.adam(grads, m, v, n)
        ours = [W - dW for W, dW in zip(ours, change, strict=True)]
        theirs, state = adam.update(theirs, clipped, state)
        agree(ours, theirs)
    few = [0.01 * grad / norm for grad in grads]
    agree(stage.clipped(few, m, v, 1)[0], few)


# Its picture.


def test_the_picture_of_chapter_7_counts_what_the_pages_print():
    figure = (DOCS / "figures" / "07_forget_bias.py").read_text(encoding="utf-8")
    cells = re.findall(r'^    "(.+)": \(\w+_writer, .+, (\{.+\})\),$', figure, re.MULTILINE)
    pages = [path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("chapters/*.md"))]

    def learned(chapter, line):
        writer = pages[chapter - 1].split("## The writer\n")[1].split("## Exercises\n")[0]
        (count,) = re.findall(
            rf"^{line}  gradient \S+  learned by (\d) of 5$", writer, re.MULTILINE
        )
        return int(count)

    assert {name: ast.literal_eval(counts) for name, counts in cells} == {
        "tanh, scale 1": {20: learned(4, "scale   1  k = 20"), 50: learned(3, "k = 50")},
        "tanh, scale 1.5": {k: learned(5, f"adam     k = {k}") for k in (20, 50)},
        "LSTM, bias 0": {k: learned(6, f"adam     k = {k}") for k in (20, 50)},
        "LSTM, bias 3": {k: learned(7, f"adam     k = {k}") for k in (20, 50)},
    }


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


# And the site with it.


@pytest.mark.site
def test_the_site_has_the_programs_their_notebooks_and_what_changed(tmp_path):
    project = write_project(tmp_path)
    shutil.copytree(DOCS / "writer", project / "docs" / "writer")
    page = project / "docs" / "chapter.md"
    changed = PAGE.replace("```writer", "```writer-diff").replace("02_learn", "07_hold")
    text = f"{page.read_text('utf-8')}\n{PAGE.format(output='said')}\n{changed}"
    page.write_text(text, encoding="utf-8")
    said = build(project)
    assert said.startswith("exit code 0"), said
    folder = project / "site" / "writer"
    assert (folder / "02_learn.py").read_bytes() == STAGES[1].read_bytes()
    assert not (folder / "02_learn" / "index.html").exists()
    notebook = nbformat.read(folder / "02_learn.ipynb", as_version=4)
    assert notebook.cells[-1].outputs[0].text == "said\n"
    assert (folder / "exercises" / "02_cut.ipynb").exists()
    content = site_page(project / "site", "chapter")
    links = [link["href"] for link in content.select(".writer-links a")]
    assert links[0] == "../writer/02_learn.py"
    assert links[3].endswith("/writer/07_hold.ipynb")
    (diff,) = content.select(".language-diff")
    assert [line.text for line in diff.select(".gi")][-1].strip().startswith("+    b[1] = 3.0")


def test_a_chapter_notebook_runs_the_program_below_what_changed():
    module = step("write.chapter_notebook.cells")
    site = module.Site(
        prose=str,
        picture=lambda *_: "",
        listing=str,
        program=lambda name: f"# {name}\nprint(1)",
        difference=lambda name: f"+{name}",
    )
    text = f"{PAGE.format(output='1')}\n```writer-diff\n03_recall.py\n```\n"
    found = [(cell.cell_type, cell.source) for cell in module.cells(text, site)]
    assert found == [
        ("markdown", "Above."),
        ("code", module.KEEP),
        ("code", "# 02_learn.py\nprint(1)"),
        ("code", module.RESTORE),
        ("markdown", "Below."),
        ("markdown", "```diff\n+03_recall.py\n```"),
        ("code", module.KEEP),
        ("code", "# 03_recall.py\nprint(1)"),
        ("code", module.RESTORE),
    ]
    assert [cell.get("outputs") for cell in module.cells(text, site)][2][0].text == "1\n"
