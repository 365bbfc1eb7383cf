"""One update of the language model, against the same in torch: reading, backpropagation, Adam."""

from collections.abc import Callable
from typing import Any

import numpy as np

from bptt import torch_layout
from bptt.bench import clock
from bptt.lm.settings import Settings
from bptt.lm.update import advance, chunk_at, start
from bptt.shapes import Array


def compare(settings: Settings, codes: Array, characters: int, *, rounds: int = 15) -> clock.Ratio:
    """Time updates of both, each once a round; return how many times as long as torch's ours takes.

    Parameters
    ----------
    settings : Settings
        The network, the batch and what is dropped. The cell must be the LSTM, without weight drop
        or dropped rows, and the head not tied.
    """
    run = start(settings, characters)
    work: dict[str, Callable[[], object]] = {
        "bptt": lambda: advance(settings, codes, run),
        "torch": torch_update(settings, codes, run.params),
    }
    for update in work.values():  # what a first call loads
        update()
    times = clock.time_rounds(work, rounds=rounds, batch=0.0, rng=np.random.default_rng(0))
    return clock.compare(times["bptt"].rounds, times["torch"].rounds)


def torch_update(settings: Settings, codes: Array, params: Any) -> Callable[[], float]:
    """Build the same network in torch, with its own LSTM, clipping and Adam.

    Each call of the update takes one step with the first chunk of the text, and returns the loss
    before it, nats per character.
    """
    import torch
    from torch.nn.functional import cross_entropy

    from bptt import lstm

    torch.set_num_threads(1)
    E, W_y, b_y = (torch.nn.Parameter(torch.tensor(w)) for w in (params.E, params.W_y, params.b_y))
    layers = torch.nn.ModuleList()
    for p in params.layers:
        layer = torch.nn.LSTM(*p.W_x.shape[:1], len(p.W_h))
        state = torch_layout.to_torch(lstm, p)
        layer.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
        layer.bias_hh_l0.requires_grad_(False)  # torch has two biases where one would do
        layers.append(layer)
    weights = [E, W_y, b_y, *(w for w in layers.parameters() if w.requires_grad)]
    adam = torch.optim.Adam(weights, lr=settings.lr, betas=(0.9, settings.beta2))
    inputs, targets = (torch.tensor(part) for part in chunk_at(settings, codes, 0))
    rates = settings.rates

    def locked(x: Any, rate: float) -> Any:
        return x * (torch.rand(1, *x.shape[1:]) >= rate) / (1 - rate) if rate else x

    def update() -> float:
        adam.zero_grad()
        reads = locked(E[inputs], rates.inputs)
        for layer in layers[:-1]:
            reads = locked(layer(reads)[0], rates.between)
        reads = locked(layers[-1](reads)[0], rates.outputs)
        loss = cross_entropy((reads @ W_y + b_y).flatten(0, 1), targets.flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(weights, settings.clip)
        adam.step()
        return float(loss.item())

    return update
