r"""Weights in our layout and in that of ONNX, whose operators are RNN, LSTM and GRU.

ONNX writes $x_t W^\top + h_{t-1} R^\top + W_b + R_b$: blocks of rows, as torch has them, in the
orders i, o, f, c of the LSTM and z, r, h of the GRU, where c and h are the candidates. $B$ holds
$W_b$ and then $R_b$. The first axis of each counts the directions, of which there are one or two.
What is returned are copies. This module needs NumPy only.

Parameters
----------
cell : module
    The cell: `bptt.rnn` for the operator RNN, `bptt.lstm` for LSTM, `bptt.gru` for GRU; any other
    is a TypeError.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bptt import gru, layouts, lstm, rnn
from bptt.layouts import ONNX, Four, check_cell, check_params
from bptt.shapes import Array, ShapeError, check_shape
from bptt.stack import Both

ACTIVATIONS = {rnn: ["Tanh"], lstm: ["Sigmoid", "Tanh", "Tanh"], gru: ["Sigmoid", "Tanh"]}
DEFAULTS = {"activations": None, "clip": None, "input_forget": 0, "linear_before_reset": 0}
# What changes neither the weights nor what is computed with them, or only of other activations.
OTHERS = {"activation_alpha", "activation_beta", "direction", "hidden_size", "layout"}


def from_onnx(
    cell: ModuleType,
    W: ArrayLike,
    R: ArrayLike,
    B: ArrayLike | None = None,
    P: ArrayLike | None = None,
    **attributes: Any,
) -> Any:
    r"""Read a node: $W_x = W^\top$, $W_h = R^\top$, $b = W_b + R_b$, and of the GRU $b_{hn}$ apart.

    Parameters
    ----------
    W : array_like of shape (D, kH, I)
        The weights from the input, k blocks of H rows in each of D directions.
    R : array_like of shape (D, kH, H)
        The weights from the previous state.
    B : array_like of shape (D, 2kH), optional
        Both biases side by side; zeros by default, as in ONNX.
    P : array_like of shape (D, 3H), optional
        The weights of peepholes, which our LSTM does not have: only zeros are taken.
    **attributes : int, float, str or list
        The attributes of the node. With the package `onnx` they are
        `{a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}`. Those that are not
        given have the defaults of ONNX. A GRU needs `linear_before_reset=1`: by default ONNX resets
        before the product, not after it. A node with `direction="reverse"` reads time reversed, so
        our cell has to get `xs[::-1]`.

    Returns
    -------
    Params or Both of them
        The weights of the one direction, or of both.

    Raises
    ------
    ShapeError
        If the shapes are not those of this cell.
    TypeError
        If the cell is not known here, an attribute is none of these operators', or an array does
        not hold floating-point numbers, or has another dtype than the rest.
    ValueError
        If the node computes another function: other activations, `clip`, `input_forget`, peepholes,
        or a GRU without `linear_before_reset=1`.

    Notes
    -----
    Source: <https://onnx.ai/onnx/operators/onnx__LSTM.html>, and RNN and GRU beside it.
    """
    where = "onnx_layout.from_onnx"
    check_cell(where, cell)
    arrays = layouts.as_arrays(where, {"W": W, "R": R} | ({} if B is None else {"B": B}))
    D = len(check_shape(where, "W", arrays["W"], "D kH I"))
    check_shape(where, "R", arrays["R"], "D kH H", None, D=D)
    _check_function(where, cell, D, P, attributes)
    for d, matrices in enumerate(zip(arrays["W"], arrays["R"], strict=True)):
        named = dict(zip((f"W[{d}]", f"R[{d}]"), matrices, strict=True))
        layouts.check_matrices(where, cell, named, rows=True)
    wanted = (D, 2 * arrays["W"].shape[1])
    biases = arrays.get("B", np.zeros(wanted, arrays["W"].dtype))
    if biases.shape != wanted:
        raise ShapeError(f"{where}: B must be {wanted}, got {biases.shape}")
    params = [
        layouts.join(cell, ONNX, Four(W_d.T, R_d.T, *np.split(B_d, 2)))
        for W_d, R_d, B_d in zip(arrays["W"], arrays["R"], biases, strict=True)
    ]
    return params[0] if D == 1 else Both(*params)


def to_onnx(cell: ModuleType, params: Any) -> dict[str, Array]:
    """Write W, R and B of a node; a node of a GRU needs `linear_before_reset=1`.

    Parameters
    ----------
    params : Params, or Both of them
        The weights of one direction, or of a node with `direction="bidirectional"`.

    Raises
    ------
    TypeError
        If the cell is not known here, or these are no weights of it.
    """
    where = "onnx_layout.to_onnx"
    check_cell(where, cell)
    each = params if isinstance(params, Both) else [params]
    for p in each:
        check_params(where, "params", cell, p)
    W_x, W_h, b_x, b_h = zip(*(layouts.split(cell, ONNX, p) for p in each), strict=True)
    return {
        "W": np.stack([array.T for array in W_x]),
        "R": np.stack([array.T for array in W_h]),
        "B": np.hstack([np.stack(b_x), np.stack(b_h)]),
    }


def _check_function(
    where: str, cell: ModuleType, D: int, P: ArrayLike | None, attributes: Mapping[str, Any]
) -> None:
    """Insist that a node computes what the cell does, in one direction or in both."""
    if D > 2:
        raise ShapeError(f"{where}: W must have one direction or two, got {D}")
    if unknown := sorted(attributes.keys() - DEFAULTS.keys() - OTHERS):
        raise TypeError(f"{where}: no RNN, LSTM or GRU has an attribute {layouts.listed(unknown)}")
    said = {**DEFAULTS, **attributes}
    wanted = ACTIVATIONS[cell] * D
    names = [n.decode() if isinstance(n, bytes) else n for n in said["activations"] or wanted]
    # By default an RNN in one direction names two, of which the second has no use.
    if [name.lower() for name in names[: len(wanted)]] != [name.lower() for name in wanted]:
        raise ValueError(f"{where}: activations must be {wanted}, got {names}")
    ours, before = cell.__name__, cell is gru and not said["linear_before_reset"]
    default = " (a node that does not say it has 0)"
    refused = {
        f"P must be left out, as {ours} has no peepholes": P is not None and np.any(P),
        f"clip must be left out, as {ours} bounds no sum": said["clip"] is not None,
        f"input_forget must be 0, as {ours} has two gates, i and f": said["input_forget"],
        f"linear_before_reset must be 1, as {ours} resets after the product{default}": before,
    }
    for sentence, found in refused.items():
        if found:
            raise ValueError(f"{where}: {sentence}")
