"""What a step of the language model takes where processes share its rows: the part that is timed.

`bptt.bench.sharing` starts the processes, each with one thread for its products, and keeps what
comes out. The seconds are those of the clock: they mean something on a quiet machine only, with a
processor for each process. Every round times every case once, in a new random order that is the
same on all processes. Those that have no part in a case sleep, so that they take no time from the
others.
"""

import dataclasses
import json
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import tree
from bptt.cells import CELLS
from bptt.lm import parallel, update
from bptt.lm.engine import Numpy
from bptt.lm.objective import loss_and_grads
from bptt.lm.settings import Settings as Training
from bptt.shapes import Array

NAP = 5e-4  # seconds between two looks of a process that waits for its turn
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
    rounds: Annotated[int, "how often each is timed"] = 25

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
    calls: Annotated[int, "how often in a round"]


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
            yield Timed(case, size, stepper(settings.training(batch), comm, size), 1)
    # One by itself, and as many as there are at once: they share caches and the way to the memory.
    for size in (1, most):
        for rows in settings.rows:
            case = {"part": "read", "size": size, "rows": rows}
            yield Timed(case, size, reader(settings.training(rows)), 1)
        yield Timed({"part": "update", "size": size}, size, updater(settings.training(1)), 3)
    weights, _ = tree.ravel(update.start(settings.training(1), CHARACTERS).params)
    for floats in settings.floats:
        vector = weights[: floats or None]
        case = {"part": "sum", "size": most, "bytes": vector.nbytes}
        yield Timed(case, most, summer(world, vector), 10)


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
    engine = Numpy(training, text) if size == 1 else parallel.Ranks(training, text, comm)
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


def measure(settings: Settings, world: Any) -> list[tuple[dict[str, Any], list[float]]]:
    """Time all cases in all rounds; all processes call this.

    Parameters
    ----------
    world : mpi4py.MPI.Comm
        All processes.

    Returns
    -------
    found : list of tuple
        Each case with its seconds, one for each round, as this process saw them.
    """
    timed = list(cases(settings, world))
    pairs = {one.size: world.Split(int(world.rank < one.size), world.rank) for one in timed}
    seconds: list[list[float]] = [[] for _ in timed]
    rng = np.random.default_rng(0)
    for turn in range(settings.rounds + 1):  # the first one is not counted
        for k in rng.permutation(len(timed)):
            one = timed[k]
            _sleep_until(world)
            if world.rank >= one.size:
                continue
            pairs[one.size].Barrier()
            before = time.perf_counter()
            for _ in range(one.calls):
                one.work()
            taken = (time.perf_counter() - before) / one.calls
            if turn:
                seconds[k].append(taken)
    return [(one.case, found) for one, found in zip(timed, seconds, strict=True)]


def _sleep_until(world: Any) -> None:
    """Wait for all others without keeping a processor busy."""
    request = world.Ibarrier()
    while not request.Test():
        time.sleep(NAP)


def main() -> None:
    """Measure as one of the processes; the first one tells, as JSON."""
    asked = json.loads(sys.argv[1])
    settings = Settings(**{name: _tuple(value) for name, value in asked.items()})
    with parallel.joined(settings.sizes[-1]) as crew:
        found = measure(settings, crew.comm)
        if crew.rank == 0:
            from mpi4py import MPI

            version = MPI.Get_library_version().split(",")[0].split("\n")[0]
            sys.stdout.write(json.dumps({"mpi": version, "found": found}))


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def plain(settings: Settings) -> str:
    """Return settings as `main` reads them."""
    return json.dumps(dataclasses.asdict(settings))


if __name__ == "__main__":
    main()
