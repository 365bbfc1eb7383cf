"""The experiment on what helps a small language model, in a smaller version without a corpus."""

import dataclasses
import itertools

import numpy as np
import pytest
from helpers import assert_close, assert_equal

from bptt import lstm, ngram, text, tree
from bptt.experiments import corpora, language_levers, runner
from bptt.experiments.levers import averages, chunks, layer_norm, training, zoneout
from bptt.experiments.levers.recipe import Lever, Recipe
from bptt.lm import score, update
from bptt.lm.settings import Settings as Training
from bptt.records.results import Run

pytestmark = pytest.mark.experiments

FULL, REDUCED = language_levers.FULL, language_levers.REDUCED
NAMES = [lever.name for lever in FULL.levers]
UNROLLED = {"layer norm", "mogrifier", "zoneout"}
CODES = np.random.default_rng(0).integers(7, size=1003)


@pytest.fixture(scope="module")
def runs():
    return runner.run(language_levers, REDUCED)


def final_runs(runs, **wanted):
    return [
        run
        for run in runs
        if run.case["validation"] and all(run.case[name] == v for name, v in wanted.items())
    ]


def case(**changes):
    """Return a case of the plain LSTM on a small scale, or with a lever."""
    recipe = dataclasses.asdict(Recipe(batch=6, chunk=20))
    small = {"lr": 1e-2, "steps": 5, "warmup": 0.2, "seed": 3, "embedding": 4, "H": 5, "clip": 1.0}
    return {**recipe, **small, **changes}


def trained(**changes):
    return training.train(case(**changes), CODES, 7)


# What is run.


def tuned(settings, nats):
    """Return all tuning runs, each with what a function of its case says, and all cases then."""
    done = []
    while True:
        cases = language_levers.cases(settings, done)
        if cases[-1]["validation"]:
            return done, cases
        done += [Run(case, {"nats": nats(case)}, 0) for case in cases[len(done) :]]


def test_the_tuning_runs_come_first_and_know_nothing_of_the_validation_text():
    done, cases = tuned(FULL, lambda case: case["lr"])
    tuning = [run.case for run in done]
    assert cases[: len(tuning)] == tuning
    assert len(tuning) == sum(len(lever.recipes) for lever in FULL.levers)
    assert list(dict.fromkeys(case["lever"] for case in tuning)) == NAMES
    assert not any(case["validation"] for case in tuning)
    assert all(case["validation"] for case in cases[len(tuning) :])
    assert {case["seed"] for case in tuning} == set(FULL.tuning_seeds)
    assert set(FULL.tuning_seeds).isdisjoint(FULL.seeds)
    assert len(FULL.seeds) == 3


SOME = dataclasses.replace(
    REDUCED,
    levers=(
        Lever("plain", (Recipe(0.5), Recipe(2.0))),
        Lever("dropout", (Recipe(outputs=0.2), Recipe(3.0, outputs=0.4))),
    ),
    tuning_seeds=(100, 101),
    lr=0.1,
)


@pytest.mark.parametrize(("best", "other"), [(0.05, 0.2), (0.2, 0.05)])
def test_the_rates_of_the_levers_follow_the_best_of_the_plain_lstm(best, other):
    plain = language_levers.cases(SOME, [])
    assert [(case["lever"], case["lr"]) for case in plain] == [
        ("plain", 0.05),
        ("plain", 0.05),
        ("plain", 0.2),
        ("plain", 0.2),
    ]
    done = [Run(case, {"nats": float(case["lr"] == other)}, 0) for case in plain]
    assert language_levers.cases(SOME, done[:-1]) == plain
    cases = language_levers.cases(SOME, done)
    assert cases[:4] == plain
    rates = [(case["outputs"], case["lr"], case["seed"]) for case in cases[4:]]
    assert rates == [(p, lr, s) for p, lr in [(0.2, best), (0.4, 3.0 * best)] for s in (100, 101)]


def test_the_test_runs_take_the_recipe_with_the_fewest_nats_on_average():
    # The lowest single number belongs to the recipe with the higher mean.
    nats = {0.0: {0.05: [1.0, 3.0], 0.2: [1.5, 1.6]}, 0.2: [1.2, 1.3], 0.4: [1.3, 1.4]}

    def of(case):
        found = nats[case["outputs"]]
        return (found if case["outputs"] else found[case["lr"]])[case["seed"] - 100]

    done, cases = tuned(SOME, of)
    assert language_levers.cases(SOME, done[:-1]) == [run.case for run in done]
    test = cases[len(done) :]
    chosen = [(case["lever"], case["lr"], case["outputs"], case["seed"]) for case in test]
    assert chosen == [
        ("plain", 0.2, 0.0, 0),
        ("plain", 0.2, 0.0, 1),
        ("dropout", 0.2, 0.2, 0),
        ("dropout", 0.2, 0.2, 1),
    ]


def test_what_a_test_run_scored_does_not_choose_the_recipe():
    done, cases = tuned(SOME, lambda case: case["lr"])
    after = [Run(case, {"nats": -100.0}, 0) for case in cases[len(done) :]]
    assert language_levers.cases(SOME, done + after) == cases


def test_a_lever_gets_the_updates_that_its_cost_allows_and_an_unrolled_one_all_of_them_as_well():
    done, cases = tuned(FULL, lambda case: case["lr"])
    test = cases[len(done) :]
    assert len(test) == 3 * (len(NAMES) + len(UNROLLED))
    for case in cases:
        if case["equal"] == "time":
            assert case["steps"] * case["cost"] == pytest.approx(FULL.updates, rel=2e-3)
    again = [case for case in test if case["equal"] == "updates"]
    assert {case["lever"] for case in again} == UNROLLED
    assert all(case["steps"] == FULL.updates for case in again)


def test_the_full_experiment_costs_no_more_than_a_hundred_plain_runs():
    _, cases = tuned(FULL, lambda case: -case["cost"])  # the dearest is the best
    assert sum(case["steps"] * case["cost"] for case in cases) < 100 * FULL.updates


def test_only_one_lever_is_pulled_at_a_time():
    plain = dataclasses.asdict(Recipe())
    pulled = {
        "plain": set(),
        "layer norm": {"cell"},
        "mogrifier": {"cell", "rounds"},
        "zoneout": {"p_h", "p_c"},
        "weight drop": {"recurrent"},
        "dropout": {"outputs"},
        "moving average": {"decay", "falls"},
        "tail average": {"decay", "first", "falls"},
        "variable chunks": {"variable"},
        "batch of 8": {"batch"},
        "batch of 32": {"batch"},
        "chunks of 32": {"chunk"},
        "chunks of 128": {"chunk"},
    }
    for lever in FULL.levers:
        changed = [
            {name for name, value in vars(recipe).items() if value != plain[name]}
            for recipe in lever.recipes
        ]
        assert set().union(*changed) - {"rate", "cost"} == pulled[lever.name]


# The training.


def test_the_plain_lstm_is_trained_as_by_the_library_to_the_last_bit():
    steps = 12  # an epoch has eight chunks
    found = trained(steps=steps, warmup=0.25)
    settings = Training(
        embedding=4, widths=(5,), batch=6, chunk=20, steps=steps, lr=1e-2, warmup=3, decay=9, seed=3
    )
    run, nats = update.start(settings, 7), []
    while run.step < steps:
        run, each = update.advance(settings, CODES, run)
        nats.append(each)
    assert_equal(found.last, run.params)
    assert found.nats == nats
    assert_equal(found.average, run.params)


@pytest.mark.parametrize("drops", ["recurrent", "outputs"])
def test_dropout_is_that_of_the_library_to_the_last_bit(drops):
    settings = Training(
        embedding=4, widths=(5,), batch=6, chunk=20, steps=5, lr=1e-2, warmup=1, decay=4, seed=3
    )
    rates = dataclasses.replace(settings.rates, **{drops: 0.3})
    settings = dataclasses.replace(settings, rates=rates)
    run = update.start(settings, 7)
    while run.step < 5:
        run, _ = update.advance(settings, CODES, run)
    assert_equal(trained(**{drops: 0.3}).last, run.params)


LEVERS = [
    {"cell": "layer norm"},
    {"cell": "mogrifier", "rounds": 2},
    {"cell": "mogrifier", "rounds": 3},
    {"p_h": 0.3},
    {"p_c": 0.3},
    {"recurrent": 0.3},
    {"outputs": 0.3},
    {"decay": 0.5},
    {"decay": 1.0},
    {"decay": 1.0, "first": 0.6},
    {"falls": False},
    {"variable": True},
    {"batch": 3},
    {"chunk": 40},
    {"seed": 4},
]


def test_every_lever_changes_the_network_that_is_scored():
    found = [trained().average, *(trained(**changes).average for changes in LEVERS)]
    rows = {network.E.tobytes() for network in found}
    assert len(rows) == len(found)


@pytest.mark.parametrize("changes", LEVERS, ids=str)
def test_a_lever_learns_and_repeats_to_the_last_bit(changes):
    one, other = (trained(**changes, steps=40) for _ in range(2))
    assert one.nats == other.nats
    assert_equal((one.last, one.average), (other.last, other.average))
    assert np.mean(one.nats[-5:]) < one.nats[0]


def test_the_cells_are_those_that_are_named():
    first = training.first_weights
    (layer,) = first(case(cell="layer norm"), 7).layers
    assert isinstance(layer, layer_norm.Params)
    for rounds in (1, 3):
        (layer,) = first(case(cell="mogrifier", rounds=rounds), 7).layers
        assert layer.M.shape == (rounds, 5, 4)
        assert layer.M.dtype == np.float32
    same = first(case(), 7), first(case(p_h=0.2), 7), first(case(recurrent=0.2), 7)
    assert_equal(same[1], same[0])
    assert_equal(same[2], same[0])


def test_zoneout_draws_in_training_and_keeps_its_share_afterwards():
    zoned = case(p_h=0.2, p_c=0.4)
    rng = np.random.default_rng(0)
    cell = training.cell_within(zoned, (20, 6), rng=rng)
    assert cell.d_h.shape == cell.d_c.shape == (20, 6, 5)
    assert not (cell.d_h == training.cell_within(zoned, (20, 6), rng=rng).d_h).all()
    after = training.cell_after(zoned)
    assert after == zoneout.Cell(np.float32(0.2), np.float32(0.4))
    assert training.cell_after(case()) is lstm
    assert training.cell_within(case(), (20, 6), rng=rng) is lstm


def test_weights_after_zoneout_at_rate_zero_score_as_an_lstm():
    weights = trained().last
    plain = score.windows(lstm, weights, CODES, 50)
    cell = zoneout.expected(0.0, 0.0, dtype=np.float32)
    assert score.windows(cell, weights, CODES, 50) == pytest.approx(plain, rel=1e-6)


# Chunks.


def an_epoch(**changes):
    """Return the spans of the first epoch, and the first span of the next."""
    found = chunks.spans(case(**changes), len(CODES))
    first = [next(found)]
    for span in found:
        if span.at == 0:
            return first, span
        first.append(span)
    return None


def test_chunks_of_one_length_are_those_of_the_library():
    settings = Training(batch=6, chunk=20, seed=3)
    spans = itertools.islice(chunks.spans(case(), len(CODES)), 20)
    for step, span in enumerate(spans):
        got = chunks.read(CODES, 6, span)
        for a, b in zip(got, update.chunk_at(settings, CODES, step), strict=True):
            assert (a == b).all()


@pytest.mark.parametrize("seed", range(5))
def test_chunks_of_drawn_lengths_read_every_character_once_an_epoch_and_in_order(seed):
    places = np.arange(996)  # 6 arcs of 166 characters
    found = chunks.spans(case(variable=True, seed=seed), len(places))
    for _ in range(3):
        inputs, targets, at = [], [], 0
        while at < 166:
            span = next(found)
            assert span.at == at
            read, predicted = chunks.read(places, 6, span)
            assert read.shape == predicted.shape == (span.T, 6)
            inputs.append(read)
            targets.append(predicted)
            at += span.T
        assert at == 166
        inputs, targets = np.concatenate(inputs), np.concatenate(targets)
        assert (np.sort(inputs, axis=None) == places).all()
        assert (np.diff(inputs, axis=0) % 996 == 1).all()
        assert (targets == (inputs + 1) % 996).all()


def test_the_lengths_are_drawn_as_by_merity_and_others():
    rng = np.random.default_rng(0)
    arc = 640_000
    lengths = chunks.chunk_lengths(case(variable=True, chunk=64), arc, rng=rng)
    assert lengths.sum() == arc
    assert lengths[:-1].min() >= 5
    short = lengths < 48
    assert short.mean() == pytest.approx(0.05, abs=0.01)
    assert lengths[~short].mean() == pytest.approx(63.5, abs=0.2)  # n is rounded down
    assert lengths[~short].std() == pytest.approx(5, abs=0.2)
    assert lengths[short].mean() == pytest.approx(31.5, abs=1)
    shortest = chunks.chunk_lengths(case(variable=True, chunk=6), arc, rng=rng)
    assert shortest[:-1].min() == 5


def test_an_epoch_of_drawn_lengths_differs_from_the_next_and_starts_elsewhere():
    first, after = an_epoch(variable=True)
    assert after.offset != first[0].offset
    assert len({span.T for span in first}) > 2
    assert {span.T for span in an_epoch()[0]} == {20}


def test_the_rate_of_an_update_is_scaled_with_the_length_of_its_chunk(monkeypatch):
    rates = []
    adam = training.Adam

    def watch(*arguments, **named):
        rates.extend(arguments)
        return adam(*arguments, **named)

    monkeypatch.setattr(training, "Adam", watch)
    trained(variable=True, falls=False, warmup=0.0)
    spans = itertools.islice(chunks.spans(case(variable=True), len(CODES)), 5)
    assert rates == pytest.approx([1e-2 * span.T / 20 for span in spans])
    assert len(set(rates)) > 2


def test_the_rate_falls_over_the_whole_run_or_stays(monkeypatch):
    rates = []
    adam = training.Adam

    def watch(*arguments, **named):
        rates.extend(arguments)
        return adam(*arguments, **named)

    monkeypatch.setattr(training, "Adam", watch)
    trained(steps=10, warmup=0.2)
    assert rates == pytest.approx([1e-2 * w for w in (0.5, 1, *np.arange(8, 0, -1) / 8)])
    rates.clear()
    trained(steps=10, warmup=0.2, falls=False)
    assert rates == pytest.approx([5e-3, *[1e-2] * 9])


# Averages.


def shares(**changes):
    return [averages.share(case(**changes), step) for step in range(5)]


def test_without_a_decay_the_average_is_the_last_weights():
    assert shares() == [1] * 5
    found = trained(decay=0.0)
    assert found.average is found.last


def test_an_average_with_a_decay_is_the_mean_at_first_and_then_moves():
    assert shares(decay=0.7) == pytest.approx([1, 1 / 2, 1 / 3, 0.3, 0.3])


def test_a_tail_average_is_the_mean_of_the_last_weights():
    assert shares(decay=1.0, first=0.4) == pytest.approx([1, 1, 1, 1 / 2, 1 / 3])
    every = [np.full(2, float(n)) for n in (7, 1, 2, 3, 5)]
    average = every[0]
    for theta, w in zip(every, shares(decay=1.0, first=0.4), strict=True):
        average = averages.averaged(average, theta, w)
    assert_close(average, np.full(2, 10 / 3))


def test_the_average_is_of_the_weights_after_each_update_which_go_their_own_way():
    level = {"falls": False, "warmup": 0.0}  # so that a shorter run is the beginning of a longer
    each = [trained(**level, steps=steps).last for steps in (3, 4, 5)]
    found = trained(**level, decay=1.0, first=0.4)
    assert_equal(found.last, each[-1])
    mean = tree.map(lambda *thetas: np.mean(thetas, axis=0), *each)
    assert_close(found.average, mean, 1e-5)


# The reduced run.


def test_every_lever_learns_more_than_how_often_each_character_stands(runs):
    whole = corpora.lines()
    vocabulary = text.Vocabulary.of(whole)
    seen, unseen = (vocabulary.encode(part) for part in text.split(whole))
    unigram, _ = ngram.nats_of_orders(ngram.witten_bell, seen, unseen, len(vocabulary), 2)
    for lever in REDUCED.levers:
        found = final_runs(runs, lever=lever.name)
        assert len(found) == 2 * (1 + lever.again)
        for run in found:
            assert run.score["nats"] < unigram
            assert run.score["carried"] < unigram
            assert run.score["train"] < unigram
            assert run.case["lr"] == 2e-2
            assert 0 < run.score["seconds"] < run.seconds
            assert run.score["steps"] == run.case["steps"]


def test_a_tuning_run_is_not_scored_with_the_state_carried(runs):
    for run in runs:
        assert ("carried" in run.score) == run.case["validation"]


def test_the_networks_of_two_seeds_differ(runs):
    for lever in REDUCED.levers:
        one, other = final_runs(runs, lever=lever.name, equal="time")
        assert one.score["nats"] != other.score["nats"]


def test_a_run_repeats_to_the_last_bit_but_for_its_seconds(runs):
    for run in (final_runs(runs, lever=name)[0] for name in ("plain", "zoneout")):
        again = language_levers.score(dict(run.case))
        assert runner._repeats(again) == runner._repeats(run.score)


def test_a_tuning_run_neither_trains_nor_is_scored_on_the_validation_text(monkeypatch, runs):
    kept, cut = text.split(corpora.lines())
    monkeypatch.setattr(language_levers, "lines", lambda: kept + cut[::-1])
    tuning = next(run for run in runs if not run.case["validation"])
    assert language_levers.score(dict(tuning.case))["nats"] == tuning.score["nats"]
    test = final_runs(runs, lever="plain")[0]
    assert language_levers.score(dict(test.case))["nats"] != test.score["nats"]


def test_a_tuning_run_does_not_train_on_what_it_is_scored_on(monkeypatch, runs):
    whole = corpora.lines()
    seen, _ = text.split(whole)
    kept, _ = text.split(seen)
    given = []
    train = language_levers.train

    def watch(case, codes, characters):
        given.append(codes)
        return train(case, codes, characters)

    monkeypatch.setattr(language_levers, "train", watch)
    language_levers.score(dict(runs[0].case))
    assert text.Vocabulary.of(whole).decode(given[0]) == kept
