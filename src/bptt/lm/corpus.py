"""A text to train on: where it comes from, its characters, and its two parts as numbers."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from bptt import text
from bptt.lm.score import WINDOW
from bptt.shapes import Array
from bptt.text import Vocabulary

TEXTS = {"shakespeare": text.tiny_shakespeare, "library": text.standard_library}


class Corpus(NamedTuple):
    """A text that is split: the first 90% to learn from, the last 10% to be scored on."""

    source: Annotated[str, "one of `TEXTS`, or the path of a file"]
    sha256: Annotated[str, "the SHA-256 of the whole text"]
    vocabulary: Annotated[Vocabulary, "its characters"]
    train: Annotated[Array, "the first part, a number for each character"]
    held_out: Annotated[Array, "the last part, likewise"]


def load(source: str) -> Corpus:
    """Load and split a text.

    Parameters
    ----------
    source : str
        One of `TEXTS`, or the path of a UTF-8 file.

    Raises
    ------
    CorpusError
        If the text is not there, or is no text.
    ValueError
        If its last 10% are too short to be scored.
    """
    if source not in TEXTS:
        source = str(Path(source).absolute())
    whole = TEXTS[source]() if source in TEXTS else text.read(source)
    corpus = of(whole, source)
    if len(corpus.held_out) <= WINDOW:
        raise ValueError(
            f"the text has {len(whole)} characters, too few: its last 10% must be over {WINDOW}"
        )
    return corpus


def of(whole: str, source: str = "") -> Corpus:
    """Split a text, after 90% of its characters.

    Parameters
    ----------
    whole : str
        The text.
    source : str
        Where it comes from.
    """
    vocabulary = Vocabulary.of(whole)
    train, held_out = map(vocabulary.encode, text.split(whole))
    sha256 = hashlib.sha256(whole.encode()).hexdigest()
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
