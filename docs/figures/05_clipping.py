# %% [markdown]
# # Figures of chapter 5: Clipping and training
#
# The code behind the figures of
# [Clipping and training](../chapters/05-clip-and-train.md), run when the site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np
from matplotlib import colormaps
from matplotlib.colors import to_hex

from bptt import experiments, figures
from bptt.figures.canvas import BACKWARD

# %% [markdown]
# ## Cliff
#
# One unit, as in the chapter: the loss after 50 steps and its gradient.


# %%
def loss_and_gradient(w, b, T=50):
    h = np.full(np.broadcast(w, b).shape, 0.5)
    dh_dw = dh_db = np.zeros_like(h)
    for _ in range(T):
        h_prev, h = h, np.tanh(w * h + b)
        slope = 1 - h**2
        dh_dw = slope * (h_prev + w * dh_dw)
        dh_db = slope * (1 + w * dh_db)
    error = h - 0.7
    return error**2, 2 * error * dh_dw, 2 * error * dh_db


def edge(w):
    r = np.sqrt(1 - 1 / w)
    return np.where(w < 4 / 3, np.arctanh(r) - w * r, np.arctanh(0.5) - 0.5 * w)


fig, (above, below) = figures.figure(2, 1, height=4.2, sharex=True)
needle = np.concatenate([-np.logspace(0, -13, 600), np.logspace(-13, 0, 600)])
for j, w in enumerate([1.2, 1.5, 2.0]):
    b = np.sort(np.concatenate([np.linspace(-0.7, 0.2, 800), edge(w) + needle]))
    b = b[(b > -0.7) & (b < 0.2)]
    loss, dw, db = loss_and_gradient(w, b)
    style = {"color": f"C{j}", "linestyle": ("-", "-.", ":")[j], "label": f"$w = {w}$"}
    above.plot(b, loss, **style)
    below.plot(b, np.hypot(dw, db), **style)
    for ax in (above, below):
        ax.axvline(
            edge(w), color=f"C{j}", linestyle="--", linewidth=0.8, label=f"_the edge for $w = {w}$"
        )
above.set(ylabel="loss $L$")
above.legend()
below.set(yscale="log", ylim=(1e-3, 1e10), xlabel="bias $b$", ylabel="norm of the gradient")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Paths
#
# The chapter's descents from w = 1.7, b = −0.25 at a rate of 0.05.


# %%
def descend(max_norm, steps=40, lr=0.05):
    w, b = 1.7, -0.25
    path = [(w, b)]
    for _ in range(steps):
        _, dw, db = loss_and_gradient(w, b)
        factor = lr * min(1, max_norm / max(np.hypot(dw, db), 1e-300))
        w, b = w - factor * dw, b - factor * db
        path.append((w, b))
    return np.array(path)


fig, axes = figures.figure(1, 2, height=3.4)
views = [(-0.2, 2.4, -3.6, 0.6), (1.4, 1.8, -0.4, -0.12)]
names = ["without clipping", "clipped, $c = 1$"]
for ax, view, max_norm, name in zip(axes, views, [np.inf, 1.0], names, strict=True):
    w, b = np.linspace(*view[:2], 250), np.linspace(*view[2:], 250)
    loss, _, _ = loss_and_gradient(*np.meshgrid(w, b))
    image = ax.imshow(
        np.log10(np.maximum(loss, 1e-4)),
        extent=view,
        origin="lower",
        aspect="auto",
        cmap=colormaps["viridis"].resampled(9),  # a colour for each half of a power of ten
        interpolation="none",
        vmin=-4,
        vmax=0.5,
    )
    cliff = np.linspace(max(1, view[0]), view[1], 100)
    ax.plot(cliff, edge(cliff), "--", color="white", linewidth=1)
    path = descend(max_norm)
    ax.plot(*path.T, ".-", color=BACKWARD, linewidth=1.2, markersize=3)
    ax.plot(*path[0], "o", color=BACKWARD, markeredgecolor="white")
    ax.plot(*path[-1], "s", color=BACKWARD, markeredgecolor="white")
    ax.set(xlim=view[:2], ylim=view[2:], title=name, xlabel="weight $w$")
axes[0].set_ylabel("bias $b$")
fig.colorbar(image, ax=axes, label=r"$\log_{10}$ of the loss", location="bottom", shrink=0.7)
fig

# %%
shown = np.arange(0, 41, 4)
columns = {"step": shown}
for max_norm, name in zip([np.inf, 1.0], names, strict=True):
    w, b = descend(max_norm)[shown].T
    columns |= {f"$w$, {name}": w, f"$b$, {name}": b, f"loss, {name}": loss_and_gradient(w, b)[0]}
figures.table("The two paths, every fourth step", columns)

# %%
figures.touchable(
    "cliff",
    "Choose the start, the rate and the threshold",
    unit={"start": 0.5, "target": 0.7, "T": 50},
    setting={"w": 1.7, "b": -0.25, "rate": 0.05, "clip": 1.0},
    levels=[-4, 0.5],
    colors=[to_hex(color) for color in image.cmap.colors],
)

# %% [markdown]
# ## Success
#
# The stored result of the experiment `temporal_order`: the accuracy of each of ten runs, for each
# arm and length.

# %%
result = experiments.load("temporal_order")
lengths, seeds = result.settings["lengths"], result.settings["seeds"]
fig, axes = figures.figure(2, 2, height=4.4, sharex=True, sharey=True)
for j, (arm, ax) in enumerate(zip(result.settings["arms"], axes.flat, strict=True)):
    for position, T in enumerate(lengths):
        scores = [
            run.score["accuracy"]
            for run in result.runs
            if (run.case["arm"], run.case["T"]) == (arm, T) and run.case["seed"] in seeds
        ]
        aside = np.linspace(-0.25, 0.25, len(scores))
        ax.plot(position + aside, np.sort(scores), "os"[j % 2], color=f"C{j}", markersize=4)
        solved = sum(score > 0.99 for score in scores)
        ax.text(position, 1.06, f"{solved}/{len(scores)}", ha="center", va="bottom")
    ax.axhline(0.25, color="0.6", linestyle=":", linewidth=1)
    ax.set(title=arm, xticks=range(len(lengths)), xticklabels=lengths, ylim=(0, 1.22))
    ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
for ax in axes[-1]:
    ax.set_xlabel("length $T$, steps")
for ax in axes[:, 0]:
    ax.set_ylabel("accuracy")
fig

# %%
accuracy = {
    (arm, T): np.concatenate([result.scores("accuracy", arm=arm, T=T, seed=seed) for seed in seeds])
    for arm in result.settings["arms"]
    for T in lengths
}
figures.table(
    "The ten accuracies of each arm at each length",
    {
        "arm": [arm for arm, _ in accuracy],
        "length $T$": [T for _, T in accuracy],
        "lowest": [scores.min() for scores in accuracy.values()],
        "median": [np.median(scores) for scores in accuracy.values()],
        "highest": [scores.max() for scores in accuracy.values()],
        "above 0.99": [sum(scores > 0.99) for scores in accuracy.values()],
    },
)
