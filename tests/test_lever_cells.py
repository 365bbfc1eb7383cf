"""The cells of the levers: layer normalisation, the Mogrifier and zoneout."""

import numpy as np
import pytest
import torch
from helpers import (
    SEEDS,
    SIZES,
    Inputs,
    Outputs,
    assert_close,
    assert_equal,
    assert_slopes,
    draw,
    gradient,
    run,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt import lstm, stack, tree, unroll
from bptt.cell import Cell, Steps, inside
from bptt.experiments.levers import layer_norm, mogrifier, zoneout
from bptt.shapes import ShapeError

# What torch computes: the equations of the papers, written once more.


def torch_lstm(a, c):
    a_i, a_f, a_g, a_o = a.chunk(4, -1)
    return torch.sigmoid(a_f) * c + torch.sigmoid(a_i) * torch.tanh(a_g), torch.sigmoid(a_o)


def torch_layer_norm(params, x, h, c):
    W_x, W_h, b, alpha_x, alpha_h, alpha_c, beta_c = params
    norm = torch.nn.functional.layer_norm
    a = norm(x @ W_x, alpha_x.shape, alpha_x) + norm(h @ W_h, alpha_h.shape, alpha_h) + b
    c, o = torch_lstm(a, c)
    return o * torch.tanh(norm(c, alpha_c.shape, alpha_c, beta_c)), c


def torch_mogrifier(params, x, h, c):
    W_x, W_h, b, M = params
    for r in range(len(M)):
        if r % 2 == 0:
            x = 2 * torch.sigmoid(h @ M[r]) * x
        else:
            h = 2 * torch.sigmoid(x @ M[r].T) * h
    c, o = torch_lstm(x @ W_x + h @ W_h + b, c)
    return o * torch.tanh(c), c


TORCH = {layer_norm: torch_layer_norm, mogrifier: torch_mogrifier}
each_cell = pytest.mark.parametrize("cell", TORCH, ids=lambda cell: cell.__name__)
each_number_of_rounds = pytest.mark.parametrize("rounds", [1, 2, 3, 4, 5])


def torch_stack(step, layers, xs, states):
    """Run layers over time in torch; return the outputs and the last states."""
    ends = []
    for params, state in zip(layers, states, strict=True):
        h, c = state
        hs = []
        for x in xs:
            h, c = step(params, x, h, c)
            hs.append(h)
        xs = torch.stack(hs)
        ends.append((h, c))
    return xs, ends


def tensors(arrays):
    return tree.map(lambda a: torch.tensor(a, requires_grad=True), arrays)


def numbers(found):
    return tree.map(lambda a: a.detach().numpy(), found)


def torch_gradient(step, layers, xs, states, dhs, dends):
    """Return outputs, last states, and the gradients of all that went in."""
    given = tensors((layers, xs, states))
    hs, ends = torch_stack(step, *given)
    outs = [hs, *(a for end in ends for a in end)]
    torch.autograd.backward(outs, [torch.tensor(d) for _, d in tree.leaves((dhs, dends))])
    return hs.detach().numpy(), ends, tree.map(lambda a: a.grad.numpy(), given)


def draw_stack(cell, sizes, seed, layers=2, **own):
    """Draw the weights of layers, inputs, first states, and gradients at the end."""
    T, B, I, H = sizes
    rng = np.random.default_rng(seed)
    weights = tuple(cell.init(width, H, rng=rng, **own) for width in (I, *[H] * (layers - 1)))
    zero = tuple(cell.zero_state(p, B) for p in weights)

    def anew(like, scale):
        return tree.map(lambda a: rng.normal(scale=scale, size=a.shape), like)

    xs, dhs = rng.normal(size=(T, B, I)), rng.normal(size=(T, B, H))
    return anew(weights, 0.5), xs, anew(zero, 0.5), dhs, anew(zero, 1.0)


def check_against_torch(cell, sizes, seed, **own):
    layers, xs, states, dhs, dends = draw_stack(cell, sizes, seed, **own)
    want_hs, want_ends, want = torch_gradient(TORCH[cell], layers, xs, states, dhs, dends)
    hs, ends, tape = stack.forward(cell, layers, xs, states)
    assert_close(hs, want_hs)
    assert_close(ends, tuple(cell.State(*numbers(end)) for end in want_ends))
    assert_close(stack.backward(cell, layers, tape, dhs, dends), want)


# The scale of a single input is lost in layer norm, and so is that of one of two units: what is
# left of such a gradient is rounding.
WIDE = st.tuples(st.integers(2, 6), st.integers(1, 5), st.integers(2, 6), st.integers(3, 6))


@given(WIDE, SEEDS)
def test_two_layers_with_layer_norm_and_all_gradients_are_those_of_torch(sizes, seed):
    check_against_torch(layer_norm, sizes, seed)


@each_number_of_rounds
@given(WIDE, SEEDS)
@settings(max_examples=8)
def test_two_layers_of_a_mogrifier_and_all_gradients_are_those_of_torch(rounds, sizes, seed):
    check_against_torch(mogrifier, sizes, seed, rounds=rounds)


def check_slopes(cell, **own):
    layers, xs, states, dhs, dends = draw_stack(cell, (5, 3, 4, 6), 0, **own)

    def f(at):
        hs, ends, _ = stack.forward(cell, *at)
        return tree.dot((dhs, dends), (hs, ends))

    _, _, tape = stack.forward(cell, layers, xs, states)
    assert_slopes(f, (layers, xs, states), stack.backward(cell, layers, tape, dhs, dends))


def test_the_gradient_through_layer_norm_is_that_of_central_differences():
    check_slopes(layer_norm)


@each_number_of_rounds
def test_the_gradient_through_a_mogrifier_is_that_of_central_differences(rounds):
    check_slopes(mogrifier, rounds=rounds)


@each_cell
def test_it_is_a_cell_of_the_library(cell):
    assert isinstance(cell, Cell)
    assert isinstance(zoned(0.1, 0.1), Steps)
    with pytest.raises(TypeError, match=r"\.init: rng must be a generator"):
        cell.init(2, 3, rng=0)
    params = cell.init(4, 3, rng=np.random.default_rng(0), dtype=np.float32)
    state = cell.zero_state(params, 2)
    state, saved = cell.step(params, np.ones((2, 4)), state)
    grads = cell.step_backward(params, saved, state)
    assert {a.dtype for _, a in tree.leaves((state, grads))} == {np.dtype(np.float32)}
    with pytest.raises(ShapeError, match=r"\.step: x must be \(B, I=4\), got \(2, 5\)$"):
        cell.step(params, np.ones((2, 5)), state)
    with pytest.raises(ShapeError, match=r"\.step_backward: dstate\.c must be \(B=2, H=3\), got"):
        cell.step_backward(params, saved, state._replace(c=np.ones((2, 4))))


# Layer normalisation.


def outputs(cell, params, seed=0, T=5, B=3):
    rng = np.random.default_rng(seed)
    xs = rng.normal(size=(T, B, len(params.W_x)))
    return unroll.forward(cell, params, xs)[0]


@pytest.fixture
def normed():
    """Return weights so large that the epsilon of the variance is nothing beside it."""
    drawn = draw(layer_norm, H=6)[0].params
    return drawn._replace(W_x=1e6 * drawn.W_x, W_h=1e6 * drawn.W_h)


@pytest.mark.parametrize("name", ["W_x", "W_h"])
def test_scaling_all_weights_of_one_source_changes_nothing(normed, name):
    scaled = normed._replace(**{name: 3 * getattr(normed, name)})
    assert_close(outputs(layer_norm, scaled), outputs(layer_norm, normed), 1e-10)
    gained = normed._replace(alpha_x=3 * normed.alpha_x, alpha_h=3 * normed.alpha_h)
    assert not np.allclose(outputs(layer_norm, gained), outputs(layer_norm, normed))


@pytest.mark.parametrize("name", ["W_x", "W_h"])
def test_shifting_all_weights_of_a_row_changes_nothing(normed, name):
    shift = np.arange(len(getattr(normed, name)))[:, None]
    shifted = normed._replace(**{name: getattr(normed, name) + shift})
    assert_close(outputs(layer_norm, shifted), outputs(layer_norm, normed), 1e-9)


def test_scaling_an_input_changes_nothing_and_each_text_is_normalised_alone(normed):
    xs = np.random.default_rng(0).normal(size=(5, 3, 4))
    hs, _, _ = unroll.forward(layer_norm, normed, xs)
    assert_close(unroll.forward(layer_norm, normed, 7 * xs)[0], hs, 1e-10)
    assert_close(unroll.forward(layer_norm, normed, xs[:, 1:2])[0], hs[:, 1:2])


def test_a_normalised_row_has_mean_zero_and_mean_square_one_and_zeros_stay():
    z, s = layer_norm.normalise(np.random.default_rng(0).normal(3, 50, size=(4, 9)))
    np.testing.assert_allclose(z.mean(axis=-1), 0, atol=1e-15)
    np.testing.assert_allclose((z**2).mean(axis=-1), 1, rtol=1e-6)
    assert s.shape == (4, 1)
    assert not layer_norm.normalise(np.zeros((4, 9)))[0].any()


def test_layer_norm_starts_from_the_weights_of_an_lstm():
    drawn = layer_norm.init(4, 3, rng=np.random.default_rng(5))
    assert_equal(lstm.Params(*drawn[:3]), lstm.init(4, 3, rng=np.random.default_rng(5)))
    assert (drawn.alpha_x == 1).all()
    assert (drawn.alpha_c == 1).all()
    assert (drawn.beta_c == 0).all()


# The Mogrifier.


def test_a_mogrifier_whose_matrices_are_zero_is_an_lstm():
    (params, xs, state), douts = draw(mogrifier)
    params = params._replace(M=np.zeros_like(params.M))
    plain = Inputs(lstm.Params(*params[:3]), xs, state)
    assert_equal(run(mogrifier, Inputs(params, xs, state)), run(lstm, plain))
    got, want = gradient(mogrifier, Inputs(params, xs, state), douts), gradient(lstm, plain, douts)
    assert_equal((lstm.Params(*got.params[:3]), got.xs, got.state), tuple(want))
    assert got.params.M.all()  # it is no saddle


def test_a_mogrifier_without_a_round_is_an_lstm():
    (params, xs, state), douts = draw(mogrifier)
    params = params._replace(M=params.M[:0])
    plain = lstm.Params(*params[:3])
    got, saved = inside(mogrifier.step)(params, xs[0], state)
    want, kept = lstm.step(plain, xs[0], state)
    assert_equal(got, want)
    dparams, *others = inside(mogrifier.step_backward)(params, saved, douts.state_T)
    dplain, *wanted = lstm.step_backward(plain, kept, douts.state_T)
    assert_equal((lstm.Params(*dparams[:3]), *others), (dplain, *wanted))
    assert dparams.M.shape == params.M.shape


def test_every_round_of_a_mogrifier_matters_and_they_take_turns():
    (params, xs, state), _ = draw(mogrifier)
    assert len(params.M) == 4
    whole = run(mogrifier, Inputs(params, xs, state)).hs
    for rounds in (1, 2, 3):
        fewer = params._replace(M=params.M[:rounds])
        assert not np.allclose(run(mogrifier, Inputs(fewer, xs, state)).hs, whole)
    # With one round and an output of zeros, the input goes in as it is.
    one = params._replace(M=params.M[:1])
    zero = mogrifier.zero_state(one, 3)
    got, want = mogrifier.step(one, xs[0], zero), lstm.step(lstm.Params(*one[:3]), xs[0], zero)
    assert_equal(got[0], want[0])


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_mogrifier_needs_a_round(wrong):
    with pytest.raises(ValueError, match=r"^mogrifier\.init: rounds must be at least 1, got "):
        mogrifier.init(4, 3, rng=np.random.default_rng(0), rounds=wrong)


# Zoneout.


def zoned(p_h, p_c, T=5, B=3, H=2, seed=1):
    return zoneout.drawn(p_h, p_c, (T, B, H), rng=np.random.default_rng(seed))


def own_state(state):
    return zoneout.State(*state, np.zeros_like(state.h))


def torch_zoneout(params, xs, h, c, cell):
    """Return outputs and the last state, as the equations of the paper say."""
    W_x, W_h, b = params
    hs = []
    for x, d_h, d_c in zip(xs, cell.d_h, cell.d_c, strict=True):
        c_new, o = torch_lstm(x @ W_x + h @ W_h + b, c)
        h = torch.tensor(d_h) * h + torch.tensor(1 - d_h) * o * torch.tanh(c_new)
        c = torch.tensor(d_c) * c + torch.tensor(1 - d_c) * c_new
        hs.append(h)
    return torch.stack(hs), h, c


@given(SIZES, SEEDS, st.sampled_from([(0.3, 0.5), (0.0, 0.4), (0.6, 0.0)]))
def test_zoneout_and_all_its_gradients_are_those_of_torch(sizes, seed, rates):
    T, B, _, H = sizes
    (params, xs, state), douts = draw(lstm, *sizes, seed=seed)
    cell = zoned(*rates, T, B, H, seed=seed)
    given = tensors((params, xs, state))
    hs, h, c = torch_zoneout(given[0], given[1], *given[2], cell)
    wanted = [torch.tensor(d) for d in (douts.hs, *douts.state_T)]
    torch.autograd.backward([hs, h, c], wanted)

    got, end, tape = unroll.forward(cell, params, xs, own_state(state))
    assert_close(Outputs(got, lstm.State(*end[:2])), Outputs(*numbers((hs, lstm.State(h, c)))))
    dparams, dxs, dstate = unroll.backward(cell, params, tape, douts.hs, own_state(douts.state_T))
    grads = Inputs(*tree.map(lambda a: a.grad.numpy(), given))
    assert_close(Inputs(dparams, dxs, lstm.State(*dstate[:2])), grads)


def test_the_gradient_through_zoneout_is_that_of_central_differences():
    (params, xs, state), douts = draw(lstm)
    cell = zoned(0.3, 0.5)

    def f(at):
        hs, end, _ = unroll.forward(cell, at.params, at.xs, own_state(at.state))
        return tree.dot((douts.hs, douts.state_T), (hs, lstm.State(*end[:2])))

    _, _, tape = unroll.forward(cell, params, xs, own_state(state))
    grads = unroll.backward(cell, params, tape, douts.hs, own_state(douts.state_T))
    grads = Inputs(*grads[:2], lstm.State(*grads[2][:2]))
    assert_slopes(f, Inputs(params, xs, state), grads)


@pytest.mark.parametrize("cell", [zoned(0, 0), zoneout.expected(0, 0)])
def test_zoneout_of_nothing_is_an_lstm(cell):
    (params, xs, state), douts = draw(lstm)
    hs, end, tape = unroll.forward(cell, params, xs, own_state(state))
    assert_equal(Outputs(hs, lstm.State(*end[:2])), run(lstm, Inputs(params, xs, state)))
    grads = unroll.backward(cell, params, tape, douts.hs, own_state(douts.state_T))
    want = gradient(lstm, Inputs(params, xs, state), douts)
    assert_equal(Inputs(*grads[:2], lstm.State(*grads[2][:2])), want)


def test_what_zoneout_keeps_stays_to_the_bit_and_all_else_moves():
    (params, xs, state), _ = draw(lstm)
    cell = zoned(0.4, 0.6)
    hs = [state.h, *unroll.forward(cell, params, xs, own_state(state))[0]]
    for t, h in enumerate(hs[1:]):
        kept = cell.d_h[t] == 1
        assert (h[kept] == hs[t][kept]).all()
        assert (h[~kept] != hs[t][~kept]).all()


def test_the_draws_of_zoneout_have_their_rates_and_are_new_at_each_step_text_and_unit():
    cell = zoned(0.1, 0.6, 50, 20, 30)
    assert set(np.unique(cell.d_h)) == {0, 1}
    assert cell.d_h.mean() == pytest.approx(0.1, abs=0.01)
    assert cell.d_c.mean() == pytest.approx(0.6, abs=0.01)
    for axis in range(3):
        assert (cell.d_c.std(axis=axis) > 0).mean() > 0.99


def test_the_expected_step_is_the_mean_over_the_draws():
    (params, xs, state), _ = draw(lstm)
    rates = 0.3, 0.5
    every = [
        zoneout.Cell(*(np.full((1, 1, 1), float(d)) for d in (d_h, d_c)))
        for d_h, d_c in [(0, 0), (0, 1), (1, 0), (1, 1)]
    ]
    chances = [0.7 * 0.5, 0.7 * 0.5, 0.3 * 0.5, 0.3 * 0.5]
    ends = [cell.step(params, xs[0], own_state(state))[0] for cell in every]
    mean = [sum(p * end[k] for p, end in zip(chances, ends, strict=True)) for k in range(2)]
    got, _ = zoneout.expected(*rates).step(params, xs[0], own_state(state))
    assert_close(tuple(got[:2]), tuple(mean))


def test_after_all_its_steps_the_draws_begin_again():
    (params, xs, state), _ = draw(lstm)
    cell = zoned(0.3, 0.5)
    _, end, _ = unroll.forward(cell, params, xs, own_state(state))
    assert (end.n == 0).all()
    _, end, _ = unroll.forward(cell, params, xs[:3], own_state(state))
    assert (end.n == 3).all()
