"""The experiment behind chapter 22, in a smaller version."""

import numpy as np
import pytest

from bptt import deep, experiments, gru, lstm, probe, rnn, tree
from bptt.experiments import flip_flop, runner
from bptt.records.results import Run

pytestmark = pytest.mark.experiments

TANH = flip_flop.ARMS["tanh"]
CASE = {"arm": "tanh", "T": 5, "pulses": 0.2, "steps": 3, "batch": 6, "max_norm": 1.0, "lr": 0.1}
CASE |= {"starts": 200, "noise": 0.3, "settle": 200, "run": 20, "back": 10}

# Three units that do not meet, each with two valleys.
CUBE = deep.Params((rnn.Params(2 * np.eye(3), 2 * np.eye(3), np.zeros(3)),), np.eye(3), np.zeros(3))


@pytest.fixture(scope="module")
def reduced():
    return runner.run(flip_flop, flip_flop.REDUCED)


def test_the_reduced_run_shows_the_order_of_the_stored_result(reduced):
    for run in reduced:
        assert run.score["right"] > 0.95
        assert run.score["trained_memories"] == run.score["trained_patterns"] == 8
        assert run.score["trained_edges"] > 8
        for name in ("untrained", "rescaled", "turned"):
            assert run.score[f"{name}_edges"] < 8
        fades = {name: run.score[f"{name}_fades"] for name in ("trained", "untrained")}
        assert fades["trained"][-1] < fades["untrained"][-1] < 0
        assert all(path[0] == 0 for path in fades.values())
    stored = experiments.load("flip_flop")
    for seed in flip_flop.FULL.seeds:
        ((kept, drawn),) = np.stack(
            [
                stored.scores(f"{name}_patterns", arm="tanh", seed=seed)
                for name in ("trained", "untrained")
            ],
            axis=1,
        )
        assert kept == 8 > drawn


def test_the_exponent_tells_the_slope_of_the_gradient(reduced):
    for run in reduced:
        for name in ("trained", "untrained"):
            fades = run.score[f"{name}_fades"]
            slope = (fades[-1] - fades[10]) / (len(fades) - 11)
            assert run.score[f"{name}_exponents"][0] == pytest.approx(slope, abs=0.1)
            assert (np.diff(run.score[f"{name}_exponents"]) <= 0).all()


def test_the_cube_built_by_hand_has_its_portrait():
    found = flip_flop.portrait(TANH, CUBE, CASE, rng=np.random.default_rng(0))
    assert np.bincount(found["unstable"]).tolist() == [8, 12, 6, 1]
    assert found["memories"] == found["patterns"] == 8
    assert found["passes"] == found["edges"] == 12
    assert found["apart"] == [1] * 12
    assert found["in_place"] == 27
    assert found["degree"] == 1
    assert found["settled"] == 1
    assert found["failed"] == 0
    assert found["slowest"] == pytest.approx(np.log(2 * (1 - 0.9575040240772687**2)))
    assert len(found["uniform"]) == 27
    assert max(found["uniform"]) < 200


def test_a_network_with_one_fixed_point_has_no_pass():
    weak = CUBE._replace(layers=(CUBE.layers[0]._replace(W_h=0.5 * np.eye(3)),))
    found = flip_flop.portrait(TANH, weak, CASE, rng=np.random.default_rng(0))
    assert found["unstable"] == [0]
    assert found["memories"] == found["patterns"] == found["degree"] == 1
    assert found["passes"] == found["edges"] == 0
    turning = CUBE._replace(layers=(CUBE.layers[0]._replace(W_h=-2 * np.eye(3)),))
    found = flip_flop.portrait(TANH, turning, CASE, rng=np.random.default_rng(0))
    assert (found["memories"], found["patterns"], found["settled"]) == (0, 0, 0)
    assert found["degree"] == 1  # eigenvalues below -1 do not count


def test_the_gradients_of_units_at_rest_fade_by_their_slope():
    case = CASE | {"pulses": 0.0, "run": 40, "back": 20}
    found = flip_flop.gradients(TANH, CUBE, case, rng=np.random.default_rng(0))
    slope = np.log(2 * (1 - 0.9575040240772687**2))
    assert found["exponents"] == pytest.approx([slope] * 3, abs=1e-4)
    assert np.diff(found["fades"]) == pytest.approx([slope] * 20, abs=1e-3)
    assert found["radius"] == found["stretch"] == pytest.approx(np.log(2))
    assert found["each_radius"] == pytest.approx(slope, abs=1e-4)


@pytest.mark.parametrize(("cell", "H"), [(rnn, 5), (gru, 4), (lstm, 3)])
def test_the_other_networks_have_the_spectra_that_they_are_named_for(cell, H):
    rng = np.random.default_rng(0)
    drawn = deep.init(cell, 3, H, 3, rng=rng)
    learned = tree.map(lambda a: rng.normal(size=a.shape), drawn)
    trained, untrained, rescaled, turned = flip_flop.others(drawn, learned, rng=rng)
    assert trained is learned
    assert untrained is drawn
    parts = [
        np.split(network.layers[0].W_h, network.layers[0].W_h.shape[1] // H, axis=1)
        for network in (learned, rescaled, turned, drawn)
    ]
    for want, scaled, same, first in zip(*parts, strict=True):
        radius = probe.spectral_radius(want)
        assert probe.spectral_radius(scaled) == pytest.approx(radius)
        assert np.allclose(scaled / first, (scaled / first)[0, 0])
        assert np.allclose(np.sort(np.linalg.eigvals(same)), np.sort(np.linalg.eigvals(want)))
        values = [np.linalg.svd(W, compute_uv=False) for W in (same, want)]
        assert np.allclose(*values)
        assert not np.allclose(same, want)
    assert np.array_equal(turned.W_y, learned.W_y)
    assert np.array_equal(turned.layers[0].W_x, learned.layers[0].W_x)
    biases = [np.linalg.norm(network.layers[0].b) for network in (turned, learned)]
    assert biases[0] == pytest.approx(biases[1])


def test_all_arms_have_about_as_many_weights():
    rng = np.random.default_rng(0)
    sizes = [
        tree.ravel(deep.init(arm.cell, 3, arm.hidden_size, 3, rng=rng))[0].size
        for arm in flip_flop.ARMS.values()
    ]
    assert max(sizes) < 1.08 * min(sizes)


def test_the_tuning_runs_come_first_and_do_not_search():
    tuning = flip_flop.cases(flip_flop.FULL, [])
    assert len(tuning) == 3 * 3
    assert not {case["seed"] for case in tuning} & set(flip_flop.FULL.seeds)
    assert {case["starts"] for case in tuning} == {0}
    losses = {3e-3: 0.5, 1e-2: 0.1, 3e-2: 0.3}
    runs = [Run(case, {"loss": losses[case["lr"]]}, 0.0) for case in tuning]
    test = flip_flop.cases(flip_flop.FULL, runs)[len(tuning) :]
    assert len(test) == 3 * 10
    assert {(case["lr"], case["starts"]) for case in test} == {(1e-2, 1000)}


def test_the_same_case_gives_the_same_score_and_another_seed_another():
    case = CASE | {"starts": 20, "settle": 5}
    once = flip_flop.score({**case, "seed": 1})
    assert once == flip_flop.score({**case, "seed": 1})
    assert once != flip_flop.score({**case, "seed": 2})
    for name, value in {"lr": 0.2, "steps": 4, "batch": 7, "max_norm": 0.01}.items():
        assert once != flip_flop.score({**case, "seed": 1, name: value})
    assert set(flip_flop.score({**case, "seed": 1, "starts": 0})) == {
        *("loss", "losses", "right", "held")
    }
