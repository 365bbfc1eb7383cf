"""Make the fonts of the text and of the figures: ``python text.py FOLDER``.

It needs fonttools and brotli. The folder holds source-sans-3-latin-wght-normal.woff2. The fonts of
the figures are for matplotlib, which only measures with them: what draws the figures in a page are
the fonts of the page.
"""

import sys
from pathlib import Path

from fontTools.designspaceLib import AxisDescriptor, DesignSpaceDocument, SourceDescriptor
from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont
from fontTools.ttLib.scaleUpem import scale_upem
from fontTools.varLib import build, instancer

HERE = Path(__file__).parent
FIGURES = HERE.parent / "figures" / "fonts"
ASCII = "".join(map(chr, range(0x20, 0x7F)))
ROMAN = f"{ASCII}\xa0©±¶·×–−…“”²³¹áëíöüý"
# Of the family's weights the one whose stems are as thick as those of the formulas beside it: 76
# thousandths of its size, where those of Latin Modern Math, set 1.12 times as large, have 74 to 77.
# It is this font's regular weight, and what the family calls semibold its bold.
WEIGHTS = {400: 385, 700: 600}
# The formulas are set this much larger than the text.
MATHS = 1.12
# Which character of the formulas has the form that a plain letter has in italics.
ITALICS = {0x61 + n: 0x1D44E + n for n in range(26)} | {0x41 + n: 0x1D434 + n for n in range(26)}
ITALICS |= {0x3B1 + n: 0x1D6FC + n for n in range(25)} | {ord("h"): 0x210E}
BARS = {0x304: ord("¯")}  # matplotlib asks for the one, MathML for the other


def subset(font: TTFont, characters: str) -> TTFont:
    """Keep some characters and the license. Kerning would be a fifth of all bytes."""
    options = Options(hinting=False, layout_features=[], name_IDs=[0, 13, 14], notdef_outline=True)
    options.drop_tables += ["STAT", "DSIG", "BASE", "MVAR", "gasp", "GSUB", "GPOS", "GDEF"]
    subsetter = Subsetter(options)
    subsetter.populate(text=characters)
    subsetter.subset(font)
    return font


def drawn(file: Path, weight: int, characters: str) -> TTFont:
    """Return one weight of a variable font."""
    font = TTFont(file, recalcTimestamp=False)
    font.ensureDecompiled()
    return subset(instancer.instantiateVariableFont(font, {"wght": weight}), characters)


def between(masters: dict[int, TTFont]) -> TTFont:
    """Join a regular and a bold font into one that has all weights between them."""
    space = DesignSpaceDocument()
    space.addAxis(AxisDescriptor(tag="wght", name="Weight", minimum=400, default=400, maximum=700))
    for weight, font in masters.items():
        source = SourceDescriptor(font=font, location={"Weight": weight}, familyName="Site text")
        space.addSource(source)
    font, _, _ = build(space, exclude=["STAT", "MVAR"])
    return font


def named(font: TTFont, family: str, style: str = "Regular", weight: int = 400) -> TTFont:
    """Give a font a name of its own: its makers reserve theirs."""
    for number, name in {1: family, 2: style, 4: f"{family} {style}", 6: family}.items():
        font["name"].setName(name, number, 3, 1, 0x409)
    font["OS/2"].usWeightClass = weight
    return font


def compressed(font: TTFont, name: str) -> None:
    """Write a font for browsers."""
    font.flavor = "woff2"
    font.save(HERE / name)


def mathematics(style: str, forms: dict[int, int]) -> TTFont:
    """Take characters, each in the form of a character of the formulas, from their font."""
    font = TTFont(HERE / "latinmodern-math.woff2", recalcTimestamp=False)
    font.flavor = None
    for table in {"MATH", "GPOS", "GSUB", "GDEF"} & {*font.keys()}:
        del font[table]
    cmap = font.getBestCmap()
    kept = {code: cmap[form] for code, form in forms.items() if form in cmap}
    for table in font["cmap"].tables:
        table.cmap = {code: name for code, name in kept.items() if code < 0x10000}
    options = Options(hinting=False, notdef_outline=True, name_IDs=[])
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=kept)
    subsetter.subset(font)
    scale_upem(font, round(1000 * MATHS))
    font["head"].unitsPerEm = 1000
    font["CFF "].cff.topDictIndex[0].FontMatrix = [0.001, 0, 0, 0.001, 0, 0]
    return named(font, "Site math", style)


def main(folder: Path) -> None:
    """Make them all."""
    roman = folder / "source-sans-3-latin-wght-normal.woff2"
    masters = {weight: drawn(roman, theirs, ROMAN) for weight, theirs in WEIGHTS.items()}
    FIGURES.mkdir(exist_ok=True)
    for weight, font in masters.items():
        font.flavor = None
        style = "Bold" if weight == 700 else "Regular"
        named(font, "Site text", style, weight).save(FIGURES / f"text-{weight}.ttf")
    compressed(between(masters), "text.woff2")
    characters = TTFont(HERE / "latinmodern-math.woff2").getBestCmap()
    themselves = dict(zip(characters, characters, strict=True))
    mathematics("Regular", themselves | BARS).save(FIGURES / "math.otf")
    mathematics("Italic", ITALICS).save(FIGURES / "math-italic.otf")


main(Path(sys.argv[1]))
