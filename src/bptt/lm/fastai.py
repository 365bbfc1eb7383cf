r"""Weights in the layout of fastai's `AWD_LSTM`: from tensors, from a folder, from a hub.

fastai wraps the LSTM of each layer for weight drop. The wrapper owns the weights from state to
state, under a name that ends in `_raw`, and at each call puts a copy of them into the layer, in
training with holes. A file may hold both. The raw ones are the weights.
"""

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from bptt import checkpoint, layouts, lstm
from bptt.lm.network import Params
from bptt.shapes import Array, check_shape, shown
from bptt.torch_layout import from_torch

FILES = ("model.safetensors", "vocab.json")  # what a folder holds
ROWS, HEAD, BIAS = "0.encoder.weight", "1.decoder.weight", "1.decoder.bias"
# Other names of E; the second is that of fastai 0.7.
COPIES = ("0.encoder_dp.emb.weight", "0.encoder_with_dropout.embed.weight")


def from_fastai(tensors: Mapping[str, Any]) -> Params[lstm.Params]:
    """Read a language model: $E$, the LSTM layers with their raw $W_h$, and the head, as copies.

    The head is tied if its matrix is equal to E in every number. bfloat16 and float16 become
    float32.

    Parameters
    ----------
    tensors : mapping of str to tensor or array, or module
        The model, or what its `state_dict()` returns, in fastai 1 and 2 or in 0.7. Copies of E and
        of the weights from state to state may be among them or not.

    Raises
    ------
    ShapeError
        If a tensor has not the shape that the others ask for. The message names it.
    TypeError
        If a tensor does not hold floating-point numbers, or has another dtype than the rest.
    ValueError
        If a tensor is missing, or has no place in such a model, or a copy of E is not equal to it.
        The message names it, and says so if the names have a prefix or stand in a dictionary.

    Notes
    -----
    Source of the names: fastai, `text/models/awdlstm.py`, <https://github.com/fastai/fastai>. A
    full list is in <https://github.com/fastai/fastai/issues/2246>. In version 0.7 the raw weights
    are `module.weight_hh_l0_raw` and a head has no bias; then $b_y = 0$. Layers in both directions
    and QRNN layers are refused.
    """
    where, tensors = "lm.from_fastai", layouts.as_mapping(tensors)
    old = "0.rnns.0.module.weight_hh_l0_raw" in tensors
    owned = "module.weight_hh_l0_raw" if old else "weight_hh_l0_raw"
    kinds = (owned, "module.weight_ih_l0", "module.bias_ih_l0", "module.bias_hh_l0")
    layers = 1
    while any(str(name).startswith(f"0.rnns.{layers}.") for name in tensors):
        layers += 1
    names = [[f"0.rnns.{layer}.{kind}" for kind in kinds] for layer in range(layers)]
    dropped = [f"0.rnns.{layer}.module.weight_hh_l0" for layer in range(layers)]
    needed = [ROWS, *(name for four in names for name in four), HEAD, *([] if old else [BIAS])]
    _check_names(tensors, needed, {*needed, BIAS, *COPIES, *dropped})

    read = {name: tensor for name, tensor in tensors.items() if name not in dropped}
    arrays = layouts.as_arrays(where, read)
    E = check_shape(where, ROWS, arrays[ROWS], "K D").copy()
    K, D = E.shape
    for name in COPIES:
        if name in arrays and not np.array_equal(arrays[name], E):
            raise ValueError(f"{where}: {name} must be equal to {ROWS}, of which it is a copy")
    head = check_shape(where, HEAD, arrays[HEAD], "K D", None, K=K, D=D)
    b_y = check_shape(where, BIAS, arrays.get(BIAS, np.zeros(K, E.dtype)), "K", None, K=K).copy()
    params: list[lstm.Params] = []
    for four in names:
        I = len(params[-1].W_h) if params else D
        params.append(
            _read_layer({name: arrays[name] for name in four}, I, D if four is names[-1] else None)
        )
    return Params(E, tuple(params), b_y, () if np.array_equal(head, E) else head.T.copy())


def load_fastai(folder: str | os.PathLike[str]) -> tuple[Params[lstm.Params], tuple[str, ...]]:
    """Read the weights and the tokens of a language model; the place of each token is its number.

    Parameters
    ----------
    folder : path
        Holds `model.safetensors` and `vocab.json`, a list of the K tokens in the order of their
        numbers.

    Raises
    ------
    CheckpointError
        If a file is missing or is not what it should be. Nothing is unpickled.
    ShapeError
        As for `from_fastai`.
    ValueError
        As for `from_fastai`, or if there is not one token for each row of E.
    """
    weights, vocabulary = (Path(folder) / name for name in FILES)
    params = from_fastai(checkpoint.read(weights)[0])
    try:
        tokens = json.loads(vocabulary.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise checkpoint.CheckpointError(
            f"lm.load_fastai: {vocabulary} must be a JSON file with a list of tokens ({error})"
        ) from error
    if not (isinstance(tokens, list) and all(isinstance(token, str) for token in tokens)):
        raise checkpoint.CheckpointError(
            f"lm.load_fastai: {vocabulary} must hold a list of strings, one for each token"
        )
    if len(tokens) != len(params.E):
        raise ValueError(
            f"lm.load_fastai: {vocabulary} must hold {len(params.E)} tokens, one for each row of "
            f"{ROWS}, got {len(tokens)}"
        )
    return params, tuple(tokens)


def download_fastai(repository: str, revision: str | None = None) -> Path:
    """Fetch both files of a language model from a hub, or take them from its cache.

    Parameters
    ----------
    repository : str
        `owner/name` on the hub. It has to hold the two files that `load_fastai` reads.
    revision : str, optional
        A commit, a tag or a branch; a commit makes sure that the weights stay the same.

    Raises
    ------
    ModuleNotFoundError
        If `huggingface_hub` is not installed.
    OSError
        If the repository cannot be reached and is not in the cache.
    """
    try:
        from huggingface_hub import snapshot_download
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(
            "lm.download_fastai needs huggingface_hub: python -m pip install huggingface_hub; "
            "or put the files into a folder yourself and call load_fastai"
        ) from error
    try:
        return Path(snapshot_download(repository, revision=revision, allow_patterns=list(FILES)))
    except (OSError, ValueError) as error:
        raise OSError(
            f"lm.download_fastai: {repository} could not be fetched, and is not in the cache; with "
            f"{' and '.join(FILES)} in a folder, load_fastai needs no network ({error})"
        ) from error


def _check_names(tensors: Mapping[str, Any], needed: Iterable[str], known: set[str]) -> None:
    if missing := [name for name in needed if name not in tensors]:
        if ROWS in missing and (found := next(layouts.places(tensors, ROWS, "tensors"), None)):
            code, prefix = found
            if prefix:
                code = f"{{name.removeprefix({prefix!r}): t for name, t in {code}.items()}}"
            raise ValueError(
                f"lm.from_fastai: {ROWS} is elsewhere among the tensors: pass {shown(code, str)}"
            )
        copies = " (a copy, such as module.weight_hh_l0, may have holes)"
        raise ValueError(
            f"lm.from_fastai: {layouts.listed(missing)} must be among the tensors"
            f"{copies * any(name.endswith('_raw') for name in missing)}, "
            f"got {layouts.listed(tensors) or 'none'}"
        )
    if strange := [name for name in tensors if name not in known]:
        raise ValueError(
            f"lm.from_fastai: {layouts.listed(strange)} must not be among the tensors of a "
            f"language model of LSTM layers in one direction"
        )


def _read_layer(arrays: dict[str, Array], I: int, H: int | None) -> lstm.Params:
    """Read the four arrays of a layer that reads I numbers; of H units, if that is known."""
    W_hh, W_ih, b_ih, b_hh = arrays.values()
    H = H or max(W_hh.shape, default=4) // 4
    sizes = {"4H": 4 * H, "H": H, "I": I}
    for (name, array), axes in zip(arrays.items(), ("4H H", "4H I", "4H", "4H"), strict=True):
        check_shape("lm.from_fastai", name, array, axes, None, **sizes)
    one = {"weight_ih_l0": W_ih, "weight_hh_l0": W_hh, "bias_ih_l0": b_ih, "bias_hh_l0": b_hh}
    params: lstm.Params = from_torch(lstm, one)
    return params
