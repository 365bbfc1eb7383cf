"""Run the parts, keep what is done, judge it, and save the result with where it was measured."""

import dataclasses
import hashlib
import importlib.metadata
import json
import sys
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from bptt import progress
from bptt.bench import blas, machine, parts, tables
from bptt.bench.clock import Ratio
from bptt.bench.contestants import BOUNDS
from bptt.bench.parts import Settings
from bptt.records import notes
from bptt.records.digest import digest
from bptt.records.provenance import provenance
from bptt.records.results import Result, Run, save

NAME = "bench"
# What is timed and how it is timed: the code whose digest the result carries.
TIMED = "bptt.bench.parts"

# How many times as long as torch `fused` may take in a short run, by the number of sequences. With
# one, a step is a few calls of NumPy on hardly any numbers, and torch runs compiled code
# throughout; with more, the numbers count. Other machines and noise need room: this is an alarm,
# not a measurement.
LIMITS = {1: 4.0, 32: 3.0}


def measure(settings: Settings = parts.FULL) -> Result:
    """Measure everything and save the result. An interrupted run goes on where it was.

    Raises
    ------
    ValueError
        If two contestants do not agree: then nothing is saved, and no further part is measured.
    """
    stamp = digest(TIMED)
    # What other code noted, or this code with other settings, does not count.
    asked = _plain(dataclasses.asdict(settings))
    mark = hashlib.sha256(json.dumps([stamp, asked]).encode()).hexdigest()[:16]
    place = notes.folder(NAME)
    for group in run(settings, [group.case for group in notes.read(place, mark)]):
        if wrong := differences(_runs([group])):
            raise ValueError(f"bench: nothing is saved; {'; '.join(wrong)}")
        notes.write(place, mark, group)
    done = {notes.key(group.case): group for group in notes.read(place, mark)}
    wanted = [done[notes.key(case)] for case in parts.groups(settings)]
    made_by = {**provenance(stamp, wanted), **_surroundings()}
    result = Result(asked, tuple(_runs(wanted)), made_by)
    save(NAME, result)
    notes.remove(place)
    return result


def run(settings: Settings, done: Sequence[Any] = ()) -> Iterator[Run]:
    """Measure group by group, tell how far it is, and yield each with its runs as score "runs".

    Parameters
    ----------
    done : sequence of dict
        The groups to leave out.
    """
    ahead = [group for group in parts.groups(settings) if group not in done]
    spent: dict[str, float] = {}
    groups = progress.shown(ahead, unit="group")
    for k, group in enumerate(groups):
        start = parts.cpu_seconds()
        found = parts.measure(group, settings)
        seconds = round(parts.cpu_seconds() - start, 3)
        part = group["part"]
        spent[part] = spent.get(part, 0) + seconds
        last = k + 1 == len(ahead) or ahead[k + 1]["part"] != part
        if groups is ahead and last:  # there is no bar
            sys.stdout.write(f"{part}: {spent[part]:.0f} s of CPU\n")
            sys.stdout.flush()
        yield Run(group, {"runs": _plain(found)}, seconds)


def _plain(value: Any) -> Any:
    """Return what JSON keeps of a value: lists in place of tuples, and finite numbers only."""
    return json.loads(json.dumps(value, allow_nan=False))


def differences(runs: Sequence[Run]) -> list[str]:
    """Return a sentence for each contestant that did not compute what it should."""
    return [
        f"{case['who']} differs from {case['against']} by {run.score['largest']:.1e}, "
        f"at most {BOUNDS[case['dtype']]:.0e} is allowed ({_words(case)})"
        for run in runs
        if (case := run.case)["part"] == "equality"
        and not run.score["largest"] <= BOUNDS[case["dtype"]]
    ]


def delays(result: Result) -> list[str]:
    """Return a sentence for each case in which `fused` is far slower than torch."""
    return [
        f"fused takes {ratio.minima:.1f} times as long as torch, "
        f"at most {LIMITS[case['B']]:g} is allowed ({_words(case)})"
        for case, ratio in _ratios(result)
        if ratio.minima > LIMITS[case["B"]]
    ]


def summary(result: Result) -> list[str]:
    """Return a line for each comparison of `fused` with torch."""
    return [
        f"fused / torch {r.median:5.2f} [{r.q1:.2f}, {r.q3:.2f}]"
        f"{'' if r.resolved else ' unresolved'}: {_words(case)}"
        for case, r in _ratios(result)
    ]


def _surroundings() -> dict[str, Any]:
    """Return the version of torch, who multiplies, the processor, and what is used of it."""
    config: Any = np.show_config(mode="dicts")
    simd = config["SIMD Extensions"]
    return {
        "torch": importlib.metadata.version("torch"),
        "libraries": blas.libraries(),
        "cpu": machine.cpu_model(),
        "simd": simd["baseline"] + simd.get("found", []),
        "threads": 1,
    }


def _runs(groups: Sequence[Run]) -> list[Run]:
    return [Run(*entry) for group in groups for entry in group.score["runs"]]


def _ratios(result: Result) -> list[tuple[dict[str, Any], Ratio]]:
    """Return the cases in which `fused` and torch were timed side by side, and how they compare."""
    cases = [dict(run.case) for run in result.runs]
    chosen = [case for case in cases if (case["part"], case.get("who")) == ("ratio", "fused")]
    asked = [{k: v for k, v in case.items() if k not in {"part", "who"}} for case in chosen]
    return [(case, tables.ratio(result, "fused", **case)) for case in asked]


def _words(case: Any) -> str:
    """Name a case: cell, dtype, sizes, mode."""
    sizes = f"({', '.join(str(case[axis]) for axis in parts.AXES)})"
    return " ".join([case["cell"], case["dtype"], sizes, case.get("mode", "")]).strip()
