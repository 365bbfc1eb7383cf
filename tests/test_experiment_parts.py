import dataclasses

import numpy as np
import pytest

from bptt import ablation, experiments, gru, lstm, tasks, tree
from bptt.experiments import parts, runner
from bptt.records.results import Run

pytestmark = pytest.mark.experiments

SMALL = parts.Settings(
    arms=("full", "no forget gate", "gru"),
    sizes=(("latch", 3, 25, 4), ("letters", 5, 22, 6)),
    rates=(0.1, 0.2),
    tuning_seeds=(7, 8),
    seeds=(1, 2),
    batch=6,
    test=20,
)


@pytest.fixture(scope="module")
def reduced():
    return runner.run(parts, parts.REDUCED)


def test_the_reduced_run_shows_the_order_of_the_stored_result(reduced):
    learnt = {
        (run.case["arm"], run.case["seed"]): parts.solved("adding", run.score) for run in reduced
    }
    for seed in parts.REDUCED.seeds:
        assert learnt["full", seed]
        assert not learnt["full, i = 1/2", seed]
    stored = experiments.load("parts")
    errors = {
        arm: [
            stored.scores("test", task="adding", arm=arm, seed=seed)[0] for seed in parts.FULL.seeds
        ]
        for arm in parts.REDUCED.arms
    }
    assert max(errors["full"]) < min(errors["full, i = 1/2"])


def test_a_score_has_the_numbers_that_the_record_needs(reduced):
    for run in reduced:
        assert set(run.score) == {"weights", "loss", "losses", "test", "right", "state"}
        assert run.score["right"] * parts.REDUCED.test % 1 == pytest.approx(0, abs=1e-9)
        assert len(run.score["losses"]) == 20
        assert run.score["state"] > 0


def test_every_arm_has_about_the_weights_of_the_full_lstm():
    for task, _, _, units in parts.FULL.sizes:
        counts = {}
        for arm in parts.ARMS:
            H = parts.width(task, arm, units)
            params = parts.initial(task, arm, 9, H, seed=0)
            counts[arm] = sum(array.size for _, array in tree.leaves(params))
            more = len(params.layers[0].b) // H < 4
            assert (units < H) == more
        assert max(counts.values()) / min(counts.values()) < 1.05


@pytest.mark.parametrize("arm", parts.ARMS)
def test_the_gate_that_keeps_starts_with_the_half_life_of_the_length(arm):
    T, H = 7, 5
    (layer,) = parts.initial("latch", arm, T, H, seed=0).layers
    bias = -np.log(2 ** (1 / T) - 1)
    names = getattr(parts.ARMS[arm].cell, "blocks", "rzn" if arm == "gru" else "ifgo")
    for name, b in zip(names, np.split(layer.b, len(names)), strict=True):
        wanted = {"f": bias, "z": bias, "i": -bias}.get(name, 0)
        if arm == "full, i = 1/2" and name == "i":
            wanted = 0
        assert np.allclose(b, wanted)
    assert (1 / (1 + np.exp(-bias))) ** T == pytest.approx(1 / 2)


def test_the_arms_are_the_full_lstm_its_other_start_six_parts_another_start_and_the_gru():
    cells = [arm.cell for arm in parts.ARMS.values()]
    assert cells[:2] == [lstm, lstm]
    assert [cell.part for cell in cells[2:-2]] == list(ablation.PARTS)
    assert cells[-2].part == "input gate"
    assert cells[-1] is gru


def test_a_small_candidate_starts_as_small_as_the_closed_gate_would_make_it():
    T, H = 7, 5
    (usual,) = parts.initial("adding", "no input gate", T, H, seed=0).layers
    (small,) = parts.initial("adding", "no input gate, small g", T, H, seed=0).layers
    (full,) = parts.initial("adding", "full", T, H, seed=0).layers
    i = 1 / (1 + np.exp(-full.b[:H]))  # a column for each unit
    for name in ("W_x", "W_h"):
        f, g, o = np.split(getattr(usual, name), 3, axis=1)
        np.testing.assert_allclose(getattr(small, name), np.hstack([f, i * g, o]), rtol=1e-12)
    assert np.array_equal(small.b, usual.b)


@pytest.mark.parametrize("task", parts.TASKS)
def test_inputs_and_targets_have_the_widths_of_the_task(task):
    of, test, I, K, _ = parts.TASKS[task]
    for source in (of(6), test(6)):
        batch = source.draw(4, rng=np.random.default_rng(0))
        assert batch.xs.shape == (6, 4, I)
        assert batch.targets.shape[1] == 4
        assert K == 1 or batch.targets.max() < K


def test_letters_are_followed_by_the_next_letter_and_the_test_reads_another_part():
    seen, K = parts.encoded(unseen=False)
    unseen, _ = parts.encoded(unseen=True)
    assert len(unseen) == pytest.approx(len(seen) / 9, abs=2)
    batch = parts.Letters(8).draw(3, rng=np.random.default_rng(0))
    assert batch.xs.shape == (8, 3, K)
    assert (batch.xs[1:].argmax(axis=-1) == batch.targets[:-1]).all()
    text = "".join(map(chr, unseen))
    (window, *_) = parts.Letters(8, unseen=True).draw(1, rng=np.random.default_rng(0)).targets.T
    assert "".join(map(chr, window)) in text


def test_solved_asks_for_nearly_all_answers_or_a_tenth_of_the_null():
    assert parts.solved("latch", {"right": 0.996})
    assert not parts.solved("brackets", {"right": 0.995})
    assert parts.solved("adding", {"test": tasks.Adding.null_loss / 11})
    assert not parts.solved("adding", {"test": tasks.Adding.null_loss / 9})
    assert not parts.solved("letters", {"right": 1.0})


def test_the_same_case_gives_the_same_score_and_every_setting_counts():
    case = parts.cases(dataclasses.replace(SMALL, tuning_seeds=()), [])[0]
    score = parts.score(case)
    assert parts.score(case) == score
    others = {"task": "brackets", "arm": "no input gate", "T": 4, "steps": 26, "H": 5}
    others |= {"batch": 7, "test": 21, "max_norm": 0.01, "lr": 0.3, "seed": 3}
    for name, value in others.items():
        assert parts.score({**case, name: value}) != score


def test_the_rates_are_chosen_on_other_seeds_and_all_cases_are_plain():
    tuning = parts.cases(SMALL, [])
    assert len(tuning) == 2 * 3 * 2 * 2
    assert {case["seed"] for case in tuning} == {7, 8}
    runs = [Run(case, {"loss": -case["lr"]}, 0.0) for case in tuning]
    both = parts.cases(SMALL, runs)
    assert len(both) == len(tuning) + 2 * 3 * 2
    assert {case["lr"] for case in both[len(tuning) :]} == {0.2}
    assert all(isinstance(value, (int, float, str)) for case in both for value in case.values())
    assert not set(parts.FULL.seeds) & set(parts.FULL.tuning_seeds)
    assert len(parts.FULL.seeds) == 10
