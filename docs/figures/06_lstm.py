# %% [markdown]
# # Figures of chapter 6: The LSTM
#
# The code behind the figures of [the LSTM](../chapters/06-gate-the-cell.md) and of its
# [evidence](../evidence/06-gate-the-cell.md), run when the site is built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
from types import SimpleNamespace

import numpy as np

from bptt import figures, gru, lstm, unroll
from bptt.figures.canvas import GATES
from bptt.ops import tanh_prime

# %% [markdown]
# ## The belt
#
# The reader of the chapter, an LSTM with weights set by hand, at the word "fish".
#
# In words: a thick line runs from left to right, the cell path. It carries $c_{t-1}$ = 0.97 in. A
# box "keep", the forget gate, multiplies it by 0.99. Then something is added: a box "new" holds the
# candidate −1, and a box "write", the input gate, multiplies it by 0. The sum $c_t$ = 0.96 leaves
# to the right. Before it leaves, a thin line branches off downwards, through tanh, and is
# multiplied by 0.01 from a box "show", the output gate: that is $h_t$, which is nearly 0.

# %%
features = [
    {"cat", "fish", "mat"},
    {"cat"},
    {"ate", "sat"},
    {"which", "on"},
    {",", "."},
    {"."},
]
words = ["the", "cat", ",", "which", "ate", "the", "fish", ",", "sat", "on", "the", "mat", "."]
xs = np.array([[word in members for members in features] for word in words], dtype=float)[:, None]
reader = lstm.Params(
    W_x=5.0
    * np.array(
        [
            [2, 0, 0, 0, -1, 0, 0, 0],
            [0, 0, 0, 0, 2, 0, 0, 0],
            [0, 0, 0, 0, 0, 0, 2, 0],
            [0, 2, 0, 0, 0, 1, 0, 0],
            [0, 0, 0, -2, 0, 0, 0, 0],
            [0, 0, -2, 0, 0, 0, 0, 0],
        ]
    ),
    W_h=5.0 * np.array([[0, 0, 0, 0, 0, 0, 0, 0], [-3, 0, 0, 0, 0, 0, 0, 0]]),
    b=5.0 * np.array([-1, -1, 1, 1, 0, 0, -1, 1]),
)
hs, end, tape = unroll.forward(lstm, reader, xs)
cells = np.array([*(step.c_prev[0] for step in tape.steps), end.c[0]])


def read(unit):
    rows = {gate: [getattr(step, gate)[0, unit] for step in tape.steps] for gate in "figo"}
    return rows | {"c": cells[1:, unit], "h": hs[:, 0, unit]}


who, aside = read(0), read(1)
at = words.index("fish")
belt = {name: values[at] for name, values in who.items()} | {"c_prev": cells[at, 0]}
figures.plot_belt(belt)

# %%
figures.table('The values at "fish"', {"name": list(belt), "value": list(belt.values())})

# %% [markdown]
# ## A line that keeps
#
# The four stages of the chapter have knobs set by hand, and one drawing: above, the cell path with
# the gates so far and the values at one word; below, the values at all words.
#
# In words: above, a thick line with an addition and nothing else: a box "new" adds $g$ = 1 to 0, at
# the word "cat". Below, $c$ is 1 from "cat" on, 0 from "fish" on, −1 at "mat" and at the stop.

# %%
nouns = {"cat": 1, "fish": -1, "mat": -1}
g = [nouns.get(word, 0) for word in words]
always = [1] * len(words)
keep = [0 if word == "." else 1 for word in words]
write = [1 if word == "cat" else 0 for word in words]
show = [1 if word in {"ate", "sat"} else 0 for word in words]


def stage(word, gates="", new="", *, f=always, i=always, o=None):
    t = words.index(word)
    knobs = {gate: {"f": f, "i": i, "o": o}[gate] for gate in gates}
    c = [0]
    for f_t, i_t, g_t in zip(f, i, g, strict=True):
        c.append(f_t * c[-1] + i_t * g_t)
    rows = knobs | {"g": g, "c": c[1:]}
    if o:
        rows["h"] = [o_t * np.tanh(c_t) for o_t, c_t in zip(o, c[1:], strict=True)]
    order = [name for name in "figcoh" if name in rows]
    rows = {name: rows[name] for name in order}
    values = {name: row[t] for name, row in rows.items()} | {"c_prev": c[t]}
    down = 0.27 * (len(rows) + 1)
    fig, (above, below) = figures.figure(2, 1, height=2.1 + down, height_ratios=[2.0, down])
    figures.plot_belt(values, gates=gates, new=new, ax=above)
    figures.plot_reading(words, rows, marked=t, new=new, ax=below)
    columns = {"word": words} | {f"${name}$": row for name, row in rows.items()}
    return fig, figures.table("The values at each word", columns)


fig, data = stage("cat")
fig

# %%
data

# %% [markdown]
# ## The forget gate
#
# In words: the same drawing with a box "keep" whose $f$ multiplies the line before the addition. At
# the full stop $f$ is 0, and $c$ becomes 0. At all other words $f$ is 1, and $c$ is what it was.

# %%
fig, data = stage(".", "f", "f", f=keep)
fig

# %%
data

# %% [markdown]
# ## The input gate
#
# In words: the same drawing with a box "write" whose $i$ multiplies the box "new". It is 1 at "cat"
# and 0 at all other words. At "fish" the new value is −1, $i$ is 0, and $c$ stays 1, up to "mat".

# %%
fig, data = stage("fish", "fi", "i", f=keep, i=write)
fig

# %%
data

# %% [markdown]
# ## The output gate
#
# In words: the same drawing with a branch that leads down from the line, through tanh, to a product
# with $o$ from a box "show". It is 1 at "ate" and "sat", where $h$ is 0.76, and 0 at all other
# words, where $h$ is 0.

# %%
fig, data = stage("sat", "fio", "o", f=keep, i=write, o=show)
fig

# %%
data

# %% [markdown]
# ## A sentence read
#
# In words: six rows of numbers over the thirteen words. $f$ is 0.99 up to "mat" and 0.01 at the
# stop. $i$ is 0.99 at "cat", nearly 0 at the other nouns and 0.01 or less elsewhere. $o$ is 0.99 at
# "ate" and "sat". $c$ falls from 0.99 at "cat" to 0.92 at "mat", and $h$ is 0.75 at "ate" and 0.73
# at "sat". In a row below, the cell of the second unit is near 1 from "which" to "fish" and from
# "on" to "mat", and near 0 elsewhere.

# %%
rows = {name: who[name] for name in "figcoh"} | {"c'": aside["c"]}
figures.plot_reading(words, rows)

# %%
columns = {"word": words} | {f"${name}$": row for name, row in rows.items()}
figures.table("The values at each word", columns)

# %% [markdown]
# ## Forwards
#
# The example of the chapter.
#
# In words: at the bottom stands a box. It reads $x_t$ from below and $h_{t-1}$ from the left,
# multiplies both by their weights and adds the bias. Four arrows rise from it, the
# pre-activations. Those of i, f and o go through σ, that of g through tanh. At the top a thick
# line runs from left to right, the cell path: $c_{t-1}$ is multiplied by f, then i times g is
# added, and the sum is $c_t$, which leaves to the right. Before it leaves, a thin line branches
# off downwards, through tanh, and is multiplied by o: that is $h_t$, which leaves to the right
# below.

# %%
tiny = lstm.Params(
    W_x=np.array([[-2.0, 0.0, 2.0, 1.0]]),
    W_h=np.array([[2.0, 2.0, -2.0, -2.0]]),
    b=np.array([0.0, 1.0, 0.0, 0.0]),
)
before = lstm.State(h=np.array([[0.5]]), c=np.array([[1.5]]))
after, saved = lstm.step(tiny, np.array([[1.0]]), before)


def plain(numbers):
    return {name: np.asarray(number).item() for name, number in numbers.items()}


a = saved.x @ tiny.W_x + saved.h_prev @ tiny.W_h + tiny.b
pre_activations = {f"a_{gate}": a[0, j] for j, gate in enumerate("ifgo")}
gates = {gate: getattr(saved, gate) for gate in "ifgo"}
ends = {"x": saved.x, "h_prev": saved.h_prev, "c_prev": saved.c_prev, "h": after.h, "c": after.c}
values = plain(pre_activations | gates | ends | {"tanh_c": saved.tanh_c})
figures.plot_lstm(values)

# %%
figures.table("The values", {"name": list(values), "value": list(values.values())})

# %% [markdown]
# ## Backwards
#
# In words: the same drawing with every arrow reversed. From the right come $dc_t$, along the thick
# line, and $dh_t$, below it. The product with o sends one part of $dh_t$ to the gate o, and one up
# through tanh, where it is added to $dc_t$: the sum is the total gradient of the cell. It runs
# left along the thick line. At the addition a copy goes down to the product of i and g, and on to
# both; at the multiplication one part goes down to the gate f, and the rest leaves to the left as
# $dc_{t-1}$. The four gates hand on their gradients, times their slopes, down into the box of
# weights, and from there $dh_{t-1}$ leaves to the left and $dx_t$ below.

# %%
dstate = lstm.State(h=np.array([[1.0]]), c=np.array([[0.5]]))
dparams, dx, dbefore = lstm.step_backward(tiny, saved, dstate)
c_total = dstate.c + dstate.h * saved.o * tanh_prime(saved.tanh_c)

pre_activations = {f"a_{gate}": dparams.b[j] for j, gate in enumerate("ifgo")}
gates = {
    "i": c_total * saved.g,
    "f": c_total * saved.c_prev,
    "g": c_total * saved.i,
    "o": dstate.h * saved.tanh_c,
}
ends = {"x": dx, "h_prev": dbefore.h, "c_prev": dbefore.c, "h": dstate.h, "c": dstate.c}
gradients = plain(pre_activations | gates | ends | {"c_total": c_total})
figures.plot_lstm(gradients, backward=True)

# %%
columns = {"with respect to": list(gradients), "gradient": list(gradients.values())}
figures.table("The gradients", columns)

# %% [markdown]
# ## The GRU
#
# One input and one unit, with weights that make round pre-activations.
#
# In words: a thick line runs from $h_{t-1}$ through a product and an addition to $h_t$. A box of
# weights stands at the bottom. From it $a_z$ rises through σ to the update gate z, which multiplies
# the thick line; a branch of it, taken from 1, multiplies the candidate n, and that product is
# added to the line. The candidate comes from tanh, which gets the input's part and, added to it,
# the state's part q times the reset gate r.

# %%
one = gru.Params(  # columns r, z, n
    W_x=np.array([[1.0, 2.0, 0.5]]),
    W_h=np.array([[-2.0, -2.0, 2.0]]),
    b=np.zeros(3),
    b_hn=np.zeros(1),
)
x, held = np.array([[1.0]]), gru.State(np.array([[0.5]]))
mixed, saved = gru.step(one, x, held)
a = (x @ one.W_x + held.h @ one.W_h + one.b)[0]
values = plain(
    {name: getattr(saved, name) for name in ("x", "h_prev", "r", "z", "n", "q")}
    | {"a_r": a[0], "a_z": a[1], "h": mixed.h}
)
figures.plot_gru(values)

# %%
figures.table("The values", {"name": list(values), "value": list(values.values())})

# %% [markdown]
# ## Six gradients
#
# The networks of the record, with the same seeds.


# %%
def hold_the_gates(params, saved, dstate):
    dparams, dx, dprev = lstm.step_backward(params, saved, dstate)
    return dparams, dx, dprev._replace(h=np.zeros_like(dprev.h))


cell_path = SimpleNamespace(
    zero_state=lstm.zero_state, step=lstm.step, step_backward=hold_the_gates
)


def lstm_run(seed, T=100):
    rng = np.random.default_rng(seed)
    params = lstm.init(input_size=10, hidden_size=20, rng=rng)
    _, _, tape = unroll.forward(lstm, params, rng.normal(size=(T, 1, 10)))
    dhs = np.zeros((T, 1, 20))
    dhs[-1] = rng.normal(size=(1, 20))
    return params, tape, dhs


def norms(cell, params, tape, dhs):
    """Norms of da_i, da_f, da_g, da_o at t = T .. 1, dh and dc one earlier."""
    rows = []
    for dparams, _, dstate in unroll.backward_steps(cell, params, tape, dhs):
        da = np.split(dparams.b, 4)  # for one sequence, db of a step is da
        rows.append([np.linalg.norm(z) for z in (*da, dstate.h, dstate.c)])
    return np.array(rows).T


runs = [lstm_run(seed) for seed in range(50)]
i, f, g, o, h, c = np.moveaxis([norms(lstm, *run) for run in runs], 1, 0)
alone = np.array([norms(cell_path, *run)[5] for run in runs])

fig, (above, below) = figures.figure(2, 1, height=5, sharex=True, height_ratios=[11, 16])
later = np.arange(100, 1, -1)  # at step 1 the forget gate's gradient is zero, as c_0 is
series = [gate[:, :-1] for gate in (g, i, o, f)]
above.set_prop_cycle(color=[GATES[gate] for gate in "giof"])
figures.plot_bands(later, series, ["$da_g$", "$da_i$", "$da_o$", "$da_f$"], ax=above)
earlier = np.arange(99, -1, -1)
labels = ["$dc_t$", "$dh_t$", "$dc_t$ along the cell path alone"]
figures.plot_bands(earlier, [c, h, alone], labels, ax=below)
above.set(ylabel="norm at the gates", ylim=(1e-10, 10))
below.set(xlabel="step $t$ (loss at step 100)", ylabel="norm at the state", ylim=(1e-15, 10))
fig

# %%
figures.data(fig)
