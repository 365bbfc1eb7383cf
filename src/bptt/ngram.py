r"""What to beat: n-gram models of characters.

An n-gram model of order n predicts a character c from the n - 1 before it, the context h. It mixes
what followed h with what followed $h'$, which is h without its first character, and so on down to
no context and then to all K characters alike:

$$
p(c \mid h) = \mathrm{kept}(hc) + \mathrm{left}(h) \, p(c \mid h')
$$

Of each gram $hc$ that was seen a share is kept, and what all of them give up is left for the
shorter context. The two models here differ in these numbers only. In every context the
probabilities sum to one and none is zero. A context that was never seen has nothing to say: there
$p(c \mid h) = p(c \mid h')$.

Parameters
----------
codes : array_like of int of shape (N,)
    The text: N characters as numbers from 0 to K - 1.
train : array_like of int of shape (M,)
    The text to learn from.
n : int
    The largest length of a gram, and order of a model.
counts : Counts
    The grams of the training text. The longest give the order n of the model.
model : Model
    The model, of order n.
smooth : callable
    `witten_bell` or `kneser_ney`.
"""

import itertools
from collections.abc import Callable, Iterable, Iterator
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bptt.shapes import Array, shown
from bptt.text import check_codes


class Grams(NamedTuple):
    """The M different grams of one length k, numbered in the order of their keys; all is int64.

    The key of a gram is the number of its first k - 1 characters, times K, plus the code of its
    last.
    """

    keys: Annotated[Array, "M", "the key of each"]
    counts: Annotated[Array, "M", "how often each stands in the text"]
    tails: Annotated[Array, "M", "the number of the last k - 1 characters of each"]


class Counts(NamedTuple):
    """The grams of a text."""

    K: Annotated[int, "the number of characters of the vocabulary"]
    grams: Annotated[tuple[Grams, ...], "those of length 1, 2, ..., n"]


class Order(NamedTuple):
    """What one length k of grams adds to the prediction, after L different contexts."""

    keys: Annotated[Array, "M", "the grams, as in `Grams`"]
    kept: Annotated[Array, "M", "the share of each in its context"]
    left: Annotated[Array, "L", "the weight of the shorter context, for each gram of length k - 1"]


class Model(NamedTuple):
    """An n-gram model."""

    K: Annotated[int, "the number of characters of the vocabulary"]
    orders: Annotated[tuple[Order, ...], "those of k = 1, 2, ..., n"]


def count(codes: ArrayLike, K: int, n: int) -> Counts:
    """Count the grams of a text of at least n characters. Nothing is put before its first.

    Raises
    ------
    ValueError
        If this is no row of such numbers, or shorter than n, or n is less than 1.
    """
    codes = check_codes("ngram.count", codes, K)
    if not 1 <= n <= len(codes):
        raise ValueError(
            f"ngram.count: n must be from 1 to the {len(codes)} characters of the text, "
            f"got {shown(n, str)}"
        )
    context = np.zeros(len(codes), np.int64)  # of length 0: there is one
    ending = np.zeros(len(codes) + 1, np.int64)
    grams = []
    for k in range(1, n + 1):
        keys, first, number, counts = np.unique(
            context * K + codes[k - 1 :], return_index=True, return_inverse=True, return_counts=True
        )
        grams.append(Grams(keys, counts, ending[1:][first]))
        context, ending = number[:-1], number
    return Counts(K, tuple(grams))


def witten_bell(counts: Counts) -> Model:
    r"""Return the Witten-Bell model.

    After a context h that was seen $C(h)$ times, before $T(h)$ different characters, the model
    expects a new one with the weight of those $T(h)$ first times:

    $$
    \begin{aligned}
    \mathrm{kept}(hc) &= \frac{C(hc)}{C(h) + T(h)}, \\
    \mathrm{left}(h) &= \frac{T(h)}{C(h) + T(h)}
    \end{aligned}
    $$

    Notes
    -----
    Source: I. H. Witten and T. C. Bell, "The zero-frequency problem", IEEE Transactions on
    Information Theory 37 (1991), <https://doi.org/10.1109/18.87000>, method C, in the interpolated
    form of S. F. Chen and J. Goodman, "An empirical study of smoothing techniques for language
    modeling", Computer Speech & Language 13 (1999), <https://doi.org/10.1006/csla.1999.0128>.
    """
    orders, L = [], 1
    for keys, C, _ in counts.grams:
        context = keys // counts.K
        different = np.bincount(context, minlength=L)
        total = np.bincount(context, C, L) + different
        left = np.divide(different, total, out=np.ones(L), where=total > 0)
        orders.append(Order(keys, C / total[context], left))
        L = len(keys)
    return Model(counts.K, tuple(orders))


def kneser_ney(counts: Counts) -> Model:
    r"""Return the interpolated Kneser-Ney model, with three discounts for each length.

    Each count gives up a discount. The grams of length n are counted as they are; a shorter one
    counts the different characters that stand before it, since it is asked only where a longer
    one has failed. With these counts C, and $C(h) = \sum_c C(hc)$,

    $$
    \begin{aligned}
    \mathrm{kept}(hc) &= \frac{C(hc) - D_{C(hc)}}{C(h)}, \\
    \mathrm{left}(h) &= \frac{1}{C(h)} \sum_c D_{C(hc)}
    \end{aligned}
    $$

    where, with $n_i$ grams of this length of count i and $Y = n_1 / (n_1 + 2 n_2)$,

    $$
    \begin{aligned}
    D_0 &= 0, \\
    D_1 &= 1 - 2Y \frac{n_2}{n_1} = Y, \\
    D_2 &= 2 - 3Y \frac{n_3}{n_2}, \\
    D_3 &= D_4 = \dots = 3 - 4Y \frac{n_4}{n_3}
    \end{aligned}
    $$

    Where this gives no positive number, as in short texts, Y takes its place, and 1/2 that of Y.

    Notes
    -----
    Source: R. Kneser and H. Ney, "Improved backing-off for m-gram language modeling", ICASSP 1995,
    <https://doi.org/10.1109/ICASSP.1995.479394>; S. F. Chen and J. Goodman, "An empirical study of
    smoothing techniques for language modeling", Computer Speech & Language 13 (1999),
    <https://doi.org/10.1006/csla.1999.0128>, "modified Kneser-Ney smoothing".
    """
    orders, L = [], 1
    longer: Iterable[Grams | None] = (*counts.grams[1:], None)
    for (keys, seen, _), above in zip(counts.grams, longer, strict=True):
        C = seen if above is None else np.bincount(above.tails, minlength=len(keys))
        context = keys // counts.K
        D = _discounts(np.bincount(C.clip(max=5), minlength=6)[1:5])[C.clip(max=3)]
        total = np.bincount(context, C, L)
        kept = np.divide(C - D, total[context], out=np.zeros(len(keys)), where=C > 0)
        left = np.divide(np.bincount(context, D, L), total, out=np.ones(L), where=total > 0)
        orders.append(Order(keys, kept, left))
        L = len(keys)
    return Model(counts.K, tuple(orders))


def _discounts(n: Array) -> Array:
    """Return the discounts of the counts 0, 1, 2, and 3 or more, from $n_1$ to $n_4$."""
    n1, n2, n3, n4 = n
    Y = np.divide(n1, n1 + 2 * n2, out=np.full(n1.shape, 0.5), where=n1 > 0)
    D2 = 2 - np.divide(3 * Y * n3, n2, out=np.full(n1.shape, 2.0), where=n2 > 0)
    D3 = 3 - np.divide(4 * Y * n4, n3, out=np.full(n1.shape, 3.0), where=n3 > 0)
    return np.array([0 * Y, Y, np.where(D2 > 0, D2, Y), np.where(D3 > 0, D3, Y)])


def probabilities(model: Model, context: ArrayLike) -> Array:
    """Predict the next character: its distribution, of shape (K,).

    Parameters
    ----------
    context : array_like of int of shape (N,)
        The text so far, which may be empty. The last n - 1 characters count.

    Raises
    ------
    ValueError
        If the context is no row of numbers from 0 to K - 1.
    """
    codes = check_codes("ngram.probabilities", context, model.K)
    codes = codes[max(0, len(codes) - len(model.orders) + 1) :]
    each = np.arange(model.K)[:, None]
    return _probabilities(model, np.hstack([np.tile(codes, (model.K, 1)), each]))[:, -1]


def nats(model: Model, codes: ArrayLike) -> float:
    r"""Score a text: $-\frac{1}{N} \sum_i \log p(c_i \mid c_{i-n+1} \ldots c_{i-1})$.

    The result is in nats per character. Each is predicted once, from the n - 1 characters of this
    text before it: the first from none, the second from one, and so on, since nothing is known of
    what stood before the text.

    Raises
    ------
    ValueError
        If this is no row of numbers from 0 to K - 1, or empty.
    """
    codes = check_codes("ngram.nats", codes, model.K)
    if not len(codes):
        raise ValueError("ngram.nats: codes must have at least one character, got none")
    return -float(np.mean(np.log(_probabilities(model, codes))))


def nats_of_orders(
    smooth: Callable[[Counts], Model], train: ArrayLike, codes: ArrayLike, K: int, n: int
) -> list[float]:
    """Score a text, in nats per character, with the models of the orders 1 to n.

    The training text is counted once.
    """
    counts = count(train, K, n)
    upto = (counts._replace(grams=counts.grams[:k]) for k in range(1, n + 1))
    return [nats(smooth(part), codes) for part in upto]


def choose_order(
    smooth: Callable[[Counts], Model], train: ArrayLike, K: int, n: int, share: float = 0.9
) -> int:
    """Choose the order with the fewest nats per character, the smallest of equals.

    Models learn from the first part of the training text and predict the rest of it, so the
    validation text is not looked at.

    Parameters
    ----------
    share : float
        The first part is so much of the training text.
    """
    codes = np.asarray(train)
    cut = int(len(codes) * share)
    return 1 + int(np.argmin(nats_of_orders(smooth, codes[:cut], codes[cut:], K, n)))


def adaptive_nats_of_orders(train: ArrayLike, codes: ArrayLike, K: int, n: int) -> list[float]:
    r"""Score a text with Kneser-Ney models of the orders 1 to n that count on as they read.

    Each character is predicted by the `kneser_ney` of everything before it, the training text and
    the text up to there, and is counted after that, with the discounts of the counts so far. So the
    model learns from the text that it is scored on, as a compressor does, and never sees what it
    is to predict. The text continues the training text.

    All is counted at once: a count before a place of the text is a sum over the earlier places
    that have the same gram.

    Raises
    ------
    ValueError
        If one of the texts is no row of such numbers, the training text is shorter than n, the
        other is empty, or n is less than 1.

    Notes
    -----
    Source: as of `kneser_ney`.
    """
    whole, new = _joined("ngram.adaptive_nats_of_orders", train, codes, K, n)
    lower, scores = np.full(len(whole) + 1, 1 / K), []
    for context, gram, fresh in _lengths(whole, K, n):
        highest = _counting_on(context, gram, np.ones_like(gram), lower[1:])
        scores.append(-float(np.mean(np.log(highest[-new:]))))
        lower = _counting_on(context, gram, fresh, lower[1:])
    return scores


def reading(train: ArrayLike, codes: ArrayLike, K: int, n: int) -> Iterator[Array]:
    r"""Read a text and tell before each character what Kneser-Ney models expect there.

    The models are those of `adaptive_nats_of_orders`: of the orders 1 to n, each counts a character
    once it was predicted. Here they give their whole distributions, to be mixed with others.

    How often a gram was counted before a place is found by two searches in the row of all counted
    ones, which is sorted by gram and then by place.

    Yields
    ------
    ndarray of shape (n, K)
        For each character of `codes` the distributions of the orders 1 to n before it is read.

    Raises
    ------
    ValueError
        As `adaptive_nats_of_orders`, at once.

    Notes
    -----
    Source: as of `kneser_ney`.
    """
    whole, new = _joined("ngram.reading", train, codes, K, n)
    tables = [
        [
            _table(context * K + whole[-len(gram) :], context, gram, counted, K, new)
            for counted in (np.ones_like(gram), fresh)
        ]
        for context, gram, fresh in _lengths(whole, K, n)
    ]
    return _distributions(tables, K, new)


def _probabilities(model: Model, codes: Array) -> Array:
    """Return the probability of each character after those before it, along the last axis."""
    p = np.full(codes.shape, 1 / model.K)
    context = np.zeros(codes.shape, np.int64)  # the number of the context, -1: never seen
    for keys, kept, left in model.orders:
        gram = _find(keys, np.where(context < 0, -1, context * model.K + codes))
        p = np.where(gram < 0, 0, kept[gram]) + np.where(context < 0, 1, left[context]) * p
        context = np.concatenate([np.full_like(gram[..., :1], -1), gram[..., :-1]], axis=-1)
    return p


def _joined(who: str, train: ArrayLike, codes: ArrayLike, K: int, n: int) -> tuple[Array, int]:
    """Return the training text with the text after it, and how long that is."""
    seen, new = (check_codes(who, row, K) for row in (train, codes))
    if not len(new):
        raise ValueError(f"{who}: codes must have at least one character, got none")
    if not 1 <= n <= len(seen):
        raise ValueError(
            f"{who}: n must be from 1 to the {len(seen)} characters of the training text, "
            f"got {shown(n, str)}"
        )
    return np.concatenate([seen, new]), len(new)


def _places(codes: Array, K: int, n: int) -> Iterator[tuple[Array, Array, Array]]:
    """Yield, for k = 1 to n and each place where a gram of length k ends, three numbers.

    They are the number of its context, its own, and 1 where it stands for the first time, else 0.
    """
    context = np.zeros(len(codes), np.int64)
    for k in range(1, n + 1):
        _, first, gram = np.unique(
            context * K + codes[k - 1 :], return_index=True, return_inverse=True
        )
        yield context, gram, np.bincount(first, minlength=len(gram))
        context = gram[:-1]


def _lengths(codes: Array, K: int, n: int) -> Iterator[tuple[Array, Array, Array]]:
    """Yield, for k = 1 to n, the first two numbers of `_places`, and where a shorter gram counts.

    That is 1 where another character stands before the gram for the first time, else 0.
    """
    for (context, gram, _), (*_, first) in itertools.pairwise(_places(codes, K, n + 1)):
        yield context, gram, np.append(0, first)


def _counting_on(context: Array, gram: Array, counted: Array, lower: Array) -> Array:
    """Return the probability of each character by the grams that were counted before it.

    Parameters
    ----------
    counted : ndarray of int of shape (N,)
        1 where a gram is counted, once it was predicted, else 0.
    lower : ndarray of shape (N,)
        The probabilities by the shorter contexts.
    """
    C, made, D = _so_far(gram, counted)
    one, two, more, total = _earlier(
        context, np.array([made[0] - made[1], made[1] - made[2], made[2], counted])
    )
    left = D[1] * one + D[2] * two + D[3] * more
    kept = C - np.take_along_axis(D, C.clip(max=3)[None], axis=0)[0]
    return np.where(total > 0, (kept + left * lower) / total.clip(min=1), lower)


def _so_far(gram: Array, counted: Array) -> tuple[Array, Array, Array]:
    """Return the count of the gram at each place before it, which it makes, and the discounts.

    The shapes are (N,), (5, N), where row i is 1 at a gram of count i + 1 from i, and (4, N).
    """
    C = _earlier(gram, counted[None])[0]
    made = counted * np.equal(C, np.arange(5)[:, None])
    return C, made, _discounts(_earlier(np.zeros_like(gram), made[:-1] - made[1:]))


class _Table(NamedTuple):
    """The N grams of one length of a text, for what is asked of them at its last M places."""

    stamps: Annotated[Array, "counted", "of each counted gram N times its key plus its place"]
    stamp: Annotated[Array, "M", "the least that a gram with the context of a place may have"]
    place: Annotated[Array, "M", "the places, from N - M to N - 1"]
    D: Annotated[Array, "4 M", "the discounts there"]
    N: int


def _table(key: Array, context: Array, gram: Array, counted: Array, K: int, M: int) -> _Table:
    N = len(gram)
    stamps = np.sort((key * N + np.arange(N))[counted > 0])
    D = _so_far(gram, counted)[2][:, -M:].copy()  # a view would keep the rest
    return _Table(stamps, context[-M:] * K * N, np.arange(N - M, N), D, N)


def _distributions(tables: list[list[_Table]], K: int, M: int) -> Iterator[Array]:
    """Yield the distributions of all orders at each of M places, worked out for some at once."""
    for some in np.array_split(np.arange(M), -(-M // 256)):
        lower, orders = np.full((len(some), K), 1 / K), []
        for highest, shorter in tables:
            orders.append(_distribution(highest, some, lower))
            lower = _distribution(shorter, some, lower)
        yield from np.stack(orders, axis=1)


def _distribution(table: _Table, some: Array, lower: Array) -> Array:
    """Return the distributions at some of the places, of shape (some, K), from the lower ones."""
    each = table.stamp[some, None] + table.N * np.arange(lower.shape[1])
    begin, end = np.searchsorted(table.stamps, [each, each + table.place[some, None]])
    C = end - begin  # how often each character was counted there before
    D = np.take_along_axis(table.D[:, some].T, C.clip(max=3), axis=1)
    left, total = D.sum(axis=1, keepdims=True), C.sum(axis=1, keepdims=True)
    return np.where(total > 0, (C - D + left * lower) / total.clip(min=1), lower)


def _earlier(number: Array, weights: Array) -> Array:
    """Sum weights, of shape (J, N), over the earlier places that have the same number."""
    order = np.argsort(number, kind="stable")
    sums = np.cumsum(weights[:, order], axis=1) - weights[:, order]
    begin = np.searchsorted(number[order], number[order])
    back = np.argsort(order, kind="stable")
    return np.asarray((sums - sums[:, begin])[:, back])


def _find(keys: Array, wanted: Array) -> Array:
    """Return where the wanted stand among the sorted keys, or -1."""
    place = np.searchsorted(keys, wanted).clip(max=len(keys) - 1)
    return np.where(keys[place] == wanted, place, -1)
