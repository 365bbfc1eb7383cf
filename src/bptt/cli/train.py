"""`bptt train`: a network learns a text, alone or in several processes."""

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bptt import threads
from bptt.cli import arguments, products, watch
from bptt.cli.errors import code_after, told
from bptt.cli.output import remark, say
from bptt.lm import corpus as corpora
from bptt.lm import crews, options, project
from bptt.lm.corpus import TEXTS
from bptt.lm.engine import Crew, Lost, insist_on_rows
from bptt.shell import quoted

if TYPE_CHECKING:
    import click

MUCH = 1e9  # bytes of memory that are said before they are taken
GRACE = 10.0  # seconds in which the first of several processes says what is wrong


def command() -> "click.Command":
    """Return the command and its options."""
    from click import Choice, Command, IntRange, Option

    return Command(
        "train",
        callback=told(_train),
        help="Train a network on the first 90% of a text, and save a model in a folder. "
        "Ctrl-C stops and saves; --resume goes on, and with more --steps past the end.",
        params=[
            arguments.corpus("library"),
            Option(["--folder"], required=True, help="Where all goes; made if it is not there."),
            Option(["--resume"], is_flag=True, help="Go on where the training there stands."),
            arguments.setting(
                "every", "Steps from save to save.", IntRange(1), "a twentieth of all"
            ),
            *map(_of_training, options.OPTIONS),
            arguments.setting(
                "engine", "What takes the steps.", Choice(crews.ENGINES), crews.ENGINES[0]
            ),
            arguments.setting("device", "Where torch does: cpu, cuda, cuda:1.", str, crews.DEVICE),
        ],
    )


def _of_training(option: options.Option) -> "click.Option":
    from click import Choice, Option

    name, kind, words, default, choices = option
    if kind is bool:
        words = f"{words}  [default: {default}]"
        return Option([f"--{name}/--un{name}"], default=None, help=words)
    return arguments.setting(name, words, Choice(choices) if choices else kind, default)


def _train(
    folder: str,
    resume: bool,
    every: int | None,
    engine: str | None = None,
    device: str | None = None,
    **asked: Any,
) -> None:
    engine = engine or crews.ENGINES[0]
    if crews.launched().rank:
        _follow(engine, device)
        return
    with crews.joined(engine, device) as crew:
        own = engine == crews.ENGINES[0]  # torch chooses the threads of its products itself
        _lead(crew, own, Path(folder), resume, every, asked.pop("text"), **asked)


def _follow(engine: str, device: str | None) -> None:
    """Train beside the first process, and be silent: it says what there is to say."""
    try:
        try:
            with crews.joined(engine, device) as crew:
                project.follow(crew)
        except (ValueError, ModuleNotFoundError):
            time.sleep(GRACE)  # the first one has it too, says it, and takes this one along
            raise
    except KeyboardInterrupt as stop:
        sys.exit(code_after(*stop.args))
    except Lost:
        sys.exit(1)


def _lead(
    crew: Crew,
    own: bool,
    place: Path,
    resume: bool,
    every: int | None,
    source: str | None,
    **asked: Any,
) -> None:
    """Train, alone or as the first of several processes."""
    open_project = project.resume if resume else project.begin
    opened = open_project(place, options.chosen(asked), source, every)
    _advise(opened)
    settings = opened.settings
    insist_on_rows(settings.batch, crew.size)
    count = opened.threads if crew.size == 1 else 1  # they are as many as the processors, as a rule
    with products.limited(settings.batch, max(settings.widths), count) as count:
        if own and count == 1 and opened.threads is None and not threads.is_chosen():
            say("One thread does the products, which are small; OMP_NUM_THREADS chooses another.")
        if own and opened.threads not in {None, count}:
            say(
                f"It was trained with {opened.threads} threads, and goes on with {count}: the last "
                "bits may differ."
            )
        with watch.progress_of(settings, opened.begun) as show:
            noted = count if own else opened.threads
            left = project.train(opened, watch.while_heard(show), noted, crew)
    named, source = quoted(place), opened.corpus.source
    on = "" if source in TEXTS else f" --text {_retyped(source)}"
    said = [f"{name} was changed by someone else, and is left as it is." for name in left]
    said.append(f"The model is in {place}. Try: bptt evaluate {named}{on}; bptt generate {named}")
    watch.while_heard(lambda lines: say("\n".join(lines)))(said)


def _retyped(source: str) -> str:
    return source if source == corpora.STANDARD_INPUT else quoted(source)


def _advise(opened: project.Project) -> None:
    """Say what may surprise in the text, and how much memory will be taken."""
    remark(opened.remarks)
    K = len(opened.corpus.vocabulary)
    if (needed := project.memory(opened.settings, K)) >= MUCH:
        say(f"The training takes about {needed / 1e9:.1f} GB of memory, for {K:,} characters.")
