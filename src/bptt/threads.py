"""How many threads share a product of arrays: one, where it is small.

Threads that share a small product spend their time on waiting for each other. On a busy machine two
of them took 0.2 to 340 times as long as one, the product of 16 rows with 192 units worst. Another
number of threads also adds in another order, so that last digits differ.
"""

import contextlib
import os
from collections.abc import Iterator

CHOSEN = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS")
SMALL = 2**28  # multiplications; below, one thread is as good on a free machine too
NEEDS = 'threads: threadpoolctl is missing: python -m pip install "bptt[lm]"'


@contextlib.contextmanager
def limited(multiplications: int, count: int | None = None) -> Iterator[int | None]:
    """Limit the threads of NumPy's products, unless a variable of the environment chooses.

    Parameters
    ----------
    multiplications : int
        In a product that is repeated. If they are few, one thread does it.
    count : int, optional
        So many threads instead, as far as the machine has them.

    Yields
    ------
    int or None
        How many there are; None if NumPy's library cannot be asked.

    Raises
    ------
    ModuleNotFoundError
        If threadpoolctl is not installed. The message says how to install it.
    """
    try:
        import threadpoolctl
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(NEEDS) from error
    if count is None and multiplications < SMALL:
        count = 1
    limit = None if is_chosen() else count
    with threadpoolctl.threadpool_limits(limit, user_api="blas"):
        found = [
            library["num_threads"]
            for library in threadpoolctl.threadpool_info()
            if library["user_api"] == "blas"
        ]
        yield max(found, default=None)


def is_chosen() -> bool:
    """Tell whether the environment says how many threads there shall be."""
    return any(os.environ.get(name) for name in CHOSEN)
