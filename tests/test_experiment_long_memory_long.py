"""Chapter 16's tasks over the longer wait, in a smaller version."""

import math

import pytest

from bptt import experiments
from bptt.experiments import long_memory, long_memory_long, runner

pytestmark = pytest.mark.experiments


def test_the_reduced_run_trains_each_arm_over_the_longer_wait():
    runs = runner.run(long_memory_long, long_memory_long.REDUCED)
    assert [run.case["arm"] for run in runs] == list(long_memory_long.ARMS)
    for run in runs:
        assert (run.case["task"], run.case["T"], run.case["steps"]) == ("adding", 200, 20)
        assert math.isfinite(run.score["loss"])


def test_the_settings_are_those_of_long_memory_but_for_the_wait_and_a_rate():
    longer, long = (experiments.load(name).settings for name in ("long_memory_long", "long_memory"))
    assert [row[:2] for row in longer["rows"]] == [["copying", 200], ["adding", 200]]
    assert longer["rates"] == long["rates"][:-1]
    assert {**longer, "rows": 0, "rates": 0} == {**long, "rows": 0, "rates": 0}
    assert long_memory_long.FULL.rows != long_memory.FULL.rows
