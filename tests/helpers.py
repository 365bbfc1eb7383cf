"""What several test files share: a run to differentiate, and how trees are compared."""

from typing import Any, NamedTuple

import numpy as np
from hypothesis import strategies as st

from bptt import gru, lstm, mingru, rnn, tree, unroll
from bptt.gradcheck import directional_derivative, numeric_gradient, relative_error
from bptt.shapes import Array

# The cells with weights `W_h`, which read the state before. The second list has all cells, and the
# fixture `cell` goes through it.
CELLS = [rnn, lstm, gru]
ALL_CELLS = [*CELLS, mingru]

# T, B, I and H, and the seed of everything that is drawn.
SIZES = st.tuples(st.integers(1, 6), st.integers(1, 5), st.integers(1, 6), st.integers(1, 6))
SEEDS = st.integers(0, 2**32 - 1)

# Two steps of central differences, to extrapolate from.
STEPS = 5e-4, 1e-3


class Inputs(NamedTuple):
    """What a run depends on, or a gradient with respect to it."""

    params: Any
    xs: Array
    state: Any


class Outputs(NamedTuple):
    """What a run returns, or a gradient with respect to it."""

    hs: Array
    state_T: Any


def draw(
    cell: Any, T: int = 5, B: int = 3, I: int = 4, H: int = 2, *, seed: int = 0
) -> tuple[Inputs, Outputs]:
    """Draw a run and the gradient at its end. Nothing is zero, the initial state neither."""
    rng = np.random.default_rng(seed)
    params = cell.init(I, H, rng=rng)
    inputs = Inputs(params, np.zeros((T, B, I)), cell.zero_state(params, B))
    douts = Outputs(np.zeros((T, B, H)), cell.zero_state(params, B))
    return (
        tree.map(lambda a: rng.normal(scale=0.5, size=a.shape), inputs),
        tree.map(lambda a: rng.normal(size=a.shape), douts),
    )


def run(cell: Any, inputs: Inputs, mask: Any = None) -> Outputs:
    """Run forwards."""
    hs, state_T, _ = unroll.forward(cell, *inputs, mask)
    return Outputs(hs, state_T)


def gradient(cell: Any, inputs: Inputs, douts: Outputs, mask: Any = None) -> Inputs:
    """Run forwards and backwards: the gradient of `tree.dot(douts, run(...))`."""
    _, _, tape = unroll.forward(cell, *inputs, mask)
    return Inputs(*unroll.backward(cell, inputs.params, tape, *douts))


def differences(f: Any, at: Any) -> Any:
    """Extrapolate central differences: what is left is of fourth order, so 1e-7 is far away.

    A gradient of one number can be small by chance. Its relative error by plain differences is
    then above 1e-7 once in some hundred draws.
    """
    near, far = (numeric_gradient(f, at, eps) for eps in STEPS)
    return tree.map(lambda a, b: (4 * a - b) / 3, near, far)


def assert_slopes(f: Any, at: Any, grads: Any, tol: float = 1e-7) -> None:
    """Insist on the slopes of `f` along eight random directions of each array.

    A large array costs 32 values of `f`, where `differences` needs four for each number. A wrong
    entry changes all its slopes. The error is relative to the largest of them.
    """
    tree.check_same_shapes("assert_slopes", "grads", grads, at)
    rng = np.random.default_rng(0)
    numbers, unravel = tree.ravel(at)
    ends = np.cumsum([leaf.size for _, leaf in tree.leaves(at)])
    for part in np.split(np.arange(numbers.size), ends[:-1]):
        got, want = [], []
        for _ in range(min(8, part.size)):
            along = np.zeros_like(numbers)
            along[part] = rng.normal(size=part.size)
            u = unravel(along / np.linalg.norm(along))
            near, far = (directional_derivative(f, at, u, eps) for eps in STEPS)
            got.append(tree.dot(grads, u))
            want.append((4 * near - far) / 3)
        assert_close(np.array(got), np.array(want), tol)


def draw_mask(T: int, B: int, seed: int) -> Array:
    """Draw where sequences have a step; some have none at all, some one at every time."""
    rng = np.random.default_rng(seed)
    return rng.random((T, B)) < rng.choice([0, 0.3, 0.7, 1], size=B)


def assert_close(got: Any, want: Any, tol: float = 1e-12) -> None:
    """Insist that two trees agree, each array relative to its largest entry."""
    assert relative_error(got, want) <= tol


def assert_equal(got: Any, want: Any) -> None:
    """Insist that two trees agree in every bit and dtype."""
    tree.map(np.testing.assert_array_equal, got, want)
    tree.map(lambda a, b: np.testing.assert_equal(a.dtype, b.dtype), got, want)
