"""Compressors: what they need for what follows the training text, and what they may not forget."""

import bz2
import gzip
import importlib
import lzma
import math
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from bptt import compress, text

LIBRARIES = {"ppmd": "pyppmd", "zpaq": "zpaq"}  # those that are optional


@pytest.fixture(params=compress.METHODS)
def method(request):
    """Return each method whose library is there."""
    if request.param in LIBRARIES:
        pytest.importorskip(LIBRARIES[request.param])
    return request.param


@pytest.fixture(scope="module")
def noise():
    """Letters that no compressor can shorten below 4 bits each."""
    return "".join(np.random.default_rng(8).choice(list("abcdefghijklmnop"), size=120_000))


def test_a_compressor_needs_the_entropy_for_what_has_no_structure(noise, method):
    bits = text.bits(compress.nats(noise[:40_000], noise[40_000:], method))
    assert 4 <= bits < 4.7


def test_a_compressor_is_asked_for_the_text_after_the_training_text(noise):
    first, rest = noise[:900] + "é", noise[900:1500]
    both, alone = (first + rest).encode(), first.encode()
    for method, module in {"gzip": gzip, "bz2": bz2}.items():
        more = len(module.compress(both, 9)) - len(module.compress(alone, 9))
        want = 8 * math.log(2) * more / 600
        assert compress.nats(first, rest, method) == pytest.approx(want)
    more = len(lzma.compress(both, preset=9 | lzma.PRESET_EXTREME)) - len(
        lzma.compress(alone, preset=9 | lzma.PRESET_EXTREME)
    )
    want = 8 * math.log(2) * more / 600
    assert compress.nats(first, rest, "xz") == pytest.approx(want, abs=0.05)


def test_a_score_is_per_character_and_not_per_byte(method):
    word = "".join(np.random.default_rng(9).choice(list("éèêë"), size=4000))
    # Two bits of entropy; a byte that never changes takes up to one more.
    assert 2 <= text.bits(compress.nats(word[:2000], word[2000:], method)) < 3.1


@pytest.mark.records
def test_the_order_of_ppmd_is_the_best_at_the_end_of_the_training_text(monkeypatch):
    if not Path(os.environ.get(text.VARIABLE, ""), text.FILE).is_file():
        pytest.skip(f"needs Tiny Shakespeare in the folder that {text.VARIABLE} names")
    pytest.importorskip("pyppmd")
    read, _ = text.split(text.tiny_shakespeare())
    first, last = text.split(read)
    scores = {}
    for order in range(4, 9):
        monkeypatch.setattr(compress, "ORDER", order)
        scores[order] = round(compress.nats(first, last, "ppmd"), 3)
    monkeypatch.undo()
    assert scores == {4: 1.442, 5: 1.403, 6: 1.395, 7: 1.397, 8: 1.399}
    assert min(scores, key=scores.__getitem__) == compress.ORDER


@pytest.mark.parametrize("method", ["xz", "ppmd", "zpaq"], indirect=True)
def test_what_has_been_read_long_ago_is_found_again(noise, method):
    assert text.bits(compress.nats(noise, noise[:20_000], method)) < 0.1


def test_gzip_has_forgotten_it(noise):
    assert text.bits(compress.nats(noise, noise[:20_000], "gzip")) > 4


@pytest.mark.parametrize("method", LIBRARIES, indirect=True)
def test_the_archive_holds_the_text(noise, method, monkeypatch):
    """It is no shorter than it may be: the library reads the whole text from it."""
    data = noise[:5000].encode()
    library, kept = importlib.import_module(LIBRARIES[method]), []
    if method == "zpaq":
        pack = library.compress
        monkeypatch.setattr(
            library, "compress", lambda *a, **how: kept.append(pack(*a, **how)) or kept[-1]
        )
        assert compress.METHODS[method](data, len(data)) == len(kept[0])
        assert library.decompress(kept[0]) == data
    else:
        packed = library.compress(data, max_order=compress.ORDER, mem_size=2**20)
        assert compress.METHODS[method](data, len(data)) == len(packed)
        assert library.decompress(packed, max_order=compress.ORDER, mem_size=2**20) == data


@pytest.mark.parametrize("method", ["zpaq"], indirect=True)
def test_zpaq_has_one_model_in_one_block_for_both_texts(method, monkeypatch):
    """Also where the first ends just below 1 MiB: by its level it would choose two models."""
    library, asked = importlib.import_module("zpaq"), []

    def pack(data, threads, method):
        asked.append((threads, method))
        return data

    monkeypatch.setattr(library, "compress", pack)
    for length, block in [(2**20, 4), (2**24 - 4096, 4), (2**24 - 4095, 5), (2**26, 7)]:
        asked.clear()
        compress.nats("a" * (length - 5), "b" * 5, method)
        assert asked == [(1, f"x{block},0{compress.MODELS}")] * 2


def test_an_unknown_compressor_is_a_value_error():
    known = "gzip, bz2, xz, ppmd, zpaq"
    with pytest.raises(ValueError, match=f"method must be one of {known}, got 'zip'"):
        compress.nats("a", "b", "zip")


def test_an_empty_text_has_no_score():
    with pytest.raises(ValueError, match=r"compress\.nats: text must have at least one character"):
        compress.nats("a", "", "xz")


@pytest.mark.parametrize("method", LIBRARIES)
def test_a_library_that_is_missing_is_named_with_its_remedy(method, monkeypatch):
    monkeypatch.setitem(sys.modules, LIBRARIES[method], None)
    why = rf'^compress\.nats: there is no {method}: python -m pip install "bptt\[baselines\]"$'
    with pytest.raises(ModuleNotFoundError, match=why):
        compress.nats("a", "b", method)


ON_RECORD = {"gzip": 2.146, "bz2": 1.662, "xz": 1.746, "ppmd": 1.404, "zpaq": 1.291}


@pytest.mark.records
def test_compressors_need_for_the_plays_what_is_on_record(method):
    if not os.environ.get("BPTT_DATA"):
        pytest.skip("BPTT_DATA names no folder with tinyshakespeare.txt")
    plays = text.split(text.tiny_shakespeare())
    # The libraries behind them differ a little from one machine to another.
    assert compress.nats(*plays, method) == pytest.approx(ON_RECORD[method], abs=0.02)
