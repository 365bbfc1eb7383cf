"""Which loop over time a cell gets."""

from types import SimpleNamespace

import pytest
from helpers import CELLS

from bptt import fused, rnn, run, unroll


@pytest.mark.parametrize("cell", CELLS)
def test_the_cells_of_the_library_run_fast(cell):
    assert run.of(cell) is fused


def test_any_other_cell_runs_step_by_step():
    assert run.of(SimpleNamespace(**vars(rnn))) is unroll
