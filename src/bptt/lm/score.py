r"""How well a network predicts a text, in nats per character.

$$
-\frac{1}{N} \sum_{n=1}^{N} \log p(k_n \mid \text{the characters before } k_n)
$$

Two ways of counting differ in how much comes before: with the state carried all the text so far,
in windows only what the window holds.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bptt import progress
from bptt.cell import AnyCell
from bptt.lm.network import Params, forward
from bptt.losses import cross_entropy
from bptt.shapes import Array, ShapeError, check_numbers, check_whole, shown

# So many characters side by side or one after the other, and so many numbers for what may follow
# each of them: a matter of memory only.
WINDOWS, STEPS, ROOM = 32, 1024, 2**22
WINDOW = 256  # characters, for the learning curve and where nothing else is asked


def carried(cell: AnyCell, params: Params[Any], codes: ArrayLike) -> float:
    """Score a text with the state carried all the way; its first character is not predicted.

    Raises
    ------
    ShapeError
        If the text has fewer than two characters.
    ValueError
        If a code is not one of a character.
    """
    codes = _check_length("lm.carried", codes, 2)
    inputs, targets = codes[:-1, None], codes[1:, None]
    states, total = None, 0.0
    steps = _at_once(params, STEPS)
    for start in progress.shown(range(0, len(inputs), steps), unit="part", brief=True):
        part = slice(start, start + steps)
        logits, states, _ = forward(cell, params, inputs[part], states)
        total += cross_entropy(logits, targets[part])[0] * len(targets[part])
    return total / len(targets)


def windows(
    cell: AnyCell,
    params: Params[Any],
    codes: ArrayLike,
    length: int = WINDOW,
    *,
    most: int | None = None,
) -> float:
    """Score a text in windows that follow each other, each from a state of zeros.

    It is how a network with a limited context is scored. The characters after the last whole
    window are left out.

    Parameters
    ----------
    length : int
        The number of characters that are predicted in each window.
    most : int, optional
        Score so many windows, spread evenly over the text, if it has more; by default all.

    Raises
    ------
    ShapeError
        If the text is too short for a window.
    ValueError
        If the length or `most` is below 1, or a code is not one of a character.

    Notes
    -----
    Source: A. Karpathy, nanoGPT, <https://github.com/karpathy/nanoGPT>, whose windows have 256
    characters. There they are drawn at random; here they cover the text.
    """
    if check_whole("lm.windows", "length", length) < 1:
        raise ValueError(f"lm.windows: length must be at least 1, got {shown(length)}")
    if most is not None and check_whole("lm.windows", "most", most) < 1:
        raise ValueError(f"lm.windows: most must be at least 1, got {shown(most)}")
    codes = _check_length("lm.windows", codes, length + 1)
    whole = (len(codes) - 1) // length
    inputs = codes[: whole * length].reshape(whole, length).T  # (length, windows)
    targets = codes[1 : whole * length + 1].reshape(whole, length).T
    if most is not None and most < whole:
        spread = np.linspace(0, whole - 1, most).astype(int)
        inputs, targets = inputs[:, spread], targets[:, spread]
    total, side = 0.0, _at_once(params, WINDOWS, length)
    for start in progress.shown(range(0, inputs.shape[1], side), unit="part", brief=True):
        part = slice(start, start + side)
        logits, _, _ = forward(cell, params, inputs[:, part])
        total += cross_entropy(logits, targets[:, part])[0] * targets[:, part].size
    return total / targets.size


def _at_once(params: Params[Any], most: int, each: int = 1) -> int:
    """Return how many places, of so many characters each, are scored at once."""
    return max(1, min(most, ROOM // (each * len(params.E))))


def _check_length(where: str, codes: ArrayLike, least: int) -> Array:
    codes = check_numbers(where, "codes", codes)
    if codes.ndim != 1 or len(codes) < least:
        raise ShapeError(f"{where}: codes must be ({least} or more,), got {shown(codes.shape)}")
    return codes
