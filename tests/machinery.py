"""The machinery of the site, for the files that test it."""

import importlib
from pathlib import Path
from types import ModuleType

import pytest

MACHINERY = Path(__file__).parents[1] / "docs" / "machinery"


def step(name: str) -> ModuleType:
    """Import a step, such as `write.glossary`, as MkDocs does: with the machinery on the path."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(MACHINERY)
        return importlib.import_module(name)
