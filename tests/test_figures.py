import io
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyBboxPatch, Rectangle

from bptt import figures
from bptt.figures.canvas import BACKWARD, FORWARD
from bptt.figures.canvas import GATES as GATE_COLOURS
from bptt.shapes import ShapeError

T, H = 5, 3
STATES = np.linspace(-0.9, 0.8, T * H).reshape(T, H)
GATES = np.linspace(0.1, 0.8, T * H).reshape(T, H)
TERMS = np.tril(10.0 ** np.arange(-8, 8).reshape(4, 4))
X = np.arange(1, 5)
DRAWS = [np.arange(1.0, 29).reshape(7, 4), np.full((6, 4), 2.0)]

DRAW = {
    "plot_unrolled": lambda **options: figures.plot_unrolled(3, **options),
    "plot_lstm": lambda **options: figures.plot_lstm({"c": 1.5}, **options),
    "plot_belt": lambda **options: figures.plot_belt({"c": 0.9}, **options),
    "plot_reading": lambda **options: figures.plot_reading(["a"], {"c": [0.9]}, **options),
    "plot_gru": lambda **options: figures.plot_gru({"h": 0.5}, **options),
    "plot_states": lambda **options: figures.plot_states(STATES, **options),
    "plot_gates": lambda **options: figures.plot_gates(GATES, **options),
    "plot_terms": lambda **options: figures.plot_terms(TERMS, **options),
    "plot_bands": lambda **options: figures.plot_bands(X, DRAWS, ["one", "two"], **options),
}
each_plot = pytest.mark.parametrize("draw", DRAW.values(), ids=DRAW.keys())


def render(fig):
    """Draw all of it, so that a formula with an error fails here."""
    page = io.BytesIO()
    fig.savefig(page, format="svg")
    return page.getvalue()


@each_plot
def test_a_plot_without_axes_is_on_a_new_figure_of_the_width_of_the_page(draw):
    one, other = draw(), draw()
    assert isinstance(one, Figure)
    assert one is not other
    assert one.get_figwidth() == 5.2
    assert one.axes[0].has_data()
    assert b"<svg" in render(one)


@each_plot
def test_a_plot_on_given_axes_returns_their_figure_and_leaves_the_others_alone(draw):
    fig, (left, right) = figures.figure(1, 2, height=2.0)
    assert draw(ax=right) is fig
    assert right.has_data()
    assert not left.has_data()
    render(fig)


@each_plot
def test_a_plot_on_axes_of_a_subfigure_returns_the_whole_figure(draw):
    fig = Figure(layout="constrained")
    assert draw(ax=fig.subfigures(1, 2)[0].subplots()) is fig


@each_plot
def test_axes_that_were_removed_are_a_value_error(draw):
    _, ax = figures.figure(height=2.0)
    ax.remove()
    with pytest.raises(ValueError, match="figure"):
        draw(ax=ax)


def test_an_empty_figure_passes_its_options_on():
    fig, axes = figures.figure(2, 3, height=1.5, sharey=True)
    assert fig.get_size_inches().tolist() == [5.2, 1.5]
    assert axes.shape == (2, 3)
    assert axes[0, 0].get_shared_y_axes().joined(axes[0, 0], axes[1, 2])
    assert isinstance(figures.figure(height=1.0)[1], Axes)


def test_states_are_drawn_unit_by_unit_with_zero_in_the_middle_of_the_colours():
    ax, bar = figures.plot_states(STATES).axes
    (image,) = ax.get_images()
    assert np.array_equal(image.get_array(), STATES.T)
    assert image.get_clim() == (-1, 1)
    assert tuple(image.get_extent()) == (0.5, T + 0.5, H + 0.5, 0.5)  # both count from 1
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step $t$", "unit")
    assert bar.get_ylabel() == "state $h_t$"


def test_gates_are_drawn_unit_by_unit_from_closed_to_open():
    ax, bar = figures.plot_gates(GATES).axes
    (image,) = ax.get_images()
    assert np.array_equal(image.get_array(), GATES.T)
    assert image.get_clim() == (0, 1)
    assert tuple(image.get_extent()) == (0.5, T + 0.5, H + 0.5, 0.5)  # both count from 1
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("step $t$", "unit")
    assert bar.get_ylabel() == "gate"


def test_terms_are_drawn_as_logarithms_and_zeros_stay_empty():
    ax, bar = figures.plot_terms(TERMS).axes
    (image,) = ax.get_images()
    assert np.array_equal(image.get_array().mask, TERMS == 0)
    assert np.allclose(image.get_array().compressed(), np.log10(TERMS[TERMS > 0]))
    assert tuple(image.get_extent()) == (0.5, 4.5, 4.5, 0.5)
    assert (ax.get_xlabel(), ax.get_ylabel()) == (
        "weights used at step $k$",
        "loss read at step $t$",
    )
    assert "norm" in bar.get_ylabel()


def test_bands_show_the_median_and_the_middle_half_of_the_draws():
    (ax,) = figures.plot_bands(X, DRAWS, ["one", "two"]).axes
    one, two = ax.get_lines()
    assert one.get_xdata().tolist() == X.tolist()
    assert one.get_ydata().tolist() == [13, 14, 15, 16]  # the fourth of seven rows
    assert two.get_ydata().tolist() == [2] * 4
    assert one.get_linestyle() != two.get_linestyle()
    band = ax.collections[0].get_datalim(ax.transData)
    assert (band.ymin, band.ymax) == (7, 22)  # halfway between the second and third row, ...
    assert ax.get_yscale() == "log"
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["one", "two"]


def test_five_bands_have_five_styles_of_line_and_the_sixth_begins_again():
    (ax,) = figures.plot_bands(X, [DRAWS[0]] * 6, list("abcdef")).axes
    styles = [(line.get_linestyle(), line._unscaled_dash_pattern) for line in ax.get_lines()]
    assert len(set(map(str, styles[:5]))) == 5
    assert styles[5] == styles[0]


@pytest.mark.parametrize("steps", [1, 3])
def test_the_unrolled_cell_has_an_input_and_an_output_for_each_step(steps):
    (ax,) = figures.plot_unrolled(steps).axes
    texts = [text.get_text() for text in ax.texts]
    for t in range(1, steps + 1):
        assert f"$x_{t}$" in texts
        assert f"$h_{t}$" in texts
    assert texts.count("step") == steps + 1
    assert not ax.axison


LSTM_NAMES = ["x", "h_prev", "c_prev", "i", "f", "g", "o", "c", "tanh_c", "h"]


def test_a_step_of_the_lstm_is_labelled_with_its_values():
    (ax,) = figures.plot_lstm(dict.fromkeys(LSTM_NAMES, 0.125) | {"a_o": -2.0, "h": -0.001}).axes
    texts = [text.get_text() for text in ax.texts]
    for symbol in ("x_t", "h_{t-1}", "c_{t-1}", "i_t", "f_t", "g_t", "o_t", "c_t", r"\tanh c_t"):
        assert f"${symbol}$\n0.12" in texts
    assert "$a_o$\n−2.00" in texts
    assert "$h_t$\n0.00" in texts  # no sign before a zero
    assert not any("a_f" in text for text in texts)
    assert (texts.count("×"), texts.count("+")) == (3, 1)
    assert (texts.count(r"$\sigma$"), texts.count(r"$\tanh$")) == (3, 2)
    assert not ax.axison


def test_a_step_of_the_lstm_backwards_is_labelled_with_gradients_and_points_the_other_way():
    (ax,) = figures.plot_lstm({"c": 0.5, "c_total": 0.75, "a_f": 0.25}).axes
    (back,) = figures.plot_lstm({"c": 0.5, "c_total": 0.75, "a_f": 0.25}, backward=True).axes
    texts = [text.get_text() for text in back.texts]
    assert {"$dc_t$\n0.50", r"$d\bar{c}_t$" + "\n0.75", "$da_f$\n0.25"} <= set(texts)
    heads = [
        {(text.xy, text.xyann) for text in axes.texts if not text.get_text()} for axes in (ax, back)
    ]
    assert ((1.83, 5), (0.8, 5)) in heads[0]  # an arrow's end and its start
    assert ((0.8, 5), (1.83, 5)) in heads[1]


def test_the_cell_path_of_the_lstm_is_thick():
    (ax,) = figures.plot_lstm({}).axes
    arrows = [text for text in ax.texts if not text.get_text()]
    widths = [arrow.arrow_patch.get_linewidth() for arrow in arrows]
    assert len(arrows) == 17
    thick = [arrow for arrow, width in zip(arrows, widths, strict=True) if width > min(widths)]
    assert [arrow.xy[1] for arrow in thick] == [5, 5, 5]  # from c_{t-1} to c_t, along the top


def test_values_are_blue_gradients_orange_and_each_gate_has_its_colour():
    (ax,) = figures.plot_lstm({"f": 0.5}).axes
    (back,) = figures.plot_lstm({"f": 0.5}, backward=True).axes
    assert {line.get_color() for line in ax.get_lines()} == {FORWARD, *GATE_COLOURS.values()}
    assert {line.get_color() for line in back.get_lines()} == {BACKWARD}
    for axes in (ax, back):
        edges = [patch.get_edgecolor() for patch in axes.patches]
        assert all(edges.count(to_rgba(colour)) == 1 for colour in GATE_COLOURS.values())
        (label,) = [text for text in axes.texts if "f_t" in text.get_text()]
        assert label.get_color() == GATE_COLOURS["f"]


def written(fig):
    return [text.get_text() for text in fig.axes[0].texts if text.get_text()]


def patches(fig, kind):
    return [patch for patch in fig.axes[0].patches if isinstance(patch, kind)]


@pytest.mark.parametrize(
    ("gates", "boxes", "circles"),
    [
        ("", ["new"], ["+"]),
        ("f", ["new", "keep"], ["+", "×"]),
        ("fi", ["new", "keep", "write"], ["+", "×", "×"]),
        ("fio", ["new", "keep", "write", "show", r"$\tanh$"], ["+", "×", "×", "×"]),
    ],
)
def test_the_cell_path_has_the_gates_that_were_asked_for(gates, boxes, circles):
    fig = figures.plot_belt({}, gates=gates)
    assert sorted(written(fig)) == sorted(boxes + circles)
    assert len(patches(fig, FancyBboxPatch)) == len(boxes)
    assert len(patches(fig, Circle)) == len(circles)


def test_the_cell_path_is_labelled_with_its_values_and_whole_ones_have_no_decimals():
    numbers = {"c_prev": 1, "f": 0.986, "i": 0.001, "g": -1, "c": 0.5, "o": 1, "h": -0.463}
    values = ["$c_{t-1}$\n1", "$f$ = 0.99", "$i$ = 0", "$g$ = −1", "$c_t$\n0.50", "$o$ = 1"]
    assert {*values, "$h_t$\n−0.46"} < set(written(figures.plot_belt(numbers)))


@pytest.mark.parametrize(("numbers", "gates"), [({"o": 1}, "fi"), ({"z": 1}, "fio"), ({}, "x")])
def test_a_gate_that_the_cell_path_has_not_is_a_key_error(numbers, gates):
    with pytest.raises(KeyError):
        figures.plot_belt(numbers, gates=gates)


def test_the_gate_that_is_new_is_thick():
    plain, marked = (figures.plot_belt({}, new=new) for new in ("", "i"))
    widths = [
        {box.get_edgecolor(): box.get_linewidth() for box in patches(fig, FancyBboxPatch)}
        for fig in (plain, marked)
    ]
    assert widths[0].keys() == {to_rgba(colour) for colour in [*GATE_COLOURS.values(), "black"]}
    thicker = [colour for colour in widths[0] if widths[1][colour] > widths[0][colour]]
    assert thicker == [to_rgba(GATE_COLOURS["i"])]


def test_a_sentence_read_has_a_shaded_number_for_each_word():
    rows = {"f": [1, 0.25], "g": [-1, 0]}
    fig = figures.plot_reading(["the", "which"], rows, marked=1, new="g")
    assert written(fig) == ["the", "which", "$f$", "1", "0.25", "$g$", "−1", "0"]
    *shades, frame = patches(fig, Rectangle)
    assert [shade.get_alpha() for shade in shades] == [0.35, 0.35 / 4, 0.35, 0]
    assert [shade.get_facecolor()[:3] for shade in shades[1:3]] == [
        to_rgba(FORWARD)[:3],
        to_rgba("0.5")[:3],
    ]
    assert (frame.get_x(), frame.get_width()) == (4, 5)


def test_a_step_of_the_gru_is_labelled_with_its_values_and_its_path_is_thick():
    fig = figures.plot_gru({"h_prev": 0.5, "z": 0.731, "q": -1})
    assert written(fig)[-3:] == ["$h_{t-1}$\n0.50", "$z_t$\n0.73", "$q_t$\n−1.00"]
    thick = [line for line in fig.axes[0].get_lines() if line.get_linewidth() > 2]
    assert {line.get_ydata()[0] for line in thick} == {5}
    with pytest.raises(KeyError, match="c"):
        figures.plot_gru({"c": 1})


def test_a_wire_that_the_lstm_has_not_is_a_key_error():
    with pytest.raises(KeyError, match="peephole"):
        figures.plot_lstm({"peephole": 1.0})


@pytest.mark.parametrize("steps", [1, 3])
def test_there_is_a_path_for_each_pair_of_steps(steps):
    fig = figures.plot_paths(steps)
    drawn = [bool(ax.lines) for ax in fig.axes]
    assert drawn == [column <= row for row in range(steps) for column in range(steps)]
    render(fig)


def test_each_path_has_its_factors_and_its_product_and_the_corner_their_sum():
    fig = figures.plot_path_values([4, 6, 5, 4.5], 0.5)
    below = [ax.texts[-1].get_text() if ax.texts else "" for ax in fig.axes]
    assert below == [
        *("4", "", "= 21"),
        *("4 × 0.5 = 2", "6", ""),
        *("4 × 0.5 × 0.5 = 1", "6 × 0.5 = 3", "5"),
    ]
    assert fig.axes[2].texts[0].get_text() == "4 + 2 + 6 + 1 + 3 + 5"
    texts = [text.get_text() for text in fig.axes[6].texts]
    assert {"$w, k=1$", "$L_3$"} <= set(texts)
    assert (texts.count("4"), texts.count("0.5")) == (1, 2)
    render(fig)


@pytest.mark.parametrize(
    ("plot", "message"),
    [
        (lambda: figures.plot_states(np.ones(4)), r"plot_states: hs must be \(T, H\), got \(4,\)"),
        (lambda: figures.plot_states(np.ones((2, 3, 4))), r"plot_states: hs must be \(T, H\)"),
        (lambda: figures.plot_gates(np.ones(4)), r"plot_gates: gates must be \(T, H\), got \(4,\)"),
        (lambda: figures.plot_terms(np.ones((3, 4))), r"norms must be \(T=3, T=3\), got \(3, 4\)"),
        (lambda: figures.plot_terms(np.ones(3)), r"norms must be \(T=3, T=3\), got \(3,\)"),
        (
            lambda: figures.plot_bands(X, [DRAWS[0], np.ones((4, 3))], ["one", "two"]),
            r"plot_bands: draws\[1\] must be \(D, N=4\), got \(4, 3\)",
        ),
    ],
)
def test_arrays_of_a_wrong_shape_are_a_shape_error(plot, message):
    with pytest.raises(ShapeError, match=message):
        plot()


def test_a_set_of_draws_without_a_label_is_a_value_error():
    with pytest.raises(ValueError, match="zip"):
        figures.plot_bands(X, DRAWS, ["one"])


@pytest.mark.process
def test_drawing_never_imports_pyplot():
    code = """
import sys
import numpy as np
from bptt import figures
figures.plot_unrolled(2)
figures.plot_lstm({})
figures.plot_belt({})
figures.plot_reading(["a"], {"c": [1]})
figures.plot_gru({})
figures.plot_paths(2)
figures.plot_path_values([1, 2, 3], 0.5)
figures.plot_states(np.eye(3))
figures.plot_terms(np.ones((2, 2)))
figures.plot_bands(np.arange(2), [np.ones((3, 2))], ["one"])
assert "matplotlib.figure" in sys.modules
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)


def test_without_matplotlib_the_message_says_what_to_install(monkeypatch):
    for name in ("bptt.figures", "bptt.figures.canvas", "matplotlib.axes"):
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(
        ModuleNotFoundError, match=r"needs matplotlib: pip install 'bptt\[figures\]'"
    ):
        __import__("bptt.figures")
