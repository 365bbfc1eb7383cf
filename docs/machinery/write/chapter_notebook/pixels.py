"""Draw a figure as pixels: Colab shows no SVG within a text."""

from pathlib import Path

import resvg_py

# Two for one keep a figure sharp on most screens.
PIXELS = 2
OURS = Path(__file__).parents[2] / "figures" / "fonts"


def draw(svg: str) -> bytes:
    """Return a PNG on white, as a notebook may be shown on black. It takes 0.2 s."""
    # It takes a while to load, and mostly every picture is remembered.
    import matplotlib as mpl

    # With these fonts, and no others, the figure was laid out.
    fonts = [Path(mpl.get_data_path(), "fonts", "ttf"), OURS]
    return resvg_py.svg_to_bytes(
        svg_string=svg,
        background="white",
        dpi=96,
        zoom=PIXELS,
        font_dirs=[*map(str, fonts)],
        skip_system_fonts=True,
    )


def width(picture: bytes) -> int:
    """Return how wide a picture is shown; the header of a PNG says how wide it is."""
    return int.from_bytes(picture[16:20]) // PIXELS
