"""Tasks to train on: each draws batches from a generator and knows the score of knowing nothing."""

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from bptt.shapes import Array


class Batch(NamedTuple):
    """Sequences and what is asked about them.

    Attributes
    ----------
    xs : ndarray of shape (T, B, I)
        The inputs.
    targets : ndarray of shape (N, B)
        The classes to predict at the last N steps.
    """

    xs: Array
    targets: Array


@dataclass(frozen=True)
class Latch:
    r"""Hold one bit: the first input is +1 or -1, the rest is noise, the question is which it was.

    Parameters
    ----------
    T : int
        The length of a sequence, in steps.
    noise : float
        The standard deviation of the inputs after the first.

    Attributes
    ----------
    null_loss : float
        The cross-entropy of the best guess without the input, $\log 2$ nats.
    null_accuracy : float
        The share of right answers of that guess, 1/2.

    Notes
    -----
    Source: Y. Bengio, P. Simard and P. Frasconi, "Learning long-term dependencies with gradient
    descent is difficult", IEEE Transactions on Neural Networks 5 (1994),
    <https://doi.org/10.1109/72.279181>, section II, the latching problem, in a simpler form.
    """

    T: int
    noise: float = 0.2
    null_loss: ClassVar[float] = math.log(2)
    null_accuracy: ClassVar[float] = 0.5

    def __post_init__(self) -> None:
        """Insist on at least one step."""
        if self.T < 1:
            raise ValueError(f"tasks.Latch: T must be at least 1, got {self.T}")

    def draw(self, batch: int, *, rng: np.random.Generator) -> Batch:
        """Draw sequences.

        Parameters
        ----------
        batch : int
            B, the number of sequences.
        rng : numpy.random.Generator
            The source of randomness.

        Returns
        -------
        Batch
            Inputs of shape (T, B, 1); one target, class 1 for +1 and 0 for -1, at the last step.
        """
        bit = rng.integers(2, size=batch)
        xs = rng.normal(scale=self.noise, size=(self.T, batch, 1))
        first = np.reshape(2.0 * bit - 1, (1, batch, 1))
        return Batch(np.concatenate([first, xs[1:]]), bit[None])
