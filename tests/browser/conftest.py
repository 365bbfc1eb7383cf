"""The browser tests: the built site as its readers get it. `nox -s browser` runs them.

They stand apart from the other tests (see `tests/conftest.py`): they need a browser, Node and a
built site, and take minutes.
"""

import os
import zipfile
from itertools import chain
from pathlib import Path

import chromium
import firefox
import pages
import pytest
from playwright.sync_api import sync_playwright
from visits import PHONE, Visit, insist_none

NAME = "bptt-site"
FINDERS = {"path": pages.every, "sample": pages.samples, "measured": pages.for_lighthouse}
FINDERS |= {"lesson": pages.lessons, "written": pages.written, "touchable": pages.touchable}
# How each browser starts, and the variable of the environment that has its path.
BROWSERS = {
    "chromium": (chromium.launch, "CHROME_PATH"),
    "firefox": (firefox.launch, "FIREFOX_PATH"),
}


def pytest_addoption(parser):
    parser.addoption("--site", type=Path, default="site", help="the folder of the built site")
    parser.addoption("--home", help="the address at which it is served")
    parser.addoption("--tools", type=Path, help="the folder node_modules")
    parser.addoption("--pages", default="", help="only the pages with this text in their path")
    parser.addoption(
        "--browser", choices=BROWSERS, help="only this one; without it, all that have a path"
    )
    parser.addoption(
        "--advisory-performance",
        action="store_true",
        help="print Lighthouse's performance, which a busy machine spoils, without a bar",
    )


def pytest_configure(config):
    config.addinivalue_line("markers", "only(browser): asks what only this one can answer")


def pytest_generate_tests(metafunc):
    """Give a test the browsers, and the pages that it asks for by the name of its argument."""
    if "browser" in metafunc.fixturenames:
        metafunc.parametrize("browser", chosen(metafunc.config), indirect=True, scope="session")
    site, part = metafunc.config.option.site, metafunc.config.option.pages
    if not any(part in path for path in pages.every(site)):
        raise pytest.UsageError(f"{site} has no page with {part!r} in its path")
    for name in FINDERS.keys() & set(metafunc.fixturenames):
        wanted = [path for path in FINDERS[name](site) if part in path]
        metafunc.parametrize(name, wanted, ids=lambda path: path or "home")


def chosen(config):
    """Return the names of the browsers to try."""
    found = [name for name, (_, path) in BROWSERS.items() if os.environ.get(path)]
    return [config.option.browser] if config.option.browser else found


def pytest_collection_modifyitems(config, items):
    """Leave out what is for one browser in all the others."""
    kept = [item for item in items if suits(item, chosen(config))]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept


def suits(item, names):
    """Return whether a test is for its browser; one without a browser starts its own."""
    mark = item.get_closest_marker("only")
    if mark and "browser" in item.fixturenames:
        return item.callspec.params["browser"] in mark.args
    return not mark or mark.args[0] in names


@pytest.fixture(scope="session")
def home(pytestconfig):
    return pytestconfig.option.home


@pytest.fixture(scope="session")
def tools(pytestconfig):
    return pytestconfig.option.tools


@pytest.fixture(scope="session")
def in_all_modes(pytestconfig):
    """Return the pages to see in all modes; of figures' and of the library's, alike, one each."""
    return frozenset(pages.unlike(pytestconfig.option.site))


@pytest.fixture(scope="session")
def playwright():
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def browser(request, playwright):
    launch, path = BROWSERS[request.param]
    running = launch(playwright, os.environ[path])
    yield running
    running.close()


@pytest.fixture(scope="session")
def unpacked(pytestconfig, tmp_path_factory):
    """Return the address of the site in the file system, out of its zip file."""
    folder = tmp_path_factory.mktemp("offline")
    with zipfile.ZipFile(pytestconfig.option.site / f"{NAME}.zip") as archive:
        archive.extractall(folder)
    return (folder / NAME).as_uri()


@pytest.fixture
def note(request, record_property):
    """Put numbers into the page's line of the table at the end."""
    path = getattr(request.node, "callspec", None) and request.node.callspec.params.get("path")
    title = "Pages, with axe's violations + low contrasts in each mode"
    return lambda **row: path is None or record_property(title, (path or "home", row))


@pytest.fixture
def visit(browser, home, note):
    """Open pages, each as a first visit; at the end, fail if anything went wrong on one."""
    visits = []

    def open_page(path="", **settings):
        context = browser.new_context(**{"viewport": PHONE, **settings})
        visits.append(Visit(context, home))
        return visits[-1].open(path)

    yield open_page
    for each in visits:
        each.context.close()
    problems = [problem for each in visits for problem in each.problems]
    if problems:
        note(errors=len(problems))
    insist_none("errors and requests", problems)


def pytest_terminal_summary(terminalreporter):
    """Print what the tests noted: a table for each title, with a line for each page."""
    tables = {}
    for report in chain.from_iterable(terminalreporter.stats.values()):
        for title, (page, row) in getattr(report, "user_properties", ()):
            tables.setdefault(title, {}).setdefault(page, {}).update(row)
    for title, rows in tables.items():
        terminalreporter.section(title)
        heads = list(dict.fromkeys(chain.from_iterable(rows.values())))
        width = max(map(len, rows))
        terminalreporter.line("  ".join([" " * width, *heads]))
        for page, row in sorted(rows.items()):
            cells = (f"{row.get(head, ''):>{len(head)}}" for head in heads)
            terminalreporter.line("  ".join([f"{page:{width}}", *cells]))
