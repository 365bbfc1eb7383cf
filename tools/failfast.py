"""Run pytest up to the first failure: `python failfast.py PATH ...`, with any options of pytest.

Hypothesis looks for the simplest example of a failure, which can take a hundred times as long as to
find one. Here it takes the first.
"""

import sys

import pytest


class FirstExample:
    """A plugin that changes the settings between conftest.py, which makes them, and the tests."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collection(self) -> None:
        """Leave out the phases after the first failure."""
        # Not above: pytest warns of what was imported before it.
        from hypothesis import Phase, settings

        phases = [Phase.explicit, Phase.generate]
        settings.register_profile("first", parent=settings(), phases=phases)
        settings.load_profile("first")


if __name__ == "__main__":
    options = ["--exitfirst", "--quiet", "-p", "no:cacheprovider"]
    sys.exit(pytest.main([*options, *sys.argv[1:]], plugins=[FirstExample()]))
