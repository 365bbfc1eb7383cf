r"""Which start remembers what? Two tasks of long memory, three transitions, two first matrices.

Every network begins with the answer of knowing nothing in the bias of its readout. All get the same
budget of steps, and a learning rate of their own, chosen on other seeds in trainings of full
length. The LSTM has a grid of its own: where it learns, it does so at rates at which the linear
cell blows up.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import deep, linear_rnn, lstm, relu_rnn, rnn, weights
from bptt.cell import AnyCell
from bptt.experiments.plan import shared, tune_then_test
from bptt.experiments.training import curve, fit
from bptt.losses import cross_entropy, squared_error
from bptt.ops import relu, relu_prime, tanh, tanh_prime
from bptt.shapes import Array
from bptt.tasks import Adding, Batch, Copying

# The name of an arm, the cell that it belongs to.
ARMS: dict[str, AnyCell] = {
    "linear, orthogonal": linear_rnn,
    "linear, identity": linear_rnn,
    "tanh, orthogonal": rnn,
    "tanh, identity": rnn,
    "relu, identity": relu_rnn,
    "lstm, chrono": lstm,
}


@dataclass(frozen=True)
class Settings:
    """What is run: every arm on both tasks, with every rate on the tuning seeds."""

    rows: Annotated[tuple[tuple[str, int, tuple[str, ...]], ...], "task, its T, some of `ARMS`"] = (
        ("copying", 50, tuple(ARMS)),
        ("copying", 100, ("linear, orthogonal", "tanh, orthogonal")),
        ("adding", 100, tuple(ARMS)),
    )
    rates: Annotated[tuple[float, ...], "for the simple cells to choose from"] = (
        3e-4,
        1e-3,
        3e-3,
        1e-2,
    )
    lstm_rates: Annotated[tuple[float, ...], "as many for the LSTM"] = (3e-3, 1e-2, 3e-2, 0.1)
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose the rate"] = (100, 101)
    seeds: Annotated[tuple[int, ...], "the seeds of the test runs"] = tuple(range(10))
    steps: Annotated[int, "training steps"] = 600
    hidden_size: Annotated[int, "H of the simple cells"] = 40
    lstm_size: Annotated[int, "H of the LSTM, which has then as many weights"] = 19
    batch: Annotated[int, "B, the sequences of a training step"] = 20
    max_norm: Annotated[float, "the largest global norm of a gradient, by clipping"] = 1.0


FULL = Settings()
REDUCED = Settings(
    rows=(
        ("copying", 30, ("linear, orthogonal", "linear, identity")),
        ("adding", 100, ("linear, orthogonal", "linear, identity")),
    ),
    rates=(3e-3,),
    tuning_seeds=(),
    seeds=(0,),
    steps=500,
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the tuning runs, then those on the test seeds, with the rates of the lowest `loss`."""
    varied = ("rows", "rates", "lstm_rates", "tuning_seeds", "seeds")
    same = shared(settings, *varied, "hidden_size", "lstm_size")

    def size(arm: str) -> int:
        return settings.lstm_size if ARMS[arm] is lstm else settings.hidden_size

    def rates(row: dict[str, Any]) -> tuple[float, ...]:
        return settings.lstm_rates if ARMS[row["arm"]] is lstm else settings.rates

    rows = [
        {"task": task, "T": T, "arm": arm, "hidden_size": size(arm), **same}
        for task, T, arms in settings.rows
        for arm in arms
    ]
    return tune_then_test(
        settings,
        runs,
        rows,
        rates=rates,
        rank=lambda score: (score["loss"],),
    )


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network and test it on 20 new batches.

    `test` is the loss there as a share of that of knowing nothing, `accuracy` the share of right
    symbols among the last ten of each sequence (copying alone; 0 otherwise). `loss` is the mean
    over the last 20 training batches and `losses` the mean over each twentieth, in the same unit.
    """
    rng = np.random.default_rng(case["seed"])
    cell = ARMS[case["arm"]]
    task = Copying(case["T"]) if case["task"] == "copying" else Adding(case["T"])
    loss = cross_entropy if case["task"] == "copying" else squared_error
    params = initial(case["arm"], task, case["hidden_size"], rng=rng)

    def loss_and_grads(params: Any, batch: Batch) -> tuple[float, Any]:
        if cell is lstm:
            return deep.loss_and_grads(cell, params, *batch, loss)
        return whole(cell, params, batch, loss)

    history = fit(loss_and_grads, params, task, case, rng=rng)
    shares = history.loss / task.null_loss
    test = task.draw(20 * case["batch"], rng=rng)
    outputs = deep.outputs(cell, history.params, test.xs)[-len(test.targets) :]
    right = outputs[-10:].argmax(axis=-1) == test.targets[-10:]
    return {
        "test": loss(outputs, test.targets)[0] / task.null_loss,
        "accuracy": float(right.mean()) if case["task"] == "copying" else 0.0,
        "loss": float(shares[-20:].mean()),
        "losses": curve(shares),
    }


def initial(arm: str, task: Copying | Adding, hidden_size: int, *, rng: np.random.Generator) -> Any:
    """Draw the weights that a run starts from, in float32, as the `Params` of a model.

    The inputs of the simple cells are scaled by 0.3 and the readout by 0.1. The bias of the readout
    is what knowing nothing would say: how often each class is asked for, or the mean of the sums.

    Parameters
    ----------
    arm : str
        One of `ARMS`. The chrono start takes the length of a sequence.
    task : Copying or Adding
        The task.
    """
    copying = isinstance(task, Copying)
    I, K, longest = (10, 10, task.T + 20) if copying else (2, 1, task.T)
    dtype = np.float32
    params = deep.init(ARMS[arm], I, hidden_size, K, rng=rng, dtype=dtype)
    (layer,) = params.layers
    if arm == "lstm, chrono":
        b_f, zero = (
            weights.chrono(hidden_size, longest, rng=rng, dtype=dtype),
            layer.b[:hidden_size],
        )
        layer = layer._replace(b=np.concatenate([-b_f, b_f, zero, zero]))
    else:
        identity = arm.endswith("identity")
        draw = weights.orthogonal(hidden_size, rng=rng, dtype=dtype)
        layer = layer._replace(
            W_x=layer.W_x * dtype(0.3),
            W_h=weights.identity(hidden_size, dtype=dtype) if identity else draw,
        )
    if copying:  # a symbol each, the blank, and the sign as seldom as a symbol
        each = 10 / 8 / longest
        b_y = np.log([*[each] * 8, 1 - 10 / longest, each]).astype(dtype)
    else:
        b_y = np.ones(1, dtype)
    return deep.Params((layer,), params.W_y * dtype(0.1), b_y)


def whole(cell: AnyCell, params: Any, batch: Batch, loss: deep.Loss) -> tuple[float, Any]:
    """Compute what `deep.loss_and_grads` does for one layer of a simple cell, in less time.

    All that does not wait for the step before is done for all steps at once, as in `bptt.fused`.

    Parameters
    ----------
    cell : module
        One of the three simple cells.
    params : Params
        The weights of the model.
    batch : Batch
        Sequences and targets.
    loss : callable
        One of `bptt.losses`.
    """
    (layer,), W_y, b_y = params
    W_x, W_h, b = layer
    xs = np.asarray(batch.xs, b.dtype)
    (T, B, I), (H, K), N = xs.shape, W_y.shape, len(batch.targets)
    bend, slope = {rnn: (tanh, tanh_prime), relu_rnn: (relu, relu_prime)}.get(cell, (None, None))  # type: ignore[call-overload]
    added: Array = (xs.reshape(T * B, I) @ W_x + b).reshape(T, B, H)
    if bend is None:
        added = relu(added)
    hs = np.zeros((T + 1, B, H), b.dtype)
    for t in range(T):
        np.matmul(hs[t], W_h, hs[t + 1])
        hs[t + 1] += added[t]
        if bend is not None:
            hs[t + 1] = bend(hs[t + 1])
    read = hs[T + 1 - N :].reshape(N * B, H)
    value, dys = loss((read @ W_y + b_y).reshape(N, B, K), batch.targets)
    dys = dys.reshape(N * B, K)

    das = np.zeros((T, B, H), b.dtype)  # with a linear transition what reaches each state
    np.matmul(dys, W_y.T, das[T - N :].reshape(N * B, H))
    slopes = None if slope is None else slope(hs[1:])
    W_h_T, dh = np.ascontiguousarray(W_h.T), np.zeros((B, H), b.dtype)
    for t in reversed(range(T)):
        das[t] += dh
        if slopes is not None:
            das[t] *= slopes[t]
        np.matmul(das[t], W_h_T, dh)
    rows = das.reshape(T * B, H)
    dW_h = hs[:-1].reshape(T * B, H).T @ rows
    if bend is None:
        rows = rows * relu_prime(added).reshape(T * B, H)
    dlayer = type(layer)(xs.reshape(T * B, I).T @ rows, dW_h, rows.sum(axis=0))
    return value, deep.Params((dlayer,), read.T @ dys, dys.sum(axis=0))
