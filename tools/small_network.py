"""Make the network that the home page's figure fetches: `python tools/small_network.py FOLDER`.

`bptt train` trains it in that folder, by COMMAND below. Its weights are put beside the scripts of
the figures in 8 bits, with what is known of it: how far the training was, how well the network
predicts before and after rounding, and which unit of its state follows the position in the line.
The unit is chosen and measured as in `bptt.experiments.language_units`.
"""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

import numpy as np

from bptt import files, tree
from bptt.cells import CELLS
from bptt.experiments import language_units
from bptt.experiments.events import events
from bptt.experiments.statistics import shifted, standardised
from bptt.lm import corpus, folder, run_file, score
from bptt.lm.folder import Model
from bptt.lm.save import STATE
from bptt.records.digest import digest
from bptt.records.provenance import provenance
from bptt.records.results import Run
from bptt.shapes import Array

PLACE = Path(__file__).parents[1] / "docs" / "figures" / "touch" / "small"
COMMAND = (
    "bptt train --text shakespeare --folder FOLDER --embedding 64 --widths 128 --batch 32 "
    "--chunk 64 --steps 10000 --warmup 300 --lr 0.004"
)


def make(trained_in: Path, place: Path = PLACE) -> dict[str, Any]:
    """Put the network of a training beside the scripts, and return what is known of it."""
    settings, _, trained = run_file.read(trained_in / STATE)
    read = corpus.load("shakespeare")
    model = Model(CELLS[settings.cell], trained.run.params, read.vocabulary)
    files_of_it = folder.contents(model, dtype="int8")
    place.mkdir(parents=True, exist_ok=True)
    for name in (folder.WEIGHTS, folder.CONFIG):
        files.replace(place / name, files_of_it[name])
    rounded = folder.read(place)
    about = {
        "command": COMMAND,
        "steps": trained.run.step,
        "settings": dataclasses.asdict(settings),
        "corpus": {"name": "Tiny Shakespeare", "sha256": read.sha256},
        "parameters": sum(array.size for _, array in tree.leaves(model.params)),
        "protocol": "one run, one seed; nats per character of the validation text",
        **_scores(rounded, read.held_out),
        "float32": _scores(model, read.held_out),
        "line_unit": line_unit(rounded),
        "provenance": provenance(digest("bptt.lm.update"), [Run({}, {}, trained.seconds)]),
    }
    files_of_it = folder.contents(model, dtype="int8", about=about)
    files.replace(place / folder.CONFIG, files_of_it[folder.CONFIG])
    return about


def _scores(model: Model, codes: Array) -> dict[str, float]:
    cell, params, _ = model
    return {
        "val_nats_window256": round(score.windows(cell, params, codes), 5),
        "val_nats_carried": round(score.carried(cell, params, codes), 5),
    }


def line_unit(model: Model) -> dict[str, Any]:
    """Choose the unit that follows the line on 8,192 characters, and measure it on the next.

    `chance` is the strongest null: the largest correlation that a unit chosen in the same way has
    with the position shifted round in a circle, as smooth as before, by any distance of at least
    256 characters.
    """
    case = dataclasses.asdict(language_units.FULL)
    whole, first = language_units._passage(case)  # noqa: SLF001  the same passage
    codes, half = model.vocabulary.encode(whole), case["half"]
    names, states = language_units._read(  # noqa: SLF001  and the same reading
        model.cell, model.params, codes, first=first, pieces=case["pieces"], lead=case["lead"]
    )
    line = events(whole)["line"][first:]
    halves = [standardised(states[:, :half]), standardised(states[:, half:])]
    both = [standardised(line[None, :half]), standardised(line[None, half:])]
    best, _, scores = language_units._best_unit(halves, both)  # noqa: SLF001
    _, null = shifted(halves, both, case["shortest"])
    layer, field, unit = names[best]
    return {
        "layer": layer,
        "field": field,
        "number": unit,
        "correlation": round(float(scores["held_out"]), 4),
        "chance": round(float(np.abs(null).max()), 4),
    }


def main() -> None:
    """Make it from the training in a folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path, help="where `bptt train` has trained it")
    about = make(parser.parse_args().folder)
    for name in ("val_nats_window256", "val_nats_carried", "float32", "line_unit"):
        sys.stdout.write(f"{name}: {about[name]}\n")


if __name__ == "__main__":
    main()
