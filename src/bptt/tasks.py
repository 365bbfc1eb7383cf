"""Tasks to train on: each draws batches from a generator and knows the score of knowing nothing."""

import math
from dataclasses import dataclass
from typing import Annotated, ClassVar, NamedTuple

import numpy as np

from bptt.shapes import Array, check_number, check_whole, shown


class Batch(NamedTuple):
    """Sequences and what is asked about them."""

    xs: Annotated[Array, "T B I", "the inputs"]
    targets: Annotated[Array, "N B", "the classes to predict at the last N steps"]


@dataclass(frozen=True)
class Latch:
    r"""Hold one bit: the first input is +1 or -1, the rest is noise, the question is which it was.

    Attributes
    ----------
    null_loss : float
        The cross-entropy of the best guess without the input, $\log 2$ nats.
    null_accuracy : float
        The share of right answers of that guess, 1/2.

    Notes
    -----
    Source: Y. Bengio, P. Simard and P. Frasconi, "Learning long-term dependencies with gradient
    descent is difficult", IEEE Transactions on Neural Networks 5 (1994),
    <https://doi.org/10.1109/72.279181>, section II, the latching problem, in a simpler form.
    """

    T: Annotated[int, "the length of a sequence, in steps"]
    noise: Annotated[float, "the standard deviation of the inputs after the first"] = 0.2
    null_loss: ClassVar[float] = math.log(2)
    null_accuracy: ClassVar[float] = 0.5

    def __post_init__(self) -> None:
        """Insist on at least one step, and a spread of the noise."""
        if check_whole("tasks.Latch", "T", self.T) < 1:
            raise ValueError(f"tasks.Latch: T must be at least 1, got {shown(self.T)}")
        wanted = "zero or more, and finite"
        check_number("tasks.Latch", "noise", self.noise, wanted, lambda n: 0 <= n < math.inf)

    def draw(self, batch: int, *, rng: np.random.Generator) -> Batch:
        """Draw inputs of shape (T, B, 1) and a target at the last step, 1 for +1 and 0 for -1."""
        bit = rng.integers(2, size=batch)
        xs = rng.normal(scale=self.noise, size=(self.T, batch, 1))
        first = np.reshape(2.0 * bit - 1, (1, batch, 1))
        return Batch(np.concatenate([first, xs[1:]]), bit[None])


@dataclass(frozen=True)
class TemporalOrder:
    r"""Tell in which order two symbols came: X or Y early, X or Y in the middle, noise elsewhere.

    There are six symbols, X, Y and four that mean nothing, each a one-hot row. With steps counted
    from 0, one of X and Y stands at a random step from $n$ to $2n - 1$ and one at a random step
    from $m$ to $m + n - 1$, where $n = \lfloor T / 10 \rfloor$ and $m = \lfloor T / 2 \rfloor$.

    Attributes
    ----------
    null_loss : float
        The cross-entropy of the best guess without the input, $\log 4$ nats.
    null_accuracy : float
        The share of right answers of that guess, 1/4.

    Notes
    -----
    Source: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9
    (1997), <https://doi.org/10.1162/neco.1997.9.8.1735>, task 6a, with the places of R. Pascanu,
    T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural networks", ICML
    2013, <https://arxiv.org/abs/1211.5063>, section 4.1.1, as in the code published with it.
    Omitted: the symbols that mark the two ends of a sequence in the older paper.
    """

    T: Annotated[int, "the length of a sequence, in steps"]
    null_loss: ClassVar[float] = math.log(4)
    null_accuracy: ClassVar[float] = 0.25

    def __post_init__(self) -> None:
        """Insist on a place for each of the two symbols."""
        if check_whole("tasks.TemporalOrder", "T", self.T) < 10:
            raise ValueError(f"tasks.TemporalOrder: T must be at least 10, got {shown(self.T)}")

    def draw(self, batch: int, *, rng: np.random.Generator) -> Batch:
        """Draw inputs of shape (T, B, 6) and a target at the last step.

        The columns are X, Y and the four others, the classes 0 to 3 are XX, XY, YX and YY.
        """
        n, m = self.T // 10, self.T // 2
        first, second = rng.integers(2, size=(2, batch))
        symbols = rng.integers(2, 6, size=(self.T, batch))
        columns = np.arange(batch)
        symbols[n + rng.integers(n, size=batch), columns] = first
        symbols[m + rng.integers(n, size=batch), columns] = second
        return Batch(np.eye(6)[symbols], (2 * first + second)[None])


@dataclass(frozen=True)
class Brackets:
    """Tell at every step whether all brackets are closed.

    There are three symbols, "(", ")" and the filler ".", each a one-hot row. Each symbol is drawn
    uniformly from those that are legal: no ")" where nothing is open, no "(" at the largest depth.
    The depth $d_t$ counts the brackets that are open after step t; the question is if $d_t = 0$.

    Attributes
    ----------
    null_loss : float
        The cross-entropy of the best guess without the input, in nats: the entropy of
        $P(d_t = 0)$, which the guess knows for each step, averaged over the steps.
    null_accuracy : float
        The share of right answers of that guess.

    Notes
    -----
    Source: F. A. Gers and J. Schmidhuber, "LSTM recurrent networks learn simple context-free and
    context-sensitive languages", IEEE Transactions on Neural Networks 12 (2001),
    <https://doi.org/10.1109/72.963769>, who count in $a^n b^n$. Here strings are random, and the
    answer is a class in place of the next symbols.
    """

    T: Annotated[int, "the length of a sequence, in steps"]
    max_depth: Annotated[int, "the largest number of open brackets"] = 8

    def __post_init__(self) -> None:
        """Insist on at least one step and one bracket."""
        for name, size in (("T", self.T), ("max_depth", self.max_depth)):
            if check_whole("tasks.Brackets", name, size) < 1:
                raise ValueError(f"tasks.Brackets: {name} must be at least 1, got {shown(size)}")

    @property
    def null_loss(self) -> float:
        """The cross-entropy of the best guess without the input, in nats."""
        p = self._closed()
        return float(np.mean(-p * np.log(p) - (1 - p) * np.log1p(-p)))

    @property
    def null_accuracy(self) -> float:
        """The share of right answers of that guess."""
        p = self._closed()
        return float(np.mean(np.maximum(p, 1 - p)))

    def draw(self, batch: int, *, rng: np.random.Generator) -> Batch:
        """Draw inputs of shape (T, B, 3), columns "(", ")" and ".", and a target at each step.

        Its class is 1 where nothing is open and 0 elsewhere.
        """
        depth = np.zeros(batch, int)
        symbols, depths = [], []
        for _ in range(self.T):
            illegal = np.stack([depth == self.max_depth, depth == 0, np.zeros(batch, bool)], axis=1)
            symbol = np.where(illegal, -1, rng.random((batch, 3))).argmax(axis=1)
            depth = depth + np.array([1, -1, 0])[symbol]
            symbols.append(symbol)
            depths.append(depth)
        return Batch(np.eye(3)[np.stack(symbols)], (np.stack(depths) == 0).astype(int))

    def _closed(self) -> Array:
        """Return the probability that nothing is open, after each step: shape (T,)."""
        legal = np.full(self.max_depth + 1, 3)  # symbols at each depth
        legal[[0, -1]] = 2
        each = 1 / legal
        move = np.diag(each) + np.diag(each[:-1], 1) + np.diag(each[1:], -1)  # row: from depth
        p = np.eye(self.max_depth + 1)[0]
        closed = []
        for _ in range(self.T):
            p = p @ move
            closed.append(p[0])
        return np.array(closed)


@dataclass(frozen=True)
class Adding:
    r"""Add two numbers: each step has a number, two steps have a mark, asked is the marked sum.

    The numbers are uniform from 0 to 1. One mark stands at a random step of the first half, the
    other at one of the second half. The target is a number, to be predicted at the last step.

    Attributes
    ----------
    null_loss : float
        The mean squared error of the best guess without the input, 1: the variance of the sum of
        two uniform numbers, 2/12.

    Notes
    -----
    Source: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9 (1997),
    <https://doi.org/10.1162/neco.1997.9.8.1735>, experiment 4, with the places of M. Arjovsky, A.
    Shah and Y. Bengio, "Unitary evolution recurrent neural networks", ICML 2016,
    <https://arxiv.org/abs/1511.06464>, section 5.2.
    """

    T: Annotated[int, "the length of a sequence, in steps"]
    null_loss: ClassVar[float] = 1 / 6

    def __post_init__(self) -> None:
        """Insist on a step for each mark."""
        if check_whole("tasks.Adding", "T", self.T) < 2:
            raise ValueError(f"tasks.Adding: T must be at least 2, got {shown(self.T)}")

    def draw(self, batch: int, *, rng: np.random.Generator) -> Batch:
        """Draw inputs of shape (T, B, 2), number and mark, and targets of shape (1, B, 1)."""
        numbers = rng.random((self.T, batch))
        half = self.T // 2
        marks = np.zeros((self.T, batch))
        columns = np.arange(batch)
        marks[rng.integers(half, size=batch), columns] = 1
        marks[rng.integers(half, self.T, size=batch), columns] = 1
        sums = (numbers * marks).sum(axis=0)
        return Batch(np.stack([numbers, marks], axis=-1), sums[None, :, None])


@dataclass(frozen=True)
class Copying:
    r"""Copy ten symbols after a wait: ten of eight, blanks, a sign, and ten steps for the answer.

    There are ten symbols, eight to remember, the blank and the sign, each a one-hot row. The first
    10 inputs are to be remembered. Then come T - 1 blanks, the sign, and 10 blanks: T + 20 steps in
    all. The targets are T + 10 blanks and then the first 10 inputs, in their order.

    Attributes
    ----------
    null_loss : float
        The cross-entropy of the best guess without the first ten inputs, in nats, as the mean over
        all steps: it knows where the blanks are, $10 \log 8 / (T + 20)$.
    null_accuracy : float
        The share of right answers of that guess at the last ten steps, 1/8.

    Notes
    -----
    Source: M. Arjovsky, A. Shah and Y. Bengio, "Unitary evolution recurrent neural networks", ICML
    2016, <https://arxiv.org/abs/1511.06464>, section 5.1, after S. Hochreiter and J. Schmidhuber,
    "Long short-term memory", Neural Computation 9 (1997),
    <https://doi.org/10.1162/neco.1997.9.8.1735>.
    """

    T: Annotated[int, "the wait, in steps; a sequence has T + 20"]
    null_accuracy: ClassVar[float] = 1 / 8

    def __post_init__(self) -> None:
        """Insist on a step for the sign."""
        if check_whole("tasks.Copying", "T", self.T) < 1:
            raise ValueError(f"tasks.Copying: T must be at least 1, got {shown(self.T)}")

    @property
    def null_loss(self) -> float:
        """The cross-entropy of the best guess without the first ten inputs, in nats."""
        return 10 * math.log(8) / (self.T + 20)

    def draw(self, batch: int, *, rng: np.random.Generator) -> Batch:
        """Draw inputs of shape (T + 20, B, 10) and a target at each step.

        The classes and columns 0 to 7 are the symbols, 8 is the blank and 9 the sign.
        """
        blank, sign = 8, 9
        ten = rng.integers(8, size=(10, batch))
        symbols = np.full((self.T + 20, batch), blank)
        symbols[:10] = ten
        symbols[self.T + 9] = sign
        targets = np.full((self.T + 20, batch), blank)
        targets[-10:] = ten
        return Batch(np.eye(10)[symbols], targets)


@dataclass(frozen=True)
class SelectiveCopying:
    r"""Copy k tokens in their order: they stand among blanks at random places, then k queries come.

    There are $K + 2$ symbols, each a one-hot row: K kinds of token, the blank and the query. The k
    tokens are drawn uniformly, and stand at k different random steps of the first T. At query j the
    answer is the kind of the j-th token. A sequence has $T + k$ steps.

    Attributes
    ----------
    null_loss : float
        The cross-entropy of the best guess without the input, $\log K$ nats.
    null_accuracy : float
        The share of right answers of that guess, $1/K$.

    Notes
    -----
    Source: A. Gu and T. Dao, "Mamba: linear-time sequence modeling with selective state spaces"
    (2023), <https://arxiv.org/abs/2312.00752>, section 3.1, in a smaller form.
    """

    T: Annotated[int, "the steps among which the tokens stand"]
    tokens: Annotated[int, "k, the number of tokens, and of queries"] = 4
    kinds: Annotated[int, "K, the number of kinds of token"] = 4

    def __post_init__(self) -> None:
        """Insist on a kind and a token, and a step for each token."""
        for name, size in (("T", self.T), ("tokens", self.tokens), ("kinds", self.kinds)):
            if check_whole("tasks.SelectiveCopying", name, size) < 1:
                raise ValueError(
                    f"tasks.SelectiveCopying: {name} must be at least 1, got {shown(size)}"
                )
        if self.T < self.tokens:  # noqa: SIM300  # T is what is too small
            raise ValueError(
                f"tasks.SelectiveCopying: T must be at least tokens={shown(self.tokens)}, "
                f"got {shown(self.T)}"
            )

    @property
    def null_loss(self) -> float:
        """The cross-entropy of the best guess without the input, in nats."""
        return math.log(self.kinds)

    @property
    def null_accuracy(self) -> float:
        """The share of right answers of that guess."""
        return 1 / self.kinds

    def draw(self, batch: int, *, rng: np.random.Generator) -> Batch:
        """Draw inputs of shape (T + k, B, K + 2) and the kinds as targets, of shape (k, B).

        The columns are the K kinds, the blank and the query.
        """
        targets = rng.integers(self.kinds, size=(self.tokens, batch))
        anywhere = np.argsort(rng.random((self.T, batch)), axis=0)[: self.tokens]
        symbols = np.full((self.T, batch), self.kinds)
        symbols[np.sort(anywhere, axis=0), np.arange(batch)] = targets
        queries = np.full((self.tokens, batch), self.kinds + 1)
        return Batch(np.eye(self.kinds + 2)[np.concatenate([symbols, queries])], targets)


@dataclass(frozen=True)
class Parity:
    r"""Tell at every step whether the number of ones so far is odd.

    The bits are drawn by the toss of a fair coin. The answer turns at each 1 and stays at each 0.
    A question at every step asks for all lengths from 1 to T at once.

    Attributes
    ----------
    null_loss : float
        The cross-entropy of the best guess without the input, $\log 2$ nats. It is also that of the
        best guess that misses one bit, whichever: that bit alone makes the answer a fair coin.
    null_accuracy : float
        The share of right answers of that guess, 1/2.

    Notes
    -----
    Source: S. Hochreiter and J. Schmidhuber, "Long short-term memory", Neural Computation 9 (1997),
    <https://doi.org/10.1162/neco.1997.9.8.1735>, section 5.1, name parity among their test
    problems; the lengths used here follow R. Grazzi et al. (2024),
    <https://arxiv.org/abs/2411.12537>, who ask at the last step only.
    """

    T: Annotated[int, "the length of a sequence, in steps"]
    null_loss: ClassVar[float] = math.log(2)
    null_accuracy: ClassVar[float] = 0.5

    def __post_init__(self) -> None:
        """Insist on at least one step."""
        if check_whole("tasks.Parity", "T", self.T) < 1:
            raise ValueError(f"tasks.Parity: T must be at least 1, got {shown(self.T)}")

    def draw(self, batch: int, *, rng: np.random.Generator) -> Batch:
        """Draw bits of shape (T, B, 1) and a target at each step, 1 for odd and 0 for even."""
        bits = rng.integers(2, size=(self.T, batch))
        return Batch(bits[:, :, None].astype(float), bits.cumsum(axis=0) % 2)


@dataclass(frozen=True)
class Recall:
    r"""Recall what stood beside a key: pairs of a key and a value, some replaced, then questions.

    Each sequence draws its own keys and writes each with a value. Then keys among them, drawn
    anew each time, get another value. In the end there are questions, each for a key of its own,
    and the answer is the value that was written last. All draws are uniform.

    Attributes
    ----------
    null_loss : float
        The cross-entropy of the best guess without the input, $\log$ `values` nats.
    null_accuracy : float
        The share of right answers of that guess, 1 / `values`.

    Notes
    -----
    Source: S. Arora et al., "Zoology: measuring and improving recall in efficient language models",
    ICLR 2024, <https://arxiv.org/abs/2312.04927>, in a shorter form: a key and its value share a
    step, no step is empty, and keys may be written again.
    """

    pairs: Annotated[int, "the keys of a sequence, each written once at first"]
    overwrites: Annotated[int, "how many times a key among them gets another value"] = 0
    queries: Annotated[int, "the questions at the end"] = 1
    keys: Annotated[int, "the keys there are"] = 16
    values: Annotated[int, "the values there are"] = 16

    def __post_init__(self) -> None:
        """Insist on a key for each pair, and a pair for each question."""
        where = "tasks.Recall"
        for name, least in (("pairs", 1), ("overwrites", 0), ("queries", 1), ("values", 2)):
            if check_whole(where, name, size := getattr(self, name)) < least:
                raise ValueError(f"{where}: {name} must be at least {least}, got {shown(size)}")
        if check_whole(where, "keys", self.keys) < self.pairs:
            raise ValueError(
                f"{where}: keys must be at least the {self.pairs} pairs, got {shown(self.keys)}"
            )
        if self.queries > self.pairs:
            raise ValueError(
                f"{where}: queries must be at most the {self.pairs} pairs, "
                f"got {shown(self.queries)}"
            )

    @property
    def null_loss(self) -> float:
        """The cross-entropy of the best guess without the input, in nats."""
        return math.log(self.values)

    @property
    def null_accuracy(self) -> float:
        """The share of right answers of that guess."""
        return 1 / self.values

    def draw(self, batch: int, *, rng: np.random.Generator) -> Batch:
        """Draw inputs of shape (T, B, keys + values) and a target for each of the last steps.

        T is the number of pairs, overwrites and questions together. A step is a one-hot key beside
        a one-hot value; a question has no value.
        """
        columns = np.arange(batch)
        every_key = np.repeat(np.arange(self.keys)[:, None], batch, axis=1)
        known = rng.permuted(every_key, axis=0)[: self.pairs]  # (pairs, B)
        first = np.repeat(np.arange(self.pairs)[:, None], batch, axis=1)
        again = rng.integers(self.pairs, size=(self.overwrites, batch))
        places = np.concatenate([first, again])  # which of the known keys
        values = rng.integers(self.values, size=places.shape)
        last = np.zeros((self.pairs, batch), int)
        for place, value in zip(places, values, strict=True):
            last[place, columns] = value
        asked = rng.permuted(first, axis=0)[: self.queries]
        keys = np.eye(self.keys)[np.take_along_axis(known, np.concatenate([places, asked]), 0)]
        written = np.eye(self.values)[values]
        beside = np.concatenate([written, np.zeros((self.queries, *written.shape[1:]))])
        targets = np.take_along_axis(last, asked, 0)
        return Batch(np.concatenate([keys, beside], axis=-1), targets)


@dataclass(frozen=True)
class Reversal:
    r"""Say a string backwards: the inputs are its symbols, the targets the same from the last on.

    A batch has one length n, drawn uniformly from `shortest` to `longest`, and each of its strings
    n symbols, each drawn uniformly from K. It is a task for `bptt.seq2seq`: all is read before the
    first answer, and there are as many answers as inputs.

    Attributes
    ----------
    null_loss : float
        The cross-entropy of the best guess without the input, $\log K$ nats.
    null_accuracy : float
        The share of right answers of that guess, $1/K$. All n are right with probability $K^{-n}$.

    Notes
    -----
    Source: made for this library. The order of the source is what I. Sutskever, O. Vinyals and
    Q. V. Le vary, "Sequence to sequence learning with neural networks", NeurIPS 2014,
    <https://arxiv.org/abs/1409.3215>, section 3.3, with sentences.
    """

    longest: Annotated[int, "the greatest length of a string"]
    shortest: Annotated[int, "the smallest"] = 1
    symbols: Annotated[int, "K, the number of symbols"] = 8

    def __post_init__(self) -> None:
        """Insist on a string, and on symbols to choose from."""
        where = "tasks.Reversal"
        for name, least in (("shortest", 1), ("symbols", 2)):
            if check_whole(where, name, size := getattr(self, name)) < least:
                raise ValueError(f"{where}: {name} must be at least {least}, got {shown(size)}")
        if check_whole(where, "longest", self.longest) < self.shortest:
            raise ValueError(
                f"{where}: longest must be at least shortest={shown(self.shortest)}, "
                f"got {shown(self.longest)}"
            )

    @property
    def null_loss(self) -> float:
        """The cross-entropy of the best guess without the input, in nats."""
        return math.log(self.symbols)

    @property
    def null_accuracy(self) -> float:
        """The share of right answers of that guess."""
        return 1 / self.symbols

    def draw(self, batch: int, *, rng: np.random.Generator) -> Batch:
        """Draw inputs of shape (n, B, K), one-hot rows, and targets of shape (n, B)."""
        n = rng.integers(self.shortest, self.longest + 1)
        strings = rng.integers(self.symbols, size=(n, batch))
        return Batch(np.eye(self.symbols)[strings], strings[::-1])


@dataclass(frozen=True)
class FlipFlop:
    r"""Hold some bits, each set anew now and then: asked is the last pulse of each channel.

    A step brings each channel a pulse, +1 or -1, with probability `rate`, else 0. The first step
    brings one to every channel. The target of a channel is its last pulse, a number, at each step.

    Attributes
    ----------
    null_loss : float
        The mean squared error of the best guess without the input, 1: the answer 0.
    null_accuracy : float
        The share of right signs of a guess, 1/2.

    Notes
    -----
    Source: D. Sussillo and O. Barak, "Opening the black box: low-dimensional dynamics in
    high-dimensional recurrent neural networks", Neural Computation 25 (2013),
    <https://doi.org/10.1162/NECO_a_00409>. Added: the pulses of the first step.
    """

    T: Annotated[int, "the length of a sequence, in steps"]
    bits: Annotated[int, "the channels, one bit each"] = 3
    rate: Annotated[float, "the probability of a pulse, in each channel at each step"] = 0.1
    null_loss: ClassVar[float] = 1.0
    null_accuracy: ClassVar[float] = 0.5

    def __post_init__(self) -> None:
        """Insist on a step, a bit, and a probability."""
        for name, size in (("T", self.T), ("bits", self.bits)):
            if check_whole("tasks.FlipFlop", name, size) < 1:
                raise ValueError(f"tasks.FlipFlop: {name} must be at least 1, got {shown(size)}")
        check_number("tasks.FlipFlop", "rate", self.rate, "from 0 to 1", lambda p: 0 <= p <= 1)

    def draw(self, batch: int, *, rng: np.random.Generator) -> Batch:
        """Draw inputs of shape (T, B, bits) and targets of the same shape, +1 and -1."""
        shape = (self.T, batch, self.bits)
        pulses = (rng.random(shape) < self.rate) * rng.choice([-1.0, 1.0], size=shape)
        pulses[0] = rng.choice([-1.0, 1.0], size=shape[1:])
        steps = np.arange(self.T)[:, None, None]
        last = np.maximum.accumulate(np.where(pulses != 0, steps, 0))
        return Batch(pulses, np.take_along_axis(pulses, last, 0))
