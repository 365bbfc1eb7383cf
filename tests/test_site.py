"""The machinery of the site: a good page is built well, and every mistake stops the build."""

import base64
import hashlib
import io
import json
import logging
import os
import re
import runpy
import shutil
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from machinery import MACHINERY, step
from mkdocs.commands.build import build as mkdocs_build
from mkdocs.config import load_config
from mkdocs.exceptions import Abort, BuildError, PluginError
from PIL import Image

from bptt.figures import canvas

pytestmark = pytest.mark.site

ROOT = Path(__file__).parents[1]
SVG = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'

CONFIG = f"""
INHERIT: {(ROOT / "mkdocs.yml").as_posix()}
nav: [index.md, chapter.md, figures/01_toy.py]
"""

SOURCE = '''
"""Halves.

Parameters
----------
x : float
    A number.
"""


def half(x):
    r"""Return $\\frac{x}{2}$.

    Examples
    --------
    >>> half(2)
    1.0
    """
    return x / 2
'''

KINDS = '''
from typing import Protocol


class Halver(Protocol):
    """What halves."""

    def half(self, x):
        """Halve.

        Returns
        -------
        float
            One of two parts.
        """
'''

INDEX = """
# Home

See [a formula](chapter.md#eq:sum), [code](figures/01_toy.py#a-line) and [half][toy.half].

::: toy
"""

CHAPTER = r"""
# Chapter

## A title with $\mathbb{E}$

A sum, $\eqref{eq:sum}$, and a footnote.[^1] Literally: `[^2]`, `$x$` and `/// caption`.

$$
\begin{equation}
\sum_{t=1}^T x_t' \label{eq:sum}
\end{equation}
$$

```pycon
>>> for x in range(2):
...     print(x)
0
1
>>> total = 1 + 1
>>> total
2
```

![A line that rises.](figures/01_toy.py#a-line)
/// figure-caption
It rises with $x$.
///

```source
toy.half
```

--8<-- "included.txt"

[^1]: Here.
"""

NOTEBOOK = """
# %% [markdown]
# # Figures
#
# Of [a page](../chapter.md#eq:sum).

# %%
%matplotlib inline
%config InlineBackend.figure_formats = ["svg"]
from matplotlib.figure import Figure

from bptt import figures

# %% [markdown]
# ## A line
#
# In words: a line, $y = x + 1$.

# %%
fig = Figure(figsize=(3, 2))
fig.subplots().plot([1, 2])
fig.axes[0].set_ylabel("height of $x_t$")
fig

# %%
figures.data(fig)

# %%
figures.touchable("toy", 'Touch "it"', values=fig.axes[0].lines[0].get_ydata(), text="a </script>")
"""

TOUCH = """// A toy.
touchable("toy", { compute: (a, b) => a < b, open });
"""

# For each mistake: a file, what is replaced in it (nothing: its end), by what, and the message.
BREAKAGES = {
    "a broken link": ("chapter.md", "", "[x](nowhere.md)", "'chapter.md' .* link 'nowhere.md'"),
    "a broken anchor": ("chapter.md", "", "[x](index.md#no)", "'chapter.md' .* 'index.md#no'"),
    "a broken anchor of a notebook": (
        "chapter.md",
        "",
        "[x](figures/01_toy.py#no)",
        "'chapter.md' .* link 'figures/01_toy.py#no'",
    ),
    "a broken anchor in a notebook": (
        "figures/01_toy.py",
        "#eq:sum",
        "#eq:no",
        "'figures/01_toy.py' .* '../chapter.md#eq:no'",
    ),
    "a broken link in a notebook": (
        "figures/01_toy.py",
        "../chapter.md#eq:sum",
        "nowhere.md",
        "figures/01_toy.py: a link leads to no page: nowhere.md",
    ),
    "a listing of what is not there": (
        "chapter.md",
        "",
        "```source\ntoy.third\n```",
        "chapter.md: there is no toy.third to show",
    ),
    "an unresolved cross-reference": ("index.md", "toy.half", "toy.third", "index.md.*'toy.third'"),
    "a formula with an error": ("chapter.md", "", r"$\frac{1}$", r"chapter.md: .*\\frac\{1\}"),
    "an empty alternative text": (
        "chapter.md",
        "A line that rises.",
        "",
        "chapter.md: the figure #a-line has no alternative text",
    ),
    "an unknown figure": ("chapter.md", "#a-line", "#no", "chapter.md: .* draws no figure #no"),
    "a figure without a caption": (
        "chapter.md",
        "/// figure-caption\nIt rises with $x$.\n///",
        "",
        "chapter.md: the figure .* has no figure-caption",
    ),
    "a figure that no page shows": (
        "chapter.md",
        "![A line that rises.](figures/01_toy.py#a-line)",
        "x",
        "figures/01_toy.py: no page shows the figure #a-line",
    ),
    "a figure whose address is taken": (
        "chapter.md",
        "",
        "## Another title { #figure-a-line }",
        "chapter.md: the address #figure-a-line is taken; a figure needs it",
    ),
    "a figure shown as text": (
        "figures/01_toy.py",
        "%matplotlib inline",
        "",
        "figures/01_toy.py: no SVG is drawn under #a-line",
    ),
    "a cell that raises": (
        "figures/01_toy.py",
        "",
        "# %%\n1 / 0",
        "figures/01_toy.py: a cell raises ZeroDivisionError",
    ),
    "a work that is not in the bibliography": (
        "chapter.md",
        "",
        "[Nobody, 1990](https://doi.org/10.1/none)",
        "chapter.md: https://doi.org/10.1/none is not in references.bib",
    ),
    "a style sheet that is not there": (
        "machinery/overrides/partials/head.html",
        "",
        """<link rel="stylesheet" href="{{ 'machinery/css/no.css' | url }}">""",
        "a page links machinery/css/no.css, which the site does not have",
    ),
    "a style in a page": (
        "chapter.md",
        "",
        "<p STYLE='color: red'>Red.</p>",
        "chapter/index.html: the policy allows no attribute style, as of <p>",
    ),
    "a script in a page": (
        "chapter.md",
        "",
        "<script>alert(1)</script>",
        r"chapter/index.html: the policy allows no script but our own: alert\(1\)",
    ),
    "an undefined footnote": ("chapter.md", "", "Text.[^9]", r"chapter.md: a footnote .*\[\^9\]"),
}
# One for each way to fail: by warnings, while a page is rendered, and when all of them are.
BY_COMMAND = ["a broken link", "a formula with an error", "an unknown figure"]
ENVIRONMENT = {
    "MPLBACKEND": "agg",  # a notebook chooses its own
    "REPOSITORY_URL": "https://forge.example/bptt/",
    "SITE_URL": "https://site.example/",
    "SOURCE_DATE_EPOCH": "0",
}


def build(project: Path) -> str:
    """Build a project strictly in this process; return what MkDocs says, its exit code first."""
    said: list[str] = []
    listener = logging.Handler(logging.WARNING)
    listener.emit = lambda record: said.append(record.getMessage())
    logger = logging.getLogger("mkdocs")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # as the command does with what libraries warn of
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.chdir(project)
        logger.addHandler(listener)
        try:
            config = load_config(str(project / "mkdocs.yml"), strict=True)
            config.plugins.on_startup(command="build", dirty=False)
            mkdocs_build(config)
        except (Abort, BuildError) as error:
            return "\n".join(["exit code 1", *said, str(error)])
        finally:
            logger.removeHandler(listener)
    return "\n".join(["exit code 0", *said])


def build_by_command(project: Path) -> str:
    """Do the same as who types it."""
    run = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict"],
        cwd=project,
        env=os.environ | ENVIRONMENT,
        text=True,
        encoding="utf-8",
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    return f"exit code {run.returncode}\n{run.stdout}"


def write_project(project: Path) -> Path:
    """Write a small project with the configuration and the machinery of the real one."""
    texts = {
        "mkdocs.yml": CONFIG,
        "src/toy/__init__.py": SOURCE,
        "src/toy/kinds.py": KINDS,
        "docs/index.md": INDEX,
        "docs/chapter.md": CHAPTER,
        "docs/figures/01_toy.py": NOTEBOOK,
        "docs/figures/touch/toy.js": TOUCH,
        "docs/.nojekyll": "",
        "included.txt": "One line.\n",
    }
    for name, text in texts.items():
        path = project / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    shutil.copytree(MACHINERY, project / "docs" / "machinery")
    return project


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project without a mistake, built."""
    project = write_project(tmp_path_factory.mktemp("good"))
    said = build(project)
    assert said.startswith("exit code 0"), said
    return project


@pytest.fixture(scope="module")
def site(project: Path) -> Path:
    return project / "site"


@pytest.fixture
def copy(project: Path, tmp_path: Path) -> Path:
    """A copy of the project, with all that its build remembers."""
    return shutil.copytree(project, tmp_path / "copy", ignore=shutil.ignore_patterns("site"))


def change(project: Path, name: str, old: str, new: str) -> None:
    """Replace a part of a file, or add to its end."""
    path = project / name
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new) if old else f"{text}\n{new}\n", "utf-8")


def page(site: Path, name: str) -> BeautifulSoup:
    return BeautifulSoup((site / name / "index.html").read_text("utf-8"), "html.parser")


BUILDS = [(mistake, build) for mistake in BREAKAGES]
BUILDS += [(mistake, build_by_command) for mistake in BY_COMMAND]


@pytest.mark.parametrize(("mistake", "builder"), BUILDS)
def test_the_build_fails_and_names_the_page_on(
    mistake: str, builder: Callable[[Path], str], copy: Path
) -> None:
    name, old, new, message = BREAKAGES[mistake]
    change(copy, f"docs/{name}", old, new)
    said = builder(copy)
    assert said.startswith("exit code 1"), said
    assert re.search(message, said), said


# What can change between two builds: a file, what is replaced in it, and by what. Each has to be
# seen at once. What changes all pages comes first, so that it hides no page that is left behind.
CHANGES = [
    ("mkdocs.yml", "[index.md, chapter.md", "[index.md, Second: chapter.md"),
    ("mkdocs.yml", "Second: ", ""),
    ("docs/machinery/overrides/partials/copyright.html", "how to cite", "cite"),
    ("docs/machinery/overrides/partials/javascripts/palette.html", "fits", "shows"),
    ("docs/machinery/css/site.css", "", ".md-typeset h1 { color: red }"),
    ("docs/chapter.md", "", '<p style="color: red">Red.</p>'),
    ("docs/figures/01_toy.py", "plot([1, 2])", "plot([1, 3])"),
    ("src/toy/__init__.py", '(x):\n    r"""Return $', '(x, y=0):\n    r"""Give $'),
    ("src/toy/__init__.py", "A number.", "Any number."),
    ("src/toy/kinds.py", "One of two parts.", "One of both parts."),
    ("included.txt", "One", "Two"),
    ("docs/chapter.md", "A sum", "The sum"),
    ("docs/chapter.md", "x_t'", "y_t"),
    ("docs/chapter.md", "## A title", "## Another title"),
    ("docs/chapter.md", "It rises with", "It falls with"),
    ("docs/chapter.md", "A line that rises", "A line"),
    ("docs/chapter.md", "# Chapter", "# A chapter"),  # which other pages show as well
]


def test_builds_that_remember_give_the_bytes_of_one_that_does_not(site: Path, copy: Path) -> None:
    before = contents(site)
    for name, old, new in CHANGES:
        change(copy, name, old, new)
        assert build(copy).startswith("exit code 0")
        after = contents(copy / "site")
        assert after != before, f"{name} with {new!r} changes nothing"
        before = after
    shutil.rmtree(copy / ".cache")
    assert build(copy).startswith("exit code 0")
    assert contents(copy / "site") == before


def test_a_page_that_brings_a_warning_brings_it_again(copy: Path) -> None:
    change(copy, "docs/chapter.md", "", "[x](nowhere.md)")
    assert [build(copy)[:11] for _ in range(2)] == ["exit code 1"] * 2


def test_a_page_that_is_gone_is_missed_where_it_is_linked(copy: Path) -> None:
    (copy / "docs" / "extra.md").write_text("# Extra\n", encoding="utf-8")
    change(copy, "docs/chapter.md", "", "[x](extra.md)")
    change(copy, "mkdocs.yml", "chapter.md,", "chapter.md, extra.md,")
    assert build(copy).startswith("exit code 0")
    (copy / "docs" / "extra.md").unlink()
    change(copy, "mkdocs.yml", "extra.md,", "")
    said = build(copy)
    assert said.startswith("exit code 1")
    assert "'chapter.md' contains a link 'extra.md'" in said


def test_what_is_remembered_and_was_cut_short_is_worked_out_again(site: Path, copy: Path) -> None:
    for path in (copy / ".cache" / "pages").iterdir():
        path.write_bytes(path.read_bytes()[:-1])
    assert build(copy).startswith("exit code 0")
    assert contents(copy / "site") == contents(site)


def test_what_no_build_has_asked_for_in_a_week_is_forgotten(tmp_path: Path) -> None:
    memory = step("read.memory")
    config = SimpleNamespace(config_file_path=str(tmp_path / "mkdocs.yml"))
    (tmp_path / "mkdocs.yml").touch()
    assert [memory.recall(config, "cause", lambda: 1), memory.recall(config, "cause", int)] == [
        1,
        1,
    ]
    assert memory.recall(config, "another cause", int) == 0
    kept = memory.place(config, "cause")
    os.utime(kept, (0, 0))
    memory.forget(config)
    assert [path.name for path in kept.parent.iterdir()] == [
        memory.place(config, "another cause").name
    ]


def test_formulas_are_mathml_and_equations_are_numbered_and_linked(site: Path) -> None:
    article = page(site, "chapter").article
    assert article.find(class_="equation", id="eq:sum").a.text == "(1)"
    assert [link.text for link in article.find_all("a", href="#eq:sum")] == ["(1)", "(1)"]
    assert article.h2.math is not None
    assert article.figcaption.math is not None
    assert page(site, "").article.find("math").find("mfrac") is not None


def test_punctuation_stays_with_the_formula_before_it(site: Path) -> None:
    (unbroken,) = page(site, "chapter").select("figcaption .unbroken")
    assert unbroken.math
    assert unbroken.get_text().endswith(".")


def test_a_title_with_a_formula_is_listed_without_its_tex(site: Path) -> None:
    contents = page(site, "chapter").find("nav", class_="md-nav--secondary")
    assert contents.math is not None
    assert "mathbb" not in contents.text


def test_search_finds_words_and_no_tex(site: Path) -> None:
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    text = " ".join(
        entry["title"] + entry["text"] for entry in index["docs"] if "chapter" in entry["location"]
    )
    assert "It rises with" in text
    assert "\\" not in text


def test_search_leaves_code_out_of_the_index_and_in_the_page(site: Path) -> None:
    index = (site / "search" / "search_index.json").read_text("utf-8")
    for name, code in (
        ("", "return x / 2"),
        ("chapter", "total = 1 + 1"),
        ("figures/01_toy", "plot("),
    ):
        assert code in page(site, name).article.text
        assert code not in index
        assert "data-search-exclude=" not in (site / name / "index.html").read_text("utf-8")


def test_the_page_for_missing_addresses_works_at_any_depth(site: Path) -> None:
    missing = BeautifulSoup((site / "404.html").read_text("utf-8"), "html.parser")
    assert missing.find("meta", attrs={"name": "robots"})["content"] == "noindex"
    assert missing.title.text.startswith("Page not found")
    links = [tag["href"] for tag in missing.article.select("a[href]")]
    assert [
        link for link in [*links, missing.article.form["action"]] if not link.startswith("/")
    ] == []


def test_the_copy_button_of_a_console_block_gives_code_that_runs(
    site: Path, tmp_path: Path
) -> None:
    code = page(site, "chapter").select_one(".language-pycon code")
    script = tmp_path / "pasted.py"
    script.write_text(code["data-copy"], encoding="utf-8")
    assert runpy.run_path(str(script))["total"] == 2
    assert ">>>" in code.text


def test_a_console_block_that_python_cannot_read_is_a_mistake() -> None:
    page = SimpleNamespace(file=SimpleNamespace(src_uri="x.md"))
    with pytest.raises(PluginError, match=r"^x\.md: a console block is malformed: .*blank"):
        step("theme.copies").with_copies('<div class="language-pycon"><code>>>>x</code>', page)


def test_a_pasted_block_statement_is_ended_by_an_empty_line() -> None:
    runnable = step("read.console").runnable
    assert runnable(">>> if 1:\n...     x = 2\n>>> x\n2\n") == "if 1:\n    x = 2\n\nx\n"


def test_a_figure_is_shown_in_both_schemes_with_its_text_and_code(site: Path) -> None:
    figure = page(site, "chapter").figure
    drawing = figure.svg
    assert (drawing["role"], drawing["aria-label"]) == ("img", "A line that rises.")
    assert int(drawing["width"]) > int(drawing["height"]) > 0
    assert drawing.find(attrs={"stroke": "var(--forward)"}) is not None
    assert "1.5" in drawing.text
    assert [(link.text, link["href"]) for link in figure.select(".figure-links a")] == [
        ("Code of Figure 1", "../figures/01_toy/#a-line"),
        ("Description of Figure 1", "../figures/01_toy/#a-line-description"),
        ("Data of Figure 1", "../figures/01_toy/#a-line-data"),
    ]
    light_svg, dark_svg = (
        (site / "figures" / "01_toy" / f"a-line-{scheme}.svg").read_text("utf-8")
        for scheme in ("light", "dark")
    )
    assert "#1f2328" in light_svg
    assert "#1f6ae6" in light_svg
    changed = light_svg.replace("#1f2328", "#e6e6e6").replace("#1f6ae6", "#5b9bff")
    assert changed == dark_svg


def test_a_notebook_page_shows_code_and_figures_and_carries_nothing_else(site: Path) -> None:
    article = page(site, "figures/01_toy").article
    assert "fig.subplots().plot([1, 2])" in article.text
    assert article.find("p", id="a-line-description").math is not None
    assert {drawing["aria-label"] for drawing in article.select("svg.figure")} == {
        "A line that rises."
    }
    assert not article.find_all(["style", "script"])
    assert article.find("h2", id="a-line") is not None
    assert article.find("a", string="a page")["href"] == "../../chapter/#eq:sum"


def test_a_figure_has_an_address_and_its_number_leads_there(site: Path) -> None:
    figure = page(site, "chapter").figure
    assert figure["id"] == "figure-a-line"
    number = figure.select_one(".caption-prefix a")
    assert (number.text, number["href"]) == ("Figure 1.", "#figure-a-line")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("chapters/03-x.md", "Figure 3.2"),
        ("evidence/03-x.md", "Figure E3.2"),
        ("about.md", "Figure 2"),
    ],
)
def test_the_number_of_a_figure_begins_with_that_of_its_chapter(name: str, number: str) -> None:
    soup = BeautifulSoup(
        '<figure id="a"><b class="caption-prefix">Figure 2.</b></figure>', "html.parser"
    )
    page = SimpleNamespace(file=SimpleNamespace(src_uri=name))
    assert step("figures.shown")._number(page, soup.figure) == number
    assert soup.figure.a.text == f"{number}."


def test_the_data_of_a_figure_is_a_table_that_scrolls_and_is_not_searched(site: Path) -> None:
    data = page(site, "figures/01_toy").find(id="a-line-data")
    box = data.find(attrs={"tabindex": "0", "role": "group"})
    assert box["aria-label"] == "Table 1"
    assert box.caption.math is not None
    assert [str(tag) for tag in box.select("thead th")] == [
        '<th scope="col">case</th>',
        '<th scope="col">height of x<sub>t</sub></th>',
    ]
    assert [cell.text for cell in box.select("tbody :is(th, td)")] == ["0", "1", "1", "2"]
    index = json.loads((site / "search" / "search_index.json").read_text("utf-8"))
    assert not any("against case" in entry["text"] for entry in index["docs"])


def test_a_figure_needs_data_or_a_description() -> None:
    image = '<img src="data:image/svg+xml;base64,PHN2Zy8+">'

    def figures(content: str) -> dict[str, dict[str, object]]:
        head = f'<h1 id="top">X</h1><h2 id="a">A</h2>{image}'
        return step("figures.drawn").collect(head + content, "x.py")[1]

    assert figures('<div class="figure-data"></div>')["a"]["explanations"] == ["data"]
    assert figures("<p>In words: a line.</p>")["a"]["explanations"] == ["description"]
    for unexplained in ("", "<p>A line.</p>", '<div class="output"></div>'):
        with pytest.raises(PluginError, match=r"x.py: the figure #a has neither data"):
            figures(unexplained)


def test_a_figure_that_can_be_touched_has_its_data_and_shows_its_script(site: Path) -> None:
    figure = page(site, "chapter").figure
    assert figure["data-touch"] == "../figures/touch/toy.js"
    place, data = figure.select(".touch, script")
    assert place["data-invitation"] == 'Touch "it"'
    assert not place.text
    assert json.loads(data.text) == {"values": [1.0, 2.0], "text": "a </script>"}
    assert page(site, "figures/01_toy").select_one(".touch-source code").text == TOUCH


@pytest.mark.parametrize(
    ("name", "problem"), [("none", "there is no script none.js"), ("long", "a script has at most")]
)
def test_a_script_that_is_missing_or_too_long_is_a_mistake(
    tmp_path: Path, name: str, problem: str
) -> None:
    scripts = tmp_path / "figures" / "touch"
    scripts.mkdir(parents=True)
    (scripts / "long.js").write_bytes(b"//\n" * 5000)
    notebook = SimpleNamespace(file=SimpleNamespace(src_uri="figures/x.py"))
    config = SimpleNamespace(docs_dir=str(tmp_path))
    with pytest.raises(PluginError, match=problem):
        step("figures.touch").source({"script": name}, notebook, config)


def test_names_of_groups_and_turns_by_nothing_are_left_out_and_what_is_referred_to_stays() -> None:
    svg = BeautifulSoup(
        step("figures.svg").tidy(
            f'<?xml?>{SVG}<defs><clipPath id="p1a"/><path id="m2b" d="M 0 1"/></defs>'
            '<g id="text_1"><use xlink:href="#m2b" clip-path="url(#p1a)"/>'
            '<text x="1" transform="rotate(-0 3.25 4.5)">a</text>'
            '<text x="1" transform="rotate(-90 3.25 4.5)">b</text></g></svg>'
        ),
        "html.parser",
    )
    assert [svg.clippath["id"], svg.path["id"]] == ["p1", "p2"]
    assert (svg.use["href"], svg.use["clip-path"]) == ("#p2", "url(#p1)")
    assert svg.g is None
    assert [text.get("transform") for text in svg.find_all("text")] == [
        None,
        "rotate(-90 3.2 4.5)",
    ]


def test_a_line_says_where_it_goes_on_from_where_it_is() -> None:
    line = "M 10.04 20 L 30.06 20 L 30.06 15.5 C 31 15 32 14 33 13 Q 1 2 3 4 z"
    svg = step("figures.svg").tidy(f'{SVG}<path d="{line}" style="fill: none; stroke: red"/></svg>')
    assert 'd="M10 20h20.1v-4.5c.9-.5 1.9-1.5 2.9-2.5q-32-11-30-9z"' in svg


def test_what_nobody_sees_of_a_picture_is_left_out() -> None:
    svg = step("figures.svg").tidy(
        f'{SVG}<defs><style type="text/css">*{{stroke-linejoin: round}}</style></defs>'
        '<g><path d="M 1 2" style="stroke: red"/><path d="M 1 2 L 3 4" style="fill: none"/></g>'
        '<g style="fill: #123456"><text style="font-size: 11px; fill: #123456" x="1.25">a</text>'
        "</g></svg>"
    )
    body = '<g fill="#123456"><text x="1.2">a</text></g>'
    assert svg.partition(">")[2] == f"{body}</svg>"


def test_the_image_in_a_picture_is_written_with_the_colours_that_it_has() -> None:
    image = Image.new("RGBA", (40, 40), (9, 8, 7, 255))
    image.paste((1, 2, 3, 255), (3, 3, 30, 30))
    file = io.BytesIO()
    image.save(file, "PNG")
    address = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    svg = step("figures.svg").tidy(f'{SVG}<image xlink:href="{address}"/></svg>')
    smaller = base64.b64decode(re.findall(r'href="data:image/png;base64,([^"]*)"', svg)[0])
    assert len(smaller) < len(file.getvalue())
    assert Image.open(io.BytesIO(smaller)).convert("RGBA").tobytes() == image.tobytes()


def test_letters_of_a_word_are_one_piece_and_signs_stay_where_they_are() -> None:
    tidy = step("figures.svg").tidy
    letters = [
        (0, "r", ""),
        (5, "=", ""),
        (9, "0", ""),
        (12, ".", ""),
        (14, "8", ""),
        (18, " ", ""),
    ]
    letters += [(20, "f", ""), (23, "(", ""), (30, ")", ""), (26, "a", "font-style: oblique; ")]
    spans = "\n".join(
        f'<tspan x="{x}.12345" y="-0.5" style="{style}font-family: Serif">{letter}</tspan>'
        for x, letter, style in letters
    )
    svg = BeautifulSoup(tidy(f"{SVG}<text>{spans}</text></svg>"), "html.parser")
    assert [(tag.text, tag["x"]) for tag in svg.find_all("tspan")] == [
        ("r", "0.1"),
        ("=", "5.1"),
        ("0.8", "9.1"),
        ("f", "20.1"),
        ("(", "23.1"),
        ("a", "26.1"),
        (")", "30.1"),
    ]
    assert [tag.get("font-style") for tag in svg.find_all("tspan")].count("oblique") == 1
    scaled = '<image transform="scale(0.71234)" x="1.5" y="2"'
    assert scaled in tidy(f"{SVG}{scaled}/></svg>")


def test_a_formula_in_a_picture_has_the_letters_and_the_size_of_those_in_the_text() -> None:
    inlined = step("figures.inlined")
    inlined.pictures["f/a-light.svg"] = (
        '<svg xmlns="x" width="1pt" viewBox="0 0 9 9"><clipPath id="p1"/>'
        '<use clip-path="url(#p1)"/>'
        '<tspan font-family="Site math, math" font-size="10" font-style="italic" fill="#00684a">hi'
        '</tspan><tspan font-family="Site math, math">\u0304</tspan></svg>'
    )
    pair = (
        "<img alt='A \"b\"' "
        'height="9" loading="lazy" src="../f/a-light.svg#only-light"'
        ' width="9"/><img src="../f/a-dark.svg#only-dark" alt="A" width="9" height="9">'
    )
    page = SimpleNamespace(url="chapter/")
    first, second = BeautifulSoup(inlined.drawn_in(pair * 2, page), "html.parser").find_all("svg")
    assert first["aria-label"] == 'A "b"'
    assert (first.tspan.text, first.tspan["font-size"]) == ("ℎ𝑖", "11.2")
    assert first.tspan["fill"] == "var(--gate-i)"
    assert first.tspan["class"] == ["formula"]
    assert first.find_all("tspan")[1].text == "¯"
    assert first.use["clip-path"] == f"url(#{first.clippath['id']})"
    assert first.clippath["id"] != second.clippath["id"]


def test_what_a_colour_means_is_the_same_in_figures_and_pages_and_can_be_read_as_text() -> None:
    css = (MACHINERY / "css" / "site.css").read_text("utf-8")
    light, dark = (
        dict(re.findall(r"(--(?:forward|backward|gate-\w)): (#\w{6});", part))
        for part in css.split("@media screen", 2)[:2]
    )
    assert len(light) == len(dark) == 6
    known = step("figures.colours").NAMED
    assert {name: known[colour] for name, colour in light.items()} == {
        name: (f"var({name})", dark[name]) for name in light
    }
    gates = {light[f"--gate-{gate}"] for gate in "ifgo"}
    assert {canvas.FORWARD, canvas.BACKWARD, *canvas.GATES.values()} == {
        light["--forward"],
        light["--backward"],
        *gates,
    }
    for colours, pages in ((light, ["#ffffff", "#f5f6f8"]), (dark, ["#15191e", "#1f242a"])):
        assert all(contrast(one, page) >= 4.5 for one in colours.values() for page in pages)


def contrast(*colours: str) -> float:
    """Return the contrast of two colours, by WCAG."""

    def luminance(colour: str) -> float:
        parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    dark, light = sorted(map(luminance, colours))
    return (light + 0.05) / (dark + 0.05)


def test_the_gates_have_their_colours_in_formulas_and_in_the_code_of_a_step() -> None:
    coloured = step("write.gates").coloured
    page = SimpleNamespace(file=SimpleNamespace(src_uri="chapters/06-gate-the-cell.md"))
    content = (
        "<msub><mi>𝑓</mi><mi>𝑡</mi></msub><pre><code>i, f, g, o = a\ndf = f'f'; print(i.o)\n"
        '<span class="c1"># o</span></code></pre><code>for i in g</code>'
        "<table><td><code>di = dc * g</code></td></table>"
    )
    soup = BeautifulSoup(coloured(content, page), "html.parser")
    assert soup.mi["class"] == ["gate-f"]
    assert [span.text for span in soup.pre.select("[class^=gate]")] == [*"ifgofio"]
    assert [span.text for span in soup.table.select("[class^=gate]")] == ["i", "g"]
    assert soup.text == BeautifulSoup(content, "html.parser").text
    assert len(soup.select("code > span")) == 10
    page.file.src_uri = "chapters/01-carry-a-state.md"
    assert coloured(content, page) == content


def test_no_page_fetches_anything_from_a_third_party(site: Path) -> None:
    fetched = [address for path in site.rglob("*.html") for address in addresses(path)]
    fetched += [
        address
        for path in site.rglob("*.css")
        for address in re.findall(r"url\(['\"]?([^)]*)", path.read_text("utf-8"))
    ]
    assert fetched
    assert [address for address in fetched if re.match(r"(\w+:)?//", address)] == []


def addresses(path: Path) -> Iterator[str]:
    """List what a browser loads with a page."""
    soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
    for tag in soup.select("[src]"):
        yield tag["src"]
    for tag in soup.select("link[href]:not([rel=canonical], [rel=prev], [rel=next])"):
        yield tag["href"]


def test_every_page_has_the_policy_and_nothing_that_it_forbids(site: Path) -> None:
    policies = set()
    for path in site.rglob("*.html"):
        soup = BeautifulSoup(path.read_text("utf-8"), "html.parser")
        first, policy = soup.head.find_all(True)[:2]
        assert first["charset"] == "utf-8"
        assert policy["http-equiv"] == "Content-Security-Policy"
        policies.add(policy["content"])
        inline = [tag.string for tag in soup.select("script:not([src], [type])")]
        hashes = [hashlib.sha256(script.encode()).digest() for script in inline]
        allowed = re.findall(r"'sha256-([^']+)'", policy["content"])
        assert [base64.b64encode(digest).decode() for digest in hashes] == allowed
        assert not soup.select("style, base, [style], [href^='javascript:']")
        assert not [name for tag in soup.find_all(True) for name in tag.attrs if name[:2] == "on"]
    (policy,) = policies
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'self'; script-src 'self' 'sha256-")


def test_a_prime_of_a_figure_is_one_and_no_letter_of_a_font_of_signs() -> None:
    tidy = step("figures.svg").tidy
    base = '<tspan x="{}" y="-0.5" style="font-size: 10px; font-family: \'DejaVu Sans\'">{}</tspan>'
    sign = '<tspan x="{}" y="-4.5" style="font-size: 7px; font-family: \'cmsy10\'">{}</tspan>'
    label = [base.format(1, "f"), base.format(8, "("), sign.format(5, "0"), sign.format(6, "0")]
    spans = BeautifulSoup(tidy(f"<text>{''.join(label)}</text>"), "html.parser").find_all("tspan")
    assert [span.text for span in spans] == ["f", "′", "′", "("]
    assert len({(span["y"], span.get("font-size")) for span in spans}) == 1
    with pytest.raises(PluginError, match="a sign for which fonts have A"):
        tidy(f"<text>{base.format(1, 'f')}{sign.format(5, 'A')}</text>")


def test_the_site_holds_no_code_of_the_machinery_and_tells_the_forge_to_leave_it_alone(
    site: Path,
) -> None:
    assert (site / ".nojekyll").exists()
    assert (site / "machinery" / "fonts" / "latinmodern-math.css").exists()
    assert not list((site / "machinery").rglob("*.py"))


FOLDERS = {path.parent.name for path in MACHINERY.glob("*/__init__.py")}


@pytest.mark.parametrize("folder", sorted(FOLDERS))
def test_a_step_imports_from_its_own_folder_and_from_read_alone(folder: str) -> None:
    assert len(FOLDERS) == 5
    for path in (MACHINERY / folder).rglob("*.py"):
        imported = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text("utf-8"), re.MULTILINE)
        assert FOLDERS & {*imported} <= {folder, "read"}, path


def test_the_environment_sets_the_two_addresses(site: Path) -> None:
    chapter = page(site, "chapter")
    edit = "https://forge.example/bptt/edit/main/docs/chapter.md"
    assert chapter.find("a", rel="edit")["href"] == edit
    assert chapter.find("a", string="repository")["href"] == "https://forge.example/bptt"
    assert chapter.find("link", rel="canonical")["href"] == "https://site.example/chapter/"


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_the_cache_of_figures_follows_the_code_they_import(tmp_path: Path) -> None:
    digest = step("figures.kernel")._digest
    (tmp_path / "module.py").write_text("x = 1")
    before = digest(tmp_path)
    assert digest(tmp_path) == before
    (tmp_path / "module.py").write_text("x = 2")
    assert digest(tmp_path) != before


def test_the_newest_caches_of_figures_stay(tmp_path: Path) -> None:
    for age in range(6):
        folder = tmp_path / str(age)
        folder.mkdir()
        os.utime(folder, (1000 - age, 1000 - age))
    step("figures.kernel")._prune(tmp_path)
    assert sorted(folder.name for folder in tmp_path.iterdir()) == ["0", "1", "2", "3"]


@pytest.mark.parametrize(
    ("prose", "problem"),
    [
        ("Text.[^1]", "a footnote"),
        ("/// figure-captoin\nText.\n///", "a caption"),
        ("%% [markdown]", "a notebook"),
        ("It is $ x$.", "a formula"),
        (r"It is \(x\).", "a formula"),
        ("[half][toy.half]", "a cross-reference"),
        ('<img src="x.svg">', "an image without"),
        ('<img src="x.svg" alt=" ">', "an image without"),
    ],
)
def test_markdown_left_as_text_is_a_mistake(prose: str, problem: str) -> None:
    problems = step("publish.strict").problems
    assert [found[: len(problem)] for found in problems(f"<p>{prose}</p>")] == [problem]
    assert problems(f"<pre><code>{prose.replace('<', '&lt;')}</code></pre>") == []


def test_one_dollar_in_prose_is_not_a_formula() -> None:
    problems = step("publish.strict").problems
    assert problems("<p>It costs 5 $.</p>") == []


@pytest.mark.parametrize(
    ("pictures", "problem"),
    [
        (["svg+xml", "svg+xml"], "two figures under #a"),
        (["png"], "the picture under #a is not an SVG"),
        ([], "no SVG is drawn under #a"),
    ],
)
def test_a_notebook_draws_one_svg_under_each_heading(pictures: list[str], problem: str) -> None:
    images = "".join(f'<img src="data:image/{kind};base64,PHN2Zy8+">' for kind in pictures)
    with pytest.raises(PluginError, match=f"x.py: {problem}"):
        step("figures.drawn").collect(f'<h1 id="top">X</h1><h2 id="a">A</h2>{images}', "x.py")
