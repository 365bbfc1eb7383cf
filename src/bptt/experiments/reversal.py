r"""Do strings come back reversed, and longer ones than in training? One state, or attention.

Every arm is `bptt.seq2seq` with LSTMs. `one` hands over its last state alone and has as many
weights as `attention`. `wide` has twice the units, as many as the state of `attention` and what it
finds together. The order says what the answer is: with `reverse` the string from its end, with
`copy` the string as it was read. A frozen encoder stays as it was drawn.
"""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np

from bptt import lstm, seq2seq, tasks, tree
from bptt.experiments.plan import shared, tune_then_test
from bptt.experiments.training import curve, fit
from bptt.losses import cross_entropy
from bptt.shapes import Array
from bptt.tasks import Batch

# The units of each arm.
UNITS = {"one": 34, "wide": 64, "attention": 32}


@dataclass(frozen=True)
class Settings:
    """What is run: each condition with its arms, then two arms of the first for longer."""

    conditions: Annotated[
        tuple[tuple[str, int, bool, tuple[str, ...]], ...],
        "the order, the longest string, a frozen encoder or not, and which of `UNITS`",
    ] = (
        ("reverse", 10, False, ("one", "wide", "attention")),
        ("copy", 10, False, ("one", "attention")),
        ("reverse", 20, False, ("wide", "attention")),
        ("reverse", 10, True, ("one", "attention")),
    )
    rates: Annotated[tuple[float, ...], "learning rates to choose from"] = (1e-2, 2e-2, 4e-2)
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose the rate"] = (100, 101)
    seeds: Annotated[tuple[int, ...], "the seeds of the test runs"] = tuple(range(10))
    steps: Annotated[int, "training steps"] = 600
    longer: Annotated[int, "training steps of the runs that go on"] = 2400
    longer_arms: Annotated[tuple[str, ...], "their arms"] = ("wide", "attention")
    longer_seeds: Annotated[tuple[int, ...], "their seeds"] = (0, 1, 2)
    symbols: Annotated[int, "K, the symbols"] = 8
    batch: Annotated[int, "B, the strings of a training step"] = 32
    max_norm: Annotated[float, "the largest global norm of a gradient, by clipping"] = 1.0
    until: Annotated[int, "the longest string of the test"] = 20
    tested: Annotated[int, "the strings of each length in the test"] = 200


FULL = Settings()
REDUCED = Settings(
    conditions=(("reverse", 5, False, ("one", "attention")),),
    rates=(2e-2,),
    tuning_seeds=(),
    seeds=(0,),
    steps=300,
    longer_arms=(),
    until=10,
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the tuning runs, then those on the test seeds, with the rates of the lowest `loss`.

    A rate is chosen for each arm and order, on strings up to the longest of the first condition.
    """
    varied = ("conditions", "rates", "tuning_seeds", "seeds", "steps")
    same = shared(settings, *varied, "longer", "longer_arms", "longer_seeds")
    order, longest, frozen, _ = settings.conditions[0]
    usual = {"longest": longest, "frozen": frozen, "steps": settings.steps}
    rows = [
        {"arm": arm, "order": order, "longest": longest, "frozen": frozen}
        for order, longest, frozen, arms in settings.conditions
        for arm in arms
    ]
    rows = [{**row, "steps": settings.steps, **same} for row in rows]
    rows += [
        {"arm": arm, "order": order, **usual, "steps": settings.longer, **same}
        for arm in settings.longer_arms
    ]
    found = tune_then_test(
        settings,
        runs,
        rows,
        rates=lambda _: settings.rates,
        rank=lambda score: (score["loss"],),
        tuning=usual,
    )
    wanted = [
        case
        for case in found
        if case["steps"] == settings.steps or case["seed"] in settings.longer_seeds
    ]
    return [case for i, case in enumerate(wanted) if case not in wanted[:i]]


def trained(case: dict[str, Any], *, rng: np.random.Generator) -> Any:
    """Draw a network and train it; return the history.

    Parameters
    ----------
    case : dict
        One of `cases`.
    """
    K, arm = case["symbols"], case["arm"]
    looks = arm == "attention"
    params = seq2seq.init(lstm, K, UNITS[arm], K, attention=looks, rng=rng)
    task = tasks.Reversal(case["longest"], symbols=K)

    def loss_and_grads(params: seq2seq.Params, batch: Batch) -> tuple[float, seq2seq.Params]:
        loss, grads = seq2seq.loss_and_grads(lstm, params, *ordered(case["order"], batch))
        if case["frozen"]:
            grads = grads._replace(encoder=tree.map(np.zeros_like, grads.encoder))
        return loss, grads

    return fit(loss_and_grads, params, task, case, rng=rng)


def ordered(order: str, batch: Batch) -> Batch:
    """Return a batch whose inputs come in an order: for `copy` that of the answers.

    Parameters
    ----------
    order : str
        `reverse` or `copy`.
    batch : Batch
        The strings of `tasks.Reversal`.
    """
    return batch._replace(xs=batch.xs[::-1]) if order == "copy" else batch


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network and test it on strings of each length.

    `free`, the share of right answers when the decoder runs free, `whole`, of strings with all
    answers right, `forced` and `forced_loss`, the share and the cross-entropy in nats under teacher
    forcing: each for the lengths from 1 to `until`. For half of `until` and for `until` itself:
    `places`, what `free` is at each place, `told`, the same under teacher forcing, and
    `slip`, the same if the first answer is told wrong. With attention, `looks`, the share of the
    weight that lies on the right place when the decoder runs free, for each length, and `maps`,
    the mean weights at both lengths. Then `loss`, the mean of the last tenth of the training,
    `losses`, the mean over each twentieth of it, and `weights`, how many the arm has.
    """
    rng = np.random.default_rng(case["seed"])
    history = trained(case, rng=rng)
    params, K = history.params, case["symbols"]
    kinds = ("free", "whole", "forced", "forced_loss", "looks", "places", "told", "slip", "maps")
    found: dict[str, list[Any]] = {kind: [] for kind in kinds}
    for n in range(1, case["until"] + 1):
        task = tasks.Reversal(n, n, K)
        xs, targets = ordered(case["order"], task.draw(case["tested"], rng=rng))
        answers, alpha = seq2seq.generate(lstm, params, xs, n)
        ys, _ = seq2seq.forced(lstm, params, xs, targets)
        right, told = answers == targets, ys.argmax(axis=-1) == targets
        found["free"].append(share(right))
        found["whole"].append(share(right.all(axis=0)))
        found["forced"].append(share(told))
        found["forced_loss"].append(round(cross_entropy(ys, targets)[0], 4))
        if alpha.size:
            place = np.arange(n) if case["order"] == "copy" else np.arange(n)[::-1]
            found["looks"].append(share(alpha[np.arange(n), :, place]))
        if n in (case["until"] // 2, case["until"]):
            wrong = np.concatenate([(targets[:1] + rng.integers(1, K)) % K, targets[1:]])
            slip = seq2seq.forced(lstm, params, xs, wrong)[0].argmax(axis=-1) == targets
            for kind, rows in (("places", right), ("told", told), ("slip", slip)):
                found[kind].append([share(row) for row in rows])
            if alpha.size:
                found["maps"].append(alpha.mean(axis=1).round(2).tolist())
    return {
        **found,
        "loss": float(history.loss[-max(1, case["steps"] // 10) :].mean()),
        "losses": curve(history.loss),
        "weights": sum(int(leaf.size) for _, leaf in tree.leaves(params)),
    }


def share(right: Array) -> float:
    """Return a mean with five digits.

    Parameters
    ----------
    right : ndarray
        Ones and zeros, or weights between.
    """
    return float(right.mean().round(5))
