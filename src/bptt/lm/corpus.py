"""A text to train on: where it comes from, its characters, and its two parts as numbers."""

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from bptt import text
from bptt.lm.score import WINDOW
from bptt.shapes import Array
from bptt.text import CorpusError, Vocabulary

STANDARD_INPUT = "-"
TEXTS = {"shakespeare": text.tiny_shakespeare, "library": text.standard_library}


class Corpus(NamedTuple):
    """A text that is split: the first 90% to learn from, the last 10% to be scored on."""

    source: Annotated[str, "one of `TEXTS`, the path of a file, or `-`"]
    sha256: Annotated[str, "the SHA-256 of the whole text"]
    vocabulary: Annotated[Vocabulary, "its characters"]
    train: Annotated[Array, "the first part, a number for each character"]
    held_out: Annotated[Array, "the last part, likewise"]


def load(source: str) -> Corpus:
    """Load and split a text.

    Parameters
    ----------
    source : str
        One of `TEXTS`, the path of a UTF-8 file, or `-` for standard input.

    Raises
    ------
    CorpusError, ValueError
        As `read`.
    """
    return read(source)[0]


def read(source: str) -> tuple[Corpus, tuple[str, ...]]:
    """Load and split a text, and say what may surprise in it.

    Parameters
    ----------
    source : str
        As for `load`.

    Returns
    -------
    corpus : Corpus
        The text.
    remarks : tuple of str
        What `bptt.text.decode` says of it.

    Raises
    ------
    CorpusError
        If the text is not there, or is no text.
    ValueError
        If its last 10% are too short to be scored.
    """
    if not source:
        raise ValueError(f"the name of the text is empty; take {', '.join(TEXTS)}, a file, or -")
    place, remarks = source, tuple[str, ...]()
    if source in TEXTS:
        whole = TEXTS[source]()
    else:
        whole, remarks = text.decode(_content(source), source)
        place = str(Path(source).absolute()) if _stays(source) else STANDARD_INPUT
    if len(whole) < 2 or len(text.split(whole)[1]) <= WINDOW:
        raise ValueError(
            f"the text has {len(whole)} characters, too few: its last 10% must be over {WINDOW}"
        )
    return of(whole, place), remarks


def _stays(source: str) -> bool:
    """Tell whether a text can be read again: it is no pipe, as of a shell."""
    return Path(source).is_file() and Path(source).absolute().parts[1:2] not in {
        ("dev",),
        ("proc",),
    }


def _content(source: str) -> bytes:
    """Read a file, or all of standard input."""
    if source != STANDARD_INPUT:
        return text.content(source)
    if sys.stdin is None or sys.stdin.closed:
        raise CorpusError("standard input is closed; pipe a text in, or name a file")
    return sys.stdin.buffer.read()


def name(source: str) -> str:
    """Return how a text is called to others, without its folder; all of it can be written.

    Parameters
    ----------
    source : str
        One of `TEXTS`, the path of a file, or `-`.
    """
    if source in TEXTS:
        return source
    if source == STANDARD_INPUT:
        return "standard input"
    return Path(source).name.encode("utf-8", "backslashreplace").decode()


def of(whole: str, source: str = "") -> Corpus:
    """Split a text, after 90% of its characters.

    Parameters
    ----------
    whole : str
        The text.
    source : str
        Where it comes from.

    Raises
    ------
    ValueError
        If a part would be empty, or UTF-8 cannot hold the text.
    """
    try:
        sha256 = hashlib.sha256(whole.encode()).hexdigest()
    except UnicodeEncodeError as error:
        raise ValueError(
            f"the text holds half a character at position {error.start}, a surrogate, which UTF-8 "
            "cannot hold; remove it"
        ) from None
    vocabulary = Vocabulary.of(whole)
    train, held_out = map(vocabulary.encode, text.split(whole))
    return Corpus(source, sha256, vocabulary, train, held_out)


def known(about: Mapping[str, Any]) -> str | None:
    """Tell which of `TEXTS` a model was trained on, by its `config.json`; else None."""
    said = _said(about)
    if said.get("sha256") == text.SHA256:
        return "shakespeare"
    return "library" if said.get("name") == "library" else None


def is_that_of(corpus: Corpus, about: Mapping[str, Any]) -> bool:
    """Tell whether a model was trained on a text: whether the SHA-256 is the same.

    Parameters
    ----------
    corpus : Corpus
        The text.
    """
    return bool(corpus.sha256 == _said(about).get("sha256"))


def _said(about: Mapping[str, Any]) -> Mapping[str, Any]:
    said = about.get("corpus")
    return said if isinstance(said, dict) else {}
