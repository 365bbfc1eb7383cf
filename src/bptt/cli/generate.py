"""`bptt generate`: a model writes."""

import itertools
import sys
from typing import TYPE_CHECKING

import numpy as np

from bptt import text
from bptt.cli import arguments, products
from bptt.cli.errors import told
from bptt.lm import adapt as adapting
from bptt.lm import folder as folders
from bptt.lm import sample
from bptt.lm.adapt import Rule

if TYPE_CHECKING:
    import click


def command() -> "click.Command":
    """Return the command and its options."""
    from click import Command, IntRange, Option

    return Command(
        "generate",
        callback=told(_generate),
        help=f"Let a model write. {arguments.SHIPPED}",
        params=[
            arguments.model(),
            arguments.setting("prompt", "What to go on from.", str, "a new line"),
            Option(
                ["--length"],
                type=IntRange(0, 2**62),
                default=500,
                show_default=True,
                help="Characters.",
            ),
            Option(
                ["--temperature"],
                type=float,
                default=1.0,
                show_default=True,
                help="0 always takes the most likely; the higher, the less likely ones are drawn.",
            ),
            arguments.setting("top-k", "Draw from so many, the most likely.", int, "all"),
            Option(["--adapt-to"], metavar="PATH", help="Learn from this UTF-8 file first."),
            Option(["--seed"], type=IntRange(0), default=0, show_default=True, help="Decides all."),
        ],
    )


def _generate(
    *,
    model: str,
    prompt: str | None,
    length: int,
    temperature: float,
    top_k: int | None,
    adapt_to: str | None,
    seed: int,
) -> None:
    cell, params, vocabulary = folders.read(model)
    if prompt is None:
        prompt = "\n" if "\n" in vocabulary.characters else vocabulary.characters[0]
    if not prompt:
        raise ValueError("--prompt must be at least one character")
    if adapt_to is not None:
        read = vocabulary.encode(text.read(adapt_to))
        if len(read) <= Rule.chunk:
            raise ValueError(
                f"{adapt_to} has {len(read)} characters, too few to learn from; it takes more than "
                f"{Rule.chunk}"
            )
        with products.limited_for(params):
            params = adapting.learn(cell, params, read, Rule())
    codes = sample.generate(
        cell,
        params,
        vocabulary.encode(prompt),
        temperature=temperature,
        top_k=top_k,
        rng=np.random.default_rng(seed),
    )
    written = (vocabulary.decode([code]) for code in itertools.islice(codes, length))
    with products.limited_for(params):
        for piece in itertools.chain([prompt], written):
            sys.stdout.write(piece)
            sys.stdout.flush()
    sys.stdout.write("\n")
