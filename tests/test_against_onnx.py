"""The same numbers as ONNX Runtime, for weights that are moved there or come from there.

The runtime computes in float32. `nox -s layouts` installs it; elsewhere these tests are skipped.
"""

import io

import numpy as np
import pytest
from helpers import SEEDS, SIZES, draw
from hypothesis import given
from hypothesis import strategies as st

from bptt import gru, lstm, onnx_layout, rnn, stack, tree
from bptt.onnx_layout import from_onnx, to_onnx
from bptt.stack import Both

onnx = pytest.importorskip("onnx")
runtime = pytest.importorskip("onnxruntime")
torch = pytest.importorskip("torch")

OPERATORS = {rnn: "RNN", lstm: "LSTM", gru: "GRU"}
BLOCKS = {rnn: 1, lstm: 4, gru: 3}
RESET = {rnn: {}, lstm: {}, gru: {"linear_before_reset": 1}}


def run_onnx(cell, xs, arrays, **attributes):
    """Run a node; return outputs (T, B, DH), last states each (D, B, H), and its attributes."""
    D, _, H = arrays["R"].shape
    inputs = ["X", "W", "R", "B", "", "", "", "P"] if "P" in arrays else ["X", *arrays]
    outputs = ["Y", "Y_h", "Y_c"][: 3 if cell is lstm else 2]
    direction = {"direction": "bidirectional"} if D == 2 else {}
    node = onnx.helper.make_node(
        OPERATORS[cell], inputs, outputs, hidden_size=H, **(direction | attributes)
    )
    kind, axes = onnx.TensorProto.FLOAT, {"Y": 4, "Y_h": 3, "Y_c": 3}
    graph = onnx.helper.make_graph(
        [node],
        "one",
        [onnx.helper.make_tensor_value_info("X", kind, xs.shape)],
        [onnx.helper.make_tensor_value_info(n, kind, [None] * axes[n]) for n in outputs],
        [onnx.numpy_helper.from_array(a.astype(np.float32), n) for n, a in arrays.items()],
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 14)], ir_version=8
    )
    onnx.checker.check_model(model)
    session = runtime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    hs, *ends = session.run(None, {"X": xs.astype(np.float32)})
    said = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    return np.concatenate([hs[:, d] for d in range(D)], axis=-1), ends, said


def draw_arrays(cell, D, I, H, seed, *, bias=True):
    rng, kH = np.random.default_rng(seed), BLOCKS[cell] * H
    shapes = {"W": (D, kH, I), "R": (D, kH, H)} | ({"B": (D, 2 * kH)} if bias else {})
    draws = {name: rng.normal(scale=0.5, size=shape) for name, shape in shapes.items()}
    return {name: array.astype(np.float32) for name, array in draws.items()}


def assert_near(got, want):
    """Insist on 1e-6, beside numbers between -1 and 1 whose eps is 1e-7."""
    tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=0, atol=1e-6), got, want)


def inputs(T, B, I, seed):
    return np.random.default_rng(seed).normal(size=(T, B, I)).astype(np.float32)


@given(SIZES, SEEDS, st.sampled_from([1, 2]), st.booleans())
def test_a_node_keeps_its_function(cell, sizes, seed, D, bias):
    T, B, I, H = sizes
    arrays, xs = draw_arrays(cell, D, I, H, seed, bias=bias), inputs(T, B, I, seed)
    want, ends, said = run_onnx(cell, xs, arrays, **RESET[cell])
    params = from_onnx(cell, **arrays, **said)
    hs, (end,), _ = stack.forward(cell, (params,), xs)
    assert hs.dtype == np.float32
    assert_near(hs, want)
    for d, state in enumerate(end if D == 2 else [end]):
        assert_near(state, type(state)(*(array[d] for array in ends)))


@given(SIZES, SEEDS, st.booleans())
def test_our_weights_keep_their_function_in_onnx(cell, sizes, seed, both):
    T, B, I, _ = sizes
    one, two = (draw(cell, *sizes, seed=seed + n)[0].params for n in (0, 1))
    params = tree.map(np.float32, Both(one, two) if both else one)
    arrays, xs = to_onnx(cell, params), inputs(T, B, I, seed)
    want, _, said = run_onnx(cell, xs, arrays, **RESET[cell])
    assert_near(stack.forward(cell, (params,), xs)[0], want)
    tree.map(np.testing.assert_array_equal, from_onnx(cell, **arrays, **said), params)


def test_reversed_time_is_ours_on_the_reversed_sequence(cell):
    arrays, xs = draw_arrays(cell, 1, 4, 5, 0), inputs(7, 3, 4, 0)
    want, _, said = run_onnx(cell, xs, arrays, direction="reverse", **RESET[cell])
    hs, _, _ = stack.forward(cell, (from_onnx(cell, **arrays, **said),), xs[::-1])
    assert_near(hs[::-1], want)


@pytest.mark.filterwarnings("ignore")  # torch warns of what it writes, and of how it writes it
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("bias", [True, False])
def test_what_torch_exports_is_read(cell, bidirectional, bias):
    kind = {rnn: torch.nn.RNN, lstm: torch.nn.LSTM, gru: torch.nn.GRU}[cell]
    module = kind(4, 5, bidirectional=bidirectional, bias=bias).eval()
    xs = torch.tensor(inputs(7, 3, 4, 0))
    file = io.BytesIO()
    torch.onnx.export(module, (xs,), file, dynamo=False)
    graph = onnx.load_from_string(file.getvalue()).graph
    stored = {i.name: onnx.numpy_helper.to_array(i) for i in graph.initializer}
    (node,) = (node for node in graph.node if node.op_type == OPERATORS[cell])
    said = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
    params = from_onnx(cell, *(stored[name] for name in node.input[1:4] if name), **said)
    hs, _, _ = stack.forward(cell, (params,), xs.numpy())
    assert_near(hs, module(xs)[0].detach().numpy())


OTHER = [
    (rnn, {"activations": ["Relu"]}, "activations must be"),
    (lstm, {"activations": ["HardSigmoid", "Tanh", "Tanh"]}, "activations must be"),
    (gru, {"activations": ["Sigmoid", "Relu"], "linear_before_reset": 1}, "activations must be"),
    (gru, {}, "linear_before_reset must be 1"),
    (gru, {"linear_before_reset": 0}, "linear_before_reset must be 1"),
    (rnn, {"clip": 0.1}, "clip must be left out"),
    (lstm, {"clip": 0.1}, "clip must be left out"),
    (gru, {"clip": 0.1, "linear_before_reset": 1}, "clip must be left out"),
    (lstm, {"input_forget": 1}, "input_forget must be 0"),
]


@pytest.mark.parametrize(("cell", "attributes", "sentence"), OTHER)
def test_a_node_that_computes_something_else_is_refused(cell, attributes, sentence):
    arrays, xs = draw_arrays(cell, 1, 4, 5, 0), inputs(7, 3, 4, 0)
    other, _, said = run_onnx(cell, xs, arrays, **attributes)
    with pytest.raises(ValueError, match=sentence):
        from_onnx(cell, **arrays, **said)
    ours, _, _ = stack.forward(cell, (from_onnx(cell, **arrays, **RESET[cell]),), xs)
    assert np.abs(ours - other).max() > 1e-3


def test_peepholes_are_another_function_and_are_refused():
    arrays, xs = draw_arrays(lstm, 1, 4, 5, 0), inputs(7, 3, 4, 0)
    peepholes = {"P": np.full((1, 15), 0.5, np.float32)}
    other, _, said = run_onnx(lstm, xs, arrays | peepholes)
    with pytest.raises(ValueError, match="P must be left out"):
        from_onnx(lstm, **arrays, **peepholes, **said)
    ours, _, _ = stack.forward(lstm, (from_onnx(lstm, **arrays, **said),), xs)
    assert np.abs(ours - other).max() > 1e-3


def test_every_attribute_of_the_operators_is_known():
    schemas = [onnx.defs.get_schema(name) for name in OPERATORS.values()]
    names = set().union(*(schema.attributes for schema in schemas))
    assert names == onnx_layout.DEFAULTS.keys() | onnx_layout.OTHERS
    for name, default in onnx_layout.DEFAULTS.items():
        said = {a.default_value.i for s in schemas for n, a in s.attributes.items() if n == name}
        assert said == {default or 0}
