"""Which processes train together, and by which engine: what the command line and launchers say.

`mpiexec` and `torchrun` say in the environment of each process how many they started, and which of
them it is. Nothing else of either is loaded by a process that is alone.
"""

import contextlib
import os
from collections.abc import Iterator
from typing import Annotated, NamedTuple

from bptt.lm import parallel, torch_engine
from bptt.lm.engine import Alone, Crew

ENGINES = ("numpy", "torch")
DEVICE = "cpu"
# What names which process it is, and how many: Open MPI, MPICH and Intel's, MVAPICH, torchrun.
LAUNCHERS = {
    "OMPI_COMM_WORLD_RANK": ("mpiexec", "OMPI_COMM_WORLD_SIZE"),
    "PMI_RANK": ("mpiexec", "PMI_SIZE"),
    "MV2_COMM_WORLD_RANK": ("mpiexec", "MV2_COMM_WORLD_SIZE"),
    "RANK": ("torchrun", "WORLD_SIZE"),
}


class Launch(NamedTuple):
    """How this process was started."""

    by: Annotated[str, "`mpiexec` or `torchrun`; empty without either"] = ""
    rank: Annotated[int, "which of the processes"] = 0
    size: Annotated[int, "how many there are"] = 1


def launched() -> Launch:
    """Return how this process was started. A launcher of one is as none."""
    for name, (launcher, of_all) in LAUNCHERS.items():
        rank, size = os.environ.get(name, ""), os.environ.get(of_all, "")
        if rank.isdecimal() and size.isdecimal() and int(size) > 1:
            return Launch(launcher, int(rank), int(size))
    return Launch()


@contextlib.contextmanager
def joined(engine: str, device: str | None) -> Iterator[Crew]:
    """Join the processes that train together until the block ends; alone, without a launcher.

    Parameters
    ----------
    engine : str
        One of `ENGINES`.
    device : str or None
        For torch: `cpu`, which is the default, `cuda`, or a certain GPU, such as `cuda:1`.

    Raises
    ------
    ModuleNotFoundError
        If the engine, or what its processes need to talk, is not installed.
    ValueError
        If launcher, engine and device do not fit each other, or the device is not there.
    """
    by, rank, size = launched()
    wanted = {"numpy": "mpiexec", "torch": "torchrun"}[engine]
    if by not in {"", wanted}:
        other = next(name for name in ENGINES if name != engine)
        raise ValueError(
            f"{by} started {size} processes, and --engine {engine} takes those of {wanted}; start "
            f"them by {wanted}, or choose --engine {other}"
        )
    if device is not None and engine != "torch":
        raise ValueError(f"--device is for --engine torch, got {device}; leave it out")
    if engine == "torch":
        with torch_engine.joined(DEVICE if device is None else device, rank, size) as crew:
            yield crew
    elif size > 1:
        with parallel.joined(size) as ranks:
            yield ranks
    else:
        yield Alone()
