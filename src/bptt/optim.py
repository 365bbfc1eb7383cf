"""Clipping, SGD and Adam: functions of parameters and gradients that return new ones.

Everything that an update returns, the moments too, has the dtype of the parameters, whatever that
of the gradients.

Parameters
----------
grads : Params
    The gradient $g$ with respect to the parameters.
"""

import math
import operator
from dataclasses import dataclass
from typing import Annotated, Any, Generic, NamedTuple, Protocol, TypeVar, runtime_checkable

import numpy as np

from bptt import tree
from bptt.shapes import check_number, check_weights, shown

P = TypeVar("P")


# What a setting must be, in words and as a test.
NOT_NEGATIVE = "zero or more, and finite", lambda number: 0 <= number < math.inf
A_SHARE = "from 0 to below 1", lambda number: 0 <= number < 1


class NonFiniteGradient(ValueError):  # noqa: N818  # the name is part of the public contract
    """A gradient holds NaN or infinity, or its norm overflows, so no step can follow it."""


def clip_global_norm(grads: P, max_norm: float, eps: float = 0.0) -> tuple[P, float]:
    r"""Shorten a gradient that is too long, $g \min(1, c / (\lVert g \rVert + \epsilon))$.

    Also return $\lVert g \rVert$, the L2 norm over all arrays together, accumulated in float64. A
    gradient that is not too long comes back as it is, not as a copy.

    Parameters
    ----------
    max_norm : float
        The largest norm allowed, $c$, above zero.
    eps : float
        $\epsilon$, zero or more. Zero by default; 1e-6 gives torch's number.

    Raises
    ------
    NonFiniteGradient
        If the norm is NaN or infinite.
    TypeError
        If a gradient does not hold real numbers, or `max_norm` or `eps` is no number.
    ValueError
        If `max_norm` is not above zero, or `eps` is negative or not finite.

    Notes
    -----
    Source: R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural
    networks", ICML 2013, <https://arxiv.org/abs/1211.5063>, algorithm 1.

    Examples
    --------
    >>> import numpy as np
    >>> from bptt.optim import clip_global_norm
    >>> clip_global_norm(np.array([3.0, 4.0]), max_norm=1.0)
    (array([0.6, 0.8]), 5.0)
    """
    where = "optim.clip_global_norm"
    max_norm = check_number(where, "max_norm", max_norm, "above zero", lambda c: c > 0)
    eps = check_number(where, "eps", eps, *NOT_NEGATIVE)
    grads = tree.numbers(where, "grads", grads)
    norm = tree.global_norm(grads)
    if not math.isfinite(norm):
        raise NonFiniteGradient(
            f"optim.clip_global_norm: the norm of the gradient is {norm}, so it has no direction; "
            f"look for an overflow in the forward pass or a learning rate that is too high"
        )
    if norm + eps <= max_norm:
        return grads, norm
    scale = max_norm / (norm + eps)
    return tree.map(lambda g: g * scale, grads), norm


@runtime_checkable
class Optimizer(Protocol):
    """What `train.fit` asks of an optimiser: a state to start from, and a step."""

    def init(self, params: P) -> Any:
        r"""Return the state before the first update.

        Parameters
        ----------
        params : Params
            The parameters $\theta_0$ that will be updated.

        Raises
        ------
        TypeError
            If they are not arrays of one floating-point dtype.
        """

    def update(self, params: P, grads: P, state: Any) -> tuple[P, Any]:
        r"""Return the new parameters and the new state.

        Parameters
        ----------
        params : Params
            The parameters $\theta_{t-1}$.
        state : State
            What `init` or the last `update` returned.

        Raises
        ------
        NonFiniteGradient
            If a gradient is NaN or infinite in the dtype of `params`, or, with Adam, its square.
        ShapeError
            If an array of `grads` or `state` has not the shape of its array in `params`.
        TypeError
            If the trees differ in structure, `params` are not arrays of one floating-point dtype,
            `grads` or `state` do not hold real numbers, or `state` is of another optimiser.
        ValueError
            If the state of Adam holds a negative mean of squares.
        """


@dataclass(frozen=True)
class SGD:
    r"""Gradient descent, with momentum if asked for.

    $$
    v_t = \mu v_{t-1} + g_t, \qquad \theta_t = \theta_{t-1} - \alpha v_t, \qquad v_0 = 0.
    $$

    Notes
    -----
    Source: B. T. Polyak, "Some methods of speeding up the convergence of iteration methods", USSR
    Computational Mathematics and Mathematical Physics 4 (1964),
    <https://doi.org/10.1016/0041-5553(64)90137-5>, in the form of `torch.optim.SGD`, where the
    learning rate stands outside the sum. Omitted: dampening, Nesterov's form and weight decay.

    Raises
    ------
    TypeError
        If a setting is no number.
    ValueError
        If the learning rate is negative or not finite, or the momentum not from 0 to below 1.
    """

    lr: Annotated[float, r"$\alpha$, the learning rate"]
    momentum: Annotated[float, r"$\mu$, the share of the last direction that is kept"] = 0.0

    def __post_init__(self) -> None:
        """Check the settings."""
        check_number("optim.SGD", "lr", self.lr, *NOT_NEGATIVE)
        check_number("optim.SGD", "momentum", self.momentum, *A_SHARE)

    def init(self, params: P) -> P:
        """Return the state before the first update, $v_0 = 0$."""
        return tree.map(np.zeros_like, _weights("optim.SGD.init", params))

    def update(self, params: P, grads: P, state: P) -> tuple[P, P]:
        r"""Take one step, to $\theta_t$ and the state $v_t$."""
        params = _weights("optim.SGD.update", params)
        grads = _like("optim.SGD.update", "grads", grads, params)
        state = _like("optim.SGD.update", "state", state, params)
        # Python floats: a NumPy float64 would widen float32.
        lr, momentum = float(self.lr), float(self.momentum)
        with np.errstate(over="ignore", invalid="ignore"):
            v = tree.map(lambda v, g: momentum * v + g, state, grads)
        _check_finite("optim.SGD.update", v)
        return tree.map(lambda theta, v: theta - lr * v, params, v), v


class AdamState(NamedTuple, Generic[P]):
    """What Adam remembers between updates."""

    t: Annotated[int, "the number of updates so far"]
    m: Annotated[P, "moving mean of the gradients"]
    v: Annotated[P, "moving mean of their squares"]


@dataclass(frozen=True)
class Adam:
    r"""Adam: steps scaled by running moments of the gradient.

    $$
    \begin{aligned}
    m_t &= \beta_1 m_{t-1} + (1 - \beta_1) g_t, \\
    v_t &= \beta_2 v_{t-1} + (1 - \beta_2) g_t^2, \\
    \theta_t &= \theta_{t-1} - \alpha \,
    \frac{m_t / (1 - \beta_1^t)}{\sqrt{v_t / (1 - \beta_2^t)} + \epsilon}.
    \end{aligned}
    $$

    Notes
    -----
    Source: D. P. Kingma and J. Ba, "Adam: a method for stochastic optimization", ICLR 2015,
    <https://arxiv.org/abs/1412.6980>, algorithm 1. Omitted: weight decay and AMSGrad.

    Raises
    ------
    TypeError
        If a setting is no number.
    ValueError
        If the learning rate or `eps` is negative or not finite, or a decay not from 0 to below 1.
    """

    lr: Annotated[float, r"$\alpha$, the learning rate"] = 1e-3
    beta1: Annotated[float, r"$\beta_1$, the decay of the mean"] = 0.9
    beta2: Annotated[float, r"$\beta_2$, the decay of the mean square"] = 0.999
    eps: Annotated[float, r"$\epsilon$, added to the denominator"] = 1e-8

    def __post_init__(self) -> None:
        """Check the settings."""
        check_number("optim.Adam", "lr", self.lr, *NOT_NEGATIVE)
        check_number("optim.Adam", "beta1", self.beta1, *A_SHARE)
        check_number("optim.Adam", "beta2", self.beta2, *A_SHARE)
        check_number("optim.Adam", "eps", self.eps, *NOT_NEGATIVE)

    def init(self, params: P) -> AdamState[P]:
        """Return the state before the first update, $m_0 = v_0 = 0$."""
        zeros = tree.map(np.zeros_like, _weights("optim.Adam.init", params))
        return AdamState(t=0, m=zeros, v=zeros)

    def update(self, params: P, grads: P, state: AdamState[P]) -> tuple[P, AdamState[P]]:
        r"""Take one step, to $\theta_t$ and the state $m_t$, $v_t$."""
        params = _weights("optim.Adam.update", params)
        grads = _like("optim.Adam.update", "grads", grads, params)
        t_prev, m_prev, v_prev = _adam_state(state, params)
        # Python floats: a NumPy float64 would widen float32.
        lr, beta1, beta2, eps = map(float, (self.lr, self.beta1, self.beta2, self.eps))
        t = t_prev + 1
        m = tree.map(lambda m, g: beta1 * m + (1 - beta1) * g, m_prev, grads)
        with np.errstate(over="ignore", invalid="ignore"):
            v = tree.map(lambda v, g: beta2 * v + (1 - beta2) * g * g, v_prev, grads)
        _check_finite("optim.Adam.update", v)

        def step(theta: Any, m: Any, v: Any) -> Any:
            m_hat = m / (1 - beta1**t)
            v_hat = v / (1 - beta2**t)
            root = np.sqrt(v_hat) + eps
            # Without a gradient so far there is no step, even if eps is 0.
            return theta - lr * m_hat / (root + (root == 0))

        return tree.map(step, params, m, v), AdamState(t, m, v)


def _weights(where: str, params: P) -> P:
    """Insist on arrays of one floating-point dtype."""
    arrays = tree.numbers(where, "params", params)
    check_weights(where, (leaf for _, leaf in tree.leaves(arrays)))
    return arrays


def _like(where: str, name: str, value: P, params: P) -> P:
    """Return a tree in the shapes and the dtype of the parameters, if it has these shapes."""
    arrays = tree.numbers(where, name, value)
    tree.check_same_shapes(where, name, arrays, params)
    with np.errstate(over="ignore"):  # infinity is looked for later
        return tree.map(lambda array, theta: np.asarray(array, theta.dtype), arrays, params)


def _check_finite(where: str, v: Any) -> None:
    """Insist that what a gradient has been added to is finite."""
    for name, leaf in tree.leaves(v):
        if not np.isfinite(leaf).all():
            full = f"grads.{name}" if name else "grads"
            raise NonFiniteGradient(
                f"{where}: {full} must be finite in the {leaf.dtype} of the parameters, and so "
                "must its square for Adam; clip the gradient, or look for an overflow before it"
            )


def _adam_state(state: Any, params: P) -> AdamState[P]:
    """Return what Adam remembers in the dtype of the parameters, and the count as a Python int."""
    where = "optim.Adam.update"
    if not isinstance(state, AdamState):
        raise TypeError(f"{where}: state must be an optim.AdamState, got {type(state).__name__}")
    try:
        t = operator.index(state.t)
    except TypeError:
        raise TypeError(f"{where}: state.t must be an int, got {shown(state.t)}") from None
    if not 0 <= t < 2**63:
        raise ValueError(f"{where}: state.t must be from 0 to below 2**63, got {shown(t)}")
    m, v = (_like(where, f"state.{name}", getattr(state, name), params) for name in "mv")
    if not all((leaf >= 0).all() for _, leaf in tree.leaves(v)):
        raise ValueError(f"{where}: state.v must be zero or more, got a negative number or NaN")
    return AdamState(t, m, v)
