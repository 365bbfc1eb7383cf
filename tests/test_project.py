"""A training in a folder touches nothing that it did not write, and loses nothing."""

import dataclasses
import errno
import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
from click.testing import CliRunner

from bptt import cli, files
from bptt.lm import engine, folder, lock, project, run_file, save
from bptt.lm import training as trainings
from bptt.lm.save import CURVE, STATE
from bptt.lm.settings import Settings
from bptt.lm.update import rate_at
from bptt.shell import quoted

WORDS = ("the cat sat on the mat\n" * 150).encode()
SMALL = ["--embedding", 4, "--widths", 6, "--batch", 3, "--chunk", 8, "--steps", 6, "--every", 3]
NAMES = (STATE, CURVE, *folder.FILES)


@pytest.fixture
def text(tmp_path):
    path = tmp_path / "words.txt"
    path.write_bytes(WORDS)
    return path


@pytest.fixture
def place(tmp_path):
    return tmp_path / "model"


def bptt(*words, stdin=None):
    done = CliRunner().invoke(cli.commands(), [str(w) for w in words], input=stdin)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


def train(place, text, *more):
    return bptt("train", "--text", text, "--folder", place, *SMALL, *more)


def refused(done, code=2):
    assert done.exit_code == code, done.output
    (line,) = done.stderr.splitlines()
    return line


def contents(place):
    return {path: path.read_bytes() for path in place.rglob("*") if path.is_file()}


# What the program did not write, it does not touch.


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_a_file_of_someone_else_is_not_replaced(place, text, name, kind):
    place.mkdir()
    if kind == "file":
        (place / name).write_text("mine")
    elif kind == "folder":
        (place / name).mkdir()
    else:
        (place / name).symlink_to("nowhere")
    before = contents(place)
    assert "choose another folder" in refused(train(place, text))
    assert contents(place) == before
    assert [path.name for path in place.iterdir()] == [name]


def test_a_folder_with_other_files_is_used_and_these_stay(place, text):
    place.mkdir()
    for name in ("notes.txt", "readme.rst", "training.safetensors.draft", "model.bin"):
        (place / name).write_text(name)
    assert train(place, text).exit_code == 0
    for name in ("notes.txt", "readme.rst", "training.safetensors.draft", "model.bin"):
        assert (place / name).read_text() == name


def test_the_folder_where_one_is_can_be_named_and_is_looked_at_too(place, text, monkeypatch):
    place.mkdir()
    (place / "README.md").write_text("mine")
    monkeypatch.chdir(place)
    for name in (".", "./", place, "../model"):
        assert "README.md" in refused(train(name, text))
    assert [path.name for path in place.iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    "words",
    [
        ["train", "--folder", ""],
        ["train", "--folder", "", "--resume"],
        ["train", "--folder", "new", "--text", ""],
        ["evaluate", ""],
        ["evaluate", "--text", ""],
        ["generate", ""],
        ["baselines", "--text", ""],
    ],
    ids=" ".join,
)
def test_an_empty_name_is_an_error(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert "must not be empty" in refused(bptt(*words))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", NAMES[1:])
@pytest.mark.parametrize("ended", [True, False])
def test_a_file_that_was_edited_is_not_replaced_when_a_training_goes_on(
    place, text, name, ended, monkeypatch
):
    if not ended:
        stop_at(monkeypatch, 4)
    assert train(place, text).exit_code == (0 if ended else 130)
    monkeypatch.undo()
    (place / name).write_bytes((place / name).read_bytes() + b"mine")
    before = contents(place)
    line = refused(bptt("train", "--folder", place, "--resume"))
    assert f"{place / name} is not as the training left it" in line
    assert "move it away" in line
    assert contents(place) == before
    (place / name).rename(place / "kept")
    assert bptt("train", "--folder", place, "--resume").exit_code == 0
    assert folder.read(place).vocabulary.characters == "\n acehmnost"
    assert (place / "kept").read_bytes().endswith(b"mine")


@pytest.mark.parametrize("name", NAMES[1:])
def test_a_file_that_is_edited_while_it_trains_is_left_and_said(place, text, name, monkeypatch):
    real = engine.advance

    def edit(settings, codes, run):
        if run.step == 4:
            (place / name).write_text("mine")
        return real(settings, codes, run)

    monkeypatch.setattr(engine, "advance", edit)
    done = train(place, text)
    assert done.exit_code == 0
    assert f"{name} was changed by someone else, and is left as it is." in done.stdout
    assert (place / name).read_text() == "mine"
    assert "is not as the training left it" in refused(bptt("train", "--folder", place, "--resume"))


def stop_at(monkeypatch, step, stop=KeyboardInterrupt):
    """Let Ctrl-C come in the step after so many."""
    real = engine.advance

    def interrupted(settings, codes, run):
        if run.step == step:
            raise stop
        return real(settings, codes, run)

    monkeypatch.setattr(engine, "advance", interrupted)


@pytest.mark.parametrize("write", range(1, 16))
def test_a_stop_at_any_write_leaves_what_can_go_on_and_be_used(place, text, write, monkeypatch):
    """Three saves of five files: a stop between two files leaves them of two saves."""
    assert train(place.with_name("whole"), text).exit_code == 0
    real, writes = files.replace, []

    class Killed(BaseException):
        """Nothing cleans up after it."""

    def kill(*args):
        writes.append(args)
        if len(writes) == write:
            raise Killed
        real(*args)

    monkeypatch.setattr(files, "replace", kill)
    with pytest.raises(Killed):
        cli.train._train(
            str(place), resume=False, every=3, text=str(text), embedding=4, widths="6", batch=3,
            chunk=8, steps=6,
        )  # fmt: skip
    monkeypatch.undo()
    if write == 1:  # nothing is there yet
        assert not (place / STATE).exists()
        return
    if write > 5:
        assert bptt("generate", place, "--length", 5).exit_code == 0
    assert bptt("train", "--folder", place, "--resume").exit_code == 0
    assert weights(place) == weights(place.with_name("whole"))


def weights(place):
    return {
        name: [array.tobytes() for array in layer]
        for name, layer in folder.read(place).params._asdict().items()
        if name != "layers"
    }


# One training at a time.


def test_a_folder_in_use_is_refused_and_its_holder_named(place, text):
    place.mkdir()
    with lock.held(place):
        before = contents(place)
        line = refused(train(place, text))
        assert f"{place} is in use by process {os.getpid()} on " in line
        assert contents(place) == before
    assert not list(place.iterdir())
    assert train(place, text).exit_code == 0
    with lock.held(place):
        assert "is in use by" in refused(bptt("train", "--folder", place, "--resume"))


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_a_lock_of_a_process_that_was_killed_is_seen_through(place, text):
    place.mkdir()
    code = (
        "import pathlib, sys, time; from bptt.lm import lock\n"
        "with lock.held(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code, str(place)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        assert f"process {process.pid}" in refused(train(place, text))
        process.kill()
        process.wait()
    assert (place / lock.LOCK).exists()
    assert train(place, text).exit_code == 0
    assert {path.name for path in place.iterdir()} == set(NAMES)


def test_a_lock_without_a_name_is_a_lock(place, text):
    place.mkdir()
    with lock.held(place):
        (place / lock.LOCK).write_text("")
        assert "is in use by another training" in refused(train(place, text))


@pytest.mark.parametrize("content", ["my words", "[1]", '{"process": 1}', "null"])
def test_a_file_of_someone_else_in_the_place_of_the_lock_stays(place, text, content):
    assert train(place, text).exit_code == 0
    (place / lock.LOCK).write_text(content)
    for done in (
        train(place.with_name("model"), text),
        bptt("train", "--folder", place, "--resume"),
    ):
        assert done.exit_code == 2
    assert f"{place / lock.LOCK} is no lock of a training; move it away" in done.stderr
    assert (place / lock.LOCK).read_text() == content


@pytest.mark.skipif(sys.platform == "win32", reason="the files of POSIX")
@pytest.mark.parametrize("kind", ["folder", "pipe", "link"])
def test_what_is_no_file_in_the_place_of_the_lock_stays(place, text, kind):
    place.mkdir()
    path = place / lock.LOCK
    {"folder": path.mkdir, "pipe": lambda: os.mkfifo(path), "link": lambda: path.symlink_to("a")}[
        kind
    ]()
    assert "is no lock of a training" in refused(train(place, text))
    assert [file.name for file in place.iterdir()] == [lock.LOCK]


def test_only_one_of_many_gets_the_lock(place):
    place.mkdir()
    inside, most, done = [], [], []

    def take():
        for _ in range(50):
            try:
                with lock.held(place):
                    inside.append(1)
                    most.append(len(inside))
                    inside.pop()
                    done.append(1)
            except lock.InUseError:
                pass

    threads = [threading.Thread(target=take) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(most) == 1
    assert done
    assert not list(place.iterdir())


def test_a_folder_that_changes_between_the_look_and_the_training_is_refused(place, text):
    opened = project.begin(place, {"steps": 2, "batch": 3, "chunk": 8}, str(text), 1)
    place.mkdir()
    (place / "README.md").write_text("mine")
    with pytest.raises(ValueError, match="has changed meanwhile"):
        project.train(opened, lambda _: None)
    assert [path.name for path in place.iterdir()] == ["README.md"]


# A full disk.


@pytest.mark.parametrize("write", [1, 2, 4, 6, 7, 9])
def test_a_full_disk_is_one_sentence_with_the_path_what_survives_and_the_way_on(
    place, text, write, monkeypatch
):
    real, writes = files._replace_once, []

    def full(path, content):
        if str(path).startswith(str(place)):
            writes.append(path)
            if len(writes) >= write:
                raise OSError(errno.ENOSPC, "No space left on device")
        real(path, content)

    monkeypatch.setattr(files, "_replace_once", full)
    monkeypatch.setattr(files.time, "sleep", lambda _: None)
    line = refused(train(place, text), code=1)
    assert f"Error: {writes[-1]} cannot be written: No space left on device" in line
    monkeypatch.undo()
    if write == 1:
        assert "nothing of the training is saved" in line
        assert not (place / STATE).exists()
        return
    assert f"the last checkpoint stays in {place / STATE}" in line
    assert f"go on with: bptt train --folder {place} --resume" in line
    assert bptt("train", "--folder", place, "--resume").exit_code == 0


def test_a_stop_with_weights_that_are_no_numbers_keeps_the_last_checkpoint(
    place, text, monkeypatch
):
    real = engine.advance

    def break_and_stop(settings, codes, run):
        if run.step == 5:
            raise KeyboardInterrupt
        run, nats = real(settings, codes, run)
        if run.step == 5:
            E = run.params.E + np.float32(np.inf)
            run = run._replace(params=run.params._replace(E=E))
        return run, nats

    monkeypatch.setattr(engine, "advance", break_and_stop)
    line = refused(train(place, text), code=1)
    assert "at step 5 a weight or a loss is NaN or infinite" in line
    assert f"the last checkpoint stays in {place / STATE}" in line
    monkeypatch.undo()
    assert run_file.read(place / STATE)[2].run.step == 3
    assert bptt("train", "--folder", place, "--resume").exit_code == 0


def test_a_file_in_the_place_of_the_folder_is_named(place, text):
    place.write_text("mine")
    assert f"{place} is no folder" in refused(train(place, text))
    assert f"{place / 'x'} cannot be made: " in refused(train(place / "x", text), code=1)
    assert place.read_text() == "mine"


@pytest.mark.skipif(sys.platform == "win32", reason="the links of POSIX")
@pytest.mark.parametrize("target", ["nowhere", "model"])
def test_a_link_that_leads_nowhere_is_no_folder(place, text, target):
    place.symlink_to(target)
    assert f"{place} is no folder" in refused(train(place, text))


def test_a_name_that_is_too_long_is_one_sentence(place, text):
    line = refused(train(place.with_name("x" * 300), text), code=1)
    assert "File name too long" in line or "cannot be" in line


def test_a_folder_that_may_not_be_written_is_one_sentence(place, text, monkeypatch):
    import filelock

    def denied(*_, **__):
        raise PermissionError(errno.EACCES, "Permission denied", "x")

    monkeypatch.setattr(filelock.FileLock, "acquire", denied)
    line = refused(train(place, text), code=1)
    assert f"{place} cannot be written to: Permission denied; choose another folder" in line


def test_a_stop_says_what_someone_else_changed_meanwhile(place, text, monkeypatch):
    real = engine.advance

    def edit_and_stop(settings, codes, run):
        if run.step == 4:
            (place / "README.md").write_text("mine")
            raise KeyboardInterrupt
        return real(settings, codes, run)

    monkeypatch.setattr(engine, "advance", edit_and_stop)
    line = refused(train(place, text), code=130)
    assert "someone else changed README.md: move that away, and go on with: bptt train" in line
    monkeypatch.undo()
    (place / "README.md").rename(place / "mine.md")
    assert bptt(*pasted(line.split("go on with: ")[1])[1:]).exit_code == 0


def test_memory_that_does_not_suffice_is_said_with_the_remedy(place, text, monkeypatch):
    def too_large(*_):
        raise MemoryError

    monkeypatch.setattr(trainings, "begin", too_large)
    line = refused(train(place, text), code=1)
    assert "memory does not suffice: " in line
    assert "take a smaller text or network" in line


def test_the_memory_is_said_before_it_is_taken(place, text, monkeypatch):
    def too_large(*_):
        raise MemoryError("Unable to allocate 7.28 TiB")

    monkeypatch.setattr(trainings, "begin", too_large)
    done = train(place, text, "--widths", 1_000_000)
    assert done.exit_code == 1
    assert "The training takes about " in done.stdout
    assert "7.28 TiB" in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="the pipes of POSIX")
def test_a_text_from_a_pipe_of_the_shell_is_one_that_passes(place, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=[WORDS])
    writer.start()
    done = train(place, pipe)
    writer.join()
    assert done.exit_code == 0
    assert f"bptt evaluate {place} --text -;" in done.stdout
    assert "from standard input; pipe it in again" in refused(
        bptt("train", "--folder", place, "--resume")
    )


def test_a_text_that_has_moved_is_asked_for(place, text):
    assert train(place, text).exit_code == 0
    text.rename(text.with_name("moved.txt"))
    line = refused(bptt("train", "--folder", place, "--resume"))
    assert line.endswith("if the text has moved, add --text")
    words = ("--resume", "--text", text.with_name("moved.txt"))
    assert bptt("train", "--folder", place, *words).exit_code == 0


@pytest.mark.parametrize("characters", ["a", "ab", "a" * 2560])
def test_a_text_that_is_too_short_says_how_long_it_is(place, tmp_path, characters):
    path = tmp_path / "short.txt"
    path.write_text(characters)
    line = refused(train(place, path))
    assert f"the text has {len(characters)} characters, too few" in line


# A model from the first save on.


def test_the_model_can_be_used_from_the_first_save_on_and_says_that_it_is_unfinished(
    place, text, monkeypatch
):
    pages = []
    real = engine.advance

    def look(settings, codes, run):
        assert bptt("generate", place, "--length", 5).exit_code == 0
        assert bptt("evaluate", place, "--text", text).exit_code == 0
        pages.append((place / folder.CARD).read_text(encoding="utf-8"))
        return real(settings, codes, run)

    monkeypatch.setattr(engine, "advance", look)
    assert train(place, text).exit_code == 0
    assert len(pages) == 6
    assert all("**The training is unfinished:** 6 are planned." in page for page in pages)
    assert "in 0 steps" in pages[0]
    assert "It has not been scored yet." in pages[0]
    assert "in 3 steps" in pages[3]
    last = (place / folder.CARD).read_text(encoding="utf-8")
    assert "unfinished" not in last
    assert "in 6 steps" in last
    assert folder.about(place)["step"] == 6


def test_a_stop_between_two_points_says_at_which_step_it_was_scored(place, text, monkeypatch):
    stop_at(monkeypatch, 5)
    assert train(place, text).exit_code == 130
    page = (place / folder.CARD).read_text(encoding="utf-8")
    assert "in 5 steps" in page
    assert "it needed at step 3 " in page


# More steps.


def test_a_training_goes_on_past_its_end_and_the_rate_is_that_of_the_longer_one(place, text):
    assert train(place, text).exit_code == 0
    before = run_file.read(place / STATE)[2]
    assert bptt("train", "--folder", place, "--resume", "--steps", 10).exit_code == 0
    settings, _, now = run_file.read(place / STATE)
    assert (settings.steps, settings.warmup, settings.decay) == (10, 0, 10)
    assert now.run.step == 10
    assert now.curve[: len(before.curve)] == before.curve
    assert [point.step for point in now.curve] == [3, 6, 9, 10]
    assert rate_at(settings, 6) == pytest.approx(settings.lr * 4 / 10)


def test_a_stop_on_the_way_to_more_steps_needs_no_second_word(place, text, monkeypatch):
    assert train(place, text).exit_code == 0
    stop_at(monkeypatch, 8)
    assert bptt("train", "--folder", place, "--resume", "--steps", 10).exit_code == 130
    monkeypatch.undo()
    assert bptt("train", "--folder", place, "--resume").exit_code == 0
    assert run_file.read(place / STATE)[2].run.step == 10


def test_fewer_steps_than_a_training_has_are_refused(place, text):
    assert train(place, text).exit_code == 0
    line = refused(bptt("train", "--folder", place, "--resume", "--steps", 5))
    assert "has steps 6, and is asked for 5" in line


@pytest.mark.parametrize(("decay", "then"), [(8, 18), (10, 20), (5, 5), (0, 0)])
def test_a_fall_from_the_warmup_on_reaches_to_the_new_end_and_another_stays(decay, then):
    settings = project.longer(Settings(steps=10, warmup=2, decay=decay), 20)
    want = {8: 18, 10: 10}.get(decay, then)
    assert (settings.steps, settings.warmup, settings.decay) == (20, 2, want)
    assert project.longer(settings, 20) is project.longer(settings, 3) is settings


def test_a_training_that_has_ended_says_where_its_model_is(place, text):
    assert train(place, text).exit_code == 0
    before = contents(place)
    done = bptt("train", "--folder", place, "--resume")
    assert done.exit_code == 0
    assert f"The model is in {place}." in done.stdout
    after = contents(place)
    assert {path: after[path] for path in after if path.name != STATE} == {
        path: before[path] for path in before if path.name != STATE
    }


# Texts.


def test_a_text_is_read_from_standard_input_and_has_to_come_again(place):
    whole = b"\xef\xbb\xbf" + WORDS
    done = bptt("train", "--text", "-", "--folder", place, *SMALL, stdin=whole)
    assert done.exit_code == 0
    assert "Of the text: the byte-order mark at its start is dropped." in done.stdout
    assert "bptt evaluate" in done.stdout
    assert " --text -;" in done.stdout
    assert folder.about(place)["corpus"]["name"] == "standard input"
    line = refused(bptt("train", "--folder", place, "--resume"))
    assert "from standard input; pipe it in again, and add --text -" in line
    words = ("train", "--folder", place, "--resume", "--text", "-")
    assert bptt(*words, stdin=whole).exit_code == 0
    assert "reads another text" in refused(bptt(*words, stdin=WORDS + b"a"))
    assert bptt("evaluate", place, "--text", "-", stdin=whole).exit_code == 0
    assert bptt("baselines", "--order", 1, "--text", "-", stdin=whole).exit_code == 0
    assert "is empty" in refused(bptt("baselines", "--text", "-", stdin=b""))


def test_the_way_on_from_standard_input_can_be_pasted_too(place, monkeypatch):
    stop_at(monkeypatch, 4)
    done = bptt("train", "--text", "-", "--folder", place, *SMALL, stdin=WORDS)
    monkeypatch.undo()
    before, command = done.stderr.strip().split("go on with: ")
    assert before.endswith("and saved; pipe the same text in and ")
    assert bptt(*pasted(command)[1:], stdin=WORDS).exit_code == 0


def test_odd_line_ends_are_said(place, tmp_path):
    path = tmp_path / "odd.txt"
    path.write_bytes(WORDS + b"a\rb\r\nc\n")
    said = train(place, path).stdout
    assert r"Of the text: its lines end in 1 times \r\n and 1 times \r alone" in said


@pytest.mark.skipif(sys.platform != "linux", reason="names that are no UTF-8")
def test_a_file_whose_name_is_no_utf_8_is_trained_on_and_goes_on(tmp_path, monkeypatch):
    path = tmp_path / os.fsdecode(b"w\xff\n' $x.txt")
    path.write_bytes(WORDS)
    place = tmp_path / os.fsdecode(b"m\xfe odel")
    stop_at(monkeypatch, 4)
    line = refused(train(place, path), code=130)
    monkeypatch.undo()
    command = line.split("go on with: ")[1]
    words = pasted(command)
    assert words == ["bptt", "train", "--folder", str(place), "--resume"]
    done = bptt(*words[1:])
    assert done.exit_code == 0
    assert folder.about(place)["corpus"]["name"].startswith("w\\udcff")


def pasted(command):
    """Return the words that a shell makes of a command."""
    code = 'printf "%s\\0" ' + command
    done = subprocess.run(["bash", "-c", code], capture_output=True, check=True)  # noqa: S607
    return [os.fsdecode(word) for word in done.stdout.split(b"\0")[:-1]]


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
@pytest.mark.parametrize(
    "name",
    [
        *("a b", "it's", '"', "$HOME", "`id`", "a;b", "a&b", "*", "~", "#", "-x", "a\nb", "\t"),
        *("\\", "é", "\udcff", "a\\nb'", "!x", "(", "{a,b}"),
    ],
)
def test_every_path_that_is_printed_can_be_pasted(name):
    (word,) = pasted(quoted(name))
    assert word == (f"./{name}" if name.startswith("-") else name)
    assert quoted(name).isprintable()


@pytest.mark.skipif(sys.platform == "win32", reason="needs bash")
def test_the_commands_that_train_prints_can_be_pasted(tmp_path):
    path, place = tmp_path / "it's; my $text.txt", tmp_path / "a model & more"
    path.write_bytes(WORDS)
    said = train(place, path).stdout.split("Try: ")[1].strip()
    words = pasted(said.replace("; bptt", " NEXT bptt"))
    assert words == [
        *("bptt", "evaluate", str(place), "--text", str(path)),
        *("NEXT", "bptt", "generate", str(place)),
    ]


def test_thousands_of_characters_have_their_memory_said_before(place, tmp_path, monkeypatch):
    path = tmp_path / "many.txt"
    path.write_text("".join(map(chr, range(0x4E00, 0x4E00 + 5000))), encoding="utf-8")
    monkeypatch.setattr(cli.train, "MUCH", 1e6)
    done = train(place, path, "--steps", 1)
    assert done.exit_code == 0
    assert " GB of memory, for 5,000 characters." in done.stdout.splitlines()[0]


def test_the_estimate_of_memory_counts_weights_and_chunks():
    small = Settings(embedding=4, widths=(6,), batch=3, chunk=8)
    more = project.memory(small, 5000) - project.memory(small, 4000)
    assert more == 1000 * 4 * (10 * (4 + 6 + 1) + 5 * 24)  # E, W_y and b_y; logits


def test_a_mean_of_the_weights_takes_two_more_numbers_for_each():
    small = Settings(embedding=4, widths=(6,), batch=3, chunk=8)
    weights = 50 * (4 + 6 + 1) + 4 * 6 * (4 + 6 + 1)
    more = project.memory(dataclasses.replace(small, average=0.9), 50) - project.memory(small, 50)
    assert more == 4 * 2 * weights


def test_the_model_that_is_saved_is_the_mean_of_the_weights(place, text):
    assert train(place, text, "--average", 0.8).exit_code == 0
    settings, _, now = run_file.read(place / STATE)
    assert settings.average == 0.8
    E = folder.read(place).params.E
    np.testing.assert_array_equal(E, now.run.mean.E)
    assert np.abs(E - now.run.params.E).max() > 1e-6
    assert folder.about(place)["settings"]["average"] == 0.8
    line = refused(bptt("train", "--folder", place, "--resume", "--average", 0.5))
    assert "has average 0.8, and is asked for 0.5" in line


# Notes of a training.


@pytest.mark.parametrize(
    "notes", [{"files": None}, {"files": {"README.md": "a"}}, {"threads": 0}, {"threads": "1"}]
)
def test_broken_notes_are_refused(place, text, notes):
    assert train(place, text).exit_code == 0
    settings, about, now = run_file.read(place / STATE)
    run_file.write(place / STATE, settings, {**about, **notes}, now)
    assert str(place / STATE) in refused(bptt("train", "--folder", place, "--resume"))


def test_what_is_known_is_what_was_there_and_what_will_be(place, text):
    opened = project.begin(place, {"steps": 2, "batch": 3, "chunk": 8}, str(text), 1)
    begun = trainings.begin(opened.settings, len(opened.corpus.vocabulary))
    known, contents = save.prepare(place, opened.settings, opened.corpus, begun, {})
    assert set(known) == set(contents) == set(NAMES[1:])
    assert all(len(digests) == 1 for digests in known.values())
    assert json.loads(contents[folder.CONFIG])["step"] == 0
