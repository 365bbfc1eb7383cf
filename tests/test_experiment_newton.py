import numpy as np
import pytest

from bptt import experiments
from bptt.experiments import newton, runner

pytestmark = pytest.mark.experiments


@pytest.fixture(scope="module")
def reduced():
    return runner.run(newton, newton.REDUCED)


def test_the_reduced_run_shows_the_order_of_the_stored_result(reduced):
    for run in reduced:
        for T in newton.REDUCED.lengths:
            full, none = (len(run.score[f"{name} {T}"]) for name in ("full", "none"))
            assert run.score[f"full {T}"][-1] <= 1e-10
            assert full < none == T + 1
            assert run.score[f"wrong {T}"] < 1e-9
    stored = experiments.load("newton").runs
    medians = [
        [
            np.median([len(run.score["full 64"]) for run in runs if run.case["weights"] == weights])
            for weights in newton.REDUCED.weights
        ]
        for runs in (reduced, stored)
    ]
    assert all(fresh < larger for fresh, larger in medians)


def test_every_seed_has_all_weights_and_every_length():
    cases = newton.cases(newton.FULL, [])
    assert len(cases) == 5 * 20
    assert {case["weights"] for case in cases} == set(newton.FACTORS)
    assert all(case["lengths"] == [16, 64, 256] for case in cases)


def test_trained_weights_copy_and_the_others_are_not_trained():
    (case,) = (
        {**case, "steps": 300, "lengths": [16]}
        for case in newton.cases(newton.FULL, [])
        if (case["weights"], case["seed"]) == ("trained", 0)
    )
    score = newton.score(case)
    assert score["accuracy"] > 0.6
    assert newton.score({**case, "weights": "fresh"})["accuracy"] == 0


def test_an_error_that_overflows_is_kept_as_a_finite_number():
    errors = np.array([1.23456, np.inf, np.nan, 1e305])
    assert newton._finite(errors) == [1.235, 1e300, 1e300, 1e300]


def test_the_growth_is_that_of_the_steps():
    J = np.stack([np.diag([2.0, 0.5])] * 200)
    assert newton._growth(J) == pytest.approx(np.log(2), abs=0.01)
