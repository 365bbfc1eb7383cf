# %% [markdown]
# # Figures of the chapter (stub)

# %%
%matplotlib inline
%config InlineBackend.figure_formats = ["svg"]
import numpy as np

# %% [markdown]
# ## States

# %%
from matplotlib.figure import Figure

fig = Figure(figsize=(6, 3), layout="constrained")
ax = fig.subplots()
ax.plot(np.arange(5))
ax.set_xlabel("step t")
fig
