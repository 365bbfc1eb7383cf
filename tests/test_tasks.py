import math

import numpy as np
import pytest

from bptt.losses import cross_entropy
from bptt.tasks import Latch

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
