"""The pages of the library: which there are, in which order, what they say and where they lead."""

import re
from pathlib import Path
from types import SimpleNamespace

import pytest
from machinery import step
from mkdocs.exceptions import PluginError
from test_site import build, change, page, write_project

PROJECT = """
[tool.importlinter]
root_package = "lib"

[[tool.importlinter.contracts]]
type = "forbidden"
source_modules = ["lib"]

[[tool.importlinter.contracts]]
type = "layers"
containers = ["lib"]
layers = ["__main__", "top", "(gone) | many : one", "zero"]

[[tool.importlinter.contracts]]
type = "layers"
containers = ["lib.many"]
layers = ["a", "z"]
"""
ONE = '''"""One."""
import re
class A:
    """A class."""
def b():
    """Do nothing."""
def _c():
    """Do nothing."""
d = 1
'''
SOURCES = {
    "__init__.py": "",
    "__main__.py": "",
    "_private.py": "",
    "many/__init__.py": '"""Many things, with `code`.\n\nMore of them."""\n',
    "many/a.py": '"""Below z."""\n',
    "many/new.py": '"""In no layer."""\n',
    "many/z.py": '"""The lowest."""\n',
    "one.py": ONE,
    "top.py": "",
    "zero.py": "",
    "data.json": "",
}
ORDER = ["zero", "many", "many.z", "many.a", "many.new", "one", "top"]


def write_library(project: Path) -> SimpleNamespace:
    (project / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
    (project / "mkdocs.yml").touch()
    for name, text in SOURCES.items():
        path = project / "src" / "lib" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return SimpleNamespace(config_file_path=str(project / "mkdocs.yml"))


def test_the_modules_come_by_their_layers_and_what_is_in_none_comes_last(tmp_path: Path) -> None:
    config = write_library(tmp_path)
    found = {module.name: module for module in step("read.library").modules(config)}
    assert [*found] == [f"lib.{name}" for name in ORDER]
    assert found["lib.many"].parts == ["lib.many.z", "lib.many.a", "lib.many.new"]
    assert found["lib.many"].path == "src/lib/many/__init__.py"
    assert found["lib.one"].defined == ["A", "b"]
    (tmp_path / "src" / "lib" / "one.py").write_text("def e(): ...\n")
    assert {m.name: m.defined for m in step("read.library").modules(config)}["lib.one"] == ["e"]


def test_the_page_of_a_package_says_what_each_of_its_modules_is_about(tmp_path: Path) -> None:
    modules = step("read.library").modules(write_library(tmp_path))
    phrases = {module.name: module.phrase for module in modules}
    pages = {module.name: step("write.api").page(module, phrases) for module in modules}
    assert "[`lib.many.z`](many/z.md)\n:   The lowest." in pages["lib.many"]
    assert 'description: "The package lib.many. Many things, with code."' in pages["lib.many"]
    assert "[`A`][lib.one.A],\n[`b`][lib.one.b].\n\n::: lib.one\n" in pages["lib.one"]


def test_the_pages_stand_where_the_navigation_names_their_folder() -> None:
    nav = ["index.md", {"Library": "api/"}, {"More": [{"x": "api/x.md"}]}]
    listed = step("write.api").listed(nav, ["api/a.md"])
    assert listed == ["index.md", {"Library": ["api/a.md"]}, {"More": [{"x": "api/x.md"}]}]


INDEX = """\
# All

## Low {#low}

What is below.

<!-- modules zero many -->

## High

<!-- modules one -->

And more.

<!-- modules top -->
"""


def test_the_index_puts_the_pages_into_groups_and_a_package_with_all_in_it(tmp_path: Path) -> None:
    api = step("write.api")
    uris = [api.address(m.name) for m in step("read.library").modules(write_library(tmp_path))]
    many = [f"api/{name}.md" for name in ("many", "many/z", "many/a", "many/new")]
    assert api.grouped(INDEX, uris) == [
        "api/index.md",
        {"Low": ["api/zero.md", *many]},
        {"High": ["api/one.md", "api/top.md"]},
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (" top ", " bottom ", "there is no module bottom"),
        (" zero many ", " zero ", "in no group, or in more than one: api/many.md, api/many/a.md"),
        (" one ", " one zero ", "in no group, or in more than one: api/zero.md"),
    ],
)
def test_each_module_is_in_one_group(tmp_path: Path, old: str, new: str, message: str) -> None:
    api = step("write.api")
    uris = [api.address(m.name) for m in step("read.library").modules(write_library(tmp_path))]
    with pytest.raises(PluginError, match=f"^{re.escape(f'api/index.md: {message}')}"):
        api.grouped(INDEX.replace(old, new), uris)


def test_the_index_tells_what_each_module_is_about(tmp_path: Path) -> None:
    file = SimpleNamespace(src_uri="api/index.md")
    text = step("write.api").with_modules(INDEX, file, write_library(tmp_path))
    assert "[`lib.one`](one.md)\n:   One.\n" in text
    assert "[`lib.many`](many.md)\n:   Many things, with `code`.\n:   [`z`](many/z.md), [" in text
    assert "## Low {#low}" in text
    assert "<!--" not in text


@pytest.mark.site
def test_a_module_has_its_page_as_soon_as_it_is_written(tmp_path: Path) -> None:
    project = write_project(tmp_path)
    text = (project / "mkdocs.yml").read_text("utf-8")
    write_library(project)
    change(project, "docs/chapter.md", "", "See [one](api/one.md#lib.one) and [`A`][lib.one.A].")
    said = build(project)
    assert said.startswith("exit code 1")
    assert 'not included in the "nav" configuration:\n  - api/many.md' in said
    (project / "mkdocs.yml").write_text(text.replace("nav: [", "nav: [Library: api/, "), "utf-8")
    assert build(project).startswith("exit code 0")
    shown = page(project / "site", "api/many")
    assert shown.find("a", rel="edit")["href"] == (
        "https://forge.example/bptt/edit/main/src/lib/many/__init__.py"
    )
    assert shown.find("a", string="lib.many.z")["href"] == "z/"
    (project / "src" / "lib" / "later.py").write_text('"""Later."""\n', encoding="utf-8")
    assert build(project).startswith("exit code 0")
    assert "Later." in page(project / "site", "api/later").text
