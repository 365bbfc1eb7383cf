r"""Fast weights: a state that is a matrix, written with a key and a value, read with a query.

$$
o_t = q_t S_t.
$$

Two rules write it. `forward` is the delta rule: it reads what the key finds, and writes the
difference to the value. `add_forward` adds what is new to a share of what is there.

Parameters
----------
q, k : array_like of shape (T, B, D)
    The queries and the keys.
v : array_like of shape (T, B, E)
    The values.
beta : array_like of shape (T, B)
    How much of each pair is written: 1 for all, 0 for a step that reads alone.
state : array_like of shape (B, D, E), optional
    The matrix before the first step; zeros by default.
dos : array_like of shape (T, B, E)
    The gradient of the loss with respect to the outputs.
dstate_T : array_like of shape (B, D, E), optional
    The gradient with respect to the last matrix; zeros by default.
"""

from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bptt.shapes import Array, check_numbers, check_shape, check_type


class Tape(NamedTuple):
    """What `forward` keeps for `backward`. Its fields are not part of the library's contract."""

    q: Array
    k: Array
    beta: Array
    error: Array
    states: Array


class AddTape(NamedTuple):
    """What `add_forward` keeps for `add_backward`. Its fields are not part of the contract."""

    q: Annotated[Array, "T B D", "the queries"]
    k: Annotated[Array, "T B D", "the keys"]
    v: Annotated[Array, "T B E", "the values"]
    beta: Annotated[Array, "T B", "how much was written"]
    f: Annotated[Array, "T B", "the share that was kept"]
    states: Annotated[Array, "the matrix before each step, and the last: (T + 1, B, D, E)"]


def forward(
    q: ArrayLike, k: ArrayLike, v: ArrayLike, beta: ArrayLike, state: ArrayLike | None = None
) -> tuple[Array, Array, Tape]:
    r"""Write by the delta rule and read, T times.

    $$
    \begin{aligned}
    e_t &= v_t - k_t S_{t-1}, \\
    S_t &= S_{t-1} + \beta_t \, k_t^\top e_t, \qquad o_t = q_t S_t.
    \end{aligned}
    $$

    It is a step of gradient descent, of size $\beta_t$, on $\frac12 \lVert k_t S - v_t \rVert^2$.
    With a key of length 1 and $\beta_t = 1$ the key finds its value exactly afterwards. Where
    $\beta_t \lVert k_t \rVert^2$ is above 2 a step makes the error larger.

    Returns
    -------
    os : ndarray of shape (T, B, E)
        The outputs.
    state_T : ndarray of shape (B, D, E)
        The last matrix.
    tape : Tape
        For `backward`. It holds every matrix, T + 1 of them.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other.
    TypeError
        If an array does not hold real numbers.

    Notes
    -----
    Source: B. Widrow and M. E. Hoff, "Adaptive switching circuits", IRE WESCON Convention Record 4
    (1960), <https://isl.stanford.edu/~widrow/papers/c1960adaptiveswitching.pdf>, for the rule; I.
    Schlag, K. Irie and J. Schmidhuber, "Linear transformers are secretly fast weight programmers",
    ICML 2021, <https://arxiv.org/abs/2102.11174>, for the layer.

    Examples
    --------
    >>> from bptt import delta
    >>> key, first, second = [1.0, 0.0], [3.0, 4.0], [5.0, 6.0]
    >>> os, _, _ = delta.forward([[key]] * 2, [[key]] * 2, [[first], [second]], [[1.0]] * 2)
    >>> os[:, 0]
    array([[3., 4.],
           [5., 6.]])
    """
    where = "delta.forward"
    q, k, v, S, (beta,) = _checked(where, q, k, v, state, beta=beta)
    os, errors, states = np.empty_like(v), np.empty_like(v), [S]
    for t in range(len(q)):
        errors[t] = v[t] - _times(k[t], S)
        S = S + _outer(beta[t][:, None] * k[t], errors[t])
        os[t] = _times(q[t], S)
        states.append(S)
    return os, S, Tape(q, k, beta, errors, np.stack(states))


def backward(
    tape: Tape, dos: ArrayLike, dstate_T: ArrayLike | None = None
) -> tuple[Array, Array, Array, Array, Array]:
    r"""Backpropagate through `forward`.

    The matrix is reached from the output and from later steps, which gives $d\bar S_t$ together:

    $$
    \begin{aligned}
    d\bar S_t &= dS_t + q_t^\top do_t, \qquad dq_t = do_t S_t^\top, \\
    de_t &= \beta_t \, k_t \, d\bar S_t, \qquad dv_t = de_t, \\
    d\beta_t &= k_t \, d\bar S_t \, e_t^\top, \\
    dk_t &= \beta_t \, e_t \, d\bar S_t^\top - de_t S_{t-1}^\top, \\
    dS_{t-1} &= d\bar S_t - k_t^\top de_t.
    \end{aligned}
    $$

    Returns
    -------
    dq, dk : ndarray of shape (T, B, D)
        The gradients with respect to the queries and the keys.
    dv : ndarray of shape (T, B, E)
        With respect to the values.
    dbeta : ndarray of shape (T, B)
        With respect to how much is written.
    dstate_0 : ndarray of shape (B, D, E)
        With respect to the first matrix.

    Raises
    ------
    ShapeError
        If a shape does not fit what `forward` saw.
    TypeError
        If the tape is none of `forward`, or an array does not hold real numbers.

    Notes
    -----
    Source: the chain rule, applied to `forward` line by line.
    """
    check_type("delta.backward", "tape", tape, Tape)
    q, k, beta, errors, states = tape
    dos, dS = _checked_back("delta.backward", dos, dstate_T, errors, states)
    dq, dk, dv, dbeta = (np.empty_like(array) for array in (q, k, errors, beta))
    for t in reversed(range(len(q))):
        dS = dS + _outer(q[t], dos[t])
        dq[t] = _times_transposed(dos[t], states[t + 1])
        k_dS = _times(k[t], dS)
        dbeta[t] = (k_dS * errors[t]).sum(axis=1)
        dv[t] = beta[t][:, None] * k_dS
        dk[t] = beta[t][:, None] * _times_transposed(errors[t], dS)
        dk[t] -= _times_transposed(dv[t], states[t])
        dS = dS - _outer(k[t], dv[t])
    return dq, dk, dv, dbeta, dS


def add_forward(
    q: ArrayLike,
    k: ArrayLike,
    v: ArrayLike,
    beta: ArrayLike,
    f: ArrayLike,
    state: ArrayLike | None = None,
) -> tuple[Array, Array, AddTape]:
    r"""Write by adding and read, T times.

    $$
    S_t = f_t S_{t-1} + \beta_t \, k_t^\top v_t, \qquad o_t = q_t S_t.
    $$

    With $f_t = \beta_t = 1$ it is the plain sum of outer products, linear attention. With $f_t$
    below 1 what is old fades: the line of an LSTM's cell state, with a matrix for the cell.

    Parameters
    ----------
    f : array_like of shape (T, B)
        The share of the matrix that each step keeps: 1 for all of it.

    Returns
    -------
    os : ndarray of shape (T, B, E)
        The outputs.
    state_T : ndarray of shape (B, D, E)
        The last matrix.
    tape : AddTape
        For `add_backward`.

    Raises
    ------
    ShapeError
        If the shapes do not fit each other.
    TypeError
        If an array does not hold real numbers.

    Notes
    -----
    Source: J. Schmidhuber, "Learning to control fast-weight memories: an alternative to dynamic
    recurrent networks", Neural Computation 4 (1992), <https://doi.org/10.1162/neco.1992.4.1.131>;
    with keys and values A. Katharopoulos et al., "Transformers are RNNs", ICML 2020,
    <https://arxiv.org/abs/2006.16236>. Omitted: the feature map and the normaliser of the latter.
    """
    where = "delta.add_forward"
    q, k, v, S, (beta, f) = _checked(where, q, k, v, state, beta=beta, f=f)
    os, states = np.empty_like(v), [S]
    for t in range(len(q)):
        S = f[t][:, None, None] * S + _outer(beta[t][:, None] * k[t], v[t])
        os[t] = _times(q[t], S)
        states.append(S)
    return os, S, AddTape(q, k, v, beta, f, np.stack(states))


def add_backward(
    tape: AddTape, dos: ArrayLike, dstate_T: ArrayLike | None = None
) -> tuple[Array, Array, Array, Array, Array, Array]:
    r"""Backpropagate through `add_forward`.

    $$
    \begin{aligned}
    d\bar S_t &= dS_t + q_t^\top do_t, \qquad dq_t = do_t S_t^\top, \\
    dv_t &= \beta_t \, k_t \, d\bar S_t, \qquad dk_t = \beta_t \, v_t \, d\bar S_t^\top, \\
    d\beta_t &= k_t \, d\bar S_t \, v_t^\top, \\
    df_t &= \langle S_{t-1}, d\bar S_t \rangle, \qquad dS_{t-1} = f_t \, d\bar S_t.
    \end{aligned}
    $$

    Returns
    -------
    dq, dk : ndarray of shape (T, B, D)
        The gradients with respect to the queries and the keys.
    dv : ndarray of shape (T, B, E)
        With respect to the values.
    dbeta, df : ndarray of shape (T, B)
        With respect to how much is written, and to the share that is kept.
    dstate_0 : ndarray of shape (B, D, E)
        With respect to the first matrix.

    Raises
    ------
    ShapeError
        If a shape does not fit what `add_forward` saw.
    TypeError
        If the tape is none of `add_forward`, or an array does not hold real numbers.

    Notes
    -----
    Source: the chain rule, applied to `add_forward` line by line.
    """
    check_type("delta.add_backward", "tape", tape, AddTape)
    q, k, v, beta, f, states = tape
    dos, dS = _checked_back("delta.add_backward", dos, dstate_T, v, states)
    dq, dk, dv, dbeta, df = (np.empty_like(array) for array in (q, k, v, beta, f))
    for t in reversed(range(len(q))):
        dS = dS + _outer(q[t], dos[t])
        dq[t] = _times_transposed(dos[t], states[t + 1])
        k_dS = _times(k[t], dS)
        dbeta[t] = (k_dS * v[t]).sum(axis=1)
        dv[t] = beta[t][:, None] * k_dS
        dk[t] = beta[t][:, None] * _times_transposed(v[t], dS)
        df[t] = (states[t] * dS).sum(axis=(1, 2))
        dS = f[t][:, None, None] * dS
    return dq, dk, dv, dbeta, df, dS


def _times(row: Array, matrix: Array) -> Array:
    """Multiply each row (B, D) with its matrix (B, D, E)."""
    return np.asarray((row[:, None, :] @ matrix)[:, 0])


def _times_transposed(row: Array, matrix: Array) -> Array:
    """Multiply each row (B, E) with the transpose of its matrix (B, D, E)."""
    return np.asarray((matrix @ row[:, :, None])[:, :, 0])


def _outer(one: Array, other: Array) -> Array:
    return one[:, :, None] * other[:, None, :]


def _checked(
    where: str, q: ArrayLike, k: ArrayLike, v: ArrayLike, state: ArrayLike | None, **each: ArrayLike
) -> tuple[Array, Array, Array, Array, list[Array]]:
    """Return all as arrays of one dtype, once they fit each other."""
    given = {"q": q, "k": k, "v": v, **each}
    arrays = {name: check_numbers(where, name, value) for name, value in given.items()}
    if state is not None:
        arrays["state"] = check_numbers(where, "state", state)
    dtype = np.result_type(*arrays.values(), np.float32)
    q = check_shape(where, "q", q, "T B D", dtype)
    T, B, D = q.shape
    k = check_shape(where, "k", k, "T B D", dtype, T=T, B=B, D=D)
    v = check_shape(where, "v", v, "T B E", dtype, T=T, B=B)
    E = v.shape[2]
    if state is None:
        S = np.zeros((B, D, E), dtype)
    else:
        S = check_shape(where, "state", state, "B D E", dtype, B=B, D=D, E=E)
    more = [check_shape(where, name, a, "T B", dtype, T=T, B=B) for name, a in each.items()]
    return q, k, v, S, more


def _checked_back(
    where: str, dos: ArrayLike, dstate_T: ArrayLike | None, v: Array, states: Array
) -> tuple[Array, Array]:
    T, B, E = v.shape
    dos = check_shape(where, "dos", dos, "T B E", v.dtype, T=T, B=B, E=E)
    if dstate_T is None:
        return dos, np.zeros_like(states[0])
    sizes = {"B": B, "D": states.shape[2], "E": E}
    return dos, check_shape(where, "dstate_T", dstate_T, "B D E", v.dtype, **sizes)
