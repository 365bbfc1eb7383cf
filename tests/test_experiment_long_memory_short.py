import math

import pytest

from bptt import experiments
from bptt.experiments import long_memory, long_memory_short, runner

pytestmark = pytest.mark.experiments


def test_the_reduced_run_trains_both_starts_of_the_linear_cell():
    runs = runner.run(long_memory_short, long_memory_short.REDUCED)
    assert [run.case["arm"] for run in runs] == ["linear, orthogonal", "linear, identity"]
    for run in runs:
        assert (run.case["task"], run.case["T"], run.case["steps"]) == ("adding", 30, 60)
        assert math.isfinite(run.score["test"])


def test_the_settings_are_those_of_long_memory_but_for_the_wait():
    short, long = (experiments.load(name).settings for name in ("long_memory_short", "long_memory"))
    assert short["rows"] == [["adding", 30, ["linear, orthogonal", "linear, identity"]]]
    assert {**short, "rows": 0} == {**long, "rows": 0}
    assert long_memory_short.FULL.rows != long_memory.FULL.rows
