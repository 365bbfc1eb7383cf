"""The pages: every example runs, and every page, docstring and map is complete."""

import ast
import functools
import importlib.util
import re
import shutil
from collections.abc import Iterator
from doctest import DocTestParser
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import NamedTuple

import griffe
import pytest
from machinery import step
from mkdocs.utils.yaml import yaml_load
from toolbox import tool

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
CHAPTERS = sorted(ROOT.glob("docs/chapters/*.md"))
RECORDS = sorted(ROOT.glob("docs/evidence/*.md"))
SOURCES = sorted(ROOT.glob("src/**/*.py"))


def short(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


each_page = pytest.mark.parametrize("page", PAGES, ids=short)
each_chapter = pytest.mark.parametrize("chapter", CHAPTERS, ids=short)
each_record = pytest.mark.parametrize("record", RECORDS, ids=short)
each_source = pytest.mark.parametrize("source", SOURCES, ids=short)


# Every example runs. What follows reads the pages on its own, without Sybil, and then asks Sybil.

FENCE = re.compile(
    r"[\s>]*(?:(?:[-*+]|\d+[.)])\s+)?(?P<ticks>`{3,}|~{3,})\s*\{?\s*\.?(?P<word>[^\s}]*)"
)
PYTHON_WORD = re.compile(r"i?py|doctest", re.IGNORECASE)
PYTHON_LINE = re.compile(
    r"[\s>]*(>>> [^#]|import [\w.]+( as \w+)?$|from [\w.]+ import [\w, *(]+$"
    r"|def \w+\(|class \w+(\(.*\))?:)"
)
SHOWN_AS_TEXT = {"markdown", "md"}  # such a fence shows how to write a page


class Block(NamedTuple):
    """A part of a page: a fence with its word, or what stands between two fences."""

    first: int  # the number of its first line, from 1
    lines: list[str]
    word: str | None


def blocks(text: str) -> Iterator[Block]:
    """Cut a page at its fences, wherever they are indented."""
    block, ticks = Block(1, [], None), ""
    for number, line in enumerate(text.splitlines(), start=1):
        bare = line.strip(" \t>")
        fence = FENCE.match(line)
        if fence and not ticks:
            yield block
            block, ticks = Block(number, [], fence["word"]), fence["ticks"]
        elif ticks and bare.startswith(ticks) and not bare.strip(ticks[0]):
            yield block
            block, ticks = Block(number, [], None), ""
        block.lines.append(line)
    yield block


def unrun(page: Path, run: set[int]) -> list[str]:
    """Return the lines of a page that look like Python and are not run."""
    found = []
    for first, lines, word in blocks(page.read_text(encoding="utf-8")):
        numbered = dict(enumerate(lines, start=first))
        if word in SHOWN_AS_TEXT:
            continue
        if word and PYTHON_WORD.match(word) and run.isdisjoint(numbered):
            found.append(first)
        found += [n for n, line in numbered.items() if PYTHON_LINE.match(line) and n not in run]
    return [f"{page}:{number}" for number in found]


def lines_run(page: Path) -> set[int]:
    """Return the numbers of the lines that the wiring takes for examples."""
    page = wiring().pages.parse(page)
    ends = ((region.start, region.end) for _, region in page.regions)
    spans = ([page.text.count("\n", 0, place) + 1 for place in pair] for pair in ends)
    return {number for first, last in spans for number in range(first, last + 1)}


@functools.cache
def wiring() -> ModuleType:
    """Import the conftest.py of the project: `import conftest` may find that of the tests."""
    spec = importlib.util.spec_from_file_location("wiring", ROOT / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@each_page
def test_every_python_example_of_a_page_is_run(page):
    assert unrun(page, lines_run(page)) == []


@each_page
def test_no_example_hides_in_a_comment(page):
    comments = re.findall(r"<!--.*?-->", page.read_text(encoding="utf-8"), re.DOTALL)
    assert [comment for comment in comments if re.search(r"```|~~~|>>>|\bskip\b", comment)] == []


@pytest.mark.parametrize("file", [*PAGES, *SOURCES], ids=short)
def test_no_example_loosens_its_check(file):
    # A directive such as +SKIP or +ELLIPSIS would let a wrong output pass.
    assert re.findall(r"#\s*doctest:.*", file.read_text(encoding="utf-8")) == []


HEAD = re.compile(r"^ *\|(.*)\| *\n *\|[ :|-]+\| *$", re.MULTILINE)


@pytest.mark.parametrize("file", PAGES, ids=short)
def test_every_column_of_a_table_has_a_name_that_can_be_read_aloud(file):
    assert unnamed(file.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(("name", "count"), [("", 1), ("$n$", 1), ("keys", 0), ("`(`", 0)])
def test_a_column_without_a_name_or_with_a_formula_alone_is_noticed(name, count):
    assert len(unnamed(f"| {name} | sum |\n| --- | --- |\n| 1 | 2 |\n")) == count


def unnamed(text: str) -> list[str]:
    """Return the heads of tables that have a cell without a word or a sign outside a formula."""
    heads = [head[1] for head in HEAD.finditer(text)]
    return [
        head
        for head in heads
        if not all(re.sub(r"\$[^$]*\$", "", cell).strip() for cell in head.split("|"))
    ]


@pytest.mark.parametrize("file", PAGES, ids=short)
def test_a_value_that_an_example_shows_fits_a_line(file):
    # A notebook breaks a longer one in places of its own, and says it is another output.
    text = file.read_text(encoding="utf-8")
    examples = [one for one in DocTestParser().get_examples(text) if not one.exc_msg]
    shown = [one.want for one in examples if is_value(one.source)]
    lines = [line for want in shown for line in want.splitlines()]
    assert [line for line in lines if len(line.strip()) > 79] == []


@pytest.mark.parametrize(
    ("source", "value"), [("x", True), ("print(x)", False), ("x = 1", False), ("f(x)[0]", True)]
)
def test_a_print_is_no_value(source, value):
    assert is_value(source) == value


def is_value(source: str) -> bool:
    """Tell whether an example shows the value of an expression."""
    (statement,) = ast.parse(source).body
    match statement:
        case ast.Expr(value=ast.Call(func=ast.Name(id="print"))):
            return False
    return isinstance(statement, ast.Expr)


@pytest.mark.parametrize(
    "text",
    [
        "```Python\nx = 1\n```\n",
        "```py3\nx = 1\n```\n",
        "~~~ ipython\nx = 1\n~~~\n",
        "```python-repl\n>>> 1\n1\n```\n",
        "```{.Python .annotate}\nx = 1\n```\n",
        "```\n>>> 1\n1\n```\n",
        "```text\nimport numpy as np\n```\n",
        "```console\nfrom bptt import rnn\n```\n",
        "Prose.\n\n    >>> 1\n    1\n",
        "!!! note\n\n        def f(x):\n            return x\n",
        "> ```\n> class A:\n>     pass\n> ```\n",
    ],
)
def test_the_guard_sees_an_example_that_is_not_run(tmp_path, text):
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    assert unrun(page, lines_run(page)) != []


def test_the_guard_lets_other_fences_and_prose_pass(tmp_path):
    page = tmp_path / "page.md"
    page.write_text(
        "import this idea: from here on, def and class are words\n\n"
        "```console\n$ python -m nox\n```\n\n"
        "````markdown\n```py3\nx = 1\n```\n````\n\n"
        "```pycon\n>>> # a comment\n>>> 1\n1\n```\n",
        encoding="utf-8",
    )
    assert unrun(page, lines_run(page)) == []


# The wiring itself, in a folder of its own.


@pytest.fixture
def run_page(pytester):
    """Return a function that tests one page and gives pytest's result."""
    shutil.copy(ROOT / "conftest.py", pytester.path)

    def run(text: str) -> pytest.RunResult:
        pytester.path.joinpath("page.md").write_text(text, encoding="utf-8")
        return pytester.runpytest_inprocess("--tb=short", "-ra", "page.md")

    return run


SPELLINGS = """
```python title="x" hl_lines="1"
seen = [1]
```

``` {.python .annotate}
seen.append(2)  # (1)!
```

~~~ py
seen.append(3)
~~~

- a list

    ```python3
    seen.append(4)

    seen.append(5)
    ```

??? success "Solution"

    === "Tab"

        ``` pycon
        >>> seen
        [1, 2, 3, 4, 5]

        >>> # a comment
        >>> 1 / 3
        0.3333333333333333
        ```

````markdown
```python
raise RuntimeError("shown as text")
```
````

```{.python}
class A: ...
print("printed", A)
```

```text title="Output"
printed <class '__main__.A'>
```
"""


def test_every_spelling_of_a_fence_is_run_in_one_namespace(run_page):
    run_page(SPELLINGS).assert_outcomes(passed=8)


@pytest.mark.parametrize(
    ("right", "wrong", "place"),
    [
        ("0.3333333333333333", "0.3333333333333334", "page.md*line 31,*"),
        ("[1, 2, 3, 4, 5]", "[1, 2, 3, 4, 6]", "page.md*line 27,*"),
        ("printed <class", "print <class", "page.md*line 46,*"),
        ("    seen.append(5)", "    seen.append(1 / 0)", "page.md:19: *"),
        ("seen.append(3)", "seen.append((3)", "*page.md*line 11*"),
    ],
)
def test_a_broken_example_fails_with_its_file_and_line(run_page, right, wrong, place):
    result = run_page(SPELLINGS.replace(right, wrong))
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines([f"*{place}"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("```pycon\nx = 1\n>>> 1\n1\n```\n", "*page.md:1: neither a >>> example nor*'x = 1'*"),
        ("```pycon\nx = 1\n```\n", "*page.md:1: a pycon fence needs a >>> prompt*"),
        ("```pycon\n>>> 1\n1\n\n2.5\n```\n", "*page.md:1: neither a >>> example nor*'2.5'*"),
        ('```text title="Output"\n1\n```\n', "*page.md:1: an Output fence belongs*"),
        ('```python title="Not run"\nx\n```\n', "*page.md:1: the title has to say why*"),
    ],
)
def test_a_fence_that_would_go_unchecked_is_refused(run_page, text, why):
    result = run_page(text)
    assert result.ret == pytest.ExitCode.INTERRUPTED
    result.stdout.fnmatch_lines([why])


def test_a_skipped_example_says_why(run_page):
    result = run_page('```python title="Not run: it needs a cluster"\n1 / 0\n```\n')
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["SKIPPED*it needs a cluster"])


def test_a_docstring_has_only_the_names_that_it_imports(pytester):
    shutil.copy(ROOT / "conftest.py", pytester.path)
    source = pytester.mkdir("src") / "module.py"
    source.write_text(
        'r"""\n>>> import math\n>>> math.floor(2.5)\n2\n"""\n'
        'def f():\n    r"""\n    >>> f()\n    """\n'
        'def g():\n    r"""\n    >>> math\n    """\n'
    )
    result = pytester.runpytest_inprocess("src")
    result.assert_outcomes(passed=2, failed=2)
    result.stdout.fnmatch_lines(["*module.py, line 8,*", "*NameError: name 'f'*"])
    result.stdout.fnmatch_lines(["*module.py, line 12,*", "*NameError: name 'math'*"])


def test_a_page_does_not_change_how_the_next_one_prints(pytester):
    shutil.copy(ROOT / "conftest.py", pytester.path)
    page = "```pycon\n>>> import numpy as np\n>>> np.array([1 / 3])\narray([{}])\n{}```\n"
    change = ">>> np.set_printoptions(precision=3)\n"
    pytester.path.joinpath("a.md").write_text(page.format("0.33333333", change))
    pytester.path.joinpath("b.md").write_text(page.format("0.33333333", ""))
    pytester.runpytest_inprocess().assert_outcomes(passed=5)


@pytest.mark.process
def test_two_workers_share_out_whole_pages_and_have_one_thread_each(pytester, monkeypatch):
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(ROOT / "conftest.py", pytester.path)
    threads = "\n```pycon\n>>> import os\n>>> os.environ['OMP_NUM_THREADS']\n'1'\n```\n"
    wrong = SPELLINGS.replace("0.3333333333333333", "0.3333333333333334")
    for name, text in {"a": SPELLINGS, "b": wrong, "c": SPELLINGS, "d": threads}.items():
        pytester.path.joinpath(f"{name}.md").write_text(text, encoding="utf-8")
    result = pytester.runpytest_subprocess("-n", "2")
    result.assert_outcomes(passed=3 * 8 - 1 + 2, failed=1)
    result.stdout.fnmatch_lines(["*b.md*line 31,*"])


def test_what_is_long_comes_first(pytester):
    shutil.copy(ROOT / "conftest.py", pytester.path)
    pytester.makepyfile(
        "import pytest\n"
        "def test_short(): ...\n"
        "@pytest.mark.site\ndef test_site(): ...\n"
        "def test_other(): ...\n"
        "@pytest.mark.records\ndef test_record(): ...\n"
    )
    result = pytester.runpytest_inprocess("-q", "--collect-only", "-W", "ignore")
    names = [line.rpartition("::")[2] for line in result.outlines if "::" in line]
    assert names == ["test_site", "test_record", "test_short", "test_other"]


def test_the_notebooks_are_shared_out_one_by_one():
    apart = wiring().APART
    assert (ROOT / apart).is_file()
    whole = wiring().Files._split_scope
    assert whole(None, f"{apart}::test_a[b]") == f"{apart}::test_a[b]"
    assert whole(None, "tests/test_docs.py::test_a[b]") == "tests/test_docs.py"


# The reference: every module has its page, every function and class its complete docstring.


@functools.cache
def package() -> griffe.Module:
    contract = griffe.load_extensions(ROOT / "docs" / "machinery" / "read" / "contract.py")
    return griffe.load(
        "bptt", search_paths=[ROOT / "src"], docstring_parser="numpy", extensions=contract
    )


def public(parent: griffe.Module | griffe.Class) -> Iterator[griffe.Object]:
    """Yield the public modules, classes and functions that are defined below an object."""
    for name, member in parent.members.items():
        if not name.startswith("_") and not member.is_alias and not member.is_attribute:
            yield member
            if member.is_module or member.is_class:
                yield from public(member)


def is_protocol(cls: griffe.Class) -> bool:
    """Tell whether a class only names what others have: it has no fields."""
    return any("Protocol" in str(base) for base in cls.bases)


def public_names(kind: griffe.Kind) -> list[str]:
    return [member.path for member in public(package()) if member.kind is kind]


def test_every_module_has_exactly_one_api_page():
    assert sorted(written()) == sorted(public_names(griffe.Kind.MODULE))


@pytest.mark.parametrize("name", public_names(griffe.Kind.MODULE))
def test_an_api_page_links_what_its_module_defines(name):
    """A link to a name that is gone fails the build of the site."""
    linked = re.findall(r"^\[`\w+`\]\[([\w.]+)\]", written()[name], re.MULTILINE)
    module = package()[name.removeprefix("bptt.")]
    assert linked == [f"{name}.{member}" for member in module.members if is_defined(module, member)]


@functools.cache
def written() -> dict[str, str]:
    """Return the pages that the build writes, by the modules that they show."""
    config = SimpleNamespace(config_file_path=str(ROOT / "mkdocs.yml"))
    modules = step("read.library").modules(config)
    phrases = {module.name: module.phrase for module in modules}
    pages = [step("write.api").page(module, phrases) for module in modules]
    return {name: page for page in pages for name in re.findall(r"^::: (.*)$", page, re.MULTILINE)}


def is_defined(module: griffe.Module, name: str) -> bool:
    member = module.members[name]
    here = not member.is_alias and (member.is_function or member.is_class)
    return here and not name.startswith("_")


@pytest.mark.parametrize("name", public_names(griffe.Kind.FUNCTION))
def test_the_docstring_of_a_function_names_its_parameters(name):
    function = package()[name.removeprefix("bptt.")]
    names = [parameter.name for parameter in function.parameters]
    assert documented(function) == [name for name in names if name not in {"self", "cls"}]


def is_open(cls: griffe.Class) -> bool:
    """Tell whether users read its fields: a tape is opaque, and a protocol holds nothing."""
    return cls.name != "Tape" and not is_protocol(cls)


@pytest.mark.parametrize("name", public_names(griffe.Kind.CLASS))
def test_the_docstring_of_a_class_names_its_fields(name):
    cls = package()[name.removeprefix("bptt.")]
    fields = [
        name
        for name, member in cls.members.items()
        if member.is_attribute and member.annotation and not name.startswith("_")
    ]
    assert documented(cls) == (fields if is_open(cls) else [])


def documented(member: griffe.Object) -> list[str]:
    """Return the names in the sections of parameters and of attributes."""
    assert member.docstring, f"{member.path} has no docstring"
    sections = [s for s in member.docstring.parsed if s.kind.value in {"parameters", "attributes"}]
    return [entry.name.lstrip("*") for section in sections for entry in section.value]


@each_source
def test_a_docstring_with_a_backslash_is_raw(source):
    text = source.read_text(encoding="utf-8")
    written = [ast.get_source_segment(text, node) for node in docstrings(ast.parse(text))]
    assert [part for part in written if "\\" in part and part[0] != "r"] == []


def docstrings(tree: ast.Module) -> Iterator[ast.Constant]:
    """Yield every string that stands as a statement: a docstring, of an attribute too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value


# The chapters: reachable in order, and each with its parts.

PAPER = re.compile(r"https://(doi\.org/10\.\d{4,}/|arxiv\.org/abs/\d{4}\.)")


def test_the_navigation_lists_every_chapter_in_order():
    with (ROOT / "mkdocs.yml").open(encoding="utf-8") as file:
        nav = str(yaml_load(file)["nav"])
    assert re.findall(r"chapters/[\w-]+\.md", nav) == [f"chapters/{c.name}" for c in CHAPTERS]
    assert re.findall(r"evidence/[\w-]+\.md", nav) == [f"evidence/{c.name}" for c in CHAPTERS]


def test_the_navigation_lists_no_page_twice():
    with (ROOT / "mkdocs.yml").open(encoding="utf-8") as file:
        pages = re.findall(r"[\w/-]+\.(?:md|py)", str(yaml_load(file)["nav"]))
    assert len(pages) == len(set(pages)) > len(CHAPTERS)


def test_the_readme_lists_every_chapter_in_order():
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    named = dict.fromkeys(re.findall(r"docs/chapters/[\w-]+\.md", readme))
    assert list(named) == [short(chapter) for chapter in CHAPTERS]


@each_chapter
@pytest.mark.parametrize(
    ("title", "content"),
    [
        ("Exercises", re.compile(r"^\?\?\? success ", re.MULTILINE)),  # a folded solution
        ("Before you go on", re.compile(r"^- ", re.MULTILINE)),
    ],
    ids=["exercises", "go-on"],
)
def test_a_lesson_has_its_parts(chapter, title, content):
    assert content.search(section(chapter, title))


OPENING = re.compile(
    r"\A---\n.*?^figure: (?P<figure>[\w-]+)\n.*?^---\n\s*# [^\n]+\n\n"
    r'!!! abstract "Claim"\n(?:    [^\n]+\n)+\n'
    r"(?:(?![#`!])[^\n]*\n)*"  # a few words, which `nox -s prose` counts
    r"!\[[^\n]+\]\(\.\./figures/\w+\.py#(?P=figure)\)\n/// figure-caption\n",
    re.MULTILINE | re.DOTALL,
)


@each_chapter
def test_a_lesson_opens_with_its_claim_and_the_picture_that_stands_for_it(chapter):
    assert OPENING.match(chapter.read_text(encoding="utf-8"))


@each_record
def test_a_record_names_the_papers_that_it_rests_on(record):
    assert PAPER.search(section(record, "Further reading"))


def section(page: Path, title: str) -> str:
    """Return the text below a second-level heading."""
    parts = re.split(r"^## (.*?)(?: \{#[\w-]+\})?$", page.read_text("utf-8"), flags=re.MULTILINE)
    sections = dict(zip(parts[1::2], parts[2::2], strict=True))
    assert title in sections
    return sections[title]


# The page on the notebook: each of its sections has a place, and the place exists.

NOTEBOOK = ROOT / "docs" / "notebook.md"


def test_the_page_on_the_notebook_names_each_of_its_sections_once():
    rows = re.findall(r"^\| (\d+|Summary)\b", NOTEBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [*map(str, range(1, 16)), "Summary"]


def test_the_page_on_the_notebook_links_headings_that_exist():
    text = NOTEBOOK.read_text(encoding="utf-8")
    linked = re.findall(r"\]\(((?:chapters|evidence)/[\w-]+\.md)#([\w:-]+)\)", text)
    assert len(linked) == text.count("](") > 15  # every link is to a heading
    assert [(name, anchor) for name, anchor in linked if anchor not in anchors(name)] == []


def anchors(name: str) -> set[str]:
    """Return the ids that the site gives to the headings of a page."""
    return {section.id for section in tool("prose").Page.read(ROOT / "docs" / name).sections}


def test_a_heading_may_name_its_anchor(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("# A `b`\n\n```python\n# c\n```\n\n## New title {#old-id}\n", "utf-8")
    assert anchors(page) == {"a-b", "old-id"}


# The home page: the text that a visitor sees first is what the check below it prints.


def test_the_home_page_shows_what_the_network_wrote():
    text = (ROOT / "docs" / "index.md").read_text(encoding="utf-8")
    (quoted,) = re.findall(r"(?:^>(?: .*)?\n)+", text, re.MULTILINE)
    output = re.compile(r'^    ```text title="Output"\n(.*?)^    ```', re.DOTALL | re.MULTILINE)
    (written,) = output.findall(text)
    shown = [line.removeprefix(">").removesuffix("<br>").strip() for line in quoted.splitlines()]
    assert shown == [line.strip() for line in written.splitlines()]
