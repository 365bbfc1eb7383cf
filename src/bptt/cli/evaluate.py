"""`bptt evaluate`: how well a model predicts a text."""

from typing import TYPE_CHECKING, Any

from bptt.cli import arguments, products
from bptt.cli.errors import told
from bptt.cli.output import remark, say, table
from bptt.lm import adapt as adapting
from bptt.lm import corpus as corpora
from bptt.lm import folder as folders
from bptt.lm import score
from bptt.lm.adapt import Rule

if TYPE_CHECKING:
    import click


def command() -> "click.Command":
    """Return the command and its options."""
    from click import Command, Option

    return Command(
        "evaluate",
        callback=told(_evaluate),
        help=f"Score a model on the last 10% of a text. {arguments.SHIPPED}",
        params=[
            arguments.model(),
            arguments.corpus("what it was trained on"),
            Option(
                ["--adapt"],
                is_flag=True,
                help="Score it once more while it learns from what it has read; takes minutes.",
            ),
        ],
    )


def _evaluate(model: str, *, adapt: bool, **asked: Any) -> None:
    cell, params, vocabulary = folders.read(model)
    about = folders.about(model)
    source = asked["text"] if asked["text"] is not None else corpora.known(about)
    if source is None:
        raise ValueError(f"the text that {model} was trained on is not known here; add --text")
    corpus, remarks = corpora.read(source)
    held_out = vocabulary.encode(corpus.vocabulary.decode(corpus.held_out), len(corpus.train))
    whole = (len(held_out) - 1) // score.WINDOW * score.WINDOW
    with products.limited_for(params, score.WINDOWS):
        rows = {
            f"state carried, {len(held_out) - 1} characters": score.carried(cell, params, held_out),
            f"windows of {score.WINDOW}, {whole} characters": score.windows(cell, params, held_out),
        }
    if adapt:
        rule = Rule()
        name = f"learning from each {rule.chunk} once predicted"
        seen = vocabulary.encode(corpus.vocabulary.decode(corpus.train))
        with products.limited_for(params):
            scale = adapting.root_mean_squares(cell, params, seen, rule.chunk)
            rows[name] = adapting.nats(cell, params, held_out, scale, rule)
    table(rows)
    remark(remarks)
    if not corpora.is_that_of(corpus, about):
        say("This is not the text that the model was trained on.")
