r"""Weights in our layout and in torch's.

torch writes $x_t W_{ih}^\top + b_{ih} + h_{t-1} W_{hh}^\top + b_{hh}$: its matrices are the
transposes of ours, with the same blocks in the same order, and it has two biases where one would
do. Only in the candidate of the GRU, where the reset gate multiplies $h_{t-1} W_{hn} + b_{hn}$, are
both needed. What is returned are copies, never views, under torch's names if they are for torch.
This module needs NumPy only.

Parameters
----------
cell : module
    The cell: `bptt.rnn` for `torch.nn.RNN` with its tanh, `bptt.lstm` for `torch.nn.LSTM`,
    `bptt.gru` for `torch.nn.GRU`; any other is a TypeError.
state_dict : mapping of str to tensor or array
    What the torch module's `state_dict()` returns.
layer : int
    The layer, from 0.
reverse : bool
    Whether this is the backward direction of a bidirectional layer.
params : Params
    The weights; of a stack, a tuple of those of its layers, or of `Both` directions of each.
dparams : Params
    The gradient with respect to the weights, which has their form.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from bptt import gru
from bptt.cell import blocks
from bptt.cells import CELLS
from bptt.shapes import Array, check_shape
from bptt.stack import Both


def from_torch(
    cell: ModuleType, state_dict: Mapping[str, Any], layer: int = 0, *, reverse: bool = False
) -> Any:
    r"""Read one layer: $W_x = W_{ih}^\top$, $W_h = W_{hh}^\top$, $b = b_{ih} + b_{hh}$.

    Of the GRU's candidate, $b_n = b_{in}$ and $b_{hn}$ stay apart.

    Raises
    ------
    ShapeError
        If the shapes are not those of this cell.
    TypeError
        If the cell is not known here, or the state dict is not a mapping.
    ValueError
        If an array is missing, or the layer has a projection.
    """
    _check_cell("from_torch", cell)
    if not isinstance(state_dict, Mapping):
        raise TypeError(
            f"torch_layout.from_torch: state_dict must be a mapping, such as net.state_dict(), "
            f"got {type(state_dict).__name__}"
        )
    names = _names(layer, reverse=reverse)
    if (projection := names[0].replace("weight_ih", "weight_hr")) in state_dict:
        raise ValueError(f"torch_layout.from_torch: a projection, {projection}, is not supported")
    if missing := [name for name in names if name not in state_dict]:
        raise ValueError(
            f"torch_layout.from_torch: {', '.join(missing)} must be in the state dict "
            f"(of a module with bias=True), which holds {', '.join(state_dict) or 'nothing'}"
        )
    arrays = [np.asarray(state_dict[name]) for name in names]
    H, k = arrays[1].shape[-1], blocks(cell)
    rows = "H" if k == 1 else f"{k}H"
    axes = (f"{rows} I", f"{rows} H", rows, rows)
    for name, array, wanted in zip(names, arrays, axes, strict=True):
        check_shape("torch_layout.from_torch", name, array, wanted, None, **{rows: k * H, "H": H})
    W_ih, W_hh, b_ih, b_hh = arrays
    W_x, W_h = W_ih.T.copy(), W_hh.T.copy()
    if cell is gru:
        inside = np.arange(3 * H) >= 2 * H  # the candidate's block
        return gru.Params(W_x, W_h, b_ih + np.where(inside, 0, b_hh), b_hh[inside])
    return cell.Params(W_x, W_h, b_ih + b_hh)


def to_torch(
    cell: ModuleType, params: Any, layer: int = 0, *, reverse: bool = False
) -> dict[str, Array]:
    """Write the weights of one layer: $b_{ih} = b$ and $b_{hh} = 0$, so the function is the same.

    Of the GRU's candidate, $b_{hh}$ holds $b_{hn}$. `torch.from_numpy` makes tensors of the arrays.
    """
    _check_cell("to_torch", cell)
    b_hh = np.zeros_like(params.b)
    if cell is gru:
        b_hh = np.concatenate([b_hh[len(params.b_hn) :], params.b_hn])
    return _write(params, b_hh, layer, reverse=reverse)


def grads_to_torch(
    cell: ModuleType, dparams: Any, layer: int = 0, *, reverse: bool = False
) -> dict[str, Array]:
    """Write a gradient as torch reports it: $db_{ih} = db_{hh} = db$.

    It is the adjoint of `from_torch`: a sum of two biases hands its gradient to both.
    """
    _check_cell("grads_to_torch", cell)
    db_hh = dparams.b
    if cell is gru:
        db_hh = np.concatenate([db_hh[: -len(dparams.b_hn)], dparams.b_hn])
    return _write(dparams, db_hh, layer, reverse=reverse)


def stack_from_torch(cell: ModuleType, state_dict: Mapping[str, Any]) -> tuple[Any, ...]:
    """Read all layers of a torch module, in both directions if it has both, for `bptt.stack`.

    Raises
    ------
    ShapeError
        If the shapes are not those of this cell.
    TypeError
        If the cell is not known here, or the state dict is not a mapping.
    ValueError
        If an array is missing, a layer has a projection, or a name belongs to no layer: those
        are counted from 0 without a gap.
    """
    params = [_read_layer(cell, state_dict, 0)]
    while f"weight_ih_l{len(params)}" in state_dict:
        params.append(_read_layer(cell, state_dict, len(params)))
    layers = tuple(params)
    if unread := [name for name in state_dict if name not in stack_to_torch(cell, layers)]:
        raise ValueError(
            f"torch_layout.stack_from_torch: {', '.join(unread)} must belong to one of the "
            f"layers, which are counted from 0 without a gap; {len(layers)} could be read"
        )
    return layers


def stack_to_torch(cell: ModuleType, params: tuple[Any, ...]) -> dict[str, Array]:
    """Write the weights of all layers and directions, each as `to_torch` does."""
    return _write_layers(to_torch, cell, params)


def stack_grads_to_torch(cell: ModuleType, dparams: tuple[Any, ...]) -> dict[str, Array]:
    """Write the gradient of all layers and directions, each as `grads_to_torch` does."""
    return _write_layers(grads_to_torch, cell, dparams)


def _read_layer(cell: ModuleType, state_dict: Mapping[str, Any], layer: int) -> Any:
    params = from_torch(cell, state_dict, layer)
    if f"weight_ih_l{layer}_reverse" not in state_dict:
        return params
    return Both(params, from_torch(cell, state_dict, layer, reverse=True))


def _write_layers(
    write: Callable[..., dict[str, Array]], cell: ModuleType, params: tuple[Any, ...]
) -> dict[str, Array]:
    arrays: dict[str, Array] = {}
    for layer, entry in enumerate(params):
        forwards, *backwards = entry if isinstance(entry, Both) else (entry,)
        arrays |= write(cell, forwards, layer)
        for p in backwards:
            arrays |= write(cell, p, layer, reverse=True)
    return arrays


def _write(params: Any, b_hh: Array, layer: int, *, reverse: bool) -> dict[str, Array]:
    arrays = (params.W_x.T, params.W_h.T, params.b, b_hh)
    names = _names(layer, reverse=reverse)
    return {name: array.copy() for name, array in zip(names, arrays, strict=True)}


def _names(layer: int, *, reverse: bool) -> list[str]:
    """Return torch's names of both matrices and both biases."""
    suffix = f"l{layer}" + "_reverse" * reverse
    return [f"{kind}_{suffix}" for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]


def _check_cell(where: str, cell: object) -> None:
    if not any(cell is known for known in CELLS.values()):
        known = ", ".join(known.__name__ for known in CELLS.values())
        raise TypeError(f"torch_layout.{where}: cell must be one of {known}, got {cell!r}")
