# %% [markdown]
# # Figures of chapter 19: Recall
#
# The code behind the figures of [Recall](../chapters/19-recall-a-pair.md), run when the site is
# built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import experiments, figures
from bptt.experiments import recall_tables

# %% [markdown]
# ## Write twice
#
# In words: two rows of three square tables of four numbers. Arrows lead from left to right; over
# the first stands "write 3 4 under (1, 0)", over the second "write 5 6 under (1, 0)". All tables
# begin with zeros, and in both rows the first line of the second table is 3 and 4. In the upper
# row, the sum, the first line of the third table is 8 and 10. In the lower row, the delta rule, it
# is 5 and 6. The second lines stay zero.


# %%
def draw_matrix(ax, x, first_line, colour):
    for i, line in enumerate([first_line, (0, 0)]):
        for j, number in enumerate(line):
            left, top = x + j, 2 - i
            if number:
                ax.fill_between([left, left + 1], top - 1, top, color=colour, alpha=0.2, lw=0)
            corners = [(0, 0), (1, 0), (1, -1), (0, -1), (0, 0)]
            ax.plot(*zip(*[(left + a, top + b) for a, b in corners], strict=True), color=colour)
            ax.text(left + 0.5, top - 0.5, number, ha="center", va="center", fontsize="x-large")


fig, axes = figures.figure(2, 1, height=3.2)
rules = {
    "sum": ("C1", [(0, 0), (3, 4), (8, 10)], ["+ 3 4", "+ 5 6"]),
    "delta\nrule": ("C0", [(0, 0), (3, 4), (5, 6)], ["finds 0 0\n+ 3 4", "finds 3 4\n+ 2 2"]),
}
for ax, (name, (colour, lines, words)) in zip(axes, rules.items(), strict=True):
    for step, line in enumerate(lines):
        draw_matrix(ax, 5.2 * step, line, colour)
    for step, said in enumerate(words):
        start = 5.2 * step + 2.2
        arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.4}
        ax.annotate("", (start + 2.8, 1), (start, 1), arrowprops=arrow)
        ax.text(start + 1.4, 1.15, said, ha="center", va="bottom")
    ax.text(-0.5, 1, name, ha="right", va="center", color=colour, fontsize="large")
    ax.set(xlim=(-2.3, 12.6), ylim=(-0.2, 2.9))
    ax.axis("off")
for step, value in enumerate(["3 4", "5 6"]):
    axes[0].text(5.2 * step + 3.6, 2.75, f"write {value}\nunder (1, 0)", ha="center", va="top")
fig

# %% [markdown]
# ## Overlap
#
# In words: two arrows from one point, both of length 1. The first, key 1, points to the right. The
# second, key 2, points up and to the right, at an angle of 53 degrees. A dotted line leads from its
# tip straight down to key 1 and meets it at 0.6: so much of value 2 is read with key 1 as well.

# %%
fig, ax = figures.figure(height=2.4)
for tip, name, colour in [((1, 0), "key 1 = (1, 0)", "C0"), ((0.6, 0.8), "key 2 = (.6, .8)", "C1")]:
    arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
    ax.annotate("", tip, (0, 0), arrowprops=arrow)
    ax.annotate(name, tip, xytext=(8, 0), textcoords="offset points", va="center", color=colour)
ax.plot([0.6, 0.6], [0.8, 0], ":", color="0.4", linewidth=1.4)
ax.plot([0, 0.6], [-0.08, -0.08], color="C1", linewidth=4, solid_capstyle="butt")
ax.text(0.3, -0.14, "0.6", ha="center", va="top")
ax.set(xlim=(-0.1, 1.9), ylim=(-0.32, 0.92), aspect="equal")
ax.axis("off")
fig

# %% [markdown]
# ## Capacity
#
# Mean over 20 draws, H = 64; the band is from the second lowest to the second highest draw.

# %%
result = experiments.load("recall")
counts, words = result.settings["counts"], result.settings["words"]
H = result.settings["kinds_at"]
STYLES = {
    "sum": ("sum", "C1", "-"),
    "decay, chosen": ("sum with decay", "C2", "--"),
    "delta": ("delta rule", "C0", "-"),
    "delta, chosen": ("delta rule, smaller steps", "C3", "--"),
    "cache": ("cache of the same size", "0.5", "-."),
}

fig, axes = figures.figure(1, 2, height=3.4, sharey=True)
for ax, kind in zip(axes, ["unique", "overwritten"], strict=True):
    found = recall_tables.by_rule(result, kind, H)
    for rule, (name, colour, style) in STYLES.items():
        low, high = np.sort(found[rule], axis=0)[[1, -2]]
        ax.fill_between(counts, low, high, color=colour, alpha=0.15, linewidth=0)
        ax.plot(counts, found[rule].mean(axis=0), style, color=colour, label=name)
    ax.set(xscale="log", ylim=(0, 1.04), title=f"{kind} keys", xlabel="keys $n$")
    ax.set_xticks([8, 32, 128, 512], ["8", "32", "128", "512"])
    ax.minorticks_off()
axes[0].set(ylabel="share recalled")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=2)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Sizes
#
# The largest number of unique keys of which 90 percent are recalled: median of 20 draws with the
# range from the tenth to the ninetieth percentile, and the theory of the record as dotted lines.

# %%
sizes = result.settings["sizes"]
LAWS = {
    "sum": ("C1", lambda n, H: recall_tables.predicted_sum(n, H, words)),
    "delta": ("C0", lambda n, H: recall_tables.predicted_delta(n, H, words).mean()),
    "cache": ("0.5", lambda n, H: min(1, H / 2 / n)),
}
fine = np.unique(np.round(np.geomspace(8, 512, 40)).astype(int))
at = np.arange(12, 81, 4)

fig, ax = figures.figure(height=3.3)
for rule, (colour, law) in LAWS.items():
    name = STYLES[rule][0]
    draws = [
        recall_tables.capacity(recall_tables.by_rule(result, "unique", H)[rule], counts)
        for H in sizes
    ]
    middle, low, high = (
        np.array([np.quantile(found, q) for found in draws]) for q in (0.5, 0.1, 0.9)
    )
    there = low > 0  # less than the smallest count cannot be drawn
    bars = [(middle - low)[there], (high - middle)[there]]
    ax.errorbar(
        np.array(sizes)[there], middle[there], bars, fmt="o", color=colour, label=f"_{name}"
    )
    shares = [np.array([[law(n, H) for n in fine]]) for H in at]
    theory = np.array([recall_tables.capacity(share, list(fine))[0] for share in shares])
    shown = (theory > 0) & np.isfinite(theory)
    ax.plot(at[shown], theory[shown], ":", color=colour, label=name)
ax.set(xscale="log", yscale="log", xlabel="size $H$ of the state, $H \\times H$ numbers")
ax.set(ylabel="keys with 90% recalled")
ax.set_xticks(sizes, [str(H) for H in sizes])
ax.set_yticks([10, 30, 100, 300], ["10", "30", "100", "300"])
ax.minorticks_off()
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Kinds
#
# 64 keys at H = 64, mean of 20 draws.

# %%
kinds = ["unique", *result.settings["kinds"]]
RULES = {
    "sum": "sum",
    "decay, chosen": "sum with decay",
    "delta": "delta rule",
    "delta, chosen": "delta, smaller steps",
    "least squares": "least squares",
    "attention": "attention",
    "attention, latest": "attention with time",
    "cache": "cache, same size",
}
H = result.settings["kinds_at"]
at_64 = counts.index(64)
table = np.array(
    [
        [recall_tables.by_rule(result, kind, H)[rule][:, at_64].mean() for kind in kinds]
        for rule in RULES
    ]
)

fig, ax = figures.figure(height=3.4)
image = ax.imshow(table, cmap="viridis", vmin=0, vmax=1, aspect="auto")
for (row, column), share in np.ndenumerate(table):
    ink = "black" if share > 0.5 else "white"
    ax.text(column, row, f"{share:.2f}", ha="center", va="center", color=ink)
ax.set_xticks(range(len(kinds)), kinds, rotation=25, ha="right", rotation_mode="anchor")
ax.set_yticks(range(len(RULES)), RULES.values())
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
fig.colorbar(image, ax=ax, label="share recalled")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Trained
#
# Ten test seeds for each arm, at the learning rate chosen for it. Diamonds: three of them, trained
# for longer.

# %%
trained = experiments.load("recall_trained")
arms, seeds = trained.settings["arms"], trained.settings["seeds"]
short, longer = trained.settings["steps"], trained.settings["longer_steps"]
ARMS = {
    "delta": "delta rule",
    "attention, latest": "attention with time",
    "cache": "cache of 4 pairs",
    "lstm": "LSTM",
}


def accuracies(arm, overwrites, steps=short):
    case = {"arm": arm, "overwrites": overwrites, "steps": steps}
    runs = seeds if steps == short else trained.settings["longer_seeds"]
    return np.concatenate([trained.scores("accuracy", **case, seed=seed) for seed in runs])


fig, axes = figures.figure(1, 2, height=3.2, sharey=True)
for ax, overwrites in zip(axes, trained.settings["overwrites"], strict=True):
    null = 1 / trained.settings["values"]
    ax.axvline(null, color="0.5", linewidth=0.7, label="_chance")
    for row, arm in enumerate(arms):
        runs = {short: (accuracies(arm, overwrites), -0.14, "o", "C0")}
        if overwrites in trained.settings["longer"]:
            runs[longer] = (accuracies(arm, overwrites, longer), 0.16, "D", "C2")
        for steps, (found, lower, marker, colour) in runs.items():
            at = np.full(len(found), row + lower)
            name = f"_{ARMS.get(arm, arm)}, {steps} steps"
            ax.plot(found, at, marker, alpha=0.5, color=colour, label=name, markersize=5)
    ax.set(xlim=(0, 1.03), ylim=(len(arms) - 0.5, -0.5), xticks=[0, 0.5, 1])
    ax.set(title="each key once" if not overwrites else "keys overwritten")
    ax.set(xlabel="answers right")
axes[0].set_yticks(range(len(arms)), [ARMS.get(arm, arm) for arm in arms])
key = [
    axes[0].plot([], [], marker, color=colour, label=f"{steps} steps")[0]
    for steps, marker, colour in [(short, "o", "C0"), (longer, "D", "C2")]
]
fig.legend(handles=key, loc="outside lower center", ncols=2)
fig

# %%
figures.table(
    "Share of right answers, median and range of ten seeds, of three for the longer runs",
    {
        "arm": [ARMS.get(arm, arm) for arm in arms],
        **{
            f"{overwrites} overwritten, {steps} steps": [
                f"{np.median(a):.3f} ({a.min():.3f} to {a.max():.3f})"
                for a in (accuracies(arm, overwrites, steps) for arm in arms)
            ]
            for steps, tasks in [
                (short, trained.settings["overwrites"]),
                (longer, trained.settings["longer"]),
            ]
            for overwrites in tasks
        },
    },
)
