"""What an array holds: the dtype follows the weights, and what is no number is refused by name."""

import re
import types

import numpy as np
import pytest
import torch
from helpers import CELLS, draw
from hypothesis import given
from hypothesis import strategies as st

from bptt import fused, losses, model, optim, probe, rnn, stack, tree, unroll, weights
from bptt.lm import dropout, network, objective, score
from bptt.lm.dropout import Rates
from bptt.lm.sample import generate, probabilities
from bptt.shapes import SHOWN, check_numbers, check_weights, shown

T, B, I, H, K = 5, 3, 4, 2, 6
SINGLE, DOUBLE = np.dtype(np.float32), np.dtype(np.float64)
RUNS = [unroll, fused]

each_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.__name__)


class Tensor:
    """What NumPy cannot read, as a tensor of torch with a gradient, in bfloat16 or elsewhere."""

    def __init__(self, *, requires_grad=False, dtype="torch.float32", device="cpu"):
        self.requires_grad, self.dtype, self.device = requires_grad, dtype, device

    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("Can't call numpy()")


def dtypes(value):
    return {leaf.dtype for _, leaf in tree.leaves(value)}


# What is refused, with what the message says of it. Each is of shape (T, B, I) where it has one.
FULL = np.ones((T, B, I))
REFUSED = {
    "complex": (FULL * 1j, "complex numbers"),
    "complex list": ((FULL * 1j).tolist(), "complex numbers"),
    "text": (FULL.astype(str), "text"),
    "text list": (FULL.astype(str).tolist(), "text"),
    "bytes": (FULL.astype("S3"), "bytes"),
    "strings of any length": (FULL.astype(str).astype(np.dtypes.StringDType()), "text"),
    "objects": (FULL.astype(object), "objects"),
    "dates": (FULL.astype("M8[D]"), "dates"),
    "spans": (FULL.astype("m8[s]"), "spans of time"),
    "records": (np.zeros((T, B, I), [("a", float)]), "records"),
    "masked": (np.ma.masked_array(FULL, FULL > 2), "masked"),
    "masked without a mask": (np.ma.array(FULL), "masked"),
    "None": (None, "objects"),
    "a dict": ({"xs": FULL}, "objects"),
    "ragged": ([[1.0], [1.0, 2.0]], "different lengths"),
    "requires grad": (Tensor(requires_grad=True), r"\.detach\(\)"),
    "bfloat16": (Tensor(dtype="torch.bfloat16"), r"\.float\(\)"),
    "elsewhere": (Tensor(device="cuda:0"), r"\.cpu\(\)"),
    "unreadable": (Tensor(), "cannot read"),
}
each_refused = pytest.mark.parametrize(("bad", "said"), REFUSED.values(), ids=REFUSED)


def of_runs():
    """Give every function that runs a cell, as a call with one of its arrays left open."""
    params, xs, state = draw(rnn)[0]
    _, saved = rnn.step(params, xs[0], state)
    layers = stack.init(rnn, I, H, layers=2, rng=np.random.default_rng(0))
    _, _, stacked = stack.forward(rnn, layers, xs)
    _, _, tape = unroll.forward(rnn, params, xs)
    for run in RUNS:
        name = run.__name__.removeprefix("bptt.")
        _, _, ran = run.forward(rnn, params, xs)
        yield f"{name}.forward: xs", lambda a, run=run: run.forward(rnn, params, a)
        yield (
            f"{name}.forward: state.h",
            lambda a, run=run: run.forward(rnn, params, xs, rnn.State(a)),
        )
        yield f"{name}.forward: mask", lambda a, run=run: run.forward(rnn, params, xs, mask=a)
        yield (
            f"{name}.backward: dhs",
            lambda a, run=run, ran=ran: run.backward(rnn, params, ran, a),
        )
        yield (
            f"{name}.backward: dstate_T.h",
            lambda a, run=run, ran=ran: run.backward(
                rnn, params, ran, np.ones((T, B, H)), rnn.State(a)
            ),
        )
    yield "rnn.step: x", lambda a: rnn.step(params, a, state)
    yield "rnn.step: state.h", lambda a: rnn.step(params, xs[0], rnn.State(a))
    yield "rnn.step: params", lambda a: rnn.step(params._replace(W_h=a), xs[0], state)
    yield "rnn.step_backward: dstate.h", lambda a: rnn.step_backward(params, saved, rnn.State(a))
    yield "stack.forward: xs", lambda a: stack.forward(rnn, layers, a)
    yield "stack.forward: mask", lambda a: stack.forward(rnn, layers, xs, mask=a)
    yield "stack.forward: between", lambda a: stack.forward(rnn, layers, xs, between=(a,))
    yield "stack.backward: dhs", lambda a: stack.backward(rnn, layers, stacked, a)
    yield "unroll.backward: dhs", lambda a: probe.gradient_norms(rnn, params, tape, a)
    yield "probe.term_norms: dhs", lambda a: probe.term_norms(rnn, params, tape, a)


def of_models():
    """Give every function of the models and their losses likewise."""
    xs = draw(rnn)[0].xs
    readout = model.init(rnn, I, H, K, rng=np.random.default_rng(0))
    net = network.init(rnn, K, 3, (H,), rng=np.random.default_rng(0))
    codes = np.zeros((T, B), int)
    logits, _, read = network.forward(rnn, net, codes)
    yield "fused.forward: xs", lambda a: model.logits(rnn, readout, a)
    yield "model.logits: params", lambda a: model.logits(rnn, readout._replace(b_y=a), xs)
    yield (
        "model.loss_and_grads: targets",
        lambda a: model.loss_and_grads(rnn, readout, xs, a),
    )
    yield "losses.cross_entropy: logits", lambda a: losses.cross_entropy(a, codes)
    yield "losses.cross_entropy: targets", lambda a: losses.cross_entropy(logits, a)
    yield "lm.forward: codes", lambda a: network.forward(rnn, net, a)
    yield "lm.forward: params", lambda a: network.forward(rnn, net._replace(E=a), codes)
    yield "lm.forward: codes", lambda a: objective.loss_and_grads(rnn, net, a, codes)
    yield "losses.cross_entropy: targets", lambda a: objective.loss_and_grads(rnn, net, codes, a)
    yield "lm.backward: dlogits", lambda a: network.backward(rnn, net, read, a)
    yield (
        "lm.backward: dhs",
        lambda a: network.backward(rnn, net, read, np.ones((T, B, K)), a),
    )
    yield "lm.windows: codes", lambda a: score.windows(rnn, net, a, 2)
    yield "lm.carried: codes", lambda a: score.carried(rnn, net, a)
    yield "lm.generate: prompt", lambda a: generate(rnn, net, a, rng=np.random.default_rng(0))
    yield "lm.probabilities: logits", probabilities


def of_updates():
    """Give every function of the optimisers likewise, and of trees."""
    sgd, adam = optim.SGD(0.1), optim.Adam()
    yield "optim.clip_global_norm: grads", lambda a: optim.clip_global_norm((a,), 1.0)
    yield "optim.SGD.init: params", lambda a: sgd.init((a,))
    yield "optim.SGD.update: params", lambda a: sgd.update((a,), (FULL,), (FULL,))
    yield "optim.SGD.update: grads", lambda a: sgd.update((FULL,), (a,), (FULL,))
    yield "optim.SGD.update: state", lambda a: sgd.update((FULL,), (FULL,), (a,))
    yield "optim.Adam.init: params", lambda a: adam.init((a,))
    yield "optim.Adam.update: params", lambda a: adam.update((a,), (FULL,), adam.init((FULL,)))
    yield "optim.Adam.update: grads", lambda a: adam.update((FULL,), (a,), adam.init((FULL,)))
    for name in "mv":
        yield (
            f"optim.Adam.update: state.{name}",
            lambda a, name=name: adam.update(
                (FULL,), (FULL,), adam.init((FULL,))._replace(**{name: (a,)})
            ),
        )
    yield "tree.dot: b", lambda a: tree.dot((FULL,), (a,))
    yield "probe.spectral_radius: matrix", probe.spectral_radius


ENTRIES = [*of_runs(), *of_models(), *of_updates()]
OPTIONAL = ("state", "mask", "dhs", "between", "dstate")  # where None means something


@pytest.mark.parametrize(("where", "call"), ENTRIES, ids=[where for where, _ in ENTRIES])
@each_refused
def test_what_holds_no_real_numbers_is_refused_by_name_in_one_sentence(where, call, bad, said):
    if bad is None and any(name in where for name in OPTIONAL):
        return
    with pytest.raises((TypeError, ValueError)) as error:
        call(bad)
    message = str(error.value)
    assert message.startswith(where)
    assert "\n" not in message
    assert len(message) <= 400
    if not where.endswith("params") or where.startswith("optim"):
        assert error.match(said)


def test_a_matrix_of_numpy_is_refused(rng):
    with pytest.warns(PendingDeprecationWarning):
        bad = np.matrix(rng.normal(size=(B, I)))
    params, _, state = draw(rnn)[0]
    with pytest.raises(TypeError, match=r"^rnn\.step: x must be a plain array, got np\.matrix"):
        rnn.step(params, bad, state)
    with pytest.raises(TypeError, match=r"^rnn\.step: params must be arrays of one .*matrix'"):
        rnn.step(params._replace(W_h=bad[:2, :2]), np.ones((B, I)), state)


def test_a_tensor_of_torch_is_refused_with_what_to_call():
    params, xs, state = draw(rnn)[0]
    for tensor, said in (
        (torch.ones(T, B, I, requires_grad=True), r"\.detach\(\)"),
        (torch.ones(T, B, I, dtype=torch.bfloat16), r"\.float\(\)"),
    ):
        for run in RUNS:
            with pytest.raises(TypeError, match=rf"xs must be an array, got a torch.*{said}"):
                run.forward(rnn, params, tensor)
    hs, _, _ = unroll.forward(rnn, params, torch.tensor(xs), state)
    assert np.array_equal(hs, unroll.forward(rnn, params, xs, state)[0])
    with pytest.raises(
        TypeError, match=r"torch\.Tensor'> .*; call \.detach\(\)\.float\(\)\.numpy\(\)"
    ):
        unroll.forward(rnn, params._replace(W_h=torch.ones(H, H)), xs)


@each_cell
@pytest.mark.parametrize("over_time", RUNS, ids=["unroll", "fused"])
@pytest.mark.parametrize("kept", [np.float32, np.float64])
@pytest.mark.parametrize("given", ["f2", "f4", "f8", ">f4", ">f8", "i1", "u8", ">i4", "?"])
def test_a_run_follows_the_dtype_of_the_weights_whatever_is_passed(cell, over_time, kept, given):
    inputs, douts = draw(cell)
    params = tree.map(kept, inputs.params)
    (xs, state), (dhs, dstate) = (
        tree.map(lambda a: a.astype(given), x) for x in (inputs[1:], douts)
    )
    mask = np.ones((T, B)).astype(given)
    hs, state_T, tape = over_time.forward(cell, params, xs, state, mask)
    grads = over_time.backward(cell, params, tape, dhs, dstate)
    assert dtypes((hs, state_T, *grads)) == {np.dtype(kept)}
    plain = [tree.map(np.float64, x) for x in (xs, state, dhs, dstate)]
    again, _, tape = over_time.forward(cell, params, *plain[:2])
    assert np.array_equal(hs, again)
    for one, other in zip(grads, over_time.backward(cell, params, tape, *plain[2:]), strict=True):
        tree.map(np.testing.assert_array_equal, one, other)


@pytest.mark.parametrize("kept", [SINGLE, DOUBLE])
@pytest.mark.parametrize("given", ["f2", "f4", "f8", ">f8", "i4"])
@pytest.mark.parametrize("optimizer", [optim.SGD(0.1, 0.9), optim.Adam(np.float64(0.1))], ids=str)
def test_an_update_follows_the_dtype_of_the_weights(optimizer, kept, given):
    params = (np.array([1.0, 2.0], kept), np.array([[3.0]], kept))
    grads = tree.map(lambda a: a.astype(given), params)
    state = optimizer.init(params)
    for _ in range(3):
        clipped, _ = optim.clip_global_norm(grads, 0.5)
        params, state = optimizer.update(params, clipped, state)
        moments = (state.m, state.v) if isinstance(optimizer, optim.Adam) else state
        assert dtypes(params) == dtypes(moments) == {kept}


def test_moments_of_another_dtype_and_a_count_of_numpy_follow_the_weights():
    params = (np.ones(2, np.float32),)
    wide = (np.ones(2),)
    adam = optim.Adam()
    for t in (3, np.int64(3), np.array(3)):
        new, state = adam.update(params, wide, optim.AdamState(t, wide, wide))
        assert dtypes((new, state.m, state.v)) == {SINGLE}
        assert state.t == 4
        assert type(state.t) is int
    new, v = optim.SGD(0.1).update(params, wide, wide)
    assert dtypes((new, v)) == {SINGLE}


@each_cell
@pytest.mark.parametrize("kept", [SINGLE, DOUBLE])
def test_a_model_and_a_stack_follow_the_dtype_of_the_weights(cell, kept, rng):
    xs, targets = rng.normal(size=(T, B, I)), rng.integers(K, size=(2, B))
    params = model.init(cell, I, H, K, rng=rng, dtype=kept)
    _, grads = model.loss_and_grads(cell, params, xs, targets.astype(float))
    assert dtypes((model.logits(cell, params, xs), grads)) == {kept}
    layers = stack.init(cell, I, H, layers=2, bidirectional=True, rng=rng, dtype=kept)
    between = (rng.integers(2, size=(B, 2 * H)),)
    for factor in (between, (between[0].astype(float),), (between[0].astype(np.float16),)):
        hs, states_T, tape = stack.forward(cell, layers, xs, between=factor)
        back = stack.backward(cell, layers, tape, np.ones(hs.shape))
        assert dtypes((hs, states_T, back)) == {kept}


@each_cell
@pytest.mark.parametrize("kept", [SINGLE, DOUBLE])
@pytest.mark.parametrize("tied", [False, True])
def test_a_network_follows_the_dtype_of_its_weights(cell, kept, tied, rng):
    params = network.init(cell, K, H, (3, H), tied=tied, rng=rng, dtype=kept)
    wide = network.init(cell, K, H, (3, H), tied=tied, rng=rng, dtype=np.float64)
    codes, targets = rng.integers(K, size=(2, T, B))
    masks = dropout.draw(Rates(0.3, 0.3, 0.3, 0.3, 0.3), wide, B, rng=rng)
    states = tuple(cell.zero_state(p, B) for p in wide.layers)
    logits, states_T, tape = network.forward(cell, params, codes, states, masks)
    grads = network.backward(
        cell, params, tape, np.ones(logits.shape), np.ones((T, B, H), np.float64)
    )
    assert dtypes((logits, states_T, grads)) == {kept}
    chunk = objective.loss_and_grads(
        cell, params, codes, targets, states, masks, alpha=np.float64(2), beta=np.float64(1)
    )
    assert dtypes((chunk.grads, chunk.states)) == {kept}


def test_masks_that_would_broadcast_are_refused_by_name(rng):
    params = network.init(rnn, K, H, (3, H), rng=rng)
    codes = rng.integers(K, size=(T, B))
    right = dropout.draw(Rates(0.3, 0.3, 0.3, 0.3, 0.3), params, B, rng=rng)
    for wrong, said in (
        (right._replace(rows=np.ones(K)), r"masks\.rows must be \(K=6, one=1\), got \(6,\)"),
        (right._replace(reads=(None, np.ones((1, 3)), None)), r"masks\.reads\[1\] must be \(B=3"),
        (right._replace(recurrent=(None, np.ones(H))), r"masks\.recurrent\[1\] must be \(H=2"),
        (right._replace(reads=(None,)), "masks must have 3 for what is read and 2 for"),
    ):
        with pytest.raises(ValueError, match=rf"^lm\.forward: {said}"):
            network.forward(rnn, params, codes, masks=wrong)


# Weights


@each_cell
@pytest.mark.parametrize(
    ("dtype", "remedy"),
    [(np.float16, "; convert to float32"), (">f8", "; convert to float64"), ("i4", "")],
)
def test_weights_that_will_not_do_are_refused_with_the_remedy(cell, dtype, remedy, rng):
    params = tree.map(lambda a: a.astype(dtype), draw(cell)[0].params)
    said = f"params must be arrays of one floating-point dtype, got {np.dtype(dtype)}{remedy}$"
    for run in RUNS:
        with pytest.raises(TypeError, match=said):
            run.forward(cell, params, FULL)
    for optimizer in (optim.SGD(0.1), optim.Adam()):
        if np.dtype(dtype) != ">f8":  # an optimiser turns the bytes
            with pytest.raises(TypeError, match=said):
                optimizer.init(params)
    with pytest.raises(TypeError, match="dtype must be a floating-point one, got"):
        cell.init(I, H, rng=rng, dtype=dtype)


def test_an_init_refuses_what_no_weights_can_have(rng):
    for dtype in (np.float16, int, complex, "text", ">f4", object):
        for draw_ in (
            lambda d: weights.glorot(2, 3, rng=rng, dtype=d),
            lambda d: weights.lecun(2, 3, rng=rng, dtype=d),
            lambda d: weights.he(2, 3, rng=rng, dtype=d),
            lambda d: weights.orthogonal(2, rng=rng, dtype=d),
            lambda d: weights.identity(2, dtype=d),
            lambda d: weights.chrono(2, 9, rng=rng, dtype=d),
            lambda d: network.init(rnn, K, 3, (2,), rng=rng, dtype=d),
            lambda d: model.init(rnn, I, H, K, rng=rng, dtype=d),
            lambda d: stack.init(rnn, I, H, layers=2, rng=rng, dtype=d),
            lambda d: dropout.locked(0.5, (2,), rng=rng, dtype=d),
        ):
            with pytest.raises(
                TypeError, match=r"^[a-z.]+: dtype must be a floating-point one, got"
            ):
                draw_(dtype)


def test_weights_of_two_dtypes_are_refused_by_the_model_and_the_network(rng):
    params = model.init(rnn, I, H, K, rng=rng, dtype=np.float32)
    mixed = params._replace(W_y=params.W_y.astype(float))
    with pytest.raises(TypeError, match=r"^model\.logits: params .* float32 and float64$"):
        model.logits(rnn, mixed, FULL)
    net = network.init(rnn, K, 3, (H,), rng=rng)
    for name in ("E", "b_y", "W_y"):
        mixed = net._replace(**{name: getattr(net, name).astype(float)})
        with pytest.raises(TypeError, match=r"^lm\.forward: params .* float32 and float64$"):
            network.forward(rnn, mixed, [[1], [2]])


@pytest.mark.parametrize("codes", [np.ones((T, B)), np.ones((T, B), bool), [[0.5]], [[np.nan]]])
def test_characters_are_whole_numbers(codes, rng):
    net = network.init(rnn, K, 3, (H,), rng=rng)
    with pytest.raises(TypeError, match=r"^lm\.forward: codes must be whole numbers, got "):
        network.forward(rnn, net, codes)
    with pytest.raises(TypeError, match=r"^lm\.generate: prompt must be whole numbers, got "):
        generate(rnn, net, np.ravel(codes), rng=rng)


# Settings


NO_NUMBERS = ["0.1", None, True, np.True_, [0.1], np.array([0.1]), np.array(0.1), 1j]
SETTINGS = {
    "lr": lambda x: optim.SGD(lr=x),
    "momentum": lambda x: optim.SGD(lr=0.1, momentum=x),
    "lr of Adam": lambda x: optim.Adam(lr=x),
    "beta1": lambda x: optim.Adam(beta1=x),
    "beta2": lambda x: optim.Adam(beta2=x),
    "eps": lambda x: optim.Adam(eps=x),
    "max_norm": lambda x: optim.clip_global_norm(np.ones(2), x),
    "eps of clipping": lambda x: optim.clip_global_norm(np.ones(2), 1.0, x),
    "rows": lambda x: Rates(rows=x),
    "recurrent": lambda x: Rates(recurrent=x),
}


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
def test_a_setting_that_is_no_number_is_a_type_error(name, value):
    with pytest.raises(TypeError, match=rf"{name.split()[0]} must be a number, got "):
        SETTINGS[name](value)


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("value", [-1, -1e-300, np.nan, np.float32(np.nan), -np.inf])
def test_a_setting_that_is_negative_or_nan_is_a_value_error(name, value):
    with pytest.raises(ValueError, match=rf"{name.split()[0]} must be .*, got {value}$"):
        SETTINGS[name](value)


@pytest.mark.parametrize("name", [name for name in SETTINGS if name != "max_norm"])
@pytest.mark.parametrize("value", [np.inf, 10**400])
def test_a_setting_that_is_infinite_is_a_value_error(name, value):
    with pytest.raises(ValueError, match=rf"{name.split()[0]} must be "):
        SETTINGS[name](value)


@pytest.mark.parametrize("name", ["momentum", "beta1", "beta2", "rows", "recurrent"])
@pytest.mark.parametrize("value", [1, 1.0, np.float32(1), 2])
def test_a_share_is_below_one(name, value):
    with pytest.raises(ValueError, match=rf"{name} must be from 0 to below 1, got {value}$"):
        SETTINGS[name](value)


@pytest.mark.parametrize("number", [np.float32, np.float64, np.float16, float])
def test_settings_may_be_numbers_of_numpy(number):
    params = (np.ones(2, np.float32),)
    for optimizer in (
        optim.SGD(number(0.5), number(0.25)),
        optim.Adam(number(0.5), number(0.25), number(0.5), number(0.125)),
    ):
        new, _ = optimizer.update(params, params, optimizer.init(params))
        assert dtypes(new) == {SINGLE}
    assert optim.clip_global_norm((np.ones(4),), number(1), number(0))[1] == 2


def test_states_that_do_not_fit_are_refused_by_name():
    params, small = (np.ones((2, 3)),), (np.ones(3),)
    adam, sgd = optim.Adam(), optim.SGD(0.1)
    good = adam.init(params)
    for state, kind, said in (
        (good._replace(m=small), ValueError, r"an array of state\.m must be \(2, 3\), got \(3,\)"),
        (good._replace(v=small), ValueError, r"an array of state\.v must be \(2, 3\), got \(3,\)"),
        (good._replace(t=-1), ValueError, r"state\.t must be from 0 to below 2\*\*63, got -1"),
        (
            good._replace(t=10**400),
            ValueError,
            r"state\.t must be from 0 to below 2\*\*63, got 1.*",
        ),
        (good._replace(t=1.5), TypeError, r"state\.t must be an int, got 1\.5"),
        (params, TypeError, r"state must be an optim\.AdamState, got tuple"),
    ):
        with pytest.raises(kind, match=rf"^optim\.Adam\.update: {said}$"):
            adam.update(params, params, state)
    with pytest.raises(
        ValueError, match=r"^optim\.SGD\.update: an array of state must be \(2, 3\)"
    ):
        sgd.update(params, params, small)
    with pytest.raises(TypeError, match="structure"):
        sgd.update(params, params, good)
    with pytest.raises(TypeError, match="structure"):
        adam.update(params, (*params, *params), good)


# What is of another kind


def test_what_is_of_another_kind_is_refused_by_name(rng):
    params, xs, state = draw(rnn)[0]
    readout = model.init(rnn, I, H, K, rng=rng)
    layers = stack.init(rnn, I, H, layers=2, rng=rng)
    net = network.init(rnn, K, 3, (H,), rng=rng)
    _, _, tape = unroll.forward(rnn, params, xs)
    dhs, codes = np.ones((T, B, H)), np.zeros((T, B), int)
    for call, said in (
        (lambda: rnn.step(tuple(params), xs[0], state), "rnn.step: params must be a bptt.rnn.P"),
        (lambda: unroll.forward(rnn, readout, xs), "rnn.zero_state: params must be a bptt.rnn.P"),
        (lambda: rnn.step_backward(params, state, state), "rnn.step_backward: saved must be a bp"),
        (lambda: unroll.backward(rnn, params, None, dhs), "unroll.backward: tape must be a bptt"),
        (lambda: stack.backward(rnn, layers, tape, dhs), "stack.backward: tape must be a bptt"),
        (lambda: network.backward(rnn, net, tape, dhs), "lm.backward: tape must be a bptt.lm"),
        (lambda: network.forward(rnn, params, codes), "lm.forward: params must be a bptt.lm"),
        (lambda: network.forward(rnn, net._replace(layers=()), codes), "lm.forward: params.layers"),
        (lambda: model.logits(rnn, params, xs), "model.logits: params must be a bptt.model.P"),
        (
            lambda: unroll.backward(rnn, tree.map(np.float32, params), tape, dhs),
            "unroll.backward: params must be those that ran forwards, in float64, got float32",
        ),
        (lambda: rnn.init(2.0, 2, rng=rng), "rnn.init: input_size must be a whole number, got 2.0"),
        (lambda: rnn.init(2, True, rng=rng), "rnn.init: hidden_size must be a whole number, got T"),
        (
            lambda: rnn.zero_state(params, "2"),
            "rnn.zero_state: batch must be a whole number, got '",
        ),
        (
            lambda: score.windows(rnn, net, [0] * 9, 2.0),
            "lm.windows: length must be a whole number",
        ),
        (
            lambda: probabilities(np.ones(3), top_k=1.5),
            "lm.probabilities: top_k must be a whole nu",
        ),
    ):
        with pytest.raises(TypeError, match="^" + re.escape(said)):
            call()
    assert rnn.init(np.int64(2), np.uint8(3), rng=rng).W_x.shape == (2, 3)


# What a message shows


class Loud:
    """Writes itself on many lines, without end."""

    def __repr__(self):
        return "a line\n" * 10**5


class Broken:
    """Cannot be written."""

    def __repr__(self):
        raise RuntimeError("broken")


HUGE = st.one_of(
    st.lists(st.integers(), min_size=200, max_size=400),
    st.integers(10**500, 10**501).map(lambda n: n**20),
    st.text(min_size=300, max_size=500),
    st.sampled_from(
        [
            list(range(10**6)),
            "\n" * 10**6,
            np.zeros((50, 50, 50)),
            [[[[list(range(100))] * 100] * 100] * 100],
            dict.fromkeys(range(10**4), "x" * 1000),
            {"x" * 10**6},
            tuple(map(str, range(10**5))),
            10**5000,
            [10**5000],
            Loud(),
            [Loud()] * 3,
            Broken(),
            [Broken()],
            b"x" * 10**6,
            types.SimpleNamespace(a="x" * 10**6),
            (np.zeros((9, 9)),) * 1000,
        ]
    ),
)


@given(HUGE)
def test_a_value_of_any_size_is_shown_on_one_short_line(value):
    text = shown(value)
    assert len(text) <= SHOWN
    assert text.splitlines() == [text]


@pytest.mark.parametrize("value", [3, -2.5, "it's", [1, 2], ("a",), None, {"a": 1}, np.float64])
def test_a_short_value_is_shown_as_it_is(value):
    assert shown(value) == repr(value)


LAST = {  # all that take something else than an array
    "cell": lambda x: unroll.forward(x, draw(rnn)[0].params, FULL),
    "cell of fused": lambda x: fused.forward(x, draw(rnn)[0].params, FULL),
    "every": lambda x: fused.forward(rnn, draw(rnn)[0].params, FULL, recompute_every=x),
    "params": lambda x: rnn.zero_state(x, 1),
    "state": lambda x: unroll.forward(rnn, draw(rnn)[0].params, FULL, x),
    "stack": lambda x: stack.forward(rnn, x, FULL),
    "states": lambda x: stack.forward(rnn, (draw(rnn)[0].params,), FULL, x),
    "tree": lambda x: tree.map(np.add, (np.ones(1),), x),
    "adam": lambda x: optim.Adam().update(np.ones(1), np.ones(1), x),
    "count": lambda x: optim.Adam().update(
        np.ones(1), np.ones(1), optim.AdamState(x, np.ones(1), np.ones(1))
    ),
    "top_k": lambda x: probabilities(np.ones(3), 1.0, x),
    "dtype": lambda x: rnn.init(2, 2, rng=np.random.default_rng(0), dtype=x),
} | SETTINGS


@given(HUGE, st.sampled_from([*LAST, *(where for where, _ in ENTRIES)]))
def test_no_message_is_long_or_has_two_lines(value, name):
    call = LAST[name] if name in LAST else dict(ENTRIES)[name]
    try:
        call(value)
    except (TypeError, ValueError, AttributeError) as error:
        message = str(error)
        assert len(message) <= 400
        assert len(message.splitlines()) == 1


# The two checks alone


@given(st.sampled_from(["f2", "f4", "f8", "i1", "i8", "u2", "?"]), st.sampled_from("<>="))
def test_numbers_come_back_in_the_byte_order_of_the_machine(kind, order):
    array = np.arange(6).reshape(2, 3).astype(kind).astype(np.dtype(kind).newbyteorder(order))
    got = check_numbers("f", "x", array)
    assert got.dtype.isnative
    assert np.array_equal(got, array)
    assert got is array or not array.dtype.isnative


def test_weights_of_a_file_that_is_mapped_are_arrays(tmp_path):
    np.save(tmp_path / "w.npy", np.ones(3))
    mapped = np.load(tmp_path / "w.npy", mmap_mode="r")
    assert check_weights("f", [mapped]) == DOUBLE
    assert check_numbers("f", "x", mapped).tolist() == [1, 1, 1]
