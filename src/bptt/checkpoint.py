"""Trees of arrays to files and back, as safetensors: numbers and their names, and no code.

A file is written beside its place and then moved there, so a reader finds the old one or the new
one, never half of one. Nothing is unpickled.

Parameters
----------
path : path
    The file.
arrays : mapping of str to ndarray
    The arrays by the names of `bptt.tree.leaves`.
values : tuple, ndarray or mapping
    The arrays to write. Those of a tree get the names of `bptt.tree.leaves`.
about : mapping of str to str
    What else the file says about them. The key `sha256` is taken.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from bptt import files, foreign, tree
from bptt.shapes import Array, ShapeError, check_numbers, shown

T = TypeVar("T")

DIGEST = "sha256"  # where a file that is written here says what it holds
METADATA = "__metadata__"  # where safetensors keeps the notes, among the names
LONGEST = 100_000_000  # bytes of names and notes that safetensors reads
NEEDS = 'checkpoint: safetensors is missing: python -m pip install "bptt[lm]"'


class CheckpointError(ValueError):
    """A file is not what it should be: cut off, of another kind, or of another network."""


def write(path: str | os.PathLike[str], values: Any, about: Mapping[str, str]) -> None:
    """Write a tree of arrays, or a mapping from names to arrays.

    What is written is what `read` returns, but for the order of bytes, which becomes that of the
    machine. The file also gets the SHA-256 of all that it holds, so that `read` sees a damage. One
    that is there already is replaced at once, when the new one is complete.

    Raises
    ------
    CheckpointError
        If `read` would refuse the file: for a name, a note, or an array of other numbers.
    ModuleNotFoundError
        If safetensors is not installed. The message says how to install it.
    WriteError
        If the file cannot be written. One that was there is left as it was.
    """
    whole = content(values, about)
    try:
        files.replace(path, whole)
    except ValueError as error:
        name = shown(os.fspath(path))
        raise CheckpointError(f"checkpoint.write: no file can have the name {name}") from error


def content(values: Any, about: Mapping[str, str]) -> bytes:
    """Return the bytes of the file that `write` writes, of the same parameters.

    Raises
    ------
    CheckpointError, ModuleNotFoundError
        As `write`.
    """
    safetensors = _safetensors()
    arrays = values if isinstance(values, Mapping) else dict(tree.leaves(values))
    _check_words(arrays, about)
    whole = {name: _kept(name, array) for name, array in arrays.items()}
    try:
        whole_file: bytes = safetensors.numpy.save(whole, {**about, DIGEST: _digest(whole, about)})
    except safetensors.SafetensorError as error:
        raise CheckpointError(
            f"checkpoint.write: names and notes may take {LONGEST:,} bytes ({error})"
        ) from error
    return _in_order(whole_file)


def _in_order(content: bytes) -> bytes:
    """Sort the notes, which safetensors writes in any order: the same arrays, the same bytes."""
    start = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:start])
    header[METADATA] = dict(sorted(header[METADATA].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # the arrays begin at a multiple of 8
    return len(text).to_bytes(8, "little") + text + content[start:]


def _check_words(arrays: Mapping[Any, Any], about: Mapping[Any, Any]) -> None:
    """Insist that names and notes can be read again."""
    if not isinstance(about, Mapping):
        raise CheckpointError(
            f"checkpoint.write: about must be a mapping of str to str, got {shown(about)}"
        )
    for name in arrays:
        if not _is_text(name) or name == METADATA:
            raise CheckpointError(
                f"checkpoint.write: {shown(name)} is no name for an array; take another text"
            )
    for key, value in about.items():
        if key == DIGEST:
            raise CheckpointError(f"checkpoint.write: the note {DIGEST!r} is taken; choose another")
        if not (_is_text(key) and _is_text(value)):
            raise CheckpointError(
                f"checkpoint.write: the note {shown(key)} must be a string that UTF-8 can hold, "
                f"got {shown(value)}"
            )


def _is_text(value: Any) -> bool:
    """Tell whether a value is a string without half characters."""
    return isinstance(value, str) and not any("\ud800" <= c <= "\udfff" for c in value)


def _kept(name: str, value: Any) -> Array:
    """Return an array as a file holds it: in rows, and in the machine's order of bytes."""
    try:
        array = check_numbers("checkpoint.write", shown(name), value)
    except (TypeError, ShapeError) as error:
        raise CheckpointError(str(error)) from error
    if not _is_kept(array):
        raise CheckpointError(
            f"checkpoint.write: {shown(name)} is of {array.dtype}; only whole and real numbers "
            "are kept, of 64 bits at most"
        )
    return np.array(array, array.dtype.newbyteorder("="), order="C")


def _is_kept(array: Array) -> bool:
    """Tell whether an array holds numbers that a file can hold and a network can use."""
    return array.dtype.kind in "biuf" and array.dtype.itemsize <= 8


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, str]]:
    """Read all arrays of a file by their names, and what else it says.

    Tied weights, which other programs keep once with a note of the other name, come under both.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is cut off or no safetensors file, or its SHA-256 is another
        than it says, or an array has a dtype that NumPy does not have, or is of complex numbers.
        Where the file can be told for what it is, the message says so, and what to do.
    ModuleNotFoundError
        If safetensors is not installed. The message says how to install it.
    """
    safetensors, name = _safetensors(), os.fspath(path)
    where = f"checkpoint.read: {name}"
    _check_file(where, Path(name))
    try:
        with safetensors.safe_open(name, framework="numpy") as file:
            keys = list(file.keys())
            _check_dtypes(where, {key: file.get_slice(key).get_dtype() for key in keys})
            arrays = {key: file.get_tensor(key) for key in keys}
            about = dict(file.metadata() or {})
    except CheckpointError:
        raise
    except OSError as error:
        raise CheckpointError(f"{where} cannot be read: {error}") from error
    except (safetensors.SafetensorError, TypeError, AttributeError, ValueError, MemoryError) as e:
        raise CheckpointError(
            f"{where} cannot be read; it is cut off, or not a safetensors file; copy or download "
            f"it again ({shown(e, str)})"
        ) from e
    for key, array in arrays.items():
        if not _is_kept(array):
            raise CheckpointError(f"{where}: {shown(key)} is of {array.dtype}")
    if DIGEST not in about:  # of another program
        tied = {alias: key for alias, key in about.items() if key in arrays and alias not in arrays}
        return (
            arrays | {alias: arrays[key].copy() for alias, key in tied.items()},
            {key: value for key, value in about.items() if key not in tied},
        )
    if about.pop(DIGEST) != _digest(arrays, about):
        raise CheckpointError(f"{where} is damaged, its SHA-256 is another one; restore a copy")
    return arrays, about


def _check_file(where: str, path: Path) -> None:
    """Insist on a file that can be read, and call a file of another kind what it is."""
    if not os.path.exists(path):  # noqa: PTH110  # a name that is too long is none
        raise CheckpointError(f"checkpoint.read: there is no file {path}")
    if not path.is_file():
        kind = "a folder; name the file in it" if path.is_dir() else "no file, but a device or pipe"
        raise CheckpointError(f"{where} cannot be read: it is {kind}")
    try:
        with path.open("rb") as file:
            head = file.read(foreign.ENOUGH)
    except PermissionError as error:
        raise CheckpointError(
            f"{where} cannot be read: permission is denied; ask its owner, or chmod u+r"
        ) from error
    except OSError as error:
        raise CheckpointError(f"{where} cannot be read: {error.strerror}") from error
    length = int.from_bytes(head[:8], "little")  # of the header, a JSON object
    looks_right = head[8:9] == b"{" and length <= LONGEST
    if not looks_right and (words := foreign.description(head)):
        raise CheckpointError(f"{where} cannot be read: it {words}")


def _check_dtypes(where: str, dtypes: Mapping[str, str]) -> None:
    """Insist on numbers that NumPy has."""
    for key, dtype in dtypes.items():
        if dtype in {"BF16", "F4"} or dtype.startswith("F8"):
            raise CheckpointError(
                f"{where} cannot be read: it holds {shown(key)} in {dtype}, and NumPy has no such "
                "numbers; with torch, widen them by .float() and save them anew by "
                "safetensors.torch.save_file, as in chapter 12"
            )


def _safetensors() -> ModuleType:
    """Import what reads and writes the files."""
    try:
        import safetensors.numpy
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(NEEDS) from error
    return safetensors


def _digest(arrays: Mapping[str, Array], about: Mapping[str, str]) -> str:
    """Return the SHA-256 of all that a file says and holds, in an order that is always the same."""
    names = sorted(arrays)
    forms = [(name, str(arrays[name].dtype), arrays[name].shape) for name in names]
    digest = hashlib.sha256(json.dumps([sorted(about.items()), forms]).encode())
    for name in names:
        digest.update(arrays[name].data)
    return digest.hexdigest()


def fill(like: T, arrays: Mapping[str, Array], where: str) -> T:
    """Put arrays into the form of a tree.

    Parameters
    ----------
    like : tuple or ndarray
        A tree whose leaves have the names, shapes and dtypes that are wanted.
    where : str
        Where they come from, for the message.

    Raises
    ------
    CheckpointError
        If an array is missing, is one too many, has another shape or dtype, or holds NaN or
        infinity.
    """
    wanted = dict(tree.leaves(like))
    for name in wanted:
        if name not in arrays:
            raise CheckpointError(f"{where}: {name} is missing")
    for name in arrays:
        if name not in wanted:
            raise CheckpointError(f"{where}: {shown(name)} does not belong to this network")
    for name, array in wanted.items():
        got = arrays[name]
        if (got.shape, got.dtype) != (array.shape, array.dtype):
            raise CheckpointError(
                f"{where}: {name} must be {array.shape} of {array.dtype}, "
                f"got {got.shape} of {got.dtype}"
            )
        if not np.isfinite(got).all():
            raise CheckpointError(f"{where}: {name} holds NaN or infinity")
    values = iter([arrays[name] for name in wanted])
    return tree.map(lambda _: next(values), like)
