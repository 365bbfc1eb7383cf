import numpy as np
import pytest

from bptt import experiments, lstm
from bptt.experiments import latch, latch_weights, runner

pytestmark = pytest.mark.experiments


def held(accuracies):
    return int((np.array(accuracies) > 0.995).sum())


def test_the_reduced_run_shows_the_order_of_the_stored_result():
    runs = runner.run(latch_weights, latch_weights.REDUCED)
    accuracy = {run.case["start"]: run.score["accuracy"] for run in runs}
    assert accuracy["bias 3"] > 0.995
    assert accuracy["as drawn"] < 0.6
    stored = experiments.load("latch_weights")
    counts = {
        start: held([stored.scores("accuracy", start=start, seed=seed) for seed in range(10)])
        for start in latch_weights.REDUCED.starts
    }
    assert counts["as drawn"] < counts["bias 3"]


def test_cases_and_rates_are_those_of_latch_with_other_starts():
    full = latch_weights.FULL
    cases = latch_weights.cases(full, [])
    assert cases == latch.cases(full, [])
    assert {case["start"] for case in cases} == set(latch_weights.STARTS)
    assert {case["T"] for case in cases} == {50}
    assert full.rates == latch.FULL.rates
    assert full.steps == latch.FULL.steps


def test_every_weight_and_both_biases_are_uniform_up_to_one_over_the_root_of_h():
    H = 16
    cells = [
        latch_weights.initial("as drawn", 50, H, rng=np.random.default_rng(seed)).cell
        for seed in range(200)
    ]
    for name, limit in [("W_x", 1), ("W_h", 1), ("b", 2)]:  # two biases are added
        values = np.concatenate([getattr(cell, name).ravel() for cell in cells])
        assert 0.9 * limit < np.abs(values).max() * np.sqrt(H) <= limit
        assert abs(values.mean()) * np.sqrt(H) < 0.05
        assert values.var() * H == pytest.approx(limit / 3, rel=0.05)  # 1/3 for each uniform


@pytest.mark.parametrize("bias", [1, 3])
def test_a_bias_replaces_the_forget_block_and_nothing_else(bias):
    drawn, given = (
        latch_weights.initial(start, 50, 16, rng=np.random.default_rng(0))
        for start in ("as drawn", f"bias {bias}")
    )
    b_i, b_f, b_g, b_o = np.split(given.cell.b, 4)
    assert b_f.tolist() == [bias] * 16
    wanted_i, _, wanted_g, wanted_o = np.split(drawn.cell.b, 4)
    assert np.array_equal(b_i, wanted_i)
    assert np.array_equal(b_g, wanted_g)
    assert np.array_equal(b_o, wanted_o)
    assert np.array_equal(given.cell.W_x, drawn.cell.W_x)
    assert np.array_equal(given.cell.W_h, drawn.cell.W_h)
    assert np.array_equal(given.W_y, drawn.W_y)


def test_chrono_sets_the_forget_biases_and_mirrors_the_input_biases():
    drawn, given = (
        latch_weights.initial(start, 50, 1000, rng=np.random.default_rng(0))
        for start in ("as drawn", "chrono")
    )
    b_i, b_f, b_g, b_o = np.split(given.cell.b, 4)
    assert np.array_equal(b_i, -b_f)
    assert 1 <= np.exp(b_f).min() < 1.5
    assert 48.5 < np.exp(b_f).max() <= 49
    assert np.array_equal(np.concatenate([b_g, b_o]), drawn.cell.b[2000:])


def test_a_start_is_an_lstm_for_one_input_and_two_classes():
    params = latch_weights.initial("as drawn", 50, 16, rng=np.random.default_rng(0))
    assert isinstance(params.cell, lstm.Params)
    assert params.cell.W_x.shape == (1, 64)
    assert params.cell.W_h.shape == (16, 64)
    assert params.W_y.shape == (16, 2)


def test_a_score_belongs_to_its_start_and_its_seed():
    (case, *_) = latch_weights.cases(latch_weights.FULL, [])
    case |= {"T": 4, "steps": 25, "hidden_size": 5, "batch": 6}
    assert latch_weights.score(case) == latch_weights.score(case)
    for name, value in [("start", "bias 3"), ("seed", 9), ("lr", 0.1), ("T", 5)]:
        assert latch_weights.score(case) != latch_weights.score({**case, name: value})
