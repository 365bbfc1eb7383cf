r"""The same steps in torch: with its kernels, on a processor or a GPU, alone or in processes.

What is read, what is dropped and where an epoch starts come from `bptt.lm.update`; the network is
that of `bptt.lm.network`, with torch's own layers; clipping and Adam are the formulas of
`bptt.optim`. All weights stand in one vector $\theta$, of which each array is a view. So the
gradient is one vector too, and the update three lines.

Where `torchrun` started N processes, each has $B_r$ of the B rows, as in `bptt.lm.parallel`, and
one `all_reduce` adds $B_r / B$ times the gradients. `DistributedDataParallel` gives the same where
each loss is scaled by $N B_r / B$, which undoes its mean over processes; a test compares the two.
It is not used here, since it needs a module whose weights are changed in place. Here nothing is
changed, so a stop in the middle of a step leaves the last whole one.

Parameters
----------
run : Run
    Where the run stands.
"""

import contextlib
import math
import os
import re
import warnings
from collections.abc import Callable, Iterator
from typing import Annotated, Any, NamedTuple

import numpy as np

from bptt import tree
from bptt.lm.dropout import Masks, cut
from bptt.lm.engine import Engine, Lost, insist_on_rows, rows_of
from bptt.lm.network import Params
from bptt.lm.settings import Settings
from bptt.lm.update import Run, carried_at, chunk_at, decay_at, masks_at, rate_at
from bptt.optim import Adam, AdamState, NonFiniteGradient
from bptt.shapes import Array, shown

NEEDS = 'lm.torch_engine: torch is missing: python -m pip install "bptt[torch]"'
KERNELS = {"rnn": "rnn_tanh", "lstm": "lstm", "gru": "gru"}


class Torch(NamedTuple):
    """The step of one process. Its form of a run holds tensors; moments and mean are vectors."""

    settings: Annotated[Settings, "what is trained"]
    codes: Annotated[Array, "on what"]
    device: Annotated[Any, "torch's device"]
    rank: Annotated[int, "which of the processes"] = 0
    size: Annotated[int, "how many there are"] = 1

    def own(self, run: Run) -> Run:
        """Move a run to the device, and leave the states of the others' rows out."""
        rows = self._rows()
        params = tree.map(self._tensor, run.params)
        t, m, v = run.moments
        moments = AdamState(t, self._vector(m), self._vector(v))
        states = tree.map(lambda state: self._tensor(state[rows]), run.states)
        return Run(run.step, params, moments, states, run.mean and self._vector(run.mean))

    def advance(self, run: Run) -> tuple[Run, float]:
        """Take the step of the whole batch; each process reads its own rows of the chunk."""
        import torch

        settings, rows = self.settings, self._rows()
        inputs, targets = chunk_at(settings, self.codes, run.step)
        carried = self._tensor(carried_at(settings, self.codes, run.step)[rows, None])
        states = tree.map(lambda state: torch.where(carried, state, 0), run.states)
        masks = cut(masks_at(settings, _like(run.params), run.step), rows)
        theta = vector_of(run.params).requires_grad_()
        # cuDNN would round the factors of its products to 10 bits.
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            loss, nats, after = loss_of(
                settings,
                parts_of(theta, run.params),
                self._tensor(inputs[:, rows]),
                self._tensor(targets[:, rows]),
                states,
                _moved(masks, self._tensor),
            )
            (grad,) = torch.autograd.grad(loss, theta)
        share = len(states[0].h) / settings.batch  # B_r / B
        total = self._summed(share * torch.cat([grad, nats.detach()[None]]))
        read_on = tree.map(lambda state: state.detach(), after)
        return _learnt(settings, run, theta.detach(), total[:-1], read_on), total[-1].item()

    def whole(self, run: Run) -> Run:
        """Collect the states of all rows, and bring all to NumPy; a whole run is left as it is."""
        if isinstance(run.params.E, np.ndarray):
            return run
        rows, B = self._rows(), self.settings.batch

        def collect(own: Any) -> Array:
            state = own.new_zeros((B, *own.shape[1:]))
            state[rows] = own
            return _array(self._summed(state))

        def arrays(vector: Any) -> Any:
            return tree.map(_array, parts_of(vector, run.params))

        t, m, v = run.moments
        mean = () if isinstance(run.mean, tuple) else arrays(run.mean)
        states = tree.map(collect, run.states)
        params = tree.map(_array, run.params)
        return Run(run.step, params, AdamState(t, arrays(m), arrays(v)), states, mean)

    def _rows(self) -> slice:
        return rows_of(self.settings.batch, self.rank, self.size)

    def _tensor(self, array: Array) -> Any:
        import torch

        return torch.tensor(array, device=self.device)

    def _vector(self, weights: Any) -> Any:
        return vector_of(tree.map(self._tensor, weights))

    def _summed(self, tensor: Any) -> Any:
        """Return the sum of the tensors of all processes, to each of them."""
        if self.size > 1:
            from torch import distributed

            with _together():
                distributed.all_reduce(tensor)  # in place, and nobody else has it
        return tensor


def vector_of(weights: Any) -> Any:
    """Lay tensors end to end in one vector, a copy, in the order of `bptt.tree.ravel`.

    Parameters
    ----------
    weights : Params
        Of tensors, or a gradient in their form.
    """
    import torch

    parts: list[Any] = []
    tree.map(lambda part: parts.append(part.reshape(-1)), weights)
    return torch.cat(parts)


def parts_of(vector: Any, like: Any) -> Any:
    """Return the parts of a vector in the form of some weights, as views.

    Parameters
    ----------
    vector : tensor
        What `vector_of` returns.
    like : Params
        Tensors of the shapes that are wanted.
    """
    sizes: list[int] = []
    tree.map(lambda part: sizes.append(part.numel()), like)
    pieces = iter(vector.split(sizes))
    return tree.map(lambda part: next(pieces).reshape(part.shape), like)


def loss_of(
    settings: Settings,
    params: Params[Any],
    inputs: Any,
    targets: Any,
    states: tuple[Any, ...],
    masks: Masks,
) -> tuple[Any, Any, tuple[Any, ...]]:
    r"""Return the loss of `bptt.lm.objective`, its part in nats, and the states after the chunk.

    Parameters
    ----------
    params : Params
        The weights, as tensors.
    inputs : tensor of int of shape (T, B)
        The characters.
    targets : tensor of int of shape (T, B)
        What comes after each.
    states : tuple of State
        The state of each layer before the chunk.
    masks : Masks
        What is dropped, as tensors.
    """
    from torch.nn import functional

    reads = functional.embedding(inputs, _times(params.E, masks.rows))
    after = []
    for p, state, mask, dropped in zip(
        params.layers, states, masks.reads[:-1], masks.recurrent, strict=True
    ):
        weights = p._replace(W_h=_times(p.W_h, dropped))
        reads, state_T = layer(settings.cell, weights, _times(reads, mask), state)
        after.append(state_T)
    hs, reads = reads, _times(reads, masks.reads[-1])
    W_y = params.E.T if isinstance(params.W_y, tuple) else params.W_y
    logits = reads @ W_y + params.b_y
    nats = functional.cross_entropy(logits.flatten(0, 1), targets.flatten())
    loss = nats
    if settings.alpha:
        loss = loss + settings.alpha * reads.square().mean()
    if settings.beta and len(hs) > 1:
        loss = loss + settings.beta * hs.diff(dim=0).square().mean()
    return loss, nats, tuple(after)


def layer(cell: str, params: Any, xs: Any, state: Any) -> tuple[Any, Any]:
    """Run a layer by the kernel of `torch.nn.RNN`, `LSTM` or `GRU`: on a GPU that is cuDNN's.

    The arrays are those of `bptt.torch_layout`. The second bias is zero, but for the candidate of
    the GRU, and is not learnt.

    Parameters
    ----------
    cell : str
        `rnn`, `lstm` or `gru`.
    params : Params
        The weights of the cell, as tensors.
    xs : tensor of shape (T, B, I)
        The inputs.
    state : State
        Where the layer starts, as tensors of shape (B, H).
    """
    import torch

    second = torch.zeros_like(params.b)
    if cell == "gru":
        second = torch.cat([second[: -len(params.b_hn)], params.b_hn])
    weights = [params.W_x.T, params.W_h.T, params.b, second]
    before = tuple(part[None] for part in state)
    with warnings.catch_warnings():
        # cuDNN copies the weights into one block. It would do so after each update in any case.
        warnings.filterwarnings("ignore", message="RNN module weights are not part of single")
        hs, *after = getattr(torch, KERNELS[cell])(
            xs,
            before if cell == "lstm" else before[0],
            weights,
            *(True, 1, 0.0),  # with biases, one layer, no dropout of its own,
            *(True, False, False),  # for a gradient, in one direction, time first
        )
    return hs, type(state)(*(part[0] for part in after))


def _times(x: Any, mask: Any) -> Any:
    return x if mask is None else x * mask


def _learnt(settings: Settings, run: Run, theta: Any, g: Any, states: tuple[Any, ...]) -> Run:
    """Clip the gradient, take the step of Adam, and let the mean of the weights follow."""
    import torch

    norm = torch.linalg.vector_norm(g, dtype=torch.float64).item()
    if not math.isfinite(norm):
        raise NonFiniteGradient(
            f"lm.torch_engine: the norm of the gradient is {norm}, so it has no direction; look "
            "for an overflow in the forward pass or a learning rate that is too high"
        )
    if norm > settings.clip:
        g = g * (settings.clip / norm)
    adam = Adam(rate_at(settings, run.step), beta2=settings.beta2)
    past: Any = run.moments
    t = past.t + 1
    m = adam.beta1 * past.m + (1 - adam.beta1) * g
    v = adam.beta2 * past.v + (1 - adam.beta2) * g * g
    if not v.isfinite().all():
        raise NonFiniteGradient("lm.torch_engine: the square of the gradient overflows; clip it")
    root = (v / (1 - adam.beta2**t)).sqrt() + adam.eps
    theta = theta - adam.lr * (m / (1 - adam.beta1**t)) / root
    d = decay_at(settings, run.step)
    mean = run.mean if isinstance(run.mean, tuple) else d * run.mean + (1 - d) * theta
    return Run(run.step + 1, parts_of(theta, run.params), AdamState(t, m, v), states, mean)


def _like(params: Params[Any]) -> Params[Any]:
    """Return weights of the same shapes and dtype in NumPy, which take no memory."""
    zero = np.zeros((), str(params.E.dtype).removeprefix("torch."))
    return tree.map(lambda part: np.broadcast_to(zero, tuple(part.shape)), params)


def _moved(masks: Masks, move: Callable[[Array], Any]) -> Masks:
    """Return the masks as tensors."""

    def moved(mask: Any) -> Any:
        return None if mask is None else move(mask)

    reads, recurrent = (tuple(map(moved, part)) for part in (masks.reads, masks.recurrent))
    return Masks(moved(masks.rows), reads, recurrent)


def _array(tensor: Any) -> Array:
    """Return a copy in NumPy."""
    array: Array = tensor.cpu().numpy().copy()
    return array


class Crew(NamedTuple):
    """The processes that `torchrun` started, or this one alone."""

    device: Annotated[Any, "torch's device of this process"]
    rank: Annotated[int, "which of them this is"] = 0
    size: Annotated[int, "how many they are"] = 1

    def share(self, said: Any) -> Any:
        """Return to all what the first one says."""
        if self.size == 1:
            return said
        from torch import distributed

        box = [said]
        with _together():
            distributed.broadcast_object_list(box)
        return box[0]

    def engine(self, settings: Settings, codes: Array) -> Engine:
        """Return the step of this process.

        Raises
        ------
        ValueError
            If there are more processes than rows.
        """
        insist_on_rows(settings.batch, self.size)
        return Torch(settings, codes, self.device, self.rank, self.size)


@contextlib.contextmanager
def _together() -> Iterator[None]:
    """Say in our own words that another process has ended."""
    import torch

    try:
        yield
    except torch.OutOfMemoryError:  # a RuntimeError too
        raise
    except RuntimeError as error:
        raise Lost("lm.torch_engine: another process has ended") from error


@contextlib.contextmanager
def joined(device: str, rank: int = 0, size: int = 1) -> Iterator[Crew]:
    """Join the other processes of `torchrun`, if there are any, until the block ends.

    They talk by NCCL between GPUs, one for each process of a machine, and by gloo else.

    Parameters
    ----------
    device : str
        `cpu`, `cuda` or a certain GPU, such as `cuda:1`.
    rank : int
        Which of the processes this is.
    size : int
        How many there are.

    Raises
    ------
    ModuleNotFoundError
        If torch is not installed. The message says how to install it.
    ValueError
        If the device is unknown, or not there.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise ModuleNotFoundError(NEEDS) from error
    found = _device(device, size)
    if size == 1:
        yield Crew(found)
        return
    if found.type == "cuda":
        torch.cuda.set_device(found)
    torch.distributed.init_process_group("nccl" if found.type == "cuda" else "gloo")
    yield Crew(found, rank, size)
    torch.distributed.destroy_process_group()  # not after an error: the launcher ends the others


def _device(name: str, size: int) -> Any:
    """Return a device that is there. Of several processes each has a GPU of its own."""
    import torch

    if not re.fullmatch(r"cpu|cuda(:[0-9]{1,4})?", name):
        raise ValueError(
            f"--device must be cpu, cuda or a GPU such as cuda:0, got {shown(name)}; take one of "
            "these"
        )
    kind, _, number = name.partition(":")
    if kind == "cpu":
        return torch.device("cpu")
    if number and size > 1:
        raise ValueError(
            f"--device {name} is one GPU, and there are {size} processes; take --device cuda, "
            "which gives each its own"
        )
    there = torch.cuda.device_count() if torch.cuda.is_available() else 0
    wanted = int(number or (os.environ["LOCAL_RANK"] if size > 1 else 0))
    if wanted >= there:
        raise ValueError(
            f"--device {name} asks for GPU {wanted}, and torch finds {there} here; take --device "
            "cpu, or start fewer processes"
        )
    return torch.device("cuda", wanted)
