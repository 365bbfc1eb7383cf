"""Look inside a run: the gradient at each step, the Jacobians that carry it, and what was saved.

What does not fit the run of `bptt.unroll.forward` is a `ShapeError`, what is no cell or holds no
real numbers a `TypeError`.

Parameters
----------
tape : Tape
    What `unroll.forward` returned.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bptt import tree, unroll
from bptt.cell import AnyCell, check_cell
from bptt.shapes import Array, check_numbers, check_shape


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
