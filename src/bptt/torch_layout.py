r"""Weights in our layout and in torch's.

torch writes $x_t W_{ih}^\top + b_{ih} + h_{t-1} W_{hh}^\top + b_{hh}$: its matrices are the
transposes of ours, with the same blocks in the same order, and it has two biases where one would
do. Only in the candidate of the GRU, where the reset gate multiplies $h_{t-1} W_{hn} + b_{hn}$, are
both needed. What is returned are copies, never views, under torch's names if they are for torch.
Tensors may be on any device and require a gradient; bfloat16 and float16 become float32.
This module needs NumPy only.

A state dict holds no settings. That of a `torch.nn.RNN` with `nonlinearity="relu"` has the same
names and shapes as with tanh, and is read as if it were one. The module itself says what it is, and
is refused.

Parameters
----------
cell : module
    The cell: `bptt.rnn` for `torch.nn.RNN` with its tanh, `bptt.lstm` for `torch.nn.LSTM`,
    `bptt.gru` for `torch.nn.GRU`; any other is a TypeError.
state_dict : mapping of str to tensor or array, or module
    The torch module, or what its `state_dict()` returns. Without biases (`bias=False`) they are
    zero. Of a `torch.nn.LSTMCell` or its like the names have no number, and it is layer 0.
layer : int
    The layer, from 0.
reverse : bool
    Whether this is the backward direction of a bidirectional layer.
prefix : str
    What stands before each name, such as `"encoder.lstm."`. All other names are passed over.
params : Params
    The weights; of a stack, a tuple of those of its layers, or of `Both` directions of each.
dparams : Params
    The gradient with respect to the weights, which has their form.
"""

from collections.abc import Callable, Container, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from bptt import gru, layouts
from bptt.cell import blocks
from bptt.layouts import TORCH, Four, check_cell, check_params
from bptt.shapes import Array, check_shape, check_whole, shown
from bptt.stack import Both


def from_torch(
    cell: ModuleType,
    state_dict: Any,
    layer: int = 0,
    *,
    reverse: bool = False,
    prefix: str = "",
) -> Any:
    r"""Read one layer: $W_x = W_{ih}^\top$, $W_h = W_{hh}^\top$, $b = b_{ih} + b_{hh}$.

    Of the GRU's candidate, $b_n = b_{in}$ and $b_{hn}$ stay apart.

    Raises
    ------
    ShapeError
        If the shapes are not those of this cell.
    TypeError
        If the cell is not known here, `state_dict` is neither a mapping nor a module, or an array
        does not hold floating-point numbers, or has another dtype than the rest.
    ValueError
        If an array is missing, the layer has a projection, or the module is an RNN without tanh.
        The message says so if the names have another prefix, or the state dict stands in a
        dictionary.
    """
    where = "torch_layout.from_torch"
    _check_layer(where, layer)
    arrays = _open(where, cell, state_dict, prefix)
    return _read(where, cell, arrays, layer, prefix, reverse=reverse)


def to_torch(
    cell: ModuleType, params: Any, layer: int = 0, *, reverse: bool = False
) -> dict[str, Array]:
    """Write the weights of one layer: $b_{ih} = b$ and $b_{hh} = 0$, so the function is the same.

    Of the GRU's candidate, $b_{hh}$ holds $b_{hn}$. `torch.from_numpy` makes tensors of the arrays.

    Raises
    ------
    ShapeError
        If the shapes of the weights do not fit each other.
    TypeError
        If the cell is not known here, or these are no weights of it in one dtype.
    """
    check_cell("torch_layout.to_torch", cell)
    _check_layer("torch_layout.to_torch", layer)
    check_params("torch_layout.to_torch", "params", cell, params)
    return _write(layouts.split(cell, TORCH, params), layer, reverse=reverse)


def grads_to_torch(
    cell: ModuleType, dparams: Any, layer: int = 0, *, reverse: bool = False
) -> dict[str, Array]:
    """Write a gradient as torch reports it: $db_{ih} = db_{hh} = db$.

    It is the adjoint of `from_torch`: a sum of two biases hands its gradient to both.

    Raises
    ------
    ShapeError
        If the shapes of the gradient do not fit each other.
    TypeError
        If the cell is not known here, or this is no gradient of it in one dtype.
    """
    check_cell("torch_layout.grads_to_torch", cell)
    _check_layer("torch_layout.grads_to_torch", layer)
    check_params("torch_layout.grads_to_torch", "dparams", cell, dparams)
    db_hh = dparams.b
    if cell is gru:
        db_hh = np.concatenate([db_hh[: -len(dparams.b_hn)], dparams.b_hn])
    return _write(Four(dparams.W_x, dparams.W_h, dparams.b, db_hh), layer, reverse=reverse)


def stack_from_torch(cell: ModuleType, state_dict: Any, *, prefix: str = "") -> tuple[Any, ...]:
    """Read all layers of a torch module, in both directions if it has both, for `bptt.stack`.

    Raises
    ------
    ShapeError
        As for `from_torch`.
    TypeError
        As for `from_torch`.
    ValueError
        As for `from_torch`, or if a name belongs to no layer: those are counted from 0 without a
        gap; or if only some layers have both directions.
    """
    where = "torch_layout.stack_from_torch"
    arrays = _open(where, cell, state_dict, prefix)
    params = [_read_layer(where, cell, arrays, 0, prefix)]
    while f"{prefix}weight_ih_l{len(params)}" in arrays:
        params.append(_read_layer(where, cell, arrays, len(params), prefix))
    layers = tuple(params)
    if len({type(entry) for entry in layers}) > 1:
        alone = [isinstance(entry, Both) for entry in layers].index(False)
        raise ValueError(
            f"{where}: weight_ih_l{alone}_reverse must be in the state dict, as other layers have "
            "both directions"
        )
    known = {prefix + name for name in [*stack_to_torch(cell, layers), *_names(arrays, 0, prefix)]}
    if unread := [n for n in arrays if str(n).startswith(prefix) and n not in known]:
        raise ValueError(
            f"{where}: {layouts.listed(unread)} must belong to one of the "
            f"layers, which are counted from 0 without a gap; {len(layers)} could be read"
        )
    return layers


def stack_to_torch(cell: ModuleType, params: tuple[Any, ...]) -> dict[str, Array]:
    """Write the weights of all layers and directions, each as `to_torch` does."""
    return _write_layers("stack_to_torch", "params", to_torch, cell, params)


def stack_grads_to_torch(cell: ModuleType, dparams: tuple[Any, ...]) -> dict[str, Array]:
    """Write the gradient of all layers and directions, each as `grads_to_torch` does."""
    return _write_layers("stack_grads_to_torch", "dparams", grads_to_torch, cell, dparams)


def _check_layer(where: str, layer: int) -> None:
    if check_whole(where, "layer", layer) < 0:
        raise ValueError(f"{where}: layer must be zero or more, got {shown(layer)}")


def _open(where: str, cell: ModuleType, state_dict: Any, prefix: str) -> Mapping[str, Any]:
    """Return the arrays by their names, once the cell is known and no module computes ReLU."""
    check_cell(where, cell)
    if not isinstance(prefix, str):
        raise TypeError(f"{where}: prefix must be text, got {shown(prefix)}")
    if not (isinstance(state_dict, Mapping) or layouts.is_module(state_dict)):
        raise TypeError(
            f"{where}: state_dict must be a module or a mapping, such as net.state_dict(), "
            f"got {type(state_dict).__name__}"
        )
    arrays = layouts.as_mapping(state_dict)
    parts = {"": state_dict, **dict(getattr(state_dict, "named_modules", dict)())}
    part = parts.get(prefix.removesuffix("."))
    said = f"{getattr(part, 'mode', '')} {getattr(part, 'nonlinearity', '')}".lower()
    if "relu" in said and {f"{prefix}weight_ih_l0", f"{prefix}weight_ih"} & arrays.keys():
        raise ValueError(
            f"{where}: the nonlinearity must be tanh, as that of bptt.rnn is, "
            f"got a {type(part).__name__} with nonlinearity='relu'"
        )
    return arrays


def _read_layer(
    where: str, cell: ModuleType, arrays: Mapping[str, Any], layer: int, prefix: str
) -> Any:
    params = _read(where, cell, arrays, layer, prefix)
    if f"{prefix}weight_ih_l{layer}_reverse" not in arrays:
        return params
    return Both(params, _read(where, cell, arrays, layer, prefix, reverse=True))


def _read(
    where: str,
    cell: ModuleType,
    arrays: Mapping[str, Any],
    layer: int,
    prefix: str,
    *,
    reverse: bool = False,
) -> Any:
    names = [prefix + name for name in _names(arrays, layer, prefix, reverse=reverse)]
    if (projection := names[0].replace("weight_ih", "weight_hr")) in arrays:
        raise ValueError(f"{where}: a projection, {shown(projection, str)}, is not supported")
    if not any(str(name).startswith(f"{prefix}bias_") for name in arrays):
        names = names[:2]  # bias=False
    if missing := [name for name in names if name not in arrays]:
        if names[0] in missing:
            _check_elsewhere(where, arrays, layer, reverse=reverse)
        raise ValueError(
            f"{where}: {layouts.listed(missing)} must be in the state dict, "
            f"which holds {layouts.listed(arrays) or 'nothing'}"
        )
    ends = {name[-layouts.LISTED :]: arrays[name] for name in names}  # a prefix may be long
    found = layouts.as_arrays(where, ends)
    W_ih, W_hh, *biases = found.values()
    matrices = dict(list(found.items())[:2])
    sizes = layouts.check_matrices(where, cell, matrices, rows=True)
    for name in list(found)[2:]:
        check_shape(where, name, found[name], layouts.axis_of(blocks(cell)), None, **sizes)
    b_ih, b_hh = biases or [np.zeros(len(W_hh), W_hh.dtype)] * 2
    return layouts.join(cell, TORCH, Four(W_ih.T, W_hh.T, b_ih, b_hh))


def _check_elsewhere(where: str, arrays: Mapping[str, Any], layer: int, *, reverse: bool) -> None:
    """Say what to pass instead if the layer, or several, are behind a prefix or a key."""
    asked = _names((), layer, reverse=reverse)[0]
    ends = [asked, "weight_ih"] if asked == "weight_ih_l0" else [asked]
    found = [place for end in ends for place in layouts.places(arrays, end, "state_dict")]
    passed = [f"{code}, prefix={prefix!r}".removesuffix(", prefix=''") for code, prefix in found]
    if passed:
        raise ValueError(
            f"{where}: {asked} is elsewhere in the state dict: "
            f"pass {layouts.listed(passed, ' or ')}"
        )


def _write_layers(
    where: str,
    name: str,
    write: Callable[..., dict[str, Array]],
    cell: ModuleType,
    params: tuple[Any, ...],
) -> dict[str, Array]:
    if not isinstance(params, tuple | list):
        raise TypeError(
            f"torch_layout.{where}: {name} must be a tuple with an entry for each layer, "
            f"got {type(params).__name__}"
        )
    arrays: dict[str, Array] = {}
    for layer, entry in enumerate(params):
        forwards, *backwards = entry if isinstance(entry, Both) else (entry,)
        arrays |= write(cell, forwards, layer)
        for p in backwards:
            arrays |= write(cell, p, layer, reverse=True)
    return arrays


def _write(four: Four, layer: int, *, reverse: bool) -> dict[str, Array]:
    arrays = (four.W_x.T, four.W_h.T, four.b_x, four.b_h)
    names = _names((), layer, reverse=reverse)
    return {name: array.copy() for name, array in zip(names, arrays, strict=True)}


def _names(
    arrays: Container[str], layer: int, prefix: str = "", *, reverse: bool = False
) -> list[str]:
    """Return torch's names of both matrices and both biases, without their prefix."""
    suffix = f"_l{layer}" + "_reverse" * reverse
    if suffix == "_l0" and f"{prefix}weight_ih" in arrays:
        suffix = ""  # of a torch.nn.LSTMCell
    return [kind + suffix for kind in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")]
