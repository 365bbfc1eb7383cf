"""Where a character model stands: its scores on the validation text beside those of its opponents.

Both come in two kinds: of models that are left as the training text made them, and of those that go
on learning in the text that scores them, each character once it was predicted.

Parameters
----------
model : Model
    The model.
read : Corpus
    The text.
train : ndarray of int of shape (M,)
    The text that it was trained on, which the n-grams count too.
codes : ndarray of int of shape (N,)
    The text that it has to predict, but for the first character.
"""

import dataclasses
import time
from typing import Any

import numpy as np

from bptt import compress, ngram
from bptt.lm import corpus, ensemble, score
from bptt.lm.adapt import Rule
from bptt.lm.corpus import Corpus
from bptt.lm.ensemble import Mixing
from bptt.lm.folder import Model
from bptt.lm.network import forward
from bptt.ops import log_softmax
from bptt.records.digest import digest
from bptt.records.provenance import provenance
from bptt.records.results import Run
from bptt.shapes import Array

# The code whose digests the opponents' scores carry: all that decides them.
COUNTED_BY = ("bptt.ngram", "bptt.compress")

# And the code that decides the scores of the model, frozen and while it learns.
SCORED_BY = ("bptt.lm.score", "bptt.lm.ensemble")

ORDERS = 12  # the longest n-grams
EACH = 2_000  # characters, for the curve of the surprise
BEGINNING = 2_000  # characters, for a test that asks whether the scores would come out again
SMOOTHERS = {"witten_bell": ngram.witten_bell, "kneser_ney": ngram.kneser_ney}
SCORES = ("val_nats_window256", "val_nats_carried")
LEARNING = ("val_nats_adaptive", "val_nats_mixed")


def frozen(model: Model, codes: Array) -> dict[str, float]:
    """Return nats per character, in windows of 256 and with the state carried."""
    cell, params, _ = model
    return {
        "val_nats_window256": round(score.windows(cell, params, codes), 5),
        "val_nats_carried": round(score.carried(cell, params, codes), 5),
    }


def learning(model: Model, read: Corpus) -> dict[str, Any]:
    """Score a model that learns from what it has read, alone and mixed with n-grams.

    Returns
    -------
    dict
        A score for each of `LEARNING`, and `adaptive`: how it learned, what the beginning of the
        text costs, and `surprise`, the means over so many characters after so many, `each`, of a
        model that does not learn, of one that does, and of the mixture.
    """
    before = time.process_time()
    alone, mixed = learning_nats(model, read.train, read.held_out)
    seconds = time.process_time() - before
    scores = dict(zip(LEARNING, (alone.mean(), mixed.mean()), strict=True))
    costs = {"carried": carried_nats(model, read.held_out), "learning": alone, "mixed": mixed}
    means = {name: [_mean(part) for part in _pieces(nats)] for name, nats in costs.items()}
    return {
        **{name: _mean(nats) for name, nats in scores.items()},
        "adaptive": {
            "rule": dataclasses.asdict(Rule()),
            "mixed": dataclasses.asdict(Mixing()),
            "beginning": [_mean(nats[:BEGINNING]) for nats in (alone, mixed)],
            "surprise": {"each": EACH, **means},
            "provenance": provenance(scored_by(), [Run({}, {}, seconds)]),
        },
    }


def _mean(nats: Array) -> float:
    return round(float(np.mean(nats)), 5)


def _pieces(nats: Array) -> list[Array]:
    """Cut what the characters cost into pieces; what is left at the end goes with the last."""
    return np.split(nats, np.arange(EACH, len(nats) - EACH + 1, EACH))


def carried_nats(model: Model, codes: Array) -> Array:
    """Return what each character of a text but the first costs with frozen weights, (N - 1,)."""
    states, nats = None, []
    for part in np.split(np.arange(len(codes) - 1), range(EACH, len(codes) - 1, EACH)):
        logits, states, _ = forward(model.cell, model.params, codes[part, None], states)
        nats.append(_costs(log_softmax(logits[:, 0]), codes[part + 1]))
    return np.concatenate(nats)


def _costs(log_p: Array, targets: Array) -> Array:
    return np.asarray(-np.take_along_axis(log_p, targets[:, None], axis=1)[:, 0])


def learning_nats(model: Model, train: Array, codes: Array) -> tuple[Array, Array]:
    """Return what each character of a text but the first costs a model that learns on the way.

    Returns
    -------
    alone, mixed : ndarray of shape (N - 1,)
        Nats: of the network, and of its mixture with the n-grams that count on.
    """
    log_p = ensemble.learning_log_p(model, train, codes)
    return _costs(log_p, codes[1:]), ensemble.mixed_nats([log_p], train, codes)


def opponents() -> dict[str, Any]:
    """Score what a network has to beat, on the same split, in nats per character.

    The order of the n-grams is the one that the last tenth of the training part would choose. The
    same tenth chose what `bptt.compress` tells PPMd and zpaq.
    """
    before = time.process_time()
    _, _, vocabulary, train, validation = corpus.load("shakespeare")
    words, K = (vocabulary.decode(train), vocabulary.decode(validation)), len(vocabulary)
    tables = {
        name: ngram.nats_of_orders(smooth, train, validation, K, ORDERS)
        for name, smooth in SMOOTHERS.items()
    }
    orders = {
        name: ngram.choose_order(smooth, train, K, ORDERS) for name, smooth in SMOOTHERS.items()
    }
    first, last = np.split(train, [int(len(train) * 0.9)])
    at_the_end = ngram.adaptive_nats_of_orders(first, last, K, ORDERS)
    tables["adaptive_kneser_ney"] = ngram.adaptive_nats_of_orders(train, validation, K, ORDERS)
    orders["adaptive_kneser_ney"] = 1 + int(np.argmin(at_the_end))
    return {
        "ngrams": {
            name: {str(n): round(nats, 5) for n, nats in enumerate(table, start=1)}
            for name, table in tables.items()
        },
        "orders": orders,
        "compressors": {name: round(compress.nats(*words, name), 5) for name in compress.METHODS},
        "baselines": provenance(counted_by(), [Run({}, {}, time.process_time() - before)]),
    }


def counted_by() -> str:
    """Return the digests of the code that decides the scores of the baselines."""
    return " ".join(map(digest, COUNTED_BY))


def scored_by() -> str:
    """Return the digests of the code that decides the scores of the model."""
    return " ".join(map(digest, SCORED_BY))
