# %% [markdown]
# # Figures of chapter 6: The LSTM
#
# The code behind the figures of [the LSTM](../chapters/06-gate-the-cell.md), run when the site is
# built.

# %%
# %matplotlib inline
# %config InlineBackend.figure_formats = ["svg"]
from types import SimpleNamespace

import numpy as np

from bptt import figures, lstm, unroll
from bptt.ops import tanh_prime

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
# ## Six gradients
#
# The networks of the chapter, with the same seeds.


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
figures.plot_bands(later, series, ["$da_g$", "$da_i$", "$da_o$", "$da_f$"], ax=above)
earlier = np.arange(99, -1, -1)
labels = ["$dc_t$", "$dh_t$", "$dc_t$ along the cell path alone"]
figures.plot_bands(earlier, [c, h, alone], labels, ax=below)
above.set(ylabel="norm at the gates", ylim=(1e-10, 10))
below.set(xlabel="step $t$ (loss at step 100)", ylabel="norm at the state", ylim=(1e-15, 10))
fig

# %%
figures.data(fig)
