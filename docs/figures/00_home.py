# %% [markdown]
# # Figure of the home page
#
# The code behind the figure of the [home page](../index.md), run when the site is built. The
# network is the one that [chapter 9](../chapters/09-write-characters.md) trains; the package brings
# it along.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
from bptt import figures
from bptt.figures.canvas import BACKWARD
from bptt.lm import network, pretrained, sample

shipped = pretrained.load()

# %% [markdown]
# ## Letters
#
# In words: five boxes in a row, each an LSTM. From below, the letters of "state" enter them one by
# one. Between neighbours an arrow to the right carries the state, and one to the left the gradient.
# An arrow from each box leads up to the three characters that it finds most likely next, each with
# its probability and a bar of that length. The network has read "the " before.

# %%
before, text, width = "the ", "state", 0.84
codes = shipped.vocabulary.encode(before + text)
logits, _, _ = network.forward(shipped.cell, shipped.params, codes[:, None])
p = [sample.probabilities(z, temperature=1.0) for z in logits[-len(text) :, 0]]
assert p[0].max() < 0.2  # what the text beside the figure says
assert f"{p[3].max():.0%}" == "95%"


def shown(code):
    character = shipped.vocabulary.characters[code]
    return {" ": "␣", "\n": "↵"}.get(character, character)


fig, ax = figures.figure(height=3.3)
arrow = {"arrowstyle": "-|>", "linewidth": 1.6, "shrinkA": 0, "shrinkB": 0}
for t, character in enumerate(text):
    ax.text(t, -1.25, character, ha="center", va="center", fontsize="x-large")
    ax.annotate("", (t, -0.38), (t, -0.95), arrowprops=arrow | {"color": "C0"})
    box = {"boxstyle": "round,pad=0.45", "facecolor": "none", "edgecolor": "C0", "linewidth": 1.4}
    ax.text(t, 0, "LSTM", ha="center", va="center", bbox=box)
    ax.annotate("", (t + 0.64, 0.12), (t + 0.37, 0.12), arrowprops=arrow | {"color": "C0"})
    ax.annotate("", (t + 0.36, -0.12), (t + 0.63, -0.12), arrowprops=arrow | {"color": BACKWARD})
    ax.annotate("", (t, 0.85), (t, 0.38), arrowprops=arrow | {"color": "C0"})
    for row, code in enumerate(p[t].argsort()[:-4:-1]):
        y = 2.25 - 0.5 * row
        ax.barh(y, width * p[t][code], 0.4, t - width / 2, color="C0", alpha=0.3, linewidth=0)
        ax.text(t - width / 2 + 0.04, y, shown(code), va="center")
        ax.text(t + width / 2, y, f"{p[t][code]:.0%}", ha="right", va="center", fontsize="small")
ax.set(xlim=(-0.5, len(text) - 0.3), ylim=(-1.5, 2.6))
ax.axis("off")
fig

# %%
likely = [[shown(code) for code in q.argsort()[:-4:-1]] for q in p]
figures.table(
    "What the network finds most likely next",
    {
        "read": list(text),
        "first": [f"{names[0]}, {q.max():.3f}" for names, q in zip(likely, p, strict=True)],
        "second": [f"{names[1]}, {sorted(q)[-2]:.3f}" for names, q in zip(likely, p, strict=True)],
        "third": [f"{names[2]}, {sorted(q)[-3]:.3f}" for names, q in zip(likely, p, strict=True)],
    },
)

# %% [markdown]
# A reader may type. The network of the picture takes a while to fetch, so this one is small. Its
# unit is the one that follows the position in the line; `tools/small_network.py` says how it was
# found, and a test compares these numbers with those of the network.

# %%
unit = {"layer": 0, "field": "c", "number": 123, "count": 128, "correlation": 0.85, "chance": 0.14}
figures.touchable(
    "letters",
    "Type and watch",
    network="small",
    bytes=118592,
    about="A small network, quick to fetch, of 111,361 weights. On text held back a letter costs "
    "it 1.60 nats in the mean, where the network of the picture pays 1.46.",
    text=before + text,
    unit=unit,
)
