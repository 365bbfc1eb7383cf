r"""The products of a run: one for the inputs of all steps, and one that each step takes again.

The weights come gate by gate: a block is the matrix of one gate, of shape (K, N).

Parameters
----------
blocks : sequence of ndarray of shape (K, N)
    The block of each gate.
gates : int
    The number of gates.
tiles : ndarray of shape (gates, tiles, K, n)
    Some columns of the blocks at a time, each contiguous in memory; zeros fill up the last.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from bptt.shapes import Array

# A product writes into one array of its own: what it returns is gone after the next call.
Product: TypeAlias = Callable[[Array], Array]


def unpacked() -> int:
    """Return up to how many multiplications the BLAS of NumPy reads a matrix where it stands.

    A BLAS first copies ("packs") the matrices into an order of its own. If the batch is small, the
    copy takes as long as the product. OpenBLAS leaves it out on processors with AVX-512, up to a
    million multiplications; elsewhere the number is 0.
    """
    config: Any = np.show_config(mode="dicts")
    blas = config.get("Build Dependencies", {}).get("blas", {}).get("name", "")
    found = config.get("SIMD Extensions", {}).get("found", [])
    avx512 = any(name == "X86_V4" or name.startswith("AVX512") for name in found)
    return 10**6 if avx512 and "openblas" in blas else 0


UNPACKED = unpacked()


def with_ones(*arrays: Array) -> Array:
    r"""Put arrays (T, B, ...) side by side and ones after them: $[x, 1] \, [W; b] = x W + b$.

    Parameters
    ----------
    *arrays : ndarray of shape (T, B, ...)
        What to put side by side.
    """
    ones = np.ones((*arrays[0].shape[:2], 1), arrays[0].dtype)
    return np.concatenate([*arrays, ones], axis=-1)


def by_gate(W: Array, gates: int) -> Array:
    """Look at weights of shape (K, gates N) gate by gate: (gates, K, N), not copied.

    Parameters
    ----------
    W : ndarray of shape (K, gates N)
        The blocks of the gates side by side.
    """
    return W.reshape(len(W), gates, -1).swapaxes(0, 1)


def project(xs: Array, blocks: Sequence[Array]) -> Array:
    """Multiply the inputs of all steps with the block of each gate: (gates, T, B, N).

    Each gate of a step is contiguous in memory, and with one sequence so are all its gates.
    """
    T, B, K = xs.shape
    rows, gates = xs.reshape(T * B, K), len(blocks)
    out: Array
    if B == 1:
        out = (rows @ np.concatenate(blocks, axis=1)).reshape(T, 1, gates, -1).transpose(2, 0, 1, 3)
    else:
        out = np.matmul(rows, np.stack(blocks)).reshape(gates, T, B, -1)
    return out


def to_gates(blocks: Sequence[Array], batch: int) -> Product:
    """Prepare the product of each step forwards: from (B, K) to (gates, B, N)."""
    gates, N = len(blocks), blocks[0].shape[1]
    if batch == 1:  # one row of all gates, by one product
        W = np.concatenate(blocks, axis=1)
        row = np.empty((1, gates * N), W.dtype)
        out = row.reshape(gates, 1, N)

        def one_row(h: Array) -> Array:
            h.dot(W, row)
            return out

        return one_row
    tiles = cut(blocks, batch)
    out, places = room(tiles, batch)

    def times(h: Array) -> Array:
        np.matmul(h, tiles, out=places)
        return out[..., :N]

    return times


def from_gates(blocks: Sequence[Array], batch: int) -> Product:
    r"""Prepare $\sum_k a_k W_k$ of each step backwards: from (B, gates K) to (B, N)."""
    gates, (K, N) = len(blocks), blocks[0].shape
    out = np.empty((batch, N), blocks[0].dtype)
    if batch == 1:
        W = np.concatenate(blocks)
        return lambda a: a.dot(W, out)
    tiles = cut(blocks, batch)
    parts, places = room(tiles, batch)

    def times(a: Array) -> Array:
        each = a.reshape(batch, gates, 1, K).transpose(1, 2, 0, 3)
        np.matmul(each, tiles, out=places)
        return np.add.reduce(parts[..., :N], axis=0, out=out)

    return times


def width(batch: int, K: int, N: int) -> int:
    """Return how many columns of a block are multiplied at a time.

    Parameters
    ----------
    batch : int
        B, the rows of the other factor.
    K : int
        The rows of the block.
    N : int
        The columns of the block.

    Returns
    -------
    int
        A multiple of 16 that is not packed, the one with the fewest columns to fill up; N where
        the whole block is not packed, or everything is.
    """
    most = UNPACKED // (batch * K)
    if most >= N or most < 16:
        return N
    return min(range(16, most + 1, 16), key=lambda n: (-N % n, -n))


def cut(blocks: Sequence[Array], batch: int) -> Array:
    """Cut blocks into tiles of some columns."""
    K, N = blocks[0].shape
    n = width(batch, K, N)
    whole = N - N % n
    tiles = np.zeros((len(blocks), -(-N // n), K, n), blocks[0].dtype)
    for tile, block in zip(tiles, blocks, strict=True):
        tile[: N // n] = block[:, :whole].reshape(K, -1, n).swapaxes(0, 1)
        if whole < N:
            tile[-1, :, : N - whole] = block[:, whole:]
    return tiles


def room(tiles: Array, batch: int) -> tuple[Array, Array]:
    """Return an array for the products with tiles.

    Returns
    -------
    out : ndarray of shape (gates, B, tiles n)
        An array with the columns of all tiles side by side.
    places : ndarray of shape (gates, tiles, B, n)
        The same memory, where the product with each tile belongs.
    """
    gates, count, _, n = tiles.shape
    out = np.empty((gates, batch, count * n), tiles.dtype)
    return out, out.reshape(gates, batch, count, n).swapaxes(1, 2)
