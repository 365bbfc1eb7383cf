import dataclasses

import numpy as np
import pytest

from bptt import experiments, lstm, rnn
from bptt.experiments import latch, runner
from bptt.records.results import Run

pytestmark = pytest.mark.experiments

SMALL = latch.Settings(
    starts=("tanh", "lstm, chrono"),
    lengths=(3, 4),
    rates=(0.1, 0.2, 0.3),
    tuning_seeds=(7, 8),
    seeds=(1, 2),
    steps=25,
    hidden_size=5,
    batch=6,
    max_norm=2.0,
)


@pytest.fixture(scope="module")
def reduced():
    return runner.run(latch, latch.REDUCED)


def best_rate(settings, runs, start, T):
    """Return the rate of the runs on the test seeds."""
    test = [case for case in latch.cases(settings, runs) if case["seed"] in settings.seeds]
    (rate,) = {case["lr"] for case in test if (case["start"], case["T"]) == (start, T)}
    return rate


def made_up(settings, losses):
    """Runs on the tuning seeds, with a final loss for each learning rate, the same in each cell."""
    return [Run(case, {"loss": losses[case["lr"]]}, 0.0) for case in latch.cases(settings, [])]


def test_the_reduced_run_shows_the_order_of_the_stored_result(reduced):
    accuracy = {(run.case["start"], run.case["seed"]): run.score["accuracy"] for run in reduced}
    for seed in latch.REDUCED.seeds:
        assert accuracy["lstm, chrono", seed] > 0.995
        assert accuracy["lstm, bias 0", seed] < 0.6
    stored = experiments.load("latch")
    solved = {
        start: sum(
            (stored.scores("accuracy", start=start, T=50, seed=seed) > 0.995).sum()
            for seed in latch.FULL.seeds
        )
        for start in latch.REDUCED.starts
    }
    assert solved["lstm, bias 0"] < solved["lstm, chrono"]


def test_a_score_holds_the_accuracy_the_final_loss_and_a_curve_of_twenty_points(reduced):
    for run in reduced:
        assert set(run.score) == {"accuracy", "loss", "losses"}
        assert run.score["accuracy"] * 20 * 32 % 1 == 0  # a share of 640 sequences
        assert len(run.score["losses"]) == 20
    untrained, trained = reduced[0].score, reduced[-1].score
    assert abs(untrained["losses"][0] - np.log(2)) < 0.05
    assert trained["losses"][-1] < trained["losses"][0] / 10


def test_the_final_loss_is_the_mean_over_the_last_twenty_batches():
    (case, *_) = latch.cases(SMALL, [])
    at_every_step = latch.score({**case, "steps": 20})  # one loss for each point of the curve
    assert at_every_step["loss"] == pytest.approx(np.mean(at_every_step["losses"]), abs=1e-4)
    longer = latch.score({**case, "steps": 40})  # the mean of two for each point
    assert longer["loss"] == pytest.approx(np.mean(longer["losses"][10:]), abs=1e-4)
    assert longer["loss"] != pytest.approx(np.mean(longer["losses"][:10]), abs=1e-4)


def test_the_same_case_gives_the_same_score_and_another_seed_another():
    (case, *_) = latch.cases(SMALL, [])
    assert latch.score(case) == latch.score(case)
    assert latch.score(case) != latch.score({**case, "seed": 9})


def test_a_score_depends_on_every_setting_of_its_case():
    case = {"start": "lstm, chrono", "T": 4, "lr": 0.1, "seed": 1}
    case |= {"steps": 25, "hidden_size": 5, "batch": 6, "max_norm": 0.1}
    others = {"start": "lstm, bias 3", "T": 5, "lr": 0.2, "seed": 2}
    others |= {"steps": 26, "hidden_size": 6, "batch": 7, "max_norm": 0.2}
    for name, value in others.items():
        assert latch.score(case) != latch.score({**case, name: value})


def test_the_first_round_is_every_rate_on_the_tuning_seeds():
    cases = latch.cases(SMALL, [])
    assert len(cases) == 2 * 2 * 3 * 2
    assert {case["seed"] for case in cases} == {7, 8}
    assert cases[0] == {
        "start": "tanh",
        "T": 3,
        "lr": 0.1,
        "seed": 7,
        "steps": 25,
        "hidden_size": 5,
        "batch": 6,
        "max_norm": 2.0,
    }
    assert len({tuple(case.values()) for case in cases}) == len(cases)


def test_the_second_round_begins_when_the_first_is_complete():
    runs = made_up(SMALL, {0.1: 0.5, 0.2: 0.4, 0.3: 0.6})
    tuning = latch.cases(SMALL, [])
    assert latch.cases(SMALL, runs[:-1]) == tuning
    assert latch.cases(SMALL, runs[1:]) == tuning
    both = latch.cases(SMALL, runs)
    assert both[: len(tuning)] == tuning
    test = both[len(tuning) :]
    assert [(case["start"], case["T"], case["seed"]) for case in test] == [
        (start, T, seed) for start in SMALL.starts for T in SMALL.lengths for seed in SMALL.seeds
    ]
    assert {case["lr"] for case in test} == {0.2}
    for case in test:
        shared = ("steps", "hidden_size", "batch", "max_norm")
        assert [case[name] for name in shared] == [25, 5, 6, 2.0]


def test_the_full_experiment_has_180_tuning_runs_and_150_others():
    tuning = latch.cases(latch.FULL, [])
    runs = [Run(case, {"loss": case["lr"]}, 0.0) for case in tuning]
    assert len(tuning) == 180
    assert len(latch.cases(latch.FULL, runs)) == 330
    assert not set(latch.FULL.seeds) & set(latch.FULL.tuning_seeds)


def test_the_best_rate_has_the_lowest_mean_loss_of_its_own_cell():
    losses = {
        ("tanh", 3): {0.1: (0.5, 0.5), 0.2: (0.1, 0.8), 0.3: (0.9, 0.9)},  # lowest mean: .45
        ("tanh", 4): {0.1: (0.5, 0.5), 0.2: (0.6, 0.6), 0.3: (0.4, 0.4)},
        ("lstm, chrono", 3): {0.1: (0.1, 0.1), 0.2: (0.2, 0.2), 0.3: (0.3, 0.3)},
        ("lstm, chrono", 4): {0.1: (0.5, 0.5), 0.2: (0.4, 0.6), 0.3: (0.6, 0.4)},  # all the same
    }
    runs = [
        Run(case, {"loss": losses[case["start"], case["T"]][case["lr"]][case["seed"] - 7]}, 0.0)
        for case in latch.cases(SMALL, [])
    ]
    assert best_rate(SMALL, runs, "tanh", 3) == 0.2
    assert best_rate(SMALL, runs, "tanh", 4) == 0.3
    assert best_rate(SMALL, runs, "lstm, chrono", 3) == 0.1
    assert best_rate(SMALL, runs, "lstm, chrono", 4) == 0.1  # the smaller of equal ones


def test_the_test_seeds_have_no_say_in_the_rate():
    runs = made_up(SMALL, {0.1: 0.5, 0.2: 0.4, 0.3: 0.6})
    for lr in SMALL.rates:  # they would prefer 0.3
        case = {**runs[0].case, "lr": lr, "seed": 1}
        runs.append(Run(case, {"loss": 0.0 if lr == 0.3 else 100.0}, 0.0))
    assert best_rate(SMALL, runs, "tanh", 3) == 0.2


def test_without_tuning_seeds_the_first_rate_is_taken():
    settings = dataclasses.replace(SMALL, tuning_seeds=())
    assert best_rate(settings, [], "tanh", 3) == 0.1
    assert [case["lr"] for case in latch.cases(settings, [])] == [0.1] * 8


@pytest.mark.parametrize("start", latch.STARTS)
def test_a_start_is_a_model_of_its_cell_for_one_input_and_two_classes(start):
    params = latch.initial(start, 50, 16, rng=np.random.default_rng(0))
    cell = {"tanh": rnn}.get(start, lstm)
    assert latch.STARTS[start] is cell
    assert isinstance(params.cell, cell.Params)
    assert len(params.cell.W_x) == 1
    assert params.W_y.shape == (16, 2)


@pytest.mark.parametrize("bias", [0, 1, 3])
def test_a_forget_bias_is_in_the_forget_block_and_the_other_biases_are_zero(bias):
    params = latch.initial(f"lstm, bias {bias}", 50, 16, rng=np.random.default_rng(0))
    assert params.cell.b.tolist() == [0] * 16 + [bias] * 16 + [0] * 32


def test_the_tanh_cell_starts_with_a_bias_of_zero():
    params = latch.initial("tanh", 50, 16, rng=np.random.default_rng(0))
    assert not params.cell.b.any()


def test_chrono_spreads_the_forget_biases_up_to_the_length_and_mirrors_the_input_biases():
    params = latch.initial("lstm, chrono", 50, 1000, rng=np.random.default_rng(0))
    b_i, b_f, b_g, b_o = np.split(params.cell.b, 4)
    assert np.array_equal(b_i, -b_f)
    assert not b_g.any()
    assert not b_o.any()
    u = np.exp(b_f)  # uniform between 1 and T - 1 = 49
    assert 1 <= u.min() < 1.5
    assert 48.5 < u.max() <= 49
    assert abs(u.mean() - 25) < 2


def test_starts_of_the_same_seed_differ_in_their_biases_only():
    draws = [
        latch.initial(start, 50, 16, rng=np.random.default_rng(3))
        for start in latch.STARTS
        if start != "tanh"
    ]
    for params in draws[1:]:
        assert np.array_equal(params.cell.W_x, draws[0].cell.W_x)
        assert np.array_equal(params.cell.W_h, draws[0].cell.W_h)
        assert np.array_equal(params.W_y, draws[0].W_y)
        assert not np.array_equal(params.cell.b, draws[0].cell.b)
