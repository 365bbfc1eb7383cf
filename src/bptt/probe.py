"""Look inside a run: the gradient at each step, the Jacobians that carry it, and what was saved.

What does not fit the run of `bptt.unroll.forward` is a `ShapeError`, what is no cell or holds no
real numbers a `TypeError`.

Parameters
----------
tape : Tape
    What `unroll.forward` returned.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bptt import tree, unroll
from bptt.cell import AnyCell, check_cell, state_or_zero
from bptt.shapes import Array, check_number, check_numbers, check_shape, check_whole


def gradient_norms(cell: AnyCell, params: Any, tape: Any, dhs: ArrayLike) -> Array:
    r"""Norm of the gradient at every state, $\lVert dL/dh_t \rVert_2$ for $t = 0, \dots, T$.

    Returns
    -------
    ndarray of shape (T + 1,)
        L2 norms over (B, H), in units of the loss. Entry t belongs to $h_t$, so entry 0 to the
        initial state; each counts what the loss reads at $h_t$ and what comes back from later.
    """
    steps = unroll.backward_steps(cell, params, tape, dhs)
    carried = np.stack([dstate.h for _, _, dstate in steps][::-1])  # from t + 1, for t = 0 .. T-1
    nothing = np.zeros_like(carried[:1])
    read = np.asarray(dhs, carried.dtype)
    totals = np.concatenate([nothing, read]) + np.concatenate([carried, nothing])
    return np.asarray(np.linalg.norm(totals, axis=(1, 2)))


def term_norms(cell: AnyCell, params: Any, tape: Any, dhs: ArrayLike) -> Array:
    r"""Norm of each term of the double sum, $\lVert h_{k-1}^\top da_{t,k} \rVert_2$.

    A row comes from a pass backwards with a loss that reads one step t only.

    Returns
    -------
    ndarray of shape (T, T)
        L2 norms over `W_h`, in units of the loss. At [t - 1, k - 1] stands what the weights at
        step k add to the gradient through the loss at step t: zero for k > t.
    """
    dhs = check_shape("probe.term_norms", "dhs", dhs, "T B H")
    rows = []
    for t in range(len(dhs)):
        at_t = np.arange(len(dhs)) == t
        only_t = np.where(at_t[:, None, None], dhs, 0)
        steps = unroll.backward_steps(cell, params, tape, only_t)
        rows.append([np.linalg.norm(dparams_k.W_h) for dparams_k, _, _ in steps][::-1])
    return np.array(rows)


def jacobians(cell: AnyCell, params: Any, tape: Any) -> Array:
    r"""Jacobian of every step, $J_t = \partial s_t / \partial s_{t-1}$ for $t = 1, \dots, T$.

    A small change of the state before step t becomes $\delta s_t = \delta s_{t-1} J_t$, and a
    gradient comes back as $ds_{t-1} = ds_t J_t^\top$. For the simple cell $J_t = W_h D_t$, with
    the slopes $1 - h_t^2$ on the diagonal of $D_t$. All steps go back at once, from all unit
    vectors, so any cell will do whose `Step` holds arrays with a leading axis B.

    Returns
    -------
    ndarray of shape (T, B, N, N)
        At [t - 1, b] the Jacobian of step t of sequence b; the identity where the step is masked.
        N counts the numbers of a state, in the order of its fields: H, or 2H for h and c.
    """
    check_cell("probe.jacobians", cell)
    zero = cell.zero_state(params, tape.batch)
    T, (B, H), fields = len(tape.steps), zero.h.shape, len(zero)
    N = fields * H

    def copies(*arrays: Array) -> Array:
        return np.repeat(np.concatenate(arrays), N, axis=0)  # (T * B * N, ...)

    identity = np.eye(N, dtype=zero.h.dtype)
    unit_vectors = type(zero)(*np.split(np.tile(identity, (T * B, 1)), fields, axis=1))
    _, _, dstates = cell.step_backward(params, tree.map(copies, *tape.steps), unit_vectors)
    # Each unit vector comes back as a row of the transpose.
    transposed = np.concatenate(dstates, axis=1).reshape(T, B, N, N)
    live = np.ones((T, B), bool) if tape.mask is None else tape.mask
    return np.where(live[:, :, None, None], transposed.swapaxes(-1, -2), identity)


def jacobian_products(cell: AnyCell, params: Any, tape: Any) -> Array:
    r"""Jacobian of the last state by every state, $P_t = J_{t+1} J_{t+2} \cdots J_T$.

    A small change $\delta s_t$ of the state becomes $\delta s_T = \delta s_t P_t$ at the end, and a
    gradient there comes back as $ds_t = ds_T P_t^\top$.

    Returns
    -------
    ndarray of shape (T + 1, B, N, N)
        At [t, b] the product from the state after step t of sequence b; the last is the identity.
        N is as for `jacobians`.
    """
    steps = jacobians(cell, params, tape)
    products = [np.broadcast_to(np.eye(steps.shape[-1], dtype=steps.dtype), steps.shape[1:])]
    for J in steps[::-1]:
        products.append(J @ products[-1])
    return np.stack(products[::-1])


def spectral_radius(matrix: ArrayLike) -> float:
    r"""Largest absolute eigenvalue, $\rho(M) = \max_j |\lambda_j|$.

    The powers of a matrix grow like $\rho^k$ in the limit, $\lVert M^k \rVert^{1/k} \to \rho$. A
    single factor may stretch by more: that is `np.linalg.norm(matrix, 2)`, the largest singular
    value.

    Parameters
    ----------
    matrix : array_like of shape (N, N)
        A square matrix.

    Raises
    ------
    ShapeError
        If the matrix is not square.

    Notes
    -----
    Source: I. Gelfand, "Normierte Ringe", Matematicheskii Sbornik 9 (1941), for the limit.
    """
    matrix = check_numbers("probe.spectral_radius", "matrix", matrix)
    size = len(np.atleast_1d(matrix))
    matrix = check_shape("probe.spectral_radius", "matrix", matrix, "N N", N=size)
    return float(np.abs(np.linalg.eigvals(matrix)).max())


def series(tape: Any) -> dict[str, Array]:
    """All that the steps of a run saved, by name, one array over time for each.

    Returns
    -------
    dict of str to ndarray of shape (T, B, H)
        The fields of the cell's `Step`: for an LSTM the gates `i`, `f` and `o`, the candidate `g`,
        and so on; `x` has shape (T, B, I). If the cell has a cell state, `c` is added: $c_t$, as
        `c_prev` is $c_{t-1}$. At a masked step the state before it is that of the run, and a gate
        is what it would be after zeros, and is not used.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt import lstm, probe, unroll
    >>> params = lstm.init(input_size=4, hidden_size=2, rng=np.random.default_rng(0))
    >>> _, _, tape = unroll.forward(lstm, params, np.zeros((5, 3, 4)))
    >>> sorted(probe.series(tape))
    ['c', 'c_prev', 'f', 'g', 'h_prev', 'i', 'o', 'tanh_c', 'x']
    """
    names = tape.steps[0]._fields
    stacked = {name: np.stack([getattr(step, name) for step in tape.steps]) for name in names}
    if tape.mask is not None:
        held = {f"{name}_prev": name for name in tape.before[0]._fields}
        for name in held.keys() & stacked.keys():
            stacked[name] = np.stack([getattr(state, held[name]) for state in tape.before])
    if "c_prev" in stacked:
        c_prev = stacked["c_prev"]
        c = stacked["f"] * c_prev + stacked["i"] * stacked["g"]
        stacked["c"] = c if tape.mask is None else np.where(tape.mask[:, :, None], c, c_prev)
    return stacked


class FixedPoints(NamedTuple):
    """The states that a step leaves as they are, each once, and what it does close to them."""

    state: Annotated[Any, "the M points, as one state of M rows"]
    jacobians: Annotated[Array, "M N N", "the Jacobian of the step at each"]
    eigenvalues: Annotated[Array, "M N", "its eigenvalues, the largest modulus first"]
    found: Annotated[Array, "S", "the point that each start led to, or -1"]


def fixed_points(
    cell: AnyCell,
    params: Any,
    x: ArrayLike,
    starts: Any,
    *,
    limit: float = np.inf,
    tol: float = 1e-10,
    apart: float = 1e-3,
    most: int = 100,
) -> FixedPoints:
    r"""Find states with $\mathrm{step}(x, s) = s$, by Newton's method from many starts.

    The step is replaced by its tangent at the guess $s$. With $f = \mathrm{step}(x, s)$ and the
    Jacobian $J$ at $s$, the next guess solves $s' = f + (s' - s) J$:

    $$
    s' = s + (f - s) \, (I - J)^{-1}.
    $$

    A point is stable if all its eigenvalues have a modulus below 1. Newton's method finds those
    that are not as well. Nothing says that all points were found.

    Parameters
    ----------
    cell : module
        Any cell.
    params : Params
        Its weights.
    x : array_like of shape (I,)
        The input, the same at each step.
    starts : State
        The first guesses, a state of S rows.
    limit : float
        The largest modulus of a number of a guess; a guess that goes beyond is put back to it. The
        fixed points of the simple cell and of the GRU lie below 1.
    tol : float
        A guess counts as a fixed point if no number of the state moves by more in a step.
    apart : float
        Two points whose numbers differ by less are the same.
    most : int
        How many corrections at most.

    Returns
    -------
    FixedPoints
        The points, in the order of the first start that led to each.

    Raises
    ------
    ShapeError
        If a shape does not fit, or there is no start.
    TypeError
        If `cell` is no cell, `starts` is no state of it, or an argument holds no real numbers.
    ValueError
        If `limit`, `tol` or `apart` is not above zero, or `most` is negative.

    Notes
    -----
    Source: D. Sussillo and O. Barak, "Opening the black box: low-dimensional dynamics in
    high-dimensional recurrent neural networks", Neural Computation 25 (2013),
    <https://doi.org/10.1162/NECO_a_00409>, who minimise $|f - s|^2 / 2$ instead, which stops at
    slow points as well.
    """
    where = "probe.fixed_points"
    check_cell(where, cell)
    S = len(np.atleast_2d(check_numbers(where, "starts.h", getattr(starts, "h", starts))))
    zero = cell.zero_state(params, S)
    rows = _row(state_or_zero(where, "starts", starts, zero))  # (S, N)
    x = check_shape(where, "x", x, "I", zero.h.dtype)
    for name, value in (("limit", limit), ("tol", tol), ("apart", apart)):
        check_number(where, name, value, "above zero", lambda number: number > 0)
    if check_whole(where, "most", most) < 0:
        raise ValueError(f"{where}: most must be zero or more, got {most}")
    guess = np.clip(rows, -limit, limit)
    identity = np.eye(rows.shape[1], dtype=rows.dtype)

    def tangent(rows: Array) -> tuple[Array, Array]:
        """Return where a step takes each row, and its Jacobian there."""
        state = type(zero)(*np.split(rows, len(zero), axis=1))
        xs = np.broadcast_to(x, (1, len(rows), len(x)))
        _, after, tape = unroll.forward(cell, params, xs, state)
        return _row(after), jacobians(cell, params, tape)[0]

    with np.errstate(over="ignore", invalid="ignore"):  # a guess may run away
        live = np.arange(S)
        for _ in range(most):
            f, J = tangent(guess[live])
            far = ~(np.abs(f - guess[live]).max(axis=1) <= tol / 10)  # a NaN is far
            going = far & np.isfinite(J).all(axis=(1, 2))
            live = live[going]
            if not len(live):
                break
            step = _solve(f[going] - guess[live], identity - J[going])
            guess[live] = np.clip(guess[live] + step, -limit, limit)
        f, J = tangent(guess)
        still = np.abs(f - guess).max(axis=1) <= tol

    found, kept = np.full(S, -1), list[int]()
    for start in np.flatnonzero(still):
        same = np.flatnonzero(np.abs(guess[kept] - guess[start]).max(axis=1) < apart)
        found[start] = same[0] if len(same) else len(kept)
        if not len(same):
            kept.append(int(start))
    eigenvalues = np.linalg.eigvals(J[kept])
    order = np.argsort(-np.abs(eigenvalues), axis=1, kind="stable")
    return FixedPoints(
        type(zero)(*np.split(guess[kept], len(zero), axis=1)),
        J[kept],
        np.take_along_axis(eigenvalues, order, 1),
        found,
    )


def lyapunov(
    cell: AnyCell, params: Any, xs: ArrayLike, state: Any = None, *, skip: int = 0
) -> Array:
    r"""Lyapunov exponents of a run: the mean logarithm of what a step stretches, N directions.

    A frame $Q_0 = I$ of N orthogonal columns goes along. Each step turns and stretches it, and a QR
    decomposition makes it orthogonal again:

    $$
    J_t^\top Q_{t-1} = Q_t R_t, \qquad
    \lambda_j = \frac{1}{T - \mathrm{skip}} \sum_{t > \mathrm{skip}} \log |R_{t,jj}|.
    $$

    Parameters
    ----------
    cell : module
        Any cell.
    params : Params
        Its weights.
    xs : array_like of shape (T, B, I)
        The inputs that drive it.
    state : State, optional
        The state before the first step; zeros by default.
    skip : int
        How many steps turn the frame before the mean begins.

    Returns
    -------
    ndarray of shape (B, N)
        In nats per step, the largest first; $-\infty$ for a direction that is lost. Their sum is
        the mean of $\log |\det J_t|$. N is as for `jacobians`.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If `cell` is no cell, or an argument holds no real numbers.
    ValueError
        If `skip` is negative, or leaves no step.

    Notes
    -----
    Source: R. Engelken, F. Wolf and L. F. Abbott, "Lyapunov spectra of chaotic recurrent neural
    networks" (2020), <https://arxiv.org/abs/2006.02427>; R. Vogt et al., "On Lyapunov exponents for
    RNNs" (2020), <https://arxiv.org/abs/2006.14123>.
    """
    _, _, tape = unroll.forward(cell, params, xs, state)
    steps = jacobians(cell, params, tape)  # (T, B, N, N)
    if not 0 <= check_whole("probe.lyapunov", "skip", skip) < len(steps):
        raise ValueError(
            f"probe.lyapunov: skip must be from 0 to T - 1 = {len(steps) - 1}, got {skip}"
        )
    Q = np.broadcast_to(np.eye(steps.shape[-1], dtype=steps.dtype), steps.shape[1:])
    total = np.zeros(steps.shape[1:-1])
    with np.errstate(divide="ignore"):  # the logarithm of 0
        for t, J in enumerate(steps):
            Q, R = np.linalg.qr(J.swapaxes(-1, -2) @ Q)
            if t >= skip:
                total += np.log(np.abs(np.diagonal(R, axis1=-2, axis2=-1)))
    exponents: Array = -np.sort(-total / (len(steps) - skip), axis=1)
    return exponents


def _solve(rows: Array, matrices: Array) -> Array:
    """Solve y M = r for each row; where M is singular, take the shortest best answer."""
    transposed, columns = matrices.swapaxes(-1, -2), rows[..., None]
    singular = np.linalg.slogdet(transposed)[0] == 0
    solved = np.empty_like(columns)
    solved[~singular] = np.linalg.solve(transposed[~singular], columns[~singular])
    solved[singular] = np.linalg.pinv(transposed[singular]) @ columns[singular]
    return np.asarray(solved[..., 0])


def _row(state: Any) -> Array:
    """Write all numbers of a state side by side: (B, N)."""
    return np.concatenate(state, axis=1)
