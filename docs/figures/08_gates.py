# %% [markdown]
# # Figures of chapter 8: Reading a trained cell
#
# The code behind the figures of [Reading a trained cell](../chapters/08-read-a-cell.md) and of its
# record, run when the site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np

from bptt import experiments, figures, lstm, model, probe, tasks, tree, unroll
from bptt.figures.canvas import GATES


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
#
# The network of the lesson is that of seed 2: of the counters that count upwards, the one that
# follows the depth most closely.

# %%
params, j = trained[2], counters[2]
upwards = [
    r.max()
    for r, c in zip(found, of_trained, strict=True)
    if correlation(flat(c), depth.ravel())[r.argmax()] > 0
]
assert found[2][j] == max(upwards)
slope, start = np.polyfit(depth.ravel(), of_trained[2][..., j].ravel(), 1)


def drawn_string(T, seed):
    return tasks.Brackets(T).draw(1, rng=np.random.default_rng(seed)).xs


def write_below(ax, xs):
    """Write the symbols of a string along an axis."""
    labels = ["()."[symbol] for symbol in xs[:, 0].argmax(axis=1)]
    ax.set_xticks(np.arange(1, len(xs) + 1), labels)
    ax.tick_params(axis="x", length=0)


T = 28
text = drawn_string(T, 28)
steps = np.arange(1, T + 1)
c = series(params, text)["c"][:, 0, j]
assert (np.abs((c - start) / slope - depths(text)[:, 0]) < 0.5).all()

fig, axes = figures.figure(2, 1, height=3.5, sharex=True)
axes[0].tick_params(axis="x", length=0)
axes[0].step(steps, depths(text)[:, 0], where="mid", color="C0")
axes[0].set(ylabel="depth", yticks=range(5), title="open brackets, never shown to the network")
axes[1].step(steps, c, where="mid", color="C1")
axes[1].set(ylabel=f"cell of unit {j + 1}", title="what one unit of the network holds")
axes[1].set(xlabel="what is read at each step")
write_below(axes[1], text)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Gates

# %%
seed, T = 0, 32
text = drawn_string(T, 25)
steps = np.arange(1, T + 1)
ran = series(trained[seed], text)
unit = counters[seed]
line = np.polyfit(of_trained[seed][..., unit].ravel(), depth.ravel(), 1)

fig, axes = figures.figure(3, 1, height=5.2, sharex=True, height_ratios=[1.5, 1, 1])
on_scale = np.polyval(line, ran["c"][:, 0])
assert (np.abs(on_scale[:, unit] - depths(text)[:, 0]) < 0.5).all()
axes[0].plot(steps, np.delete(on_scale, unit, axis=1), color="C4", linewidth=0.7, alpha=0.7)
axes[0].step(steps, depths(text)[:, 0], where="mid", color="C0", label="depth")
axes[0].plot(steps, on_scale[:, unit], "o-", color="C1", markersize=3, label=f"unit {unit + 1}")
axes[0].plot([], [], color="C4", linewidth=0.7, label="other units")
axes[0].legend(ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1))
axes[0].set(ylabel="brackets", ylim=(-4, 9), yticks=[-2, 0, 2, 4, 6, 8])
for ax, name, title in [(axes[1], "i", "input gate $i_t$"), (axes[2], "f", "forget gate $f_t$")]:
    figures.plot_gates(ran[name][:, 0], ax=ax)
    ax.set(xlabel="", yticks=[unit + 1])
    ax.set_title(title, color=GATES[name])
axes[2].set(xlabel="what is read at each step")
write_below(axes[2], text)
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Unrelated
#
# Neither line is a counter of the depth that is drawn: one network was never trained, the other
# read another string. A quarter of such cases comes close or looks better.

# %%
fig, axes = figures.figure(2, 1, height=3.9, sharex=True)
cases = [
    (of_drawn[1][:, 12], depth[:, 12], "an untrained network"),
    (of_trained[2][:, 0], depth[:, 54], "a trained network, another string's depth"),
]
for ax, (states, wanted, title) in zip(axes, cases, strict=True):
    best = np.abs(correlation(states, wanted)).argmax()
    line = np.polyfit(states[:, best], wanted, 1)
    r = strongest(states, wanted)
    ax.step(range(1, 51), wanted, where="mid", color="C0", label="depth")
    ax.plot(range(1, 51), np.polyval(line, states[:, best]), color="C1", label="best unit of eight")
    ax.set(title=f"{title}: |correlation| {r:.2f}", ylabel="brackets")
axes[0].legend(ncols=2, loc="lower center", bbox_to_anchor=(0.5, 1.1))
axes[1].set(xlabel="step $t$")
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
# ## Pushed

# %%
read_here = "((.)(.(..).)(.)..).()."
text = np.eye(3)[["().".index(symbol) for symbol in read_here]][:, None]
pushed_at, steps = 8, np.arange(1, len(text) + 1)


def read(size):
    """Read a string; after step 8 add so many brackets to the counter."""
    hs, state, tape = unroll.forward(lstm, params.cell, text[:pushed_at])
    state = state._replace(c=state.c + size * slope * (np.arange(8) == j))
    hs_after, _, tape_after = unroll.forward(lstm, params.cell, text[pushed_at:], state)
    c = np.concatenate([probe.series(part)["c"] for part in (tape, tape_after)])[:, 0, j]
    scores = np.concatenate([hs, hs_after])[:, 0] @ params.W_y + params.b_y
    return (c - start) / slope, scores.argmax(axis=1) == 1


said = {size: read(size)[1] for size in (0, -1)}
at = depths(text)[:, 0]
assert np.array_equal(said[0], at == 0)
assert np.array_equal(said[-1][:19], (at <= 1)[:19] & (steps[:19] > pushed_at))
assert np.array_equal(said[-1][19:], said[0][19:])  # the count of -1 is forgotten

fig, axes = figures.figure(2, 1, height=3.4, sharex=True, height_ratios=[3, 1])
for y, (size, color, label) in enumerate([(0, "C0", "untouched"), (-1, "C1", "pushed")]):
    brackets, closed = read(size)
    axes[0].step(steps, brackets, where="mid", color=color, label=label)
    axes[1].plot(steps[closed], np.full(closed.sum(), y), "o", color=color, markersize=5)
axes[0].tick_params(axis="x", length=0)
axes[0].axvline(pushed_at + 0.5, color="C4", linewidth=0.8, linestyle=":")
axes[0].set(ylabel="counter, in brackets")
axes[0].legend(loc="best")
axes[1].set(ylim=(1.6, -0.6), yticks=[0, 1], title="the network says “closed”")
axes[1].set_yticklabels(["untouched", "pushed"])
axes[1].set(xlabel="what is read at each step")
write_below(axes[1], text)
fig

# %%
figures.data(fig)

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
