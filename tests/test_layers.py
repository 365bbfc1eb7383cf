"""Who imports whom: the layers of the package, and nothing heavy by surprise."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest
from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[1]

# Imports every module but the one that draws, then names the packages that came along.
IMPORT_ALL = """
import importlib, pkgutil, sys, bptt
def walk(path, prefix):
    for module in pkgutil.iter_modules(path, prefix):
        if module.name != "bptt.figures":
            found = importlib.import_module(module.name)
            if module.ispkg:
                walk(found.__path__, module.name + ".")
walk(bptt.__path__, "bptt.")
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def packages_loaded(program: str) -> set[str]:
    """Run a program in a new Python and return the words that it prints."""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stderr
    return set(run.stdout.split())


def test_the_layers_hold(capsys):
    status = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert status == 0, capsys.readouterr().out


@pytest.mark.process
def test_importing_the_package_loads_none_of_its_modules():
    loaded = packages_loaded("import sys, bptt; print(*sys.modules)")
    assert not {name for name in loaded if name.startswith("bptt.")}


@pytest.mark.process
def test_the_modules_load_neither_torch_nor_matplotlib():
    assert not {"torch", "matplotlib"} & packages_loaded(IMPORT_ALL)


@pytest.mark.process
def test_the_modules_import_without_any_extra():
    extras = ["click", "huggingface_hub", "joblib", "matplotlib", "pooch", "pyppmd", "safetensors"]
    extras += ["submitit", "torch", "tqdm", "zpaq"]
    absent = f"import sys; sys.modules.update(dict.fromkeys({extras}))"
    assert "bptt" in packages_loaded(absent + IMPORT_ALL)


def walks() -> dict[str, list[Path]]:
    """Return the walks of CONTRIBUTING.md: their names, and their files in order."""
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    section = text.partition("## Three walks")[2].partition("\nA test has a mark")[0]
    found = re.findall(r"^- \*\*(.+?)\*\*(.*(?:\n  .*)*)", section, re.MULTILINE)
    return {
        name: [ROOT / path for path in re.findall(r"`([\w/]+\.py)`", words)]
        for name, words in found
    }


def imported(file: Path) -> set[Path]:
    """Return the files of this project that one imports."""
    root = next(top for top in (ROOT / "src", ROOT / "docs" / "machinery") if top in file.parents)
    names = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    places = [root.joinpath(*name.split(".")) for name in names]
    return {f for p in places for f in (p.with_suffix(".py"), p / "__init__.py") if f.is_file()}


def test_there_are_three_walks():
    assert len(walks()) == 3


@pytest.mark.parametrize("name", walks())
def test_a_walk_has_at_most_eight_files_and_leads_downwards_only(name):
    first, *others = walks()[name]
    assert len(others) < 8
    before = [first]
    for file in others:
        assert any(file in imported(earlier) for earlier in before), file
        assert not any(earlier in imported(file) for earlier in before), file
        before.append(file)
