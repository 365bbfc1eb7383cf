"""Losses: each returns its value and its derivative."""

import numpy as np
from numpy.typing import ArrayLike

from bptt.ops import log_softmax
from bptt.shapes import Array, ShapeError, check_numbers, check_weights, shown


def cross_entropy(logits: ArrayLike, targets: ArrayLike) -> tuple[float, Array]:
    r"""Mean cross-entropy of a softmax, $L = -\frac{1}{N} \sum_n \log p_{n, k_n}$.

    It comes in nats per prediction, and a uniform guess scores $\log K$. Its derivative, of shape
    (..., K), is $dL/da_n = (p_n - e_{k_n}) / N$, where $e_k$ is 1 at k and 0 elsewhere.

    Parameters
    ----------
    logits : array_like of shape (..., K)
        Unnormalised log probabilities $a$ of N predictions over K classes.
    targets : array_like of shape (...)
        The class $k_n$ of each prediction, an integer from 0 to K - 1.

    Raises
    ------
    ShapeError
        If there is not one target for each prediction, or no prediction at all.
    TypeError
        If the logits are not floating-point numbers of 32 bits or more, or a target is no number.
    ValueError
        If a target is not a class.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt.losses import cross_entropy
    >>> loss, dlogits = cross_entropy(np.zeros((1, 2)), [0])
    >>> round(loss, 6)
    0.693147
    >>> dlogits
    array([[-0.5,  0.5]])
    """
    where = "losses.cross_entropy"
    logits, targets = (
        check_numbers(where, name, value)
        for name, value in (("logits", logits), ("targets", targets))
    )
    if not np.issubdtype(logits.dtype, np.floating):
        raise TypeError(f"{where}: logits must be floating-point numbers, got {logits.dtype}")
    check_weights(where, [logits], "logits")
    if not (logits.ndim and logits.size):
        raise ShapeError(
            f"{where}: logits must be (..., K) with no empty axis, got {shown(logits.shape)}"
        )
    if targets.shape != logits.shape[:-1]:
        raise ShapeError(
            f"{where}: targets must be {logits.shape[:-1]}, one for each row of "
            f"logits, got {shown(targets.shape)}"
        )
    classes = np.arange(logits.shape[-1])
    if not np.isin(targets, classes).all():
        raise ValueError(
            f"{where}: targets must be whole numbers from 0 to {classes[-1]}, "
            f"got values from {targets.min()} to {targets.max()}"
        )
    log_p = log_softmax(logits)
    one_hot = targets[..., None] == classes
    dlogits = (np.exp(log_p) - one_hot) / targets.size
    return -float(log_p[one_hot].mean()), dlogits.astype(logits.dtype, copy=False)


def squared_error(outputs: ArrayLike, targets: ArrayLike) -> tuple[float, Array]:
    r"""Mean squared error, $L = \frac{1}{N} \sum_n (y_n - t_n)^2$.

    It comes in the square of the unit of the targets. Its derivative, of the shape of the outputs,
    is $dL/dy_n = 2 (y_n - t_n) / N$.

    Parameters
    ----------
    outputs : array_like
        The predictions $y$, N numbers.
    targets : array_like of the same shape
        What they should have been, $t$.

    Raises
    ------
    ShapeError
        If there is not one target for each output, or no output at all.
    TypeError
        If the outputs are not floating-point numbers of 32 bits or more, or a target is no number.

    Examples
    --------
    >>> from bptt.losses import squared_error
    >>> squared_error([1.0, 3.0], [1.0, 1.0])
    (2.0, array([0., 2.]))
    """
    where = "losses.squared_error"
    outputs = check_numbers(where, "outputs", outputs)
    check_weights(where, [outputs], "outputs")
    targets = np.asarray(check_numbers(where, "targets", targets), outputs.dtype)
    if targets.shape != outputs.shape or not outputs.size:
        raise ShapeError(
            f"{where}: targets must be {outputs.shape}, one for each output, with no empty axis, "
            f"got {shown(targets.shape)}"
        )
    error = outputs - targets
    return float(np.mean(error * error)), 2 * error / error.size
