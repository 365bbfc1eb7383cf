import dataclasses

import numpy as np
import pytest

from bptt import experiments, tasks, tree
from bptt.experiments import reversal, runner

pytestmark = pytest.mark.experiments


def test_the_reduced_run_shows_the_order_of_the_stored_result():
    free = {run.case["arm"]: run.score["free"] for run in runner.run(reversal, reversal.REDUCED)}
    assert free["attention"][4] > free["one"][4] + 0.05  # the longest of the training
    assert min(free["one"][0], free["attention"][0]) > 0.9
    stored = experiments.load("reversal")
    at = {"order": "reverse", "longest": 10, "frozen": False, "steps": 600, "seed": 0}
    one, looks = (stored.scores("free", arm=arm, **at)[0] for arm in ("one", "attention"))
    assert looks[9] > one[9] + 0.05


def test_a_score_holds_what_it_says():
    settings = dataclasses.replace(reversal.REDUCED, steps=25, until=4)
    one, looks = (reversal.score(case) for case in reversal.cases(settings, []))
    by_length = {"free", "whole", "forced", "forced_loss"}
    for score in (one, looks):
        assert all(len(score[name]) == 4 for name in by_length)
        for name in ("places", "told", "slip"):
            assert [len(row) for row in score[name]] == [2, 4]
        assert np.isclose(np.mean(score["places"][1]), score["free"][3], atol=1e-4)
        assert np.isclose(np.mean(score["told"][1]), score["forced"][3], atol=1e-4)
        assert score["slip"][1][0] == score["told"][1][0]  # told of it only afterwards
        assert len(score["losses"]) == 20
    assert one["looks"] == one["maps"] == []
    assert len(looks["looks"]) == 4
    assert [np.shape(each) for each in looks["maps"]] == [(2, 2), (4, 4)]
    assert looks["looks"][0] == 1  # there is one place only


def test_a_frozen_encoder_stays_as_it_was_drawn():
    settings = dataclasses.replace(
        reversal.REDUCED, conditions=(("reverse", 5, True, ("one", "attention")),), steps=3
    )
    for case in reversal.cases(settings, []):
        for frozen in (True, False):
            history = reversal.trained({**case, "frozen": frozen}, rng=np.random.default_rng(0))
            start = reversal.trained({**case, "steps": 0}, rng=np.random.default_rng(0)).params
            same = tree.map(np.array_equal, history.params.encoder, start.encoder)
            assert all(same) == frozen
            assert not np.array_equal(history.params.W_y, start.W_y)


def test_copying_reads_in_the_order_of_the_answers(rng):
    batch = tasks.Reversal(5, 5).draw(7, rng=rng)
    xs, targets = reversal.ordered("copy", batch)
    assert np.array_equal(xs.argmax(axis=-1), targets)
    assert reversal.ordered("reverse", batch) is batch


def test_one_state_and_attention_have_about_as_many_weights():
    stored = experiments.load("reversal")
    one, looks = (stored.scores("weights", arm=arm)[0] for arm in ("one", "attention"))
    assert abs(one / looks - 1) < 0.01
    assert reversal.UNITS["wide"] == 2 * reversal.UNITS["attention"]


def test_the_full_experiment_tunes_every_arm_for_both_orders():
    tuning = reversal.cases(reversal.FULL, [])
    assert len(tuning) == (3 + 2) * 3 * 2
    assert {(case["longest"], case["frozen"], case["steps"]) for case in tuning} == {
        (10, False, 600)
    }
    assert not set(reversal.FULL.seeds) & set(reversal.FULL.tuning_seeds)
