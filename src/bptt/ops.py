"""Pointwise functions and the softmax, with derivatives that take the *output*.

Backpropagation already holds the output $y = f(a)$, so each derivative is written in $y$: no
pre-activation has to be kept. What comes back has the shape of what goes in, and its dtype.

Parameters
----------
a : ndarray
    Pre-activations of any shape, such as logits of shape (..., K).
y : ndarray
    The output of the function, of any shape.
"""

import numpy as np

from bptt.shapes import Array


def tanh(a: Array) -> Array:
    r"""Hyperbolic tangent, $y = \tanh a$, with values in $[-1, 1]$."""
    return np.tanh(a)


def tanh_prime(y: Array) -> Array:
    r"""Derivative of the hyperbolic tangent, $1 - y^2$ with $y = \tanh a$, in $[0, 1]$."""
    return 1 - y * y


def sigmoid(a: Array) -> Array:
    r"""Logistic function, $y = 1 / (1 + e^{-a})$, in $[0, 1]$.

    It is computed as $(1 + \tanh(a / 2)) / 2$, which never overflows. The absolute error is one
    rounding; below about $a = -38$ it returns 0 in float64, where the true value is less than
    $10^{-16}$.
    """
    y: Array = (1 + np.tanh(a / 2)) / 2
    return y


def sigmoid_prime(y: Array) -> Array:
    r"""Derivative of the logistic function, $y (1 - y)$ with $y = \sigma(a)$, in $[0, 1/4]$."""
    slope: Array = y * (1 - y)
    return slope


def relu(a: Array) -> Array:
    r"""Rectifier, $y = \max(a, 0)$."""
    return np.maximum(a, 0)


def relu_prime(y: Array) -> Array:
    """Derivative of the rectifier: 1 where $y > 0$, else 0.

    At $a = 0$ the rectifier has no derivative; 0 is the usual choice.
    """
    return np.asarray(y > 0, dtype=y.dtype)


def log_softmax(a: Array) -> Array:
    r"""Logarithm of the softmax in nats, $a_k - \log \sum_j e^{a_j}$, over the last axis.

    The maximum is subtracted first: the result is the same and nothing overflows.
    """
    shifted: Array = a - a.max(axis=-1, keepdims=True)
    log_p: Array = shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))
    return log_p


def softmax(a: Array) -> Array:
    r"""Softmax, $p_k = e^{a_k} / \sum_j e^{a_j}$, over the last axis, along which it sums to 1."""
    return np.exp(log_softmax(a))
