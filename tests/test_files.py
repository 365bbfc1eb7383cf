"""A file is there as a whole or not at all."""

import os

import pytest

from bptt import files


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.txt"


def test_a_file_is_complete_and_synced_before_it_takes_its_place(path, monkeypatch):
    path.write_bytes(b"old")
    seen = []

    def look(number):
        draft = path.with_name("file.txt.draft")
        seen.append((path.read_bytes(), draft.read_bytes(), os.fstat(number).st_size))

    monkeypatch.setattr(os, "fsync", look)
    files.replace(path, b"new one")
    assert seen == [(b"old", b"new one", 7)]
    assert path.read_bytes() == b"new one"


@pytest.mark.parametrize("stop", [OSError("the disk is full"), KeyboardInterrupt()])
def test_a_stop_on_the_way_leaves_the_old_file_and_nothing_beside_it(path, stop, monkeypatch):
    path.write_bytes(b"old")

    def fail(_):
        raise stop

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(stop)):
        files.replace(str(path), b"new one")
    assert path.read_bytes() == b"old"
    assert [file.name for file in path.parent.iterdir()] == [path.name]
