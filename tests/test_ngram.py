import math
import os
from collections import Counter
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt import ngram, text

# Another implementation, slow and exact: contexts are tuples, probabilities are fractions.


def slow_witten_bell(codes, K, n):
    def predict(context, c):
        if context is None:
            return Fraction(1, K)
        followers = Counter(g[-1] for g in grams(codes, len(context) + 1) if g[:-1] == context)
        lower = predict(context[1:] if context else None, c)
        if not followers:
            return lower
        return (followers[c] + len(followers) * lower) / (followers.total() + len(followers))

    return last(predict, n)


def slow_kneser_ney(codes, K, n):
    def counts_of(k):
        if k == n:
            return Counter(grams(codes, k))
        return Counter(g[1:] for g in set(grams(codes, k + 1)))

    def discount(counts, count):
        n1, n2, n3, n4 = (sum(v == i for v in counts.values()) for i in (1, 2, 3, 4))
        Y = Fraction(n1, n1 + 2 * n2) if n1 else Fraction(1, 2)
        exact = {1: Y, 2: n2 and 2 - 3 * Y * n3 / n2}.get(count, n3 and 3 - 4 * Y * n4 / n3)
        return exact if exact > 0 else Y

    def predict(context, c):
        if context is None:
            return Fraction(1, K)
        counts = counts_of(len(context) + 1)
        followers = {g[-1]: v for g, v in counts.items() if g[:-1] == context}
        lower = predict(context[1:] if context else None, c)
        if not followers:
            return lower
        total = sum(followers.values())
        kept = followers[c] - discount(counts, followers[c]) if c in followers else 0
        return (kept + sum(discount(counts, v) for v in followers.values()) * lower) / total

    return last(predict, n)


def grams(codes, k):
    return [tuple(codes[i : i + k]) for i in range(len(codes) - k + 1)]


def last(predict, n):
    """Keep the last n - 1 characters of what came before."""
    return lambda before, c: predict(tuple(before[max(0, len(before) - n + 1) :]), c)


MODELS = {ngram.witten_bell: slow_witten_bell, ngram.kneser_ney: slow_kneser_ney}
each_model = pytest.mark.parametrize("smooth", MODELS, ids=lambda smooth: smooth.__name__)


@st.composite
def problems(draw):
    """Draw a training text, K, n and a text that may hold what was not seen."""
    K = draw(st.integers(1, 5))
    n = draw(st.integers(1, 4))
    code = st.integers(0, K - 1)
    train = draw(st.lists(code, min_size=n, max_size=40))
    return train, K, n, draw(st.lists(code, min_size=1, max_size=9))


def fit(smooth, train, K, n):
    return smooth(ngram.count(train, K, n))


@each_model
@given(problem=problems())
def test_every_prediction_is_that_of_the_slow_model(smooth, problem):
    train, K, n, codes = problem
    model, slow = fit(smooth, train, K, n), MODELS[smooth](train, K, n)
    for i in range(len(codes) + 1):
        want = [float(slow(codes[:i], c)) for c in range(K)]
        np.testing.assert_allclose(ngram.probabilities(model, codes[:i]), want, rtol=1e-12)


@each_model
@given(problem=problems())
def test_the_probabilities_are_positive_and_sum_to_one(smooth, problem):
    train, K, n, codes = problem
    p = ngram.probabilities(fit(smooth, train, K, n), codes)
    assert p.shape == (K,)
    assert (p > 0).all()
    assert math.isclose(p.sum(), 1, rel_tol=1e-12)


@each_model
@given(problem=problems())
def test_a_text_is_scored_once_in_each_character_from_those_before_it(smooth, problem):
    train, K, n, codes = problem
    model = fit(smooth, train, K, n)
    steps = [math.log(ngram.probabilities(model, codes[:i])[c]) for i, c in enumerate(codes)]
    assert math.isclose(ngram.nats(model, codes), -sum(steps) / len(codes), rel_tol=1e-12)


@each_model
def test_with_every_discount_in_use_the_models_agree_too(smooth):
    # Short texts seldom have grams of each count from 1 to 4 in all lengths. This one has.
    train = [min(int(x), 6) for x in np.random.default_rng(5).geometric(0.3, size=600)]
    model, slow = fit(smooth, train, 7, 3), MODELS[smooth](train, 7, 3)
    for context in ([0, 5], [2, 1], [1, 4], [6, 6], [3]):
        want = [float(slow(context, c)) for c in range(7)]
        np.testing.assert_allclose(ngram.probabilities(model, context), want, rtol=1e-12)


# By hand, for "abaab" and a third character that is never seen.
ABAAB = [0, 1, 0, 0, 1]


def test_witten_bell_by_hand():
    model = fit(ngram.witten_bell, ABAAB, 3, 2)
    # a 3, b 2: of weight 5 + 2. Then after a: b 2, a 1, of weight 3 + 2; after b: a, of 1 + 1.
    one = np.array([11, 8, 2]) / 21
    np.testing.assert_allclose(ngram.probabilities(model, []), one, rtol=1e-14)
    after_a = np.array([43, 58, 4]) / 105
    np.testing.assert_allclose(ngram.probabilities(model, [0]), after_a, rtol=1e-14)
    after_b = np.array([32, 8, 2]) / 42
    np.testing.assert_allclose(ngram.probabilities(model, [1]), after_b, rtol=1e-14)
    np.testing.assert_allclose(ngram.probabilities(model, [0, 2]), one, rtol=1e-14)
    nats = -math.log(11 / 21 * 58 / 105 * 32 / 42) / 3
    assert ngram.nats(model, [0, 1, 0]) == pytest.approx(nats, rel=1e-14)


def test_kneser_ney_by_hand():
    model = fit(ngram.kneser_ney, ABAAB, 3, 2)
    # Before a stand b and a, before b only a: counts 2 and 1, so Y = 1/3 and D2 = 2.
    one = np.array([7, 13, 7]) / 27
    np.testing.assert_allclose(ngram.probabilities(model, []), one, rtol=1e-14)
    # ab 2, ba 1, aa 1: Y = 1/2 and D2 = 2. After a, 1/2 of 3 is kept for a and 5/2 are left.
    after_a = np.array([62, 65, 35]) / 162
    np.testing.assert_allclose(ngram.probabilities(model, [0]), after_a, rtol=1e-14)
    after_b = (np.array([1, 0, 0]) + one) / 2
    np.testing.assert_allclose(ngram.probabilities(model, [1]), after_b, rtol=1e-14)


def test_kneser_ney_has_its_three_discounts():
    # Of ten characters 4 stand once, 3 twice, 2 three times, 1 four times, and one six times: so
    # Y = 0.4, and the discounts are 0.4, 2 - 1.2 * 2 / 3 and 3 - 1.6 / 2.
    seen = [1, 1, 1, 1, 2, 2, 2, 3, 3, 4, 6]
    model = fit(ngram.kneser_ney, np.repeat(np.arange(11), seen), 11, 1)
    kept = np.array([0.6] * 4 + [0.8] * 3 + [0.8] * 2 + [1.8, 3.8]) / 26
    np.testing.assert_allclose(model.orders[0].kept, kept, rtol=1e-12)
    np.testing.assert_allclose(model.orders[0].left, [(4 * 0.4 + 3 * 1.2 + 4 * 2.2) / 26])


def test_a_discount_that_would_be_zero_is_y():
    # Four characters stand once, one twice and one three times: so Y = 2/3, and 2 - 3 Y = 0.
    model = fit(ngram.kneser_ney, np.repeat(np.arange(6), [1, 1, 1, 1, 2, 3]), 6, 1)
    kept = np.array([1, 1, 1, 1, 4, 0]) / 27
    np.testing.assert_allclose(model.orders[0].kept, kept, rtol=1e-12)


@each_model
def test_order_one_is_near_the_shares_of_the_characters(smooth):
    train = np.random.default_rng(1).permutation(np.repeat([0, 1, 2], [1000, 5000, 4000]))
    p = ngram.probabilities(fit(smooth, train, 3, 1), [])
    np.testing.assert_allclose(p, [0.1, 0.5, 0.4], atol=2e-3)


@each_model
def test_a_text_of_shuffled_characters_has_nothing_to_gain_from_order(smooth):
    codes = np.random.default_rng(2).choice(3, size=20_000, p=[0.1, 0.5, 0.4])
    one, *longer = ngram.nats_of_orders(smooth, codes[:15_000], codes[15_000:], 3, 3)
    assert min(longer) > one - 5e-3


@each_model
def test_a_cycle_is_learnt(smooth):
    model = fit(smooth, [0, 1, 2, 2] * 500, 3, 3)
    assert ngram.nats(model, [0, 1, 2, 2] * 100) < 0.03
    assert np.argmax(ngram.probabilities(model, [1, 2])) == 2
    assert np.argmax(ngram.probabilities(model, [2, 2])) == 0


@each_model
def test_only_the_last_characters_of_a_context_count(smooth):
    train = np.random.default_rng(3).integers(4, size=300)
    model = fit(smooth, train, 4, 3)
    p = ngram.probabilities(model, [3, 1, 2])
    assert np.array_equal(p, ngram.probabilities(model, [0, 0, 1, 2]))
    assert not np.allclose(p, ngram.probabilities(model, [2]))
    unigram = fit(smooth, train, 4, 1)
    assert np.array_equal(ngram.probabilities(unigram, [3]), ngram.probabilities(unigram, []))


def test_grams_are_counted_with_their_tails():
    counts = ngram.count(ABAAB, 3, 3)
    assert counts.K == 3
    one, two, three = counts.grams
    assert [x.tolist() for x in one] == [[0, 1], [3, 2], [0, 0]]
    assert [x.tolist() for x in two] == [[0, 1, 3], [1, 2, 1], [0, 1, 0]]  # aa, ab, ba
    # aab, aba, baa: the first two of each, the last of each, and the last two.
    assert [x.tolist() for x in three] == [[1, 3, 6], [1, 1, 1], [1, 2, 0]]


def test_long_grams_are_counted_for_any_vocabulary():
    codes = np.random.default_rng(4).integers(50_000, size=200)
    counts = ngram.count(np.concatenate([codes, codes]), 50_000, 15)
    assert len(counts.grams[14].keys) == 200
    assert counts.grams[14].counts.sum() == 400 - 14


@each_model
def test_the_scores_of_all_orders_are_those_of_each_model(smooth):
    train, codes = np.split(np.random.default_rng(6).integers(3, size=90), [70])
    scores = ngram.nats_of_orders(smooth, train, codes, 3, 4)
    assert scores == [ngram.nats(fit(smooth, train, 3, n), codes) for n in (1, 2, 3, 4)]


@each_model
def test_the_order_is_chosen_on_the_end_of_the_training_text(smooth):
    # The first part is of order 1, the rest repeats one character as the first part never does.
    first = np.tile([0, 1], 450)
    assert ngram.choose_order(smooth, np.concatenate([first, np.tile([0, 1], 50)]), 2, 3) > 1
    assert ngram.choose_order(smooth, np.concatenate([first, np.zeros(100, int)]), 2, 3) == 1
    assert ngram.choose_order(smooth, np.concatenate([first, np.zeros(10, int)]), 2, 3) > 1


def test_the_order_chosen_has_the_best_score_there():
    train = np.random.default_rng(7).integers(2, size=203).cumsum() % 5
    scores = ngram.nats_of_orders(ngram.kneser_ney, train[:101], train[101:], 5, 4)
    chosen = ngram.choose_order(ngram.kneser_ney, train, 5, 4, share=0.5)
    assert chosen == 1 + scores.index(min(scores))


@pytest.mark.parametrize("bad", [[0, 3], [-1, 0], [0.0, 1.0], [[0, 1]]])
def test_what_is_no_row_of_codes_is_a_value_error(bad):
    model = fit(ngram.witten_bell, ABAAB, 3, 2)
    for name, call in {
        "count": lambda: ngram.count(bad, 3, 1),
        "probabilities": lambda: ngram.probabilities(model, bad),
        "nats": lambda: ngram.nats(model, bad),
    }.items():
        with pytest.raises(ValueError, match=f"^ngram.{name}: codes must be a row of whole ") as e:
            call()
        assert str(e.value).endswith(f"numbers from 0 to 2, got {bad!r}")


@pytest.mark.parametrize("n", [0, 6])
def test_an_order_that_the_text_cannot_have_is_a_value_error(n):
    with pytest.raises(ValueError, match=r"^ngram\.") as caught:
        ngram.count(ABAAB, 2, n)
    assert str(caught.value) == (
        f"ngram.count: n must be from 1 to the 5 characters of the text, got {n}"
    )


# Counting on.


@given(problem=problems())
def test_counting_on_predicts_as_models_that_are_counted_anew_at_each_character(problem):
    train, K, n, codes = problem
    for k, nats in enumerate(ngram.adaptive_nats_of_orders(train, codes, K, n), start=1):
        before = [train + codes[:i] for i in range(len(codes))]
        models = [fit(ngram.kneser_ney, text, K, k) for text in before]
        p = [ngram.probabilities(*each)[c] for *each, c in zip(models, before, codes, strict=True)]
        assert nats == pytest.approx(-np.mean(np.log(p)), rel=1e-12)


def test_counting_on_with_every_discount_in_use_is_that_of_the_slow_model():
    codes = [min(int(x), 6) for x in np.random.default_rng(5).geometric(0.3, size=604)]
    train, last = codes[:600], codes[600:]
    slow = [slow_kneser_ney(codes[:i], 7, 3)(codes[:i], codes[i]) for i in range(600, 604)]
    want = -np.mean(np.log(np.array(slow, float)))
    assert ngram.adaptive_nats_of_orders(train, last, 7, 3)[2] == pytest.approx(want, rel=1e-12)


def test_counting_on_by_hand():
    # After "abaab" as above. After "abaabb" ab 2, ba 1, aa 1, bb 1: Y = 3/5. Two different ones
    # stand before a and two before b: nothing is kept of them, since Y = 1/2 and D2 = 2.
    after_b = [(0 + 13 / 27) / 2, (1 - 3 / 5) / 2 + 3 / 5 * 1 / 3]
    found = ngram.adaptive_nats_of_orders(ABAAB, [1, 0], 3, 2)[1]
    assert found == pytest.approx(-np.mean(np.log(after_b)), rel=1e-12)


def test_what_counts_on_learns_a_text_that_the_training_text_has_not_and_frozen_counts_do_not():
    train, codes = [0, 1] * 200, [2, 3, 4] * 200
    frozen = ngram.nats_of_orders(ngram.kneser_ney, train, codes, 5, 3)[2]
    assert frozen > 1.6
    assert ngram.adaptive_nats_of_orders(train, codes, 5, 3)[2] < 0.1


def test_on_noise_counting_on_pays_more_than_the_entropy():
    codes = np.random.default_rng(2).integers(4, size=3000)
    scores = ngram.adaptive_nats_of_orders(codes[:2000], codes[2000:], 4, 4)
    assert min(scores) > math.log(4) - 1e-3


each_that_counts_on = pytest.mark.parametrize(
    "count_on", [ngram.adaptive_nats_of_orders, ngram.reading]
)


@pytest.mark.parametrize("which", ["train", "codes"])
@pytest.mark.parametrize("bad", [[0, 3], [-1, 0], [0.0, 1.0], [[0, 1]]])
@each_that_counts_on
def test_counting_on_asks_for_two_rows_of_codes(count_on, which, bad):
    texts = {"train": ABAAB, "codes": ABAAB, which: bad}
    with pytest.raises(ValueError, match=f"^ngram.{count_on.__name__}: codes must be a row"):
        count_on(**texts, K=3, n=1)


@pytest.mark.parametrize("n", [0, 6])
@each_that_counts_on
def test_counting_on_asks_for_an_order_that_the_training_text_can_have(count_on, n):
    with pytest.raises(ValueError, match=r"n must be from 1 to the 5 characters of the training"):
        count_on(ABAAB, [0] * 9, 2, n)


@each_that_counts_on
def test_counting_on_asks_for_a_character_to_predict(count_on):
    with pytest.raises(ValueError, match=f"{count_on.__name__}: codes must have at least one"):
        count_on(ABAAB, [], 2, 2)


@given(problem=problems())
def test_reading_gives_all_distributions_of_the_models_that_are_counted_anew(problem):
    train, K, n, codes = problem
    rows = list(ngram.reading(train, codes, K, n))
    assert len(rows) == len(codes)
    for i, row in enumerate(rows):
        before = train + codes[:i]
        models = [fit(ngram.kneser_ney, before, K, k) for k in range(1, n + 1)]
        want = [ngram.probabilities(model, before) for model in models]
        np.testing.assert_allclose(row, want, rtol=1e-12)


def some_play(length):
    """Draw characters of which some are rare, with every discount in use."""
    return np.random.default_rng(5).geometric(0.3, size=length).clip(max=7) - 1


def test_what_reading_gives_to_the_characters_is_the_score_of_counting_on():
    train, codes = np.split(some_play(1500), [700])  # more than are worked out at once
    rows = np.array(list(ngram.reading(train, codes, 7, 4)))
    assert rows.shape == (800, 4, 7)
    np.testing.assert_allclose(rows.sum(axis=2), 1, rtol=1e-12)
    found = -np.log(rows[np.arange(800), :, codes]).mean(axis=0)
    want = ngram.adaptive_nats_of_orders(train, codes, 7, 4)
    np.testing.assert_allclose(found, want, rtol=0, atol=1e-10)


def test_reading_does_not_look_ahead():
    train, codes = np.split(some_play(400), [300])
    other = np.concatenate([codes[:60], (codes[60:] + 3) % 7])
    rows, changed = (np.array(list(ngram.reading(train, text, 7, 4))) for text in (codes, other))
    assert np.array_equal(rows[:61], changed[:61])  # before the first that differs, too
    assert not np.allclose(rows[61], changed[61])


def test_an_empty_text_has_no_score():
    model = fit(ngram.witten_bell, ABAAB, 3, 2)
    with pytest.raises(ValueError, match=r"ngram\.nats: codes must have at least one character"):
        ngram.nats(model, [])


# The corpus, in a folder that the environment names.


@pytest.fixture(scope="module")
def plays():
    """Return Tiny Shakespeare's two parts."""
    if not os.environ.get("BPTT_DATA"):
        pytest.skip("BPTT_DATA names no folder with tinyshakespeare.txt")
    return text.split(text.tiny_shakespeare())


@pytest.fixture(scope="module")
def play_codes(plays):
    train, validation = plays
    vocabulary = text.Vocabulary.of(train + validation)
    return vocabulary.encode(train), vocabulary.encode(validation)


@pytest.mark.records
def test_the_unigram_of_the_plays_is_their_cross_entropy(plays, play_codes):
    train, validation = plays
    seen = Counter(train)
    want = -sum(math.log(seen[c] / len(train)) for c in validation) / len(validation)
    for smooth in MODELS:
        assert ngram.nats(fit(smooth, play_codes[0], 65, 1), play_codes[1]) == pytest.approx(
            want, abs=1e-4
        )


@pytest.mark.records
def test_the_scores_of_the_plays_are_those_on_record(play_codes):
    scores = ngram.nats_of_orders(ngram.witten_bell, *play_codes, 65, 6)
    want = [3.3473, 2.4858, 2.0492, 1.7738, 1.6688, 1.6981]
    assert scores == pytest.approx(want, abs=1e-4)
    scores = ngram.nats_of_orders(ngram.kneser_ney, *play_codes, 65, 8)
    want = [3.3473, 2.4835, 2.0381, 1.7191, 1.5612, 1.5226, 1.5165, 1.5192]
    assert scores == pytest.approx(want, abs=1e-4)


@pytest.mark.records
def test_the_scores_of_the_plays_that_count_on_are_those_on_record(play_codes):
    scores = ngram.adaptive_nats_of_orders(*play_codes, 65, 7)
    want = [3.3462, 2.4602, 1.9611, 1.6188, 1.4581, 1.4155, 1.4072]
    assert scores == pytest.approx(want, abs=1e-4)
    read = zip(play_codes[1], ngram.reading(*play_codes, 65, 7), strict=True)
    found = -np.log([row[:, c] for c, row in read]).mean(axis=0)
    assert found == pytest.approx(scores, abs=1e-10)


@pytest.mark.records
def test_the_orders_chosen_for_the_plays_are_five_and_seven(play_codes):
    assert ngram.choose_order(ngram.witten_bell, play_codes[0], 65, 6) == 5
    assert ngram.choose_order(ngram.kneser_ney, play_codes[0], 65, 8) == 7
