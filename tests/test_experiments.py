"""Experiments: the stored results are whole and fresh, and the machinery that makes them holds."""

import dataclasses
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from bptt import experiments
from bptt.experiments import __main__ as command
from bptt.experiments import latch, runner
from bptt.experiments.registry import NAMES, find
from bptt.records import results
from bptt.records.results import Result, Run, load

HERE = Path(__file__).parent
each_experiment = pytest.mark.parametrize("name", NAMES)


def plain(value):
    """Return what is left of a value in JSON."""
    return json.loads(json.dumps(value, allow_nan=False))


# Every experiment of the package.


@pytest.mark.records
@each_experiment
def test_a_stored_result_is_fresh(name):
    assert not runner.is_stale(name), f"Stale: run nox -s experiments -- {name} --recheck"


@each_experiment
def test_a_stored_result_was_made_with_the_full_settings(name):
    assert load(name).settings == plain(dataclasses.asdict(find(name).FULL))


@each_experiment
def test_a_stored_result_holds_every_run_once(name):
    experiment, result = find(name), load(name)
    assert experiment.cases(experiment.FULL, list(result.runs)) == [run.case for run in result.runs]


@each_experiment
def test_a_stored_result_is_plain_json_with_finite_numbers(name):
    def refuse(word):
        raise AssertionError(f"{name}.json holds {word}")

    text = results.path(name).read_text(encoding="utf-8")
    content = json.loads(text, parse_constant=refuse)
    assert list(content) == ["provenance", "settings", "runs"]
    wanted = {"digest", "date", "python", "numpy", "machine", "cpu_seconds"}
    assert set(content["provenance"]) - {"rechecked"} == wanted
    spent = sum(run["seconds"] for run in content["runs"])
    assert content["provenance"]["cpu_seconds"] == pytest.approx(spent, abs=0.1)


@pytest.mark.parametrize("name", NAMES)
def test_settings_and_cases_survive_json(name):
    """A tuple in a case would not be found again among the runs of an interrupted measurement."""
    experiment = find(name)
    for settings in (experiment.FULL, experiment.REDUCED):
        cases = experiment.cases(settings, [])
        assert cases
        assert plain(cases) == cases
        assert len({json.dumps(case, sort_keys=True) for case in cases}) == len(cases)
        assert all("seed" in case for case in cases)
        assert len(set(settings.seeds)) == len(settings.seeds) > 0


def test_every_result_belongs_to_an_experiment():
    # The benchmark's is tested in test_bench.py, those of the language model in test_ship.py.
    others = {"bench", "sharing", "shakespeare", "shakespeare_trials"}
    assert {file.stem for file in results.FOLDER.glob("*.json")} <= {*NAMES, *others}


@each_experiment
def test_a_reduced_version_of_it_is_tested(name):
    tests = (file.read_text(encoding="utf-8") for file in HERE.glob("test_experiment*.py"))
    assert any(f"{name}.REDUCED" in text for text in tests)


# The machinery, on an experiment that takes no time.

TOY = """
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
INFINITY = float("inf")


@dataclass(frozen=True)
class Settings:
    lengths: tuple = (3, 5)
    rates: tuple = (0.1, 0.2)
    seeds: tuple = (0, 1)


FULL = Settings()
REDUCED = Settings(lengths=(3,), seeds=(7,))


def cases(settings, runs):
    tuning = [{"T": T, "rate": r, "seed": 9} for T in settings.lengths for r in settings.rates]
    scores = {(run.case["T"], run.case["rate"]): run.score["loss"] for run in runs}
    if len(scores) < len(tuning):
        return tuning
    best = {T: min(settings.rates, key=lambda r: scores[T, r]) for T in settings.lengths}
    test = [{"T": T, "rate": best[T], "seed": s} for T in settings.lengths for s in settings.seeds]
    return tuning + test


def score(case):
    with (HERE / "log").open("a") as log:
        print(case["T"], case["rate"], case["seed"], file=log)
    if (HERE / f"break at {case['seed']}").exists():
        raise ValueError("the power went out")
    return {"loss": case["T"] - case["rate"] + case["seed"] / 100, "many": [1, None]}
"""

TUNING = ["5 0.1 9", "5 0.2 9", "3 0.1 9", "3 0.2 9"]  # the long ones first
TEST = ["5 0.2 0", "5 0.2 1", "3 0.2 0", "3 0.2 1"]


class Toy:
    """The experiment above, in a folder of its own; its cases run here, one after the other."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.patch = folder, monkeypatch
        folder.joinpath("toy.py").write_text(TOY, encoding="utf-8")
        monkeypatch.syspath_prepend(folder)
        monkeypatch.delitem(sys.modules, "toy", raising=False)
        self.module = importlib.import_module("toy")
        monkeypatch.setattr(results, "FOLDER", folder / "results")
        monkeypatch.setattr(runner, "find", lambda _: self.module)
        self.code("first")

    def code(self, stamp):
        """Pretend that the code of the experiment is another one."""
        self.patch.setattr(runner, "digest", lambda _: stamp)

    def change(self, **names):
        """Change what the experiment's module defines."""
        for name, value in names.items():
            self.patch.setattr(self.module, name, value)

    def log(self):
        """Return the cases that were run since the last call."""
        file = self.folder / "log"
        lines = file.read_text().splitlines() if file.exists() else []
        file.unlink(missing_ok=True)
        return lines

    @property
    def notes(self):
        return self.folder / "results" / "toy.partial"

    @property
    def file(self):
        return self.folder / "results" / "toy.json"


@pytest.fixture
def toy(tmp_path, monkeypatch):
    return Toy(tmp_path, monkeypatch)


def test_an_experiment_is_measured_in_full_and_saved(toy):
    result = runner.measure("toy", 1)
    assert toy.log() == TUNING + TEST
    assert load("toy") == result
    assert [run.case for run in result.runs] == toy.module.cases(toy.module.FULL, result.runs)
    assert result.scores("loss", T=3, seed=1) == pytest.approx([2.81])
    assert result.scores("loss", rate=0.2, seed=0).tolist() == [2.8, 4.8]
    assert result.scores("many", T=5, seed=0).tolist() == [[1, None]]
    assert result.settings == {"lengths": [3, 5], "rates": [0.1, 0.2], "seeds": [0, 1]}
    assert result.provenance["digest"] == "first"
    assert result.provenance["numpy"] == np.__version__
    assert all(0 <= run.seconds < 0.3 for run in result.runs)
    assert result.provenance["cpu_seconds"] == round(sum(run.seconds for run in result.runs), 1)
    assert [file.name for file in toy.file.parent.iterdir()] == ["toy.json"]


def test_the_reduced_version_runs_here_and_keeps_nothing(toy):
    runs = runner.run(toy.module, toy.module.REDUCED)
    assert toy.log() == ["3 0.1 9", "3 0.2 9", "3 0.2 7"]
    assert [run.score["loss"] for run in runs] == pytest.approx([2.99, 2.89, 2.87])
    assert not toy.file.parent.exists()


@pytest.fixture
def elsewhere(toy):
    """Return a function that measures the toy anew where other processes find it."""
    expected = runner.measure("toy", 1)
    toy.log()
    toy.patch.setenv("PYTHONPATH", str(toy.folder), prepend=os.pathsep)

    def measured(*way):
        toy.file.unlink()
        found = runner.measure("toy", *way)
        assert [run._replace(seconds=0) for run in found.runs] == [
            run._replace(seconds=0) for run in expected.runs
        ]
        assert sorted(toy.log()) == sorted(TUNING + TEST)
        assert [file.name for file in toy.file.parent.iterdir()] == ["toy.json"]

    return measured


@pytest.mark.process
def test_other_processes_find_the_experiment_and_measure_the_same(elsewhere):
    elsewhere(2)


@pytest.mark.process
def test_tasks_of_an_array_measure_the_same(elsewhere):
    pytest.importorskip("submitit")
    elsewhere(2, "local")


@pytest.mark.process
def test_tasks_of_an_array_keep_what_they_have_done_if_one_of_them_fails(elsewhere, toy):
    submitit = pytest.importorskip("submitit")
    toy.folder.joinpath("break at 1").touch()
    with pytest.raises(submitit.core.utils.FailedJobError, match="experiments: toy failed at"):
        elsewhere(2, "local")
    assert not toy.file.exists()
    toy.folder.joinpath("break at 1").unlink()
    toy.log()
    runner.measure("toy", 1)
    assert toy.log() == [case for case in TEST if case.endswith(" 1")]


def test_an_array_takes_so_many_tasks_at_once(toy, monkeypatch):
    submitit, asked = pytest.importorskip("submitit"), {}

    class Executor:
        def __init__(self, folder, cluster):
            asked.update(folder=folder, cluster=cluster)

        def update_parameters(self, **parameters):
            asked.update(parameters)

        def map_array(self, work, cases):
            runs = [work(case) for case in cases]
            return [SimpleNamespace(wait=bool, result=lambda run=run: run) for run in runs]

    monkeypatch.setattr(submitit, "AutoExecutor", Executor)
    runner.measure("toy", 7, "slurm")
    assert asked == {
        "folder": toy.notes / "tasks",
        "cluster": "slurm",
        "timeout_min": 24 * 60,
        "slurm_array_parallelism": 7,
    }
    assert toy.log() == TUNING + TEST


def test_an_interrupted_measurement_goes_on_where_it_was(toy):
    toy.folder.joinpath("break at 1").touch()
    why = r"^experiments: toy failed at \{'T': 5, .* 'seed': 1\}$"
    with pytest.raises(RuntimeError, match=why):
        runner.measure("toy", 1)
    assert not toy.file.exists()
    assert toy.log() == TUNING + TEST[:2]  # and none after the failure
    assert len([*toy.notes.glob("*.json")]) == 5

    toy.folder.joinpath("break at 1").unlink()
    whole = runner.measure("toy", 1)
    assert toy.log() == TEST[1:]
    assert len(whole.runs) == 8
    assert not toy.notes.exists()


def test_runs_of_other_code_are_measured_again(toy):
    toy.folder.joinpath("break at 0").touch()
    with pytest.raises(RuntimeError, match="failed"):
        runner.measure("toy", 1)
    toy.log()
    toy.folder.joinpath("break at 0").unlink()
    toy.code("second")
    assert runner.measure("toy", 1).provenance["digest"] == "second"
    assert toy.log() == TUNING + TEST


def test_a_score_that_is_not_finite_fails_with_its_case(toy):
    toy.change(score=lambda case: {"loss": toy.module.INFINITY * case["T"]})
    with pytest.raises(RuntimeError, match=r"^experiments: toy failed at \{'T': 5, 'rate': 0.1"):
        runner.measure("toy", 1)
    assert not toy.file.exists()


def test_a_result_is_stale_without_a_file_and_after_a_change_of_the_code(toy):
    assert runner.is_stale("toy")
    runner.measure("toy", 1)
    assert not runner.is_stale("toy")
    toy.code("second")
    assert runner.is_stale("toy")


def test_a_result_is_stale_after_a_change_of_what_it_is_asked(toy):
    """Settings may hold more than the code says, such as the hash of a file."""
    runner.measure("toy", 1)
    toy.change(FULL=toy.module.Settings(seeds=(0, 2)))
    assert runner.is_stale("toy")


def test_recheck_runs_the_first_seed_and_restamps(toy):
    before = runner.measure("toy", 1)
    toy.log()
    toy.code("second")
    after = runner.recheck("toy", 1)
    assert sorted(toy.log()) == ["3 0.2 0", "5 0.2 0"]
    assert after == load("toy")
    today = before.provenance["date"]
    assert after.provenance == {**before.provenance, "digest": "second", "rechecked": today}
    assert after._replace(provenance={}) == before._replace(provenance={})
    assert not runner.is_stale("toy")


def test_the_order_of_the_settings_in_a_case_does_not_matter(toy):
    runner.measure("toy", 1)
    toy.log()
    cases = toy.module.cases
    toy.change(
        cases=lambda settings, runs: [
            dict(reversed(case.items())) for case in cases(settings, runs)
        ]
    )
    runner.recheck("toy", 1)
    assert sorted(toy.log()) == ["3 0.2 0", "5 0.2 0"]


def test_what_a_case_writes_to_the_console_is_not_shown(toy, capsys):
    toy.change(score=lambda _: sys.stderr.write("a bar of its own") and {"loss": 1.0})
    runner.run(toy.module, toy.module.REDUCED)
    assert capsys.readouterr().err == ""


def refused(toy, why):
    """Insist that a recheck of other code is refused and leaves the file as it was."""
    toy.code("second")
    before = toy.file.read_bytes()
    with pytest.raises(ValueError, match=why):
        runner.recheck("toy", 1)
    assert toy.file.read_bytes() == before
    assert runner.is_stale("toy")


def test_recheck_refuses_scores_that_differ_in_the_last_digit(toy):
    runner.measure("toy", 1)
    score = toy.module.score
    toy.change(score=lambda case: {**score(case), "loss": score(case)["loss"] + 1e-15})
    refused(toy, r"^experiments: \{.*'seed': 0\} gave \{'loss': .*; measure toy anew$")


def test_recheck_keeps_the_seconds_of_the_first_run_and_compares_the_rest(toy):
    score = toy.module.score
    toy.change(score=lambda case: {**score(case), "seconds": [1.5]})
    before = runner.measure("toy", 1)
    toy.code("second")
    toy.change(score=lambda case: {**score(case), "seconds": [2.5]})
    assert runner.recheck("toy", 1).runs == before.runs
    toy.change(score=lambda case: {**score(case), "many": [1], "seconds": [1.5]})
    toy.code("third")
    with pytest.raises(ValueError, match=r"measure toy anew$"):
        runner.recheck("toy", 1)


def test_of_a_long_case_recheck_repeats_the_beginning(toy):
    def score(case):
        return {"loss": case["rate"], "curve": [10 * n for n in range(case.get("until", 4))]}

    toy.change(score=score)
    runner.measure("toy", 1)
    toy.code("second")
    toy.change(score=lambda case: score({**case, "until": 2}))
    with pytest.raises(ValueError, match=r"measure toy anew$"):  # a part is not the whole
        runner.recheck("toy", 1)
    ran = []
    toy.change(score=lambda case: ran.append(case) or score(case))
    toy.module.beginning = lambda case: {**case, "until": 2}
    runner.recheck("toy", 1)
    assert [case["until"] for case in ran] == [2]
    assert not runner.is_stale("toy")
    toy.code("third")
    toy.change(score=lambda case: {"loss": case["rate"], "curve": [0, 11][: case["until"]]})
    with pytest.raises(ValueError, match=r"measure toy anew$"):
        runner.recheck("toy", 1)


def test_recheck_refuses_other_settings(toy):
    runner.measure("toy", 1)
    toy.change(FULL=toy.module.Settings(rates=(0.2, 0.1)))
    refused(toy, r"^experiments: the settings of toy have changed; measure toy anew$")
    assert toy.log() == TUNING + TEST


def test_recheck_refuses_other_cases(toy):
    runner.measure("toy", 1)
    cases = toy.module.cases
    toy.change(cases=lambda settings, runs: cases(settings, runs)[:-1])
    refused(toy, r"^experiments: the cases of toy have changed; measure toy anew$")


def test_recheck_refuses_to_stamp_what_it_did_not_run(toy):
    toy.change(FULL=toy.module.Settings(seeds=(0, 1)))
    cases = toy.module.cases
    toy.change(cases=lambda settings, runs: cases(settings, runs)[:4])  # the tuning alone
    runner.measure("toy", 1)
    refused(toy, r"^experiments: no case of toy has its first seed; measure toy anew$")


@pytest.mark.usefixtures("toy")
def test_recheck_needs_a_result():
    with pytest.raises(ValueError, match=r"^experiments\.load: there is no result 'toy'"):
        runner.recheck("toy", 1)


# The command.


def test_every_module_with_cases_is_an_experiment_and_every_experiment_has_what_it_needs():
    files = sorted(Path(experiments.__file__).parent.glob("*.py"))
    modules = [importlib.import_module(f"bptt.experiments.{file.stem}") for file in files]
    parts = ("FULL", "REDUCED", "cases", "score")
    having = [module for module in modules if any(part in vars(module) for part in parts)]
    known = sorted(NAMES)
    assert [module.__name__ for module in having] == [f"bptt.experiments.{name}" for name in known]
    assert all(part in vars(module) for module in having for part in parts)
    assert find("latch") is latch


def test_an_unknown_experiment_is_refused_with_the_names_that_there_are():
    known = ", ".join(NAMES)
    why = rf"^experiments: there is no experiment 'lach'; there are: {known}$"
    with pytest.raises(ValueError, match=why):
        find("lach")


RESULT = Result({"seeds": [0]}, (Run({"seed": 0}, {"loss": 0.5}, 0.1),), {"digest": "0"})


@pytest.fixture
def run_command(monkeypatch, capsys):
    """Return a function that runs the command and gives what it did and printed."""
    calls = []
    for name in ("measure", "recheck"):
        monkeypatch.setattr(
            runner,
            name,
            lambda *arguments, name=name: (
                calls.append((name, *arguments)) or RESULT._replace(provenance={"cpu_seconds": 1.5})
            ),
        )

    def run(*arguments):
        calls.clear()
        monkeypatch.setattr(sys, "argv", ["experiments", *arguments])
        command.main()
        return list(calls), capsys.readouterr().out

    return run


def test_the_command_measures_what_is_named(run_command):
    calls, printed = run_command("latch", "--jobs", "3")
    assert calls == [("measure", "latch", 3, None)]
    assert printed == "latch: 1 runs, 1.5 s of CPU\n"


def test_the_command_rechecks_on_request(run_command):
    calls, _ = run_command("latch", "--recheck", "--jobs", "1")
    assert calls == [("recheck", "latch", 1)]


def test_the_command_takes_a_cluster_to_measure_and_not_to_recheck(run_command, capsys):
    calls, _ = run_command("latch", "--cluster", "slurm", "--jobs", "100")
    assert calls == [("measure", "latch", 100, "slurm")]
    with pytest.raises(SystemExit, match="2"):
        run_command("latch", "--cluster", "slurm", "--recheck")
    assert "not allowed with" in capsys.readouterr().err


@pytest.mark.parametrize("library", ["joblib", "submitit"])
@pytest.mark.usefixtures("toy")
def test_the_command_says_which_library_is_missing(library, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, library, None)
    monkeypatch.setattr(command, "find", lambda _: None)
    monkeypatch.setattr(sys, "argv", ["experiments", "toy"])
    if library == "submitit":
        monkeypatch.setattr(sys, "argv", ["experiments", "toy", "--cluster", "local"])
    with pytest.raises(SystemExit, match="2"):
        command.main()
    why = f'error: {library} is missing: python -m pip install "bptt[cluster,experiments]"\n'
    assert capsys.readouterr().err.endswith(why)


def test_the_command_without_a_name_takes_what_is_stale(run_command, monkeypatch):
    monkeypatch.setattr(runner, "is_stale", lambda name: name == "latch")
    assert [call[1] for call in run_command()[0]] == ["latch"]
    monkeypatch.setattr(runner, "is_stale", lambda _: False)
    assert run_command() == ([], "")


def test_the_command_refuses_an_unknown_name_before_it_measures_anything(run_command, capsys):
    with pytest.raises(SystemExit) as stopped:
        run_command("latch", "lach")
    assert stopped.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "error: experiments: there is no experiment 'lach'; there are: " in printed.err


@pytest.mark.process
def test_the_module_is_the_command():
    ask = [sys.executable, "-m", "bptt.experiments", "lach"]
    refused = subprocess.run(ask, capture_output=True, text=True, check=False)
    assert refused.returncode == 2
    assert refused.stderr.startswith("usage: python -m bptt.experiments ")
