# %% [markdown]
# # Figures of chapter 3: Vanishing and exploding gradients
#
# The code behind the figures of
# [Vanishing and exploding gradients](../chapters/03-vanish-and-explode.md), run when the site is
# built. The networks are those of the chapter, with the same seeds.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import figures, probe, rnn, unroll, weights
from bptt.figures.canvas import BACKWARD

I, H, T = 10, 20, 40

# %% [markdown]
# ## Decay

# %%
steps = np.arange(51)
fig, ax = figures.figure(height=2.6)
for factor, style, digits in [(1.1, "-", ".0f"), (1.0, "--", ".0f"), (0.9, ":", ".3f")]:
    ax.plot(steps, factor**steps, style, color=BACKWARD, label=f"{factor:g}")
    end = f"${factor:g}^{{50}} = {factor**50:{digits}}$"
    ax.text(51, factor**50, end, color=BACKWARD, va="center", size="large")
ax.set(xlim=(0, 68), xticks=range(0, 51, 10), yscale="log", ylim=(1e-3, 1e3))
ax.set(xlabel="steps back", ylabel="size of the gradient")
fig

# %%
figures.data(fig)

# %%
figures.touchable(
    "steps",
    "Try other factors",
    sliders={"w": [0.5, 1.5, 0.01, 1.1]},
    lines=["unit"],
    decades=12,
)

# %% [markdown]
# ## Heard
#
# The network of the chapter, with random weights in the range that `torch.nn.RNN` uses.

# %%
text = "the keys that the boy left on the bench by the front door "
letters = sorted(set(text))
rng = np.random.default_rng(0)


def uniform(*shape):
    return rng.uniform(-1 / 8, 1 / 8, size=shape)


W_x, W_h = uniform(len(letters), 64), uniform(64, 64)
params = rnn.Params(W_x, W_h, b=uniform(64) + uniform(64))
xs = np.eye(len(letters))[[letters.index(letter) for letter in text]][:, None]
_, _, tape = unroll.forward(rnn, params, xs)
dhs = np.zeros((len(text), 1, 64))
dhs[-1] = rng.normal(size=(1, 64))
left = probe.gradient_norms(rnn, params, tape, dhs)[1:]
left /= left[-1]
back = len(text) - 1 - np.arange(len(text))

fig, ax = figures.figure(height=3.0)
ax.plot(back, left, color=BACKWARD, linewidth=0.6, alpha=0.4, label="gradient")
for letter, x, y in zip(text, back, left, strict=True):
    strong = {"color": BACKWARD, "weight": "bold"} if text[: len(text) - x] == "the keys" else {}
    ax.text(x, y, letter, ha="center", va="center", family="monospace", **strong)
ax.set(xlim=(60, -2), yscale="log", ylim=(left.min() / 10, 10))
ax.set(xlabel="steps back from the guess", ylabel="share of the gradient")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## One unit


# %%
def products(w, h, steps=20):
    found = [1.0]
    for _ in range(steps):
        h = np.tanh(w * h)
        found.append(found[-1] * w * (1 - h**2))
    return found


fig, ax = figures.figure(height=2.6)
for start, style in zip([0.0, 0.1], ["-", "--"], strict=True):
    ax.plot(products(1.5, start), style, color=BACKWARD, label=f"start {start:g}")
    ax.text(20.4, products(1.5, start)[-1], f"start {start:g}", color=BACKWARD, va="center")
ax.set(xlim=(0, 24), xticks=range(0, 21, 5), yscale="log", ylim=(1e-6, 1e5))
ax.set(xlabel="steps", ylabel="product of factors")
fig

# %%
figures.data(fig)

# %%
figures.touchable(
    "steps",
    "Try other weights and starts",
    sliders={"w": [0.5, 1.5, 0.05, 1.5], "start": [0, 1, 0.05, 0.1]},
    lines=["unit", "bound"],
    decades=16,
)

# %% [markdown]
# ## Stretch
#
# In words: three panels. In the first stands a circle of radius 1, with an arrow of length 1 to the
# right and one upwards. In the second, after one step, the circle has become an ellipse, twice as
# high as the circle and half as wide; the arrow to the right has become one of length 2 upwards,
# and the arrow upwards one of length 0.5 to the right. In the third, after two steps, there is the
# first picture again.

# %%
W = np.array([[0.0, 2.0], [0.5, 0.0]])
angles = np.linspace(0, 2 * np.pi, 121)
circle = np.stack([np.cos(angles), np.sin(angles)], axis=1)
fig, axes = figures.figure(1, 3, height=2.5, sharey=True)
for k, ax in enumerate(axes):
    power = np.linalg.matrix_power(W, k)
    ax.plot(*(circle @ power).T, color="C4", linewidth=0.8)
    for row, color in zip(np.eye(2) @ power, ["C0", "C1"], strict=True):
        props = {"arrowstyle": "-|>", "color": color, "linewidth": 2, "shrinkA": 0, "shrinkB": 0}
        ax.annotate("", row, (0, 0), arrowprops=props)
        x, y = row * (1 + 0.12 / np.linalg.norm(row))
        side = ("left", "center") if y == 0 else ("center", "bottom")
        ax.text(x, y, f"{np.linalg.norm(row):g}", color=color, ha=side[0], va=side[1])
    ax.set(title=["at first", "after 1 step", "after 2 steps"][k], aspect="equal")
    ax.set(xlim=(-1.4, 1.5), ylim=(-2.2, 2.5))
    ax.axis("off")
fig

# %% [markdown]
# ## Sweep


# %%
def orthogonal(rng):
    return weights.orthogonal(H, rng=rng)


def gaussian(rng):
    W_h = rng.normal(size=(H, H))
    return W_h / np.linalg.norm(W_h, 2)


def run(seed, draw, scale, inputs=1.0):
    rng = np.random.default_rng(seed)
    params = rnn.init(I, H, rng=rng)._replace(W_h=scale * draw(rng))
    xs = inputs * rng.normal(size=(T, 1, I))
    _, _, tape = unroll.forward(rnn, params, xs)
    return probe.jacobian_products(rnn, params, tape)[::-1, 0]


def norms(seed, draw, sigma):
    return np.linalg.norm(run(seed, draw, sigma), 2, axis=(1, 2))


fig, axes = figures.figure(1, 2, height=3.2, sharey=True)
distances, sigmas = np.arange(T + 1), (0.8, 1.5, 3.0)
kinds = {"all rows stretched alike": orthogonal, "some more, some less": gaussian}
for ax, (title, draw) in zip(axes, kinds.items(), strict=True):
    draws = [[norms(seed, draw, sigma) for seed in range(50)] for sigma in sigmas]
    figures.plot_bands(distances, draws, [rf"$\sigma = {s:g}$" for s in sigmas], ax=ax)
    for sigma, line in zip(sigmas, ax.get_lines(), strict=True):
        style = {"color": line.get_color(), "linewidth": 0.7}
        ax.plot(distances, sigma**distances, label=rf"_bound for $\sigma = {sigma:g}$", **style)
    ax.set(title=title, xlabel="number of factors $k$", ylim=(1e-22, 1e22))
axes[0].set(ylabel="norm of the product")
axes[1].get_legend().remove()
fig

# %%
figures.data(fig)

# %%
figures.touchable(
    "steps",
    "Try other weights and inputs",
    sliders={"sigma": [0.5, 3, 0.1, 1.5], "size": [0, 3, 0.1, 1]},
    lines=["tanh", "bound"],
    decades=20,
)

# %% [markdown]
# ## Powers


# %%
def powers(seed, rho):
    W_h = gaussian(np.random.default_rng(seed))
    W_h *= rho / probe.spectral_radius(W_h)
    norms = [np.linalg.norm(np.linalg.matrix_power(W_h, k), 2) for k in steps]
    return norms, np.linalg.norm(W_h, 2)


steps = np.arange(41)
drawn, stretches = zip(*(powers(seed, 0.9) for seed in range(50)), strict=True)
fig, ax = figures.figure(height=2.8)
figures.plot_bands(steps, [np.array(drawn)], [r"$\Vert W_h^k \Vert$"], ax=ax)
ax.plot(steps, 0.9**steps, "C1--", label=r"$\rho^k$")
ax.plot(steps[:6], np.median(stretches) ** steps[:6], "C2:", label=r"$\sigma^k$, median $\sigma$")
ax.legend()
ax.set(xlabel="number of factors $k$", ylabel="norm")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Inputs


# %%
def to_radius(rng):
    W_h = gaussian(rng)
    return W_h / probe.spectral_radius(W_h)


def factor(seed, rho, inputs):
    return np.linalg.norm(run(seed, to_radius, rho, inputs)[-1], 2) ** (1 / T)


radii = np.array([0.5, 1.0, 1.5, 2.0, 3.0])
sizes = [0.01, 1.0, 3.0]
draws = [[[factor(seed, rho, size) for rho in radii] for seed in range(50)] for size in sizes]
fig, ax = figures.figure(height=3.0)
ax.plot(radii, radii, "C4", linewidth=0.8, label="linear limit")
figures.plot_bands(radii, draws, [f"inputs {size:g}" for size in sizes], ax=ax)
ax.axhline(1, color="C4", linestyle=":", linewidth=0.8)
ax.set_yscale("linear")
ax.set(xlabel=r"spectral radius $\rho$ of $W_h$", ylabel="factor per step", ylim=(0, 2))
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Notebook


# %%
def in_the_notebook(seed, steps, radius=None, last_only=False):
    rng = np.random.default_rng(seed)
    scale = np.sqrt(2 / (10 + 20))
    W_x, W_h = (rng.normal(scale=scale, size=(rows, 20)) for rows in (10, 20))
    if radius is not None:
        W_h *= radius / probe.spectral_radius(W_h)
    params = rnn.Params(W_x, W_h, b=np.zeros(20))
    xs = 0.1 * rng.normal(size=(steps, 1, 10))
    _, _, tape = unroll.forward(rnn, params, xs)
    g = np.full((steps, 1, 20), 0.1)
    if last_only:
        g[:-1] = 0
    passed = unroll.backward_steps(rnn, params, tape, g)
    back = [dstate.h for _, _, dstate in passed][::-1]
    return np.linalg.norm(back, axis=(1, 2))


fig, (above, below) = figures.figure(2, 1, height=5.6)
fig.get_layout_engine().set(hspace=0.08)  # a title stands off the label above it
for steps, style in zip([10, 25, 50, 100], ["-", "--", ":", "-."], strict=True):
    curves = np.array([in_the_notebook(seed, steps) for seed in range(50)])
    assert (curves[:, 0] > curves[:, -1]).all()  # what the caption says
    curves /= curves.max(axis=1, keepdims=True)
    low, median, high = np.quantile(curves, [0.25, 0.5, 0.75], axis=0)
    above.fill_between(np.arange(steps), low, high, alpha=0.2, linewidth=0)
    above.plot(np.arange(steps), median, style, label=f"length {steps}")
above.set(yscale="log", title="as in the notebook", xlabel="state $h_t$, by step $t$")
above.set(ylabel="norm / largest norm", ylim=(0.015, 1.2))
above.legend(ncols=2, loc="lower left")

draws = [
    np.array([in_the_notebook(seed, 50, radius, last_only=True) for seed in range(50)])[:, ::-1]
    for radius in (None, 0.9)
]
figures.plot_bands(np.arange(1, 51), draws, ["as drawn", r"$\rho = 0.9$"], ax=below)
below.set(title="one loss, at the last step", xlabel="distance to the loss")
below.set(ylabel="norm of $dh_t$")
fig

# %%
figures.data(fig)
