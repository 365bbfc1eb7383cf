"""`nox -s mutate` changes code in copies only, counts what tests notice, and forgets nothing."""

import ast
import contextlib
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cosmic_ray import work_item
from cosmic_ray.work_item import WorkerOutcome, WorkResult
from toolbox import tool

mutate = tool("mutate")

ROOT = Path(__file__).parents[1]
FILE = "src/toy/area.py"
GROUPS = [("tests/test_area.py", "-k", "one"), ("tests/test_area.py", "-k", "two")]
TOY = {
    "pyproject.toml": '[tool.pytest.ini_options]\nfilterwarnings = ["error"]\n',
    "conftest.py": "",
    FILE: "def area(a: int | float, b: int) -> float:\n    return a * b\n",
    "tests/test_area.py": (
        "from toy.area import area\n"
        "def test_one(): assert area(4, 1) == 4\n"
        "def test_two(): assert area(2, 2) == 4\n"
    ),
}


@pytest.fixture
def toy(tmp_path, monkeypatch):
    """A project of one function, as the folder where the tool runs."""
    for name, text in TOY.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def made(monkeypatch):
    """Make no change, but say that it was noticed, and list what was to be made."""
    changes = []

    def outcome(item, *_):
        changes.append(item.mutations[0].operator_name)
        return WorkResult(WorkerOutcome.NORMAL, test_outcome=work_item.TestOutcome.KILLED)

    monkeypatch.setattr(mutate, "outcome", outcome)
    monkeypatch.setattr(mutate, "rehearse", lambda *_: None)
    return changes


@pytest.mark.process
def test_changes_are_counted_and_those_that_nothing_notices_are_shown(toy, capsys):
    """The first test takes `/`, `//` and `**` for `*`; the second only `**`."""
    assert mutate.survey(FILE, GROUPS) == (6, 5)
    assert capsys.readouterr().out == (
        f"{FILE}: 5 of 6 changes noticed, 83.3%\n{FILE}:2:\n-    return a * b\n+    return a ** b\n"
    )
    assert (toy / FILE).read_text(encoding="utf-8") == TOY[FILE]


@pytest.mark.process
@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("def test_one(): assert False", "fail although nothing is changed"),
        ("def test_one(): pass", "pass although it is broken"),
    ],
)
def test_tests_that_could_say_nothing_are_refused(toy, text, why):
    (toy / "tests" / "test_area.py").write_text(text, encoding="utf-8")
    with pytest.raises(RuntimeError, match=f"^{FILE}: tests/test_area.py -k one {why}"):
        mutate.survey(FILE, GROUPS[:1])
    assert (toy / FILE).read_text(encoding="utf-8") == TOY[FILE]


@pytest.mark.process
def test_nothing_is_done_to_simplify_a_failure(toy):
    (toy / "tests" / "test_area.py").write_text(
        "from hypothesis import Phase, settings\n"
        "def test_one(): assert set(settings().phases) == {Phase.explicit, Phase.generate}\n",
        encoding="utf-8",
    )
    assert subprocess.run(mutate.command(toy, GROUPS[0]), check=False).returncode == 0


@pytest.mark.usefixtures("toy")
def test_each_change_is_made_once(made):
    assert mutate.survey(FILE, GROUPS) == (6, 6)
    assert sorted(name.rpartition("_")[2] for name in made) == (
        ["Add", "Div", "FloorDiv", "Mod", "Pow", "Sub"]
    )
    assert mutate.survey(FILE, GROUPS) == (6, 6)
    assert len(made) == 6


@pytest.mark.usefixtures("toy")
def test_a_run_that_was_stopped_goes_on(made, monkeypatch):
    stop = iter([False, False, False, True])
    full = mutate.outcome

    def outcome(*arguments):
        time.sleep(0.05)  # so that there is still something to do when it stops
        if next(stop, False):
            raise KeyboardInterrupt
        return full(*arguments)

    monkeypatch.setattr(mutate.os, "cpu_count", lambda: 1)
    monkeypatch.setattr(mutate, "outcome", outcome)
    with pytest.raises(KeyboardInterrupt):
        mutate.survey(FILE, GROUPS)
    begun = len(made)
    assert mutate.survey(FILE, GROUPS) == (6, 6)
    assert len(made) - begun == 3  # the first three are known


@pytest.mark.parametrize("name", ["tests/test_area.py", FILE, "conftest.py"])
def test_new_code_or_new_tests_are_a_new_run(toy, made, name):
    mutate.survey(FILE, GROUPS)
    with (toy / name).open("a", encoding="utf-8") as file:
        file.write("# other\n")
    mutate.survey(FILE, GROUPS)
    assert len(made) == 12
    assert len(list((toy / mutate.KEPT).iterdir())) == 1


@pytest.mark.usefixtures("toy")
def test_what_could_not_be_made_is_not_counted_as_noticed(monkeypatch):
    broken = WorkResult(
        WorkerOutcome.EXCEPTION, output="no memory", test_outcome=work_item.TestOutcome.INCOMPETENT
    )
    monkeypatch.setattr(mutate, "rehearse", lambda *_: None)
    monkeypatch.setattr(mutate, "mutate_and_test", lambda *_: broken)
    with pytest.raises(RuntimeError, match="could not be made\nno memory"):
        mutate.survey(FILE, GROUPS)


STOPS = [
    ([], 97, contextlib.nullcontext()),
    ([], 96, pytest.raises(SystemExit, match=r"^That is less than 97%\.$")),
    (["src/bptt/gru.py", "src/bptt/optim.py"], 96, contextlib.nullcontext()),
]


@pytest.mark.parametrize(("named", "noticed", "stop"), STOPS)
def test_it_fails_if_of_all_files_too_little_is_noticed(monkeypatch, capsys, named, noticed, stop):
    monkeypatch.setattr(mutate, "TESTS", dict.fromkeys(["src/bptt/gru.py", "src/bptt/optim.py"]))
    halves = iter([mutate.Count(50, 50), mutate.Count(50, noticed - 50)])
    monkeypatch.setattr(mutate, "survey", lambda *_: next(halves))
    monkeypatch.setattr(sys, "argv", ["mutate.py", *named])
    with stop:
        mutate.main()
    assert capsys.readouterr().out == f"Together {noticed} of 100 changes noticed, {noticed}.0%\n"


def test_a_file_without_tests_of_its_own_is_refused(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["mutate.py", "src/bptt/text.py"])
    with pytest.raises(SystemExit):
        mutate.main()
    assert "no tests are named for src/bptt/text.py, but for src/bptt/rnn.py, " in (
        capsys.readouterr().err
    )


@pytest.mark.parametrize("file", mutate.TESTS)
def test_the_tests_that_are_asked_exist(file):
    assert (ROOT / file).is_file()
    for path, *_ in mutate.TESTS[file]:
        assert (ROOT / path.partition("::")[0]).is_file()
    for path in mutate.AS_TORCH:
        name, _, test = path.partition("::")
        assert f"def {test}(" in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("file", mutate.TESTS)
def test_no_change_of_an_operator_that_works_on_bits_is_left_out(file):
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    notes = {
        id(part)
        for node in ast.walk(tree)
        for name in ("annotation", "returns")
        for part in ast.walk(getattr(node, name, None) or ast.Pass())
    }
    bits = (ast.BitAnd, ast.BitOr, ast.BitXor, ast.LShift, ast.RShift)
    assert [
        ast.unparse(node)
        for node in ast.walk(tree)
        if isinstance(node, ast.BinOp) and isinstance(node.op, bits) and id(node) not in notes
    ] == []
