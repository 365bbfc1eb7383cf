"""Figures that can be touched, on a slow phone: how long the page answers nobody while one draws.

Like Lighthouse it takes times, so it runs by itself, and a busy machine spoils it.
"""

import pytest
from test_touch import FIGURE, opened
from visits import PHONE, insist_none

THROTTLE = 4
MOST_MS = 50
# Every slider goes through its range and back, a frame at a time, as under a finger.
DRAG = """async (figure) => {
  const tasks = [];
  const watch = new PerformanceObserver((list) => tasks.push(...list.getEntries()));
  watch.observe({ type: "longtask" });
  const frames = [];
  let last = performance.now();
  for (const slider of figure.querySelectorAll("input[type=range]")) {
    const [low, high] = [Number(slider.min), Number(slider.max)];
    for (let step = 0; step <= 30; step++) {
      slider.value = low + (high - low) * (1 - Math.abs(step / 15 - 1));
      slider.dispatchEvent(new Event("input", { bubbles: true }));
      await new Promise(requestAnimationFrame);
      frames.push(performance.now() - last);
      last = performance.now();
    }
  }
  await new Promise((done) => setTimeout(done, 100));
  watch.disconnect();
  frames.sort((a, b) => a - b);
  const longest = Math.max(0, ...tasks.map(({ duration }) => duration));
  return [longest, tasks.length, frames.length, frames[Math.floor(frames.length / 2)]];
}"""


@pytest.mark.only("chromium")
def test_no_figure_keeps_the_page_from_answering(visit, touchable, pytestconfig, record_property):
    page = visit(touchable, viewport=PHONE)
    problems = []
    for figure in page.locator(FIGURE).all():
        opened(page, figure)
        session = page.context.new_cdp_session(page)
        session.send("Emulation.setCPUThrottlingRate", {"rate": THROTTLE})
        longest, long, frames, median = figure.evaluate(DRAG)
        session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
        name = figure.get_attribute("id")
        row = {"long tasks": long, "of frames": frames, "longest ms": f"{longest:.0f}"}
        record_property(
            f"Touched, {THROTTLE} times slower",
            (f"{touchable}#{name}", row | {"ms a frame": f"{median:.0f}"}),
        )
        problems += [f"{name}: a task of {longest:.0f} ms, at most {MOST_MS}"] * (longest > MOST_MS)
    if not pytestconfig.option.advisory_performance:
        insist_none(touchable, problems)
