r"""What the layouts of torch, Keras and ONNX have in common: four arrays, in blocks of H.

A layer of any of them computes

$$
x_t W_x + b_x + h_{t-1} W_h + b_h,
$$

and ours has one bias, $b = b_x + b_h$, but in the candidate of the GRU. Each gate has a block of
H columns, and what differs is their order. By the letters of our equations, from the left:

| library | simple cell | LSTM | GRU |
| --- | --- | --- | --- |
| here, torch | h | i, f, g, o | r, z, n |
| Keras | h | i, f, g, o | z, r, n |
| ONNX | h | i, o, f, g | z, r, n |

What torch and ONNX store are the transposes, with blocks of rows.

Parameters
----------
where : str
    The function that a message names.
cell : module
    The cell: `bptt.rnn`, `bptt.lstm` or `bptt.gru`.
order : mapping of module to str
    The order of the blocks for each cell: `TORCH`, `KERAS` or `ONNX`.
"""

from collections.abc import Iterable, Iterator, Mapping
from itertools import accumulate
from types import ModuleType
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import cell as cells
from bptt import gru, lstm, rnn
from bptt.cell import blocks
from bptt.cells import CELLS
from bptt.shapes import Array, ShapeError, check_shape, shown

TORCH = {rnn: "h", lstm: "ifgo", gru: "rzn"}  # ours as well
KERAS = {rnn: "h", lstm: "ifgo", gru: "zrn"}
ONNX = {rnn: "h", lstm: "iofg", gru: "zrn"}

LISTED = 140  # characters of names in a message
TRANSPOSED = "; it looks transposed, as other libraries have it"


class Four(NamedTuple):
    """The arrays of a layer, with blocks of columns."""

    W_x: Annotated[Array, "I kH", "from the input"]
    W_h: Annotated[Array, "H kH", "from the previous state"]
    b_x: Annotated[Array, "kH", "the biases beside the input"]
    b_h: Annotated[Array, "kH", "the biases beside the previous state"]


def join(cell: ModuleType, order: Mapping[ModuleType, str], four: Four) -> Any:
    """Return our weights: blocks in our order, and one bias where one will do. They are copies.

    Parameters
    ----------
    four : Four
        The arrays with their blocks in `order`.
    """
    W_x, W_h, b_x, b_h = (reorder(array, order[cell], TORCH[cell]) for array in four)
    if cell is gru:
        H = len(W_h)
        b = np.concatenate([b_x[: 2 * H] + b_h[: 2 * H], b_x[2 * H :]])
        return gru.Params(W_x, W_h, b, b_h[2 * H :].copy())
    return cell.Params(W_x, W_h, b_x + b_h)


def split(cell: ModuleType, order: Mapping[ModuleType, str], params: Any) -> Four:
    r"""Return the arrays of a layer with their blocks in `order`: $b_x = b$ and $b_h = 0$.

    Of the GRU's candidate, $b_h$ is $b_{hn}$. `join` undoes it.
    """
    b_h = np.zeros_like(params.b)
    if cell is gru:
        b_h[-len(params.b_hn) :] = params.b_hn
    four = (params.W_x, params.W_h, params.b, b_h)
    return Four(*(reorder(array, TORCH[cell], order[cell]) for array in four))


def reorder(array: Array, old: str, new: str) -> Array:
    """Return a copy with the blocks of the last axis in another order.

    Parameters
    ----------
    array : ndarray of shape (..., kH)
        The k blocks.
    old, new : str
        A letter for each block, in the order that they have and in the wanted one.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt.layouts import reorder
    >>> reorder(np.array([1, 1, 2, 2, 3, 3]), "zrn", "rzn")
    array([2, 2, 1, 1, 3, 3])
    """
    parts = dict(zip(old, np.split(array, len(old), axis=-1), strict=True))
    return np.ascontiguousarray(np.concatenate([parts[gate] for gate in new], axis=-1))


# What comes in


def check_cell(where: str, cell: object) -> None:
    """Insist on a cell that has a layout here.

    Raises
    ------
    TypeError
        If it is another.
    """
    if not any(cell is known for known in CELLS.values()):
        known = ", ".join(known.__name__ for known in CELLS.values())
        raise TypeError(f"{where}: cell must be one of {known}, got {shown(cell)}")


def check_params(
    where: str, name: str, cell: ModuleType, params: object
) -> tuple[int, int, np.dtype[Any]]:
    """Insist on the weights of this cell, in one direction of one layer; return I, H and the dtype.

    Parameters
    ----------
    name : str
        The name of the argument.
    params : object
        What the caller passed.

    Raises
    ------
    ShapeError
        If the shapes of the weights do not fit each other.
    TypeError
        If it is anything else, or the weights are not arrays of one floating-point dtype.
    """
    return cells.check_params(where, name, cell.Params, params)


def as_arrays(where: str, values: Mapping[str, Any]) -> dict[str, Array]:
    """Return arrays of one floating-point dtype.

    A tensor of torch may be on any device and require a gradient. NumPy has no bfloat16, and
    no cell computes in float16; float32 holds each number of both.

    Parameters
    ----------
    values : mapping of str to tensor or array_like
        What the caller passed, by the names of a message.

    Raises
    ------
    TypeError
        If one is masked or does not hold floating-point numbers, or they are of several dtypes.
    """
    arrays = {name: _as_array(where, name, value) for name, value in values.items()}
    (first, one), *others = arrays.items()
    for name, other in others:
        if other.dtype != one.dtype:
            raise TypeError(
                f"{where}: all arrays must have one floating-point dtype, got {first} of "
                f"{one.dtype} and {name} of {other.dtype}"
            )
    return arrays


def _as_array(where: str, name: str, value: Any) -> Array:
    wanted = f"{where}: {name} must be an array of floating-point numbers"
    kind = "a masked array" if isinstance(value, np.ma.MaskedArray) else None
    try:
        if hasattr(value, "detach"):  # of torch
            kind = str(value.dtype)
            value = value.detach().cpu()
            value = value.float() if kind == "torch.bfloat16" else value
        array = np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(f"{wanted}, got {kind or type(value).__name__} ({error})") from error
    if array.dtype.name in {"bfloat16", "float16"}:  # the first is of ml_dtypes, which Keras uses
        array = array.astype(np.float32)
    if array.dtype.kind != "f" or kind == "a masked array":
        raise TypeError(f"{wanted}, got {kind or array.dtype}")
    return array.astype(array.dtype.newbyteorder("="), copy=False)


def check_matrices(
    where: str, cell: ModuleType, matrices: Mapping[str, Array], *, rows: bool
) -> dict[str, int]:
    """Insist that both matrices of a layer fit each other and the cell; return the sizes of axes.

    Parameters
    ----------
    matrices : mapping of str to ndarray
        The matrix from the input and that from the previous state, by the names of a message.
    rows : bool
        Whether the blocks are blocks of rows.

    Returns
    -------
    dict of str to int
        The sizes of `H` and of all the blocks, such as `4H`.

    Raises
    ------
    ShapeError
        If they do not fit. The message says so if one looks like its transpose, or like a matrix
        of another cell.
    """
    k, all_k = blocks(cell), {blocks(known): known.__name__ for known in CELLS.values()}
    wide = axis_of(k)
    axes = {narrow: f"{wide} {narrow}" if rows else f"{narrow} {wide}" for narrow in "IH"}
    (name_x, W_x), (name_h, W_h) = matrices.items()
    if W_h.ndim != 2 or not W_h.size:
        check_shape(where, name_h, W_h, axes["H"])
    kH, H = W_h.shape if rows else W_h.shape[::-1]
    sizes = {"H": H, wide: k * H}
    hint = ""
    if kH != k * H and k * kH == H:
        sizes, hint = {"H": kH, wide: H}, TRANSPOSED
    elif kH != k * H and kH in {other * H for other in all_k}:
        hint = f"; it has the blocks of {all_k[kH // H]}"
    _check(where, name_h, W_h, axes["H"], hint, sizes)
    hint = TRANSPOSED if W_x.ndim == 2 and W_x.shape[rows] == kH else ""
    _check(where, name_x, W_x, axes["I"], hint, sizes)
    return sizes


def _check(
    where: str, name: str, array: Array, axes: str, hint: str, sizes: Mapping[str, int]
) -> None:
    try:
        check_shape(where, name, array, axes, None, **sizes)
    except ShapeError as error:
        raise ShapeError(f"{error}{hint}") from None


def axis_of(k: int) -> str:
    """Return the name of an axis of k blocks, such as 4H.

    Parameters
    ----------
    k : int
        How many.
    """
    return f"{k}H" if k > 1 else "H"


# Where a name is, if it is not where it was looked for


def places(mapping: Any, name: str, code: str, depth: int = 4) -> Iterator[tuple[str, str]]:
    """Find a name that has a prefix, or is in a mapping inside the mapping, or both.

    Parameters
    ----------
    mapping : mapping or module
        Where to look; of a module of torch, in its state dict.
    name : str
        How the name ends.
    code : str
        What the mapping is called.
    depth : int
        How many mappings inside each other are searched.

    Yields
    ------
    code : str
        What the mapping that has the name is called.
    prefix : str
        What stands before the name.

    Examples
    --------
    >>> from bptt.layouts import places
    >>> list(places({"epoch": 3, "model": {"rnn.bias": [1.0]}}, "bias", "state_dict"))
    [("state_dict['model']", 'rnn.')]
    """
    for key, value in as_mapping(mapping).items():
        if isinstance(key, str) and key.endswith(name):
            yield code, key.removesuffix(name)
        if depth > 1:
            yield from places(value, name, f"{code}[{key!r}]", depth - 1)


def is_module(value: Any) -> bool:
    """Return whether something has a state dict, as a module of torch has.

    Parameters
    ----------
    value : object
        What the caller passed.
    """
    return callable(getattr(value, "state_dict", None))


def as_mapping(value: Any) -> Mapping[Any, Any]:
    """Return a mapping as it is, of a module of torch its state dict, and of else nothing.

    Parameters
    ----------
    value : object
        The mapping or the module.
    """
    if is_module(value):
        value = value.state_dict()
    return value if isinstance(value, Mapping) else {}


def listed(names: Iterable[Any], separator: str = ", ") -> str:
    """Return names for a message: the first ones, on one line that is not long.

    Parameters
    ----------
    names : iterable
        The names.
    separator : str
        What stands between them.
    """
    texts = [shown(name, str) for name in names]
    ends = accumulate(len(text) + len(separator) for text in texts)
    first = max(1, sum(end <= LISTED for end in ends))
    more = len(texts) - first
    line = separator.join(texts[:first])
    cut = line if len(line) <= LISTED else f"{line[: LISTED - 3]}..."
    return f"{cut} and {more} more" if more > 0 else cut
