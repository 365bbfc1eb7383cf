import numpy as np
import pytest
from helpers import assert_close, draw

from bptt import probe, rnn, tree, unroll
from bptt.shapes import ShapeError

T = 5


@pytest.fixture
def ran(cell):
    """What the probes take of a run, and its inputs."""
    inputs, (dhs, _) = draw(cell)
    _, _, tape = unroll.forward(cell, *inputs)
    return (cell, inputs.params, tape, dhs), inputs


def tail(cell, inputs, dhs, start):
    """Return the gradient of the steps from `start` on: of their weights and of their state."""
    params, xs, state = inputs
    if start == len(xs):
        return tree.map(np.zeros_like, params), tree.map(np.zeros_like, state)
    if start:
        _, state, _ = unroll.forward(cell, params, xs[:start], state)
    _, _, tape = unroll.forward(cell, params, xs[start:], state)
    dparams, _, dstate = unroll.backward(cell, params, tape, dhs[start:])
    return dparams, dstate


def test_the_norm_at_a_state_counts_what_is_read_there_and_after(ran):
    (cell, *_, dhs), inputs = ran
    reads = [0, *dhs]
    want = [np.linalg.norm(reads[t] + tail(cell, inputs, dhs, t)[1].h) for t in range(T + 1)]
    assert_close(probe.gradient_norms(*ran[0]), np.array(want))


def test_a_term_is_what_the_weights_of_one_step_add_through_the_loss_at_another(ran):
    (cell, *_, dhs), inputs = ran
    norms = probe.term_norms(*ran[0])
    assert norms.shape == (T, T)
    for t in range(T):
        only_t = np.zeros_like(dhs)
        only_t[t] = dhs[t]
        for k in range(T):
            with_k, without_k = (tail(cell, inputs, only_t, start)[0] for start in (k, k + 1))
            want = np.linalg.norm(with_k.W_h - without_k.W_h)
            assert norms[t, k] == pytest.approx(want, rel=1e-9)
            assert (norms[t, k] > 0) == (k <= t)


@pytest.mark.parametrize("f", [probe.gradient_norms, probe.term_norms])
def test_lists_are_converted(f, ran):
    cell, params, tape, dhs = ran[0]
    assert_close(f(cell, params, tape, dhs.tolist()), f(*ran[0]))


@pytest.mark.parametrize("f", [probe.gradient_norms, probe.term_norms])
def test_output_gradients_of_a_wrong_shape_are_a_shape_error(f, ran):
    cell, params, tape, dhs = ran[0]
    with pytest.raises(ShapeError, match="dhs must be"):
        f(cell, params, tape, dhs[:, :, :1])
    with pytest.raises(TypeError, match="cell must be"):
        f(None, params, tape, dhs)


@pytest.mark.parametrize("shape", [(0, 3, 2), (3, 2), ()])
def test_term_norms_name_gradients_that_are_no_sequence(shape):
    with pytest.raises(ShapeError, match=r"^probe\.term_norms: dhs must be \(T, B, H\)"):
        probe.term_norms(rnn, None, None, np.zeros(shape))
