"""The same numbers as torch, wherever torch computes what the library computes."""

import numpy as np
import pytest
import torch
from helpers import SEEDS, SIZES, Inputs, Outputs, assert_close, draw, gradient, run
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt import gru, losses, lstm, model, ops, optim, rnn, stack, tasks, train, tree
from bptt.torch_layout import (
    from_torch,
    grads_to_torch,
    stack_from_torch,
    stack_grads_to_torch,
    to_torch,
)

TORCH = {rnn: torch.nn.RNN, lstm: torch.nn.LSTM, gru: torch.nn.GRU}


def test_torch_has_one_thread():
    assert torch.get_num_threads() == 1


def random_module(cell, I, H, seed):
    """Return a layer of torch with two biases, both random."""
    torch.manual_seed(seed)
    return TORCH[cell](I, H, dtype=torch.float64)


def run_torch(module, inputs, douts, lengths=None):
    """Run torch forwards and backwards, on packed sequences if lengths are given."""
    xs, *state = (torch.tensor(a, requires_grad=True) for a in (inputs.xs, *inputs.state))
    hx = tuple(s[None] for s in state)
    feed = xs
    if lengths is not None:
        feed = torch.nn.utils.rnn.pack_padded_sequence(xs, lengths, enforce_sorted=False)
    hs, hx = module(feed, hx if len(hx) > 1 else hx[0])
    if lengths is not None:
        hs, _ = torch.nn.utils.rnn.pad_packed_sequence(hs, total_length=len(xs))
    state_T = [s[0] for s in (hx if isinstance(hx, tuple) else [hx])]
    torch.autograd.backward([hs, *state_T], [torch.tensor(d) for d in (douts.hs, *douts.state_T)])

    State = type(inputs.state)
    outs = Outputs(hs.detach().numpy(), State(*(s.detach().numpy() for s in state_T)))
    return outs, Inputs(grads_of(module), xs.grad.numpy(), State(*(s.grad.numpy() for s in state)))


def grads_of(module):
    return {name: p.grad.numpy().copy() for name, p in module.named_parameters()}


def tensors(arrays):
    return {name: torch.from_numpy(array) for name, array in arrays.items()}


def assert_same_arrays(got, want):
    assert got.keys() == want.keys()
    for name, array in want.items():
        assert_close(got[name], array)


# Cells over time


@given(SIZES, SEEDS)
def test_a_run_and_all_its_gradients_are_those_of_torch(cell, sizes, seed):
    module = random_module(cell, *sizes[2:], seed)
    inputs, douts = draw(cell, *sizes, seed=seed)
    inputs = inputs._replace(params=from_torch(cell, module.state_dict()))
    want, want_grads = run_torch(module, inputs, douts)

    grads = gradient(cell, inputs, douts)
    assert_close(run(cell, inputs), want)
    assert_same_arrays(grads_to_torch(cell, grads.params), want_grads.params)
    assert_close(grads.xs, want_grads.xs)
    assert_close(grads.state, want_grads.state)


@given(SIZES, SEEDS, st.data())
def test_a_masked_run_is_that_of_torch_over_packed_sequences(cell, sizes, seed, data):
    T, B, I, H = sizes
    lengths = np.array(data.draw(st.lists(st.integers(1, T), min_size=B, max_size=B)))
    mask = np.arange(T)[:, None] < lengths
    module = random_module(cell, I, H, seed)
    inputs, douts = draw(cell, *sizes, seed=seed)
    inputs = inputs._replace(params=from_torch(cell, module.state_dict()))
    douts = douts._replace(hs=np.where(mask[..., None], douts.hs, 0))
    want, want_grads = run_torch(module, inputs, douts, lengths)

    outs, grads = run(cell, inputs, mask), gradient(cell, inputs, douts, mask)
    assert_close(np.where(mask[..., None], outs.hs, 0), want.hs)
    assert_close(outs.state_T, want.state_T)
    assert_same_arrays(grads_to_torch(cell, grads.params), want_grads.params)
    assert_close(grads.xs, want_grads.xs)
    assert_close(grads.state, want_grads.state)


def test_the_gradient_of_the_recurrent_weights_is_zero_where_torch_has_zero(cell):
    (params, xs, state), douts = draw(cell, T=1)
    inputs = Inputs(params, xs, tree.map(np.zeros_like, state))
    module = random_module(cell, 4, 2, seed=0)
    module.load_state_dict(tensors(to_torch(cell, params)))
    _, want = run_torch(module, inputs, douts)
    assert not want.params["weight_hh_l0"].any()
    assert not gradient(cell, inputs, douts).params.W_h.any()


# Layers and directions


@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("bidirectional", [False, True])
@given(SIZES, SEEDS)
@settings(max_examples=8)
def test_a_stack_and_all_its_gradients_are_those_of_torch(cell, bidirectional, layers, sizes, seed):
    T, B, I, H = sizes
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, T + 1, size=B) if seed % 2 else None
    mask = None if lengths is None else np.arange(T)[:, None] < lengths
    torch.manual_seed(seed)
    module = TORCH[cell](I, H, layers, bidirectional=bidirectional, dtype=torch.float64)
    params = stack_from_torch(cell, module.state_dict())
    xs = rng.normal(size=(T, B, I))
    fields = 2 if cell is lstm else 1
    runs = layers * (1 + bidirectional)
    start = [torch.tensor(rng.normal(size=(runs, B, H))) for _ in range(fields)]
    dend = [torch.tensor(rng.normal(size=(runs, B, H))) for _ in range(fields)]
    dhs = rng.normal(size=(T, B, (1 + bidirectional) * H))
    if mask is not None:
        dhs = np.where(mask[..., None], dhs, 0)

    feed, *hx = inputs = [a.requires_grad_() for a in (torch.tensor(xs), *start)]
    if lengths is not None:
        feed = torch.nn.utils.rnn.pack_padded_sequence(feed, lengths, enforce_sorted=False)
    want, end = module(feed, tuple(hx) if fields == 2 else hx[0])
    if lengths is not None:
        want, _ = torch.nn.utils.rnn.pad_packed_sequence(want, total_length=T)
    ends = end if isinstance(end, tuple) else (end,)
    torch.autograd.backward([want, *ends], [torch.tensor(dhs), *dend])

    def ours(arrays):
        arrays = [a.detach().numpy() for a in arrays]
        each = iter([type(zero)(*(a[j] for a in arrays)) for j in range(runs)])
        if bidirectional:
            return tuple(stack.Both(next(each), next(each)) for _ in range(layers))
        return tuple(each)

    zero = cell.zero_state(params[0].forwards if bidirectional else params[0], B)
    hs, states_T, tape = stack.forward(cell, params, xs, ours(start), mask)
    dparams, dxs, dstates_0 = stack.backward(cell, params, tape, dhs, ours(dend))
    if mask is not None:
        hs = np.where(mask[..., None], hs, 0)
    assert_close(hs, want.detach().numpy())
    assert_close(states_T, ours(ends))
    assert_close(dxs, inputs[0].grad.numpy())
    assert_close(dstates_0, ours([a.grad for a in inputs[1:]]))
    assert_same_arrays(stack_grads_to_torch(cell, dparams), grads_of(module))


# Functions

GRID = np.concatenate([np.linspace(-40, 40, 1001), [-1e4, 1e4, -0.0, 0.0]])


@pytest.mark.parametrize("name", ["tanh", "sigmoid", "relu"])
def test_a_pointwise_function_and_its_derivative_are_those_of_torch(name):
    a = torch.tensor(GRID, requires_grad=True)
    want = getattr(torch, name)(a)
    want.sum().backward()
    y = getattr(ops, name)(GRID)
    slope = getattr(ops, f"{name}_prime")(y)
    np.testing.assert_allclose(y, want.detach().numpy(), rtol=1e-15, atol=2.3e-16)
    np.testing.assert_allclose(slope, a.grad.numpy(), rtol=1e-15, atol=4.5e-16)


@given(SIZES, SEEDS, st.sampled_from([1, 30, 1e4]))
def test_the_softmax_and_its_logarithm_are_those_of_torch(sizes, seed, scale):
    a = scale * np.random.default_rng(seed).normal(size=sizes)
    assert_close(ops.log_softmax(a), torch.log_softmax(torch.tensor(a), -1).numpy())
    assert_close(ops.softmax(a), torch.softmax(torch.tensor(a), -1).numpy())


@given(SIZES, SEEDS, st.sampled_from([1, 30]))
def test_the_cross_entropy_and_its_gradient_are_those_of_torch(sizes, seed, scale):
    rng = np.random.default_rng(seed)
    *shape, K = sizes[:3]
    K += 1  # with one class, the loss and its gradient are zero
    logits, targets = scale * rng.normal(size=(*shape, K)), rng.integers(K, size=shape)
    a = torch.tensor(logits, requires_grad=True)
    want = torch.nn.functional.cross_entropy(a.reshape(-1, K), torch.tensor(targets.ravel()))
    want.backward()
    loss, dlogits = losses.cross_entropy(logits, targets)
    assert loss == pytest.approx(want.item(), rel=1e-12, abs=1e-15)
    np.testing.assert_allclose(dlogits, a.grad.numpy(), rtol=1e-12, atol=1e-15)


# Optimisation


@given(SEEDS, st.floats(0.1, 10))
def test_clipping_with_an_epsilon_is_that_of_torch(seed, max_norm):
    grads = draw(rnn, seed=seed)[0].params
    theirs = [torch.zeros(g.shape, dtype=torch.float64) for g in grads]
    for theta, g in zip(theirs, grads, strict=True):
        theta.grad = torch.tensor(g)
    want = torch.nn.utils.clip_grad_norm_(theirs, max_norm)
    clipped, norm = optim.clip_global_norm(grads, max_norm, eps=1e-6)
    assert norm == pytest.approx(want.item(), rel=1e-12)
    assert_close(clipped, rnn.Params(*(theta.grad.numpy() for theta in theirs)))


@pytest.mark.parametrize("settings", [{}, {"lr": 0.1, "beta1": 0.5, "beta2": 0.9, "eps": 1e-3}])
def test_twenty_steps_of_adam_are_those_of_torch(settings, rng):
    params = draw(rnn)[0].params
    adam = optim.Adam(**settings)
    state = adam.init(params)
    theirs = [torch.tensor(theta) for theta in params]
    torch_adam = torch.optim.Adam(
        theirs, lr=adam.lr, betas=(adam.beta1, adam.beta2), eps=adam.eps, foreach=False
    )
    for scale in np.logspace(3, -6, num=20):
        grads = rnn.Params(*(rng.normal(scale=scale, size=theta.shape) for theta in params))
        for theta, g in zip(theirs, grads, strict=True):
            theta.grad = torch.tensor(g)
        torch_adam.step()
        params, state = adam.update(params, grads, state)
        assert_close(params, rnn.Params(*(theta.numpy() for theta in theirs)))


@pytest.mark.parametrize("momentum", [0.0, 0.9])
def test_twenty_steps_of_sgd_are_those_of_torch(momentum, rng):
    params = draw(rnn)[0].params
    sgd = optim.SGD(lr=0.1, momentum=momentum)
    state = sgd.init(params)
    theirs = [torch.tensor(theta) for theta in params]
    torch_sgd = torch.optim.SGD(theirs, lr=0.1, momentum=momentum, foreach=False)
    for scale in np.logspace(3, -6, num=20):
        grads = rnn.Params(*(rng.normal(scale=scale, size=theta.shape) for theta in params))
        for theta, g in zip(theirs, grads, strict=True):
            theta.grad = torch.tensor(g)
        torch_sgd.step()
        params, state = sgd.update(params, grads, state)
        assert_close(params, rnn.Params(*(theta.numpy() for theta in theirs)))


# The model and its training


def torch_model(cell, params):
    """Return a layer and a readout of torch with the weights of a model."""
    H, K = params.W_y.shape
    layer = random_module(cell, params.cell.W_x.shape[0], H, seed=0)
    layer.load_state_dict(tensors(to_torch(cell, params.cell)))
    readout = torch.nn.Linear(H, K, dtype=torch.float64)
    readout.load_state_dict(tensors({"weight": params.W_y.T.copy(), "bias": params.b_y}))
    return layer, readout


def torch_loss(layer, readout, xs, targets):
    hs, _ = layer(torch.tensor(xs))
    a = readout(hs[len(xs) - len(targets) :])
    return torch.nn.functional.cross_entropy(a.flatten(0, 1), torch.tensor(targets).flatten())


@given(SIZES, SEEDS, st.data())
def test_the_model_and_its_gradient_are_those_of_torch(cell, sizes, seed, data):
    T, B, I, H = sizes
    N, K = data.draw(st.integers(1, T)), 7
    rng = np.random.default_rng(seed)
    params = model.init(cell, I, H, K, rng=rng)
    params = tree.map(lambda theta: rng.normal(scale=0.5, size=theta.shape), params)
    xs, targets = rng.normal(size=(T, B, I)), rng.integers(K, size=(N, B))
    layer, readout = torch_model(cell, params)
    want = torch_loss(layer, readout, xs, targets)
    want.backward()

    loss, grads = model.loss_and_grads(cell, params, xs, targets)
    assert loss == pytest.approx(want.item(), rel=1e-12)
    assert_same_arrays(grads_to_torch(cell, grads.cell), grads_of(layer))
    assert_same_arrays({"weight": grads.W_y.T, "bias": grads.b_y}, grads_of(readout))


def test_twenty_steps_of_training_are_those_of_torch_with_one_bias_frozen(cell):
    rng = np.random.default_rng(0)
    task = tasks.Latch(T=6)
    batches = [task.draw(7, rng=rng) for _ in range(20)]
    params = model.init(cell, input_size=1, hidden_size=5, output_size=2, rng=rng)
    layer, readout = torch_model(cell, params)
    # Without this the sum of both biases moves twice as fast. The GRU's candidate needs both.
    keep = torch.zeros_like(layer.bias_hh_l0)
    keep[10:] = float(cell is gru)
    layer.bias_hh_l0.register_hook(lambda grad: grad * keep)
    trained = [*layer.parameters(), *readout.parameters()]
    adam = torch.optim.Adam(trained, lr=0.01)
    want = []
    for batch in batches:
        adam.zero_grad()
        loss = torch_loss(layer, readout, *batch)
        loss.backward()
        norm = torch.cat([p.grad.flatten() for p in trained]).norm()
        for p in trained:  # torch's own clipping adds 1e-6 to the norm
            p.grad *= min(1, 0.3 / norm)
        adam.step()
        want.append((loss.item(), norm.item()))

    ours = iter(batches)
    history = train.fit(
        lambda params, batch: model.loss_and_grads(cell, params, *batch),
        params,
        lambda: next(ours),
        steps=20,
        optimizer=optim.Adam(lr=0.01),
        max_norm=0.3,
    )
    assert min(history.norm) < 0.3 < max(history.norm)
    assert_close(np.stack([history.loss, history.norm], axis=-1), np.array(want))
    assert_close(history.params.cell, from_torch(cell, layer.state_dict()))
    assert_close(history.params.W_y, readout.weight.detach().numpy().T)
    assert_close(history.params.b_y, readout.bias.detach().numpy())
