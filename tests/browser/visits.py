"""A first visit to a page, and what it brings to light."""

import time
from collections import Counter
from pathlib import Path

import pytest

PHONE = {"width": 412, "height": 915}
DESKTOP = {"width": 1280, "height": 900}
NARROW = {"width": 320, "height": 640}
# Chromium complains of what a page's policy forbids, but not always of where.
FORBIDDEN = """document.addEventListener("securitypolicyviolation", (event) => console.error(
  "forbidden by the policy:", event.violatedDirective, event.blockedURI, event.sample))"""
PROBES = Path(__file__).with_name("probes.js").read_text("utf-8")


class Visit:
    """A reader without a cache, with what the pages send and complain of."""

    def __init__(self, context, home):
        self.context, self.home = context, home
        self.problems = []
        self.answers = []
        context.add_init_script(FORBIDDEN)
        context.on("weberror", self.heed_error)
        context.on("console", self.heed)
        context.on("request", self.refuse_foreign)
        context.on("requestfinished", self.keep)
        context.on("requestfailed", self.refuse_failed)

    def open(self, path):
        self.page = self.context.new_page()
        self.page.visit = self
        self.load(path)
        return self.page

    def load(self, path):
        self.page.goto(self.home + path, wait_until="load")
        self.page.evaluate(PROBES)

    def load_without_scripts(self, path):
        """Load a page as a context without scripts would, for a fraction of the time."""
        session = self.context.new_cdp_session(self.page)
        session.send("Emulation.setScriptExecutionDisabled", {"value": True})
        self.load(path)

    def keep(self, request):
        self.answers.append(request)

    def heed(self, message):
        # Chromium may ask for /favicon.ico while it leaves a page that is not read yet.
        if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
            self.problems.append(f"console: {message.text} {message.location}")

    def heed_error(self, found):
        # Firefox says so of a formula of which not all has come yet; a probe counts in the end.
        if "Incorrect number of children" not in str(found.error):
            self.problems.append(f"error: {found.error}")

    def refuse_failed(self, request):
        # Chromium gives up an image itself when the scheme changes before it has come.
        if request.failure not in {"net::ERR_ABORTED", "NS_BINDING_ABORTED"}:
            self.problems.append(f"failed: {request.url} {request.failure}")

    def refuse_foreign(self, request):
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.problems.append(f"foreign request: {request.url}")

    def kilobytes(self):
        """Return what came over the wire until the network was idle: headers and bodies."""
        self.page.wait_for_load_state("networkidle")
        return sum(map(wire_size, self.answers)) / 1000


def switch(page, scheme, size):
    """Change the scheme and the window, and wait until both show."""
    page.evaluate("probes.still()")
    if page.viewport_size != size:
        page.set_viewport_size(size)
    page.emulate_media(color_scheme=scheme)
    page.evaluate("probes.settle()")


def until(page, expression, arg=None, seconds=30):
    """Wait until something holds; Playwright's own wait evaluates text, which a policy forbids."""
    end = time.monotonic() + seconds
    while not page.evaluate(expression, arg):
        if time.monotonic() > end:
            pytest.fail(f"never: {expression}", pytrace=False)
        page.wait_for_timeout(50)


def wire_size(request):
    """Return the size of an answer. The browser itself reports a worker's script as empty."""
    if not request.url.startswith("http"):
        return 0
    headers = request.response().headers
    return request.sizes()["responseHeadersSize"] + int(headers["content-length"])


def insist_none(where, problems):
    """Fail with each problem once, and how often it occurs."""
    if problems:
        counts = Counter(problems)
        lines = [f"{number} x {problem}" for problem, number in counts.most_common(40)]
        pytest.fail("\n".join([f"{where}: {len(counts)} problems", *lines]), pytrace=False)
