"""A file is there as a whole or not at all, whoever else writes."""

import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from bptt import files


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.txt"


@pytest.fixture
def no_pause(monkeypatch):
    """Count the pauses instead of waiting."""
    pauses = []
    monkeypatch.setattr(files.time, "sleep", pauses.append)
    return pauses


def alone(path):
    return [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_is_complete_and_synced_before_it_takes_its_place_and_then_its_folder(
    path, monkeypatch
):
    path.write_bytes(b"old")
    seen = []

    def look(number):
        kind = "folder" if stat.S_ISDIR(os.fstat(number).st_mode) else "file"
        seen.append((kind, path.read_bytes(), os.fstat(number).st_size))

    monkeypatch.setattr(os, "fsync", look)
    files.replace(path, b"new one")
    assert seen[0] == ("file", b"old", 7)
    if os.name == "posix":
        assert [(kind, content) for kind, content, _ in seen[1:]] == [("folder", b"new one")]
    assert path.read_bytes() == b"new one"
    assert alone(path)


@pytest.mark.parametrize("stop", [OSError("the disk is full"), KeyboardInterrupt()])
def test_a_stop_on_the_way_leaves_the_old_file_and_nothing_beside_it(path, stop, monkeypatch):
    path.write_bytes(b"old")

    def fail(_):
        raise stop

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(stop)):
        files.replace(str(path), b"new one")
    assert path.read_bytes() == b"old"
    assert alone(path)


def test_writers_side_by_side_never_tear_or_steal_a_file(path):
    """Each content is one byte many times, so a torn file holds two kinds."""
    files.replace(path, b"0" * 100_000)
    failed, torn, done = [], [], threading.Event()

    def write(byte):
        for _ in range(60):
            try:
                files.replace(path, byte * 100_000)
            except OSError as error:
                failed.append(error)

    def read():
        while not done.is_set():
            content = path.read_bytes()
            if len(content) != 100_000 or len(set(content)) != 1:
                torn.append(content[:20])

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=[byte]) for byte in (b"a", b"b", b"c")]
    reader.start()
    for thread in writers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert (failed, torn) == ([], [])
    assert alone(path)


@pytest.mark.process
def test_processes_side_by_side_do_so_too(path):
    code = (
        "import sys; from bptt import files\n"
        "for _ in range(40): files.replace(sys.argv[1], sys.argv[2].encode() * 50_000)"
    )
    command = [sys.executable, "-c", code, str(path)]
    writers = [subprocess.Popen([*command, letter]) for letter in "ab"]
    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert set(path.read_bytes()) in ({ord("a")}, {ord("b")})
    assert alone(path)


def test_a_file_beside_it_is_not_taken_for_a_draft(path, tmp_path):
    """Whatever another program, or a user, called so."""
    for name in ("file.txt.draft", ".file.txt.draft", "file.txt.tmp", "file.txt~"):
        (tmp_path / name).write_text(name)
    files.replace(path, b"new")
    for name in ("file.txt.draft", ".file.txt.draft", "file.txt.tmp", "file.txt~"):
        assert (tmp_path / name).read_text() == name


posix = pytest.mark.skipif(os.name != "posix", reason="needs the files of POSIX")


@posix
def test_a_link_in_the_place_of_a_draft_is_not_followed(path, tmp_path):
    target = tmp_path / "target"
    target.write_text("mine")
    for name in ("file.txt.draft", ".file.txt.draft"):
        (tmp_path / name).symlink_to(target)
    files.replace(path, b"new")
    assert target.read_text() == "mine"


@posix
def test_a_link_stays_a_link_and_what_it_names_is_replaced(tmp_path):
    place, link = tmp_path / "elsewhere" / "real.txt", tmp_path / "link.txt"
    place.parent.mkdir()
    place.write_bytes(b"old")
    link.symlink_to(place)
    files.replace(link, b"new")
    assert link.is_symlink()
    assert place.read_bytes() == link.read_bytes() == b"new"
    assert {file.name for file in tmp_path.iterdir()} == {"elsewhere", "link.txt"}
    assert alone(place)


@posix
def test_a_link_to_nothing_yet_is_filled(tmp_path):
    link = tmp_path / "link.txt"
    link.symlink_to(tmp_path / "new.txt")
    files.replace(link, b"new")
    assert link.is_symlink()
    assert (tmp_path / "new.txt").read_bytes() == b"new"


@posix
def test_a_link_to_itself_is_refused(tmp_path):
    link = tmp_path / "link.txt"
    link.symlink_to(link)
    with pytest.raises(OSError, match=r"link\.txt"):
        files.replace(link, b"new")
    assert link.is_symlink()


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o444])
def test_the_mode_of_the_old_file_is_kept(path, mode):
    path.write_bytes(b"old")
    path.chmod(mode)
    files.replace(path, b"new")
    assert stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_a_new_file_gets_the_mode_that_any_new_file_gets(path, tmp_path):
    (tmp_path / "other").write_bytes(b"")
    files.replace(path, b"new")
    assert path.stat().st_mode == (tmp_path / "other").stat().st_mode


@posix
def test_what_is_no_file_is_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, tmp_path, Path(os.devnull)):
        with pytest.raises(OSError, match="is no file"):
            files.replace(place, b"new")
    assert pipe.is_fifo()


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EACCES, errno.EBUSY])
@pytest.mark.parametrize("step", ["write", "rename"])
def test_what_may_pass_is_tried_again(path, code, step, monkeypatch, no_pause):
    path.write_bytes(b"old")
    name = {"write": "fsync", "rename": "replace"}[step]
    real, tries = getattr(os, name), []

    def fail_twice(*args):
        tries.append(args)
        if len(tries) <= 2:
            raise OSError(code, os.strerror(code))
        return real(*args)

    monkeypatch.setattr(os, name, fail_twice)
    files.replace(path, b"new")
    assert path.read_bytes() == b"new"
    assert len(no_pause) == 2
    assert alone(path)


def test_what_does_not_pass_is_one_sentence_with_the_path_and_what_survives(
    path, monkeypatch, no_pause
):
    path.write_bytes(b"old")

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(files.WriteError) as failed:
        files.replace(path, b"new")
    assert str(failed.value) == (
        f"{path} cannot be written: No space left on device; the file that was there is as it was"
    )
    assert 0 < sum(no_pause) <= 2
    assert path.read_bytes() == b"old"
    assert alone(path)


def test_a_folder_that_is_not_there_is_named_at_once(tmp_path, no_pause):
    with pytest.raises(OSError, match="nowhere") as failed:
        files.replace(tmp_path / "nowhere" / "file", b"new")
    assert isinstance(failed.value, files.WriteError)
    assert "as it was" not in str(failed.value)
    assert no_pause == []


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_the_draft_of_a_writer_that_was_killed_is_removed_and_nothing_else(path, tmp_path):
    code = (
        "import os, signal, sys; from bptt import files\n"
        "os.fsync = lambda _: os.kill(os.getpid(), signal.SIGKILL)\n"
        "files.replace(sys.argv[1], b'new')"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=False)
    (draft,) = tmp_path.iterdir()
    others = {".bptt-notes.draft", ".0123456789abcdef.draft", f"{draft.name}.txt", "a.draft"}
    for name in others:
        (tmp_path / name).touch()
    files.tidy(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == others
