import itertools
import math
from functools import partial

import numpy as np
import pytest

from bptt.losses import cross_entropy
from bptt.tasks import (
    Adding,
    Brackets,
    Copying,
    FlipFlop,
    Latch,
    Parity,
    Recall,
    Reversal,
    SelectiveCopying,
    TemporalOrder,
)

N = 20_000


@pytest.fixture
def batch(rng):
    return Latch(T=5, noise=0.3).draw(N, rng=rng)


def test_a_batch_has_one_target_for_each_sequence(batch):
    assert batch.xs.shape == (5, N, 1)
    assert batch.targets.shape == (1, N)
    assert batch.targets.dtype.kind == "i"


def test_the_first_input_decides_the_target(batch):
    assert np.array_equal(batch.xs[0, :, 0], np.where(batch.targets[0] == 1, 1.0, -1.0))


def test_both_targets_are_equally_likely(batch):
    assert abs(batch.targets.mean() - 0.5) < 5 * 0.5 / math.sqrt(N)


def test_the_rest_is_noise_of_the_spread_asked_for_and_tells_nothing(batch):
    noise, bit = batch.xs[1:, :, 0], batch.xs[0, :, 0]
    # Five standard errors each, for every step and for every pair of steps.
    assert (abs(noise.mean(axis=1)) < 5 * 0.3 / math.sqrt(N)).all()
    assert (abs(noise.std(axis=1) / 0.3 - 1) < 5 / math.sqrt(2 * N)).all()
    assert (abs((noise * bit).mean(axis=1)) < 5 * 0.3 / math.sqrt(N)).all()
    assert (abs(np.corrcoef(noise) - np.eye(4)) < 5 / math.sqrt(N)).all()


def test_the_null_scores_are_what_the_best_constant_guess_scores(batch):
    guesses = np.linspace(0.01, 0.99, 99)
    scores = [
        cross_entropy(np.tile(np.log([1 - p, p]), (N, 1)), batch.targets[0])[0] for p in guesses
    ]
    assert guesses[np.argmin(scores)] == pytest.approx(0.5, abs=0.011)
    assert min(scores) == pytest.approx(Latch.null_loss, abs=5e-4)
    accuracies = [(batch.targets == guess).mean() for guess in (0, 1)]
    assert max(accuracies) == pytest.approx(Latch.null_accuracy, abs=5 * 0.5 / math.sqrt(N))


def test_equal_seeds_draw_equal_batches():
    task = Latch(T=5)
    one, same, other = (task.draw(3, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.xs, same.xs)
    assert np.array_equal(one.targets, same.targets)
    assert not np.array_equal(one.xs, other.xs)


def test_one_step_is_the_bit_alone(rng):
    xs, targets = Latch(T=1).draw(7, rng=rng)
    assert np.array_equal(xs[:, :, 0], 2 * targets - 1)


@pytest.mark.parametrize("T", [0, -1])
def test_no_step_at_all_is_a_value_error(T):
    with pytest.raises(ValueError, match=f"tasks.Latch: T must be at least 1, got {T}"):
        Latch(T=T)


def depths(xs):
    return np.cumsum(xs @ [1, -1, 0], axis=0)


@pytest.fixture
def brackets(rng):
    return Brackets(T=6, max_depth=2).draw(N, rng=rng)


def test_brackets_have_a_symbol_and_a_target_at_every_step(brackets):
    assert brackets.xs.shape == (6, N, 3)
    assert brackets.targets.shape == (6, N)
    assert brackets.targets.dtype.kind == "i"
    assert set(np.unique(brackets.xs)) == {0, 1}
    assert (brackets.xs.sum(axis=2) == 1).all()


def test_a_target_says_whether_every_bracket_is_closed(brackets):
    assert np.array_equal(brackets.targets == 1, depths(brackets.xs) == 0)
    assert set(np.unique(brackets.targets)) == {0, 1}


def test_brackets_are_never_closed_before_they_open_nor_deeper_than_allowed(brackets):
    assert set(np.unique(depths(brackets.xs))) == {0, 1, 2}


def test_every_legal_symbol_is_equally_likely_whatever_came_before(brackets):
    before = np.concatenate([np.zeros((1, N)), depths(brackets.xs)[:-1]])
    for t in range(6):
        for depth, legal in enumerate([[0, 2], [0, 1, 2], [1, 2]]):
            there = brackets.xs[t, before[t] == depth]
            if len(there):
                share = there.mean(axis=0)
                want = np.isin([0, 1, 2], legal) / len(legal)
                assert (abs(share - want) < 5 * 0.5 / math.sqrt(len(there))).all()
                assert share[~np.isin([0, 1, 2], legal)].sum() == 0


def every_string(T, max_depth):
    """Return all legal strings with their probabilities: moves (strings, T) and (strings,)."""
    strings = np.array(list(itertools.product([1, -1, 0], repeat=T)))
    after = np.cumsum(strings, axis=1)
    legal = ((after >= 0) & (after <= max_depth)).all(axis=1)
    before = np.concatenate([np.zeros((len(strings), 1), int), after[:, :-1]], axis=1)[legal]
    choices = 3 - (before == 0) - (before == max_depth)
    return strings[legal], (1 / choices).prod(axis=1)


@pytest.mark.parametrize(("T", "max_depth"), [(1, 1), (2, 1), (5, 2), (7, 3), (4, 9)])
def test_the_null_scores_of_brackets_are_those_of_a_sum_over_all_strings(T, max_depth):
    strings, probability = every_string(T, max_depth)
    assert probability.sum() == pytest.approx(1)
    p = probability @ (np.cumsum(strings, axis=1) == 0)
    task = Brackets(T, max_depth)
    surprise = -p * np.log(p) - (1 - p) * np.log(1 - p)
    assert task.null_loss == pytest.approx(surprise.mean())
    assert task.null_accuracy == pytest.approx(np.mean([max(q, 1 - q) for q in p]))


def test_one_step_of_brackets_is_a_bracket_or_none():
    assert Brackets(T=1).null_loss == pytest.approx(math.log(2))
    assert Brackets(T=1).null_accuracy == pytest.approx(0.5)


def test_equal_seeds_draw_equal_brackets():
    task = Brackets(T=5)
    one, same, other = (task.draw(3, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.xs, same.xs)
    assert np.array_equal(one.targets, same.targets)
    assert not np.array_equal(one.xs, other.xs)


def test_brackets_go_eight_deep_unless_another_depth_is_asked_for(rng):
    assert Brackets(T=5).max_depth == 8
    assert depths(Brackets(T=400).draw(20, rng=rng).xs).max() == 8
    assert depths(Brackets(T=400, max_depth=1).draw(20, rng=rng).xs).max() == 1


@pytest.mark.parametrize(
    ("T", "max_depth", "message"),
    [
        (0, 8, "T must be at least 1, got 0"),
        (5, 0, "max_depth must be at least 1, got 0"),
        (-1, 0, "T must be at least 1, got -1"),
    ],
)
def test_brackets_without_a_step_or_a_depth_are_a_value_error(T, max_depth, message):
    with pytest.raises(ValueError, match=f"^tasks.Brackets: {message}$"):
        Brackets(T, max_depth)


# Temporal order

NAMES = ["XX", "XY", "YX", "YY"]


@pytest.fixture(params=[10, 19, 34])
def ordered(rng, request):
    """Sequences as indices of symbols, (T, N), and their classes."""
    xs, targets = TemporalOrder(T=request.param).draw(N, rng=rng)
    assert xs.shape == (request.param, N, 6)
    assert targets.shape == (1, N)
    assert targets.dtype.kind == "i"
    assert (np.sort(xs, axis=-1) == [0, 0, 0, 0, 0, 1]).all()  # one-hot
    return xs.argmax(axis=-1), targets[0]


def test_the_order_of_the_two_symbols_decides_the_target(ordered):
    symbols, targets = ordered
    for column, target in zip(symbols.T[:500], targets, strict=False):
        assert "".join("XY"[k] for k in column if k < 2) == NAMES[target]


def test_the_two_symbols_stand_in_the_second_tenth_and_in_the_one_after_the_middle(ordered):
    symbols, _ = ordered
    T = len(symbols)
    n, m = T // 10, T // 2
    places = np.nonzero((symbols < 2).T)[1].reshape(N, 2)
    for place, start in zip(places.T, (n, m), strict=True):
        shares = np.bincount(place, minlength=T) / N
        allowed = np.isin(np.arange(T), np.arange(start, start + n))
        assert (shares[~allowed] == 0).all()
        assert abs(shares[allowed] - 1 / n).max() < 5 * 0.5 / math.sqrt(N)
    if n > 1:  # one place tells nothing about the other
        assert abs(np.corrcoef(places.T)[0, 1]) < 5 / math.sqrt(N)


def test_the_four_orders_are_equally_likely_and_so_are_the_symbols_between_them(ordered):
    symbols, targets = ordered
    assert abs(np.bincount(targets, minlength=4) / N - 0.25).max() < 5 * 0.5 / math.sqrt(N)
    for order in range(4):
        others = np.bincount(symbols[:, targets == order].ravel(), minlength=6)[2:]
        assert abs(others / others.sum() - 0.25).max() < 5 * 0.5 / math.sqrt(others.sum())
    first = (symbols[0] - 2).reshape(1, N) == np.arange(4)[:, None]
    assert abs(first.mean(axis=1) - 0.25).max() < 5 * 0.5 / math.sqrt(N)


def test_the_null_scores_of_the_order_are_those_of_four_classes():
    loss, _ = cross_entropy(np.zeros((4, 4)), np.arange(4))
    assert TemporalOrder.null_loss == pytest.approx(loss, rel=1e-15)
    assert TemporalOrder.null_accuracy == 1 / 4


def test_equal_seeds_draw_equal_orders():
    task = TemporalOrder(T=20)
    one, same, other = (task.draw(3, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.xs, same.xs)
    assert np.array_equal(one.targets, same.targets)
    assert not np.array_equal(one.xs, other.xs)


@pytest.mark.parametrize("T", [9, 0])
def test_a_sequence_without_places_for_both_symbols_is_a_value_error(T):
    with pytest.raises(ValueError, match=f"^tasks.TemporalOrder: T must be at least 10, got {T}$"):
        TemporalOrder(T=T)


@pytest.mark.parametrize("wrong", [math.nan, 2.5, 12.0, "12", None, True])
@pytest.mark.parametrize(
    "task",
    [Latch, TemporalOrder, Brackets, partial(Brackets, 5), Adding, Copying, Parity, FlipFlop],
)
def test_lengths_and_depths_are_whole_numbers(task, wrong):
    with pytest.raises(TypeError, match=r"^tasks\.\w+: (T|max_depth) must be a whole number, got "):
        task(wrong)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -1, -1e-9])
def test_the_noise_of_a_latch_is_zero_or_more_and_finite(wrong):
    with pytest.raises(ValueError, match=r"^tasks\.Latch: noise must be zero or more, and finite"):
        Latch(5, noise=wrong)
    with pytest.raises(TypeError, match=r"^tasks\.Latch: noise must be a number, got 'x'"):
        Latch(5, noise="x")


# Adding


@pytest.mark.parametrize("T", [2, 5, 8])
def test_a_sum_is_of_one_number_of_each_half(T, rng):
    xs, sums = Adding(T).draw(500, rng=rng)
    assert xs.shape == (T, 500, 2)
    assert sums.shape == (1, 500, 1)
    numbers, marks = xs[..., 0], xs[..., 1]
    assert (marks[: T // 2].sum(axis=0) == 1).all()
    assert (marks[T // 2 :].sum(axis=0) == 1).all()
    assert np.allclose(sums[0, :, 0], (numbers * marks).sum(axis=0))
    assert set(marks.any(axis=1)) == {True}  # every step is marked somewhere
    assert 0 <= numbers.min() < 0.02
    assert 0.98 < numbers.max() < 1


def test_the_null_of_adding_is_what_the_best_constant_scores(rng):
    _, sums = Adding(4).draw(N, rng=rng)
    guesses = np.linspace(0, 2, 201)
    errors = [np.mean((sums - guess) ** 2) for guess in guesses]
    assert guesses[np.argmin(errors)] == pytest.approx(1, abs=0.02)
    assert min(errors) == pytest.approx(Adding.null_loss, rel=0.03)


@pytest.mark.parametrize("T", [1, 0, -2])
def test_adding_needs_a_step_for_each_mark(T):
    with pytest.raises(ValueError, match=f"^tasks.Adding: T must be at least 2, got {T}$"):
        Adding(T)


# Copying


@pytest.mark.parametrize("T", [1, 4, 30])
def test_ten_symbols_come_back_after_the_sign(T, rng):
    xs, targets = Copying(T).draw(400, rng=rng)
    assert xs.shape == (T + 20, 400, 10)
    assert targets.shape == (T + 20, 400)
    assert targets.dtype.kind == "i"
    assert (np.sort(xs, axis=-1) == [0] * 9 + [1]).all()  # one-hot
    symbols = xs.argmax(axis=-1)
    assert symbols[:10].max() == 7
    assert np.array_equal(targets[-10:], symbols[:10])
    assert (targets[:-10] == 8).all()
    rest = symbols[10:]
    assert np.array_equal(rest[:, 0] == 9, np.arange(T + 10) == T - 1)
    assert (np.delete(rest, T - 1, axis=0) == 8).all()
    assert (rest == rest[:, :1]).all()


def test_all_symbols_are_equally_likely_and_tell_nothing_of_each_other(rng):
    _, targets = Copying(1).draw(N, rng=rng)
    ten = targets[-10:]
    for row in ten:
        assert abs(np.bincount(row, minlength=8) / N - 1 / 8).max() < 5 * 0.34 / math.sqrt(N)
    assert (abs(np.corrcoef(ten) - np.eye(10)) < 5 / math.sqrt(N)).all()


def test_the_null_of_copying_is_the_guess_of_all_symbols_after_the_blanks(rng):
    task = Copying(7)
    _, targets = task.draw(2000, rng=rng)
    logits = np.full((27, 2000, 10), -1000.0)
    logits[:17, :, 8] = 0
    logits[17:, :, :8] = 0
    assert cross_entropy(logits, targets)[0] == pytest.approx(task.null_loss, rel=1e-12)
    assert task.null_loss == pytest.approx(10 * math.log(8) / 27, rel=1e-15)
    right = (logits[-10:].argmax(axis=-1) == targets[-10:]).mean()
    assert right == pytest.approx(task.null_accuracy, abs=5 * 0.34 / math.sqrt(20_000))


def test_equal_seeds_draw_equal_symbols():
    one, same, other = (Copying(3).draw(3, rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one.xs, same.xs)
    assert not np.array_equal(one.xs, other.xs)


@pytest.mark.parametrize("T", [0, -2])
def test_copying_needs_a_step_for_the_sign(T):
    with pytest.raises(ValueError, match=f"^tasks.Copying: T must be at least 1, got {T}$"):
        Copying(T)


# Selective copying


@pytest.mark.parametrize(("T", "k", "K"), [(7, 3, 4), (3, 3, 2), (5, 1, 1)])
def test_the_tokens_stand_among_blanks_in_the_order_of_the_targets(T, k, K, rng):
    xs, targets = SelectiveCopying(T, k, K).draw(500, rng=rng)
    assert xs.shape == (T + k, 500, K + 2)
    assert targets.shape == (k, 500)
    symbols = xs.argmax(axis=-1)
    assert np.array_equal(xs, np.eye(K + 2)[symbols])
    assert (symbols[T:] == K + 1).all()
    for column, answers in zip(symbols[:T].T, targets.T, strict=True):
        assert column[column < K].tolist() == answers.tolist()
    assert set(symbols[:T].ravel()) == set(range(K + (k < T)))


def test_the_places_and_the_kinds_of_the_tokens_are_drawn_evenly(rng):
    xs, targets = SelectiveCopying(6, 2, 3).draw(N, rng=rng)
    shares = (xs[:6].argmax(axis=-1) < 3).mean(axis=1)
    assert (abs(shares - 1 / 3) < 5 * math.sqrt(2 / 9 / N)).all()
    for place in targets:
        kinds = np.bincount(place, minlength=3) / N
        assert (abs(kinds - 1 / 3) < 5 * math.sqrt(2 / 9 / N)).all()
    assert abs(np.corrcoef(targets)[0, 1]) < 5 / math.sqrt(N)


def test_the_null_of_selective_copying_is_what_the_best_constant_guess_scores(rng):
    task = SelectiveCopying(6, 2, 3)
    _, targets = task.draw(N, rng=rng)
    even, _ = cross_entropy(np.zeros((2, N, 3)), targets)
    assert even == pytest.approx(task.null_loss)
    for tilt in (0.1, -0.1):
        assert cross_entropy(np.tile([tilt, 0, 0], (2, N, 1)), targets)[0] > task.null_loss
    best = max((targets == kind).mean() for kind in range(3))
    assert best == pytest.approx(task.null_accuracy, abs=0.01)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 1, 1), "T must be at least 1, got 0"),
        ((3, 0, 1), "tokens must be at least 1, got 0"),
        ((3, 1, -1), "kinds must be at least 1, got -1"),
        ((3, 4, 2), "T must be at least tokens=4, got 3"),
    ],
)
def test_selective_copying_needs_a_step_for_each_token(sizes, message):
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared
        SelectiveCopying(*sizes)
    assert str(error.value) == f"tasks.SelectiveCopying: {message}"


@pytest.mark.parametrize("place", range(3))
def test_a_size_of_selective_copying_that_is_no_whole_number_is_a_type_error(place):
    sizes = [3, 2, 2]
    sizes[place] = 1.5
    with pytest.raises(TypeError, match=r"^tasks.SelectiveCopying: \w+ must be a whole number"):
        SelectiveCopying(*sizes)


# Parity


@pytest.mark.parametrize("T", [1, 5, 8])
def test_parity_is_the_count_of_the_ones_so_far_by_two(T, rng):
    xs, targets = Parity(T).draw(300, rng=rng)
    assert xs.shape == (T, 300, 1)
    assert targets.shape == (T, 300)
    assert set(np.unique(xs)) == {0.0, 1.0}
    odd = 0
    for bits, answers in zip(xs[..., 0], targets, strict=True):
        odd = odd ^ bits.astype(int)
        assert np.array_equal(answers, odd)


def test_a_guess_that_misses_one_bit_of_parity_is_at_the_null(rng):
    xs, targets = Parity(6).draw(N, rng=rng)
    bits = xs[..., 0].astype(int)
    for missed in range(6):
        known = (bits.sum(axis=0) - bits[missed]) % 2
        assert abs((known == targets[-1]).mean() - Parity.null_accuracy) < 5 * 0.5 / math.sqrt(N)
    loss, _ = cross_entropy(np.zeros((6, 2)), np.arange(6) % 2)
    assert Parity.null_loss == pytest.approx(loss, rel=1e-15)


@pytest.mark.parametrize("T", [0, -2])
def test_parity_needs_a_step(T):
    with pytest.raises(ValueError, match=f"^tasks.Parity: T must be at least 1, got {T}$"):
        Parity(T)


# Recall


@pytest.mark.parametrize("sizes", [(4, 0, 4), (4, 6, 3), (1, 2, 1)])
def test_what_is_asked_was_written_last_beside_its_key(sizes, rng):
    pairs, overwrites, queries = sizes
    task = Recall(pairs, overwrites, queries, keys=7, values=5)
    xs, targets = task.draw(200, rng=rng)
    writes = pairs + overwrites
    assert xs.shape == (writes + queries, 200, 12)
    assert targets.shape == (queries, 200)
    keys, values = xs[..., :7], xs[..., 7:]
    assert (keys.sum(axis=-1) == 1).all()
    assert (values[:writes].sum(axis=-1) == 1).all()
    assert not values[writes:].any()
    key, value = keys.argmax(axis=-1), values.argmax(axis=-1)
    for b in range(200):
        table = dict(zip(key[:writes, b], value[:writes, b], strict=True))  # later ones replace
        assert len(set(key[:pairs, b])) == len(table) == pairs
        asked = key[writes:, b]
        assert len(set(asked)) == queries
        assert [table[k] for k in asked] == targets[:, b].tolist()


def test_keys_values_and_questions_are_uniform(rng):
    task = Recall(3, 2, 2, keys=4, values=5)
    xs, targets = task.draw(N, rng=rng)
    for share in xs[:, :, :4].mean(axis=1).ravel():
        assert share == pytest.approx(1 / 4, abs=5 * 0.5 / math.sqrt(N))
    for share in xs[:5, :, 4:].mean(axis=1).ravel():
        assert share == pytest.approx(1 / 5, abs=5 * 0.5 / math.sqrt(N))
    assert np.allclose(np.bincount(targets.ravel()) / targets.size, 1 / 5, atol=0.02)
    assert task.null_loss == pytest.approx(math.log(5))
    assert task.null_accuracy == 0.2


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"pairs": 0}, "pairs must be at least 1, got 0"),
        ({"pairs": 2, "overwrites": -1}, "overwrites must be at least 0, got -1"),
        ({"pairs": 2, "queries": 0}, "queries must be at least 1, got 0"),
        ({"pairs": 2, "values": 1}, "values must be at least 2, got 1"),
        ({"pairs": 3, "keys": 2}, "keys must be at least the 3 pairs, got 2"),
        ({"pairs": 2, "queries": 3}, "queries must be at most the 2 pairs, got 3"),
    ],
)
def test_recall_says_what_does_not_fit(sizes, message):
    with pytest.raises(ValueError, match=f"^tasks.Recall: {message}$"):
        Recall(**sizes)


def test_recall_counts_in_whole_numbers():
    with pytest.raises(TypeError, match=r"^tasks.Recall: pairs must be a whole number, got 2.5$"):
        Recall(2.5)


# Reversal


def test_the_answers_are_the_symbols_from_the_last_on(rng):
    xs, targets = Reversal(6, 4, symbols=5).draw(300, rng=rng)
    assert xs.shape == (len(targets), 300, 5)
    assert (xs.sum(axis=-1) == 1).all()
    assert np.array_equal(xs.argmax(axis=-1)[::-1], targets)


def test_a_batch_has_one_length_and_all_lengths_come_equally_often(rng):
    task = Reversal(7, 4, symbols=3)
    lengths = [len(task.draw(1, rng=rng).targets) for _ in range(4000)]
    assert sorted(set(lengths)) == [4, 5, 6, 7]
    assert np.allclose(np.bincount(lengths)[4:] / 4000, 1 / 4, atol=5 * 0.5 / math.sqrt(4000))


def test_symbols_are_uniform_and_no_place_tells_of_another(rng):
    task = Reversal(3, 3, symbols=5)
    xs, targets = task.draw(N, rng=rng)
    assert np.allclose(xs.mean(axis=1), 1 / 5, atol=5 * 0.4 / math.sqrt(N))
    together = np.einsum("bi,bj->ij", xs[0], xs[1]) / N
    assert np.allclose(together, 1 / 25, atol=5 * 0.2 / math.sqrt(N))
    assert task.null_accuracy == 0.2
    guess = np.zeros((*targets.shape, 5))
    assert cross_entropy(guess, targets)[0] == pytest.approx(task.null_loss)


def test_the_shortest_string_has_one_symbol(rng):
    xs, targets = Reversal(1, symbols=2).draw(4, rng=rng)
    assert xs.shape == (1, 4, 2)
    assert np.array_equal(xs.argmax(axis=-1), targets)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"longest": 0}, "longest must be at least shortest=1, got 0"),
        ({"longest": 3, "shortest": 4}, "longest must be at least shortest=4, got 3"),
        ({"longest": 3, "shortest": 0}, "shortest must be at least 1, got 0"),
        ({"longest": 3, "symbols": 1}, "symbols must be at least 2, got 1"),
    ],
)
def test_reversal_says_what_does_not_fit(sizes, message):
    with pytest.raises(ValueError, match=f"^tasks.Reversal: {message}$"):
        Reversal(**sizes)


def test_reversal_counts_in_whole_numbers():
    message = r"^tasks.Reversal: longest must be a whole number, got 2.5$"
    with pytest.raises(TypeError, match=message):
        Reversal(2.5)


# Flip-flops


@pytest.mark.parametrize("T", [1, 5, 40])
def test_the_target_of_a_flip_flop_is_its_last_pulse(T, rng):
    xs, targets = FlipFlop(T, bits=2, rate=0.3).draw(50, rng=rng)
    assert xs.shape == targets.shape == (T, 50, 2)
    assert set(np.unique(xs)) <= {-1, 0, 1}
    assert xs[0].all()
    for b in range(50):
        for bit in range(2):
            held = 0
            for x, target in zip(xs[:, b, bit], targets[:, b, bit], strict=True):
                held = x or held
                assert target == held


def test_pulses_come_at_their_rate_and_with_either_sign(rng):
    task = FlipFlop(3, rate=0.2)
    xs, targets = task.draw(N, rng=rng)
    assert xs.shape[-1] == task.bits == 3
    assert (xs[1:] != 0).mean() == pytest.approx(0.2, abs=5 * 0.4 / math.sqrt(6 * N))
    for t in range(3):
        assert (xs[t] == targets[t]).mean() == pytest.approx(1 if t == 0 else 0.2, abs=0.02)
        assert targets[t].mean() == pytest.approx(0, abs=5 / math.sqrt(3 * N))
    assert ((targets - 0) ** 2).mean() == FlipFlop.null_loss == 1
    assert FlipFlop.null_accuracy == 0.5


@pytest.mark.parametrize(("rate", "pulses"), [(0, 1), (1, 4)])
def test_flip_flops_without_a_pulse_or_with_nothing_else(rate, pulses, rng):
    xs, _ = FlipFlop(4, rate=rate).draw(6, rng=rng)
    assert (np.abs(xs).sum(axis=0) == pulses).all()


@pytest.mark.parametrize(
    ("sizes", "error", "message"),
    [
        ({"T": 0}, ValueError, "T must be at least 1, got 0"),
        ({"T": 4, "bits": 0}, ValueError, "bits must be at least 1, got 0"),
        ({"T": 4, "rate": 1.5}, ValueError, "rate must be from 0 to 1, got 1.5"),
        ({"T": 4, "rate": float("nan")}, ValueError, "rate must be from 0 to 1, got nan"),
        ({"T": 2.5}, TypeError, "T must be a whole number, got 2.5"),
    ],
)
def test_a_flip_flop_says_what_does_not_fit(sizes, error, message):
    with pytest.raises(error, match=f"^tasks.FlipFlop: {message}$"):
        FlipFlop(**sizes)
