"""Results: files that are whole, numbers that are finite, names that are known; and their notes."""

from pathlib import Path

import pytest

from bptt import experiments
from bptt.records import notes, results
from bptt.records.results import Result, Run, load, save

RESULT = Result({"seeds": [0]}, (Run({"seed": 0}, {"loss": 0.5}, 0.1),), {"digest": "0"})


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    return tmp_path / "results"


def test_what_is_saved_is_loaded_again(folder):
    save("one", RESULT)
    assert load("one") == RESULT
    assert [file.name for file in folder.iterdir()] == ["one.json"]


def test_a_run_takes_one_line_of_the_file(folder):
    save("one", RESULT._replace(runs=RESULT.runs * 3))
    lines = folder.joinpath("one.json").read_text(encoding="utf-8").splitlines()
    assert [line.rstrip(",") for line in lines if "loss" in line] == [
        '{"case": {"seed": 0}, "score": {"loss": 0.5}, "seconds": 0.1}'
    ] * 3


@pytest.mark.usefixtures("folder")
def test_an_error_while_saving_leaves_the_old_file(monkeypatch):
    save("one", RESULT)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("disk")))
        with pytest.raises(OSError, match="disk"):
            save("one", RESULT._replace(settings={}))
    assert load("one") == RESULT
    save("one", RESULT._replace(settings={}))  # what the failure left behind is no obstacle
    assert load("one").settings == {}


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_a_number_that_is_not_finite_is_not_saved(number):
    save("one", RESULT)
    for wrong in (
        RESULT._replace(runs=(Run({}, {"loss": number}, 0.1),)),
        RESULT._replace(settings={"lr": number}),
    ):
        with pytest.raises(ValueError, match="not JSON compliant"):
            save("one", wrong)
    assert load("one") == RESULT


def test_an_unknown_result_is_refused_with_the_names_that_there_are(folder):
    with pytest.raises(
        ValueError, match=r"^experiments\.load: there is no result 'lach'; there are: none$"
    ):
        experiments.load("lach")
    save("one", RESULT)
    save("another", RESULT)
    with pytest.raises(ValueError, match=r"there are: another, one$"):
        experiments.load("lach")
    assert folder.is_dir()


def test_scores_come_in_the_order_of_the_runs_that_match():
    runs = [Run({"T": T, "seed": seed}, {"loss": T + seed}, 0) for T in (5, 3) for seed in (0, 1)]
    result = Result({}, runs, {})
    assert result.scores("loss").tolist() == [5, 6, 3, 4]
    assert result.scores("loss", T=3).tolist() == [3, 4]
    assert result.scores("loss", seed=1, T=5).tolist() == [6]
    with pytest.raises(ValueError, match=r"^experiments: no run has \{'T': 4\}$"):
        result.scores("loss", T=4)
    with pytest.raises(ValueError, match=r"^experiments: no run has \{'t': 3\}$"):
        result.scores("loss", t=3)


# Notes of a measurement on its way.

RUNS = [Run({"seed": seed, "T": 3}, {"loss": [0.5, None]}, 0.1) for seed in range(3)]


def seeds(runs):
    return sorted(run.case["seed"] for run in runs)


def test_what_is_noted_is_read_again_by_the_same_code(folder):
    place = notes.folder("one")
    assert place.parent == folder
    assert notes.read(place, "code") == []
    for run in RUNS:
        notes.write(place, "code", run)
    assert sorted(notes.read(place, "code"), key=str) == sorted(RUNS, key=str)
    assert notes.read(place, "other code") == []
    notes.remove(place)
    assert [*folder.iterdir()] == []


@pytest.mark.usefixtures("folder")
def test_each_case_has_a_file_of_its_own_and_the_last_run_of_it_counts():
    place = notes.folder("one")
    for run in RUNS:
        notes.write(place, "code", run)
    again = Run({"T": 3, "seed": 1}, {"loss": 0.25}, 0.2)  # the same case in another order
    notes.write(place, "other code", again)
    assert len([*place.iterdir()]) == 3
    assert seeds(notes.read(place, "code")) == [0, 2]
    assert notes.read(place, "other code") == [again]


@pytest.mark.usefixtures("folder")
def test_a_note_that_was_being_written_is_no_note(monkeypatch):
    place = notes.folder("one")
    notes.write(place, "code", RUNS[0])
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda *_: (_ for _ in ()).throw(OSError("power")))
        patch.setattr(Path, "unlink", lambda *_, **__: None)  # nobody is left to tidy up
        with pytest.raises(OSError, match="power"):
            notes.write(place, "code", RUNS[1])
    assert len([*place.iterdir()]) == 2
    assert notes.read(place, "code") == RUNS[:1]
