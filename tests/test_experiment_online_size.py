import numpy as np
import pytest

from bptt import experiments
from bptt.experiments import online, online_size, runner

pytestmark = pytest.mark.experiments


def noise(runs, H, T):
    chosen = [r for r in runs if (r.case["hidden_size"], r.case["T"]) == (H, T)]
    return np.median([r.score["uoro drawn"][2] for r in chosen])


def test_the_reduced_run_has_more_noise_with_more_units_as_the_stored_result():
    reduced = runner.run(online_size, online_size.REDUCED)
    assert noise(reduced, 2, 10) < noise(reduced, 8, 10)
    stored = experiments.load("online_size").runs
    assert noise(stored, 2, 60) < noise(stored, 8, 60) < noise(stored, 16, 60)


def test_nothing_but_sizes_and_counts_differs_from_online():
    of_online = [run.case for run in experiments.load("online").runs]
    cases = online_size.cases(online_size.FULL, [])
    assert len(cases) == 5 * 2 * 20
    changed = {name: of_online[0][name] for name in ("hidden_size", "T", "windows", "draws")}
    for case in cases:
        assert {**case, **changed, "averaged": of_online[0]["averaged"]} in of_online


def test_a_score_is_that_of_online():
    case = online_size.cases(online_size.REDUCED, [])[0]
    assert online_size.score(case) == online.score(case)
