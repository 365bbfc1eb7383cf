"""The cliff: the browser's descents are NumPy's, and the figure shows their steps."""

import itertools

import numpy as np
import pytest
from visits import until

from bptt import optim, rnn, unroll

PAGE = "chapters/05-clip-and-train/"
COMPUTE = "([data, setting]) => touchable.scripts.cliff.compute(data, setting)"
FIGURE = "#figure-paths"


def loss_and_grads(params):
    """Backpropagate through the unit of the chapter."""
    start = rnn.State(np.array([[0.5]]))
    hs, _, tape = unroll.forward(rnn, params, np.zeros((50, 1, 1)), start)
    dhs = np.zeros_like(hs)
    dhs[-1] = 2 * (hs[-1] - 0.7)
    grads, _, _ = unroll.backward(rnn, params, tape, dhs)
    return (hs[-1, 0, 0] - 0.7) ** 2, grads


def descend(w, b, rate, clip):
    params = rnn.Params(np.zeros((1, 1)), np.array([[w]]), np.array([b]))
    for _ in range(41):
        loss, grads = loss_and_grads(params)
        yield params.W_h[0, 0], params.b[0], loss
        grads, _ = optim.clip_global_norm(grads, clip)
        params = rnn.Params(*(p - rate * g for p, g in zip(params, grads, strict=True)))


STOPS = """kind => [...document.querySelectorAll(`.touch-stop${kind}:not(.core, .end)`)]
  .reduce((sum, stops) => sum + stops.getAttribute("d").split("M").length - 1, 0)"""


@pytest.fixture
def page(visit):
    page = visit(PAGE)
    page.locator(f"{FIGURE} .touch > button").click()
    page.locator(f"{FIGURE} .touch-panel").wait_for()
    return page


def losses(page):
    return page.locator(f"{FIGURE} .touch-legend b").all_inner_texts()


def stops(page):
    """Count the places on the two paths."""
    return [page.evaluate(STOPS, f".{kind}") for kind in ("free", "clipped")]


def test_the_descents_are_those_of_the_library(page):
    data = page.evaluate(f"JSON.parse(document.querySelector('{FIGURE} script').text)")
    grid = itertools.product([1.3, 1.7, 2.1], [-0.4, -0.25, -0.1], [0.01, 0.05, 0.2], [0.1, 1, 5])
    for w, b, rate, clip in grid:
        setting = {"w": w, "b": b, "rate": rate, "clip": clip}
        found = page.evaluate(COMPUTE, [data, setting])
        for name, longest in [("free", np.inf), ("clipped", clip)]:
            ours = [[at["w"], at["b"], at["loss"]] for at in found[name]]
            wanted = list(descend(w, b, rate, longest))
            np.testing.assert_allclose(ours, wanted, rtol=1e-6, atol=1e-12)


def test_the_figure_opens_with_the_descents_of_the_chapter(page):
    until(page, f"() => document.querySelector('{FIGURE} .touch-status').textContent !== ''")
    assert page.locator(f"{FIGURE} .touch-status").inner_text() == (
        "Without clipping: loss 2.88, step 5 goes 3.21 to b = −3.16. "
        "Clipped at 1: loss 0, step 5 goes 0.05 to b = −0.331."
    )
    assert losses(page) == ["2.88", "0"]
    assert stops(page) == [5, 41]  # the first leaves the map


def test_the_steps_are_counted_by_keyboard(page):
    page.get_by_role("slider", name="Steps").focus()
    page.keyboard.press("Home")
    until(page, f"() => ({STOPS})('') === 2")
    page.keyboard.press("ArrowRight")
    until(page, f"() => ({STOPS})('') === 4")
    until(page, "() => location.search === '?paths.steps=1'")


def test_a_higher_threshold_lets_the_clipped_path_fall_too(visit):
    page = visit(f"{PAGE}?paths.clip=5&paths.rate=0.2")
    page.locator(f"{FIGURE} .touch-legend").wait_for()
    until(page, f"() => document.querySelector('{FIGURE} .touch-status').textContent !== ''")
    ends = [list(descend(1.7, -0.25, 0.2, clip))[-1][2] for clip in (np.inf, 5)]
    np.testing.assert_allclose([float(text) for text in losses(page)], ends, rtol=6e-3, atol=1e-8)


def test_a_press_shows_one_step_after_the_other(page):
    page.get_by_text("Watch the steps").click()
    until(page, f"() => ({STOPS})('') < 20")
    until(page, f"() => ({STOPS})('') === 46")


def test_with_reduced_motion_a_press_shows_all_steps_at_once(visit):
    page = visit(f"{PAGE}?paths.steps=3", reduced_motion="reduce")
    page.locator(f"{FIGURE} .touch-panel").wait_for()
    until(page, f"() => ({STOPS})('') === 8")
    page.evaluate(f"""() => {{
      window.seen = new Set();
      const count = () => seen.add(({STOPS})(""));
      new MutationObserver(count).observe(document.querySelector(".touch-map"),
        {{ childList: true, subtree: true }});
    }}""")
    page.get_by_text("Watch the steps").click()
    until(page, f"() => ({STOPS})('') === 46")
    assert page.evaluate("[...seen]") == [46]


def test_the_start_can_be_dragged_and_clicked(page):
    handle = page.locator(".touch-handle circle").first
    handle.scroll_into_view_if_needed()
    box = page.locator(".touch-map").bounding_box()
    page.mouse.move(*middle(handle))
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 60, steps=4)
    page.mouse.up()
    until(page, "() => location.search.includes('paths.w')")
    w, b = (
        page.get_by_role("slider", name=label).input_value() for label in ("Weight w", "Bias b")
    )
    assert (w, b) != ("1.7", "-0.25")
    np.testing.assert_allclose(middle(handle), [box["x"] + 200, box["y"] + 60], atol=3)
    page.mouse.click(box["x"] + 120, box["y"] + 100)
    until(page, "(w) => document.querySelector('#figure-paths input').value !== w", w)
    np.testing.assert_allclose(middle(handle), [box["x"] + 120, box["y"] + 100], atol=3)


def middle(locator):
    box = locator.bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_the_map_is_painted_to_its_last_row(page):
    painted = """() => {
      const canvas = document.querySelector(".touch-map canvas");
      const { data } = canvas.getContext("2d").getImageData(0, canvas.height - 1, canvas.width, 1);
      return data.every((value, n) => n % 4 !== 3 || value === 255);
    }"""
    until(page, painted)
