r"""NumPy in several processes that share a batch, by MPI: data parallelism.

Rank r of N has $B_r$ of the B rows of each chunk, and all weights. The loss of the chunk is a mean
over its rows, so its gradient is a weighted sum,

$$
g = \sum_{r=1}^{N} \frac{B_r}{B} \, g_r,
$$

where $g_r$ is the gradient of the mean over the rows of rank r. A plain mean of the $g_r$ is wrong
where the shares are uneven, and their sum N times too long. One `Allreduce` hands g, and the loss
with it, to all ranks. Each clips it and takes the same step of Adam, so the weights stay the same
everywhere. What is dropped is drawn for all rows on each rank, of which it takes its own.

Parameters
----------
run : Run
    Where the run stands; from `own` on it has the states of the own rows only.
"""

import contextlib
from collections.abc import Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import tree
from bptt.cells import CELLS
from bptt.lm.dropout import cut
from bptt.lm.engine import Engine, insist_on_rows, rows_of
from bptt.lm.objective import loss_and_grads
from bptt.lm.settings import Settings
from bptt.lm.update import Run, carried_at, chunk_at, kept, learnt, masks_at
from bptt.shapes import Array

NEEDS = 'lm.parallel: mpi4py is missing: python -m pip install "bptt[parallel]"'


class Ranks(NamedTuple):
    """The step of one rank. Its form of a run holds the states of its own rows."""

    settings: Annotated[Settings, "what is trained"]
    codes: Annotated[Array, "on what"]
    comm: Annotated[Any, "MPI's communicator"]

    def own(self, run: Run) -> Run:
        """Leave the states of the others' rows out."""
        rows = self._rows()
        return run._replace(states=tree.map(lambda state: state[rows], run.states))

    def advance(self, run: Run) -> tuple[Run, float]:
        """Take the step of the whole batch; each rank reads its own rows of the chunk."""
        settings, rows = self.settings, self._rows()
        inputs, targets = (part[:, rows] for part in chunk_at(settings, self.codes, run.step))
        read = loss_and_grads(
            CELLS[settings.cell],
            run.params,
            inputs,
            targets,
            kept(run.states, carried_at(settings, self.codes, run.step)[rows]),
            cut(masks_at(settings, run.params, run.step), rows),
            alpha=settings.alpha,
            beta=settings.beta,
        )
        nats = np.asarray(read.nats, run.params.E.dtype)
        vector, unravel = tree.ravel((read.grads, nats))
        share = inputs.shape[1] / settings.batch  # B_r / B
        grads, total = unravel(summed(self.comm, share * vector))
        return learnt(settings, run, grads, read.states), float(total)

    def whole(self, run: Run) -> Run:
        """Collect the states of all rows: a sum, in which each rank has zeros for the others."""
        rows, B = self._rows(), self.settings.batch

        def collect(own: Array) -> Array:
            state = np.zeros((B, *own.shape[1:]), own.dtype)
            state[rows] = own
            return summed(self.comm, state)

        return run._replace(states=tree.map(collect, run.states))

    def _rows(self) -> slice:
        return rows_of(self.settings.batch, self.comm.rank, self.comm.size)


def summed(comm: Any, array: Array) -> Array:
    """Return the sum of the arrays of all ranks, to each of them.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm
        The ranks, all of which call this.
    array : ndarray
        This rank's part, of one shape everywhere.
    """
    total = np.empty_like(array)
    _wait(comm.Iallreduce(array, total))
    return total


def _wait(request: Any) -> None:
    """Wait in Python: in MPI's own wait no signal would be heard, and a stop could not be told."""
    while not request.Test():
        pass


class Crew(NamedTuple):
    """The processes that `mpiexec` started."""

    comm: Annotated[Any, "MPI's communicator"]
    rank: Annotated[int, "which of them this is"]
    size: Annotated[int, "how many they are"]

    def share(self, said: Any) -> Any:
        """Return to all what the first one says, which may take its time."""
        _wait(self.comm.Ibarrier())
        return self.comm.bcast(said)

    def engine(self, settings: Settings, codes: Array) -> Engine:
        """Return the step of this rank.

        Raises
        ------
        ValueError
            If there are more ranks than rows.
        """
        insist_on_rows(settings.batch, self.size)
        return Ranks(settings, codes, self.comm)


@contextlib.contextmanager
def joined(size: int) -> Iterator[Crew]:
    """Join the other processes until the block ends.

    Where it ends by an error, nothing is said to MPI: its good-bye would wait for the others, who
    wait for this one. The process ends with a code that is not 0, and `mpiexec` ends the others.

    Parameters
    ----------
    size : int
        How many processes the launcher says it started.

    Raises
    ------
    ModuleNotFoundError
        If mpi4py is not installed, or finds no MPI. The message says how to install it.
    ValueError
        If MPI sees another number of processes.
    """
    try:
        import mpi4py

        mpi4py.rc.finalize = False  # at exit; see above
        from mpi4py import MPI
    except (ImportError, RuntimeError) as error:
        raise ModuleNotFoundError(NEEDS) from error
    if size != MPI.COMM_WORLD.size:
        raise ValueError(
            f"lm.parallel: mpiexec started {size} processes, and mpi4py sees "
            f"{MPI.COMM_WORLD.size}: they are of two MPIs; take the mpiexec of the one that mpi4py "
            "was built for"
        )
    yield Crew(MPI.COMM_WORLD, MPI.COMM_WORLD.rank, size)
    MPI.Finalize()
