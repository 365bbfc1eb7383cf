r"""Training: chunk by chunk through the text, with the state carried from each to the next.

Nothing is drawn from a generator that runs along: where an epoch starts in the text and what a
step drops follow from the seed and the number of the epoch or step. So the weights, the optimiser's
moments and the carried states are all that a run needs to go on, and it goes on to the same bits.
"""

import dataclasses
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from bptt import gru, lstm, rnn
from bptt.lm import dropout
from bptt.lm.network import Params, init
from bptt.lm.objective import loss_and_grads
from bptt.optim import Adam, AdamState, clip_global_norm
from bptt.shapes import Array

CELLS = {"rnn": rnn, "lstm": lstm, "gru": gru}

# What is drawn for which purpose: the second number of a seed.
WEIGHTS, STARTS, MASKS = range(3)

LARGEST = sys.float_info.max  # a whole number may be larger, but is no float then


@dataclass(frozen=True)
class Settings:
    """What a run is asked to do.

    Parameters
    ----------
    cell : str
        `rnn`, `lstm` or `gru`.
    embedding : int
        D, how many numbers stand for a character.
    widths : tuple of int
        The number of units of each layer.
    tied : bool
        Whether the head is tied to the embedding.
    batch : int
        B, the number of places in the text that are read side by side.
    chunk : int
        T, the number of characters from one update to the next, and the reach of the gradient.
    steps : int
        The number of updates.
    lr : float
        The learning rate at its highest.
    warmup : int
        In so many steps the learning rate rises to it in a line.
    decay : int
        In the last so many steps it falls in a line, to zero after the last.
    beta2 : float
        Adam's decay of the mean square.
    clip : float
        The largest global norm of a gradient.
    rates : Rates
        What is dropped.
    alpha : float
        The weight of AR.
    beta : float
        The weight of TAR.
    seed : int
        Decides all that is drawn.

    Raises
    ------
    ValueError
        If the cell is unknown, a setting is of another type, a number is out of its range, or a
        tied head does not fit the last layer.
    """

    cell: str = "lstm"
    embedding: int = 128
    widths: tuple[int, ...] = (512, 512)
    tied: bool = False
    batch: int = 32
    chunk: int = 64
    steps: int = 10_000
    lr: float = 2e-3
    warmup: int = 200
    decay: int = 9_800
    beta2: float = 0.99
    clip: float = 1.0
    rates: dropout.Rates = dataclasses.field(default_factory=dropout.Rates)
    alpha: float = 0.0
    beta: float = 0.0
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        where = "lm.Settings"
        if self.cell not in tuple(CELLS):
            raise ValueError(f"{where}: cell must be one of {', '.join(CELLS)}, got {self.cell!r}")
        if not (isinstance(self.widths, tuple) and self.widths):
            raise ValueError(
                f"{where}: widths must be a tuple with the width of each layer, got {self.widths!r}"
            )
        least = {"embedding": 1, "batch": 1, "chunk": 1, "steps": 1, "warmup": 0, "decay": 0}
        counts = [(name, getattr(self, name), low) for name, low in {**least, "seed": 0}.items()]
        for name, count, low in [*counts, *(("a width", width, 1) for width in self.widths)]:
            if type(count) is not int or not low <= count < 2**63:  # no bool
                raise ValueError(
                    f"{where}: {name} must be a whole number from {low} to below 2**63, "
                    f"got {count!r}"
                )
        if type(self.tied) is not bool:
            raise ValueError(f"{where}: tied must be True or False, got {self.tied!r}")
        if self.tied and self.widths[-1] != self.embedding:
            raise ValueError(
                f"{where}: with a tied head the last layer must be as wide as the embedding, "
                f"{self.embedding}, got {self.widths[-1]}"
            )
        self._check("lr", "above zero, and finite", lambda lr: 0 < lr <= LARGEST)
        self._check("beta2", "from 0 to below 1", lambda beta2: 0 <= beta2 < 1)
        self._check("clip", "above zero", lambda clip: 0 < clip <= LARGEST or clip == math.inf)
        self._check("alpha", "zero or more, and finite", lambda alpha: 0 <= alpha <= LARGEST)
        self._check("beta", "zero or more, and finite", lambda beta: 0 <= beta <= LARGEST)

    def _check(self, name: str, wanted: str, fits: Callable[[float], bool]) -> None:
        """Insist that a setting is a number in its range."""
        got = getattr(self, name)
        if type(got) is bool or not isinstance(got, int | float) or not fits(got):
            raise ValueError(f"lm.Settings: {name} must be a number {wanted}, got {got!r}")


class Run(NamedTuple):
    """Where a run stands: all that it needs to go on.

    Attributes
    ----------
    step : int
        The number of updates so far.
    params : Params
        The weights.
    moments : AdamState
        What Adam remembers.
    states : tuple of State
        The state of each layer after the last chunk.
    """

    step: int
    params: Params[Any]
    moments: AdamState[Params[Any]]
    states: tuple[Any, ...]


def start(settings: Settings, characters: int) -> Run:
    """Return a run before its first step.

    Parameters
    ----------
    settings : Settings
        What is asked.
    characters : int
        K, the number of characters.

    Returns
    -------
    Run
        New weights, moments and states of zeros.
    """
    cell = CELLS[settings.cell]
    rng = np.random.default_rng([settings.seed, WEIGHTS])
    params = init(
        cell, characters, settings.embedding, settings.widths, tied=settings.tied, rng=rng
    )
    return Run(0, params, Adam().init(params), zero_states(settings, params))


def zero_states(settings: Settings, params: Params[Any]) -> tuple[Any, ...]:
    """Return the state of each layer at the start of an epoch.

    Parameters
    ----------
    settings : Settings
        The cell and the batch.
    params : Params
        The weights.

    Returns
    -------
    tuple of State
        Zeros.
    """
    return tuple(CELLS[settings.cell].zero_state(p, settings.batch) for p in params.layers)


def chunks_per_epoch(settings: Settings, length: int) -> int:
    """Return how many chunks one pass over a text has.

    Parameters
    ----------
    settings : Settings
        The batch and the chunk.
    length : int
        The number of characters of the text.

    Returns
    -------
    int
        At least 1.

    Raises
    ------
    ValueError
        If the text is too short for one chunk.
    """
    chunks = (length // settings.batch) // settings.chunk
    if chunks < 1:
        raise ValueError(
            f"lm.training: the text has {length} characters, too few for {settings.batch} places "
            f"with {settings.chunk} characters each; make batch or chunk smaller"
        )
    return chunks


def chunk_at(settings: Settings, codes: Array, step: int) -> tuple[Array, Array]:
    """Return what a step reads, and what it has to predict.

    The text is a ring, cut into B arcs of one length. In each epoch the first arc starts at
    another place, so that the cuts and the ends of chunks lie elsewhere.

    Parameters
    ----------
    settings : Settings
        The batch, the chunk and the seed.
    codes : ndarray of int of shape (N,)
        The text.
    step : int
        The number of the step, from 0.

    Returns
    -------
    inputs : ndarray of int of shape (T, B)
        The characters.
    targets : ndarray of int of shape (T, B)
        What comes after each.
    """
    epoch, at = divmod(step, chunks_per_epoch(settings, len(codes)))
    offset = np.random.default_rng([settings.seed, STARTS, epoch]).integers(len(codes))
    places = offset + len(codes) // settings.batch * np.arange(settings.batch)
    steps = settings.chunk * at + np.arange(settings.chunk + 1)
    read = codes.take(places + steps[:, None], mode="wrap")
    return read[:-1], read[1:]


def rate_at(settings: Settings, step: int) -> float:
    """Return the learning rate of a step: up in a line, level, down in a line.

    Parameters
    ----------
    settings : Settings
        The highest rate and the lengths of the parts.
    step : int
        The number of the step, from 0.

    Returns
    -------
    float
        The learning rate, above zero.
    """
    up = (step + 1) / max(1, settings.warmup)
    down = (settings.steps - step) / max(1, settings.decay)
    return settings.lr * min(1.0, up, down)


def advance(settings: Settings, codes: Array, run: Run) -> tuple[Run, float]:
    """Take one step: read a chunk, update the weights, carry the state on.

    Parameters
    ----------
    settings : Settings
        What is asked.
    codes : ndarray of int of shape (N,)
        The text.
    run : Run
        Where the run stands.

    Returns
    -------
    run : Run
        Where it stands after the step.
    nats : float
        The cross-entropy of the chunk before the update, with dropout, nats per character.

    Raises
    ------
    NonFiniteGradient
        If a gradient holds NaN or infinity.
    """
    cell = CELLS[settings.cell]
    inputs, targets = chunk_at(settings, codes, run.step)
    rng = np.random.default_rng([settings.seed, MASKS, run.step])
    masks = dropout.draw(settings.rates, run.params, settings.batch, rng=rng)
    new_epoch = run.step % chunks_per_epoch(settings, len(codes)) == 0
    states = zero_states(settings, run.params) if new_epoch else run.states
    read = loss_and_grads(
        cell, run.params, inputs, targets, states, masks, alpha=settings.alpha, beta=settings.beta
    )
    grads, _ = clip_global_norm(read.grads, settings.clip)
    adam = Adam(rate_at(settings, run.step), beta2=settings.beta2)
    params, moments = adam.update(run.params, grads, run.moments)
    return Run(run.step + 1, params, moments, read.states), read.nats
