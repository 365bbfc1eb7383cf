"""Run an experiment: its cases side by side, each kept as soon as it is done.

Parameters
----------
experiment : module
    The experiment.
jobs : int
    How many cases run side by side.
"""

import contextlib
import dataclasses
import functools
import importlib
import io
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

from bptt import progress
from bptt.experiments.registry import Case, Experiment, find
from bptt.records import notes
from bptt.records.digest import digest
from bptt.records.provenance import provenance, today
from bptt.records.results import Result, Run, load, path, save

Work: TypeAlias = Callable[[Case], Run]

DAY = 24 * 60  # minutes that a task of an array may take


def run(experiment: Experiment, settings: Any) -> list[Run]:
    """Run an experiment in this process, and keep nothing."""
    runs: list[Run] = []
    while ahead := _ahead(experiment, settings, runs):
        runs += [_measure(experiment.__name__, case) for case in ahead]
    return runs


def measure(name: str, jobs: int, cluster: str | None = None) -> Result:
    """Run an experiment in full and save its result. An interrupted run goes on where it was.

    Parameters
    ----------
    cluster : str, optional
        `slurm` for an array of tasks, one for each case; `local` to try that here, where all tasks
        start at once. By default the cases run in processes of this machine.
    """
    experiment = find(name)
    stamp, place = digest(experiment.__name__), notes.folder(name)
    work = functools.partial(_note, place, stamp, experiment.__name__)
    run_all = functools.partial(_array, cluster, place / "tasks") if cluster else _side_by_side
    runs = notes.read(place, stamp)
    while ahead := _ahead(experiment, experiment.FULL, runs):
        ahead.sort(key=lambda case: -case.get("T", 0))  # the long ones first
        list(run_all(work, ahead, jobs))
        runs = notes.read(place, stamp)
    noted = {notes.key(run.case): run for run in runs}
    wanted = [noted[notes.key(case)] for case in experiment.cases(experiment.FULL, runs)]
    result = Result(_settings(experiment.FULL), tuple(wanted), provenance(stamp, wanted))
    save(name, result)
    notes.remove(place)
    return result


def recheck(name: str, jobs: int) -> Result:
    """Run one seed again and stamp the result with the digest of today's code if it agrees.

    Of an experiment with a function `beginning` the beginning of its first case is run again, and
    has to agree as far as it goes.

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
    if [notes.key(case) for case in cases] != [notes.key(run.case) for run in result.runs]:
        raise ValueError(f"experiments: the cases of {name} have changed; {anew}")
    stamp = digest(experiment.__name__)
    old = {notes.key(run.case): run.score for run in result.runs}
    chosen = [case for case in cases if case["seed"] == experiment.FULL.seeds[0]]
    if not chosen:
        raise ValueError(f"experiments: no case of {name} has its first seed; {anew}")
    beginning = getattr(experiment, "beginning", None)
    if beginning:
        first = beginning(chosen[0])
        old, chosen = {notes.key(first): old[notes.key(chosen[0])]}, [first]
    for run in _side_by_side(functools.partial(_measure, experiment.__name__), chosen, jobs):
        was = old[notes.key(run.case)]
        wanted = _as_far_as(run.score, was) if beginning else was
        if _repeats(run.score) != _repeats(wanted):
            raise ValueError(f"experiments: {run.case} gave {was}, now {run.score}; {anew}")
    made_by = {**result.provenance, "digest": stamp, "rechecked": today()}
    stamped = result._replace(provenance=made_by)
    save(name, stamped)
    return stamped


def is_stale(name: str) -> bool:
    """Tell whether the code or the settings have changed since an experiment was measured.

    Without a result it is stale as well. `recheck` can make up for a change of the code.
    """
    experiment = find(name)
    if not path(name).is_file():
        return True
    result = load(name)
    stamp = digest(experiment.__name__)
    same_settings = bool(result.settings == _settings(experiment.FULL))
    return result.provenance["digest"] != stamp or not same_settings


def _ahead(experiment: Experiment, settings: Any, runs: list[Run]) -> list[Case]:
    done = {notes.key(run.case) for run in runs}
    return [case for case in experiment.cases(settings, runs) if notes.key(case) not in done]


def _repeats(score: Mapping[str, Any]) -> dict[str, Any]:
    """Return what comes out again when a case is run again."""
    return {name: value for name, value in score.items() if name != "seconds"}


def _as_far_as(new: Mapping[str, Any], old: Mapping[str, Any]) -> dict[str, Any]:
    """Return the beginnings of the old lists, as long as the new ones; all else as it is."""

    def begun(name: str, value: Any) -> Any:
        listed = isinstance(value, list) and isinstance(new.get(name), list)
        return value[: len(new[name])] if listed else value

    return {name: begun(name, value) for name, value in old.items()}


def _side_by_side(work: Work, cases: list[Case], jobs: int) -> Iterable[Run]:
    """Run cases in other processes; yield each run as soon as it is done."""
    from joblib import Parallel, delayed

    pool = Parallel(n_jobs=jobs, batch_size=1, return_as="generator_unordered")
    runs = pool(delayed(work)(case) for case in cases)
    return progress.shown(runs, unit="run", total=len(cases))


def _array(cluster: str, place: Path, work: Work, cases: list[Case], jobs: int) -> Iterable[Run]:
    """Run each case as a task of an array, so many at once; return the runs when all have ended."""
    from submitit import AutoExecutor

    executor = AutoExecutor(place, cluster=cluster)
    executor.update_parameters(timeout_min=DAY, slurm_array_parallelism=jobs)
    tasks = executor.map_array(work, cases)
    for task in progress.shown(tasks, unit="run"):
        task.wait()
    return [task.result() for task in tasks]


def _note(place: Path, stamp: str, module: str, case: Case) -> Run:
    """Run a case and note it, where other processes note theirs."""
    run = _measure(module, case)
    notes.write(place, stamp, run)
    return run


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
