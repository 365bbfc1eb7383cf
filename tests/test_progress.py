"""A bar is shown on a terminal that has tqdm; anywhere else a loop goes on without one."""

import io
import sys

import pytest

from bptt import progress


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_terminal_shows_how_far_a_loop_is(monkeypatch):
    stream = Terminal()
    monkeypatch.setattr(sys, "stderr", stream)
    assert list(progress.shown(iter("abc"), unit="letter", total=3)) == ["a", "b", "c"]
    assert "3/3" in stream.getvalue()
    assert "letter" in stream.getvalue()


@pytest.mark.parametrize(("stream", "tqdm"), [(io.StringIO(), True), (Terminal(), False)])
def test_without_a_terminal_or_without_tqdm_the_items_are_themselves(monkeypatch, stream, tqdm):
    monkeypatch.setattr(sys, "stderr", stream)
    if not tqdm:
        monkeypatch.setitem(sys.modules, "tqdm", None)
    items = ["a", "b"]
    assert progress.bars() is None
    assert progress.shown(items, unit="letter") is items
    assert not stream.getvalue()
