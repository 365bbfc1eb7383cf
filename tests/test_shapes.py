import numpy as np
import pytest

from bptt.shapes import ShapeError, check_shape


@pytest.mark.parametrize(
    ("shape", "axes", "sizes", "message"),
    [
        ((3, 5), "B I", {"I": 4}, "f: x must be (B, I=4), got (3, 5)"),
        ((3, 5), "B I", {"B": 4}, "f: x must be (B=4, I), got (3, 5)"),
        ((3, 5), "T B I", {}, "f: x must be (T, B, I), got (3, 5)"),
        ((3, 5), "H", {"H": 3}, "f: x must be (H=3,), got (3, 5)"),
        ((), "H", {}, "f: x must be (H,), got ()"),
        ((3, 5), "H H", {}, "f: x must be (H, H), got (3, 5)"),
        ((3, 5), "H H", {"H": 3}, "f: x must be (H=3, H=3), got (3, 5)"),
        ((0, 5), "B I", {}, "f: x must be (B, I) with no empty axis, got (0, 5)"),
        ((0, 5), "B I", {"I": 5}, "f: x must be (B, I=5) with no empty axis, got (0, 5)"),
        ((0, 5), "B I", {"I": 4}, "f: x must be (B, I=4), got (0, 5)"),
    ],
)
def test_the_message_says_where_what_is_wanted_and_what_came(shape, axes, sizes, message):
    with pytest.raises(ShapeError) as error:
        check_shape("f", "x", np.zeros(shape), axes, **sizes)
    assert str(error.value) == message


def test_a_shape_error_is_a_value_error():
    assert issubclass(ShapeError, ValueError)


def test_an_array_that_fits_comes_back_itself():
    x = np.zeros((3, 4))
    assert check_shape("f", "x", x, "B I", float, B=3, I=4) is x


def test_a_list_becomes_an_array_of_the_dtype_that_is_asked_for():
    x = check_shape("f", "x", [[1, 2]], "B I", np.float32)
    assert x.dtype == np.float32
    assert x.tolist() == [[1, 2]]


def test_a_scalar_has_no_axes():
    assert check_shape("f", "x", 3.0, "") == 3
