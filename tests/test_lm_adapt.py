"""Dynamic evaluation: each chunk is predicted before it is learnt."""

import itertools

import numpy as np
import pytest

from bptt import lstm, tree
from bptt.lm import adapt, score
from bptt.lm.adapt import Rule
from bptt.lm.network import init
from bptt.lm.objective import loss_and_grads
from bptt.optim import NonFiniteGradient
from bptt.shapes import ShapeError

K, D, WIDTHS = 7, 4, (5, 3)
RULE = Rule(chunk=4, lr=0.01, decay=0.1, epsilon=1e-3)
TEXT = np.random.default_rng(1).integers(K, size=30)


@pytest.fixture
def params(cell):
    rng = np.random.default_rng(0)
    return tree.map(
        lambda a: rng.normal(scale=0.7, size=a.shape), init(cell, K, D, WIDTHS, rng=rng)
    )


@pytest.fixture
def scale(cell, params):
    return adapt.root_mean_squares(cell, params, TEXT, chunk=4, most=5)


def largest_difference(one, other):
    return np.abs(tree.ravel(one)[0] - tree.ravel(other)[0]).max()


def test_weights_that_stay_score_as_a_carried_state_does(cell, params, scale):
    got = adapt.nats(cell, params, TEXT, scale, Rule(chunk=4, lr=0.0))
    assert got == pytest.approx(score.carried(cell, params, TEXT), rel=1e-12)


def test_later_characters_change_no_earlier_prediction(cell, params, scale):
    for place in range(1, len(TEXT)):
        other = TEXT.copy()
        other[place:] = (other[place:] + 1) % K
        one, two = (
            np.concatenate([r.log_p for r in adapt.read(cell, params, codes, scale, RULE)])
            for codes in (TEXT, other)
        )
        assert (one[:place] == two[:place]).all()  # row n predicts character n + 1
        if place + 1 < len(TEXT):
            assert not (one[place:] == two[place:]).all()


def test_each_chunk_moves_the_weights_by_the_rule_of_krause(cell, params, scale):
    readings = list(adapt.read(cell, params, TEXT, scale, RULE))
    assert [len(reading.log_p) for reading in readings] == [4] * 7 + [1]
    mean = tree.ravel(scale)[0].mean()
    before, states = params, None
    for at, reading in zip(itertools.count(0, 4), readings, strict=False):
        part = TEXT[at : at + 5, None]
        chunk = loss_and_grads(cell, before, part[:-1], part[1:], states)
        wanted = tree.map(
            lambda theta, g, theta_0, rho: (
                theta
                - RULE.lr * g / (rho + RULE.epsilon)
                + RULE.decay * (theta_0 - theta) * np.minimum(rho / mean, 1 / RULE.decay)
            ),
            before,
            chunk.grads,
            params,
            scale,
        )
        assert largest_difference(reading.params, wanted) < 1e-12
        before, states = reading.params, reading.states


def test_the_scale_is_that_of_the_gradients_of_chunks_spread_over_the_text(cell, params):
    got = adapt.root_mean_squares(cell, params, TEXT, chunk=4, most=3)
    grads = [
        loss_and_grads(cell, params, TEXT[at : at + 4, None], TEXT[at + 1 : at + 5, None]).grads
        for at in (0, 12, 25)
    ]
    wanted = tree.map(lambda *gs: np.sqrt(np.mean(np.square(gs), axis=0)), *grads)
    assert largest_difference(got, wanted) < 1e-12


def test_a_short_text_has_fewer_chunks_than_asked_for(cell, params):
    got = adapt.root_mean_squares(cell, params, TEXT[:6], chunk=4, most=300)
    assert largest_difference(
        got, adapt.root_mean_squares(cell, params, TEXT[:6], chunk=4, most=2)
    ) == pytest.approx(0, abs=1e-15)


def test_a_text_that_repeats_itself_is_learnt():
    rng = np.random.default_rng(0)
    params = init(lstm, K, D, (16,), rng=rng)
    codes = np.tile(rng.integers(K, size=10), 60)
    scale = adapt.root_mean_squares(lstm, params, codes, 20)
    frozen = score.carried(lstm, params, codes)
    assert adapt.nats(lstm, params, codes, scale, Rule(lr=1e-2)) < frozen - 0.8


@pytest.mark.parametrize("decay", [1.0, 1e9])
def test_however_strong_the_pull_no_weight_goes_past_where_it_came_from(scale, decay):
    rule = Rule(chunk=4, lr=0.0, decay=decay)
    _, pull = adapt._factors(scale, rule)
    assert 0 <= tree.ravel(pull)[0].min() <= tree.ravel(pull)[0].max() <= 1


def test_weights_without_a_gradient_stay_and_nothing_pulls(params):
    nothing = tree.map(np.zeros_like, params)
    speed, pull = adapt._factors(nothing, RULE)
    assert (tree.ravel(speed)[0] == RULE.lr / RULE.epsilon).all()
    assert not tree.ravel(pull)[0].any()


def test_all_stays_in_the_dtype_of_the_weights():
    params = init(lstm, K, D, WIDTHS, rng=np.random.default_rng(0))
    scale = adapt.root_mean_squares(lstm, params, TEXT, 20)
    *_, last = adapt.read(lstm, params, TEXT, scale, RULE)
    arrays = [array for tree_ in (scale, last) for _, array in tree.leaves(tree_)]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"chunk": 0}, "chunk must be at least 1, got 0"),
        ({"lr": -1.0}, "lr must be zero or more"),
        ({"lr": np.nan}, "lr must be zero or more"),
        ({"decay": -0.1}, "decay must be zero or more"),
        ({"epsilon": 0.0}, "epsilon must be above zero"),
    ],
)
def test_a_number_out_of_its_range_is_refused(changed, said):
    with pytest.raises(ValueError, match=said):
        Rule(**changed)


def test_a_text_too_short_is_refused(params, scale):
    with pytest.raises(ShapeError, match=r"codes must be \(2 or more,\), got \(1,\)"):
        adapt.read(lstm, params, TEXT[:1], scale, RULE)
    with pytest.raises(ShapeError, match=r"codes must be \(21 or more,\)"):
        adapt.root_mean_squares(lstm, params, TEXT[:20], 20)


def test_weights_that_run_away_are_told():
    params = init(lstm, K, D, WIDTHS, rng=np.random.default_rng(0))
    scale = adapt.root_mean_squares(lstm, params, TEXT, 20)
    with np.errstate(all="ignore"), pytest.raises(NonFiniteGradient, match="take a smaller"):
        adapt.nats(lstm, params, np.tile(TEXT, 20), scale, Rule(lr=1e38))
