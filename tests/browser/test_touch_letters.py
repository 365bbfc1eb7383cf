"""The figure in which one types: its network is the library's, and everybody can use it."""

import zipfile
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from test_pages import MODES, judged
from visits import DESKTOP, NARROW, PHONE, insist_none, switch, until

from bptt import checkpoint, stack, tree
from bptt.lm import folder, network, pretrained, sample

HOME, CHAPTER = "", "chapters/09-write-characters/"
SMALL = Path(__file__).parents[2] / "docs" / "figures" / "touch" / "small"
NETWORKS = {"small": SMALL, "shakespeare": pretrained.FOLDER}
TEXT = """\
To be, or not to be: that is the question:
Whether 'tis nobler in the mind to suffer
The slings and arrows of outrageous fortune,
Or to take arms against a sea of troubles,
And by opposing end them? To die: to sleep;
No more"""[:200]

# What the browser makes of a text: all logits, and how far its last letter reaches back.
READ = """async ([folder, codes, kind]) => {
  const place = new URL(folder, document.querySelector("script[src$='network.js']").src);
  const [form, weights] = await Promise.all(["config.json", "model.safetensors"]
    .map((name) => fetch(`${place}/${name}`)));
  const { create, read, reach } = touchable.network;
  const network = create(await form.json(), await weights.arrayBuffer(), window[kind]);
  const [places, norms] = [[], []];
  for (const _ of read(network, codes, places));
  for (const _ of reach(network, places, codes.length - 1, norms));
  return [places.map(({ logits }) => [...logits]), norms];
}"""
CHANCES = "([logits, tau]) => [...touchable.network.chances(logits, tau)]"
DRAWN = """([p, count]) => {
  const counts = p.map(() => 0);
  for (let n = 0; n < count; n++) counts[touchable.network.draw(p, (n + 0.5) / count)]++;
  return counts;
}"""
# The longest task of the page, and how often it could answer, while a text is read.
WATCHED = """() => {
  window.watched = { longest: 0, answers: 0 };
  new PerformanceObserver((list) => list.getEntries().forEach(({ duration }) => {
    watched.longest = Math.max(watched.longest, duration);
  })).observe({ type: "longtask" });
  const channel = new MessageChannel();
  channel.port1.onmessage = () => {
    watched.answers++;
    channel.port2.postMessage("");
  };
  channel.port2.postMessage("");
}"""

FIGURE = "figure[data-touch$='letters.js']"
STATUS = f"{FIGURE} [role=status]"
AREA = f"{FIGURE} textarea"
ROWS = f"{FIGURE} .letters-next button"
LETTERS = f"{FIGURE} .letters-text span"


def opened(visit, path=HOME, **settings):
    """Open a page and the figure on it."""
    page = visit(path, **settings)
    page.locator(f"{FIGURE} .touch button").click()
    if path == CHAPTER:
        page.get_by_role("button", name="Fetch the network").click()
    page.locator(LETTERS).first.wait_for()
    return page


def says(page, pattern):
    until(
        page,
        "([at, pattern]) => new RegExp(pattern).test(document.querySelector(at)?.textContent)",
        [STATUS, pattern],
    )


def control(page, label):
    return page.locator(FIGURE).get_by_label(label, exact=True)


def exact(place):
    """Return the weights of a model in float64, each a whole number times its scale."""
    arrays, _ = checkpoint.read(place / folder.WEIGHTS)
    full = {
        name: array.astype(float) * arrays.get(name + folder.SCALE, np.float32(1)).astype(float)
        for name, array in arrays.items()
        if not name.endswith(folder.SCALE)
    }
    like = tree.map(lambda array: array.astype(float), folder.read(place).params)
    return checkpoint.fill(like, full, "test")


def in_numpy(model, params, codes):
    """Return all logits, and the norms of the derivatives of the last letter's log probability."""
    logits, _, tape = network.forward(model.cell, params, codes[:, None])
    dlogits = np.zeros_like(logits)
    dlogits[-2, 0] = -sample.probabilities(logits[-2, 0])
    dlogits[-2, 0, codes[-1]] += 1
    douts = dlogits @ network.head(params).T
    _, dxs, _ = stack.backward(model.cell, tape.weights, tape.layers, douts)
    return logits[:, 0], np.linalg.norm(dxs[:-1, 0], axis=1)


@pytest.mark.parametrize("name", NETWORKS)
def test_the_network_of_the_browser_is_that_of_the_library(name, visit):
    model = folder.read(NETWORKS[name])
    codes = model.vocabulary.encode(f"\n{TEXT}")
    page = opened(visit)
    found = page.evaluate(READ, [name, codes.tolist(), "Float32Array"])
    logits, norms = in_numpy(model, model.params, codes)
    assert np.abs(found[0] - logits).max() < 1e-4
    assert np.abs(found[1] - norms).max() < 1e-4 * norms.max()
    found = page.evaluate(READ, [name, codes.tolist(), "Float64Array"])
    logits, norms = in_numpy(model, exact(NETWORKS[name]), codes)
    # The biases and scales are kept in 32 bits, and nothing else.
    assert np.abs(found[0] - logits).max() < 1e-6 * np.abs(logits).max()
    assert np.allclose(found[1], norms, rtol=1e-6, atol=0)


def test_chances_and_draws_are_those_of_the_library(visit):
    page = opened(visit)
    logits = np.random.default_rng(0).normal(scale=3, size=65)
    for tau in (0, 0.1, 0.5, 1, 2):
        p = sample.probabilities(logits, tau)
        assert np.allclose(page.evaluate(CHANCES, [logits.tolist(), tau]), p, rtol=1e-12, atol=0)
        counts = page.evaluate(DRAWN, [p.tolist(), 100_000])
        assert np.abs(counts - 100_000 * p).max() <= 1


def test_it_can_be_used_by_keyboard_alone(visit):
    page = visit(HOME, viewport=DESKTOP)
    page.locator(f"{FIGURE} .touch button").focus()
    page.keyboard.press("Enter")
    page.locator(LETTERS).first.wait_for()
    says(page, "^Next: .* bits")
    page.locator(AREA).focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("the q")
    says(page, "^Next: “u”")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")  # go on
    until(page, "at => document.querySelector(at).value.length > 15", AREA)
    page.keyboard.press("Enter")  # stop
    assert page.evaluate("document.activeElement.textContent") == "Go on"
    control(page, "Letter").focus()
    page.keyboard.press("Home")
    for _ in range(6):
        page.keyboard.press("ArrowRight")
    says(page, "had a chance of .* reach lies in the")
    assert page.locator(f"{LETTERS}.chosen").count() == 1


@pytest.mark.only("chromium")  # a stock Firefox gets no touch from who drives it
def test_it_can_be_used_by_touch(visit):
    page = opened(visit, viewport=PHONE, has_touch=True)
    page.locator(LETTERS).nth(4).tap()
    says(page, "^“s” had a chance")
    tints = page.locator(LETTERS).evaluate_all("all => all.map((e) => e.style.backgroundColor)")
    assert all("backward" in tint for tint in tints)
    page.locator(LETTERS).nth(4).tap()
    says(page, "^Next: ")
    taken = page.locator(ROWS).first
    letter = taken.locator("b").inner_text()
    taken.tap()
    letter = {"space": " ", "new line": "\n"}.get(letter, letter)
    until(
        page,
        "([at, text]) => document.querySelector(at).value === text",
        [AREA, f"the state{letter}"],
    )


def test_the_address_holds_what_is_shown(visit):
    page = opened(visit, viewport=DESKTOP)
    page.locator(AREA).fill("my lord")
    control(page, "Colour by").select_option("unit")
    control(page, "Temperature").fill("0.5")
    until(page, "() => location.search.includes('temperature=0.5')")
    shown = page.evaluate("location.search")
    said = page.locator(STATUS).inner_text
    says(page, "^Unit ")
    before = said()
    other = visit(shown, viewport=DESKTOP)
    says(other, "^Unit ")
    assert other.locator(STATUS).inner_text() == before
    assert other.locator(AREA).input_value() == "my lord"
    other.locator(f"{FIGURE} .touch button").click()
    assert other.evaluate("location.search") == ""


def test_letters_that_the_network_never_saw_are_left_out_and_named(visit):
    page = opened(visit, viewport=DESKTOP)
    page.locator(AREA).fill("café 10")
    says(page, "knows no é 1 0")
    assert page.locator(AREA).input_value() == "caf "


def test_a_reader_who_wants_no_motion_gets_what_it_writes_at_once(visit):
    page = opened(visit, reduced_motion="reduce")
    says(page, "^Next: ")  # all that it was opened with is read and drawn
    page.evaluate(
        """at => {
      window.lengths = new Set();
      const text = document.querySelector(at);
      new MutationObserver(() => lengths.add(text.childElementCount))
        .observe(text, { childList: true });
    }""",
        f"{FIGURE} .letters-text",
    )
    page.get_by_role("button", name="Go on").click()
    until(page, "at => document.querySelector(at).value.length === 159", AREA)
    until(page, "() => lengths.has(159)")
    assert page.evaluate("[...lengths]") == [159]


def test_the_network_of_the_chapter_comes_on_request_only(visit):
    page = visit(CHAPTER, viewport=DESKTOP)
    page.locator(f"{FIGURE} .touch button").click()
    ask = page.get_by_role("button", name="Fetch the network (3.5 MB)")
    ask.wait_for()
    page.wait_for_load_state("networkidle")
    weights = [a.url for a in page.visit.answers if a.url.endswith("safetensors")]
    assert weights == []
    ask.click()
    page.locator(LETTERS).first.wait_for()
    assert page.evaluate("document.activeElement.localName") == "textarea"
    says(page, "^Next: ")


def test_a_network_that_does_not_come_can_be_asked_for_again(visit):
    page = visit(HOME, viewport=DESKTOP)
    page.visit.problems = Forgiving()  # the failed request is meant
    page.route("**/model.safetensors", lambda route: route.abort())
    page.locator(f"{FIGURE} .touch button").click()
    says(page, "could not be fetched")
    page.unroute("**/model.safetensors")
    page.get_by_role("button", name="Fetch the network").click()
    says(page, "^Next: ")


class Forgiving(list):
    """A list that takes nothing."""

    def append(self, _):
        """Take nothing."""


@pytest.mark.parametrize("place", [HOME, CHAPTER])
def test_in_every_mode_it_is_whole_and_axe_finds_nothing(place, visit, tools):
    page = opened(visit, place)
    problems = []
    for state in ("surprise", "unit", "reach"):
        if state == "reach":
            page.locator(LETTERS).nth(5).click()
        else:
            control(page, "Colour by").select_option(state)
        says(page, {"surprise": "^Next", "unit": "^Unit", "reach": "had a chance"}[state])
        page.mouse.move(0, 0)  # off what shows more under a pointer
        for scheme, size in MODES:
            switch(page, scheme, size)
            found = chain(*judged(page, tools))
            problems += [f"{state} {scheme}-{size['width']} {problem}" for problem in found]
    page.set_viewport_size(NARROW)
    problems += page.evaluate("probes.sticksOut()")
    insist_none(place, problems)


@pytest.mark.only("chromium")  # no other can be throttled
def test_a_long_text_is_read_in_slices(visit, record_property):
    page = opened(visit, CHAPTER)
    session = page.context.new_cdp_session(page)
    session.send("Emulation.setCPUThrottlingRate", {"rate": 4})
    page.evaluate(WATCHED)
    page.locator(AREA).fill(TEXT)
    until(page, "at => document.querySelectorAll(at).length === 200", LETTERS, seconds=120)
    says(page, "^Next: ")
    watched = page.evaluate("watched")
    session.send("Emulation.setCPUThrottlingRate", {"rate": 1})
    title = "Longest task while 200 letters are read, four times throttled"
    record_property(title, ("shakespeare", {"ms": watched["longest"]}))
    assert watched["answers"] > 20


def test_a_page_from_the_file_system_says_that_it_can_fetch_nothing(
    browser, pytestconfig, tmp_path
):
    with zipfile.ZipFile(pytestconfig.option.site / "bptt-site.zip") as archive:
        assert not [name for name in archive.namelist() if name.endswith(".safetensors")]
        archive.extractall(tmp_path)
    page = browser.new_page()
    page.goto((tmp_path / "bptt-site" / "index.html").as_uri())
    page.locator(f"{FIGURE} .touch button").click()
    until(
        page, "at => /may fetch no network/.test(document.querySelector(at)?.textContent)", STATUS
    )
    assert page.locator(AREA).count() == 0
    assert page.locator(f"{FIGURE} > p > :is(img, svg)").first.is_visible()
    page.close()
