"""The GRU; what all cells share is in `test_cells.py`."""

import math

import numpy as np
import pytest
from helpers import assert_equal, draw

from bptt import gru
from bptt.weights import glorot, orthogonal

B, I, H = 3, 4, 2


@pytest.fixture
def params():
    return draw(gru)[0].params


def sigma(a):
    return 1 / (1 + math.exp(-a))


def by_hand(params, x, state, n, j):
    """Return r, z, n, q and h of unit j in sequence n, number by number."""
    through_x, through_h = [], []
    for column in (j, H + j, 2 * H + j):
        from_x = sum(x[n, k] * params.W_x[k, column] for k in range(I))
        through_x.append(from_x + params.b[column])
        through_h.append(sum(state.h[n, k] * params.W_h[k, column] for k in range(H)))
    r, z = sigma(through_x[0] + through_h[0]), sigma(through_x[1] + through_h[1])
    q = through_h[2] + params.b_hn[j]
    candidate = math.tanh(through_x[2] + r * q)
    return r, z, candidate, q, (1 - z) * candidate + z * state.h[n, j]


def test_a_step_is_that_of_the_equations():
    (params, (x, *_), state), _ = draw(gru)
    new, _ = gru.step(params, x, state)
    for n, j in np.ndindex(B, H):
        assert new.h[n, j] == pytest.approx(by_hand(params, x, state, n, j)[-1], rel=1e-12)


def test_a_step_saves_what_it_read_its_gates_and_what_the_reset_gate_multiplies():
    (params, (x, *_), state), _ = draw(gru)
    _, saved = gru.step(params, x, state)
    assert_equal(saved.x, x)
    assert_equal(saved.h_prev, state.h)
    for n, j in np.ndindex(B, H):
        got = (saved.r[n, j], saved.z[n, j], saved.n[n, j], saved.q[n, j])
        assert got == pytest.approx(by_hand(params, x, state, n, j)[:4], rel=1e-12)


def test_the_derivative_of_a_step_is_that_of_the_equations():
    (params, (x, *_), state), (_, dstate) = draw(gru)
    _, saved = gru.step(params, x, state)
    dparams, dx, dstate_prev = gru.step_backward(params, saved, dstate)
    da_x, da_h, straight = np.zeros((B, 3 * H)), np.zeros((B, 3 * H)), np.zeros((B, H))
    for n, j in np.ndindex(B, H):
        r, z, candidate, q, _ = by_hand(params, x, state, n, j)
        dh = dstate.h[n, j]
        da_n = dh * (1 - z) * (1 - candidate**2)
        da_r = da_n * q * r * (1 - r)
        da_z = dh * (state.h[n, j] - candidate) * z * (1 - z)
        da_x[n, j::H] = da_r, da_z, da_n
        da_h[n, j::H] = da_r, da_z, da_n * r
        straight[n, j] = dh * z
    np.testing.assert_allclose(dparams.W_x, np.einsum("ni,nk->ik", x, da_x), rtol=1e-11)
    np.testing.assert_allclose(dparams.W_h, np.einsum("nj,nk->jk", state.h, da_h), rtol=1e-11)
    np.testing.assert_allclose(dparams.b, np.einsum("nk->k", da_x), rtol=1e-11)
    np.testing.assert_allclose(dparams.b_hn, np.einsum("nk->k", da_h)[2 * H :], rtol=1e-11)
    np.testing.assert_allclose(dx, np.einsum("nk,ik->ni", da_x, params.W_x), rtol=1e-11)
    back = np.einsum("nk,jk->nj", da_h, params.W_h) + straight
    np.testing.assert_allclose(dstate_prev.h, back, rtol=1e-11)


@pytest.mark.parametrize(("block", "field"), list(enumerate("rzn")))
def test_the_blocks_of_columns_are_r_z_n(block, field):
    b = np.where(np.arange(3 * H) // H == block, 100.0, 0.0)
    params = gru.Params(np.zeros((I, 3 * H)), np.zeros((H, 3 * H)), b, np.zeros(H))
    _, saved = gru.step(params, np.ones((B, I)), gru.zero_state(params, B))
    at_rest = {"r": 0.5, "z": 0.5, "n": 0.0, "q": 0.0}
    for name, value in (at_rest | {field: 1.0}).items():
        assert_equal(getattr(saved, name), np.full((B, H), value))


def test_the_reset_gate_multiplies_the_inner_bias_and_not_the_outer_one():
    b = np.repeat([-100.0, 0.0, 0.25], H)  # shut
    params = gru.Params(np.zeros((I, 3 * H)), np.zeros((H, 3 * H)), b, np.full(H, 3.0))
    _, saved = gru.step(params, np.ones((B, I)), gru.zero_state(params, B))
    assert_equal(saved.n, np.tanh(np.full((B, H), 0.25)))
    assert_equal(saved.q, np.full((B, H), 3.0))


def test_an_update_gate_of_one_keeps_the_state_in_every_bit():
    (params, xs, state), (_, dstate) = draw(gru)
    params = params._replace(b=np.repeat([0.0, 100.0, 0.0], H))
    new, saved = gru.step(params, xs[0], state)
    assert_equal(new, state)
    assert_equal(gru.step_backward(params, saved, dstate)[2], dstate)


def test_init_draws_each_block_by_glorot_and_orthogonal_and_no_bias(rng):
    params = gru.init(input_size=300, hidden_size=50, rng=rng)
    assert params.W_x.shape == (300, 150)
    assert params.W_h.shape == (50, 150)
    largest = [abs(block).max() for block in np.split(params.W_x, 3, axis=1)]
    assert math.sqrt(6 / 350) * 0.99 < min(largest)
    assert max(largest) <= math.sqrt(6 / 350)
    for block in np.split(params.W_h, 3, axis=1):
        np.testing.assert_allclose(block.T @ block, np.eye(50), rtol=0, atol=1e-12)
    assert params.b.tolist() == [0] * 150
    assert params.b_hn.tolist() == [0] * 50


def test_init_draws_the_input_weights_first_and_the_blocks_in_order():
    rng, same = np.random.default_rng(5), np.random.default_rng(5)
    params = gru.init(I, H, rng=rng)
    W_x = [glorot(I, H, rng=same) for _ in range(3)]
    W_h = [orthogonal(H, rng=same) for _ in range(3)]
    want = gru.Params(np.hstack(W_x), np.hstack(W_h), np.zeros(3 * H), np.zeros(H))
    assert_equal(params, want)
    assert rng.random() == same.random()


def test_init_draws_the_dtype_it_is_asked_for(rng):
    narrow = gru.init(I, H, rng=rng, dtype=np.float32)
    assert [array.dtype for array in narrow] == [np.dtype(np.float32)] * 4


def test_the_zero_state_has_a_row_for_each_sequence(params):
    assert_equal(gru.zero_state(params, B), gru.State(np.zeros((B, H))))
    narrow = gru.Params(*(np.float32(array) for array in params))
    assert_equal(gru.zero_state(narrow, batch=1), gru.State(np.zeros((1, H), np.float32)))
