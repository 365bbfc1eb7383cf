r"""Weights in our layout and in that of ONNX, whose operators are RNN, LSTM and GRU.

ONNX writes $x_t W^\top + h_{t-1} R^\top + W_b + R_b$: blocks of rows, as torch has them, in the
orders i, o, f, c of the LSTM and z, r, h of the GRU, where c and h are the candidates. $B$ holds
$W_b$ and then $R_b$. The first axis of each counts the directions, of which there are one or two.
What is returned are copies; float16 becomes float32. This module needs NumPy only.

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
from bptt.shapes import Array, ShapeError, check_shape, shown
from bptt.stack import Both

ACTIVATIONS = {rnn: ["Tanh"], lstm: ["Sigmoid", "Tanh", "Tanh"], gru: ["Sigmoid", "Tanh"]}
DEFAULTS: dict[str, Any] = {
    "activations": [],
    "clip": None,
    "input_forget": 0,
    "linear_before_reset": 0,
}
# What changes neither the weights nor what is computed with them, or only of other activations.
OTHERS = {"direction", "hidden_size", "activation_alpha", "activation_beta", "layout"}


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
        The weights of peepholes of an LSTM, which ours does not have: only zeros are taken.
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
        or a GRU without `linear_before_reset=1`; or `direction` or `hidden_size` contradict the
        arrays.

    Notes
    -----
    Source: <https://onnx.ai/onnx/operators/onnx__LSTM.html>, and RNN and GRU beside it.
    """
    where = "onnx_layout.from_onnx"
    check_cell(where, cell)
    arrays = layouts.as_arrays(where, {"W": W, "R": R} | ({} if B is None else {"B": B}))
    D = len(check_shape(where, "W", arrays["W"], "D kH I"))
    check_shape(where, "R", arrays["R"], "D kH H", None, D=D)
    H = arrays["R"].shape[-1]
    _check_function(where, cell, D, H, P, attributes)
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
    ShapeError
        If the shapes of the weights do not fit each other, or both directions differ.
    TypeError
        If the cell is not known here, or these are no weights of it in one dtype.
    """
    where = "onnx_layout.to_onnx"
    check_cell(where, cell)
    each = params if isinstance(params, Both) else [params]
    I_H_dtype = [check_params(where, "params", cell, p) for p in each]
    if I_H_dtype[0] != I_H_dtype[-1]:
        one, two = ("{} and {} of {}".format(*sizes) for sizes in I_H_dtype)
        raise ShapeError(
            f"{where}: both directions must have one I, one H and one dtype, got {one}, and {two}"
        )
    W_x, W_h, b_x, b_h = zip(*(layouts.split(cell, ONNX, p) for p in each), strict=True)
    return {
        "W": np.stack([array.T for array in W_x]),
        "R": np.stack([array.T for array in W_h]),
        "B": np.hstack([np.stack(b_x), np.stack(b_h)]),
    }


def _check_function(
    where: str,
    cell: ModuleType,
    D: int,
    H: int,
    P: ArrayLike | None,
    attributes: Mapping[str, Any],
) -> None:
    """Insist that a node computes what the cell does, in one direction or in both."""
    if D > 2:
        raise ShapeError(f"{where}: W must have one direction or two, got {D}")
    if unknown := sorted(attributes.keys() - DEFAULTS.keys() - OTHERS):
        raise TypeError(f"{where}: no RNN, LSTM or GRU has an attribute {layouts.listed(unknown)}")
    said = {**DEFAULTS, **attributes}
    _check_activations(where, ACTIVATIONS[cell] * D, said["activations"])
    allowed = ("bidirectional",) if D == 2 else ("forward", "reverse")
    if (direction := _text(said.get("direction", allowed[0]))) not in allowed:
        raise ValueError(
            f"{where}: direction must be {' or '.join(map(repr, allowed))} of arrays with D={D}, "
            f"got {shown(direction)}"
        )
    if (units := said.get("hidden_size", H)) != H:
        raise ValueError(f"{where}: hidden_size must be {H}, as R has it, got {shown(units)}")
    if P is not None and cell is lstm:
        check_shape(where, "P", P, "D 3H", None, **{"D": D, "3H": 3 * H})
    ours, before = cell.__name__, cell is gru and said["linear_before_reset"] != 1
    default = " (a node that does not say it has 0)"
    refused = {
        f"P must be left out, as {ours} has no peepholes": P is not None
        and (cell is not lstm or np.any(P)),
        f"clip must be left out, as {ours} bounds no sum": said["clip"] is not None,
        f"input_forget must be 0, as {ours} has two gates, i and f": said["input_forget"],
        f"linear_before_reset must be 1, as {ours} resets after the product{default}": before,
    }
    for sentence, found in refused.items():
        if found:
            raise ValueError(f"{where}: {sentence}")


def _check_activations(where: str, wanted: list[str], given: Any) -> None:
    """Insist on the names of the functions; without any they are those of the cell."""
    listed = isinstance(given, list | tuple) and all(isinstance(n, str | bytes) for n in given)
    names = [_text(name) for name in given or wanted] if listed else []
    # By default an RNN in one direction names two, of which the second has no use.
    of_use, most = names[: len(wanted)], max(2, len(wanted))
    if [n.lower() for n in of_use] != [n.lower() for n in wanted] or len(names) > most:
        raise ValueError(f"{where}: activations must be {wanted}, got {shown(given)}")


def _text(value: Any) -> Any:
    """Return text where a node has bytes."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value
