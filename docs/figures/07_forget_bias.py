# %% [markdown]
# # Figures of chapter 7: The forget bias
#
# The code behind the figures of [The forget bias](../chapters/07-set-the-forget-bias.md), run when
# the site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import experiments, figures, lstm, rnn, tasks, unroll, weights
from bptt.ops import sigmoid

# %% [markdown]
# ## Decay
#
# A cell that only forgets keeps the share $\sigma(b)$ at each step. Half is left where
# $\sigma(b)^k$ crosses one half.

# %%
biases = np.array([0.0, 1.0, 3.0, 5.0])
half_lives = np.log(2) / np.log1p(np.exp(-biases))
k = np.geomspace(1, 1000, 61)

fig, ax = figures.figure(height=2.9)
ax.axhline(0.5, color="0.5", linewidth=0.7, label="_half")
for b, style in zip(biases, ["-", "--", ":", "-."], strict=True):
    ax.plot(k, sigmoid(b) ** k, style, label=f"bias {b:g}")
for j, (steps, line) in enumerate(zip(half_lives, ax.get_lines()[1:], strict=True)):
    dot = ax.scatter(steps, 0.5, s=36, color=line.get_color(), zorder=3, clip_on=False)
    dot.set_label(f"_half-life, bias {biases[j]:g}")
    word = f"{steps:.0f} steps" if j == 3 else f"{steps:.0f}" if j == 2 else f"{steps:.1f}"
    ax.annotate(word, (steps, 0.5), xytext=(6, 4), textcoords="offset points")
ax.set(xscale="log", xlim=(1, 1000), ylim=(0, 1.02), yticks=[0, 0.5, 1])
ax.set_xticks([1, 10, 100, 1000], ["1", "10", "100", "1000"])
ax.set(xlabel="steps $k$", ylabel="share still held")
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=4)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Half-lives
#
# Sixteen units for each start.

# %%
T, units = 100, 16
drawn = weights.chrono(units, T, rng=np.random.default_rng(0))
first_biases = {"bias 1": np.ones(units), "bias 3": np.full(units, 3.0), "chrono": drawn}

fig, ax = figures.figure(height=1.8)
for row, (name, b) in enumerate(first_biases.items()):
    at = np.log(2) / np.log1p(np.exp(-b))
    color = ["C1", "C2", "C4"][row]  # of the biases, as above
    ax.scatter(at, np.full(units, row), s=36, alpha=0.6, color=color, label=f"_{name}")
ax.set(xscale="log", xlim=(1, 100), ylim=(2.5, -0.5))
ax.set_xticks([1, 10, 100], ["1", "10", "100"])
ax.set_yticks(range(3), first_biases)
ax.tick_params(axis="y", length=0)
ax.spines.left.set_visible(False)
ax.set(xlabel="half-life in steps")
fig

# %%
figures.table(
    f"Half-life of each unit in steps, from the shortest; chrono for T = {T}",
    {"unit": np.arange(1, units + 1)}
    | {name: np.sort(np.log(2) / np.log1p(np.exp(-b))) for name, b in first_biases.items()},
)

# %% [markdown]
# ## Paths
#
# The networks of the chapter, with the same seeds.

# %%
STARTS = ["tanh", "lstm, bias 0", "lstm, bias 1", "lstm, bias 3", "lstm, chrono"]


def start(name, I, H, *, rng, longest=101):
    if name == "tanh":
        return rnn, rnn.init(I, H, rng=rng)
    params = lstm.init(I, H, rng=rng, forget_bias=0.0)
    b = np.split(params.b, 4)
    if name == "lstm, chrono":
        b[1] = weights.chrono(H, longest, rng=rng)
        b[0] = -b[1]
    else:
        b[1] = b[1] + float(name.removeprefix("lstm, bias "))
    return lstm, params._replace(b=np.concatenate(b))


def forwards(cell, params, xs, g):
    hs, _, tape = unroll.forward(cell, params, xs)
    at_last = np.zeros_like(hs)
    at_last[-1] = g
    return cell, params, tape, at_last


def walk(*run):
    steps = list(unroll.backward_steps(*run))
    dxs = [np.linalg.norm(dx) for _, dx, _ in steps]
    dcs = [np.linalg.norm(dstate[-1]) for _, _, dstate in steps]
    return dxs, dcs


def normal_run(name, seed, T=101, I=10, H=20):
    rng = np.random.default_rng(seed)
    xs, g = rng.normal(size=(T, 1, I)), rng.normal(size=(1, H))
    return forwards(*start(name, I, H, rng=rng), xs, g)


def cell_only(cell, params, *rest):
    return cell, params._replace(W_h=np.zeros_like(params.W_h)), *rest


def relative(norms):
    return norms / norms[..., :1]


all_paths, cell_path = {}, {}
for name in STARTS:
    runs = [normal_run(name, seed) for seed in range(50)]
    all_paths[name] = np.array([walk(*run) for run in runs])
    if "bias" in name:
        cell_path[name] = np.array([walk(*cell_only(*run)) for run in runs])
distance = np.arange(0, 101, 5)

fig, axes = figures.figure(1, 3, height=2.7)
for b, ax in zip([0, 1, 3], axes, strict=True):
    name = f"lstm, bias {b}"
    figures.plot_bands(
        distance,
        [relative(all_paths[name][:, 1])[..., ::5], relative(cell_path[name][:, 1])[..., ::5]],
        ["all paths", "cell path"],
        ax=ax,
    )
    ax.plot(distance, sigmoid(np.float64(b)) ** distance, ":", color="C4", label=r"$\sigma(b)^k$")
    ax.get_legend().remove()
    ax.set(title=f"forget bias {b}", xticks=[0, 50, 100])
axes[0].set(ylabel=r"$\Vert dc_{T-1-k} \Vert \;/\; \Vert dc_{T-1} \Vert$")
axes[1].set(xlabel="distance $k$ in steps")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Distance


# %%
def latch_run(name, seed, T=101, H=16):
    rng = np.random.default_rng(seed)
    xs, g = tasks.Latch(T).draw(1, rng=rng).xs, rng.normal(size=(1, H))
    return forwards(*start(name, 1, H, rng=rng), xs, g)


on_latch = {name: np.array([walk(*latch_run(name, seed)) for seed in range(20)]) for name in STARTS}

fig, axes = figures.figure(1, 2, height=3.1)
for ax, draws in zip(axes, [all_paths, on_latch], strict=True):
    lines = [relative(draws[name][:, 0])[..., ::5] for name in STARTS]
    figures.plot_bands(distance, lines, STARTS, ax=ax)
    ax.get_legend().remove()
    ax.set(xlabel="distance $k$ in steps")
axes[0].set(
    title="10 normal inputs, 20 units", ylabel=r"$\Vert dx_{T-k} \Vert \;/\; \Vert dx_T \Vert$"
)
axes[1].set(title="latch, 16 units")
fig.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=3)
fig

# %%
figures.data(fig)

# %%
figures.touchable(
    "steps",
    "Try other biases and inputs",
    sliders={"sigma": [0.5, 2, 0.1, 1], "size": [0, 3, 0.1, 1], "bias": [0, 6, 0.5, 0]},
    lines=["tanh", "lstm", "bound", "alone"],
    decades=12,
)

# %% [markdown]
# ## Success

# %%
result = experiments.load("latch")
lengths, seeds = result.settings["lengths"], result.settings["seeds"]


def on_test_seeds(name, start, T):
    return np.concatenate([result.scores(name, start=start, T=T, seed=seed) for seed in seeds])


counts = np.array(
    [[(on_test_seeds("accuracy", start, T) > 0.995).sum() for T in lengths] for start in STARTS]
)

fig, ax = figures.figure(height=2.6)
image = ax.imshow(counts, cmap="viridis", vmin=0, vmax=10, aspect="auto")
for (row, column), count in np.ndenumerate(counts):
    ink = "black" if count > 5 else "white"
    ax.text(column, row, count, ha="center", va="center", color=ink, fontsize="large")
ax.set_xticks(range(len(lengths)), [f"$T = {T}$" for T in lengths])
ax.set_yticks(range(len(STARTS)), STARTS)
ax.tick_params(length=0)
ax.spines[:].set_visible(False)
fig.colorbar(image, ax=ax, label="bit held, of 10 runs")
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Learning curves

# %%
step = (np.arange(20) + 0.5) * result.settings["steps"] / 20
fig, axes = figures.figure(len(STARTS), len(lengths), height=5.6, sharex=True, sharey=True)
for row, name in enumerate(STARTS):
    for T, ax in zip(lengths, axes[row], strict=True):
        ax.axhline(tasks.Latch.null_loss, color="0.5", linewidth=0.7)
        ax.plot(step, on_test_seeds("losses", name, T).T, color=f"C{row}", linewidth=0.9)
        ax.set(ylim=(-0.05, 1.05), xticks=[0, 200, 400])
    axes[row, 0].set(ylabel=name.replace(", ", ",\n"))
for T, ax in zip(lengths, axes[0], strict=True):
    ax.set(title=f"$T = {T}$")
fig.supxlabel("training step", fontsize="medium")
fig.supylabel("loss in nats", fontsize="medium")
fig

# %%
shown = [0, 4, 9, 14, 19]
rows = {(name, T): on_test_seeds("losses", name, T)[:, shown] for name in STARTS for T in lengths}
figures.table(
    f"Loss in nats, median of ten seeds. Chance is {tasks.Latch.null_loss:.3f}",
    {"start": [name for name, _ in rows], "$T$": [T for _, T in rows]}
    | {
        f"step {step[j]:g}": [np.median(losses[:, n]) for losses in rows.values()]
        for n, j in enumerate(shown)
    },
)

# %% [markdown]
# ## Writer
#
# The cells of the writer, from the five starts of each chapter, computed with the library.

# %%
letters_in = "the cat, which ate the fish, sat on the mat. "
letters = sorted(set(letters_in))
K, H = len(letters), 32
one_hot = dict(zip(letters, np.eye(K), strict=True))


def tanh_writer(rng, scale):
    W_x, W_h, W_y = (rng.normal(size=size) for size in [(K, H), (H, H), (H, K)])
    return rnn, rnn.Params(W_x, W_h * scale / np.sqrt(H), np.zeros(H)), W_y / np.sqrt(H)


def lstm_writer(rng, forget_bias):
    W_x, W_h, W_y = (rng.normal(size=size) for size in [(4, K, H), (4, H, H), (H, K)])
    b = np.zeros((4, H))
    b[1] = forget_bias
    W_x, W_h = np.hstack(W_x), np.hstack(W_h * 1.5 / np.sqrt(H))
    return lstm, lstm.Params(W_x, W_h, b.ravel()), W_y / np.sqrt(H)


def arrives(cell, params, W_y, k):
    """Return the length of the gradient before the letter that is asked for after k more."""
    sentences = [first + (letters_in * 2)[:k] for first in "cfms"]
    xs = np.array([[one_hot[letter] for letter in now] for now in zip(*sentences, strict=True)])
    hs, _, tape = unroll.forward(cell, params, xs)
    p = np.exp(hs[-1] @ W_y)
    dhs = np.zeros_like(hs)
    dhs[-1] = (p / p.sum(axis=1, keepdims=True) - xs[0]) / 4 @ W_y.T
    _, _, dstate = unroll.backward(cell, params, tape, dhs)
    return np.linalg.norm(np.stack(dstate))


WRITERS = {  # and how many of the five starts learn 20 and 50 letters, on the pages
    "tanh, scale 1": (tanh_writer, 1.0, {20: 1, 50: 0}),
    "tanh, scale 1.5": (tanh_writer, 1.5, {20: 5, 50: 0}),
    "LSTM, bias 0": (lstm_writer, 0.0, {20: 3, 50: 0}),
    "LSTM, bias 3": (lstm_writer, 3.0, {20: 5, 50: 5}),
}
distances = np.arange(5, 51, 5)

fig, ax = figures.figure(height=3.6)
beside = [(-6, -4, "right"), (-4, -14, "right"), (6, 3, "left"), (-2, 7, "left")]
styles = ["-", "--", ":", "-."]
for (name, (writer, setting, learned)), style, (dx, dy, ha) in zip(
    WRITERS.items(), styles, beside, strict=True
):
    starts = [writer(np.random.default_rng(seed), setting) for seed in range(5)]
    median = [np.median([arrives(*start, k) for start in starts]) for k in distances]
    (drawn_line,) = ax.plot(distances, median, style, label=name)
    for at, count in learned.items():
        y = median[list(distances).index(at)]
        ax.plot([at], [y], "o", color=drawn_line.get_color(), label=f"_{name}, {count} of 5")
        place = {"xytext": (7, 0), "va": "center"} if at == 50 else {"xytext": (dx, dy), "ha": ha}
        ax.annotate(f"{count} of 5", (at, y), textcoords="offset points", **place)
ax.set(yscale="log", xlim=(4, 58), ylim=(1e-12, 300), xticks=[10, 20, 30, 40, 50])
ax.set_yticks([1e-12, 1e-9, 1e-6, 1e-3, 1])
ax.set(xlabel="letters $k$ between the first letter and the question", ylabel="gradient")
fig.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=2)
fig

# %%
figures.data(fig)
