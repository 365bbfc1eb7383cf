"""Who is timed: the same weights, inputs and gradient of the output for all of them.

Each runs forwards and keeps what its way back needs, or forwards and backwards down to the
gradients with respect to all weights and the inputs. All start from a state of zeros.
"""

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from bptt import fused, gru, lstm, rnn, unroll
from bptt.bench import plain
from bptt.cells import CELLS
from bptt.gradcheck import relative_error
from bptt.shapes import Array
from bptt.torch_layout import to_torch

# The largest error that equal results may have at the sizes of the benchmark.
BOUNDS = {"float64": 1e-10, "float32": 1e-3}


class Problem(NamedTuple):
    """What is to be computed."""

    cell: Annotated[ModuleType, "the cell"]
    params: Annotated[Any, "its weights"]
    xs: Annotated[Array, "T B I", "the inputs"]
    dhs: Annotated[Array, "T B H", "the gradients with respect to the outputs"]


class Outcome(NamedTuple):
    """What comes out, as NumPy arrays in this library's layout."""

    hs: Annotated[Array, "T B H", "the outputs"]
    dparams: Annotated[Any, "the gradient with respect to the weights"]
    dxs: Annotated[Array, "T B I", "the gradients with respect to the inputs"]


class Contestant(NamedTuple):
    """One way to solve a problem."""

    forward: Annotated[Callable[[], Any], "returns the outputs and what the way back needs"]
    both: Annotated[Callable[[], Any], "goes there and back; an outcome in a layout of its own"]
    outcome: Annotated[Callable[[], Outcome], "does so too, and translates the outcome"]


def draw(cell: str, dtype: DTypeLike, *, T: int, B: int, I: int, H: int, seed: int = 0) -> Problem:
    """Draw a problem, its weights as `init` does.

    Parameters
    ----------
    seed : int
        The seed of everything that is drawn.
    """
    rng = np.random.default_rng(seed)
    params = CELLS[cell].init(I, H, rng=rng, dtype=dtype)
    xs = rng.normal(size=(T, B, I)).astype(dtype)
    dhs = rng.normal(size=(T, B, H)).astype(dtype)
    return Problem(CELLS[cell], params, xs, dhs)


def enter(names: tuple[str, ...], problem: Problem) -> dict[str, Contestant]:
    """Prepare contestants for a problem, in the order of their names.

    Parameters
    ----------
    names : tuple of str
        Of "torch", "unroll", "fused", "plain"; "every 5" is `fused` with `recompute_every=5`,
        "torch without oneDNN" is torch with one operator after the other also for the LSTM in
        float32.
    problem : Problem
        What they compute.
    """
    return {name: _contestant(name, problem) for name in names}


def _contestant(name: str, problem: Problem) -> Contestant:
    if name.startswith("every "):
        return _run(fused, problem, recompute_every=int(name.removeprefix("every ")))
    if name in {"unroll", "fused"}:
        return _run({"unroll": unroll, "fused": fused}[name], problem)
    return {"torch": _torch, "torch without oneDNN": _without_onednn, "plain": _plain}[name](
        problem
    )


def errors(contestants: Mapping[str, Contestant]) -> dict[str, float]:
    r"""Compare what the contestants compute with what the first of them computes.

    The error of each of the others is the largest $\max |a - b| / \max |b|$ over the arrays of the
    outcome.

    Parameters
    ----------
    contestants : mapping of str to Contestant
        At least two contestants for one problem.
    """
    (_, first), *others = contestants.items()
    wanted = first.outcome()
    return {name: relative_error(other.outcome(), wanted) for name, other in others}


def _run(way: Any, problem: Problem, **options: int) -> Contestant:
    """Enter `unroll` or `fused`."""
    cell, params, xs, dhs = problem

    def forward() -> Any:
        return way.forward(cell, params, xs, **options)

    def both() -> Outcome:
        hs, _, tape = way.forward(cell, params, xs, **options)
        dparams, dxs, _ = way.backward(cell, params, tape, dhs)
        return Outcome(hs, dparams, dxs)

    return Contestant(forward, both, both)


def _plain(problem: Problem) -> Contestant:
    cell, params, xs, dhs = problem
    weights = plain.split(cell, params)

    def forward() -> Any:
        return plain.forward(cell, weights, xs)

    def both() -> tuple[Array, dict[str, Array], Array]:
        hs, caches = plain.forward(cell, weights, xs)
        grads, dxs = plain.backward(cell, weights, caches, dhs)
        return hs, grads, dxs

    def outcome() -> Outcome:
        hs, grads, dxs = both()
        return Outcome(hs, plain.join(cell, grads), dxs)

    return Contestant(forward, both, outcome)


def _torch(problem: Problem) -> Contestant:
    """Enter torch's own layer, on one thread, with both its biases."""
    import torch

    torch.set_num_threads(1)
    cell, params, xs, dhs = problem
    kinds = {rnn: torch.nn.RNN, lstm: torch.nn.LSTM, gru: torch.nn.GRU}
    inputs = torch.tensor(xs, requires_grad=True)
    douts = torch.tensor(dhs)
    layer = kinds[cell](*params.W_x.shape[:1], len(params.W_h), dtype=inputs.dtype)
    weights = {name: torch.from_numpy(a) for name, a in to_torch(cell, params).items()}
    layer.load_state_dict(weights)

    def forward() -> Any:
        return layer(inputs)

    def both() -> Any:
        inputs.grad = None
        layer.zero_grad()
        hs, _ = layer(inputs)
        hs.backward(douts)
        return hs

    def outcome() -> Outcome:
        hs = both().detach().numpy()
        W_ih, W_hh, b_ih, b_hh = (parameter.grad.numpy() for parameter in layer.parameters())
        more = [b_hh[2 * len(params.W_h) :]] if cell is gru else []
        dparams = cell.Params(W_ih.T, W_hh.T, b_ih, *more)
        return Outcome(hs, dparams, inputs.grad.numpy())

    return Contestant(forward, both, outcome)


def _without_onednn(problem: Problem) -> Contestant:
    """Enter torch's own layer with oneDNN switched off, for the time of each call."""
    return Contestant(*(_switched_off(f) for f in _torch(problem)))


def _switched_off(f: Callable[[], Any]) -> Callable[[], Any]:
    from torch.backends import mkldnn

    def call() -> Any:
        before = mkldnn.enabled
        mkldnn.enabled = False  # `mkldnn.flags` would set more than this
        try:
            return f()
        finally:
            mkldnn.enabled = before

    return call
