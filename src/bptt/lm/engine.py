"""The door for engines: a training asks one for its steps, and does not know how they are taken.

There are three: NumPy alone, which is here, NumPy in several processes (`bptt.lm.parallel`), and
torch, alone or in several (`bptt.lm.torch_engine`). Between two steps each keeps a run in a form of
its own. It comes back as arrays of NumPy, whole, where it is scored or saved, so the settings, the
folder, the checkpoint and the curve are the same for all of them.

Parameters
----------
run : Run
    Where the run stands.
batch : int
    B, the rows of a batch.
size : int
    How many processes there are.
"""

from typing import Annotated, Any, NamedTuple, Protocol

import numpy as np

from bptt.lm.settings import Settings
from bptt.lm.update import Run, advance
from bptt.shapes import Array


class Lost(ConnectionError):  # noqa: N818  # that another one has ended is no error of this one
    """Another process of a training has ended, so this one cannot go on."""


class Engine(Protocol):
    """One way to take a step. No step changes what it is given, so that any can be the last."""

    def own(self, run: Run) -> Run:
        """Return a whole run in the engine's form: with its own rows, or on its device."""

    def advance(self, run: Run) -> tuple[Run, float]:
        """Take one step, as `bptt.lm.update.advance` does, in the engine's form."""

    def whole(self, run: Run) -> Run:
        """Return a run as NumPy keeps it. Where several processes take steps, all have to ask."""


class Crew(Protocol):
    """The processes that share a training: the first one leads, the others follow it."""

    @property
    def rank(self) -> int:
        """Which of them this is; 0 leads."""

    @property
    def size(self) -> int:
        """How many they are."""

    def share(self, said: Any) -> Any:
        """Return to all of them what the first one says.

        Parameters
        ----------
        said : object
            What can be pickled; of the others, anything.
        """

    def engine(self, settings: Settings, codes: Array) -> Engine:
        """Return what takes the steps of a training.

        Parameters
        ----------
        codes : ndarray of int of shape (N,)
            The text to learn.
        """


class Numpy(NamedTuple):
    """NumPy alone, whose form is the whole run."""

    settings: Annotated[Settings, "what is trained"]
    codes: Annotated[Array, "on what"]

    def own(self, run: Run) -> Run:
        """Return the run itself."""
        return run

    def advance(self, run: Run) -> tuple[Run, float]:
        """Take one step."""
        return advance(self.settings, self.codes, run)

    def whole(self, run: Run) -> Run:
        """Return the run itself."""
        return run


class Alone(NamedTuple):
    """A single process, which trains in NumPy."""

    rank: Annotated[int, "it leads"] = 0
    size: Annotated[int, "it is alone"] = 1

    def share(self, said: Any) -> Any:
        """Return what is said: nobody else listens."""
        return said

    def engine(self, settings: Settings, codes: Array) -> Engine:
        """Return NumPy alone."""
        return Numpy(settings, codes)


def insist_on_rows(batch: int, size: int) -> None:
    """Insist on a row for each process.

    Raises
    ------
    ValueError
        If there are more processes than rows.
    """
    if size > batch:
        raise ValueError(
            f"lm.engine: {size} processes must share the {batch} rows of a batch, at least one "
            f"each; start {batch} at most, or make batch larger"
        )


def rows_of(batch: int, rank: int, size: int) -> slice:
    """Return the rows of a batch that are a process's own; where they do not go up, some have more.

    Parameters
    ----------
    rank : int
        Which of the processes, from 0.

    Raises
    ------
    ValueError
        If there are more processes than rows.
    """
    insist_on_rows(batch, size)
    own = np.array_split(np.arange(batch), size)[rank]
    return slice(int(own[0]), int(own[-1]) + 1)
