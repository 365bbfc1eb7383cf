"""What is measured, part by part.

A group is what is measured in one go, its contestants side by side. A run is one contestant of it.
"""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, TypeAlias

import numpy as np

from bptt.bench import blas, clock, contestants, floor, memory
from bptt.bench.clock import Timing
from bptt.bench.contestants import Outcome
from bptt.bench.ladder import RUNGS
from bptt.gradcheck import relative_error
from bptt.records.results import Run

Case: TypeAlias = dict[str, Any]
Size: TypeAlias = tuple[int, int, int, int]

AXES = ("T", "B", "I", "H")
NAMES = ("floor", "product", "ratio", "scaling", "ladder", "recompute", "memory", "single")


@dataclass(frozen=True)
class Settings:
    """What is measured."""

    parts: Annotated[tuple[str, ...], "which of them, in order"] = NAMES
    rounds: Annotated[int, "how often each contestant is timed"] = 15
    batch: Annotated[float, "the seconds that the calls of a round last at least"] = 0.15
    seed: Annotated[int, "the seed of weights, inputs and orders"] = 0
    cells: Annotated[tuple[str, ...], "compared with torch"] = ("rnn", "lstm", "gru")
    dtypes: Annotated[tuple[str, ...], "likewise"] = ("float32", "float64")
    sizes: Annotated[tuple[Size, ...], "(T, B, I, H), likewise"] = (
        (100, 1, 10, 20),
        (100, 32, 64, 128),
        (128, 64, 128, 256),
        (35, 20, 400, 1150),
    )
    modes: Annotated[
        tuple[str, ...], '"forward", which keeps what the way back needs, and "both"'
    ] = ("forward", "both")
    who: Annotated[tuple[str, ...], "the first is what the others must agree with"] = (
        "torch",
        "unroll",
        "fused",
        "plain",
    )
    lstm_who: Annotated[tuple[str, ...], "timed beside them for the LSTM in float32"] = (
        "torch without oneDNN",
    )
    base: Annotated[Size, "of the LSTM, for the scaling"] = (100, 32, 64, 128)
    scaling: Annotated[
        tuple[tuple[str, tuple[int, ...]], ...], "which number of `base` changes, and its values"
    ] = (
        ("T", (25, 50, 100, 200, 400)),
        ("B", (1, 2, 4, 8, 16, 32, 64, 128)),
        ("H", (16, 32, 64, 128, 256, 512)),
    )
    scaling_who: Annotated[tuple[str, ...], "whose scaling is measured"] = ("torch", "fused")
    ladder_sizes: Annotated[tuple[Size, ...], "for the rungs"] = sizes[:3]
    recompute_sizes: Annotated[tuple[Size, ...], "for memory and the time of recomputing"] = (
        (100, 32, 64, 128),
        (1000, 32, 64, 128),
    )
    recompute_who: Annotated[tuple[str, ...], '"every 5" keeps every fifth state'] = (
        "every 5",
        "every 10",
        "every 20",
    )
    singles: Annotated[int, "single calls, each after a pause or other work"] = 50


FULL = Settings()
# For a machine that others use as well: enough to see that something has gone wrong.
SHORT = replace(
    FULL,
    parts=("ratio",),
    rounds=5,
    batch=0.05,
    sizes=FULL.sizes[:2],
    modes=("both",),
    lstm_who=(),
)


def groups(settings: Settings) -> list[Case]:
    """Return what is measured in one go each, part by part."""
    lstm = {"cell": "lstm", "dtype": "float32"}
    found: dict[str, list[Case]] = {
        "floor": [{"dtype": dtype} for dtype in settings.dtypes],
        "product": [
            {"cell": "lstm", "dtype": dtype, **_sizes(size)}
            for size in settings.sizes
            for dtype in settings.dtypes
        ],
        "ratio": [
            {"cell": cell, "dtype": dtype, **_sizes(size)}
            for size in settings.sizes
            for cell in settings.cells
            for dtype in settings.dtypes
        ],
        "scaling": [{**lstm, "axis": axis} for axis, _ in settings.scaling],
        "ladder": [{"cell": "lstm", **_sizes(size)} for size in settings.ladder_sizes],
        "recompute": [{**lstm, **_sizes(size)} for size in settings.recompute_sizes],
        "memory": [
            {**lstm, **_sizes(size), "who": who}
            for size in settings.recompute_sizes
            for who in settings.who + settings.recompute_who
        ],
        "single": [{**lstm, **_sizes(settings.sizes[0])}],
    }
    return [{"part": part, **case} for part in settings.parts for case in found[part]]


def measure(group: Case, settings: Settings) -> list[Run]:
    """Measure one group: a run for each contestant, with its seconds per call in each round.

    Parameters
    ----------
    group : dict
        One of `groups`.
    """
    case = dict(group)
    part = case.pop("part")
    return list(PARTS[part](case, settings))


def cpu_seconds() -> float:
    """Return the CPU time so far of this process and of those that it started and that ended."""
    return sum(os.times()[:4])


def _floor(case: Case, settings: Settings) -> Iterator[Run]:
    start = cpu_seconds()
    speeds = floor.measure(
        case["dtype"], rounds=settings.rounds, batch=settings.batch, rng=_rng(settings)
    )
    score = {name: _short(value) for name, value in speeds._asdict().items()}
    yield Run({"part": "floor", **case}, score, round(cpu_seconds() - start, 3))


def _product(case: Case, settings: Settings) -> Iterator[Run]:
    """Time what no run can take out of its loop, $h_{t-1} W_h$, by each library."""
    params = contestants.draw(**case, seed=settings.seed).params
    h = _rng(settings).normal(size=(case["B"], case["H"])).astype(case["dtype"])
    work = blas.products(h, params.W_h)
    wanted, *others = (blas.as_array(product()) for product in work.values())
    errors = [relative_error(other, wanted) for other in others]
    yield from _equality("product", case, dict(zip([*work][1:], errors, strict=True)), "numpy")
    for who, timing in _time(work, settings).items():
        yield _timed({"part": "product", **case, "who": who}, timing)


def _ratio(case: Case, settings: Settings) -> Iterator[Run]:
    # Only there has torch two ways: one operator for all steps, or many for each.
    two_ways = (case["cell"], case["dtype"]) == ("lstm", "float32")
    who = settings.who + (settings.lstm_who if two_ways else ())
    return _side_by_side("ratio", case, settings, who, settings.modes)


def _recompute(case: Case, settings: Settings) -> Iterator[Run]:
    return _side_by_side("recompute", case, settings, ("fused", *settings.recompute_who), ("both",))


def _side_by_side(
    part: str, case: Case, settings: Settings, names: tuple[str, ...], modes: tuple[str, ...]
) -> Iterator[Run]:
    entered = contestants.enter(names, contestants.draw(**case, seed=settings.seed))
    yield from _equality(part, case, contestants.errors(entered), names[0])
    for mode in modes:
        work = {who: getattr(entered[who], mode) for who in names}
        for who, timing in _time(work, settings).items():
            yield _timed({"part": part, **case, "mode": mode, "who": who}, timing)


def _scaling(case: Case, settings: Settings) -> Iterator[Run]:
    axis = case["axis"]
    work: dict[tuple[int, str], Callable[[], object]] = {}
    for value in dict(settings.scaling)[axis]:
        sizes = {**_sizes(settings.base), axis: value}
        problem = contestants.draw(case["cell"], case["dtype"], **sizes, seed=settings.seed)
        entered = contestants.enter(settings.scaling_who, problem)
        yield from _equality("scaling", {**case, **sizes}, contestants.errors(entered))
        work |= {(value, who): entered[who].both for who in settings.scaling_who}
    for (value, who), timing in _time(work, settings).items():
        sizes = {**_sizes(settings.base), axis: value}
        yield _timed({"part": "scaling", **case, **sizes, "mode": "both", "who": who}, timing)


def _ladder(case: Case, settings: Settings) -> Iterator[Run]:
    wide = contestants.draw(**case, dtype="float64", seed=settings.seed)
    wanted = contestants.enter(("unroll",), wide)["unroll"].outcome()
    work = {}
    for name, rung in RUNGS.items():
        _, *arrays = contestants.draw(**case, dtype=rung.dtype, seed=settings.seed)
        work[name] = _call(rung.run, *arrays)
        error = relative_error(Outcome(*work[name]()), wanted)
        yield from _equality("ladder", {**case, "dtype": rung.dtype}, {name: error}, "unroll")
    for name, timing in _time(work, settings).items():
        named = {**case, "dtype": RUNGS[name].dtype, "mode": "both", "who": name}
        yield _timed({"part": "ladder", **named}, timing)


def _memory(case: Case, settings: Settings) -> Iterator[Run]:
    start = cpu_seconds()
    problem = {name: value for name, value in case.items() if name != "who"}
    score = memory.measure(case["who"], **problem, seed=settings.seed)
    if score is not None:
        seconds = round(cpu_seconds() - start, 3)
        yield Run({"part": "memory", **case, "mode": "both"}, score, seconds)


def _single(case: Case, settings: Settings) -> Iterator[Run]:
    """Time single calls as well, by the clock on the wall: a call alone finds a cold machine."""
    entered = contestants.enter(settings.who, contestants.draw(**case, seed=settings.seed))
    yield from _equality("single", case, contestants.errors(entered))
    work = {who: entered[who].both for who in settings.who}
    numbers = np.zeros(2**22)  # 32 MB: more than the caches near a processor hold

    def pause() -> None:
        time.sleep(0.01)

    def other_work() -> None:
        np.add(numbers, 1, out=numbers)

    ways: dict[str, tuple[int, float, Callable[[], None] | None]] = {
        "nothing": (settings.rounds, settings.batch, None),
        "pause": (settings.singles, 0, pause),
        "work": (settings.singles, 0, other_work),
    }
    for name, (rounds, batch, between) in ways.items():
        times = clock.time_rounds(
            work,
            rounds=rounds,
            batch=batch,
            rng=_rng(settings),
            timer=time.perf_counter,
            between=between,
        )
        for who, timing in times.items():
            named = {"part": "single", **case, "mode": "both", "between": name, "who": who}
            yield _timed(named, timing)


PARTS: dict[str, Callable[[Case, Settings], Iterator[Run]]] = {
    "floor": _floor,
    "product": _product,
    "ratio": _ratio,
    "scaling": _scaling,
    "ladder": _ladder,
    "recompute": _recompute,
    "memory": _memory,
    "single": _single,
}


def _equality(
    of: str, case: Case, errors: dict[str, float], against: str = "torch"
) -> Iterator[Run]:
    for who, error in errors.items():
        named = {"part": "equality", "of": of, **case, "who": who, "against": against}
        yield Run(named, {"largest": _short(error)}, 0)


def _time(work: dict[Any, Callable[[], object]], settings: Settings) -> dict[Any, Timing]:
    return clock.time_rounds(work, rounds=settings.rounds, batch=settings.batch, rng=_rng(settings))


def _timed(case: Case, timing: Timing) -> Run:
    score = {"rounds": [_short(seconds) for seconds in timing.rounds], "calls": timing.calls}
    return Run(case, score, round(sum(timing.rounds) * timing.calls, 3))


def _call(f: Callable[..., Any], *arguments: Any) -> Callable[[], Any]:
    return lambda: f(*arguments)


def _sizes(size: Size) -> dict[str, int]:
    return dict(zip(AXES, size, strict=True))


def _rng(settings: Settings) -> np.random.Generator:
    return np.random.default_rng(settings.seed)


def _short(number: float) -> float:
    """Round to four significant digits."""
    return float(f"{number:.3e}")
