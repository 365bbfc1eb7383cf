# %% [markdown]
# # Figures of chapter 18: Counting and flipping
#
# The code behind the figures of [Counting and flipping](../chapters/18-count-and-flip.md), run
# when the site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import diagonal, experiments, figures, linear, tasks

# %% [markdown]
# ## Flip and count
#
# In words: two rows of steps, each with a line that shows a state. In the upper row stand the bits
# 0 1 0 1 1 0 1 0. The line is low at first and jumps to the other of two levels at
# each 1. At a 0 it stays. In the lower row stand the brackets "( ( . ( ) ) ) ." The line climbs one
# stair at each opening bracket and goes down one at each closing bracket; at the end it is back on
# the ground.

# %%
bits, brackets = "01011010", "((.()))."
switch = np.cumsum([int(bit) for bit in bits]) % 2
count = np.cumsum([{"(": 1, ")": -1, ".": 0}[symbol] for symbol in brackets])

fig, axes = figures.figure(2, 1, height=3.25)
for ax, letters, state, name in zip(
    axes, (bits, brackets), (switch, count), ("a switch", "a counter"), strict=True
):
    heights = np.concatenate([[0], state, state[-1:]])
    ax.step(
        np.arange(len(heights)) - 1.0, heights, where="post", color="C0", linewidth=2.2, label=name
    )
    for t, letter in enumerate(letters):
        ax.text(t + 0.5, -0.75, letter, ha="center", va="center", fontsize="x-large")
    for level in range(max(state) + 1):
        ax.axhline(level, color="0.5", linewidth=0.6, alpha=0.5, label="_level")
    ax.set(xlim=(-1, 8), ylim=(-1.1, max(state) + 0.35), yticks=range(max(state) + 1))
    ax.set(xticks=[], xlabel="step", ylabel="state")
    ax.spines.bottom.set_visible(False)
    ax.set_title(name, loc="left")
axes[0].set_yticks([0, 1], ["off", "on"])
fig

# %%
figures.data(fig)

# %% [markdown]
# ## One way
#
# A string of ones alone. On the left five units with factors between 0 and 1 and weights drawn at
# random, on the right the switch.

# %%
rng = np.random.default_rng(4)
T = 16
ones = np.ones((T, 1, 1))
fades = diagonal.Params(rng.normal(scale=2, size=(1, 10)), np.zeros(10))
fades.W_x[:, 5:] /= 3
turns = diagonal.Params(np.array([[-80.0, 1.0]]), np.array([40.0, 0.0]))
start = diagonal.State(rng.normal(size=(1, 5)))

fig, axes = figures.figure(1, 2, height=2.6)
for ax, cell, params, state in (
    (axes[0], diagonal.fading, fades, start),
    (axes[1], diagonal.signed, turns, None),
):
    hs, _, _ = linear.forward(cell, params, ones, state)
    first = np.zeros((1, hs.shape[-1])) if state is None else state.h
    lines = ax.plot(np.concatenate([first, hs[:, 0]]), marker=".", linewidth=1, color="C0")
    for j, line in enumerate(lines):
        line.set_label(f"_unit {j + 1}" if len(lines) > 1 else "_the switch")
    ax.set(xlabel="ones read", xticks=[0, 4, 8, 12, 16])
axes[0].set(ylabel="state", title="factors from 0 to 1")
axes[1].set(title="factor −1", ylim=(-0.6, 1.6))
axes[1].set_yticks([0, 1])
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Parity

# %%
result = experiments.load("counting")
seeds = result.settings["seeds"]
PARITY = ["fading", "fading, 2 layers", "signed", "tanh", "GRU", "LSTM"]
BRACKETS = ["fading", "minGRU", "signed", "tanh", "GRU", "LSTM"]


def of_test(name, **case):
    return np.concatenate([result.scores(name, **case, seed=seed) for seed in seeds])


length = np.arange(8, 257, 8)
fig, axes = figures.figure(2, 3, height=3.9, sharex=True, sharey=True)
for ax, arm in zip(axes.flat, PARITY, strict=True):
    runs = of_test("by_step", task="parity", arm=arm)
    ax.axhline(tasks.Parity.null_accuracy, color="0.5", linewidth=0.7, label="_chance")
    ax.axvline(result.settings["T"], color="0.5", linewidth=0.7, linestyle=":", label="_trained")
    for seed, run in zip(seeds, runs, strict=True):
        ax.plot(length, run, color="C0", linewidth=0.8, label=f"_{arm}, seed {seed}")
    ax.set(title=arm, ylim=(0.38, 1.03), yticks=[0.5, 0.75, 1], xticks=[40, 128, 256])
fig.supxlabel("length of the string", fontsize="medium")
fig.supylabel("share of right answers", fontsize="medium")
fig

# %%
figures.table(
    "Share of right answers on parity, median of ten runs, at lengths up to each of these",
    {"length": length[[0, 4, 8, 15, 23, 31]]}
    | {
        arm: np.median(of_test("by_step", task="parity", arm=arm), axis=0)[[0, 4, 8, 15, 23, 31]]
        for arm in PARITY
    },
)

# %% [markdown]
# ## Nested

# %%
depths = {arm: of_test("nested", task="brackets", arm=arm) for arm in BRACKETS}
fig, ax = figures.figure(height=3.0)
ax.axvline(result.settings["max_depth"], color="0.5", linewidth=0.9, linestyle=":", label="_8")
for row, (arm, reached) in enumerate(depths.items()):
    spread = row + np.linspace(-0.25, 0.25, len(reached))
    ax.scatter(np.maximum(np.sort(reached), 0.8), spread, s=22, color="C0", alpha=0.8, label=arm)
ax.set(xscale="log", xlim=(0.7, 150), ylim=(len(BRACKETS) - 0.5, -0.5))
ax.set_xticks([1, 2, 4, 8, 16, 32, 64, 128], ["1", "2", "4", "8", "16", "32", "64", "128"])
ax.minorticks_off()
ax.set_yticks(range(len(BRACKETS)), BRACKETS)
ax.tick_params(axis="y", length=0)
ax.spines.left.set_visible(False)
ax.set(xlabel="depth up to which nests are answered right")
fig

# %%
figures.table(
    "Depth up to which nests are answered right, each run, sorted",
    {"rank": np.arange(1, len(seeds) + 1)} | {arm: np.sort(d) for arm, d in depths.items()},
)
