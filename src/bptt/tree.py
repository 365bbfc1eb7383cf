"""Functions over trees: NamedTuples or plain tuples of arrays, or of further trees.

A tree is what the library calls `Params`, `State` or a gradient, or a tuple of these, one for each
layer of a stack. An array is a tree with one leaf.

Parameters
----------
tree : tuple or ndarray
    The tree.
"""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

import numpy as np

from bptt.shapes import Array, ShapeError, check_numbers, shown

Tree = TypeVar("Tree")


def map(f: Callable[..., Any], tree: Tree, *others: Tree) -> Tree:
    """Apply a function to the matching leaves of trees of one structure, and return such a tree.

    Parameters
    ----------
    f : callable
        Takes one leaf of each tree.
    *others : tuple or ndarray
        Further trees.

    Raises
    ------
    TypeError
        If the trees differ in structure.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt import rnn, tree
    >>> state = rnn.State(h=np.ones((1, 2)))
    >>> tree.map(np.add, state, state)
    State(h=array([[2., 2.]]))
    """
    if not isinstance(tree, tuple):
        if any(isinstance(other, tuple) for other in others):
            raise TypeError("tree.map: the trees differ in structure, an array met a tuple")
        return f(tree, *others)  # type: ignore[no-any-return]  # what f returns is a leaf
    for other in others:
        if type(other) is not type(tree) or len(other) != len(tree):  # type: ignore[arg-type]  # tuples
            raise TypeError(
                f"tree.map: the trees differ in structure, {_name(tree)} met {_name(other)}"
            )
    mapped = (map(f, *leaves) for leaves in zip(tree, *others, strict=True))
    return tuple(mapped) if type(tree) is tuple else type(tree)(*mapped)  # type: ignore[return-value]


def _name(tree: Any) -> str:
    if type(tree) is tuple:
        return f"a tuple of {len(tree)}"
    return f"{type(tree).__module__}.{type(tree).__qualname__}"


def leaves(tree: Any, name: str = "") -> Iterator[tuple[str, Array]]:
    """Walk over the leaves of a tree, in the order of its fields or entries.

    Each comes after its dotted name, such as `cell.W_h` or, in a tuple, `0.W_h`.

    Parameters
    ----------
    name : str
        Stands before every name; empty at the top.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt import rnn, tree
    >>> [name for name, leaf in tree.leaves(rnn.State(h=np.zeros((1, 2))))]
    ['h']
    """
    if not isinstance(tree, tuple):
        yield name, np.asarray(tree)
        return
    fields = getattr(tree, "_fields", range(len(tree)))  # a plain tuple counts its entries
    for field, child in zip(fields, tree, strict=True):
        yield from leaves(child, f"{name}.{field}" if name else str(field))


def numbers(where: str, name: str, tree: Tree) -> Tree:
    """Return a tree whose leaves are arrays of real numbers, in the byte order of the machine.

    Raises
    ------
    TypeError
        If a leaf holds anything else, as for `bptt.shapes.check_numbers`.
    """
    if not isinstance(tree, tuple):
        return check_numbers(where, name, tree)  # type: ignore[return-value]  # a leaf
    fields = getattr(tree, "_fields", range(len(tree)))
    parts = [
        numbers(where, f"{name}.{field}", part) for field, part in zip(fields, tree, strict=True)
    ]
    return tuple(parts) if type(tree) is tuple else type(tree)(*parts)  # type: ignore[return-value]


def check_same_shapes(where: str, name: str, tree: Tree, like: Tree) -> None:
    """Insist that two trees have leaves of the same shapes, where NumPy would broadcast.

    Parameters
    ----------
    like : tuple or ndarray
        The tree that it has to match.

    Raises
    ------
    ShapeError
        If two leaves differ in shape.
    TypeError
        If the trees differ in structure.
    """

    def check(got: Array, wanted: Array) -> None:
        if np.shape(got) != np.shape(wanted):
            raise ShapeError(
                f"{where}: an array of {name} must be {shown(np.shape(wanted))}, "
                f"got {shown(np.shape(got))}"
            )

    map(check, tree, like)


def ravel(tree: Tree) -> tuple[Array, Callable[[Array], Tree]]:
    """Lay all leaves end to end in one vector, a copy, in the order of `leaves`.

    Also return the way back: a function from such a vector to a tree of the same structure.

    Raises
    ------
    TypeError
        If a leaf does not hold real numbers, or is masked.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt import rnn, tree
    >>> vector, unravel = tree.ravel(rnn.State(h=np.array([[1.0, 2.0]])))
    >>> vector
    array([1., 2.])
    >>> unravel(10 * vector)
    State(h=array([[10., 20.]]))
    """
    arrays = [leaf for _, leaf in leaves(numbers("tree.ravel", "tree", tree))]
    ends = np.cumsum([array.size for array in arrays])

    def unravel(vector: Array) -> Tree:
        pieces = iter(np.split(vector, ends[:-1]))
        return map(lambda leaf: next(pieces).reshape(np.shape(leaf)), tree)

    return np.concatenate([array.ravel() for array in arrays]), unravel


def dot(a: Tree, b: Tree) -> float:
    r"""Inner product, $\langle a, b \rangle = \sum_j a_j b_j$ over all leaves, in float64.

    Parameters
    ----------
    a, b : tuple or ndarray
        A tree; both have one structure.

    Raises
    ------
    ShapeError
        If two arrays differ in shape.
    TypeError
        If the trees differ in structure, or an array does not hold real numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt.tree import dot
    >>> dot(np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    11.0
    """
    a, b = numbers("tree.dot", "a", a), numbers("tree.dot", "b", b)
    check_same_shapes("tree.dot", "b", b, a)
    products = map(lambda x, y: np.sum(np.multiply(x, y, dtype=np.float64)), a, b)
    return float(sum(leaf for _, leaf in leaves(products)))


def global_norm(tree: Any) -> float:
    r"""Euclidean norm of all leaves as one vector, $\sqrt{\langle a, a \rangle}$ in float64.

    It is infinite where a square overflows, which is above 1e154.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt.tree import global_norm
    >>> global_norm(np.array([3.0, 4.0]))
    5.0
    """
    with np.errstate(over="ignore"):
        return float(np.sqrt(dot(tree, tree)))
