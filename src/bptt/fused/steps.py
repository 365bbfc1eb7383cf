"""The order of the steps, forwards and backwards.

Parameters
----------
skip : ndarray of bool of shape (T, B, 1), or None
    True where a sequence has no step.
*arrays : ndarray of shape (T, ...)
    What is walked through.
"""

from collections.abc import Iterator
from itertools import repeat
from typing import Any

import numpy as np

from bptt.shapes import Array

# So many numbers of an array, and those of a few more arrays, stay in the cache of a processor.
CACHED = 2**14


def spans(T: int, B: int, H: int) -> list[slice]:
    """Return spans of steps from the last to the first, each small enough for the cache.

    What does not depend on later steps is computed for a whole span: a few large operations in
    place of many small ones.
    """
    steps = max(1, CACHED // (B * H))
    return [slice(max(0, end - steps), end) for end in range(T, 0, -steps)]


def read(skip: Array | None, array: Array) -> Array:
    """Return an array with zeros where there is no step: a factor of 0 would not stop infinity.

    Parameters
    ----------
    array : ndarray of shape (T, B, ...)
        What the step reads; without a mask it comes back itself.
    """
    return array if skip is None else np.where(skip, 0, array)


def each(skip: Array | None, *arrays: Array) -> Iterator[tuple[Any, ...]]:
    """Walk through arrays side by side, step by step.

    Returns
    -------
    iterator
        Of tuples: the skip of a step, or None, and the step of each array.
    """
    return zip(repeat(None) if skip is None else skip, *arrays, strict=False)


def each_backwards(skip: Array | None, *arrays: Array) -> Iterator[tuple[Any, ...]]:
    """Walk through arrays side by side, from their last step to their first."""
    return each(None if skip is None else skip[::-1], *(array[::-1] for array in arrays))
