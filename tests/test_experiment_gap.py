"""The gap between training and validation: how it is measured, and that it stays."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pytest

from bptt import experiments, lstm
from bptt.experiments import gap, runner
from bptt.lm.dropout import Rates
from bptt.lm.network import forward, init
from bptt.losses import cross_entropy
from bptt.text import FILE, VARIABLE

pytestmark = pytest.mark.experiments

SMALL = {
    "arm": "all masks",
    "seed": 1,
    "steps": 6,
    "points": 3,
    "characters": 400,
    "scored": 60,
    "embedding": 3,
    "widths": [5, 4],
    "batch": 2,
    "chunk": 7,
    "lr": 0.1,
}


@pytest.fixture
def made_up(monkeypatch):
    """A corpus that needs no file: letters, each of which depends on the one before."""
    rng = np.random.default_rng(0)
    codes = np.cumsum(rng.integers(1, 3, size=1000)) % 9
    text = "".join("abcdefghi"[code] for code in codes)
    monkeypatch.setattr(gap, "tiny_shakespeare", lambda: text)
    return text


@pytest.mark.skipif(
    not Path(os.environ.get(VARIABLE, ""), FILE).is_file() or not os.environ.get(VARIABLE),
    reason=f"{VARIABLE} must name a folder that holds {FILE}",
)
def test_the_reduced_run_shows_the_order_of_the_stored_result():
    runs = runner.run(gap, gap.REDUCED)
    score = {(run.case["arm"], run.case["seed"]): run.score for run in runs}
    for seed in gap.REDUCED.seeds:
        plain, masked = (score[arm, seed] for arm in gap.REDUCED.arms)
        assert plain["train"][-1] < masked["train"][-1]
        assert plain["validation"][-1] > masked["validation"][-1]
    stored = experiments.load("gap")
    for seed in gap.FULL.seeds:
        plain, masked = (
            [stored.scores(part, arm=arm, seed=seed)[0, -1] for part in ("train", "validation")]
            for arm in gap.REDUCED.arms
        )
        assert plain[0] < masked[0]
        assert plain[1] - plain[0] > masked[1] - masked[0]


def test_every_arm_is_run_with_every_seed():
    cases = gap.cases(gap.FULL, [])
    assert [(case["arm"], case["seed"]) for case in cases] == [
        (arm, seed) for arm in gap.ARMS for seed in range(10)
    ]
    shared = dataclasses.asdict(gap.FULL) | {"widths": [128, 64]}
    for case in cases:
        assert {name: shared[name] for name in case.keys() - {"arm", "seed"}} == {
            name: case[name] for name in case.keys() - {"arm", "seed"}
        }
        assert case.keys() | {"arms", "seeds"} == shared.keys() | {"arm", "seed"}


def test_nothing_is_dropped_in_one_arm_and_weights_alone_in_another():
    assert gap.ARMS["nothing"] == Rates()
    assert gap.ARMS["weight drop"] == Rates(recurrent=0.5)
    assert min(vars(gap.ARMS["all masks"]).values()) > 0


@pytest.mark.usefixtures("made_up")
def test_a_score_has_a_value_for_each_point_from_before_training_to_its_end():
    score = gap.score(SMALL)
    assert score["steps"] == [0, 2, 4, 6]
    assert len(score["train"]) == len(score["validation"]) == 4
    assert score["train"][0] == pytest.approx(np.log(9), abs=0.3)
    longer = gap.score({**SMALL, "arm": "nothing", "steps": 200})
    assert longer["train"][-1] < 1.1 < score["null"]  # two equally likely letters: 0.69


@pytest.mark.usefixtures("made_up")
def test_the_same_case_gives_the_same_score_and_another_seed_another():
    assert gap.score(SMALL) == gap.score(SMALL)
    assert gap.score(SMALL) != gap.score({**SMALL, "seed": 2})


@pytest.mark.usefixtures("made_up")
def test_a_score_depends_on_every_setting_of_its_case():
    others = {"arm": "nothing", "seed": 2, "steps": 9, "points": 2, "characters": 300, "scored": 40}
    others |= {"embedding": 4, "widths": [6, 4], "batch": 3, "chunk": 8, "lr": 0.2}
    assert others.keys() == SMALL.keys()
    for name, value in others.items():
        assert gap.score(SMALL) != gap.score({**SMALL, name: value})


def test_training_reads_the_start_and_validation_the_last_tenth(made_up, monkeypatch):
    """Whatever stands between them or after them changes nothing."""
    case = {**SMALL, "steps": 60}  # two epochs
    score = gap.score(case)

    def corpus(at):
        new = made_up[:at] + ("b" if made_up[at] == "a" else "a") + made_up[at + 1 :]
        monkeypatch.setattr(gap, "tiny_shakespeare", lambda: new)
        return gap.score(case)

    for at in (400, 899, 960, 999):
        assert corpus(at) == score
    assert corpus(399)["validation"] != score["validation"]
    for at in (900, 959):
        assert corpus(at)["train"] == score["train"]
        assert corpus(at)["validation"] != score["validation"]


def test_nothing_is_dropped_when_a_text_is_scored(made_up):
    """Before training all arms are one network and have one score."""
    assert made_up
    first = [gap.score({**SMALL, "arm": arm})["validation"][0] for arm in gap.ARMS]
    assert first[0] == first[1] == first[2]


def test_a_text_is_scored_in_twenty_parts_each_from_a_state_of_zeros(rng):
    params = init(lstm, 7, 3, (4,), rng=rng, dtype=np.float64)
    codes = rng.integers(7, size=20 * 6 + 19)
    one_by_one = []
    for part in codes[:120].reshape(20, 6):
        logits, _, _ = forward(lstm, params, part[:-1, None])
        one_by_one.append(cross_entropy(logits, part[1:, None])[0])
    assert gap._nats(params, codes) == pytest.approx(np.mean(one_by_one), rel=1e-12)


def test_the_null_is_the_frequency_of_each_character_counted_once_more():
    seen, codes = np.array([0, 0, 0, 1]), np.array([0, 2])
    assert gap._unigram(seen, codes, 3) == pytest.approx(-np.log([4 / 7, 1 / 7]).mean())
