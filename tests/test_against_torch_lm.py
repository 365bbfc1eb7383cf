"""The same language model in torch, written independently, learns along the same curve."""

import dataclasses
import itertools

import numpy as np
import pytest
import torch
from helpers import assert_close

from bptt import lstm
from bptt.lm.settings import Settings
from bptt.lm.update import advance, chunk_at, chunks_per_epoch, start
from bptt.torch_layout import to_torch

K, STEPS = 11, 20
SETTINGS = Settings(
    embedding=7,
    widths=(13, 9),
    batch=5,
    chunk=12,
    steps=STEPS,
    lr=0.05,
    warmup=4,
    decay=10,
    clip=0.15,
    beta2=0.99,
)


class CharLSTM(torch.nn.Module):
    """An embedding, two layers and a head."""

    def __init__(self, tied):
        super().__init__()
        self.embed = torch.nn.Embedding(K, SETTINGS.embedding)
        widths = (SETTINGS.embedding, 13, SETTINGS.embedding if tied else 9)
        self.layers = torch.nn.ModuleList(
            torch.nn.LSTM(I, H) for I, H in itertools.pairwise(widths)
        )
        self.head = torch.nn.Linear(widths[-1], K)
        if tied:
            self.head.weight = self.embed.weight

    def forward(self, codes, states):
        x, after = self.embed(codes), []
        for layer, state in zip(self.layers, states, strict=True):
            x, new = layer(x, state)
            after.append(new)
        return self.head(x), after


def copied(params, tied):
    """Return the torch model with these weights; its second biases are zero, and stay so."""
    net = CharLSTM(tied)
    with torch.no_grad():
        net.embed.weight.copy_(torch.from_numpy(params.E))
        for layer, p in zip(net.layers, params.layers, strict=True):
            for name, array in to_torch(lstm, p).items():
                getattr(layer, name).copy_(torch.from_numpy(array))
        if not tied:
            net.head.weight.copy_(torch.from_numpy(params.W_y.T.copy()))
        net.head.bias.copy_(torch.from_numpy(params.b_y))
    for layer in net.layers:
        assert not layer.bias_hh_l0.any()
        layer.bias_hh_l0.requires_grad_(requires_grad=False)
    return net


def torch_curve(net, codes, settings):
    """Train with torch's own LSTM, Adam, clipping and schedule; return the losses."""
    learnt = [p for p in net.parameters() if p.requires_grad]
    adam = torch.optim.Adam(learnt, lr=settings.lr, betas=(0.9, settings.beta2))
    peak = settings.steps - settings.decay
    schedule = torch.optim.lr_scheduler.LambdaLR(
        adam,
        lambda n: (
            (n + 1) / settings.warmup
            if n < settings.warmup
            else 1.0
            if n <= peak
            else (settings.steps - n) / settings.decay
        ),
    )
    losses, states = [], None
    for step in range(settings.steps):
        if step % chunks_per_epoch(settings, len(codes)) == 0:
            states = [None] * len(net.layers)
        inputs, targets = map(torch.from_numpy, chunk_at(settings, codes, step))
        logits, states = net(inputs, [s and tuple(a.detach() for a in s) for s in states])
        loss = torch.nn.functional.cross_entropy(logits.reshape(-1, K), targets.reshape(-1))
        adam.zero_grad()
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(learnt, settings.clip)
        losses.append((loss.item(), norm.item()))
        adam.step()
        schedule.step()
    return np.array(losses).T


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_twenty_steps_follow_the_loss_curve_of_torch(tied, seed):
    settings = dataclasses.replace(
        SETTINGS, seed=seed, tied=tied, widths=(13, 7) if tied else (13, 9)
    )
    rng = np.random.default_rng(seed)
    codes = np.cumsum(rng.integers(1, 3, size=5 * 12 * 6 + 2)) % K  # 6 chunks an epoch
    run = start(settings, K)
    net = copied(run.params, tied)
    losses = []
    for _ in range(STEPS):
        run, nats = advance(settings, codes, run)
        losses.append(nats)
    want, norms = torch_curve(net, codes, settings)
    assert np.abs(losses - want).max() < 1e-5
    assert (norms > settings.clip).any()  # it was clipped,
    assert want[0] - want[-1] > 0.4  # and it learnt
    assert_close(run.params.E, net.embed.weight.detach().numpy(), 1e-3)
