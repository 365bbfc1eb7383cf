"""The layout of Keras, without Keras; `test_against_keras.py` asks Keras itself."""

import itertools
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import CELLS, SEEDS, SIZES, assert_equal, draw
from hypothesis import given
from hypothesis import strategies as st

from bptt import gru, lstm, rnn, tree
from bptt.keras_layout import from_keras, to_keras
from bptt.shapes import ShapeError

I, H = 4, 2
DTYPES = st.sampled_from([np.float32, np.float64])


@given(SIZES, SEEDS, DTYPES)
def test_there_and_back_gives_the_same_weights(cell, sizes, seed, dtype):
    params = tree.map(dtype, draw(cell, *sizes, seed=seed)[0].params)
    for weights in (to_keras(cell, params), tuple(to_keras(cell, params))):
        assert_equal(from_keras(cell, weights), params)


def test_the_shapes_are_those_of_keras(cell):
    k = {rnn: 1, lstm: 4, gru: 3}[cell]
    shapes = [array.shape for array in to_keras(cell, draw(cell, I=I, H=H)[0].params)]
    assert shapes == [(I, k * H), (H, k * H), (2, k * H) if cell is gru else (k * H,)]


def test_the_blocks_of_the_gru_are_z_r_h_and_its_bias_has_two_rows():
    kernel, recurrent = np.array([[1.0, 2, 3]]), np.array([[4.0, 5, 6]])
    bias = np.array([[10.0, 20, 30], [1, 2, 3]])
    params = from_keras(gru, [kernel, recurrent, bias])
    assert [a.tolist() for a in params] == [[[2, 1, 3]], [[5, 4, 6]], [22, 11, 30], [3]]
    assert to_keras(gru, params)[2].tolist() == [[11, 22, 30], [0, 0, 3]]


def test_the_blocks_of_the_lstm_are_ours():
    arrays = [np.array([[1.0, 2, 3, 4]]), np.array([[5.0, 6, 7, 8]]), np.array([1.0, 2, 3, 4])]
    assert_equal(from_keras(lstm, arrays), lstm.Params(*arrays))


def test_float16_becomes_float32(cell):
    weights = [a.astype(np.float16) for a in to_keras(cell, draw(cell, I=I, H=H)[0].params)]
    assert_equal(from_keras(cell, weights), from_keras(cell, [a.astype("f4") for a in weights]))


@given(SIZES, SEEDS, DTYPES)
def test_without_a_bias_it_is_zero(cell, sizes, seed, dtype):
    params = tree.map(dtype, draw(cell, *sizes, seed=seed)[0].params)
    got = from_keras(cell, to_keras(cell, params)[:2])
    assert_equal(got, type(params)(*params[:2], *(np.zeros_like(b) for b in params[2:])))


def test_what_is_read_and_written_are_copies(cell):
    params = draw(cell, I=I, H=H)[0].params
    kept = tree.map(np.copy, params)
    for array in to_keras(cell, params):
        array[...] += 1
    assert_equal(params, kept)
    weights = to_keras(cell, params)
    read = from_keras(cell, weights)
    for array in weights:
        array[...] += 1
    assert_equal(read, kept)


# What does not fit


def test_a_gru_that_resets_before_the_product_is_refused():
    kernel, recurrent, bias = to_keras(gru, draw(gru, I=I, H=H)[0].params)
    with pytest.raises(ShapeError) as error:
        from_keras(gru, [kernel, recurrent, bias[0]])
    assert str(error.value) == (
        "keras_layout.from_keras: bias must be (2, 6), got (6,) "
        "(of a GRU with reset_after=False, which resets before the product, not after it)"
    )


@pytest.mark.parametrize("shape", [(), (1,), (5,), (12,), (1, 6), (6, 2), (3, 6), (2, 3), (0,)])
def test_a_bias_of_a_gru_that_is_of_no_gru_is_named(shape):
    kernel, recurrent, _ = to_keras(gru, draw(gru, I=I, H=H)[0].params)
    with pytest.raises(ShapeError, match=r"from_keras: bias must be \(2, 6\), got \([\d, ]*\)$"):
        from_keras(gru, [kernel, recurrent, np.zeros(shape)])


@pytest.mark.parametrize("shape", [(), (1,), (5,), (1, 8), (2, 8), (16,), (8, 1), (0,)])
def test_a_bias_of_another_shape_is_named(shape):
    kernel, recurrent, _ = to_keras(lstm, draw(lstm, I=I, H=H)[0].params)
    with pytest.raises(ShapeError, match=r"from_keras: bias must be \(8,\), got \("):
        from_keras(lstm, [kernel, recurrent, np.zeros(shape)])


def test_the_layout_of_torch_looks_transposed(cell):
    kernel, recurrent, bias = to_keras(cell, draw(cell, I=I, H=H)[0].params)
    with pytest.raises(ShapeError, match=r"kernel must be .*; it looks transposed, as other lib"):
        from_keras(cell, [kernel.T, recurrent.T, bias])
    with pytest.raises(ShapeError, match=r"from_keras: kernel must be .* it looks transposed"):
        from_keras(cell, [kernel.T, recurrent, bias])


def test_the_weights_of_another_cell_are_named():
    for cell, other in itertools.permutations(CELLS, 2):
        weights = to_keras(other, draw(other, I=I, H=H)[0].params)
        with pytest.raises(ShapeError, match=f"it has the blocks of {other.__name__}$"):
            from_keras(cell, weights)
        with pytest.raises(TypeError, match=f"params must be a {cell.__name__}.Params, got"):
            to_keras(cell, draw(other)[0].params)


def layer(weights, **settings):
    """Return what a layer of Keras says of itself, and its arrays."""
    return SimpleNamespace(get_weights=lambda: list(weights), get_config=lambda: settings)


def test_a_layer_is_read_as_its_arrays_if_it_computes_what_the_cell_does(cell):
    weights = to_keras(cell, draw(cell, I=I, H=H)[0].params)
    want = from_keras(cell, weights)
    own = {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}
    own |= {"units": H}
    least = layer(weights, units=H, activation="tanh")
    for source in (least, layer(weights, use_bias=True, **own)):
        assert_equal(from_keras(cell, source), want)
    for name, other in (
        ("activation", "relu"),
        ("activation", None),
        ("recurrent_activation", "hard_sigmoid"),
        ("reset_after", False),
        ("activation", {"config": "x" * 500}),
    ):
        wrapped = layer(weights)
        wrapped.cell = layer([], **own | {name: other})  # as of `RNN(LSTMCell(...))`
        for source in (layer(weights, **own | {name: other}), wrapped):
            with pytest.raises(ValueError, match=f"from_keras: {name} must be ") as error:
                from_keras(cell, source)
            assert len(str(error.value)) < 200


@pytest.mark.parametrize(
    "said",
    [{}, {"layers": []}, {"layer": {"class_name": "GRU"}}, {"units": H}, {"activation": "tanh"}],
)
def test_a_model_or_a_wrapper_that_hides_its_layer_is_refused(cell, said):
    weights = to_keras(cell, draw(cell, I=I, H=H)[0].params)
    wrapped = layer(weights)
    wrapped.cell = layer([], **said)  # such as the cells of a stack
    for source in (layer(weights, **said), wrapped):
        with pytest.raises(
            TypeError, match=r"pass the layer inside, such as model\.layers\[0\] or "
        ):
            from_keras(cell, source)


@pytest.mark.parametrize("count", [0, 1, 4, 6])
def test_the_arrays_of_several_layers_or_of_none_are_counted(count):
    weights = [np.ones((H, H))] * count
    with pytest.raises(ValueError, match=rf"of one layer in one direction, got {count} arrays \("):
        from_keras(rnn, weights)


@pytest.mark.parametrize("wrong", [None, np.zeros((3, 2, 2)), {"kernel": 1}, "weights.h5", 3])
def test_what_is_no_list_of_arrays_is_a_type_error(wrong):
    with pytest.raises(TypeError, match=r"weights must be a layer, or a list of arrays such as "):
        from_keras(rnn, wrong)


@pytest.mark.parametrize("kind", [int, complex, bool, str, object])
def test_an_array_without_floating_point_numbers_is_named(kind):
    weights = to_keras(rnn, draw(rnn, I=I, H=H)[0].params)
    for place, name in enumerate(["kernel", "recurrent_kernel", "bias"]):
        changed = [a.astype(kind) if n == place else a for n, a in enumerate(weights)]
        with pytest.raises(TypeError, match=f"from_keras: {name} must be an array of floating"):
            from_keras(rnn, changed)


def test_two_dtypes_are_named():
    kernel, recurrent, bias = to_keras(rnn, draw(rnn, I=I, H=H)[0].params)
    with pytest.raises(TypeError, match="got kernel of float64 and recurrent_kernel of float32"):
        from_keras(rnn, [kernel, recurrent.astype(np.float32), bias])


@pytest.mark.parametrize("cell", ["rnn", None, np])
def test_an_unknown_cell_is_a_type_error(cell):
    for function in (from_keras, to_keras):
        with pytest.raises(
            TypeError, match=r"cell must be one of bptt\.rnn, bptt\.lstm, bptt\.gru"
        ):
            function(cell, [])
