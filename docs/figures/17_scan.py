# %% [markdown]
# # Figures of chapter 17: Recurrence without the wait
#
# The code behind the figures of [Recurrence without the wait](../chapters/17-do-not-wait.md), run
# when the site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np
from matplotlib.patches import Rectangle

from bptt import experiments, figures

# %% [markdown]
# ## Chain and tree
#
# In words: time runs downwards, in rounds. On the left a chain of eight boxes, numbered 1 to 8,
# goes down like stairs, one box a round. On the right the eight boxes stand side by side in the
# first row. Lines join them in pairs to four boxes in the next row, these to two, and these to one
# box, marked 1–8, in round 3.

# %%
T = 8
box = {"boxstyle": "round,pad=0.3", "facecolor": "none", "edgecolor": "C0", "linewidth": 1.4}
fig, (chain, tree) = figures.figure(1, 2, height=3.1, sharey=True, width_ratios=[1, 1.25])
for t in range(1, T + 1):
    chain.text(t, t, str(t), ha="center", va="center", bbox=box, fontsize="small")
    if t < T:
        chain.annotate(
            "",
            (t + 0.65, t + 0.75),
            (t + 0.3, t + 0.3),
            arrowprops={"arrowstyle": "-|>", "color": "C0", "linewidth": 1.2},
        )
nodes = [(t, 0, str(t), float(t)) for t in range(1, T + 1)]
for level in range(1, 4):
    joined = []
    for left, right in zip(nodes[::2], nodes[1::2], strict=True):
        x = (left[3] + right[3]) / 2
        for child in (left, right):
            tree.plot([child[3], x], [child[1] + 0.35, level - 0.4], color="C0", linewidth=1.2)
        name = f"{left[2].split('–')[0]}–{right[2].split('–')[-1]}"
        joined.append((0, level, name, x))
    for _, row, name, x in nodes:
        tree.text(x, row, name, ha="center", va="center", bbox=box, fontsize="small")
    nodes = joined
tree.text(nodes[0][3], 3, nodes[0][2], ha="center", va="center", bbox=box, fontsize="small")
chain.set(title="one after the other", xlim=(0.3, 8.7), ylim=(8.6, -0.6), ylabel="round")
tree.set(title="in pairs", xlim=(0.3, 8.7))
for ax in (chain, tree):
    ax.set(xticks=[], yticks=range(9))
    ax.spines[:].set_visible(False)
    ax.tick_params(length=0)
fig

# %% [markdown]
# ## Arrows
#
# In words: two boxes above each other, each one step of a cell. Into both come the input from below
# and the state from the left, and the new state leaves to the right. In the upper box, the GRU,
# arrows lead from the input and from the state into a small circle, the gate. In the lower one,
# the minimal GRU, only the input leads into the gate; the state passes straight through.

# %%
fig, both = figures.figure(1, 2, height=2.5)
wire = {"arrowstyle": "-|>", "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0, "color": "C0"}
extra = {**wire, "color": "C3", "linewidth": 2.8}
for ax, name in zip(both, ["GRU", "minGRU"], strict=True):
    ax.add_patch(Rectangle((0, 0), 3, 2, fill=False, edgecolor="0.6"))
    ax.annotate("", (4, 1.5), (-1, 1.5), arrowprops=wire)
    ax.annotate("", (1.5, 0.42), (1.5, -0.7), arrowprops=wire)
    ax.annotate("", (1.5, 1.45), (1.5, 0.95), arrowprops=wire)
    ax.plot(1.5, 0.68, "o", color="none", markeredgecolor="C0", markersize=21)
    ax.text(1.5, 0.68, "gate", ha="center", va="center", fontsize="x-small")
    ax.text(-1.1, 1.5, "$h_{t-1}$", ha="right", va="center")
    ax.text(4.1, 1.5, "$h_t$", ha="left", va="center")
    ax.text(1.5, -0.95, "$x_t$", ha="center", va="center")
    if name == "GRU":
        ax.annotate("", (1.15, 0.75), (0.4, 1.5), arrowprops=extra)
    ax.set(title=name, xlim=(-2.2, 5.2), ylim=(-1.3, 2.2))
    ax.axis("off")
fig

# %% [markdown]
# ## Depth
#
# Ten seeds for each point.

# %%
copying = experiments.load("selective_copying")
arms, tokens = copying.settings["arms"], copying.settings["tokens"]
seeds, steps = copying.settings["seeds"], copying.settings["steps"]


def on_test_seeds(name, arm, k, steps=steps):
    return np.concatenate(
        [copying.scores(name, arm=arm, tokens=k, seed=seed, steps=steps) for seed in seeds]
    )


fig, ax = figures.figure(height=3.2)
ax.axhline(0.25, color="0.5", linewidth=0.7, label="_without the input")
for place, arm in enumerate(arms):
    x = np.arange(len(tokens)) + 0.18 * (place - 1.5)
    for j, k in enumerate(tokens):
        each = on_test_seeds("accuracy", arm, k)
        ax.plot([x[j]] * 2, [each.min(), each.max()], color=f"C{place}", label="_range")
    middle = [np.median(on_test_seeds("accuracy", arm, k)) for k in tokens]
    ax.plot(x, middle, "osD^"[place], color=f"C{place}", markersize=7, label=arm)
ax.set_xticks(range(len(tokens)), [f"{k} tokens" for k in tokens])
ax.set(ylim=(0.2, 1.03), ylabel="share of tokens that are right", xlim=(-0.5, len(tokens) - 0.5))
ax.text(len(tokens) - 0.52, 0.262, "guessing", ha="right", color="0.4", fontsize="small")
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
fig

# %%
figures.table(
    "Share of tokens that are right, median of ten seeds, with the lowest and the highest",
    {"network": [arm for arm in arms for _ in tokens], "$k$": list(tokens) * len(arms)}
    | {
        name: [f(on_test_seeds("accuracy", arm, k)) for arm in arms for k in tokens]
        for name, f in [("median", np.median), ("lowest", np.min), ("highest", np.max)]
    },
)

# %% [markdown]
# ## Places

# %%
k = 4
fig, ax = figures.figure(height=2.8)
for place, arm in enumerate(arms):
    right = np.median(on_test_seeds("places", arm, k), axis=0)
    ax.plot(range(1, k + 1), right, ["o-", "s--", "D:", "^-."][place], color=f"C{place}", label=arm)
ax.set(xticks=range(1, k + 1), ylim=(0.2, 1.03))
ax.set(xlabel="which of the four tokens", ylabel="share right")
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Learning curves

# %%
step = (np.arange(20) + 0.5) * steps / 20
fig, axes = figures.figure(len(arms), len(tokens), height=5.4, sharex=True, sharey=True)
for row, arm in enumerate(arms):
    for k, ax in zip(tokens, axes[row], strict=True):
        ax.axhline(np.log(4), color="0.5", linewidth=0.7)
        ax.plot(step, on_test_seeds("losses", arm, k).T, color=f"C{row}", linewidth=0.9)
        ax.set(ylim=(-0.05, 1.55))
    axes[row, 0].set(ylabel=arm.replace(", ", ",\n"))
for k, ax in zip(tokens, axes[0], strict=True):
    ax.set(title=f"$k = {k}$")
fig.supxlabel("training step", fontsize="medium")
fig.supylabel("loss in nats", fontsize="medium")
fig

# %%
shown = [0, 4, 9, 14, 19]
rows = {(arm, k): on_test_seeds("losses", arm, k)[:, shown] for arm in arms for k in tokens}
figures.table(
    f"Loss in nats, median of ten seeds. Guessing is {np.log(4):.3f}",
    {"network": [arm for arm, _ in rows], "$k$": [k for _, k in rows]}
    | {
        f"step {step[j]:g}": [np.median(losses[:, n]) for losses in rows.values()]
        for n, j in enumerate(shown)
    },
)

# %% [markdown]
# ## Corrections
#
# One sequence of 64 steps: fresh weights, and recurrent weights three times as large.

# %%
found = experiments.load("newton")
methods = {"full": "Newton", "diagonal": "diagonal only", "none": "repeat the steps"}
fig, axes = figures.figure(1, 2, height=3.0, sharey=True)
for ax, name in zip(axes, ["fresh", "three times"], strict=True):
    for place, (method, title) in enumerate(methods.items()):
        (errors,) = found.scores(f"{method} 64", weights=name, seed=0)
        ax.plot(np.maximum(errors, 1e-16), ["o-", "s--", "^:"][place], markersize=3, label=title)
    ax.axhline(found.settings["tol"], color="0.5", linewidth=0.7)
    ax.set(yscale="log", ylim=(1e-16, 1e13), xlabel="corrections")
    ax.set_yticks([1e-16, 1e-8, 1, 1e8])
    ax.minorticks_off()
    ax.set(title="fresh weights" if name == "fresh" else "$W_h$ three times as large")
axes[0].set(ylabel="error of the guess")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Lengths
#
# Twenty seeds for each point; a run that did not arrive within its limit counts as the limit.

# %%
lengths, most = found.settings["lengths"], found.settings["most"]
kinds = found.settings["weights"]


def corrections(method, weights, T):
    runs = [run for run in found.runs if run.case["weights"] == weights]
    return np.array([len(run.score[f"{method} {T}"]) - 1 for run in runs])


fig, ax = figures.figure(height=3.1)
for place, weights in enumerate(kinds):
    middle = [np.median(corrections("full", weights, T)) for T in lengths]
    style = ["o-", "s--", "^:", "v-.", "D-"][place]
    ax.plot(lengths, middle, style, color=f"C{place}", markersize=6, label=weights)
at = np.array([16, 64])
ax.plot(at, at, color="0.5", linewidth=0.7, label="_as many as steps")
ax.axhline(most, color="0.5", linewidth=0.7, linestyle=":", label="_limit")
ax.set(xscale="log", yscale="log", xlabel="length $T$", ylabel="corrections by Newton")
ax.set_xticks(lengths, map(str, lengths))
ax.set_yticks([4, 8, 16, 32, 64], ["4", "8", "16", "32", "64"])
ax.minorticks_off()
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Seconds
#
# CPU time of the loop over that of the scan: above 1 the scan is faster.

# %%
timed = experiments.load("scan")
widths, Ts = timed.settings["widths"], timed.settings["lengths"]


def ratio(T, width):
    loop, scan = timed.scores("seconds", T=T, width=width).T
    return np.median(loop / scan)


fig, ax = figures.figure(height=2.9)
for place, width in enumerate(widths):
    style = ["o-", "s--", "^:", "D-."][place]
    ax.plot(Ts, [ratio(T, width) for T in Ts], style, label=f"{width}", color=f"C{place}")
ax.axhline(1, color="0.5", linewidth=0.7)
ax.set(xscale="log", yscale="log", xlabel="length $T$", ylabel="time, loop / scan")
ax.set_xticks(Ts, map(str, Ts))
ax.set_yticks([0.1, 1, 10, 100], ["0.1", "1", "10", "100"])
ax.minorticks_off()
fig.legend(
    *ax.get_legend_handles_labels(), loc="outside lower center", ncols=4, title="numbers in a step"
)
fig

# %%
figures.data(fig)
