r"""Weights in our layout and in that of Keras and TensorFlow.

Keras writes $x_t W + h_{t-1} U + b$ with the kernel $W$, the recurrent kernel $U$ and the bias $b$,
as we do. The blocks of its LSTM are i, f, c, o, where c is our g. Those of its GRU are z, r, h,
where h is our n, and its bias has two rows: beside $W$ and beside $U$. What is returned are copies;
bfloat16 and float16 become float32. This module needs NumPy only.

Arrays hold no settings. With another `activation` or `recurrent_activation` (in Keras 1 that was
`"hard_sigmoid"`) they have the same shapes, and are read as if the layer had tanh and the sigmoid.
A layer itself says what it is, and is refused. One with `go_backwards=True` reads time reversed, so
our cell has to get `xs[::-1]`.

Parameters
----------
cell : module
    The cell: `bptt.rnn` for `SimpleRNN`, `bptt.lstm` for `LSTM`, `bptt.gru` for a `GRU` with
    `reset_after=True`, which is the default; any other is a TypeError.
"""

from collections.abc import Sequence
from types import ModuleType
from typing import Any

import numpy as np

from bptt import gru, layouts
from bptt.cell import blocks
from bptt.layouts import KERAS, Four, check_cell, check_params
from bptt.shapes import Array, ShapeError, shown

NAMES = ("kernel", "recurrent_kernel", "bias")
# What a layer has to say where it says anything of it.
SETTINGS = {"activation": "tanh", "recurrent_activation": "sigmoid", "reset_after": True}


def from_keras(cell: ModuleType, weights: Any) -> Any:
    r"""Read one layer: $W_x = W$, $W_h = U$, and of the GRU $b = b_W + b_U$ with $b_{hn}$ apart.

    Parameters
    ----------
    weights : sequence of array_like, or layer
        The layer, or what its `get_weights()` returns: kernel, recurrent kernel and bias. Without
        a bias (`use_bias=False`) it is zero. Of a `Bidirectional` layer, one half of them: the
        first is the run forwards.

    Raises
    ------
    ShapeError
        If the shapes are not those of this cell, such as those of a GRU with `reset_after=False`.
    TypeError
        If the cell is not known here, `weights` is neither one layer nor a sequence, or an array
        does not hold floating-point numbers, or has another dtype than the rest.
    ValueError
        If there are not two or three arrays, or the layer computes another function.
    """
    where = "keras_layout.from_keras"
    check_cell(where, cell)
    given = dict(zip(NAMES, _arrays_of(where, weights), strict=False))
    kernel, recurrent, *biases = (arrays := layouts.as_arrays(where, given)).values()
    matrices = {name: arrays[name] for name in NAMES[:2]}
    kH = layouts.check_matrices(where, cell, matrices, rows=False)[layouts.axis_of(blocks(cell))]
    wanted = (2, kH) if cell is gru else (kH,)
    bias = biases[0] if biases else np.zeros(wanted, kernel.dtype)
    if bias.shape != wanted:
        before = " (of a GRU with reset_after=False, which resets before the product, not after it)"
        hint = before if cell is gru and bias.shape == (kH,) else ""
        raise ShapeError(f"{where}: bias must be {wanted}, got {bias.shape}{hint}")
    b_x, b_h = bias if cell is gru else (bias, np.zeros_like(bias))
    return layouts.join(cell, KERAS, Four(kernel, recurrent, b_x, b_h))


def to_keras(cell: ModuleType, params: Any) -> list[Array]:
    """Write the weights of one layer, for its `set_weights`: kernel, recurrent kernel and bias.

    Those of a `Bidirectional` layer are those of the run forwards, then those of the run backwards.

    Raises
    ------
    ShapeError
        If the shapes of the weights do not fit each other.
    TypeError
        If the cell is not known here, or these are no weights of it in one dtype.
    """
    check_cell("keras_layout.to_keras", cell)
    check_params("keras_layout.to_keras", "params", cell, params)
    W_x, W_h, b_x, b_h = layouts.split(cell, KERAS, params)
    return [W_x, W_h, np.stack([b_x, b_h]) if cell is gru else b_x]


def _arrays_of(where: str, weights: Any) -> Sequence[Any]:
    """Return two or three arrays, once no layer says that it computes another function."""
    if hasattr(weights, "get_weights"):
        _check_settings(where, getattr(weights, "cell", weights))
        weights = weights.get_weights()
    if not isinstance(weights, list | tuple):
        raise TypeError(
            f"{where}: weights must be a layer, or a list of arrays such as layer.get_weights(), "
            f"got {type(weights).__name__}"
        )
    if len(weights) not in {2, 3}:
        hint = "of both directions, the first half is forwards" if weights else "build the layer"
        raise ValueError(
            f"{where}: weights must be the kernel, the recurrent kernel and, if it has one, the "
            f"bias of one layer in one direction, got {len(weights)} arrays ({hint})"
        )
    return weights


def _check_settings(where: str, layer: Any) -> None:
    """Insist that a layer is a recurrent one with the settings of ours."""
    said = layer.get_config()
    if not {"units", "activation"} <= said.keys():  # a model or a wrapper hides what is inside
        raise TypeError(
            f"{where}: weights must be one layer, which says its units and its activation, "
            f"got a {shown(type(layer).__name__, str)}; pass the layer inside, such as "
            "model.layers[0] or layer.forward_layer"
        )
    for name, wanted in SETTINGS.items():
        if said.get(name, wanted) != wanted:
            raise ValueError(
                f"{where}: {name} must be {wanted!r}, got a {type(layer).__name__} "
                f"with {name}={said[name]!r:.60}"
            )
