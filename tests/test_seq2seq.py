"""From a sequence to a sequence."""

import numpy as np
import pytest
import torch
from helpers import assert_close, assert_equal, assert_slopes

from bptt import gru, lstm, rnn, seq2seq, tree
from bptt.losses import cross_entropy
from bptt.shapes import ShapeError

T, N, B, I, H, K = 5, 7, 3, 4, 2, 6
BOTH = pytest.mark.parametrize("attention", [False, True], ids=["one state", "attention"])


def draw(cell=lstm, *, attention, seed=0):
    """Weights none of which is zero, inputs and answers."""
    rng = np.random.default_rng(seed)
    params = seq2seq.init(cell, I, H, K, attention=attention, rng=rng)
    params = tree.map(lambda theta: rng.normal(scale=0.7, size=theta.shape), params)
    return params, rng.normal(size=(T, B, I)), rng.integers(K, size=(N, B))


def torch_run(weights, xs, h, c):
    """An LSTM over time, written out anew."""
    W_x, W_h, b = weights
    hs = []
    for x in xs:
        i, f, g, o = (x @ W_x + h @ W_h + b).chunk(4, dim=-1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        hs.append(h)
    return torch.stack(hs), h, c


def torch_scores(leaves, xs, targets):
    """The model, step by step, with the true answers as inputs."""
    zero = torch.zeros(B, H, dtype=torch.float64)
    hs, h, c = torch_run(leaves.encoder, torch.tensor(xs), zero, zero)
    start = torch.full((1, B), K)
    fed = torch.cat([start, torch.tensor(targets[:-1])])
    one_hot = torch.nn.functional.one_hot(fed, K + 1).double()
    gs, _, _ = torch_run(leaves.decoder, one_hot, h, c)
    if leaves.queries:
        (W_q,) = leaves.queries
        q, k = (gs @ W_q).transpose(0, 1), hs.transpose(0, 1)
        found = torch.nn.functional.scaled_dot_product_attention(q, k, k).transpose(0, 1)
        gs = torch.cat([gs, found], dim=-1)
    return gs @ leaves.W_y + leaves.b_y


@BOTH
def test_loss_and_gradient_are_those_of_torch(attention):
    params, xs, targets = draw(attention=attention)
    leaves = tree.map(lambda a: torch.tensor(a, requires_grad=True), params)
    ys = torch_scores(leaves, xs, targets)
    want = torch.nn.functional.cross_entropy(ys.reshape(-1, K), torch.tensor(targets).flatten())
    want.backward()
    loss, grads = seq2seq.loss_and_grads(lstm, params, xs, targets)
    assert loss == pytest.approx(want.item(), rel=1e-12)
    assert_close(grads, tree.map(lambda a: a.grad.numpy(), leaves))
    assert_close(seq2seq.forced(lstm, params, xs, targets)[0], ys.detach().numpy())


@BOTH
def test_the_gradient_has_the_slopes_of_the_loss(cell, attention):
    params, xs, targets = draw(cell, attention=attention)
    _, grads = seq2seq.loss_and_grads(cell, params, xs, targets)
    assert_slopes(lambda at: seq2seq.loss_and_grads(cell, at, xs, targets)[0], params, grads)


@BOTH
def test_a_decoder_that_runs_free_gives_what_it_gives_when_told_its_own_answers(cell, attention):
    params, xs, _ = draw(cell, attention=attention, seed=6)
    params = tree.map(lambda theta: 4 * theta, params)._replace(b_y=np.zeros(K))  # no two alike
    answers, alpha = seq2seq.generate(cell, params, xs, N)
    ys, same = seq2seq.forced(cell, params, xs, answers)
    assert answers.shape == (N, B)
    assert len(np.unique(answers)) > 1
    assert np.array_equal(ys.argmax(axis=-1), answers)
    assert np.allclose(alpha, same)


@BOTH
def test_an_answer_depends_on_those_before_and_on_no_other(attention):
    params, xs, targets = draw(attention=attention)
    told = targets.copy()
    told[3] = (told[3] + 1) % K
    one, other = (seq2seq.forced(lstm, params, xs, t)[0] for t in (targets, told))
    differs = (one != other).any(axis=(1, 2))
    assert differs.tolist() == [False] * 4 + [True] * 3


def test_without_attention_the_last_state_is_all_that_the_decoder_has():
    params, xs, targets = draw(gru, attention=False)
    ys, alpha = seq2seq.forced(gru, params, xs, targets)
    assert not np.allclose(ys, seq2seq.forced(gru, params, xs[2:], targets)[0])
    assert alpha.shape == (N, B, 0)
    # An encoder that forgets all but the last input gives the same answers to all that end alike.
    forgets = params.encoder._replace(
        W_h=np.zeros_like(params.encoder.W_h),
        b=np.concatenate([np.zeros(H), np.full(H, -800.0), np.zeros(H)]),
    )
    params = params._replace(encoder=forgets)
    other = np.concatenate([xs[:-1][::-1], xs[-1:]])
    assert np.array_equal(*(seq2seq.forced(gru, params, s, targets)[0] for s in (xs, other)))


def test_attention_looks_at_every_output_of_the_encoder():
    params, xs, targets = draw(attention=True)
    _, alpha = seq2seq.forced(lstm, params, xs, targets)
    assert alpha.shape == (N, B, T)
    assert (alpha > 0).all()
    assert np.allclose(alpha.sum(axis=-1), 1)


def test_init_draws_the_cells_and_a_readout_without_bias():
    params = seq2seq.init(lstm, I, H, K, attention=True, rng=np.random.default_rng(0))
    again = np.random.default_rng(0)
    assert_equal(params.encoder, lstm.init(I, H, rng=again))
    assert_equal(params.decoder, lstm.init(K + 1, H, rng=again))
    assert [W_q.shape for W_q in params.queries] == [(H, H)]
    assert params.W_y.shape == (2 * H, K)
    assert params.b_y.tolist() == [0] * K
    plain = seq2seq.init(lstm, I, H, K, rng=np.random.default_rng(0))
    assert plain.queries == ()
    assert plain.W_y.shape == (H, K)
    assert_equal(plain.encoder, params.encoder)


@BOTH
def test_everything_follows_the_dtype_of_the_weights(attention, rng):
    _, xs, targets = draw(attention=attention)
    params = seq2seq.init(lstm, I, H, K, attention=attention, rng=rng, dtype=np.float32)
    _, grads = seq2seq.loss_and_grads(lstm, params, xs, targets)
    ys, alpha = seq2seq.forced(lstm, params, xs, targets)
    dtypes = {leaf.dtype for t in (params, grads) for _, leaf in tree.leaves(t)}
    assert dtypes | {ys.dtype, alpha.dtype} == {np.dtype(np.float32)}


@BOTH
def test_lists_are_converted_and_nothing_is_changed(attention):
    params, xs, targets = draw(attention=attention)
    before = tree.map(np.copy, params)
    got = seq2seq.loss_and_grads(lstm, params, xs.tolist(), targets.tolist())
    want = seq2seq.loss_and_grads(lstm, params, xs, targets)
    assert got[0] == want[0]
    assert type(got[0]) is float
    assert_equal(got[1], want[1])
    assert_equal(params, before)


@BOTH
def test_one_step_in_and_one_out_is_enough(attention):
    params, xs, targets = draw(attention=attention)
    loss, _ = seq2seq.loss_and_grads(lstm, params, xs[:1], targets[:1])
    ys, _ = seq2seq.forced(lstm, params, xs[:1], targets[:1])
    assert loss == cross_entropy(ys, targets[:1])[0]
    assert seq2seq.generate(lstm, params, xs[:1], 1)[0].shape == (1, B)


# Errors


@pytest.mark.parametrize("shape", [(0, B), (N, B + 1), (N,), (N, B, 1)])
def test_targets_of_a_wrong_shape_are_a_shape_error(shape):
    params, xs, _ = draw(attention=True)
    with pytest.raises(ShapeError, match=r"^seq2seq.loss_and_grads: targets must be \(N, B=3\)"):
        seq2seq.loss_and_grads(lstm, params, xs, np.zeros(shape, int))


def test_a_target_that_is_no_class_is_a_value_error():
    params, xs, targets = draw(attention=True)
    for wrong in (targets + 1, targets + 0.5, targets - 9):
        with pytest.raises(ValueError, match=r"^seq2seq.forced: targets must be whole .* 0 to 5"):
            seq2seq.forced(lstm, params, xs, wrong)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"W_y": (H, K)}, r"params.W_y must be \(M=4, K\), got \(2, 6\)$"),
        ({"b_y": (K + 1,)}, r"params.b_y must be \(K=6,\), got \(7,\)$"),
    ],
)
def test_a_readout_that_does_not_fit_is_a_shape_error(change, message):
    params, xs, _ = draw(attention=True)
    params = params._replace(**{name: np.ones(shape) for name, shape in change.items()})
    with pytest.raises(ShapeError, match=f"^seq2seq.generate: {message}"):
        seq2seq.generate(lstm, params, xs, N)


def test_queries_that_do_not_fit_are_a_shape_error():
    params, xs, _ = draw(attention=True)
    params = params._replace(queries=(np.ones((H, H + 1)),))
    message = r"^seq2seq.generate: params.queries\[0\] must be \(H=2, H=2\), got \(2, 3\)$"
    with pytest.raises(ShapeError, match=message):
        seq2seq.generate(lstm, params, xs, N)


def test_two_matrices_of_queries_are_a_shape_error():
    params, xs, _ = draw(attention=True)
    params = params._replace(queries=params.queries * 2, W_y=np.ones((3 * H, K)))
    message = r"^seq2seq.generate: params.queries must be one matrix or none, got 2$"
    with pytest.raises(ShapeError, match=message):
        seq2seq.generate(lstm, params, xs, N)


def test_weights_that_are_none_of_a_model_or_of_two_dtypes_are_a_type_error():
    params, xs, targets = draw(attention=True)
    with pytest.raises(TypeError, match=r"^seq2seq.forced: params must be"):
        seq2seq.forced(lstm, tuple(params), xs, targets)
    mixed = params._replace(W_y=params.W_y.astype(np.float32))
    with pytest.raises(TypeError, match=r"^seq2seq.forced: params must be arrays of one"):
        seq2seq.forced(lstm, mixed, xs, targets)


def test_cells_of_two_sizes_are_a_shape_error(rng):
    params, xs, targets = draw(attention=True)
    params = params._replace(encoder=lstm.init(I, H + 1, rng=rng))
    with pytest.raises(ShapeError):
        seq2seq.forced(lstm, params, xs, targets)


def test_an_answer_is_asked_for_and_a_class_to_choose(rng):
    params, xs, _ = draw(attention=False)
    with pytest.raises(ValueError, match=r"^seq2seq.generate: steps must be at least 1, got 0$"):
        seq2seq.generate(lstm, params, xs, 0)
    with pytest.raises(TypeError, match=r"^seq2seq.generate: steps must be a whole number"):
        seq2seq.generate(lstm, params, xs, 1.5)
    with pytest.raises(ValueError, match=r"^seq2seq.init: output_size must be at least 1, got 0$"):
        seq2seq.init(rnn, I, H, 0, rng=rng)
    with pytest.raises(ValueError, match="must be at least 1"):
        seq2seq.init(rnn, I, 0, K, rng=rng)
