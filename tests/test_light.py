"""Pages stay light and readable: code, the theme's style sheets, and the site as a zip file."""

import itertools
import posixpath
import re
import zipfile
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import material
import pytest
from machinery import MACHINERY, step
from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import PythonConsoleLexer, PythonLexer
from tinycss2 import parse_stylesheet, serialize

CODE_CSS = (MACHINERY / "css" / "code.css").read_text("utf-8")
TOKENS = ["number", "special", "function", "constant", "keyword", "string", "comment"]
TAG = re.compile(r"<[^>]*>")
SITE_URL = "https://site.example/bptt/"


def colours(scheme: str) -> dict[str, str]:
    """Return the colours of code that the style sheet declares for one scheme."""
    block = CODE_CSS.split(f'[data-md-color-scheme="{scheme}"] {{')[1].split("}")[0]
    return dict(re.findall(r"--md-code-([\w-]+?)(?:-color)?: (#\w{6});", block))


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour, as WCAG 2 defines it."""
    shares = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (s / 12.92 if s <= 0.04045 else ((s + 0.055) / 1.055) ** 2.4 for s in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted([luminance(one), luminance(other)])
    return (lighter + 0.05) / (darker + 0.05)


def test_the_contrast_of_black_on_white_is_21() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("scheme", ["default", "slate"])
def test_every_token_can_be_read_on_plain_and_on_marked_lines(scheme: str) -> None:
    found = colours(scheme)
    inks = {name: found["fg" if name == "text" else f"hl-{name}"] for name in ["text", *TOKENS]}
    grounds = [found["bg"], found["hl-color--light"]]
    weak = {
        (name, ground): contrast(ink, ground)
        for (name, ink), ground in itertools.product(inks.items(), grounds)
        if contrast(ink, ground) < 4.5
    }
    assert weak == {}
    assert len(set(inks.values())) == len(inks), "two kinds of tokens share a colour"


CONSOLE = """>>> import numpy as np
>>> f"{np.e:.3f} and {1 if not [] else None}"  # a comment
'2.718 and 1'
"""


def test_paper_has_the_colours_of_the_light_page() -> None:
    sheet = (MACHINERY / "css" / "print.css").read_text("utf-8")
    printed = dict(re.findall(r"(--md-code-hl-[\w-]+): (#\w+);", sheet))
    light = (MACHINERY / "css" / "code.css").read_text("utf-8").partition("slate")[0]
    assert printed.items() <= dict(re.findall(r"(--md-code-hl-[\w-]+): (#\w+);", light)).items()
    assert len(printed) > 5


@pytest.mark.parametrize("lexer", [PythonLexer(), PythonConsoleLexer()])
def test_code_loses_spans_but_no_character(lexer: Any) -> None:
    code = CONSOLE if isinstance(lexer, PythonConsoleLexer) else CONSOLE.replace(">>> ", "")
    before = highlight(code, lexer, HtmlFormatter())
    after = step("theme.highlighting").lean(before)
    assert TAG.sub("", after) == TAG.sub("", before)
    assert after.count("<span") < 0.7 * before.count("<span")
    assert not re.search(r'<span class="(n|o|p|w)">|<span></span>', after)
    assert after.count("<span") == after.count("</span>")


def test_the_link_of_a_type_in_a_signature_stays() -> None:
    link = '<a class="autorefs" href="#x">Params</a>'
    lean = step("theme.highlighting").lean
    assert lean(f'<span class="p">(</span><span class="n">{link}</span>') == f"({link}"


def test_neighbours_of_one_kind_share_a_span() -> None:
    lean = step("theme.highlighting").lean
    lines = '<span class="sd">"""One.</span>\n\n<span class="sd">    Two."""</span>'
    assert lean(lines) == '<span class="sd">"""One.\n\n    Two."""</span>'
    other = '<span class="s1">a</span><span class="c1">b</span>'
    assert lean(other) == other


def test_the_source_of_a_function_has_no_line_numbers() -> None:
    numbered = highlight("x\n", PythonLexer(), HtmlFormatter(linenos="table", wrapcode=True))
    table = re.search(r"<table.*</table>", numbered, re.DOTALL)[0]
    assert step("theme.highlighting").lean(table).strip() == "<pre><code>x\n</code></pre>"


def test_a_span_hides_blocks_of_code_from_the_theme() -> None:
    block = '<pre class="x"><code data-copy="&lt;">a &lt; <b>b</b>\n\nc\n</code></pre>'
    assert step("theme.codeblocks").hidden(f"{block}<code>d</code><pre>e</pre>") == (
        block.replace("<code", "<span><code").replace("</code>", "</code></span>")
        + "<code>d</code><pre>e</pre>"
    )


def test_a_name_breaks_after_an_underscore_where_it_is_a_label() -> None:
    label = '<a href="a_b/"><span class="md-ellipsis">\n  a.b_c\n</span></a> d_e'
    assert step("theme.names").with_breaks(label) == label.replace("b_c", "b_<wbr>c")


def test_only_titles_that_tell_something_stay() -> None:
    permalink = '<a class="headerlink" href="#x" title="Permanent link">¶</a>'
    term = '<a class="term" href="y" title="What it is.">gate</a>'
    kept = step("theme.tooltips").only_telling(f'{permalink}{term}<span title="a.b">b</span>')
    assert kept == f"{permalink.replace('title', 'aria-label')}{term}b"


THEME = Path(material.__file__).parent / "templates" / "assets" / "stylesheets"


@pytest.mark.parametrize("sheet", sorted(THEME.glob("*.css")), ids=lambda path: path.name[:4])
def test_a_style_sheet_is_read_to_its_last_sign(sheet: Path) -> None:
    css = sheet.read_text("utf-8")
    shortened = step("theme.stylesheets").shortened
    rules = parse_stylesheet(css, skip_comments=True, skip_whitespace=True)
    assert shortened(css, lambda _: True) == serialize(rules)
    assert shortened(css, {"md-typeset"}.__contains__).count("{") < css.count("{") / 4


@pytest.mark.parametrize(
    ("css", "short"),
    [
        (".a,.b{x:y}", ".a{x:y}"),
        (".b>p{x:y}p{x:y}", "p{x:y}"),
        (".a .b,#a:not(.b,:is(.b,p)){x:y}", "#a:not(.b,:is(.b,p)){x:y}"),
        ("@media print{.b{x:y}}@media screen{.a{x:y}.b{x:y}}", "@media screen{.a{x:y}}"),
        ("[dir=rtl] p{x:y}[dir=ltr] .a{x:y}[a]{x:y}", "[dir=ltr] .a{x:y}[a]{x:y}"),
        (
            "@font-face{x:y}@keyframes b{0%{x:y}to{x:y}}",
            "@font-face{x:y}@keyframes b{0%{x:y}to{x:y}}",
        ),
        ("@supports (x:y){@media print{.b{x:y}.a{x:y}}}", "@supports (x:y){@media print{.a{x:y}}}"),
        (":root{--b:1}/* .a */", ":root{--b:1}"),
        ('.a{x:"/* } .b{"}.b{x:"}"}', '.a{x:"/* } .b{"}'),
        (".b,:is(.b,.a){x:y}.a:not(.b) .b{x:y}", ":is(.b,.a){x:y}"),
    ],
)
def test_a_rule_stays_if_something_can_match_it(css: str, short: str) -> None:
    assert step("theme.stylesheets").shortened(css, {"a", "dir", "ltr"}.__contains__) == short


@pytest.mark.parametrize(
    ("css", "dark"),
    [
        ("[data-md-color-scheme=slate] p{x:y}p{x:z}", "[data-md-color-scheme] p{x:y}"),
        (
            ':root:has(> [data-md-color-scheme="slate"]){x:y}',
            ":root:has(> [data-md-color-scheme]){x:y}",
        ),
        ("[data-md-color-scheme=default]{x:y}p:not([data-md-color-scheme=slate]){x:y}", ""),
        (
            "@media screen{[data-md-color-scheme=slate]{x:y}p{x:z}}@media print{p{x:y}}",
            "@media screen{[data-md-color-scheme]{x:y}}",
        ),
    ],
)
def test_what_is_said_of_the_dark_is_said_of_all_without_scripts(css: str, dark: str) -> None:
    unscripted = step("theme.unscripted")
    assert unscripted.dark(css) == f"@media {unscripted.WHEN}{{{dark}}}"


def test_blanks_go_but_where_they_are_seen() -> None:
    code = "<pre><code>if x:\n\n    y\n</code></pre>"
    page = f"<p>\n\n  a\n  b <b> c</b>\n\n{code}\n  \n<script>\n  x\n</script>\n\n</p>"
    assert step("theme.blanks").without_blanks(page) == (
        f"<p>\na\nb <b> c</b>\n{code}\n<script>\n  x\n</script>\n</p>"
    )


SHEETS = {
    "assets/main.css": ":root{--idle:1;--by-idle:2;--drawn:3;--by-script:4;--by-style:5}"
    ".page{x:var(--drawn)}.script{x:y}.text{x:y}.page{--idle:var(--by-idle)}",
    "machinery/css/own.css": "/* Ours. */ .page { src: url('../fonts/a.woff2') }",
    "machinery/css/print.css": ".page{x:z}",
}
SCRIPTS = {
    "machinery/js/a.js": "// Ours.\n// All ours.\n\n  const x = 1;\n",
    "machinery/js/b.js": "const x = 2; // yours\n  // and theirs\n",
    "machinery/js/early.js": "const x = 'https://0.example';\n",
}
HEAD = """\
<link rel="stylesheet" href="{0}assets/main.css">
<link rel="stylesheet" href="{0}machinery/css/own.css">
<link rel="stylesheet" href="{0}machinery/css/print.css" media="print">
<script src="{0}machinery/js/early.js"></script>
<script src="{0}theme.js"></script>
<script src="{0}machinery/js/a.js" defer></script>
<script src="{0}machinery/js/b.js" defer></script>
"""


@pytest.mark.parametrize("sheet", sorted((MACHINERY / "css").glob("*.css")), ids=lambda p: p.name)
def test_every_rule_of_a_style_sheet_is_closed(sheet: Path) -> None:
    css = sheet.read_text("utf-8")
    assert css.count("{") == css.count("}")


@pytest.fixture
def merged(tmp_path: Path) -> Path:
    """A site whose style sheets have become one."""
    pages = {
        "index.html": HEAD.format("") + '<p class="page" style="x:var(--by-style)">.text</p>',
        "a/b/index.html": HEAD.format("../../"),
        "404.html": HEAD.format("/bptt/"),
        "bare.html": "<p>",
        "theme.js": 'x("p",{class:"script"});y("--by-script")',
    }
    fonts = {"machinery/fonts/a.woff2": "a font"}
    for name, text in {**SHEETS, **SCRIPTS, **pages, **fonts}.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    configuration = tmp_path / "mkdocs.yml"
    configuration.touch()
    config = SimpleNamespace(site_dir=str(tmp_path), config_file_path=str(configuration))
    step("theme.stylesheets").merge(config)
    return tmp_path


def test_the_style_sheets_become_one_in_their_order(merged: Path) -> None:
    css = (merged / "machinery" / "css" / "all.css").read_text()
    shown = [
        "--drawn:3",
        "--by-script:4",
        ".page{x:var(--drawn)",
        ".script{",
        'url("data:font/woff2;base64,YSBmb250")',
        "@media print{",
    ]
    assert [css.find(part) for part in shown] == sorted(css.index(part) for part in shown)
    assert [part for part in (".text", "idle", "Ours") if part in css] == []
    assert sorted(path.name for path in merged.rglob("*.css")) == ["all.css"]
    assert not [*merged.rglob("*.woff2")]


def test_the_scripts_become_one_and_keep_their_names_apart(merged: Path) -> None:
    js = merged / "machinery" / "js"
    assert (js / "all.js").read_text() == "{\nconst x = 1;\n}\n{\nconst x = 2; // yours\n}\n"
    assert (js / "first.js").read_text() == "{\nconst x = 'https://0.example';\n}\n"
    assert sorted(path.name for path in js.iterdir()) == ["all.js", "first.js"]


@pytest.mark.parametrize(
    ("name", "top"), [("index.html", ""), ("a/b/index.html", "../../"), ("404.html", "/bptt/")]
)
def test_every_page_links_the_one_style_sheet_and_script(name: str, top: str, merged: Path) -> None:
    html = (merged / name).read_text()
    assert re.findall(r"<link[^>]*>|<script[^>]*>", html) == [
        f'<link rel="stylesheet" href="{top}machinery/css/all.css">',
        f'<script src="{top}machinery/js/first.js">',
        f'<script src="{top}theme.js">',
        f'<script src="{top}machinery/js/all.js" defer>',
    ]
    assert (merged / "bare.html").read_text() == "<p>"


def test_a_style_moves_from_the_page_into_the_sheet(merged: Path) -> None:
    html = (merged / "index.html").read_text()
    assert '<p class="page" data-look="x:var(--by-style)">.text</p>' in html
    css = (merged / "machinery" / "css" / "all.css").read_text()
    assert css.endswith('[data-look="x:var(--by-style)"]{x:var(--by-style)!important}')


@pytest.mark.parametrize(
    ("page", "moved", "rules"),
    [
        ('<p style="a:b;">', '<p data-look="a:b;">', '[data-look="a:b;"]{a:b!important}'),
        (
            '<p title="x > y" class="z" style="a: b; c: d !important">',
            '<p title="x > y" class="z" data-look="a: b; c: d !important">',
            '[data-look="a: b; c: d !important"]{a:b!important;c:d!important}',
        ),
        (
            '<p style="a:url(&quot;b;c&quot;)">',
            '<p data-look="a:url(&quot;b;c&quot;)">',
            r'[data-look="a:url(\"b;c\")"]{a:url("b;c")!important}',
        ),
        ('<p style="">', '<p data-look="">', '[data-look=""]{}'),
        ('<p style="a:b}p{c:d">', '<p data-look="a:b}p{c:d">', '[data-look="a:b}p{c:d"]{}'),
        ("&lt;p style=&quot;a:b&quot;&gt;", "&lt;p style=&quot;a:b&quot;&gt;", ""),
        ('<p title=" style=" id="a:b">', '<p title=" style=" id="a:b">', ""),
        ('<p data-style="a:b">', '<p data-style="a:b">', ""),
    ],
)
def test_a_style_is_a_rule_that_wins(page: str, moved: str, rules: str) -> None:
    styles = step("theme.styles")
    assert styles.moved(page) == moved
    assert styles.sheet([page, page]) == rules


PAGES = {
    "index.html": ""
    '<a href=".">Home</a> <a href="chapter/#part">Part</a> <a href="bptt-site.zip">All</a>',
    "chapter/index.html": '<a href="..">Home</a> <a href="#part">Here</a> <img src="a.svg">'
    '<a href="./?q=1#x">Found</a> <a href="../map">Gone</a> <a href="https://o.example/">O</a>'
    '<code>href="../"</code>',
    "404.html": '<a href="/bptt/">Home</a>',
    "chapter/a.svg": "<svg/>",
    "search/search_index.json": '{"docs":[{"location":"","title":"Home"},'
    '{"location":"chapter/#part","title":"\u00a7"}],"config":{}}',
}


@pytest.fixture
def pack(tmp_path: Path) -> Callable[[], zipfile.ZipFile]:
    """Pack a small site."""
    for name, text in PAGES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")

    def run() -> zipfile.ZipFile:
        step("publish.offline").pack(SimpleNamespace(site_dir=str(tmp_path), site_url=SITE_URL))
        return zipfile.ZipFile(tmp_path / "bptt-site.zip")

    return run


def test_a_site_at_a_local_address_gets_no_zip(tmp_path: Path) -> None:
    config = SimpleNamespace(site_dir=str(tmp_path), site_url="http://127.0.0.1:8000/bptt/")
    step("publish.offline").pack(config)
    assert list(tmp_path.iterdir()) == []


def test_the_pages_of_the_zip_link_to_files(pack: Callable[[], zipfile.ZipFile]) -> None:
    archive = pack()
    home, chapter = (
        archive.read(f"bptt-site/{name}index.html").decode() for name in ("", "chapter/")
    )
    assert 'href="./index.html"' in home
    assert 'href="chapter/index.html#part"' in home
    assert 'href="https://site.example/bptt/bptt-site.zip"' in home
    assert 'href="../index.html">Home' in chapter
    assert 'href="#part"' in chapter
    assert 'href="./index.html?q=1#x"' in chapter
    assert 'href="https://site.example/bptt/map"' in chapter
    assert 'href="https://o.example/"' in chapter
    assert '<code>href="../"</code>' in chapter
    assert dead(archive) == []


def test_the_zip_is_searched_by_a_script_that_names_files(
    pack: Callable[[], zipfile.ZipFile],
) -> None:
    script = pack().read("bptt-site/search/search_index.js").decode()
    assert script.startswith("var __index = {")
    assert '"location":"index.html"' in script
    assert '"location":"chapter/index.html#part"' in script


def test_the_zip_is_the_same_each_time(pack: Callable[[], zipfile.ZipFile]) -> None:
    first = pack()
    again = pack()
    assert Path(first.filename).read_bytes() == Path(again.filename).read_bytes()
    assert {info.date_time[0] for info in again.infolist()} == {1980}
    assert again.namelist() == sorted(again.namelist())
    assert not {"bptt-site/404.html", "bptt-site/bptt-site.zip"} & {*again.namelist()}


def dead(archive: zipfile.ZipFile) -> list[str]:
    """List the links of an archive's pages that lead to a folder or to no file at all."""
    names = {*archive.namelist()}
    return [
        f"{name}: {link}"
        for name in sorted(names)
        if name.endswith(".html")
        for link in links(archive.read(name).decode())
        if resolved(name, link) not in names
    ]


def resolved(name: str, link: str) -> str:
    path = urlsplit(link).path
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), path)) if path else name


def links(html: str) -> Iterator[str]:
    """Give what a page links to or loads within its own site."""
    parser = _Links()
    parser.feed(html)
    return (link for link in parser.found if not urlsplit(link).scheme)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, _: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in {"href", "src"} and value]
