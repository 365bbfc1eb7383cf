"""Make the language model that the package brings along: `python -m bptt.ship FOLDER`.

`bptt train` has trained it in that folder. Its weights are put into the package in 8 bits, and what
is known of it is put beside them: how it was trained, how well it predicts, and what it has to
beat. With `--recheck` the beginning of the training is repeated by today's code instead.
"""

import argparse
import dataclasses
import itertools
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bptt import compress, files, ngram, progress, text, tree
from bptt.bench import language
from bptt.bench.memory import peak_bytes
from bptt.cells import CELLS
from bptt.checkpoint import CheckpointError
from bptt.lm import (
    adapt,
    card,
    corpus,
    folder,
    pretrained,
    run_file,
    sample,
    score,
    training,
    update,
)
from bptt.lm.adapt import Rule
from bptt.lm.corpus import Corpus
from bptt.lm.folder import Model
from bptt.lm.mixture import mix
from bptt.lm.save import STATE
from bptt.lm.settings import Settings, settings_of
from bptt.records.digest import digest
from bptt.records.provenance import provenance, today
from bptt.records.results import Run
from bptt.shapes import Array

# The code whose digest the record carries: all that decides the weights.
TRAINED_BY = "bptt.lm.update"
# And the code whose digests the baselines carry: all that decides their scores.
COUNTED_BY = ("bptt.ngram", "bptt.compress")

# And the code that decides the scores of the model while it learns from what it has read.
ADAPTED_BY = ("bptt.lm.adapt", "bptt.lm.mixture", "bptt.ngram")

ORDERS = 12  # the longest n-grams
# How the model that learns is mixed with n-grams that count on: chosen, as `Rule` was, with a
# network that did not see the last tenth of the training part, on the beginning of that tenth.
MIXED_N, MIXED_WEIGHTS, MIXED_LR = 10, (0.7, 0.4), 0.002
BEGINNING = 2_000  # characters, for a test that asks whether the scores would come out again
SMOOTHERS = {"witten_bell": ngram.witten_bell, "kneser_ney": ngram.kneser_ney}
DTYPE = "int8"
SCORES = ("val_nats_window256", "val_nats_carried")
LEARNING = ("val_nats_adaptive", "val_nats_mixed")


def ship(path: Path) -> dict[str, Any]:
    """Put a finished training into the package: its weights, their record and their card.

    Parameters
    ----------
    path : path
        The folder of the training.

    Raises
    ------
    CheckpointError
        If there is no training, it is not at its end, or it read another text.
    CorpusError
        If Tiny Shakespeare is not there.
    """
    settings, about, trained = run_file.read(path / STATE)
    if trained.run.step < settings.steps:
        raise CheckpointError(
            f"ship: {path} is at step {trained.run.step} of {settings.steps}; go on with "
            f"bptt train --folder {path} --resume"
        )
    if about.get("sha256") != text.SHA256:
        raise CheckpointError(f"ship: the training in {path} did not read Tiny Shakespeare")
    read = corpus.load("shakespeare")
    model = Model(CELLS[settings.cell], update.predictor(trained.run), read.vocabulary)
    folder.write(pretrained.FOLDER, model, dtype=DTYPE)
    shipped = pretrained.load()
    seconds = round(trained.seconds)
    record = {
        **_scores(shipped, read.held_out),
        "float32": _scores(model, read.held_out),
        **_adaptive(shipped, read),
        **_baselines(),
        "settings": dataclasses.asdict(settings),
        "parameters": sum(array.size for _, array in tree.leaves(model.params)),
        "bytes": (pretrained.FOLDER / folder.WEIGHTS).stat().st_size,
        "cpu_seconds": seconds,
        "peak_bytes": _peak(settings),
        "writing_seconds": round(_writing_seconds(shipped), 3),
        "against_torch": language.compare(settings, read.train, len(read.vocabulary))._asdict(),
        "corpus": {
            "name": "Tiny Shakespeare",
            "sha256": text.SHA256,
            "train": len(read.train),
            "validation": len(read.held_out),
        },
        "curve": [list(point) for point in trained.curve],
        "provenance": provenance(digest(TRAINED_BY), [Run({}, {}, seconds)]),
    }
    folder.write(
        pretrained.FOLDER, model, dtype=DTYPE, about=_summary(record), card=card.shipped(record)
    )
    _save(record)
    return pretrained.record()


def recheck() -> dict[str, Any]:
    """Repeat the training up to the first point of its curve, and stamp the record if it agrees.

    Raises
    ------
    ValueError
        If the point differs in any digit.
    """
    record = pretrained.record()
    settings = settings_of(record["settings"])
    read = corpus.load("shakespeare")
    run, losses = update.start(settings, len(read.vocabulary)), []
    steps, _, *wanted = record["curve"][0]
    for _ in progress.shown(range(steps), unit="step"):
        run, nats = update.advance(settings, read.train, run)
        losses.append(nats)
    held_out = score.windows(CELLS[settings.cell], update.predictor(run), read.held_out)
    found = [float(np.mean(losses)), held_out]
    if found != wanted:
        raise ValueError(
            f"ship: after {steps} steps the nats were {wanted}, now {found}; train the model anew"
        )
    made_by = {**record["provenance"], "digest": digest(TRAINED_BY), "rechecked": today()}
    stamped = {**record, "provenance": made_by}
    _save(stamped)
    return pretrained.record()


def baselines() -> dict[str, Any]:
    """Measure anew what the model has to beat, and put it into the record and the card."""
    record = {**pretrained.record(), **_baselines()}
    _save(record)
    files.replace(pretrained.FOLDER / folder.CARD, card.shipped(record).encode())
    return pretrained.record()


def adaptive() -> dict[str, Any]:
    """Score the shipped model anew while it learns, and put that into the record and the card."""
    record = {**pretrained.record(), **_adaptive(pretrained.load(), corpus.load("shakespeare"))}
    _save(record)
    files.replace(pretrained.FOLDER / folder.CARD, card.shipped(record).encode())
    return pretrained.record()


def _save(record: Mapping[str, Any]) -> None:
    """Write the record into the package; a number that is not finite is a ValueError."""
    content = json.dumps(record, indent=1, allow_nan=False) + "\n"
    files.replace(pretrained.RECORD, content.encode())


def _scores(model: Model, codes: Array) -> dict[str, float]:
    """Return nats per character, in windows of 256 and with the state carried."""
    cell, params, _ = model
    return {
        "val_nats_window256": round(score.windows(cell, params, codes), 5),
        "val_nats_carried": round(score.carried(cell, params, codes), 5),
    }


def _adaptive(model: Model, read: Corpus) -> dict[str, Any]:
    """Score a model that learns from what it has read, alone and mixed with n-grams."""
    before = time.process_time()
    alone, mixed = learning_nats(model, read.train, read.held_out)
    seconds = time.process_time() - before
    scores = dict(zip(LEARNING, (alone.mean(), mixed.mean()), strict=True))
    return {
        **{name: round(float(nats), 5) for name, nats in scores.items()},
        "adaptive": {
            "rule": dataclasses.asdict(Rule()),
            "mixed": {"n": MIXED_N, "weights": MIXED_WEIGHTS, "lr": MIXED_LR},
            "beginning": [round(float(nats[:BEGINNING].mean()), 5) for nats in (alone, mixed)],
            "provenance": provenance(adapted_by(), [Run({}, {}, seconds)]),
        },
    }


def learning_nats(model: Model, train: Array, codes: Array) -> tuple[Array, Array]:
    """Return what each character of a text but the first costs a model that learns on the way.

    Parameters
    ----------
    model : Model
        The model.
    train : ndarray of int of shape (M,)
        The text that it was trained on, which the n-grams count too.
    codes : ndarray of int of shape (N,)
        The text.

    Returns
    -------
    alone, mixed : ndarray of shape (N - 1,)
        Nats: of the network, and of its mixture with the n-grams that count on.
    """
    cell, params, vocabulary = model
    scale = adapt.root_mean_squares(cell, params, train)
    readings = adapt.read(cell, params, codes, scale, Rule())
    log_p = np.concatenate([reading.log_p for reading in readings])
    counts = ngram.reading(train, codes, len(vocabulary), MIXED_N)
    next(counts)  # of the first character, which the network does not predict
    pairs = (np.stack([log, np.log(p[-1])]) for log, p in zip(log_p, counts, strict=True))
    mixture = mix(pairs, codes[1:], MIXED_WEIGHTS, MIXED_LR)
    mixed = [-one.log_q[k] for one, k in zip(mixture, codes[1:], strict=True)]
    return -np.take_along_axis(log_p, codes[1:, None], axis=1)[:, 0], np.array(mixed)


def _baselines() -> dict[str, Any]:
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


def adapted_by() -> str:
    """Return the digests of the code that decides the scores of the model that learns."""
    return " ".join(map(digest, ADAPTED_BY))


def _peak(settings: Settings) -> int | None:
    """Measure the memory of a training and its score in a new process, in bytes.

    It is the most that the process ever had, the interpreter and its libraries among it; None where
    the system does not tell.
    """
    asked = json.dumps(dataclasses.asdict(settings))
    program = [sys.executable, "-m", "bptt.ship", "--peak", asked]
    run = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603  # ours
    found: int | None = json.loads(run.stdout)
    return found


def _writing_seconds(model: Model, characters: int = 1000) -> float:
    """Return the seconds of CPU in which a model writes so many characters."""
    before = time.process_time()
    writer = sample.generate(model.cell, model.params, [0], rng=np.random.default_rng(0))
    for _ in itertools.islice(writer, characters):
        pass
    return time.process_time() - before


def _use_memory(settings: Settings) -> int | None:
    """Train some steps and score, as a training does, and return the peak of this process."""
    _, _, vocabulary, train, validation = corpus.load("shakespeare")
    short, K = dataclasses.replace(settings, steps=3), len(vocabulary)
    training.train(short, train, validation, K, every=3, save=_nothing, watch=_nothing)
    return peak_bytes()


def _nothing(_: Any) -> None:
    """Neither save nor show."""


def _summary(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `config.json` says of the training, as `bptt train` writes it."""
    names = ("corpus", "settings", "cpu_seconds", "parameters", *SCORES)
    return {name: record[name] for name in names}


def main() -> None:
    """Ship a training, recheck what is shipped, or measure anew what it is compared with."""
    parser = argparse.ArgumentParser(prog="python -m bptt.ship", description=main.__doc__)
    parser.add_argument("folder", nargs="?", type=Path, help="where `bptt train` has trained it")
    parser.add_argument("--recheck", action="store_true", help="repeat the beginning, and restamp")
    parser.add_argument("--baselines", action="store_true", help="measure what is to be beaten")
    parser.add_argument("--adaptive", action="store_true", help="score it while it learns")
    parser.add_argument("--peak", metavar="SETTINGS", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peak:
        sys.stdout.write(json.dumps(_use_memory(settings_of(json.loads(asked.peak)))))
        return
    if [asked.recheck, asked.baselines, asked.adaptive, bool(asked.folder)].count(True) != 1:
        parser.error(
            "name the folder of a training, or ask for --recheck, --baselines or --adaptive alone"
        )
    try:
        if asked.recheck:
            record = recheck()
        elif asked.baselines:
            record = baselines()
        elif asked.adaptive:
            record = adaptive()
        else:
            record = ship(asked.folder)
    except (ValueError, OSError, ModuleNotFoundError) as error:
        parser.error(str(error))
    names = (*SCORES, *LEARNING)
    sys.stdout.write("".join(f"{name}: {record[name]} nats per character\n" for name in names))


if __name__ == "__main__":
    main()
