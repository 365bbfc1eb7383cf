"""What is dropped in training: each mask is drawn once for a whole chunk of text.

A mask holds 0 with probability $p$ and $1 / (1 - p)$ otherwise, so the mean of what it multiplies
stays. Drawn anew at each step it would disturb what a cell carries from step to step; drawn once
for all steps ("locked"), it takes the same units out of the whole chunk. None drops nothing.

Parameters
----------
layers : int
    The number of layers.
rates : Rates
    How much is dropped where.
rate : float
    $p$, from 0 to below 1.
batch : int
    B, the number of texts.
shape : sequence of int
    The shape of the mask; without an axis of time, it is the same at all steps.
mask : ndarray or None
    The mask, which broadcasts to the shape of what it multiplies.
x : ndarray
    What is dropped from, or the gradient with respect to the result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import DTypeLike

from bptt.shapes import Array, check_dtype, check_number

Mask: TypeAlias = Array | None  # None drops nothing


@dataclass(frozen=True)
class Rates:
    """How much is dropped where: each rate is the probability p of an entry of its mask.

    Raises
    ------
    TypeError
        If a rate is no number.
    ValueError
        If a rate is not from 0 to below 1.

    Notes
    -----
    Source: Y. Gal and Z. Ghahramani, "A theoretically grounded application of dropout in recurrent
    neural networks", NIPS 2016, <https://arxiv.org/abs/1512.05287>, of masks that are locked and of
    rows; S. Merity, N. S. Keskar and R. Socher, "Regularizing and optimizing LSTM language models",
    ICLR 2018, <https://arxiv.org/abs/1708.02182>, of weight drop, and of all of them together.
    """

    rows: Annotated[float, "of the rows of E, each wherever its character stands"] = 0.0
    inputs: Annotated[float, "of what the lowest layer reads, for each text on its own"] = 0.0
    between: Annotated[float, "of what each further layer reads, for each text on its own"] = 0.0
    outputs: Annotated[float, "of what the head reads, for each text on its own"] = 0.0
    recurrent: Annotated[float, "of the weights from state to state, for all texts together"] = 0.0

    def __post_init__(self) -> None:
        """Check the rates."""
        for name, rate in vars(self).items():
            check_number("lm.Rates", name, rate, "from 0 to below 1", lambda p: 0 <= p < 1)


class Masks(NamedTuple):
    """What multiplies the parts of a network in one chunk; None where nothing is dropped."""

    rows: Annotated[Mask, "K 1", "for the rows of E where characters go in; the head uses all"]
    reads: Annotated[tuple[Mask, ...], "for what each layer reads, then the head: (B, width) each"]
    recurrent: Annotated[tuple[Mask, ...], "for W_h of each layer, of its shape"]


def nothing(layers: int) -> Masks:
    """Return masks that drop nothing."""
    return Masks(None, (None,) * (layers + 1), (None,) * layers)


def draw(rates: Rates, params: Any, batch: int, *, rng: np.random.Generator) -> Masks:
    """Draw the masks of one chunk, in the dtype of the weights."""
    dtype = params.E.dtype

    def mask(rate: float, *shape: int) -> Mask:
        return locked(rate, shape, rng=rng, dtype=dtype)

    below = [rates.inputs, *[rates.between] * (len(params.layers) - 1)]
    return Masks(
        rows=mask(rates.rows, len(params.E), 1),
        reads=(
            *(mask(r, batch, len(p.W_x)) for r, p in zip(below, params.layers, strict=True)),
            mask(rates.outputs, batch, len(params.layers[-1].W_h)),
        ),
        recurrent=tuple(mask(rates.recurrent, *p.W_h.shape) for p in params.layers),
    )


def cut(masks: Masks, rows: slice) -> Masks:
    """Return the masks of some rows; those of E and of the weights are of all rows together.

    Parameters
    ----------
    masks : Masks
        Those of the whole batch.
    rows : slice
        Which rows.
    """
    reads = tuple(None if mask is None else mask[rows] for mask in masks.reads)
    return masks._replace(reads=reads)


def locked(
    rate: float, shape: Sequence[int], *, rng: np.random.Generator, dtype: DTypeLike = np.float64
) -> Mask:
    """Draw a mask: 0 with probability p, $1 / (1 - p)$ otherwise; None, and no draw, if p is 0.

    Raises
    ------
    TypeError
        If the rate is no number, or `dtype` is not a floating-point one.
    ValueError
        If the rate is not from 0 to below 1.
    """
    check_dtype("lm.locked", dtype)
    rate = check_number("lm.locked", "rate", rate, "from 0 to below 1", lambda p: 0 <= p < 1)
    if rate == 0:
        return None
    kept = rng.random(shape, np.float32) >= rate
    mask: Array = kept.astype(dtype) / np.asarray(1 - rate, dtype)
    return mask


def times(x: Array, mask: Mask) -> Array:
    """Multiply by a mask, in the dtype of x: what goes forwards, and the gradient on its way back.

    A mask of another dtype is rounded to it first.
    """
    return x if mask is None else x * np.asarray(mask, x.dtype)
