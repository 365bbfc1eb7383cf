import pytest

from bptt import experiments
from bptt.experiments import runner, scan

pytestmark = pytest.mark.experiments


def test_the_reduced_run_computes_the_same_in_both_ways_and_looks_at_the_clock():
    runs = runner.run(scan, scan.REDUCED)
    assert [(run.case["T"], run.case["seed"]) for run in runs] == [(5, 0), (5, 1), (16, 0), (16, 1)]
    for run in runs:
        assert set(run.score) == {"error", "seconds"}
        assert run.score["error"] <= 1e-12
        assert len(run.score["seconds"]) == 2
        assert min(run.score["seconds"]) >= 0


def test_the_stored_result_has_ten_seeds_of_every_length_and_width():
    stored = experiments.load("scan")
    for T in scan.FULL.lengths:
        for width in scan.FULL.widths:
            seconds = stored.scores("seconds", T=T, width=width)
            assert seconds.shape == (10, 2)
            assert (seconds > 0).all()
    assert stored.scores("error").max() <= 1e-12
