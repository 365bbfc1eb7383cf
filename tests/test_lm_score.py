"""Scoring a text: with the state carried, and in windows."""

from itertools import pairwise

import numpy as np
import pytest

from bptt import lstm, tree
from bptt.lm import score
from bptt.lm.network import init
from bptt.ops import log_softmax
from bptt.shapes import ShapeError

K, D, WIDTHS = 7, 4, (5, 3)


@pytest.fixture
def params(cell):
    rng = np.random.default_rng(0)
    return tree.map(
        lambda a: rng.normal(scale=0.7, size=a.shape), init(cell, K, D, WIDTHS, rng=rng)
    )


def nats_of_each(cell, params, codes):
    """Return what each character after the first costs, step by step from a state of zeros."""
    states = [cell.zero_state(p, 1) for p in params.layers]
    costs = []
    for code, target in pairwise(codes):
        h = params.E[[code]]
        for j, p in enumerate(params.layers):
            states[j], _ = cell.step(p, h, states[j])
            h = states[j].h
        costs.append(-log_softmax(h @ params.W_y + params.b_y)[0, target])
    return np.array(costs)


@pytest.mark.parametrize("N", [2, 3, 8, 9, 10, 17, 20])
def test_a_carried_score_is_the_mean_over_all_characters_but_the_first(
    cell, params, N, monkeypatch
):
    monkeypatch.setattr(score, "STEPS", 8)
    codes = np.random.default_rng(1).integers(K, size=N)
    want = nats_of_each(cell, params, codes)
    assert len(want) == N - 1
    got = score.carried(cell, params, codes)
    assert type(got) is float
    assert got == pytest.approx(want.mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("N", "length"), [(6, 5), (10, 5), (11, 5), (12, 5), (29, 5), (38, 4), (7, 1), (3, 2)]
)
def test_a_score_in_windows_starts_each_window_from_zeros(cell, params, N, length, monkeypatch):
    monkeypatch.setattr(score, "WINDOWS", 3)
    codes = np.random.default_rng(1).integers(K, size=N)
    starts = range(0, N - length, length)
    want = [nats_of_each(cell, params, codes[at : at + length + 1]) for at in starts]
    assert all(len(costs) == length for costs in want)
    got = score.windows(cell, params, codes, length)
    assert type(got) is float
    assert got == pytest.approx(np.mean(want), rel=1e-12)


def test_one_window_over_the_whole_text_is_the_carried_score(cell, params):
    codes = np.random.default_rng(2).integers(K, size=24)
    whole = score.windows(cell, params, codes, 23)
    assert whole == pytest.approx(score.carried(cell, params, codes), rel=1e-12)
    assert abs(score.windows(cell, params, codes, 4) - whole) > 1e-3


def test_windows_have_256_characters_unless_asked(cell, params):
    codes = np.random.default_rng(2).integers(K, size=600)
    got = score.windows(cell, params, codes)
    assert got == score.windows(cell, params, codes, 256)
    assert got != score.windows(cell, params, codes, 255)


def test_a_network_that_says_nothing_scores_the_logarithm_of_the_number_of_characters():
    params = tree.map(np.zeros_like, init(lstm, K, D, WIDTHS, rng=np.random.default_rng(0)))
    codes = np.random.default_rng(3).integers(K, size=50)
    assert score.carried(lstm, params, codes) == pytest.approx(np.log(K), rel=1e-6)
    assert score.windows(lstm, params, codes, 7) == pytest.approx(np.log(K), rel=1e-6)


def test_the_future_does_not_change_the_cost_of_the_past(cell, params):
    codes = np.random.default_rng(4).integers(K, size=21)
    changed = codes.copy()
    changed[12:] = (changed[12:] + 1) % K
    past = score.carried(cell, params, codes[:12])
    assert score.carried(cell, params, changed[:12]) == past
    whole, other = (score.carried(cell, params, text) for text in (codes, changed))
    assert whole != other


@pytest.mark.parametrize("N", [0, 1])
def test_a_text_without_anything_to_predict_is_a_shape_error(params, cell, N):
    with pytest.raises(ShapeError) as error:
        score.carried(cell, params, np.zeros(N, int))
    assert str(error.value) == f"lm.carried: codes must be (2 or more,), got ({N},)"


def test_a_text_that_is_shorter_than_a_window_is_a_shape_error(params, cell):
    with pytest.raises(ShapeError) as error:
        score.windows(cell, params, np.zeros(5, int), 5)
    assert str(error.value) == "lm.windows: codes must be (6 or more,), got (5,)"
    score.windows(cell, params, np.zeros(6, int), 5)


def test_a_text_of_two_axes_is_a_shape_error(params, cell):
    codes = np.zeros((8, 2), int)
    for scored in (score.carried, lambda *args: score.windows(*args, 3)):
        with pytest.raises(ShapeError, match=r"codes must be \(\d or more,\), got \(8, 2\)"):
            scored(cell, params, codes)


def test_windows_without_characters_are_a_value_error(params, cell):
    for length in (0, -3):
        with pytest.raises(
            ValueError, match=f"lm.windows: length must be at least 1, got {length}"
        ):
            score.windows(cell, params, np.zeros(5, int), length)


@pytest.mark.parametrize("most", [1, 2, 3, 7, 8, 50])
def test_a_bounded_score_is_that_of_windows_spread_over_the_text(cell, params, most):
    codes = np.random.default_rng(5).integers(K, size=5 * 8 + 3)  # eight windows
    each = [score.windows(cell, params, codes[at : at + 6], 5) for at in range(0, 40, 5)]
    chosen = {1: [0], 2: [0, 7], 3: [0, 3, 7], 7: [0, 1, 2, 3, 4, 5, 7]}.get(most, range(8))
    got = score.windows(cell, params, codes, 5, most=most)
    assert got == pytest.approx(np.mean([each[n] for n in chosen]), rel=1e-12)


def test_many_characters_are_scored_in_less_room_and_to_the_same_score(cell, params, monkeypatch):
    codes = np.random.default_rng(6).integers(K, size=100)
    want = score.windows(cell, params, codes, 5), score.carried(cell, params, codes)
    largest = []
    real = score.forward

    def watched(cell, params, inputs, *args):
        largest.append(inputs.size * K)
        return real(cell, params, inputs, *args)

    monkeypatch.setattr(score, "forward", watched)
    for room in (1, 3 * K, 12 * K):
        monkeypatch.setattr(score, "ROOM", room)
        largest.clear()
        got = score.windows(cell, params, codes, 5), score.carried(cell, params, codes)
        assert got == pytest.approx(want, rel=1e-12)
        assert max(largest) <= max(room, 5 * K)


def test_a_plain_list_is_a_text_too(params, cell):
    codes = [1, 2, 0, 4, 3]
    assert score.carried(cell, params, codes) == score.carried(cell, params, np.array(codes))
    assert score.windows(cell, params, codes, 2) == score.windows(cell, params, np.array(codes), 2)
