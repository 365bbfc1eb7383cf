"""Settings and fixtures of the library's tests."""

import hypothesis
import numpy as np
import pytest
from helpers import CELLS

# What needs a browser and the built site has a session of its own: `nox -s browser`.
collect_ignore = ["browser"]

# The same examples on every machine, however slow it is. As they never change, more of them would
# find nothing new tomorrow.
hypothesis.settings.register_profile("bptt", deadline=None, derandomize=True, max_examples=25)
hypothesis.settings.load_profile("bptt")


@pytest.fixture(scope="session", params=CELLS, ids=lambda cell: cell.__name__)
def cell(request):
    return request.param


@pytest.fixture
def rng():
    return np.random.default_rng(0)
