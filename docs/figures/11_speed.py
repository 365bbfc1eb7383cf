# %% [markdown]
# # Figures of chapter 11: Making it fast
#
# The code behind the figures of [Making it fast](../chapters/11-make-it-fast.md), run when the
# site is built. The times were measured before, by `nox -s bench`.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
from itertools import pairwise

import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, ScalarFormatter

from bptt import experiments, figures
from bptt.bench import floor, tables
from bptt.bench.ladder import RUNGS
from bptt.figures.canvas import BACKWARD

bench = experiments.load("bench")
SIZES = [dict(zip("TBIH", size, strict=True)) for size in bench.settings["sizes"]]
LSTM = {"cell": "lstm", "dtype": "float32", "mode": "both"}


def plain_numbers(axis, values):
    """Ticks at these values of a logarithmic axis, written without powers."""
    axis.set_major_locator(FixedLocator(values))
    axis.set_major_formatter(ScalarFormatter())
    axis.set_minor_locator(NullLocator())
    axis.set_minor_formatter(NullFormatter())


def whiskers(ratios):
    """The distances from the medians to the quartiles."""
    return np.array([[r.median - r.q1, r.q3 - r.median] for r in ratios]).T


def seconds(who, **case):
    return np.median(tables.find(bench, who=who, **case).score["rounds"])


# %% [markdown]
# ## Stages
#
# The first bar is the plain loop in float64; all others, torch's too, are in float32.

# %%
STAGES = {
    "plain": "plain loop",
    "float32": "half the bits",
    "one sum": "gradient at once",
    "hoisted": "inputs at once",
    "one product": "gates at once",
    "transposed copy": "memory in order",
    "fused": "our library",
    "torch": "torch.nn.LSTM",
}


def milliseconds(stage, size):
    """The middle one of the rounds; torch by its ratio to `fused`, taken side by side elsewhere."""
    if stage == "torch":
        ours = tables.ratio(bench, "fused", part="ratio", **LSTM, **size)
        return milliseconds("fused", size) / ours.median
    return 1e3 * seconds(stage, part="ladder", **size)


def amount(n, what):
    return f"{n} {what}{'s' * (n > 1)}"


fig, axes = figures.figure(1, 3, height=3.0, sharey=True)
for ax, size in zip(axes, SIZES[:3], strict=True):
    times = [milliseconds(stage, size) for stage in STAGES]
    bars = ax.barh(list(STAGES.values()), times, color=["C0"] * (len(times) - 1) + ["C1"])
    ax.bar_label(bars, [f"{ms:#.3g}".rstrip(".") for ms in times], padding=3)
    ax.set(xlim=(0, 1.4 * max(times)), xticks=[])
    ax.set_title(f"{amount(size['B'], 'sequence')}\n{amount(size['H'], 'unit')}", loc="left")
    ax.spines["bottom"].set_visible(False)
axes[0].invert_yaxis()
axes[1].set_xlabel("milliseconds")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Inputs at once
#
# In words: on the left three rows of two numbers, 0 1, 2 3 and 4 5, one below the other with gaps
# between them. Beside each stands the same square of four numbers, 1 10 above 100 1000, and right
# of an arrow the result: 100 1000, 302 3020 and 504 5040. On the right the three rows stand on top
# of each other without gaps, the square stands beside them once, and so do the three results.


# %%
def matrix(ax, x, y, numbers, *, color, width=1.0):
    """A matrix as a grid of cells, its upper left corner at (x, y); the right edge is returned."""
    for i, row in enumerate(numbers):
        for j, value in enumerate(row):
            cell = (x + j * width, y - i - 1)
            ax.add_patch(Rectangle(cell, width, 1, facecolor="none", edgecolor=color))
            ax.text(cell[0] + width / 2, cell[1] + 0.5, value, ha="center", va="center_baseline")
    return x + len(numbers[0]) * width


def bare(ax, width, height):
    ax.set(xlim=(-0.1, width), ylim=(-height, 0.2))
    ax.axis("off")


inputs = [[0, 1], [2, 3], [4, 5]]
W = [[1, 10], [100, 1000]]
results = (np.array(inputs) @ np.array(W)).tolist()

fig, axes = figures.figure(1, 2, height=2.6)
for row in range(3):
    for shown, color, x, width in [(inputs, "C0", 0, 0.7), (results, "C2", 5.7, 1.5)]:
        matrix(axes[0], x, -0.5 - 2.4 * row, shown[row : row + 1], color=color, width=width)
    matrix(axes[0], 1.9, -2.4 * row, W, color="C1", width=1.5)
    axes[0].text(5.3, -1 - 2.4 * row, "=", ha="center", va="center")
axes[0].set_title("three products", loc="left")
matrix(axes[1], 0, -1.9, inputs, color="C0", width=0.7)
matrix(axes[1], 1.9, -2.4, W, color="C1", width=1.5)
axes[1].text(5.3, -3.4, "=", ha="center", va="center")
matrix(axes[1], 5.7, -1.9, results, color="C2", width=1.5)
axes[1].set_title("one product", loc="left")
for ax in axes:
    bare(ax, 8.8, 7)
fig

# %% [markdown]
# ## Gradient at once
#
# In words: above, two outer products are added. The column 1, 2 times the row 3, 4 gives the square
# 3 4, 6 8; the column 5, 6 times the row 1, 0 gives 5 0, 6 0. Below, the two columns stand side by
# side, the two rows stand on top of each other, and their product is the sum, 8 4, 12 8.

# %%
z, da = np.array([[1, 2], [5, 6]]), np.array([[3, 4], [1, 0]])
fig, ax = figures.figure(height=2.6)
for t, x in [(0, 0.0), (1, 4.4)]:
    ax.text(x, 0.5, f"step {t + 1}", va="center")
    matrix(ax, x, 0, z[t][:, None].tolist(), color="C0")
    matrix(ax, x + 1.3, -0.5, [da[t].tolist()], color=BACKWARD)
ax.text(0, -2.9, "both steps", va="center")
matrix(ax, 0, -3.4, z.T.tolist(), color="C0")
matrix(ax, 2.3, -3.4, da.tolist(), color=BACKWARD)
for sign, x, y in [("+", 3.85, -1), ("=", 8.25, -1), ("=", 4.85, -4.4)]:
    ax.text(x, y, sign, ha="center", va="center")
for x, y in [(8.8, 0), (5.4, -3.4)]:
    matrix(ax, x, y, (z.T @ da).tolist(), color=BACKWARD)
bare(ax, 11, 5.6)
ax.set_ylim(-5.6, 1)
fig

# %% [markdown]
# ## Ladder

# %%
names = list(RUNGS)
steps = list(pairwise(names))
ladder_sizes = [SIZES[0], SIZES[1], SIZES[2]]

fig, axes = figures.figure(1, 3, height=3.6, sharey=True, sharex=True)
for n, (ax, size) in enumerate(zip(axes, ladder_sizes, strict=True)):
    gains = [tables.ratio(bench, a, b, part="ladder", **size) for a, b in steps]
    rows = np.arange(len(gains))
    ax.axvline(1, color="0.6", linewidth=0.8)
    ax.errorbar(
        [r.median for r in gains], rows, xerr=whiskers(gains), fmt="osD"[n], color=f"C{n}", ms=4
    )
    ax.set(xscale="log", xlim=(0.6, 2.9), yticks=rows, yticklabels=names[1:])
    ax.set_title(f"B = {size['B']}, H = {size['H']}", fontsize="medium")
    plain_numbers(ax.xaxis, [0.7, 1, 2])
axes[0].invert_yaxis()
axes[1].set_xlabel("gain: time of the rung above / time")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Ratio to torch

# %%
AXES = dict(bench.settings["scaling"])
NAMES = {"T": "steps $T$", "B": "sequences $B$", "H": "units $H$"}

fig, axes = figures.figure(1, 3, height=2.4, sharey=True)
for ax, (axis, values) in zip(axes, AXES.items(), strict=True):
    cases = [{"part": "scaling", "axis": axis, axis: value} for value in values]
    ratios = [tables.ratio(bench, "fused", **case) for case in cases]
    assert axis == "T" or max(r.median for r in ratios) > 1.1 * ratios[-1].median
    ax.axhline(1, color="0.6", linewidth=0.8)
    ax.errorbar(values, [r.median for r in ratios], yerr=whiskers(ratios), fmt="o-", ms=4)
    ax.set(xscale="log", yscale="log", xlabel=NAMES[axis])
    plain_numbers(ax.xaxis, values[::2])
    plain_numbers(ax.yaxis, [0.6, 0.8, 1, 1.2, 1.5, 2, 2.5, 3])
axes[0].set_ylabel("time: fused / torch")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Floor

# %%
WHO = ["plain", "unroll", "torch", "fused"]
fig, axes = figures.figure(3, 1, height=4.4)
for ax, size in zip(axes, SIZES[1:], strict=True):
    speeds = floor.Speeds(**tables.find(bench, part="floor", dtype="float32").score)
    products = 1e3 * floor.flops("lstm", **size, mode="both") / (1e9 * speeds.gflops)
    tanhs = 1e3 * floor.tanhs("lstm", T=size["T"], B=size["B"], H=size["H"]) * speeds.tanh
    times = np.array([1e3 * seconds(who, part="ratio", **LSTM, **size) for who in WHO])
    ax.barh(WHO, products, color="C0", label="products", hatch="//", edgecolor="white")
    ax.barh(WHO, tanhs, left=products, color="C1", label="tanh")
    least = products + tanhs
    ax.barh(WHO, np.maximum(times - least, 0), left=least, color="C2", label="rest")
    ax.set_title(f"T, B, I, H = {', '.join(map(str, size.values()))}", fontsize="medium")
    assert (times > 0.95 * least).all()
handles, labels = axes[0].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside upper center", ncols=3)
axes[-1].set_xlabel("milliseconds")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Scaling

# %%
fig, axes = figures.figure(1, 3, height=2.6)
for ax, (axis, values) in zip(axes, AXES.items(), strict=True):
    cases = [{"part": "scaling", "axis": axis, axis: value} for value in values]
    sizes = [tables.find(bench, who="fused", **case).case for case in cases]
    least = [
        1e3 * tables.floor_seconds(bench, **LSTM, **{name: size[name] for name in "TBIH"})
        for size in sizes
    ]
    for who, style in [("fused", "o-"), ("torch", "s--")]:
        times = [1e3 * seconds(who, **case) for case in cases]
        ax.plot(values, times, style, ms=4, label=who)
        assert (np.array(times) > 0.8 * np.array(least)).all()
    ax.plot(values, least, ":", label="floor")
    ax.set(xscale="log", yscale="log", xlabel=NAMES[axis])
    plain_numbers(ax.xaxis, values[::2])
    plain_numbers(ax.yaxis, [1, 3, 10, 30, 100])
axes[0].set_ylabel("milliseconds")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
fig

# %%
figures.data(fig)
