"""The benchmark: its contestants compute the same, its arithmetic holds, its result is whole.

Nothing here asks how fast anything is: that is what `nox -s bench` measures.
"""

import dataclasses
import io
import itertools
import json
import os
import statistics
import subprocess
import sys
import time
from collections import Counter
from types import SimpleNamespace

import numpy as np
import pytest
from helpers import SEEDS, SIZES, assert_close, assert_equal, draw
from hypothesis import given

from bptt import fused, gru, lstm, rnn, tree, unroll
from bptt.bench import __main__ as command
from bptt.bench import (
    blas,
    clock,
    contestants,
    floor,
    machine,
    memory,
    parts,
    plain,
    record,
    tables,
)
from bptt.bench.clock import Ratio, Timing
from bptt.bench.contestants import Contestant, Outcome
from bptt.bench.floor import Speeds
from bptt.records import results
from bptt.records.digest import digest
from bptt.records.results import Result, Run, load

ONE_THREAD = dict.fromkeys(command.THREADS, "1")


# The plain loop.


@given(SIZES, SEEDS)
def test_the_plain_loop_computes_what_unroll_computes(cell, sizes, seed):
    (params, xs, _), douts = draw(cell, *sizes, seed=seed)
    weights = plain.split(cell, params)
    hs, caches = plain.forward(cell, weights, xs)
    grads, dxs = plain.backward(cell, weights, caches, douts.hs)
    want, _, tape = unroll.forward(cell, params, xs)
    want_dparams, want_dxs, _ = unroll.backward(cell, params, tape, douts.hs)
    assert_close(hs, want)
    assert_close(plain.join(cell, grads), want_dparams)
    assert_close(dxs, want_dxs)


def test_the_plain_loop_works_in_the_dtype_of_its_weights(cell):
    (params, xs, _), douts = draw(cell)
    narrow = tree.map(np.float32, params)
    weights = plain.split(cell, narrow)
    hs, caches = plain.forward(cell, weights, xs.astype(np.float32))
    grads, dxs = plain.backward(cell, weights, caches, douts.hs.astype(np.float32))
    arrays = [hs, dxs, *weights.values(), *grads.values(), *caches[0].values()]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}


def test_joining_what_was_split_gives_the_weights_back(cell):
    params = draw(cell)[0].params
    weights = plain.split(cell, params)
    assert_equal(plain.join(cell, weights), params)
    assert not any(np.shares_memory(a, b) for a in weights.values() for b in params)


def test_each_gate_of_the_plain_loop_has_a_matrix_of_its_own():
    I, H = 4, 2
    assert {name: W.shape for name, W in plain.split(lstm, draw(lstm)[0].params).items()} == {
        **{f"W_{gate}": (H + I, H) for gate in "ifgo"},
        **{f"b_{gate}": (H,) for gate in "ifgo"},
    }


# The contestants.

TINY = {"T": 5, "B": 3, "I": 4, "H": 2}
EVERYONE = ("torch", "unroll", "fused", "plain", "every 2", "torch without oneDNN")


@given(SIZES, SEEDS)
def test_all_contestants_compute_what_torch_computes(cell, sizes, seed):
    T, B, I, H = sizes
    name = cell.__name__.removeprefix("bptt.")
    problem = contestants.draw(name, "float64", T=T, B=B, I=I, H=H, seed=seed)
    # Biases that are zero, as `init` draws most of them, would hide a swap.
    rng = np.random.default_rng(seed)
    params = tree.map(lambda a: a + rng.normal(scale=0.1, size=a.shape), problem.params)
    entered = contestants.enter(EVERYONE, problem._replace(params=params))
    assert list(entered) == list(EVERYONE)
    found = contestants.errors(entered)
    assert list(found) == list(EVERYONE[1:])
    assert max(found.values()) < 1e-12


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_contestant_computes_in_the_dtype_of_the_problem_and_the_same_each_time(cell, dtype):
    name = cell.__name__.removeprefix("bptt.")
    problem = contestants.draw(name, dtype, **TINY)
    for contestant in contestants.enter(EVERYONE, problem).values():
        first = tree.map(np.copy, contestant.outcome())
        contestant.forward()
        contestant.both()
        again = contestant.outcome()  # gradients that were not zeroed would have grown
        assert_equal(again, first)
        assert {array.dtype.name for _, array in tree.leaves(again)} == {dtype}


def test_forward_returns_the_outputs_and_what_the_way_back_needs(cell):
    problem = contestants.draw(cell.__name__.removeprefix("bptt."), "float64", **TINY)
    entered = contestants.enter(EVERYONE, problem)
    wanted = entered["unroll"].outcome().hs
    for contestant in entered.values():
        hs, *rest = contestant.forward()
        assert_close(np.asarray(hs.detach() if hasattr(hs, "detach") else hs), wanted)
        assert rest
    hs, _ = entered["torch"].forward()
    assert hs.grad_fn is not None


def test_torch_has_both_biases_and_an_input_gradient_on_one_thread():
    import torch

    torch.set_num_threads(2)
    entered = contestants.enter(("torch",), contestants.draw("lstm", "float32", **TINY))
    assert torch.get_num_threads() == 1
    hs = entered["torch"].both()
    leaves, ahead = [], [hs.grad_fn]
    while ahead:
        node = ahead.pop()
        leaves += [node.variable] if hasattr(node, "variable") else []
        ahead += [parent for parent, _ in node.next_functions if parent is not None]
    shapes = Counter(tuple(leaf.shape) for leaf in {id(leaf): leaf for leaf in leaves}.values())
    assert shapes == {(5, 3, 4): 1, (8, 4): 1, (8, 2): 1, (8,): 2}


def torch_operators(run):
    """Name the operators of torch that run."""
    import torch

    with torch.autograd.profiler.profile() as profile:
        run()
    return {event.name for event in profile.function_events}


@pytest.mark.parametrize("name", ["torch", "torch without oneDNN"])
@pytest.mark.parametrize("way", ["forward", "both", "outcome"])
def test_onednn_is_switched_off_where_a_contestant_says_so_and_nowhere_else(name, way):
    from torch.backends import mkldnn

    problem = contestants.draw("lstm", "float32", **TINY)
    contestant = contestants.enter((name,), problem)[name]
    one_operator = "aten::mkldnn_rnn_layer" in torch_operators(getattr(contestant, way))
    assert one_operator is (name == "torch" and mkldnn.is_available())
    assert mkldnn.enabled


def test_onednn_is_on_again_after_an_error():
    from torch.backends import mkldnn

    def fail():
        assert not mkldnn.enabled
        raise OSError("no")

    with pytest.raises(OSError, match="no"):
        contestants._switched_off(fail)()
    assert mkldnn.enabled


def test_a_problem_is_drawn_from_its_seed():
    one, same, other = (contestants.draw("gru", "float32", **TINY, seed=s) for s in (3, 3, 4))
    assert one.cell is gru
    assert_equal(one[1:], same[1:])
    assert not np.array_equal(one.xs, other.xs)
    assert one.xs.shape == (5, 3, 4)
    assert one.dhs.shape == (5, 3, 2)


def test_recomputing_is_what_every_n_does(monkeypatch):
    seen = []
    forward = fused.forward

    def spy(*arguments, recompute_every=None):
        seen.append(recompute_every)
        return forward(*arguments, recompute_every=recompute_every)

    monkeypatch.setattr(fused, "forward", spy)
    problem = contestants.draw("rnn", "float64", **TINY)
    for contestant in contestants.enter(("fused", "every 3"), problem).values():
        contestant.forward()
        contestant.both()
    assert seen == [None, None, 3, 3]


def test_errors_are_relative_to_the_first_contestant_and_the_largest_counts():
    def contestant(*numbers):
        arrays = [np.array([1.0, number]) for number in numbers]
        outcome = Outcome(arrays[0], rnn.Params(*arrays[1:4]), arrays[4])
        return Contestant(None, None, lambda: outcome)

    first = contestant(4, 4, 4, 4, 4)
    others = {"b": contestant(4, 5, 4, 4, 4.5), "c": contestant(4, 4, 4, 4, 2)}
    assert contestants.errors({"a": first, **others}) == {"b": 0.25, "c": 0.5}


# The clock.


class FakeMachine:
    """A clock that moves when a contestant is called, and a list of what was called."""

    def __init__(self, **seconds):
        self.now, self.log = 0.0, []
        self.work = {name: lambda name=name: self.call(name) for name in seconds}
        self.seconds = seconds

    def call(self, name):
        self.log.append(name)
        self.now += self.seconds[name]

    def timer(self):
        return self.now

    def time(self, rounds=4, batch=1.0, seed=0, **more):
        rng = np.random.default_rng(seed)
        return clock.time_rounds(
            self.work, rounds=rounds, batch=batch, rng=rng, timer=self.timer, **more
        )


def test_each_contestant_is_timed_once_a_round_in_seconds_per_call():
    machine = FakeMachine(a=0.5, b=2.0)
    times = machine.time(rounds=4)
    assert list(times) == ["a", "b"]
    assert times["b"] == Timing((2.0,) * 4, 1)
    assert times["a"].rounds == pytest.approx([0.5] * 4)


def test_a_batch_lasts_long_enough_and_hardly_longer():
    for seconds in (0.9, 0.3, 0.1, 0.01, 1e-4):
        machine = FakeMachine(a=seconds)
        calls = machine.time()["a"].calls
        assert 1 <= calls * seconds < 1.35 + seconds


@pytest.mark.parametrize(("batch", "calls"), [(1.0, 1), (0.99, 1), (1.01, 2), (0, 1)])
def test_one_call_is_enough_if_it_lasts_as_long_as_a_batch(batch, calls):
    assert FakeMachine(a=1.0).time(batch=batch)["a"].calls == calls


def test_a_clock_that_is_too_coarse_gets_more_calls():
    machine = FakeMachine(a=1 / 640)
    coarse = clock._calls_for(machine.work["a"], 1.0, lambda: np.floor(machine.now))
    assert coarse / 640 >= 1
    assert len(machine.log) < 2000


def test_a_first_call_that_seems_to_take_no_time_does_not_mislead():
    machine = FakeMachine(a=0.01)
    machine.seconds["a"] = 1e-9
    clock._calls_for(
        lambda: machine.call("a") or machine.seconds.update(a=0.01), 1.0, machine.timer
    )
    assert 100 <= len(machine.log) < 300


def test_the_order_of_a_round_is_random():
    machine = FakeMachine(a=1.0, b=1.0, c=1.0)
    machine.time(rounds=60)
    rounds = np.reshape(machine.log[3:], (60, 3))  # behind the calls that calibrate
    assert all(sorted(order) == ["a", "b", "c"] for order in rounds)
    orders = Counter(map(tuple, rounds))
    assert len(orders) == 6
    assert max(orders.values()) < 25


def test_the_seed_decides_the_order():
    logs = []
    for seed in (0, 0, 1):
        machine = FakeMachine(a=1.0, b=1.0, c=1.0)
        machine.time(rounds=9, seed=seed)
        logs.append(machine.log)
    assert logs[0] == logs[1] != logs[2]


def test_what_is_done_between_the_batches_is_not_timed():
    machine = FakeMachine(a=0.5, b=2.0, pause=100.0)
    pause = machine.work.pop("pause")
    times = machine.time(rounds=3, batch=0, between=pause)
    assert times == {"a": Timing((0.5,) * 3, 1), "b": Timing((2.0,) * 3, 1)}
    timed = machine.log[2:]
    assert timed[::2] == ["pause"] * 6
    assert Counter(timed[1::2]) == {"a": 3, "b": 3}


def test_a_ratio_is_the_median_of_the_rounds_with_its_quartiles():
    ratio = clock.compare([2, 6, 3, 8, 10], [1, 2, 1, 2, 2])  # 2, 3, 3, 4, 5
    assert ratio == Ratio(median=3.0, q1=3.0, q3=4.0, minima=2.0, resolved=False)


def test_a_ratio_is_resolved_if_median_and_minima_agree_within_a_tenth():
    for minimum, resolved in [(1.0, True), (0.905, True), (0.895, False)]:
        assert clock.compare([minimum, 1, 1], [1, 1, 1]).resolved is resolved
    # The shortest times may come from different rounds.
    for other, resolved in [(0.92, True), (0.9, False)]:
        assert clock.compare([1, 1, 1], [1, 1, other]).resolved is resolved


def test_a_ratio_pairs_the_rounds():
    assert clock.compare([1, 10, 100], [2, 20, 200])[:3] == (0.5, 0.5, 0.5)
    assert clock.compare([1, 10, 100], [20, 200, 2])[:2] == (0.05, 0.05)


@pytest.mark.parametrize(("one", "other"), [([1.0], [1.0, 2.0]), ([], [])])
def test_a_ratio_needs_as_many_rounds_of_both(one, other):
    why = rf"^clock\.compare: .* not empty, got {len(one)} and {len(other)}$"
    with pytest.raises(ValueError, match=why):
        clock.compare(one, other)


# Who multiplies.


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@given(SIZES, SEEDS)
def test_every_library_multiplies_the_same_arrays(dtype, sizes, seed):
    M, K, N, _ = sizes
    rng = np.random.default_rng(seed)
    a, b = rng.normal(size=(M, K)).astype(dtype), rng.normal(size=(K, N)).astype(dtype)
    found = {who: blas.as_array(product()) for who, product in blas.products(a, b).items()}
    assert list(found) == ["numpy", "torch", "oneDNN"][: 3 if dtype == "float32" else 2]
    for product in found.values():
        assert product.dtype == dtype
        assert_close(product, a @ b, tol=1e-12 if dtype == "float64" else 1e-5)


def test_a_product_is_made_anew_by_each_call():
    a, b = np.ones((2, 3), np.float32), np.ones((3, 4), np.float32)
    for product in blas.products(a, b).values():
        first = blas.as_array(product()).copy()
        assert_equal(blas.as_array(product()), first)


def test_the_libraries_multiply_on_one_thread():
    import torch

    torch.set_num_threads(2)
    blas.products(np.ones((2, 3)), np.ones((3, 4)))
    assert torch.get_num_threads() == 1


SAID = """Core: Haswell
MKL_VERBOSE oneMKL 2024.0 Update 2 Product build 20240605 for Intel(R) 64 architecture Some \
processors, Lnx 2.60GHz lp64 gnu_thread
MKL_VERBOSE SGEMM(N,N,2,2,2,0x7ffd) 1.64ms CNR:OFF Dyn:1 FastMM:1 TID:0  NThr:1
onednn_verbose,v1,info,oneDNN v3.12.0 (commit 80afa71)
onednn_verbose,v1,info,cpu,runtime:OpenMP,nthr:1
onednn_verbose,v1,info,cpu,isa:Intel AVX-512 with Intel DL Boost
onednn_verbose,v1,info,gpu,runtime:none
""".replace("\\\n", "")


def test_what_the_libraries_say_of_themselves_is_read():
    assert blas.told(SAID, "openblas 1.2") == {
        "numpy": "openblas 1.2, kernels for Haswell",
        "torch": "oneMKL 2024.0 Update 2, kernels for Some processors",
        "oneDNN": "oneDNN v3.12.0, kernels for Intel AVX-512 with Intel DL Boost",
    }


def test_what_a_library_does_not_tell_is_left_out():
    assert blas.told("", "accelerate 1") == {"numpy": "accelerate 1"}
    lines = SAID.splitlines(keepends=True)
    assert set(blas.told("".join(lines[3:]), "a")) == {"numpy", "oneDNN"}
    assert set(blas.told("".join(lines[:3]), "a")) == {"numpy", "torch"}


@pytest.mark.process
def test_the_libraries_of_this_machine_are_named():
    found = blas.libraries()
    version = np.show_config(mode="dicts")["Build Dependencies"]["blas"]["version"]
    assert version in found["numpy"]
    assert set(found) <= {"numpy", "torch", "oneDNN"}


@pytest.mark.parametrize(("name", "asked"), [("OPENBLAS_CORETYPE", True), ("CORETYPE", False)])
def test_kernels_that_were_asked_for_are_named_as_such(monkeypatch, name, asked):
    monkeypatch.delenv("OPENBLAS_CORETYPE", raising=False)
    monkeypatch.setenv(name, "Haswell")
    said = SimpleNamespace(stdout=SAID, stderr="")
    monkeypatch.setattr(blas.subprocess, "run", lambda *_, **__: said)
    named = blas.libraries()["numpy"]
    assert named.endswith("as OPENBLAS_CORETYPE asks") is asked


# The floor.


def test_the_operations_of_a_product_are_counted():
    # T = 5, B = 3: 15 rows, each times (6, 8) for the LSTM: 48 multiplications and 48 additions.
    sizes = {"T": 5, "B": 3, "I": 4, "H": 2}
    assert floor.flops("lstm", **sizes, mode="forward") == 15 * 96
    assert floor.flops("gru", **sizes, mode="forward") == 15 * 72
    assert floor.flops("rnn", **sizes, mode="forward") == 15 * 24
    assert floor.flops("lstm", **sizes, mode="both") == 45 * 96


def test_the_tanhs_of_a_run_are_counted():
    counted = {cell: floor.tanhs(cell, T=5, B=3, H=2) for cell in ("rnn", "lstm", "gru")}
    assert counted == {"rnn": 30, "lstm": 150, "gru": 90}


def test_the_floor_is_the_time_of_the_products_and_of_the_tanhs():
    speeds = Speeds(gflops=0.5, tanh=1e-3)
    seconds = floor.seconds(speeds, "lstm", **TINY, mode="both")
    assert seconds == pytest.approx(4320 / 5e8 + 0.15)


def test_the_speeds_are_those_of_the_best_rounds(monkeypatch):
    times = {
        "numpy": Timing((0.5, 0.35, 0.75), 1),
        "torch": Timing((0.9, 0.25, 0.8), 1),  # the floor is the processor's, not a library's
        "oneDNN": Timing((0.4, 0.4, 0.4), 1),
        "tanh": Timing((3e-3, 4e-3, 2e-3), 9),
    }
    work = {}
    monkeypatch.setattr(clock, "time_rounds", lambda f, **_: work.update(f) or times)
    rng = np.random.default_rng(0)
    speeds = floor.measure("float32", rounds=3, batch=1, rng=rng, size=10)
    assert speeds == pytest.approx(Speeds(2000 / 0.25 / 1e9, 2e-3 / 8192))
    made = {name: blas.as_array(f()) for name, f in work.items()}
    assert {name: array.dtype for name, array in made.items()} == dict.fromkeys(times, np.float32)
    assert made.pop("tanh").size == 8192
    assert {array.shape for array in made.values()} == {(10, 10)}


# Memory.

needs_a_peak = pytest.mark.skipif(
    memory.peak_bytes() is None, reason="this system does not tell the peak of memory"
)
MIB = 2**20


@pytest.mark.process
@needs_a_peak
def test_a_run_needs_at_least_what_it_keeps_and_recomputing_needs_less():
    sizes = {"cell": "lstm", "dtype": "float32", "T": 200, "B": 16, "I": 32, "H": 64}
    # What this process has does not count for the one that it starts.
    mine = np.ones(100 * MIB, np.uint8)
    whole, part = (memory.measure(name, **sizes) for name in ("fused", "every 20"))
    assert mine.all()
    assert whole["kept"] > 200 * 16 * 64 * 4 * 6  # four gates and two states
    assert whole["kept"] < whole["peak"] < 50 * MIB
    assert part["kept"] < whole["kept"] / 20
    assert 0 < part["peak"] < whole["peak"]
    assert memory.measure("unroll", **sizes).keys() == {"peak"}


@needs_a_peak
def test_the_peak_is_seen_after_the_memory_is_free_again():
    memory._forget_peak()
    before = memory.peak_bytes()
    # Where a peak cannot be forgotten, it takes as much again to be sure of a new one.
    taken = np.ones(100 * MIB if memory.FORGET_PEAK.exists() else before, np.uint8)
    del taken
    assert before + 20 * MIB < memory.peak_bytes() < 3 * before


@pytest.mark.skipif(not memory.FORGET_PEAK.exists(), reason="only Linux can forget a peak")
def test_a_peak_can_be_forgotten():
    np.ones(200 * MIB, np.uint8)
    before = memory.peak_bytes()
    memory._forget_peak()
    assert memory.peak_bytes() < before - 100 * MIB


def test_what_was_there_before_the_run_does_not_count(monkeypatch):
    log = []
    peaks = iter([1000, 1030])
    enter = contestants.enter

    def spy(names, problem):
        log.append(problem.xs.shape)
        return enter(names, problem)

    monkeypatch.setattr(contestants, "enter", spy)
    monkeypatch.setattr(memory, "_forget_peak", lambda: log.append("forget"))
    monkeypatch.setattr(memory, "peak_bytes", lambda: log.append("peak") or next(peaks))
    found = memory._watch("fused", cell="lstm", dtype="float64", **TINY)
    assert found == {"peak": 30, "kept": 8 * (6 * 5 * 3 * 2 + 2 * 3 * 2)}
    assert log == [(1, 1, 1), (5, 3, 4), "forget", "peak", "peak"]


@pytest.mark.parametrize(("platform", "unit"), [("darwin", 1), ("freebsd", 1024)])
def test_without_a_status_file_the_system_is_asked(tmp_path, monkeypatch, platform, unit):
    usage = SimpleNamespace(ru_maxrss=77)
    resource = SimpleNamespace(RUSAGE_SELF=0, getrusage={0: usage}.__getitem__)
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    monkeypatch.setitem(sys.modules, "resource", resource)
    monkeypatch.setattr(sys, "platform", platform)
    assert memory.peak_bytes() == 77 * unit


def test_where_nothing_tells_the_peak_there_is_none(tmp_path, monkeypatch):
    monkeypatch.setattr(memory, "STATUS", tmp_path / "none")
    monkeypatch.setattr(memory, "FORGET_PEAK", tmp_path / "no folder" / "none")
    monkeypatch.setitem(sys.modules, "resource", None)
    assert memory.peak_bytes() is None
    assert memory._watch("fused", cell="rnn", dtype="float64", **TINY) is None
    monkeypatch.setattr(memory, "measure", lambda *_, **__: None)
    group = {"part": "memory", "cell": "rnn", "dtype": "float64", **TINY, "who": "fused"}
    assert parts.measure(group, LITTLE) == []


# The parts.

LITTLE = parts.Settings(
    rounds=2,
    batch=0,
    cells=("rnn", "gru"),
    dtypes=("float64",),
    sizes=((5, 3, 4, 2),),
    who=("torch", "fused"),
    base=(5, 3, 4, 2),
    scaling=(("T", (3, 6)), ("H", (2, 3, 4))),
    ladder_sizes=((5, 3, 4, 2),),
    recompute_sizes=((5, 3, 4, 2),),
    recompute_who=("every 2",),
    singles=3,
)


@pytest.fixture
def small_floor(monkeypatch):
    """Measure the floor with a product that takes no time."""
    measure = floor.measure
    monkeypatch.setattr(floor, "measure", lambda *a, **more: measure(*a, **more, size=8))


@pytest.fixture
def no_processes(monkeypatch):
    """Measure memory in this process: another one starts slowly."""
    monkeypatch.setattr(memory, "measure", lambda *_, **__: {"peak": 5})


def without(case, *names):
    return {name: value for name, value in case.items() if name not in names}


def measured(part):
    """Measure one part of the little settings, with its equalities apart."""
    groups = [group for group in parts.groups(LITTLE) if group["part"] == part]
    runs = [run for group in groups for run in parts.measure(group, LITTLE)]
    equal = [run for run in runs if run.case["part"] == "equality"]
    assert all(run.case["of"] == part for run in equal)
    assert all(run.score["largest"] <= contestants.BOUNDS[run.case["dtype"]] for run in equal)
    rest = [run for run in runs if run.case["part"] != "equality"]
    assert {run.case["part"] for run in rest} <= {part}
    return [without(run.case, "part") for run in rest], rest, [run.case for run in equal]


@pytest.mark.parametrize("settings", [parts.FULL, parts.SHORT, LITTLE])
def test_groups_are_different_and_survive_json(settings):
    groups = parts.groups(settings)
    assert json.loads(json.dumps(groups)) == groups
    assert len({json.dumps(group) for group in groups}) == len(groups) > 0
    assert list(dict.fromkeys(group["part"] for group in groups)) == list(settings.parts)


def test_every_part_is_in_the_full_settings():
    assert set(parts.FULL.parts) == set(parts.PARTS)


def test_the_ratios_are_of_all_contestants_in_both_modes():
    cases, runs, equal = measured("ratio")
    assert cases == [
        {"cell": cell, "dtype": "float64", **TINY, "mode": mode, "who": who}
        for cell in ("rnn", "gru")
        for mode in ("forward", "both")
        for who in ("torch", "fused")
    ]
    assert all(len(run.score["rounds"]) == 2 and run.score["calls"] == 1 for run in runs)
    assert [(case["cell"], case["who"], case["against"]) for case in equal] == [
        ("rnn", "fused", "torch"),
        ("gru", "fused", "torch"),
    ]


def test_torch_is_timed_in_its_other_way_where_it_has_two():
    settings = dataclasses.replace(LITTLE, modes=("both",))
    for cell, dtype in itertools.product(("lstm", "gru"), ("float32", "float64")):
        group = {"part": "ratio", "cell": cell, "dtype": dtype, **TINY}
        who = [run.case["who"] for run in parts.measure(group, settings)]
        assert ("torch without oneDNN" in who) is ((cell, dtype) == ("lstm", "float32"))


def test_one_product_of_a_step_is_timed_by_every_library():
    cases, runs, equal = measured("product")
    assert cases == [
        {"cell": "lstm", "dtype": "float64", **TINY, "who": who} for who in ("numpy", "torch")
    ]
    assert all(len(run.score["rounds"]) == 2 for run in runs)
    assert [(case["who"], case["against"]) for case in equal] == [("torch", "numpy")]
    narrow = dataclasses.replace(LITTLE, dtypes=("float32",))
    found = parts.measure(parts.groups(dataclasses.replace(narrow, parts=("product",)))[0], narrow)
    assert [run.case["who"] for run in found] == ["torch", "oneDNN", "numpy", "torch", "oneDNN"]


def test_the_product_of_a_step_is_that_of_the_state_with_the_weights_of_all_gates(monkeypatch):
    seen = []
    products = blas.products
    monkeypatch.setattr(blas, "products", lambda a, b: seen.append((a, b)) or products(a, b))
    measured("product")
    ((h, W_h),) = seen
    params = contestants.draw("lstm", "float64", **TINY, seed=LITTLE.seed).params
    assert h.shape == (TINY["B"], TINY["H"])
    np.testing.assert_array_equal(W_h, params.W_h)


def test_what_is_timed_is_the_mode_of_the_case(monkeypatch):
    calls = Counter()

    def enter(names, _):
        return {
            who: Contestant(
                lambda who=who: calls.update([(who, "forward")]),
                lambda who=who: calls.update([(who, "both")]),
                lambda: Outcome(np.ones(1), rnn.Params(*np.ones((3, 1))), np.ones(1)),
            )
            for who in names
        }

    monkeypatch.setattr(contestants, "enter", enter)
    cell = {"part": "ratio", "cell": "rnn", "dtype": "float64", **TINY}
    parts.measure(cell, dataclasses.replace(LITTLE, modes=("forward",)))
    assert calls == {("torch", "forward"): 3, ("fused", "forward"): 3}  # one to calibrate


def test_scaling_changes_one_number_at_a_time():
    cases, _, equal = measured("scaling")
    lstm32 = {"cell": "lstm", "dtype": "float32"}
    sizes = [("T", 3), ("T", 6), ("H", 2), ("H", 3), ("H", 4)]
    assert cases == [
        {**lstm32, "axis": axis, **TINY, axis: value, "mode": "both", "who": who}
        for axis, value in sizes
        for who in ("torch", "fused")
    ]
    assert [(case["axis"], case[case["axis"]]) for case in equal] == sizes


def test_the_ladder_times_every_rung_in_its_dtype():
    cases, _, equal = measured("ladder")
    assert [(case["who"], case["dtype"]) for case in cases] == [
        (name, rung.dtype) for name, rung in parts.RUNGS.items()
    ]
    assert cases[0]["dtype"] == "float64"
    assert {case["dtype"] for case in cases[1:]} == {"float32"}
    assert [case["who"] for case in equal] == list(parts.RUNGS)
    assert {case["against"] for case in equal} == {"unroll"}


def test_recomputing_is_timed_beside_keeping_all():
    cases, _, equal = measured("recompute")
    assert [case["who"] for case in cases] == ["fused", "every 2"]
    assert [(case["who"], case["against"]) for case in equal] == [("every 2", "fused")]


@pytest.mark.usefixtures("no_processes")
def test_memory_is_measured_of_everyone():
    cases, runs, _ = measured("memory")
    assert [case["who"] for case in cases] == ["torch", "fused", "every 2"]
    assert {run.score["peak"] for run in runs} == {5}


def test_single_calls_are_timed_after_a_pause_and_after_other_work():
    cases, runs, _ = measured("single")
    assert [(case["between"], case["who"]) for case in cases] == [
        (between, who) for between in ("nothing", "pause", "work") for who in ("torch", "fused")
    ]
    rounds = [(len(run.score["rounds"]), run.score["calls"]) for run in runs]
    assert rounds == [(2, 1)] * 2 + [(3, 1)] * 4


def test_a_pause_is_a_sleep_and_other_work_is_no_contestant(monkeypatch):
    asked, slept = [], []
    monkeypatch.setattr(clock, "time_rounds", lambda _, **more: asked.append(more) or {})
    monkeypatch.setattr(time, "sleep", slept.append)
    measured("single")
    assert [more["timer"] for more in asked] == [time.perf_counter] * 3  # a sleep costs no CPU
    assert asked[0]["between"] is None
    asked[1]["between"]()
    assert slept == [0.01]
    asked[2]["between"]()
    assert slept == [0.01]


@pytest.mark.usefixtures("small_floor")
def test_the_floor_is_measured_in_each_dtype():
    cases, (run,), _ = measured("floor")
    assert cases == [{"dtype": "float64"}]
    assert run.score.keys() == {"gflops", "tanh"}
    assert min(run.score.values()) > 0


def test_numbers_are_kept_to_four_digits():
    timing = Timing((0.123456, 1.99996e-3), 10)
    run = parts._timed({"part": "ratio"}, timing)
    assert run == Run({"part": "ratio"}, {"rounds": [0.1235, 0.002], "calls": 10}, 1.255)


# Tables.


def timed(rounds, **case):
    return Run({"part": "ratio", **case}, {"rounds": rounds, "calls": 1}, 0.0)


TABLE = Result(
    {},
    (
        timed([1.0, 1.0, 1.0], cell="lstm", mode="both", who="torch"),
        timed([2.0, 3.0, 4.0], cell="lstm", mode="both", who="fused"),
        timed([8.0, 6.0, 4.0], cell="lstm", mode="both", who="plain"),
        timed([5.0, 5.0, 5.0], cell="gru", mode="both", who="fused"),
        timed([7.0], part="ladder", who="fused"),
        timed([2.0], part="ladder", who="one"),
        Run({"part": "floor", "dtype": "float32"}, {"gflops": 0.5, "tanh": 1e-3}, 0.0),
        Run({"part": "floor", "dtype": "float64"}, {"gflops": 0.25, "tanh": 2e-3}, 0.0),
        *(
            timed([seconds, 999.0, seconds], part="scaling", axis=axis, who=who, B=B)
            for axis, who, B, seconds in [
                ("B", "fused", 8, 64.0),
                ("B", "fused", 1, 5.0),
                ("B", "fused", 4, 16.0),
                ("B", "fused", 2, 5.0),
                ("B", "fused", 16, 256.0),
                ("B", "torch", 16, 1.0),
                ("T", "fused", 16, 1.0),
            ]
        ),
    ),
    {},
)


def test_a_ratio_compares_the_rounds_of_one_case():
    ratio = tables.ratio(TABLE, "fused", cell="lstm", mode="both")
    assert ratio == Ratio(3.0, 2.5, 3.5, 2.0, resolved=False)
    assert tables.ratio(TABLE, "fused", "plain", cell="lstm").median == 0.5
    assert tables.ratio(TABLE, "fused", "one", part="ladder").median == 3.5


@pytest.mark.parametrize(("case", "count"), [({"cell": "rnn"}, 0), ({}, 2)])
def test_a_case_must_name_exactly_one_run(case, count):
    why = rf"^tables\.find: {count} runs have \{{.*\}}; exactly one must have it$"
    with pytest.raises(ValueError, match=why):
        tables.ratio(TABLE, "fused", **case)


def test_the_floor_of_a_case_has_the_speeds_of_its_dtype():
    case = {"cell": "lstm", **TINY, "mode": "both"}
    assert tables.floor_seconds(TABLE, dtype="float32", **case) == pytest.approx(0.15 + 8.64e-6)
    assert tables.floor_seconds(TABLE, dtype="float64", **case) == pytest.approx(0.3 + 17.28e-6)


def test_the_exponent_is_that_of_the_larger_values():
    # From 4 on the time grows as the square; the median of a round is no outlier's.
    assert tables.exponent(TABLE, "fused", "B") == pytest.approx(2)


# The record.


class Bench:
    """The little settings, with results in a folder of their own."""

    def __init__(self, folder, monkeypatch):
        self.folder, self.patch = folder / "results", monkeypatch
        monkeypatch.setattr(results, "FOLDER", self.folder)
        monkeypatch.setattr(blas, "libraries", lambda: {"numpy": "a", "torch": "b"})
        self.settings = dataclasses.replace(LITTLE, parts=("ratio", "recompute"))
        self.log = []
        self.inner = parts.measure
        monkeypatch.setattr(parts, "cpu_seconds", itertools.count().__next__)  # 1 s a group
        monkeypatch.setattr(parts, "measure", self.measure)
        self.stamp("first")

    def stamp(self, word):
        self.patch.setattr(record, "digest", lambda _: word)

    def measure(self, group, settings):
        self.log.append(group)
        return self.inner(group, settings)

    def run(self):
        self.log.clear()
        return record.measure(self.settings)

    def break_at(self, number):
        """Let the power go out in a group."""

        def measure(group, settings):
            if len(self.log) == number:
                raise OSError("the power went out")
            return Bench.measure(self, group, settings)

        self.patch.setattr(parts, "measure", measure)
        with pytest.raises(OSError, match="power"):
            self.run()
        self.patch.setattr(parts, "measure", self.measure)


@pytest.fixture
def bench(tmp_path, monkeypatch):
    return Bench(tmp_path, monkeypatch)


def test_everything_is_measured_and_saved(bench):
    result = bench.run()
    groups = parts.groups(bench.settings)
    assert bench.log == groups
    assert load("bench") == result
    assert [file.name for file in bench.folder.iterdir()] == ["bench.json"]
    assert result.settings == json.loads(json.dumps(dataclasses.asdict(bench.settings)))
    cases = [run.case for run in result.runs if run.case["part"] != "equality"]
    assert len(cases) == 2 * 2 * 2 + 2
    made_by = result.provenance
    assert made_by["digest"] == "first"
    assert made_by["threads"] == 1
    assert {"date", "python", "numpy", "torch", "cpu", "machine", "simd"} < set(made_by)
    assert made_by["libraries"] == {"numpy": "a", "torch": "b"}
    assert made_by["cpu_seconds"] == 3


def test_the_digest_is_that_of_the_code_that_is_timed(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(record, "digest", lambda name: asked.append(name) or "0")
    monkeypatch.setattr(blas, "libraries", dict)
    record.measure(dataclasses.replace(LITTLE, parts=()))
    assert asked == ["bptt.bench.parts"]


def test_an_interrupted_benchmark_goes_on_where_it_was(bench):
    bench.break_at(2)
    assert not (bench.folder / "bench.json").exists()
    notes = bench.folder / "bench.partial"
    assert len([*notes.iterdir()]) == 2
    result = bench.run()
    groups = parts.groups(bench.settings)
    assert bench.log == groups[2:]
    assert not notes.exists()
    assert result.provenance["cpu_seconds"] == 3
    order = [run.case.get("cell") for run in result.runs if run.case["part"] == "ratio"]
    assert order == ["rnn"] * 4 + ["gru"] * 4


def test_groups_of_other_code_are_measured_again(bench):
    bench.break_at(2)
    bench.stamp("second")
    assert bench.run().provenance["digest"] == "second"
    assert bench.log == parts.groups(bench.settings)


def test_groups_of_other_settings_are_measured_again(bench):
    bench.break_at(2)
    bench.settings = dataclasses.replace(bench.settings, rounds=3)
    result = bench.run()
    assert bench.log == parts.groups(bench.settings)
    assert {len(run.score["rounds"]) for run in result.runs if "rounds" in run.score} == {3}


def test_nothing_is_saved_if_contestants_do_not_agree(bench):
    bench.patch.setattr(contestants, "errors", lambda _: {"fused": 1e-9})
    why = (
        r"^bench: nothing is saved; fused differs from torch by 1\.0e-09, at most 1e-10 is allowed "
        r"\(rnn float64 \(5, 3, 4, 2\)\)$"
    )
    for _ in range(2):  # nor is the group kept for the next time
        with pytest.raises(ValueError, match=why):
            bench.run()
        assert bench.log == parts.groups(bench.settings)[:1]
    assert not (bench.folder / "bench.json").exists()


@pytest.mark.parametrize(
    ("dtype", "largest", "wrong"),
    [
        ("float64", 1e-10, False),
        ("float64", 1.1e-10, True),
        ("float32", 1e-3, False),
        ("float32", 1.1e-3, True),
    ],
)
def test_a_difference_is_one_beyond_the_bound_of_its_dtype(dtype, largest, wrong):
    case = {"part": "equality", "cell": "gru", "dtype": dtype, **TINY, "who": "a", "against": "b"}
    assert bool(record.differences([Run(case, {"largest": largest}, 0)])) is wrong


SPEED = {"cell": "lstm", "dtype": "float32", "T": 100, "I": 10, "H": 20, "mode": "both"}


def slow(B, ratio):
    """Return a result in which `fused` takes so many times as long as torch."""
    return Result(
        {},
        [
            timed([1.0, 1.0, 1.0], **SPEED, B=B, who="torch"),
            timed([ratio, ratio, 9.0], **SPEED, B=B, who="fused"),
        ],
        {},
    )


@pytest.mark.parametrize(("B", "limit"), [(1, 4), (32, 3)])
def test_fused_may_be_a_few_times_as_slow_as_torch_and_no_more(B, limit):
    assert record.delays(slow(B, limit)) == []
    (sentence,) = record.delays(slow(B, limit + 0.1))
    assert sentence == (
        f"fused takes {limit}.1 times as long as torch, at most {limit} is allowed "
        f"(lstm float32 (100, {B}, 10, 20) both)"
    )


def test_a_machine_that_was_busy_most_of_the_time_raises_no_alarm():
    torch, ours = slow(1, 1.0).runs
    busy = ours._replace(score={"rounds": [3.9, 9.0, 9.0]})
    assert record.delays(Result({}, [torch, busy], {})) == []


def test_every_size_of_a_short_run_has_a_limit():
    assert {B for _, B, _, _ in parts.SHORT.sizes} == set(record.LIMITS)


def test_the_summary_has_a_line_for_each_comparison():
    assert record.summary(slow(1, 1.25)) == [
        "fused / torch  1.25 [1.25, 5.12]: lstm float32 (100, 1, 10, 20) both"
    ]
    unsure = Result({}, [timed([2.0, 2, 1], **SPEED, B=1, who=who) for who in ("torch",)], {})
    assert record.summary(unsure) == []
    halves = [timed([2.0, 2, 1], **SPEED, B=1, who="fused"), slow(1, 1).runs[0]]
    assert record.summary(Result({}, halves, {})) == [
        "fused / torch  2.00 [1.50, 2.00] unresolved: lstm float32 (100, 1, 10, 20) both"
    ]


def test_the_name_of_the_processor_is_read(tmp_path):
    info = tmp_path / "cpuinfo"
    info.write_text("processor\t: 0\nmodel name\t: A : fast one\nmodel name\t: other\n")
    assert machine.cpu_model(info) == "A : fast one"
    info.write_text("processor\t: 0\n")
    assert machine.cpu_model(info) == machine.cpu_model(tmp_path / "none")
    assert machine.cpu_model(info)


def test_away_from_a_terminal_each_part_ends_with_a_line(bench, capsys):
    bench.run()
    assert capsys.readouterr().out == "ratio: 2 s of CPU\nrecompute: 1 s of CPU\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_there_is_a_bar(bench, monkeypatch, capsys):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    bench.run()
    assert "3/3" in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_on_a_terminal_without_tqdm_there_are_lines(bench, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setitem(sys.modules, "tqdm", None)
    bench.run()
    assert len(capsys.readouterr().out.splitlines()) == 2


# The command.


@pytest.fixture
def run_command(monkeypatch, capsys):
    """Return a function that runs the command and gives its exit code and what it printed."""
    for name, value in ONE_THREAD.items():
        monkeypatch.setenv(name, value)

    def run(*arguments):
        monkeypatch.setattr(sys, "argv", ["bench", *arguments])
        with pytest.raises(SystemExit) as stopped:
            command.main()
        printed = capsys.readouterr()
        return stopped.value.code, printed.out, printed.err

    return run


@pytest.mark.parametrize("name", command.THREADS)
@pytest.mark.parametrize("value", ["2", "", None])
def test_the_command_refuses_to_start_with_more_than_one_thread(
    run_command, monkeypatch, name, value
):
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(record, "measure", None)
    code, out, err = run_command()
    assert (code, out) == (2, "")
    assert err.endswith(
        "error: OMP_NUM_THREADS, OPENBLAS_NUM_THREADS, MKL_NUM_THREADS must be 1 "
        "before Python starts, as nox -s bench does\n"
    )


def test_the_command_refuses_to_start_without_torch(run_command, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    code, _, err = run_command("--short")
    assert code == 2
    assert err.endswith("error: torch must be installed: python -m pip install 'bptt[torch]'\n")


def test_the_command_measures_everything(run_command, monkeypatch):
    result = slow(1, 1.25)._replace(provenance={"cpu_seconds": 1.5})
    monkeypatch.setattr(record, "measure", lambda: result)
    code, out, err = run_command()
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "fused / torch  1.25 [1.25, 5.12]: lstm float32 (100, 1, 10, 20) both",
        "This system does not tell the peak of memory, so that part is left out.",
        "1.5 s of CPU",
    ]
    ours = Run({"part": "memory"}, {"peak": 5}, 0)
    monkeypatch.setattr(record, "measure", lambda: result._replace(runs=[ours]))
    assert run_command() == (0, "1.5 s of CPU\n", "")


def test_the_command_fails_if_contestants_do_not_agree(run_command, monkeypatch):
    def measure():
        raise ValueError("nothing is saved; fused differs")

    monkeypatch.setattr(record, "measure", measure)
    assert run_command() == (1, "", "bench: nothing is saved; fused differs\n")


def test_a_short_run_keeps_nothing_and_names_what_is_wrong(run_command, monkeypatch, tmp_path):
    monkeypatch.setattr(results, "FOLDER", tmp_path / "results")
    asked = []
    equal = Run({"part": "equality", **SPEED, "B": 1, "who": "plain", "against": "torch"}, {}, 0)

    def answer(largest, ratio):
        runs = [*slow(1, ratio).runs, equal._replace(score={"largest": largest})]
        found = [Run({}, {"runs": [list(run) for run in runs]}, 1.0)]
        monkeypatch.setattr(record, "run", lambda settings: asked.append(settings) or found)
        return run_command("--short")

    assert answer(1e-7, 1.25)[0] == 0
    code, out, err = answer(0.5, 4.5)
    assert code == 1
    assert out == "fused / torch  4.50 [4.50, 6.75]: lstm float32 (100, 1, 10, 20) both\n"
    assert err == (
        "bench: plain differs from torch by 5.0e-01, at most 1e-03 is allowed "
        "(lstm float32 (100, 1, 10, 20) both)\n"
        "bench: fused takes 4.5 times as long as torch, at most 4 is allowed "
        "(lstm float32 (100, 1, 10, 20) both)\n"
    )
    assert asked == [parts.SHORT] * 2
    assert not (tmp_path / "results").exists()


def test_a_short_run_takes_the_two_smallest_sizes_in_all_cells_and_dtypes():
    groups = parts.groups(parts.SHORT)
    assert len(groups) == 2 * 3 * 2
    assert {(group["T"], group["B"]) for group in groups} == {(100, 1), (100, 32)}
    assert parts.SHORT.who == parts.FULL.who


@pytest.mark.process
def test_the_module_is_the_command():
    ask = [sys.executable, "-m", "bptt.bench"]
    environment = {**os.environ, **ONE_THREAD, "MKL_NUM_THREADS": "3"}
    refused = subprocess.run(ask, capture_output=True, text=True, check=False, env=environment)
    assert refused.returncode == 2
    assert refused.stderr.startswith("usage: python -m bptt.bench ")


# The result.


@pytest.fixture(scope="module")
def stored():
    return load("bench")


@pytest.mark.records
def test_the_stored_result_is_fresh(stored):
    assert stored.provenance["digest"] == digest(record.TIMED), "Stale: run nox -s bench"


def test_the_stored_result_was_made_with_the_full_settings(stored):
    assert stored.settings == json.loads(json.dumps(dataclasses.asdict(parts.FULL)))


def test_the_stored_result_holds_every_contestant_in_every_case(stored):
    ratios = [without(run.case, "part") for run in stored.runs if run.case["part"] == "ratio"]
    wanted = [
        {"cell": cell, "dtype": dtype, **parts._sizes(size), "mode": mode, "who": who}
        for size in parts.FULL.sizes
        for cell in ("rnn", "lstm", "gru")
        for dtype in ("float32", "float64")
        for mode in ("forward", "both")
        for who in ("torch", "unroll", "fused", "plain", *other_ways(cell, dtype))
    ]
    assert ratios == wanted
    assert len(wanted) == 200


def other_ways(cell, dtype):
    return ("torch without oneDNN",) if (cell, dtype) == ("lstm", "float32") else ()


def test_the_stored_result_holds_every_other_part_too(stored):
    count = Counter(run.case["part"] for run in stored.runs)
    assert count["floor"] == 2
    assert count["product"] == 4 * (3 + 2)
    assert count["scaling"] == 2 * (5 + 8 + 6)
    assert count["ladder"] == 3 * len(parts.RUNGS)
    assert count["recompute"] == 2 * 4
    assert count["memory"] == 2 * 7
    assert count["single"] == 3 * 4


def test_every_time_of_the_stored_result_was_taken_at_least_fifteen_times(stored):
    rounds = [run.score["rounds"] for run in stored.runs if "rounds" in run.score]
    assert min(map(len, rounds)) >= 15
    assert min(map(min, rounds)) > 0


def test_a_batch_of_the_stored_result_lasted_long_enough(stored):
    for run in stored.runs:
        if "calls" in run.score and run.case.get("between", "nothing") == "nothing":
            # The machine may have been slow when it counted and fast when it timed: half is enough.
            shortest = min(run.score["rounds"]) * run.score["calls"]
            assert statistics.median(run.score["rounds"]) * run.score["calls"] > 0.075
            assert run.score["calls"] == 1 or shortest > 0.05


def test_the_results_that_were_timed_were_equal(stored):
    equal = [run for run in stored.runs if run.case["part"] == "equality"]
    assert record.differences(stored.runs) == []
    assert len([run for run in equal if run.case["of"] == "ratio"]) == 4 * (3 * 2 * 3 + 1)
    assert {run.case["of"] for run in equal} == {
        "product",
        "ratio",
        "scaling",
        "ladder",
        "recompute",
        "single",
    }


def test_the_stored_result_says_where_it_was_measured(stored):
    made_by = stored.provenance
    assert set(made_by) == {
        *("digest", "date", "python", "numpy", "torch", "libraries", "cpu", "machine", "simd"),
        *("threads", "cpu_seconds"),
    }
    assert made_by["threads"] == 1
