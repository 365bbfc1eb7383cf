"""What a run cannot do without: its products at the speed of the best one, and its tanhs.

The floor is no proof: it leaves out everything else, such as moving numbers between memory and
processor. It says how far a program is from the two things that have to be computed.

Parameters
----------
speeds : Speeds
    What the machine does with the dtype.
"""

from collections.abc import Callable
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt.bench import blas, clock
from bptt.cell import blocks
from bptt.cells import CELLS

# A logistic function is a tanh. The fifth of the LSTM is that of its cell state.
TANHS = {"rnn": 1, "lstm": 5, "gru": 3}


class Speeds(NamedTuple):
    """What the machine does with one dtype."""

    gflops: Annotated[
        float,
        "1e9 multiplications and additions of a large product per second, by the best library",
    ]
    tanh: Annotated[float, "seconds of a tanh for each number of an array"]


def flops(cell: str, *, T: int, B: int, I: int, H: int, mode: str) -> int:
    r"""Count the multiplications and additions of the matrix products, $2 T B (I + H) k H$.

    There are k = 1, 4 or 3 gates. Backwards there are two products for each one forwards: one for
    the gradient of each factor.
    """
    return {"forward": 1, "both": 3}[mode] * 2 * T * B * (I + H) * blocks(CELLS[cell]) * H


def tanhs(cell: str, *, T: int, B: int, H: int) -> int:
    """Count the tanhs of a run forwards, those of logistic functions too; backwards has none."""
    return T * B * H * TANHS[cell]


def seconds(speeds: Speeds, cell: str, *, T: int, B: int, I: int, H: int, mode: str) -> float:
    """Return the seconds that the products and the tanhs take at best."""
    products = flops(cell, T=T, B=B, I=I, H=H, mode=mode) / (1e9 * speeds.gflops)
    return products + tanhs(cell, T=T, B=B, H=H) * speeds.tanh


def measure(
    dtype: DTypeLike, *, rounds: int, batch: float, rng: np.random.Generator, size: int = 1024
) -> Speeds:
    """Measure the machine: the best of several products, by any library, and of several tanhs.

    Parameters
    ----------
    batch : float
        How long a round lasts at least, in seconds.
    size : int
        Rows and columns of both matrices of the product.
    """
    a, b = (rng.normal(size=(size, size)).astype(dtype) for _ in range(2))
    numbers = rng.normal(size=2**13).astype(dtype)  # with its tanh, 128 KB at most
    result = np.empty_like(numbers)
    work: dict[str, Callable[[], object]] = {
        **blas.products(a, b),
        "tanh": lambda: np.tanh(numbers, out=result),
    }
    for f in work.values():
        f()
    times = clock.time_rounds(work, rounds=rounds, batch=batch, rng=rng)
    best = {name: min(timing.rounds) for name, timing in times.items()}
    tanh = best.pop("tanh")
    return Speeds(2 * size**3 / min(best.values()) / 1e9, tanh / numbers.size)
