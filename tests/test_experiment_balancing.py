from typing import Annotated, NamedTuple

import numpy as np
import pytest

from bptt import online, unroll
from bptt.experiments import balancing, runner
from bptt.shapes import Array

pytestmark = pytest.mark.experiments


class Chain:
    """The chain as a cell, with its weight at no door."""

    class Params(NamedTuple):
        theta: Array

    class State(NamedTuple):
        h: Annotated[Array, "B H"]

    class Step(NamedTuple):
        x: Array

    def __init__(self, units, added):
        self.J, self.F = balancing.chain(units, added)

    def zero_state(self, params, batch):
        return self.State(np.zeros((batch, len(self.F)), params.theta.dtype))

    def step(self, params, x, state):
        return self.State(state.h @ self.J + params.theta * self.F), self.Step(x)

    def step_backward(self, params, saved, dstate):  # noqa: ARG002  # linear
        dtheta = np.array([(dstate.h @ self.F).sum()])
        return self.Params(dtheta), np.zeros_like(saved.x), self.State(dstate.h @ self.J.T)


def test_the_reduced_run_goes_the_right_way_and_the_short_window_runs_away():
    for run in runner.run(balancing, balancing.REDUCED):
        last = run.score["theta"][-1]
        if run.case["arm"] == "3":
            assert last > run.score["start"]
            assert run.score["loss"] > run.score["null"]
        else:
            assert abs(last - run.score["best"]) < 0.1 * abs(run.score["start"])
            assert run.score["loss"] < run.score["null"]


@pytest.mark.parametrize("arm", ["rtrl", "1", "4", "uoro"])
def test_the_gradients_are_those_of_the_library(arm):
    cell, T = Chain(5, 2), 8
    params, xs = cell.Params(np.array([0.3])), np.zeros((T, 1, 1))
    state = cell.State(np.ones((1, 5)))
    dhs = np.random.default_rng(0).normal(size=(T, 1, 5))
    gradient = balancing.gradients(arm, cell.J, cell.F, rng=np.random.default_rng(1))
    got = sum(gradient(dh[0]) for dh in dhs)
    if arm == "rtrl":
        want = online.rtrl(cell, params, xs, dhs, state)
        _, _, tape = unroll.forward(cell, params, xs, state)
        by_bptt = unroll.backward(cell, params, tape, dhs)[0]
        assert want.theta[0] == pytest.approx(by_bptt.theta[0], rel=1e-12)
    elif arm == "uoro":
        want = online.uoro(cell, params, xs, dhs, state, rng=np.random.default_rng(1))
    else:
        want = online.truncated(cell, params, xs, dhs, int(arm), state)
    assert got == pytest.approx(want.theta[0], rel=1e-10)


def test_in_the_end_the_weight_presses_the_first_unit_down():
    J, F = balancing.chain(23, 10)
    influences, G = [], np.zeros(23)
    for _ in range(400):
        G = G @ J + F
        influences.append(G[0])
    assert influences[0] == 1
    assert influences[29] > 0 > influences[99]
    assert influences[-1] == pytest.approx(-6)


def test_a_rate_is_chosen_for_every_arm_on_other_seeds():
    cases = balancing.cases(balancing.FULL, [])
    assert len(cases) == 6 * 5 * 3
    assert {case["seed"] for case in cases} == {100, 101, 102}
