import numpy as np
import pytest

from bptt import experiments, lstm, tree, unroll
from bptt import online as library
from bptt.experiments import online, runner

pytestmark = pytest.mark.experiments


@pytest.fixture(scope="module")
def reduced():
    return runner.run(online, online.REDUCED)


def test_the_reduced_run_shows_the_order_of_the_stored_result(reduced):
    stored = experiments.load("online").runs
    for runs in (reduced, stored):
        for run in runs:
            assert run.score["rtrl"] <= 1e-12
        for loss in online.LOSSES:
            once = {
                network: np.median(
                    [
                        [run.score[f"uoro {loss}"][2], run.score[f"truncated {loss}"][1][1]]
                        for run in runs
                        if run.case["network"] == network
                    ],
                    axis=0,
                )
                for network in ("short", "long")
            }
            assert (once["long"] > once["short"]).all()  # noise and bias grow with the memory
            assert all(uoro > cut for uoro, cut in once.values())


def test_averaging_divides_the_error(reduced):
    for run in reduced:
        for loss in online.LOSSES:
            one, ten, hundred = run.score[f"averaged {loss}"]
            assert 5 < one / ten < 20
            assert 30 < one / hundred < 300
            mean, sd, null = run.score[f"position {loss}"][0]
            assert abs(mean - 1) < 5 * sd / np.sqrt(run.case["draws"])
            assert abs(null - 1) < 5 * sd / np.sqrt(run.case["draws"])


def test_the_draws_are_estimates_of_the_library():
    rng = np.random.default_rng(0)
    params = lstm.init(2, 3, rng=rng)
    xs, dhs = rng.normal(size=(5, 1, 2)), rng.normal(size=(5, 1, 3))
    _, _, tape = unroll.forward(lstm, params, xs)
    both = online.draws(
        params, tape.steps, {"one": dhs, "two": 2 * dhs}, 1, rng=np.random.default_rng(1)
    )
    signs = np.random.default_rng(1).choice([-1.0, 1.0], size=(5, 1, 6))
    want, _ = tree.ravel(library.rank_one(lstm, params, xs, dhs, signs))
    np.testing.assert_allclose(both["one"][0], want, rtol=1e-9)
    np.testing.assert_allclose(both["two"][0], 2 * want, rtol=1e-9)


def test_every_seed_has_both_networks():
    cases = online.cases(online.FULL, [])
    assert len(cases) == 2 * 20
    assert {case["network"] for case in cases} == set(online.NETWORKS)
