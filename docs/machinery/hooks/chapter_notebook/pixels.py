"""Draw a figure as pixels: Colab shows no SVG within a text."""

import hashlib
from pathlib import Path

import matplotlib as mpl
import resvg_py

# Two for one keep a figure sharp on most screens.
PIXELS = 2
# With these fonts, and no others, the figure was laid out.
FONTS = Path(mpl.get_data_path(), "fonts", "ttf")


def draw(svg: str, cache: Path) -> bytes:
    """Return a PNG on white, as a notebook may be shown on black. It takes 0.2 s, so it is kept."""
    kept = cache / f"{hashlib.sha256(svg.encode()).hexdigest()[:32]}.png"
    if not kept.exists():
        picture = resvg_py.svg_to_bytes(
            svg_string=svg,
            background="white",
            dpi=96,
            zoom=PIXELS,
            font_dirs=[str(FONTS)],
            skip_system_fonts=True,
        )
        kept.write_bytes(picture)
    return kept.read_bytes()


def width(picture: bytes) -> int:
    """Return how wide a picture is shown; the header of a PNG says how wide it is."""
    return int.from_bytes(picture[16:20]) // PIXELS
