r"""All states of an LSTM at once: how many corrections does it take? Methods against weights.

Newton's method against two cheaper ones, with fresh weights, larger ones and trained ones.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import deep, lstm, newton, probe, tasks, unroll
from bptt.experiments.plan import shared
from bptt.experiments.training import fit
from bptt.shapes import Array

# What the recurrent weights are multiplied with. The trained ones are taken as they are.
FACTORS = {"fresh": 1, "twice": 2, "three times": 3, "four times": 4, "trained": 1}


@dataclass(frozen=True)
class Settings:
    """What is run: all weights at all lengths, every seed with weights and inputs of its own."""

    weights: Annotated[tuple[str, ...], "which of `FACTORS`"] = tuple(FACTORS)
    lengths: Annotated[tuple[int, ...], "the lengths T of a sequence, in steps"] = (16, 64, 256)
    seeds: Annotated[tuple[int, ...], "the seeds"] = tuple(range(20))
    most: Annotated[int, "corrections at most, and no more than T"] = 64
    tol: Annotated[float, "the largest error that is small enough"] = 1e-10
    hidden_size: Annotated[int, "H, the hidden units"] = 8
    tokens: Annotated[int, "k, the tokens to copy"] = 2
    kinds: Annotated[int, "K, the kinds of token"] = 4
    trained_T: Annotated[int, "the steps among which they stand in training"] = 12
    lr: Annotated[float, "the learning rate of the trained weights"] = 1e-2
    steps: Annotated[int, "their training steps"] = 600
    batch: Annotated[int, "B, the sequences of a training step"] = 16
    max_norm: Annotated[float, "the largest global norm of a gradient, by clipping"] = 1.0


FULL = Settings()
REDUCED = Settings(weights=("fresh", "three times"), lengths=(16, 64), seeds=(0, 1, 2))


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:  # noqa: ARG001  # as every experiment
    """Return every seed with all weights. A case holds all lengths, as training is shared."""
    same = shared(settings, "weights", "seeds")
    return [
        {"weights": weights, "seed": seed, **same}
        for weights in settings.weights
        for seed in settings.seeds
    ]


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Find the states of one sequence of each length by each method.

    `full 16`, `diagonal 16` and `none 16` are the errors of the guesses for T = 16, with 1e300 for
    what overflowed. `wrong 16` is how far Newton's last outputs are from those of the loop, and
    `growth 16` the mean growth of a small change of the state from step to step, in nats.
    `accuracy` is that of the trained network on its task, and 0 for the others.
    """
    params, accuracy = _weights(case, rng=np.random.default_rng(case["seed"]))
    found: dict[str, Any] = {"accuracy": accuracy}
    for T in case["lengths"]:
        task = tasks.SelectiveCopying(T - case["tokens"], case["tokens"], case["kinds"])
        xs = task.draw(1, rng=np.random.default_rng(case["seed"])).xs
        hs, _, tape = unroll.forward(lstm, params, xs)
        for tangents in newton.TANGENTS:
            most = min(case["most"], T)
            guesses = newton.forward(
                lstm, params, xs, tangents=tangents, tol=case["tol"], most=most
            )
            found[f"{tangents} {T}"] = _finite(guesses.errors)
            if tangents == "full":
                found[f"wrong {T}"] = _finite(np.abs(guesses.hs - hs).max(keepdims=True))[0]
        found[f"growth {T}"] = _growth(probe.jacobians(lstm, params, tape)[:, 0])
    return found


def _weights(case: dict[str, Any], *, rng: np.random.Generator) -> tuple[lstm.Params, float]:
    """Draw the weights of an LSTM, and train them if they are to be; return their accuracy too."""
    k, K = case["tokens"], case["kinds"]
    task = tasks.SelectiveCopying(case["trained_T"], k, K)
    model = deep.init(lstm, K + 2, case["hidden_size"], K, rng=rng)
    accuracy = 0.0
    if case["weights"] == "trained":
        model = fit(
            lambda p, b: deep.loss_and_grads(lstm, p, *b), model, task, case, rng=rng
        ).params
        test = task.draw(500, rng=rng)
        answers = deep.outputs(lstm, model, test.xs)[-k:].argmax(axis=-1)
        accuracy = float((answers == test.targets).mean())
    params: lstm.Params = model.layers[0]
    return params._replace(W_h=FACTORS[case["weights"]] * params.W_h), accuracy


def _finite(errors: Array) -> list[float]:
    """Return errors as JSON can hold them."""
    bounded = np.minimum(np.nan_to_num(errors, nan=1e300, posinf=1e300), 1e300)
    return [float(f"{error:.3e}") for error in bounded.ravel()]


def _growth(J: Array) -> float:
    """Return the mean logarithm of the growth of a small change, along the steps."""
    change = np.ones(J.shape[-1]) / np.sqrt(J.shape[-1])
    logs = []
    for matrix in J:
        change = change @ matrix
        size = float(np.linalg.norm(change))
        logs.append(np.log(size))
        change = change / size
    return round(float(np.mean(logs)), 4)
