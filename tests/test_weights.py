from functools import partial

import numpy as np
import pytest

from bptt import weights

DRAWS = {
    "lecun": lambda **options: weights.lecun(3, 5, **options),
    "glorot": lambda **options: weights.glorot(3, 5, **options),
    "he": lambda **options: weights.he(3, 5, **options),
    "orthogonal": lambda **options: weights.orthogonal(4, **options),
    "chrono": lambda **options: weights.chrono(4, 10, **options),
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


@pytest.mark.parametrize(
    ("draw", "variance"), [(weights.lecun, 1 / 300), (weights.he, 2 / 300)], ids=["lecun", "he"]
)
def test_a_normal_draw_has_the_variance_of_its_rule(draw, variance, rng):
    W = draw(300, 500, rng=rng)
    assert W.shape == (300, 500)
    scaled = W / np.sqrt(variance)
    # Five standard errors: the second, third and fourth moments of a normal number have the
    # variances 2, 15 and 96.
    for power, moment, spread in [(1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)]:
        assert abs((scaled**power).mean() - moment) < 5 * np.sqrt(spread / W.size)


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


def test_the_identity_copies_every_row(rng):
    W = weights.identity(4)
    h = rng.normal(size=(3, 4))
    assert W.dtype == np.float64
    assert np.array_equal(W, [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    assert np.array_equal(h @ W, h)
    assert weights.identity(2, dtype=np.float32).dtype == np.float32


def test_chrono_draws_time_scales_uniformly_up_to_the_longest(rng):
    b = weights.chrono(100_000, 51, rng=rng)
    assert b.shape == (100_000,)
    u = np.exp(b)  # uniform from 1 to T - 1 = 50
    assert b.min() >= 0
    assert b.max() <= np.log(50)
    assert u.min() < 1 + 49 * 20 / u.size
    assert u.max() > 50 - 49 * 20 / u.size
    assert abs(u.mean() - 25.5) < 5 * np.sqrt(49**2 / 12 / u.size)
    # As many in each tenth of the range, within five standard errors.
    tenths, _ = np.histogram(u, bins=10, range=(1, 50))
    assert (abs(tenths - 10_000) < 5 * np.sqrt(0.1 * 0.9 * u.size)).all()


def test_chrono_of_the_shortest_time_is_zero(rng):
    assert weights.chrono(3, 2, rng=rng).tolist() == [0, 0, 0]


@pytest.mark.parametrize("longest", [1, 0, -5])
def test_chrono_needs_a_time_to_bridge(longest, rng):
    message = rf"^weights\.chrono: longest must be at least 2, got {longest}$"
    with pytest.raises(ValueError, match=message):
        weights.chrono(3, longest, rng=rng)


@pytest.mark.parametrize(
    ("draw", "want"),
    [
        (lambda rng: weights.glorot(1, 2, rng=rng), [[0.3873861515, -0.6511415033]]),
        (
            lambda rng: weights.orthogonal(2, rng=rng),
            [[0.1926463324, -0.9812682562], [0.9812682562, 0.1926463324]],
        ),
        (lambda rng: weights.chrono(2, 51, rng=rng), [3.4723118177, 2.6546177062]),
    ],
    ids=["glorot", "orthogonal", "chrono"],
)
def test_the_draws_behind_the_stored_results_stay_the_same(draw, want):
    np.testing.assert_allclose(draw(np.random.default_rng(0)), want, rtol=1e-9)


@pytest.mark.parametrize(
    "wrong",
    [None, 0, np.random, np.random.RandomState(0)],
    ids=["None", "0", "module", "RandomState"],
)
@each_draw
def test_a_seed_is_no_generator(draw, wrong):
    with pytest.raises(
        TypeError, match=r"^weights\.\w+: rng must be a generator, such as np\.rand"
    ):
        draw(rng=wrong)


SIZED = [
    *(partial(draw, 3) for draw in (weights.lecun, weights.glorot, weights.he)),
    *(lambda n, rng, draw=draw: draw(n, 3, rng=rng) for draw in (weights.lecun, weights.glorot)),
    *(lambda n, rng, draw=draw: draw(n, 3, rng=rng) for draw in (weights.he, weights.chrono)),
    *(weights.orthogonal, lambda n, rng: weights.identity(n)),  # noqa: ARG005  # draws nothing
]


@pytest.mark.parametrize("draw", SIZED)
def test_sizes_are_whole_numbers_of_at_least_one(draw, rng):
    for wrong in (0, -1):
        with pytest.raises(
            ValueError, match=rf"^weights\.\w+: \w+ must be at least 1, got {wrong}"
        ):
            draw(wrong, rng=rng)
    for wrong in (None, 2.0, "3", np.nan, True):
        with pytest.raises(TypeError, match=r"^weights\.\w+: \w+ must be a whole number, got "):
            draw(wrong, rng=rng)
    assert draw(np.int64(2), rng=rng).size
