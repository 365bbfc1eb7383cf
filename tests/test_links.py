"""The link checker sees every kind of link, and every kind of break."""

import shutil
import subprocess
import sys

import pytest
from toolbox import TOOLS, tool

pytestmark = pytest.mark.process
links = tool("links")

ADDRESS = "https://site.example/book/"
# As on the real site: a script with tags in its text stands above all links.
HEAD = """<!doctype html>
<link rel="canonical" href="https://site.example/book/{path}">
<link rel="stylesheet" href="{top}all.css">
<script>const text = `<script>x<\\/script>`;</script>
<script src="{top}all.js"></script>
"""
PAGES = {
    "index.html": '<h1 id="home">Home</h1> <a href="chapter/#part">Part</a>'
    '<a href="https://web.example/">Web</a>',
    "chapter/index.html": '<h2 id="part">Part</h2> <a href="..">Home</a> <a href="#part">Here</a>'
    '<a href="../figures/state/#norms"><img src="../figures/state/norms.svg#dark"></a>'
    '<p id="figure-norms"> <a href="../api/rnn/#bptt.rnn.step">step</a>',
    "figures/state/index.html": '<h2 id="norms">Norms</h2> <img src="norms.svg">'
    '<a href="../../chapter/#figure-norms">Shown</a>',
    "api/rnn/index.html": '<pre><code id="bptt.rnn.step">def step(params: '
    '<a href="#bptt.rnn.Params">Params</a>)</code></pre><h3 id="bptt.rnn.Params">Params</h3>',
    "404.html": '<a href="/book/">Home</a> <a href="/book/#home">Top</a>'
    '<a href="/book/chapter/#part">Part</a>',
}
FILES = {"all.css": "p {}", "all.js": "let x;", "figures/state/norms.svg": "<svg/>"}


@pytest.fixture
def site(tmp_path):
    """A small site with a page of each kind, and nothing broken."""
    pages = {name: head(name) + body for name, body in PAGES.items()}
    for name, text in {**FILES, **pages}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def head(name):
    top = "/book/" if name == "404.html" else "../" * name.count("/")
    return HEAD.format(path=name.removesuffix("index.html"), top=top)


def test_all_links_of_a_sound_site_are_seen(site):
    # Three in each head, and 13 below.
    assert links.check(site, ADDRESS) == (5 * 3 + 13, [])


@pytest.mark.parametrize(
    ("page", "right", "wrong", "dead"),
    [
        ("index.html", "chapter/#part", "chapter/#gone", "chapter#gone"),
        ("index.html", "book/", "book/gone/", "gone/"),
        ("chapter/index.html", 'href="#part', 'href="#gone', "chapter/index.html#gone"),
        ("chapter/index.html", 'id="part"', 'id="gone"', "chapter#part"),
        ("chapter/index.html", "state/#norms", "state/#gone", "figures/state#gone"),
        ("chapter/index.html", "rnn/#bptt.rnn.step", "rnn/#gone", "api/rnn#gone"),
        ("chapter/index.html", "norms.svg", "gone.svg", "figures/state/gone.svg#dark"),
        ("chapter/index.html", "../all.css", "all.css", "chapter/all.css"),
        ("figures/state/index.html", "#figure-norms", "#gone", "chapter#gone"),
        ("figures/state/index.html", '"norms.svg', '"gone.svg', "figures/state/gone.svg"),
        ("api/rnn/index.html", 'href="#bptt', 'href="#gone', "api/rnn/index.html#gone.rnn.Params"),
        ("404.html", "chapter/#part", "gone/", "gone"),
        ("404.html", "chapter/#part", "chapter/#gone", "chapter#gone"),
        ("404.html", "all.js", "gone.js", "gone.js"),
    ],
)
def test_one_broken_link_is_found_and_named(site, page, right, wrong, dead):
    text = (site / page).read_text(encoding="utf-8")
    assert right in text
    (site / page).write_text(text.replace(right, wrong), encoding="utf-8")
    _, problems = links.check(site, ADDRESS)
    named = [problem.partition(": ")[0] for problem in problems]
    assert dead in named
    assert any(f"\n    {page}:" in problem for problem in problems)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_missing_file_is_found(site, name):
    (site / name).unlink()
    _, problems = links.check(site, ADDRESS)
    assert any(name in problem and "File not found" in problem for problem in problems)


def test_a_missing_page_is_found(site):
    shutil.rmtree(site / "figures")
    _, problems = links.check(site, ADDRESS)
    assert any(problem.startswith("figures/state#norms: ") for problem in problems)


def test_a_page_that_hides_its_links_from_lychee_is_named(site, monkeypatch):
    """Without this option lychee stops at `<script>` in the text of a script."""
    monkeypatch.setattr(links, "READ", [o for o in links.READ if o != "--include-verbatim"])
    _, problems = links.check(site, ADDRESS)
    assert "chapter/index.html: lychee saw 2 of 8 links: what hides them?" in problems


def test_a_page_that_git_ignores_is_checked(site):
    (site / ".ignore").write_text("*", encoding="utf-8")
    assert links.check(site, ADDRESS) == (28, [])


def test_a_dead_link_of_many_pages_is_one_problem(site):
    for number in range(9):
        shutil.copytree(site / "api" / "rnn", site / "api" / f"rnn{number}")
    (site / "all.js").unlink()
    _, [problem] = links.check(site, ADDRESS)
    assert problem.splitlines()[1:] == [
        "    404.html:5",
        *(f"    api/rnn{number}/index.html:5" for number in ("", 0, 1, 2)),
        "    and 9 more",
    ]


def test_the_web_is_asked_only_if_that_is_wanted(site):
    with (site / "index.html").open("a", encoding="utf-8") as home:
        home.write('<a href="http://127.0.0.1:9/">Nobody listens there</a>')
    assert links.check(site, ADDRESS) == (29, [])
    _, [problem] = links.check(site, ADDRESS, extern=True)
    assert problem.startswith("http://127.0.0.1:9/: ")


@pytest.mark.parametrize(("end", "says"), [("", "All 28 links"), ("<a href=gone>", "1 problem")])
def test_the_program_fails_if_a_link_is_broken(site, end, says):
    with (site / "index.html").open("a", encoding="utf-8") as home:
        home.write(end)
    command = [sys.executable, str(TOOLS / "links.py"), str(site), ADDRESS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert bool(done.returncode) is bool(end)
    assert says in done.stdout + done.stderr


def test_a_folder_without_pages_says_what_to_do(tmp_path):
    assert links.check(tmp_path, ADDRESS) == (
        0,
        [f"{tmp_path} has no page: build the site first, with `python -m nox -s docs`"],
    )
