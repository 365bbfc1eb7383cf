import math
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import assert_close, assert_equal, assert_slopes
from hypothesis import given, settings
from hypothesis import strategies as st

from bptt import model, tree, unroll
from bptt.losses import cross_entropy
from bptt.shapes import ShapeError

T, B, I, H, K = 5, 3, 4, 2, 6


def draw_model(cell, *, N=T, seed=0):
    """Draw weights without a zero, inputs, and targets of the last N steps."""
    rng = np.random.default_rng(seed)
    params = model.init(cell, I, H, K, rng=rng)
    params = tree.map(lambda theta: rng.normal(scale=0.5, size=theta.shape), params)
    return params, rng.normal(size=(T, B, I)), rng.integers(K, size=(N, B))


@given(st.integers(1, T), st.integers(0, 2**32 - 1))
@settings(max_examples=6)
def test_the_gradient_of_every_array_has_the_slopes_of_the_loss(cell, N, seed):
    params, xs, targets = draw_model(cell, N=N, seed=seed)
    _, grads = model.loss_and_grads(cell, params, xs, targets)
    assert_slopes(lambda at: model.loss_and_grads(cell, at, xs, targets)[0], params, grads)


def test_the_loss_is_the_mean_over_the_last_steps(cell):
    params, xs, targets = draw_model(cell, N=2)
    p = np.exp(model.logits(cell, params, xs)[-2:])
    p /= p.sum(axis=-1, keepdims=True)
    picked = [math.log(p[n, b, targets[n, b]]) for n in range(2) for b in range(B)]
    loss, _ = model.loss_and_grads(cell, params, xs, targets)
    assert loss == pytest.approx(-sum(picked) / (2 * B), rel=1e-12)
    assert type(loss) is float


def test_the_logits_are_read_from_the_output_of_every_step(cell):
    params, xs, _ = draw_model(cell)
    hs, _, _ = unroll.forward(cell, params.cell, xs)
    want = np.einsum("tbh,hk->tbk", hs, params.W_y) + params.b_y
    assert_close(model.logits(cell, params, xs), want)


def test_a_cell_of_ones_own_runs_too_and_gives_the_same(cell):
    own = SimpleNamespace(
        zero_state=cell.zero_state, step=cell.step, step_backward=cell.step_backward
    )
    params, xs, targets = draw_model(cell, N=2)
    loss, grads = model.loss_and_grads(own, params, xs, targets)
    want_loss, want = model.loss_and_grads(cell, params, xs, targets)
    assert loss == pytest.approx(want_loss, rel=1e-12)
    assert_close(grads, want)
    assert_close(model.logits(own, params, xs), model.logits(cell, params, xs))


def test_steps_before_the_first_target_are_run_but_not_read(cell):
    params, xs, targets = draw_model(cell, N=1)
    loss, _ = model.loss_and_grads(cell, params, xs, targets)
    assert loss == cross_entropy(model.logits(cell, params, xs)[-1:], targets)[0]
    alone, _ = model.loss_and_grads(cell, params, xs[-1:], targets)
    assert loss != pytest.approx(alone)


def test_init_draws_the_cell_and_a_glorot_readout_without_bias(cell, rng):
    params = model.init(cell, I, 100, 200, rng=rng)
    assert [leaf.shape for leaf in params[1:]] == [(100, 200), (200,)]
    assert params.cell.W_h.shape[0] == 100
    assert 0.99 * math.sqrt(6 / 300) < abs(params.W_y).max() <= math.sqrt(6 / 300)
    assert not params.b_y.any()
    again = np.random.default_rng(0)
    assert_equal(params.cell, cell.init(I, 100, rng=again))


def test_targets_in_lists_are_converted(cell):
    params, xs, targets = draw_model(cell, N=2)
    loss, grads = model.loss_and_grads(cell, params, xs.tolist(), targets.tolist())
    want, want_grads = model.loss_and_grads(cell, params, xs, targets)
    assert loss == want
    assert_equal(grads, want_grads)


def test_everything_follows_the_dtype_of_the_weights(cell, rng):
    params = model.init(cell, I, H, K, rng=rng, dtype=np.float32)
    _, xs, targets = draw_model(cell, N=2)
    _, grads = model.loss_and_grads(cell, params, xs, targets)
    dtypes = {leaf.dtype for tree_ in (params, grads) for _, leaf in tree.leaves(tree_)}
    assert dtypes == {np.dtype(np.float32)}
    assert model.logits(cell, params, xs).dtype == np.float32


def test_more_targets_than_steps_are_a_shape_error(cell):
    params, xs, targets = draw_model(cell, N=T + 1)
    with pytest.raises(ShapeError, match=r"^model.loss_and_grads: targets has 6 steps, xs only 5$"):
        model.loss_and_grads(cell, params, xs, targets)


@pytest.mark.parametrize("shape", [(0,), (0, B), (2,), (2, B + 1), (B,), (), (1, B, 1)])
def test_targets_of_a_wrong_shape_are_a_shape_error(cell, shape):
    params, xs, _ = draw_model(cell)
    with pytest.raises(ShapeError, match="targets must be"):
        model.loss_and_grads(cell, params, xs, np.zeros(shape, int))


def test_a_target_that_is_no_class_is_a_value_error(cell):
    params, xs, targets = draw_model(cell)
    with pytest.raises(ValueError, match="from 0 to 5"):
        model.loss_and_grads(cell, params, xs, targets + 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W_y": (H + 1, K)}, r"params.W_y must be \(H=2, K\), got \(3, 6\)$"),
        ({"W_y": (H,)}, r"params.W_y must be \(H=2, K\), got \(2,\)$"),
        ({"b_y": (1,)}, r"params.b_y must be \(K=6,\), got \(1,\)$"),
        ({"b_y": (1, K)}, r"params.b_y must be \(K=6,\), got \(1, 6\)$"),
    ],
)
def test_a_readout_that_does_not_fit_is_a_shape_error(cell, change, message):
    params, xs, targets = draw_model(cell)
    params = params._replace(**{name: np.ones(shape) for name, shape in change.items()})
    with pytest.raises(ShapeError, match=f"^model.loss_and_grads: {message}"):
        model.loss_and_grads(cell, params, xs, targets)
    with pytest.raises(ShapeError, match=f"^model.logits: {message}"):
        model.logits(cell, params, xs)


def test_a_model_without_classes_is_a_value_error(cell, rng):
    with pytest.raises(ValueError, match=r"^model.init: output_size must be at least 1, got 0$"):
        model.init(cell, I, H, 0, rng=rng)
    model.init(cell, I, H, 1, rng=rng)
