# %% [markdown]
# # Figures of chapter 21: Learning without going back
#
# The code behind the figures of
# [Learning without going back](../chapters/21-learn-without-going-back.md), run when the site is
# built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np
from matplotlib.patches import FancyBboxPatch

from bptt import experiments, figures
from bptt.experiments import balancing
from bptt.figures.canvas import BACKWARD, FORWARD

# %% [markdown]
# ## Two ways to add
#
# In words: both drawings show the same triangle of six numbers, one for each path: 4 in the first
# row, 2 and 6 in the second, 1, 3 and 5 in the third. On the left a frame stands around each
# column, with its sum below, 7, 9 and 5, and an arrow leads from the last column to the first: the
# way back. On the right a frame stands around each row, with its sum beside it, 4, 8 and 9, and an
# arrow leads from the first row to the last: the way forwards. Below both stands 21.

# %%
w, h = 0.5, [4.0, 6.0, 5.0]
paths = [[h[k] * w ** (t - k) if k <= t else 0 for k in range(3)] for t in range(3)]
fig, both = figures.figure(1, 2, height=2.75)
frame = {"boxstyle": "round,pad=0.06", "fill": False, "edgecolor": "0.6", "linewidth": 1.2}
arrow = {"arrowstyle": "-|>", "color": "C0", "linewidth": 1.8, "shrinkA": 0, "shrinkB": 0}
for ax, way in zip(both, ["back", "forwards"], strict=True):
    for t in range(3):
        for k in range(t + 1):
            ax.text(k, -t, f"{paths[t][k]:g}", ha="center", va="center", color=BACKWARD)
    sums = np.sum(paths, axis=0 if way == "back" else 1)
    for j, total in enumerate(sums):
        if way == "back":
            corner, size, place = (j - 0.3, -2.3), (0.6, 2.6 - j), (j, -3)
        else:
            corner, size, place = (-0.3, -j - 0.3), (0.6 + j, 0.6), (3.1, -j)
        ax.add_patch(FancyBboxPatch(corner, *size, **frame))
        ax.text(*place, f"{total:g}", ha="center", va="center", color=BACKWARD, weight="bold")
    if way == "back":
        ax.annotate("", (-0.1, -3.55), (2.1, -3.55), arrowprops=arrow)
        ax.text(3.1, -3, "= 21", ha="center", va="center", color=BACKWARD, weight="bold")
    else:
        ax.annotate("", (3.75, -2.15), (3.75, 0.15), arrowprops=arrow)
        ax.text(3.1, -3, "= 21", ha="center", va="center", color=BACKWARD, weight="bold")
    for t in range(3):
        ax.text(-0.75, -t, f"$L_{t + 1}$", ha="center", va="center", color="0.4")
        ax.text(t, 0.75, f"step {t + 1}", ha="center", va="center", color="0.4", fontsize="x-small")
    ax.set(title="by columns: back" if way == "back" else "by rows: forwards")
    ax.set(xlim=(-1.1, 4), ylim=(-3.8, 1), aspect="equal")
    ax.axis("off")
fig

# %% [markdown]
# ## Signs
#
# In words: three squares of four numbers. The first, for signs 1 and 1, has the rows 3, 3 and 7, 7.
# The second, for signs 1 and −1, has the rows −1, 1 and −1, 1. An equals sign and the mean follow:
# the rows 1, 2 and 3, 4.

# %%
F = np.array([[1, 2], [3, 4]])
fig, axes = figures.figure(1, 3, height=1.75)
draws = [np.outer(F @ signs, signs) for signs in ([1, 1], [1, -1])]
titles = ["signs 1, 1", "signs 1, −1", "mean: $F$"]
for ax, square, title in zip(axes, [*draws, np.mean(draws, axis=0)], titles, strict=True):
    largest = 7
    ax.imshow(square, cmap="PuOr_r", vmin=-largest, vmax=largest)
    for (p, n), value in np.ndenumerate(square):
        ax.text(
            n, p, f"{value:g}".replace("-", "−"), ha="center", va="center",
            color="white" if abs(value) > 5 else "black",
        )  # fmt: skip
    ax.set(title=title, xticks=[0, 1], yticks=[0, 1])
    ax.set_xticklabels(["unit 1", "unit 2"], fontsize="x-small")
    ax.set_yticklabels(["weight 1", "weight 2"] if ax is axes[0] else ["", ""], fontsize="x-small")
    ax.tick_params(length=0)
fig

# %% [markdown]
# ## Errors
#
# Twenty seeds for each point. An error is the squared length of the difference from the gradient,
# over that of the gradient.

# %%
found = experiments.load("online")
windows, averaged = found.settings["windows"], found.settings["averaged"]
names = {"short": "forgets quickly", "long": "keeps for long"}
fig, axes = figures.figure(1, 2, height=3.2, sharey=True)
for ax, (network, title) in zip(axes, names.items(), strict=True):
    ax.axhline(1, color="0.5", linewidth=0.7, label="_no gradient")
    cut = found.scores("truncated drawn", network=network)[:, :, 1]
    means = found.scores("averaged drawn", network=network)
    for place, (at, errors, label) in enumerate(
        [
            (np.array(windows), cut, "truncated after 1, 3, 10 and 30 steps"),
            (3 * np.array(averaged), means, "mean of 1, 10, 100 and 1000 estimates"),
        ]
    ):
        ax.errorbar(
            at, np.median(errors, axis=0),
            yerr=np.abs(np.quantile(errors, [0, 1], axis=0) - np.median(errors, axis=0)),
            fmt=["o-", "s--"][place], color=f"C{place}", markersize=5, linewidth=1.2, label=label,
        )  # fmt: skip
    ax.set(xscale="log", yscale="log", xlabel="work per step", title=title, ylim=(1e-6, 1e3))
axes[0].set(ylabel="error")
axes[0].text(3000, 1.25, "no gradient", ha="right", va="bottom", color="0.4", fontsize="x-small")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=1)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Places
#
# The interval of 95 percent around the mean of all estimates, for each seed, on the line from the
# truncated gradient to the gradient.

# %%
window, count = windows.index(3), found.settings["draws"]
fig, axes = figures.figure(1, 2, height=2.9, sharey=True)
for ax, (network, title) in zip(axes, names.items(), strict=True):
    mean, sd, _ = found.scores("position drawn", network=network)[:, 1 + window].T
    half = 1.96 * sd / np.sqrt(count)
    ax.axvline(0, color="C0", linewidth=1.4)
    ax.axvline(1, color=BACKWARD, linewidth=1.4)
    ax.errorbar(
        mean, np.arange(len(mean)), xerr=half, fmt="s", color="C1", markersize=3, linewidth=1
    )
    ax.set(title=title, xlim=(-0.35, 1.75), ylim=(len(mean), -2.2), xticks=[0, 1], yticks=[])
    ax.set_xticklabels(["truncated", "gradient"])
axes[0].set(ylabel="seed")
fig

# %%
ends = [found.scores("position drawn", network=network)[:, 1 + window] for network in names]
figures.table(
    "Mean place of the estimates and the half of its interval, by seed",
    {"seed": found.settings["seeds"]}
    | {
        f"{title}: {column}": list(value)
        for (mean, sd, _), title in zip([e.T for e in ends], names.values(), strict=True)
        for column, value in [("mean", mean), ("half", 1.96 * sd / np.sqrt(count))]
    },
)

# %% [markdown]
# ## Influence
#
# What a change of the weight does to the first unit of the chain, counted over the last w steps.

# %%
J, F = balancing.chain(23, 10)
influence, G = [], np.zeros(23)
for _ in range(120):
    G = G @ J + F
    influence.append(G[0])
fig, ax = figures.figure(height=2.4)
ax.axhline(0, color="0.5", linewidth=0.7)
ax.plot(np.arange(1, 121), influence, color=BACKWARD)
for w in (1, 10, 30, 100):
    ax.plot(w, influence[w - 1], "o", color=BACKWARD, markersize=6)
ax.set(xlabel="steps $w$ that are counted", ylabel="influence on $s_1$")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Balance
#
# Ten seeds, each with its own first weight: all of them, as thin lines.

# %%
balance = experiments.load("balancing")
arms, steps = balance.settings["arms"], balance.settings["steps"]
called = {"rtrl": "RTRL", "uoro": "UORO"}
fig, axes = figures.figure(2, 3, height=3.6, sharex=True, sharey=True)
at = np.linspace(0, steps, 21) / 1000
for ax, arm in zip(axes.flat, arms, strict=True):
    runs = [r for r in balance.runs if r.case["arm"] == arm and r.case["seed"] < 100]
    for run in runs:
        ax.plot(at, [run.score["start"], *run.score["theta"]], color=FORWARD, linewidth=0.8)
    ax.axhline(runs[0].score["best"], color="0.5", linewidth=0.9, linestyle="--")
    ax.set(title=called.get(arm, f"window {arm}"), ylim=(-0.6, 2.2), xlim=(0, steps / 1000))
fig.supxlabel("thousand steps", fontsize="medium")
fig.supylabel("weight", fontsize="medium")
fig

# %%
chosen = [
    [r for r in balance.runs if r.case["arm"] == arm and r.case["seed"] < 100] for arm in arms
]
figures.table(
    "Weight after all steps, of ten seeds; the best is −0.1667, and 1,000,000 has run away",
    {"gradient from": [called.get(arm, f"window {arm}") for arm in arms]}
    | {
        name: [f([run.score["theta"][-1] for run in runs]) for runs in chosen]
        for name, f in [("median", np.median), ("lowest", np.min), ("highest", np.max)]
    },
)
