import dataclasses
import json
import re

import numpy as np
import pytest
from helpers import assert_equal

from bptt import checkpoint, tree
from bptt.cells import CELLS
from bptt.checkpoint import CheckpointError
from bptt.lm import run_file, score, training, update
from bptt.lm.dropout import Rates
from bptt.lm.settings import Settings
from bptt.optim import NonFiniteGradient
from bptt.shapes import ShapeError

K = 6
SETTINGS = Settings(
    embedding=3, widths=(5, 4), batch=2, chunk=7, steps=11, lr=0.01, warmup=2, decay=6
)
DROPS = Rates(rows=0.1, inputs=0.2, between=0.3, outputs=0.4, recurrent=0.25)


@pytest.fixture
def texts(rng):
    return rng.integers(K, size=64), rng.integers(K, size=300)  # an epoch of four chunks


def ignore(_):
    pass


def train(texts, settings=SETTINGS, begun=None, *, every=4, save=ignore, watch=ignore):
    return training.train(settings, *texts, K, begun, every=every, save=save, watch=watch)


def losses_of(training):
    """Return all but the seconds."""
    return [point._replace(seconds=0) for point in training.curve], training.losses


def assert_same_training(one, other):
    assert_equal(*(tree.map(np.asarray, training.run) for training in (one, other)))
    assert losses_of(one) == losses_of(other)


def test_the_curve_has_a_point_at_each_multiple_and_at_the_end(texts):
    saved, watched = [], []
    ended = train(texts, save=saved.append, watch=watched.append)
    assert [point.step for point in ended.curve] == [4, 8, 11]
    assert [now.run.step for now in saved] == [4, 8, 11]
    assert [now.run.step for now in watched] == list(range(1, 12))
    assert saved[-1] is watched[-1] is ended
    assert [len(now.losses) for now in watched] == [1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 0]
    assert watched[2].losses[:2] == watched[1].losses  # the newest is the last


def test_a_point_holds_the_mean_of_its_chunks_and_the_score_of_the_held_out_text(texts):
    watched = []
    ended = train(texts, watch=watched.append)
    every = train(texts, every=1)
    losses = [point.train for point in every.curve]
    means = [np.mean(losses[:4]), np.mean(losses[4:8]), np.mean(losses[8:])]
    assert [point.train for point in ended.curve] == pytest.approx(means, rel=1e-12)
    scores = [
        score.windows(CELLS["lstm"], watched[step - 1].run.params, texts[1]) for step in (4, 8, 11)
    ]
    assert [point.held_out for point in ended.curve] == scores
    seconds = [point.seconds for point in ended.curve]
    assert sorted(seconds) == seconds
    assert ended.seconds == seconds[-1]


def test_the_curve_scores_the_mean_of_the_weights(texts):
    saved = []
    settings = dataclasses.replace(SETTINGS, average=0.8)
    ended = train(texts, settings, save=saved.append)
    run = ended.run
    assert ended.curve[-1].held_out == score.windows(CELLS["lstm"], run.mean, texts[1])
    assert ended.curve[-1].held_out != score.windows(CELLS["lstm"], run.params, texts[1])
    assert [p.train for p in ended.curve] == [p.train for p in train(texts).curve]


# The losses of twenty steps before there were engines, from an x86 processor with AVX-512.
BEFORE = (
    "0x1.33986e0000000p+1 0x1.35527e0000000p+1 0x1.380f320000000p+1 0x1.3144dc0000000p+1 "
    "0x1.3717ec0000000p+1 0x1.3217800000000p+1 0x1.33493c0000000p+1 0x1.2c50c40000000p+1 "
    "0x1.3018fa0000000p+1 0x1.298af80000000p+1 0x1.2cfe860000000p+1 0x1.2631860000000p+1 "
    "0x1.275a120000000p+1 0x1.2453d60000000p+1 0x1.21ce440000000p+1 0x1.18ed220000000p+1 "
    "0x1.1752e20000000p+1 0x1.17c06a0000000p+1 0x1.16c92a0000000p+1"
)


def test_the_steps_are_those_from_before_there_were_engines():
    settings = Settings(
        embedding=7, widths=(13, 9), batch=5, chunk=12, steps=20, lr=0.05, warmup=4, decay=10,
        clip=0.15, rates=DROPS, alpha=0.5, beta=0.25, seed=3,
    )  # fmt: skip
    codes = np.cumsum(np.random.default_rng(3).integers(1, 3, size=5 * 12 * 6 + 2)) % 11
    watched = []
    ignored = {"save": ignore, "every": 20}
    training.train(settings, codes, codes[:300], 11, watch=watched.append, **ignored)
    want = [float.fromhex(word) for word in BEFORE.split()]
    # Another processor adds in another order: there the last bits may differ.
    assert watched[-2].losses == pytest.approx(want, rel=1e-5)
    run, losses = update.start(settings, 11), []
    for _ in range(20):
        run, nats = update.advance(settings, codes, run)
        losses.append(nats)
    assert watched[-2].losses == tuple(losses[:-1])  # here to the bit
    assert_equal(tree.map(np.asarray, run), tree.map(np.asarray, watched[-1].run))


def test_a_last_step_on_a_multiple_has_one_point(texts):
    ended = train(texts, dataclasses.replace(SETTINGS, steps=8))
    assert [point.step for point in ended.curve] == [4, 8]


def test_a_training_that_has_ended_does_nothing_more(texts):
    ended = train(texts)
    assert train(texts, begun=ended, save=pytest.fail, watch=pytest.fail) is ended


@pytest.mark.parametrize("tied", [False, True])
def test_a_training_that_is_cut_anywhere_goes_on_to_the_same_bits(cell, tied, texts, tmp_path):
    settings = dataclasses.replace(
        SETTINGS,
        cell=cell.__name__.removeprefix("bptt."),
        tied=tied,
        widths=(5, 3),
        rates=DROPS,
        alpha=0.5,
        beta=0.25,
        average=0.9,
    )
    cuts = [training.begin(settings, K)]
    whole = train(texts, settings, watch=cuts.append)
    assert len(cuts) == 12
    path = tmp_path / "training.safetensors"
    for cut in cuts:
        run_file.write(path, settings, {"characters": K}, cut)
        again, about, begun = run_file.read(path)
        assert (again, about) == (settings, {"characters": K})
        assert_same_training(begun, cut)
        assert begun.seconds == cut.seconds
        assert_same_training(train(texts, settings, begun), whole)


def test_wide_layers_go_on_to_the_same_bits_too(rng, tmp_path):  # BLAS has another path for them
    settings = dataclasses.replace(
        SETTINGS, embedding=32, widths=(96, 64), batch=16, chunk=16, steps=6, rates=DROPS
    )
    texts = rng.integers(K, size=1200), rng.integers(K, size=300)
    cuts = []
    whole = train(texts, settings, watch=cuts.append)
    path = tmp_path / "training.safetensors"
    for cut in cuts[:-1]:
        run_file.write(path, settings, {"characters": K}, cut)
        assert_same_training(train(texts, settings, run_file.read(path)[2]), whole)


def test_a_file_from_before_there_was_an_average_is_read_and_goes_on(texts, saved):
    rewrite(saved, settings={"average": ...})
    assert "average" not in json.loads(checkpoint.read(saved)[1]["notes"])["settings"]
    settings, _, begun = run_file.read(saved)
    assert settings == SETTINGS
    assert_same_training(train(texts, begun=begun), train(texts))


def test_a_file_without_the_mean_that_its_settings_ask_for_is_refused(saved):
    rewrite(saved, settings={"average": 0.5})
    assert_refused(saved, "mean.E is missing$")


def test_other_notes_are_kept(texts, tmp_path):
    path = tmp_path / "training.safetensors"
    notes = {"characters": K, "text": "é", "every": 3, "more": [1, {"a": None}]}
    run_file.write(path, SETTINGS, notes, train(texts))
    assert run_file.read(path)[1] == notes


def test_the_file_holds_both_counters_as_rows_of_one(texts, tmp_path):  # of files that are there
    path = tmp_path / "training.safetensors"
    run_file.write(path, SETTINGS, {"characters": K}, train(texts))
    arrays, said = checkpoint.read(path)
    assert arrays["step"].tolist() == arrays["moments.t"].tolist() == [11]
    assert said["kind"] == "a training run of bptt.lm, version 1"


def test_a_gradient_that_is_not_finite_stops_the_training_and_its_step_is_noted(texts):
    settings = dataclasses.replace(SETTINGS, lr=3e38, warmup=0)
    watched = []
    with np.errstate(all="ignore"), pytest.raises(NonFiniteGradient, match="norm") as stopped:
        train(texts, settings, every=11, watch=watched.append)
    step = len(watched) + 1
    assert stopped.value.__notes__ == [f"lm.train: this was step {step} of 11"]


def test_a_point_that_is_not_finite_stops_the_training_and_is_not_saved(texts):
    settings = dataclasses.replace(SETTINGS, lr=3e38, warmup=0)
    with np.errstate(all="ignore"), pytest.raises(NonFiniteGradient) as stopped:
        train(texts, settings, every=1, save=pytest.fail, watch=pytest.fail)
    assert re.match(
        r"lm\.train: at step 1 of 11 the loss is 1\.\d+ and the score nan, so ", str(stopped.value)
    )


def test_what_cannot_be_trained_is_refused(texts):
    with pytest.raises(ValueError, match=r"^lm\.train: every must be at least 1, got 0$"):
        train(texts, every=0)
    with pytest.raises(ValueError, match=r"^lm\.training: the text has 13 characters, too few"):
        train((texts[0][:13], texts[1]))
    with pytest.raises(ShapeError, match="257 or more"):
        train((texts[0], texts[1][:256]))


# Broken files


@pytest.fixture
def saved(texts, tmp_path):
    path = tmp_path / "training.safetensors"
    run_file.write(path, SETTINGS, {"characters": K}, train(texts))
    return path


def assert_refused(path, message):
    with pytest.raises(CheckpointError, match=message) as refused:
        run_file.read(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)


def rewrite(path, *, arrays=None, notes=None, settings=None, **said):
    """Change a file and keep it whole: None takes a part away."""
    old, about = checkpoint.read(path)
    new = {**old, **(arrays or {})}
    plain = {**json.loads(about["notes"]), **(notes or {})}
    if settings is not None:
        asked = {**plain["settings"], **settings}
        plain["settings"] = {name: value for name, value in asked.items() if value is not ...}
    kept = {name: value for name, value in plain.items() if value is not ...}
    about = {**about, "notes": json.dumps(kept), **said}
    checkpoint.write(
        path,
        {name: array for name, array in new.items() if array is not ...},
        {name: value for name, value in about.items() if value is not ...},
    )


def test_a_rewritten_file_is_read(saved):
    before = run_file.read(saved)
    rewrite(saved)
    assert run_file.read(saved)[:2] == before[:2]


@pytest.mark.parametrize("kind", [..., "another", ""])
def test_a_file_of_another_kind_is_refused(saved, kind):
    rewrite(saved, kind=kind)
    assert_refused(saved, "holds no training run of this program$")


@pytest.mark.parametrize(
    "notes",
    [..., "", "{", "[]", "3", "null", '"a"', "[" * 100_000, '{"settings": ' * 50_000, "1" * 5000],
    ids=lambda notes: str(notes)[:8],
)
def test_notes_that_are_not_as_written_are_refused(saved, notes):
    old, about = checkpoint.read(saved)
    about = {**about, "notes": notes}
    checkpoint.write(saved, old, {name: text for name, text in about.items() if text is not ...})
    assert_refused(saved, "has broken notes: ")


@pytest.mark.parametrize(
    "notes",
    [
        {"settings": ...},
        {"settings": []},
        {"settings": {}},
        {"characters": ...},
        {"characters": 0},
        {"characters": True},
        {"characters": "6"},
        {"curve": ...},
        {"curve": 3},
        {"curve": [3]},
        {"curve": [[1, 2, 3]]},
        {"curve": [[1.5, 2, 3, 4]]},
        {"curve": [[1, 2, 3, "4"]]},
        {"curve": [[1, 2, 3, float("nan")]]},
        {"losses": ...},
        {"losses": "ab"},
        {"losses": [None]},
        {"losses": [10**400]},
        {"seconds": ...},
        {"seconds": [1]},
        {"seconds": float("inf")},
    ],
    ids=repr,
)
def test_notes_of_another_type_are_refused(saved, notes):
    rewrite(saved, notes=notes)
    assert_refused(saved, "has broken notes: ")


@pytest.mark.parametrize(
    "settings",
    [
        {"cell": "cnn"},
        {"cell": ["lstm"]},
        {"widths": "55"},
        {"widths": None},
        {"widths": [5, -4]},
        {"steps": 11.0},
        {"steps": 10**400},
        {"lr": "0.01"},
        {"lr": 10**400},
        {"clip": None},
        {"beta2": 1},
        {"rates": {"rows": "a"}},
        {"rates": {"rows": 1}},
        {"rates": []},
        {"momentum": 0.9},
    ],
    ids=repr,
)
def test_settings_out_of_their_ranges_are_refused(saved, settings):
    rewrite(saved, settings=settings)
    assert_refused(saved, "has broken notes: ")


@pytest.mark.parametrize(
    ("notes", "settings"),
    [
        ({"characters": 10**12}, {}),
        ({}, {"embedding": 10**12}),
        ({}, {"widths": [10**9, 4]}),
        ({}, {"widths": [1] * 100_000}),
        ({}, {"batch": 10**15}),
    ],
)
def test_a_file_that_claims_a_huge_network_is_refused_before_memory_is_taken(
    saved, notes, settings
):
    rewrite(saved, notes=notes, settings=settings)
    assert_refused(saved, r"must be \(.*\d{5,}|is missing$|array is too big")


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"params.E": ...}, "params.E is missing"),
        ({"params.F": np.ones(1)}, "'params.F' does not belong to this network"),
        ({"params.E": np.ones((3, K), np.float32)}, "params.E must be (6, 3) of float32, got (3"),
        ({"params.b_y": np.ones(K)}, "params.b_y must be (6,) of float32, got (6,) of float64"),
        ({"params.b_y": np.full(K, np.nan, np.float32)}, "params.b_y holds NaN or infinity"),
        ({"states.1.h": np.zeros((3, 4), np.float32)}, "states.1.h must be (2, 4) of float32"),
        ({"step": np.array(11)}, "step must be (1,) of int64, got () of int64"),
        ({"step": np.array([12]), "moments.t": np.array([12])}, "step 12 of 11, and 12 of Adam's"),
        ({"step": np.array([-1]), "moments.t": np.array([-1])}, "step -1 of 11, and -1 of Adam's"),
        ({"moments.t": np.array([10])}, "step 11 of 11, and 10 of Adam's"),
    ],
)
def test_arrays_that_do_not_belong_to_the_run_are_refused(saved, arrays, message):
    rewrite(saved, arrays=arrays)
    assert_refused(saved, re.escape(f"lm.run_file: {saved}: {message}"))


@pytest.mark.parametrize("settings", [{"widths": [4, 5]}, {"cell": "gru"}, {"embedding": 2}])
def test_settings_of_another_network_are_refused(saved, settings):
    rewrite(saved, settings=settings)
    assert_refused(saved, "must be|does not belong|is missing")


def test_a_model_is_no_training(saved):
    checkpoint.write(saved, {"E": np.ones(2)}, {"format": "np"})
    assert_refused(saved, "holds no training run of this program$")


def test_a_training_that_is_cut_off_is_refused(saved):
    whole = saved.read_bytes()
    for part in range(50):
        saved.write_bytes(whole[: len(whole) * part // 50])
        assert_refused(saved, "cannot be read")
