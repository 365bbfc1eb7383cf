"""Trees of arrays to files and back, as safetensors: numbers and their names, and no code.

A file is written beside its place and then moved there, so a reader finds the old one or the new
one, never half of one. Nothing is unpickled.

Parameters
----------
path : path
    The file.
arrays : mapping of str to ndarray
    The arrays by the names of `bptt.tree.leaves`.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from types import ModuleType
from typing import Any, TypeVar

import numpy as np

from bptt import files, tree
from bptt.shapes import Array

T = TypeVar("T")

DIGEST = "sha256"  # where a file that is written here says what it holds
NEEDS = 'checkpoint: safetensors is missing: python -m pip install "bptt[lm]"'


class CheckpointError(ValueError):
    """A file is not what it should be: cut off, of another kind, or of another network."""


def write(path: str | os.PathLike[str], values: Any, about: Mapping[str, str]) -> None:
    """Write a tree of arrays, or a mapping from names to arrays.

    The file also gets the SHA-256 of all that it holds, so that `read` sees a damage. One that is
    there already is replaced at once, when the new one is complete.

    Parameters
    ----------
    values : tuple, ndarray or mapping
        The arrays. Those of a tree get the names of `bptt.tree.leaves`.
    about : mapping of str to str
        What else the file says about them. The key `sha256` is taken.

    Raises
    ------
    ModuleNotFoundError
        If safetensors is not installed. The message says how to install it.
    OSError
        If the file cannot be written. One that was there is left as it was.
    """
    safetensors = _safetensors()
    arrays = values if isinstance(values, Mapping) else dict(tree.leaves(values))
    whole = {name: np.array(array, order="C") for name, array in arrays.items()}
    files.replace(path, safetensors.numpy.save(whole, {**about, DIGEST: _digest(whole, about)}))


def read(path: str | os.PathLike[str]) -> tuple[dict[str, Array], dict[str, str]]:
    """Read all arrays of a file by their names, and what else it says.

    Raises
    ------
    CheckpointError
        If there is no such file, or it is cut off or no safetensors file, or its SHA-256 is another
        than it says, or an array has a dtype that NumPy does not have, or is of complex numbers.
    ModuleNotFoundError
        If safetensors is not installed. The message says how to install it.
    """
    safetensors, name = _safetensors(), os.fspath(path)
    try:
        with safetensors.safe_open(name, framework="numpy") as file:
            arrays = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118  # no dict
            about = dict(file.metadata() or {})
    except FileNotFoundError:
        raise CheckpointError(f"checkpoint.read: there is no file {name}") from None
    except OSError as error:
        raise CheckpointError(f"checkpoint.read: {name} cannot be read: {error}") from error
    except (
        safetensors.SafetensorError,
        TypeError,
        AttributeError,
        ValueError,
        MemoryError,
    ) as error:
        raise CheckpointError(
            f"checkpoint.read: {name} cannot be read; it is cut off, or not a "
            f"safetensors file ({error})"
        ) from error
    for key, array in arrays.items():
        if array.dtype.kind not in "biuf":
            raise CheckpointError(f"checkpoint.read: {name}: {key!r} is of {array.dtype}")
    digest = about.pop(DIGEST, None)  # other programs write none
    if digest not in {None, _digest(arrays, about)}:
        raise CheckpointError(f"checkpoint.read: {name} is damaged, its SHA-256 is another one")
    return arrays, about


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
            raise CheckpointError(f"{where}: {name!r} does not belong to this network")
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
