import dataclasses
import itertools

import numpy as np
import pytest

from bptt import experiments, model, tree
from bptt.experiments import runner, temporal_order
from bptt.experiments.temporal_order import _rates as rates
from bptt.experiments.temporal_order import cases, score
from bptt.records.results import Run

pytestmark = pytest.mark.experiments

SMALL = temporal_order.Settings(
    arms=("SGD", "Adam, clipped"),
    lengths=(10, 11),
    sgd_rates=(0.1, 0.2, 0.3),
    adam_rates=(0.01, 0.02),
    tuning_seeds=(7, 8),
    seeds=(1, 2),
    steps=40,
    hidden_size=5,
    batch=6,
)
CASE = {"arm": "SGD", "T": 10, "lr": 0.1, "seed": 1, "steps": 40, "hidden_size": 5, "batch": 6}


@pytest.fixture(scope="module")
def reduced():
    return runner.run(temporal_order, temporal_order.REDUCED)


def solved(runs, arm):
    return sum(run.score["accuracy"] > 0.99 for run in runs if run.case["arm"] == arm)


def best_rate(settings, runs, arm, T):
    """Return the rate of the runs on the test seeds."""
    test = [case for case in cases(settings, runs) if case["seed"] in settings.seeds]
    (rate,) = {case["lr"] for case in test if (case["arm"], case["T"]) == (arm, T)}
    return rate


def tuning_runs(accuracy, loss=lambda _: 1.0):
    """Runs on the tuning seeds with made-up scores."""
    return [
        Run(case, {"accuracy": accuracy(case), "loss": loss(case)}, 0.0)
        for case in cases(SMALL, [])
    ]


def test_the_reduced_run_shows_the_order_of_the_stored_result(reduced):
    assert solved(reduced, "SGD") == 0
    assert solved(reduced, "SGD, clipped") == 2
    stored = experiments.load("temporal_order").runs
    test = [run for run in stored if run.case["seed"] in temporal_order.FULL.seeds]
    assert solved(test, "SGD") < solved(test, "SGD, clipped")


def test_a_score_holds_the_accuracy_the_losses_and_the_norms(reduced):
    for run in reduced:
        assert set(run.score) == {"accuracy", "loss", "losses", "norms", "steps"}
        assert run.score["accuracy"] * 2000 % 1 == pytest.approx(0, abs=1e-9)
        assert len(run.score["losses"]) == 20
        assert run.score["loss"] == run.score["losses"][-1]
        assert run.score["norms"] == sorted(run.score["norms"])
        assert run.score["steps"] == temporal_order.REDUCED.steps
    assert abs(reduced[0].score["losses"][0] - np.log(4)) < 0.1


def test_the_curve_is_the_mean_over_each_twentieth_of_the_steps():
    every_step = score({**CASE, "steps": 20})["losses"]
    longer = score(CASE)["losses"]  # 40 steps, the same first 20
    pairs = np.reshape(every_step, (10, 2)).mean(axis=1)
    assert longer[:10] == pytest.approx(pairs, abs=1e-4)


def test_the_norms_are_quartiles_and_maximum_of_the_norm_before_clipping():
    one = score({**CASE, "steps": 20, "arm": "SGD, clipped", "lr": 1e-300})
    same = score({**CASE, "steps": 20, "lr": 1e-300})
    assert one == same  # at a rate of nothing, clipping changes nothing, the norms neither
    assert one["norms"][3] > 1
    assert len(one["norms"]) == 4


def test_the_arms_differ_in_their_optimizer_and_in_clipping():
    fast = {**CASE, "lr": 0.3}
    scores = [score({**fast, "arm": arm})["losses"] for arm in temporal_order.ARMS]
    assert len({tuple(losses) for losses in scores}) == 4
    assert temporal_order.ARMS["SGD, clipped"][1] == temporal_order.ARMS["Adam, clipped"][1] == 1.0


def test_a_gradient_that_is_not_finite_ends_the_run_as_a_failure(monkeypatch):
    whole = score({**CASE, "steps": 20})
    true = model.loss_and_grads
    calls = itertools.count(1)

    def broken(cell, params, xs, targets):
        loss, grads = true(cell, params, xs, targets)
        return (loss, grads) if next(calls) < 8 else (np.nan, tree.map(lambda g: np.nan * g, grads))

    monkeypatch.setattr(model, "loss_and_grads", broken)
    ended = score({**CASE, "steps": 20})
    assert ended["accuracy"] == 0
    assert ended["steps"] == 7
    assert ended["losses"] == whole["losses"][:7]
    assert np.isfinite(ended["norms"]).all()


def test_the_same_case_gives_the_same_score_and_each_setting_matters():
    assert score(CASE) == score(CASE)
    others = {"T": 11, "lr": 0.2, "seed": 2, "steps": 41, "hidden_size": 6, "batch": 7}
    for name, value in others.items():
        assert score(CASE) != score({**CASE, name: value})


def test_both_arms_of_an_optimizer_choose_from_the_same_rates():
    assert rates(SMALL, "SGD") == rates(SMALL, "SGD, clipped") == (0.1, 0.2, 0.3)
    assert rates(SMALL, "Adam") == rates(SMALL, "Adam, clipped") == (0.01, 0.02)


def test_the_first_round_is_every_rate_on_the_tuning_seeds():
    tuning = cases(SMALL, [])
    assert len(tuning) == 2 * (3 + 2) * 2
    assert tuning[0] == {**CASE, "seed": 7}
    assert {(case["arm"], case["T"], case["lr"], case["seed"]) for case in tuning} == {
        (arm, T, lr, seed)
        for arm in SMALL.arms
        for T in SMALL.lengths
        for lr in rates(SMALL, arm)
        for seed in (7, 8)
    }


def test_the_second_round_begins_when_the_first_is_complete():
    runs = tuning_runs(lambda case: -abs(case["lr"] - 0.2))
    tuning = cases(SMALL, [])
    assert cases(SMALL, runs[1:]) == tuning
    both = cases(SMALL, runs)
    assert both[: len(tuning)] == tuning
    assert [(c["arm"], c["T"], c["lr"], c["seed"]) for c in both[len(tuning) :]] == [
        (arm, T, lr, seed)
        for arm, lr in [("SGD", 0.2), ("Adam, clipped", 0.02)]
        for T in SMALL.lengths
        for seed in SMALL.seeds
    ]
    assert both[-1] == {**CASE, "arm": "Adam, clipped", "T": 11, "lr": 0.02, "seed": 2}


def test_the_full_experiment_has_96_tuning_runs_and_120_others():
    tuning = cases(temporal_order.FULL, [])
    runs = [Run(case, {"accuracy": 1.0, "loss": 0.0}, 0.0) for case in tuning]
    assert len(tuning) == 96
    assert len(cases(temporal_order.FULL, runs)) == 96 + 120
    assert not set(temporal_order.FULL.seeds) & set(temporal_order.FULL.tuning_seeds)


def test_the_best_rate_has_the_highest_mean_accuracy_of_its_own_arm_and_length():
    accuracy = {
        ("SGD", 10): {0.1: (0.5, 0.5), 0.2: (0.9, 0.3), 0.3: (0.2, 0.2)},  # highest mean: .6
        ("SGD", 11): {0.1: (0.5, 0.5), 0.2: (0.4, 0.4), 0.3: (0.3, 0.3)},
        ("Adam, clipped", 10): {0.01: (0.5, 0.5), 0.02: (0.4, 0.7)},
        ("Adam, clipped", 11): {0.01: (0.5, 0.5), 0.02: (0.1, 0.7)},
    }
    runs = tuning_runs(lambda c: accuracy[c["arm"], c["T"]][c["lr"]][c["seed"] - 7])
    for lr in SMALL.sgd_rates:  # the test seeds have no say
        case = {**CASE, "lr": lr}
        runs.append(Run(case, {"accuracy": 9.0 if lr == 0.3 else 0.0, "loss": 1.0}, 0.0))
    assert best_rate(SMALL, runs, "SGD", 10) == 0.2
    assert best_rate(SMALL, runs, "SGD", 11) == 0.1
    assert best_rate(SMALL, runs, "Adam, clipped", 10) == 0.02
    assert best_rate(SMALL, runs, "Adam, clipped", 11) == 0.01


def test_of_rates_with_equal_accuracy_the_lowest_mean_loss_decides():
    runs = tuning_runs(lambda _: 1.0, lambda case: abs(case["lr"] - 0.2))
    assert best_rate(SMALL, runs, "SGD", 10) == 0.2


def test_without_tuning_seeds_the_first_rate_is_taken():
    settings = dataclasses.replace(SMALL, tuning_seeds=())
    assert best_rate(settings, [], "SGD", 10) == 0.1
    assert [case["lr"] for case in cases(settings, [])] == [0.1] * 4 + [0.01] * 4
