# %% [markdown]
# # Figures of chapter 22: A trained network as a dynamical system
#
# The code behind the figures of
# [A trained network as a dynamical system](../chapters/22-find-the-fixed-points.md), run when the
# site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import experiments, figures
from bptt.figures.canvas import BACKWARD, FORWARD

# %% [markdown]
# ## Valleys
#
# In words: above, a landscape with two valleys and a hill between them. A ball lies in each valley,
# and one is balanced on the hilltop. Below, the curve of tanh(2h) crosses the diagonal at three
# points, under the two valleys and under the hilltop. Stairs between curve and diagonal lead from
# 0.2 up to the right crossing.

# %%
h = np.linspace(-1.35, 1.35, 109)
point = 0.9575
landscape = h**2 / 2 - np.log(np.cosh(2 * h)) / 2  # its slope is h - tanh(2 h)
at = np.array([-point, 0, point])
heights = at**2 / 2 - np.log(np.cosh(2 * at)) / 2

fig, (above, below) = figures.figure(2, 1, height=3.5, sharex=True, height_ratios=[1, 1.6])
above.fill_between(h, landscape, -0.32, color="0.5", alpha=0.18, linewidth=0)
above.plot(h, landscape, color="0.35", linewidth=1.6, label="_height")
lift = 0.024
for x, y, name in zip(at, heights, ["stays", "rolls off", "stays"], strict=True):
    ball = above.scatter(x, y + lift, s=150, color=FORWARD if x else "white", zorder=3)
    ball.set(edgecolor=FORWARD, linewidth=1.6, label=f"_{name}")
    above.annotate(name, (x, y + lift), xytext=(0, 11), textcoords="offset points", ha="center")
above.set(ylim=(-0.32, 0.16), yticks=[], ylabel="height")
below.plot(h, h, color="0.5", linewidth=1, label="no change")
below.plot(h, np.tanh(2 * h), color=FORWARD, linewidth=2, label="tanh(2h)")
state, stairs = 0.2, [(0.2, 0.2)]
for _ in range(5):
    stairs += [(state, np.tanh(2 * state)), (np.tanh(2 * state), np.tanh(2 * state))]
    state = np.tanh(2 * state)
below.plot(*np.transpose(stairs), ":", color="0.35", linewidth=1.4, label="from 0.2")
for x in at:
    dot = below.scatter(x, x, s=60, color=FORWARD if x else "white", zorder=3)
    dot.set(edgecolor=FORWARD, linewidth=1.6, label="_fixed point")
below.set(xlabel="state $h$", ylabel="next state", ylim=(-1.2, 1.2))
below.set_xticks([-point, 0, point], ["−0.96", "0", "0.96"])
below.set(yticks=[-1, 0, 1], xlim=(-1.35, 1.35))
fig.legend(*below.get_legend_handles_labels(), loc="outside lower center", ncols=3)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Cube

# %%
result = experiments.load("flip_flop")
seeds = result.settings["seeds"]
CELLS = ["tanh", "GRU", "LSTM"]


def of_seed(name, cell, seed):
    return result.scores(name, arm=cell, seed=seed)[0]


def flat(outputs):
    """Look at three outputs from the front, a little from the right and from above."""
    first, second, third = np.moveaxis(np.asarray(outputs), -1, 0)
    return first + 0.42 * second, third + 0.28 * second


KINDS = [("memory", "o", 46), ("edge", "D", 26), ("face", "s", 24), ("centre", "*", 70)]

fig, axes = figures.figure(1, 2, height=3.1)
for ax, name in zip(axes, ["trained", "untrained"], strict=True):
    path = np.array(of_seed(f"{name}_path", "tanh", 0))
    points = np.array(of_seed(f"{name}_outputs", "tanh", 0))
    unstable = np.array(of_seed(f"{name}_unstable", "tanh", 0))
    ax.plot(*flat(path), color=FORWARD, alpha=0.45, linewidth=0.8, label="_states, as outputs")
    if name == "trained":
        corners = np.sign(points[unstable == 0])
        for j, corner in enumerate(corners):
            for other in corners[j + 1 :]:
                if (corner != other).sum() == 1:
                    line = np.stack([points[unstable == 0][j], other])
                    ax.plot(*flat(line), color="0.5", linewidth=0.8, label="_edge", zorder=1)
        for n, (kind, marker, size) in enumerate(KINDS):
            dots = ax.scatter(*flat(points[unstable == n]), s=size, marker=marker, zorder=3)
            dots.set(color=FORWARD if n == 0 else "0.15", label=kind)
            if n:
                dots.set(facecolor="white", linewidth=1.2)
    else:
        dot = ax.scatter(*flat(points), s=70, marker="*", facecolor="white", edgecolor="0.15")
        dot.set(label="_the only fixed point", zorder=3, linewidth=1.2)
    ax.text(0, 1.75, name, ha="center", va="bottom", fontsize="large")
    ax.set(xticks=[], yticks=[], aspect="equal", xlim=(-1.9, 1.9), ylim=(-1.7, 2.1))
    for side in ax.spines.values():
        side.set_visible(False)
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4)
fig

# %%
order = np.argsort(of_seed("trained_unstable", "tanh", 0), kind="stable")
figures.table(
    "The fixed points of the trained network: unstable directions, and the three outputs",
    {"unstable directions": np.array(of_seed("trained_unstable", "tanh", 0))[order]}
    | {
        f"output {j + 1}": np.array(of_seed("trained_outputs", "tanh", 0))[order, j].round(2)
        for j in range(3)
    },
)

# %% [markdown]
# ## Fades

# %%
k = np.arange(result.settings["back"] + 1)
seen = [0, 1, 2, 3, 5, 7, *range(10, len(k), 5)]  # enough of nearly straight lines
fig, axes = figures.figure(1, 3, height=2.5, sharey=True)
for ax, cell in zip(axes, CELLS, strict=True):
    for name, style in (("untrained", "--"), ("trained", "-")):
        for seed in seeds:
            norms = np.exp(of_seed(f"{name}_fades", cell, seed))
            label = name if seed == seeds[0] else f"_{name}"
            ax.plot(
                k[seen], norms[seen], style, color=BACKWARD, linewidth=0.8, alpha=0.8, label=label
            )
    ax.set(title=cell, yscale="log", xticks=[0, 25, 50])
axes[0].set(ylabel="size of the gradient")
axes[1].set(xlabel="steps back")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
fig

# %%
figures.table(
    "Size of the gradient, median of ten networks",
    {"steps back": k[::10]}
    | {
        f"{cell}, {name}": [
            f"{value:.1e}"
            for value in np.exp(
                np.median([of_seed(f"{name}_fades", cell, seed) for seed in seeds], axis=0)
            )[::10]
        ]
        for cell in CELLS
        for name in ("untrained", "trained")
    },
)

# %% [markdown]
# ## Predicted
#
# The measured rate is the slope of the lines above, between 10 and 50 steps back.


# %%
def rates(name, cell):
    """Return measured rate, largest exponent, and the logarithms of radius and stretch."""
    fades = np.array([of_seed(f"{name}_fades", cell, seed) for seed in seeds])
    exponents = np.array([of_seed(f"{name}_exponents", cell, seed)[0] for seed in seeds])
    radius, stretch = (
        np.array([of_seed(f"{name}_{key}", cell, seed) for seed in seeds])
        for key in ("radius", "stretch")
    )
    return (fades[:, -1] - fades[:, 10]) / (k[-1] - 10), exponents, radius, stretch


PREDICTORS = [
    ("exponent", "o", BACKWARD),
    ("log radius", "^", "0.45"),
    ("log singular value", "s", "0.7"),
]
fig, axes = figures.figure(1, 2, height=3.1, sharex=True, sharey=True)
for ax, name in zip(axes, ["untrained", "trained"], strict=True):
    ax.plot([-0.75, 0.1], [-0.75, 0.1], color="0.5", linewidth=0.8, label="_equal")
    for cell in CELLS:
        measured, *predicted = rates(name, cell)
        for values, (predictor, marker, color) in zip(predicted, PREDICTORS, strict=True):
            dots = ax.scatter(measured, values, s=16, marker=marker, color=color, alpha=0.8)
            dots.set_label(predictor if cell == "tanh" else f"_{predictor}, {cell}")
    ax.set(title=name, xticks=[-0.6, -0.3, 0], xlabel="measured, nats a step")
axes[0].set(ylabel="predicted, nats a step")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
fig

# %%
figures.table(
    "Nats a step, mean of ten networks",
    {"network": [f"{cell}, {name}" for cell in CELLS for name in ("untrained", "trained")]}
    | {
        key: [
            float(rates(name, cell)[j].mean().round(3))
            for cell in CELLS
            for name in ("untrained", "trained")
        ]
        for j, key in enumerate(
            ["measured", "exponent", "log of the radius", "log of the singular value"]
        )
    },
)

# %% [markdown]
# ## Found
#
# Points found after so many starts, all networks of a kind of cell.

# %%
starts = result.settings["starts"]
count = np.unique(np.geomspace(1, starts, 40).round().astype(int))
fig, axes = figures.figure(1, 3, height=2.5, sharey=True)
for ax, cell in zip(axes, CELLS, strict=True):
    for (kind, style), color in zip(
        (("visited", "--"), ("uniform", "-"), ("between", ":")), ("C0", "C1", "C2"), strict=True
    ):
        curves = [
            (np.array(of_seed(f"trained_{kind}", cell, seed))[:, None] < count).sum(axis=0)
            for seed in seeds
        ]
        ax.plot(count, np.mean(curves, axis=0), style, color=color, label=kind)
    ax.set(title=cell, xscale="log", xticks=[1, 10, 100, 1000], yticks=[0, 9, 18, 27])
    ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
axes[0].set(ylabel="points found, mean")
axes[1].set(xlabel="starts")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
fig

# %%
figures.data(fig)
