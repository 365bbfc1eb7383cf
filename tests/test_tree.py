from typing import NamedTuple

import numpy as np
import pytest
from helpers import SEEDS, SIZES, assert_equal
from hypothesis import given

from bptt import model, rnn, tree
from bptt.shapes import ShapeError


class Other(NamedTuple):
    """Has the fields of `rnn.State`, and is another type."""

    h: np.ndarray


@pytest.fixture
def nested(rng):
    return model.init(rnn, 4, 2, 3, rng=rng)


def test_map_applies_a_function_to_the_matching_leaves(nested):
    double = tree.map(lambda a: 2 * a, nested)
    assert_equal(tree.map(np.subtract, double, nested), nested)
    assert isinstance(double, model.Params)
    assert isinstance(double.cell, rnn.Params)


def test_map_takes_many_trees_in_order():
    a, b, c = (rnn.State(np.array([value])) for value in (1, 20, 300))
    assert_equal(tree.map(lambda a, b, c: a - b + c, a, b, c), rnn.State(np.array([281])))


def test_map_takes_a_bare_array_as_a_leaf():
    assert_equal(tree.map(np.add, np.ones(2), np.ones(2)), np.full(2, 2.0))


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (
            rnn.State(np.ones(2)),
            Other(np.ones(2)),
            r"^tree.map: the trees differ in structure, bptt.rnn.State met test_tree.Other$",
        ),
        (rnn.State(np.ones(2)), np.ones(2), "bptt.rnn.State met numpy.ndarray"),
        (np.ones(2), rnn.State(np.ones(2)), "an array met a tuple"),
        (rnn.State(np.ones(2)), rnn.State(rnn.State(np.ones(2))), "an array met a tuple"),
        (rnn.State(np.ones(2)), (np.ones(2),), "bptt.rnn.State met a tuple of 1$"),
        ((np.ones(2), np.ones(2)), (np.ones(2),), "a tuple of 2 met a tuple of 1$"),
        (((),), ((np.ones(2),),), "a tuple of 0 met a tuple of 1$"),
    ],
)
def test_trees_of_different_structures_are_a_type_error(one, other, message):
    with pytest.raises(TypeError, match=message):
        tree.map(np.add, one, other)
    with pytest.raises(TypeError, match="structure"):
        tree.map(lambda *leaves: leaves, one, one, other)


def test_a_plain_tuple_is_a_tree_whose_entries_are_counted_from_zero(nested):
    layers = (nested.cell, rnn.State(np.ones(2)))
    double = tree.map(lambda a: 2 * a, layers)
    assert type(double) is tuple
    assert [type(entry) for entry in double] == [rnn.Params, rnn.State]
    assert_equal(tree.map(np.subtract, double, layers), layers)
    names = ["0.W_x", "0.W_h", "0.b", "1.h"]
    assert [name for name, _ in tree.leaves(layers)] == names
    inside = nested._replace(cell=layers)
    want = [*(f"cell.{name}" for name in names), "W_y", "b_y"]
    assert [name for name, _ in tree.leaves(inside)] == want


def test_leaves_of_different_shapes_are_a_shape_error():
    wide, tall = rnn.State(np.ones((1, 2))), rnn.State(np.ones((3, 2)))
    tree.check_same_shapes("f", "x", tall, rnn.State(np.zeros((3, 2))))
    with pytest.raises(ShapeError, match=r"^f: an array of x must be \(3, 2\), got \(1, 2\)$"):
        tree.check_same_shapes("f", "x", wide, tall)
    with pytest.raises(TypeError, match="structure"):
        tree.check_same_shapes("f", "x", tall.h, tall)


def test_leaves_have_dotted_names_in_the_order_of_the_fields(nested):
    named = list(tree.leaves(nested))
    assert [name for name, _ in named] == ["cell.W_x", "cell.W_h", "cell.b", "W_y", "b_y"]
    assert named[1][1] is nested.cell.W_h
    assert next(tree.leaves(nested.cell, "theta"))[0] == "theta.W_x"
    assert [name for name, _ in tree.leaves(np.ones(2))] == [""]


@pytest.mark.parametrize("layers", [0, 1, 2])
@given(SIZES, SEEDS)
def test_unravel_undoes_ravel(layers, sizes, seed):
    params = model.init(rnn, *sizes[1:], rng=np.random.default_rng(seed))
    params = (params,) * layers if layers else params
    vector, unravel = tree.ravel(params)
    assert vector.shape == (sum(leaf.size for _, leaf in tree.leaves(params)),)
    assert_equal(unravel(vector), params)
    assert_equal(tree.ravel(unravel(2 * vector))[0], 2 * vector)


def test_ravel_lays_the_leaves_end_to_end_in_a_copy():
    params = rnn.Params(
        np.array([[1.0, 2.0]]), np.array([[3.0, 4.0], [5.0, 6.0]]), np.array([7, 8])
    )
    vector, _ = tree.ravel(params)
    assert vector.tolist() == [1, 2, 3, 4, 5, 6, 7, 8]
    assert not any(np.shares_memory(vector, leaf) for leaf in params)
    alone, _ = tree.ravel(params.W_x)
    assert not np.shares_memory(alone, params.W_x)


def test_dot_sums_the_products_over_all_leaves():
    a = rnn.Params(np.array([[1.0, 2.0]]), np.array([[3.0]]), np.array([4.0]))
    b = rnn.Params(np.array([[10.0, 20.0]]), np.array([[-1.0]]), np.array([0.5]))
    assert tree.dot(a, b) == 10 + 40 - 3 + 2
    assert type(tree.dot(a, b)) is float


def test_dot_refuses_arrays_that_would_broadcast():
    with pytest.raises(ShapeError, match=r"^tree.dot: an array of b must be \(3, 2\), got \(2,\)$"):
        tree.dot(np.ones((3, 2)), np.ones(2))


def test_the_norm_is_that_of_all_leaves_as_one_vector(nested):
    assert tree.global_norm(nested) == pytest.approx(np.linalg.norm(tree.ravel(nested)[0]))


def test_sums_over_float32_leaves_are_taken_in_float64():
    large = np.full(3, 1e30, np.float32)  # its squares overflow float32
    assert tree.global_norm(large) == pytest.approx(np.sqrt(3) * 1e30)
    rounded = np.array([2.0**12, 1], np.float32)  # the square of 2**12 hides the 1 in float32
    assert tree.dot(rounded, rounded) == 2.0**24 + 1


@pytest.mark.parametrize("wrong", [np.ma.masked_array([1.0, 2.0], [0, 1]), np.array([1j]), "x"])
def test_what_a_vector_cannot_hold_is_not_laid_out(wrong):
    for at in (wrong, (np.ones(2), wrong), rnn.State(wrong)):
        with pytest.raises(TypeError, match=r"^tree\.ravel: tree[\w.]* must "):
            tree.ravel(at)
