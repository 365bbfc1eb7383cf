import itertools
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from helpers import CELLS, SEEDS, SIZES, Inputs, assert_close, assert_equal, draw, run
from hypothesis import given
from hypothesis import strategies as st

from bptt import gru, lstm, rnn, stack, tree
from bptt.shapes import ShapeError
from bptt.stack import Both
from bptt.torch_layout import (
    from_torch,
    grads_to_torch,
    stack_from_torch,
    stack_grads_to_torch,
    stack_to_torch,
    to_torch,
)

I, H = 4, 2
TORCH = {rnn: torch.nn.RNN, lstm: torch.nn.LSTM, gru: torch.nn.GRU}
TORCH_CELLS = {rnn: torch.nn.RNNCell, lstm: torch.nn.LSTMCell, gru: torch.nn.GRUCell}
TO = [to_torch, grads_to_torch]


@pytest.fixture
def params():
    return draw(rnn, I=I, H=H)[0].params


@pytest.fixture
def state_dict():
    torch.manual_seed(0)
    return torch.nn.RNN(I, H, dtype=torch.float64).state_dict()


def test_there_and_back_gives_the_same_weights(params):
    assert_equal(from_torch(rnn, to_torch(rnn, params)), params)
    narrow = tree.map(np.float32, params)
    assert_equal(from_torch(rnn, to_torch(rnn, narrow)), narrow)


def test_to_torch_writes_the_arrays_under_the_names_and_shapes_of_torch(params, state_dict):
    arrays = to_torch(rnn, params)
    assert {name: array.shape for name, array in arrays.items()} == {
        name: tuple(tensor.shape) for name, tensor in state_dict.items()
    }
    assert np.array_equal(arrays["weight_ih_l0"], params.W_x.T)
    assert np.array_equal(arrays["weight_hh_l0"], params.W_h.T)
    assert np.array_equal(arrays["bias_ih_l0"], params.b)
    assert not arrays["bias_hh_l0"].any()


@pytest.mark.parametrize("there_and_back", [False, True])
def test_a_module_with_two_random_biases_keeps_its_function(there_and_back):
    torch.manual_seed(0)
    module = torch.nn.RNN(I, H, dtype=torch.float64)
    (_, xs, state), _ = draw(rnn, I=I, H=H)
    with torch.no_grad():
        want, last = module(torch.tensor(xs), torch.tensor(state.h)[None])
        params = from_torch(rnn, module.state_dict())
        if there_and_back:
            arrays = to_torch(rnn, params)
            module.load_state_dict({name: torch.tensor(array) for name, array in arrays.items()})
            again, _ = module(torch.tensor(xs), torch.tensor(state.h)[None])
            assert_close(again.numpy(), want.numpy())
    hs, state_T = run(rnn, Inputs(params, xs, state))
    assert_close(hs, want.numpy())
    assert_close(state_T.h, last[0].numpy())


def test_from_torch_returns_copies(state_dict):
    before = from_torch(rnn, state_dict)
    kept = tree.map(np.copy, before)
    for tensor in state_dict.values():
        tensor.add_(1)
    assert_equal(before, kept)
    assert all(array.flags.writeable for array in before)


@pytest.mark.parametrize("write", TO)
def test_writing_for_torch_returns_copies(write, params):
    arrays = write(rnn, params)
    kept = {name: array.copy() for name, array in arrays.items()}
    for array in params:
        array[...] += 1
    for name, array in arrays.items():
        assert np.array_equal(array, kept[name])
        torch.from_numpy(array).add_(1)
    assert not np.shares_memory(arrays["bias_ih_l0"], arrays["bias_hh_l0"])


def test_writing_gradients_is_the_adjoint_of_reading_weights(state_dict, params):
    theirs = grads_to_torch(rnn, params)
    assert theirs.keys() == state_dict.keys()
    product = sum((array * state_dict[name].numpy()).sum() for name, array in theirs.items())
    assert product == pytest.approx(tree.dot(params, from_torch(rnn, state_dict)), rel=1e-13)


def test_each_layer_and_direction_of_torch_is_read():
    module = torch.nn.RNN(I, H, num_layers=2, bidirectional=True)
    state_dict = module.state_dict()
    read = 0
    for layer in (0, 1):
        for reverse in (False, True):
            params = from_torch(rnn, state_dict, layer, reverse=reverse)
            end = f"l{layer}_reverse" if reverse else f"l{layer}"
            tensors = {name: state_dict[f"{name}_{end}"].numpy() for name in NAMES}
            assert np.array_equal(params.W_x, tensors["weight_ih"].T)
            assert np.array_equal(params.W_h, tensors["weight_hh"].T)
            assert np.array_equal(params.b, tensors["bias_ih"] + tensors["bias_hh"])
            read += len(to_torch(rnn, params, layer, reverse=reverse).keys() & state_dict.keys())
    assert read == len(state_dict)


NAMES = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]


@pytest.mark.parametrize("write", TO)
def test_writing_names_the_layer_and_the_direction(write, params):
    assert list(write(rnn, params)) == [f"{name}_l0" for name in NAMES]
    assert list(write(rnn, params, 3)) == [f"{name}_l3" for name in NAMES]
    assert list(write(rnn, params, 1, reverse=True)) == [f"{name}_l1_reverse" for name in NAMES]


# The other cells


def test_the_blocks_of_the_lstm_keep_their_order():
    """Rows i, f, g, o of torch are columns i, f, g, o."""
    module = torch.nn.LSTM(I, H, dtype=torch.float64)
    weights = {name: p.detach().numpy() for name, p in module.named_parameters()}
    params = from_torch(lstm, module.state_dict())
    assert isinstance(params, lstm.Params)
    assert_equal(params.W_x, weights["weight_ih_l0"].T)
    assert_equal(params.W_h, weights["weight_hh_l0"].T)
    assert_equal(params.b, weights["bias_ih_l0"] + weights["bias_hh_l0"])
    assert_equal(from_torch(lstm, to_torch(lstm, params)), params)


def test_the_candidate_of_the_gru_keeps_both_biases():
    arrays = {
        "weight_ih_l0": np.ones((3 * H, I)),
        "weight_hh_l0": np.ones((3 * H, H)),
        "bias_ih_l0": np.arange(1.0, 7),
        "bias_hh_l0": np.arange(10.0, 70, 10),
    }
    params = from_torch(gru, arrays)
    assert params.b.tolist() == [11, 22, 33, 44, 5, 6]
    assert params.b_hn.tolist() == [50, 60]
    written = to_torch(gru, params)
    assert written["bias_ih_l0"].tolist() == [11, 22, 33, 44, 5, 6]
    assert written["bias_hh_l0"].tolist() == [0, 0, 0, 0, 50, 60]
    assert_equal(from_torch(gru, written), params)
    grads = grads_to_torch(gru, params)
    assert grads["bias_ih_l0"].tolist() == [11, 22, 33, 44, 5, 6]
    assert grads["bias_hh_l0"].tolist() == [11, 22, 33, 44, 50, 60]


@pytest.mark.parametrize("cell", [lstm, gru], ids=lambda cell: cell.__name__)
def test_writing_gradients_of_a_gated_cell_is_the_adjoint_of_reading_weights(cell):
    state_dict = TORCH[cell](I, H).double().state_dict()
    params = draw(cell, I=I, H=H)[0].params
    theirs = grads_to_torch(cell, params)
    product = sum((array * state_dict[name].numpy()).sum() for name, array in theirs.items())
    assert product == pytest.approx(tree.dot(params, from_torch(cell, state_dict)), rel=1e-13)


# All layers at once


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
def test_all_layers_and_directions_are_read_and_written(cell, layers, bidirectional):
    rng = np.random.default_rng(0)
    params = stack.init(cell, I, H, layers=layers, bidirectional=bidirectional, rng=rng)
    params = tree.map(lambda a: rng.normal(size=a.shape), params)
    for write, write_one in ((stack_to_torch, to_torch), (stack_grads_to_torch, grads_to_torch)):
        want = {}
        for layer, entry in enumerate(params):
            forwards, *backwards = entry if bidirectional else (entry,)
            want |= write_one(cell, forwards, layer)
            for one in backwards:
                want |= write_one(cell, one, layer, reverse=True)
        got = write(cell, params)
        assert list(got) == list(want)
        for name, array in got.items():
            np.testing.assert_array_equal(array, want[name])
    assert_equal(stack_from_torch(cell, stack_to_torch(cell, params)), params)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_layer_that_has_lost_a_direction_is_refused(cell, layer):
    arrays = TORCH[cell](I, H, num_layers=3, bidirectional=True).state_dict()
    left = {name: a for name, a in arrays.items() if not name.endswith(f"l{layer}_reverse")}
    with pytest.raises(ValueError, match=f"weight_ih_l{layer}_reverse must be in the state dict"):
        stack_from_torch(cell, left)


def test_the_written_stack_is_what_torch_loads(cell):
    module = TORCH[cell](I, H, num_layers=2, bidirectional=True, dtype=torch.float64)
    params = stack_from_torch(cell, module.state_dict())
    assert [type(entry) for entry in params] == [Both, Both]
    arrays = stack_to_torch(cell, params)
    result = module.load_state_dict({name: torch.tensor(a) for name, a in arrays.items()})
    assert (result.missing_keys, result.unexpected_keys) == ([], [])


def test_names_after_a_gap_in_the_layers_and_of_anything_else_are_refused(state_dict):
    high = torch.nn.RNN(I, H, num_layers=3).state_dict()
    gap = {name: array for name, array in high.items() if "l1" not in name}
    with pytest.raises(ValueError, match="stack_from_torch") as error:
        stack_from_torch(rnn, gap)
    assert str(error.value) == (
        "torch_layout.stack_from_torch: weight_ih_l2, weight_hh_l2, bias_ih_l2, bias_hh_l2 must "
        "belong to one of the layers, which are counted from 0 without a gap; 1 could be read"
    )
    for stranger in ("fc.weight", "weight_hh_l0_reverse"):
        with pytest.raises(ValueError, match=f"stack_from_torch: {stranger} must"):
            stack_from_torch(rnn, {**state_dict, stranger: state_dict["weight_hh_l0"]})


def test_a_missing_part_of_the_stack_is_named(state_dict):
    with pytest.raises(ValueError, match="stack_from_torch: weight_ih_l0, weight_hh_l0 must be in"):
        stack_from_torch(rnn, {})
    with pytest.raises(ValueError, match="stack_from_torch: bias_hh_l0 must be in"):
        stack_from_torch(rnn, {k: v for k, v in state_dict.items() if k != "bias_hh_l0"})


# What is not there


@pytest.mark.parametrize("name", ["bias_ih_l0", "bias_hh_l0"])
def test_one_bias_alone_is_refused(state_dict, name):
    state_dict = {key: tensor for key, tensor in state_dict.items() if key != name}
    with pytest.raises(ValueError, match=name) as error:
        from_torch(rnn, state_dict)
    assert str(error.value) == (
        f"torch_layout.from_torch: {name} must be in the state dict, "
        f"which holds {', '.join(state_dict)}"
    )


def test_an_empty_state_dict_holds_nothing():
    with pytest.raises(ValueError, match=r"weight_ih_l0, .*, which holds nothing$"):
        from_torch(rnn, {})


@pytest.mark.parametrize("nothing", [None, 3, "model.pt", [1.0], np.zeros(3), {1}.union])
def test_what_is_no_state_dict_is_a_type_error(nothing):
    for read in (from_torch, stack_from_torch):
        with pytest.raises(TypeError, match=r"a module or a mapping, such as net.state_dict\(\), "):
            read(rnn, nothing)


def test_a_layer_that_is_not_there_is_named(state_dict):
    with pytest.raises(ValueError, match="weight_ih_l1, weight_hh_l1, bias_ih_l1, bias_hh_l1 must"):
        from_torch(rnn, state_dict, 1)
    with pytest.raises(ValueError, match="weight_ih_l0_reverse, "):
        from_torch(rnn, state_dict, reverse=True)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_projection_is_refused(reverse):
    module = torch.nn.LSTM(I, H + 1, proj_size=H, bidirectional=True)
    name = "weight_hr_l0_reverse" if reverse else "weight_hr_l0"
    with pytest.raises(ValueError, match=f"a projection, {name}, is not supported"):
        from_torch(rnn, module.state_dict(), reverse=reverse)


def test_the_weights_of_another_cell_are_a_shape_error():
    with pytest.raises(ShapeError) as error:
        from_torch(rnn, torch.nn.LSTM(I, H).state_dict())
    assert str(error.value) == (
        "torch_layout.from_torch: weight_hh_l0 must be (H=2, H=2), got (8, 2); "
        "it has the blocks of bptt.lstm"
    )


@pytest.mark.parametrize(
    ("name", "shape"),
    [("weight_ih", (3, 4)), ("weight_hh", (3, 2)), ("bias_ih", (1,)), ("bias_hh", (2, 1))],
)
def test_arrays_that_do_not_fit_are_named(params, name, shape):
    arrays = {**to_torch(rnn, params), f"{name}_l0": np.ones(shape)}
    with pytest.raises(ShapeError, match=f"^torch_layout.from_torch: {name}_l0 must be .* got"):
        from_torch(rnn, arrays)


@pytest.mark.parametrize("cell", ["rnn", None, np, [rnn]])
def test_an_unknown_cell_is_a_type_error(cell, state_dict, params):
    for f, weights, where in (
        (from_torch, state_dict, "from_torch"),
        (to_torch, params, "to_torch"),
        (grads_to_torch, params, "grads_to_torch"),
        (stack_from_torch, state_dict, "stack_from_torch"),
        (stack_to_torch, (params,), "to_torch"),
        (stack_grads_to_torch, (params,), "grads_to_torch"),
    ):
        with pytest.raises(TypeError) as error:
            f(cell, weights)
        assert str(error.value) == (
            f"torch_layout.{where}: cell must be one of bptt.rnn, bptt.lstm, bptt.gru, got {cell!r}"
        )


def test_the_weights_of_another_cell_or_of_a_stack_are_not_written():
    weights = {known: draw(known, I=I, H=H)[0].params for known in CELLS}
    for cell, other in itertools.permutations(CELLS, 2):
        for write, name in ((to_torch, "params"), (grads_to_torch, "dparams")):
            for wrong in (weights[other], (weights[cell],), tuple(weights[cell]), None):
                with pytest.raises(TypeError, match=f"{name} must be a {cell.__name__}.Params, "):
                    write(cell, wrong)


# Without biases


@given(SIZES, SEEDS, st.integers(1, 3), st.booleans())
def test_without_biases_the_function_is_that_of_torch_there_and_back(
    cell, sizes, seed, layers, bidirectional
):
    T, B, I, H = sizes
    torch.manual_seed(seed)
    kind = {"num_layers": layers, "bidirectional": bidirectional, "dtype": torch.float64}
    bare, full = TORCH[cell](I, H, bias=False, **kind), TORCH[cell](I, H, **kind)
    params = stack_from_torch(cell, bare.state_dict())
    for name, leaf in tree.leaves(params):
        assert leaf.any() != ("b" in name.rpartition(".")[2])
    xs = np.random.default_rng(seed).normal(size=(T, B, I))
    hs, _, _ = stack.forward(cell, params, xs)
    full.load_state_dict(tensors(stack_to_torch(cell, params)))
    for module in (bare, full):
        assert_close(hs, module(torch.tensor(xs))[0].detach().numpy())


def test_zero_biases_have_the_dtype_of_the_matrices(cell):
    for dtype in (torch.float32, torch.float64):
        params = from_torch(cell, TORCH[cell](I, H, bias=False, dtype=dtype).state_dict())
        assert {leaf.dtype for leaf in params} == {torch.zeros(0, dtype=dtype).numpy().dtype}


def test_a_layer_that_has_lost_its_biases_is_not_one_without():
    state_dict = torch.nn.RNN(I, H, num_layers=2, bidirectional=True).state_dict()
    for end in ("l0", "l1", "l0_reverse", "l1_reverse"):
        lost = [f"bias_ih_{end}", f"bias_hh_{end}"]
        cut = {name: tensor for name, tensor in state_dict.items() if name not in lost}
        with pytest.raises(ValueError, match=f"stack_from_torch: {', '.join(lost)} must be in"):
            stack_from_torch(rnn, cut)


# Names with a prefix, and dictionaries around them

NAMES_IN_CODE = st.text(st.sampled_from("abz_09.'\"\\é "), max_size=8)
KEYS = st.lists(st.sampled_from(["state_dict", "model", "model_state_dict", "it's", 0]), max_size=3)


@given(KEYS, NAMES_IN_CODE, st.booleans())
def test_what_the_message_says_to_pass_is_what_reads_the_layer(cell, keys, prefix, of_a_step):
    source = (TORCH_CELLS if of_a_step else TORCH)[cell](I, H).state_dict()
    given = {"head.weight": torch.zeros(2, 2), **{prefix + name: t for name, t in source.items()}}
    for key in reversed(keys):
        given = {key: given, "epoch": 3, "optimizer": {"state": {0: {"step": 1}}}}
    for read in (from_torch, stack_from_torch):
        if not keys and not prefix:
            assert_equal(from_torch(cell, given), from_torch(cell, source))
            continue
        with pytest.raises(ValueError, match="is elsewhere in the state dict: pass ") as error:
            read(cell, given)
        assert "\n" not in str(error.value)
        code = str(error.value).partition(": pass ")[2]
        names = {"from_torch": from_torch, "cell": cell, "state_dict": given}
        got = eval(f"from_torch(cell, {code})", names)  # noqa: S307  # that is the test
        assert_equal(got, from_torch(cell, source))
        assert_equal(got, from_torch(cell, source, prefix=""))


def test_the_two_that_stand_in_most_files_in_full():
    arrays = torch.nn.LSTM(I, H).state_dict()
    prefixed = {f"module.{name}": tensor for name, tensor in arrays.items()}
    with pytest.raises(ValueError, match="module") as error:
        from_torch(lstm, prefixed)
    assert str(error.value) == (
        "torch_layout.from_torch: weight_ih_l0 is elsewhere in the state dict: "
        "pass state_dict, prefix='module.'"
    )
    with pytest.raises(ValueError, match="model_state_dict") as error:
        stack_from_torch(lstm, {"epoch": 3, "model_state_dict": prefixed})
    assert str(error.value) == (
        "torch_layout.stack_from_torch: weight_ih_l0 is elsewhere in the state dict: "
        "pass state_dict['model_state_dict'], prefix='module.'"
    )


def test_of_several_all_are_named_and_of_hundreds_some():
    net = torch.nn.ModuleDict({"encoder": torch.nn.LSTM(I, H), "decoder": torch.nn.LSTM(I, H, 2)})
    with pytest.raises(ValueError, match="elsewhere") as error:
        from_torch(lstm, net.state_dict())
    assert str(error.value).endswith(
        "pass state_dict, prefix='encoder.' or state_dict, prefix='decoder.'"
    )
    with pytest.raises(ValueError, match="elsewhere") as error:
        from_torch(lstm, net.state_dict(), 1)
    assert str(error.value).endswith("pass state_dict, prefix='decoder.'")
    many = torch.nn.ModuleList([torch.nn.LSTM(I, H) for _ in range(300)])
    with pytest.raises(ValueError, match=r"prefix='0.' or .* and \d+ more$") as error:
        from_torch(lstm, many.state_dict())
    assert len(str(error.value)) < 400
    with pytest.raises(ValueError, match=r"which holds 0.weight, .* and \d+ more$"):
        from_torch(lstm, torch.nn.ModuleList([torch.nn.Linear(1, 1)] * 300).state_dict())


@pytest.mark.parametrize("read", [from_torch, stack_from_torch])
@given(names=st.lists(st.text(max_size=9) | st.just("b" * 5000), max_size=30), begin=st.text())
def test_a_message_about_names_is_short(read, names, begin):
    whole = to_torch(rnn, draw(rnn)[0].params)
    prefix = f"p{begin * 1000}."
    for arrays in (
        dict.fromkeys(names, 1),
        {f"model.encoder.blocks.{n}.{name}weight_ih_l0": 1 for n, name in enumerate(names)},
        {prefix + name: array for name, array in whole.items()} | {prefix + "b" * 999: 1},
        {prefix + name: array.T[None] for name, array in whole.items()},
        {prefix + name: array.astype(complex) for name, array in whole.items()},
    ):
        for at in ("", "q", prefix):
            try:
                read(rnn, arrays, prefix=at)
            except (ValueError, TypeError) as error:
                assert len(str(error)) < 400  # noqa: PT017  # some are read


@pytest.mark.parametrize("wrong", [None, 3, b"rnn.", ["rnn."]])
def test_a_prefix_that_is_no_text_is_a_type_error(state_dict, wrong):
    for read in (from_torch, stack_from_torch):
        with pytest.raises(TypeError, match=rf"layout\.{read.__name__}: prefix must be text, got "):
            read(rnn, state_dict, prefix=wrong)


@pytest.mark.parametrize("wrong", [None, "0", 0.0, True])
def test_a_layer_that_is_no_number_is_a_type_error(state_dict, wrong):
    for use, what in ((from_torch, state_dict), (to_torch, 1), (grads_to_torch, 1)):
        with pytest.raises(TypeError, match=f"{use.__name__}: layer must be a whole number, got "):
            use(rnn, what, wrong)


def test_a_negative_layer_is_a_value_error(params, state_dict):
    for use, what in ((from_torch, state_dict), (to_torch, params), (grads_to_torch, params)):
        with pytest.raises(
            ValueError, match=f"{use.__name__}: layer must be zero or more, got -1$"
        ):
            use(rnn, what, -1)


@pytest.mark.parametrize("wrong", [None, 1, "params", np.ones(2)])
def test_a_stack_that_is_no_tuple_is_not_written(cell, wrong):
    for write in (stack_to_torch, stack_grads_to_torch):
        with pytest.raises(TypeError, match=rf"layout\.{write.__name__}: d?params must be a tuple"):
            write(cell, wrong)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_a_prefix_picks_one_part_of_a_model(cell, bidirectional):
    parts = {n: TORCH[cell](I, H, 2, bidirectional=bidirectional) for n in ("a", "b", "ab")}
    net = torch.nn.Sequential(torch.nn.ModuleDict(parts), torch.nn.Linear(H, 3))
    for name, part in parts.items():
        want = stack_from_torch(cell, part.state_dict())
        for source in (net, net.state_dict()):
            assert_equal(stack_from_torch(cell, source, prefix=f"0.{name}."), want)
            got = from_torch(cell, source, 1, reverse=bidirectional, prefix=f"0.{name}.")
            assert_equal(got, want[1].backwards if bidirectional else want[1])
    with pytest.raises(ValueError, match=r"pass state_dict, prefix='0\.a\.' or "):
        stack_from_torch(cell, net, prefix="0.c.")
    with pytest.raises(ValueError, match=r"0\.a\.more must belong to one of the layers"):
        stack_from_torch(cell, net.state_dict() | {"0.a.more": torch.zeros(1)}, prefix="0.a.")


def test_the_weights_of_a_single_step_are_layer_0(cell):
    module = TORCH_CELLS[cell](I, H, dtype=torch.float64)
    params = from_torch(cell, module)
    assert_equal((params,), stack_from_torch(cell, module.state_dict()))
    (_, xs, state), _ = draw(cell, T=1, I=I, H=H)
    hx = tuple(torch.tensor(field) for field in state)
    out = module(torch.tensor(xs[0]), hx if cell is lstm else hx[0])
    want = [t.detach().numpy() for t in (out if cell is lstm else [out])]
    assert_close(cell.step(params, xs[0], state)[0], type(state)(*want))
    with pytest.raises(ValueError, match=r"weight_ih_l1, .* must be in the state dict, which"):
        from_torch(cell, module, 1)
    with pytest.raises(ValueError, match=r"weight_ih_l0_reverse, .* which holds weight_ih, "):
        from_torch(cell, module, reverse=True)


# Modules


def test_a_module_is_read_as_its_state_dict(cell):
    module = TORCH[cell](I, H, 2, bidirectional=True)
    assert_equal(from_torch(cell, module, 1), from_torch(cell, module.state_dict(), 1))
    assert_equal(stack_from_torch(cell, module), stack_from_torch(cell, module.state_dict()))
    with pytest.raises(ValueError, match=r"pass state_dict\['net'\]$"):
        from_torch(cell, {"net": module})


def test_a_module_with_relu_is_refused_wherever_it_is():
    relu, one = torch.nn.RNN(I, H, nonlinearity="relu"), torch.nn.RNNCell(I, H, nonlinearity="relu")
    old = torch.nn.RNN(I, H, nonlinearity="relu")
    del old.nonlinearity  # as before torch 2.1
    net = torch.nn.Sequential(torch.nn.Sequential(relu))
    like = SimpleNamespace(state_dict=relu.state_dict, mode="RNN_RELU")
    parallel = torch.nn.DataParallel(relu)
    modules = [(relu, ""), (one, ""), (old, ""), (like, ""), (net, "0.0."), (parallel, "module.")]
    for read in (from_torch, stack_from_torch):
        for module, prefix in modules:
            with pytest.raises(ValueError, match=r"must be tanh, .* nonlinearity='relu'$"):
                read(rnn, module, prefix=prefix)


def test_what_a_model_around_the_layer_says_of_itself_is_its_own_affair():
    net = torch.nn.Sequential(torch.nn.RNN(I, H), torch.nn.ReLU())
    net.nonlinearity, net.mode = "relu", "RELU"
    with pytest.raises(ValueError, match=r"pass state_dict, prefix='0\.'$"):
        from_torch(rnn, net)
    assert_equal(from_torch(rnn, net, prefix="0."), from_torch(rnn, net[0]))


def test_a_bare_state_dict_of_a_module_with_relu_cannot_be_told_from_one_with_tanh():
    """Said in the docstring: the names and shapes are the same."""
    relu, tanh = torch.nn.RNN(I, H, nonlinearity="relu"), torch.nn.RNN(I, H)
    tanh.load_state_dict(relu.state_dict())
    assert_equal(from_torch(rnn, relu.state_dict()), from_torch(rnn, tanh))


def test_the_weights_of_each_cell_are_told_from_those_of_the_others():
    for cell, other in itertools.permutations(CELLS, 2):
        for H in (1, 2, 3, 4, 5):
            for source in (TORCH[other](3, H), TORCH[other](3, H).state_dict()):
                with pytest.raises(ShapeError, match=f"it has the blocks of {other.__name__}$"):
                    from_torch(cell, source)


# Tensors


def test_tensors_on_a_device_that_require_a_gradient_are_read(cell):
    class OnADevice:
        """As a tensor on a GPU: its numbers can only be had by way of the CPU."""

        def __init__(self, tensor):
            self.tensor, self.dtype = tensor, tensor.dtype

        def detach(self):
            return OnADevice(self.tensor.detach())

        def cpu(self):
            return self.tensor

        def __array__(self, *_, **__):
            raise TypeError("can't convert cuda:0 device type tensor to numpy")

    module = TORCH[cell](I, H)
    live = dict(module.named_parameters())
    assert all(tensor.requires_grad for tensor in live.values())
    want = from_torch(cell, module.state_dict())
    assert_equal(from_torch(cell, live), want)
    assert_equal(from_torch(cell, {n: OnADevice(t) for n, t in live.items()}), want)
    assert all(tensor.requires_grad for tensor in live.values())


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_16_bits_become_float32_without_a_loss(cell, dtype):
    brain = TORCH[cell](I, H, dtype=dtype)
    want = from_torch(cell, {name: t.float() for name, t in brain.state_dict().items()})
    assert_equal(from_torch(cell, brain.state_dict()), want)
    assert {leaf.dtype for leaf in want} == {np.dtype(np.float32)}
    cell.zero_state(want, 1)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda t: t.to(torch.complex64), "got torch.complex64$|got complex64$"),
        (lambda t: t.to(torch.complex64).conj(), "got torch.complex64 "),
        (lambda t: t.to(torch.int8), "got torch.int8$|got int8$"),
        (lambda t: t.to(torch.bool), "bool$"),
        (lambda t: t.to(torch.float8_e4m3fn), r"got torch.float8_e4m3fn \("),
        (lambda t: t.to("meta"), "got torch.float64 .*meta"),
        (lambda t: t.to_sparse(), "got torch.float64 .*to_dense"),
        (lambda t: np.ma.masked_invalid(t.numpy()), "got a masked array$"),
        (lambda t: t.numpy().astype(str), "got <U32$"),
        (lambda t: t.numpy().astype(object), "got object$"),
        (lambda t: t.numpy().astype("datetime64[s]"), r"got datetime64\[s\]$"),
        (lambda _: None, "got object$"),
        (lambda _: [[1.0], [1.0, 2.0]], "got list .*inhomogeneous"),
    ],
)
@pytest.mark.parametrize("name", ["weight_ih_l0", "weight_hh_l0", "bias_ih_l0", "bias_hh_l0"])
def test_what_does_not_hold_floating_point_numbers_is_named(state_dict, name, change, said):
    state_dict[name] = change(state_dict[name])
    with pytest.raises(TypeError, match=said) as error:
        from_torch(rnn, state_dict)
    assert str(error.value).startswith(
        f"torch_layout.from_torch: {name} must be an array of floating-point numbers, got "
    )


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_a_quantised_tensor_is_named(state_dict):
    state_dict["weight_hh_l0"] = torch.quantize_per_tensor(
        state_dict["weight_hh_l0"].float(), 0.1, 0, torch.qint8
    )
    with pytest.raises(TypeError, match=r"weight_hh_l0 must be .* got torch\.qint8"):
        from_torch(rnn, state_dict)


def test_two_dtypes_in_one_layer_are_named(state_dict):
    with pytest.raises(TypeError) as error:
        from_torch(rnn, state_dict | {"bias_ih_l0": state_dict["bias_ih_l0"].float()})
    assert str(error.value) == (
        "torch_layout.from_torch: all arrays must have one floating-point dtype, "
        "got weight_ih_l0 of float64 and bias_ih_l0 of float32"
    )


@given(SIZES, SEEDS, st.sampled_from([np.float32, np.float64, np.longdouble]))
def test_there_and_back_gives_the_same_weights_in_any_size_and_dtype(cell, sizes, seed, dtype):
    params = tree.map(dtype, draw(cell, *sizes, seed=seed)[0].params)
    assert_equal(from_torch(cell, to_torch(cell, params)), params)
    prefixed = {f"p.{name}": array for name, array in to_torch(cell, params, 1).items()}
    assert_equal(from_torch(cell, prefixed, 1, prefix="p."), params)


def test_arrays_of_another_byte_order_are_read_in_that_of_this_machine(cell):
    params = draw(cell, I=I, H=H)[0].params
    swapped = {n: a.astype(a.dtype.newbyteorder()) for n, a in to_torch(cell, params).items()}
    assert_equal(from_torch(cell, swapped), params)


def test_a_transposed_matrix_looks_like_one():
    arrays = to_torch(lstm, draw(lstm, I=I, H=H)[0].params)
    ours = {name: array.T for name, array in arrays.items()}
    with pytest.raises(ShapeError, match=r"weight_hh_l0 .* got \(2, 8\); it looks transposed"):
        from_torch(lstm, ours)
    with pytest.raises(ShapeError, match=r"weight_ih_l0 .* got \(4, 8\); it looks transposed"):
        from_torch(lstm, arrays | {"weight_ih_l0": arrays["weight_ih_l0"].T})


def tensors(arrays):
    return {name: torch.from_numpy(array) for name, array in arrays.items()}
