# %% [markdown]
# # Figures of chapter 2: Backpropagation through time
#
# The code behind the figures of
# [Backpropagation through time](../chapters/02-backpropagate-through-time.md), run when the site
# is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import figures, probe, rnn, unroll
from bptt.figures.canvas import BACKWARD

# %% [markdown]
# ## Paths
#
# In words: each of the six drawings shows the same graph. Four dots in a row are the states 0 to
# 3, joined by arrows from left to right. From below, an arrow leads from the weight into each of
# the states 1 to 3; upwards, an arrow leads from each of them to its loss. One path is thick. It
# enters from the weight at step k, runs to the right along the chain to step t, and leaves
# upwards to the loss of step t. The rows are t = 1, 2, 3 from the top, the columns k = 1, 2, 3
# from the left, and there is a drawing wherever k is at most t: one in the first row, two in the
# second, three in the third. For k = t the path goes straight up. Beside the arrow by which the
# path enters stands the state before that step, 4, 6 or 5, and above each arrow along the chain
# the weight, 0.5. Below each drawing stands the product: 4 in the first row, 2 and 6 in the second,
# 1, 3 and 5 in the third. In the free corner stands their sum, 21.

# %%
w, inputs = 0.5, [2, 1, 1]
states = [4.0]
for x in inputs:
    states.append(2 * x + w * states[-1])
figures.plot_path_values(states, w)

# %% [markdown]
# A reader may add the paths one by one, up to five steps.

# %%
figures.touchable("paths", "Add the paths yourself", start=4, inputs=[4, 2, 2, 3, 1])

# %% [markdown]
# ## Three letters

# %%
y = np.log([5, 3, 2])
p = np.exp(y) / np.exp(y).sum()
e = np.array([0, 1, 0])  # the letter that came is the second
fig, (left, right) = figures.figure(1, 2, height=1.9)
for ax, values, color in [(left, p, "C0"), (right, p - e, BACKWARD)]:
    bars = ax.bar(["a", "b", "c"], values, width=0.6, color=color)
    ax.bar_label(bars, [f"{value:.1f}".replace("-", "−") for value in values], padding=2)
left.set(title="probability $p$", ylim=(0, 0.65))
right.axhline(0, color="0.6", linewidth=0.8)
right.set(title="gradient $p - e$", ylim=(-1.05, 0.8))
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Terms
#
# The networks of the record, with the same seeds.


# %%
def random_run(seed, T):
    rng = np.random.default_rng(seed)
    params = rnn.init(input_size=10, hidden_size=20, rng=rng)
    _, _, tape = unroll.forward(rnn, params, rng.normal(size=(T, 1, 10)))
    return params, tape, rng.normal(size=(T, 1, 20))


runs = [random_run(seed, T=12) for seed in range(50)]
terms = np.array([probe.term_norms(rnn, *run) for run in runs])
fig = figures.plot_terms(np.median(terms, axis=0))
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Gradient per step


# %%
def gradient_norms(seed, T=30):
    params, tape, g = random_run(seed, T)
    last_only = g * (np.arange(T) == T - 1)[:, None, None]
    return [probe.gradient_norms(rnn, params, tape, dhs) for dhs in (last_only, g)]


norms = [gradient_norms(seed) for seed in range(50)]
at_last, at_every = np.swapaxes(norms, 0, 1)
fig, ax = figures.figure(height=2.6)
ax.set_prop_cycle(color=[BACKWARD, "0.5"])
figures.plot_bands(
    np.arange(31),
    [at_last, at_every],
    ["loss at the last step", "loss at every step"],
    ax=ax,
)
ax.set(xlabel="state $h_t$, by step $t$", ylabel="norm of $dh_t$")
fig

# %%
figures.data(fig)
