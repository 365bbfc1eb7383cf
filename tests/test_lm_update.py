import dataclasses
import json
import math
import re

import numpy as np
import pytest
from helpers import assert_equal

from bptt import gru, lstm, ops, rnn, tree
from bptt.lm import network, score, update
from bptt.lm.dropout import Rates
from bptt.lm.settings import Settings, settings_of
from bptt.lm.update import (
    advance,
    chunk_at,
    chunks_per_epoch,
    decay_at,
    predictor,
    rate_at,
    start,
)

SMALL = Settings(
    embedding=3, widths=(5,), batch=4, chunk=7, steps=12, lr=0.01, warmup=2, decay=6, seed=3
)
DROPS = Rates(rows=0.1, inputs=0.2, between=0.3, outputs=0.4, recurrent=0.25)


def change(**values):
    return dataclasses.replace(SMALL, **values)


def train(settings, codes, characters, steps=None):
    run, losses = start(settings, characters), []
    for _ in range(steps or settings.steps):
        run, nats = advance(settings, codes, run)
        losses.append(nats)
    return run, losses


# Settings


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"cell": "cnn"}, "cell must be one of rnn, lstm, gru, got 'cnn'"),
        ({"cell": ["lstm"]}, "cell must be one of rnn, lstm, gru, got ['lstm']"),
        ({"widths": [5]}, "widths must be a tuple with the width of each layer, got [5]"),
        ({"widths": ()}, "widths must be a tuple with the width of each layer, got ()"),
        ({"widths": (5, 0)}, "a width must be a whole number from 1 to below 2**63, got 0"),
        ({"embedding": 0}, "embedding must be a whole number from 1 to below 2**63, got 0"),
        ({"batch": 0}, "batch must be a whole number from 1 to below 2**63, got 0"),
        ({"chunk": 2.0}, "chunk must be a whole number from 1 to below 2**63, got 2.0"),
        ({"steps": True}, "steps must be a whole number from 1 to below 2**63, got True"),
        ({"steps": 2**63}, f"steps must be a whole number from 1 to below 2**63, got {2**63}"),
        ({"warmup": -1}, "warmup must be a whole number from 0 to below 2**63, got -1"),
        ({"decay": -1}, "decay must be a whole number from 0 to below 2**63, got -1"),
        ({"seed": -1}, "seed must be a whole number from 0 to below 2**63, got -1"),
        ({"tied": 1}, "tied must be True or False, got 1"),
        (
            {"tied": True},
            "with a tied head the last layer must be as wide as the embedding, 3, got 5",
        ),
        ({"lr": 0.0}, "lr must be a number above zero, and finite, got 0.0"),
        ({"lr": math.inf}, "lr must be a number above zero, and finite, got inf"),
        ({"lr": math.nan}, "lr must be a number above zero, and finite, got nan"),
        ({"lr": "1"}, "lr must be a number above zero, and finite, got '1'"),
        ({"lr": True}, "lr must be a number above zero, and finite, got True"),
        ({"beta2": 1.0}, "beta2 must be a number from 0 to below 1, got 1.0"),
        ({"beta2": -0.1}, "beta2 must be a number from 0 to below 1, got -0.1"),
        ({"clip": 0}, "clip must be a number above zero, got 0"),
        ({"fresh": 1.5}, "fresh must be a number from 0 to 1, got 1.5"),
        ({"fresh": -0.1}, "fresh must be a number from 0 to 1, got -0.1"),
        ({"average": 1}, "average must be a number from 0 to below 1, got 1"),
        ({"average": -0.1}, "average must be a number from 0 to below 1, got -0.1"),
        ({"alpha": -1}, "alpha must be a number zero or more, and finite, got -1"),
        ({"beta": math.nan}, "beta must be a number zero or more, and finite, got nan"),
    ],
)
def test_a_setting_out_of_its_range_is_named(values, message):
    with pytest.raises(ValueError, match=f"^{re.escape(f'lm.Settings: {message}')}$"):
        change(**values)


def test_settings_at_the_end_of_their_ranges_are_taken():
    ends = {
        "warmup": 0,
        "decay": 0,
        "beta2": 0,
        "clip": math.inf,
        "average": 0,
        "alpha": 0,
        "beta": 0,
    }
    assert change(**ends, seed=0, embedding=1, widths=(1,), tied=True, batch=1, chunk=1, steps=1)


def test_settings_come_back_from_json():
    settings = change(widths=(4, 3), tied=True, rates=DROPS, clip=math.inf, average=0.5)
    assert settings_of(json.loads(json.dumps(dataclasses.asdict(settings)))) == settings


def test_settings_that_are_older_than_the_average_have_none():
    plain = dataclasses.asdict(SMALL)
    del plain["average"]
    assert settings_of(plain) == SMALL


@pytest.mark.parametrize(
    "other",
    [
        {"widths": 5},
        {"widths": None},
        {"rates": {"rows": "a"}},
        {"rates": {"rows": 1.0}},
        {"rates": {"columns": 0.1}},
        {"rates": None},
        {"momentum": 0.9},
    ],
)
def test_what_is_no_settings_is_refused(other):
    with pytest.raises((TypeError, ValueError)):
        settings_of({**dataclasses.asdict(SMALL), **other})


# Chunks


def read_epoch(settings, codes, epoch):
    """Return all that an epoch reads: each text from its start, of shape (chunks T, B)."""
    steps = chunks_per_epoch(settings, len(codes))
    chunks = [chunk_at(settings, codes, epoch * steps + n) for n in range(steps)]
    return tuple(np.concatenate(parts) for parts in zip(*chunks, strict=True))


@pytest.mark.parametrize("epoch", range(6))
def test_an_epoch_reads_each_place_of_a_text_that_fits_once_and_in_order(epoch):
    codes = np.arange(4 * 7 * 3)
    assert chunks_per_epoch(SMALL, len(codes)) == 3
    inputs, targets = read_epoch(SMALL, codes, epoch)
    assert inputs.shape == targets.shape == (21, 4)
    first = np.random.default_rng([SMALL.seed, update.STARTS, epoch]).integers(84)
    assert inputs[0].tolist() == [(first + 21 * place) % 84 for place in range(4)]
    assert sorted(inputs.ravel()) == codes.tolist()
    assert_equal(targets, (inputs + 1) % len(codes))
    assert_equal(inputs[1:], targets[:-1])  # what was predicted is read next
    assert_equal(np.roll(inputs[0], -1), targets[-1])  # each arc ends where the next one starts


@pytest.mark.parametrize("length", [84 + 1, 84 + 20, 84 + 27])
def test_of_a_text_that_does_not_fit_less_than_a_chunk_for_each_arc_is_left_out(length):
    codes = np.arange(length)
    inputs, targets = read_epoch(SMALL, codes, 1)
    assert len(np.unique(inputs)) == inputs.size == 84
    assert length - inputs.size < 4 * 7
    assert_equal(targets, (inputs + 1) % length)
    arcs = np.sort(inputs[0])
    assert np.diff(arcs).tolist().count(length // 4) >= 2  # equally long


def test_epochs_start_elsewhere_and_seeds_do():
    codes = np.arange(1000)
    settings = change(batch=2, chunk=10)
    steps = chunks_per_epoch(settings, 1000)
    starts = [chunk_at(settings, codes, epoch * steps)[0][0, 0] for epoch in range(20)]
    others = [chunk_at(change(batch=2, chunk=10, seed=s), codes, 0)[0][0, 0] for s in range(20)]
    assert len(set(starts)) > 15
    assert len(set(others)) > 15


def test_all_places_are_starts():
    settings = change(batch=1, chunk=5)
    starts = {int(chunk_at(settings, np.arange(5), step)[0][0, 0]) for step in range(100)}
    assert starts == set(range(5))


def test_a_text_that_is_too_short_is_refused():
    assert chunks_per_epoch(SMALL, 28) == 1
    message = (
        "lm.training: the text has 27 characters, too few for 4 places with 7 characters each; "
        "make batch or chunk smaller"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        chunk_at(SMALL, np.arange(27), 0)


# The learning rate


def test_the_rate_rises_in_a_line_stays_and_falls_in_a_line():
    settings = change(steps=10, warmup=4, decay=3, lr=0.12)
    rates = [rate_at(settings, step) for step in range(10)]
    assert rates == pytest.approx([0.03, 0.06, 0.09, *[0.12] * 5, 0.08, 0.04])
    assert rate_at(settings, 3) == rate_at(settings, 7) == 0.12


def test_the_rate_is_level_without_warmup_and_decay():
    settings = change(steps=5, warmup=0, decay=0, lr=0.5)
    assert [rate_at(settings, step) for step in range(5)] == [0.5] * 5


def test_where_rise_and_fall_meet_the_lower_one_counts():
    settings = change(steps=4, warmup=4, decay=4, lr=1.0)
    assert [rate_at(settings, step) for step in range(4)] == [0.25, 0.5, 0.5, 0.25]


# Steps


def test_a_run_starts_with_zeros_but_for_its_weights(cell):
    settings = change(cell=cell.__name__.removeprefix("bptt."), widths=(5, 6))
    run = start(settings, 9)
    assert run.step == run.moments.t == 0
    assert run.params.E.shape == (9, 3)
    assert run.params.E.std() > 0
    assert not any(a.any() for _, a in tree.leaves((run.moments.m, run.moments.v, run.states)))
    assert [state.h.shape for state in run.states] == [(4, 5), (4, 6)]
    assert all(a.dtype == np.float32 for _, a in tree.leaves((run.params, run.states)))


def test_the_cells_have_their_names():
    names = {"rnn": rnn, "lstm": lstm, "gru": gru}
    assert names == update.CELLS


@pytest.fixture
def codes(rng):
    return rng.integers(9, size=4 * 7 * 3 + 5)


def test_equal_settings_give_equal_bits_and_another_seed_another_run(codes):
    settings = change(widths=(5, 6), rates=DROPS)
    one, losses = train(settings, codes, 9, 5)
    same, again = train(settings, codes, 9, 5)
    assert_equal(tree.map(np.asarray, one), tree.map(np.asarray, same))
    assert losses == again
    for other in (change(widths=(5, 6), rates=DROPS, seed=4), change(widths=(5, 6))):
        assert train(other, codes, 9, 5)[1] != losses


def test_each_purpose_has_draws_of_its_own(codes, monkeypatch):
    settings, asked = change(rates=DROPS, fresh=0.5), []
    rng_of = np.random.default_rng

    def watched(seed):
        asked.append(tuple(seed))
        return rng_of(seed)

    run = start(settings, codes.max() + 1)
    monkeypatch.setattr(np.random, "default_rng", watched)
    for step in range(1, 4):
        start(settings, codes.max() + 1)
        update.chunk_at(settings, codes, step)
        update.masks_at(settings, run.params, step)
        update.carried_at(settings, codes, step)
    purposes = {purpose for _, purpose, *_ in asked}
    assert len(purposes) == 4
    assert {seed for seed, *_ in asked} == {settings.seed}


def test_nothing_is_mutated(codes):
    run, _ = train(SMALL, codes, 9, 2)
    before = tree.map(np.array, run)
    advance(SMALL, codes, run)
    assert_equal(tree.map(np.asarray, run), before)


def test_the_state_is_carried_from_chunk_to_chunk_and_is_zero_at_the_start_of_an_epoch(
    codes, monkeypatch
):
    seen = []

    def spy(*args, **weights):
        chunk = real(*args, **weights)
        seen.append((args[4], chunk.states))
        return chunk

    real = update.loss_and_grads
    monkeypatch.setattr(update, "loss_and_grads", spy)
    train(SMALL, codes, 9, 7)
    for step, (before, _) in enumerate(seen):
        if step % 3 == 0:
            assert not before[0].h.any()
            assert not before[0].c.any()
        else:
            assert_equal(before, seen[step - 1][1])
            assert before[0].h.any()


def test_some_places_start_a_chunk_from_zeros_and_the_others_go_on(codes, monkeypatch):
    settings = change(widths=(5, 6), fresh=0.4)
    seen = []

    def spy(*args, **weights):
        chunk = real(*args, **weights)
        seen.append((args[4], chunk.states))
        return chunk

    real = update.loss_and_grads
    monkeypatch.setattr(update, "loss_and_grads", spy)
    train(settings, codes, 9, 9)
    carried = np.array([update.carried_at(settings, codes, step) for step in range(9)])
    for (before, _), (_, after), on in zip(seen[1:], seen, carried[1:], strict=False):
        for state, last in zip(before, after, strict=True):
            for (_, now), (_, then) in zip(tree.leaves(state), tree.leaves(last), strict=True):
                assert (now[on] == then[on]).all()
                assert not now[~on].any()
    assert not carried[::3].any()  # the epochs begin
    assert 0 < carried[1::3].sum() + carried[2::3].sum() < 6 * settings.batch


@pytest.mark.parametrize(("fresh", "share"), [(0.0, 1.0), (0.25, 0.75), (1.0, 0.0)])
def test_the_share_of_places_that_go_on_is_the_rest(fresh, share):
    settings = change(fresh=fresh, batch=50)
    text = np.zeros(settings.batch * settings.chunk * 200, int)
    carried = [update.carried_at(settings, text, step) for step in range(1, 200)]
    assert np.mean(carried) == pytest.approx(share, abs=0.02)


def test_each_step_has_its_own_masks_rate_and_gradient_clipped(codes, monkeypatch):
    masks, rates, norms = [], [], []
    real, adam = update.loss_and_grads, update.Adam

    def spy(*args, **weights):
        assert weights == {"alpha": 2.0, "beta": 3.0}
        masks.append(args[5])
        return real(*args, **weights)

    class Spy(adam):
        def update(self, params, grads, state):
            rates.append((self.lr, self.beta1, self.beta2))
            norms.append(tree.global_norm(grads))
            return super().update(params, grads, state)

    monkeypatch.setattr(update, "loss_and_grads", spy)
    monkeypatch.setattr(update, "Adam", Spy)
    settings = change(rates=DROPS, alpha=2.0, beta=3.0, beta2=0.95, clip=0.001)
    train(settings, codes, 9, 4)
    assert rates == [(rate_at(settings, step), 0.9, 0.95) for step in range(4)]
    assert norms == pytest.approx([0.001] * 4)
    recurrent = [m.recurrent[0].tobytes() for m in masks]
    assert len(set(recurrent)) == 4


def test_scoring_drops_nothing(codes):
    settings = change(rates=DROPS, widths=(5, 6))
    run, _ = train(settings, codes, 9, 3)
    scores = {score.carried(lstm, run.params, codes) for _ in range(3)}
    assert len(scores) == 1
    logits, _, _ = network.forward(lstm, run.params, codes[:-1, None])
    log_p = ops.log_softmax(logits[:, 0].astype(np.float64))
    nats = -log_p[np.arange(len(codes) - 1), codes[1:]].mean()
    assert scores.pop() == pytest.approx(nats, rel=1e-5)


def test_the_loss_is_that_before_the_update_in_nats_without_ar_and_tar(codes):
    settings = change(alpha=5.0, beta=5.0)
    run = start(settings, 9)
    _, nats = advance(settings, codes, run)
    inputs, targets = chunk_at(settings, codes, 0)
    want = update.loss_and_grads(lstm, run.params, inputs, targets)
    assert nats == pytest.approx(want.nats, rel=1e-6)


# The mean of the weights


def test_the_mean_is_that_of_the_equation_and_leaves_the_steps_alone(codes):
    settings = change(rates=DROPS, average=0.6, steps=20)
    run, plain = start(settings, 9), start(change(rates=DROPS, steps=20), 9)
    want = run.params.E.astype(np.float64)
    for n in range(1, 21):
        (run, nats), (plain, also) = (
            advance(settings, codes, run),
            advance(change(rates=DROPS, steps=20), codes, plain),
        )
        assert nats == also
        d = min(0.6, (1 + n) / (10 + n))
        want = d * want + (1 - d) * run.params.E
        np.testing.assert_allclose(run.mean.E, want, rtol=1e-5, atol=1e-6)
    assert_equal(run.params, plain.params)
    assert_equal(run.moments.v, plain.moments.v)
    assert np.abs(run.mean.E - run.params.E).max() > 1e-3
    assert run.mean.E.dtype == np.float32
    assert predictor(run) is run.mean
    assert (decay_at(settings, 0), decay_at(settings, 19)) == (2 / 11, 0.6)


def test_without_an_average_nothing_is_kept_and_the_weights_predict(codes):
    run, _ = train(SMALL, codes, 9, 2)
    assert run.mean == start(SMALL, 9).mean == ()
    assert predictor(run) is run.params


def test_the_mean_starts_at_the_first_weights():
    run = start(change(average=0.9), 9)
    assert predictor(run) is run.mean is run.params


# No leakage


def pangram_and_shuffled(length):
    text = np.frombuffer(b"the quick brown fox jumps over the lazy dog, ", np.uint8)
    _, codes = np.unique(np.resize(text, length), return_inverse=True)
    return codes, np.random.default_rng(0).permutation(codes)


def test_on_shuffled_text_no_network_beats_the_unigram_and_on_the_text_itself_it_does():
    # With the characters independent, a network whose mean cost over the true distribution is d
    # differs from it, on M characters, by d - z sqrt(2 d / M) or so (the log of a ratio of
    # probabilities has a mean square of about 2 d). That is never below -z^2 / 2M: for z = 5 and
    # M = 4000, 0.0031. The unigram costs (K - 1) / 2N more than the truth: for K = 28 and
    # N = 20,000, 0.0007. The margin is their sum, rounded up.
    margin, N, M = 0.004, 20_000, 4_000
    settings = Settings(
        *("lstm", 8, (24,)), batch=16, chunk=32, steps=250, lr=1e-2, warmup=10, decay=150
    )
    gains = []
    for codes in pangram_and_shuffled(N + M):
        learnt, held_out = codes[:N], codes[N:]
        K = codes.max() + 1
        assert K == 28
        run, _ = train(settings, learnt, K)
        p = (np.bincount(learnt, minlength=K) + 0.5) / (N + 0.5 * K)
        unigram = -np.log(p[held_out[1:]]).mean()
        gains.append(unigram - score.carried(lstm, run.params, held_out))
    assert gains[0] > 1.5  # the network can learn what there is to learn
    assert -0.05 < gains[1] < margin  # and has learnt the frequencies, and nothing that is not
