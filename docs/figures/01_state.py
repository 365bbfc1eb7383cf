# %% [markdown]
# # Figures of chapter 1: State
#
# The code behind the figures of [State](../chapters/01-carry-a-state.md), run when the site is
# built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
from itertools import pairwise

import numpy as np

from bptt import figures, model, rnn, tasks, train, unroll
from bptt.optim import Adam

# %% [markdown]
# ## Reading
#
# In words: five boxes in a row, each named *step*. From below, the letters s, t, a, t, e enter them
# one by one. From each box an arrow leads to the next; it carries the state, $h_1$ to $h_4$. Above
# each box stands the letter that has to come next: t, a, t, e and a space. The two boxes that read
# a t stand out: the same letter enters both, and above one stands a, above the other e.

# %%
word = "state "
fig, ax = figures.figure(height=1.9)
arrow = {"arrowstyle": "-|>", "linewidth": 1.4, "shrinkA": 0, "shrinkB": 0}
box = {"boxstyle": "round,pad=0.4", "facecolor": "none", "linewidth": 1.4}
for t, (letter, following) in enumerate(pairwise(word)):
    color = "C1" if letter == "t" else "C0"
    ax.text(t, 0, "step", ha="center", va="center", bbox=box | {"edgecolor": color})
    for y, text, start, end in [(-1, letter, -0.8, -0.3), (1, following, 0.3, 0.8)]:
        shown = text.replace(" ", "␣")
        ax.text(t, y, shown, ha="center", va="center", fontsize="x-large")
        ax.annotate("", (t, end), (t, start), arrowprops=arrow | {"color": color})
    if t:
        ax.text(t - 0.5, 0.22, f"$h_{t}$", ha="center", va="center")
        ax.annotate("", (t - 0.32, 0), (t - 0.68, 0), arrowprops=arrow | {"color": "C0"})
ax.text(-0.65, -1, "reads", ha="right", va="center")
ax.text(-0.65, 1, "next", ha="right", va="center")
ax.set(xlim=(-1.3, 4.4), ylim=(-1.25, 1.25))
ax.axis("off")
fig

# %% [markdown]
# ## Unrolled
#
# In words: on the left stands one box, *step*. An arrow leads into it from below, from the input
# $x_t$; one leads up and out of it, to the state $h_t$; and one leaves it and comes back into it:
# the state is read again at the next step. After the equals sign stands the same box four times in
# a row. The first reads $h_0$ from the left and $x_1$ from below, and gives $h_1$, which is its
# output above and goes into the second box on its right. The second reads $x_2$ and gives $h_2$,
# and so on to $h_4$.

# %%
figures.plot_unrolled(T=4)

# %% [markdown]
# ## States
#
# The run of the chapter with seed 0.

# %%
task = tasks.Latch(T=30, noise=0.2)
rng = np.random.default_rng(0)
untrained = model.init(rnn, input_size=1, hidden_size=8, output_size=2, rng=rng)
history = train.fit(
    lambda params, batch: model.loss_and_grads(rnn, params, *batch),
    untrained,
    lambda: task.draw(32, rng=rng),
    steps=150,
    optimizer=Adam(lr=1e-2),
    max_norm=1.0,
)

noise = rng.normal(scale=task.noise, size=(task.T, 1, 1))
xs = np.concatenate([noise, noise], axis=1)  # two sequences, (T, B=2, 1) ...
xs[0] = [[1], [-1]]  # ... that differ in their first input only
hs, _, _ = unroll.forward(rnn, history.params.cell, xs)
assert (hs[-1, 0] * hs[-1, 1] < 0).all()  # what the caption says

fig, (above, below) = figures.figure(2, 1, height=3.6, sharex=True)
figures.plot_states(hs[:, 0], ax=above)
figures.plot_states(hs[:, 1], ax=below)
above.set(title="first input +1", xlabel="")
below.set(title="first input −1")
fig

# %%
figures.data(fig)
