"""State or cache: the browser's counts are those of arrays that were made and multiplied."""

import numpy as np
import pytest
from visits import until

from bptt import gru, lstm, rnn, tree

PAGE = "chapters/13-see-what-came-next/"


class Counted(np.ndarray):
    """An array that counts the multiply-adds of its matrix products."""

    total = 0

    def __array_ufunc__(self, ufunc, method, *inputs, **options):
        inputs = [np.asarray(z) for z in inputs]
        result = getattr(ufunc, method)(*inputs, **options)
        if ufunc is np.matmul:
            Counted.total += result.size * inputs[0].shape[-1]
        return np.asarray(result).view(Counted)


def counted(step, *arguments):
    """Return the multiply-adds of a step, and the bytes that it hands on."""
    Counted.total = 0
    carried = step(*(tree.map(lambda z: z.view(Counted), given) for given in arguments))
    return {"work": Counted.total, "bytes": sum(leaf.nbytes for _, leaf in tree.leaves(carried))}


def count_cell(cell, H):
    params = cell.init(H, H, rng=np.random.default_rng(0))
    return counted(
        lambda *given: cell.step(*given)[0], params, np.ones((1, H)), cell.zero_state(params, 1)
    )


def attend(weights, x, cache):
    """A step with t - 1 steps in its cache, and the cache that it hands on."""
    q, k, v = (x @ W for W in weights)
    keys, values = (np.vstack([old, new]) for old, new in zip(cache, (k, v), strict=True))
    scores = q @ keys.view(Counted).T
    scores.view(Counted) @ values.view(Counted)
    return np.array([keys, values])


def attend_linearly(weights, x, matrix):
    q, k, v = (x @ W for W in weights)
    matrix = matrix + k.T @ v
    q @ matrix
    return matrix


@pytest.fixture
def page(visit):
    page = visit(PAGE)
    page.locator("#figure-state-and-attention .touch > button").click()
    page.locator(".touch-panel").wait_for()
    return page


def test_bytes_and_work_are_those_of_arrays(page):
    for H in (8, 16, 64):
        weights, x = np.ones((3, H, H)), np.ones((1, H))
        cells = {"RNN": rnn, "GRU": gru, "LSTM": lstm}
        expected = {name: count_cell(cell, H) for name, cell in cells.items()}
        expected["linear attention"] = counted(attend_linearly, weights, x, np.zeros((H, H)))
        for t in (1, 2, 5, 50, 400):
            expected["attention"] = counted(attend, weights, x, np.zeros((2, t - 1, H)))
            found = page.evaluate("([H, t]) => touchable.scripts.cache.compute(H, t)", [H, t])
            assert found == expected


def test_attention_is_dearer_from_the_step_that_is_named(page):
    for H in (8, 16, 64, 512):
        first = page.evaluate("H => touchable.scripts.cache.dearer(H)", H)
        for t in (first - 1, first):
            found = page.evaluate("([H, t]) => touchable.scripts.cache.compute(H, t)", [H, t])
            assert (found["attention"]["work"] > found["LSTM"]["work"]) == (t == first)


def test_the_cache_grows_and_the_state_does_not(page):
    squares = "document.querySelectorAll('.touch-stage rect[width=\"8\"]').length"
    until(page, f"() => {squares} === 6")  # five steps, and the one state
    page.locator(".touch-control input").first.focus()
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    until(page, f"() => {squares} === 11")
    until(page, "() => document.querySelector('.touch-status').textContent.includes('10 steps')")
