"""The browser tests: the built site as its readers get it. `nox -s browser` runs them.

They stand apart from the other tests (see `tests/conftest.py`): they need a browser, Node and a
built site, and take minutes.
"""

import os
import re
from collections import Counter
from pathlib import Path

import pytest
from playwright.sync_api import sync_playwright

import chromium

HERE = Path(__file__).parent
PHONE = {"width": 412, "height": 915}
DESKTOP = {"width": 1280, "height": 900}


def pytest_addoption(parser):
    parser.addoption("--site", type=Path, default="site", help="the folder of the built site")
    parser.addoption("--home", help="the address at which it is served")
    parser.addoption("--tools", type=Path, help="the folder node_modules")
    parser.addoption("--pages", default="", help="only the pages with this text in their path")
    parser.addoption(
        "--advisory-performance",
        action="store_true",
        help="print Lighthouse's performance, which a busy machine spoils, without a bar",
    )


def pytest_generate_tests(metafunc):
    """Give a test that asks for `path` every page, one that asks for `sample` one of each kind."""
    config = metafunc.config
    for name, find in {"path": every_page, "sample": samples, "measured": kinds}.items():
        if name in metafunc.fixturenames:
            wanted = [p for p in find(config.option.site) if config.option.pages in p]
            metafunc.parametrize(name, wanted, ids=lambda path: path or "home")


def every_page(site):
    """Return the path of every page below the home page."""
    files = sorted(site.rglob("*.html"))
    if not files:
        raise pytest.UsageError(f"{site} has no page: build the site first")
    return [re.sub(r"(^|/)index\.html$", r"\1", f.relative_to(site).as_posix()) for f in files]


def kinds(site):
    """Return the home page, a chapter, and the longest of each kind of page."""
    pages = every_page(site)
    chapters = [page for page in pages if page.startswith("chapters/")]
    longest = [longest_page(site, folder) for folder in ("chapters/", "figures/", "api/")]
    return list(dict.fromkeys(["", chapters[0], *longest]))


def samples(site):
    """Return one page of each kind."""
    return ["", "404.html", *(longest_page(site, f) for f in ("chapters/", "figures/", "api/"))]


def longest_page(site, folder):
    """Return the page with the most elements."""
    pages = [page for page in every_page(site) if page.startswith(folder)]
    return max(pages, key=lambda page: len(re.findall(r"<[a-z]", source(site, page))))


def source(site, page):
    return (site / page / "index.html" if page.endswith("/") else site / page).read_text("utf-8")


@pytest.fixture(scope="session")
def home(pytestconfig):
    return pytestconfig.option.home


@pytest.fixture(scope="session")
def tools(pytestconfig):
    return pytestconfig.option.tools


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(
            executable_path=chromium.find(), args=list(chromium.FLAGS)
        )
        yield running
        running.close()


@pytest.fixture
def visit(browser, home):
    """Open pages, each as a first visit; at the end of the test, ask whether anything went wrong."""
    visits = []

    def open_page(path="", **settings):
        context = browser.new_context(**{"viewport": PHONE, **settings})
        visits.append(Visit(context, home))
        return visits[-1].open(path)

    yield open_page
    for each in visits:
        each.context.close()
    problems = [problem for each in visits for problem in each.problems]
    insist_none("errors and requests", problems)


class Visit:
    """A reader without a cache, with what the pages send and complain of."""

    def __init__(self, context, home):
        self.context, self.home = context, home
        self.problems = []
        self.answers = []
        context.on("weberror", lambda error: self.problems.append(f"error: {error.error}"))
        context.on("console", self.heed)
        context.on("request", self.refuse_foreign)
        context.on("requestfinished", lambda request: self.answers.append(request))
        context.on("requestfailed", lambda r: self.problems.append(f"failed: {r.url} {r.failure}"))

    def open(self, path):
        self.page = self.context.new_page()
        self.page.visit = self
        self.page.goto(self.home + path, wait_until="load")
        self.page.evaluate((HERE / "probes.js").read_text("utf-8"))
        return self.page

    def heed(self, message):
        # Chromium may ask for /favicon.ico while it leaves a page that is not read yet.
        if message.type == "error" and not message.location["url"].endswith("/favicon.ico"):
            self.problems.append(f"console: {message.text} {message.location}")

    def refuse_foreign(self, request):
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.problems.append(f"foreign request: {request.url}")

    def kilobytes(self):
        """Return what came over the wire until the network was idle: headers and bodies."""
        self.page.wait_for_load_state("networkidle")
        sizes = [request.sizes() for request in self.answers if request.url.startswith("http")]
        return sum(size["responseHeadersSize"] + size["responseBodySize"] for size in sizes) / 1000


def insist_none(where, problems):
    """Fail with each problem once, and how often it occurs."""
    if problems:
        counts = Counter(problems)
        lines = [f"{number} x {problem}" for problem, number in counts.most_common(40)]
        pytest.fail("\n".join([f"{where}: {len(counts)} problems", *lines]), pytrace=False)


def pytest_terminal_summary(terminalreporter):
    """Print what was measured, a line for each page."""
    reports = [
        r
        for found in terminalreporter.stats.values()
        for r in found
        if hasattr(r, "user_properties")
    ]
    tables = {}
    for report in reports:
        for title, (page, row) in report.user_properties:
            tables.setdefault(title, {}).setdefault(page, {}).update(row)
    for title, rows in tables.items():
        terminalreporter.section(title)
        heads = list(dict.fromkeys(head for row in rows.values() for head in row))
        width = max(len(page) for page in rows)
        terminalreporter.line("  ".join([f"{'page':{width}}", *heads]))
        for page, row in sorted(rows.items()):
            cells = (f"{row.get(head, ''):>{len(head)}}" for head in heads)
            terminalreporter.line("  ".join([f"{page:{width}}", *cells]))
