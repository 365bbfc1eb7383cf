r"""The loss of a chunk of text, and its gradient.

$$
\begin{aligned}
L &= L_{\text{nats}} + \alpha \, \operatorname{mean} (m \odot h_t)^2 \\
&\quad + \beta \, \operatorname{mean} (h_{t+1} - h_t)^2.
\end{aligned}
$$

The first part is the cross-entropy of the next character. The second keeps the outputs of the last
layer small (activation regularisation, AR), after their mask $m$; the third keeps them slow
(temporal activation regularisation, TAR). A mean is over all steps, texts and units.

Source of AR and TAR: S. Merity, B. McCann and R. Socher, "Revisiting activation regularization for
language RNNs" (2017), <https://arxiv.org/abs/1708.01009>. The paper writes both with the norm
itself; its code takes the mean of squares, as here.

Parameters
----------
alpha : float
    The weight of AR.
beta : float
    The weight of TAR.
hs : ndarray of shape (T, B, D)
    The outputs $h$ of the last layer.
"""

from typing import Annotated, Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bptt.cell import AnyCell
from bptt.lm.dropout import Masks, times
from bptt.lm.network import Params, backward, forward
from bptt.losses import cross_entropy
from bptt.optim import NOT_NEGATIVE
from bptt.shapes import Array, check_number


class Chunk(NamedTuple):
    """What one chunk of text gives."""

    nats: Annotated[float, "the cross-entropy, nats per character"]
    loss: Annotated[float, "the loss L, with AR and TAR"]
    grads: Annotated[Params[Any], "the gradient of L with respect to the weights"]
    states: Annotated[tuple[Any, ...], "the state of each layer after the chunk"]


def loss_and_grads(
    cell: AnyCell,
    params: Params[Any],
    inputs: ArrayLike,
    targets: ArrayLike,
    states: tuple[Any, ...] | None = None,
    masks: Masks | None = None,
    *,
    alpha: float = 0.0,
    beta: float = 0.0,
) -> Chunk:
    """Predict each next character of a chunk, and backpropagate the loss.

    The states come in as numbers: no gradient goes back beyond the chunk (truncated
    backpropagation through time).

    Parameters
    ----------
    inputs : array_like of int of shape (T, B)
        The characters.
    targets : array_like of int of shape (T, B)
        What comes after each.

    Raises
    ------
    ShapeError
        If a shape does not fit.
    TypeError
        If a code is no whole number, or `alpha` or `beta` no number, or as for `forward`.
    ValueError
        If a code is not one of a character, or `alpha` or `beta` is negative or not finite.

    Notes
    -----
    Source of the truncation: R. J. Williams and J. Peng, "An efficient gradient-based algorithm for
    on-line training of recurrent network trajectories", Neural Computation 2 (1990),
    <https://doi.org/10.1162/neco.1990.2.4.490>.
    """
    alpha, beta = (
        check_number("lm.loss_and_grads", name, weight, *NOT_NEGATIVE)
        for name, weight in (("alpha", alpha), ("beta", beta))
    )
    logits, states_T, tape = forward(cell, params, inputs, states, masks)
    nats, dlogits = cross_entropy(logits, targets)
    small, dsmall = activation(tape.hs, tape.masks.reads[-1], alpha)
    slow, dslow = slowness(tape.hs, beta)
    grads = backward(cell, params, tape, dlogits, dsmall + dslow if alpha or beta else None)
    return Chunk(nats, nats + small + slow, grads, states_T)


def activation(hs: Array, mask: Array | None, alpha: float) -> tuple[float, Array]:
    r"""AR, $\alpha \operatorname{mean} (m \odot h)^2$.

    Its gradient is $2 \alpha \, m^2 \odot h / (T B D)$.

    Parameters
    ----------
    mask : ndarray of shape (B, D) or None
        What is dropped of the outputs, $m$.
    """
    read = times(hs, mask)
    return alpha * float(np.mean(read**2)), times(read, mask) * _like(hs, 2 * alpha / hs.size)


def slowness(hs: Array, beta: float) -> tuple[float, Array]:
    r"""TAR, $\beta \operatorname{mean} (h_{t+1} - h_t)^2$; zero for a single step.

    In its gradient, of the shape of `hs`, each difference pulls on both its ends.
    """
    change = np.diff(hs, axis=0)
    if not change.size:
        return 0.0, np.zeros_like(hs)
    pull = change * _like(hs, 2 * beta / change.size)
    dhs = np.zeros_like(hs)
    dhs[1:] += pull
    dhs[:-1] -= pull
    return beta * float(np.mean(change**2)), dhs


def _like(x: Array, number: float) -> Array:
    """Return a number in the dtype of x, which a Python float or float64 might widen."""
    return np.asarray(number, x.dtype)
