"""How well processes share a step: what is fitted to it, how it is measured, and what is stored."""

import dataclasses
import json
import os
import sys

import numpy as np
import pytest
from mpi import PLACES, ROOM, needs_mpi

from bptt.bench import parallel, sharing
from bptt.bench.parallel import Settings
from bptt.bench.sharing import Cost, Link
from bptt.records import results
from bptt.records.digest import digest
from bptt.records.results import Result, Run, load

SMALL = Settings(
    embedding=4, widths=(6,), chunk=3, batches=(2, 5), rows=(1, 3), floats=(1, 0), rounds=2
)  # fmt: skip
COST = Cost(update=0.25, fixed=0.5, row=0.125)


def made(sums=((4, 0.002), (1004, 0.012))):
    """A result in which every call took what the formula says."""
    cases = [({"part": "read", "size": 1, "rows": rows}, 0.5 + 0.125 * rows) for rows in (4, 8, 16)]
    cases += [({"part": "update", "size": 1}, 0.25)]
    cases += [({"part": "sum", "size": 2, "bytes": size}, taken) for size, taken in sums]
    cases += [
        ({"part": "step", "size": N, "batch": 16}, COST.step(16 / N, 0.25 * (N - 1)))
        for N in (1, 2)
    ]
    runs = [Run(case, {"rounds": [0.5 * taken, taken, 2 * taken]}, 0) for case, taken in cases]
    return Result({"rows": [4, 8, 16], "batches": [16], "sizes": [1, 2]}, runs, {})


# The formula


def test_a_ring_takes_turns_in_which_a_piece_is_on_every_line():
    link = Link(latency=0.5, bandwidth=10)
    assert sharing.ring(1, 100, link) == 0
    assert sharing.ring(2, 100, link) == 2 * (0.5 + 50 / 10)
    assert sharing.ring(5, 100, link) == 8 * (0.5 + 20 / 10)


def test_a_step_has_four_parts():
    assert COST.step(8) == 0.25 + 0.5 + 1
    assert COST.step(8, 3) == 0.25 + 0.5 + 1 + 3


def test_cost_and_link_are_found_again():
    np.testing.assert_allclose(sharing.cost(made()), COST)
    np.testing.assert_allclose(sharing.link(made()), Link(0.001, 1e5))


def test_a_gain_is_the_quotient_of_the_medians_between_those_of_the_quartiles():
    one, two = COST.step(16), COST.step(8, 0.25)
    middle, low, high = sharing.gain(made(), 2, 16)
    assert middle == one / two
    assert (low, high) == (0.75 * one / (1.5 * two), 1.5 * one / (0.75 * two))
    (line,) = sharing.lines(made())
    assert (
        line == f"16 rows, 2 processes: {middle:.2f} [{low:.2f}, {high:.2f}] times as fast as one"
    )


# The measurement


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name, value in {**ROOM, "PATH": PLACES}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.process
@needs_mpi
@pytest.mark.usefixtures("folder")
def test_two_processes_time_every_case():
    result = sharing.measure(SMALL)
    assert [run.case for run in result.runs] == cases(SMALL)
    assert all(len(run.score["rounds"]) == len(run.score["clock"]) == 2 for run in result.runs)
    assert result.settings == json.loads(json.dumps(dataclasses.asdict(SMALL)))
    assert result.provenance["digest"] == digest(sharing.TIMED)
    assert result.provenance["processors"] == os.cpu_count()


def cases(settings):
    steps = [
        {"part": "step", "size": size, "batch": batch}
        for size in settings.sizes
        for batch in settings.batches
    ]
    reads = [{"part": "read", "size": 1, "rows": rows} for rows in settings.rows]
    count = sum(leaf.size for leaf in weights(settings))
    sums = [
        {"part": "sum", "size": 2, "bytes": 4 * (floats or count)} for floats in settings.floats
    ]
    return [*steps, *reads, {"part": "update", "size": 1}, *sums]


def weights(settings):
    run = parallel.update.start(settings.training(1), parallel.CHARACTERS)
    return [leaf for _, leaf in parallel.tree.leaves(run.params)]


def test_it_is_saved_unless_it_is_short(folder, monkeypatch, capsys):
    asked = []
    monkeypatch.setattr(sharing, "measure", lambda settings: asked.append(settings) or made())
    for words, names in ((["--short"], []), ([], ["sharing.json"])):
        monkeypatch.setattr(sys, "argv", ["sharing", *words])
        sharing.main()
        assert [file.name for file in folder.iterdir()] == names
    assert asked == [dataclasses.replace(Settings(), rounds=1), Settings()]
    assert capsys.readouterr().out == f"{sharing.lines(made())[0]}\n" * 2


# The result


@pytest.fixture(scope="module")
def stored():
    return load("sharing")


@pytest.mark.records
def test_the_stored_result_is_fresh(stored):
    assert stored.provenance["digest"] == digest(sharing.TIMED), (
        "Stale: run python -m bptt.bench.sharing on two cores"
    )


def test_the_stored_result_holds_every_case_with_enough_rounds(stored):
    assert stored.settings == json.loads(json.dumps(dataclasses.asdict(Settings())))
    assert [run.case for run in stored.runs] == cases(Settings())
    assert min(len(run.score["rounds"]) for run in stored.runs) >= 15
    assert min(min(run.score["rounds"]) for run in stored.runs) > 0
