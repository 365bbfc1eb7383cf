"""The experiment behind chapter 18, in a smaller version."""

import numpy as np
import pytest

from bptt import deep, diagonal, experiments, tasks, tree
from bptt.experiments import counting, runner
from bptt.records.results import Run

pytestmark = pytest.mark.experiments

SWITCH = deep.Params(  # one unit: h stays at a 0, and becomes 1 - h at a 1
    (diagonal.Params(np.array([[-80.0, 1.0]]), np.array([40.0, 0.0])),),
    np.array([[0.0, 1.0]]),
    np.array([0.5, 0.0]),
)


@pytest.fixture(scope="module")
def reduced():
    return runner.run(counting, counting.REDUCED)


def test_the_reduced_run_shows_the_order_of_the_stored_result(reduced):
    trained = {(run.case["arm"], run.case["seed"]): run.score["trained"] for run in reduced}
    for seed in counting.REDUCED.seeds:
        assert trained["signed", seed] > 0.9
        assert trained["fading", seed] < 0.6
    stored = experiments.load("counting")
    for seed in counting.FULL.seeds:
        (kept,), (turned,) = (
            stored.scores("trained", task="parity", arm=arm, seed=seed)
            for arm in ("fading", "signed")
        )
        assert kept < 0.6
        assert turned > 0.9


def test_a_score_of_parity_holds_shares_and_counts(reduced):
    for run in reduced:
        assert set(run.score) == {
            *("by_step", "trained", "end", "shuffled", "changes", "loss", "losses")
        }
        assert len(run.score["by_step"]) == 128 // 8
        assert run.score["end"] == pytest.approx(run.score["by_step"][-1], abs=1e-4)
        answers = run.score["end"] * 100 * 8
        assert answers == pytest.approx(round(answers), abs=1e-6)
        assert abs(run.score["shuffled"] - 0.5) < 0.1


def test_every_arm_of_a_task_has_about_as_many_weights():
    rng = np.random.default_rng(0)
    for task, inputs in (("parity", 1), ("brackets", 3)):
        sizes = [
            tree.ravel(
                deep.init(arm.cell, inputs, arm.hidden_size[task], 2, layers=arm.layers, rng=rng)
            )[0].size
            for arm in counting.ARMS.values()
            if task in arm.hidden_size
        ]
        assert len(sizes) == 6
        assert max(sizes) < 1.06 * min(sizes)


def test_the_tuning_runs_come_first_on_seeds_of_their_own():
    tuning = counting.cases(counting.FULL, [])
    assert len(tuning) == 2 * 6 * 3
    assert not {case["seed"] for case in tuning} & set(counting.FULL.seeds)
    assert all(("max_depth" in case) == (case["task"] == "brackets") for case in tuning)
    losses = {3e-3: 0.5, 1e-2: 0.1, 3e-2: 0.3}
    runs = [Run(case, {"loss": losses[case["lr"]]}, 0.0) for case in tuning]
    test = counting.cases(counting.FULL, runs)[len(tuning) :]
    assert len(test) == 2 * 6 * 10
    assert {case["lr"] for case in test} == {1e-2}


def test_batches_are_the_strings_that_the_task_draws_each_once():
    task = tasks.Parity(5)
    fresh = counting.batches(task, 3, rng=np.random.default_rng(0))
    first = [next(fresh) for _ in range(50)]
    drawn = task.draw(150, rng=np.random.default_rng(0))
    for part, whole in zip(zip(*first, strict=True), drawn, strict=True):
        assert np.array_equal(np.concatenate(part, axis=1), whole)
    assert not np.array_equal(next(fresh).xs, first[0].xs)


def test_a_switch_built_by_hand_passes_the_test_of_parity():
    case = {"T": 40, "test_T": 256, "test": 20}
    rng = np.random.default_rng(0)
    scores = counting.test_parity(diagonal.signed, SWITCH, case, rng=rng)
    assert scores["trained"] == scores["end"] == 1
    assert scores["by_step"] == [1] * 32
    assert scores["changes"] == 255
    assert 0.3 < scores["shuffled"] < 0.7


def test_a_counter_built_by_hand_passes_the_test_of_brackets():
    counter = deep.Params(  # a = 1; "(" adds 1 and ")" takes 1 away; closed below one half
        (diagonal.Params(np.array([[0, 1.0], [0, -1], [0, 0]]), np.array([40.0, 0])),),
        np.array([[0.0, -1.0]]),
        np.array([0.0, 0.5]),
    )
    case = {"T": 40, "max_depth": 8, "test_T": 256, "test_depth": 64, "test": 50}
    for cell in (diagonal.fading, diagonal.signed):
        scores = counting.test_brackets(cell, counter, case, rng=np.random.default_rng(0))
        shuffled = scores.pop("shuffled")
        assert scores == {"trained": 1, "long": 1, "deep": 1, "balanced": 1, "nested": 128}
        assert 0.4 < shuffled < 0.65


def test_a_guess_is_right_half_the_time_in_the_balanced_share():
    targets = np.array([[0, 0, 0, 1]])
    assert counting.balanced(np.zeros_like(targets), targets) == 0.5
    assert counting.balanced(targets, targets) == 1
    assert counting.balanced(1 - targets, targets) == 0


def test_the_same_case_gives_the_same_score_and_another_seed_another():
    case = {"task": "brackets", "arm": "LSTM", "T": 5, "max_depth": 3, "test_T": 16}
    case |= {"test_depth": 4, "test": 7, "steps": 3, "batch": 6, "max_norm": 1.0, "lr": 0.1}
    once = counting.score({**case, "seed": 1})
    assert once == counting.score({**case, "seed": 1})
    assert once != counting.score({**case, "seed": 2})
    for name, value in {"lr": 0.2, "steps": 4, "batch": 7, "max_norm": 0.01}.items():
        assert once != counting.score({**case, "seed": 1, name: value})
