"""How well processes share a step of the language model: `python -m bptt.bench.parallel 1 2`.

For each number of processes `mpiexec` starts as many, each with one thread for its products. The
seconds are those of the clock: they mean something on a quiet machine only, with a processor for
each of them.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Annotated, NamedTuple

import numpy as np

from bptt import tree
from bptt.lm import crews, parallel, update
from bptt.lm.engine import Crew
from bptt.lm.settings import Settings

# The network of the model that the package brings along, and the batch that trained it.
SETTINGS = Settings(embedding=128, widths=(512, 512), batch=16, chunk=64)
CHARACTERS, STEPS = 65, 10
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Sharing(NamedTuple):
    """What a step takes where so many processes share it: medians, in seconds by the clock."""

    size: Annotated[int, "the processes"]
    step: Annotated[float, "of a whole step"]
    reduce: Annotated[float, "of the sum of gradients alone, when all come at once; 0 for one"]
    bytes: Annotated[int, "of the gradient and the loss, which each process hands in"]


def measure(crew: Crew, settings: Settings = SETTINGS, steps: int = STEPS) -> Sharing:
    """Take some steps with all the processes of a crew, which all call this.

    Parameters
    ----------
    crew : Crew
        The processes, that of `bptt.lm.crews.joined`.
    settings : Settings
        What is trained.
    steps : int
        How many steps are timed, after one that is not.
    """
    length = 20 * settings.batch * settings.chunk
    codes = np.random.default_rng(0).integers(CHARACTERS, size=length)
    engine = crew.engine(settings, codes)
    run = engine.own(update.start(settings, CHARACTERS))

    def step() -> None:
        nonlocal run
        run, _ = engine.advance(run)

    vector, _ = tree.ravel((run.params, np.zeros(1, np.float32)))
    taken = _seconds(step, crew, steps)
    reduced = 0.0
    if isinstance(crew, parallel.Crew):
        comm = crew.comm
        reduced = _seconds(lambda: parallel.summed(comm, vector), crew, steps)
    return Sharing(crew.size, taken, reduced, vector.nbytes)


def _seconds(work: Callable[[], object], crew: Crew, times: int) -> float:
    """Return the median of what a call takes where all processes begin together."""
    work()
    taken = []
    for _ in range(times):
        crew.share(None)
        before = time.perf_counter()
        work()
        taken.append(time.perf_counter() - before)
    return float(np.median(taken))


def started(size: int) -> Sharing:
    """Measure with so many processes, which `mpiexec` starts.

    Parameters
    ----------
    size : int
        How many.

    Raises
    ------
    FileNotFoundError, subprocess.CalledProcessError
        If there is no `mpiexec`, or it fails.
    """
    command = ["mpiexec", "-n", str(size), sys.executable, "-m", "bptt.bench.parallel"]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    run = subprocess.run(  # noqa: S603  # ours
        command, env=environment, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    return Sharing(**json.loads(run.stdout))


def lines(found: list[Sharing]) -> list[str]:
    """Tell what was measured, each against the first one.

    Parameters
    ----------
    found : list of Sharing
        What `started` returned.
    """
    first = found[0]
    return [
        f"{one.size} processes: {one.step:.3f} s a step, {first.step / one.step:.2f} times as fast "
        f"as {first.size}; the sum of {one.bytes:,} bytes takes {one.reduce:.4f} s"
        for one in found
    ]


def main() -> None:
    """Start the processes and tell; one that was started, without a number, measures its part."""
    parser = argparse.ArgumentParser(prog="python -m bptt.bench.parallel", description=main.__doc__)
    parser.add_argument("sizes", nargs="*", type=int, help="numbers of processes, such as 1 2 4")
    sizes = parser.parse_args().sizes
    if sizes:
        sys.stdout.writelines(f"{line}\n" for line in lines([started(size) for size in sizes]))
        return
    with crews.joined("numpy", None) as crew:
        found = measure(crew)
        if crew.rank == 0:
            sys.stdout.write(json.dumps(found._asdict()))


if __name__ == "__main__":
    main()
