"""Gradients without going back: RTRL is exact, UORO is right on average, truncation cuts."""

import itertools

import numpy as np
import pytest
import torch
from helpers import ALL_CELLS, Inputs, Outputs, assert_close, assert_equal, draw, gradient

from bptt import gru, lstm, mingru, online, probe, rnn, tree, unroll
from bptt.gradcheck import relative_error
from bptt.shapes import ShapeError

T, B, I, H = 5, 3, 4, 2

every_cell = pytest.mark.parametrize("cell", ALL_CELLS, ids=lambda cell: cell.__name__)


def by_bptt(cell, params, xs, dhs, state):
    zero = cell.zero_state(params, xs.shape[1])
    return gradient(cell, Inputs(params, xs, state), Outputs(dhs, zero)).params


def drawn(cell, *sizes, **named):
    (params, xs, state), douts = draw(cell, *sizes, **named)
    return params, xs, douts.hs, state


def all_signs(T, B, N):
    """Every vector of signs that is read: those of the last step are not."""
    for signs in itertools.product([-1.0, 1.0], repeat=(T - 1) * B * N):
        yield np.concatenate([np.reshape(signs, (T - 1, B, N)), np.ones((1, B, N))])


def mean_over_all_signs(cell, params, xs, dhs, state):
    (T, B, _), N = xs.shape, len(state) * dhs.shape[2]
    vectors = [
        tree.ravel(online.rank_one(cell, params, xs, dhs, signs, state))[0]
        for signs in all_signs(T, B, N)
    ]
    return np.mean(vectors, axis=0), np.array(vectors)


# RTRL


@every_cell
def test_rtrl_has_the_gradient_of_backpropagation_through_time(cell):
    params, xs, dhs, state = drawn(cell)
    got = online.rtrl(cell, params, xs, dhs, state)
    assert type(got) is cell.Params
    assert_close(got, by_bptt(cell, params, xs, dhs, state))


@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (1, 3, 4, 2), (40, 1, 2, 3)])
@every_cell
def test_rtrl_is_exact_at_the_edges_and_over_many_steps(cell, sizes):
    params, xs, dhs, state = drawn(cell, *sizes, seed=1)
    assert_close(
        online.rtrl(cell, params, xs, dhs, state), by_bptt(cell, params, xs, dhs, state), tol=1e-11
    )


def test_rtrl_agrees_with_torch():
    params, xs, dhs, state = drawn(rnn)
    leaves = [torch.tensor(leaf, requires_grad=True) for leaf in params]
    W_x, W_h, b = leaves
    h, loss = torch.tensor(state.h), 0
    for x, dh in zip(torch.tensor(xs), torch.tensor(dhs), strict=True):
        h = torch.tanh(x @ W_x + h @ W_h + b)
        loss = loss + (h * dh).sum()
    loss.backward()
    got = online.rtrl(rnn, params, xs, dhs, state)
    assert_close(tuple(got), tuple(leaf.grad.numpy() for leaf in leaves))


def test_rtrl_of_lstm_agrees_with_central_differences():
    params, xs, dhs, state = drawn(lstm, 3, 2, 2, 2)
    vector, unravel = tree.ravel(params)
    got = tree.ravel(online.rtrl(lstm, params, xs, dhs, state))[0]

    def loss(v):
        return float((unroll.forward(lstm, unravel(v), xs, state)[0] * dhs).sum())

    eps = 1e-5
    for p in range(0, len(vector), 5):
        step = eps * (np.arange(len(vector)) == p)
        want = (loss(vector + step) - loss(vector - step)) / (2 * eps)
        assert got[p] == pytest.approx(want, rel=1e-6, abs=1e-8)


def test_the_six_paths_of_chapter_two_add_up_by_rows():
    W_h, xs = np.array([[0.5]]), np.array([2.0, 1, 1]).reshape(3, 1, 1)
    small = 1e-6  # so small that tanh does nothing
    params = rnn.Params(np.array([[2.0]]), W_h, np.zeros(1))
    state = rnn.State(np.array([[4.0 * small]]))
    got = online.rtrl(rnn, params, xs * small, np.ones((3, 1, 1)), state)
    assert got.W_h[0, 0] / small == pytest.approx(21, rel=1e-9)
    for window, want in ((1, 15), (2, 20), (3, 21)):
        cut = online.truncated(rnn, params, xs * small, np.ones((3, 1, 1)), window, state)
        assert cut.W_h[0, 0] / small == pytest.approx(want, rel=1e-9)


# The derivatives of a step


@every_cell
def test_the_jacobians_are_those_of_the_probe(cell):
    params, xs, _, state = drawn(cell)
    _, _, tape = unroll.forward(cell, params, xs, state)
    J = [online.derivatives(cell, params, saved)[0] for saved in tape.steps]
    assert_close(np.array(J), probe.jacobians(cell, params, tape))


@every_cell
def test_a_small_change_of_the_weights_changes_the_state_as_told(cell):
    params, xs, _, state = drawn(cell)
    vector, unravel = tree.ravel(params)
    _, F = online.derivatives(cell, params, cell.step(params, xs[0], state)[1])
    change = 1e-5 * np.random.default_rng(0).normal(size=len(vector))
    near, far = (
        np.concatenate(cell.step(unravel(vector + sign * change), xs[0], state)[0], axis=1)
        for sign in (1, -1)
    )
    assert F.shape == (B, len(vector), len(state) * H)
    assert_close(np.einsum("p,bpn->bn", change, F), (near - far) / 2, tol=1e-7)


def test_with_a_diagonal_recurrence_each_weight_moves_one_unit():
    params, xs, _, _ = drawn(mingru, 6, 1, 4, 3)
    G = 0
    for saved in unroll.forward(mingru, params, xs)[2].steps:
        J, F = online.derivatives(mingru, params, saved)
        G = G @ J + F if np.ndim(G) else F
    assert G.shape == (1, 2 * 3 * (4 + 1), 3)
    assert (np.count_nonzero(G[0], axis=1) <= 1).all()


# UORO


@pytest.mark.parametrize(
    ("cell", "sizes"),
    [(rnn, (3, 1, 3, 2)), (rnn, (2, 2, 3, 2)), (gru, (4, 1, 2, 2)), (lstm, (3, 1, 1, 2))],
)
def test_the_mean_over_all_signs_is_the_gradient(cell, sizes):
    run = drawn(cell, *sizes)
    mean, vectors = mean_over_all_signs(cell, *run)
    want, _ = tree.ravel(by_bptt(cell, *run))
    assert_close(mean, want)
    assert relative_error(vectors[0], want) > 0.01  # no estimate alone is


def test_without_the_factors_the_mean_is_the_same_and_the_noise_is_larger(monkeypatch):
    run = drawn(rnn, 4, 1, 3, 2)
    mean, vectors = mean_over_all_signs(rnn, *run)
    monkeypatch.setattr(online, "_balanced", lambda a, b: (a, b))
    plain_mean, plain = mean_over_all_signs(rnn, *run)
    assert_close(plain_mean, mean)
    assert ((plain - mean) ** 2).sum() > ((vectors - mean) ** 2).sum()


@pytest.mark.parametrize("cell", [rnn, lstm], ids=["rnn", "lstm"])
def test_the_mean_of_many_draws_comes_to_the_gradient(cell):
    run = drawn(cell, 5, 1, 3, 2)
    want, _ = tree.ravel(by_bptt(cell, *run))
    rng = np.random.default_rng(0)
    vectors = np.array(
        [
            tree.ravel(online.uoro(cell, *run, rng=rng))[0]
            for _ in range(150)
        ]
    )  # fmt: skip
    spread = vectors.std(axis=0) / np.sqrt(len(vectors))
    assert (np.abs(vectors.mean(axis=0) - want) <= 5 * spread + 1e-12).all()
    alone = ((vectors - want) ** 2).sum(axis=1).mean()
    assert ((vectors.mean(axis=0) - want) ** 2).sum() < alone / 30


@every_cell
def test_one_step_leaves_nothing_to_estimate(cell):
    run = drawn(cell, 1)
    got = online.uoro(cell, *run, rng=np.random.default_rng(0))
    assert type(got) is cell.Params
    assert_close(got, by_bptt(cell, *run))


def test_the_draws_are_those_of_the_generator():
    params, xs, dhs, state = drawn(lstm)
    rng = np.random.default_rng(3)
    signs = rng.choice([-1.0, 1.0], size=(T, B, 2 * H))
    got = online.uoro(lstm, params, xs, dhs, state, rng=np.random.default_rng(3))
    assert_equal(got, online.rank_one(lstm, params, xs, dhs, signs, state))


def test_mixed_rows_are_equally_long_and_a_zero_row_is_left_out():
    rng = np.random.default_rng(0)
    s, theta, signs = rng.normal(size=3), 100 * rng.normal(size=5), np.array([1.0, -1, 1])
    pushed = rng.normal(size=5)
    both = online.mix(s, theta, np.zeros(3), pushed)
    assert_close(np.linalg.norm(both[0]), np.linalg.norm(both[1]))
    assert_close(np.outer(*both), np.outer(s, theta))
    alone = online.mix(s, np.zeros(5), signs, pushed)
    assert_close(np.outer(*alone), np.outer(signs, pushed))
    nothing = online.mix(np.zeros(3), np.zeros(5), signs, np.zeros(5))
    assert not any(row.any() for row in nothing)


def test_a_step_on_which_the_state_does_not_depend_is_no_warning():
    params = tree.map(np.zeros_like, rnn.init(I, H, rng=np.random.default_rng(0)))
    xs, dhs = np.zeros((T, B, I)), np.ones((T, B, H))
    got = online.uoro(rnn, params, xs, dhs, rng=np.random.default_rng(0))
    assert_close(got, online.rtrl(rnn, params, xs, dhs))


# Truncation


def double_sum(params, xs, dhs, state, window):
    """The terms of the double sum of the simple cell, one path after the other."""
    hs = [state.h, *unroll.forward(rnn, params, xs, state)[0]]
    total = np.zeros_like(params.W_h)
    for t in range(1, len(hs)):
        back = dhs[t - 1]
        for k in range(t, max(0, t - window), -1):
            da = back * (1 - hs[k] ** 2)
            total += hs[k - 1].T @ da
            back = da @ params.W_h.T
    return total


@pytest.mark.parametrize("window", [1, 2, 4, 5, 9])
def test_truncation_keeps_the_short_paths_of_the_double_sum(window):
    params, xs, dhs, state = drawn(rnn)
    got = online.truncated(rnn, params, xs, dhs, window, state)
    assert_close(got.W_h, double_sum(params, xs, dhs, state, window))


@every_cell
def test_a_window_of_all_steps_is_the_gradient_and_a_shorter_one_is_not(cell):
    params, xs, dhs, state = drawn(cell)
    want = by_bptt(cell, params, xs, dhs, state)
    for window in (T, T + 1):
        assert_close(online.truncated(cell, params, xs, dhs, window, state), want)
    short = online.truncated(cell, params, xs, dhs, T - 2, state)
    assert type(short) is cell.Params
    assert relative_error(short, want) > 1e-3


# What comes in


@pytest.mark.parametrize(
    "function",
    [
        online.rtrl,
        lambda *run: online.uoro(*run, rng=np.random.default_rng(0)),
        lambda cell, params, xs, dhs, state: online.truncated(cell, params, xs, dhs, 3, state),
    ],
)
def test_no_state_means_zeros_lists_are_converted_and_nothing_is_mutated(function):
    params, xs, dhs, _ = drawn(lstm)
    for _, leaf in tree.leaves((params, xs, dhs)):
        leaf.flags.writeable = False
    got = function(lstm, params, xs.tolist(), dhs.tolist(), None)
    assert_equal(got, function(lstm, params, xs, dhs, lstm.zero_state(params, B)))


def test_everything_follows_the_dtype_of_the_weights():
    params, xs, dhs, state = drawn(lstm)
    small = tree.map(np.float32, params)
    rng = np.random.default_rng(0)
    for got in (
        online.rtrl(lstm, small, xs, dhs, state),
        online.uoro(lstm, small, xs, dhs, state, rng=rng),
        online.truncated(lstm, small, xs, dhs, 3, state),
    ):
        assert {leaf.dtype for _, leaf in tree.leaves(got)} == {np.dtype(np.float32)}
    assert_close(
        online.rtrl(lstm, small, xs, dhs, state), by_bptt(lstm, params, xs, dhs, state), tol=1e-4
    )


@pytest.mark.parametrize("name", ["rtrl", "uoro", "rank_one", "truncated"])
@pytest.mark.parametrize(
    ("change", "kind", "message"),
    [
        ({"xs": np.ones((5, 3))}, ShapeError, "xs must be (T, B, I), got (5, 3)"),
        (
            {"dhs": np.ones((5, 3, 1))},
            ShapeError,
            "dhs must be (T=5, B=3, H=2), got (5, 3, 1)",
        ),
        (
            {"state": lstm.State(*np.ones((2, 1, 2)))},
            ShapeError,
            "state.h must be (B=3, H=2), got (1, 2)",
        ),
    ],
)
def test_each_message_names_the_argument_that_does_not_fit(name, change, kind, message):
    params, xs, dhs, state = drawn(lstm)
    more = {
        "uoro": {"rng": np.random.default_rng(0)},
        "rank_one": {"signs": np.ones((5, 3, 4))},
        "truncated": {"window": 2},
    }
    given = {"xs": xs, "dhs": dhs, "state": state, **more.get(name, {}), **change}
    with pytest.raises(kind) as error:
        getattr(online, name)(lstm, params, **given)
    assert str(error.value) == f"online.{name}: {message}"


def test_a_window_of_no_step_signs_that_do_not_fit_and_no_generator_are_named():
    params, xs, dhs, _ = drawn(lstm)
    with pytest.raises(ValueError, match=r"^online.truncated: window must be at least 1, got 0$"):
        online.truncated(lstm, params, xs, dhs, 0)
    with pytest.raises(TypeError, match=r"^online.truncated: window must be a whole number"):
        online.truncated(lstm, params, xs, dhs, 1.5)
    with pytest.raises(ShapeError, match=r"^online.rank_one: signs must be \(T=5, B=3, N=4\), got"):
        online.rank_one(lstm, params, xs, dhs, np.ones((5, 3, 2)))
    with pytest.raises(TypeError, match=r"^online.uoro: rng must be"):
        online.uoro(lstm, params, xs, dhs, rng=0)


@pytest.mark.parametrize("name", ["rtrl", "uoro", "rank_one", "truncated", "derivatives"])
def test_what_is_no_cell_is_a_type_error(name):
    run = {"xs": np.ones((T, B, I)), "dhs": np.ones((T, B, H))}
    given = {
        "rtrl": run,
        "uoro": run | {"rng": np.random.default_rng(0)},
        "rank_one": run | {"signs": np.ones(1)},
        "truncated": run | {"window": 1},
        "derivatives": {"saved": None},
    }
    with pytest.raises(TypeError, match=rf"^online.{name}: cell must be a module with zero_state"):
        getattr(online, name)("lstm", None, **given[name])
