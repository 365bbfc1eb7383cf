"""The experiment behind chapter 9's units, in a smaller version without a corpus."""

import dataclasses
import hashlib

import numpy as np
import pytest

from bptt import experiments, gru, lstm
from bptt.experiments import corpora, language_units, runner, statistics
from bptt.experiments import events as happenings
from bptt.lm import folder, network, pretrained
from bptt.text import Vocabulary

pytestmark = pytest.mark.experiments

FULL, REDUCED = language_units.FULL, language_units.REDUCED


@pytest.fixture(scope="module")
def runs():
    return runner.run(language_units, REDUCED)


# What is run.


def test_the_shipped_network_comes_first_and_then_the_untrained_ones():
    cases = language_units.cases(FULL, [])
    assert [(case["network"], case["seed"]) for case in cases] == [
        ("trained", 0),
        *(("untrained", seed) for seed in range(20)),
    ]


def test_every_case_names_the_weights_so_that_others_make_a_result_stale(monkeypatch):
    file = pretrained.FOLDER / folder.WEIGHTS
    assert hashlib.sha256(file.read_bytes()).hexdigest() == FULL.weights
    assert all(case["weights"] == FULL.weights for case in language_units.cases(FULL, []))
    others = hashlib.sha256(b"abc").hexdigest()
    monkeypatch.setattr(language_units, "FULL", dataclasses.replace(FULL, weights=others))
    assert runner.is_stale("language_units")


# Events.


def test_events_at_each_character_of_a_small_text():
    whole = "I. A//King Ed:/I'll 'go'? O://No: s!/".replace("/", "\n")
    expected = {
        "line": "1234001234567801234567890123001234560",
        "sentence": "1012345678901234567890120123456789001",
        "word": "1001001234012001234012340010001200100",
        "name": "0000001111111000000000000000000000000",
        "apostrophe": "0000000000000000111011100000000000000",
    }
    found = happenings.events(whole)
    assert tuple(found) == tuple(expected) == happenings.EVENTS
    for event, digits in expected.items():
        assert "".join(str(n % 10) for n in found[event]) == digits, event
    assert found["line"][14 + 9] == 9
    assert found["sentence"][9:12].tolist() == [8, 9, 10]


def test_the_speaker_at_the_start_of_a_text_counts_and_a_line_without_a_colon_does_not():
    found = happenings.events("Ed:\nI\n\nSo.\n\nB C:\n")["name"]
    assert "".join(map(str, found)) == "11000000000011100"


def test_nothing_in_an_event_depends_on_later_characters_of_running_text():
    """Only a name and an apostrophe may, on what ends their own line or word."""
    play = corpora.play()
    whole, cut = happenings.events(play), happenings.events(play[:5000])
    for event in ("line", "sentence", "word"):
        assert np.array_equal(whole[event][:5000], cut[event])


def test_before_the_first_mark_the_distance_is_to_one_before_the_start():
    marks = np.array([False, False, True, False, True, True, False])
    assert happenings._since(marks).tolist() == [1, 2, 0, 1, 0, 0, 1]


def test_the_made_up_play_has_every_event_and_only_known_characters():
    play = corpora.play()
    assert play == corpora.play()
    assert len(play) > REDUCED.lead + 2 * REDUCED.half
    assert set(play) <= set(pretrained.load().vocabulary.characters)
    for series in happenings.events(play).values():
        assert series.min() == 0 < series.max()


@pytest.mark.parametrize(("half", "lead"), [(300, 50), (70, 11)])
def test_a_passage_leads_in_and_then_has_two_halves(half, lead):
    case = {"corpus": "made up", "half": half, "lead": lead}
    whole, first = language_units._passage(case)
    assert first == lead
    assert whole == corpora.play()[: lead + 2 * half]


def test_the_passage_of_the_corpus_is_the_start_of_its_validation_part(monkeypatch):
    monkeypatch.setattr(language_units.text, "tiny_shakespeare", lambda: "a" * 901 + "bcd" * 33)
    whole, _ = language_units._passage({"corpus": "tiny shakespeare", "half": 20, "lead": 3})
    assert whole == ("a" + "bcd" * 33)[:43]


# Reading.


def small(cell, widths):
    return network.init(cell, 7, 5, widths, rng=np.random.default_rng(3), dtype=np.float64)


@pytest.mark.parametrize("cell", [lstm, gru])
def test_all_states_are_those_of_a_network_that_reads_the_whole_text(cell):
    params = small(cell, (4, 3))
    codes = np.random.default_rng(4).integers(7, size=23)
    names, states = language_units._read(cell, params, codes, first=3, pieces=1, lead=3)
    assert states.shape == (len(names), 20)
    logits, last, _ = network.forward(cell, params, codes[:, None])
    top_h = [number for number, name in enumerate(names) if name[:2] == (1, "h")]
    assert [names[number][2] for number in top_h] == [0, 1, 2]
    outputs = states[top_h].T @ network.head(params) + params.b_y
    np.testing.assert_allclose(outputs, logits[3:, 0], rtol=1e-5, atol=1e-6)
    for number, (layer, field, unit) in enumerate(names):
        value = getattr(last[layer], field)[0, unit]
        assert states[number, -1] == pytest.approx(value, rel=1e-5)
    assert len(set(names)) == len(names) == sum(a.shape[1] for s in last for a in s)


def test_each_piece_begins_with_zeros_so_many_characters_before_its_own():
    params = small(lstm, (4,))
    codes = np.random.default_rng(4).integers(7, size=34)
    _, states = language_units._read(lstm, params, codes, first=4, pieces=3, lead=2)
    for piece, begin in enumerate((4, 14, 24)):
        part = codes[begin - 2 : begin + 10]
        _, alone = language_units._read(lstm, params, part, first=2, pieces=1, lead=2)
        np.testing.assert_allclose(states[:, 10 * piece : 10 * (piece + 1)], alone, rtol=1e-5)
    assert np.abs(states[:, 10] - states[:, 9]).max() > 1e-3


def test_an_untrained_network_has_the_shape_of_the_model_and_its_own_weights():
    model = folder.Model(gru, small(gru, (4, 5)), Vocabulary("abcdefg"))
    one, other = (language_units._untrained(model, seed) for seed in (0, 1))
    assert [p.W_h.shape for p in one.layers] == [(4, 12), (5, 15)]
    assert one.E.shape == (7, 5)
    assert network.head(one).shape == (5, 7)
    assert not network.is_tied(one)
    assert not np.array_equal(one.E, other.E)
    tied = network.init(gru, 7, 5, (4, 5), tied=True, rng=np.random.default_rng(0))
    assert network.is_tied(language_units._untrained(model._replace(params=tied), 0))


# Statistics.


def test_the_product_of_standardised_rows_is_their_correlation(rng):
    rows = rng.standard_normal((3, 40)) * [[1], [100], [1e-3]] + [[0], [1000], [5]]
    found = statistics.standardised(rows)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found @ found.T, np.corrcoef(rows), atol=1e-5)


def test_a_row_that_does_not_vary_is_correlated_with_nothing():
    found = statistics.standardised(np.array([[0.1] * 7, [1, 2, 3, 4, 5, 6, 7]]))
    assert found[0].tolist() == [0.0] * 7
    assert np.isfinite(found).all()


def test_every_shift_chooses_on_the_first_half_and_measures_on_the_second(rng):
    N, units, shortest = 50, 300, 6
    states = [statistics.standardised(rng.standard_normal((units, N))) for _ in range(2)]
    event = [statistics.standardised(rng.standard_normal((1, N))) for _ in range(2)]
    maximum, held_out = statistics.shifted(states, event, shortest)
    expected = []
    for shift in range(shortest, N - shortest + 1):
        first, second = (rows @ np.roll(e[0], shift) for rows, e in zip(states, event, strict=True))
        best = np.abs(first).argmax()
        expected.append((abs(first[best]), np.sign(first[best]) * second[best]))
    assert len(expected) == len(maximum) == 39
    np.testing.assert_allclose(np.stack([maximum, held_out], axis=1), expected, atol=1e-5)


def test_a_p_value_counts_what_is_at_least_as_large_and_the_observation():
    null = [0.1, 0.2, 0.3, 0.3]
    assert statistics.p_value(0.3, null) == 3 / 5
    assert statistics.p_value(0.31, null) == 1 / 5
    assert statistics.p_value(0.0, null) == 1


def test_a_window_of_last_places_knows_how_long_ago_a_character_was_and_a_sum_does_not(rng):
    codes = rng.integers(5, size=8020)
    ago = happenings._since(codes == 2)[20:]
    for k in (3, 12):
        wanted = ago.clip(max=k)[:, None]  # k: not within the window
        sums, places = (
            statistics.window(codes, wanted, k, 5, latest=latest)[0] for latest in (False, True)
        )
        second = wanted[4000:, 0]
        assert np.corrcoef(places, second)[0, 1] > 0.999
        assert np.corrcoef(sums, second)[0, 1] < 0.97
    before = ago[4000:] >= 3  # of a window of 3
    guess = statistics.window(codes, ago[:, None], 3, 5, latest=True)[0]
    assert abs(np.corrcoef(guess[before], ago[4000:][before])[0, 1]) < 0.1


def test_a_window_knows_the_last_k_characters_and_none_before(rng):
    codes = rng.integers(5, size=4010)
    values = np.stack([codes[10 - back : len(codes) - back] == 2 for back in range(4)], axis=1)
    for k in (1, 3):
        guesses = statistics.window(codes, values.astype(np.int64), k, 5)
        assert guesses.shape == (4, 2000)
        fits = [np.corrcoef(g, v[2000:])[0, 1] for g, v in zip(guesses, values.T, strict=True)]
        assert min(fits[:k]) > 0.999
        assert max(np.abs(fits[k:])) < 0.1


def test_a_window_is_fitted_on_the_first_half_alone(rng):
    codes = rng.integers(5, size=4010)
    values = (codes[10:] == 2).astype(np.int64)
    values[2000:] = 1 - values[2000:]
    guess = statistics.window(codes, values[:, None], 1, 5)[0]
    assert np.corrcoef(guess, values[2000:])[0, 1] < -0.999


def test_the_area_is_the_share_of_pairs_that_are_in_order(rng):
    series, marks = rng.standard_normal(30), rng.random(30) < 0.3
    pairs = [a > b for a in series[marks] for b in series[~marks]]
    assert statistics.auc(series, marks) == pytest.approx(np.mean(pairs))
    assert statistics.auc(np.arange(5.0), np.array([0, 0, 0, 1, 1], bool)) == 1
    assert statistics.auc(-np.arange(5.0), np.array([0, 0, 0, 1, 1], bool)) == 0


def test_what_is_shown_begins_with_the_first_speaker():
    half = "of a speech\nthat goes on\n\nED:\n" + "words\n\n" * 60
    shown = half[language_units._shown_part(half)]
    assert shown.startswith("ED:\nwords")
    assert len(shown) == 300


def test_numbers_are_rounded_to_plain_floats():
    assert language_units._rounded(np.float32(0.1)) == 0.1
    assert language_units._rounded(np.array([0.12345, 2.0]), 2) == [0.12, 2.0]


# The search, on states that are made up.


def test_a_unit_is_found_with_its_name_and_its_sign(monkeypatch, rng):
    case = language_units.cases(REDUCED, [])[0]
    whole, first = language_units._passage(case)
    happens = happenings.events(whole)
    names = [(layer, field, unit) for layer in range(2) for field in "hc" for unit in range(2)]
    states = rng.standard_normal((8, 2 * case["half"]))
    states[5] = -happens["line"][first:] + 0.1 * states[5]
    states[6] = 0.1 * states[6] - happens["name"][first:]
    states[7] = happens["word"][first:] * np.repeat([1, -1], case["half"])  # turns round
    monkeypatch.setattr(language_units, "_read", lambda *_, **__: (names, states))
    found = language_units.score(case)
    line = [found[f"line {name}"] for name in ("layer", "field", "unit", "maximum", "held_out")]
    assert line[:3] == [1, "h", 1]
    assert line[3:] == pytest.approx([1, 1], abs=0.01)
    assert [found[f"name {name}"] for name in ("layer", "field", "unit")] == [1, "c", 0]
    assert found["name auc"] == pytest.approx(1, abs=0.01)
    assert found["word maximum"] == 1
    assert found["word held_out"] == -1
    assert found["line p maximum"] == found["line p held_out"] == pytest.approx(1 / 514, abs=1e-6)
    assert found["word p maximum"] == pytest.approx(1 / 514, abs=1e-6)
    assert found["word p held_out"] == 1
    speaker = whole.index("\n\n", first + case["half"]) + 2
    part = slice(speaker, speaker + 300)
    assert found["text"] == whole[part]
    assert found["line values"] == happens["line"][part].tolist()
    assert found["line states"] == states[5, speaker - first :][:300].round(3).tolist()


# The reduced run.


def test_the_shipped_network_follows_the_line_above_its_nulls(runs):
    trained, *others = (run.score for run in runs)
    assert len(others) == 2
    for name in ("maximum", "held_out"):
        assert trained[f"line {name}"] > 0.6
        assert trained[f"line {name}"] > max(score[f"line {name}"] for score in others)
        assert trained[f"line {name}"] > trained[f"line null {name}"][-1]
        assert trained[f"line p {name}"] == pytest.approx(1 / 514, abs=1e-6)


def test_the_scores_are_shares_and_correlations(runs):
    for run in runs:
        for event in happenings.EVENTS:
            assert 0 < run.score[f"{event} maximum"] <= 1
            assert -1 <= run.score[f"{event} held_out"] <= 1
            assert (f"{event} auc" in run.score) == (event in happenings.BINARY)
    trained = runs[0].score
    for event in happenings.EVENTS:
        assert len(trained[f"{event} states"]) == len(trained[f"{event} values"]) == 300
        assert len(trained[f"{event} window"]) == len(trained[f"{event} latest"]) == 2
        for name in ("window auc", "latest auc"):
            assert (f"{event} {name}" in trained) == (event in happenings.BINARY)
        assert sorted(trained[f"{event} null maximum"]) == trained[f"{event} null maximum"]
        assert len(trained[f"{event} null held_out"]) == 4
    assert len(trained["text"]) == 300
    assert not any(" null " in name or name == "text" for name in runs[1].score)


# The stored result.


def test_a_window_of_twenty_that_is_not_linear_does_better_than_the_unit_of_the_line():
    """So the unit is no proof of a longer memory."""
    result = experiments.load("language_units")
    assert result.settings["windows"] == [1, 8, 16, 20, 32]
    unit, latest, linear = (
        result.scores(f"line {name}", network="trained")[0]
        for name in ("held_out", "latest", "window")
    )
    assert linear[3] < unit < latest[3]
    assert latest[2] < unit


@pytest.mark.parametrize("event", ["line", "sentence", "name"])
def test_the_stored_network_has_a_unit_that_no_untrained_one_and_no_shift_has(event):
    result = experiments.load("language_units")
    for name in ("maximum", "held_out"):
        found = result.scores(f"{event} {name}", network="trained")[0]
        assert found > result.scores(f"{event} {name}", network="untrained").max()
        assert found > result.scores(f"{event} null {name}", network="trained")[0, -1]
