"""What a lever is: one or several ways to train a network."""

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True)
class Recipe:
    """How one network is trained; by default as the plain LSTM."""

    rate: Annotated[float, "the learning rate, relative to the plain LSTM's"] = 1.0
    cost: Annotated[float, "the CPU time of an update, relative to the plain LSTM's"] = 1.0
    cell: Annotated[str, "`lstm`, `layer norm` or `mogrifier`"] = "lstm"
    rounds: Annotated[int, "of the Mogrifier"] = 0
    p_h: Annotated[float, "zoneout of the hidden state"] = 0.0
    p_c: Annotated[float, "zoneout of the cell state"] = 0.0
    recurrent: Annotated[float, "weight drop: how much of W_h"] = 0.0
    outputs: Annotated[float, "dropout of what the head reads"] = 0.0
    decay: Annotated[float, "of the average of the weights: 0 for the last, 1 for the mean"] = 0.0
    first: Annotated[float, "after which share of the run the average begins"] = 0.0
    falls: Annotated[bool, "whether the rate falls in a line to zero, or stays"] = True
    variable: Annotated[bool, "whether the lengths of chunks are drawn"] = False
    batch: Annotated[int, "B, the number of places in the text that are read side by side"] = 16
    chunk: Annotated[int, "the number of characters from one update to the next"] = 64


@dataclass(frozen=True)
class Lever:
    """What is compared with the plain LSTM: the best of its recipes."""

    name: Annotated[str, "of the lever"]
    recipes: Annotated[tuple[Recipe, ...], "to choose from"]
    again: Annotated[bool, "whether it runs a second time, with as many updates"] = False
