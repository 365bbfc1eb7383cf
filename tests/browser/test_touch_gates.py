"""Turn the gates: its numbers are NumPy's, its code is the library's, and all can be reached."""

import inspect
import json
from itertools import product

import numpy as np
import pytest
from visits import until

from bptt import lstm
from bptt.ops import sigmoid, sigmoid_prime, tanh_prime

CHAPTER = "chapters/06-gate-the-cell/"
STAGES = {1: "g", 2: "fg", 3: "ifg", 4: "ifgo"}
DATA = "JSON.parse(document.querySelector('#figure-forwards script').textContent)"
# What the panel shows: the number and the width of each wire, and what is lit.
SHOWN = """() => {
  const all = (selector) => [...document.querySelectorAll(`#figure-forwards ${selector}`)];
  const texts = (selector) => all(selector).map((row) => row.textContent);
  const wires = all("g[data-wire]:has(.touch-reach)");
  const width = (wire) => wire.querySelector("[stroke-width]").getAttribute("stroke-width");
  return {
    numbers: Object.fromEntries(all("g[data-wire] text").map((text) =>
      [text.parentNode.dataset.wire, Number(text.lastChild.textContent.replace("−", "-"))])),
    widths: Object.fromEntries(wires.map((wire) => [wire.dataset.wire, Number(width(wire))])),
    colors: [...new Set(wires.map((wire) => getComputedStyle(wire).color))],
    lit: wires.filter((wire) => wire.matches(".lit")).map((wire) => wire.dataset.wire),
    equations: texts(".touch-equations [aria-current=true]"),
    code: texts(".touch-code [aria-current=true]"),
    lines: texts(".touch-code code"),
    status: texts(".touch-status")[0],
  };
}"""


@pytest.fixture
def turned(visit):
    """Open the figure with settings in the address."""

    def turn(settings="wire=c", **options):
        query = "&".join(f"forwards.{setting}" for setting in settings.split("&"))
        page = visit(f"{CHAPTER}?{query}", **options)
        until(page, "document.querySelector('#figure-forwards .touch-status')?.textContent")
        return page

    return turn


def panel(page):
    return page.locator("#figure-forwards .touch-panel")


def lit(page, *wires):
    """Return what is shown once these wires are lit."""
    until(page, f"(wires) => JSON.stringify(({SHOWN})().lit) === JSON.stringify(wires)", wires)
    return page.evaluate(SHOWN)


def said(page, text):
    """Wait until the sentence holds a text."""
    until(page, f"(text) => ({SHOWN})().status.includes(text)", text)


def named(prefix, numbers):
    return {f"{prefix}{gate}": number for gate, number in zip("ifgo", numbers, strict=True)}


def stepped(stage, data, setting):
    """Return the value on each wire and its gradient, from the library, with missing gates 1."""
    gates = STAGES[stage]
    b = np.array([float(setting[f"b_{gate}"]) for gate in "ifgo"])
    params = lstm.Params(*(np.array([data[name]], float) for name in ("W_x", "W_h")), b)
    x, h, c, dh, dc = (np.array([[float(setting[name])]]) for name in ("x", "h", "c", "dh", "dc"))
    state, saved = lstm.step(params, x, lstm.State(h, c))
    missing = {gate: np.ones((1, 1)) for gate in "ifo" if gate not in gates}
    saved = saved._replace(**missing)
    c = saved.f * saved.c_prev + saved.i * saved.g
    saved = saved._replace(tanh_c=np.tanh(c))
    if stage == 4:
        assert c == state.c
    dh = dh if "o" in gates else 0 * dh
    dparams, dx, before = lstm.step_backward(params, saved, lstm.State(dh, dc))
    a = x @ params.W_x + h @ params.W_h + params.b
    values = saved._asdict() | named("a_", a[0])
    values |= {"kept": saved.f * saved.c_prev, "written": saved.i * saved.g}
    values |= {"sum": c, "read": c, "c": c, "h": saved.o * saved.tanh_c}
    through = dh * saved.o * tanh_prime(saved.tanh_c)
    total = dc + through
    gradients = named("a_", dparams.b)
    gradients |= {"x": dx, "h_prev": before.h, "c_prev": before.c, "h": dh, "c": dc}
    gradients |= {"kept": total, "written": total, "sum": total, "read": through}
    gradients |= {"i": total * saved.g, "f": total * saved.c_prev, "g": total * saved.i}
    gradients |= {"o": dh * saved.tanh_c, "tanh_c": dh * saved.o}
    return [
        {name: np.asarray(number).item() for name, number in numbers.items()}
        for numbers in (values, gradients)
    ]


def test_numbers_are_numpys(turned):
    page = turned()
    data = page.evaluate(DATA)
    biases = [(0, 1, 0, 0), (-4, 6, -0.9, 8), (0.7, -2.3, 5, -0.4)]
    ends = [(1, 0.5), (0, -1)]
    grid = product(STAGES, (-2, 0.3, 2), (-1, 0.5), (-3, 0, 1.5), ends, biases)
    settings = [
        {"stage": stage, "x": x, "h": h, "c": c, "dh": dh, "dc": dc, **named("b_", b)}
        for stage, x, h, c, (dh, dc), b in grid
    ]
    compute = f"(setting) => touchable.scripts.gates.compute({DATA}, setting)"
    found = json.loads(page.evaluate(f"(all) => JSON.stringify(all.map({compute}))", settings))
    assert len(found) == len(settings) == 432
    for setting, numbers in zip(settings, found, strict=True):
        values, gradients = stepped(setting["stage"], data, setting)
        for ours, theirs in ((values, numbers["values"]), (gradients, numbers["gradients"])):
            assert ours.keys() == theirs.keys()
            both = np.array([(ours[name], theirs[name]) for name in ours])
            np.testing.assert_allclose(both[:, 1], both[:, 0], rtol=1e-6, atol=1e-12)


def test_code_and_drawing(turned):
    """The drawing has the numbers, and the lines beside it give them or are the library's."""
    page = turned("b_f=0.4&x=-0.7")
    data = page.evaluate(DATA)
    setting = data | named("b_", data["b"]) | {"b_f": 0.4, "x": -0.7}
    for backward, stage in product([False, True], STAGES):
        panel(page).get_by_label("Backwards").set_checked(backward)
        panel(page).get_by_label("Stage").select_option(str(stage))
        page.evaluate("() => new Promise(requestAnimationFrame)")
        numbers = stepped(stage, data, setting)
        check_stage(STAGES[stage], page.evaluate(SHOWN), *numbers, dc=backward and data["dc"])


def check_stage(gates, now, values, gradients, dc):
    numbers = gradients if dc else values
    assert {"c", "c_prev", *gates} <= now["numbers"].keys()
    for wire, number in now["numbers"].items():
        assert abs(number - numbers[wire]) < 0.00501
    by_size = sorted(now["widths"], key=lambda wire: abs(numbers[wire]))
    widths = [now["widths"][wire] for wire in by_size]
    assert widths == pytest.approx(sorted(widths))
    assert widths[0] < widths[-1]

    if "o" in gates:
        source = inspect.getsource(lstm.step_backward if dc else lstm.step)
        for line in now["lines"]:
            assert "".join(line.split()) in "".join(source.split())
        return
    scope = {"sigmoid": sigmoid, "tanh": np.tanh, "dc": dc}
    scope |= {"sigmoid_prime": sigmoid_prime, "tanh_prime": tanh_prime}
    pre = {f"a_{gate}" for gate in gates}
    wires = {*gates, *pre, "c_prev"} if dc else {*gates, "c"}
    scope |= {wire: np.array(values[wire]) for wire in {"c_prev", *pre, *(gates if dc else "")}}
    exec("\n".join(now["lines"]), scope)  # noqa: S102 - what a reader would copy from our own page
    for wire in wires:
        assert float(scope[f"d{wire}" if dc else wire]) == pytest.approx(numbers[wire], rel=1e-12)


def test_by_keyboard(turned):
    page = turned()
    panel(page).get_by_label("Stage").focus()
    page.keyboard.press("ArrowUp")
    until(page, f"!('h' in ({SHOWN})().widths)")
    for key in ("Tab", "Space", "Tab"):
        page.keyboard.press(key)
    page.keyboard.type("f, how")
    now = lit(page, "f")
    assert now["equations"] == ["dft = dct ct−1"]
    assert now["code"] == ["di, df, dg = dc * g, dc * c_prev, dc * i"]
    assert now["numbers"]["f"] == 0.75
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowRight")
    said(page, "Gradient of f, how much to keep: 0.5 × 1.6 = 0.8.")
    held = page.evaluate("document.activeElement.getAttribute('aria-valuetext')")
    assert held == "1.6"


def test_pre_activations_follow(turned):
    """They follow x and h; what is set is the bias, and stands in the address."""
    page = turned("x=-1&b_f=2.5&wire=a_f")
    before = panel(page).get_by_label("keep af")
    assert before.input_value() == "3.5"  # 2.5, with 0 times x and 2 times 0.5
    panel(page).get_by_label("ht−1").fill("-1")
    said(page, "f before σ: 0.5.")
    assert before.input_value() == "0.5"
    before.fill("4")
    said(page, "f before σ: 4.")
    until(page, "location.search.includes('forwards.b_f=6')")
    page.reload()
    said(page, "f before σ: 4.")
    assert panel(page).get_by_label("xt").input_value() == "-1"


WIRES = {  # where on the drawing, and what is lit there
    "f": (
        (92, 200),
        ["ft = σ(af)"],
        ["i, f, g, o = sigmoid(a_i), sigmoid(a_f), tanh(a_g), sigmoid(a_o)"],
    ),
    "kept": ((137, 64), ["ct = ft ct−1 + it gt"], ["c = f * c_prev + i * g"]),
    "h": ((345, 176), ["ht = ot tanh ct"], ["h = o * tanh_c"]),
}


def test_a_press_on_a_wire_chooses_it(turned):
    page = turned("x=0.5")
    drawing = page.locator("#figure-forwards .touch-cell svg")
    drawing.scroll_into_view_if_needed()
    for wire, (place, equations, code) in WIRES.items():
        drawing.click(position=at(drawing, place))
        now = lit(page, wire)
        assert (now["equations"], now["code"]) == (equations, code)
        assert panel(page).get_by_label("Wire").input_value() == wire
    until(page, "location.search.includes('forwards.wire=h')")


def test_a_number_is_dragged(turned):
    page = turned()
    drawing = page.locator("#figure-forwards .touch-cell svg")
    drawing.scroll_into_view_if_needed()
    corner = drawing.bounding_box()
    x, y = (corner[side] + at(drawing, (27, 30))[side] for side in "xy")
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 40, y, steps=4)
    lit(page, "c_prev")
    until(page, f"() => ({SHOWN})().numbers.c_prev === 2.5")
    page.mouse.up()
    page.mouse.move(x + 80, y)
    said(page, "c before: 2.5.")
    assert panel(page).get_by_label("ct−1").input_value() == "2.5"


@pytest.mark.only("chromium")
def test_a_finger_on_a_number_drags_it_and_not_the_page(turned):
    page = turned(has_touch=True)
    drawing = page.locator("#figure-forwards .touch-cell svg")
    drawing.scroll_into_view_if_needed()
    corner = drawing.bounding_box()
    x, y = (corner[side] + at(drawing, (92, 300))[side] for side in "xy")
    session = page.context.new_cdp_session(page)
    for kind, up in [("Start", 0), ("Move", 15), ("Move", 30)]:
        points = [{"x": x, "y": y - up}]
        session.send("Input.dispatchTouchEvent", {"type": f"touch{kind}", "touchPoints": points})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    lit(page, "a_f")
    until(page, f"() => ({SHOWN})().numbers.a_f === 4")
    assert drawing.bounding_box()["y"] == pytest.approx(corner["y"])


def at(drawing, place):
    """Return a place on the drawing, given in its own units, in pixels from its corner."""
    scale = drawing.bounding_box()["width"] / 360
    return dict(zip("xy", (scale * part for part in place), strict=True))


def test_orange_is_gradients(turned):
    page = turned("backward=true")
    (orange,) = page.evaluate(SHOWN)["colors"]
    panel(page).get_by_label("Backwards").uncheck()
    until(page, f"(orange) => !({SHOWN})().colors.includes(orange)", orange)
    assert len(page.evaluate(SHOWN)["colors"]) == 5  # the line, and each gate
