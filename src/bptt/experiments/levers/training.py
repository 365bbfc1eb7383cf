"""The training with a lever: the updates of `bptt.lm.update`, with another cell or average."""

import itertools
from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import lstm
from bptt.experiments.levers import layer_norm, mogrifier, zoneout
from bptt.experiments.levers.averages import averaged, share
from bptt.experiments.levers.chunks import read, spans
from bptt.lm import dropout, network
from bptt.lm.objective import loss_and_grads
from bptt.lm.settings import Settings
from bptt.lm.update import MASKS, WEIGHTS, rate_at
from bptt.optim import Adam, clip_global_norm
from bptt.shapes import Array

Case = dict[str, Any]

CELLS: dict[str, Any] = {"lstm": lstm, "layer norm": layer_norm, "mogrifier": mogrifier}


class Trained(NamedTuple):
    """What a training gives."""

    last: Annotated[network.Params[Any], "the weights after the last update"]
    average: Annotated[network.Params[Any], "their average, which is scored"]
    nats: Annotated[list[float], "the cross-entropy before each update, nats per character"]


def train(case: Case, codes: Array, characters: int) -> Trained:
    """Train a network: the updates of `bptt.lm.update.advance`, with a lever.

    Parameters
    ----------
    codes : ndarray of int of shape (N,)
        The text.
    characters : int
        K, the number of characters.
    """
    params = average = first_weights(case, characters)
    moments, states, nats = Adam().init(params), None, []
    for step, span in enumerate(itertools.islice(spans(case, len(codes)), case["steps"])):
        inputs, targets = read(codes, case["batch"], span)
        rng = np.random.default_rng([case["seed"], MASKS, step])
        rates = dropout.Rates(recurrent=case["recurrent"], outputs=case["outputs"])
        masks = dropout.draw(rates, params, case["batch"], rng=rng)
        cell = cell_within(case, inputs.shape, rng=rng)
        chunk = loss_and_grads(cell, params, inputs, targets, states if span.at else None, masks)
        grads, _ = clip_global_norm(chunk.grads, case["clip"])
        rate = rate_at(_training(case), step) * span.T / case["chunk"]
        params, moments = Adam(rate, beta2=_training(case).beta2).update(params, grads, moments)
        average = averaged(average, params, share(case, step))
        states = chunk.states
        nats.append(chunk.nats)
    return Trained(params, average, nats)


def _training(case: Case) -> Settings:
    """Return what the library's own training would be asked to do, for the rate of a step."""
    steps, warmup = case["steps"], round(case["warmup"] * case["steps"])
    decay = steps - warmup if case["falls"] else 0
    return Settings(lr=case["lr"], steps=steps, warmup=warmup, decay=decay)


def first_weights(case: Case, characters: int) -> network.Params[Any]:
    """Return the weights before the first update: those of `bptt.lm.update.start` for an LSTM.

    Parameters
    ----------
    characters : int
        K, the number of characters.
    """
    rng = np.random.default_rng([case["seed"], WEIGHTS])
    D, H = case["embedding"], case["H"]
    params = network.init(CELLS[case["cell"]], characters, D, (H,), rng=rng)
    if case["cell"] != "mogrifier":
        return params
    layer = mogrifier.init(D, H, rng=rng, dtype=params.E.dtype, rounds=case["rounds"])
    return params._replace(layers=(layer,))


def cell_within(case: Case, shape: Sequence[int], *, rng: np.random.Generator) -> Any:
    """Return the cell that reads a chunk in training, with what zoneout draws for it.

    Parameters
    ----------
    shape : tuple of int
        T and B.
    rng : numpy.random.Generator
        What is drawn from.
    """
    if not (case["p_h"] or case["p_c"]):
        return CELLS[case["cell"]]
    T, B = shape
    return zoneout.drawn(case["p_h"], case["p_c"], (T, B, case["H"]), rng=rng, dtype=np.float32)


def cell_after(case: Case) -> Any:
    """Return the cell that reads what is scored."""
    if not (case["p_h"] or case["p_c"]):
        return CELLS[case["cell"]]
    return zoneout.expected(case["p_h"], case["p_c"], dtype=np.float32)
