"""Layers of a cell with a readout."""

import math

import numpy as np
import pytest
import torch
from helpers import assert_close, assert_equal, assert_slopes

from bptt import deep, fused, gru, linear, lstm, mingru, model, rnn, stack, tree, unroll
from bptt.losses import cross_entropy, squared_error
from bptt.shapes import ShapeError

T, B, I, H, K = 5, 3, 4, 2, 6
LOSSES = [cross_entropy, squared_error]


@pytest.fixture(params=[lstm, mingru], ids=lambda cell: cell.__name__)
def layered(request):
    return request.param


def draw_deep(cell, loss=cross_entropy, *, N=T, layers=2, seed=0):
    """Draw weights without a zero, inputs, and targets of the last N steps."""
    rng = np.random.default_rng(seed)
    params = deep.init(cell, I, H, K, layers=layers, rng=rng)
    params = tree.map(lambda theta: rng.normal(scale=0.5, size=theta.shape), params)
    xs, classes = rng.normal(size=(T, B, I)), rng.integers(K, size=(N, B))
    targets = classes if loss is cross_entropy else rng.normal(size=(N, B, K))
    return params, xs, targets


def torch_layer(cell, weights, xs):
    """Run one layer over time, written out anew."""
    B, (W_x, *_, b) = xs.shape[1], weights
    hs = []
    if cell is lstm:
        h, c = torch.zeros(2, B, len(weights[1]), dtype=torch.float64)
        for x in xs:
            i, f, g, o = (x @ W_x + h @ weights[1] + b).chunk(4, dim=-1)
            c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
            h = torch.sigmoid(o) * torch.tanh(c)
            hs.append(h)
    else:
        h = torch.zeros(B, len(b) // 2, dtype=torch.float64)
        for x in xs:
            z, n = (x @ W_x + b).chunk(2, dim=-1)
            h = (1 - torch.sigmoid(z)) * h + torch.sigmoid(z) * n
            hs.append(h)
    return torch.stack(hs)


@pytest.mark.parametrize("N", [2, T])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_loss_and_gradient_of_two_layers_are_those_of_torch(layered, loss, N):
    params, xs, targets = draw_deep(layered, loss, N=N)
    leaves = tree.map(lambda a: torch.tensor(a, requires_grad=True), params)
    hs = torch.tensor(xs)
    for weights in leaves.layers:
        hs = torch_layer(layered, weights, hs)
    ys = hs[-N:] @ leaves.W_y + leaves.b_y
    want_loss = (
        torch.nn.functional.cross_entropy(ys.reshape(N * B, K), torch.tensor(targets).flatten())
        if loss is cross_entropy
        else torch.nn.functional.mse_loss(ys, torch.tensor(targets))
    )
    want_loss.backward()
    got_loss, grads = deep.loss_and_grads(layered, params, xs, targets, loss)
    assert got_loss == pytest.approx(want_loss.item(), rel=1e-12)
    assert_close(grads, tree.map(lambda a: a.grad.numpy(), leaves))
    assert_close(deep.outputs(layered, params, xs)[-N:], ys.detach().numpy())


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_the_gradient_has_the_slopes_of_the_loss(layered, loss, layers):
    params, xs, targets = draw_deep(layered, loss, N=3, layers=layers)
    _, grads = deep.loss_and_grads(layered, params, xs, targets, loss)
    assert_slopes(lambda at: deep.loss_and_grads(layered, at, xs, targets, loss)[0], params, grads)


def test_one_layer_is_the_model_of_its_cell(cell):
    params, xs, targets = draw_deep(cell, N=2, layers=1)
    loss, grads = deep.loss_and_grads(cell, params, xs, targets)
    one = model.Params(params.layers[0], params.W_y, params.b_y)
    want_loss, want = model.loss_and_grads(cell, one, xs, targets)
    assert loss == pytest.approx(want_loss, rel=1e-12)
    assert_close(model.Params(grads.layers[0], grads.W_y, grads.b_y), want)


def test_the_loss_reads_the_last_steps_alone(layered):
    params, xs, targets = draw_deep(layered, N=2)
    loss, _ = deep.loss_and_grads(layered, params, xs, targets)
    assert loss == cross_entropy(deep.outputs(layered, params, xs)[-2:], targets)[0]
    assert type(loss) is float
    longer, _ = deep.loss_and_grads(layered, params, xs[1:], targets)
    assert longer != pytest.approx(loss)


def test_a_linear_cell_runs_by_scan_or_loop_and_the_others_as_before():
    assert deep.over_time(mingru) is linear
    for cell in (rnn, lstm, gru):
        assert deep.over_time(cell) is fused

    class Own:
        zero_state, step, step_backward = rnn.zero_state, rnn.step, rnn.step_backward

    assert deep.over_time(Own) is unroll


def test_init_draws_the_layers_and_a_glorot_readout_without_bias(layered):
    params = deep.init(layered, I, 100, 200, layers=2, rng=np.random.default_rng(0))
    again = np.random.default_rng(0)
    assert_equal(params.layers, stack.init(layered, I, 100, layers=2, rng=again))
    assert 0.99 * math.sqrt(6 / 300) < abs(params.W_y).max() <= math.sqrt(6 / 300)
    assert params.W_y.shape == (100, 200)
    assert params.b_y.tolist() == [0] * 200


def test_everything_follows_the_dtype_of_the_weights(layered, rng):
    params = deep.init(layered, I, H, K, layers=2, rng=rng, dtype=np.float32)
    _, xs, targets = draw_deep(layered)
    _, grads = deep.loss_and_grads(layered, params, xs, targets)
    dtypes = {leaf.dtype for tree_ in (params, grads) for _, leaf in tree.leaves(tree_)}
    assert dtypes == {np.dtype(np.float32)}
    assert deep.outputs(layered, params, xs).dtype == np.float32


def test_inputs_and_targets_in_lists_are_converted_and_nothing_is_changed(layered):
    params, xs, targets = draw_deep(layered, N=2)
    before = tree.map(np.copy, params)
    got = deep.loss_and_grads(layered, params, xs.tolist(), targets.tolist())
    want = deep.loss_and_grads(layered, params, xs, targets)
    assert got[0] == want[0]
    assert_equal(got[1], want[1])
    assert_equal(params, before)


# Errors


def test_more_targets_than_steps_are_a_shape_error(layered):
    params, xs, targets = draw_deep(layered, N=T + 1)
    with pytest.raises(ShapeError, match=r"^deep.loss_and_grads: targets has 6 steps, xs only 5$"):
        deep.loss_and_grads(layered, params, xs, targets)


@pytest.mark.parametrize("shape", [(0,), (0, B), (2,), (2, B + 1), (B,), (), (1, B, 1)])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_targets_of_a_wrong_shape_are_a_shape_error(layered, loss, shape):
    params, xs, _ = draw_deep(layered)
    with pytest.raises(ShapeError, match="must be"):
        deep.loss_and_grads(layered, params, xs, np.zeros(shape, int), loss)


def test_a_target_that_is_no_class_is_a_value_error(layered):
    params, xs, targets = draw_deep(layered)
    with pytest.raises(ValueError, match="from 0 to 5"):
        deep.loss_and_grads(layered, params, xs, targets + 1)


@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss.__name__)
def test_a_target_that_is_no_number_is_a_type_error(layered, loss):
    params, xs, targets = draw_deep(layered, loss)
    with pytest.raises(TypeError, match=f"^losses.{loss.__name__}: targets must"):
        deep.loss_and_grads(layered, params, xs, targets.astype(str), loss)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W_y": (H + 1, K)}, r"params.W_y must be \(H=2, K\), got \(3, 6\)$"),
        ({"W_y": (H,)}, r"params.W_y must be \(H=2, K\), got \(2,\)$"),
        ({"b_y": (1,)}, r"params.b_y must be \(K=6,\), got \(1,\)$"),
        ({"b_y": (1, K)}, r"params.b_y must be \(K=6,\), got \(1, 6\)$"),
    ],
)
def test_a_readout_that_does_not_fit_is_a_shape_error(layered, change, message):
    params, xs, targets = draw_deep(layered)
    params = params._replace(**{name: np.ones(shape) for name, shape in change.items()})
    with pytest.raises(ShapeError, match=f"^deep.loss_and_grads: {message}"):
        deep.loss_and_grads(layered, params, xs, targets)
    with pytest.raises(ShapeError, match=f"^deep.outputs: {message}"):
        deep.outputs(layered, params, xs)


def test_inputs_that_do_not_fit_the_lowest_layer_are_a_shape_error(layered):
    params, xs, targets = draw_deep(layered)
    with pytest.raises(ShapeError, match=r"I=4"):
        deep.loss_and_grads(layered, params, xs[..., :3], targets)


def test_weights_that_are_none_of_a_model_are_a_type_error(layered):
    params, xs, targets = draw_deep(layered)
    with pytest.raises(TypeError, match=r"^deep.loss_and_grads: params must be"):
        deep.loss_and_grads(layered, tuple(params), xs, targets)
    with pytest.raises(TypeError, match=r"^deep.outputs: params must be"):
        deep.outputs(layered, tuple(params), xs)


def test_a_readout_of_another_dtype_is_a_type_error(layered):
    params, xs, targets = draw_deep(layered)
    params = params._replace(W_y=params.W_y.astype(np.float32))
    with pytest.raises(TypeError, match=r"^deep.loss_and_grads: "):
        deep.loss_and_grads(layered, params, xs, targets)


@pytest.mark.parametrize("wrong", [0, -1])
def test_a_model_without_outputs_or_layers_is_a_value_error(layered, wrong, rng):
    with pytest.raises(
        ValueError, match=f"^deep.init: output_size must be at least 1, got {wrong}$"
    ):
        deep.init(layered, I, H, wrong, rng=rng)
    with pytest.raises(ValueError, match="layers must be at least 1"):
        deep.init(layered, I, H, K, layers=wrong, rng=rng)
    with pytest.raises(ValueError, match="must be at least 1"):
        deep.init(layered, I, wrong, K, rng=rng)


def test_sizes_that_are_no_whole_numbers_and_dtypes_that_do_not_float_are_type_errors(layered, rng):
    with pytest.raises(
        TypeError, match=r"^deep.init: output_size must be a whole number, got 2.5$"
    ):
        deep.init(layered, I, H, 2.5, rng=rng)
    with pytest.raises(TypeError, match="dtype"):
        deep.init(layered, I, H, K, rng=rng, dtype=int)
