"""Initial weights; whatever is drawn comes from a generator that the caller passes.

A `dtype` that is no floating-point one, or narrower than float32, is a `TypeError`, as are a size
that is no whole number and an `rng` that is no generator. A size below 1 is a `ValueError`.

Parameters
----------
fan_in : int
    Rows: the width that goes in, $n_{in}$.
fan_out : int
    Columns: the width that comes out, $n_{out}$.
size : int
    Rows and columns of a matrix, or the entries of a vector.
"""

import numpy as np
from numpy.typing import DTypeLike

from bptt.shapes import Array, check_dtype, check_generator, check_whole, shown


def lecun(
    fan_in: int, fan_out: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Array:
    r"""LeCun's normal draw, $W_{ij} \sim N(0, 1 / n_{in})$.

    A sum $a_j = \sum_i h_i W_{ij}$ then has, on average, the mean square of the $h_i$.

    Notes
    -----
    Source: Y. LeCun, L. Bottou, G. B. Orr and K.-R. Müller, "Efficient BackProp", in Neural
    Networks: Tricks of the Trade, 1998, <https://doi.org/10.1007/3-540-49430-8_2>, section 4.6,
    which asks for this variance and leaves the shape of the distribution open.
    """
    _check("weights.lecun", rng, fan_in=fan_in, fan_out=fan_out)
    return rng.normal(scale=np.sqrt(1 / fan_in), size=(fan_in, fan_out)).astype(
        check_dtype("weights.lecun", dtype)
    )


def glorot(
    fan_in: int, fan_out: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Array:
    r"""Glorot's uniform draw, $W_{ij} \sim U(-r, r)$ with $r = \sqrt{6 / (n_{in} + n_{out})}$.

    The variance is $2 / (n_{in} + n_{out})$, between what keeps the spread of the signals
    forwards, $1 / n_{in}$, and backwards, $1 / n_{out}$.

    Notes
    -----
    Source: X. Glorot and Y. Bengio, "Understanding the difficulty of training deep feedforward
    neural networks", AISTATS 2010, <https://proceedings.mlr.press/v9/glorot10a.html>, equation 16.
    """
    _check("weights.glorot", rng, fan_in=fan_in, fan_out=fan_out)
    r = np.sqrt(6 / (fan_in + fan_out))
    return rng.uniform(-r, r, size=(fan_in, fan_out)).astype(check_dtype("weights.glorot", dtype))


def he(
    fan_in: int, fan_out: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Array:
    r"""He's normal draw, $W_{ij} \sim N(0, 2 / n_{in})$, for layers with a rectifier.

    The 2 makes up for the rectifier, which halves the mean square of a symmetric signal.

    Notes
    -----
    Source: K. He, X. Zhang, S. Ren and J. Sun, "Delving deep into rectifiers: surpassing
    human-level performance on ImageNet classification", ICCV 2015,
    <https://arxiv.org/abs/1502.01852>, equation 10.
    """
    _check("weights.he", rng, fan_in=fan_in, fan_out=fan_out)
    return rng.normal(scale=np.sqrt(2 / fan_in), size=(fan_in, fan_out)).astype(
        check_dtype("weights.he", dtype)
    )


def orthogonal(size: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64) -> Array:
    r"""A square matrix with $W^\top W = 1$, uniform over the orthogonal group (Haar measure).

    Every singular value is 1: the matrix turns and mirrors vectors and keeps their length.

    Notes
    -----
    The Q of a Gaussian matrix's QR decomposition is not uniform until each column takes the sign
    of R's diagonal entry.

    Source: F. Mezzadri, "How to generate random matrices from the classical compact groups",
    Notices of the AMS 54 (2007), <https://arxiv.org/abs/math-ph/0609050>, section 5. As initial
    weights: A. M. Saxe, J. L. McClelland and S. Ganguli, "Exact solutions to the nonlinear dynamics
    of learning in deep linear neural networks", ICLR 2014, <https://arxiv.org/abs/1312.6120>.
    """
    _check("weights.orthogonal", rng, size=size)
    Q, R = np.linalg.qr(rng.standard_normal((size, size)))
    return (Q * np.sign(np.diag(R))).astype(check_dtype("weights.orthogonal", dtype))


def identity(size: int, *, dtype: DTypeLike = np.float64) -> Array:
    r"""The identity matrix, $W_{ij} = \delta_{ij}$: each unit starts as a copy of itself.

    Notes
    -----
    Source: Q. V. Le, N. Jaitly and G. E. Hinton, "A simple way to initialize recurrent networks of
    rectified linear units" (2015), <https://arxiv.org/abs/1504.00941>, for the recurrent weights of
    rectified units, with biases of zero. Omitted: the small factor that they use for short memory.
    """
    _check_sizes("weights.identity", size=size)
    return np.eye(size, dtype=check_dtype("weights.identity", dtype))


def chrono(
    size: int, longest: int, *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Array:
    r"""Biases of forget gates for time scales up to $T$: $b_f = \log u$ with $u \sim U(1, T - 1)$.

    A gate of constant value $f = \sigma(b_f) = u / (1 + u)$ multiplies the cell state by $f$ at
    each step, which forgets over about $1 / (1 - f) = 1 + u$ steps. The input gates take
    $b_i = -b_f$.

    Parameters
    ----------
    longest : int
        T, the longest time that is to be bridged, in steps; at least 2.

    Raises
    ------
    ValueError
        If `longest` is below 2 or not finite.

    Notes
    -----
    Source: C. Tallec and Y. Ollivier, "Can recurrent neural networks warp time?", ICLR 2018,
    <https://arxiv.org/abs/1804.11188>.
    """
    _check("weights.chrono", rng, size=size)
    if not 2 <= longest < np.inf:
        raise ValueError(f"weights.chrono: longest must be at least 2, got {shown(longest)}")
    return np.log(rng.uniform(1, longest - 1, size=size)).astype(
        check_dtype("weights.chrono", dtype)
    )


def _check(where: str, rng: np.random.Generator, **sizes: int) -> None:
    check_generator(where, rng)
    _check_sizes(where, **sizes)


def _check_sizes(where: str, **sizes: int) -> None:
    for name, size in sizes.items():
        if check_whole(where, name, size) < 1:
            raise ValueError(f"{where}: {name} must be at least 1, got {shown(size)}")
