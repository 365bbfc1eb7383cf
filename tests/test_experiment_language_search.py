"""The search for what the long run drops, in a smaller version without a corpus."""

import numpy as np
import pytest

from bptt import lstm, text
from bptt.experiments import corpora, language_search, runner
from bptt.lm import score
from bptt.lm.dropout import Rates
from bptt.lm.settings import Settings
from bptt.lm.update import advance, start

pytestmark = pytest.mark.experiments

FULL, REDUCED = language_search.FULL, language_search.REDUCED


@pytest.fixture(scope="module")
def runs():
    return runner.run(language_search, REDUCED)


@pytest.mark.parametrize("settings", [FULL, REDUCED])
def test_the_arms_differ_in_what_is_dropped_and_in_where_they_stop_alone(settings):
    cases = language_search.cases(settings, [])
    arms = [(tuple(case["rates"].values()), case["until"]) for case in cases]
    assert arms == list(settings.arms)
    assert len({str({**case, "rates": None, "until": None}) for case in cases}) == 1
    assert max(until for _, until in arms) <= settings.steps


def test_an_arm_is_a_training_of_the_library_on_nine_tenths_of_the_training_part(runs):
    case = runs[1].case
    vocabulary = text.Vocabulary.of(corpora.lines())
    part = text.split(corpora.lines())[0]
    codes, held_out = map(vocabulary.encode, text.split(part))
    settings = Settings(
        embedding=8, widths=(9, 7), batch=6, chunk=20, fresh=0.02, steps=30, warmup=5, decay=20,
        average=0.9995, rates=Rates(inputs=0.1, between=0.4, outputs=0.4, recurrent=0.3),
    )  # fmt: skip
    run, losses = start(settings, len(vocabulary)), []
    for _ in range(case["until"]):
        run, nats = advance(settings, codes, run)
        losses.append(nats)
    last = runs[1].score["curve"][-1]
    assert last[0] == case["until"]
    assert last[1] == pytest.approx(np.mean(losses[-case["every"] :]), abs=6e-5)
    assert last[2] == pytest.approx(score.windows(lstm, run.mean, held_out), abs=6e-6)
    assert last[3] == pytest.approx(score.carried(lstm, run.mean, held_out), abs=6e-6)


def test_the_beginning_is_the_first_point(runs):
    case = language_search.beginning(runs[0].case)
    assert language_search.score(case)["curve"] == runs[0].score["curve"][:1]


def test_what_is_dropped_changes_the_run(runs):
    assert runs[0].score["curve"] != runs[1].score["curve"]
