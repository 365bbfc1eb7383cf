"""The command line: `bptt train`, `evaluate`, `generate` and `baselines`.

Whatever goes wrong is told in one sentence. The exit code is 2 where what was asked for or a file
is wrong, 1 where the work failed, and 130 after Ctrl-C.
"""

import contextlib
import dataclasses
import functools
import hashlib
import itertools
import math
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

import numpy as np

from bptt import files, ngram, text
from bptt.checkpoint import CheckpointError
from bptt.lm import folder as folders
from bptt.lm import loop, pretrained, sample, score
from bptt.lm.dropout import Rates
from bptt.lm.training import CELLS, Settings, chunks_per_epoch
from bptt.optim import NonFiniteGradient
from bptt.shapes import Array
from bptt.text import CorpusError, Vocabulary

if TYPE_CHECKING:
    import click

CURVE = "curve.csv"
WINDOW = 256  # characters, for the learning curve and `evaluate`
TEXTS = {"shakespeare": text.tiny_shakespeare, "library": text.standard_library}

# A network that learns the default text in a few minutes on one core.
SMALL = {"embedding": 64, "widths": (192,), "batch": 16, "chunk": 64, "steps": 4000}
RATES = ("inputs", "between", "outputs", "recurrent")


def main() -> None:
    """Run the command line."""
    for stream in (sys.stdout, sys.stderr):  # as UTF-8, whatever a pipe of this system would be
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors=stream.errors)
    try:
        program = commands()
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        _fail('click is missing: python -m pip install "bptt[lm]"', 1)
    program(prog_name="bptt")


def commands() -> "click.Group":
    """Return the commands and their options.

    Returns
    -------
    click.Group
        The program, to be called.

    Raises
    ------
    ModuleNotFoundError
        If click is not installed.
    """
    from click import Argument, Choice, Command, Group, IntRange, Option

    def corpus(default: str) -> Option:
        words = "Tiny Shakespeare, the standard library's prose, or a UTF-8 file."
        words += f"  [default: {default}]"
        return Option(["--text"], metavar="shakespeare|library|PATH", help=words)

    def setting(name: str, words: str, kind: Any, default: object) -> Option:
        return Option([f"--{name}"], type=kind, help=f"{words}  [default: {default}]")

    model = Argument(["model"], metavar="[MODEL]", default=str(pretrained.FOLDER))
    shipped = "Without MODEL, the folder of one, it is the one that the package brings along."
    small, usual = SMALL, Settings()
    train = Command(
        "train",
        callback=_told(_train),
        help="Train a network on the first 90% of a text, and save a model in a folder. "
        "Ctrl-C stops and saves; --resume goes on.",
        params=[
            corpus("library"),
            Option(["--folder"], required=True, help="Where all goes; made if it is not there."),
            Option(["--resume"], is_flag=True, help="Go on where the training there stands."),
            setting("every", "Steps from save to save.", IntRange(1), "a twentieth of all"),
            setting("cell", "The cell of all layers.", Choice(list(CELLS)), usual.cell),
            setting("embedding", "Numbers for each character.", int, small["embedding"]),
            setting(
                "widths", "Units of each layer, such as 512,512.", str, _shown(small["widths"])
            ),
            Option(
                ["--tied/--untied"],
                default=None,
                help="Whether the head shares the embedding.  [default: untied]",
            ),
            setting("batch", "Places that are read side by side.", int, small["batch"]),
            setting("chunk", "Characters between two updates.", int, small["chunk"]),
            setting("steps", "Updates.", int, small["steps"]),
            setting("lr", "The learning rate at its highest.", float, usual.lr),
            setting("warmup", "Steps in which it rises.", int, "a twentieth of all"),
            setting("decay", "Last steps, in which it falls.", int, "all others"),
            *(
                setting(name, f"Share dropped {where}.", float, 0)
                for name, where in zip(
                    RATES,
                    ("of the lowest layer's inputs", "between layers", "before the head", "of W_h"),
                    strict=True,
                )
            ),
            setting("seed", "Decides all that is drawn.", int, usual.seed),
        ],
    )
    evaluate = Command(
        "evaluate",
        callback=_told(_evaluate),
        help=f"Score a model on the last 10% of a text. {shipped}",
        params=[model, corpus("what it was trained on")],
    )
    generate = Command(
        "generate",
        callback=_told(_generate),
        help=f"Let a model write. {shipped}",
        params=[
            model,
            setting("prompt", "What to go on from.", str, "a new line"),
            Option(
                ["--length"], type=IntRange(0), default=500, show_default=True, help="Characters."
            ),
            Option(
                ["--temperature"],
                type=float,
                default=1.0,
                show_default=True,
                help="0 always takes the most likely; the higher, the less likely ones are drawn.",
            ),
            setting("top-k", "Draw from so many, the most likely.", int, "all"),
            Option(["--seed"], type=IntRange(0), default=0, show_default=True, help="Decides all."),
        ],
    )
    baselines = Command(
        "baselines",
        callback=_told(_baselines),
        help="Score n-gram models and compressors on the same split.",
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
    def run(**options: Any) -> None:
        try:
            command(**options)
        except KeyboardInterrupt:
            _fail("stopped", 130)
        except BrokenPipeError:  # `bptt ... | head`: click ends the program quietly
            raise
        except NonFiniteGradient as error:
            _fail("; ".join([str(error), *getattr(error, "__notes__", ())]), 1)
        except (ValueError, CorpusError) as error:
            _fail(str(error), 2)
        except (OSError, ModuleNotFoundError, MemoryError) as error:
            _fail(str(error) or type(error).__name__, 1)

    return run


def _fail(message: str, code: int) -> NoReturn:
    """Write one line, of which a file from elsewhere may be a part, and exit."""
    line = "".join(c if c.isprintable() else " " for c in message)
    sys.stderr.write(f"Error: {line}\n")
    sys.exit(code)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


class _Corpus(NamedTuple):
    """A text: where it is, its hash, its characters, and its two parts as their numbers."""

    source: str
    sha256: str
    vocabulary: Vocabulary
    train: Array
    held_out: Array


def _corpus(source: str) -> _Corpus:
    """Load and split a text."""
    if source not in TEXTS:
        source = str(Path(source).absolute())
    whole = TEXTS[source]() if source in TEXTS else text.read(source)
    vocabulary = Vocabulary.of(whole)
    train, held_out = map(vocabulary.encode, text.split(whole))
    if len(held_out) <= WINDOW:
        raise ValueError(
            f"the text has {len(whole)} characters, too few: its last 10% must be over {WINDOW}"
        )
    sha256 = hashlib.sha256(whole.encode()).hexdigest()
    return _Corpus(source, sha256, vocabulary, train, held_out)


def _train(folder: str, resume: bool, every: int | None, **asked: Any) -> None:
    place = Path(folder)
    source = asked.pop("text")
    given = {name: value for name, value in asked.items() if value is not None}
    if "widths" in given:
        given["widths"] = _widths(given["widths"])
    if resume:
        settings, notes, begun = _load(place, {**given, **({"every": every} if every else {})})
        corpus = _same_corpus(place, notes, source)
        every = notes["every"]
    else:
        if any((place / name).exists() for name in (loop.STATE, folders.WEIGHTS)):
            raise ValueError(
                f"{place} holds a training or a model already; go on with --resume, or choose "
                "another folder"
            )
        settings, corpus = _settings(given), _corpus(source or "library")
        every = every or math.ceil(settings.steps / 20)
        begun = None
    chunks_per_epoch(settings, len(corpus.train))  # else there is no use to begin
    begun = begun or loop.begin(settings, len(corpus.vocabulary))
    place.mkdir(parents=True, exist_ok=True)
    about = {
        "characters": len(corpus.vocabulary),
        "vocabulary": corpus.vocabulary.characters,
        "text": corpus.source,
        "sha256": corpus.sha256,
        "every": every,
    }
    ended = _run(place, settings, corpus, about, begun)
    _write_model(place, settings, corpus, ended)
    named = _quoted(place)
    on = "" if corpus.source in TEXTS else f" --text {_quoted(corpus.source)}"
    _say(f"The model is in {place}. Try: bptt evaluate {named}{on}; bptt generate {named}")


def _quoted(path: Path | str) -> str:
    return f'"{path}"' if " " in str(path) else str(path)


def _widths(widths: str) -> tuple[int, ...]:
    try:
        return tuple(map(int, widths.split(",")))
    except ValueError:
        raise ValueError(
            f"--widths must be whole numbers with commas between them, got {widths!r}"
        ) from None


def _shown(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _settings(given: Mapping[str, Any]) -> Settings:
    """Return the settings that were asked for; the rate falls until the end."""
    values = {**SMALL, **given}
    rates = Rates(**{name: values.pop(name) for name in RATES if name in values})
    values.setdefault("warmup", values["steps"] // 20)
    values.setdefault("decay", max(0, values["steps"] - values["warmup"]))
    return Settings(**values, rates=rates)


def _load(place: Path, given: Mapping[str, Any]) -> tuple[Settings, dict[str, Any], loop.Training]:
    """Read a training, and insist that nothing else is asked for now."""
    path = place / loop.STATE
    if not path.exists():
        raise ValueError(f"{place} holds no training; leave --resume out to begin one")
    settings, notes, begun = loop.read(path)
    kinds = {"vocabulary": str, "text": str, "sha256": str, "every": int}
    for name, kind in kinds.items():
        if type(notes.get(name)) is not kind:
            raise CheckpointError(f"{path} does not come from `bptt train`: {name} is not noted")
    if notes["every"] < 1:
        raise CheckpointError(f"{path}: every must be at least 1, got {notes['every']}")
    plain = vars(settings) | vars(settings.rates) | notes
    for name, value in given.items():
        if plain[name] != value:
            raise ValueError(
                f"the training in {place} has {name} {_shown(plain[name])}, "
                f"and is asked for {_shown(value)}; leave that out to go on"
            )
    return settings, notes, begun


def _same_corpus(place: Path, notes: Mapping[str, Any], source: str | None) -> _Corpus:
    """Load the text of a training, and insist that it is the one."""
    corpus = _corpus(source or notes["text"])
    found = corpus.sha256, corpus.vocabulary.characters, len(corpus.vocabulary)
    if found != (notes["sha256"], notes["vocabulary"], notes["characters"]):
        raise ValueError(
            f"the training in {place} reads another text than {corpus.source} holds now: its "
            f"SHA-256 is {notes['sha256']}, and here {corpus.sha256}"
        )
    return corpus


def _run(
    place: Path,
    settings: Settings,
    corpus: _Corpus,
    about: Mapping[str, Any],
    begun: loop.Training,
) -> loop.Training:
    """Train to the end, or save and exit at Ctrl-C."""
    latest = begun

    def save(now: loop.Training) -> None:
        loop.write(place / loop.STATE, settings, about, now)
        lines = (",".join(map(repr, point)) for point in now.curve)
        curve = "\n".join([",".join(loop.Point._fields), *lines, ""])
        files.replace(place / CURVE, curve.encode())

    try:
        save(begun)
        with _progress(settings, begun) as show, np.errstate(over="ignore", invalid="ignore"):

            def watch(now: loop.Training) -> None:
                nonlocal latest
                latest = now
                show(now)

            return loop.train(
                settings,
                corpus.train,
                corpus.held_out,
                len(corpus.vocabulary),
                begun,
                every=about["every"],
                save=save,
                watch=watch,
            )
    except KeyboardInterrupt:
        with _impatience_ignored():
            save(latest)
        _fail(
            f"stopped at step {latest.run.step} of {settings.steps}, and saved; go on with: "
            f"bptt train --folder {_quoted(place)} --resume",
            130,
        )
    except NonFiniteGradient as error:
        error.add_note(f"the last checkpoint stays in {place / loop.STATE}")
        raise


@contextlib.contextmanager
def _impatience_ignored() -> Iterator[None]:
    """Let a second Ctrl-C not hinder the saving."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _progress(
    settings: Settings, begun: loop.Training
) -> Iterator[Callable[[loop.Training], None]]:
    """Show a bar on a terminal, else a line for each point of the curve."""
    points = len(begun.curve)

    def lines(now: loop.Training) -> None:
        nonlocal points
        if len(now.curve) > points:
            points, last = len(now.curve), now.curve[-1]
            _say(
                f"step {last.step} of {settings.steps}, {last.seconds:.0f} s: "
                f"train {last.train:.4f}, held out {last.held_out:.4f} nats per character"
            )

    try:
        from tqdm import tqdm
    except ModuleNotFoundError:
        yield lines
        return
    if not sys.stderr.isatty():
        yield lines
        return
    chars = settings.batch * settings.chunk
    with tqdm(
        total=settings.steps * chars,
        initial=begun.run.step * chars,
        unit="char",
        unit_scale=True,
        dynamic_ncols=True,
    ) as bar:

        def show(now: loop.Training) -> None:
            held_out = f", held out {now.curve[-1].held_out:.3f}" if now.curve else ""
            loss = now.losses[-1] if now.losses else now.curve[-1].train
            bar.set_postfix_str(f"loss {loss:.3f}{held_out} nats", refresh=False)
            bar.update(chars)

        yield show


def _write_model(place: Path, settings: Settings, corpus: _Corpus, ended: loop.Training) -> None:
    """Write the model folder."""
    source = corpus.source if corpus.source in TEXTS else Path(corpus.source).name
    last = ended.curve[-1]
    about = {
        "corpus": {
            "name": source,
            "sha256": corpus.sha256,
            "train": len(corpus.train),
            "validation": len(corpus.held_out),
        },
        "settings": dataclasses.asdict(settings),
        "cpu_seconds": last.seconds,
        "val_nats_window256": last.held_out,
    }
    card = f"""---
library_name: bptt
pipeline_tag: text-generation
---

# A character language model

Layers of {settings.cell.upper()}, {_shown(settings.widths)} units, trained by `bptt train` on the
first 90% of the text "{source}" (SHA-256 `{corpus.sha256}`)
in {settings.steps} steps, {last.seconds:.0f} s of CPU. On the last 10%, in windows of {WINDOW}
characters, it needs {last.held_out:.4f} nats per character. All settings are in `config.json`.
"""
    model = folders.Model(CELLS[settings.cell], ended.run.params, corpus.vocabulary)
    folders.write(place, model, about=about, card=card)


def _evaluate(model: str, **asked: Any) -> None:
    cell, params, vocabulary = folders.read(model)
    known = folders.about(model).get("corpus")
    known = known if isinstance(known, dict) else {}
    source = asked["text"]
    if source is None and known.get("sha256") == text.SHA256:
        source = "shakespeare"
    elif source is None and known.get("name") == "library":
        source = "library"
    elif source is None:
        raise ValueError(f"the text that {model} was trained on is not known here; add --text")
    corpus = _corpus(source)
    held_out = vocabulary.encode(corpus.vocabulary.decode(corpus.held_out))
    whole = (len(held_out) - 1) // WINDOW * WINDOW
    rows = {
        f"state carried, {len(held_out) - 1} characters": score.carried(cell, params, held_out),
        f"windows of {WINDOW}, {whole} characters": score.windows(cell, params, held_out, WINDOW),
    }
    _table(rows)
    if corpus.sha256 != known.get("sha256"):
        _say("This is not the text that the model was trained on.")


def _table(rows: Mapping[str, float]) -> None:
    """Write scores in three units."""
    width = max(map(len, rows))
    _say(f"{'per character:':{width}}    nats    bits  perplexity")
    for name, nats in rows.items():
        _say(f"{name:{width}}  {nats:6.4f}  {text.bits(nats):6.4f}  {text.perplexity(nats):10.4f}")


def _generate(
    *, model: str, prompt: str | None, length: int, temperature: float, top_k: int | None, seed: int
) -> None:
    cell, params, vocabulary = folders.read(model)
    if prompt is None:
        prompt = "\n" if "\n" in vocabulary.characters else vocabulary.characters[0]
    if not prompt:
        raise ValueError("--prompt must be at least one character")
    codes = sample.generate(
        cell,
        params,
        vocabulary.encode(prompt),
        temperature=temperature,
        top_k=top_k,
        rng=np.random.default_rng(seed),
    )
    written = (vocabulary.decode([code]) for code in itertools.islice(codes, length))
    for piece in itertools.chain([prompt], written):
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _baselines(order: int, **asked: Any) -> None:
    source = asked["text"] or "library"
    corpus = _corpus(source)
    K = len(corpus.vocabulary)
    rows = {"uniform": math.log(K)}
    smoothings = {"Witten-Bell": ngram.witten_bell, "Kneser-Ney": ngram.kneser_ney}
    for name, smooth in smoothings.items():
        scores = ngram.nats_of_orders(smooth, corpus.train, corpus.held_out, K, order)
        rows |= {f"{name}, n = {n}": nats for n, nats in enumerate(scores, start=1)}
    train, held_out = map(corpus.vocabulary.decode, (corpus.train, corpus.held_out))
    rows |= {name: ngram.compressed_nats(train, held_out, name) for name in ngram.COMPRESS}
    _table(rows)
