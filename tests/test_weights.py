import numpy as np
import pytest

from bptt import weights

DRAWS = {
    "glorot": lambda **options: weights.glorot(3, 5, **options),
    "orthogonal": lambda **options: weights.orthogonal(4, **options),
}
each_draw = pytest.mark.parametrize("draw", DRAWS.values(), ids=DRAWS.keys())


@each_draw
def test_equal_seeds_draw_equal_weights(draw):
    one, same, other = (draw(rng=np.random.default_rng(seed)) for seed in (1, 1, 2))
    assert np.array_equal(one, same)
    assert not np.array_equal(one, other)


@each_draw
def test_the_generator_moves_on(draw, rng):
    assert not np.array_equal(draw(rng=rng), draw(rng=rng))


@each_draw
def test_the_dtype_is_that_asked_for(draw, rng):
    assert draw(rng=rng).dtype == np.float64
    assert draw(rng=rng, dtype=np.float32).dtype == np.float32


@each_draw
def test_a_generator_is_required(draw):
    with pytest.raises(TypeError, match="rng"):
        draw()


def test_glorot_fills_its_range_and_has_its_variance(rng):
    fan_in, fan_out = 300, 500
    W = weights.glorot(fan_in, fan_out, rng=rng)
    assert W.shape == (fan_in, fan_out)
    r, variance = np.sqrt(6 / 800), 2 / 800
    # The largest of N uniform draws misses r by r/N on average.
    assert r * (1 - 20 / W.size) < -W.min() <= r
    assert r * (1 - 20 / W.size) < W.max() <= r
    # Five standard errors; the fourth moment of a uniform draw is 9/5 of its squared variance.
    assert abs(W.mean()) < 5 * np.sqrt(variance / W.size)
    assert abs(W.var() - variance) < 5 * variance * np.sqrt(0.8 / W.size)


@pytest.mark.parametrize("size", [1, 2, 7, 40])
def test_orthogonal_keeps_every_length(size, rng):
    W = weights.orthogonal(size, rng=rng)
    assert W.shape == (size, size)
    np.testing.assert_allclose(W.T @ W, np.eye(size), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_orthogonal_draws_are_uniform_over_the_group(size, rng):
    draws = np.stack([weights.orthogonal(size, rng=rng) for _ in range(2000)])
    # Under the Haar measure half the determinants are -1, and an entry has mean 0 and variance
    # 1/size. Five standard errors each.
    mirrors = (np.linalg.det(draws) < 0).mean()
    assert abs(mirrors - 0.5) < 5 * np.sqrt(0.25 / 2000)
    assert (abs(draws.mean(axis=0)) < 5 * np.sqrt(1 / size / 2000)).all()
    # The fourth moment of an entry is 3 / (size (size + 2)).
    spread = np.sqrt(3 / (size * (size + 2)) - 1 / size**2)
    assert (abs((draws**2).mean(axis=0) - 1 / size) <= 5 * spread / np.sqrt(2000) + 1e-12).all()
