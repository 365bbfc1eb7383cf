"""The command line: `bptt train`, `evaluate`, `generate` and `baselines`.

Whatever goes wrong is told in one sentence. The exit code is 2 where what was asked for or a file
is wrong, 1 where the work failed, and 128 and the number of the signal after one, 130 for Ctrl-C.
"""

import contextlib
import functools
import itertools
import math
import os
import signal
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from bptt import compress, ngram, progress, stops, text, threads
from bptt.lm import adapt as adapting
from bptt.lm import corpus as corpora
from bptt.lm import crews, options, pretrained, project, sample, score
from bptt.lm import folder as folders
from bptt.lm.adapt import Rule
from bptt.lm.corpus import TEXTS
from bptt.lm.engine import Crew, Lost, insist_on_rows
from bptt.lm.settings import Settings
from bptt.lm.training import Training
from bptt.optim import NonFiniteGradient
from bptt.shell import quoted
from bptt.text import CorpusError

if TYPE_CHECKING:
    import click

MUCH = 1e9  # bytes of memory that are said before they are taken
GRACE = 10.0  # seconds in which the first of several processes says what is wrong


def main() -> None:
    """Run the command line. What ends it from outside takes the path of Ctrl-C."""
    _open_streams()
    try:
        with stops.like_ctrl_c():
            _run()
    except OSError:  # nobody listens, not even to what is wrong
        sys.exit(1)
    finally:
        for stream in (sys.stdout, sys.stderr):
            _flush(stream)


def _run() -> None:
    try:
        program = commands()
    except KeyboardInterrupt as stop:  # while this is imported; nothing has begun
        sys.exit(128 + stop.args[0])
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        _fail('click is missing: python -m pip install "bptt[lm]"', 1)
    program(prog_name="bptt")


def _open_streams() -> None:
    """Write UTF-8 and never fail at a character; where a stream is closed, write to nowhere."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
        elif hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def _flush(stream: Any) -> None:
    """Write what is left. If nobody takes it, forget it: the interpreter would complain."""
    try:
        stream.flush()
    except (OSError, ValueError):
        with contextlib.suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def commands() -> "click.Group":
    """Return the commands and their options.

    Raises
    ------
    ModuleNotFoundError
        If click is not installed.
    """
    from click import Argument, Choice, Command, Group, IntRange, Option

    def corpus(default: str) -> Option:
        words = "Tiny Shakespeare, the standard library's prose, a UTF-8 file, or standard input."
        words += f"  [default: {default}]"
        return Option(["--text"], metavar="shakespeare|library|PATH|-", help=words)

    def setting(name: str, words: str, kind: Any, default: object) -> Option:
        return Option([f"--{name}"], type=kind, help=f"{words}  [default: {default}]")

    def of_training(option: options.Option) -> Option:
        name, kind, words, default, choices = option
        if kind is bool:
            words = f"{words}  [default: {default}]"
            return Option([f"--{name}/--un{name}"], default=None, help=words)
        return setting(name, words, Choice(choices) if choices else kind, default)

    model = Argument(["model"], metavar="[MODEL]", default=str(pretrained.FOLDER))
    shipped = "Without MODEL, the folder of one, it is the one that the package brings along."
    train = Command(
        "train",
        callback=_told(_train),
        help="Train a network on the first 90% of a text, and save a model in a folder. "
        "Ctrl-C stops and saves; --resume goes on, and with more --steps past the end.",
        params=[
            corpus("library"),
            Option(["--folder"], required=True, help="Where all goes; made if it is not there."),
            Option(["--resume"], is_flag=True, help="Go on where the training there stands."),
            setting("every", "Steps from save to save.", IntRange(1), "a twentieth of all"),
            *map(of_training, options.OPTIONS),
            setting("engine", "What takes the steps.", Choice(crews.ENGINES), crews.ENGINES[0]),
            setting("device", "Where torch does: cpu, cuda, cuda:1.", str, crews.DEVICE),
        ],
    )
    evaluate = Command(
        "evaluate",
        callback=_told(_evaluate),
        help=f"Score a model on the last 10% of a text. {shipped}",
        params=[
            model,
            corpus("what it was trained on"),
            Option(
                ["--adapt"],
                is_flag=True,
                help="Score it once more while it learns from what it has read; takes minutes.",
            ),
        ],
    )
    generate = Command(
        "generate",
        callback=_told(_generate),
        help=f"Let a model write. {shipped}",
        params=[
            model,
            setting("prompt", "What to go on from.", str, "a new line"),
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
            setting("top-k", "Draw from so many, the most likely.", int, "all"),
            Option(["--adapt-to"], metavar="PATH", help="Learn from this UTF-8 file first."),
            Option(["--seed"], type=IntRange(0), default=0, show_default=True, help="Decides all."),
        ],
    )
    baselines = Command(
        "baselines",
        callback=_told(_baselines),
        help="Score n-gram models and compressors on the same split. The frozen know the first "
        "part only; the adaptive go on learning in the rest.",
        params=[
            corpus("library"),
            Option(
                ["--order"], type=IntRange(1), default=8, show_default=True, help="The largest n."
            ),
        ],
    )
    words = "Character language models in NumPy: train one, score it, let it write."
    return Group("bptt", commands=[train, evaluate, generate, baselines], help=words)


def _told(command: Callable[..., None]) -> Callable[..., None]:
    """Tell what goes wrong in one sentence, and exit."""

    @functools.wraps(command)
    def run(**typed: Any) -> None:
        try:
            _insist_on_names(typed)
            command(**typed)
        except project.Stopped as stop:
            _fail(str(stop.args[0]), _code(*stop.args[1:]))
        except KeyboardInterrupt as stop:
            _fail("stopped", _code(*stop.args))
        except BrokenPipeError:  # `bptt ... | head`: click ends the program quietly
            raise
        except NonFiniteGradient as error:
            _fail(_with_notes(error), 1)
        except (ValueError, CorpusError) as error:
            _fail(str(error), 2)
        except MemoryError as error:
            why = str(error) or "a text or a network is too large"
            _fail(f"memory does not suffice: {why}; take a smaller text or network", 1)
        except (OSError, ModuleNotFoundError) as error:
            _fail(_with_notes(error), 1)

    return run


def _insist_on_names(typed: Mapping[str, Any]) -> None:
    """Refuse an empty name: it would be the folder where one is, or the default."""
    for name in ("folder", "text", "model", "adapt_to"):
        if typed.get(name) == "":
            option = "MODEL" if name == "model" else f"--{name.replace('_', '-')}"
            leave = "" if name == "folder" else ", or leave it out"
            raise ValueError(f"{option} must not be empty; name one{leave}")


def _code(number: int = signal.SIGINT) -> int:
    """Return the exit code after a signal, as shells have it."""
    return 128 + number


def _with_notes(error: BaseException) -> str:
    """Return what an error says; one of the system says neither where nor in words."""
    said = str(error)
    if isinstance(error, OSError) and error.strerror:
        said = f"{error.filename or 'standard output'} cannot be used: {error.strerror}"
    return "; ".join([said, *getattr(error, "__notes__", ())])


def _fail(message: str, code: int) -> NoReturn:
    """Write one line, of which a file from elsewhere may be a part, and exit."""
    line = "".join(c if c.isprintable() else " " for c in message)
    with contextlib.suppress(OSError, ValueError):  # nobody reads it
        sys.stderr.write(f"Error: {line}\n")
        sys.stderr.flush()
    sys.exit(code)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


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
        _lead(crew, Path(folder), resume, every, asked.pop("text"), **asked)


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
        sys.exit(_code(*stop.args))
    except Lost:
        sys.exit(1)


def _lead(
    crew: Crew, place: Path, resume: bool, every: int | None, source: str | None, **asked: Any
) -> None:
    """Train, alone or as the first of several processes."""
    open_project = project.resume if resume else project.begin
    opened = open_project(place, options.chosen(asked), source, every)
    _advise(opened)
    settings = opened.settings
    insist_on_rows(settings.batch, crew.size)
    count = opened.threads if crew.size == 1 else 1  # they are as many as the processors, as a rule
    with _products(settings.batch, max(settings.widths), count) as count:
        if count == 1 and opened.threads is None and not threads.is_chosen():
            _say("One thread does the products, which are small; OMP_NUM_THREADS chooses another.")
        if opened.threads not in {None, count}:
            _say(
                f"It was trained with {opened.threads} threads, and goes on with {count}: the last "
                "bits may differ."
            )
        with _progress(settings, opened.begun) as show:
            left = project.train(opened, _while_heard(show), count, crew)
    named, source = quoted(place), opened.corpus.source
    on = "" if source in TEXTS else f" --text {_retyped(source)}"
    said = [f"{name} was changed by someone else, and is left as it is." for name in left]
    said.append(f"The model is in {place}. Try: bptt evaluate {named}{on}; bptt generate {named}")
    _while_heard(lambda lines: _say("\n".join(lines)))(said)


def _retyped(source: str) -> str:
    return source if source == corpora.STANDARD_INPUT else quoted(source)


def _remark(remarks: Iterable[str]) -> None:
    for remark in remarks:
        _say(f"Of the text: {remark}.")


def _advise(opened: project.Project) -> None:
    """Say what may surprise in the text, and how much memory will be taken."""
    _remark(opened.remarks)
    K = len(opened.corpus.vocabulary)
    if (needed := project.memory(opened.settings, K)) >= MUCH:
        _say(f"The training takes about {needed / 1e9:.1f} GB of memory, for {K:,} characters.")


def _products(
    rows: int, width: int, count: int | None = None
) -> AbstractContextManager[int | None]:
    """Choose the threads for products of rows with the weights of a layer."""
    return threads.limited(rows * width * 4 * width, count)


def _while_heard(show: Callable[[Any], None]) -> Callable[[Any], None]:
    """Go on in silence once nobody listens: what is shown is not the work."""
    heard = True

    def watch(now: Any) -> None:
        nonlocal heard
        if heard:
            try:
                show(now)
            except (OSError, ValueError):  # a closed pipe, terminal or file
                heard = False

    return watch


@contextlib.contextmanager
def _progress(settings: Settings, begun: Training | None) -> Iterator[Callable[[Training], None]]:
    """Show a bar on a terminal, else a line for each point of the curve."""
    points, step = (len(begun.curve), begun.run.step) if begun else (0, 0)

    def lines(now: Training) -> None:
        nonlocal points
        if len(now.curve) > points:
            points, last = len(now.curve), now.curve[-1]
            _say(
                f"step {last.step} of {settings.steps}, {last.seconds:.0f} s: "
                f"train {last.train:.4f}, held out {last.held_out:.4f} nats per character"
            )

    make = progress.bars()
    if make is None:
        yield lines
        return
    chars = settings.batch * settings.chunk
    total, initial = settings.steps * chars, step * chars
    bar = make(total=total, initial=initial, unit="char", unit_scale=True, dynamic_ncols=True)

    def show(now: Training) -> None:
        held_out = f", held out {now.curve[-1].held_out:.3f}" if now.curve else ""
        loss = now.losses[-1] if now.losses else now.curve[-1].train
        bar.set_postfix_str(f"loss {loss:.3f}{held_out} nats", refresh=False)
        bar.update(chars)

    try:
        yield show
    finally:
        with contextlib.suppress(OSError, ValueError):  # the terminal has gone
            bar.close()


def _evaluate(model: str, *, adapt: bool, **asked: Any) -> None:
    cell, params, vocabulary = folders.read(model)
    about = folders.about(model)
    source = asked["text"] if asked["text"] is not None else corpora.known(about)
    if source is None:
        raise ValueError(f"the text that {model} was trained on is not known here; add --text")
    corpus, remarks = corpora.read(source)
    held_out = vocabulary.encode(corpus.vocabulary.decode(corpus.held_out), len(corpus.train))
    whole = (len(held_out) - 1) // score.WINDOW * score.WINDOW
    with _products(score.WINDOWS, max(len(layer.W_h) for layer in params.layers)):
        rows = {
            f"state carried, {len(held_out) - 1} characters": score.carried(cell, params, held_out),
            f"windows of {score.WINDOW}, {whole} characters": score.windows(cell, params, held_out),
        }
    if adapt:
        name = f"learning from each {Rule.chunk} once predicted"
        seen = vocabulary.encode(corpus.vocabulary.decode(corpus.train))
        with _products(1, max(len(layer.W_h) for layer in params.layers)):
            scale = adapting.root_mean_squares(cell, params, seen)
            rows[name] = adapting.nats(cell, params, held_out, scale, Rule())
    _table(rows)
    _remark(remarks)
    if not corpora.is_that_of(corpus, about):
        _say("This is not the text that the model was trained on.")


def _table(rows: Mapping[str, float], head: str = "per character:") -> None:
    """Write scores in three units."""
    width = max(map(len, [head, *rows]))
    _say(f"{head:{width}}    nats    bits  perplexity")
    for name, nats in rows.items():
        _say(f"{name:{width}}  {nats:6.4f}  {text.bits(nats):6.4f}  {text.perplexity(nats):10.4f}")


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
        with _products(1, max(len(layer.W_h) for layer in params.layers)):
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
    with _products(1, max(len(layer.W_h) for layer in params.layers)):
        for piece in itertools.chain([prompt], written):
            sys.stdout.write(piece)
            sys.stdout.flush()
    sys.stdout.write("\n")


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
    _table(frozen, "frozen, per character:")
    _table(adaptive, "adaptive, per character:")
    _remark(remarks)
    for name in missing:
        _say(f"{name} is left out: {compress.LACK[name]}.")


def _of_orders(name: str, scores: Iterable[float]) -> dict[str, float]:
    return {f"{name}, n = {n}": nats for n, nats in enumerate(scores, start=1)}
