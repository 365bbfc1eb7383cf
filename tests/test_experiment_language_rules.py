"""The choice of the rule by which the large network learns on, smaller and without a corpus."""

import dataclasses

import numpy as np
import pytest

from bptt import lstm, text
from bptt.experiments import corpora, language_rules, runner
from bptt.lm import adapt, ensemble, pretrained, score
from bptt.lm.adapt import Rule
from bptt.lm.dropout import Rates
from bptt.lm.ensemble import Mixing
from bptt.lm.folder import Model
from bptt.lm.settings import Settings, settings_of
from bptt.lm.update import advance, start

pytestmark = pytest.mark.experiments

FULL, REDUCED = language_rules.FULL, language_rules.REDUCED


@pytest.fixture(scope="module")
def run():
    (run,) = runner.run(language_rules, REDUCED)
    return run


@pytest.fixture(scope="module")
def trained():
    """Return the network, its losses, and both parts of the text."""
    vocabulary = text.Vocabulary.of(corpora.lines())
    codes, held_out = map(vocabulary.encode, text.split(text.split(corpora.lines())[0]))
    settings = Settings(
        embedding=8, widths=(9, 7), batch=6, chunk=20, fresh=0.02, steps=20, warmup=5, decay=10,
        rates=Rates(inputs=0.1, between=0.4, outputs=0.4, recurrent=0.15), seed=100,
    )  # fmt: skip
    run, losses = start(settings, len(vocabulary)), []
    for _ in range(20):
        run, nats = advance(settings, codes, run)
        losses.append(nats)
    return Model(lstm, run.params, vocabulary), losses, codes, held_out[:201]


def test_the_large_network_has_the_settings_of_the_one_that_is_shipped():
    shipped = settings_of(pretrained.record()["settings"])
    for name in ("embedding", "widths", "batch", "chunk", "fresh", "steps", "warmup", "decay"):
        assert getattr(FULL, name) == getattr(shipped, name)
    rates = dataclasses.asdict(shipped.rates)
    assert FULL.rates == tuple(rates[name] for name in language_rules.RATES)
    assert not rates["rows"]
    assert not shipped.average


def test_the_network_is_a_training_of_the_library_on_nine_tenths_of_the_training_part(run, trained):
    _, losses, _, _ = trained
    means = [np.mean(losses[:10]), np.mean(losses[10:])]
    assert run.score["curve"] == [[10, round(means[0], 4)], [20, round(means[1], 4)]]


def test_each_rule_reads_what_the_network_has_not_seen(run, trained):
    (cell, params, _), _, codes, new = trained
    for row, (chunk, lr, decay) in zip(run.score["rules"], REDUCED.rules, strict=True):
        scale = adapt.root_mean_squares(cell, params, codes, chunk)
        nats = adapt.nats(cell, params, new, scale, Rule(chunk, lr, decay))
        assert row == [chunk, lr, decay, round(nats, 5)]
    frozen = round(score.carried(cell, params, new), 5)
    assert len({frozen, *(row[-1] for row in run.score["rules"])}) == 3


def test_each_mixture_has_the_network_that_learns_by_the_rule_of_the_library(run, trained):
    model, _, codes, new = trained
    log_p = ensemble.learning_log_p(model, codes, new)
    for row, (n, *weights, lr) in zip(run.score["mixtures"], REDUCED.mixtures, strict=True):
        nats = ensemble.mixed_nats([log_p], codes, new, Mixing(n, tuple(weights), lr))
        assert row == [n, *weights, lr, round(nats.mean(), 5)]
    assert len({row[-1] for row in run.score["mixtures"]}) == 2


def test_the_beginning_is_the_first_point_of_the_training(run):
    first = language_rules.score(language_rules.beginning(run.case))
    assert first == {"curve": run.score["curve"][:1], "rules": [], "mixtures": []}
