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
assert anew.any(axis=1).all()
assert once[:, 0].sum() == 4
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

# %% [markdown]
# ## Levers
#
# In words: a row for each lever, three dots in it, one for each seed. To the right of the line in
# the middle the lever is better than the plain LSTM of the same seed. With equal time most dots are
# on the left. With as many updates the dots of layer normalisation and of the Mogrifier are on the
# right.

# %%
levers = experiments.load("language_levers")
plain = levers.scores("nats", lever="plain", validation=True)
names = [lever["name"] for lever in levers.settings["levers"][1:]]
again = [lever["name"] for lever in levers.settings["levers"] if lever["again"]]


def gains(lever, equal):
    return plain - levers.scores("nats", lever=lever, equal=equal, validation=True)


in_time = {name: gains(name, "time") for name in names}
by_updates = {name: gains(name, "updates") for name in again}
fig, axes = figures.figure(
    2, 1, height=4.2, sharex=True, height_ratios=[len(names), 1 + len(again)]
)
panels = zip(axes, (in_time, by_updates), ("equal time", "as many updates"), strict=True)
for n, (ax, rows, title) in enumerate(panels):
    for row, found in enumerate(rows.values()):
        ax.plot(found, [row] * len(found), "o", color=f"C{n}", ms=5, alpha=0.7)
    ax.set_yticks(range(len(rows)), list(rows))
    ax.set(ylim=(len(rows) - 0.4, -0.6))
    ax.set_title(title, loc="left", fontsize="medium")
    ax.axvline(0, color="0.6", linewidth=0.8)
    ax.axvspan(-np.ptp(plain), np.ptp(plain), color="0.5", alpha=0.15, linewidth=0)
    ax.grid(axis="y", linewidth=0.4)
axes[1].set_xticks([-0.1, -0.05, 0, 0.05])
axes[1].set_xlabel("nats less than the plain LSTM of the same seed")
fig

# %%
figures.table(
    "Nats less than the plain LSTM, three seeds",
    {
        "lever": [*in_time, *by_updates],
        "equal": ["time"] * len(in_time) + ["updates"] * len(by_updates),
        **{
            f"seed {n}": [found[n] for found in (*in_time.values(), *by_updates.values())]
            for n in range(len(plain))
        },
    },
)
