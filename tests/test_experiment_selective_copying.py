import dataclasses

import numpy as np
import pytest

from bptt import deep, experiments, tree
from bptt.experiments import runner, selective_copying
from bptt.records.results import Run

pytestmark = pytest.mark.experiments

SMALL = selective_copying.Settings(
    arms=("minGRU, 1 layer", "minGRU, 2 layers"),
    tokens=(2, 3),
    rates=(0.1, 0.2),
    easy=(),
    tuning_seeds=(7, 8),
    seeds=(1, 2),
    steps=5,
    tuning_steps=3,
    longer=("minGRU, 2 layers",),
    longer_tokens=3,
    longer_steps=9,
    longer_rate=0.3,
    T=4,
    kinds=2,
    batch=6,
)


@pytest.fixture(scope="module")
def reduced():
    return runner.run(selective_copying, selective_copying.REDUCED)


def done(settings, loss):
    """Runs on the tuning seeds, with a loss for each."""
    return [Run(case, {"loss": loss(case)}, 0.0) for case in selective_copying.cases(settings, [])]


def test_the_reduced_run_shows_the_order_of_the_stored_result(reduced):
    right = {(run.case["arm"], run.case["seed"]): run.score["accuracy"] for run in reduced}
    stored = experiments.load("selective_copying")
    one, three = selective_copying.REDUCED.arms
    for seed in selective_copying.REDUCED.seeds:
        assert 0.35 < right[one, seed] < right[three, seed]
    medians = [
        np.median(
            [
                stored.scores(
                    "accuracy", arm=arm, tokens=4, seed=seed, steps=stored.settings["steps"]
                )
                for seed in selective_copying.FULL.seeds
            ]
        )
        for arm in (one, three)
    ]
    assert 0.35 < medians[0] < medians[1]


def test_a_score_holds_the_shares_the_final_loss_and_a_curve(reduced):
    for run in reduced:
        assert set(run.score) == {"accuracy", "whole", "places", "loss", "losses"}
        assert len(run.score["places"]) == run.case["tokens"] == 4
        assert np.mean(run.score["places"]) == pytest.approx(run.score["accuracy"])
        assert 0 <= run.score["whole"] <= min(run.score["places"])
        assert len(run.score["losses"]) == 20
        assert run.score["losses"][-1] < run.score["losses"][0]


def test_the_networks_have_equal_numbers_of_weights_within_five_percent():
    sizes = []
    for cell, layers, H in selective_copying.ARMS.values():
        model = deep.init(cell, 6, H, 4, layers=layers, rng=np.random.default_rng(0))
        sizes.append(sum(leaf.size for _, leaf in tree.leaves(model)))
    assert sizes == [1390, 1412, 1380, 1444]
    assert max(sizes) < 1.05 * min(sizes)


def test_the_first_round_is_every_rate_on_the_tuning_seeds_for_fewer_steps():
    cases = selective_copying.cases(SMALL, [])
    assert len(cases) == 2 * 2 * 2 * 2
    assert {case["seed"] for case in cases} == {7, 8}
    assert {case["steps"] for case in cases} == {3}
    assert cases[0] == {
        "arm": "minGRU, 1 layer",
        "tokens": 2,
        "lr": 0.1,
        "seed": 7,
        "steps": 3,
        "T": 4,
        "kinds": 2,
        "batch": 6,
        "max_norm": 1.0,
    }


def test_then_come_the_test_seeds_with_the_best_rate_and_last_the_longer_runs():
    runs = done(SMALL, lambda case: abs(case["lr"] - (0.1 if case["tokens"] == 2 else 0.2)))
    cases = selective_copying.cases(SMALL, runs)[len(runs) :]
    told = [(c["arm"][8], c["tokens"], c["lr"], c["seed"], c["steps"]) for c in cases]
    assert told == [
        *(
            (arm, k, lr, seed, 5)
            for arm in "12"
            for k, lr in ((2, 0.1), (3, 0.2))
            for seed in (1, 2)
        ),
        ("2", 3, 0.3, 1, 9),
        ("2", 3, 0.3, 2, 9),
    ]
    without = dataclasses.replace(SMALL, longer=())
    assert len(selective_copying.cases(without, runs)) == len(runs) + 8


def test_of_what_is_easy_only_the_lower_half_of_the_rates_is_tried():
    cases = selective_copying.cases(dataclasses.replace(SMALL, easy=(2,)), [])
    assert {case["lr"] for case in cases if case["tokens"] == 2} == {0.1}
    assert {case["lr"] for case in cases if case["tokens"] == 3} == {0.1, 0.2}
    one = dataclasses.replace(SMALL, easy=(2,), rates=(0.1,))
    assert {case["lr"] for case in selective_copying.cases(one, [])} == {0.1}


def test_the_same_case_gives_the_same_score_and_another_setting_another():
    (case, *_) = selective_copying.cases(SMALL, [])
    score = selective_copying.score(case)
    assert score == selective_copying.score(case)
    others = {"arm": "minGRU, 2 layers", "tokens": 3, "lr": 0.2, "seed": 9, "steps": 4, "T": 5}
    others |= {"kinds": 3, "batch": 7, "max_norm": 0.01}
    assert set(others) == set(case)
    for name, value in others.items():
        assert selective_copying.score({**case, name: value}) != score


def test_the_full_experiment_has_120_tuning_runs_and_130_others():
    runs = done(selective_copying.FULL, lambda case: case["lr"])
    assert len(runs) == 120
    assert len(selective_copying.cases(selective_copying.FULL, runs)) == 120 + 120 + 10
    assert not set(selective_copying.FULL.seeds) & set(selective_copying.FULL.tuning_seeds)
