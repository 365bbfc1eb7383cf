"""The experiment behind chapter 4, in a smaller version."""

import numpy as np
import pytest

from bptt import experiments, rnn
from bptt.experiments import runner, start

pytestmark = pytest.mark.experiments

SMALL = start.Settings(
    starts=("glorot", "he"),
    rates=(0.1, 0.2),
    seeds=(1, 2),
    T=4,
    steps=6,
    measured=(0, 3, 6),
    hidden_size=5,
    batch=7,
    max_norm=2.0,
)


@pytest.fixture(scope="module")
def reduced():
    return runner.run(start, start.REDUCED)


def test_the_reduced_run_shows_the_order_of_the_stored_result(reduced):
    stored = experiments.load("start")
    gains = {name: stored.scores("log_gain", start=name)[:, 0] for name in start.REDUCED.starts}
    assert gains["torch"].max() < gains["orthogonal"].min()
    assert gains["orthogonal"].max() < gains["std 1"].min()
    ours = {run.case["start"]: run.score for run in reduced}
    assert ours["torch"]["log_gain"][0] < -5
    assert -2 < ours["orthogonal"]["log_gain"][0] < 0
    assert ours["std 1"]["log_gain"][0] > 5
    assert ours["orthogonal"]["loss"] < 0.1 < ours["torch"]["loss"]
    solved = {name: (stored.scores("accuracy", start=name, lr=1e-2) > 0.99).sum() for name in gains}
    assert max(solved["torch"], solved["std 1"]) < solved["orthogonal"]


def test_every_start_is_run_with_every_rate_from_every_seed():
    cases = start.cases(SMALL, [])
    assert len(cases) == 8
    assert cases[0] == {
        "start": "glorot",
        "lr": 0.1,
        "seed": 1,
        "T": 4,
        "steps": 6,
        "measured": [0, 3, 6],
        "hidden_size": 5,
        "batch": 7,
        "max_norm": 2.0,
    }
    assert len({(case["start"], case["lr"], case["seed"]) for case in cases}) == 8
    assert len(start.cases(start.FULL, [])) == 240


def test_a_score_depends_on_every_setting_of_its_case():
    case = {"start": "he", "lr": 0.1, "seed": 1, "T": 4, "steps": 6, "measured": [0, 6]}
    case |= {"hidden_size": 5, "batch": 7, "max_norm": 0.1}
    others = {"start": "std 1", "lr": 0.2, "seed": 2, "T": 5, "steps": 7, "measured": [0, 3]}
    others |= {"hidden_size": 6, "batch": 8, "max_norm": 0.2}
    first = start.score(case)
    assert first == start.score(case)
    for name, value in others.items():
        assert start.score({**case, name: value}) != first


def test_a_run_is_measured_before_between_and_after_its_steps():
    case, *_ = start.cases(SMALL, [])
    score = start.score(case)
    assert set(score) == {"accuracy", "loss", "spread", "saturated", "log_gain"}
    for name in ("spread", "saturated", "log_gain"):
        assert len(score[name]) == 3
    assert len(set(score["log_gain"])) == 3  # the weights have moved
    only_first = start.score({**case, "measured": [0]})
    assert only_first["log_gain"] == score["log_gain"][:1]


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("torch", 1 / 3 / 300),
        ("glorot", 1 / 300),
        ("he", 2 / 300),
        ("std 1", 1),
        ("orthogonal", 1 / 300),
        ("identity", 1 / 300 - 1 / 300**2),
    ],
)
def test_a_start_has_the_variance_of_its_name(name, variance):
    W_h = start.STARTS[name](300, np.random.default_rng(0))
    assert W_h.shape == (300, 300)
    assert W_h.var() == pytest.approx(variance, rel=0.03)


def test_the_measurement_of_one_linear_step_is_what_it_says():
    # Tiny inputs, so that tanh is the identity: h_1 = 1e-3 x and dh_0 = dh_1 W_h^T.
    params = rnn.Params(np.array([[1e-3]]), np.array([[10.0]]), np.zeros(1))
    xs = np.array([[[3.0], [4.0]]])  # one step, two sequences
    spread, saturated, log_gain = start.measure(params, xs, seed=0)
    assert spread == pytest.approx(1e-3 * np.sqrt(12.5), abs=1e-4)
    assert saturated == 0
    assert log_gain == pytest.approx(1, abs=1e-3)


def test_saturation_counts_both_signs_at_the_last_step():
    params = rnn.Params(np.array([[1.0]]), np.zeros((1, 1)), np.zeros(1))
    ends = [[5.0], [-5.0], [np.arctanh(0.96)], [np.arctanh(0.98)]]
    xs = np.array([[[0.0]] * 4, ends])
    _, saturated, log_gain = start.measure(params, xs, seed=0)
    assert saturated == 0.75
    assert log_gain == -300  # nothing comes back through W_h = 0
