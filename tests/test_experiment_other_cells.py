"""The experiment behind the map of chapter 13, in a smaller version, and the table it completes."""

import numpy as np
import pytest

from bptt import experiments, tree
from bptt.experiments import atlas, other_cells, runner
from bptt.records.results import Run

pytestmark = pytest.mark.experiments


@pytest.fixture(scope="module")
def reduced():
    return runner.run(other_cells, other_cells.REDUCED)


def test_a_network_that_barely_trained_is_not_far_from_guessing(reduced):
    tests = {run.case["task"]: run.score["test"] for run in reduced}
    assert abs(tests["parity"] - 1 / 2) < 0.05
    assert abs(tests["recall"] - 1 / 16) < 0.1
    for run in reduced:
        assert set(run.score) == {"test", "loss", "losses"}
        assert len(run.score["losses"]) == 20


def test_the_tuning_runs_come_first_on_seeds_of_their_own():
    full = other_cells.FULL
    asked = [(task, arm) for task, *_, arms in full.rows for arm in arms]
    tuning = other_cells.cases(full, [])
    assert len(tuning) == len(asked) * 3 * 2
    assert not {case["seed"] for case in tuning} & set(full.seeds)
    losses = {3e-3: 0.5, 1e-2: 0.1, 3e-2: 0.3}
    runs = [Run(case, {"loss": losses[case["lr"]]}, 0.0) for case in tuning]
    test = other_cells.cases(full, runs)[len(tuning) :]
    assert [(case["task"], case["arm"]) for case in test[::10]] == asked
    assert {case["lr"] for case in test} == {1e-2}


def test_the_units_bring_each_network_near_the_weights_of_its_task():
    for task, _, _, weights, arms in other_cells.FULL.rows:
        for arm in arms:
            H = other_cells.units(arm, task, weights)
            if not weights:
                assert H == 64
                continue
            params = other_cells.initial(
                arm, other_cells.TASKS[task], H, rng=np.random.default_rng(0)
            )
            assert abs(tree.ravel(params)[0].size / weights - 1) < 0.05


def test_the_factors_that_keep_begin_alike_in_all_cells():
    task, H = other_cells.TASKS["adding"], 40
    found = []
    for arm in ("GRU", "minGRU", "[0, 1]", "[-1, 1]"):
        (layer,) = other_cells.initial(arm, task, H, rng=np.random.default_rng(0)).layers
        b = layer.b.astype(float)
        sigmoid = 1 / (1 + np.exp(-b))
        kept = {
            "GRU": sigmoid[H : 2 * H],
            "minGRU": 1 - sigmoid[:H],
            "[0, 1]": sigmoid[:H],
            "[-1, 1]": np.tanh(b[:H]),
        }[arm]
        assert 0.5 <= kept.min() < kept.max() < 0.99 + 1e-6  # from 1/2 to u / (1 + u) at u = T - 1
        found.append(np.median(kept))
    assert np.ptp(found) < 0.02


def test_the_sizes_are_those_of_the_experiments_they_complete():
    steps = {task: (steps, batch) for task, steps, batch, *_ in other_cells.FULL.rows}
    for name, question in atlas.QUESTIONS.items():
        if name in steps:
            settings = experiments.load(question.experiment).settings
            assert steps[name] == (settings["steps"], settings["batch"])


def test_the_map_puts_each_score_on_one_scale():
    for name, question in atlas.QUESTIONS.items():
        skills = atlas.skills(name)
        assert set(question.arms) <= set(skills) <= set(atlas.KINDS)
        assert all(skill.shape == (10,) and skill.max() <= 1 for skill in skills.values())
    rewritten = experiments.load("recall_trained").scores("accuracy", arm="sum", overwrites=8)
    assert np.allclose(
        atlas.skills("recall, rewritten")["sum"], (rewritten[-10:] - 1 / 16) / (15 / 16)
    )


def test_the_map_asks_no_arm_twice_and_leaves_out_the_tuning():
    others = experiments.load("other_cells")
    assert {run.case["seed"] for run in others.runs} > set(others.settings["seeds"])
    for name, question in atlas.QUESTIONS.items():
        arms = {run.case["arm"] for run in others.runs if run.case["task"] == name}
        assert not arms & set(question.arms)
