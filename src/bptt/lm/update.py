"""One update: read a chunk of the text, and carry the state on to the next.

Nothing is drawn from a generator that runs along: where an epoch starts in the text and what a
step drops follow from the seed and the number of the epoch or step. So the weights, the optimiser's
moments and the carried states are all that a run needs to go on, and with as many threads it goes
on to the same bits.

Parameters
----------
run : Run
    Where the run stands.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import tree
from bptt.cells import CELLS
from bptt.lm import dropout
from bptt.lm.dropout import Masks
from bptt.lm.network import Params, init
from bptt.lm.objective import loss_and_grads
from bptt.lm.settings import Settings
from bptt.optim import Adam, AdamState, clip_global_norm
from bptt.shapes import Array

# What is drawn for which purpose: the second number of a seed.
WEIGHTS, STARTS, MASKS, FRESH = range(4)


class Run(NamedTuple):
    """Where a run stands: all that it needs to go on."""

    step: Annotated[int, "the number of updates so far"]
    params: Annotated[Params[Any], "the weights"]
    moments: Annotated[AdamState[Params[Any]], "what Adam remembers"]
    states: Annotated[tuple[Any, ...], "the state of each layer after the last chunk"]
    mean: Annotated[Params[Any] | tuple[()], "the mean of the weights; empty where none is kept"]


def start(settings: Settings, characters: int) -> Run:
    """Return a run before its first step."""
    cell = CELLS[settings.cell]
    rng = np.random.default_rng([settings.seed, WEIGHTS])
    params = init(
        cell, characters, settings.embedding, settings.widths, tied=settings.tied, rng=rng
    )
    states = tuple(cell.zero_state(p, settings.batch) for p in params.layers)
    return Run(0, params, Adam().init(params), states, params if settings.average else ())


def predictor(run: Run) -> Params[Any]:
    """Return the weights that predict: their mean, where one is kept."""
    return run.mean or run.params


def chunks_per_epoch(settings: Settings, length: int) -> int:
    """Return how many chunks one pass over a text has.

    Parameters
    ----------
    length : int
        The number of characters of the text.

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
    """Return what a step reads, and what it has to predict: two arrays of shape (T, B).

    The text is a ring, cut into B arcs of one length. In each epoch the first arc starts at
    another place, so that the cuts and the ends of chunks lie elsewhere.
    """
    epoch, at = divmod(step, chunks_per_epoch(settings, len(codes)))
    offset = np.random.default_rng([settings.seed, STARTS, epoch]).integers(len(codes))
    places = offset + len(codes) // settings.batch * np.arange(settings.batch)
    steps = settings.chunk * at + np.arange(settings.chunk + 1)
    read = codes.take(places + steps[:, None], mode="wrap")
    return read[:-1], read[1:]


def rate_at(settings: Settings, step: int) -> float:
    """Return the learning rate of a step: up in a line, level, down in a line."""
    up = (step + 1) / max(1, settings.warmup)
    down = (settings.steps - step) / max(1, settings.decay)
    return settings.lr * min(1.0, up, down)


def decay_at(settings: Settings, step: int) -> float:
    r"""Return how much of the mean of the weights a step keeps, $d_n$.

    $$
    \bar\theta_n = d_n \bar\theta_{n-1} + (1 - d_n) \, \theta_n, \qquad
    d_n = \min(d, (1 + n) / (10 + n))
    $$

    After n updates the mean remembers about the last ninth of them, until the memory of d is
    shorter: so the first weights, which were drawn, are soon forgotten.

    Notes
    -----
    Source: TensorFlow, `tf.train.ExponentialMovingAverage`, of this start; B. T. Polyak and A. B.
    Juditsky, "Acceleration of stochastic approximation by averaging", SIAM Journal on Control and
    Optimization 30 (1992), <https://doi.org/10.1137/0330046>, of a mean that predicts.
    """
    n = step + 1
    return min(settings.average, (1 + n) / (10 + n))


def masks_at(settings: Settings, params: Params[Any], step: int) -> Masks:
    """Draw what a step drops, for all B places."""
    rng = np.random.default_rng([settings.seed, MASKS, step])
    return dropout.draw(settings.rates, params, settings.batch, rng=rng)


def carried_at(settings: Settings, codes: Array, step: int) -> Array:
    """Tell for each of the B places whether its state is carried into a step.

    It is not at the start of an epoch, where the text jumps. Elsewhere a place starts from zeros
    with probability `fresh`: a network that never does so in training may run away from there.
    """
    if step % chunks_per_epoch(settings, len(codes)) == 0:
        return np.zeros(settings.batch, bool)
    rng = np.random.default_rng([settings.seed, FRESH, step])
    return rng.random(settings.batch) >= settings.fresh


def kept(states: tuple[Any, ...], carried: Array) -> tuple[Any, ...]:
    """Return states with zeros in place of those that are not carried.

    Parameters
    ----------
    states : tuple of State
        The state of each layer.
    carried : ndarray of bool of shape (B,)
        Which of them stay.
    """
    return tree.map(lambda state: np.where(carried[:, None], state, 0), states)


def learnt(settings: Settings, run: Run, grads: Params[Any], states: tuple[Any, ...]) -> Run:
    """Clip a gradient, and let Adam take its step; the mean of the weights follows.

    Parameters
    ----------
    grads : Params
        The gradient of the loss of the whole chunk.
    states : tuple of State
        The state of each layer after the chunk.

    Raises
    ------
    NonFiniteGradient
        If a gradient holds NaN or infinity.
    """
    clipped, _ = clip_global_norm(grads, settings.clip)
    adam = Adam(rate_at(settings, run.step), beta2=settings.beta2)
    params, moments = adam.update(run.params, clipped, run.moments)
    d = decay_at(settings, run.step)
    mean = run.mean and tree.map(lambda m, w: d * m + (1 - d) * w, run.mean, params)
    return Run(run.step + 1, params, moments, states, mean)


def advance(settings: Settings, codes: Array, run: Run) -> tuple[Run, float]:
    """Take one step: read a chunk, update the weights, carry the state on.

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
    read = loss_and_grads(
        CELLS[settings.cell],
        run.params,
        *chunk_at(settings, codes, run.step),
        kept(run.states, carried_at(settings, codes, run.step)),
        masks_at(settings, run.params, run.step),
        alpha=settings.alpha,
        beta=settings.beta,
    )
    return learnt(settings, run, read.grads, read.states), read.nats
