# %% [markdown]
# # Figures of chapter 16: Long memory
#
# The code behind the figures of [Long memory](../chapters/16-keep-it-for-long.md), run when the
# site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import experiments, figures

# %% [markdown]
# ## Ring and sum
#
# In words: two drawings above each other, both over six steps. The inputs are A, B, C and three
# blanks. Above, each step has a column of three boxes. A new letter enters the top box, and all
# letters move down by one box from step to step; what leaves the lowest box comes back at the top.
# At steps 4, 5 and 6 the top box holds A, B and C. Below, each step has one box with all that has
# come so far: A, then A + B, then A + B + C, which stays as it is.

# %%
symbols = ["A", "B", "C", "", "", ""]
ring, held = ["", "", ""], ""
columns, sums = [], []
for symbol in symbols:
    ring = [ring[-1], *ring[:-1]]
    ring[0] = symbol or ring[0]
    held += f" + {symbol}" if held and symbol else symbol
    columns.append(list(ring))
    sums.append(held)
assert [column[0] for column in columns] == list("ABCABC")
assert sums[2:] == ["A + B + C"] * 4

fig, (above, below) = figures.figure(2, 1, height=3.25, height_ratios=[3, 2])
for t, (symbol, column) in enumerate(zip(symbols, columns, strict=True), 1):
    for ax, low in ((above, 3.1), (below, 1.1)):
        ax.text(t, low, symbol or "·", ha="center", va="center", fontsize="large")
    for place, letter in enumerate(column):
        width = 2.4 if place == 0 and t > 3 else 1.2
        square = {"boxstyle": "square,pad=0.35", "facecolor": "none", "edgecolor": "C0"}
        above.text(
            *(t, 2 - place, letter or " "),
            ha="center",
            va="center",
            family="monospace",
            bbox={**square, "linewidth": width},
        )
    square = {"boxstyle": "square,pad=0.35", "facecolor": "none", "edgecolor": "C0"}
    stacked = sums[t - 1].replace(" + ", "\n+ ")
    below.text(t, -0.1, stacked, ha="center", va="center", bbox={**square, "linewidth": 1.2})
for ax, low, name in ((above, 3.1, "turns"), (below, 1.1, "adds")):
    ax.text(0.35, low, "input", ha="right", va="center")
    ax.text(0.35, (low - 1.1) / 2, f"state\nthat {name}", ha="right", va="center")
    ax.set(xlim=(-0.6, 6.5), ylim=(-0.9, low + 0.4))
    ax.axis("off")
fig

# %% [markdown]
# ## Angles
#
# A pair of numbers that turns by an angle at each step. Something is added to it at each of 100
# steps, always the same and in the same direction.

# %%
steps = np.arange(1, 101)
fig, ax = figures.figure(height=2.8)
for angle, style in zip([0, 1, 3, 9], ["-", "--", ":", "-."], strict=True):
    turned = np.cumsum(np.exp(1j * np.deg2rad(angle) * (steps - 1)))
    ax.plot(steps, np.abs(turned), style, label=f"{angle} degrees a step")
ax.set(xlim=(0, 100), ylim=(0, 104), xlabel="steps", ylabel="length of the sum")
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Result

# %%
result = experiments.load("long_memory")
seeds = result.settings["seeds"]
ROWS = [(task, T, arm) for task, T, arms in result.settings["rows"] for arm in arms]
ARMS = result.settings["rows"][0][2]


def on_test_seeds(name, task, T, arm):
    runs = [result.scores(name, task=task, T=T, arm=arm, seed=seed) for seed in seeds]
    return np.concatenate(runs)


fig, axes = figures.figure(1, 2, height=3.4, sharey=True)
places = -np.arange(len(ARMS))
for ax, (task, T) in zip(axes, [("copying", 50), ("adding", 100)], strict=True):
    ax.axvline(1, color="0.5", linewidth=0.7, label="_knowing nothing")
    for j, arm in enumerate(ARMS):
        shares = on_test_seeds("test", task, T, arm)
        at = places[j] + np.linspace(-0.2, 0.2, len(shares))
        ax.plot(np.sort(shares), at, "o", color=f"C{j}", markersize=4, alpha=0.8, label=arm)
    ax.set(title=f"{task}, $T = {T}$", xscale="log", xlim=(0.002, 40))
    ax.set_xticks([0.01, 0.1, 1, 10], ["0.01", "0.1", "1", "10"])
axes[0].set_yticks(places, ARMS)
axes[0].tick_params(axis="y", length=0)
fig.supxlabel("loss on new sequences, as a share of that of knowing nothing", fontsize="medium")
fig

# %%
figures.table(
    "Loss on new sequences as a share of that of knowing nothing: ten seeds",
    {"task": [task for task, *_ in ROWS], "$T$": [T for _, T, _ in ROWS]}
    | {"arm": [arm for *_, arm in ROWS]}
    | {
        name: [quantity(on_test_seeds("test", *row)) for row in ROWS]
        for name, quantity in {"lowest": np.min, "median": np.median, "highest": np.max}.items()
    },
)

# %% [markdown]
# ## Learning curves

# %%
step = (np.arange(20) + 0.5) * result.settings["steps"] / 20
fig, axes = figures.figure(1, 3, height=3.4, sharey=True)
panels = [("copying", 50), ("copying", 100), ("adding", 100)]
for ax, (task, T) in zip(axes, panels, strict=True):
    ax.axhline(1, color="0.5", linewidth=0.7, label="_knowing nothing")
    for j, arm in enumerate(ARMS):
        if (task, T, arm) in ROWS:
            curves = on_test_seeds("losses", task, T, arm)
            style = {"color": f"C{j}", "linewidth": 1.4, "label": arm}
            ax.plot(step, np.median(curves, axis=0), ["-", "--", ":"][j % 3], **style)
    ax.set(title=f"{task}, $T = {T}$", yscale="log", ylim=(0.004, 5), xticks=[0, 300, 600])
axes[0].set_yticks([0.01, 0.1, 1], ["0.01", "0.1", "1"])
axes[0].set(ylabel="training loss, as a share")
axes[1].set(xlabel="training step")
fig.legend(*axes[2].get_legend_handles_labels(), loc="outside lower center", ncols=2)
fig

# %%
figures.data(fig)
