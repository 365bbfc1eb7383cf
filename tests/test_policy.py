"""The policy of the pages: what they may load and run stands in each, and none asks for more."""

import base64
import hashlib
from pathlib import Path
from types import SimpleNamespace

import pytest
from bs4 import BeautifulSoup
from hypothesis import given
from hypothesis import strategies as st
from machinery import MACHINERY, step
from mkdocs.exceptions import PluginError

HEAD = '<!doctype html>\n<html><head>\n<meta charset="utf-8">\n'
OURS = "{\n  const x = 1 < 2;\n}\n"


@pytest.fixture
def site(tmp_path: Path) -> SimpleNamespace:
    """A site whose templates bring one script."""
    (tmp_path / "overrides" / "partials").mkdir(parents=True)
    (tmp_path / "overrides" / "main.html").write_text('<script src="{{ x }}"></script>\n')
    template = tmp_path / "overrides" / "partials" / "palette.html"
    template.write_text(f'{{# Ours. #}}\n<script data-base="{{{{ x }}}}">{OURS}</script>\n')
    (tmp_path / "site").mkdir()
    (tmp_path / "mkdocs.yml").touch()
    return SimpleNamespace(
        site_dir=str(tmp_path / "site"),
        site_url="https://site.example/bptt/",
        config_file_path=str(tmp_path / "mkdocs.yml"),
        theme=SimpleNamespace(custom_dir=str(tmp_path / "overrides")),
    )


def protected(site: SimpleNamespace, page: str) -> str:
    path = Path(site.site_dir, "index.html")
    path.write_text(page, "utf-8")
    step("publish.policy").protect(site)
    return path.read_text("utf-8")


def policy_of(page: str) -> dict[str, list[str]]:
    """Return the sources that a page allows for each kind."""
    (meta,) = BeautifulSoup(page, "html.parser").select("meta[http-equiv]")
    assert meta["http-equiv"] == "Content-Security-Policy"
    kinds = (part.split() for part in str(meta["content"]).split(";"))
    return {kind: sources for kind, *sources in kinds}


def test_a_page_runs_its_own_files_and_the_one_script_of_the_templates(
    site: SimpleNamespace,
) -> None:
    page = protected(site, f'{HEAD}<script data-base="..">{OURS}</script>')
    digest = base64.b64encode(hashlib.sha256(OURS.encode()).digest()).decode()
    policy = policy_of(page)
    for kind in ("object-src", "frame-src", "base-uri"):
        assert policy[kind] == ["'none'"]
    assert policy["script-src"] == ["'self'", f"'sha256-{digest}'"]
    assert policy["default-src"] == policy["style-src"] == policy["form-action"] == ["'self'"]
    sources = {source for kind in policy.values() for source in kind}
    assert sources == {"'self'", "'none'", "data:", f"'sha256-{digest}'"}
    assert [kind for kind in policy if "data:" in policy[kind]] == ["img-src", "font-src"]


def test_the_policy_stands_before_all_that_a_page_loads(site: SimpleNamespace) -> None:
    page = protected(site, f'{HEAD}<link rel="stylesheet" href="a.css">')
    assert page.startswith(f'{HEAD}<meta http-equiv="Content-Security-Policy" content="')


def test_a_page_without_a_place_for_it_is_a_mistake(site: SimpleNamespace) -> None:
    with pytest.raises(PluginError, match=r"^index\.html: there is no <meta charset"):
        protected(site, "<!doctype html><p>")


def test_what_serve_shows_has_no_policy_and_is_judged_all_the_same(site: SimpleNamespace) -> None:
    site.site_url = "http://127.0.0.1:8000/bptt/"
    assert protected(site, HEAD) == HEAD
    with pytest.raises(PluginError, match="no attribute style"):
        protected(site, f'{HEAD}<p style="a:b">')


FORBIDDEN = {
    '<p style="color: red">': "no attribute style, as of <p>",
    "<P STYLE='color: red'>": "no attribute style, as of <p>",
    "<math><mi style=a:b>x</mi></math>": "no attribute style, as of <mi>",
    '<svg><path style="fill: none"/></svg>': "no attribute style, as of <path>",
    '<a href="." onclick="x()">a</a>': "no attribute onclick, as of <a>",
    "<img alt='a > b' onerror=x()>": "no attribute onerror, as of <img>",
    "<svg onload=x()></svg>": "no attribute onload, as of <svg>",
    '<a href="javascript:x()">a</a>': "no address that is a script: javascript:x()",
    '<a href=" \tJava\nScript:x()">a</a>': "no address that is a script",
    '<form action="javascript:x()"></form>': "no address that is a script",
    "<style>p { color: red }</style>": "no <style>",
    "<svg><style>p { color: red }</style></svg>": "no <style>",
    "<script>x()</script>": r"no script but our own: x\(\)",
    "<script type=module>import 'x'</script>": "no script but our own",
    f"<script>{OURS} </script>": "no script but our own",
    '<base href="/">': "no <base>",
    '<iframe src="a.html"></iframe>': "no <iframe>",
    '<object data="a.svg"></object>': "no <object>",
}
ALLOWED = [
    f'<script data-base="..">{OURS}</script>',
    '<script id="a" type="application/json">{"style": "<p onclick=x>"}</script>',
    '<script src="a.js" defer></script>',
    "<code>&lt;p style=&quot;a&quot; onclick=x&gt;</code> javascript:x()",
    '<p title="javascript: a language" data-look="a:b" class="style onclick">',
    '<a href="javascript/">a</a>',
]


@pytest.mark.parametrize("html", FORBIDDEN)
def test_what_the_policy_forbids_stops_the_build(html: str, site: SimpleNamespace) -> None:
    with pytest.raises(PluginError, match=f"index.html: the policy allows {FORBIDDEN[html]}"):
        protected(site, f"{HEAD}<body>{html}")


@pytest.mark.parametrize("html", ALLOWED)
def test_what_the_policy_allows_stays(html: str, site: SimpleNamespace) -> None:
    assert protected(site, f"{HEAD}<body>{html}").endswith(html)


@given(script=st.text(st.characters(exclude_characters="<>\r\0", codec="utf-8"), min_size=1))
def test_no_other_script_runs(script: str) -> None:
    found = step("publish.policy").problems(f"{HEAD}<script>{script}</script>", [OURS])
    assert len(found) == (script != OURS)


def test_the_site_has_one_script_in_its_pages_and_it_is_the_same_in_all() -> None:
    config = SimpleNamespace(theme=SimpleNamespace(custom_dir=MACHINERY / "overrides"))
    (script,) = step("publish.policy").ours(config)
    assert "__palette" in script
    assert "{{" not in script
