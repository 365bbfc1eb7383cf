"""The layout of ONNX, without ONNX; `test_against_onnx.py` asks a runtime."""

import itertools

import numpy as np
import pytest
from helpers import CELLS, SEEDS, SIZES, assert_equal, draw
from hypothesis import given
from hypothesis import strategies as st

from bptt import gru, lstm, rnn, tree
from bptt.onnx_layout import from_onnx, to_onnx
from bptt.shapes import ShapeError
from bptt.stack import Both

I, H = 4, 2
BLOCKS = {rnn: 1, lstm: 4, gru: 3}
RESET = {rnn: {}, lstm: {}, gru: {"linear_before_reset": 1}}
DTYPES = st.sampled_from([np.float32, np.float64])


def weights_of(cell, *, both=False, seed=0, sizes=(1, 1, I, H), dtype=np.float64):
    one, two = (draw(cell, *sizes, seed=seed + n)[0].params for n in (0, 1))
    return tree.map(dtype, Both(one, two) if both else one)


@given(SIZES, SEEDS, DTYPES, st.booleans())
def test_there_and_back_gives_the_same_weights(cell, sizes, seed, dtype, both):
    params = weights_of(cell, both=both, seed=seed, sizes=sizes, dtype=dtype)
    assert_equal(from_onnx(cell, **to_onnx(cell, params), **RESET[cell]), params)


@pytest.mark.parametrize("both", [False, True])
def test_the_shapes_are_those_of_onnx(cell, both):
    k, D = BLOCKS[cell], 1 + both
    arrays = to_onnx(cell, weights_of(cell, both=both))
    shapes = {"W": (D, k * H, I), "R": (D, k * H, H), "B": (D, 2 * k * H)}
    assert {name: array.shape for name, array in arrays.items()} == shapes


def test_the_blocks_are_i_o_f_c_and_z_r_h():
    W = np.array([1.0, 2, 3, 4]).reshape(1, 4, 1)
    B = np.array([[10.0, 20, 30, 40, 1, 2, 3, 4]])
    params = from_onnx(lstm, W, 10 * W, B)
    assert params.W_x.tolist() == [[1, 3, 4, 2]]
    assert params.W_h.tolist() == [[10, 30, 40, 20]]
    assert params.b.tolist() == [11, 33, 44, 22]
    B = np.array([[10.0, 20, 30, 1, 2, 3]])
    params = from_onnx(gru, W[:, :3], 10 * W[:, :3], B, linear_before_reset=1)
    assert params.W_x.tolist() == [[2, 1, 3]]
    assert params.W_h.tolist() == [[20, 10, 30]]
    assert (params.b.tolist(), params.b_hn.tolist()) == ([22, 11, 30], [3])
    assert to_onnx(gru, params)["B"].tolist() == [[11, 22, 30, 0, 0, 3]]


@given(SIZES, SEEDS, DTYPES, st.booleans())
def test_without_biases_they_are_zero(cell, sizes, seed, dtype, both):
    params = weights_of(cell, both=both, seed=seed, sizes=sizes, dtype=dtype)
    arrays = to_onnx(cell, params)
    got = from_onnx(cell, arrays["W"], arrays["R"], **RESET[cell])
    zeros = np.zeros_like(arrays["B"])
    assert_equal(got, from_onnx(cell, arrays["W"], arrays["R"], zeros, **RESET[cell]))
    assert not any(leaf.any() for name, leaf in tree.leaves(got) if leaf.ndim == 1)


def test_what_is_read_and_written_are_copies(cell):
    params = weights_of(cell, both=True)
    kept = tree.map(np.copy, params)
    for array in to_onnx(cell, params).values():
        array[...] += 1
    assert_equal(params, kept)
    arrays = to_onnx(cell, params)
    read = from_onnx(cell, **arrays, **RESET[cell])
    for array in arrays.values():
        array[...] += 1
    assert_equal(read, kept)


# What another function is


@pytest.mark.parametrize("said", [{}, *({"linear_before_reset": n} for n in (0, 2, "no", None))])
def test_a_gru_that_resets_before_the_product_is_refused(said):
    with pytest.raises(ValueError, match="linear_before_reset") as error:
        from_onnx(gru, **to_onnx(gru, weights_of(gru)), **said)
    assert str(error.value) == (
        "onnx_layout.from_onnx: linear_before_reset must be 1, as bptt.gru resets after the "
        "product (a node that does not say it has 0)"
    )


OWN = {rnn: ["Tanh"], lstm: ["Sigmoid", "Tanh", "Tanh"], gru: ["Sigmoid", "Tanh"]}


@pytest.mark.parametrize("both", [False, True])
def test_activations_have_to_be_those_of_the_cell(cell, both):
    params = weights_of(cell, both=both)
    arrays, own = to_onnx(cell, params), OWN[cell] * (1 + both)
    for same in (own, [n.encode() for n in own], [n.lower() for n in own], tuple(own), []):
        assert_equal(from_onnx(cell, **arrays, activations=same, **RESET[cell]), params)
    for place in range(len(own)):
        for other in ("Relu", b"HardSigmoid", "Sigmoid" if own[place] == "Tanh" else "Tanh"):
            changed = [other if n == place else name for n, name in enumerate(own)]
            with pytest.raises(ValueError, match=r"from_onnx: activations must be \['"):
                from_onnx(cell, **arrays, activations=changed, **RESET[cell])
    with pytest.raises(ValueError, match="activations must be"):
        from_onnx(cell, **arrays, activations=own[:-1] or ["Relu"], **RESET[cell])


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(
    "wrong",
    [
        *(5, 0, "", "Tanh", "x" * 10**5, [1], [None], [b"\xff"], {"Tanh": 1}, True),
        *(["Relu"] * 10**5, ["Tanh"] * 10**5, np.array(["Tanh"])),
    ],
    ids=lambda wrong: repr(wrong)[:20],
)
def test_activations_that_no_node_can_have_are_refused_in_a_sentence(cell, both, wrong):
    arrays = to_onnx(cell, weights_of(cell, both=both))
    with pytest.raises(ValueError, match=r"from_onnx: activations must be \['") as error:
        from_onnx(cell, **arrays, activations=wrong, **RESET[cell])
    assert len(str(error.value)) < 400


def test_the_second_activation_of_an_rnn_in_one_direction_has_no_use():
    params = weights_of(rnn)
    assert_equal(from_onnx(rnn, **to_onnx(rnn, params), activations=["Tanh", "Tanh"]), params)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"clip": 3.0}, "clip must be left out, as bptt.lstm bounds no sum"),
        ({"clip": 0.0}, "clip must be left out, as bptt.lstm bounds no sum"),
        ({"input_forget": 1}, "input_forget must be 0, as bptt.lstm has two gates, i and f"),
        ({"P": np.ones((1, 6))}, "P must be left out, as bptt.lstm has no peepholes"),
    ],
)
def test_what_the_lstm_does_not_do_is_refused(said, sentence):
    with pytest.raises(ValueError, match="must be") as error:
        from_onnx(lstm, **to_onnx(lstm, weights_of(lstm)), **said)
    assert str(error.value) == f"onnx_layout.from_onnx: {sentence}"


def test_what_changes_nothing_is_taken(cell):
    params = weights_of(cell)
    said = {"direction": b"forward", "hidden_size": H, "layout": 0, "input_forget": 0}
    said |= {"activation_alpha": [1.0], "activation_beta": [0.0]}
    said |= {"P": np.zeros((1, 3 * H))} if cell is lstm else {}
    assert_equal(from_onnx(cell, **to_onnx(cell, params), **said, **RESET[cell]), params)


def test_float16_becomes_float32(cell):
    arrays = {name: a.astype("f2") for name, a in to_onnx(cell, weights_of(cell)).items()}
    wide = {name: a.astype("f4") for name, a in arrays.items()}
    assert_equal(from_onnx(cell, **arrays, **RESET[cell]), from_onnx(cell, **wide, **RESET[cell]))


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize(
    "said", [{"direction": d} for d in ("sideways", b"", None, 1)] + [{"hidden_size": H + 1}]
)
def test_a_node_that_contradicts_its_arrays_is_refused(cell, both, said):
    arrays = to_onnx(cell, weights_of(cell, both=both))
    other = {"direction": b"reverse" if both else "bidirectional"}
    for wrong in (said, other):
        with pytest.raises(ValueError, match=f"from_onnx: {next(iter(wrong))} must be "):
            from_onnx(cell, **arrays, **wrong, **RESET[cell])


@pytest.mark.parametrize("both", [False, True])
def test_a_node_that_says_what_its_arrays_say_is_read(cell, both):
    params = weights_of(cell, both=both)
    for direction in ["bidirectional"] if both else ["forward", b"reverse"]:
        said = {"direction": direction, "hidden_size": H} | RESET[cell]
        assert_equal(from_onnx(cell, **to_onnx(cell, params), **said), params)


@pytest.mark.parametrize("shape", [(), (6,), (1, 5), (2, 6), (1, 6, 1), (0,)])
def test_peepholes_of_another_shape_are_named(shape):
    with pytest.raises(ShapeError, match=r"from_onnx: P must be \(D=1, 3H=6\), got"):
        from_onnx(lstm, **to_onnx(lstm, weights_of(lstm)), P=np.zeros(shape))


@pytest.mark.parametrize("cell", [rnn, gru])
def test_only_an_lstm_has_peepholes(cell):
    with pytest.raises(ValueError, match="P must be left out"):
        from_onnx(cell, **to_onnx(cell, weights_of(cell)), P=np.zeros((1, 6)), **RESET[cell])


def test_directions_of_two_sizes_or_dtypes_are_not_written(cell):
    one = weights_of(cell)
    for sizes, dtype in (((1, 1, I, H), "f4"), ((1, 1, I + 1, H), "f8"), ((1, 1, I, H + 1), "f8")):
        two = weights_of(cell, sizes=sizes, dtype=np.dtype(dtype).type)
        with pytest.raises(ShapeError, match="to_onnx: both directions must have one I, one H and"):
            to_onnx(cell, Both(one, two))


def test_an_attribute_that_no_node_has_is_a_type_error():
    with pytest.raises(TypeError, match=r"no RNN, LSTM or GRU has an attribute reset_after$"):
        from_onnx(gru, **to_onnx(gru, weights_of(gru)), reset_after=True)


# Shapes


def test_arrays_without_the_axis_of_directions_are_named(cell):
    arrays = {name: array[0] for name, array in to_onnx(cell, weights_of(cell)).items()}
    with pytest.raises(ShapeError, match=r"from_onnx: W must be \(D, .*H, I\), got \("):
        from_onnx(cell, **arrays, **RESET[cell])


def test_the_directions_have_to_be_one_or_two_and_the_same_everywhere():
    arrays = to_onnx(lstm, weights_of(lstm))
    with pytest.raises(ShapeError, match=r"R must be \(D=1, kH, H\), got \(2, 8, 2\)"):
        from_onnx(lstm, **arrays | {"R": np.repeat(arrays["R"], 2, axis=0)})
    with pytest.raises(ShapeError, match=r"B must be \(1, 16\), got \(2, 16\)"):
        from_onnx(lstm, **arrays | {"B": np.repeat(arrays["B"], 2, axis=0)})
    with pytest.raises(ShapeError, match="W must have one direction or two, got 3"):
        from_onnx(lstm, **{name: np.repeat(a, 3, axis=0) for name, a in arrays.items()})


def test_the_weights_of_another_cell_are_named():
    for cell, other in itertools.permutations(CELLS, 2):
        for both in (False, True):
            params = weights_of(other, both=both)
            with pytest.raises(ShapeError, match=f"it has the blocks of {other.__name__}$"):
                from_onnx(cell, **to_onnx(other, params), **RESET[cell])
            with pytest.raises(TypeError, match=f"params must be a {cell.__name__}.Params, got"):
                to_onnx(cell, params)


def test_the_layout_of_keras_looks_transposed(cell):
    W, R, B = to_onnx(cell, weights_of(cell)).values()
    turned = W.transpose(0, 2, 1), R.transpose(0, 2, 1)
    with pytest.raises(ShapeError, match=r"\[0\] must be .*; it looks transposed, as other lib"):
        from_onnx(cell, *turned, B, **RESET[cell])


@pytest.mark.parametrize("shape", [(1, 8), (16,), (1, 16, 1), (0, 16)])
def test_a_bias_of_another_shape_is_named(shape):
    arrays = to_onnx(lstm, weights_of(lstm))
    with pytest.raises(ShapeError, match=r"from_onnx: B must be \(1, 16\), got \("):
        from_onnx(lstm, **arrays | {"B": np.zeros(shape)})


@pytest.mark.parametrize("kind", [int, complex, bool, str, object])
@pytest.mark.parametrize("name", ["W", "R", "B"])
def test_an_array_without_floating_point_numbers_is_named(kind, name):
    arrays = to_onnx(lstm, weights_of(lstm))
    with pytest.raises(TypeError, match=f"from_onnx: {name} must be an array of floating-point"):
        from_onnx(lstm, **arrays | {name: arrays[name].astype(kind)})


@pytest.mark.parametrize("cell", ["rnn", None, np])
def test_an_unknown_cell_is_a_type_error(cell):
    for call in (lambda: from_onnx(cell, 1, 1), lambda: to_onnx(cell, 1)):
        with pytest.raises(
            TypeError, match=r"cell must be one of bptt\.rnn, bptt\.lstm, bptt\.gru"
        ):
            call()
