r"""Writing: draw a character, read it, draw the next.

$$
p_k \propto \exp(y_k / \tau)
$$

with the temperature $\tau$: 1 is the network's own distribution, below 1 sharpens it, above 1
flattens it, and in the limit of 0 the most likely character is certain.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bptt import stack
from bptt.cell import AnyCell
from bptt.lm.network import Params, check_codes, head
from bptt.ops import softmax
from bptt.shapes import Array, check_number, check_shape, check_whole, shown


def probabilities(logits: ArrayLike, temperature: float = 1.0, top_k: int | None = None) -> Array:
    """Return the distribution that the next character is drawn from: float64 of shape (K,).

    Parameters
    ----------
    logits : array_like of shape (K,)
        Unnormalised log probabilities $y$.

    Raises
    ------
    TypeError
        If a logit or the temperature is no number, or `top_k` no whole number.
    ValueError
        If the temperature is negative or not finite, `top_k` is below 1, or a logit is not finite.
    """
    logits = check_shape("lm.probabilities", "logits", logits, "K", np.float64)
    if not np.isfinite(logits).all():
        raise ValueError("lm.probabilities: logits must be finite numbers; are the weights?")
    temperature = check_number(
        "lm.probabilities", "temperature", temperature, "0 or more", lambda tau: 0 <= tau < np.inf
    )
    if top_k is not None and check_whole("lm.probabilities", "top_k", top_k) < 1:
        raise ValueError(f"lm.probabilities: top_k must be at least 1, got {shown(top_k)}")
    by_size = np.argsort(-logits, kind="stable")
    dropped = by_size[1 if temperature == 0 else top_k or len(logits) :]
    with np.errstate(over="ignore"):  # what overflows is far from being drawn
        kept = logits - logits.max()
        kept[dropped] = -np.inf
        if temperature > 0:
            kept /= temperature
    return softmax(kept)


def generate(
    cell: AnyCell,
    params: Params[Any],
    prompt: Sequence[int] | Array,
    *,
    temperature: float = 1.0,
    top_k: int | None = None,
    rng: np.random.Generator,
) -> Iterator[int]:
    """Go on with a text, character by character, without end.

    Parameters
    ----------
    prompt : sequence of int
        The characters to go on from, at least one.

    Raises
    ------
    ShapeError
        If the prompt is empty.
    TypeError
        If a code of the prompt is no whole number.
    ValueError
        If a code of the prompt is not one of a character, or as for `probabilities`.
    """
    K = len(params.E)
    codes = check_codes("lm.generate", "prompt", prompt, "N", K)
    probabilities(np.zeros(K), temperature, top_k)  # refuses wrong dials now, not at the first draw
    return _draws(cell, params, codes, temperature, top_k, rng)


def _draws(
    cell: AnyCell,
    params: Params[Any],
    codes: Array,
    temperature: float,
    top_k: int | None,
    rng: np.random.Generator,
) -> Iterator[int]:
    states = tuple(cell.zero_state(p, 1) for p in params.layers)
    for code in codes:
        logits, states = step(cell, params, code, states)
    while True:
        code = int(rng.choice(len(params.E), p=probabilities(logits, temperature, top_k)))
        yield code
        logits, states = step(cell, params, code, states)


def step(
    cell: AnyCell, params: Params[Any], code: int, states: tuple[Any, ...]
) -> tuple[Array, tuple[Any, ...]]:
    """Read one character of one text.

    The result is the unnormalised log probabilities of the next, of shape (K,), and the states.

    Parameters
    ----------
    code : int
        The character.
    states : tuple of State
        The state of each layer before it.
    """
    h, after = stack.step(cell, params.layers, params.E[[code]], states)
    return (h @ head(params) + params.b_y)[0], after
