import numpy as np
import pytest
import torch
from helpers import Inputs, assert_close, assert_equal, draw, run

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
    state_dict = {lstm: torch.nn.LSTM, gru: torch.nn.GRU}[cell](I, H).double().state_dict()
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


def test_each_layer_says_by_itself_whether_it_has_both_directions(params, rng):
    for layers in (
        (Both(params, params), rnn.init(2 * H, H, rng=rng)),
        (params, Both(rnn.init(H, H, rng=rng), rnn.init(H, H, rng=rng))),
    ):
        assert_equal(stack_from_torch(rnn, stack_to_torch(rnn, layers)), layers)


def test_the_written_stack_is_what_torch_loads(cell):
    module = {rnn: torch.nn.RNN, lstm: torch.nn.LSTM, gru: torch.nn.GRU}[cell](
        I, H, num_layers=2, bidirectional=True, dtype=torch.float64
    )
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
    with pytest.raises(ValueError, match="weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0 must"):
        stack_from_torch(rnn, {})
    with pytest.raises(ValueError, match="from_torch: bias_hh_l0 must be in"):
        stack_from_torch(rnn, {k: v for k, v in state_dict.items() if k != "bias_hh_l0"})


# What is not there


def test_missing_biases_are_named():
    state_dict = torch.nn.RNN(I, H, bias=False).state_dict()
    with pytest.raises(ValueError, match="bias_ih_l0") as error:
        from_torch(rnn, state_dict)
    assert str(error.value) == (
        "torch_layout.from_torch: bias_ih_l0, bias_hh_l0 must be in the state dict "
        "(of a module with bias=True), which holds weight_ih_l0, weight_hh_l0"
    )


def test_an_empty_state_dict_holds_nothing():
    with pytest.raises(ValueError, match=r"weight_ih_l0, .*, which holds nothing$"):
        from_torch(rnn, {})


def test_what_is_no_state_dict_is_a_type_error():
    with pytest.raises(TypeError, match=r"must be a mapping, such as net.state_dict\(\), got RNN$"):
        from_torch(rnn, torch.nn.RNN(I, H))


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
        "torch_layout.from_torch: weight_ih_l0 must be (H=2, I), got (8, 4)"
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
        (stack_from_torch, state_dict, "from_torch"),
        (stack_to_torch, (params,), "to_torch"),
        (stack_grads_to_torch, (params,), "grads_to_torch"),
    ):
        with pytest.raises(TypeError) as error:
            f(cell, weights)
        assert str(error.value) == (
            f"torch_layout.{where}: cell must be one of bptt.rnn, bptt.lstm, bptt.gru, got {cell!r}"
        )
