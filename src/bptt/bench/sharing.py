r"""How much faster processes take a step together: measured, and what a formula makes of it.

`python -m bptt.bench.sharing` measures, by `bptt.bench.parallel`, and saves the result as
"sharing". Where N processes share B rows, the time of a step is

$$
t(N) = u + a + b \frac{B}{N} + s(N),
$$

where u is the update and s the sum of the gradients over all processes. By a ring,

$$
s(N) = 2 (N - 1) \, d + \frac{2 (N - 1)}{N} \cdot \frac{M}{v},
$$

with the bytes M of the gradient, and the latency $d$ and bandwidth v of what lies between two
neighbours.

Source of the ring: P. Patarasuk and X. Yuan, "Bandwidth optimal all-reduce algorithms for clusters
of workstations", Journal of Parallel and Distributed Computing 69 (2009),
<https://doi.org/10.1016/j.jpdc.2008.09.002>.

Parameters
----------
settings : Settings
    What is measured.
result : Result
    What was measured.
N : int
    The number of processes.
"""

import argparse
import dataclasses
import json
import os
import subprocess
import sys
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt.bench import machine, tables
from bptt.bench.parallel import Settings
from bptt.records.digest import digest
from bptt.records.provenance import provenance
from bptt.records.results import Result, Run, save

NAME = "sharing"
# The code whose digest the result carries.
TIMED = "bptt.bench.parallel"
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Link(NamedTuple):
    """What lies between two processes that are neighbours."""

    latency: Annotated[float, "seconds until the first byte is there"]
    bandwidth: Annotated[float, "bytes a second from then on"]


class Cost(NamedTuple):
    """What a step takes, in seconds."""

    update: Annotated[float, "u, clipping and Adam"]
    fixed: Annotated[float, "a, reading and gradients, however few the rows"]
    row: Annotated[float, "b, reading and gradients for each row"]

    def step(self, rows: float, summing: float = 0.0) -> float:
        """Return what a step takes.

        Parameters
        ----------
        rows : float
            The rows that one process reads.
        summing : float
            What the sum over all processes takes.
        """
        return self.update + self.fixed + self.row * rows + summing


def ring(N: int, size: float, link: Link) -> float:
    """Return what the sum over a ring takes, in seconds.

    Parameters
    ----------
    size : float
        The bytes of what is added up.
    link : Link
        What lies between neighbours.
    """
    return 2 * (N - 1) * link.latency + 2 * (N - 1) / N * size / link.bandwidth


def rounds(result: Result, **case: Any) -> list[float]:
    """Return the seconds of a case, one for each round.

    Parameters
    ----------
    case : object
        What the case holds: part, size, batch, rows, bytes.
    """
    return list(tables.find(result, **case).score["rounds"])


def seconds(result: Result, **case: Any) -> float:
    """Return the median of the seconds of a case.

    Parameters
    ----------
    case : object
        What the case holds: part, size, batch, rows, bytes.
    """
    return float(np.median(rounds(result, **case)))


def cost(result: Result) -> Cost:
    """Fit what a step of one process takes to its parts, by least squares."""
    rows = result.settings["rows"]
    taken = [seconds(result, part="read", rows=count) for count in rows]
    row, fixed = np.polyfit(rows, taken, 1)
    return Cost(seconds(result, part="update"), float(fixed), float(row))


def link(result: Result) -> Link:
    """Fit latency and bandwidth to the sums of two processes, for which a ring is $2 l + M / v$.

    The smallest sum gives the latency, the largest one the bandwidth.
    """
    sizes = sorted(run.case["bytes"] for run in result.runs if run.case["part"] == "sum")
    least, most = (seconds(result, part="sum", bytes=size) for size in (sizes[0], sizes[-1]))
    return Link(least / 2, (sizes[-1] - sizes[0]) / (most - least))


def measure(settings: Settings) -> Result:
    """Start the processes by `mpiexec`, and return what they measured.

    Raises
    ------
    FileNotFoundError, subprocess.CalledProcessError
        If there is no `mpiexec`, or it fails.
    """
    asked = json.dumps(dataclasses.asdict(settings))
    command = ["mpiexec", "-n", str(settings.sizes[-1]), sys.executable, "-m", TIMED, asked]
    environment = {**os.environ, **dict.fromkeys(THREADS, "1")}
    done = subprocess.run(  # noqa: S603  # ours
        command, env=environment, check=True, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    told = json.loads(done.stdout)
    runs = [
        Run(case, {"rounds": taken, "clock": clock}, round(case["size"] * sum(taken), 3))
        for case, taken, clock in told["found"]
    ]
    surroundings = {
        "mpi": told["mpi"],
        "cpu": machine.cpu_model(),
        "processors": os.cpu_count(),
        "threads": 1,
    }
    made_by = {**provenance(digest(TIMED), runs), **surroundings}
    return Result(json.loads(asked), runs, made_by)


def gain(result: Result, size: int, batch: int) -> tuple[float, float, float]:
    """Return how many times as fast as one some processes are, by the medians.

    Also return the least and the most, where one of both stands at its lower and the other at its
    upper quartile.

    Parameters
    ----------
    size : int
        How many processes.
    batch : int
        The rows that they share.
    """
    one, more = (
        np.quantile(rounds(result, part="step", size=n, batch=batch), [0.25, 0.5, 0.75])
        for n in (1, size)
    )
    return float(one[1] / more[1]), float(one[0] / more[2]), float(one[2] / more[0])


def lines(result: Result) -> list[str]:
    """Tell how much faster the processes are together than one."""
    return [
        "{} rows, {} processes: {:.2f} [{:.2f}, {:.2f}] times as fast as one".format(
            batch, size, *gain(result, size, batch)
        )
        for batch in result.settings["batches"]
        for size in result.settings["sizes"][1:]
    ]


def main() -> None:
    """Measure how much faster processes that share the rows of a batch take a step."""
    parser = argparse.ArgumentParser(prog="python -m bptt.bench.sharing", description=main.__doc__)
    parser.add_argument("--short", action="store_true", help="one round, and nothing is saved")
    asked = parser.parse_args()
    result = measure(dataclasses.replace(Settings(), rounds=1) if asked.short else Settings())
    if not asked.short:
        save(NAME, result)
    sys.stdout.writelines(f"{line}\n" for line in lines(result))


if __name__ == "__main__":
    main()
