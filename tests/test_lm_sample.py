"""Drawing characters: the distribution, and the text that it gives."""

from itertools import islice

import numpy as np
import pytest
from helpers import assert_close

from bptt import lstm, tree
from bptt.lm import sample
from bptt.lm.network import forward, init
from bptt.shapes import ShapeError

K, D, WIDTHS = 7, 4, (5, 3)
Y = np.array([0.3, -1.0, 2.0, 0.5, -0.2, 1.1, -3.0])


@pytest.fixture(params=[False, True], ids=["untied", "tied"])
def params(request, cell):
    rng = np.random.default_rng(0)
    widths = (5, D) if request.param else WIDTHS
    first = init(cell, K, D, widths, tied=request.param, rng=rng)
    return tree.map(lambda a: rng.normal(scale=0.7, size=a.shape), first)


def wrote(cell, params, prompt, N, seed=0, **dials):
    drawn = sample.generate(cell, params, prompt, rng=np.random.default_rng(seed), **dials)
    return list(islice(drawn, N))


@pytest.mark.parametrize("tau", [0.1, 0.5, 1, 3.0])
def test_the_probabilities_are_those_of_the_logits_over_the_temperature(tau):
    want = np.exp(Y / tau) / np.exp(Y / tau).sum()
    assert_close(sample.probabilities(Y, tau), want)


def test_the_temperature_is_1_and_nothing_is_cut_unless_asked():
    assert_close(sample.probabilities(Y), np.exp(Y) / np.exp(Y).sum())


def test_at_temperature_0_the_most_likely_is_certain_and_the_first_of_those_that_tie():
    assert sample.probabilities(Y, 0).tolist() == [0, 0, 1, 0, 0, 0, 0]
    assert sample.probabilities([1.0, 5.0, 5.0, 5.0], 0).tolist() == [0, 1, 0, 0]
    assert sample.probabilities([-9.0], 0).tolist() == [1]


def test_temperature_0_is_the_limit_of_small_ones():
    assert np.array_equal(sample.probabilities(Y, 1e-3), sample.probabilities(Y, 0))
    with np.errstate(all="raise"):
        assert np.array_equal(sample.probabilities(Y, 1e-320), sample.probabilities(Y, 0))


def test_a_high_temperature_makes_all_alike():
    assert np.allclose(sample.probabilities(Y, 1e9), 1 / K, rtol=1e-6)


@pytest.mark.parametrize("tau", [0.5, 1, 2.5])
@pytest.mark.parametrize("k", range(1, K + 3))
def test_top_k_keeps_the_k_most_likely_in_their_proportions(tau, k):
    p, whole = sample.probabilities(Y, tau, k), sample.probabilities(Y, tau)
    kept = np.argsort(-Y)[:k]
    assert np.count_nonzero(p) == min(k, K)
    assert p.sum() == pytest.approx(1, rel=1e-14)
    assert_close(p[kept], whole[kept] / whole[kept].sum())


def test_of_characters_that_tie_top_k_keeps_those_that_come_first():
    logits = np.random.default_rng(0).integers(3, size=65).astype(float)
    twos, ones = np.flatnonzero(logits == 2), np.flatnonzero(logits == 1)
    p = sample.probabilities(logits, 1, len(twos) + 2)
    assert np.flatnonzero(p).tolist() == sorted([*twos, *ones[:2]])


def test_top_1_is_greedy_at_any_temperature():
    for tau in (0, 0.3, 1, 10):
        assert np.array_equal(sample.probabilities(Y, tau, 1), sample.probabilities(Y, 0))
    assert np.array_equal(sample.probabilities(Y, 0, 3), sample.probabilities(Y, 0))


def test_huge_logits_are_no_trouble():
    for tau in (0.01, 1, 100):
        p = sample.probabilities(np.array([1e308, -1e308, 1e308]), tau)
        assert p.tolist() == [0.5, 0, 0.5]


def test_the_logits_stay_as_they_are_and_the_probabilities_are_float64():
    logits = Y.copy()
    sample.probabilities(logits, 0.5, 2)
    assert np.array_equal(logits, Y)
    assert sample.probabilities(Y.astype(np.float32)).dtype == np.float64


@pytest.mark.parametrize("tau", [-1e-9, -1, np.inf, np.nan])
def test_a_temperature_that_is_none_is_a_value_error(tau):
    with pytest.raises(
        ValueError, match=f"^lm.probabilities: temperature must be 0 or more, got {tau}"
    ):
        sample.probabilities(Y, tau)


@pytest.mark.parametrize("k", [0, -2])
def test_a_top_k_of_none_is_a_value_error(k):
    with pytest.raises(ValueError, match=f"^lm.probabilities: top_k must be at least 1, got {k}$"):
        sample.probabilities(Y, 1, k)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_logits_that_are_not_finite_are_a_value_error(bad):
    with pytest.raises(ValueError, match=r"^lm.probabilities: logits must be finite numbers"):
        sample.probabilities([0.0, bad, 1.0])


@pytest.mark.parametrize("shape", [(0,), (2, 3), ()])
def test_logits_of_a_wrong_shape_are_a_shape_error(shape):
    with pytest.raises(ShapeError, match=r"^lm.probabilities: logits must be"):
        sample.probabilities(np.zeros(shape))


def test_one_step_after_another_gives_the_logits_and_states_of_one_pass(cell, params):
    codes = np.random.default_rng(1).integers(K, size=6)
    logits, ends, _ = forward(cell, params, codes[:, None])
    states = tuple(cell.zero_state(p, 1) for p in params.layers)
    for code, want in zip(codes, logits, strict=True):
        got, states = sample.step(cell, params, code, states)
        assert got.shape == (K,)
        assert_close(got, want[0])
    assert_close(states, ends)


def test_greedy_text_takes_the_most_likely_character_of_all_read_so_far(cell, params):
    codes = [3, 1]
    for code in wrote(cell, params, codes, 12, temperature=0):
        logits, _, _ = forward(cell, params, np.array(codes)[:, None])
        assert code == logits[-1, 0].argmax()
        codes.append(code)


def test_every_draw_comes_from_the_distribution_of_all_read_so_far(cell, params):
    codes, rng = [3, 1], np.random.default_rng(0)
    for code in wrote(cell, params, codes, 12, temperature=1.5, top_k=4):
        logits, _, _ = forward(cell, params, np.array(codes)[:, None])
        p = sample.probabilities(logits[-1, 0], 1.5, 4)
        assert code == rng.choice(K, p=p)
        codes.append(code)


def test_the_prompt_is_read_whole_and_each_draw_once(cell, params, monkeypatch):
    read, step = [], sample.step
    monkeypatch.setattr(sample, "step", lambda *args: (read.append(int(args[2])), step(*args))[1])
    drawn = wrote(cell, params, [4, 2, 3], 5)
    assert read == [4, 2, 3, *drawn[:4]]


def test_a_seed_gives_the_same_text_again_and_another_seed_another(cell, params):
    first, again, other = (wrote(cell, params, [1], 40, seed) for seed in (5, 5, 6))
    assert first == again
    assert first != other
    assert all(type(code) is int and 0 <= code < K for code in first)


def test_nothing_that_is_passed_is_changed(cell, params):
    prompt = np.array([1, 2])
    before = tree.map(np.copy, params)
    wrote(cell, params, prompt, 5)
    assert prompt.tolist() == [1, 2]
    tree.map(np.testing.assert_array_equal, params, before)


@pytest.mark.parametrize("prompt", [[], [[1, 2]], 3])
def test_a_prompt_of_a_wrong_shape_is_a_shape_error_at_once(params, cell, prompt):
    with pytest.raises(ShapeError, match=r"^lm.generate: prompt must be "):
        sample.generate(cell, params, prompt, rng=np.random.default_rng(0))


@pytest.mark.parametrize(("prompt", "spread"), [([1, 7], "1 to 7"), ([2, -1], "-1 to 2")])
def test_a_prompt_with_an_unknown_code_is_a_value_error_at_once(params, cell, prompt, spread):
    with pytest.raises(
        ValueError, match=f"^lm.generate: prompt must be from 0 to 6, got {spread}$"
    ):
        sample.generate(cell, params, prompt, rng=np.random.default_rng(0))


@pytest.mark.parametrize("dials", [{"temperature": -1}, {"top_k": 0}])
def test_a_dial_that_is_out_of_range_is_a_value_error_at_once(params, cell, dials):
    (name,) = dials
    with pytest.raises(ValueError, match=f"{name} must be"):
        sample.generate(cell, params, [1], rng=np.random.default_rng(0), **dials)


@pytest.mark.parametrize(("tau", "k"), [(0.7, None), (1.2, None), (0.8, 4)])
def test_draws_follow_the_distribution_by_pearsons_statistic(tau, k):
    # The threshold is the largest of 400 statistics of draws that are fair by construction.
    rng = np.random.default_rng(8)
    params = init(lstm, K, D, WIDTHS, rng=rng, dtype=np.float64)._replace(b_y=Y / 2)
    logits, _, _ = forward(lstm, params, [[2], [5]])
    p = sample.probabilities(logits[-1, 0], tau, k)
    N, possible = 700, p > 0
    expected = N * p[possible]
    assert expected.min() > 5

    def statistic(counts):
        assert not counts[~possible].any()
        return ((counts[possible] - expected) ** 2 / expected).sum()

    draws = [
        next(sample.generate(lstm, params, [2, 5], temperature=tau, top_k=k, rng=rng))
        for _ in range(N)
    ]
    fair = max(statistic(counts) for counts in rng.multinomial(N, p, size=400))
    assert statistic(np.bincount(draws, minlength=K)) < fair
    tilted = p ** (1 / 2)
    assert statistic(rng.multinomial(N, tilted / tilted.sum())) > fair
