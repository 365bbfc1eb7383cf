# %% [markdown]
# # Figures of chapter 10: The library's LSTM
#
# The code behind the figures of
# [The library's LSTM is this code](../chapters/10-match-the-library.md), run when the site is
# built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
import numpy as np
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch, Rectangle

from bptt import figures, lstm, model, stack, tasks, unroll
from bptt.figures.canvas import GATES
from bptt.optim import Adam

# %% [markdown]
# ## Layout
#
# In words: one square is one number, for two inputs and three units. On the left stand the four
# arrays of torch, each twelve squares high: $W_{ih}$, two wide; $W_{hh}$, three wide; $b_{ih}$ and
# $b_{hh}$, one wide. From the top down each has a block of three rows for i, one for f, one for g
# and one for o. On the right stand our three arrays below each other, each twelve squares wide:
# $W_x$, two high; $W_h$, three high; b, one high. From the left to the right each has a block of
# three columns for i, f, g and o. One square is filled in $W_{ih}$, in row 4 and column 2, and in
# $W_x$, in row 2 and column 4. Two arrows lead from the left to the right: the matrices are
# transposed, the two biases are added.

# %%
I, H = 2, 3
fig, ax = figures.figure(height=3.0)


def blocks(x, y, size, name, *, down):
    """Four blocks of H rows of `size` numbers, or of H columns if they do not run down."""
    for j, gate in enumerate("ifgo"):
        width, height = (size, H) if down else (H, size)
        left, top = (x, y + j * H) if down else (x + j * H, y)
        colour = GATES[gate]
        ax.add_patch(
            Rectangle((left, top), width, height, facecolor=colour, alpha=0.3, linewidth=0)
        )
        for n in range(H):
            for m in range(size):
                corner = (left + m, top + n) if down else (left + n, top + m)
                ax.add_patch(
                    Rectangle(corner, 1, 1, facecolor="none", edgecolor=colour, linewidth=0.5)
                )
        ax.text(
            left + width / 2, top + height / 2, f"${gate}$", ha="center", va="center", color=colour
        )
    if down:
        ax.text(x + size / 2, y - 0.4, name, ha="center", va="bottom")
    else:
        ax.text(x - 0.4, y + size / 2, name, ha="right", va="center")


def arrow(start, end, **options):
    ax.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, **options))


def box(centre, text, colour, *, full=False):
    x, y = centre
    ax.add_patch(
        FancyBboxPatch(
            (x - 0.5, y - 0.35),
            1,
            0.7,
            "round,pad=0,rounding_size=0.12",
            facecolor=colour if full else "none",
            edgecolor=colour,
            alpha=0.45 if full else 1,
        )
    )
    ax.text(x, y, text, ha="center", va="center")


TOP = 0.5
blocks(0, TOP, I, "$W_{ih}$", down=True)
blocks(3.4, TOP, H, "$W_{hh}$", down=True)
blocks(8, TOP, 1, "$b_{ih}$", down=True)
blocks(10.6, TOP, 1, "$b_{hh}$", down=True)
X = 18
blocks(X, 1, I, "$W_x$", down=False)
blocks(X, 5, H, "$W_h$", down=False)
blocks(X, 10.5, 1, "$b$", down=False)
row, column = 3, 1  # the first unit's forget gate, from the second input
for corner in [(column, TOP + row), (X + row, 1 + column)]:
    ax.add_patch(Rectangle(corner, 1, 1, facecolor=GATES["f"], edgecolor=GATES["f"]))
arrow((13, 4), (15.6, 4), color="C4")
ax.text(14.3, 3.4, "transpose", ha="center", va="bottom")
arrow((13, 11), (15.6, 11), color="C4")
ax.text(14.3, 10.4, "add", ha="center", va="bottom")
ax.set(xlim=(-0.4, X + 4 * H + 0.3), ylim=(TOP + 4 * H + 0.3, -1.6), aspect="equal")
ax.axis("off")
fig

# %% [markdown]
# ## Two biases
#
# Adam over a pair of trees: the weights, whose `b` plays `bias_ih`, and `bias_hh`. On the record of
# the chapter torch does the same.

# %%
STEPS = 20
task = tasks.Latch(T=6)


def distances(seed, *, rate=1, two=False):
    """How far the sum of the biases is from its start, after each step."""
    rng = np.random.default_rng(seed)
    params = model.init(lstm, 1, 5, 2, rng=rng)
    b, b_hh = params.cell.b, np.zeros(20)
    adam = Adam(lr=0.01)
    state = adam.init((params, b_hh))
    for _ in range(STEPS):
        total = params.cell.b + b_hh
        here = params._replace(cell=params.cell._replace(b=total))
        _, grads = model.loss_and_grads(lstm, here, *task.draw(8, rng=rng))
        (params, new_b_hh), state = adam.update((params, b_hh), (grads, grads.cell.b), state)
        if two:
            b_hh = new_b_hh
        else:
            now = total + rate * (params.cell.b - total)
            params = params._replace(cell=params.cell._replace(b=now))
        yield np.linalg.norm(params.cell.b + b_hh - b)


def runs(**options):
    return np.array([list(distances(seed, **options)) for seed in range(10)])


two, one, doubled = runs(two=True), runs(), runs(rate=2)
assert np.allclose(doubled, two, rtol=1e-11, atol=0)
assert np.allclose(two[:, 0], 2 * one[:, 0], rtol=1e-11, atol=0)
assert (np.abs(np.median(two, axis=0) / np.median(one, axis=0) - 2) < 0.15).all()

fig, ax = figures.figure(height=2.6)
steps = np.arange(1, STEPS + 1)
figures.plot_bands(steps, [one, two], ["one bias", "two biases"], ax=ax)
ax.plot(steps, np.median(doubled, axis=0), "o", color="C2", label="one bias, twice the rate")
ax.set(yscale="linear", xlabel="step of training", ylabel="distance from the first $b$")
ax.set(ylim=(0, None), xticks=[1, 5, 10, 15, 20])
ax.legend()
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Stack
#
# In words: two rows of three boxes, a lower layer and an upper layer over three steps. An arrow
# leads from each box to the next in its row: the state. Thin arrows lead from the inputs up into
# the lower layer, and from the upper layer up to the outputs. The three arrows from the lower layer
# to the upper one are dashed: on them alone dropout acts.

# %%
fig, ax = figures.figure(height=3.3)
SHOWN, WIDTH, RISE = 3, 2.0, 1.45
for t in range(1, SHOWN + 1):
    x = WIDTH * t
    ax.text(x, 0, f"$x_{t}$", ha="center", va="center")
    for layer in (1, 2):
        y = RISE * layer
        box((x, y), f"$h_{t}^{{({layer})}}$", "C0")
        if t < SHOWN:
            arrow((x + 0.5, y), (x + WIDTH - 0.5, y), color="C0", linewidth=1.2)
    arrow((x, 0.25), (x, RISE - 0.35), color="C0")
    arrow((x, RISE + 0.35), (x, 2 * RISE - 0.35), color="C3", linewidth=1.8, linestyle="--")
    arrow((x, 2 * RISE + 0.35), (x, 3 * RISE - 0.3), color="C0")
    ax.text(x, 3 * RISE - 0.1, f"output {t}", ha="center", va="center")
ax.text(0.9, RISE, "lower\nlayer", ha="center", va="center")
ax.text(0.9, 2 * RISE, "upper\nlayer", ha="center", va="center")
ax.text(SHOWN * WIDTH + 0.15, 1.5 * RISE, "dropout", ha="left", va="center", color="C3")
ax.set(xlim=(0.3, SHOWN * WIDTH + 1.5), ylim=(-0.3, 3 * RISE + 0.2), aspect="equal")
ax.axis("off")
fig

# %% [markdown]
# ## Ends
#
# In words: three rows of four boxes. Below are the inputs 1, 2, 3 and 4. In the middle row the run
# forwards adds from the left: 1, 3, 6, 10. In the upper row the run backwards adds from the right:
# 10, 9, 7, 4. Filled are the last box of the run forwards, `h_n[0]`, and the first of the run
# backwards, `h_n[1]`. A dashed frame around the last column of both is `output[-1]`.

# %%
inputs = np.array([1, 2, 3, 4])
RISE = 1.15
right, left = np.cumsum(inputs), np.cumsum(inputs[::-1])[::-1]
fig, ax = figures.figure(height=2.1)
for t, x in enumerate(inputs):
    ax.text(WIDTH * t, 0, str(x), ha="center", va="center")
    box((WIDTH * t, RISE), str(right[t]), "C0", full=t == len(inputs) - 1)
    box((WIDTH * t, 2 * RISE), str(left[t]), "C2", full=t == 0)
for t in range(len(inputs) - 1):
    arrow((WIDTH * t + 0.5, RISE), (WIDTH * (t + 1) - 0.5, RISE), color="C0", linewidth=1.2)
    arrow((WIDTH * (t + 1) - 0.5, 2 * RISE), (WIDTH * t + 0.5, 2 * RISE), color="C2", linewidth=1.2)
last = WIDTH * (len(inputs) - 1)
ax.add_patch(
    Rectangle((last - 0.7, RISE - 0.5), 1.4, RISE + 1, fill=False, linestyle="--", edgecolor="C3")
)
ax.text(last, 2 * RISE + 0.75, "output[-1]", ha="center", va="center", color="C3")
ax.text(last + 0.85, RISE, "h_n[0]", ha="left", va="center")
ax.text(0, 2 * RISE + 0.6, "h_n[1]", ha="center", va="center")
for y, name in enumerate(("inputs", "forwards", "backwards")):
    ax.text(-0.8, y * RISE, name, ha="right", va="center")
ax.set(xlim=(-3.1, last + 2.5), ylim=(-0.4, 2 * RISE + 1), aspect="equal")
ax.axis("off")
fig

# %% [markdown]
# ## Mask
#
# In words: three rows of three squares, one row for each of the words cat, a and on. Each square
# that holds a letter is filled and has a 1 in its lower right corner. The squares after the end of
# a word are empty and have a 0; an arrow over them carries the state to the end of the row.

# %%
fig, ax = figures.figure(height=2.2)
words = ("cat", "a", "on")
for row, word in enumerate(words):
    for t in range(3):
        there = t < len(word)
        ax.add_patch(
            Rectangle(
                (1.6 * t, 1.2 * row),
                1.5,
                1,
                facecolor="C0" if there else "none",
                alpha=0.3 if there else 1,
                edgecolor="none" if there else "C4",
                linewidth=0.8,
            )
        )
        if there:
            ax.text(1.6 * t + 0.55, 1.2 * row + 0.5, word[t], ha="center", va="center")
        ax.text(
            1.6 * t + 1.42,
            1.2 * row + 0.94,
            str(int(there)),
            ha="right",
            va="bottom",
            fontsize="small",
        )
    end = 1.6 * len(word) - 0.1
    arrow((end, 1.2 * row + 0.5), (5.4, 1.2 * row + 0.5), color="C0", linewidth=1.2)
    ax.text(5.5, 1.2 * row + 0.5, f"state after \u201c{word}\u201d", ha="left", va="center")
ax.set(xlim=(-0.1, 8.8), ylim=(3.6, -0.5), aspect="equal")
for t in range(3):
    ax.text(1.6 * t + 0.75, -0.15, f"step {t + 1}", ha="center", va="bottom")
ax.axis("off")
fig

# %% [markdown]
# ## What each output has seen

# %%
T, B, I, H = 8, 1, 4, 5


def norms(seed):
    """The norm of the gradient of one reading at step t with respect to x_k, for both runs."""
    rng = np.random.default_rng(seed)
    params = stack.init(lstm, I, H, layers=1, bidirectional=True, rng=rng)
    hs, _, tape = stack.forward(lstm, params, rng.normal(size=(T, B, I)))
    result = np.empty((2, T, T))
    for direction in (0, 1):
        for t in range(T):
            dhs = np.zeros_like(hs)
            columns = slice(direction * H, (direction + 1) * H)
            dhs[t, 0, columns] = rng.normal(size=H)
            _, dxs, _ = stack.backward(lstm, params, tape, dhs)
            result[direction, t] = np.linalg.norm(dxs[:, 0], axis=-1)
    return result


forwards, backwards = np.median([norms(seed) for seed in range(50)], axis=0)
assert np.array_equal(forwards > 0, np.tri(T))
assert np.array_equal(backwards > 0, np.tri(T).T)
for seen in (forwards, backwards):
    assert np.array_equal(seen.argmax(axis=1), np.arange(T))  # brightest on the diagonal

fig, axes = figures.figure(1, 2, height=2.6, sharey=True)
reached = np.log10([*forwards[forwards > 0], *backwards[backwards > 0]])
for ax, seen, title in zip(axes, [forwards, backwards], ["forwards", "backwards"], strict=True):
    figures.plot_terms(seen, ax=ax)
    ax.set(title=f"run {title}", xlabel="input at step $k$", ylabel="")
    ax.get_images()[0].set_clim(reached.min(), reached.max())
axes[0].set_ylabel("output at step $t$")
axes[0].get_images()[0].colorbar.remove()  # one scale for both
fig

# %%
figures.data(fig)

# %% [markdown]
# ## Dropout
#
# The stacks of the record, with the same seeds, averaged over more and more masks.

# %%
counts = np.unique(np.logspace(1, 3, 13).astype(int))


def deviations(seed, *, p=0.5, masks=1000, T=10, I=4, H=8):
    rng = np.random.default_rng(seed)
    lower, upper = stack.init(lstm, I, H, layers=2, rng=rng)
    W = rng.normal(size=(H, H))
    hs, _, _ = unroll.forward(lstm, lower, rng.normal(size=(T, 1, I)))
    dropped = hs * (rng.random((T, masks, H)) >= p) / (1 - p)
    for f in (lambda z: z @ W, lambda z: unroll.forward(lstm, upper, z)[0]):
        drawn, in_use = f(dropped), f(hs)[:, 0]
        means = np.cumsum(drawn, axis=1)[:, counts - 1] / counts[:, None]  # (T, counts, H)
        squares = np.mean((means - in_use[:, None]) ** 2, axis=(0, 2))
        yield np.sqrt(squares / np.mean(in_use**2))


linear, recurrent = np.swapaxes([list(deviations(seed)) for seed in range(20)], 0, 1)
assert 8 < np.median(linear[:, 0]) / np.median(linear[:, -1]) < 12
assert np.median(recurrent[:, 6]) / np.median(recurrent[:, -1]) < 1.2  # from 100 masks on
smaller = np.median(linear, axis=0) < np.median(recurrent, axis=0)
assert np.array_equal(smaller, counts >= 60)  # where the lines cross
fig, ax = figures.figure(height=2.6)
figures.plot_bands(counts, [linear, recurrent], ["linear map", "next LSTM layer"], ax=ax)
ax.set(xscale="log", xlabel="masks drawn", ylabel="relative deviation")
fig

# %%
figures.data(fig)
