# %% [markdown]
# # Figures of chapter 20: From sequence to sequence
#
# The code behind the figures of [From sequence to
# sequence](../chapters/20-answer-with-a-sequence.md), run when the site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import experiments, figures

# %% [markdown]
# ## Read, then write
#
# In words: two rows of six boxes. In both rows the first three boxes read the letters c, a and t,
# which stand below them, and each hands its state to the box on its right. The last three boxes
# write t, a and c above them; below them stands what they are given: a sign for the start, t, a.
# In the upper row one thick arrow leads from the third box to the fourth: all that the writing
# boxes know of the word passes through it. In the lower row lines also lead from each writing box
# back to the reading boxes, a thick one to the letter that it writes: from the first to t, from the
# second to a, from the third to c.


# %%
def draw_row(ax, looks, name):
    places = np.array([0.0, 1.0, 2.0, 3.5, 4.5, 5.5])
    given, written = ["c", "a", "t", "start", "t", "a"], ["t", "a", "c"]
    for i, x in enumerate(places):
        colour = "C0" if i < 3 else "C2"
        corners = [(-0.3, -0.26), (0.3, -0.26), (0.3, 0.26), (-0.3, 0.26), (-0.3, -0.26)]
        ax.fill_between([x - 0.3, x + 0.3], -0.26, 0.26, color=colour, alpha=0.2, lw=0)
        ax.plot(*zip(*[(x + a, b) for a, b in corners], strict=True), color=colour)
        small = "medium" if len(given[i]) > 1 else "x-large"
        ax.text(x, -0.78, given[i], ha="center", va="center", fontsize=small)
        arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": 1.2}
        ax.annotate("", (x, -0.26), (x, -0.56), arrowprops=arrow)
        if i >= 3:
            ax.annotate("", (x, 0.5), (x, 0.26), arrowprops=arrow)
            ax.text(x, 0.65, written[i - 3], ha="center", va="center", fontsize="x-large")
        if i < 5:
            end = places[i + 1] - 0.3
            width = 4 if i == 2 and not looks else 1.4
            arrow = {"arrowstyle": "-|>", "color": colour, "linewidth": width}
            ax.annotate("", (end, 0), (x + 0.3, 0), arrowprops=arrow)
    if looks:
        for i in range(3):
            for j in range(3):
                right = j == 2 - i
                arrow = {
                    "arrowstyle": "-",
                    "color": "C1",
                    "linewidth": 2.4 if right else 0.6,
                    "alpha": 1 if right else 0.5,
                    "connectionstyle": "arc3,rad=0.62",
                }
                ax.annotate("", (places[j], 0.28), (places[3 + i] - 0.15, 0.28), arrowprops=arrow)
    ax.text(-0.4, 2.15 if looks else 1.0, name, ha="left", va="top", color="C1" if looks else "C0")
    ax.set(xlim=(-0.5, 6.0), ylim=(-1.0, 2.25 if looks else 1.0))
    ax.axis("off")


fig, axes = figures.figure(2, 1, height=3.25, height_ratios=[2.0, 3.25])
draw_row(axes[0], False, "one state")
draw_row(axes[1], True, "with attention")
fig

# %% [markdown]
# ## Lengths
#
# The share of right answers against the length of the string: mean of ten seeds, and the band from
# the lowest to the highest of them. The decoder runs free. Left for networks that were trained on
# strings up to 10 symbols, right up to 20.

# %%
result = experiments.load("reversal")
settings = result.settings
seeds, steps, until = settings["seeds"], settings["steps"], settings["until"]
lengths = np.arange(1, until + 1)
NAMES = {
    "attention": ("attention", "C1", "-"),
    "one": ("one state", "C0", "-"),
    "wide": ("one state, wide", "C4", "--"),
}


def scores_of(arm, longest=10, order="reverse"):
    case = {"arm": arm, "longest": longest, "order": order, "frozen": False, "steps": steps}
    return [
        run.score
        for seed in seeds
        for run in result.runs
        if run.case["seed"] == seed and case.items() <= run.case.items()
    ]


def by_length(kind, arm, longest=10):
    return np.array([score[kind] for score in scores_of(arm, longest)])


def draw_band(ax, shares, name, colour, style="-"):
    ax.fill_between(lengths, shares.min(axis=0), shares.max(axis=0), color=colour, alpha=0.15, lw=0)
    ax.plot(lengths, shares.mean(axis=0), style, color=colour, label=name)


fig, axes = figures.figure(1, 2, height=3.3, sharey=True)
for ax, longest, arms in zip(axes, [10, 20], [list(NAMES), ["attention", "wide"]], strict=True):
    for arm in arms:
        draw_band(ax, by_length("free", arm, longest), *NAMES[arm])
    ax.axhline(1 / settings["symbols"], color="0.5", linewidth=0.7, label="_guess")
    ax.axvline(longest, color="0.5", linewidth=0.7, linestyle=":", label="_longest in training")
    ax.set(ylim=(0, 1.03), xticks=[1, 5, 10, 15, 20], xlabel="length of the string")
    ax.set(title=f"trained up to {longest}")
axes[0].set(ylabel="answers right")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Maps
#
# The mean weights of attention over 200 strings, seed 0: a row for each answer, a column for each
# place of the string.


# %%
def attention_map(longest, length):
    return np.array(scores_of("attention", longest)[0]["maps"][[10, 20].index(length)])


PANELS = {
    "length 10": (10, 10),
    "length 20": (10, 20),
    "length 20, trained\nup to 20": (20, 20),
}
fig, axes = figures.figure(1, 3, height=2.5)
for ax, (name, (longest, length)) in zip(axes, PANELS.items(), strict=True):
    edges = (0.5, length + 0.5, length + 0.5, 0.5)
    image = ax.imshow(attention_map(longest, length), cmap="viridis", vmin=0, vmax=1, extent=edges)
    ticks = [1, 5, 10] if length == 10 else [1, 10, 20]
    ax.set(xticks=ticks, yticks=ticks, xlabel="place", title=name)
axes[0].set(ylabel="answer")
fig.colorbar(image, ax=axes, label="weight", shrink=0.8)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Places
#
# The share of right answers at each answer of strings of 20 symbols, for networks that were trained
# up to 10: mean of ten seeds. The decoder runs free.

# %%
ORDERS = {"reverse": ("said backwards", "-"), "copy": ("said as read", "--")}

fig, axes = figures.figure(1, 2, height=3.0, sharey=True)
for ax, arm in zip(axes, ["one", "attention"], strict=True):
    name, colour, _ = NAMES[arm]
    for order, (said, style) in ORDERS.items():
        shares = np.array([score["places"][1] for score in scores_of(arm, order=order)])
        draw_band(ax, shares, said, colour, style)
    ax.axhline(1 / settings["symbols"], color="0.5", linewidth=0.7, label="_guess")
    ax.set(ylim=(0, 1.03), xticks=[1, 5, 10, 15, 20], xlabel="answer", title=name)
axes[0].set(ylabel="answers right")
axes[0].legend()
fig

# %%
figures.data(fig)
