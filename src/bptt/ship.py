"""Make the language model that the package brings along: `python -m bptt.ship FOLDER`.

`bptt train` has trained it in that folder. Its weights are put into the package in 8 bits, and what
is known of it is put beside them: how it was trained, how well it predicts, and what it has to
beat. With `--seed FOLDER` a training that differs in its seed alone is scored beside it, and with
`--keep PLACE` its weights are kept there, so that it can be scored anew. With `--recheck` the
beginning of the training is repeated by today's code instead.
"""

import argparse
import dataclasses
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bptt import files, progress, standing, text, tree
from bptt.bench import language
from bptt.bench.memory import peak_bytes
from bptt.cells import CELLS
from bptt.checkpoint import CheckpointError
from bptt.lm import (
    card,
    corpus,
    ensemble,
    folder,
    pretrained,
    run_file,
    sample,
    score,
    training,
    update,
)
from bptt.lm.corpus import Corpus
from bptt.lm.folder import Model
from bptt.lm.save import STATE
from bptt.lm.settings import Settings, settings_of
from bptt.lm.training import Training
from bptt.records.digest import digest
from bptt.records.provenance import provenance, today
from bptt.records.results import Run
from bptt.standing import LEARNING, SCORES

# The code whose digest the record carries: all that decides the weights.
TRAINED_BY = "bptt.lm.update"
DTYPE = "int8"
CARD_OF_A_SEED = """\
# A training of another seed than the model that `bptt` brings along

It is kept so that its scores can be made anew: `python -m bptt.ship --seed` with this folder.
"""
KEPT = ("corpus", "settings", "step")  # what is noted beside the weights of another seed
TEMPEST = "Boatswain!"  # the first word of the last play, none of which is in the training text
# How far the scores of one model that learns lie apart on two processors, which round otherwise.
ROUNDING = 1e-3


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
    settings, trained, read = _finished(path)
    model = Model(CELLS[settings.cell], update.predictor(trained.run), read.vocabulary)
    shipped, size = _in_eight_bits(model)
    seconds = round(trained.seconds)
    frozen, learning = standing.frozen(shipped, read.held_out), standing.learning(shipped, read)
    record = {
        **frozen,
        "float32": standing.frozen(model, read.held_out),
        **learning,
        "seeds": _lists({}, settings, {**frozen, **learning}),
        **standing.opponents(),
        "settings": dataclasses.asdict(settings),
        "parameters": sum(array.size for _, array in tree.leaves(model.params)),
        "bytes": size,
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
        "tempest": read.vocabulary.decode(read.held_out).find(TEMPEST),
        "curve": [list(point) for point in trained.curve],
        "provenance": provenance(digest(TRAINED_BY), [Run({}, {}, seconds)]),
    }
    folder.write(
        pretrained.FOLDER, model, dtype=DTYPE, about=_summary(record), card=card.shipped(record)
    )
    _save(record)
    return pretrained.record()


def seed(path: Path, keep: Path | None = None) -> dict[str, Any]:
    """Put the scores of another seed beside those of the model that is shipped.

    Parameters
    ----------
    path : path
        The folder of its training, or of its weights as they were kept.
    keep : path, optional
        A folder for its weights, in 8 bits as those that are shipped.

    Raises
    ------
    CheckpointError
        As `ship`, or if it differs in more than its seed from what is shipped, or not in its seed.
    CorpusError
        If Tiny Shakespeare is not there.
    ValueError
        If the shipped model is not known to be of today's code.
    """
    record, read = pretrained.record(), corpus.load("shakespeare")
    settings, model = _relative(path, record)
    if settings.seed in record["seeds"]["seed"]:
        raise CheckpointError(f"ship: seed {settings.seed} is in the record; train another one")
    _insist_on_todays_code(record)
    scores = _scores(model, read)
    if keep:
        about = folder.about(path)
        noted = {name: about[name] for name in KEPT}
        folder.write(keep, model, dtype=DTYPE, about=noted, card=CARD_OF_A_SEED)
    _save({**record, "seeds": _lists(record["seeds"], settings, scores)})
    return pretrained.record()


def together(paths: Sequence[Path]) -> dict[str, Any]:
    """Score the shipped network and those of other seeds as one: each learns, then all are mixed.

    Parameters
    ----------
    paths : sequence of path
        The folders of the others' trainings, or of their weights as they were kept.

    Raises
    ------
    CheckpointError
        If one of them differs in more than its seed from what is shipped, two have the same seed,
        or as `ship`.
    CorpusError
        If Tiny Shakespeare is not there.
    ValueError
        If the shipped model is not known to be of today's code.
    """
    record, read = pretrained.record(), corpus.load("shakespeare")
    _insist_on_todays_code(record)
    others = [_relative(path, record) for path in paths]
    seeds = [record["settings"]["seed"], *(settings.seed for settings, _ in others)]
    if len(set(seeds)) < len(seeds):
        raise CheckpointError(
            f"ship: the seeds are {seeds}; name one training for each seed that is not shipped"
        )
    before = time.process_time()
    crew = [pretrained.load(), *(model for _, model in others)]
    log_ps = [ensemble.learning_log_p(model, read.train, read.held_out) for model in crew]
    nats = float(ensemble.mixed_nats(log_ps, read.train, read.held_out).mean())
    seconds = round(time.process_time() - before)
    found = {"seeds": seeds, "val_nats_mixed": round(nats, 5), "cpu_seconds": seconds}
    _save({**record, "together": found})
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
    record = {**pretrained.record(), **standing.opponents()}
    _save(record)
    files.replace(pretrained.FOLDER / folder.CARD, card.shipped(record).encode())
    return pretrained.record()


def adaptive() -> dict[str, Any]:
    """Score the shipped model anew while it learns, and put that into the record and the card.

    Where the scores have changed, those of the other seeds are no longer comparable and leave the
    record; `seed` and `together` put them back from the weights that were kept.

    Raises
    ------
    ValueError
        If the scores of the frozen model have changed too, which its files say.
    """
    before, model, read = pretrained.record(), pretrained.load(), corpus.load("shakespeare")
    frozen = standing.frozen(model, read.held_out)
    if max(abs(frozen[name] - before[name]) for name in SCORES) > ROUNDING:
        raise ValueError("ship: the scores of the frozen model have changed; ship it anew")
    learning = standing.learning(model, read)
    apart = max(abs(learning[name] - before[name]) for name in LEARNING)
    others = apart <= ROUNDING
    seeds = {name: values if others else values[:1] for name, values in before["seeds"].items()}
    firsts = {name: [learning[name], *seeds[name][1:]] for name in LEARNING}
    record = {**before, **learning, "seeds": {**seeds, **firsts}}
    if not others:
        record.pop("together", None)
    _save(record)
    files.replace(pretrained.FOLDER / folder.CARD, card.shipped(record).encode())
    return pretrained.record()


def _finished(path: Path) -> tuple[Settings, Training, Corpus]:
    """Read a training that has come to its end, and the text that it read."""
    settings, about, trained = run_file.read(path / STATE)
    _insist_on_the_end(path, trained.run.step, settings)
    if about.get("sha256") != text.SHA256:
        raise CheckpointError(f"ship: the training in {path} did not read Tiny Shakespeare")
    return settings, trained, corpus.load("shakespeare")


def _insist_on_the_end(path: Path, step: int, settings: Settings) -> None:
    if step < settings.steps:
        raise CheckpointError(
            f"ship: {path} is at step {step} of {settings.steps}; go on with "
            f"bptt train --folder {path} --resume"
        )


def _relative(path: Path, record: Mapping[str, Any]) -> tuple[Settings, Model]:
    """Read a model that differs in its seed alone from what is shipped, in 8 bits as that is."""
    model, about = folder.read(path), folder.about(path)
    if missing := [name for name in KEPT if name not in about]:
        raise CheckpointError(
            f"ship: {path}/{folder.CONFIG} does not say {missing[0]!r}; name a folder of bptt train"
        )
    settings = settings_of(about["settings"])
    if about["corpus"]["sha256"] != text.SHA256:
        raise CheckpointError(f"ship: the training in {path} did not read Tiny Shakespeare")
    if settings != dataclasses.replace(settings_of(record["settings"]), seed=settings.seed):
        raise CheckpointError(
            f"ship: the training in {path} has other settings than the model that is shipped; "
            "train it with the command of the model's card, and another --seed"
        )
    _insist_on_the_end(path, about["step"], settings)
    return settings, _in_eight_bits(model)[0]


def _in_eight_bits(model: Model) -> tuple[Model, int]:
    """Return a model as it is once it was stored, and how many bytes its weights then take."""
    with tempfile.TemporaryDirectory() as place:
        folder.write(place, model, dtype=DTYPE)
        return folder.read(place), Path(place, folder.WEIGHTS).stat().st_size


def _insist_on_todays_code(record: Mapping[str, Any]) -> None:
    stamps = record["provenance"]["digest"], record["adaptive"]["provenance"]["digest"]
    if stamps != (digest(TRAINED_BY), standing.scored_by()):
        raise ValueError("ship: the record is of other code; ask for --recheck or --adaptive first")


def _scores(model: Model, read: Corpus) -> dict[str, Any]:
    return {**standing.frozen(model, read.held_out), **standing.learning(model, read)}


def _lists(
    before: Mapping[str, Any], settings: Settings, scores: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the lists of the seeds so far, each longer by one more seed."""
    more = {
        "seed": settings.seed,
        **{name: scores[name] for name in (*SCORES, *LEARNING)},
    }
    return {name: [*before.get(name, []), value] for name, value in more.items()}


def _save(record: Mapping[str, Any]) -> None:
    """Write the record into the package; a number that is not finite is a ValueError."""
    content = json.dumps(record, indent=1, allow_nan=False) + "\n"
    files.replace(pretrained.RECORD, content.encode())


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
    parser.add_argument("--seed", metavar="FOLDER", type=Path, help="score another seed beside it")
    parser.add_argument("--keep", metavar="PLACE", type=Path, help="and keep its weights here")
    parser.add_argument(
        "--together", metavar="FOLDER", type=Path, nargs="+", help="score it and these seeds as one"
    )
    parser.add_argument("--recheck", action="store_true", help="repeat the beginning, and restamp")
    parser.add_argument("--baselines", action="store_true", help="measure what is to be beaten")
    parser.add_argument("--adaptive", action="store_true", help="score it while it learns")
    parser.add_argument("--peak", metavar="SETTINGS", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.peak:
        sys.stdout.write(json.dumps(_use_memory(settings_of(json.loads(asked.peak)))))
        return
    work = {
        "folder": lambda: ship(asked.folder),
        "seed": lambda: seed(asked.seed, asked.keep),
        "together": lambda: together(asked.together),
        "recheck": recheck,
        "baselines": baselines,
        "adaptive": adaptive,
    }
    if asked.keep and not asked.seed:
        parser.error("--keep goes with --seed")
    if len(wanted := [name for name in work if getattr(asked, name)]) != 1:
        *some, last = (f"--{name}" for name in work if name != "folder")
        parser.error(f"name the folder of a training, or ask for {', '.join(some)} or {last} alone")
    try:
        record = work[wanted[0]]()
    except (ValueError, OSError, ModuleNotFoundError) as error:
        parser.error(str(error))
    names = (*SCORES, *LEARNING)
    sys.stdout.write("".join(f"{name}: {record[name]} nats per character\n" for name in names))


if __name__ == "__main__":
    main()
