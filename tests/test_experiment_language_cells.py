"""The experiment behind chapter 9's comparison of cells, in a smaller version without a corpus."""

import dataclasses
import re

import numpy as np
import pytest

from bptt import experiments, ngram, text
from bptt.experiments import corpora, language_cells, runner
from bptt.lm import training
from bptt.records.results import Run

pytestmark = pytest.mark.experiments

FULL, REDUCED = language_cells.FULL, language_cells.REDUCED
CELLS = ["rnn", "gru", "lstm"]


@pytest.fixture(scope="module")
def runs():
    return runner.run(language_cells, REDUCED)


def final_runs(runs, cell):
    return [run for run in runs if run.case["validation"] and run.case["cell"] == cell]


def scored(case, nats):
    return Run(case, {"nats": nats}, 0)


# What is run.


def test_the_tuning_runs_come_first_and_know_nothing_of_the_validation_text():
    cases = language_cells.cases(FULL, [])
    assert len(cases) == 3 * 5 * 2
    assert [case["cell"] for case in cases[::10]] == CELLS
    assert {case["lr"] for case in cases} == set(FULL.rates)
    assert {case["seed"] for case in cases} == set(FULL.tuning_seeds)
    assert not any(case["validation"] for case in cases)
    assert set(FULL.tuning_seeds).isdisjoint(FULL.seeds)


def test_the_test_runs_take_the_rate_with_the_fewest_nats_on_average():
    settings = dataclasses.replace(REDUCED, tuning_seeds=(100, 101))
    # Of the GRU, the lowest single number belongs to the rate with the higher mean.
    nats = {
        ("rnn", 1e-4): [1.5, 1.6],
        ("rnn", 2e-2): [1.7, 1.8],
        ("gru", 1e-4): [1.0, 3.0],
        ("gru", 2e-2): [1.5, 1.6],
        ("lstm", 1e-4): [1.2, 1.3],
        ("lstm", 2e-2): [1.2, 1.3],
    }
    tuning = language_cells.cases(settings, [])
    done = [scored(c, nats[c["cell"], c["lr"]][c["seed"] - 100]) for c in tuning]
    assert language_cells.cases(settings, done[:-1]) == tuning
    cases = language_cells.cases(settings, done)
    assert cases[: len(tuning)] == tuning
    test = cases[len(tuning) :]
    assert [(case["cell"], case["lr"], case["seed"]) for case in test] == [
        ("rnn", 1e-4, 0),
        ("rnn", 1e-4, 1),
        ("gru", 2e-2, 0),
        ("gru", 2e-2, 1),
        ("lstm", 1e-4, 0),
        ("lstm", 1e-4, 1),
    ]
    assert all(case["validation"] and case["points"] == 3 for case in test)


def test_what_a_test_run_scored_does_not_choose_the_rate():
    tuning = language_cells.cases(REDUCED, [])
    done = [scored(case, case["lr"]) for case in tuning]
    test = language_cells.cases(REDUCED, done)[len(tuning) :]
    done += [scored(case, 100.0) for case in test]
    assert language_cells.cases(REDUCED, done) == tuning + test
    assert {case["lr"] for case in test if case["cell"] == "lstm"} == {1e-4}


def test_all_settings_reach_the_training(monkeypatch):
    asked = []

    def start(settings, characters):
        asked.append((settings, characters))
        raise InterruptedError

    monkeypatch.setattr(language_cells, "start", start)
    case = language_cells.cases(dataclasses.replace(FULL, corpus="made up", clip=0.5), [])[-1]
    with pytest.raises(InterruptedError):
        language_cells.score(case)
    expected = training.Settings(
        cell="lstm",
        widths=(128,),
        embedding=64,
        batch=16,
        chunk=64,
        steps=1000,
        lr=3e-2,
        warmup=40,
        decay=960,
        clip=0.5,
        seed=101,
    )
    assert asked == [(expected, 19)]


# The reduced run.


def test_every_cell_learns_more_than_how_often_each_character_stands(runs):
    whole = corpora.lines()
    vocabulary = text.Vocabulary.of(whole)
    seen, unseen = (vocabulary.encode(part) for part in text.split(whole))
    unigram, bigram = ngram.nats_of_orders(ngram.witten_bell, seen, unseen, len(vocabulary), 2)
    for cell in CELLS:
        for run in final_runs(runs, cell):
            assert run.score["nats"] < bigram < unigram
            assert run.case["lr"] == 2e-2


def test_a_run_is_scored_after_each_half_as_many_steps_more(runs):
    for run in final_runs(runs, "gru"):
        assert run.score["steps"] == [67, 100, 150]
        assert run.score["curve"] == sorted(run.score["curve"], reverse=True)
        assert run.score["nats"] == run.score["curve"][-1]
        first, second, third = run.score["seconds"]
        assert 0 < first < second < third <= run.seconds


def test_a_run_repeats_to_the_last_bit_but_for_its_seconds(runs):
    for run in final_runs(runs, "lstm"):
        again = language_cells.score(dict(run.case))
        assert runner._repeats(again) == runner._repeats(run.score)


def test_the_networks_of_two_seeds_differ(runs):
    for cell in CELLS:
        one, other = final_runs(runs, cell)
        assert one.score["curve"] != other.score["curve"]


def test_a_tuning_run_neither_trains_nor_is_scored_on_the_validation_text(monkeypatch, runs):
    whole = corpora.lines()
    kept, cut = text.split(whole)
    monkeypatch.setattr(language_cells, "lines", lambda: kept + cut[::-1])
    tuning = [run for run in runs if run.case["cell"] == "rnn" and not run.case["validation"]]
    for run in tuning:
        assert language_cells.score(dict(run.case))["nats"] == run.score["nats"]
    test = final_runs(runs, "rnn")[0]
    assert language_cells.score(dict(test.case))["nats"] != test.score["nats"]


def test_a_tuning_run_does_not_train_on_what_it_is_scored_on(monkeypatch, runs):
    whole = corpora.lines()
    seen, _ = text.split(whole)
    train, held_out = text.split(seen)
    read = []
    advance = language_cells.advance

    def watch(settings, codes, run):
        read.append(codes)
        return advance(settings, codes, run)

    monkeypatch.setattr(language_cells, "advance", watch)
    tuning = next(run for run in runs if not run.case["validation"])
    language_cells.score(dict(tuning.case))
    decoded = text.Vocabulary.of(whole).decode(read[0])
    assert decoded == train
    assert len(read) == REDUCED.steps
    assert len(held_out) > 2000


def test_the_made_up_text_is_lines_of_two_to_seven_words():
    whole = corpora.lines()
    assert whole == corpora.lines()
    lines = [line.split(" ") for line in whole.split("\n")]
    assert {len(line) for line in lines} == {2, 3, 4, 5, 6, 7}
    assert {word for line in lines for word in line} == set(corpora.WORDS)
    assert re.fullmatch(r"[a-z \n]+", whole)


# The stored result.


def test_the_networks_differ_by_less_than_a_hundredth_in_the_number_of_weights():
    weights = {
        cell: experiments.load("language_cells").scores("weights", cell=cell) for cell in CELLS
    }
    counts = [each[0] for each in weights.values()]
    assert all(np.all(each == each[0]) for each in weights.values())
    assert max(counts) < 1.01 * min(counts)


def test_every_stored_run_ends_between_the_five_grams_and_the_four_grams_of_the_corpus():
    """Witten-Bell with n = 4 has 1.774 nats per character, with n = 5 it has 1.669."""
    result = experiments.load("language_cells")
    for cell in CELLS:
        nats = result.scores("nats", cell=cell, validation=True)
        assert nats.shape == (10,)
        assert 1.669 < nats.min() < nats.max() < 1.774
        curves = result.scores("curve", cell=cell, validation=True)
        assert curves.shape == (10, 8)
        assert np.all(np.diff(np.median(curves, axis=0)) < 0)


def test_the_gru_ends_below_the_rnn_on_every_stored_seed_and_the_lstm_on_eight_of_ten():
    result = experiments.load("language_cells")
    rnn, gru, lstm = (result.scores("nats", cell=cell, validation=True) for cell in CELLS)
    assert np.all(gru < rnn)
    assert (lstm < rnn).sum() == 8
    assert (gru < lstm).sum() == 8


def test_no_stored_rate_lies_at_an_end_of_the_grid():
    for case in language_cells.cases(FULL, list(experiments.load("language_cells").runs)):
        if case["seed"] in FULL.seeds:
            assert FULL.rates[0] < case["lr"] < FULL.rates[-1]
