"""The ladder from a plain loop to the fused run: every rung computes the same."""

import numpy as np
import pytest
from helpers import SEEDS, SIZES, assert_close
from hypothesis import given

from bptt import fused, lstm, unroll
from bptt.bench import ladder
from bptt.bench.ladder import RUNGS

each_rung = pytest.mark.parametrize("name", RUNGS)


def draw(sizes, seed, dtype=np.float64):
    T, B, I, H = sizes
    rng = np.random.default_rng(seed)
    shapes = lstm.Params((I, 4 * H), (H, 4 * H), (4 * H,))
    params = lstm.Params(*(rng.normal(scale=0.5, size=shape).astype(dtype) for shape in shapes))
    xs, dhs = rng.normal(size=(T, B, I)), rng.normal(size=(T, B, H))
    return params, xs.astype(dtype), dhs.astype(dtype)


def by_unroll(params, xs, dhs):
    hs, _, tape = unroll.forward(lstm, params, xs)
    dparams, dxs, _ = unroll.backward(lstm, params, tape, dhs)
    return hs, dparams, dxs


@each_rung
@given(sizes=SIZES, seed=SEEDS)
def test_a_rung_computes_what_unroll_does(name, sizes, seed):
    case = draw(sizes, seed)
    assert_close(RUNGS[name].run(*case), by_unroll(*case))


@each_rung
def test_a_rung_computes_what_unroll_does_over_several_spans(name):
    case = draw((7, 40, 3, 200), seed=0)  # at most two steps fit the cache
    assert_close(RUNGS[name].run(*case), by_unroll(*case))


@each_rung
def test_a_rung_keeps_the_dtype_of_its_weights(name):
    case = draw((5, 3, 4, 2), seed=0, dtype=np.float32)
    hs, dparams, dxs = RUNGS[name].run(*case)
    assert {array.dtype for array in (hs, *dparams, dxs)} == {np.dtype(np.float32)}
    assert_close((hs, dparams, dxs), by_unroll(*case), tol=1e-5)


@each_rung
def test_a_rung_changes_none_of_its_arguments(name):
    case = draw((5, 3, 4, 2), seed=0)
    copies = draw((5, 3, 4, 2), seed=0)
    RUNGS[name].run(*case)
    for array, copy in zip((*case[0], *case[1:]), (*copies[0], *copies[1:]), strict=True):
        np.testing.assert_array_equal(array, copy)


@each_rung
def test_a_tape_can_be_read_twice(name):
    params, xs, dhs = draw((5, 3, 4, 2), seed=0)
    _, tape = RUNGS[name].forward(params, xs)
    first = RUNGS[name].backward(params, tape, dhs)
    assert_close(RUNGS[name].backward(params, tape, dhs), first, tol=0)


def test_only_the_first_rung_is_timed_in_double_precision():
    assert [rung.dtype for rung in RUNGS.values()] == ["float64"] + ["float32"] * (len(RUNGS) - 1)


def test_each_rung_changes_something():
    pairs = zip(list(RUNGS.values())[:-1], list(RUNGS.values())[1:], strict=True)
    assert all(a != b for a, b in pairs)


def test_the_last_rung_is_the_fused_run(monkeypatch):
    monkeypatch.setattr(fused, "forward", lambda *_: ("hs", "state", "tape"))
    monkeypatch.setattr(fused, "backward", lambda *_: ("dparams", "dxs", "dstate"))
    assert list(RUNGS.values())[-1].run(*draw((5, 3, 4, 2), 0)) == ("hs", "dparams", "dxs")


def test_halving_is_exact():
    params, _, _ = draw((5, 3, 4, 2), seed=0)
    for W, half in zip(params, ladder.halved(params), strict=True):
        i, f, g, o = np.split(W, 4, axis=-1)
        np.testing.assert_array_equal(half * 2, np.concatenate([i, f, o, 2 * g], axis=-1))
