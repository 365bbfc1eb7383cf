r"""Where does a trained network stand still, and how fast do its gradients fade? Three flip-flops.

Networks are trained to hold three bits. All fixed points that a search finds are counted, and what
lies to both sides of each saddle. The same is done for networks that were not trained: the first
draw, the first draw with the spectral radius of the trained weights, and the trained weights turned
by a random rotation, which keeps their eigenvalues and singular values.

Parameters
----------
arm : Arm
    The kind of network.
params : Params
    The weights of a network, in float64.
rows : ndarray of shape (B, N)
    States, all numbers of one side by side.
"""

from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import deep, gru, lstm, probe, rnn, tasks, tree, unroll
from bptt.cell import AnyCell, inside
from bptt.experiments.plan import shared, tune_then_test
from bptt.experiments.training import curve, fit
from bptt.losses import squared_error
from bptt.shapes import Array
from bptt.weights import orthogonal


class Arm(NamedTuple):
    """A network of an arm.

    Attributes
    ----------
    cell : module
        The cell.
    hidden_size : int
        H, the units.
    limit : float
        The largest modulus of a number of the state at a fixed point.
    """

    cell: AnyCell
    hidden_size: int
    limit: float


# About as many weights in each.
ARMS = {"tanh": Arm(rnn, 24, 1.0), "GRU": Arm(gru, 13, 1.0), "LSTM": Arm(lstm, 11, np.inf)}

EDGE = 1e-6  # how close to 1 a modulus has to be to count as neither below nor above

NETWORKS = ("trained", "untrained", "rescaled", "turned")


@dataclass(frozen=True)
class Settings:
    """What is run: every arm, with every rate on the tuning seed."""

    arms: Annotated[tuple[str, ...], "which of `ARMS`"] = tuple(ARMS)
    rates: Annotated[tuple[float, ...], "learning rates to choose from"] = (3e-3, 1e-2, 3e-2)
    tuning_seeds: Annotated[tuple[int, ...], "the seeds that choose the rate"] = (100,)
    seeds: Annotated[tuple[int, ...], "the seeds of the test runs"] = tuple(range(10))
    steps: Annotated[int, "training steps"] = 1500
    T: Annotated[int, "the length of a sequence in training"] = 50
    pulses: Annotated[float, "the probability of a pulse"] = 0.1
    batch: Annotated[int, "B, the sequences of a training step"] = 32
    max_norm: Annotated[float, "the largest global norm of a gradient, by clipping"] = 1.0
    starts: Annotated[int, "starts of the search, of each kind"] = 1000
    noise: Annotated[float, "around visited states, in their standard deviations"] = 0.3
    settle: Annotated[int, "steps without a pulse until a state counts as settled"] = 1500
    run: Annotated[int, "steps that the exponents are a mean of"] = 300
    back: Annotated[int, "how many steps back gradients are followed"] = 50


FULL = Settings()
REDUCED = Settings(
    arms=("tanh",),
    rates=(1e-2,),
    tuning_seeds=(),
    seeds=(0, 1),
    steps=400,
    starts=200,
    settle=300,
    run=100,
    back=30,
)


def cases(settings: Settings, runs: list[Any]) -> list[dict[str, Any]]:
    """Return the tuning runs, then those on the test seeds, with the rates of the lowest `loss`."""
    same = shared(settings, "arms", "rates", "tuning_seeds", "seeds")
    return tune_then_test(
        settings,
        runs,
        [{"arm": arm, **same} for arm in settings.arms],
        rates=lambda _: settings.rates,
        rank=lambda score: (score["loss"],),
        tuning={"starts": 0},
    )


def score(case: dict[str, Any]) -> dict[str, Any]:
    """Train one network in float32; search it and three others of its kind in float64.

    `loss` is the mean over the last 20 training batches, `losses` that over each twentieth of the
    training, `right` the share of right signs on 100 fresh sequences of four times the length, and
    `held` that share of the last targets after `settle` more steps without a pulse. A tuning run,
    one without starts, ends there. Else there are the scores of `portrait` and of `gradients` for
    each network, and of `trained` and `untrained` a `path` of outputs.
    """
    rng = np.random.default_rng(case["seed"])
    arm = ARMS[case["arm"]]
    task = tasks.FlipFlop(case["T"], rate=case["pulses"])
    untrained = deep.init(
        arm.cell, task.bits, arm.hidden_size, task.bits, rng=rng, dtype=np.float32
    )
    history = fit(
        lambda params, batch: deep.loss_and_grads(arm.cell, params, *batch, squared_error),
        untrained,
        task,
        case,
        rng=rng,
    )
    xs, targets = tasks.FlipFlop(4 * case["T"], rate=case["pulses"]).draw(100, rng=rng)
    outputs = deep.outputs(arm.cell, history.params, xs)
    _, state, _ = unroll.forward(arm.cell, history.params.layers[0], xs)
    rest = settle(arm, history.params, np.concatenate(state, axis=1), case["settle"])
    held = rest[:, : arm.hidden_size] @ history.params.W_y + history.params.b_y
    scores: dict[str, Any] = {
        "loss": float(history.loss[-20:].mean()),
        "losses": curve(history.loss),
        "right": float((np.sign(outputs) == targets).mean()),
        "held": float((np.sign(held) == targets[-1]).mean()),
    }
    if not case["starts"]:
        return scores
    networks = others(wide(untrained), wide(history.params), rng=rng)
    for name, params in zip(NETWORKS, networks, strict=True):
        scores |= {
            f"{name}_{key}": value
            for found in (portrait, gradients)
            for key, value in found(arm, params, case, rng=rng).items()
        }
    for name, params in zip(NETWORKS[:2], networks[:2], strict=True):
        path = deep.outputs(arm.cell, params, xs[:80, :1])[:, 0]
        scores[f"{name}_path"] = path.astype(np.float64).round(3).tolist()
    return scores


def wide(params: deep.Params) -> deep.Params:
    """Return weights in float64."""
    widened: deep.Params = tree.map(lambda weights: weights.astype(np.float64), params)
    return widened


def others(
    untrained: deep.Params, trained: deep.Params, *, rng: np.random.Generator
) -> list[deep.Params]:
    r"""Return the networks of `NETWORKS`.

    `rescaled` is the first draw, each square block of $W_h$ scaled to the spectral radius that it
    has after training. `turned` has $Q^\top W_h Q$ for each block, and $b Q$ for each bias, with
    one random orthogonal $Q$; its other weights are the trained ones.

    Parameters
    ----------
    untrained, trained : Params
        The weights before training and after it.
    """
    drawn, learned = untrained.layers[0], trained.layers[0]
    H = len(learned.W_h)

    def blocks(weights: Array) -> list[Array]:
        return np.split(weights, weights.shape[-1] // H, axis=-1)

    scaled = [
        W * (probe.spectral_radius(V) / probe.spectral_radius(W))
        for W, V in zip(blocks(drawn.W_h), blocks(learned.W_h), strict=True)
    ]
    Q = orthogonal(H, rng=rng)
    turned = {
        name: np.concatenate([part @ Q for part in blocks(weights)])
        for name, weights in learned._asdict().items()
        if weights.ndim == 1
    }
    turned["W_h"] = np.hstack([Q.T @ W @ Q for W in blocks(learned.W_h)])
    return [
        trained,
        untrained,
        untrained._replace(layers=(drawn._replace(W_h=np.hstack(scaled)),)),
        trained._replace(layers=(learned._replace(**turned),)),
    ]


def portrait(
    arm: Arm, params: deep.Params, case: dict[str, Any], *, rng: np.random.Generator
) -> dict[str, Any]:
    r"""Search for the fixed points of a network without input, and count them.

    `unstable` has for each point the number of its eigenvalues of modulus above 1; `degree` is the
    sum over all points of $(-1)^n$ with $n$ real eigenvalues above 1, and 1 if no point is missing.
    `outputs` are the readouts at the points. `memories` counts the stable points, `patterns` their
    different signs. `passes` counts the points with one unstable direction, a real eigenvalue above
    1. `apart` says for each in how many bits the stable points differ to which its two sides flow,
    0 if they are one, -1 if a side comes to none; `edges` counts the ones. `in_place` counts the
    points whose outputs, rounded to -1, 0 and 1, have as many zeros as the point has unstable
    directions, and are those of no other point.

    The starts are states that runs visit, with noise; uniform states; and means of points that
    these have led to. `visited`, `uniform` and `between` say after how many starts of a kind each
    point was first found, sorted; `failed` how many starts led to none. `settled` is the share of
    200 runs without input, one half from each of the first two kinds, that end at a stable point.
    `slowest` is the mean over the stable points of the logarithm of the largest modulus.
    """
    cell, weights = arm.cell, params.layers[0]
    x = np.zeros(len(weights.W_x))
    near, far = starts(arm, params, case, rng=rng)

    def search(rows: Array) -> probe.FixedPoints:
        state = state_of(arm, params, rows)
        return probe.fixed_points(cell, weights, x, state, limit=arm.limit, tol=1e-12)

    first = search(np.concatenate([near, far]))
    ways = [first.found[: len(near)], first.found[len(near) :]]
    points = np.concatenate(first.state, axis=1)
    M, S = len(points), len(near)
    ends_of = points if M else far  # of what the third kind of start is a mean
    chosen = rng.random((S, len(ends_of))) < rng.random((S, 1))
    chosen[np.arange(S), rng.integers(len(ends_of), size=S)] = True
    means = chosen @ ends_of / chosen.sum(axis=1, keepdims=True)
    found = search(np.concatenate([points, means]))
    ways.append(found.found[M:])

    moduli = np.abs(found.eigenvalues)
    unstable = (moduli > 1 + EDGE).sum(axis=1)
    above = (np.abs(found.eigenvalues.imag) < 1e-12) & (found.eigenvalues.real > 1 + EDGE)
    outputs = found.state.h @ params.W_y + params.b_y
    points = np.concatenate(found.state, axis=1)
    stable = np.flatnonzero(moduli[:, 0] < 1 - EDGE)
    signs = np.sign(outputs)

    def ends(rows: Array) -> Array:
        """Return which stable point each state comes to, or -1."""
        if not len(stable):
            return np.full(len(rows), -1)
        settled = settle(arm, params, rows, case["settle"])
        far_off = np.abs(settled[:, None] - points[stable]).max(axis=-1)  # (rows, stable points)
        return np.where(far_off.min(axis=1) < 1e-3, stable[far_off.argmin(axis=1)], -1)

    apart = []
    passes = np.flatnonzero((unstable == 1) & above[:, 0])
    if len(passes):
        step = 1e-3 * np.array([direction(J) for J in found.jacobians[passes]])
        sides = ends(np.concatenate([points[passes] + step, points[passes] - step]))
        apart = [
            int((signs[a] != signs[b]).sum()) if min(a, b) >= 0 else -1
            for a, b in zip(*np.split(sides, 2), strict=True)
        ]
    cells = np.round(outputs).astype(int)
    alone = (cells[:, None] == cells).all(axis=-1).sum(axis=1) == 1
    placed = (np.abs(cells) <= 1).all(axis=1) & ((cells == 0).sum(axis=1) == unstable) & alone
    every = ends(np.concatenate([near[:100], far[:100]]))
    return {
        "unstable": unstable.tolist(),
        "degree": int(((-1) ** above.sum(axis=1)).sum()),
        "outputs": outputs.round(3).tolist(),
        "memories": len(stable),
        "patterns": len({tuple(row) for row in signs[stable]}),
        "passes": len(passes),
        "apart": apart,
        "edges": apart.count(1),
        "in_place": int(placed.sum()),
        **{
            name: sorted(np.unique(way[way >= 0], return_index=True)[1].tolist())
            for name, way in zip(("visited", "uniform", "between"), ways, strict=True)
        },
        "failed": sum(int((way < 0).sum()) for way in ways),
        "settled": float((every >= 0).mean()),
        "slowest": float(np.log(moduli[stable, 0]).mean()) if len(stable) else 0.0,
    }


def starts(
    arm: Arm, params: deep.Params, case: dict[str, Any], *, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Return first guesses of two kinds, each of shape (S, N): near visited states, and uniform.

    The second are uniform from -1 to 1, or to the largest that was visited where that is more.
    """
    cell, weights = arm.cell, params.layers[0]
    xs, _ = tasks.FlipFlop(100, rate=case["pulses"]).draw(20, rng=rng)
    state, visited = cell.zero_state(weights, 20), []
    for x in xs:
        state, _ = cell.step(weights, x, state)
        visited.append(np.concatenate(state, axis=1))
    rows = np.concatenate(visited)
    shape = (case["starts"], rows.shape[1])
    noise = rng.normal(scale=case["noise"] * rows.std(axis=0), size=shape)
    reach = np.maximum(1, np.abs(rows).max(axis=0))
    return rows[rng.integers(len(rows), size=len(noise))] + noise, rng.uniform(-reach, reach, shape)


def state_of(arm: Arm, params: deep.Params, rows: Array) -> Any:
    """Return rows of shape (B, N) as a state of the cell."""
    zero = arm.cell.zero_state(params.layers[0], 1)
    return type(zero)(*np.split(rows, len(zero), axis=1))


def settle(arm: Arm, params: deep.Params, rows: Array, steps: int) -> Array:
    """Run states without input; return where they are then, as rows.

    Parameters
    ----------
    steps : int
        For how long.
    """
    state, step = state_of(arm, params, rows), inside(arm.cell.step)
    x = np.zeros((len(rows), len(params.layers[0].W_x)))
    for _ in range(steps):
        state, _ = step(params.layers[0], x, state)
    return np.concatenate(state, axis=1)


def direction(J: Array) -> Array:
    r"""Return the row of length 1 that a Jacobian stretches most, $v J = \lambda v$, real.

    Parameters
    ----------
    J : ndarray of shape (N, N)
        The Jacobian; its largest eigenvalue is real.
    """
    values, vectors = np.linalg.eig(J.T)
    v = vectors[:, np.abs(values).argmax()].real
    return np.asarray(v / np.linalg.norm(v))


def gradients(
    arm: Arm, params: deep.Params, case: dict[str, Any], *, rng: np.random.Generator
) -> dict[str, Any]:
    """Measure how gradients fade on the way back, and what should have told it beforehand.

    `fades` is the mean over 200 sequences of the logarithm of the norm of the gradient with respect
    to the state k steps before the end, less that at the end, for k = 0, 1, ...; the loss reads the
    last step alone. `summed` is that of the root mean square over the sequences. All else comes
    from other runs, or from the weights. `exponents` are the Lyapunov exponents of four runs, their
    mean. `radius` and `stretch` are the logarithms of the spectral radius and the largest singular
    value of the last block of W_h, `each_radius` and `each_stretch` the means over the steps of
    those of each Jacobian.
    """
    cell, weights = arm.cell, params.layers[0]
    skip = case["run"] // 4
    drive, _ = tasks.FlipFlop(skip + case["run"], rate=case["pulses"]).draw(4, rng=rng)
    _, _, tape = unroll.forward(cell, weights, drive)
    steps = probe.jacobians(cell, weights, tape)[skip:]
    block = weights.W_h[:, -len(weights.W_h) :]
    if cell is lstm:  # its candidate stands in the third of four blocks
        block = np.split(weights.W_h, 4, axis=1)[2]

    xs, targets = tasks.FlipFlop(2 * case["back"], rate=case["pulses"]).draw(200, rng=rng)
    hs, _, tape = unroll.forward(cell, weights, xs)
    dhs = np.zeros_like(hs)
    dhs[-1] = (hs[-1] @ params.W_y + params.b_y - targets[-1]) @ params.W_y.T
    norms = [np.linalg.norm(dhs[-1], axis=1)]
    for _, _, dstate in unroll.backward_steps(cell, weights, tape, dhs):
        norms.append(np.linalg.norm(np.concatenate(dstate, axis=1), axis=1))
        if len(norms) > case["back"]:
            break
    way = np.array(norms)  # (back + 1, B)
    typical = np.log(way).mean(axis=1)
    summed = np.log((way**2).mean(axis=1)) / 2
    exponents = probe.lyapunov(cell, weights, drive, skip=skip).mean(axis=0)
    return {
        "fades": (typical - typical[0]).round(4).tolist(),
        "summed": (summed - summed[0]).round(4).tolist(),
        "exponents": exponents.round(5).tolist(),
        "radius": float(np.log(probe.spectral_radius(block))),
        "stretch": float(np.log(np.linalg.norm(block, 2))),
        "each_radius": float(np.log(np.abs(np.linalg.eigvals(steps)).max(axis=-1)).mean()),
        "each_stretch": float(np.log(np.linalg.norm(steps, 2, axis=(-2, -1))).mean()),
    }
