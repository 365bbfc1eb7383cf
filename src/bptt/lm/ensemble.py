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

import numpy as np

from bptt import ngram
from bptt.lm import adapt
from bptt.lm.adapt import Rule
from bptt.lm.folder import Model
from bptt.lm.mixture import mix
from bptt.shapes import Array

# Chosen, as `Rule` was, with a network that did not see the last tenth of the training part, on the
# beginning of that tenth.
N = 10  # the length of the n-grams
WEIGHTS, LR = (0.7, 0.4), 0.002  # of networks and n-grams to begin with, and how fast they learn


def learning_log_p(model: Model, train: Array, codes: Array) -> Array:
    """Return the log probabilities that a network gives that learns on the way, (N - 1, K)."""
    cell, params, _ = model
    rule = Rule()
    scale = adapt.root_mean_squares(cell, params, train, rule.chunk)
    readings = adapt.read(cell, params, codes, scale, rule)
    return np.concatenate([reading.log_p for reading in readings])


def mixed_nats(log_ps: Sequence[Array], train: Array, codes: Array) -> Array:
    """Return what each character costs a mixture of networks and n-grams, (N - 1,).

    Parameters
    ----------
    log_ps : sequence of ndarray of shape (N - 1, K)
        What each network says; they share the networks' weight to begin with.
    """
    networks, counts = WEIGHTS
    weights = (*[networks / len(log_ps)] * len(log_ps), counts)
    grams = ngram.reading(train, codes, log_ps[0].shape[1], N)
    next(grams)  # of the first character, which the networks do not predict
    logs = (np.stack([*said, np.log(p[-1])]) for *said, p in zip(*log_ps, grams, strict=True))
    mixture = mix(logs, codes[1:], weights, LR)
    return np.array([-one.log_q[k] for one, k in zip(mixture, codes[1:], strict=True)])
