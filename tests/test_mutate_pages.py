"""`nox -s mutate_pages` changes a page's code, and counts what its examples notice."""

import ast
import sys

import pytest
from toolbox import tool

mutate = tool("mutate_pages")

COMPUTES = """# A page

```python
def half(x):
    return x / 2


y = half(6) + 1
```
"""
CHECKS = """
??? check "Check"

    ```python
    assert y == 4
    ```
"""
PRINTS = """
```python
print(y)
```

```text title="Output"
4.0
```
"""
TYPES = """
```pycon
>>> y
4.0
```
"""


@pytest.fixture
def survey(tmp_path):
    """Return a function that tries all changes of a page."""

    def run(text, share=1.0, lines=range(1000)):
        path = tmp_path / "page.md"
        path.write_text(text, encoding="utf-8")
        return mutate.Page(path, share, seed=0, jobs=2, lines=lines).survey()

    return run


def unnoticed(results):
    return [result.change for result in results if not result.noticed]


@pytest.mark.parametrize("check", [CHECKS, PRINTS, TYPES])
def test_a_page_with_a_check_notices_every_change(survey, check):
    results = survey(COMPUTES + check)
    assert len(results) >= 5
    assert unnoticed(results) == []


def test_a_page_without_a_check_notices_none(survey):
    results = survey(COMPUTES)
    assert sorted(int(result.place.rpartition(":")[2]) for result in results) == [5, 5, 8, 8, 8]
    assert len(unnoticed(results)) == len(results)
    assert "return x {/ -> *} 2" in unnoticed(results)


RAISES = """
```pycon
>>> raise ValueError("not 4 but 1")
Traceback (most recent call last):
    ...
ValueError: not 4 but 1
```
"""


def test_a_change_in_a_printed_digit_is_noticed(survey):
    for page in (PRINTS, TYPES, RAISES):
        results = survey(COMPUTES + 30 * page)
        outputs = [result for result in results if result.kind == "output"]
        assert outputs
        assert all(result.noticed for result in outputs)


def test_what_is_not_run_is_not_changed(survey):
    text = COMPUTES.replace("```python", '```python title="Not run: it is slow"')
    assert survey(text) == []


def test_a_page_that_fails_is_refused(survey):
    with pytest.raises(RuntimeError, match="nothing is changed"):
        survey(COMPUTES + CHECKS.replace("4", "5"))


def test_a_change_that_never_ends_is_noticed(survey, monkeypatch):
    monkeypatch.setattr(mutate, "LEAST", 1)
    results = survey("```python\nn = 4\nwhile n > 0:\n    n -= 1\n```\n")
    assert "n {- -> +}= 1" not in unnoticed(results)


def test_a_part_of_a_page_is_enough(survey):
    assert {result.place[-2:] for result in survey(COMPUTES, lines=range(5, 6))} == {":5"}
    assert survey(COMPUTES, share=0.0) == []


def kinds(source):
    found = mutate.changes(source, mutate.draws("any"))
    return {source[change.start : change.end]: change.kind for change in found}


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        ("rng = default_rng(7)", "seed"),
        ("seed = 7", "seed"),
        ("for seed in range(7): pass", "seed"),
        ("xs = rng.normal(size=(7, n))", "size"),
        ("xs = rng.standard_normal((7, n))", "size"),
        ("for _ in range(7): pass", "size"),
        ("T = 7", "size"),
        ("assert close(x, y, rtol=7e-9)", "tolerance"),
        ("assert x < 7e-9", "tolerance"),
        ("plt.plot(x, linewidth=7)", "look"),
        ("assert x < 7", "bound"),
        ("assert (x < 7).all()", "bound"),
        ("assert x == 7", "counted"),
        ("right = x < 7", "counted"),
        ("y = 7", "counted"),
        ("y = zeros(n) * 7", "counted"),
        ("xs = rng.normal(7, size=n)", "counted"),
        ("for x in range(7): pass", "counted"),
    ],
)
def test_a_number_that_says_how_large_or_how_exact_is_not_counted(source, kind):
    assert [kind for text, kind in kinds(source).items() if text.startswith("7")] == [kind]


def test_what_changes_nothing_and_what_is_a_bound_is_told_apart():
    assert kinds("x * 1 / 1 + 0 - 0.0").keys() == {"1", "0", "0.0"}
    assert kinds("assert x < y / 2 / 3") == {
        "<": "counted",
        "/": "counted",
        **dict.fromkeys("23", "bound"),
    }
    assert kinds("assert x < 2 / 3 < y") == {"<": "counted", **dict.fromkeys("/23", "bound")}
    assert kinds("assert x.max() < 1e-12 * y") == {"<": "counted", "1e-12": "tolerance"}


@pytest.mark.parametrize("old", ["+", "-", "*", "/", "//", "%", "**", "@", "<", "<=", ">", ">="])
def test_an_operator_becomes_another(old):
    source = f"é = (a) {old} (  # + - *\n    b\n)"
    (change,) = mutate.changes(source, mutate.draws("any"))
    changed = source[: change.start] + change.new + source[change.end :]
    assert change.kind == "counted"
    assert source[change.start : change.end] == old
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(source))


@pytest.mark.parametrize("numeral", ["0", "10", "0.5", "1_000", "1e3", "1e-12", "2j", "0x1f", ".5"])
def test_a_digit_becomes_another(numeral):
    for seed in range(20):
        new = mutate.another(numeral, mutate.draws(f"{seed}"))
        assert len(new) == len(numeral)
        assert ast.literal_eval(new) != ast.literal_eval(numeral)


def test_the_share_is_said(tmp_path, capsys, monkeypatch):
    path = tmp_path / "page.md"
    path.write_text(COMPUTES, encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["mutate_pages.py", str(path)])
    mutate.main()
    said = capsys.readouterr().out
    assert f"{path}: 0 of 5 changes noticed, 0.0%" in said
    assert f"{path}:5: return x {{/ -> *}} 2" in said
