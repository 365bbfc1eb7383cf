"""What a training is asked to do."""

import dataclasses
import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from bptt.cells import CELLS
from bptt.lm.dropout import Rates
from bptt.shapes import shown

LARGEST = sys.float_info.max  # a whole number may be larger, but is no float then


@dataclass(frozen=True)
class Settings:
    """What a run is asked to do.

    Raises
    ------
    ValueError
        If the cell is unknown, a setting is of another type, a number is out of its range, or a
        tied head does not fit the last layer.
    """

    cell: Annotated[str, "`rnn`, `lstm` or `gru`"] = "lstm"
    embedding: Annotated[int, "D, how many numbers stand for a character"] = 128
    widths: Annotated[tuple[int, ...], "the number of units of each layer"] = (512, 512)
    tied: Annotated[bool, "whether the head is tied to the embedding"] = False
    batch: Annotated[int, "B, the number of places in the text that are read side by side"] = 32
    chunk: Annotated[int, "T, the characters between two updates, and the gradient's reach"] = 64
    fresh: Annotated[float, "the share of places that start a chunk from zeros"] = 0.0
    steps: Annotated[int, "the number of updates"] = 10_000
    lr: Annotated[float, "the learning rate at its highest"] = 2e-3
    warmup: Annotated[int, "in so many steps the learning rate rises to it in a line"] = 200
    decay: Annotated[int, "in the last so many steps it falls in a line, to zero after them"] = (
        9_800
    )
    beta2: Annotated[float, "Adam's decay of the mean square"] = 0.99
    clip: Annotated[float, "the largest global norm of a gradient"] = 1.0
    average: Annotated[float, "the decay of the mean of weights that predicts; 0 for none"] = 0.0
    rates: Annotated[Rates, "what is dropped"] = dataclasses.field(default_factory=Rates)
    alpha: Annotated[float, "the weight of AR"] = 0.0
    beta: Annotated[float, "the weight of TAR"] = 0.0
    seed: Annotated[int, "decides all that is drawn"] = 0

    def __post_init__(self) -> None:
        """Check the settings."""
        where = "lm.Settings"
        if self.cell not in tuple(CELLS):
            known = ", ".join(CELLS)
            raise ValueError(f"{where}: cell must be one of {known}, got {shown(self.cell)}")
        if not (isinstance(self.widths, tuple) and self.widths):
            raise ValueError(
                f"{where}: widths must be a tuple with the width of each layer, "
                f"got {shown(self.widths)}"
            )
        least = {"embedding": 1, "batch": 1, "chunk": 1, "steps": 1, "warmup": 0, "decay": 0}
        counts = [(name, getattr(self, name), low) for name, low in {**least, "seed": 0}.items()]
        for name, count, low in [*counts, *(("a width", width, 1) for width in self.widths)]:
            if type(count) is not int or not low <= count < 2**63:  # no bool
                raise ValueError(
                    f"{where}: {name} must be a whole number from {low} to below 2**63, "
                    f"got {shown(count)}"
                )
        if type(self.tied) is not bool:
            raise ValueError(f"{where}: tied must be True or False, got {shown(self.tied)}")
        if self.tied and self.widths[-1] != self.embedding:
            raise ValueError(
                f"{where}: with a tied head the last layer must be as wide as the embedding, "
                f"{self.embedding}, got {self.widths[-1]}"
            )
        self._check("lr", "above zero, and finite", lambda lr: 0 < lr <= LARGEST)
        self._check("beta2", "from 0 to below 1", lambda beta2: 0 <= beta2 < 1)
        self._check("clip", "above zero", lambda clip: 0 < clip <= LARGEST or clip == math.inf)
        self._check("fresh", "from 0 to 1", lambda fresh: 0 <= fresh <= 1)
        self._check("average", "from 0 to below 1", lambda average: 0 <= average < 1)
        self._check("alpha", "zero or more, and finite", lambda alpha: 0 <= alpha <= LARGEST)
        self._check("beta", "zero or more, and finite", lambda beta: 0 <= beta <= LARGEST)

    def _check(self, name: str, wanted: str, fits: Callable[[float], bool]) -> None:
        """Insist that a setting is a number in its range."""
        got = getattr(self, name)
        if type(got) is bool or not isinstance(got, int | float) or not fits(got):
            raise ValueError(f"lm.Settings: {name} must be a number {wanted}, got {shown(got)}")


def settings_of(plain: Mapping[str, Any]) -> Settings:
    """Read settings from JSON.

    Parameters
    ----------
    plain : mapping of str to JSON values
        What `dataclasses.asdict` gives, with lists for tuples. A setting that is not there, since
        it is newer than the text, has its default.

    Raises
    ------
    KeyError, TypeError, ValueError
        If these are no settings, or one is out of its range.
    """
    rates = Rates(**plain["rates"])
    return Settings(**{**plain, "widths": tuple(plain["widths"]), "rates": rates})
