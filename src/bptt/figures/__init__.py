"""Draw arrays: each function returns a matplotlib `Figure`, or draws on the `ax` it is given.

Every plot is imported from here: `from bptt import figures`, then `figures.plot_bands(...)`.
`data` gives back as tables what a figure shows. No pyplot and no style: fonts, sizes and most
colours come from the reader's `matplotlibrc`. Blue for values, orange for gradients and a colour
for each gate are the same everywhere.

Parameters
----------
ax : Axes, optional
    Where to draw; by default on a new figure.
height : float
    The height of a new figure, in inches.
"""

from bptt.figures.canvas import figure
from bptt.figures.curves import plot_bands
from bptt.figures.data import data
from bptt.figures.drawings import plot_lstm, plot_paths, plot_unrolled
from bptt.figures.gates import plot_belt, plot_gru, plot_reading
from bptt.figures.maps import plot_gates, plot_states, plot_terms
from bptt.figures.paths import plot_path_values
from bptt.figures.tables import table
from bptt.figures.touch import touchable

__all__ = [
    "data",
    "figure",
    "plot_bands",
    "plot_belt",
    "plot_gates",
    "plot_gru",
    "plot_lstm",
    "plot_path_values",
    "plot_paths",
    "plot_reading",
    "plot_states",
    "plot_terms",
    "plot_unrolled",
    "table",
    "touchable",
]
