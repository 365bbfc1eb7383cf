r"""A model in a folder, as model hubs keep it: what it is, its weights, and a page about it.

`config.json` holds the form of the network and its characters, `model.safetensors` the weights,
`README.md` the model card. Weights may be kept in fewer bits than they were trained in: float16,
or whole numbers of 8 bits and a scale for each column,

$$
\begin{aligned}
W_{ij} &\approx q_{ij} s_j, \qquad q_{ij} \in \{-127, \dots, 127\}, \\
s_j &= \max_i |W_{ij}| / 127.
\end{aligned}
$$

Parameters
----------
dtype : str
    How the weights are kept: `float32`, `float16` or `int8`.
card : str
    The model card, in Markdown.
"""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, NamedTuple, NoReturn

import numpy as np

from bptt import checkpoint, files, foreign, tree
from bptt.cells import CELLS
from bptt.checkpoint import CheckpointError
from bptt.lm.network import Params, is_tied, template
from bptt.shapes import Array, shown
from bptt.text import Vocabulary

CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
FILES = (WEIGHTS, CONFIG, CARD)
KIND = "bptt.lm"
ENTRIES = ("model_type", "cell", "characters", "embedding", "widths", "tied", "dtype")
FORM = "form"  # where the weights note the SHA-256 of these
DTYPES = ("float32", "float16", "int8")
SCALE = ".scale"  # after the name of an array that is kept in 8 bits


class Model(NamedTuple):
    """A character language model that can be used."""

    cell: Annotated[ModuleType, "`bptt.rnn`, `bptt.lstm` or `bptt.gru`"]
    params: Annotated[Params[Any], "the weights, in float32"]
    vocabulary: Annotated[Vocabulary, "the characters"]


def write(
    folder: str | os.PathLike[str],
    model: Model,
    *,
    dtype: str = "float32",
    about: Mapping[str, Any] | None = None,
    card: str = "",
) -> None:
    """Write a model to a folder, which is made if it is not there.

    Raises
    ------
    ValueError
        If the dtype is none of the three, or a weight is not finite or too large for it.
    """
    written = contents(model, dtype=dtype, about=about, card=card)
    Path(folder).mkdir(parents=True, exist_ok=True)
    for name, content in written.items():
        files.replace(Path(folder, name), content)


def contents(
    model: Model,
    *,
    dtype: str = "float32",
    about: Mapping[str, Any] | None = None,
    card: str = "",
) -> dict[str, bytes]:
    """Return what `write` writes, the bytes of each file by its name.

    The weights note the SHA-256 of the form in `config.json`, so that `read` sees where the two
    do not belong together.

    Raises
    ------
    ValueError
        As `write`.
    """
    params, where = model.params, "lm.folder"
    form = {
        "model_type": KIND,
        "cell": model.cell.__name__.removeprefix("bptt."),
        "characters": model.vocabulary.characters,
        "embedding": params.E.shape[1],
        "widths": [len(p.W_h) for p in params.layers],
        "tied": is_tied(params),
        "dtype": dtype,
    }
    arrays = pack(params, dtype)
    checkpoint.fill(_template(form), unpack(arrays), where)  # else `read` would refuse it
    if taken := [name for name in about or {} if name in form]:
        raise ValueError(f"{where}: the entry {shown(taken[0])} of `about` is taken; rename it")
    text = json.dumps({**form, **(about or {})}, indent=1, ensure_ascii=False, allow_nan=False)
    if json.loads(text.encode("utf-8", "backslashreplace"))["characters"] != form["characters"]:
        raise ValueError(f"{where}: two characters are halves of one, surrogates; remove them")
    return {
        WEIGHTS: checkpoint.content(arrays, {"format": "np", FORM: _digest(form)}),
        CONFIG: f"{text}\n".encode("utf-8", "backslashreplace"),  # a half character: its number
        CARD: card.encode("utf-8", "backslashreplace"),
    }


def _template(form: Mapping[str, Any]) -> Params[Any]:
    """Return weights of this form, which take no memory."""
    sizes = len(Vocabulary(form["characters"])), form["embedding"], tuple(form["widths"])
    return template(CELLS[form["cell"]], *sizes, tied=form["tied"])


def _digest(config: Mapping[str, Any]) -> str:
    """Return the SHA-256 of the form that a `config.json` gives; what else it says may change."""
    form = {name: config.get(name) for name in ENTRIES}
    return hashlib.sha256(json.dumps(form, sort_keys=True).encode()).hexdigest()


def read(folder: str | os.PathLike[str]) -> Model:
    """Read a model, with weights in float32.

    Raises
    ------
    CheckpointError
        If a file is missing, is cut off or of another kind, or the weights do not fit the form
        that `config.json` gives.
    """
    folder = Path(folder)
    config, where = about(folder), f"lm.folder: {folder / CONFIG}"
    arrays, said = checkpoint.read(folder / WEIGHTS)
    try:
        like = _template(config)
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise CheckpointError(f"{where} does not describe its weights: {shown(error)}") from error
    params = checkpoint.fill(like, unpack(arrays), f"lm.folder: {folder / WEIGHTS}")
    if said.get(FORM) not in {None, _digest(config)}:
        raise CheckpointError(
            f"{where} is not the one that was written with {WEIGHTS}: its form is another, or it "
            "has other characters; take both files from one model"
        )
    return Model(CELLS[config["cell"]], params, Vocabulary(config["characters"]))


def about(folder: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what `config.json` says: the form of the network, and what was written about it.

    Raises
    ------
    CheckpointError
        If the file is missing, or is no configuration of a model of this library.
    """
    path = Path(folder) / CONFIG
    try:
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # or a name that no file can have
        denied = isinstance(error, PermissionError)
        remedy = "ask its owner, or chmod u+r" if denied else "name the folder of a model"
        why = getattr(error, "strerror", "no file can have this name")
        raise CheckpointError(f"lm.folder: {path} cannot be read: {why}; {remedy}") from error
    try:
        config = json.loads(content.decode("utf-8-sig"), parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        kind = foreign.description(content[: foreign.ENOUGH])
        why = f"it {kind}" if kind and not content.startswith(b"{") else shown(error, str)
        raise CheckpointError(f"lm.folder: {path} cannot be read: {why}") from error
    if not isinstance(config, dict) or config.get("model_type") != KIND:
        raise CheckpointError(f'lm.folder: {path} must say "model_type": "{KIND}"')
    return config


def _no_number(word: str) -> NoReturn:
    """Refuse NaN and infinity, which are no JSON."""
    raise ValueError(f"{word} is no number")


def pack(params: Params[Any], dtype: str) -> dict[str, Array]:
    """Return the arrays of a file by name: biases in float32, matrices in fewer bits.

    With `int8` the scales of each matrix are among them.

    Raises
    ------
    ValueError
        If the dtype is none of the three, or a weight is not finite or too large for it.
    """
    if dtype not in DTYPES:
        raise ValueError(f"lm.pack: dtype must be one of {', '.join(DTYPES)}, got {shown(dtype)}")
    arrays: dict[str, Array] = {}
    for name, array in tree.leaves(params):
        full = array.astype(np.float32)
        if not np.isfinite(full).all():
            raise ValueError(f"lm.pack: {name} holds NaN or infinity")
        if full.ndim < 2 or dtype == "float32":
            arrays[name] = full
        elif dtype == "float16":
            if np.abs(full).max() > np.finfo(np.float16).max:
                raise ValueError(f"lm.pack: {name} is too large for float16")
            arrays[name] = full.astype(np.float16)
        else:
            scale = np.abs(full).max(axis=0) / np.float32(127)
            scale = np.where(scale > 0, scale, np.float32(1))  # a column of zeros
            arrays[name] = np.rint(full / scale).astype(np.int8)
            arrays[name + SCALE] = scale
    return arrays


def unpack(arrays: Mapping[str, Array]) -> dict[str, Array]:
    """Return the weights in float32, each times its scales: the inverse of `pack`, up to rounding.

    Parameters
    ----------
    arrays : mapping of str to ndarray
        The arrays by name.

    Raises
    ------
    CheckpointError
        If the scales of an array do not fit it, or have none.
    """
    full = {}
    for name, array in arrays.items():
        if name.endswith(SCALE):
            if name.removesuffix(SCALE) not in arrays:
                raise CheckpointError(f"lm.unpack: {name} is the scale of an array that is missing")
            continue
        scale = arrays.get(name + SCALE, np.ones(array.shape[1:], np.float32))
        if scale.shape != array.shape[1:]:
            raise CheckpointError(
                f"lm.unpack: {name + SCALE} must be {array.shape[1:]}, got {scale.shape}"
            )
        full[name] = array.astype(np.float32) * scale.astype(np.float32)
    return full
