"""Networks that learn while they read, joined with n-grams that count on: one prediction of all.

Parameters
----------
model : Model
    A network, its weights as they were trained.
train : ndarray of int of shape (M,)
    The text that it was trained on, which the n-grams count too.
codes : ndarray of int of shape (N,)
    The text to predict, but for its first character.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import numpy as np

from bptt import ngram
from bptt.lm import adapt
from bptt.lm.adapt import Rule
from bptt.lm.folder import Model
from bptt.lm.mixture import mix
from bptt.shapes import Array


@dataclass(frozen=True)
class Mixing:
    """How networks and n-grams are mixed. The defaults were chosen as those of `Rule` were."""

    n: Annotated[int, "the length of the n-grams"] = 10
    weights: Annotated[tuple[float, float], "of networks and n-grams to begin with"] = (0.7, 0.4)
    lr: Annotated[float, "how fast they learn"] = 0.002


def learning_log_p(model: Model, train: Array, codes: Array) -> Array:
    """Return the log probabilities that a network gives that learns on the way, (N - 1, K)."""
    cell, params, _ = model
    rule = Rule()
    scale = adapt.root_mean_squares(cell, params, train, rule.chunk)
    readings = adapt.read(cell, params, codes, scale, rule)
    return np.concatenate([reading.log_p for reading in readings])


def mixed_nats(
    log_ps: Sequence[Array], train: Array, codes: Array, how: Mixing = Mixing()
) -> Array:
    """Return what each character costs a mixture of networks and n-grams, (N - 1,).

    Parameters
    ----------
    log_ps : sequence of ndarray of shape (N - 1, K)
        What each network says; they share the networks' weight to begin with.
    how : Mixing, optional
        With which n-grams, and how.
    """
    networks, counts = how.weights
    weights = (*[networks / len(log_ps)] * len(log_ps), counts)
    grams = ngram.reading(train, codes, log_ps[0].shape[1], how.n)
    next(grams)  # of the first character, which the networks do not predict
    logs = (np.stack([*said, np.log(p[-1])]) for *said, p in zip(*log_ps, grams, strict=True))
    mixture = mix(logs, codes[1:], weights, how.lr)
    return np.array([-one.log_q[k] for one, k in zip(mixture, codes[1:], strict=True)])
