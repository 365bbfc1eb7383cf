import dataclasses

import numpy as np
import pytest

from bptt import experiments, tasks, tree
from bptt.experiments import recall_trained, runner
from bptt.gradcheck import check_gradient

pytestmark = pytest.mark.experiments

SIZES = {"keys": 5, "values": 3, "D": 4}
MATRICES = [arm for arm in recall_trained.ARMS if arm != "lstm"]


def network(arm, rng):
    """Weights none of which is zero, and a batch."""
    params = recall_trained.initial(arm, SIZES, rng=rng)
    moved = tree.map(lambda a: np.asarray(a + 0.3 * rng.normal(size=a.shape)), params)
    return moved, tasks.Recall(3, 2, 3, 5, 3).draw(4, rng=rng)


@pytest.mark.parametrize("arm", MATRICES)
def test_the_gradient_matches_central_differences(arm, rng):
    params, batch = network(arm, rng)
    _, grads = recall_trained.loss_and_grads(arm, params, batch)
    check_gradient(lambda at: recall_trained.loss_and_grads(arm, at, batch)[0], params, grads)


@pytest.mark.parametrize("arm", MATRICES)
def test_an_arm_has_a_gradient_where_it_has_a_weight_of_its_own(arm, rng):
    params, batch = network(arm, rng)
    _, grads = recall_trained.loss_and_grads(arm, params, batch)
    used = {name for name, grad in grads._asdict().items() if grad.any()}
    theirs = recall_trained.USED
    assert used == {name for name in grads._fields if arm in theirs.get(name, MATRICES)}
    sizes = (getattr(params, name).size for name in used)
    assert recall_trained.weights_of(arm, params) == sum(sizes)


@pytest.mark.parametrize("arm", MATRICES)
def test_a_question_sees_no_other_question(arm, rng):
    params, batch = network(arm, rng)
    answers = recall_trained.logits(arm, params, batch)
    turned = batch._replace(xs=np.concatenate([batch.xs[:-3], batch.xs[:-4:-1]]))
    assert np.allclose(recall_trained.logits(arm, params, turned), answers[::-1])


@pytest.mark.parametrize(("arm", "blind"), [("attention", True), ("sum", False), ("delta", False)])
def test_without_a_time_attention_does_not_see_the_order(arm, blind, rng):
    params, batch = network(arm, rng)
    turned = batch._replace(xs=np.concatenate([batch.xs[:5][::-1], batch.xs[5:]]))
    one, other = (recall_trained.logits(arm, params, b) for b in (batch, turned))
    assert np.allclose(one, other) == (blind or arm == "sum")


def test_the_states_have_equal_size():
    D = recall_trained.FULL.D
    params = recall_trained.initial(
        "lstm", {"keys": 16, "values": 16, "D": D}, rng=np.random.default_rng(0)
    )
    assert 2 * len(params.cell.W_h) == D * D  # h and c
    assert 2 * D * (D // 2) == D * D  # the cache


def test_the_reduced_run_shows_the_order_of_the_stored_result():
    accuracy = {
        run.case["arm"]: run.score["accuracy"]
        for run in runner.run(recall_trained, recall_trained.REDUCED)
    }
    assert accuracy["delta"] > accuracy["sum"] + 0.1
    stored = experiments.load("recall_trained")
    at = {"overwrites": 8, "seed": 0}
    assert stored.scores("accuracy", arm="delta", **at) > stored.scores("accuracy", arm="sum", **at)


def test_a_score_holds_what_it_says():
    settings = dataclasses.replace(recall_trained.REDUCED, steps=25, arms=("delta",))
    (case,) = recall_trained.cases(settings, [])
    score = recall_trained.score(case)
    assert set(score) == {"accuracy", "permuted", "loss", "losses", "weights"}
    assert score == recall_trained.score(case)
    assert score["accuracy"] != recall_trained.score({**case, "seed": 9})["accuracy"]
    assert len(score["losses"]) == 20
    assert score["weights"] == 3 * 16 * 8 + 32 + 1 + 8 * 16 + 16
    assert abs(score["permuted"] - 1 / 16) < 0.03


def test_the_full_experiment_tunes_every_arm_on_both_tasks():
    tuning = recall_trained.cases(recall_trained.FULL, [])
    assert len(tuning) == 2 * 7 * 3 * 2
    assert not set(recall_trained.FULL.seeds) & set(recall_trained.FULL.tuning_seeds)


def test_all_arms_are_trained_for_longer_too_on_some_test_seeds_with_the_same_rates():
    settings = dataclasses.replace(
        recall_trained.REDUCED, seeds=(3, 4), longer=(8,), longer_steps=999, longer_seeds=(4,)
    )
    cases = recall_trained.cases(settings, [])
    assert [case["steps"] for case in cases] == [150] * 4 + [999] * 2
    for once, again in zip(cases[1:4:2], cases[4:], strict=True):
        assert once["seed"] == 4
        assert {**once, "steps": 999} == again
