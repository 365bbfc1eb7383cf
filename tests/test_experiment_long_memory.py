import numpy as np
import pytest
from helpers import assert_close, assert_equal

from bptt import deep, experiments, linear_rnn, lstm, relu_rnn, rnn, tree
from bptt.experiments import long_memory, runner
from bptt.losses import cross_entropy, squared_error
from bptt.records.results import Run
from bptt.tasks import Adding, Copying

pytestmark = pytest.mark.experiments

CASE = {"task": "copying", "T": 4, "arm": "linear, identity", "hidden_size": 6, "steps": 25}
CASE |= {"batch": 5, "max_norm": 0.1, "lr": 0.01, "seed": 1}


@pytest.fixture(scope="module")
def reduced():
    return runner.run(long_memory, long_memory.REDUCED)


def test_the_reduced_run_shows_the_order_of_the_stored_result(reduced):
    share = {(run.case["task"], run.case["arm"]): run.score["test"] for run in reduced}
    stored = experiments.load("long_memory")
    for task, T, better, worse in [
        ("copying", 50, "linear, orthogonal", "linear, identity"),
        ("adding", 100, "linear, identity", "linear, orthogonal"),
    ]:
        assert share[task, better] < 0.5 < share[task, worse]
        medians = [
            np.median(
                [
                    stored.scores("test", task=task, T=T, arm=arm, seed=seed)
                    for seed in stored.settings["seeds"]
                ]
            )
            for arm in (better, worse)
        ]
        assert medians[0] < medians[1]


def test_a_score_holds_shares_of_the_null_an_accuracy_and_a_curve_of_twenty_points(reduced):
    for run in reduced:
        assert set(run.score) == {"test", "accuracy", "loss", "losses"}
        assert len(run.score["losses"]) == 20
        assert (run.score["accuracy"] == 0) == (run.case["task"] == "adding")
    at_every_step = long_memory.score({**CASE, "steps": 20})
    assert at_every_step["loss"] == pytest.approx(np.mean(at_every_step["losses"]), abs=1e-4)


def test_the_same_case_gives_the_same_score_and_it_depends_on_every_setting():
    score = long_memory.score(CASE)
    assert long_memory.score(CASE) == score
    others = {"task": "adding", "T": 5, "arm": "tanh, identity", "hidden_size": 7, "steps": 26}
    others |= {"batch": 6, "max_norm": 0.2, "lr": 0.02, "seed": 2}
    for name, value in others.items():
        assert long_memory.score({**CASE, name: value}) != score


@pytest.mark.parametrize("cell", [linear_rnn, rnn, relu_rnn], ids=lambda cell: cell.__name__)
@pytest.mark.parametrize(
    ("task", "loss", "I", "K"),
    [(Copying(3), cross_entropy, 10, 10), (Adding(7), squared_error, 2, 1)],
    ids=["copying", "adding"],
)
def test_the_fast_pass_gives_the_loss_and_the_gradient_of_the_library(cell, task, loss, I, K, rng):
    params = deep.init(cell, I, 5, K, rng=rng)
    params = tree.map(lambda a: rng.normal(scale=0.4, size=a.shape), params)
    batch = task.draw(3, rng=rng)
    value, grads = long_memory.whole(cell, params, batch, loss)
    want, want_grads = deep.loss_and_grads(cell, params, *batch, loss)
    assert value == pytest.approx(want, rel=1e-12)
    assert_close(grads, want_grads)


@pytest.mark.parametrize("arm", long_memory.ARMS)
@pytest.mark.parametrize("task", [Copying(50), Adding(100)], ids=["copying", "adding"])
def test_an_arm_starts_with_its_matrix_and_with_the_answer_of_knowing_nothing(arm, task, rng):
    params = long_memory.initial(arm, task, 12, rng=rng)
    (layer,) = params.layers
    assert {leaf.dtype for _, leaf in tree.leaves(params)} == {np.dtype(np.float32)}
    if isinstance(task, Copying):
        p = np.exp(params.b_y)
        np.testing.assert_allclose(p[[0, 7, 8, 9]] * 70, [1.25, 1.25, 60, 1.25], rtol=1e-5)
    else:
        assert params.b_y == 1
    if arm == "lstm, chrono":
        b_i, b_f, b_g, b_o = np.split(layer.b, 4)
        assert np.array_equal(b_i, -b_f)
        assert not b_g.any()
        assert not b_o.any()
        assert b_f.min() >= 0
        assert b_f.max() <= np.log(99)
    elif arm.endswith("identity"):
        assert np.array_equal(layer.W_h, np.eye(12))
    else:
        np.testing.assert_allclose(layer.W_h @ layer.W_h.T, np.eye(12), rtol=0, atol=1e-5)


def test_arms_of_the_same_seed_differ_in_their_first_matrix_only():
    one, other = (
        long_memory.initial(f"linear, {start}", Copying(5), 6, rng=np.random.default_rng(3))
        for start in ["orthogonal", "identity"]
    )
    assert_equal(one._replace(layers=()), other._replace(layers=()))
    assert_equal(one.layers[0].W_x, other.layers[0].W_x)


def test_the_lstm_has_about_as_many_weights_as_the_others():
    for task in [Copying(50), Adding(100)]:
        sizes = [
            sum(
                leaf.size
                for _, leaf in tree.leaves(
                    long_memory.initial(arm, task, H, rng=np.random.default_rng(0))
                )
            )
            for arm, H in [("lstm, chrono", 19), ("tanh, identity", 40)]
        ]
        assert abs(sizes[0] / sizes[1] - 1) < 0.05


def test_tuning_comes_first_in_full_length_and_decides_the_rates():
    full = long_memory.FULL
    tuning = long_memory.cases(full, [])
    assert len(tuning) == 14 * 4 * 2
    assert {case["steps"] for case in tuning} == {600}
    for case in tuning:
        of_lstm = long_memory.ARMS[case["arm"]] is lstm
        assert case["lr"] in (full.lstm_rates if of_lstm else full.rates)
    assert len(full.rates) == len(full.lstm_rates)
    assert not set(full.seeds) & set(full.tuning_seeds)
    runs = [Run(case, {"loss": abs(case["lr"] - 3e-3)}, 0.0) for case in tuning]
    both = long_memory.cases(full, runs)
    assert both[: len(tuning)] == tuning
    test = both[len(tuning) :]
    assert len(test) == 140
    assert {case["lr"] for case in test} == {3e-3}
    assert {case["steps"] for case in test} == {600}
    sizes = {case["hidden_size"] for case in test if long_memory.ARMS[case["arm"]] is lstm}
    assert sizes == {19}
