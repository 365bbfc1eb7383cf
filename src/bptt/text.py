"""Corpora, their characters as numbers, and the units of a loss.

Parameters
----------
text : str
    The text: N characters.
nats : float
    A loss in nats per character.
"""

import codecs
import functools
import hashlib
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Self

import numpy as np
from numpy.typing import ArrayLike

from bptt import foreign
from bptt.shapes import Array, shown

URL = "https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt"
SHA256 = "86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed"
FILE = "tinyshakespeare.txt"
VARIABLE = "BPTT_DATA"
# How other encodings begin; the longer mark first.
WIDE = (
    (codecs.BOM_UTF32_LE, "UTF-32"),
    (codecs.BOM_UTF32_BE, "UTF-32"),
    (codecs.BOM_UTF16_LE, "UTF-16"),
    (codecs.BOM_UTF16_BE, "UTF-16"),
)
INSTALL = 'python -m pip install "bptt[lm]"'


class CorpusError(OSError):
    """A corpus is missing, is another one, or is no text; the message says what to do."""


def tiny_shakespeare(folder: str | os.PathLike[str] | None = None) -> str:
    """Return Tiny Shakespeare: 1,115,394 characters of plays, of 65 kinds.

    The file `tinyshakespeare.txt` is fetched once, if it is not in the folder, and its hash is
    checked each time. Where it lies in a folder that is named, nothing but NumPy is needed.

    Parameters
    ----------
    folder : path, optional
        Where the file is, or is to be. By default the folder that the environment variable
        `BPTT_DATA` names, else the user's cache folder.

    Raises
    ------
    CorpusError
        If the file is missing and cannot be fetched, cannot be read, or is another one.

    Notes
    -----
    Source: A. Karpathy, char-rnn (2015), <https://github.com/karpathy/char-rnn>, the file
    `data/tinyshakespeare/input.txt`.
    """
    if folder is not None and not os.fspath(folder):
        raise CorpusError("text.tiny_shakespeare: the name of the folder is empty; give one")
    named = folder or os.environ.get(VARIABLE) or _cache()
    path = Path(named) / FILE
    if not path.exists():
        _fetch(path)
    data = _bytes("text.tiny_shakespeare", path)
    if (found := hashlib.sha256(data).hexdigest()) != SHA256:
        raise CorpusError(
            f"text.tiny_shakespeare: {path} is another file: its SHA-256 is {found}, "
            f"and that of Tiny Shakespeare is {SHA256}; delete it and it is fetched again"
        )
    return data.decode()


def _help(needs: str) -> str:
    """Say what to do without a network or without pooch."""
    return (
        f"{needs}, or save {URL} as {FILE} in a folder, and name the folder in the argument or "
        f"in the environment variable {VARIABLE}"
    )


def _cache() -> Path:
    """Return the folder of this package in the user's cache."""
    try:
        import pooch
    except ImportError as error:
        raise CorpusError(
            "text.tiny_shakespeare: no folder is named, and the user's cache is not known "
            "without pooch: " + _help(INSTALL)
        ) from error
    return Path(pooch.os_cache("bptt"))


def _fetch(path: Path) -> None:
    """Put Tiny Shakespeare there."""
    try:
        import pooch

        pooch.retrieve(URL, known_hash=f"sha256:{SHA256}", fname=path.name, path=path.parent)
    except ImportError as error:
        raise _missing(path, "pooch, which would fetch it, is missing", INSTALL) from error
    except OSError as error:  # requests' errors are of this kind too
        why = f"fetching it failed ({type(error).__name__})"
        raise _missing(path, why, "try again with a network") from error
    except ValueError as error:
        why = "what was fetched is another file"
        raise _missing(path, why, "try again from another network") from error


def _missing(path: Path, why: str, needs: str) -> CorpusError:
    return CorpusError(f"text.tiny_shakespeare: {path} does not exist, and {why}: {_help(needs)}")


def _bytes(where: str, path: Path) -> bytes:
    """Read a file."""
    try:
        return path.read_bytes()
    except ValueError as error:
        raise CorpusError(f"{where}: no file can have the name {shown(str(path))}") from error
    except OSError as error:
        remedy = "; ask its owner, or chmod u+r" if isinstance(error, PermissionError) else ""
        raise CorpusError(f"{where}: cannot read {path}: {error.strerror}{remedy}") from error


def standard_library() -> str:
    """Return prose about Python that every Python carries: the help on its language.

    These are the paragraphs of `pydoc_data.topics`, topics in the order of their names, with a
    blank line between two. Many topics quote the same ones; each stands here once, where it is
    first, else a part that is kept for validation would hold much of what was trained on.

    It needs no download. No number may rest on it: the text differs from release to release.
    """
    from pydoc_data.topics import topics

    return _paragraphs(topics)


def _paragraphs(topics: dict[str, str]) -> str:
    """Join the paragraphs, without those that came before."""
    parts = (re.split(r"\n(?:[ \t]*\n)+", topics[name].strip("\n")) for name in sorted(topics))
    return "\n\n".join(dict.fromkeys(part for each in parts for part in each if part))


def read(path: str | os.PathLike[str]) -> str:
    """Read a text file of UTF-8. Line ends stay as they are; a byte-order mark is dropped.

    Parameters
    ----------
    path : path
        The file.

    Raises
    ------
    CorpusError
        If the file cannot be read, is empty, or is not UTF-8.
    """
    return decode(content(path), os.fspath(path))[0]


def content(path: str | os.PathLike[str]) -> bytes:
    """Return what a file holds, for `decode`.

    Parameters
    ----------
    path : path
        The file.

    Raises
    ------
    CorpusError
        If the file cannot be read.
    """
    return _bytes("text.read", Path(path))


def decode(data: bytes, name: str) -> tuple[str, tuple[str, ...]]:
    r"""Return the text of a file, and what a reader should know about it.

    Parameters
    ----------
    data : bytes
        What the file holds.
    name : str
        How it is called in a message.

    Returns
    -------
    text : str
        The text, without a byte-order mark at its start.
    remarks : tuple of str
        Whether there was one, whether lines end in `\r` alone or in several ways, and whether
        there are characters of number zero.

    Raises
    ------
    CorpusError
        If there is no character, or the file is not UTF-8.
    """
    try:
        whole = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        like = next(
            (f", but begins as {name} does" for mark, name in WIDE if data.startswith(mark)), ""
        )
        raise CorpusError(
            f"text.read: {name} is not UTF-8, see byte {error.start}{like}; convert it, or choose "
            "another"
        ) from error
    if not whole:
        raise CorpusError(f"text.read: {name} is empty")
    if whole.startswith("version https://git-lfs"):
        raise CorpusError(f"text.read: {name} {foreign.description(data)}")
    marked = data.startswith(codecs.BOM_UTF8)
    remarks = ["the byte-order mark at its start is dropped"] if marked else []
    return whole, (*remarks, *_remarks(whole))


def _remarks(text: str) -> Iterator[str]:
    """Say what may surprise in a text."""
    both = text.count("\r\n")
    ends = {
        r"\r\n": both,
        r"\r alone": text.count("\r") - both,
        r"\n alone": text.count("\n") - both,
    }
    found = [f"{count:,} times {name}" for name, count in ends.items() if count]
    if len(found) > 1 or ends[r"\r alone"]:
        yield f"its lines end in {' and '.join(found)}, and these stay as they are"
    if zeros := text.count("\0"):
        yield f"it holds {zeros:,} characters of number zero, as UTF-16 read as UTF-8 does"


def split(text: str, train: float = 0.9) -> tuple[str, str]:
    r"""Cut a text of N characters after $\lfloor N \cdot \mathrm{train} \rfloor$ of them.

    The first part is to train on, the second to validate on.

    Parameters
    ----------
    train : float
        The share of the first part.

    Raises
    ------
    ValueError
        If a part would be empty.

    Notes
    -----
    Source: A. Karpathy, nanoGPT, <https://github.com/karpathy/nanoGPT>, which cuts Tiny Shakespeare
    so, at 0.9.
    """
    cut = int(len(text) * train)
    if not 0 < cut < len(text):
        raise ValueError(
            f"text.split: both parts need a character, got {len(text)} characters and "
            f"train={shown(train, str)}"
        )
    return text[:cut], text[cut:]


@dataclass(frozen=True)
class Vocabulary:
    """Characters and their numbers: each one's number is its place in the sorted string.

    Raises
    ------
    ValueError
        If there is no character, or they are not sorted, or one stands twice.

    Examples
    --------
    >>> from bptt.text import Vocabulary
    >>> vocabulary = Vocabulary.of("hello")
    >>> vocabulary
    Vocabulary(characters='ehlo')
    >>> vocabulary.encode("hole")
    array([1, 3, 2, 0])
    """

    characters: Annotated[str, "all K characters, each once, in the order of their code points"]

    def __post_init__(self) -> None:
        """Insist on the order."""
        if not self.characters or "".join(sorted(set(self.characters))) != self.characters:
            raise ValueError(
                "text.Vocabulary: characters must be sorted, each once, and at least one, "
                f"got {shown(self.characters)}"
            )

    @classmethod
    def of(cls, text: str) -> Self:
        """Return the vocabulary of a text of at least one character."""
        return cls("".join(sorted(set(text))))

    def __len__(self) -> int:
        """Return K, the number of characters."""
        return len(self.characters)

    @functools.cached_property
    def _codes(self) -> Array:
        """The number of each code point up to the last known one; -1 of those that are unknown."""
        points = _points(self.characters)
        codes = np.full(int(points[-1]) + 2, -1, np.int64)
        codes[points] = np.arange(len(self))
        return codes

    def encode(self, text: str, start: int = 0) -> Array:
        """Return the numbers of the characters, from 0 to K - 1: int64 of shape (N,).

        Parameters
        ----------
        start : int
            The position of the first character, where the text is a part of one; for the message.

        Raises
        ------
        TypeError
            If it is no text.
        ValueError
            If a character is unknown. The message names the first.
        """
        if not isinstance(text, str):
            raise TypeError(f"text.Vocabulary.encode: text must be a string, got {shown(text)}")
        codes = self._codes[np.minimum(_points(text), len(self._codes) - 1)]
        if (unknown := codes < 0).any():
            place = int(unknown.argmax())
            raise ValueError(
                f"text.Vocabulary.encode: {text[place]!r} at position {start + place} is none of "
                f"the {len(self)} known characters; remove or replace it, or train on a text "
                "with it"
            )
        return codes

    def decode(self, codes: Sequence[int] | Array) -> str:
        """Return the characters of the numbers.

        Parameters
        ----------
        codes : array_like of int of shape (N,)
            Numbers from 0 to K - 1.

        Raises
        ------
        ValueError
            If this is no row of such numbers.
        """
        row = check_codes("text.Vocabulary.decode", codes, len(self))
        points = _points(self.characters)[row]
        return points.tobytes().decode("utf-32-le", "surrogatepass")


def check_codes(where: str, codes: ArrayLike, K: int) -> Array:
    """Return a row of numbers from 0 to K - 1, which may be empty; anything else is a ValueError.

    Parameters
    ----------
    codes : array_like of int of shape (N,)
        What the caller passed.
    """
    row = np.asarray(codes)
    if row.ndim != 1 or (
        row.size and (row.dtype.kind not in "iu" or row.min() < 0 or row.max() >= K)
    ):
        raise ValueError(
            f"{where}: codes must be a row of whole numbers from 0 to {K - 1}, got {shown(codes)}"
        )
    return row.astype(np.int64, copy=False)


def _points(text: str) -> Array:
    """Return code points. A lone surrogate, as in a broken argument, is one like any other."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), "<u4")


def bits(nats: float) -> float:
    r"""Return bits per character: $\mathrm{nats} / \ln 2$."""
    return nats / math.log(2)


def perplexity(nats: float) -> float:
    r"""Return the perplexity, $e^{\mathrm{nats}}$.

    A guess among so many characters, all equally likely, would have the same loss.
    """
    return math.exp(nats)
