# %% [markdown]
# # Figures of chapter 13: What came next
#
# The code behind the figures of [What came next](../chapters/13-see-what-came-next.md), run when
# the site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import figures, lstm, tree, unroll
from bptt.experiments import atlas

# %% [markdown]
# ## State and attention
#
# In words: two drawings above each other, both over the letters s, t, a, t, e. In the upper one
# stands a box for each letter. An arrow leads up into it from its letter and one to the next box;
# it carries a small square, the state, of the same size everywhere. In the lower one each letter
# has put a square into a row. From a circle above the last letter lines lead back to all five
# squares, thick to the second and the fourth, thin to the others: how much each of them counts.

# %%
letters = "state"
fig, (above, below) = figures.figure(2, 1, height=3.2)
arrow = {"arrowstyle": "-|>", "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0, "color": "C0"}
box = {"boxstyle": "round,pad=0.4", "facecolor": "none", "edgecolor": "C0", "linewidth": 1.4}
store = {"marker": "s", "color": "C1", "markersize": 9}
for t, letter in enumerate(letters):
    above.text(t, -0.95, letter, ha="center", va="center", fontsize="x-large")
    above.annotate("", (t, -0.28), (t, -0.7), arrowprops=arrow)
    above.text(t, 0, "step", ha="center", va="center", bbox=box)
    above.annotate("", (t + 0.68, 0), (t + 0.32, 0), arrowprops=arrow)
    above.plot(t + 0.5, 0.3, **store)
    below.text(t, -0.95, letter, ha="center", va="center", fontsize="x-large")
    below.annotate("", (t, -0.25), (t, -0.7), arrowprops=arrow)
    below.plot(t, 0, **store)
for t, weight in enumerate([0.8, 3.2, 0.8, 2.4, 1.4]):
    below.plot([4, t], [1.15, 0.15], color="C0", linewidth=weight, zorder=1)
below.plot(4, 1.15, "o", color="C0", markersize=11)
below.text(4.3, 1.15, "looks\nback", va="center")
below.text(-0.6, 0, "store", ha="right", va="center")
above.text(-0.6, 0.3, "state", ha="right", va="center")
for ax, top in ((above, 0.6), (below, 1.4)):
    ax.set(xlim=(-1.3, 5), ylim=(-1.2, top))
    ax.axis("off")
fig

# %%
figures.touchable("cache", "Let the sequence grow")

# %% [markdown]
# ## Memory
#
# The lines are the formulas of the chapter; the dots are arrays that were made here.

# %%
rng = np.random.default_rng(0)
t = np.logspace(0, 6, 50)
carried = {
    "attention cache": lambda H: 16 * H * t,
    "linear attention": lambda H: 8 * H**2 + 0 * t,
    "LSTM": lambda H: 16 * H + 0 * t,
}


def lstm_bytes(H, T):
    zeros = lstm.Params(np.zeros((1, 4 * H)), np.zeros((H, 4 * H)), np.zeros(4 * H))
    _, state, _ = unroll.forward(lstm, zeros, rng.normal(size=(T, 1, 1)))
    return sum(leaf.nbytes for _, leaf in tree.leaves(state))


lengths = [1, 10, 100]
fig, ax = figures.figure(height=3.6)
ends = []
for j, (name, size) in enumerate(carried.items()):
    for H, style in [(512, "-"), (64, "--")]:
        ax.plot(t, size(H), style, color=f"C{j}", label=f"_{name}, {H} units")
        ends.append((size(H)[-1], f"{name}, {H}"))

for H in [64, 512]:
    made = []
    for T in lengths:
        keys, values = rng.normal(size=(2, T, H))
        matrix = keys.T @ values
        made.append([keys.nbytes + values.nbytes, matrix.nbytes, lstm_bytes(H, T)])
        assert made[-1] == [16 * H * T, 8 * H**2, 16 * H]  # on the lines
    for j, (name, numbers) in enumerate(zip(carried, np.transpose(made), strict=True)):
        style = {"color": f"C{j}", "markersize": 4, "label": f"_{name}, {H} units, weighed"}
        ax.plot(lengths, numbers, "o", **style)

for end, label in ends:
    ax.annotate(
        label,
        (t[-1], end),
        xytext=(5, 0),
        textcoords="offset points",
        va="center",
        annotation_clip=False,
    )
ax.set(xscale="log", yscale="log", xlabel="context (steps)", ylabel="carried by one layer (bytes)")
ax.margins(x=0.02)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Scan
#
# Who is combined with whom, for eight steps.
#
# In words: four rows of eight dots, for the entries 1 to 8. The top row holds the maps of one
# step. In round 1 each entry is combined with its neighbour on the left, so that the second row
# holds maps of two steps; in round 2 each is combined with the entry two places to the left, in
# round 3 with the one four places to the left. An entry that has none there stays as it is. Thick
# lines lead back from entry 8 of the last row: to entries 4 and 8 of the row above, to 2, 4, 6 and
# 8 of the row above that, and to all eight of the first.

# %%
T, rounds = 8, 3
fig, ax = figures.figure(height=2.7)
meets = {T}  # the entries of a row that lead to the last entry of the last row
for r in range(rounds, 0, -1):
    reach = 2 ** (r - 1)
    above = set()
    for end in range(1, T + 1):
        starts = [end, end - reach] if end > reach else [end]
        for start in starts:
            thick = end in meets
            ax.plot(
                [start, end],
                [r - 1, r],
                color="C0" if thick else "C4",
                linewidth=2.2 if thick else 0.8,
                zorder=2 if thick else 1,
            )
            above |= {start} if thick else set()
    ax.plot(range(1, T + 1), [r] * T, "o", color="C4", zorder=3)
    ax.plot(sorted(meets), [r] * len(meets), "o", color="C0", markersize=7, zorder=4)
    meets = above
assert meets == set(range(1, T + 1))  # all eight meet in the last entry
ax.plot(sorted(meets), [0] * T, "o", color="C0", markersize=7, zorder=4)
names = ["maps of one step", "round 1, reach 1", "round 2, reach 2", "round 3, reach 4"]
ax.set(xlabel="entry t", xticks=range(1, T + 1), yticks=range(rounds + 1), yticklabels=names)
ax.invert_yaxis()
ax.spines[["top", "right", "left", "bottom"]].set_visible(False)
ax.tick_params(length=0)
fig

# %% [markdown]
# ## Map
#
# In words: a grid of three columns and three rows. The columns say what is carried from step to
# step: a row of numbers, a matrix, all that was read. The rows say in how many rounds T known
# inputs are computed: T at the top, chunk after chunk in the middle, the logarithm of T or one at
# the bottom. Top left stand the simple network, the LSTM, the GRU and the sLSTM; bottom left S5,
# the LRU, the first RWKV, Mamba and the minGRU. In the column of the matrix DeltaNet and RWKV-7
# stand in the middle; below them stand linear attention, RWKV-5 and the mLSTM. The Transformer
# stands alone, bottom right.

# %%
fig, ax = figures.figure(height=4.4)
places = {
    (0, 0): "RNN 1990\nLSTM 1997\nGRU 2014\nsLSTM 2024",
    (0, 2.1): "S5 2022\nLRU 2023\nRWKV 2023\nMamba 2023\nminGRU 2024",
    (1, 1): "DeltaNet 2021\nRWKV-7 2025",
    (1, 2.1): "linear\nattention 2020\nRWKV-5 2024\nmLSTM 2024",
    (2, 2.1): "Transformer\n2017",
}
for edge in (0.5, 1.5):
    ax.axvline(edge, color="C4", linewidth=0.7)
    ax.axhline(edge, color="C4", linewidth=0.7)
for (x, y), names in places.items():
    ax.text(x, y, names, ha="center", va="center", linespacing=1.15)
ax.set(xlim=(-0.5, 2.5), ylim=(2.7, -0.5))
ax.set_xticks(range(3), ["a row of\nnumbers", "a matrix", "all that\nwas read"], color="C0")
ax.set_yticks([0, 1, 2.1], ["$T$ rounds", "chunk after\nchunk", "$\\log_2 T$ rounds,\nor one"])
ax.xaxis.tick_top()
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
fig

# %% [markdown]
# ## Measured
#
# Each number is the median over ten seeds; an empty place was not asked.

# %%
medians = np.full((len(atlas.KINDS), len(atlas.QUESTIONS)), np.nan)
for column, name in enumerate(atlas.QUESTIONS):
    for kind, skill in atlas.skills(name).items():
        medians[atlas.KINDS.index(kind), column] = np.median(skill)


def shown(kind):
    return f"factors in {kind.replace('-', '−')}" if kind.startswith("[") else kind


fig, ax = figures.figure(height=5.2)
ax.imshow(np.clip(medians, 0, 1), cmap="cividis", vmin=0, vmax=1, aspect="auto")
for (row, column), value in np.ndenumerate(medians):
    if np.isfinite(value):
        color = "black" if value > 0.5 else "white"
        ax.text(column, row, f"{max(value, 0):.2f}", ha="center", va="center", color=color)
names = list(atlas.QUESTIONS)
ax.set_xticks(range(len(names)), names, rotation=40, ha="left", rotation_mode="anchor")
ax.set_yticks(range(len(atlas.KINDS)), [shown(kind) for kind in atlas.KINDS])
ax.xaxis.tick_top()
ax.tick_params(length=0)
fig

# %%
figures.table(
    "Skill, median of ten seeds: 0 for a guess without the input, 1 for no mistake",
    {"kind": list(atlas.KINDS)}
    | {name: medians[:, column].tolist() for column, name in enumerate(atlas.QUESTIONS)},
)
