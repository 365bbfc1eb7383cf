"""The experiment behind chapter 8, in a smaller version."""

import numpy as np
import pytest

from bptt import lstm, model, tasks, tree
from bptt.experiments import brackets, runner

pytestmark = pytest.mark.experiments


@pytest.fixture(scope="module")
def runs():
    return runner.run(brackets, brackets.REDUCED)


def test_every_seed_is_run_once_with_every_setting():
    assert [case["seed"] for case in brackets.cases(brackets.FULL, [])] == list(range(10))
    for case in brackets.cases(brackets.REDUCED, []):
        assert case == {
            "seed": case["seed"],
            "T": 20,
            "max_depth": 3,
            "steps": 200,
            "hidden_size": 8,
            "batch": 32,
            "lr": 1e-2,
            "max_norm": 1.0,
        }


def test_a_short_training_beats_the_guess_without_the_input(runs):
    task = tasks.Brackets(20, 3)
    for run in runs:
        assert run.score["accuracy"] > 0.99 > task.null_accuracy
        assert run.score["loss"] < 0.05 < task.null_loss
        assert 0.9 < run.score["strings"] <= run.score["accuracy"]
        assert len(run.score["losses"]) == 20
        assert run.score["losses"][-1] < 0.1 < run.score["losses"][0]


def test_the_scores_are_those_of_the_rounded_weights_that_are_kept(runs):
    for run in runs:
        untrained = model.init(lstm, 3, 8, 2, rng=np.random.default_rng(0))
        _, unravel = tree.ravel(untrained)
        weights = np.array(run.score["weights"])
        assert np.array_equal(weights, weights.round(4))
        # Its own test strings come after all training batches; others have to score alike.
        test = tasks.Brackets(20, 3).draw(1000, rng=np.random.default_rng(99))
        loss, _ = model.loss_and_grads(lstm, unravel(weights), *test)
        assert loss == pytest.approx(run.score["loss"], rel=0.5)


def test_the_networks_of_two_seeds_differ(runs):
    one, other = runs
    assert one.score["weights"] != other.score["weights"]
