r"""Linear recurrences, $h_t = a_t \odot h_{t-1} + b_t$, by a loop and by a scan that need not wait.

One step is a map, $h \mapsto a_t \odot h + b_t$, and two maps, one after the other, are a map of
the same kind. A scan combines neighbours, then pairs of neighbours, and so on: after
$\lceil \log_2 T \rceil$ rounds it has every state, where a loop needs T steps.

Parameters
----------
a, b : array_like of shape (T, ...)
    What multiplies the state at each step, and what is added to it.
h_0 : array_like of shape (...), optional
    The state before the first step; zeros by default.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bptt.cell import check_cell, check_mask, state_or_zero
from bptt.linear_cell import AnyLinearCell, is_linear
from bptt.shapes import Array, ShapeError, check_numbers, check_shape, check_type, shown

# The most numbers in a step for which NumPy is faster by the scan; the loop does less work in all.
NARROW = 64


def scan(a: ArrayLike, b: ArrayLike, h_0: ArrayLike | None = None) -> Array:
    r"""All states of $h_t = a_t \odot h_{t-1} + b_t$, in $\lceil \log_2 T \rceil$ rounds.

    Two steps, $(a_1, b_1)$ and then $(a_2, b_2)$, are one: $(a_1 a_2, \; a_2 b_1 + b_2)$. After a
    round with reach r each entry stands for the 2r steps that end there.

    Returns
    -------
    ndarray of shape (T, ...)
        The states $h_1, \dots, h_T$.

    Raises
    ------
    ShapeError
        If the shapes differ, or there is no step.
    TypeError
        If an array does not hold real numbers.

    Notes
    -----
    Source: W. D. Hillis and G. L. Steele, "Data parallel algorithms", Communications of the ACM 29
    (1986), <https://doi.org/10.1145/7902.7903>; G. E. Blelloch, "Prefix sums and their
    applications" (1990), section 1.4, for recurrences. In NumPy it is $T \log_2 T$ work in place of
    T, done in a few large operations.

    Examples
    --------
    >>> from bptt import linear
    >>> linear.scan([0.5, 0.5, 0.5, 0.5], [1, 2, 3, 4])
    array([1.   , 2.5  , 4.25 , 6.125])
    """
    a, b, h_0 = _checked("linear.scan", a, b, h_0)
    a, b = a.copy(), b.copy()
    reach = 1
    while reach < len(a):
        b[reach:] += a[reach:] * b[:-reach]  # a_2 b_1 + b_2, for all entries at once
        a[reach:] *= a[:-reach]  # a_1 a_2; NumPy reads all before it writes
        reach *= 2
    return b if h_0 is None else a * h_0 + b


def loop(a: ArrayLike, b: ArrayLike, h_0: ArrayLike | None = None) -> Array:
    r"""All states of $h_t = a_t \odot h_{t-1} + b_t$, one step after the other.

    Returns
    -------
    ndarray of shape (T, ...)
        The states $h_1, \dots, h_T$.

    Raises
    ------
    ShapeError
        If the shapes differ, or there is no step.
    TypeError
        If an array does not hold real numbers.
    """
    a, b, h_0 = _checked("linear.loop", a, b, h_0)
    h = np.zeros_like(b[0]) if h_0 is None else h_0
    hs = np.empty_like(b)
    for t in range(len(a)):
        h = a[t] * h + b[t]
        hs[t] = h
    return hs


class Tape(NamedTuple):
    """What `forward` keeps for `backward`. Its fields are not part of the library's contract."""

    kept: Any  # what the coefficients keep
    a: Array  # what multiplied each state
    before: Array  # the state before each step
    mask: Array | None  # where there was a step


def forward(
    cell: AnyLinearCell,
    params: Any,
    xs: ArrayLike,
    state: Any = None,
    mask: ArrayLike | None = None,
) -> tuple[Array, Any, Tape]:
    """Do what `bptt.unroll.forward` does for a linear cell: all gates at once, then the states.

    The states come by `scan` where a step is narrow, and by `loop` where it is wide: on one
    processor the scan pays as long as the calls of NumPy cost more than the numbers.
    """
    _check_linear("linear.forward", cell)
    xs = check_shape("linear.forward", "xs", xs, "T B I")
    T, B, _ = xs.shape
    zero = cell.zero_state(params, B)
    state = state_or_zero("linear.forward", "state", state, zero)
    if mask is not None:
        mask = check_mask("linear.forward", mask, T, B)
        xs = np.where(mask[:, :, None], xs, 0)  # padding may be NaN
    a, b, kept = cell.coefficients(params, xs)
    if mask is not None:  # a step that is left out keeps the state
        a, b = np.where(mask[:, :, None], a, 1), np.where(mask[:, :, None], b, 0)
    hs = _states(a, b, state.h)
    before = np.concatenate([state.h[None], hs[:-1]])
    return hs, type(zero)(hs[-1]), Tape(kept, a, before, mask)


def backward(
    cell: AnyLinearCell, params: Any, tape: Tape, dhs: ArrayLike, dstate_T: Any = None
) -> tuple[Any, Array, Any]:
    r"""Do what `bptt.unroll.backward` does, for a linear cell.

    The gradient at a state is a linear recurrence too, from the last step to the first: what the
    loss reads there, and what comes back from the next state,

    $$
    d\bar h_t = dh_t + a_{t+1} \odot d\bar h_{t+1}.
    $$

    It is computed in the same way. Then $da_t = d\bar h_t \odot h_{t-1}$, $db_t = d\bar h_t$, and
    the cell takes these back to its weights and inputs, all steps at once.

    Notes
    -----
    Source: E. Martin and C. Cundy, "Parallelizing linear recurrent neural nets over sequence
    length", ICLR 2018, <https://arxiv.org/abs/1709.04057>, section 2.2.
    """
    _check_linear("linear.backward", cell)
    check_type("linear.backward", "tape", tape, Tape)
    T, B, H = tape.a.shape
    zero = cell.zero_state(params, B)
    if zero.h.dtype != tape.a.dtype:
        raise TypeError(
            "linear.backward: params must be those that ran forwards, "
            f"in {tape.a.dtype}, got {zero.h.dtype}"
        )
    dstate = state_or_zero("linear.backward", "dstate_T", dstate_T, zero)
    dhs = check_shape("linear.backward", "dhs", dhs, "T B H", tape.a.dtype, T=T, B=B, H=H)
    after = np.concatenate([tape.a[1:], np.ones_like(tape.a[:1])])  # a_{t+1}; 1 after the last
    back = _states(after[::-1], dhs[::-1], dstate.h)[::-1]
    das, dbs = back * tape.before, back
    if tape.mask is not None:
        das, dbs = (np.where(tape.mask[:, :, None], d, 0) for d in (das, dbs))
    dparams, dxs = cell.coefficients_backward(params, tape.kept, das, dbs)
    return dparams, dxs, type(zero)(tape.a[0] * back[0])


def _states(a: Array, b: Array, h_0: Array) -> Array:
    return scan(a, b, h_0) if h_0.size <= NARROW else loop(a, b, h_0)


def _check_linear(where: str, cell: object) -> None:
    check_cell(where, cell)
    if not is_linear(cell):
        raise TypeError(
            f"{where}: cell must have coefficients, as bptt.mingru has, got {shown(cell)}"
        )


def _checked(
    where: str, a: ArrayLike, b: ArrayLike, h_0: ArrayLike | None
) -> tuple[Array, Array, Array | None]:
    """Return both as arrays of one dtype, once they fit each other."""
    a, b = (check_numbers(where, name, value) for name, value in (("a", a), ("b", b)))
    dtype = np.result_type(a, b, np.float32)
    if a.shape != b.shape or not a.ndim or not a.size:
        raise ShapeError(
            f"{where}: a and b must have one shape (T, ...) with no empty axis, "
            f"got {shown(a.shape)} and {shown(b.shape)}"
        )
    if h_0 is not None:
        h_0 = np.asarray(check_numbers(where, "h_0", h_0), dtype)
        if h_0.shape != a.shape[1:]:
            raise ShapeError(
                f"{where}: h_0 must be {a.shape[1:]}, one step of a, got {shown(h_0.shape)}"
            )
    return np.asarray(a, dtype), np.asarray(b, dtype), h_0
