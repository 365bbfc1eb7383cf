# %% [markdown]
# # Figures of chapter 14: More than one machine
#
# The code behind the figures of [More than one machine](../chapters/14-share-the-work.md), run when
# the site is built. The times were measured before, by `python -m bptt.bench.sharing`.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np
from matplotlib.patches import Rectangle
from matplotlib.ticker import FixedLocator, NullLocator, ScalarFormatter

from bptt import experiments, figures
from bptt.bench import sharing
from bptt.bench.sharing import Link
from bptt.figures.canvas import BACKWARD, FORWARD

measured = experiments.load("sharing")

# %% [markdown]
# ## One sum
#
# In words: six rows of a batch stand at the top, two above each of three boxes. Each box says "same
# weights" and is a process. A blue arrow leads from its two rows into each box. From each box an
# orange arrow, its gradient, leads down to one circle with a plus. From the circle one orange arrow
# leads to each of three boxes at the bottom, which say "same step".

# %%
fig, ax = figures.figure(height=2.9)
forward = {"arrowstyle": "-|>", "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0, "color": FORWARD}
back = {**forward, "color": BACKWARD}
box = {"boxstyle": "round,pad=0.45", "facecolor": "none", "edgecolor": "C0", "linewidth": 1.4}
for r, x in enumerate([0, 2, 4]):
    for row in range(2):
        place = (x - 0.7, 4.5 - 0.32 * row)
        ax.add_patch(Rectangle(place, 1.4, 0.22, facecolor=FORWARD, alpha=0.35, linewidth=0))
    ax.text(x, 5.0, f"rows {2 * r + 1}, {2 * r + 2}", ha="center", va="center")
    ax.annotate("", (x, 3.55), (x, 4.1), arrowprops=forward)
    ax.text(x, 3.2, "same weights", ha="center", va="center", bbox=box)
    ax.annotate("", (2 + 0.12 * (x - 2), 2.0), (x, 2.85), arrowprops=back)
    ax.annotate("", (x, 0.6), (2 + 0.12 * (x - 2), 1.4), arrowprops=back)
    ax.text(x, 0.25, "same step", ha="center", va="center", bbox=box)
ax.plot(2, 1.7, "o", markersize=22, markerfacecolor="none", markeredgecolor=BACKWARD)
ax.text(2, 1.69, "+", ha="center", va="center_baseline", fontsize="x-large")
ax.text(0.55, 2.1, "gradients", ha="right", va="center")
ax.text(0.55, 1.3, "their sum", ha="right", va="center")
ax.set(xlim=(-1, 5), ylim=(-0.2, 5.3))
ax.axis("off")
fig

# %% [markdown]
# ## A step
#
# The parts were measured by themselves, each with one process at work; the crosses are whole steps.

# %%
MOST = measured.settings["sizes"][-1]
BATCHES = measured.settings["batches"]
alone = sharing.cost(measured)
weights = max(run.case["bytes"] for run in measured.runs if run.case["part"] == "sum")
added = sharing.seconds(measured, part="sum", bytes=weights)
names, parts, whole = [], [], []
for batch in BATCHES:
    for size in (1, MOST):
        names.append(f"{batch} rows, N = {size}")
        parts.append([alone.update, alone.fixed, alone.row * batch / size, added * (size > 1)])
        whole.append(sharing.seconds(measured, part="step", size=size, batch=batch))
fig, ax = figures.figure(height=2.8)
left = np.zeros(len(names))
LABELS = ["update", "fixed", "rows", "sum"]
for k, (label, hatch) in enumerate(zip(LABELS, ["", "//", "", ""], strict=True)):
    width = np.array(parts)[:, k]
    color = ["C2", "C3", "C0", BACKWARD][k]
    style = {"color": color, "hatch": hatch, "edgecolor": "white"}
    style["linewidth"] = 0 if label == "sum" else 1  # an edge would hide so thin a slice
    ax.barh(names, width, left=left, label=label, **style)
    left += width
ax.plot(whole, names, "x", color="C1", markersize=8, markeredgewidth=2, label="whole step")
ax.invert_yaxis()
ax.set_xlabel("seconds")
fig.legend(*ax.get_legend_handles_labels(), loc="outside upper center", ncols=3)
fig

# %%
figures.table(
    "Seconds of a step, and of its parts",
    {
        "step of": names,
        **{label: np.array(parts)[:, k] for k, label in enumerate(LABELS)},
        "whole step": whole,
    },
)

# %% [markdown]
# ## A ring
#
# Three processes add up their gradients of three numbers. Each panel shows what they have before a
# turn, and on the arrows what is handed on in it. A frame marks a sum that is complete.

# %%
have = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]  # a row for each process
count = len(have)
total = np.sum(have, axis=0).tolist()
complete = set()  # a process, and a piece of which it has the whole sum
PIECES = ["C0", "C2", "C3"]
PLACES = [(0, 0.68), (0.95, -0.62), (-0.95, -0.62)]
ARROWS = [  # from each process to the next: the start, the end, and the place of the number
    ((0.5, 0.48), (0.92, -0.38), (0.92, 0.12)),
    ((0.44, -0.62), (-0.44, -0.62), (0, -0.42)),
    ((-0.92, -0.38), (-0.5, 0.48), (-0.92, 0.12)),
]
SIDE = 0.3


def draw_process(ax, r):
    x, y = PLACES[r]
    ax.text(x, y + np.sign(y) * 0.32, f"process {r + 1}", ha="center", va="center")
    for k, value in enumerate(have[r]):
        corner = (x + (k - count / 2) * SIDE, y - SIDE / 2)
        ax.add_patch(Rectangle(corner, SIDE, SIDE, facecolor=PIECES[k], alpha=0.25, linewidth=0))
        if (r, k) in complete:
            frame = {"fill": False, "edgecolor": PIECES[k], "linewidth": 2.2}
            ax.add_patch(Rectangle(corner, SIDE, SIDE, **frame))
        ax.text(x + (k - 1) * SIDE, y, str(value), ha="center", va="center")


def draw_arrow(ax, r, k):
    start, end, place = ARROWS[r]
    ax.annotate("", end, start, arrowprops={**forward, "color": PIECES[k]})
    ax.text(*place, str(have[r][k]), ha="center", va="center", color=PIECES[k])


titles, shown = [], []
fig, axes = figures.figure(2, 2, height=4.2)
for turn, ax in enumerate(axes.flat):
    adding = turn < count - 1
    titles.append(f"turn {turn + 1}: hand on and add" if adding else f"turn {turn + 1}: hand on")
    shown.append([", ".join(map(str, own)) for own in have])
    moving = [(r, (r - turn) % count) for r in range(count)]
    for r, k in moving:
        draw_process(ax, r)
        draw_arrow(ax, r, k)
    for r, k, value in [(r, k, have[r][k]) for r, k in moving]:
        there = (r + 1) % count
        have[there][k] = have[there][k] + value if adding else value
        if turn >= count - 2:  # the last turn that adds, and all later ones
            complete.add((there, k))
    ax.set_title(titles[-1])
    ax.set(xlim=(-1.5, 1.5), ylim=(-1.15, 1.15), aspect="equal")
    ax.axis("off")
assert have == [total] * count
assert len(complete) == count**2
fig

# %%
shown.append([", ".join(map(str, own)) for own in have])
figures.table(
    "What each process has before each turn, and at the end",
    {
        "before": [*titles, "the end"],
        **{f"process {r + 1}": [own[r] for own in shown] for r in range(count)},
    },
)

# %% [markdown]
# ## Speed-up
#
# The lines are predictions of the formula. Measured are the dots, on one machine.

# %%
LINKS = {"1 Gbit/s": Link(50e-6, 1e9 / 8), "100 Gbit/s": Link(5e-6, 100e9 / 8)}
N = np.arange(1, 65)
fig, axes = figures.figure(1, 2, height=3.2, sharey=True)
for ax, title in zip(axes, ["the same 64 rows, shared", "16 rows for each process"], strict=True):
    ax.plot(N, N, color="0.6", linewidth=0.8, label="N times")
    for k, (name, link) in enumerate(LINKS.items()):
        added = np.array([sharing.ring(n, weights, link) for n in N])
        if ax is axes[0]:
            gain = alone.step(64) / (alone.step(64 / N) + added)
        else:
            gain = N * alone.step(16) / (alone.step(16) + added)
        ax.plot(N, gain, ["--", "-"][k], color=f"C{k}", label=f"predicted, {name}")
    ax.set_title(title, fontsize="medium", loc="left")
    ax.set(xscale="log", yscale="log", xlabel="processes $N$", ylim=(0.8, 70))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_locator(FixedLocator([1, 2, 4, 8, 16, 32, 64]))
        axis.set_major_formatter(ScalarFormatter())
        axis.set_minor_locator(NullLocator())
one, two = (sharing.seconds(measured, part="step", size=n, batch=64) for n in (1, 2))
axes[0].plot([1, 2], [1, one / two], "o", color="C2", label="measured")
one = sharing.seconds(measured, part="step", size=1, batch=16)
two = sharing.seconds(measured, part="step", size=2, batch=32)
axes[1].plot([1, 2], [1, 2 * one / two], "o", color="C2", label="measured")
axes[0].set_ylabel("times as many rows a second")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=2)
fig

# %%
figures.data(fig)
