import numpy as np
import pytest
from bs4 import BeautifulSoup
from matplotlib.figure import Figure

from bptt import figures
from bptt.figures.tables import Table, number


def axes(**labels):
    fig, ax = figures.figure(height=2.0)
    ax.set(**labels)
    return fig, ax


def only(fig, **options):
    (table,) = figures.data(fig, **options).tables
    return table


def test_lines_over_the_same_points_share_a_table_with_their_names():
    fig, ax = axes(title="A", xlabel="step $t$", ylabel="norm")
    ax.plot([1, 2], [0.5, 0.12345], label="one")
    ax.plot([1, 2], [3, 4], label="two")
    assert only(fig) == Table(
        "A: norm against step $t$.",
        ["step $t$", "one", "two"],
        [[1, "0.5", "3"], [2, "0.123", "4"]],
    )


def test_lines_over_other_points_have_a_table_of_their_own():
    fig, ax = axes(xlabel="x", ylabel="y")
    ax.plot([1, 2], [5, 6], label="one")
    ax.plot([1, 3], [7, 8], label="two")
    assert [table.head for table in figures.data(fig).tables] == [["x", "one"], ["x", "two"]]


def test_a_name_with_an_underscore_is_in_the_table_and_not_in_the_legend():
    fig, ax = axes(xlabel="x")
    ax.plot([1, 2], [5, 6], label="one")
    ax.plot([1, 2], [7, 8], label="_two")
    assert only(fig).head == ["x", "one", "two"]
    assert [text.get_text() for text in ax.legend().get_texts()] == ["one"]


def test_a_line_without_a_name_has_that_of_its_axis():
    fig, ax = axes(xlabel="x", ylabel="norm")
    ax.plot([1, 2], [5, 6])
    assert only(fig).head == ["x", "norm"]


def test_many_lines_without_a_name_are_a_median_and_a_range():
    fig, ax = axes(xlabel="x", ylabel="y")
    for height in (1, 2, 3, 10, 20):
        ax.plot([1, 2], [height, -height])
    table = only(fig)
    assert table.head == ["x", "median of 5 lines"]
    assert table.rows == [[1, "3 (1 to 20)"], [2, "−3 (−20 to −1)"]]


def test_a_band_belongs_to_the_line_of_its_colour_and_to_no_other():
    fig, ax = axes(xlabel="x")
    x = np.arange(3)
    ax.fill_between(x, x + 4, x + 6, color="C1", alpha=0.2)
    ax.plot(x, x + 1, color="C0", label="bare")
    ax.plot(x, x + 5, color="C1", label="banded")
    ax.plot(x, x + 9, color="C1", label="bound")
    table = only(fig)
    assert table.rows[2] == [2, "3", "7 (6 to 8)", "11"]
    assert table.caption.endswith("In brackets: its band or bar.")


def test_error_bars_stand_beside_their_value_in_both_directions():
    fig, ax = axes(xlabel="x", ylabel="y")
    ax.errorbar([1, 2], [10, 20], yerr=[[1, 2], [3, 4]], label="up")
    assert only(fig).rows == [[1, "10 (9 to 13)"], [2, "20 (18 to 24)"]]
    fig, ax = axes(xlabel="x", ylabel="y", yticks=[1, 2], yticklabels=["a", "b"])
    ax.errorbar([10, 20], [1, 2], xerr=[[1, 2], [3, 4]], fmt="o")
    table = only(fig)
    assert table.head == ["y", "x"]
    assert table.rows == [["a", "10 (9 to 13)"], ["b", "20 (18 to 24)"]]


def test_a_long_line_is_thinned_evenly_and_keeps_its_ends_and_extremes():
    fig, ax = axes(xlabel="x")
    y = np.zeros(101)
    y[[31, 77]] = -5, 9
    ax.plot(np.arange(101), y)
    table = only(fig, rows=5)
    assert [row[0] for row in table.rows] == [0, 25, 31, 50, 75, 77, 100]
    assert "7 of 101 points" in table.caption


def test_thinning_is_even_on_a_logarithmic_axis():
    fig, ax = axes(xlabel="x", xscale="log")
    x = np.arange(1, 10001)
    ax.plot(x, x)
    assert [row[0] for row in only(fig, rows=5).rows] == [1, 10, 100, 1000, 10000]


def test_a_path_that_turns_back_is_thinned_by_its_order():
    fig, ax = axes()
    ax.plot([0, 1, 2, 1, 0], [0, 1, 2, 3, 4])
    assert [row[1] for row in only(fig, rows=3).rows] == ["0", "2", "4"]


def test_lines_across_and_marks_are_noted_at_the_first_table_of_a_panel():
    fig, ax = axes(xlabel="x", ylabel="y")
    ax.plot([0, 1], [0, 1])
    ax.plot([0, 2], [0, 1])
    ax.axhline(0.25, label="_chance")
    ax.axvline(3)
    ax.vlines([4, 5], 0, 1)
    first, second = figures.data(fig).tables
    assert first.caption == (
        "y against x. A horizontal line, chance, at 0.25. A vertical line at 3. Marks at 4, 5."
    )
    assert second.caption == "y against x."


def test_dots_are_their_places():
    fig, ax = axes(xlabel="x", ylabel="y")
    ax.scatter([3, 1], [5, 6])
    assert only(fig).rows == [[3, "5"], [1, "6"]]


@pytest.mark.parametrize("draw", ["bar", "barh"])
def test_bars_are_listed_by_the_words_at_their_ticks(draw):
    fig, ax = figures.figure(height=2.0)
    getattr(ax, draw)(["a", "b"], [1, 2], label="low")
    getattr(ax, draw)(
        ["b"], [0.3333], label="high", **{"bar": {"bottom": 2}, "barh": {"left": 2}}[draw]
    )
    table = only(fig)
    assert table.head == ["case", "low", "high"]
    assert table.rows == [["a", 1, "–"], ["b", 2, pytest.approx(0.3333)]]


def test_bars_side_by_side_belong_to_the_tick_between_them():
    fig, ax = axes(xticks=[0, 1], xticklabels=["a", "a"], xlabel="letter")
    ax.bar([-0.2, 0.8], [1, 2], 0.4, label="left")
    ax.bar([0.2, 1.2], [3, 4], 0.4, label="right")
    assert only(fig).rows == [["0: a", 1, 3], ["1: a", 2, 4]]  # words that recur are numbered


@pytest.mark.parametrize(("origin", "first"), [("upper", 1.5), ("lower", 0.5)])
def test_a_map_is_a_table_with_the_coordinates_of_its_cells(origin, first):
    fig, ax = axes(xlabel="x", ylabel="y")
    extent = (0, 3, 2, 0) if origin == "upper" else (0, 3, 0, 2)
    values = np.ma.masked_equal([[1, 2, 0], [4, 5, 6]], 0)
    image = ax.imshow(values[:: 1 if origin == "lower" else -1], origin=origin, extent=extent)
    fig.colorbar(image, label="size")
    table = only(fig)
    assert table.caption == "size; down: y; across: x."
    assert table.head == ["y", 0.5, 1.5, 2.5]
    rows = [[0.5, 1, 2, "–"], [1.5, 4, 5, 6]]
    assert table.rows == (rows if origin == "lower" else [[0.5, 4, 5, 6], [1.5, 1, 2, "–"]])
    assert first in {row[0] for row in table.rows}


def test_a_large_map_is_thinned_both_ways():
    table = only(figures.plot_states(np.zeros((40, 20))), rows=4)
    assert table.head == ["unit", 1, 14, 27, 40]
    assert [row[0] for row in table.rows] == [1, 7, 14, 20]
    assert (
        table.caption == "state $h_t$; down: unit; across: step $t$. 4 of 20 rows, 4 of 40 columns."
    )


def test_panels_share_labels_and_one_bar_of_colours():
    fig, (left, right) = figures.figure(1, 2, height=2.0, sharey=True)
    images = [ax.imshow(np.eye(2)) for ax in (left, right)]
    fig.colorbar(images[1], ax=right, label="size")
    left.set(ylabel="down")
    fig.supxlabel("across")
    for table in figures.data(fig).tables:
        assert table.caption == "size; down: down; across: across."


def test_a_drawing_has_no_data():
    with pytest.raises(ValueError, match=r"figures.data: .* describe it in words"):
        figures.data(Figure())


def test_a_table_made_by_hand_is_shown_with_its_caption_and_headings():
    table = figures.table("A < B", {"name": ["$h_t$", "b"], "value": [0.00012345, 7]})
    page = BeautifulSoup(table._repr_html_(), "html.parser")
    assert page.find(class_="figure-data").table.caption.text == "A < B"
    assert [tag.text for tag in page.select("th[scope=col]")] == ["name", "value"]
    assert [tag.text for tag in page.select("th[scope=row]")] == ["$h_t$", "b"]
    assert [tag.text for tag in page.find_all("td")] == ["1.23 × 10⁻⁴", "7"]


def test_a_column_without_a_name_is_a_value_error():
    with pytest.raises(ValueError, match="a column has no name; name each"):
        figures.table("Sizes", {"": ["one"], "size": [1]})


def test_columns_of_different_lengths_are_a_value_error():
    with pytest.raises(ValueError, match="zip"):
        figures.table("", {"a": [1], "b": [1, 2]})


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1234.5, "1230"),
        (123456, "123456"),
        (2097152, "2.1 × 10⁶"),
        (-0.00099999, "−0.001"),
        (0.00012, "1.2 × 10⁻⁴"),
        (-1e-10, "−1 × 10⁻¹⁰"),
        (999999.5, "1 × 10⁶"),
        (np.float64(0.1 + 0.2), "0.3"),
        (np.int64(3), "3"),
        (True, "1"),
        (float("nan"), "–"),
        (float("inf"), "∞"),
        (-np.inf, "−∞"),
    ],
)
def test_numbers_have_three_digits_and_whole_ones_all(value, text):
    assert number(value) == text
