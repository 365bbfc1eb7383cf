"""Make latinmodern-math.woff2: ``python subset.py latinmodern-math.otf``.

It needs fonttools and brotli. The characters are those of glyphs.txt.
"""

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter, save_font
from fontTools.ttLib import TTFont

HERE = Path(__file__).parent
PRIMES = {0x2032: "minute.st", 0x2033: "uni2033.st", 0x2034: "uni2034.st"}

font = TTFont(sys.argv[1], recalcTimestamp=False)
# MathML has a prime as a superscript. The font has larger forms for that, which Chromium does not
# choose by itself: let them stand for the characters.
for table in font["cmap"].tables:
    for character, form in PRIMES.items():
        if character in table.cmap:
            table.cmap[character] = form
subsetter = Subsetter(Options(layout_features=[], hinting=False))
subsetter.populate(text=(HERE / "glyphs.txt").read_text("utf-8"))
subsetter.subset(font)
save_font(font, HERE / "latinmodern-math.woff2", Options(flavor="woff2"))
