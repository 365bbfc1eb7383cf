"""Throw what is wrong at the command line, at files and at the library: `python fuzz.py`.

Each must answer with a result or with one sentence, and leave alone what it does not own. The first
answer that is neither ends the search; Hypothesis prints the smallest example that it finds.
"""

import argparse
import contextlib
import json
import os
import pickle
import re
import shutil
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from click.testing import CliRunner, Result
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from bptt import cli
from bptt.lm import corpus, folder, save
from bptt.lm.options import OPTIONS

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

FILES = (save.STATE, *save.NAMES)
PATIENCE = 5  # seconds for one answer; then comes Ctrl-C
MEMORY = 4 * 2**30  # bytes; whoever asks for more gets a MemoryError
ANSWERS = (ValueError, TypeError, OSError, MemoryError)

WORDS = "the cat sat on the mat\n" * 200
SMALL = "--embedding 3 --widths 4 --batch 2 --chunk 4 --steps 4 --every 2".split()  # noqa: SIM905  # as typed
ODD = [
    *("", "-", "--", "0", "-1", "1", "2", "1e308", "1e-400", "nan", "inf", "9" * 400, "½", "true"),
    *("a b", "\udcff", "\ud800", "é", "\x1b[31m", "a\nb", "1,2", ",", "1,", "lstm", "library"),
    *(".", "..", "/", "~", "/dev/null", "new", "new/er", "model", "words.txt", "mark.txt"),
    *("wide.txt", "odd.txt", "many.txt", "short.txt", "pickle.pt", "page.html", "x" * 300),
]


# What is thrown.


def texts() -> dict[str, bytes]:
    """Return files to be taken for texts or models, by name."""
    many = "".join(map(chr, range(0x4E00, 0x4E00 + 3000)))
    return {
        "words.txt": WORDS.encode(),
        "mark.txt": b"\xef\xbb\xbf" + WORDS.encode(),
        "wide.txt": WORDS.encode("utf-16"),
        "odd.txt": b"a\rb\r\nc\n\0" * 600,
        "many.txt": many.encode(),
        "short.txt": b"ab",
        "pickle.pt": pickle.dumps([1, 2]),
        "page.html": b"<!doctype html><p>" + WORDS.encode(),
    }


@st.composite
def commands(draw: Any) -> list[str]:
    """Return words for the command line, most of them sensible."""
    command = draw(st.sampled_from(["train", "evaluate", "generate", "baselines"]))
    odd = st.sampled_from(ODD) | st.text(max_size=5) | st.integers(-3, 10).map(str)
    names = {
        "train": [*(option.name for option in OPTIONS), "folder", "text", "every", "resume"],
        "evaluate": ["text"],
        "generate": ["prompt", "length", "temperature", "top-k", "seed"],
        "baselines": ["text", "order"],
    }[command]
    words = [command]
    if command == "train":
        words += ["--folder", draw(st.sampled_from(["new", "model", "."])), *SMALL]
        words += ["--text", draw(st.sampled_from(["words.txt", "mark.txt", "odd.txt"]))]
    if command in {"evaluate", "generate"} and draw(st.booleans()):
        words.append(draw(st.just("model") | odd))
    for name in draw(st.lists(st.sampled_from(names), max_size=4)):
        flag = name in {"resume", "tied"}
        words += [f"--{name}"] if flag else [f"--{name}", draw(odd)]
    return words


@st.composite
def damages(draw: Any) -> Callable[[bytes], bytes]:
    """Return a way to damage the content of a file."""
    at, length = draw(st.floats(0, 1)), draw(st.integers(0, 40))
    put = draw(st.binary(max_size=20) | st.sampled_from([b"NaN", b"null", b"[", b'"', b"1e999"]))
    kind = draw(st.sampled_from(["cut", "put", "over", "drop", "flip", "all"]))

    def damage(content: bytes) -> bytes:
        place = int(at * len(content))
        before, after = content[:place], content[place:]
        return {
            "cut": before,
            "put": before + put + after,
            "over": before + put + after[len(put) :],
            "drop": before + after[length:],
            "flip": before + bytes(byte ^ (1 << length % 8) for byte in after[:1]) + after[1:],
            "all": put,
        }[kind]

    return damage


ARRAYS = arrays_of.arrays(
    arrays_of.scalar_dtypes() | st.just(np.dtype(object)),
    arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=5),
)
THINGS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | ARRAYS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=2), inner),
    max_leaves=10,
)


# What must be.


def run(words: list[str], stdin: bytes = b"") -> Result:
    """Run the command line, for some seconds, and insist on an answer."""
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    signal.alarm(PATIENCE)
    try:
        done = CliRunner().invoke(cli.commands(), words, input=stdin, prog_name="bptt")
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    lines = done.stderr.removesuffix("\n").split("\n")  # click repeats other ends of lines as typed
    if done.exit_code not in {0, 1, 2, 130}:
        raise AssertionError(f"exit code {done.exit_code} of {words}")
    if done.exit_code and not (re.fullmatch(r"Error: .*", lines[-1]) or lines == ["Aborted!"]):
        raise AssertionError(f"no sentence, but {lines} of {words}")
    if done.exit_code and len(lines) != 1 and not lines[0].startswith("Usage:"):
        raise AssertionError(f"more than a sentence: {lines} of {words}")
    if max(map(len, lines), default=0) > 1500:
        raise AssertionError(f"a sentence of {max(map(len, lines))} characters of {words}")
    return done


def held(place: Path) -> dict[str, bytes]:
    """Return all files below a folder."""
    return {str(path): path.read_bytes() for path in sorted(place.rglob("*")) if path.is_file()}


@contextlib.contextmanager
def copied(whole: Path) -> Iterator[Path]:
    """Work in a copy of a folder."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as top:
        place = Path(top, "here")
        shutil.copytree(whole, place)
        os.chdir(place)
        try:
            yield place
        finally:
            os.chdir(before)


def command_line(whole: Path) -> Callable[[], None]:
    """Try any words: what was there before stays, but for what a training wrote itself."""

    @given(commands(), st.sampled_from([b"", WORDS.encode(), b"\xff"]))
    def test(words: list[str], stdin: bytes) -> None:
        with copied(whole) as place:
            before = held(place)
            run(words, stdin)
            after = held(place)
            own = {str(place / "model" / name) for name in FILES} if "--resume" in words else {}
            changed = [name for name in before if after.get(name) != before[name]]
            if lost := [name for name in changed if name not in own]:
                raise AssertionError(f"{lost} changed by {words}")

    return test


def files(whole: Path) -> Callable[[], None]:
    """Damage a file of a training: a refusal changes nothing, and nothing else goes wrong."""
    answers = st.sampled_from(
        [
            ["generate", "model", "--length", "3"],
            ["evaluate", "model", "--text", "words.txt"],
            ["train", "--folder", "model", "--resume"],
            ["train", "--folder", "model", "--resume", "--steps", "6"],
            ["train", "--folder", "new", "--text", "model/config.json", *SMALL],
        ]
    )

    @given(st.sampled_from(FILES), damages(), answers)
    def test(name: str, damage: Callable[[bytes], bytes], words: list[str]) -> None:
        with copied(whole) as place:
            path = place / "model" / name
            path.write_bytes(damage(path.read_bytes()))
            before = held(place)
            if run(words).exit_code == 2 and held(place) != before:
                raise AssertionError(f"refused, and yet changed: {words}")

    return test


def configuration(whole: Path) -> Callable[[], None]:
    """Give entries of a configuration other values: only what it says of itself may change."""
    values = st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    )

    @given(st.sampled_from((*folder.ENTRIES, "corpus", "settings", "step")), values)
    def test(name: str, value: Any) -> None:
        with copied(whole) as place:
            path = place / "model" / folder.CONFIG
            config = json.loads(path.read_text("utf-8"))
            path.write_text(json.dumps({**config, name: value}), "utf-8")
            done = run(["generate", "model", "--length", "3"])
            if name in folder.ENTRIES and value != config[name] and done.exit_code != 2:
                raise AssertionError(f"{name} = {value!r} was taken")
            run(["evaluate", "model"])

    return test


def library(_whole: Path) -> Callable[[], None]:
    """Give a function of the library anything for one of its arrays."""
    import test_numbers

    open_calls = [
        call
        for family in (test_numbers.of_runs, test_numbers.of_models, test_numbers.of_updates)
        for call in family()
    ]

    @given(st.sampled_from(range(len(open_calls))), THINGS)
    def test(number: int, thing: Any) -> None:
        name, call = open_calls[number]
        try:
            with np.errstate(all="ignore"):
                call(thing)
        except ANSWERS as error:
            message = str(error)
            if "\n" in message or not 0 < len(message) <= 500:
                raise AssertionError(f"{name}: no sentence, but {message[:1000]!r}") from error

    return test


TARGETS = {each.__name__: each for each in (command_line, files, configuration, library)}


def main() -> None:
    """Try all targets in turn until the time is over."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--seed", type=int, default=0)
    named = ", ".join(TARGETS)
    parser.add_argument("targets", nargs="*", metavar="TARGET", default=list(TARGETS), help=named)
    asked = parser.parse_args()
    if unknown := {*asked.targets} - TARGETS.keys():
        parser.error(f"there is no target {min(unknown)}; there are: {named}")
    with contextlib.suppress(ImportError):  # Windows has no limits
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, resource.RLIM_INFINITY))
    warnings.simplefilter("error")
    how = settings(
        max_examples=50, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    with tempfile.TemporaryDirectory() as top:
        whole = Path(top)
        for name, content in texts().items():
            (whole / name).write_bytes(content)
        os.chdir(whole)
        corpus.TEXTS.update({name: lambda: WORDS for name in corpus.TEXTS})  # small, and no network
        run(["train", "--folder", "model", "--text", "words.txt", *SMALL])
        end, rounds = time.monotonic() + 60 * asked.minutes, 0
        while not rounds or time.monotonic() < end:
            for name in asked.targets:
                seed(asked.seed + rounds)(how(TARGETS[name](whole)))()
            rounds += 1
            sys.stdout.write(f"{50 * rounds} examples each, all answered\n")
            sys.stdout.flush()
        os.chdir(Path(__file__).parent)  # Windows removes no folder where one is


if __name__ == "__main__":
    main()
