# %% [markdown]
# # Figures of chapter 4: Activations and initialisation
#
# The code behind the figures of
# [Activations and initialisation](../chapters/04-start-the-weights.md) and of
# [its evidence](../evidence/04-start-the-weights.md), run when the site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np
from matplotlib.patches import Ellipse

from bptt import figures, ops
from bptt.figures.canvas import BACKWARD, FORWARD

# %% [markdown]
# ## Three starts
#
# The stack of the chapter: the same inputs and the same random numbers, three sizes of weights.


# %%
def both_ways(sigma_w, depth=10, n=256):
    """Outputs of all layers, and the length of the gradients on their way back to each."""
    rng = np.random.default_rng(0)
    Ws = sigma_w / np.sqrt(n) * rng.standard_normal((depth, n, n))
    h, dh = rng.standard_normal((2, 8, n))  # eight inputs, eight gradients
    hs, lengths = [], [np.linalg.norm(dh)]
    for W in Ws:
        h = np.tanh(h @ W)
        hs.append(h)
    for W, h in zip(Ws[::-1], hs[::-1], strict=True):
        dh = (dh * ops.tanh_prime(h)) @ W.T
        lengths.append(np.linalg.norm(dh))
    return np.array(hs), np.array(lengths[::-1]) / lengths[0]


STARTS = {"too small": 0.5, "right": 1, "too large": 16}
WEIGHTS = {"too small": "1/32", "right": "1/16", "too large": "1"}
layers = np.arange(1, 11)
fig, axes = figures.figure(1, 3, height=2.6, sharey=True)
for ax, (name, sigma_w), color in zip(axes, STARTS.items(), ("C0", "C2", "C1"), strict=True):
    hs, _ = both_ways(sigma_w)
    for unit in hs[:, 0, :32].T:
        ax.plot(layers, unit, "_", color=color, markersize=7, markeredgewidth=0.8)
    ax.set(title=f"{name}: {WEIGHTS[name]}", xticks=[1, 5, 10], ylim=(-1.08, 1.08))
axes[0].set(ylabel="outputs $h$ of 32 units", yticks=[-1, 0, 1])
axes[1].set(xlabel="layer")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Coins

# %%
tosses = np.arange(0, 257, 4)
coins = np.random.default_rng(0).choice([-1, 1], size=(24, 256))
sums = np.cumsum(np.pad(coins, ((0, 0), (1, 0))), axis=1)[:, tosses]
fig, ax = figures.figure(height=2.6)
for walk in sums:
    ax.plot(tosses, walk, color="C0", linewidth=0.7)
ax.plot(tosses, np.sqrt(tosses), "C1--", label=r"$\sqrt{n}$")
ax.plot(tosses, -np.sqrt(tosses), "C1--", label=r"_$-\sqrt{n}$")
ax.set(xlabel="coins $n$", ylabel="sum of $n$ coins", xticks=[0, 64, 128, 192, 256])
ax.set_yticks([-32, -16, 0, 16, 32])
ax.legend(loc="upper left")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Activations

# %%
a = np.linspace(-5, 5, 1001)
PAIRS = {
    "logistic": (ops.sigmoid, ops.sigmoid_prime, "-"),
    "tanh": (ops.tanh, ops.tanh_prime, "--"),
    "rectifier": (ops.relu, ops.relu_prime, ":"),
}
fig, (left, right) = figures.figure(1, 2, height=2.5, sharex=True)
for name, (f, prime, style) in PAIRS.items():
    left.plot(a, f(a), style, label=name)
    right.plot(a, prime(f(a)), style, label=f"_{name}")
left.set(ylim=(-1.1, 2.1), xlabel="pre-activation $a$", ylabel="value $y = f(a)$")
right.set(ylim=(-0.05, 1.1), xlabel="pre-activation $a$", ylabel="slope $f'(a)$")
right.set_yticks([0, 0.25, 0.5, 0.75, 1])
left.legend()
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Ways back

# %%
fig, ax = figures.figure(height=2.6)
for (name, sigma_w), style in zip(STARTS.items(), ("C0-", "C2--", "C1:"), strict=True):
    _, lengths = both_ways(sigma_w)
    ax.plot([0, *layers], lengths, style, label=name)
ax.axhline(1, color="C4", linewidth=0.7)
ax.set(yscale="log", xlabel="layer", ylabel="length of the gradient", xticks=range(0, 11, 2))
ax.legend()
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Circles

# %%
MATRICES = {
    "1.2 and 0.8 on the diagonal": np.diag([1.2, 0.8]),
    "orthogonal": np.array([[0.6, 0.8], [-0.8, 0.6]]),
}
start = np.array([1, 1]) / np.sqrt(2)
fig, axes = figures.figure(1, 2, height=2.0, sharex=True, sharey=True)
for ax, (name, W) in zip(axes, MATRICES.items(), strict=True):
    powers = [np.linalg.matrix_power(W, step) for step in range(5)]
    for step, style in [(0, ":"), (4, "-")]:  # what becomes of the circle of length 1
        axes_of_it = 2 * np.linalg.svd(powers[step])[1]
        ax.add_patch(Ellipse((0, 0), *axes_of_it, fill=False, color="C0", linestyle=style))
    ax.plot(*np.transpose([start @ power for power in powers]), "C1o-", linewidth=0.8, markersize=4)
    ax.set(title=name, aspect="equal", xlim=(-2.3, 2.3), ylim=(-1.2, 1.2), xlabel="first number")
    ax.set(xticks=[-2, -1, 0, 1, 2], yticks=[-1, 0, 1])
axes[0].set(ylabel="second number")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Fifty layers
#
# The stacks of the evidence, with the same seeds, and what is predicted for them.

# %%
n, depth = 256, 50
SCALES = [1 / np.sqrt(3), 0.8, 1, 1.2, np.sqrt(2), 5 / 3, 2, 4, 16]


def stack(seed):
    """Spread and gradient norm of each layer, for each scale: (L + 1, S)."""
    rng = np.random.default_rng(seed)
    Z = rng.standard_normal((depth, n, n))
    h_0, dh_L = rng.standard_normal((2, 4, n))
    scale = (np.array(SCALES) / np.sqrt(n))[:, None, None]
    hs = [np.broadcast_to(h_0, (len(SCALES), 4, n))]
    for Z_l in Z:
        hs.append(np.tanh(scale * (hs[-1] @ Z_l)))
    dhs = [np.broadcast_to(dh_L, hs[0].shape)]
    for Z_l, h in zip(Z[::-1], hs[:0:-1], strict=True):
        dhs.append(scale * ((dhs[-1] * ops.tanh_prime(h)) @ Z_l.T))
    norms = np.linalg.norm(dhs[::-1], axis=(2, 3))
    return np.std(hs, axis=(2, 3)), norms / norms[-1]


spread, gain = np.swapaxes([stack(seed) for seed in range(30)], 0, 1)

z = np.linspace(-8, 8, 8001)
density = np.exp(-(z**2) / 2)
density /= density.sum()


def predict(sigma_w, m=1.0):
    """Spread of each layer, and gain from the last layer back to it."""
    spreads, chis = [np.sqrt(m)], []
    for _ in range(depth):
        h = np.tanh(sigma_w * np.sqrt(m) * z)
        m = density @ h**2
        chis.append(sigma_w**2 * (density @ ops.tanh_prime(h) ** 2))
        spreads.append(np.sqrt(m))
    back = np.sqrt(np.cumprod(chis[::-1]))[::-1]
    return np.array(spreads), np.append(back, 1)


PANELS = [
    ("“Random”, $\\sigma_w = 16$", 16),
    ("“Xavier”, $\\sigma_w = 1$", 1),
    ("“He”, $\\sigma_w = 1.41$", np.sqrt(2)),
]
layers = np.arange(depth + 1)
fig, axes = figures.figure(3, 1, height=5.4, sharex=True)
for (title, sigma_w), ax in zip(PANELS, axes, strict=True):
    j = SCALES.index(sigma_w)
    names = ["spread of $h_l$", "$|dh_l| / |dh_{50}|$"]
    ax.set_prop_cycle(color=[FORWARD, BACKWARD])
    figures.plot_bands(layers, [spread[:, :, j], gain[:, :, j]], names, ax=ax)
    for name, values in zip(names, predict(sigma_w), strict=True):
        ax.plot(layers, values, ":", color="C4", label=f"{name}, predicted")
    ax.set_title(title)
    ax.get_legend().remove()
axes[1].set_ylim(0.05, 2)
axes[2].set_ylim(0.3, 20)
lines, labels = axes[0].get_legend_handles_labels()
axes[0].legend(lines[:3], [*labels[:2], "predicted"])
axes[2].set(xlabel="layer $l$")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Scales

# %%
fig, (left, right) = figures.figure(1, 2, height=2.7, sharex=True)
fine = np.geomspace(0.5, 16, 60)
spreads, gains = zip(*[predict(sigma_w) for sigma_w in fine], strict=True)
left.plot(SCALES, np.median(spread[:, -1], axis=0), "o-", label="measured", markersize=4)
left.plot(fine, np.array(spreads)[:, -1], ":", color="C4", label="predicted")
right.plot(
    SCALES, np.median(gain[:, 0], axis=0), "s--", color=BACKWARD, label="_measured", markersize=4
)
right.plot(fine, np.array(gains)[:, 0], ":", color="C4", label="_predicted")
right.axhline(1, color="C4", linewidth=0.7)
right.set(yscale="log", ylabel="gain over 50 layers")
left.set(ylim=(-0.05, 1.05), ylabel="spread at layer 50")
for ax in (left, right):
    ax.set(xscale="log", xlabel="scale $\\sigma_w$ of the weights")
    ax.set_xticks([0.5, 1, 2, 4, 8, 16], ["0.5", "1", "2", "4", "8", "16"])
    ax.minorticks_off()
left.legend()
fig

# %%
figures.data(fig)
