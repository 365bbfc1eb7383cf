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
from matplotlib.ticker import FixedLocator, NullFormatter, NullLocator, ScalarFormatter

from bptt import experiments, figures
from bptt.bench import floor, tables
from bptt.bench.ladder import RUNGS

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
