"""The sum over the paths: the browser's numbers are NumPy's, and the drawing says them."""

import itertools

import numpy as np
import pytest
from visits import until

PAGE = "chapters/02-backpropagate-through-time/"
DATA = {"start": 4, "inputs": [4, 2, 2, 3, 1]}
COMPUTE = "([data, T, w]) => touchable.scripts.paths.compute(data, T, w)"


def gradient(T, w):
    """Backpropagate through h_t = u_t + w h_{t-1}, where each state is a loss."""
    states = [DATA["start"]]
    for u in DATA["inputs"][:T]:
        states.append(u + w * states[-1])
    dh, dw = 0.0, 0.0
    for t in range(T, 0, -1):
        dh = 1 + w * dh
        dw += dh * states[t - 1]
    return states, dw


@pytest.fixture
def page(visit):
    page = visit(PAGE)
    page.locator("#figure-paths .touch > button").click()
    page.locator("#figure-paths .touch-panel").wait_for()
    return page


def test_the_paths_add_up_to_the_gradient(page):
    for T, w in itertools.product(range(1, 6), np.linspace(-1.5, 1.5, 31)):
        found = page.evaluate(COMPUTE, [DATA, T, float(w)])
        states, dw = gradient(T, float(w))
        np.testing.assert_allclose(found["states"], states, rtol=1e-6, atol=1e-12)
        np.testing.assert_allclose(found["gradient"], dw, rtol=1e-6, atol=1e-12)
        values = [path["value"] for path in found["paths"]]
        assert len(values) == T * (T + 1) // 2
        np.testing.assert_allclose(sum(values), dw, rtol=1e-6, atol=1e-12)


def test_the_page_has_the_data_of_this_test(page):
    assert page.evaluate("JSON.parse(document.querySelector('#figure-paths script').text)") == DATA


def test_a_press_on_a_product_lights_its_path(page):
    page.locator(".touch-products button").nth(3).click()
    until(page, "() => document.querySelector('.touch-status').textContent.startsWith('Path 4')")
    assert page.locator(".touch-status").inner_text() == (
        "Path 4 of 6, from step 1 to loss 3: 4 × 0.5 × 0.5 = 1. Added so far: 13. "
        "All paths: 21, the gradient."
    )
    assert page.locator(".touch-arrow.lit").count() == 4  # in, twice along the chain, and out
    assert page.locator(".touch-products [aria-pressed=true]").inner_text() == "1"
    assert page.evaluate("document.activeElement.textContent") == "1"
