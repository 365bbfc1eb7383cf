"""Random draws for initial weights, each from a generator that the caller passes."""

import numpy as np
from numpy.typing import DTypeLike

from bptt.shapes import Array


def glorot(
    fan_in: int, fan_out: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Array:
    r"""Glorot's uniform draw, $W_{ij} \sim U(-r, r)$ with $r = \sqrt{6 / (n_{in} + n_{out})}$.

    The variance is $2 / (n_{in} + n_{out})$, between what keeps the spread of the signals
    forwards, $1 / n_{in}$, and backwards, $1 / n_{out}$.

    Parameters
    ----------
    fan_in : int
        Rows: the width that goes in.
    fan_out : int
        Columns: the width that comes out.
    rng : numpy.random.Generator
        The source of randomness.
    dtype : dtype
        The dtype of the result.

    Returns
    -------
    ndarray of shape (fan_in, fan_out)
        The drawn matrix.

    Notes
    -----
    Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
    neural networks", AISTATS 2010, <https://proceedings.mlr.press/v9/glorot10a.html>, equation 16.
    """
    r = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-r, r, size=(fan_in, fan_out)).astype(dtype)


def orthogonal(size: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> Array:
    r"""A square matrix with $W^\top W = 1$, uniform over the orthogonal group (Haar measure).

    Every singular value is 1: the matrix turns and mirrors vectors and keeps their length.

    Parameters
    ----------
    size : int
        Rows and columns.
    rng : numpy.random.Generator
        The source of randomness.
    dtype : dtype
        The dtype of the result.

    Returns
    -------
    ndarray of shape (size, size)
        The drawn matrix.

    Notes
    -----
    The Q of a Gaussian matrix's QR decomposition is not uniform until each column takes the sign
    of R's diagonal entry.

    Source: F. Mezzadri, "How to generate random matrices from the classical compact groups",
    Notices of the AMS 54 (2007), <https://arxiv.org/abs/math-ph/0609050>, section 5. As initial
    weights: A. Saxe, J. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics of
    learning in deep linear neural networks", ICLR 2014, <https://arxiv.org/abs/1312.6120>.
    """
    Q, R = np.linalg.qr(rng.standard_normal((size, size)))
    return (Q * np.sign(np.diag(R))).astype(dtype)


def chrono(
    size: int, longest: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Array:
    r"""Biases of forget gates for time scales up to $T$: $b_f = \log u$ with $u \sim U(1, T - 1)$.

    A gate of constant value $f = \sigma(b_f) = u / (1 + u)$ multiplies the cell state by $f$ at
    each step, which forgets over about $1 / (1 - f) = 1 + u$ steps. The input gates take
    $b_i = -b_f$.

    Parameters
    ----------
    size : int
        H, the number of gates.
    longest : int
        T, the longest time that is to be bridged, in steps; at least 2.
    rng : numpy.random.Generator
        The source of randomness.
    dtype : dtype
        The dtype of the result.

    Returns
    -------
    ndarray of shape (size,)
        The biases of the forget gates.

    Raises
    ------
    ValueError
        If `longest` is below 2.

    Notes
    -----
    Source: C. Tallec and Y. Ollivier, "Can recurrent neural networks warp time?", ICLR 2018,
    <https://arxiv.org/abs/1804.11188>, equation 16.
    """
    if longest < 2:
        raise ValueError(f"weights.chrono: longest must be at least 2, got {longest}")
    return np.log(rng.uniform(1, longest - 1, size=size)).astype(dtype)
