"""What is dropped in training: how often, what stands for it, and where a mask is the same."""

import numpy as np
import pytest

from bptt import lstm
from bptt.lm.dropout import Masks, Rates, draw, locked, nothing, times
from bptt.lm.network import init

K, B, D = 7, 3, 8
WIDTHS = (6, 5, 4)
RATES = Rates(rows=0.1, inputs=0.2, between=0.3, outputs=0.4, recurrent=0.5)


def params(dtype=np.float64, widths=WIDTHS, characters=K):
    return init(lstm, characters, D, widths, rng=np.random.default_rng(1), dtype=dtype)


def leaves(masks):
    return [masks.rows, *masks.reads, *masks.recurrent]


@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_a_mask_drops_its_share_and_keeps_the_mean(rng, p):
    mask = locked(p, (200, 500), rng=rng)
    n = mask.size
    assert set(np.unique(mask)) == {0, 1 / (1 - p)}
    assert abs((mask == 0).mean() - p) < 5 * np.sqrt(p * (1 - p) / n)
    assert abs(mask.mean() - 1) < 5 * np.sqrt(p / (1 - p) / n)


def test_a_mask_of_a_rate_of_zero_is_none_and_draws_nothing(rng):
    before = rng.bit_generator.state
    assert locked(0, (2, 3), rng=rng) is None
    assert rng.bit_generator.state == before


def test_the_entries_of_a_mask_are_independent(rng):
    dropped = locked(0.5, (4000, 4), rng=rng) == 0
    assert np.abs(np.corrcoef(dropped.T) - np.eye(4)).max() < 0.08
    assert abs(np.corrcoef(dropped[:-1, 0], dropped[1:, 0])[0, 1]) < 0.08


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_mask_has_the_dtype_that_is_asked_for(rng, dtype):
    assert locked(0.3, (2, 3), rng=rng, dtype=dtype).dtype == dtype
    for mask in leaves(draw(RATES, params(dtype), B, rng=rng)):
        assert mask.dtype == dtype


def test_the_same_uniform_numbers_give_the_same_mask_in_both_dtypes():
    # A run in float32 can then be checked against the same run in float64.
    single, double = (
        locked(0.3, (50, 40), rng=np.random.default_rng(4), dtype=dtype)
        for dtype in (np.float32, np.float64)
    )
    assert np.array_equal(single == 0, double == 0)


def test_times_multiplies_and_leaves_alone_what_has_no_mask():
    x = np.arange(6.0).reshape(2, 3)
    assert times(x, None) is x
    assert times(x, np.array([0, 2.0, 1])).tolist() == [[0, 2, 2], [0, 8, 5]]


def test_nothing_has_a_place_for_each_layer_and_one_more_for_the_head():
    assert nothing(3) == Masks(None, (None,) * 4, (None,) * 3)


def test_without_rates_nothing_is_drawn(rng):
    before = rng.bit_generator.state
    assert draw(Rates(), params(), B, rng=rng) == nothing(3)
    assert rng.bit_generator.state == before


def test_the_masks_have_the_shapes_of_what_they_multiply_and_no_axis_of_time(rng):
    masks = draw(RATES, params(), B, rng=rng)
    assert masks.rows.shape == (K, 1)
    # The lowest layer reads rows of E, of width 8, and the head the 4 units of the last layer.
    assert [mask.shape for mask in masks.reads] == [(B, 8), (B, 6), (B, 5), (B, 4)]
    assert [mask.shape for mask in masks.recurrent] == [(6, 24), (5, 20), (4, 16)]


def test_each_rate_drops_in_its_own_place():
    wide = params(widths=(90, 80, 70), characters=2000)
    masks = draw(RATES, wide, 400, rng=np.random.default_rng(2))
    shares = [float((mask == 0).mean()) for mask in leaves(masks)]
    assert shares == pytest.approx([0.1, 0.2, 0.3, 0.3, 0.4, 0.5, 0.5, 0.5], abs=0.04)


@pytest.mark.parametrize("name", ["rows", "inputs", "between", "outputs", "recurrent"])
def test_a_rate_alone_drops_nothing_elsewhere(rng, name):
    masks = draw(Rates(**{name: 0.5}), params(), B, rng=rng)
    drawn = {
        "rows": masks.rows is not None,
        "inputs": masks.reads[0] is not None,
        "between": all(mask is not None for mask in masks.reads[1:-1]),
        "outputs": masks.reads[-1] is not None,
        "recurrent": all(mask is not None for mask in masks.recurrent),
    }
    assert [other for other, there in drawn.items() if there] == [name]
    wanted = {"between": 2, "recurrent": 3}.get(name, 1)
    assert sum(mask is not None for mask in leaves(masks)) == wanted


def test_masks_of_what_is_read_differ_between_texts_and_layers():
    masks = draw(Rates(between=0.5), params(widths=(60, 60, 60)), B, rng=np.random.default_rng(0))
    _, low, high, _ = masks.reads
    assert not np.array_equal(low, high)
    for mask in (low, high):
        assert not np.array_equal(mask[0], mask[1])
        assert not np.array_equal(mask[1], mask[2])


def test_masks_of_the_same_seed_are_the_same_and_of_another_differ():
    one, same, other = (
        draw(RATES, params(), B, rng=np.random.default_rng(seed)) for seed in (0, 0, 1)
    )
    for a, b in zip(leaves(one), leaves(same), strict=True):
        assert np.array_equal(a, b)
    assert any(not np.array_equal(a, b) for a, b in zip(leaves(one), leaves(other), strict=True))


@pytest.mark.parametrize("name", ["rows", "inputs", "between", "outputs", "recurrent"])
@pytest.mark.parametrize("rate", [-0.1, 1, 1.5, float("nan")])
def test_a_rate_outside_its_range_is_refused(name, rate):
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared below
        Rates(**{name: rate})
    assert str(error.value) == f"lm.Rates: {name} must be from 0 to below 1, got {rate}"


def test_the_ends_of_the_range_are_zero_and_just_below_one():
    assert Rates(rows=0).rows == 0
    assert Rates(recurrent=1 - 1e-9).recurrent < 1
