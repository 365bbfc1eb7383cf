r"""Does the forget bias decide with other weights too? The latch, with the weights of torch.

All as in `latch`, but every weight of the LSTM and both biases of torch are drawn from
$U(-1/\sqrt{H}, 1/\sqrt{H})$.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt import lstm, model, weights
from bptt.experiments import latch

STARTS = ("as drawn", "bias 1", "bias 3", "chrono")


@dataclass(frozen=True)
class Settings(latch.Settings):
    """What is run: as for `latch`, whose other settings hold here too.

    Attributes
    ----------
    starts : tuple of str
        How the forget biases are set.
    lengths : tuple of int
        The lengths T of a sequence, in steps.
    """

    starts: tuple[str, ...] = STARTS
    lengths: tuple[int, ...] = (50,)


FULL = Settings()
REDUCED = Settings(
    starts=("as drawn", "bias 3"), rates=(3e-3,), tuning_seeds=(), seeds=(0,), steps=150
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the cases of `latch`, with these starts."""
    return latch.cases(settings, runs)


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network and test it; the scores are those of `latch.score`."""
    rng = np.random.default_rng(case["seed"])
    params = initial(case["start"], case["T"], case["hidden_size"], rng=rng)
    return latch.train_and_test(lstm, params, case, rng=rng)


def initial(start: str, T: int, hidden_size: int, *, rng: np.random.Generator) -> Any:
    """Draw the weights that a run starts from, as the `Params` of a model.

    Parameters
    ----------
    start : str
        One of `STARTS`: the forget biases as drawn, all of one value, or by `weights.chrono`.
    """
    H = hidden_size
    params = model.init(lstm, 1, H, 2, rng=rng)  # for the readout
    shapes = [(1, 4 * H), (H, 4 * H), (4 * H,), (4 * H,)]
    W_x, W_h, b_ih, b_hh = (rng.uniform(-1, 1, size=shape) / np.sqrt(H) for shape in shapes)
    b_i, b_f, b_g, b_o = np.split(b_ih + b_hh, 4)
    if start == "chrono":
        b_f = weights.chrono(H, T, rng=rng)
        b_i = -b_f
    elif start != "as drawn":
        b_f = np.full(H, float(start.removeprefix("bias ")))
    return params._replace(cell=lstm.Params(W_x, W_h, np.concatenate([b_i, b_f, b_g, b_o])))
