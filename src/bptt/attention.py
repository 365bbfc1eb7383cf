r"""Softmax attention: each query takes a weighted mean of the values whose keys fit it.

$$
o_i = \sum_j \alpha_{i,j} \, v_j, \qquad
\alpha_i = \mathrm{softmax}(s_i), \qquad s_{i,j} = \frac{q_i k_j^\top}{\sqrt D}.
$$

`attend` is the core, for any queries, keys and mask. `forward` is the causal case over time, where
step t looks at the steps up to t, and `step` is the same one step at a time, with a cache.

Parameters
----------
q : array_like of shape (N, B, D)
    The queries.
k : array_like of shape (M, B, D)
    The keys.
v : array_like of shape (M, B, E)
    The values.
dos : array_like of shape (N, B, E)
    The gradient of the loss with respect to the outputs.
"""

import math
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bptt.ops import softmax
from bptt.shapes import (
    Array,
    ShapeError,
    check_numbers,
    check_shape,
    check_type,
    check_whole,
    shown,
)


class Tape(NamedTuple):
    """What `attend` keeps for its derivative. Its fields are not part of the library's contract."""

    q: Array
    k: Array
    v: Array
    alpha: Array


class Cache(NamedTuple):
    """The pairs that `step` looks back at, the oldest first."""

    k: Annotated[Array, "M B D", "the keys"]
    v: Annotated[Array, "M B E", "the values"]


def attend(
    q: ArrayLike, k: ArrayLike, v: ArrayLike, mask: ArrayLike | None = None
) -> tuple[Array, Tape]:
    r"""Look back with N queries at M pairs.

    Parameters
    ----------
    mask : array_like of bool, optional
        True where a query may look at a pair: anything that broadcasts to (N, B, M). By default
        each looks at all.

    Returns
    -------
    os : ndarray of shape (N, B, E)
        The outputs.
    tape : Tape
        For `attend_backward`.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other.
    TypeError
        If an array does not hold real numbers, or the mask no bools.
    ValueError
        If a query may look at nothing.

    Notes
    -----
    Source: A. Vaswani et al., "Attention is all you need", NeurIPS 2017,
    <https://arxiv.org/abs/1706.03762>, equation 1. Omitted: several heads.

    Examples
    --------
    >>> from bptt import attention
    >>> keys, values = [[[1.0, 0.0]], [[0.0, 1.0]]], [[[3.0]], [[5.0]]]
    >>> os, _ = attention.attend([[[0.0, 0.0]], [[99.0, 0.0]]], keys, values)
    >>> os[:, 0, 0]
    array([4., 3.])
    """
    return _attend("attention.attend", q, k, v, mask)


def attend_backward(tape: Tape, dos: ArrayLike) -> tuple[Array, Array, Array]:
    r"""Backpropagate through `attend`.

    $$
    \begin{aligned}
    d\alpha_{i,j} &= do_i \, v_j^\top, \qquad dv_j = \sum_i \alpha_{i,j} \, do_i, \\
    ds_{i,j} &= \alpha_{i,j} \Bigl( d\alpha_{i,j} - \sum_m \alpha_{i,m} \, d\alpha_{i,m} \Bigr), \\
    dq_i &= \sum_j \frac{ds_{i,j}}{\sqrt D} \, k_j, \qquad
    dk_j = \sum_i \frac{ds_{i,j}}{\sqrt D} \, q_i.
    \end{aligned}
    $$

    Returns
    -------
    dq : ndarray of shape (N, B, D)
        The gradient with respect to the queries.
    dk : ndarray of shape (M, B, D)
        With respect to the keys.
    dv : ndarray of shape (M, B, E)
        With respect to the values.

    Raises
    ------
    ShapeError
        If the shape of `dos` does not fit.
    TypeError
        If the tape is none of `attend`, or `dos` does not hold real numbers.

    Notes
    -----
    Source: the chain rule, applied to `attend` line by line.
    """
    return _attend_backward("attention.attend_backward", tape, dos)


def forward(q: ArrayLike, k: ArrayLike, v: ArrayLike) -> tuple[Array, Tape]:
    r"""Look back over time: step t takes the mean over the steps $1, \dots, t$.

    It is `attend` with the mask of what is past, and as many keys as queries, N = M = T.

    Returns
    -------
    os : ndarray of shape (T, B, E)
        The outputs.
    tape : Tape
        For `backward`. It holds a weight for each pair of steps.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other.
    TypeError
        If an array does not hold real numbers.

    Notes
    -----
    Source: A. Vaswani et al., "Attention is all you need", NeurIPS 2017,
    <https://arxiv.org/abs/1706.03762>, section 3.2.3, the decoder.
    """
    where = "attention.forward"
    T = len(check_shape(where, "q", q, "T B D"))
    check_shape(where, "k", k, "T B D", T=T)
    return _attend(where, q, k, v, np.tri(T, dtype=bool)[:, None])


def backward(tape: Tape, dos: ArrayLike) -> tuple[Array, Array, Array]:
    """Backpropagate through `forward`, as `attend_backward` does: what is masked has weight 0.

    Returns
    -------
    dq, dk : ndarray of shape (T, B, D)
        The gradients with respect to the queries and the keys.
    dv : ndarray of shape (T, B, E)
        With respect to the values.

    Raises
    ------
    ShapeError
        If the shape of `dos` does not fit.
    TypeError
        If the tape is none of `forward`, or `dos` does not hold real numbers.
    """
    return _attend_backward("attention.backward", tape, dos)


def step(
    q_t: ArrayLike,
    k_t: ArrayLike,
    v_t: ArrayLike,
    cache: Cache | None = None,
    limit: int | None = None,
) -> tuple[Array, Cache]:
    """Take one step: put a pair into the cache and look back at all that is in it.

    Parameters
    ----------
    q_t, k_t : array_like of shape (B, D)
        The query and the key of the step.
    v_t : array_like of shape (B, E)
        Its value.
    cache : Cache, optional
        The pairs so far; none by default.
    limit : int, optional
        The most pairs to keep, this one included: the oldest fall out. By default all are kept.

    Returns
    -------
    o_t : ndarray of shape (B, E)
        The output.
    cache : Cache
        The pairs with this one.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other.
    TypeError
        If an array does not hold real numbers, the cache is none, or the limit no whole number.
    ValueError
        If the limit is below 1.
    """
    where = "attention.step"
    q_t = check_shape(where, "q_t", q_t, "B D")
    B, D = q_t.shape
    k_t = check_shape(where, "k_t", k_t, "B D", B=B, D=D)
    v_t = check_shape(where, "v_t", v_t, "B E", B=B)
    if limit is not None and check_whole(where, "limit", limit) < 1:
        raise ValueError(f"{where}: limit must be at least 1, got {shown(limit)}")
    ks, vs = k_t[None], v_t[None]
    if cache is not None:
        check_type(where, "cache", cache, Cache)
        before = check_shape(where, "cache.k", cache.k, "M B D", B=B, D=D)
        sizes = {"M": len(before), "B": B, "E": v_t.shape[1]}
        ks = np.concatenate([before, ks])
        vs = np.concatenate([check_shape(where, "cache.v", cache.v, "M B E", **sizes), vs])
    if limit is not None:
        ks, vs = ks[-limit:], vs[-limit:]
    os, _ = _attend(where, q_t[None], ks, vs, None)
    return os[0], Cache(ks, vs)


def _attend(
    where: str, q: ArrayLike, k: ArrayLike, v: ArrayLike, mask: ArrayLike | None
) -> tuple[Array, Tape]:
    given = {"q": q, "k": k, "v": v}
    numbers = [check_numbers(where, name, value) for name, value in given.items()]
    dtype = np.result_type(*numbers, np.float32)
    q = check_shape(where, "q", q, "N B D", dtype)
    N, B, D = q.shape
    k = check_shape(where, "k", k, "M B D", dtype, B=B, D=D)
    M = len(k)
    v = check_shape(where, "v", v, "M B E", dtype, M=M, B=B)
    q, k, v = (array.swapaxes(0, 1) for array in (q, k, v))  # the batch first, for products
    scores = q @ k.swapaxes(1, 2) / math.sqrt(D)
    if mask is not None:
        allowed = _checked_mask(where, mask, (N, B, M)).swapaxes(0, 1)
        scores = np.where(allowed, scores, -np.inf)
    alpha = softmax(scores)
    os = alpha @ v
    return os.swapaxes(0, 1), Tape(q, k, v, alpha)


def _attend_backward(where: str, tape: Tape, dos: ArrayLike) -> tuple[Array, Array, Array]:
    check_type(where, "tape", tape, Tape)
    q, k, v, alpha = tape
    B, N, _ = alpha.shape
    do = check_shape(where, "dos", dos, "N B E", v.dtype, N=N, B=B, E=v.shape[2]).swapaxes(0, 1)
    dalpha = do @ v.swapaxes(1, 2)
    ds = alpha * (dalpha - (alpha * dalpha).sum(axis=2, keepdims=True)) / math.sqrt(q.shape[2])
    dq, dk, dv = ds @ k, ds.swapaxes(1, 2) @ q, alpha.swapaxes(1, 2) @ do
    return dq.swapaxes(0, 1), dk.swapaxes(0, 1), dv.swapaxes(0, 1)


def _checked_mask(where: str, mask: ArrayLike, shape: tuple[int, ...]) -> Array:
    """Return a mask that lets each query look at something, in full."""
    allowed = check_numbers(where, "mask", mask)
    if allowed.dtype != bool:
        raise TypeError(f"{where}: mask must be bools, got {allowed.dtype}")
    try:
        allowed = np.broadcast_to(allowed, shape)
    except ValueError:
        N, B, M = shape
        raise ShapeError(
            f"{where}: mask must broadcast to (N={N}, B={B}, M={M}), got {shown(allowed.shape)}"
        ) from None
    if not allowed.any(axis=2).all():
        raise ValueError(f"{where}: mask must let each query look at a pair, got one that may not")
    return allowed
