"""A mixture of predictors: their geometric mean, with weights that learn."""

import itertools

import numpy as np
import pytest

from bptt.lm.mixture import mix
from bptt.ops import log_softmax
from bptt.shapes import ShapeError

N, M, K = 60, 3, 5
RNG = np.random.default_rng(0)
LOG_PS = log_softmax(RNG.normal(size=(N, M, K)))
CODES = RNG.integers(K, size=N)


def run(log_ps=LOG_PS, codes=CODES, weights=(0.5, 0.3, 0.2), lr=0.05):
    return list(mix(log_ps, codes, weights, lr))


def test_it_is_the_product_of_powers_over_its_sum():
    weights = [(0.5, 0.3, 0.2), *(mixed.weights for mixed in run())]
    for mixed, w, log_p in zip(run(), weights, LOG_PS, strict=False):
        product = np.prod(np.exp(log_p) ** np.array(w)[:, None], axis=0)
        assert np.exp(mixed.log_q) == pytest.approx(product / product.sum(), rel=1e-12)


@pytest.mark.parametrize("model", range(M))
def test_a_weight_of_one_alone_is_that_model(model):
    for mixed, log_p in zip(run(weights=np.eye(M)[model], lr=0.0), LOG_PS, strict=True):
        assert mixed.log_q == pytest.approx(log_p[model], abs=1e-12)


def test_a_weight_moves_against_its_derivative():
    def nats(w, n):
        return -log_softmax(w @ LOG_PS[n])[CODES[n]]

    weights, h = np.array([0.5, 0.3, 0.2]), 1e-6
    for n, mixed in enumerate(run()):
        slope = [(nats(weights + e, n) - nats(weights - e, n)) / (2 * h) for e in h * np.eye(M)]
        assert (weights - mixed.weights) / 0.05 == pytest.approx(slope, abs=1e-8)
        weights = mixed.weights


def test_later_characters_change_no_earlier_prediction():
    for place in range(N):
        codes, log_ps = CODES.copy(), LOG_PS.copy()
        codes[place:] = (codes[place:] + 1) % K
        log_ps[place + 1 :] = log_ps[place + 1 :, ::-1]
        one, two = run(), run(log_ps, codes)
        assert all((a.log_q == b.log_q).all() for a, b in zip(one[: place + 1], two, strict=False))


def test_it_learns_whom_to_trust():
    knows = np.full((N, K), np.log(0.1 / (K - 1)))
    knows[np.arange(N), CODES] = np.log(0.9)
    *_, last = run(np.stack([LOG_PS[:, 0], knows, LOG_PS[:, 1]], axis=1))
    assert last.weights[1] > 1 > np.abs(last.weights[[0, 2]]).max()


def test_it_reads_no_further_than_it_is_asked_to():
    endless = mix(itertools.repeat(LOG_PS[0]), itertools.repeat(0), np.ones(M), 0.1)
    assert len(list(itertools.islice(endless, 3))) == 3


def test_as_many_predictions_as_characters_are_asked_for():
    with pytest.raises(ValueError, match="shorter"):
        run(codes=CODES[:-1])


@pytest.mark.parametrize("weights", [(1.0, 2.0), 1.0])
def test_each_model_has_a_weight(weights):
    with pytest.raises(ShapeError, match=r"weights must be \(M=3,\)"):
        run(weights=weights)


@pytest.mark.parametrize("code", [-1, K])
def test_a_character_that_is_none_is_refused(code):
    with pytest.raises(ValueError, match="from 0 to 4"):
        run(codes=[code] * N)
