"""Draw the picture that stands for a page where a link to it is shared: one for each chapter."""

import io
import textwrap
from functools import partial
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from read.memory import recall_bytes
from read.pages import is_chapter

SIZE = (12, 6.3)  # inches, at 100 dots each: 1200 by 630, the shape that most services show
PAPER, INK, SOFT, FORWARD, BACKWARD = "#15191e", "#e6e6e6", "#b0b8c1", "#4a9ad9", "#e8702a"


def draw(page: Page, config: MkDocsConfig, files: Files) -> None:
    """Draw the preview of a chapter, and that of all other pages with the home page."""
    if page.is_homepage:
        uri, title, text = "preview.png", config.site_name, config.site_description or ""
    elif is_chapter(page.file):
        uri = page.meta["preview"] = f"{page.url}preview.png"
        title, text = str(page.title), page.meta["claim"].replace("`", "")
    else:
        return
    words = [title, text, config.site_name]
    drawn = recall_bytes(config, ["preview", *words], partial(picture, *words))
    files.append(File.generated(config, uri, content=drawn))


def picture(title: str, text: str, site: str) -> bytes:
    """Draw a title, a sentence and an unrolled network, as a PNG that is the same every time."""
    # It takes a while to load, and mostly every picture is remembered.
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with mpl.rc_context():
        mpl.rcdefaults()  # and not the settings of the figures, or of whoever builds
        mpl.rcParams["font.family"] = "DejaVu Sans"
        fig = Figure(figsize=SIZE, dpi=100, facecolor=PAPER)
        FigureCanvasAgg(fig)
        heading = textwrap.fill(title, 26)
        fig.text(0.07, 0.86, heading, color=INK, fontsize=44, va="top", family="DejaVu Serif")
        top = 0.78 - 0.115 * (heading.count("\n") + 1)
        words = textwrap.fill(text, 58)
        fig.text(0.07, top, words, color=SOFT, fontsize=21, va="top", linespacing=1.45)
        fig.text(0.07, 0.08, site, color=SOFT, fontsize=17)
        _draw_network(fig)
        file = io.BytesIO()
        fig.savefig(file, format="png", metadata={"Software": None})
    return file.getvalue()


def _draw_network(fig: Any) -> None:
    """Draw a network over twelve steps: values flow forwards, gradients back."""
    from matplotlib.patches import Circle, FancyArrowPatch

    ax = fig.add_axes(
        (0.07, 0.16, 0.86, 0.14), xlim=(-0.22, 11.3), ylim=(-0.5, 0.5), aspect="equal"
    )
    ax.set_anchor("W")
    ax.axis("off")
    arrow: dict[str, Any] = {"arrowstyle": "-|>", "mutation_scale": 14, "linewidth": 2}
    for t in range(12):
        ax.add_patch(Circle((t, 0), 0.2, facecolor="none", edgecolor=FORWARD, linewidth=2.4))
        if t:
            ends = (t - 0.75, 0.13), (t - 0.25, 0.13)
            ax.add_patch(FancyArrowPatch(*ends, color=FORWARD, **arrow))
            ends = (t - 0.25, -0.13), (t - 0.75, -0.13)
            ax.add_patch(FancyArrowPatch(*ends, color=BACKWARD, **arrow))
