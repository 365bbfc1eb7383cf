# %% [markdown]
# # Figures of chapter 8: Reading a trained cell
#
# The code behind the figures of [Reading a trained cell](../chapters/08-read-a-cell.md), run when
# the site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import experiments, figures, lstm, model, probe, tasks, tree, unroll


# %%
def untrained(seed):
    return model.init(lstm, 3, 8, 2, rng=np.random.default_rng(seed))


def depths(xs):
    return np.cumsum(xs @ [1, -1, 0], axis=0)


def series(params, xs):
    _, _, tape = unroll.forward(lstm, params.cell, xs)
    return probe.series(tape)


def correlation(c, depth):
    c = c - c.mean(axis=0)
    depth = (depth - depth.mean(axis=0))[..., None]
    return (c * depth).sum(axis=0) / np.sqrt((c**2).sum(axis=0) * (depth**2).sum(axis=0))


def strongest(c, depth):
    return np.abs(correlation(c, depth)).max(axis=-1)


def flat(c):
    return c.reshape(-1, c.shape[-1])


_, unravel = tree.ravel(untrained(0))
trained = [unravel(weights) for weights in experiments.load("brackets").scores("weights")]
drawn = [untrained(seed) for seed in range(100, 150)]

# The strings of the chapter.
task = tasks.Brackets(T=50, max_depth=8)
strings = task.draw(100, rng=np.random.default_rng(1))
depth = depths(strings.xs)
of_trained = [series(params, strings.xs)["c"] for params in trained]
of_drawn = [series(params, strings.xs)["c"] for params in drawn]
found = [np.abs(correlation(flat(c), depth.ravel())) for c in of_trained]
counters = [r.argmax() for r in found]

# %% [markdown]
# ## Counter

# %%
seed, T = 0, 32
j = counters[seed]
text = tasks.Brackets(T).draw(1, rng=np.random.default_rng(25)).xs
ran = series(trained[seed], text)
line = np.polyfit(of_trained[seed][..., j].ravel(), depth.ravel(), 1)
steps = np.arange(1, T + 1)

fig, axes = figures.figure(3, 1, height=5.2, sharex=True, height_ratios=[1.5, 1, 1])
on_scale = np.polyval(line, ran["c"][:, 0])
assert (np.abs(on_scale[:, j] - depths(text)[:, 0]) < 0.5).all()
axes[0].plot(steps, np.delete(on_scale, j, axis=1), color="C4", linewidth=0.7, alpha=0.7)
axes[0].step(steps, depths(text)[:, 0], where="mid", color="C0", label="depth")
axes[0].plot(steps, on_scale[:, j], "o-", color="C1", markersize=3, label=f"unit {j + 1}")
axes[0].plot([], [], color="C4", linewidth=0.7, label="other units")
axes[0].legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
axes[0].set(ylabel="brackets", ylim=(-4, 9), yticks=[-2, 0, 2, 4, 6, 8])
for ax, name, title in [(axes[1], "i", "input gate $i_t$"), (axes[2], "f", "forget gate $f_t$")]:
    figures.plot_gates(ran[name][:, 0], ax=ax)
    ax.set(title=title, xlabel="", yticks=[j + 1])
axes[2].set(xlabel="what is read at each step")
axes[2].set_xticks(steps, ["()."[symbol] for symbol in text[:, 0].argmax(axis=1)])
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Nulls

# %%
late = np.roll(depth, 1, axis=0)
one_string = {
    "trained": [strongest(c, depth) for c in of_trained],
    "one step late": [strongest(c, late) for c in of_trained],
    "untrained": [strongest(c, depth) for c in of_drawn],
    "other strings": [
        strongest(c, np.roll(depth, k, axis=1)) for c in of_trained for k in range(1, 100)
    ],
}
shuffler = np.random.default_rng(2)
one_string["shuffled in time"] = [
    strongest(c, shuffler.permuted(depth, axis=0)) for c in of_trained for _ in range(10)
]
pooled = {
    "trained": [strongest(flat(c), depth.ravel()) for c in of_trained],
    "one step late": [strongest(flat(c), late.ravel()) for c in of_trained],
    "untrained": [strongest(flat(c), depth.ravel()) for c in of_drawn],
    "other strings": [
        strongest(flat(c), np.roll(depth, k, axis=1).ravel())
        for c in of_trained
        for k in range(1, 100)
    ],
}
nulls = [r for name, values in pooled.items() if name != "trained" for r in values]
assert max(nulls) == max(pooled["one step late"]) < min(pooled["trained"])

QUANTILES = [0.05, 0.25, 0.5, 0.75, 0.95]
fig, axes = figures.figure(2, 1, height=3.9, sharex=True, height_ratios=[5, 4])
for ax, rows in zip(axes, [one_string, pooled], strict=True):
    for y, (name, values) in enumerate(rows.items()):
        low, left, middle, right, high = np.quantile(values, QUANTILES)
        color = {"trained": "C1", "shuffled in time": "C4"}.get(name, "C0")
        ax.plot([low, high], [y, y], color=color, linewidth=1)
        ax.plot([left, right], [y, y], color=color, linewidth=7, solid_capstyle="butt")
        ax.plot([middle], [y], "|", color=color, markersize=14)
    ax.set(xlim=(0, 1.02), ylim=(len(rows) - 0.5, -0.5), yticks=range(len(rows)))
    ax.set_yticklabels(rows)
axes[0].set_title("one string of 50 steps")
axes[1].set_title("100 strings together")
axes[1].set_xlabel("largest |correlation| of a unit with the depth")
fig

# %%
samples = {f"{name}, one string": values for name, values in one_string.items()}
samples |= {f"{name}, 100 strings": values for name, values in pooled.items()}
shares = dict(zip(["5%", "25%", "median", "75%", "95%"], QUANTILES, strict=True))
figures.table(
    "Quantiles of the largest |correlation| of a unit with the depth",
    {"networks": list(samples)}
    | {name: [np.quantile(v, q) for v in samples.values()] for name, q in shares.items()},
)

# %% [markdown]
# ## Push

# %%
cut = 25
many = task.draw(2000, rng=np.random.default_rng(3)).xs
lowest = depths(many)[cut:].min(axis=0)
chosen = many[:, (depths(many)[cut - 1] >= 1) & (lowest == 1)][:, :60]
at_one = depths(chosen)[cut:] == 1


def fooled(params, pushes):
    _, (h, c), _ = unroll.forward(lstm, params.cell, chosen[:cut])
    N, B = len(pushes), len(h)
    state = lstm.State(np.tile(h, (N, 1)), (c + pushes[:, None]).reshape(N * B, 8))
    rest = np.tile(chosen[cut:], (1, N, 1))
    hs, _, _ = unroll.forward(lstm, params.cell, rest, state)
    closed = (hs @ params.W_y + params.b_y).argmax(axis=-1).reshape(-1, N, B)
    return np.array([closed[:, n][at_one].mean() for n in range(N)])


slopes = [np.polyfit(depth.ravel(), flat(c), 1)[0] for c in of_trained]
shares = [fooled(params, -np.diag(slope)) for params, slope in zip(trained, slopes, strict=True)]

fig, ax = figures.figure(height=2.8)
is_counter = np.array([np.arange(8) == j for j in counters]).ravel()
x, y = 1 - np.ravel(found), np.ravel(shares)
assert (y[x > 0.01] < 0.06).all()
ax.plot(x[~is_counter], y[~is_counter], "o", color="C0", markersize=4, alpha=0.7, label="other")
ax.plot(x[is_counter], y[is_counter], "D", color="C1", markersize=5, label="counter")
ax.set(xscale="log", xlim=(1.2, 6e-4), ylabel="answers changed")  # from 0 on the left towards 1
ax.set_xticks([1, 0.5, 0.1, 0.01, 0.001], ["0", "0.5", "0.9", "0.99", "0.999"])
ax.minorticks_off()
ax.set(xlabel="|correlation| of the unit with the depth")
ax.legend(loc="upper left")
fig

# %%
above = np.flatnonzero(x < 0.01)
above = above[np.argsort(x[above])]
figures.table(
    f"The {len(above)} units above 0.99. Of the other {sum(x >= 0.01)}, none changes 0.06 or more",
    {
        "seed": above // 8,
        "unit": above % 8 + 1,
        "counter": ["yes" if is_counter[n] else "no" for n in above],
        "|correlation|": [f"{1 - x[n]:.4f}" for n in above],
        "answers changed": y[above],
    },
)

# %% [markdown]
# ## Saliency

# %%
end = task.draw(1000, rng=np.random.default_rng(5))
ending = end.xs[:, end.targets[-1] == 1][:, :25]
T, B, _ = ending.shape
filler = np.array([0.0, 0, 1])
edited = np.repeat(ending[:, None], T, axis=1)
edited[np.arange(T), np.arange(T)] = filler
closing = ending[..., 1] == 1
# The steps at depth 0 from each one to the last but one.
later = np.cumsum((depths(ending) == 0)[::-1], axis=0)[::-1] - 1


def margin(params, xs):
    scores = model.logits(lstm, params, xs)[-1]
    return scores[:, 1] - scores[:, 0]


def by_visits(params):
    hs, _, tape = unroll.forward(lstm, params.cell, ending)
    dhs = np.zeros_like(hs)
    dhs[-1] = params.W_y[:, 1] - params.W_y[:, 0]
    _, dxs, _ = unroll.backward(lstm, params.cell, tape, dhs)
    effect = margin(params, edited.reshape(T, T * B, 3)).reshape(T, B) - margin(params, ending)
    predicted = ((filler - ending) * dxs).sum(axis=-1)
    groups = [closing & (np.minimum(later, 8) == n) for n in range(9)]
    return [[np.median(values[group]) for group in groups] for values in (effect, predicted)]


effect, predicted = np.swapaxes([by_visits(params) for params in trained], 0, 1)
assert (np.abs(np.median(effect, axis=0) + 16) < 2).all()
assert (np.abs(np.median(predicted, axis=0)[[0, 2, 8]] - [-10, -6, 0]) < 0.5).all()
fig, ax = figures.figure(height=2.6)
for values, label, marker in [(effect, "effect", "o"), (predicted, "predicted", "s")]:
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75], axis=0)
    (drawn_line,) = ax.plot(median, marker=marker, markersize=4, label=label)
    ax.fill_between(range(9), low, high, color=drawn_line.get_color(), alpha=0.25, linewidth=0)
ax.set(xlabel="steps at depth 0 after the bracket", ylabel="change of the margin", ylim=(None, 1))
ax.set_xticks(range(9), [*"01234567", "8 or more"])
ax.legend(loc="center right")
fig

# %%
figures.data(fig)
