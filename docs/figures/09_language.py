# %% [markdown]
# # Figures of chapter 9: Writing, one character at a time
#
# The code behind the figures of [Writing, one character at a
# time](../chapters/09-write-characters.md) and of [its
# evidence](../evidence/09-write-characters.md), run when the site is built. The long run was
# recorded before; what its network predicts and writes is computed here.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import textwrap

import numpy as np

from bptt import experiments, figures
from bptt.figures.canvas import BACKWARD
from bptt.lm import network, pretrained, sample

record = pretrained.record()
shipped = pretrained.load()
characters = shipped.vocabulary.characters
kneser_ney, witten_bell = record["ngrams"]["kneser_ney"], record["ngrams"]["witten_bell"]


def predictions(text):
    codes = shipped.vocabulary.encode(text)
    logits, _, _ = network.forward(shipped.cell, shipped.params, codes[:, None])
    return logits[:, 0].astype(float), codes


def bits(p):
    return -np.sum(p[p > 0] * np.log2(p[p > 0]))


def shown(character):
    return {" ": "␣", "\n": "↵"}.get(character, character)


# %% [markdown]
# ## Writing
#
# Three rows, one for each temperature. In words: bars for the four letters that the network finds
# most likely after a prompt, and beside them what it writes when it draws from these chances.

# %%
prompt = "ROMEO:\nI will not "
y = predictions(prompt)[0][-1]
rows = {"sharper": 0.5, "as predicted": 1.0, "flatter": 2.0}


def written(tau, length=170):
    codes = shipped.vocabulary.encode(prompt)
    rng = np.random.default_rng(0)
    drawn = sample.generate(shipped.cell, shipped.params, codes, temperature=tau, rng=rng)
    return shipped.vocabulary.decode([next(drawn) for _ in range(length)])


fig, axes = figures.figure(3, 2, height=3.4, width_ratios=[2, 7])
for n, ((bars, page), (name, tau)) in enumerate(zip(axes, rows.items(), strict=True)):
    p = sample.probabilities(y, tau)
    top = np.argsort(-p)[:4]
    bars.barh(range(4), p[top], color=f"C{n}", alpha=0.6, linewidth=0)
    bars.set_yticks(range(4), [shown(characters[k]) for k in top])
    bars.tick_params(length=0)
    bars.set(ylim=(3.6, -0.6), xlim=(0, 0.55), xticks=[])
    bars.spines["bottom"].set_visible(False)
    for place, k in enumerate(top):
        bars.text(p[k] + 0.01, place, f"{p[k]:.0%}", va="center", fontsize="small")
    speech = ("I will not " + written(tau)).splitlines()
    wrap = {"width": 46, "subsequent_indent": "\N{NO-BREAK SPACE}" * 3}
    lines = [part for line in speech for part in textwrap.wrap(line, **wrap)][:4]
    page.text(0, 0.84, "\n".join(lines), va="top", linespacing=1.0, in_layout=False)
    page.text(0, 1, f"τ = {tau:g}, {name}", va="center", color=f"C{n}", fontsize="small")
    page.axis("off")
fig

# %%
figures.data(fig)

# %% [markdown]
# A reader may type, and let the network go on. Its unit is the one that follows the position in the
# line, as the experiment found it.

# %%
(followed,) = (run.score for run in experiments.load("language_units").runs[:1])
unit = {name: followed[f"line {name}"] for name in ("layer", "field")} | {
    "number": followed["line unit"],
    "count": record["settings"]["widths"][-1],
    "correlation": followed["line held_out"],
    "chance": followed["line null held_out"][-1],
}
figures.touchable(
    "letters",
    "Type and watch",
    network="shakespeare",
    bytes=record["bytes"],
    about="The network of this chapter, of 3.5 million weights.",
    text=prompt,
    unit=unit,
)

# %% [markdown]
# ## Chunks
#
# In words: fifteen letters in a row, cut into three chunks of five by two dashed lines. A blue
# arrow to the right joins each letter to the next, across the cuts too. An orange arrow to the left
# joins each letter to the one before, but none crosses a cut.

# %%
passage, T = "First Citizen: ", 5

fig, ax = figures.figure(height=1.7)
arrow = {"arrowstyle": "-|>", "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
for t, character in enumerate(passage):
    ax.text(t, 0, shown(character), ha="center", va="center", fontsize="large")
    if t + 1 < len(passage):
        ax.annotate("", (t + 0.85, 0.55), (t + 0.15, 0.55), arrowprops=arrow | {"color": "C0"})
        if (t + 1) % T:
            ax.annotate(
                "", (t + 0.15, -0.6), (t + 0.85, -0.6), arrowprops=arrow | {"color": BACKWARD}
            )
        else:
            ax.vlines(t + 0.5, -1, 1, color="0.6", linestyle="--", linewidth=1)
ax.text(7, 1, "the state goes on", ha="center", va="center", color="C0", fontsize="small")
ax.text(7, -1.05, "the gradient stops", ha="center", va="center", color=BACKWARD, fontsize="small")
ax.set(xlim=(-0.6, len(passage) - 0.4), ylim=(-1.3, 1.3))
ax.axis("off")
fig

# %%
figures.table(
    "What crosses from a letter to the next",
    {
        "from": [shown(c) for c in passage[:-1]],
        "to": [shown(c) for c in passage[1:]],
        "state": ["yes"] * (len(passage) - 1),
        "gradient": ["no" if (t + 1) % T == 0 else "yes" for t in range(len(passage) - 1)],
    },
)

# %% [markdown]
# ## Counts
#
# In words: three curves of the score against n. All fall steeply from n = 1 to about 5. That of
# Witten and Bell rises again. That of Kneser-Ney stays level from 7 on, and that of the same recipe
# when it counts on in the new text runs a tenth of a nat below it.

# %%
fig, ax = figures.figure(height=2.9)
recipes = [
    ("witten_bell", "frozen, Witten-Bell", "C2", "s:"),
    ("kneser_ney", "frozen, Kneser-Ney", "C0", "o-"),
    ("adaptive_kneser_ney", "Kneser-Ney that counts on", "C1", "D--"),
]
for recipe, name, color, style in recipes:
    scores = record["ngrams"][recipe]
    ax.plot([int(n) for n in scores], list(scores.values()), style, color=color, ms=4, label=name)
assert witten_bell["12"] > witten_bell["5"] + 0.4
ax.set(xlabel="n, letters counted together", ylabel="nats per character", ylim=(1.3, 3.5))
ax.set_xticks(range(1, 13))
ax.legend()
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Long run
#
# In words: two lists of predictors, one below the other, each with a dot at what it pays. Where it
# is our network there are three, one for each seed, and the mean is written beside them. In both
# lists they stand to the left of all else that was measured here.

# %%
counting_on = record["ngrams"]["adaptive_kneser_ney"]
order, order_on = (str(record["orders"][name]) for name in ("kneser_ney", "adaptive_kneser_ney"))
OURS, HERE, ELSEWHERE = "ours, each seed", "measured here", "reported elsewhere"
seeds = record["seeds"]
frozen = [
    ("Mamba", [1.575], ELSEWHERE),
    ("minLSTM", [1.555], ELSEWHERE),
    ("minGRU", [1.548], ELSEWHERE),
    ("Transformer beside them", [1.547], ELSEWHERE),
    (f"{order}-gram", [kneser_ney[order]], HERE),
    ("nanoGPT, a Transformer", [1.4697], ELSEWHERE),
    ("network, windows of 256", seeds["val_nats_window256"], OURS),
    ("network, state carried", seeds["val_nats_carried"], OURS),
]
learning = [
    ("bz2", [record["compressors"]["bz2"]], HERE),
    (f"{order_on}-gram", [counting_on[order_on]], HERE),
    ("PPMd", [record["compressors"]["ppmd"]], HERE),
    ("zpaq", [record["compressors"]["zpaq"]], HERE),
    ("network", seeds["val_nats_adaptive"], OURS),
    ("network and n-gram, mixed", seeds["val_nats_mixed"], OURS),
    ("all three and n-gram, mixed", [record["together"]["val_nats_mixed"]], OURS),
    ("paq8px", [1.205], ELSEWHERE),
]
learning.sort(key=lambda row: -np.mean(row[1]))
STYLES = {
    OURS: {"marker": "D", "color": "C0"},
    HERE: {"marker": "o", "color": "C3"},
    ELSEWHERE: {"marker": "o", "color": "C4", "markerfacecolor": "none"},
}
ratios = [len(frozen), len(learning)]
fig, axes = figures.figure(2, 1, height=4.4, sharex=True, height_ratios=ratios)
for ax, rows, title in zip(axes, (frozen, learning), ("frozen", "still learning"), strict=True):
    means = [np.mean(nats) for _, nats, _ in rows]
    assert means == sorted(means, reverse=True)
    for kind, style in STYLES.items():
        places = [(x, n) for n, (_, nats, who) in enumerate(rows) if who == kind for x in nats]
        ax.plot(*zip(*places, strict=True), linestyle="none", ms=5, label=kind, **style)
    for n, (_, nats, _) in enumerate(rows):
        ax.text(max(nats) + 0.012, n, f"{means[n]:.3f}", va="center", fontsize="small")
    ax.set_yticks(range(len(rows)), [name for name, *_ in rows])
    ax.set(ylim=(len(rows) - 0.4, -0.6), xlim=(1.15, 1.72))
    ax.set_title(title, loc="left", fontsize="medium")
    ax.grid(axis="y", linewidth=0.4)
axes[1].set_xlabel("nats per character")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)
fig

# %%
figures.table(
    "Nats per character on the validation text",
    {
        "predictor": [name for name, *_ in frozen + learning],
        "kind": ["frozen"] * len(frozen) + ["still learning"] * len(learning),
        "mean nats": [np.mean(nats) for _, nats, _ in frozen + learning],
        "who says so": [who for *_, who in frozen + learning],
    },
)

# %% [markdown]
# ## Learning
#
# In words: what the validation text costs, piece by piece. The curve of the frozen network and that
# of the one that learns go up and down together, scene by scene. At the beginning they are close.
# From the place on where another play begins, the one that learns stays clearly lower.

# %%
surprise = record["adaptive"]["surprise"]
still, learns = np.array(surprise["carried"]), np.array(surprise["learning"])
places = surprise["each"] / 1000 * (np.arange(len(still)) + 0.5)
gain = still - learns
tempest = record["tempest"] / 1000
assert (gain > 0).mean() > 0.9
assert gain[places > tempest].mean() > 2 * gain[places < tempest].mean()

fig, axes = figures.figure(2, 1, height=3.9, sharex=True, height_ratios=[3, 2])
axes[0].plot(places, still, "--", color="C1", label="weights frozen, state carried")
axes[0].plot(places, learns, color="C0", label="weights still learning")
axes[0].set_ylabel("nats per character")
axes[0].legend(ncols=2, loc="upper center", bbox_to_anchor=(0.5, 1.25))
axes[0].axvline(tempest, color="0.6", linestyle=":")
axes[0].text(tempest - 1, 1.84, "The Tempest", ha="right", va="center", fontsize="small")
axes[1].bar(places, gain, 0.8 * surprise["each"] / 1000, color="C0", label="saved by learning")
axes[1].axhline(0, color="0.6", linewidth=0.8)
axes[1].set(xlabel="thousand characters read", ylabel="saved")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Surprise

# %%
line = "To be, or not to be: that is the question:"
logits, codes = predictions("\n" + line)
log_p = logits - np.logaddexp.reduce(logits, axis=1)[:, None]
cost = -log_p[np.arange(len(line)), codes[1:]] / np.log(2)
letter = np.array([c.isalpha() for c in line])
first = letter & ~np.array([False, *letter[:-1]])
assert cost[first].mean() > cost[letter & ~first].mean() + 1
assert cost[line.index("u")] < 0.3

fig, axes = figures.figure(2, 1, height=3.2, sharey=True)
for ax, half in zip(axes, [slice(0, 21), slice(21, 42)], strict=True):
    places = np.arange(21)
    for n, (chosen, name) in enumerate([(first, "first letters of words"), (~first, "others")]):
        picked = chosen[half]
        style = {"color": f"C{n}", "hatch": ("", "//")[n], "edgecolor": "white"}
        ax.bar(places[picked], cost[half][picked], label=name, **style)
    ax.set_xticks(places, [shown(c) for c in line[half]])
    ax.set_ylabel("bits")
axes[1].set_xlabel("character")
handles, labels = axes[0].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside upper center", ncols=2)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Cells

# %%
cells = experiments.load("language_cells")

fig, ax = figures.figure(height=3.6)
for n, (name, _) in enumerate(cells.settings["widths"]):
    case = {"cell": name, "validation": True}
    curves, seconds = cells.scores("curve", **case), cells.scores("seconds", **case)
    low, middle, high = np.quantile(curves, [0, 0.5, 1], axis=0)
    times = np.median(seconds, axis=0)
    style = {"color": f"C{n}", "linestyle": ("-", "--", "-.")[n], "marker": "osD"[n]}
    ranges = [middle - low, high - middle]
    ax.errorbar(times, middle, ranges, ms=4, elinewidth=1, label=name.upper(), **style)
for nats, name, style in [
    (witten_bell["3"], "Witten-Bell 3-gram", "-."),
    (witten_bell["5"], "Witten-Bell 5-gram", ":"),
    (kneser_ney["5"], "Kneser-Ney 5-gram", "--"),
]:
    ax.axhline(nats, color="C4", linestyle=style, linewidth=1, label=f"{name}, {nats:.2f}")
ax.set(xlabel="CPU seconds of training", ylabel="nats per character", xscale="log")
ax.set_xticks([1, 2, 4, 8, 16], ["1", "2", "4", "8", "16"])
ax.minorticks_off()
fig.legend(loc="outside lower center", ncols=2)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Temperature

# %%
prompts = ["ROMEO:\nI will not ", "ROMEO:\nI will not be", "ROM"]
y = predictions(prompts[0])[0][-1]
top = np.argsort(-y)[:10]
taus = np.linspace(0.05, 6, 60)
p = {tau: sample.probabilities(y, tau) for tau in (0.5, 1, 2)}
assert p[0.5].max() > p[1].max() > p[2].max()

fig, (left, right) = figures.figure(1, 2, height=2.8, width_ratios=[3, 2])
for n, (tau, values) in enumerate(p.items()):
    places = np.arange(10) + 0.27 * (n - 1)
    style = {"color": f"C{n}", "hatch": ("", "//", "\\\\")[n], "edgecolor": "white"}
    left.bar(places, values[top], 0.27, label=f"τ = {tau}", linewidth=0, **style)
left.set_xticks(range(10), [shown(characters[k]) for k in top])
left.set(xlabel="next character", ylabel="probability")
left.legend()
for n, prompt in enumerate(prompts):
    y = predictions(prompt)[0][-1]
    entropies = np.array([bits(sample.probabilities(y, tau)) for tau in taus])
    assert (np.diff(entropies) > -1e-9).all()
    label = f"…{prompt.split()[-1]}{'␣' * prompt.endswith(' ')}"
    right.plot(taus, entropies, ("-", "--", "-.")[n], label=label)
right.axhline(np.log2(len(characters)), color="0.6", linestyle=":")
right.set(xlabel="temperature τ", ylabel="entropy, bits", xlim=(0, 6), ylim=(0, 6.3))
right.legend(loc="lower right", handlelength=1.6)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Unit

# %%
position, state = np.array(followed["line values"]), np.array(followed["line states"])
line_fit = np.polyfit(state, position, 1)
assert np.corrcoef(position, state)[0, 1] ** 2 > 0.5
places = np.arange(len(position))

fig, axes = figures.figure(2, 1, height=3.8, sharey=True)
for ax, part in zip(axes, np.array_split(places, 2), strict=True):
    ax.plot(part, position[part], color="C0", label="position in the line")
    ax.plot(part, np.polyval(line_fit, state[part]), "--", color="C1", label="the unit")
    breaks = [place for place in part if followed["text"][place] == "\n"]
    ax.vlines(breaks, -6, -2, color="C2", linewidth=1)
    ax.set(xlim=(part[0], part[-1]), ylabel="characters")
axes[1].set_xlabel("place in the text")
handles, labels = axes[0].get_legend_handles_labels()
fig.legend(handles, labels, loc="outside upper center", ncols=2)
fig

# %%
figures.data(fig)
