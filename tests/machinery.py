"""The machinery of the site, for the files that test it."""

import functools
import runpy
from pathlib import Path
from types import SimpleNamespace

import pytest

MACHINERY = Path(__file__).parents[1] / "docs" / "machinery"


@functools.cache
def hook(name: str) -> SimpleNamespace:
    """Load a hook as MkDocs does: it imports from its own folder first."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(MACHINERY / "hooks")
        return SimpleNamespace(**runpy.run_path(str(MACHINERY / "hooks" / f"{name}.py")))
