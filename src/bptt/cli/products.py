"""The threads that share the products of a network, where a command takes many of them."""

from contextlib import AbstractContextManager
from typing import Any

from bptt import threads
from bptt.lm.network import Params


def limited(rows: int, width: int, count: int | None = None) -> AbstractContextManager[int | None]:
    """Choose the threads for products of rows with the weights of a layer.

    Parameters
    ----------
    rows : int
        How many are read side by side.
    width : int
        The number of units of the widest layer.
    count : int, optional
        So many threads, as far as the machine has them.
    """
    return threads.limited(rows * width * 4 * width, count)


def limited_for(params: Params[Any], rows: int = 1) -> AbstractContextManager[int | None]:
    """Choose the threads for a network that was read.

    Parameters
    ----------
    params : Params
        Its weights.
    rows : int
        How many are read side by side.
    """
    return limited(rows, max(len(layer.W_h) for layer in params.layers))
