import numpy as np
import pytest

from bptt import experiments
from bptt.experiments import recall, recall_tables, runner
from bptt.records.results import Result, Run

pytestmark = pytest.mark.experiments

SMALL = recall.Settings(
    sizes=(8,),
    kinds=("overwritten", "correlated", "noisy", "any length"),
    kinds_at=8,
    counts=(3, 5),
    shares=(1.0, 0.5),
    lives=(0.5,),
    words=20,
    tuning_seeds=(7,),
    seeds=(1, 2),
)


@pytest.fixture(scope="module")
def reduced():
    runs = runner.run(recall, recall.REDUCED)
    return Result(runner._settings(recall.REDUCED), tuple(runs), {})


def case_of(kind, **changed):
    (case, *_) = [case for case in recall.cases(SMALL, []) if case["kind"] == kind]
    return {**case, **changed}


def test_the_reduced_run_shows_the_order_of_the_stored_result(reduced):
    unique = recall_tables.by_rule(reduced, "unique", 32)
    at_64 = reduced.settings["counts"].index(64)
    assert (unique["sum"] > unique["delta"])[:, at_64].all()
    again = recall_tables.by_rule(reduced, "overwritten", 16)
    assert again["delta"][:, 0].mean() > again["sum"][:, 0].mean()
    stored = experiments.load("recall")
    counts, H = stored.settings["counts"], stored.settings["kinds_at"]
    there = recall_tables.by_rule(stored, "unique", H)
    assert (there["sum"] > there["delta"])[:, counts.index(128)].all()
    there = recall_tables.by_rule(stored, "overwritten", H)
    assert (there["sum"] < there["delta"])[:, counts.index(64)].all()


def test_all_scores_are_shares_for_each_number_of_keys(reduced):
    for run in reduced.runs:
        assert set(run.score) == {
            *("sum", "decay", "delta", "least squares", "attention", "attention, latest"),
            *("cache", "permuted"),
        }
        for name, shares in run.score.items():
            options = {"decay": (2,), "delta": (2,)}.get(name, ())
            assert np.shape(shares) == (3, *options)
            assert 0 <= np.min(shares) <= np.max(shares) <= 1


def test_the_same_case_gives_the_same_score_and_another_seed_another():
    case = case_of("unique", counts=[20])
    assert recall.score(case) == recall.score(case)
    assert recall.score(case) != recall.score({**case, "seed": 9})


def test_there_is_a_draw_for_each_kind_and_seed():
    cases = recall.cases(SMALL, [])
    assert [(case["kind"], case["seed"]) for case in cases] == [
        (kind, seed) for kind in ("unique", *SMALL.kinds) for seed in (7, 1, 2)
    ]
    assert not set(recall.FULL.seeds) & set(recall.FULL.tuning_seeds)
    assert len(recall.cases(recall.FULL, [])) == 7 * 25


def test_unique_keys_are_of_length_one_and_each_has_the_word_it_is_asked_for(rng):
    drawn = recall.draw(case_of("unique"), 30, rng=rng)
    assert np.allclose(np.linalg.norm(drawn["k"], axis=1), 1)
    assert np.allclose(np.linalg.norm(drawn["words"], axis=1), 1)
    assert drawn["q"] is drawn["k"] or np.array_equal(drawn["q"], drawn["k"])
    assert np.array_equal(drawn["word"], drawn["answer"])


def test_overwritten_keys_get_another_word_first_and_the_right_one_last(rng):
    drawn = recall.draw(case_of("overwritten"), 30, rng=rng)
    assert drawn["k"].shape == (60, 8)
    for key, answer in zip(drawn["q"], drawn["answer"], strict=True):
        first, last = np.flatnonzero((drawn["k"] == key).all(axis=1))
        assert first < 30 <= last
        assert drawn["word"][last] == answer != drawn["word"][first]


def test_correlated_keys_have_the_cosine_asked_for(rng):
    drawn = recall.draw(case_of("correlated", H=400), 40, rng=rng)
    cosines = (drawn["k"] @ drawn["k"].T)[np.triu_indices(40, 1)]
    assert np.allclose(np.linalg.norm(drawn["k"], axis=1), 1)
    assert abs(cosines.mean() - 0.5) < 0.05
    assert cosines.std() < 0.05


def test_noisy_queries_are_half_a_random_row_away(rng):
    drawn = recall.draw(case_of("noisy"), 30, rng=rng)
    assert np.allclose(np.linalg.norm(drawn["q"] - drawn["k"], axis=1), 0.5)


def test_lengths_spread_where_they_may(rng):
    drawn = recall.draw(case_of("any length"), 2000, rng=rng)
    logarithms = np.log(np.linalg.norm(drawn["k"], axis=1))
    assert abs(logarithms.mean()) < 0.06
    assert abs(logarithms.std() - 0.5) < 0.05


def test_a_few_keys_are_recalled_by_every_rule_and_chance_by_none(rng):
    case = case_of("unique", H=64)
    found = recall.recalled(recall.draw(case, 5, rng=rng), case)
    assert found.pop("permuted") <= 0.4
    assert all(np.min(share) == 1 for share in found.values())


def test_the_cache_recalls_as_many_pairs_as_fit(rng):
    case = case_of("unique", H=16)
    found = recall.recalled(recall.draw({**case, "words": 1000}, 80, rng=rng), case)
    assert abs(found["cache"] - 8 / 80) < 0.04


def test_writing_in_pieces_is_writing_at_once(rng):
    k, v = rng.normal(size=(2, 2 * recall.CHUNK + 5, 4)) / 2
    S = np.zeros((4, 4))
    for key, value in zip(k, v, strict=True):
        S += 0.5 * np.outer(key, value - key @ S)
    assert np.allclose(recall.written(k, v, [1.0, 0.5])[1], S)


@pytest.mark.parametrize(("n", "wide"), [(20, 32), (60, 32), (150, 48)])
def test_the_theory_is_what_many_draws_give(n, wide, rng):
    case = case_of("unique", H=wide, words=256)
    found = [recall.recalled(recall.draw(case, n, rng=rng), case) for _ in range(25)]
    by_sum = np.mean([one["sum"] for one in found])
    by_delta = np.mean([one["delta"][0] for one in found])
    assert abs(by_sum - recall_tables.predicted_sum(n, wide, 256)) < 0.06
    assert abs(by_delta - recall_tables.predicted_delta(n, wide, 256).mean()) < 0.09


def test_without_noise_everything_is_right_and_without_signal_nothing():
    assert recall_tables.share_right(1.0, 0.0, 10**6, 100) > 0.999
    assert abs(recall_tables.share_right(0.0, 1.0, 64, 100) - 0.01) < 2e-3


def test_what_is_chosen_is_best_on_the_other_draws():
    def run(seed, delta, decay, added):
        score = {name: [0.5] for name in ("least squares", "attention", "attention, latest")}
        score |= {"cache": [0.1], "permuted": [0.0], "sum": [added]}
        return Run(
            {"kind": "unique", "H": 8, "seed": seed},
            score | {"delta": [delta], "decay": [decay]},
            0,
        )

    runs = (run(7, [0.1, 0.9], [0.4], 0.6), run(1, [0.8, 0.2], [0.7], 0.3))
    result = Result({"seeds": [1], "tuning_seeds": [7]}, runs, {})
    found = recall_tables.by_rule(result, "unique", 8)
    assert found["delta"].tolist() == [[0.8]]
    assert found["delta, chosen"].tolist() == [[0.2]]
    assert found["decay, chosen"].tolist() == [[0.3]]  # the sum, as no decay was better
    assert found["sum"].tolist() == [[0.3]]


def test_the_capacity_lies_where_the_share_falls_below():
    shares = np.array([[1.0, 0.95, 0.85], [1.0, 1.0, 1.0], [0.5, 1.0, 1.0]])
    found = recall_tables.capacity(shares, [10, 20, 40])
    assert found[0] == pytest.approx(20 * 2**0.5)
    assert found[1:].tolist() == [np.inf, 0]
