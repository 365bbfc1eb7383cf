"""Run an experiment: its cases side by side, each kept as soon as it is done."""

import contextlib
import dataclasses
import importlib
import io
import json
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from typing import Any

from bptt import progress
from bptt.experiments.registry import Case, Experiment, find
from bptt.records import notes
from bptt.records.digest import digest
from bptt.records.provenance import provenance, today
from bptt.records.results import Result, Run, load, path, save


def run(experiment: Experiment, settings: Any) -> list[Run]:
    """Run an experiment in this process, and keep nothing.

    Parameters
    ----------
    experiment : module
        The experiment.
    """
    runs: list[Run] = []
    while ahead := _ahead(experiment, settings, runs):
        runs += [_measure(experiment.__name__, case) for case in ahead]
    return runs


def measure(name: str, processes: int) -> Result:
    """Run an experiment in full and save its result. An interrupted run goes on where it was.

    Parameters
    ----------
    name : str
        The experiment.
    processes : int
        How many cases run side by side.
    """
    experiment = find(name)
    stamp = digest(experiment.__name__)
    with notes.kept(name, stamp) as (runs, note):
        while ahead := _ahead(experiment, experiment.FULL, runs):
            ahead.sort(key=lambda case: -case.get("T", 0))  # the long ones first
            for run in _side_by_side(experiment, ahead, processes):
                note(run)
        done = {_key(run.case): run for run in runs}
        wanted = [done[_key(case)] for case in experiment.cases(experiment.FULL, runs)]
        result = Result(_settings(experiment.FULL), tuple(wanted), provenance(stamp, wanted))
        save(name, result)
    return result


def recheck(name: str, processes: int) -> Result:
    """Run one seed again and stamp the result with the digest of today's code if it agrees.

    Parameters
    ----------
    name : str
        The experiment.
    processes : int
        How many cases run side by side.

    Raises
    ------
    ValueError
        If the settings or the cases are not those of the result, or a score differs in any digit,
        the one with the name `seconds` apart.
    """
    experiment, result = find(name), load(name)
    anew = f"measure {name} anew"
    if _settings(experiment.FULL) != result.settings:
        raise ValueError(f"experiments: the settings of {name} have changed; {anew}")
    cases = experiment.cases(experiment.FULL, list(result.runs))
    if [_key(case) for case in cases] != [_key(run.case) for run in result.runs]:
        raise ValueError(f"experiments: the cases of {name} have changed; {anew}")
    stamp = digest(experiment.__name__)
    old = {_key(run.case): run.score for run in result.runs}
    chosen = [case for case in cases if case["seed"] == experiment.FULL.seeds[0]]
    if not chosen:
        raise ValueError(f"experiments: no case of {name} has its first seed; {anew}")
    for run in _side_by_side(experiment, chosen, processes):
        if _repeats(run.score) != _repeats(old[_key(run.case)]):
            raise ValueError(
                f"experiments: {run.case} gave {old[_key(run.case)]}, now {run.score}; {anew}"
            )
    made_by = {**result.provenance, "digest": stamp, "rechecked": today()}
    stamped = result._replace(provenance=made_by)
    save(name, stamped)
    return stamped


def is_stale(name: str) -> bool:
    """Tell whether the code or the settings have changed since an experiment was measured.

    Without a result it is stale as well. `recheck` can make up for a change of the code.

    Parameters
    ----------
    name : str
        The experiment.
    """
    experiment = find(name)
    if not path(name).is_file():
        return True
    result = load(name)
    stamp = digest(experiment.__name__)
    same_settings = bool(result.settings == _settings(experiment.FULL))
    return result.provenance["digest"] != stamp or not same_settings


def _ahead(experiment: Experiment, settings: Any, runs: list[Run]) -> list[Case]:
    done = {_key(run.case) for run in runs}
    return [case for case in experiment.cases(settings, runs) if _key(case) not in done]


def _key(case: Mapping[str, Any]) -> str:
    return json.dumps(case, sort_keys=True)


def _repeats(score: Mapping[str, Any]) -> dict[str, Any]:
    """Return what comes out again when a case is run again."""
    return {name: value for name, value in score.items() if name != "seconds"}


def _side_by_side(experiment: Experiment, cases: list[Case], processes: int) -> Iterator[Run]:
    """Run cases in other processes; yield each run as soon as it is done."""
    # Forking would copy the locks of NumPy's threads.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        waiting = [pool.submit(_measure, experiment.__name__, case) for case in cases]
        try:
            for done in progress.shown(as_completed(waiting), unit="run", total=len(waiting)):
                yield done.result()
        finally:  # after an error, start no more
            pool.shutdown(cancel_futures=True)


def _measure(module: str, case: Case) -> Run:
    experiment: Any = importlib.import_module(module)
    start = time.process_time()
    try:
        with contextlib.redirect_stderr(io.StringIO()):  # no bar for each of many trainings
            score = json.dumps(experiment.score(case), allow_nan=False)
    except Exception as error:
        raise RuntimeError(f"experiments: {module} failed at {case}") from error
    return Run(case, json.loads(score), round(time.process_time() - start, 3))


def _settings(settings: Any) -> Any:
    return json.loads(json.dumps(dataclasses.asdict(settings)))
