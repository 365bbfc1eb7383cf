"""Make latinmodern-math.woff2: ``python subset.py latinmodern-math.otf``.

It needs fonttools and brotli. The characters are those of glyphs.txt.
"""

import sys
from pathlib import Path

from fontTools.misc.transform import Offset, Transform
from fontTools.pens.boundsPen import BoundsPen
from fontTools.pens.t2CharStringPen import T2CharStringPen
from fontTools.pens.transformPen import TransformPen
from fontTools.subset import Options, Subsetter, save_font
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent
# MathML has a prime as a superscript. The font has larger forms for that, which Chromium does not
# choose by itself: let them stand for the characters.
PRIMES = {0x2032: "minute.st", 0x2033: "uni2033.st", 0x2034: "uni2034.st"}
# TeX lowers a subscript, and raises a superscript, with the height of what carries it only if that
# is more than a letter. MathML does so for letters too: g, y and h would carry theirs further away
# than a and x. TeX also sets a root in the middle of a radical sign that is too tall.
CONSTANTS = {
    "SubscriptBaselineDropMin": -50,
    "SuperscriptBaselineDropMax": 386,
    "RadicalVerticalGap": 200,
    "RadicalDisplayStyleVerticalGap": 110,
}
# An accent is drawn far above the line, so that it fits a small letter. WebKit takes the room below
# it for a part of it, and sets that on the letter. Here accents are drawn on the line, and browsers
# raise them by all of a letter's height.
ACCENTS = "¯ˆ˜"
# Chromium keeps the room of the widest form for an operator that stretches, whichever it draws.
# So all forms get one width here: the smallest would stand in a wide gap, the tallest reach out.
OPENING = {"(": 700, "[": 450, "{": 820, "⟨": 700, "⌊": 499, "⌈": 499, "√": 860}
CLOSING = {")": 680, "]": 450, "}": 820, "⟩": 680, "⌋": 499, "⌉": 499}
# What no formula stretches needs no larger forms.
STILL = "/⊤−=→↦"


def forms(font: TTFont, character: str) -> set[str]:
    """Return the glyphs of all sizes of a character, and those it is put together from."""
    variants = font["MATH"].table.MathVariants
    glyph = font.getBestCmap()[ord(character)]
    made = variants.VertGlyphConstruction[variants.VertGlyphCoverage.glyphs.index(glyph)]
    parts = made.GlyphAssembly.PartRecords if made.GlyphAssembly else []
    sizes = {record.VariantGlyph for record in made.MathGlyphVariantRecord} - {glyph}
    return sizes | {part.glyph for part in parts}


def without(font: TTFont, direction: str, characters: str) -> None:
    """Leave out the larger forms of some characters."""
    variants = font["MATH"].table.MathVariants
    glyphs = getattr(variants, f"{direction}GlyphCoverage").glyphs
    made = getattr(variants, f"{direction}GlyphConstruction")
    names = {font.getBestCmap()[ord(character)] for character in characters}
    kept = [(glyph, one) for glyph, one in zip(glyphs, made, strict=True) if glyph not in names]
    glyphs[:], made[:] = map(list, zip(*kept, strict=True))
    setattr(variants, f"{direction}GlyphCount", len(kept))


def set_width(font: TTFont, glyph: str, width: int, *, opening: bool) -> None:
    """Give a glyph a width; an opening one keeps the distance to what follows it."""
    shift = width - font["hmtx"][glyph][0] if opening else 0
    move(font, glyph, Offset(shift), width)


def move(font: TTFont, glyph: str, offset: Transform, width: int) -> None:
    """Draw a glyph elsewhere."""
    glyphs = font.getGlyphSet()
    outlines = font["CFF "].cff.topDictIndex[0].CharStrings
    private = outlines[glyph].private
    pen = T2CharStringPen(width - private.nominalWidthX, glyphs)
    glyphs[glyph].draw(TransformPen(pen, offset))
    outlines[glyph] = pen.getCharString(private, outlines[glyph].globalSubrs)
    bounds = BoundsPen(font.getGlyphSet())
    font.getGlyphSet()[glyph].draw(bounds)
    font["hmtx"][glyph] = (width, round(bounds.bounds[0]))


font = TTFont(sys.argv[1], recalcTimestamp=False)
for table in font["cmap"].tables:
    for character, form in PRIMES.items():
        if character in table.cmap:
            table.cmap[character] = form
constants = font["MATH"].table.MathConstants
for accent in ACCENTS:
    glyph = font.getBestCmap()[ord(accent)]
    move(font, glyph, Offset(0, -constants.AccentBaseHeight.Value), font["hmtx"][glyph][0])
constants.AccentBaseHeight.Value = 0
for name, value in CONSTANTS.items():
    getattr(constants, name).Value = value
for widths, opening in ((OPENING, True), (CLOSING, False)):
    for character, width in widths.items():
        for glyph in sorted(forms(font, character)):
            set_width(font, glyph, width, opening=opening)
for direction in ("Vert", "Horiz"):
    without(font, direction, STILL)
subsetter = Subsetter(Options(layout_features=[], hinting=False))
subsetter.populate(text=(HERE / "glyphs.txt").read_text("utf-8"))
subsetter.subset(font)
save_font(font, HERE / "latinmodern-math.woff2", Options(flavor="woff2"))
