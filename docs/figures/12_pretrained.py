# %% [markdown]
# # Figures of chapter 12: Pretrained weights
#
# The code behind the figures of [Pretrained weights](../chapters/12-load-pretrained-weights.md),
# run when the site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import experiments, figures
from bptt.lm.dropout import locked

# %% [markdown]
# ## Masks
#
# The same function draws both: with an axis of time, and without one.
#
# In words: two panels, each with a row for each of twelve units and a column for each of thirty
# steps. A square stands where a unit is dropped at a step. On the left each square is drawn by
# itself, and each row and each column has some. On the right one draw decides for a unit at all
# steps, so that a row is full or empty.

# %%
rng = np.random.default_rng(4)
p, units, steps = 0.3, 12, 30
anew = locked(p, (units, steps), rng=rng) == 0
once = np.repeat(locked(p, (units, 1), rng=rng) == 0, steps, axis=1)
assert all(abs(dropped.mean() - p) < 0.06 for dropped in (anew, once))
assert once.any(axis=1).tolist() == once.all(axis=1).tolist()

fig, axes = figures.figure(1, 2, height=2.3, sharey=True)
for ax, dropped, title in zip(axes, (anew, once), ("anew at each step", "locked"), strict=True):
    unit, step = np.nonzero(dropped)
    ax.scatter(step + 1, unit + 1, marker="s", s=14, color="C0", linewidths=0)
    ax.set(title=title, xlabel="step", xlim=(0, steps + 1), ylim=(units + 0.7, 0.3))
    ax.set(xticks=(1, 10, 20), yticks=(1, 4, 8, 12))
axes[0].set_ylabel("unit")
fig

# %%
figures.table(
    "At how many of the thirty steps each unit is dropped",
    {
        "unit": range(1, units + 1),
        "anew at each step": anew.sum(axis=1),
        "locked": once.sum(axis=1),
    },
)

# %% [markdown]
# ## Gap
#
# Lines are medians over the seeds, bands go from the lowest run to the highest.

# %%
result = experiments.load("gap")
fig, axes = figures.figure(1, 2, height=2.9, sharey=True)
styles = {"nothing": ("C0", "-"), "weight drop": ("C1", "--"), "all masks": ("C2", ":")}
for ax, part in zip(axes, ("train", "validation"), strict=True):
    for arm, (color, style) in styles.items():
        steps = result.scores("steps", arm=arm)[0]
        curves = result.scores(part, arm=arm)
        ax.fill_between(
            steps, curves.min(axis=0), curves.max(axis=0), color=color, alpha=0.25, linewidth=0
        )
        ax.plot(steps, np.median(curves, axis=0), style, color=color, label=arm)
    null = result.scores("null")[0]
    ax.axhline(null, color="0.5", linewidth=0.8)
    ax.annotate("frequencies", (1000, null), xytext=(0, 2), textcoords="offset points", ha="right")
    ax.set(
        title={"train": "training text"}.get(part, "validation text"),
        xlabel="updates",
        ylim=(1.2, 3.6),
    )
axes[0].set_ylabel("nats per character")
axes[0].legend(title="dropped in training", loc="upper right", bbox_to_anchor=(1.02, 0.9))
fig

# %%
figures.data(fig)
