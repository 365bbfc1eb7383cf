"""The LSTM; what all cells share is in `test_cells.py`."""

import math

import numpy as np
import pytest
from helpers import assert_equal, draw

from bptt import lstm
from bptt.weights import glorot, orthogonal

B, I, H = 3, 4, 2


@pytest.fixture
def params():
    return draw(lstm)[0].params


def sigma(a):
    return 1 / (1 + math.exp(-a))


def by_hand(params, x, state, n, j):
    """Return i, f, g, o, c and h of unit j in sequence n, number by number."""
    a = []
    for block in range(4):
        column = block * H + j
        total = params.b[column]
        total += sum(x[n, k] * params.W_x[k, column] for k in range(I))
        total += sum(state.h[n, k] * params.W_h[k, column] for k in range(H))
        a.append(total)
    i, f, g, o = sigma(a[0]), sigma(a[1]), math.tanh(a[2]), sigma(a[3])
    c = f * state.c[n, j] + i * g
    return i, f, g, o, c, o * math.tanh(c)


def test_a_step_is_that_of_the_equations():
    (params, (x, *_), state), _ = draw(lstm)
    new, _ = lstm.step(params, x, state)
    for n, j in np.ndindex(B, H):
        *_, c, h = by_hand(params, x, state, n, j)
        assert new.c[n, j] == pytest.approx(c, rel=1e-13)
        assert new.h[n, j] == pytest.approx(h, rel=1e-13)


def test_a_step_saves_what_it_read_its_gates_and_the_bent_cell():
    (params, (x, *_), state), _ = draw(lstm)
    new, saved = lstm.step(params, x, state)
    assert_equal(saved.x, x)
    assert_equal(saved.h_prev, state.h)
    assert_equal(saved.c_prev, state.c)
    assert_equal(saved.tanh_c, np.tanh(new.c))
    for n, j in np.ndindex(B, H):
        gates = (saved.i[n, j], saved.f[n, j], saved.g[n, j], saved.o[n, j])
        assert gates == pytest.approx(by_hand(params, x, state, n, j)[:4], rel=1e-13)


def test_the_derivative_of_a_step_is_that_of_the_equations():
    (params, (x, *_), state), (_, dstate) = draw(lstm)
    _, saved = lstm.step(params, x, state)
    dparams, dx, dstate_prev = lstm.step_backward(params, saved, dstate)
    da = np.zeros((B, 4 * H))
    for n, j in np.ndindex(B, H):
        i, f, g, o, c, _ = by_hand(params, x, state, n, j)
        dh, dc = dstate.h[n, j], dstate.c[n, j]
        dc += dh * o / math.cosh(c) ** 2
        da[n, j] = dc * g * i * (1 - i)
        da[n, H + j] = dc * state.c[n, j] * f * (1 - f)
        da[n, 2 * H + j] = dc * i * (1 - g**2)
        da[n, 3 * H + j] = dh * math.tanh(c) * o * (1 - o)
        assert dstate_prev.c[n, j] == pytest.approx(dc * f, rel=1e-12)
    np.testing.assert_allclose(dparams.W_x, np.einsum("ni,nk->ik", x, da), rtol=1e-11)
    np.testing.assert_allclose(dparams.W_h, np.einsum("nj,nk->jk", state.h, da), rtol=1e-11)
    np.testing.assert_allclose(dparams.b, np.einsum("nk->k", da), rtol=1e-11)
    np.testing.assert_allclose(dx, np.einsum("nk,ik->ni", da, params.W_x), rtol=1e-11)
    np.testing.assert_allclose(dstate_prev.h, np.einsum("nk,jk->nj", da, params.W_h), rtol=1e-11)


@pytest.mark.parametrize(("block", "field"), list(enumerate("ifgo")))
def test_the_blocks_of_columns_are_i_f_g_o(block, field):
    params = lstm.Params(np.zeros((I, 4 * H)), np.zeros((H, 4 * H)), np.zeros(4 * H))
    params.b[block * H : (block + 1) * H] = 100
    _, saved = lstm.step(params, np.ones((B, I)), lstm.zero_state(params, B))
    at_rest = {"i": 0.5, "f": 0.5, "g": 0.0, "o": 0.5}
    for name, value in (at_rest | {field: 1.0}).items():
        assert_equal(getattr(saved, name), np.full((B, H), value))


def test_an_open_forget_gate_and_a_shut_input_gate_keep_the_cell_in_every_bit():
    (params, xs, state), (_, dstate) = draw(lstm)
    params = params._replace(b=np.repeat([-100.0, 100.0, 0.0, 0.0], H))
    new, saved = lstm.step(params, xs[0], state)
    assert_equal(new.c, state.c)
    _, _, dprev = lstm.step_backward(params, saved, dstate._replace(h=np.zeros((B, H))))
    assert_equal(dprev, lstm.State(h=np.zeros((B, H)), c=dstate.c))


def test_init_draws_each_block_by_glorot_and_orthogonal(rng):
    params = lstm.init(input_size=300, hidden_size=50, rng=rng)
    assert params.W_x.shape == (300, 200)
    assert params.W_h.shape == (50, 200)
    largest = [abs(block).max() for block in np.split(params.W_x, 4, axis=1)]
    assert math.sqrt(6 / 350) * 0.99 < min(largest)
    assert max(largest) <= math.sqrt(6 / 350)
    blocks = np.split(params.W_h, 4, axis=1)
    for block in blocks:
        np.testing.assert_allclose(block.T @ block, np.eye(50), rtol=0, atol=1e-12)
    assert not any(np.allclose(blocks[0], block) for block in blocks[1:])


def test_init_draws_the_input_weights_first_and_the_blocks_in_order():
    rng, same = np.random.default_rng(5), np.random.default_rng(5)
    params = lstm.init(I, H, rng=rng)
    W_x = [glorot(I, H, rng=same) for _ in range(4)]
    W_h = [orthogonal(H, rng=same) for _ in range(4)]
    b = np.array([0.0, 0.0, 1.0, 1.0, 0.0, 0.0, 0.0, 0.0])
    assert_equal(params, lstm.Params(np.hstack(W_x), np.hstack(W_h), b))
    assert rng.random() == same.random()


def test_init_sets_the_forget_bias_that_it_is_asked_for(rng):
    params = lstm.init(I, H, rng=rng, forget_bias=2.5)
    assert params.b.tolist() == [0, 0, 2.5, 2.5, 0, 0, 0, 0]
    narrow = lstm.init(I, H, rng=rng, forget_bias=2.5, dtype=np.float32)
    assert {array.dtype for array in narrow} == {np.dtype(np.float32)}
    assert narrow.b.tolist() == [0, 0, 2.5, 2.5, 0, 0, 0, 0]


def test_the_zero_state_has_two_arrays_with_a_row_for_each_sequence(params):
    assert_equal(lstm.zero_state(params, B), lstm.State(np.zeros((B, H)), np.zeros((B, H))))
    narrow = lstm.Params(*(np.float32(array) for array in params))
    one = np.zeros((1, H), np.float32)
    assert_equal(lstm.zero_state(narrow, batch=1), lstm.State(one, one))


@pytest.mark.parametrize("wrong", [None, 1j, "1", [1.0], True])
def test_a_bias_of_the_forget_gate_that_is_no_number_is_a_type_error(rng, wrong):
    with pytest.raises(TypeError, match=r"^lstm\.init: forget_bias must be a number, got "):
        lstm.init(I, H, rng=rng, forget_bias=wrong)


@pytest.mark.parametrize("wrong", [math.nan, math.inf, -math.inf, 10**400])
def test_a_bias_of_the_forget_gate_that_is_not_finite_is_a_value_error(rng, wrong):
    with pytest.raises(ValueError, match=r"^lstm\.init: forget_bias must be finite, got "):
        lstm.init(I, H, rng=rng, forget_bias=wrong)
