"""`bptt baselines`: what a model has to beat, n-grams and compressors."""

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from bptt import compress, ngram
from bptt.cli import arguments
from bptt.cli.errors import told
from bptt.cli.output import remark, say, table
from bptt.lm import corpus as corpora

if TYPE_CHECKING:
    import click


def command() -> "click.Command":
    """Return the command and its options."""
    from click import Command, IntRange, Option

    return Command(
        "baselines",
        callback=told(_baselines),
        help="Score n-gram models and compressors on the same split. The frozen know the first "
        "part only; the adaptive go on learning in the rest.",
        params=[
            arguments.corpus("library"),
            Option(
                ["--order"], type=IntRange(1), default=8, show_default=True, help="The largest n."
            ),
        ],
    )


def _baselines(order: int, **asked: Any) -> None:
    corpus, remarks = corpora.read("library" if asked["text"] is None else asked["text"])
    K = len(corpus.vocabulary)
    codes = corpus.train, corpus.held_out
    frozen = {"uniform": math.log(K)}
    smoothings = {"Witten-Bell": ngram.witten_bell, "Kneser-Ney": ngram.kneser_ney}
    for name, smooth in smoothings.items():
        frozen |= _of_orders(name, ngram.nats_of_orders(smooth, *codes, K, order))
    adaptive = _of_orders("Kneser-Ney", ngram.adaptive_nats_of_orders(*codes, K, order))
    train, held_out = map(corpus.vocabulary.decode, codes)
    missing = []
    for name in compress.METHODS:
        try:
            adaptive[name] = compress.nats(train, held_out, name)
        except ModuleNotFoundError:
            missing.append(name)
    table(frozen, "frozen, per character:")
    table(adaptive, "adaptive, per character:")
    remark(remarks)
    for name in missing:
        say(f"{name} is left out: {compress.LACK[name]}.")


def _of_orders(name: str, scores: Iterable[float]) -> dict[str, float]:
    return {f"{name}, n = {n}": nats for n, nats in enumerate(scores, start=1)}
