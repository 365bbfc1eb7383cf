r"""Layers above each other, and both directions of time: several runs of one cell.

The outputs of a layer are the inputs of the next. A layer of both directions runs the cell twice,
once from the first step to the last and once from the last to the first, with weights of its own
for each, and puts both outputs side by side.

The weights of a stack are a tuple with one entry for each layer, from the bottom: the cell's
`Params`, or `Both` of them. States and gradients have the same form.

Parameters
----------
params : tuple of Params, or of Both of them
    The weights of each layer, from the lowest.
xs : array_like of shape (T, B, I)
    The inputs of the lowest layer.
states : tuple of State, or of Both of them, optional
    The state of each layer before its first step, which is step T for a run backwards; zeros by
    default.
mask : array_like of shape (T, B), optional
    True where a sequence has a step, as for `bptt.unroll.forward`. A run backwards passes over
    the padding before it meets the sequence.
between : tuple of ndarray of shape (B, H) or None, optional
    What the outputs of each layer but the highest are multiplied with at every step: masks of
    dropout.
dhs : array_like of shape (T, B, H) or (T, B, 2H)
    The gradients of the loss with respect to each output of the highest layer.
dstates_T : tuple of State, or of Both of them, optional
    The gradients with respect to what `forward` returned as `states_T`; zeros by default.
"""

import functools
from collections.abc import Iterable
from typing import Annotated, Any, Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bptt import run
from bptt.cell import AnyCell, inside
from bptt.shapes import Array, check_shape, check_type, check_whole, shown

P = TypeVar("P")

# How the first direction of a layer reads time, and how the second does.
ORDERS = (slice(None), slice(None, None, -1))


class Both(NamedTuple, Generic[P]):
    """Two of a kind, one for each direction: weights, states or gradients."""

    forwards: Annotated[P, "of the run from the first step to the last"]
    backwards: Annotated[P, "of the run from the last step to the first"]


class Tape(NamedTuple):
    """What `forward` keeps for `backward`. Its fields are not part of the library's contract."""

    layers: tuple[Any, ...]
    steps: int
    batch: int
    between: tuple[Array | None, ...]


def init(
    cell: AnyCell,
    input_size: int,
    hidden_size: int,
    *,
    layers: int,
    bidirectional: bool = False,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> tuple[Any, ...]:
    """Draw initial weights from the lowest layer to the highest, each by the cell's own `init`.

    Parameters
    ----------
    input_size : int
        I, the width of an input of the lowest layer.
    hidden_size : int
        H, the number of hidden units of a layer in one direction. The layers above the lowest read
        H numbers, or 2H with both directions.
    layers : int
        The number of layers.
    bidirectional : bool
        Whether each layer runs in both directions.

    Raises
    ------
    TypeError
        If `dtype` is not a floating-point one.
    ValueError
        If a size or the number of layers is below 1.
    """
    if check_whole("stack.init", "layers", layers) < 1:
        raise ValueError(f"stack.init: layers must be at least 1, got {shown(layers)}")
    params: list[Any] = []
    width = input_size
    for _ in range(layers):
        runs = [
            cell.init(width, hidden_size, rng=rng, dtype=dtype) for _ in range(1 + bidirectional)
        ]
        params.append(Both(*runs) if bidirectional else runs[0])
        width = len(runs) * hidden_size
    return tuple(params)


def forward(
    cell: AnyCell,
    params: tuple[Any, ...],
    xs: ArrayLike,
    states: tuple[Any, ...] | None = None,
    mask: ArrayLike | None = None,
    between: tuple[Array | None, ...] = (),
) -> tuple[Array, tuple[Any, ...], Tape]:
    """Run a stack of layers over a sequence: the outputs of a layer are the inputs of the next.

    Returns
    -------
    hs : ndarray of shape (T, B, H) or (T, B, 2H)
        The outputs of the highest layer. With both directions the first H columns are of the run
        forwards and the others of the run backwards; `hs[t - 1]` of both belongs to step t.
    states_T : tuple of State, or of Both of them
        The state of each layer after its last step, which is step 1 for a run backwards.
    tape : Tape
        What `backward` needs. As in `bptt.unroll.forward`, do not overwrite `xs` before.

    Raises
    ------
    ShapeError
        If a shape does not fit, or T or B is zero.
    TypeError
        If `cell` is not a cell, or `params`, `states` or `between` have not the form above.
    ValueError
        If the mask holds anything but True and False, or 1 and 0, or `between` has not one entry
        for each layer but the highest.

    Notes
    -----
    Source of both directions: M. Schuster and K. K. Paliwal, "Bidirectional recurrent neural
    networks", IEEE Transactions on Signal Processing 45 (1997), <https://doi.org/10.1109/78.650093>.
    """
    _check_params("stack.forward", params)
    states = _check_form("stack.forward", "states", states, params)
    hs = check_shape("stack.forward", "xs", xs, "T B I")
    T, B, _ = hs.shape
    if not isinstance(between, tuple | list):
        raise TypeError(f"stack.forward: between must be a tuple of arrays, got {_kind(between)}")
    if between and len(between) != len(params) - 1:
        raise ValueError(
            "stack.forward: between must have an entry for each layer but the highest, "
            f"{len(params) - 1}, got {len(between)}"
        )
    masks: tuple[Any, ...] = (None, None)
    if mask is not None:
        mask = check_shape("stack.forward", "mask", mask, "T B", T=T, B=B)
        masks = (mask, mask[::-1])

    states_T, tapes = [], []
    for layer, (entry, state) in enumerate(zip(params, states, strict=True)):
        if layer > 0:  # the cell checks the inputs of the lowest
            _check_width(f"params[{layer}]", entry, hs.shape[-1])
            hs = _times(hs, _factor(between, layer - 1, hs))
        each = zip(_each(entry), _each(state), ORDERS, masks, strict=False)
        runs = [run.of(cell).forward(cell, p, hs[d], s, m) for p, s, d, m in each]
        outs, ends, steps = zip(*runs, strict=True)
        in_time = zip(outs, ORDERS, strict=False)
        hs = _beside([out[order] for out, order in in_time])
        states_T.append(_like(entry, ends))
        tapes.append(_like(entry, steps))
    return hs, tuple(states_T), Tape(tuple(tapes), T, B, between)


def backward(
    cell: AnyCell,
    params: tuple[Any, ...],
    tape: Tape,
    dhs: ArrayLike,
    dstates_T: tuple[Any, ...] | None = None,
) -> tuple[tuple[Any, ...], Array, tuple[Any, ...]]:
    """Backpropagate through time and layers: what a layer's inputs get goes to the one below.

    Returns
    -------
    dparams : tuple of Params, or of Both of them
        The gradient with respect to the weights.
    dxs : ndarray of shape (T, B, I)
        The gradients with respect to the inputs of the lowest layer.
    dstates_0 : tuple of State, or of Both of them
        The gradients with respect to the state of each layer before its first step.

    Raises
    ------
    ShapeError
        If a shape does not fit what `forward` saw.
    TypeError
        If `cell` is not a cell, or `params` or `dstates_T` have not the form that `forward` saw.
    """
    _check_params("stack.backward", params)
    check_type("stack.backward", "tape", tape, Tape)
    _check_form("stack.backward", "tape.layers", tape.layers, params)
    dstates_T = _check_form("stack.backward", "dstates_T", dstates_T, params)
    H = "2H" if isinstance(params[-1], Both) else "H"
    sizes = {"T": tape.steps, "B": tape.batch, H: sum(_widths(params[-1]))}
    dxs = check_shape("stack.backward", "dhs", dhs, f"T B {H}", None, **sizes)

    dparams, dstates_0 = [], []
    layers = list(enumerate(zip(params, tape.layers, dstates_T, strict=True)))
    for layer, (entry, steps, dstate) in reversed(layers):
        if layer < len(params) - 1:
            dxs = _times(dxs, _factor(tape.between, layer, dxs))
        parts = np.split(dxs, np.cumsum(_widths(entry))[:-1], axis=-1)
        runs = [
            run.of(cell).backward(cell, p, t, part[order], ds)
            for p, t, ds, part, order in zip(
                _each(entry), _each(steps), _each(dstate), parts, ORDERS, strict=False
            )
        ]
        dps, dins, dstarts = zip(*runs, strict=True)
        in_time = zip(dins, ORDERS, strict=False)
        dxs = functools.reduce(np.add, [din[order] for din, order in in_time])
        dparams.append(_like(entry, dps))
        dstates_0.append(_like(entry, dstarts))
    return tuple(dparams[::-1]), dxs, tuple(dstates_0[::-1])


def step(
    cell: AnyCell, params: tuple[Any, ...], x: Array, states: tuple[Any, ...]
) -> tuple[Array, tuple[Any, ...]]:
    """Take one step with layers of one direction; return the highest output and the new states.

    Nothing is checked: it is for loops such as that of a writer.

    Parameters
    ----------
    x : ndarray of shape (B, I)
        The input of the lowest layer, in the dtype of the weights.
    states : tuple of State
        The state of each layer before the step.
    """
    after: list[Any] = []
    for p, state in zip(params, states, strict=True):
        new, _ = inside(cell.step)(p, x, state)
        x = new.h
        after.append(new)
    return x, tuple(after)


def _beside(outs: list[Array]) -> Array:
    """Put the outputs of both directions side by side; one alone is not copied."""
    return np.concatenate(outs, axis=-1) if len(outs) > 1 else outs[0]


def _factor(between: tuple[Array | None, ...], layer: int, outs: Array) -> Array | None:
    """Return what the outputs of a layer are multiplied with, in their dtype."""
    factor = between[layer] if between else None
    if factor is None:
        return None
    _, B, width = outs.shape
    name = f"between[{layer}]"
    return check_shape("stack.forward", name, factor, "B columns", outs.dtype, B=B, columns=width)


def _times(xs: Array, factor: Array | None) -> Array:
    return xs if factor is None else xs * factor


def _each(entry: Any) -> tuple[Any, ...]:
    """Return the one or two of a layer, one for each direction."""
    return entry if isinstance(entry, Both) else (entry,)


def _like(entry: Any, values: Iterable[Any]) -> Any:
    """Put one or two values into the form of a layer's entry: the inverse of `_each`."""
    (first, *second) = values
    return Both(first, *second) if isinstance(entry, Both) else first


def _widths(entry: Any) -> list[int]:
    """Return the number of hidden units of each direction."""
    return [len(p.W_h) for p in _each(entry)]


def _check_params(where: str, params: Any) -> None:
    if type(params) is not tuple or not params:
        raise TypeError(
            f"{where}: params must be a tuple with the weights of each layer, got {_kind(params)}"
        )
    for layer, entry in enumerate(params):
        for p in _each(entry):
            if not (hasattr(p, "W_x") and hasattr(p, "W_h")):
                raise TypeError(
                    f"{where}: params[{layer}] must be weights of the cell, got {_kind(p)}"
                )


def _check_form(where: str, name: str, value: Any, params: tuple[Any, ...]) -> tuple[Any, ...]:
    """Insist on an entry for each layer, of both directions where the weights are; fill in None."""
    if value is None:
        return tuple(_like(entry, [None] * len(_each(entry))) for entry in params)
    if type(value) is not tuple or len(value) != len(params):
        raise TypeError(
            f"{where}: {name} must be a tuple with an entry for each of the layers of params, "
            f"{len(params)}, got {_kind(value)}"
        )
    for layer, (one, entry) in enumerate(zip(value, params, strict=True)):
        if isinstance(one, Both) != isinstance(entry, Both):
            must = "must" if isinstance(entry, Both) else "must not"
            raise TypeError(
                f"{where}: {name}[{layer}] {must} be a stack.Both, like params[{layer}], "
                f"got {type(one).__name__}"
            )
    return value


def _check_width(name: str, entry: Any, width: int) -> None:
    """Insist that a layer reads as many numbers as the one below puts out."""
    for p in _each(entry):
        check_shape("stack.forward", f"W_x of {name}", p.W_x, "I columns", None, I=width)


def _kind(value: Any) -> str:
    return f"a tuple of {len(value)}" if type(value) is tuple else type(value).__name__
