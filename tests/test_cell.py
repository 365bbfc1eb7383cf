"""What all cells have in common: their type, and the checks of what is passed with them."""

from types import SimpleNamespace

import numpy as np
import pytest
from helpers import CELLS

from bptt import rnn
from bptt.cell import Cell, check_cell, state_or_zero

ZERO = rnn.State(np.zeros((3, 2)))


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_module_is_a_cell(cell):
    assert isinstance(cell, Cell)
    check_cell("f", cell)


@pytest.mark.parametrize("missing", ["zero_state", "step", "step_backward"])
def test_a_module_without_one_of_the_functions_is_no_cell(missing):
    functions = {name: getattr(rnn, name) for name in ("zero_state", "step", "step_backward")}
    del functions[missing]
    with pytest.raises(TypeError, match=r"^f: cell must be a module with zero_state, step and "):
        check_cell("f", SimpleNamespace(**functions))


def test_no_state_means_the_zero_state():
    assert state_or_zero("f", "state", None, ZERO) is ZERO


def test_a_state_takes_the_dtype_of_the_zero_state():
    state = state_or_zero("f", "state", rnn.State(np.ones((3, 2), np.float32)), ZERO)
    assert state.h.dtype == np.float64
    assert (state.h == 1).all()


def test_an_array_in_place_of_a_state_is_named():
    with pytest.raises(TypeError, match=r"^f: state must be a bptt\.rnn\.State, got ndarray$"):
        state_or_zero("f", "state", np.zeros((3, 2)), ZERO)


@pytest.mark.parametrize("wrong", [None, 0, "seed", np.random], ids=repr)
def test_initial_weights_are_drawn_by_a_generator_only(cell, wrong):
    where = cell.__name__.removeprefix("bptt.")
    with pytest.raises(TypeError, match=rf"^{where}\.init: rng must be a generator, such as np\."):
        cell.init(2, 3, rng=wrong)
