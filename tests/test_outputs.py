"""`nox -s outputs` writes what examples print, and touches nothing else."""

import shutil
import sys
from pathlib import Path

import pytest
from toolbox import tool

outputs = tool("outputs")

ROOT = Path(__file__).parents[1]


@pytest.fixture
def renew(tmp_path):
    """Return a function that renews one page and gives its new text."""

    def run(text, name="page.md"):
        page = tmp_path / name
        page.write_text(text, encoding="utf-8")
        try:
            outputs.renew(page)
        except pytest.skip.Exception as skipped:  # it would skip this test
            raise AssertionError("a fence that is not run stopped the page") from skipped
        assert [path.name for path in tmp_path.iterdir()] == [name]
        return page.read_text(encoding="utf-8")

    return run


RAISED = ("Traceback (most recent call last):", "    ...")


def console(*lines):
    return "\n".join(["```pycon", *lines, "```", ""])


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([">>> 1 / 3", "0.3334"], [">>> 1 / 3", "0.3333333333333333"]),
        ([">>> 'none'"], [">>> 'none'", "'none'"]),
        ([">>> x = 1", "1", ">>> x", "1"], [">>> x = 1", ">>> x", "1"]),
        ([">>> print('a\\nb')", "a"], [">>> print('a\\nb')", "a", "b"]),
        ([">>> 1", "2", "3", ">>> 4", ">>> 5", "6"], [">>> 1", "1", ">>> 4", "4", ">>> 5", "5"]),
        ([">>> print('a')", "a", "b"], [">>> print('a')", "a"]),
        (
            [">>> print('\\na\\n\\nb')"],
            [">>> print('\\na\\n\\nb')", "<BLANKLINE>", "a", "<BLANKLINE>", "b"],
        ),
        ([">>> print('a  ')"], [">>> print('a  ')", "a"]),
        (
            [">>> for i in 4, 5:", "...     i", "...", "4"],
            [">>> for i in 4, 5:", "...     i", "...", "4", "5"],
        ),
        (
            [">>> 1 / 0", *RAISED, "ValueError: no"],
            [">>> 1 / 0", *RAISED, "ZeroDivisionError: division by zero"],
        ),
        (
            [">>> exec('try: 1 / 0\\nfinally: [][0]')", *RAISED, "ValueError: no"],
            [
                ">>> exec('try: 1 / 0\\nfinally: [][0]')",
                *RAISED,
                "IndexError: list index out of range",
            ],
        ),
        (
            [">>> 1", *RAISED, "ValueError: no"],
            [">>> 1", "1"],
        ),
    ],
)
def test_a_console_shows_what_is_printed(renew, before, after):
    assert renew(f"Above.\n\n{console(*before)}\nBelow.\n") == (
        f"Above.\n\n{console(*after)}\nBelow.\n"
    )
    assert renew(console(*after)) == console(*after)


PRINTS = '```python\nprint("a\\n  b \\n")\n```\n\n```text title="Output"\n{}```\n'


@pytest.mark.parametrize("old", ["", "a\n", "a\n  c\n", "a\n  b\nc\n\nd\n"])
def test_an_output_fence_shows_what_is_printed(renew, old):
    assert renew(PRINTS.format(old)) == PRINTS.format("a\n  b\n")


def test_an_output_fence_is_empty_if_nothing_is_printed(renew):
    page = '```python\nx = 1\n```\n\n```text title="Output"\n{}```\n'
    assert renew(page.format("1\n")) == page.format("")


INDENTED = """
- a list

    ```pycon
    >>> [1,
    ...  2]
    [1, {0}]
    ```

??? success "Solution"

    === "Tab"

        ``` {{.python .annotate}}
        print("a\\n\\n{1}")
        ```

        ``` {{.text title="Output"}}
        a

        {0}
        ```

> ```pycon
> >>> 2
> {0}
> ```
"""


def test_an_output_is_indented_like_its_fence(renew):
    assert renew(INDENTED.format(3, 2)) == INDENTED.format(2, 2)


def test_each_page_starts_a_session_of_its_own(renew):
    first = [">>> import numpy as np", ">>> np.set_printoptions(precision=2)", ">>> __name__"]
    assert renew(console(*first)) == console(*first, "'__main__'")
    second = [">>> import numpy as np", ">>> first = np.array([1 / 3])", ">>> first"]
    assert renew(console(*second)) == console(*second, "array([0.33333333])")


KEPT = """
```pycon
>>> import numpy as np
>>> np.eye(2)
array([[1., 0.],
       [0., 1.]])
```

```python title="Not run: it needs a cluster"
1 / 0
```

```pycon title="Not run: it needs a cluster"
>>> 1 / 0
1
```

```text
1 / 0
```

```python
x = 1
```

```pycon
>>> x + 1
{}
```
"""


def test_only_what_the_tests_refuse_is_rewritten(renew):
    assert renew(KEPT.format(3)) == KEPT.format(2)


def test_white_space_counts_as_it_does_in_a_notebook(renew):
    lines = [">>> print('a   b')"]
    assert renew(console(*lines, "a b")) == console(*lines, "a   b")


def test_the_docstrings_of_a_module_are_renewed(renew):
    source = 'def f():\n    r"""Do.\n\n    >>> import math\n    >>> math.e\n    {}\n    """\n'
    assert renew(source.format(2.7), "module.py") == source.format(2.718281828459045)


@pytest.mark.parametrize("name", ["README.md", "docs/index.md", "src/bptt/shapes.py"])
def test_a_page_of_this_project_stays_as_it_is(tmp_path, name):
    page = Path(shutil.copy(ROOT / name, tmp_path))
    before = page.stat()
    assert outputs.renew(page) == 0
    assert page.read_bytes() == (ROOT / name).read_bytes()
    assert page.stat().st_ino == before.st_ino, "it was written, with nothing to write"


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (console(">>> 1", "2", ">>> 1 / 0", "2"), "page.md:4: raised ZeroDivisionError: division"),
        ("Text.\n\n```python\nx = 1\nx.y\n```\n", "page.md:3: raised AttributeError: 'int' object"),
        ("```python\nx = (\n```\n", "page.md:1: raised SyntaxError: "),
        (console("x = 1"), "page.md:1: a pycon fence needs a >>> prompt"),
        (console(">>> print('>>> 1')"), "page.md: an output looks like an example"),
    ],
)
def test_a_page_that_cannot_be_renewed_says_why_and_stays(renew, tmp_path, text, place):
    with pytest.raises(ValueError, match="^.*" + place.replace(".", r"\.")):
        renew(text)
    assert [path.read_text(encoding="utf-8") for path in tmp_path.iterdir()] == [text]


def test_line_ends_stay(tmp_path):
    page = tmp_path / "page.md"
    page.write_bytes(console(">>> 1", "2").replace("\n", "\r\n").encode())
    outputs.renew(page)
    assert page.read_bytes() == console(">>> 1", "1").replace("\n", "\r\n").encode()


def test_what_changed_is_named(tmp_path, monkeypatch, capsys):
    pages = [tmp_path / name for name in ("a.md", "b.md", "c.md")]
    for page, number in zip(pages, "121", strict=True):
        page.write_text(console(">>> 1", number), encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["outputs.py", *map(str, pages)])
    outputs.main()
    assert capsys.readouterr().out == f"{pages[1]}: 1 changed\n"


def test_a_page_that_is_not_there_is_named(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["outputs.py", str(tmp_path / "gone.md")])
    with pytest.raises(SystemExit):
        outputs.main()
    assert "gone.md" in capsys.readouterr().err.splitlines()[-1]
