"""What a step of the language model takes where processes share its rows: the part that is timed.

`bptt.bench.sharing` starts the processes, each with one thread for its products, and keeps what
comes out. Every round times every case once, in a new random order that is the same on all
processes. Those that have no part in a case sleep.

What is timed is CPU time, so that other programs lengthen the wait more than the numbers. A process
that waits for another one sleeps here, and what counts is the process that worked longest: this is
what the others wait for. Only a sum over all processes is timed by the clock, since hardly anything
is computed there; what counts is the shortest of many calls. For the rest the clock stands beside.
"""

import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypeAlias

import numpy as np

from bptt import tree
from bptt.cells import CELLS
from bptt.lm import parallel, update
from bptt.lm.engine import Numpy
from bptt.lm.objective import loss_and_grads
from bptt.lm.settings import Settings as Training
from bptt.shapes import Array

NAP = 5e-4  # seconds between two looks of a process that waits
CHARACTERS = 65


@dataclass(frozen=True)
class Settings:
    """What is measured. The network is that of the model which the package brings along."""

    embedding: Annotated[int, "D, how many numbers stand for a character"] = 128
    widths: Annotated[tuple[int, ...], "the number of units of each layer"] = (512, 512)
    chunk: Annotated[int, "T, the steps in time of a chunk"] = 64
    sizes: Annotated[tuple[int, ...], "N, numbers of processes; the last is the largest"] = (1, 2)
    batches: Annotated[tuple[int, ...], "B, the rows that the processes share"] = (16, 32, 64)
    rows: Annotated[tuple[int, ...], "what one process reads, for the parts of a step"] = (
        *(4, 8, 16, 32),
    )
    floats: Annotated[tuple[int, ...], "numbers of float32 in a sum; 0 for all weights"] = (
        *(1, 1 << 16, 1 << 20, 0),
    )
    rounds: Annotated[int, "how often each is timed"] = 15

    def training(self, batch: int) -> Training:
        """Return what is trained.

        Parameters
        ----------
        batch : int
            The rows of a batch.
        """
        return Training(embedding=self.embedding, widths=self.widths, batch=batch, chunk=self.chunk)


class Timed(NamedTuple):
    """One thing that is timed."""

    case: Annotated[dict[str, Any], "what it is"]
    size: Annotated[int, "the processes that take part"]
    work: Annotated[Callable[[], object], "what each of them calls"]
    calls: Annotated[int, "how often in a round"] = 1
    shortest: Annotated[bool, "whether the shortest call counts, by the clock"] = False


class Napping(NamedTuple):
    """A communicator whose processes sleep where they wait."""

    comm: Annotated[Any, "MPI's communicator"]
    rank: Annotated[int, "which of the processes this is"]
    size: Annotated[int, "how many there are"]

    def Iallreduce(self, array: Array, total: Array) -> "Nap":  # noqa: N802  # MPI's name
        """Begin a sum over all processes.

        Parameters
        ----------
        array : ndarray
            What this one hands in.
        total : ndarray
            Where the sum is written.
        """
        return Nap(self.comm.Iallreduce(array, total))


class Nap(NamedTuple):
    """A sum on its way."""

    request: Annotated[Any, "MPI's request"]

    def Test(self) -> bool:  # noqa: N802  # MPI's name
        """Tell whether it is done, and sleep a little where it is not."""
        done = bool(self.request.Test())
        if not done:
            time.sleep(NAP)
        return done


Found: TypeAlias = list[tuple[dict[str, Any], list[float], list[float]]]


def cases(settings: Settings, world: Any) -> Iterator[Timed]:
    """Prepare all that is timed, on each process.

    Parameters
    ----------
    world : mpi4py.MPI.Comm
        All processes.
    """
    most = settings.sizes[-1]
    for size in settings.sizes:
        comm = world.Split(int(world.rank < size), world.rank)
        for batch in settings.batches:
            case = {"part": "step", "size": size, "batch": batch}
            yield Timed(case, size, stepper(settings.training(batch), comm, size))
    for rows in settings.rows:
        case = {"part": "read", "size": 1, "rows": rows}
        yield Timed(case, 1, reader(settings.training(rows)))
    yield Timed({"part": "update", "size": 1}, 1, updater(settings.training(1)), 3)
    weights, _ = tree.ravel(update.start(settings.training(1), CHARACTERS).params)
    for floats in settings.floats:
        vector = weights[: floats or None]
        case = {"part": "sum", "size": most, "bytes": vector.nbytes}
        yield Timed(case, most, summer(world, vector), 20, True)


def stepper(training: Training, comm: Any, size: int) -> Callable[[], object]:
    """Return what takes the next step of a training.

    Parameters
    ----------
    training : Settings
        What is trained.
    comm : mpi4py.MPI.Comm
        The processes that share it.
    size : int
        How many they are; one needs no communicator.
    """
    text = codes(training)
    engine = (
        Numpy(training, text)
        if size == 1
        else parallel.Ranks(training, text, Napping(comm, comm.rank, comm.size))
    )
    if comm.size != size:  # this process has no part
        return lambda: None
    run = engine.own(update.start(training, CHARACTERS))

    def step() -> None:
        nonlocal run
        run, _ = engine.advance(run)

    return step


def reader(training: Training) -> Callable[[], object]:
    """Return what reads a chunk and computes the gradient of its loss.

    Parameters
    ----------
    training : Settings
        What is trained.
    """
    run = update.start(training, CHARACTERS)
    chunk = update.chunk_at(training, codes(training), 0)
    masks = update.masks_at(training, run.params, 0)
    return lambda: loss_and_grads(CELLS[training.cell], run.params, *chunk, run.states, masks)


def updater(training: Training) -> Callable[[], object]:
    """Return what clips a gradient and takes Adam's step.

    Parameters
    ----------
    training : Settings
        What is trained.
    """
    run = update.start(training, CHARACTERS)
    return lambda: update.learnt(training, run, run.params, run.states)


def summer(comm: Any, vector: Array) -> Callable[[], object]:
    """Return what adds a vector up over all processes.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        The processes.
    vector : ndarray
        What each of them hands in.
    """
    return lambda: parallel.summed(comm, vector)


def codes(training: Training) -> Array:
    """Draw a text of random characters, as each process does.

    Parameters
    ----------
    training : Settings
        What is trained on it.
    """
    length = 20 * training.batch * training.chunk
    return np.random.default_rng(0).integers(CHARACTERS, size=length)


def measure(settings: Settings, world: Any) -> Found:
    """Time all cases in all rounds; all processes call this.

    Parameters
    ----------
    world : mpi4py.MPI.Comm
        All processes.

    Returns
    -------
    found : list of tuple
        Each case, its seconds in each round, and those of the clock.
    """
    timed = list(cases(settings, world))
    crews = {size: world.Split(int(world.rank < size), world.rank) for size in settings.sizes}
    found: Found = [(one.case, [], []) for one in timed]
    rng = np.random.default_rng(0)
    for one in timed:  # not counted: what is loaded and kept for the first time
        if world.rank < one.size:
            one.work()
    for _ in range(settings.rounds):
        for k in rng.permutation(len(timed)):
            one = timed[k]
            _sleep_until(world)
            if world.rank < one.size:
                taken = crews[one.size].allgather(_timed(one, crews[one.size]))
                for kept, seconds in zip(found[k][1:], map(max, *taken, (0, 0)), strict=True):
                    kept.append(seconds)
    return found


def _timed(one: Timed, crew: Any) -> tuple[float, float]:
    """Return what a call takes, and by the clock, where all processes begin together."""
    clock, used = [], []
    for _ in range(one.calls):
        crew.Barrier()
        before, work = time.perf_counter(), time.process_time()
        one.work()
        clock.append(time.perf_counter() - before)
        used.append(time.process_time() - work)
    if one.shortest:
        return min(clock), min(clock)
    return sum(used) / one.calls, sum(clock) / one.calls


def _sleep_until(world: Any) -> None:
    """Wait for all others without keeping a processor busy."""
    request = world.Ibarrier()
    while not request.Test():
        time.sleep(NAP)


def main() -> None:
    """Measure as one of the processes; the first one tells, in JSON."""
    asked = json.loads(sys.argv[1])
    settings = Settings(**{name: _tuple(value) for name, value in asked.items()})
    with parallel.joined(settings.sizes[-1]) as crew:
        from mpi4py import MPI

        version = MPI.Get_library_version().split(",")[0].split("\n")[0]
        found = measure(settings, crew.comm)
        if crew.rank == 0:
            sys.stdout.write(json.dumps({"mpi": version, "found": found}))


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


if __name__ == "__main__":
    main()
