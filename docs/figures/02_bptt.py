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

# %% [markdown]
# ## Paths
#
# In words: each of the six drawings shows the same graph. Four dots in a row are the states 0 to
# 3, joined by arrows from left to right. From below, an arrow leads from the weights into each of
# the states 1 to 3; upwards, an arrow leads from each of them to its loss. One path is thick. It
# enters from the weights at step k, runs to the right along the chain to step t, and leaves
# upwards to the loss of step t. The rows are t = 1, 2, 3 from the top, the columns k = 1, 2, 3
# from the left, and there is a drawing wherever k is at most t: one in the first row, two in the
# second, three in the third. For k = t the path goes straight up.

# %%
figures.plot_paths(T=3)

# %% [markdown]
# ## Terms
#
# The networks of the chapter, with the same seeds.


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
