# %% [markdown]
# # Figures of chapter 15: The GRU, and what each part is for
#
# The code behind the figures of [The GRU, and what each part is
# for](../chapters/15-remove-a-part.md), run when the site is built. The trainings were done before,
# by `python -m bptt.experiments parts`.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import ablation, experiments, figures, lstm
from bptt.experiments import parts
from bptt.figures.canvas import FORWARD, GATES

# %% [markdown]
# ## Parts
#
# In words: the LSTM of chapter 6. From the inputs four arrows lead up, to the forget gate, the
# input gate, the tanh of the candidate and the output gate. A thick line leads from the old cell
# state on the left past a product and a sum to the new one on the right. Six numbers in circles
# mark what can be taken out: 1 at the input gate, 2 at the forget gate, 3 at the output gate, 4 on
# a dotted line between the input gate and the forget gate, 5 at the tanh of the candidate, 6 at the
# tanh of the cell state.

# %%
fig, ax = figures.figure(height=3.4)
figures.plot_lstm({}, ax=ax)
for text, place, ha in [
    ("$c_{t-1}$", (0.7, 5), "right"),
    ("$c_t$", (9.9, 5), "left"),
    ("$h_t$", (9.9, 2.9), "left"),
    ("$h_{t-1}$", (0.7, 0.5), "right"),
    ("$x_t$", (4.9, -0.5), "left"),
    ("forget", (2.0, 1.35), "right"),
    ("input", (3.6, 1.35), "right"),
    ("candidate", (5.6, 1.35), "right"),
    ("output", (7.2, 1.35), "right"),
]:
    ax.text(*place, text, ha=ha, va="center")
ax.plot([2.45, 3.35], [2.2, 2.2], ":", color="0.5", linewidth=1.6)
for number, (x, y) in enumerate(
    [(4.25, 2.75), (1.5, 2.75), (8.05, 2.2), (2.9, 2.75), (6.55, 2.75), (9.75, 4.3)], start=1
):
    ring = {"boxstyle": "circle,pad=0.22", "facecolor": "#ffe9a8", "edgecolor": "0.3"}
    ax.text(x, y, number, ha="center", va="center", color="black", bbox=ring, zorder=5)
fig

# %% [markdown]
# ## Growth
#
# One unit that sees nothing: its gates stand at one half, and its candidate at 0.8.

# %%
HALF = {"i": 0, "f": 0, "g": np.log(3), "o": 0}


def follow(cell, blocks, steps=20):
    nothing = np.zeros((1, len(blocks)))
    params = cell.Params(nothing, nothing, np.array([HALF[block] for block in blocks]))
    state, c, h = cell.zero_state(params, 1), [0.0], [0.0]
    for _ in range(steps):
        state, _ = cell.step(params, np.zeros((1, 1)), state)
        c.append(state.c[0, 0])
        h.append(state.h[0, 0])
    return c, h


t = np.arange(21)
full, _ = follow(lstm, "ifgo")
fig, axes = figures.figure(1, 2, height=2.7, sharey=False)
for part, style, letter in [
    ("forget gate", "--", "f"),
    ("input gate", ":", "i"),
    ("input activation", "-.", "g"),
]:
    cell = ablation.without(part)
    c, _ = follow(cell, cell.blocks)
    axes[0].plot(t, c, style, color=GATES[letter], label=f"no {part}")
axes[0].plot(t, full, color=FORWARD, label="full")
axes[0].set(title="cell state $c_t$", ylim=(0, 10), xlabel="steps", xticks=[0, 10, 20])
axes[0].legend(fontsize="small", loc="upper left")
c = np.linspace(0, 4, 41)
axes[1].plot(c, c / 2, "--", color=GATES["o"], label="no output activation")
axes[1].plot(c, np.tanh(c), ":", color="C1", label="no output gate")
axes[1].plot(c, np.tanh(c) / 2, color=FORWARD, label="full, $o = 1/2$")
axes[1].set(title="what is shown, $h_t$", ylim=(0, 2), xlabel="cell state $c_t$")
axes[1].legend(fontsize="small", loc="upper left")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Success
#
# How many of ten runs have learnt each task.

# %%
result = experiments.load("parts")
arms, seeds = result.settings["arms"], result.settings["seeds"]
names = [task for task, *_ in result.settings["sizes"]]


def runs(task, arm):
    return [
        run.score
        for run in result.runs
        if (run.case["task"], run.case["arm"]) == (task, arm) and run.case["seed"] in seeds
    ]


counts = np.array(
    [
        [sum(parts.solved(task, score) for score in runs(task, arm)) for task in names[:3]]
        for arm in arms
    ]
)

fig, ax = figures.figure(height=3.6)
image = ax.imshow(counts, cmap="viridis", vmin=0, vmax=10, aspect="auto")
for (row, column), count in np.ndenumerate(counts):
    ink = "black" if count > 5 else "white"
    ax.text(column, row, count, ha="center", va="center", color=ink, fontsize="large")
ax.set_xticks(range(3), names[:3])
ax.set_yticks(range(len(arms)), ["GRU" if arm == "gru" else arm for arm in arms])
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
fig.colorbar(image, ax=ax, label="learnt, of 10 runs")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Letters
#
# Nats per character on text that was not trained on: a dot for each of ten runs, a line at their
# median. The dotted line is the median of the full LSTM.

# %%
nats = {arm: np.array([score["test"] for score in runs("letters", arm)]) for arm in arms}

fig, ax = figures.figure(height=3.4)
ax.axvline(np.median(nats["full"]), color="0.5", linewidth=0.8, linestyle=":")
for row, (arm, values) in enumerate(nats.items()):
    ax.scatter(values, np.full(len(values), row), s=20, alpha=0.6, color=FORWARD, label=f"_{arm}")
    ax.plot([np.median(values)] * 2, [row - 0.3, row + 0.3], color="C1", linewidth=1.6)
ax.set_yticks(range(len(nats)), ["GRU" if arm == "gru" else arm for arm in nats])
ax.set(ylim=(len(nats) - 0.5, -0.5), xlabel="nats per character")
fig

# %%
figures.table(
    "Nats per character on new text, quartiles of ten runs",
    {"arm": list(nats)}
    | {
        name: [np.quantile(values, q) for values in nats.values()]
        for name, q in [("lower quartile", 0.25), ("median", 0.5), ("upper quartile", 0.75)]
    },
)
