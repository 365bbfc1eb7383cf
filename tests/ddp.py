"""Our engine and `DistributedDataParallel`, side by side, in the processes of `torchrun`.

Each process takes the mean over its own rows, and DistributedDataParallel the mean of the
gradients. With shares of 3 and 2 rows that is not the gradient of the whole batch, unless each loss
is scaled. The first process prints the losses of all three.
"""

import json
import os
import sys

import numpy as np
import torch
from engines import CODES, K, in_dtype
from torch import distributed
from torch.nn.functional import cross_entropy
from torch.nn.parallel import DistributedDataParallel

from bptt import lstm, torch_layout
from bptt.lm import torch_engine, update
from bptt.lm.engine import rows_of
from bptt.lm.settings import Settings

SETTINGS = Settings(
    embedding=7, widths=(13, 9), batch=5, chunk=12, steps=20, lr=0.02, warmup=4, decay=10,
    clip=np.inf, seed=3,
)  # fmt: skip


def begun():
    """Return the run before its first step, in float64."""
    return in_dtype(update.start(SETTINGS, K))


class Net(torch.nn.Module):
    """The network in torch's modules, as its manual has them."""

    def __init__(self, params):
        super().__init__()
        self.embed = torch.nn.Embedding.from_pretrained(torch.tensor(params.E), freeze=False)
        self.layers = torch.nn.ModuleList()
        for p in params.layers:
            layer = torch.nn.LSTM(len(p.W_x), len(p.W_h)).double()
            state = torch_layout.to_torch(lstm, p)
            layer.load_state_dict({name: torch.tensor(array) for name, array in state.items()})
            layer.bias_hh_l0.requires_grad_(requires_grad=False)
            self.layers.append(layer)
        self.head = torch.nn.Linear(*params.W_y.shape).double()
        self.head.load_state_dict(
            {"weight": torch.tensor(params.W_y.T.copy()), "bias": torch.tensor(params.b_y)}
        )

    def forward(self, codes, targets, states):
        """Return the mean loss of these rows, and the states after them."""
        x, after = self.embed(codes), []
        for layer, state in zip(self.layers, states, strict=True):
            x, state_T = layer(x, state)
            after.append(state_T)
        return cross_entropy(self.head(x).flatten(0, 1), targets.flatten()), after


def curve(net, rank, size, *, scaled):
    """Train by DistributedDataParallel, and return the loss of each whole batch."""
    rows = rows_of(SETTINGS.batch, rank, size)
    share = (rows.stop - rows.start) / SETTINGS.batch
    parallel = DistributedDataParallel(net)
    adam = torch.optim.Adam(
        [p for p in net.parameters() if p.requires_grad], betas=(0.9, SETTINGS.beta2)
    )
    losses, states = [], None
    for step in range(SETTINGS.steps):
        if not update.carried_at(SETTINGS, CODES, step).any():  # an epoch begins
            states = [None] * len(net.layers)
        chunk = update.chunk_at(SETTINGS, CODES, step)
        inputs, targets = (torch.tensor(part[:, rows]) for part in chunk)
        adam.zero_grad()
        loss, states = parallel(inputs, targets, states)
        states = [tuple(part.detach() for part in state) for state in states]
        (loss * (size * share if scaled else 1)).backward()
        for group in adam.param_groups:
            group["lr"] = update.rate_at(SETTINGS, step)
        adam.step()
        total = share * loss.detach()
        distributed.all_reduce(total)
        losses.append(total.item())
    return losses


def main():
    """Train three times, and print the losses."""
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    with torch_engine.joined("cpu", rank, size) as crew:
        engine, run = crew.engine(SETTINGS, CODES), begun()
        at, ours = engine.own(run), []
        for _ in range(SETTINGS.steps):
            at, nats = engine.advance(at)
            ours.append(nats)
        found = {
            "ours": ours,
            "scaled": curve(Net(run.params), rank, size, scaled=True),
            "plain": curve(Net(run.params), rank, size, scaled=False),
            "shares": [len(range(SETTINGS.batch)[rows_of(5, r, size)]) for r in range(size)],
        }
        if rank == 0:
            json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
