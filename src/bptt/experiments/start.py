r"""Does the first $W_h$ decide whether a tanh network learns? Starts on the latch of length T.

Every start gets the same budget of steps at every learning rate, so that no rate is chosen. Each
run is measured on the way as the chapter measures random networks: spread, saturation, gain.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bptt import model, probe, rnn, tasks, unroll, weights
from bptt.experiments.plan import shared
from bptt.experiments.training import accuracy, fit, losses_of
from bptt.shapes import Array

# The name of a start, and how it draws W_h from the number of units.
STARTS: dict[str, Callable[[int, np.random.Generator], Array]] = {
    "torch": lambda H, rng: rng.uniform(-1, 1, size=(H, H)) / np.sqrt(H),
    "glorot": lambda H, rng: weights.glorot(H, H, rng=rng),
    "he": lambda H, rng: weights.he(H, H, rng=rng),
    "std 1": lambda H, rng: rng.standard_normal((H, H)),
    "orthogonal": lambda H, rng: weights.orthogonal(H, rng=rng),
    "identity": lambda H, _: weights.identity(H),
}


@dataclass(frozen=True)
class Settings:
    """What is run: every start, with every learning rate, from every seed.

    Attributes
    ----------
    starts : tuple of str
        Which of `STARTS`.
    rates : tuple of float
        The learning rates of Adam.
    seeds : tuple of int
        The seeds.
    T : int
        The length of a sequence, in steps.
    steps : int
        Training steps.
    measured : tuple of int
        The numbers of training steps after which the weights are measured.
    hidden_size : int
        H, the number of hidden units.
    batch : int
        B, the sequences of a training step.
    max_norm : float
        The largest global norm of a gradient; a longer one is clipped.
    """

    starts: tuple[str, ...] = tuple(STARTS)
    rates: tuple[float, ...] = (1e-3, 3e-3, 1e-2, 3e-2)
    seeds: tuple[int, ...] = tuple(range(10))
    T: int = 100
    steps: int = 200
    measured: tuple[int, ...] = (0, 30, 200)
    hidden_size: int = 32
    batch: int = 32
    max_norm: float = 1.0


FULL = Settings()
REDUCED = Settings(
    starts=("torch", "orthogonal", "std 1"),
    rates=(1e-2,),
    seeds=(0, 1),
    T=50,
    steps=60,
    measured=(0, 60),
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:  # noqa: ARG001  # as every experiment
    """Return all runs. None depends on the result of another."""
    same = shared(settings, "starts", "rates", "seeds")
    rows = itertools.product(settings.starts, settings.rates, settings.seeds)
    return [{"start": start, "lr": lr, "seed": seed, **same} for start, lr, seed in rows]


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network, measure it on the way, and test it.

    `accuracy` on 1,000 new sequences, `loss` as the mean over the last 20 training batches in nats;
    and after each number of steps that the case names, what `measure` returns of 32 of these
    sequences: `spread`, `saturated` and `log_gain`.
    """
    rng = np.random.default_rng(case["seed"])
    task, H = tasks.Latch(case["T"]), case["hidden_size"]
    params = model.init(rnn, 1, H, 2, rng=rng)
    params = params._replace(cell=params.cell._replace(W_h=STARTS[case["start"]](H, rng)))
    seen = []  # the weights before each step

    def loss_and_grads(params: Any, batch: tasks.Batch) -> tuple[float, Any]:
        seen.append(params)
        return losses_of(rnn)(params, batch)

    history = fit(loss_and_grads, params, task, case, rng=rng)
    seen.append(history.params)
    test = task.draw(1000, rng=rng)
    taken = [measure(seen[step].cell, test.xs[:, :32], case["seed"]) for step in case["measured"]]
    spread, saturated, log_gain = map(list, zip(*taken, strict=True))
    return {
        "accuracy": accuracy(rnn, history.params, test),
        "loss": float(history.loss[-20:].mean()),
        "spread": spread,
        "saturated": saturated,
        "log_gain": log_gain,
    }


def measure(params: rnn.Params, xs: Array, seed: int) -> tuple[float, float, float]:
    """Return the spread and the saturation of the last state, and the gain back to the first.

    These are the root mean square of $h_T$, the share of its values beyond 0.97, and the decimal
    logarithm of $|dh_0| / |dh_T|$ for a random $dh_T$, at least -300.

    Parameters
    ----------
    seed : int
        For the random $dh_T$.
    """
    hs, _, tape = unroll.forward(rnn, params, xs)
    dhs = np.zeros_like(hs)
    dhs[-1] = np.random.default_rng(seed).normal(size=hs[-1].shape)
    norms = probe.gradient_norms(rnn, params, tape, dhs)
    return (
        round(float(np.sqrt(np.mean(hs[-1] ** 2))), 4),
        round(float(np.mean(np.abs(hs[-1]) > 0.97)), 4),
        round(float(np.log10(max(norms[0] / norms[-1], 1e-300))), 3),
    )
