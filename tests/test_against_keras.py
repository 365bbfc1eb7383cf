"""The same numbers as Keras, for weights that are moved there or come from there.

Keras computes in float32. `nox -s layouts` installs it; elsewhere these tests are skipped.
"""

import numpy as np
import pytest
from helpers import SEEDS, SIZES, draw
from hypothesis import given
from hypothesis import strategies as st

from bptt import gru, lstm, rnn, stack, tree, unroll
from bptt.keras_layout import from_keras, to_keras
from bptt.stack import Both

keras = pytest.importorskip("keras")
torch = pytest.importorskip("torch")
# Keras has not followed NumPy 2 in this yet.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")

LAYERS = {
    rnn: (keras.layers.SimpleRNN, keras.layers.SimpleRNNCell),
    lstm: (keras.layers.LSTM, keras.layers.LSTMCell),
    gru: (keras.layers.GRU, keras.layers.GRUCell),
}


def build(cell, I, H, *, seed=0, **settings):
    """Return a layer of Keras with random weights."""
    layer = LAYERS[cell][0](H, return_sequences=True, return_state=True, **settings)
    layer.build((None, None, I))
    randomise(layer, seed)
    return layer


def randomise(layer, seed):
    rng = np.random.default_rng(seed)
    layer.set_weights([rng.normal(scale=0.5, size=a.shape) for a in layer.get_weights()])


def run_keras(layer, xs):
    """Run a layer over inputs (T, B, I); return outputs (T, B, H) and what else comes back."""
    with torch.no_grad():
        found = layer(np.swapaxes(xs, 0, 1).astype(np.float32))
    hs, *states = found if isinstance(found, list | tuple) else [found]
    return np.swapaxes(np.asarray(hs), 0, 1), [np.asarray(state) for state in states]


def assert_near(got, want):
    """Insist on 1e-6, beside numbers between -1 and 1 whose eps is 1e-7."""
    tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-6), got, want)


def inputs(T, B, I, seed):
    return np.random.default_rng(seed).normal(size=(T, B, I))


@given(SIZES, SEEDS, st.booleans())
def test_a_layer_of_keras_keeps_its_function(cell, sizes, seed, use_bias):
    T, B, I, H = sizes
    layer, xs = build(cell, I, H, seed=seed, use_bias=use_bias), inputs(T, B, I, seed)
    want, states = run_keras(layer, xs)
    for weights in (layer, layer.get_weights(), layer.weights):
        params = from_keras(cell, weights)
        assert {leaf.dtype for leaf in params} == {np.dtype(np.float32)}
        hs, end, _ = unroll.forward(cell, params, xs)
        assert_near(hs, want)
        assert_near(end, type(end)(*states))


@given(SIZES, SEEDS)
def test_our_weights_keep_their_function_in_keras(cell, sizes, seed):
    T, B, I, H = sizes
    params = tree.map(np.float32, draw(cell, *sizes, seed=seed)[0].params)
    layer, xs = build(cell, I, H), inputs(T, B, I, seed)
    layer.set_weights(to_keras(cell, params))
    assert_near(unroll.forward(cell, params, xs)[0], run_keras(layer, xs)[0])
    tree.map(np.testing.assert_array_equal, from_keras(cell, layer), params)


def test_both_directions_are_two_halves(cell):
    T, B, I, H = 7, 3, 4, 5
    one = LAYERS[cell][0](H, return_sequences=True)
    layer, xs = keras.layers.Bidirectional(one), inputs(T, B, I, 0)
    layer.build((None, None, I))
    randomise(layer, 1)
    want, _ = run_keras(layer, xs)
    weights = layer.get_weights()
    halves = Both(from_keras(cell, weights[:3]), from_keras(cell, weights[3:]))
    assert_near(stack.forward(cell, (halves,), xs)[0], want)
    for half, part in zip(halves, (layer.forward_layer, layer.backward_layer), strict=True):
        tree.map(np.testing.assert_array_equal, from_keras(cell, part), half)
    layer.set_weights(to_keras(cell, halves.forwards) + to_keras(cell, halves.backwards))
    assert_near(run_keras(layer, xs)[0], want)
    with pytest.raises(ValueError, match=r"got 6 arrays \(of both directions, "):
        from_keras(cell, weights)


def test_a_layer_made_of_a_cell_and_the_cell_itself_are_read(cell):
    T, B, I, H = 7, 3, 4, 5
    layer, xs = keras.layers.RNN(LAYERS[cell][1](H), return_sequences=True), inputs(T, B, I, 0)
    layer.build((None, T, I))
    randomise(layer, 1)
    for weights in (layer, layer.cell):
        hs, _, _ = unroll.forward(cell, from_keras(cell, weights), xs)
        assert_near(hs, run_keras(layer, xs)[0])


# What computes something else


@pytest.mark.parametrize("activation", ["relu", "linear", None, "sigmoid", "hard_tanh"])
def test_another_activation_is_another_function_and_is_refused(cell, activation):
    layer = build(cell, 4, 5, activation=activation)
    with pytest.raises(ValueError, match="from_keras: activation must be 'tanh', got a "):
        from_keras(cell, layer)
    xs = inputs(7, 3, 4, 0)
    hs, _, _ = unroll.forward(cell, from_keras(cell, layer.get_weights()), xs)
    assert np.abs(hs - run_keras(layer, xs)[0]).max() > 1e-3


@pytest.mark.parametrize("activation", ["hard_sigmoid", "tanh", None])
@pytest.mark.parametrize("cell", [lstm, gru])
def test_another_activation_of_the_gates_is_refused(cell, activation):
    layer = build(cell, 4, 5, recurrent_activation=activation)
    with pytest.raises(ValueError, match="from_keras: recurrent_activation must be 'sigmoid', got"):
        from_keras(cell, layer)
    xs = inputs(7, 3, 4, 0)
    hs, _, _ = unroll.forward(cell, from_keras(cell, layer.get_weights()), xs)
    assert np.abs(hs - run_keras(layer, xs)[0]).max() > 1e-3


def test_the_same_activation_as_a_function_is_taken():
    own = {"activation": keras.activations.tanh, "recurrent_activation": keras.activations.sigmoid}
    named, given = build(lstm, 4, 5), build(lstm, 4, 5, **own)
    tree.map(np.testing.assert_array_equal, from_keras(lstm, given), from_keras(lstm, named))


@pytest.mark.parametrize("use_bias", [True, False])
def test_a_gru_that_resets_before_the_product_is_another_function_and_is_refused(use_bias):
    layer = build(gru, 4, 5, reset_after=False, use_bias=use_bias)
    with pytest.raises(ValueError, match="from_keras: reset_after must be True, got a GRUCell"):
        from_keras(gru, layer)
    if use_bias:
        with pytest.raises(ValueError, match="of a GRU with reset_after=False, which resets"):
            from_keras(gru, layer.get_weights())
    else:  # said in the docstring: the arrays are those of a GRU with reset_after=True
        xs = inputs(7, 3, 4, 0)
        hs, _, _ = unroll.forward(gru, from_keras(gru, layer.get_weights()), xs)
        assert np.abs(hs - run_keras(layer, xs)[0]).max() > 1e-4


def test_the_layers_of_another_cell_are_told_by_their_blocks():
    for cell in LAYERS:
        for other in LAYERS:
            if other is not cell:
                with pytest.raises(ValueError, match=f"it has the blocks of {other.__name__}$"):
                    from_keras(cell, build(other, 4, 5))


def test_a_layer_that_is_not_built_and_a_model_are_refused(cell):
    with pytest.raises(ValueError, match=r"got 0 arrays \(build the layer\)$"):
        from_keras(cell, LAYERS[cell][0](3))
    two = keras.Sequential([build(cell, 3, 3), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="of one layer in one direction, got "):
        from_keras(cell, two.layers[:1] * 5)


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "float16"])
def test_other_dtypes_of_keras_are_followed_and_16_bits_become_float32(cell, dtype):
    layer = build(cell, 4, 5, dtype=dtype, recurrent_initializer="zeros")
    params = from_keras(cell, layer)
    wanted = np.dtype({"bfloat16": "float32", "float16": "float32"}.get(dtype, dtype))
    assert {leaf.dtype for leaf in params} == {wanted}
    kernel = layer.get_weights()[0].astype(np.float64)
    assert np.array_equal(np.sort(params.W_x), np.sort(kernel))


def test_reversed_time_is_ours_on_the_reversed_sequence(cell):
    layer, xs = build(cell, 4, 5, go_backwards=True), inputs(7, 3, 4, 0)
    hs, _, _ = unroll.forward(cell, from_keras(cell, layer), xs[::-1])
    assert_near(hs, run_keras(layer, xs)[0])


def test_a_model_and_a_wrapper_are_refused_whatever_they_hold():
    of = keras.layers
    for cell, layer in (
        (rnn, of.SimpleRNN(4, activation="relu")),
        (rnn, of.SimpleRNN(4)),
        (gru, of.GRU(4, reset_after=False, use_bias=False)),
    ):
        model = keras.Sequential([keras.Input((5, 3)), layer])
        wrapper = of.TimeDistributed(type(layer).from_config(layer.get_config()))
        wrapper.build((None, 2, 5, 3))
        for hidden in (model, wrapper, of.Bidirectional(of.SimpleRNN(4))):
            with pytest.raises(TypeError, match="weights must be one layer, which says its units"):
                from_keras(cell, hidden)
