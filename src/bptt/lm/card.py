"""Model cards: the README.md beside a model.

Parameters
----------
record : mapping
    The record of the shipped model, as `bptt.lm.pretrained.record` reads it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from bptt.lm import options
from bptt.lm.score import WINDOW
from bptt.lm.settings import Settings
from bptt.lm.training import MOST, Point

TRAINED = """---
library_name: bptt
pipeline_tag: text-generation
---

# A character language model

Layers of {cell}, {widths} units, trained by `bptt train` on the
first 90% of the text "{name}" (SHA-256 `{sha256}`)
in {step} steps, {seconds:.0f} s of CPU. {state}{score}
All settings are in `config.json`.
"""

SHIPPED = """\
---
license: mit
language: en
tags: [character-level, lstm, numpy]
---

# A character LSTM of Tiny Shakespeare

{layers} LSTM layers of {width} units, {parameters:,} weights, trained in NumPy by the package
`bptt` in {hours:.1f} hours on one CPU core, in which the trials before it are not counted. The
weights are kept in 8 bits. It writes plays in the manner of its corpus, and knows nothing else.

```python
from bptt.lm import pretrained

model = pretrained.load()
```

Corpus: {name}, SHA-256 `{sha256}`.
Its first {train:,} characters trained the network, the last {validation:,} validate it.
It is the first of several trainings that differ in their seed alone. Chapter 9 of the site of
`bptt` has the scores of the others too, and says how their settings were chosen.

| On the validation text | nats per character |
| --- | --- |
| unigram | {unigram:.3f} |
{ngram_lines}
| this model, windows of 256 characters | {val_nats_window256:.3f} |
| this model, state carried | {val_nats_carried:.3f} |
| its weights in float32, windows of 256 characters | {trained:.3f} |
| its weights in float32, state carried | {trained_carried:.3f} |

The adaptive n-gram counts each character of the validation text once it has predicted it. The
other counts, and the weights of this model, stay as the training text left them.

The command that trained it:

```console
{command}
```
"""


def trained(settings: Settings, about: Mapping[str, Any], curve: Sequence[Point]) -> str:
    """Return the card of a model that `bptt train` made, in Markdown.

    Parameters
    ----------
    curve : sequence of Point
        The points of its learning curve so far.
    """
    step, steps = about["step"], settings.steps
    return TRAINED.format(
        **about["corpus"],
        cell=settings.cell.upper(),
        widths=options.shown(settings.widths),
        step=step,
        seconds=about["cpu_seconds"],
        state="" if step == steps else f"**The training is unfinished:** {steps} are planned.\n",
        score=_score(curve[-1], about) if curve else "It has not been scored yet.",
    )


def _score(point: Point, about: Mapping[str, Any]) -> str:
    """Say how well it predicts, and of how much text."""
    windows = (about["corpus"]["validation"] - 1) // WINDOW
    part = "On" if windows <= MOST else f"On {MOST * WINDOW:,} characters of"
    when = "" if point.step == about["step"] else f" needed at step {point.step}"
    return (
        f"{part} the last 10%, in windows of {WINDOW}\n"
        f"characters, it{when or ' needs'} {point.held_out:.4f} nats per character."
    )


def shipped(record: Mapping[str, Any]) -> str:
    """Return the card of the model that the package brings along, in Markdown."""
    settings = record["settings"]
    lines = [
        f"| {name.replace('_', '-')} {n}-gram | {record['ngrams'][name][str(n)]:.3f} |"
        for name, n in record["orders"].items()
    ]
    return SHIPPED.format(
        **record,
        **record["corpus"],
        layers=len(settings["widths"]),
        width=settings["widths"][-1],
        hours=record["cpu_seconds"] / 3600,
        command=command(record),
        ngram_lines="\n".join(lines),
        unigram=record["ngrams"]["witten_bell"]["1"],
        trained=record["float32"]["val_nats_window256"],
        trained_carried=record["float32"]["val_nats_carried"],
    )


def command(record: Mapping[str, Any]) -> str:
    """Return the command line that trains the shipped model again."""
    every = record["curve"][0][0]
    begin = f"bptt train --text shakespeare --folder FOLDER --every {every}"
    return f"{begin} {options.typed(record['settings'])}"
