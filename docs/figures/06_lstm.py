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
# What a reader may touch. Of a wire: the gate that brings it, its name, what it is, its symbol, how
# its value and its gradient (with d) are computed, its corners, and where its label stands, on a
# plate or with one end at the wire. Of an equation or a line of code: the gate that brings it, the
# wires that light it, and itself. {f:...} is there once there is an f, {!o:...} as long as there is
# no o, and {b:...} backwards.
def fields(table):
    return [[field.strip() for field in row.split("|")] for row in table.strip().splitlines()]


wires = """
o | x | x, the input | x_t | | | 182 404 182 362 | 216 385
o | h_prev | h before | h_t−1 | | | 2 348 64 348 | 27 321
g | c_prev | c before | c_t−1 | | {f:dkept × f} | 2 64 {f:81}{!f:171} 64 | 27 25
f | a_f | f before σ | a_f | | df × f × (1 − f) | 92 334 92 266 | 92 300
i | a_i | i before σ | a_i | | di × i × (1 − i) | 146 334 146 266 | 146 300
g | a_g | g before tanh | a_g | | dg × (1 − g²) | 218 334 218 266 | 218 300
o | a_o | o before σ | a_o | | do × o × (1 − o) | 276 334 276 266 | 276 300
f | f | f, how much to keep | f | σ(a_f) | dkept × c_prev | 92 226 92 75 | 84 156 end
i | i | i, how much to write | i | σ(a_i) | dwritten × g | 146 226 146 136 171 136 | 138 182 end
g | g | g, what is new | g | tanh(a_g) | {i:dwritten × i} | \
 218 226 218 136 {i:193 136}{!i:182 136 182 75} | 226 156 start
o | o | o, how much to show | o | σ(a_o) | dh × tanh_c | 276 226 276 176 315 176 | 268 198 end
f | kept | what is kept | {b:c̄_t}{!b:f c_t−1} | f × c_prev | | 103 64 171 64 | 137 25 middle
i | written | what is written | {b:c̄_t}{!b:i g} | i × g | | 182 125 182 75 | 190 100 start
o | sum | c, the sum | c̄_t | kept + written | dc + dread | 193 64 326 64 | {b:250 25 middle}
g | c | c, to the next step | c_t | kept + written | | {o:326}{!o:193} 64 358 64 | 332 25
o | read | c, to the output | | kept + written | dtanh_c × (1 − tanh_c²) | \
 326 64 326 92 | {b:317 75 end}
o | tanh_c | tanh of c | {b: }tanh c_t | tanh(c) | dh × o | 326 116 326 165 | 318 138 end
o | h | h, the output | h_t | o × tanh_c | | 337 176 358 176 | 335 206
"""
equations = """
o | x h_prev a_i a_f a_g a_o | [a_i, a_f, a_g, a_o] = x_t W_x + h_t−1 W_h + b
i | i{!o: a_i} | i_t = σ(a_i)
f | f{!o: a_f} | f_t = σ(a_f)
g | g{!o: a_g} | g_t = tanh a_g
o | o | o_t = σ(a_o)
g | c_prev kept written sum c read | c_t = {f:f_t }c_t−1 + {i:i_t }g_t
o | tanh_c h | h_t = o_t tanh c_t
"""
code = """
o | x h_prev a_i a_f a_g a_o | \
 a_i, a_f, a_g, a_o = np.split(x @ W_x + h_prev @ W_h + b, 4, axis=-1)
g | i f g o{!o: a_i a_f a_g} | {i:i, }{f:f, }g{o:, o} = \
{i:sigmoid(a_i), }{f:sigmoid(a_f), }tanh(a_g){o:, sigmoid(a_o)}
g | c_prev kept written sum c read | c = {f:f * }c_prev + {i:i * }g
o | tanh_c | tanh_c = tanh(c)
o | h | h = o * tanh_c
"""
equations_back = """
o | o h | do_t = dh_t tanh c_t
o | sum read tanh_c c h kept written | dc̄_t = dc_t + dh_t o_t (1 − tanh^2 c_t)
i | i{!o: written c} | di_t = {o:dc̄_t}{!o:dc_t} g_t
f | f{!o: kept c} | df_t = {o:dc̄_t}{!o:dc_t} c_t−1
g | g{!o: written c} | dg_t = {o:dc̄_t}{!o:dc_t}{i: i_t}
g | c_prev{!o: kept c} | dc_t−1 = {o:dc̄_t}{!o:dc_t}{f: f_t}
i | a_i | da_i = di_t i_t (1 − i_t)
f | a_f | da_f = df_t f_t (1 − f_t)
g | a_g | da_g = dg_t (1 − g_t^2)
o | a_o | da_o = do_t o_t (1 − o_t)
o | x | dx_t = da_t W_x^⊤
o | h_prev | dh_t−1 = da_t W_h^⊤
"""
code_back = """
o | o h | do = dh * tanh_c
o | sum read tanh_c c h kept written | dc = dc + dh * o * tanh_prime(tanh_c)
g | i f g{!o: written kept c} | \
 {i:di, }{f:df, }dg = {i:dc * g, }{f:dc * c_prev, }dc{i: * i}
f | a_i a_f a_o | {i:da_i, }da_f{o:, da_o} = \
{i:di * sigmoid_prime(i), }df * sigmoid_prime(f){o:, do * sigmoid_prime(o)}
g | a_g | da_g = dg * tanh_prime(g)
o | | da = np.concatenate([da_i, da_f, da_g, da_o], axis=-1)
o | x h_prev c_prev | return dparams, da @ W_x.T, State(h=da @ W_h.T, c=dc * f)
{!o:g} | c_prev kept c | dc_prev = dc{f: * f}
"""
figures.touchable(
    "gates",
    "Turn the gates",
    **{name: leaf.ravel() for name, leaf in tiny._asdict().items()},
    x=1,
    h=0.5,
    c=1.5,
    dh=1,
    dc=0.5,
    wires=fields(wires),
    forward=[fields(equations), fields(code)],
    backward=[fields(equations_back), fields(code_back)],
)

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
