"""Forty steps back: the browser's gradients are NumPy's, and the figures say them."""

import itertools

import numpy as np
import pytest
from visits import until

from bptt import lstm, rnn, unroll

THIRD, SEVENTH = "chapters/03-vanish-and-explode/", "chapters/07-set-the-forget-bias/"
STEPS, UNITS, INPUTS, NETWORKS = 40, 20, 10, 13
COMPUTE = "([data, settings]) => touchable.scripts.steps.compute(data, settings)"


def mulberry(seed):
    """Return the script's generator of uniform numbers, and one of normal numbers from it."""
    word = 0xFFFFFFFF

    def uniform():
        nonlocal seed
        seed = (seed + 0x6D2B79F5) & word
        bits = ((seed ^ seed >> 15) * (seed | 1)) & word
        bits ^= (bits + (bits ^ bits >> 7) * (bits | 61)) & word
        return (bits ^ bits >> 14) / 2**32

    def normal():
        return np.sqrt(-2 * np.log(1 - uniform())) * np.cos(2 * np.pi * uniform())

    return uniform, normal


def drawn(draw, *shape):
    return np.array([draw() for _ in range(np.prod(shape))]).reshape(shape)


def orthogonal(normal):
    """Make a draw orthogonal as `weights.orthogonal` does."""
    Q, R = np.linalg.qr(drawn(normal, UNITS, UNITS).T)
    return Q * np.sign(np.diag(R))


def network(cell, seed):
    blocks = {rnn: 1, lstm: 4}[cell]
    uniform, normal = mulberry(seed)
    xs = drawn(normal, STEPS, 1, INPUTS)
    last = drawn(normal, 1, UNITS)
    r = np.sqrt(6 / (INPUTS + UNITS))
    W_x = r * (2 * drawn(uniform, blocks * UNITS, INPUTS).T - 1)
    W_h = np.hstack([orthogonal(normal) for _ in range(blocks)])
    params = cell.Params(W_x, W_h, np.zeros(blocks * UNITS))
    return params, xs, last / np.linalg.norm(last)


def norms(cell, params, xs, last, start=None):
    """Return the norm of the gradient of the state, 0 to 40 steps back."""
    hs, _, tape = unroll.forward(cell, params, xs, start)
    dhs = np.zeros_like(hs)
    dhs[-1] = last
    steps = unroll.backward_steps(cell, params, tape, dhs)
    return [1.0, *(np.linalg.norm(np.stack(dstate)) for _, _, dstate in steps)]


@pytest.fixture(scope="module")
def networks():
    return {
        name: [network(cell, seed + 1) for seed in range(NETWORKS)]
        for name, cell in {"tanh": rnn, "lstm": lstm}.items()
    }


def expected(networks, sigma, size, bias):
    for tanh, gated in zip(networks["tanh"], networks["lstm"], strict=True):
        found = {}
        for name, cell, (params, xs, last) in [("tanh", rnn, tanh), ("lstm", lstm, gated)]:
            b = params.b.copy()
            if cell is lstm:
                b[UNITS : 2 * UNITS] = bias
            scaled = params._replace(W_h=sigma * params.W_h, b=b)
            found[name] = norms(cell, scaled, size * xs, last)
        yield found


@pytest.fixture
def opened(visit):
    def opened(path, name):
        page = visit(path)
        page.locator(f"#figure-{name} .touch > button").click()
        page.locator(f"#figure-{name} .touch-panel").wait_for()
        return page

    return opened


PLAIN = str.maketrans("−⁰¹²³⁴⁵⁶⁷⁸⁹⁻", "-0123456789-")


def values(page, name):
    """Read the numbers of a figure's legend."""
    texts = page.locator(f"#figure-{name} .touch-legend b").all_inner_texts()
    return [float(text.translate(PLAIN).replace(" × 10", "e")) for text in texts if text]


def until_values(page, name, wanted):
    """Wait until the legend holds numbers, to the three digits that it has."""
    for _ in range(600):
        found = values(page, name)
        if len(found) == len(wanted) and np.allclose(found, wanted, rtol=6e-3, atol=0):
            return
        page.wait_for_timeout(50)
    np.testing.assert_allclose(found, wanted, rtol=6e-3)


def test_the_gradients_of_networks_are_those_of_the_library(opened, networks):
    page = opened(SEVENTH, "distance")
    data = page.evaluate("JSON.parse(document.querySelector('#figure-distance script').text)")
    grid = itertools.product([0.5, 1, 2], [0, 0.2, 3], [0, 3, 6])
    for sigma, size, bias in grid:
        found = page.evaluate(COMPUTE, [data, {"sigma": sigma, "size": size, "bias": bias}])
        for ours, theirs in zip(found, expected(networks, sigma, size, bias), strict=True):
            assert ours.keys() == theirs.keys()
            for name in ours:
                np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-6)


def test_no_gradient_of_a_tanh_network_passes_the_bound(opened, networks):
    page = opened(THIRD, "sweep")
    data = page.evaluate("JSON.parse(document.querySelector('#figure-sweep script').text)")
    for sigma, size in itertools.product([0.5, 1.5, 3], [0, 1, 3]):
        found = page.evaluate(COMPUTE, [data, {"sigma": sigma, "size": size}])
        for ours, theirs in zip(found, expected(networks, sigma, size, 0), strict=True):
            assert list(ours) == ["tanh"]
            np.testing.assert_allclose(ours["tanh"], theirs["tanh"], rtol=1e-6)
            bound = sigma ** np.arange(STEPS + 1.0)
            assert (ours["tanh"] <= bound * (1 + 1e-9)).all()


def test_the_gradient_of_one_unit_is_that_of_the_library(opened):
    page = opened(THIRD, "one-unit")
    data = page.evaluate("JSON.parse(document.querySelector('#figure-one-unit script').text)")
    one, nothing = np.ones((1, 1)), np.zeros((STEPS, 1, 1))
    for w, start in itertools.product([0.5, 0.9, 1, 1.5], [0, 0.1, 1]):
        ((found),) = page.evaluate(COMPUTE, [data, {"w": w, "start": start}])
        params = rnn.Params(one, w * one, np.zeros(1))
        wanted = norms(rnn, params, nothing, one, rnn.State(start * one))
        np.testing.assert_allclose(found["unit"], wanted, rtol=1e-6)


def test_the_powers_of_a_weight_by_keyboard(opened):
    page = opened(THIRD, "decay")
    until_values(page, "decay", [1.1**40])
    page.get_by_role("slider", name="Weight w").focus()
    page.keyboard.press("ArrowRight")
    until_values(page, "decay", [1.11**40])
    page.keyboard.press("Home")
    until_values(page, "decay", [0.5**40])
    assert page.evaluate("document.activeElement.getAttribute('aria-valuetext')") == "0.5"


def test_a_unit_that_starts_at_0_stays_on_its_bound(opened):
    page = opened(THIRD, "one-unit")
    until_values(page, "one-unit", [9.47e-14, 1.5**40])
    page.get_by_role("slider", name="State h").focus()
    page.keyboard.press("Home")
    until_values(page, "one-unit", [1.5**40, 1.5**40])


def test_an_address_shows_what_the_forget_bias_does(visit, networks):
    page = visit(f"{SEVENTH}?distance.bias=3&distance.size=0.2")
    ends = [[net[name][-1] for name in net] for net in expected(networks, 1, 0.2, 3)]
    gate = 1 / (1 + np.exp(-3))
    until_values(page, "distance", [*np.median(ends, axis=0), 1, gate**40])
    page.get_by_role("slider", name="Forget bias").focus()
    page.keyboard.press("Home")
    ends = [[net[name][-1] for name in net] for net in expected(networks, 1, 0.2, 0)]
    until_values(page, "distance", [*np.median(ends, axis=0), 1, 0.5**40])
    until(page, "() => !location.search.includes('bias')")
    status = "document.querySelector('#figure-distance .touch-status').textContent"
    until(page, f"() => {status}.endsWith('cell alone 9.09 × 10⁻¹³.')")
