r"""Which rule learns to recall? The sum, the decay, the delta rule, attention and an LSTM, trained.

Every arm but the LSTM has a table each for queries, keys and values, and a readout. A pair is
written, a question only reads. The state of the matrices has D x D numbers; the LSTM has as many,
and so has the cache of D / 2 pairs.
"""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import attention, delta, lstm, model, tasks
from bptt.experiments.plan import shared, tune_then_test
from bptt.experiments.training import curve, fit
from bptt.losses import cross_entropy
from bptt.ops import sigmoid, sigmoid_prime
from bptt.shapes import Array
from bptt.tasks import Batch
from bptt.weights import glorot

ARMS = ("sum", "decay", "delta", "attention", "attention, latest", "cache", "lstm")


@dataclass(frozen=True)
class Settings:
    """What is run: every arm on both tasks, with every rate on the tuning seeds."""

    arms: Annotated[tuple[str, ...], "which of `ARMS`"] = ARMS
    overwrites: Annotated[tuple[int, ...], "how many pairs are written again"] = (0, 8)
    rates: Annotated[tuple[float, ...], "learning rates to choose from"] = (1e-2, 3e-2, 1e-1)
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose the rate"] = (100, 101)
    seeds: Annotated[tuple[int, ...], "the seeds of the test runs"] = tuple(range(10))
    steps: Annotated[int, "training steps"] = 250
    longer: Annotated[tuple[int, ...], "which of them are also trained for longer"] = (0,)
    longer_steps: Annotated[int, "training steps of these"] = 1000
    longer_seeds: Annotated[tuple[int, ...], "the seeds of these"] = (0, 1, 2)
    D: Annotated[int, "the width of queries, keys and values"] = 8
    pairs: Annotated[int, "the keys of a sequence, all of which are asked for"] = 8
    keys: Annotated[int, "the keys there are"] = 16
    values: Annotated[int, "the values there are"] = 16
    batch: Annotated[int, "B, the sequences of a training step"] = 32
    max_norm: Annotated[float, "the largest global norm of a gradient, by clipping"] = 1.0


FULL = Settings()
REDUCED = Settings(
    arms=("sum", "delta"),
    overwrites=(8,),
    rates=(3e-2,),
    tuning_seeds=(),
    seeds=(0,),
    steps=150,
    longer=(),
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the tuning runs, then those on the test seeds, with the rates of the lowest `loss`.

    Last come those on the first of the test seeds again, trained for longer with the same rates.
    """
    varied = ("arms", "overwrites", "rates", "tuning_seeds", "seeds", "longer")
    same = shared(settings, *varied, "longer_steps", "longer_seeds")
    rows = [
        {"arm": arm, "overwrites": overwrites, **same}
        for overwrites in settings.overwrites
        for arm in settings.arms
    ]
    both = tune_then_test(
        settings, runs, rows, rates=lambda _: settings.rates, rank=lambda score: (score["loss"],)
    )
    again = [
        {**case, "steps": settings.longer_steps}
        for case in both
        if case["seed"] in settings.longer_seeds and case["overwrites"] in settings.longer
    ]
    return both + again


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network and test it.

    `accuracy` on 20 new batches, `loss` as the mean over the last 20 training batches in nats,
    `losses`, the mean over each twentieth of the training, `weights`, how many the arm uses, and
    `permuted`, the accuracy against the answers of other sequences.
    """
    rng = np.random.default_rng(case["seed"])
    task = tasks.Recall(
        case["pairs"], case["overwrites"], case["pairs"], case["keys"], case["values"]
    )
    arm = case["arm"]
    params = initial(arm, case, rng=rng)
    history = fit(
        lambda params, batch: loss_and_grads(arm, params, batch), params, task, case, rng=rng
    )
    test = task.draw(20 * case["batch"], rng=rng)
    answers = logits(arm, history.params, test).argmax(axis=-1)
    return {
        "accuracy": float((answers == test.targets).mean().round(5)),
        "permuted": float((answers == np.roll(test.targets, 1, axis=1)).mean().round(5)),
        "loss": float(history.loss[-20:].mean()),
        "losses": curve(history.loss),
        "weights": weights_of(arm, params),
    }


class Params(NamedTuple):
    """The weights of an arm with a matrix or a cache, or a gradient with respect to them."""

    W_q: Annotated[Array, "I D", "a query for each key"]
    W_k: Annotated[Array, "I D", "a key for each key"]
    W_v: Annotated[Array, "J D", "a value for each value"]
    w_beta: Annotated[Array, "C", "how much is written, from the input"]
    b_beta: Annotated[Array, "", "its bias"]
    w_f: Annotated[Array, "C", "what is kept, from the input"]
    b_f: Annotated[Array, "", "its bias"]
    m: Annotated[Array, "", "what a score gains a step"]
    W_y: Annotated[Array, "D J", "the readout"]
    b_y: Annotated[Array, "J", "its bias"]


# The fields that no arm but these uses.
USED = {"w_beta": ("sum", "decay", "delta"), "w_f": ("decay",), "m": ("attention, latest", "cache")}
USED |= {"b_beta": USED["w_beta"], "b_f": USED["w_f"]}


def initial(arm: str, case: dict[str, Any], *, rng: np.random.Generator) -> Any:
    """Draw the weights that a run starts from: normal tables, Glorot's readout, biases 0.

    The bias of what is kept is 3, and so is that of what is written.

    Parameters
    ----------
    arm : str
        One of `ARMS`.
    """
    I, J, D = case["keys"], case["values"], case["D"]
    if arm == "lstm":
        return model.init(lstm, I + J, D * D // 2, J, rng=rng)
    W_q, W_k, W_v = (rng.normal(size=(rows, D)) for rows in (I, I, J))
    zero, three = np.zeros(I + J), np.array(3.0)
    W_y = glorot(D, J, rng=rng)
    return Params(W_q, W_k, W_v, zero, three, zero, three, np.array(0.0), W_y, np.zeros(J))


def weights_of(arm: str, params: Any) -> int:
    """Count the weights that an arm uses.

    Parameters
    ----------
    arm : str
        One of `ARMS`.
    params : Params
        Its weights.
    """
    if arm == "lstm":
        return sum(int(array.size) for array in (*params.cell, params.W_y, params.b_y))
    fields = params._asdict().items()
    return sum(int(array.size) for name, array in fields if arm in USED.get(name, ARMS))


def logits(arm: str, params: Any, batch: Batch) -> Array:
    """Answer the questions: a score for each value, of shape (N, B, J).

    Parameters
    ----------
    arm : str
        One of `ARMS`.
    batch : Batch
        The sequences of `tasks.Recall`.
    """
    N = len(batch.targets)
    if arm == "lstm":
        return np.asarray(model.logits(lstm, params, batch.xs)[-N:])
    os, _ = _read(arm, params, batch)
    return np.asarray(os @ params.W_y + params.b_y)


def loss_and_grads(arm: str, params: Any, batch: Batch) -> tuple[float, Any]:
    """Return the mean cross-entropy of the answers in nats, and its gradient.

    Parameters
    ----------
    arm : str
        One of `ARMS`.
    batch : Batch
        The sequences of `tasks.Recall`.
    """
    if arm == "lstm":
        return model.loss_and_grads(lstm, params, *batch)
    os, saved = _read(arm, params, batch)
    loss, dys = cross_entropy(os @ params.W_y + params.b_y, batch.targets)
    grads = _read_backward(arm, params, batch, saved, dys @ params.W_y.T)
    steps = ((0, 1), (0, 1))
    return loss, grads._replace(W_y=np.tensordot(os, dys, steps), b_y=dys.sum(axis=(0, 1)))


class _Saved(NamedTuple):
    """What reading keeps for its derivative."""

    tape: Any
    q: Array
    k: Array
    lengths: tuple[Array, Array]
    beta: Array
    f: Array


def _read(arm: str, params: Params, batch: Batch) -> tuple[Array, _Saved]:
    """Return what is read at the questions, (N, B, D)."""
    N, I = len(batch.targets), len(params.W_k)
    key, value = batch.xs[..., :I], batch.xs[..., I:]
    q, k, v = key @ params.W_q, key @ params.W_k, value @ params.W_v
    if arm in USED["w_beta"]:
        (q, q_length), (k, k_length) = _unit(q), _unit(k)
        asks = np.arange(len(q))[:, None] >= len(q) - N
        beta = np.where(asks, 0, sigmoid(batch.xs @ params.w_beta + params.b_beta))
        f = np.ones_like(beta)
        tape: Any
        if arm == "delta":
            os, _, tape = delta.forward(q, k, v, beta)
        else:
            if arm == "decay":
                f = np.where(asks, 1, sigmoid(batch.xs @ params.w_f + params.b_f))
            os, _, tape = delta.add_forward(q, k, v, beta, f)
        return os[-N:], _Saved(tape, q, k, (q_length, k_length), beta, f)
    last = params.W_k.shape[1] // 2 if arm == "cache" else len(q)
    q, k, v = q[-N:], k[:-N][-last:], v[:-N][-last:]
    if arm in USED["m"]:  # one more column tells the time
        column = np.ones_like(q[..., :1])
        q = np.concatenate([q, params.m * column], axis=-1)
        time = np.arange(len(k), dtype=float)[:, None, None] * np.ones_like(k[..., :1])
        k = np.concatenate([k, time], axis=-1)
    os, looked = attention.attend(q, k, v)
    return os, _Saved(looked, q, k, (q, k), q, q)


def _read_backward(arm: str, params: Params, batch: Batch, saved: _Saved, dos: Array) -> Params:
    """Return the gradient with respect to all but the readout."""
    N, I = len(dos), len(params.W_k)
    key, value = batch.xs[..., :I], batch.xs[..., I:]
    grads = {name: np.zeros_like(array) for name, array in params._asdict().items()}
    if arm in USED["w_beta"]:
        all_dos = np.concatenate([np.zeros((len(key) - N, *dos.shape[1:])), dos])
        if arm == "delta":
            dq, dk, dv, dbeta, _ = delta.backward(saved.tape, all_dos)
        else:
            dq, dk, dv, dbeta, df, _ = delta.add_backward(saved.tape, all_dos)
        if arm == "decay":
            da = df * sigmoid_prime(saved.f)  # 0 where f is 1
            grads |= {"w_f": np.tensordot(da, batch.xs, 2), "b_f": da.sum()}
        da = dbeta * sigmoid_prime(saved.beta)  # 0 where beta is 0
        grads |= {"w_beta": np.tensordot(da, batch.xs, 2), "b_beta": da.sum()}
        dq = _unit_backward(saved.q, saved.lengths[0], dq)
        dk = _unit_backward(saved.k, saved.lengths[1], dk)
        asked = written = key
    else:
        dq, dk, dv = attention.attend_backward(saved.tape, dos)
        D = params.W_k.shape[1]
        grads["m"] = dq[..., D:].sum()
        dq, dk = dq[..., :D], dk[..., :D]
        asked, written, value = key[-N:], key[:-N][-len(dk) :], value[:-N][-len(dk) :]
    steps = ((0, 1), (0, 1))
    grads |= {
        "W_q": np.tensordot(asked, dq, steps),
        "W_k": np.tensordot(written, dk, steps),
        "W_v": np.tensordot(value, dv, steps),
    }
    return Params(**{name: np.asarray(grad) for name, grad in grads.items()})


def _unit(rows: Array) -> tuple[Array, Array]:
    """Return rows of length 1, and how long they were."""
    lengths = np.linalg.norm(rows, axis=-1, keepdims=True)
    return rows / lengths, lengths


def _unit_backward(rows: Array, lengths: Array, drows: Array) -> Array:
    """Take the derivative of `_unit`: what lies along a row changes its length alone."""
    return np.asarray((drows - rows * (rows * drows).sum(axis=-1, keepdims=True)) / lengths)
