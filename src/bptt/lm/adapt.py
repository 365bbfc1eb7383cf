r"""Dynamic evaluation: a network that learns from each piece of a text once it was predicted.

Before a chunk is read, nothing is known of it. Its characters are predicted and scored; then the
gradient $g_n$ of its loss moves the weights once, and the next chunk is read with the new ones:

$$
\begin{aligned}
\theta_{n+1} = \theta_n &- \frac{\eta}{\rho + \epsilon} \odot g_n \\
&+ \min\left(\frac{\lambda \rho}{\bar\rho}, 1\right) \odot (\theta_0 - \theta_n).
\end{aligned}
$$

Here $\rho$ is the root mean square of each weight's gradients on the training text, and
$\bar\rho$ its mean over all weights. A weight whose gradients were small there moves as far as the
others. The last term pulls back to the trained weights $\theta_0$, most where the gradients are
large.

Source: B. Krause, E. Kahembwe, I. Murray and S. Renals, "Dynamic evaluation of neural sequence
models", ICML 2018, <https://arxiv.org/abs/1709.07432>, section 4.

Parameters
----------
params : Params
    The trained weights, $\theta_0$.
codes : array_like of int of shape (N,)
    The text.
scale : Params
    $\rho$, as `root_mean_squares` returns it.
rule : Rule
    How the weights move.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bptt import progress, tree
from bptt.cell import AnyCell
from bptt.lm.network import Params, backward, forward
from bptt.lm.objective import loss_and_grads
from bptt.losses import cross_entropy
from bptt.ops import log_softmax
from bptt.optim import NOT_NEGATIVE, NonFiniteGradient
from bptt.shapes import Array, ShapeError, check_number, check_numbers, check_whole, shown


@dataclass(frozen=True)
class Rule:
    """How the weights move.

    Raises
    ------
    TypeError
        If a number is none, or `chunk` no whole number.
    ValueError
        If one is out of its range.
    """

    chunk: Annotated[int, "T, the characters from one update to the next"] = 20
    lr: Annotated[float, r"$\eta$, the learning rate"] = 5e-4
    decay: Annotated[float, r"$\lambda$, the pull back to the trained weights"] = 0.0
    epsilon: Annotated[float, r"$\epsilon$, which keeps the quotient finite"] = 1e-5

    def __post_init__(self) -> None:
        """Check the numbers."""
        where = "lm.Rule"
        if check_whole(where, "chunk", self.chunk) < 1:
            raise ValueError(f"{where}: chunk must be at least 1, got {shown(self.chunk)}")
        for name in ("lr", "decay"):
            check_number(where, name, getattr(self, name), *NOT_NEGATIVE)
        check_number(where, "epsilon", self.epsilon, "above zero, and finite", _is_above_zero)


def _is_above_zero(number: float) -> bool:
    return 0 < number < math.inf


class Reading(NamedTuple):
    """What one chunk gave: what it cost, and what was learnt from it."""

    log_p: Annotated[Array, "T K", "log probabilities of what could come, before it was learnt"]
    params: Annotated[Params[Any], r"the weights after it, $\theta_{n+1}$"]
    states: Annotated[tuple[Any, ...], "the state of each layer after it"]


def root_mean_squares(
    cell: AnyCell, params: Params[Any], codes: ArrayLike, chunk: int, most: int = 300
) -> Params[Any]:
    """Return how large the gradient of a chunk is, each weight on its own.

    Parameters
    ----------
    codes : array_like of int of shape (N,)
        The text that the network was trained on.
    chunk : int
        T, the number of characters of a chunk.
    most : int
        Read at most so many chunks, spread evenly over the text; each from a state of zeros.

    Raises
    ------
    ShapeError
        If the text is too short for a chunk.
    """
    codes = _check_text("lm.root_mean_squares", codes, chunk + 1)
    starts = np.unique(np.linspace(0, len(codes) - chunk - 1, most).astype(int))
    total = tree.map(np.zeros_like, params)
    for start in progress.shown(starts, unit="chunk", brief=True):
        read = codes[start : start + chunk + 1, None]
        grads = loss_and_grads(cell, params, read[:-1], read[1:]).grads
        total = tree.map(lambda s, g: s + g**2, total, grads)
    return tree.map(lambda s: np.sqrt(s / len(starts)), total)


def read(
    cell: AnyCell, params: Params[Any], codes: ArrayLike, scale: Params[Any], rule: Rule
) -> Iterator[Reading]:
    """Read a text once, chunk by chunk; predict each before it is learnt.

    The first character is read and not predicted.

    Raises
    ------
    NonFiniteGradient
        If the weights have become so large that a character costs no finite number.
    ShapeError
        If the text has fewer than two characters.
    ValueError
        If a code is not one of a character.
    """
    codes = _check_text("lm.adapt", codes, 2)
    tree.check_same_shapes("lm.adapt", "scale", scale, params)
    return _readings(cell, params, codes[:, None], *_factors(scale, rule), rule.chunk)


def _readings(
    cell: AnyCell, params: Params[Any], codes: Array, speed: Params[Any], pull: Params[Any], T: int
) -> Iterator[Reading]:
    trained, states = params, None
    for start in range(0, len(codes) - 1, T):
        inputs, targets = codes[:-1][start : start + T], codes[1:][start : start + T]
        logits, states, tape = forward(cell, params, inputs, states)
        loss, dlogits = cross_entropy(logits, targets)
        if not math.isfinite(loss):
            raise NonFiniteGradient(
                f"lm.adapt: at character {start} of the text the loss is {loss}: the weights have "
                "run away; take a smaller learning rate"
            )
        grads = backward(cell, params, tape, dlogits)
        params = tree.map(_moved, params, grads, trained, speed, pull)
        yield Reading(log_softmax(logits[:, 0]), params, states)


def _moved(theta: Array, g: Array, theta_0: Array, speed: Array, pull: Array) -> Array:
    return np.asarray(theta - speed * g + pull * (theta_0 - theta))


def _factors(scale: Params[Any], rule: Rule) -> tuple[Params[Any], Params[Any]]:
    """Return what multiplies the gradient, and the way back to the trained weights."""
    mean = float(np.mean(tree.ravel(scale)[0], dtype=float)) or 1.0  # or nothing pulls

    def speed(rho: Array) -> Array:
        return np.asarray(rule.lr / (rho + rule.epsilon), rho.dtype)

    def pull(rho: Array) -> Array:
        return np.asarray(np.minimum(rule.decay * rho / mean, 1), rho.dtype)

    return tree.map(speed, scale), tree.map(pull, scale)


def nats(
    cell: AnyCell, params: Params[Any], codes: ArrayLike, scale: Params[Any], rule: Rule
) -> float:
    """Score a text by a network that learns from it on the way, in nats per character.

    Raises
    ------
    NonFiniteGradient, ShapeError, ValueError
        As `read`.
    """
    readings = read(cell, params, codes, scale, rule)
    parts = math.ceil((len(np.asarray(codes)) - 1) / rule.chunk)
    shown_parts = progress.shown(readings, unit="part", total=parts, brief=True)
    log_p = np.concatenate([part.log_p for part in shown_parts])
    targets = np.asarray(codes)[1:, None]
    return -float(np.take_along_axis(log_p, targets, axis=1).mean())


def learn(cell: AnyCell, params: Params[Any], codes: ArrayLike, rule: Rule) -> Params[Any]:
    """Return the weights after a text, whose own gradients are the scale; it is to be written like.

    Raises
    ------
    NonFiniteGradient, ShapeError, ValueError
        As `read`, or if the text is too short for a chunk.
    """
    scale = root_mean_squares(cell, params, codes, rule.chunk)
    for reading in read(cell, params, codes, scale, rule):
        params = reading.params
    return params


def _check_text(where: str, codes: ArrayLike, least: int) -> Array:
    codes = check_numbers(where, "codes", codes)
    if codes.ndim != 1 or len(codes) < least:
        raise ShapeError(f"{where}: codes must be ({least} or more,), got {shown(codes.shape)}")
    return codes
