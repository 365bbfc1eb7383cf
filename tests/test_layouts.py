import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from helpers import CELLS, SEEDS, SIZES, assert_equal, draw
from hypothesis import given
from hypothesis import strategies as st

from bptt import gru, layouts, lstm, tree
from bptt.keras_layout import to_keras
from bptt.layouts import Four, join, listed, places, reorder, split
from bptt.onnx_layout import to_onnx
from bptt.shapes import ShapeError, shown
from bptt.torch_layout import grads_to_torch, stack_grads_to_torch, stack_to_torch, to_torch

PAGE = Path(__file__).parents[1] / "docs" / "chapters" / "10-match-the-library.md"
ORDERS = {"torch": layouts.TORCH, "Keras": layouts.KERAS, "ONNX": layouts.ONNX}


def orders_in(text, cells):
    """Return the orders of a table whose rows begin with the names of libraries."""
    found = {}
    for row in re.findall(r"^\| ((?:here|torch|Keras|ONNX).*) \|$", text, re.MULTILINE):
        names, *letters = row.split(" | ")
        orders = [part.replace(", ", "") for part in letters[: len(cells)]]
        found |= {name: dict(zip(cells, orders, strict=True)) for name in names.split(", ")}
    return found


def test_the_orders_are_those_of_the_tables_in_the_docstring_and_in_chapter_10():
    here = ORDERS | {"here": layouts.TORCH}
    assert orders_in(layouts.__doc__, CELLS) == here
    gated = {name: {cell: order[cell] for cell in (lstm, gru)} for name, order in here.items()}
    page = PAGE.read_text("utf-8").partition("## Keras and ONNX")[2].partition("\n## ")[0]
    assert orders_in(page, [lstm, gru]) == gated


@given(st.integers(1, 4), SEEDS)
def test_every_block_goes_to_its_place_in_every_order(H, seed):
    a = np.random.default_rng(seed).normal(size=(3, 4 * H))
    for old, new in itertools.product(itertools.permutations("ifgo"), repeat=2):
        b = reorder(a, old, new)
        for gate in "ifgo":
            i, j = old.index(gate) * H, new.index(gate) * H
            assert np.array_equal(a[:, i : i + H], b[:, j : j + H])
        assert not np.shares_memory(a, b)
        assert b.flags.c_contiguous


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
@given(SIZES, SEEDS)
def test_joining_undoes_splitting(cell, order, sizes, seed):
    params = draw(cell, *sizes, seed=seed)[0].params
    four = split(cell, order, params)
    joined = join(cell, order, four)
    assert_equal(joined, params)
    assert all(array.flags.owndata and array.flags.c_contiguous for array in joined)
    kept = tree.map(np.copy, params)
    for array in four:
        array[...] += 1
    assert_equal(params, kept)


@pytest.mark.parametrize("order", ORDERS.values(), ids=ORDERS)
def test_both_biases_are_added_but_in_the_candidate_of_the_gru(cell, order):
    H, k = 2, len(order[cell])
    b_x = np.repeat(np.arange(1.0, k + 1), H)  # a number for each block, in `order`
    four = Four(np.zeros((3, k * H)), np.zeros((H, k * H)), b_x, 10 * b_x)
    params = join(cell, order, four)
    number = {gate: 1.0 + place for place, gate in enumerate(order[cell])}
    alone = "n" if cell is gru else ""
    want = [number[gate] * (1 if gate in alone else 11) for gate in layouts.TORCH[cell]]
    assert params.b[::H].tolist() == params.b[1::H].tolist() == want
    if cell is gru:
        assert params.b_hn.tolist() == [10 * number["n"]] * H


def test_a_list_in_a_message_is_bounded():
    assert listed([]) == ""
    assert listed("ab") == "a, b"
    assert listed(range(20), " or ").endswith("18 or 19")
    assert listed(range(300)).endswith("36 and 263 more")


@given(
    st.lists(st.text() | st.text("ab", min_size=199, max_size=999)), st.sampled_from([", ", " or "])
)
def test_a_list_in_a_message_is_one_short_line_that_begins_with_the_first_name(names, separator):
    said = listed(names, separator)
    assert len(said) < 160
    assert len(said.splitlines()) <= 1
    assert said.startswith(shown(names[0], str)[:100] if names else "")


# Weights that cannot be written

WRITERS = {
    "params": [to_torch, to_keras, to_onnx, lambda cell, p: stack_to_torch(cell, (p,))],
    "dparams": [grads_to_torch, lambda cell, p: stack_grads_to_torch(cell, (p,))],
}
WRONG = [
    None,
    "x",
    1.0,
    [1.0, 2.0],
    np.ones(1, complex),
    np.ones(0),
    np.ones((7, 7, 7)),
    np.ones(7),
]


@pytest.mark.parametrize(("name", "write"), [(n, w) for n, all_ in WRITERS.items() for w in all_])
@given(data=st.data())
def test_weights_that_the_cell_would_refuse_are_not_written(cell, name, write, data):
    params = draw(cell)[0].params
    field = data.draw(st.sampled_from(params._fields))
    narrow = getattr(params, field).astype(np.float32)
    wrong = data.draw(st.sampled_from([*WRONG, narrow, narrow.astype(int)]))
    with pytest.raises(
        (TypeError, ShapeError), match=rf"layout\.\w+: {name}(\.\w+)? must be "
    ) as error:
        write(cell, params._replace(**{field: wrong}))
    assert len(str(error.value)) < 400


def test_a_search_ends():
    circle = {"rnn.weight": 1.0}
    circle["again"] = circle
    found = list(places(circle, "weight", "d"))
    assert found == [
        (f"d{'[' + repr('again') + ']'}" * 0 + "d" + "['again']" * n, "rnn.") for n in range(4)
    ]
