r"""Find all states of a nonlinear cell at once: guess them, correct them, and again.

The states solve T equations, $s_t = \mathrm{step}(x_t, s_{t-1})$. Newton's method replaces each
step by its tangent at the guess. What is left is a linear recurrence, which a scan solves.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bptt import linear, probe, unroll
from bptt.cell import AnyCell, check_cell, state_or_zero
from bptt.shapes import (
    Array,
    ShapeError,
    check_number,
    check_numbers,
    check_shape,
    check_whole,
    shown,
)

# What is kept of the Jacobians. Without them the correction is the next step from the guess.
TANGENTS = ("full", "diagonal", "none")


class Solution(NamedTuple):
    """What `forward` found, and how it came there."""

    hs: Annotated[Array, "T B H", "the outputs"]
    state_T: Annotated[Any, "the last state"]
    errors: Annotated[Array, "the error of each guess, the first before any correction"]


def forward(
    cell: AnyCell,
    params: Any,
    xs: ArrayLike,
    state: Any = None,
    *,
    tangents: str = "full",
    tol: float = 1e-10,
    most: int | None = None,
) -> Solution:
    r"""Do what `bptt.unroll.forward` does, in rounds that take all steps at the same time.

    With $f_t = \mathrm{step}(x_t, s_{t-1})$ and its Jacobian $J_t$ at the guess $s_{t-1}$, the next
    guess is the solution of

    $$
    s'_t = f_t + (s'_{t-1} - s_{t-1}) J_t.
    $$

    The first guess is zero. The error of a guess is $\max_t |f_t - s_t|$, over all numbers of a
    state: zero if each state follows from the one before. After k corrections the first k states
    are right, whatever the weights, but for rounding.

    Parameters
    ----------
    cell : module
        Any cell.
    params : Params
        Its weights.
    xs : array_like of shape (T, B, I)
        The inputs.
    state : State, optional
        The state before the first step; zeros by default.
    tangents : str
        `full` is Newton's method. `diagonal` keeps the diagonal of each Jacobian alone, so that the
        scan multiplies numbers in place of matrices. `none` repeats $s'_t = f_t$, which is Picard's
        iteration.
    tol : float
        Where to stop: the largest error that is small enough.
    most : int, optional
        How many corrections at most; T by default.

    Returns
    -------
    Solution
        The outputs, the last state and the errors: as many corrections as there are errors, less
        one. Where the last error is above `tol` (or NaN), `most` was not enough.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If `cell` is no cell, or an argument holds no real numbers.
    ValueError
        If `tangents` is none of the three, or `tol` or `most` is negative.

    Notes
    -----
    Source: Y. H. Lim et al., "Parallelizing non-linear sequential models over the sequence
    length", ICLR 2024, <https://arxiv.org/abs/2309.12252>; for the diagonal X. Gonzalez et al.,
    "Towards scalable and stable parallelization of nonlinear RNNs", NeurIPS 2024,
    <https://arxiv.org/abs/2407.19115>.
    """
    where = "newton.forward"
    check_cell(where, cell)
    xs = check_shape(where, "xs", xs, "T B I")
    T, B, I = xs.shape
    zero = cell.zero_state(params, B)
    start = _row(state_or_zero(where, "state", state, zero))  # (B, N)
    if tangents not in TANGENTS:
        raise ValueError(f"{where}: tangents must be one of {TANGENTS}, got {shown(tangents)}")
    check_number(where, "tol", tol, "zero or more", lambda number: number >= 0)
    most = T if most is None else check_whole(where, "most", most)
    if most < 0:
        raise ValueError(f"{where}: most must be zero or more, got {most}")

    guess = np.zeros((T, *start.shape), start.dtype)
    errors: list[float] = []
    with np.errstate(over="ignore", invalid="ignore"):  # a guess may run away
        while True:
            before = np.concatenate([start[None], guess[:-1]])
            flat = type(zero)(*np.split(before.reshape(T * B, -1), len(zero), axis=1))
            # A batch of T B single steps: none of them waits for another.
            _, after, tape = unroll.forward(cell, params, xs.reshape(1, T * B, I), flat)
            f = _row(after).reshape(guess.shape)
            errors.append(float(np.abs(f - guess).max()))
            if errors[-1] <= tol or len(errors) > most:
                break
            if tangents == "none":
                guess = f
                continue
            J = probe.jacobians(cell, params, tape)[0].reshape(*f.shape, -1)  # (T, B, N, N)
            if tangents == "full":
                guess = scan(J, f - _times(before, J), start)
            else:
                d = np.diagonal(J, axis1=-2, axis2=-1)
                guess = linear.scan(d, f - before * d, start)
    return Solution(
        f[..., : zero.h.shape[1]],
        type(zero)(*np.split(f[-1], len(zero), axis=1)),
        np.array(errors),
    )


def scan(J: ArrayLike, u: ArrayLike, s_0: ArrayLike) -> Array:
    r"""All states of $s_t = s_{t-1} J_t + u_t$, in $\lceil \log_2 T \rceil$ rounds.

    Two steps, $(J_1, u_1)$ and then $(J_2, u_2)$, are one: $(J_1 J_2, \; u_1 J_2 + u_2)$.

    Parameters
    ----------
    J : array_like of shape (T, ..., N, N)
        The matrix of each step.
    u : array_like of shape (T, ..., N)
        What is added.
    s_0 : array_like of shape (..., N)
        The state before the first step.

    Returns
    -------
    ndarray of shape (T, ..., N)
        The states.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other, or there is no step.
    TypeError
        If an array does not hold real numbers.

    Notes
    -----
    Source: G. E. Blelloch, "Prefix sums and their applications" (1990), section 1.4, for
    recurrences. It costs $N^3$ multiply-adds to combine two steps, where `bptt.linear.scan` has N.
    """
    J, u, s_0 = (
        check_numbers("newton.scan", name, value)
        for name, value in (("J", J), ("u", u), ("s_0", s_0))
    )
    if not (u.ndim and u.size and J.shape == (*u.shape, u.shape[-1]) and s_0.shape == u.shape[1:]):
        got = ", ".join(shown(array.shape) for array in (J, u, s_0))
        raise ShapeError(
            "newton.scan: J, u and s_0 must be (T, ..., N, N), (T, ..., N) and (..., N) "
            f"with no empty axis, got {got}"
        )
    dtype = np.result_type(J, u, s_0, np.float32)
    J, u = J.astype(dtype), u.astype(dtype)
    u[0] += _times(s_0, J[0])
    reach = 1
    while reach < len(J):
        u[reach:] += _times(u[:-reach], J[reach:])
        J[reach:] = J[:-reach] @ J[reach:]
        reach *= 2
    return u


def _row(state: Any) -> Array:
    """Write all numbers of a state side by side: (B, N)."""
    return np.concatenate(state, axis=1)


def _times(rows: Array, matrices: Array) -> Array:
    """Multiply each row with its matrix."""
    product: Array = (rows[..., None, :] @ matrices)[..., 0, :]
    return product
