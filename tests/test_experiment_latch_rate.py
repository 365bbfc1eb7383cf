import numpy as np
import pytest

from bptt import experiments
from bptt.experiments import latch, latch_rate, runner

pytestmark = pytest.mark.experiments


def test_the_reduced_run_holds_where_the_higher_rate_failed():
    (run,) = runner.run(latch_rate, latch_rate.REDUCED)
    assert run.score["accuracy"] > 0.995
    asked = {"start": "lstm, bias 1", "T": 50, "seed": 1}
    (at_higher_rate,) = experiments.load("latch").scores("accuracy", **asked)
    (stored,) = experiments.load("latch_rate").scores("accuracy", **asked)
    assert at_higher_rate < 0.6
    assert stored > 0.995


def test_the_cases_are_two_cells_of_latch_on_its_test_seeds_with_one_lower_rate():
    cases = latch_rate.cases(latch_rate.FULL, [])
    assert len(cases) == 20
    for (start, T), part in [
        (("lstm, bias 1", 50), cases[:10]),
        (("lstm, bias 3", 100), cases[10:]),
    ]:
        assert {(case["start"], case["T"], case["lr"]) for case in part} == {(start, T, 0.01)}
        assert [case["seed"] for case in part] == list(range(10))


def test_nothing_but_the_rate_differs_from_latch():
    of_latch = [run.case for run in experiments.load("latch").runs]
    for case in latch_rate.cases(latch_rate.FULL, []):
        assert {**case, "lr": 0.03} in of_latch
        assert case not in of_latch


def test_a_score_is_that_of_latch():
    case = {**latch_rate.cases(latch_rate.FULL, [])[0], "T": 4, "steps": 25}
    assert latch_rate.score(case) == latch.score(case)
    assert latch_rate.score(case) != latch_rate.score({**case, "seed": 9})
    assert np.isfinite(latch_rate.score(case)["loss"])
