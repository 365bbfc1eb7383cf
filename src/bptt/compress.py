r"""What to beat, too: compressors, which learn from a text as they read it.

A compressor that has read the training text needs so many bits more for what follows. It codes a
character that it gave the probability p in about $-\log_2 p$ bits, so this is the score of a model
that learns on: adaptive, as an n-gram that counts on, and unlike what a training has fixed.

It may not forget on the way, nor change its model with the length of the text: what it needs to
know of the length is that of both texts, whichever of the two it reads.
"""

import math
from collections.abc import Callable

from bptt.shapes import shown

# The order of PPMd and the models of zpaq were chosen on the last tenth of the training part of
# Tiny Shakespeare, after its first nine tenths. Nats per character there, of the orders 4 to 8:
# 1.442, 1.403, 1.395, 1.397, 1.399.
ORDER = 6

# zpaq's own models of text at its strongest level: ICMs and ISSEs of the orders 0 to 6, of words,
# of columns and of gaps, a match model, mixers and SSE. Nats per character as above: 1.284, those
# of level 4 1.360. The level by its number would do something else in blocks beyond 1 MiB.
MODELS = "w2c0,1010,255i1c256ci1,1,1,1,1,1,2ac0,2,0,255i1c0,3,0,0,255i1c0,4,0,0,0,255i1mm16ts19t0"


def nats(train: str, text: str, method: str) -> float:
    r"""Score a text by what a compressor needs for it when it has read the training text.

    It is the difference of two lengths, of the training text with and without the text after it:
    8 $\ln 2$ nats for each byte, as nats per character. A compressor knows nothing of the split, so
    it learns from the text as it goes. Some forget: gzip what lies 32 KiB back, bz2 all at the end
    of each block of 900 kB. The others get the memory that both texts ask for.

    Parameters
    ----------
    train : str
        The training text.
    text : str
        The text to score, of at least one character.
    method : str
        `gzip`, `bz2` or `xz`, each at its strongest setting; `ppmd`, variant I, or `zpaq`.

    Raises
    ------
    ModuleNotFoundError
        If the library of the method is not there. The message says so.
    ValueError
        If the method is unknown, or the text is empty.

    Notes
    -----
    Source: D. Shkarin, "PPM: one step to practicality", Data Compression Conference 2002,
    <https://doi.org/10.1109/DCC.2002.999958>; M. Mahoney, "ZPAQ: open standard programmable data
    compression", <https://mattmahoney.net/dc/zpaq.html>.
    """
    if method not in METHODS:
        raise ValueError(
            f"compress.nats: method must be one of {', '.join(METHODS)}, got {shown(method)}"
        )
    if not text:
        raise ValueError("compress.nats: text must have at least one character, got none")
    shorter, longer = train.encode(), (train + text).encode()
    try:
        more = METHODS[method](longer, len(longer)) - METHODS[method](shorter, len(longer))
    except ImportError as error:
        raise ModuleNotFoundError(f"compress.nats: there is no {method}: {LACK[method]}") from error
    return more * 8 * math.log(2) / len(text)


def _gzip(data: bytes, _: int) -> int:
    """Compress at the strongest, 9, which is the default; `bz2` too."""
    import gzip

    return len(gzip.compress(data))


def _bz2(data: bytes, _: int) -> int:
    import bz2

    return len(bz2.compress(data))


def _xz(data: bytes, room: int) -> int:
    """Compress with a dictionary that holds all."""
    import lzma

    chain = {
        "id": lzma.FILTER_LZMA2,
        "preset": 9 | lzma.PRESET_EXTREME,
        "dict_size": max(room, 4096),
    }
    return len(lzma.compress(data, filters=[chain]))


def _ppmd(data: bytes, room: int) -> int:
    """Compress in memory that no text fills: Tiny Shakespeare takes less than 8 bytes for each."""
    import pyppmd

    encoder = pyppmd.Ppmd8Encoder(ORDER, min(64 * room + 2**20, 2**31))
    return len(encoder.encode(data)) + len(encoder.flush())


def _zpaq(data: bytes, room: int) -> int:
    """Compress as one block, whose size is the power of two that holds all, and 16 MiB at least.

    The block decides the size of the tables, too. Up to 4096 bytes of it are the format's own. A
    second thread would be a second block.
    """
    import zpaq

    block = max(4, (room + 4095).bit_length() - 20)
    return len(zpaq.compress(data, threads=1, method=f"x{block},0{MODELS}"))


# From a text and the bytes of both texts to the bytes of the archive. Each library is imported
# where it is used: a Python may be without it.
METHODS: dict[str, Callable[[bytes, int], int]] = {
    "gzip": _gzip,
    "bz2": _bz2,
    "xz": _xz,
    "ppmd": _ppmd,
    "zpaq": _zpaq,
}

# Why a method is not there.
LACK = {
    **dict.fromkeys(["gzip", "bz2", "xz"], "this Python was built without its library"),
    **dict.fromkeys(["ppmd", "zpaq"], 'python -m pip install "bptt[baselines]"'),
}
