"""Who multiplies the matrices: the BLAS of NumPy, the BLAS of torch, and oneDNN.

Torch takes oneDNN for its LSTM in float32 and its BLAS for the other cells and for float64. Each
library picks its kernels by the processor that it finds, so the same product may take one of them
twice as long as another.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from bptt.shapes import Array

# A product is in an array of the library's own kind.
Product: TypeAlias = Callable[[], Any]

# In a process of its own, a product by each library, which are all asked to say what they do.
PROGRAM = """
import numpy, torch
torch.mm(torch.ones(2, 2), torch.ones(2, 2))
torch.nn.LSTM(1, 1)(torch.ones(1, 1, 1))
"""
ASKED = {"OPENBLAS_VERBOSE": "2", "MKL_VERBOSE": "1", "ONEDNN_VERBOSE": "1"}
# It overrules the choice of OpenBLAS.
OVERRULED = "OPENBLAS_CORETYPE"
# The name of a library, and the processors that its kernels are for.
NUMPY = re.compile(r"^Core: (?P<kernels>\S+)", re.MULTILINE)
TORCH = re.compile(
    r"^MKL_VERBOSE (?P<name>.+?) Product build .+? architecture (?P<kernels>.+?), ",
    re.MULTILINE,
)
ONEDNN = re.compile(
    r"info,(?P<name>oneDNN v\S+).*?^onednn_verbose\S*,cpu,isa:(?P<kernels>[^\n]+)",
    re.MULTILINE | re.DOTALL,
)


def products(a: Array, b: Array) -> dict[str, Product]:
    """Prepare a product for each library: "numpy", "torch", and "oneDNN" for float32.

    All multiply the same arrays, on one thread.

    Parameters
    ----------
    a : ndarray of shape (M, K)
        The rows.
    b : ndarray of shape (K, N)
        The columns.
    """
    import torch

    torch.set_num_threads(1)
    out = np.empty((len(a), b.shape[1]), a.dtype)
    rows, columns, result = (torch.from_numpy(m) for m in (a, b, np.empty_like(out)))
    found: dict[str, Product] = {
        "numpy": lambda: np.matmul(a, b, out=out),
        "torch": lambda: torch.mm(rows, columns, out=result),
    }
    if a.dtype == np.float32 and torch.backends.mkldnn.is_available():
        found["oneDNN"] = _by_onednn(rows, columns)
    return found


def _by_onednn(rows: Any, columns: Any) -> Product:
    """Multiply arrays of oneDNN's own, which stand ready, so that only the product is timed."""
    from torch.nn.functional import linear

    inputs, weight = rows.to_mkldnn(), columns.T.contiguous().to_mkldnn()
    return lambda: linear(inputs, weight)


def as_array(product: Any) -> Array:
    """Return what a product gave as an array of NumPy.

    Parameters
    ----------
    product : ndarray or torch.Tensor
        What one of `products` returned.
    """
    if isinstance(product, np.ndarray):
        return product
    dense = product.to_dense() if product.is_mkldnn else product
    found: Array = dense.numpy()
    return found


def libraries() -> dict[str, str]:
    """Name the library behind each product of `products`, and the kernels that it takes here.

    What a library does not tell is left out.
    """
    config: Any = np.show_config(mode="dicts")
    blas = config["Build Dependencies"]["blas"]
    command = [sys.executable, "-c", PROGRAM]
    environment = {**os.environ, **ASKED}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)  # noqa: S603  # it is this Python
    found = told(run.stdout + run.stderr, f"{blas['name']} {blas['version']}")
    if OVERRULED in os.environ:
        found["numpy"] += f", as {OVERRULED} asks"
    return found


def told(output: str, numpy: str) -> dict[str, str]:
    """Read what the libraries said of themselves.

    Parameters
    ----------
    output : str
        What they printed.
    numpy : str
        The name of the BLAS of NumPy, which does not print it.
    """
    names = {"numpy": numpy}
    for who, pattern in {"numpy": NUMPY, "torch": TORCH, "oneDNN": ONEDNN}.items():
        if said := pattern.search(output):
            name = said.groupdict().get("name", numpy)
            names[who] = f"{name}, kernels for {said['kernels']}"
    return names
