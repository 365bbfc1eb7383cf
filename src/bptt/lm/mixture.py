r"""Mix predictors of one text: a product of their probabilities, with weights that learn.

Each of M models gives every character k a probability $p_{m,k}$. The mixture is

$$
q_k = \frac{1}{Z} \prod_{m} p_{m,k}^{w_m}, \qquad
\ln q_k = \sum_{m} w_m \ln p_{m,k} - \ln Z.
$$

It is a softmax of log probabilities, so its gradient is that of cross-entropy. Once a character k
is known, one step of gradient descent on $-\ln q_k$ moves the weights:

$$
w_m' = w_m + \eta \, \Bigl( \ln p_{m,k} - \sum_{j} q_j \ln p_{m,j} \Bigr).
$$

Source: C. Mattern, "Linear and geometric mixtures: analysis", Data Compression Conference 2013,
<https://arxiv.org/abs/1302.2820>.
"""

from collections.abc import Iterable, Iterator
from typing import Annotated, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from bptt.lm.network import check_codes
from bptt.ops import log_softmax
from bptt.shapes import Array, check_shape


class Mixed(NamedTuple):
    """What is known before one character, and what it taught."""

    log_q: Annotated[Array, "K", "the log probabilities of the mixture"]
    weights: Annotated[Array, "M", "the weights, once the character is known"]


def mix(
    log_ps: Iterable[ArrayLike], codes: Iterable[int], weights: ArrayLike, lr: float
) -> Iterator[Mixed]:
    r"""Mix the predictions of M models, character by character.

    Parameters
    ----------
    log_ps : iterable of array_like of shape (M, K)
        The log probabilities of each model, before each character.
    codes : iterable of int
        The characters, as many.
    weights : array_like of shape (M,)
        $w$ to begin with.
    lr : float
        $\eta$, the learning rate.

    Raises
    ------
    ShapeError
        If there is not one weight for each model.
    ValueError
        If a code is not one of a character, or there are not as many as predictions.
    """
    w = np.asarray(weights, float)
    for predicted, code in zip(log_ps, codes, strict=True):
        log_p = check_shape("lm.mix", "log_p", predicted, "M K", float)
        M, K = log_p.shape
        w = check_shape("lm.mix", "weights", w, "M", float, M=M)
        k = int(check_codes("lm.mix", "code", [code], "one", K)[0])
        log_q = log_softmax(w @ log_p)
        w = w + lr * (log_p[:, k] - log_p @ np.exp(log_q))
        yield Mixed(log_q, w)
