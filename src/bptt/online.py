r"""Gradients without going back: carry along what the weights have done to the state so far.

A small change of the weights and of the state before changes the state after step t by

$$
\delta s_t = \delta s_{t-1} J_t + \delta \theta \, F_t.
$$

All P weights stand side by side in $\theta$, in the order of `bptt.tree.ravel`, and all N numbers
of a state in $s_t$: H, or 2H for h and c.

Parameters
----------
cell : module
    Any cell.
params : Params
    Its weights.
xs : array_like of shape (T, B, I)
    The inputs.
dhs : array_like of shape (T, B, H)
    What the loss of each step reads, $dL_t / dh_t$.
state : State, optional
    The state before the first step; zeros by default.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bptt import probe, tree, unroll
from bptt.cell import AnyCell, check_cell, inside, state_or_zero
from bptt.shapes import Array, check_generator, check_shape, check_whole


def derivatives(cell: AnyCell, params: Any, saved: Any) -> tuple[Array, Array]:
    r"""Both derivatives of a step, $J_t = \partial s_t / \partial s_{t-1}$ and $F_t$.

    $F_t = \partial s_t / \partial \theta$ holds the state before the step fixed. Each unit vector
    at the state after the step comes back to the weights as a column of $F_t$, and to the state
    before as a column of $J_t$.

    Parameters
    ----------
    saved : Step
        What `cell.step` returned beside the state.

    Returns
    -------
    J : ndarray of shape (B, N, N)
        At [b, m, n] the derivative of number n of the state after by number m of the state before.
    F : ndarray of shape (B, P, N)
        At [b, p, n] the derivative of number n of the state after by weight p.

    Raises
    ------
    ShapeError
        If the shapes of the weights and of `saved` do not fit each other.
    TypeError
        If `cell` is no cell, or `saved` is none of its steps.
    """
    check_cell("online.derivatives", cell)
    zero = cell.zero_state(params, 1)
    unit_vectors = np.eye(len(zero) * zero.h.shape[1], dtype=zero.h.dtype)
    step_backward = cell.step_backward
    J, F = [], []
    for b in range(len(saved[0])):
        one = _sequence(saved, b)
        for unit in unit_vectors:
            dparams, _, dstate = step_backward(params, one, _state(zero, unit[None]))
            step_backward = inside(step_backward)  # what fits once fits again
            F.append(_vector(dparams))
            J.append(_row(dstate)[0])
    N = len(unit_vectors)
    return (
        np.array(J).reshape(-1, N, N).swapaxes(1, 2),
        np.array(F).reshape(len(J) // N, N, -1).swapaxes(1, 2),
    )


def rtrl(cell: AnyCell, params: Any, xs: ArrayLike, dhs: ArrayLike, state: Any = None) -> Any:
    r"""Gradient of the weights by real-time recurrent learning: forwards only, and exact.

    The **influence** $G_t = \partial s_t / \partial \theta$, of shape (P, N), is carried along for
    each sequence of the batch, and read wherever the loss reads the state:

    $$
    G_t = G_{t-1} J_t + F_t, \qquad
    d\theta = \sum_{t=1}^{T} dh_t \, (\partial h_t / \partial \theta)^\top,
    $$

    with $G_0 = 0$ and $\partial h_t / \partial \theta$ the first H columns of $G_t$.

    Returns
    -------
    Params
        What `bptt.unroll.backward` returns for the weights, but for rounding. The memory is
        B P N numbers, whatever T is.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If `cell` is no cell, or an argument holds no real numbers.

    Notes
    -----
    Source: R. J. Williams and D. Zipser, "A learning algorithm for continually running fully
    recurrent neural networks", Neural Computation 1 (1989),
    <https://doi.org/10.1162/neco.1989.1.2.270>. Omitted: to change the weights at every step.
    """
    steps = _steps("online.rtrl", cell, params, xs, dhs, state)
    theta, unravel = tree.ravel(params)
    B, N = _row(cell.zero_state(params, np.shape(xs)[1])).shape
    G, dtheta = np.zeros((B, theta.size, N), theta.dtype), np.zeros_like(theta)
    for tape, dstate in steps:
        J, F = derivatives(cell, params, tape.steps[0])
        G = G @ J + F
        dtheta += np.einsum("bpn,bn->p", G, _row(dstate))
    return unravel(dtheta)


def mix(s: Array, theta: Array, signs: Array, pushed: Array) -> tuple[Array, Array]:
    r"""Make one product of two rows out of the sum of two such products, right on average.

    $$
    \tilde s' = \rho_0 \tilde s + \rho_1 e, \qquad
    \tilde\theta' = \tilde\theta / \rho_0 + e F^\top / \rho_1.
    $$

    The mean of $\tilde\theta'^\top \tilde s'$ over all signs $e$ is
    $\tilde\theta^\top \tilde s + F$. The factors make the two rows of each product equally long,
    $\rho_0^2 = \lVert \tilde\theta \rVert / \lVert \tilde s \rVert$ and
    $\rho_1^2 = \lVert e F^\top \rVert / \lVert e \rVert$, for the noise that is left. A product
    with a row of zeros is left out.

    Parameters
    ----------
    s : ndarray of shape (..., N)
        The row of the state, after the Jacobian of the step.
    theta : ndarray of shape (..., P)
        The row of the weights.
    signs : ndarray of shape (..., N)
        The signs $e$, each 1 or -1 with probability one half.
    pushed : ndarray of shape (..., P)
        $e F^\top$, what the signs become on their way back to the weights.

    Returns
    -------
    s : ndarray of shape (..., N)
        The new row of the state.
    theta : ndarray of shape (..., P)
        The new row of the weights.

    Notes
    -----
    Source: C. Tallec and Y. Ollivier, "Unbiased online recurrent optimization", ICLR 2018,
    <https://arxiv.org/abs/1702.05043>.
    """
    s, theta = _balanced(s, theta)
    signs, pushed = _balanced(signs, pushed)
    return s + signs, theta + pushed


def uoro(
    cell: AnyCell,
    params: Any,
    xs: ArrayLike,
    dhs: ArrayLike,
    state: Any = None,
    *,
    rng: np.random.Generator,
) -> Any:
    r"""Draw an estimate of the gradient that is right on average, and carries N + P numbers.

    It is `rank_one` with random signs: unbiased online recurrent optimisation.

    Parameters
    ----------
    rng : Generator
        Draws N signs for each step and sequence.

    Returns
    -------
    Params
        The estimate. Its mean over all draws is the gradient.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If `cell` is no cell, `rng` no generator, or an argument holds no real numbers.

    Notes
    -----
    Source: C. Tallec and Y. Ollivier, "Unbiased online recurrent optimization", ICLR 2018,
    <https://arxiv.org/abs/1702.05043>, algorithm 1.
    """
    check_generator("online.uoro", rng)
    steps = _steps("online.uoro", cell, params, xs, dhs, state)

    def signs() -> Iterator[Array]:
        while True:
            yield rng.choice([-1.0, 1.0], size=shape)

    zero = cell.zero_state(params, np.shape(xs)[1])
    shape = _row(zero).shape
    return _estimate(cell, params, steps, signs())


def rank_one(
    cell: AnyCell,
    params: Any,
    xs: ArrayLike,
    dhs: ArrayLike,
    signs: ArrayLike,
    state: Any = None,
) -> Any:
    r"""Estimate the gradient with a product of two rows in place of the influence.

    For each sequence a row $\tilde s$ of N numbers and a row $\tilde\theta$ of P numbers are
    carried, and $\tilde\theta^\top \tilde s$ stands for the influence of all steps before. The
    share of the step itself is exact:

    $$
    d\theta = \sum_{t=1}^{T} ds_t F_t^\top
    + \langle ds_t J_t^\top, \tilde s_{t-1} \rangle \, \tilde\theta_{t-1},
    $$

    where $ds_t$ is $dh_t$ and zero for the rest of the state. Then `mix` makes
    $(\tilde s_t, \tilde\theta_t)$ of $(\tilde s_{t-1} J_t, \tilde\theta_{t-1})$ and the signs.

    Parameters
    ----------
    signs : array_like of shape (T, B, N)
        The signs, each 1 or -1. Those of the last step are not read.

    Returns
    -------
    Params
        The estimate. Its mean over all signs is the gradient.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If `cell` is no cell, or an argument holds no real numbers.

    Notes
    -----
    Source: C. Tallec and Y. Ollivier, "Unbiased online recurrent optimization", ICLR 2018,
    <https://arxiv.org/abs/1702.05043>. The product $\tilde s J$ takes the whole Jacobian here, as
    cells know the way back alone; with a derivative in the direction of $\tilde s$ it costs about
    as much as a step.
    """
    where = "online.rank_one"
    steps = _steps(where, cell, params, xs, dhs, state)
    T, B, _ = np.shape(xs)
    zero = cell.zero_state(params, B)
    N = _row(zero).shape[1]
    signs = check_shape(where, "signs", signs, "T B N", zero.h.dtype, T=T, B=B, N=N)
    return _estimate(cell, params, steps, signs)


def truncated(
    cell: AnyCell,
    params: Any,
    xs: ArrayLike,
    dhs: ArrayLike,
    window: int,
    state: Any = None,
) -> Any:
    r"""Gradient by truncated backpropagation: the loss of step t goes back so many steps.

    Of the double sum of backpropagation through time it keeps the terms in which the loss of step
    t reaches the weights at step k with $0 \le t - k < w$, for the window w. All losses go back at
    once, a step in each round.

    Parameters
    ----------
    window : int
        The steps w, that of the loss counted with them: 1 is the step alone, T or more the full
        gradient.

    Returns
    -------
    Params
        The truncated gradient.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If `cell` is no cell, `window` is no whole number, or an argument holds no real numbers.
    ValueError
        If `window` is below 1.

    Notes
    -----
    Source: R. J. Williams and J. Peng, "An efficient gradient-based algorithm for on-line training
    of recurrent network trajectories", Neural Computation 2 (1990),
    <https://doi.org/10.1162/neco.1990.2.4.490>. Omitted: to cut between chunks, where the first
    loss of a chunk goes back one step and its last loss through all of the chunk.
    """
    where = "online.truncated"
    steps = list(_steps(where, cell, params, xs, dhs, state))
    if check_whole(where, "window", window) < 1:
        raise ValueError(f"{where}: window must be at least 1, got {window}")
    T, B, _ = np.shape(xs)
    saved = tree.map(lambda *arrays: np.concatenate(arrays), *(tape.steps[0] for tape, _ in steps))
    dstate = tree.map(lambda *arrays: np.concatenate(arrays), *(ds for _, ds in steps))
    total: Any = tree.map(np.zeros_like, params)
    for lag in range(min(window, T)):
        rows = (T - lag) * B  # the losses from step lag + 1 on, each at the step lag before it
        there = tree.map(lambda array, rows=rows: array[:rows], saved)
        dparams, _, dstate = cell.step_backward(params, there, dstate)
        total = tree.map(np.add, total, dparams)
        dstate = tree.map(lambda array: array[B:], dstate)  # one loss has come to the start
    return total


def _steps(
    where: str, cell: AnyCell, params: Any, xs: ArrayLike, dhs: ArrayLike, state: Any
) -> Iterator[tuple[Any, Any]]:
    """Check what comes in; walk forwards, with the tape of one step and the gradient there."""
    check_cell(where, cell)
    xs = check_shape(where, "xs", xs, "T B I")
    T, B, _ = xs.shape
    zero = cell.zero_state(params, B)
    state = state_or_zero(where, "state", state, zero)
    H, dtype = zero.h.shape[1], zero.h.dtype
    dhs = check_shape(where, "dhs", dhs, "T B H", dtype, T=T, B=B, H=H)

    def walk(state: Any) -> Iterator[tuple[Any, Any]]:
        for t in range(T):
            _, state, tape = unroll.forward(cell, params, xs[t : t + 1], state)
            yield tape, zero._replace(h=dhs[t])

    return walk(state)


def _estimate(
    cell: AnyCell, params: Any, steps: Iterable[tuple[Any, Any]], signs: Iterable[Array]
) -> Any:
    """Estimate the gradient from the steps of a run and the signs at each of them, (B, N)."""
    theta, unravel = tree.ravel(params)
    step_backward = inside(cell.step_backward)
    dtheta, carried = np.zeros_like(theta), None
    for (tape, dstate), each in zip(steps, signs, strict=False):
        B, saved = tape.batch, tape.steps[0]
        J = probe.jacobians(cell, params, tape)[0]  # (B, N, N)
        if carried is None:
            carried = np.zeros((B, len(J[0])), theta.dtype), np.zeros((B, theta.size), theta.dtype)
        (s, weights), toss = carried, each.astype(theta.dtype)
        pushed = np.empty_like(weights)
        for b in range(B):
            one = _sequence(saved, b)
            direct, _, back = step_backward(params, one, _sequence(dstate, b))
            dtheta += _vector(direct) + (_row(back)[0] @ s[b]) * weights[b]
            pushed[b] = _vector(step_backward(params, one, _state(dstate, toss[b : b + 1]))[0])
        carried = mix((s[:, None] @ J)[:, 0], weights, toss, pushed)
    return unravel(dtheta)


def _balanced(a: Array, b: Array) -> tuple[Array, Array]:
    """Make two rows equally long and keep their product; zeros if either is zero."""
    lengths = [np.linalg.norm(row, axis=-1, keepdims=True) for row in (a, b)]
    live = (lengths[0] > 0) & (lengths[1] > 0)
    long_a, long_b = (np.where(live, length, 1) for length in lengths)
    factor = np.sqrt(long_b / long_a)
    return np.where(live, a * factor, 0), np.where(live, b / factor, 0)


def _sequence(arrays: Any, b: int) -> Any:
    """Take one sequence of a batch."""
    return tree.map(lambda array: array[b : b + 1], arrays)


def _row(state: Any) -> Array:
    """Write all numbers of a state side by side: (B, N)."""
    return np.concatenate(state, axis=1)


def _state(like: Any, row: Array) -> Any:
    """Make a state of such rows: the way back of `_row`."""
    return type(like)(*np.split(row, len(like), axis=1))


def _vector(params: Any) -> Array:
    """Lay all weights end to end, in the order of `tree.ravel`."""
    return np.concatenate([leaf.ravel() for _, leaf in tree.leaves(params)])
