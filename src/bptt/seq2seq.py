r"""From a sequence to a sequence: one cell reads, its last state is where another begins to write.

$$
s_T = \mathrm{encoder}(x_1, \dots, x_T), \qquad
g_1, \dots, g_N = \mathrm{decoder}(w_0, \dots, w_{N-1};\, s_T), \qquad
y_i = [g_i, o_i] \, W_y + b_y.
$$

$w_0$ is a sign for the start, and $w_i$ the answer before: the true one in training, the decoder's
own when it runs free. With attention, $o_i$ is what the query $g_i W_q$ finds in the outputs
$h_1, \dots, h_T$ of the encoder, which are keys and values; without, there is no $o_i$.

Parameters
----------
params : Params
    The weights of both cells, of the queries and of the readout.
xs : array_like of shape (T, B, I)
    What the encoder reads.
targets : array_like of int of shape (N, B)
    What the decoder should say: classes from 0 to K - 1.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from bptt import attention, run
from bptt.cell import AnyCell
from bptt.losses import cross_entropy
from bptt.shapes import (
    Array,
    ShapeError,
    check_shape,
    check_type,
    check_weights,
    check_whole,
    shown,
)
from bptt.weights import glorot


class Params(NamedTuple):
    """The weights of the model, or a gradient with respect to them."""

    encoder: Annotated[Any, "the weights of the cell that reads"]
    decoder: Annotated[Any, "those of the cell that writes; its input K is the start"]
    queries: Annotated[tuple[Array, ...], "with attention one matrix (H, H), $W_q$; else none"]
    W_y: Annotated[Array, "M K", "from the decoder and what it found, M = 2H; without, M = H"]
    b_y: Annotated[Array, "K", "the bias of the scores"]


def init(
    cell: AnyCell,
    input_size: int,
    hidden_size: int,
    output_size: int,
    *,
    attention: bool = False,
    rng: np.random.Generator,
    dtype: DTypeLike = np.float64,
) -> Params:
    """Draw initial weights: those of the cells by their own `init`, the rest by Glorot, $b_y = 0$.

    Parameters
    ----------
    output_size : int
        K, the number of classes. The decoder has K + 1 inputs.
    attention : bool
        Whether the decoder looks back at the outputs of the encoder.

    Raises
    ------
    TypeError
        If `dtype` is not a floating-point one.
    ValueError
        If a size is below 1.
    """
    H, K = hidden_size, output_size
    if check_whole("seq2seq.init", "output_size", K) < 1:
        raise ValueError(f"seq2seq.init: output_size must be at least 1, got {shown(K)}")
    encoder = cell.init(input_size, H, rng=rng, dtype=dtype)
    decoder = cell.init(K + 1, H, rng=rng, dtype=dtype)
    queries = (glorot(H, H, rng=rng, dtype=dtype),) if attention else ()
    W_y = glorot(H + H * len(queries), K, rng=rng, dtype=dtype)
    return Params(encoder, decoder, queries, W_y, np.zeros(K, dtype))


def forced(cell: AnyCell, params: Params, xs: ArrayLike, targets: ArrayLike) -> tuple[Array, Array]:
    """Predict each answer when the decoder is told the true answers before it (teacher forcing).

    Returns
    -------
    ys : ndarray of shape (N, B, K)
        The scores: unnormalised log probabilities.
    alpha : ndarray of shape (N, B, T)
        The weights of attention, or (N, B, 0) without it.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If the weights are not arrays of one floating-point dtype, or a target is no number.
    ValueError
        If a target is not a class.

    Notes
    -----
    Source: R. J. Williams and D. Zipser, "A learning algorithm for continually running fully
    recurrent neural networks", Neural Computation 1 (1989),
    <https://doi.org/10.1162/neco.1989.1.2.270>, teacher forcing.
    """
    ys, saved = _forward("seq2seq.forced", cell, params, xs, targets)
    return ys, saved.alpha


def loss_and_grads(
    cell: AnyCell, params: Params, xs: ArrayLike, targets: ArrayLike
) -> tuple[float, Params]:
    r"""Mean cross-entropy of the answers under teacher forcing, and its gradient.

    The gradient comes to the encoder by two ways: through the state that it hands over, and, with
    attention, to each of its outputs, as a key and as a value.

    Returns
    -------
    loss : float
        Nats per answer.
    grads : Params
        The gradient with respect to every weight.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If the weights are not arrays of one floating-point dtype, or a target is no number.
    ValueError
        If a target is not a class.

    Notes
    -----
    Source: I. Sutskever, O. Vinyals and Q. V. Le, "Sequence to sequence learning with neural
    networks", NeurIPS 2014, <https://arxiv.org/abs/1409.3215>, for the two cells; M.-T. Luong, H.
    Pham and C. D. Manning, "Effective approaches to attention-based neural machine translation",
    EMNLP 2015, <https://arxiv.org/abs/1508.04025>, section 3.1, for attention after the step of the
    decoder. Omitted: several layers, and the layer between what was found and the readout.
    """
    ys, saved = _forward("seq2seq.loss_and_grads", cell, params, xs, targets)
    hs, gs, os, read, written, found, _ = saved
    loss, dys = cross_entropy(ys, targets)
    dgs, dos = np.split(dys @ params.W_y.T, [gs.shape[2]], axis=-1)
    steps = ((0, 1), (0, 1))
    dhs, dqueries = np.zeros_like(hs), params.queries
    if found is not None:
        (W_q,) = params.queries
        dqs, dks, dvs = attention.attend_backward(found, dos)
        dgs, dhs, dqueries = dgs + dqs @ W_q.T, dks + dvs, (np.tensordot(gs, dqs, steps),)
    over_time = run.of(cell)
    ddecoder, _, dstate = over_time.backward(cell, params.decoder, written, dgs)
    dencoder, _, _ = over_time.backward(cell, params.encoder, read, dhs, dstate)
    dW_y = np.tensordot(np.concatenate([gs, os], axis=-1), dys, steps)
    return loss, Params(dencoder, ddecoder, dqueries, dW_y, dys.sum(axis=(0, 1)))


def generate(cell: AnyCell, params: Params, xs: ArrayLike, steps: int) -> tuple[Array, Array]:
    """Let the decoder run free: its likeliest answer is its next input (greedy decoding).

    Parameters
    ----------
    steps : int
        N, how many answers to give.

    Returns
    -------
    answers : ndarray of int of shape (N, B)
        The classes.
    alpha : ndarray of shape (N, B, T)
        The weights of attention, or (N, B, 0) without it.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If the weights are not arrays of one floating-point dtype.
    ValueError
        If `steps` is below 1.
    """
    where = "seq2seq.generate"
    if check_whole(where, "steps", steps) < 1:
        raise ValueError(f"{where}: steps must be at least 1, got {shown(steps)}")
    _check(where, params)
    over_time = run.of(cell)
    hs, state, _ = over_time.forward(cell, params.encoder, xs)
    K = len(params.b_y)
    fed = np.full(hs.shape[1], K)
    answers, alphas = [], []
    for _ in range(steps):
        gs, state, _ = over_time.forward(cell, params.decoder, np.eye(K + 1)[fed][None], state)
        ys, _, _, alpha = _answer(params, gs, hs)
        fed = ys[0].argmax(axis=-1)
        answers.append(fed)
        alphas.append(alpha[0])
    return np.stack(answers), np.stack(alphas)


class _Saved(NamedTuple):
    """What the way forwards keeps for the way back."""

    hs: Array
    gs: Array
    os: Array
    read: Any
    written: Any
    found: attention.Tape | None
    alpha: Array


def _forward(
    where: str, cell: AnyCell, params: Params, xs: ArrayLike, targets: ArrayLike
) -> tuple[Array, _Saved]:
    """Read, then write with the true answers as inputs; return the scores."""
    _check(where, params)
    over_time = run.of(cell)
    hs, state, read = over_time.forward(cell, params.encoder, xs)
    K, B = len(params.b_y), hs.shape[1]
    targets = check_shape(where, "targets", targets, "N B", B=B)
    if not np.isin(targets, np.arange(K)).all():
        raise ValueError(f"{where}: targets must be whole numbers from 0 to {K - 1}")
    fed = np.concatenate([np.full((1, B), K), targets[:-1].astype(int)])
    gs, _, written = over_time.forward(cell, params.decoder, np.eye(K + 1)[fed], state)
    ys, os, found, alpha = _answer(params, gs, hs)
    return ys, _Saved(hs, gs, os, read, written, found, alpha)


def _answer(
    params: Params, gs: Array, hs: Array
) -> tuple[Array, Array, attention.Tape | None, Array]:
    """Look back, with attention; return the scores, and what was found."""
    os, found, alpha = gs[..., :0], None, np.zeros((*gs.shape[:2], 0), gs.dtype)
    for W_q in params.queries:
        os, found = attention.attend(gs @ W_q, hs, hs)
        alpha = found.alpha.swapaxes(0, 1)
    return np.concatenate([gs, os], axis=-1) @ params.W_y + params.b_y, os, found, alpha


def _check(where: str, params: Params) -> None:
    """Insist on weights of a model whose parts fit each other."""
    check_type(where, "params", params, Params)
    check_weights(where, [params.encoder.W_h, params.decoder.W_h, *params.queries, *params[3:]])
    H = len(params.decoder.W_h)
    if len(params.queries) > 1:
        got = len(params.queries)
        raise ShapeError(f"{where}: params.queries must be one matrix or none, got {got}")
    for W_q in params.queries:
        check_shape(where, "params.queries[0]", W_q, "H H", None, H=H)
    M = H + H * len(params.queries)
    K = check_shape(where, "params.W_y", params.W_y, "M K", None, M=M).shape[1]
    check_shape(where, "params.b_y", params.b_y, "K", None, K=K)
