"""What ends a program from outside: it says one sentence, saves, or goes on."""

import os
import re
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

from bptt import stops
from bptt.lm import folder, run_file
from bptt.lm.save import CURVE, STATE

pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(sys.platform == "win32", reason="signals and pipes of POSIX"),
]
SLOW = ["--embedding", "4", "--widths", "24,16", "--batch", "4", "--chunk", "16"]


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("text") / "words.txt"
    path.write_text("the cat sat on the mat\n" * 200)
    return path


def start(*words, hangup=signal.SIG_DFL, **options):
    """Start `bptt`, as a shell does: it takes Ctrl-C and the end of its terminal.

    It does so too if these tests run in the background, or under nohup, which they would hand on.
    """
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: hangup}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    how = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    process = subprocess.Popen([sys.executable, "-m", "bptt", *map(str, words)], **how)
    for number, handler in before.items():
        signal.signal(number, handler)
    return process


def training(place, text, steps=100_000, **options):
    words = ("train", "--text", text, "--folder", place, "--steps", steps, "--every", 50, *SLOW)
    return start(*words, **options)


def wait_for(path, process):
    for _ in range(3000):
        if path.exists():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError("nothing came")


def end(process):
    out, err = process.communicate(timeout=60)
    return process.returncode, (out or b"").decode(), (err or b"").decode()


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_each_signal_saves_and_says_how_to_go_on(tmp_path, text, name):
    number = getattr(signal, name)
    process = training(tmp_path, text)
    wait_for(tmp_path / CURVE, process)
    time.sleep(0.3)
    process.send_signal(number)
    code, _, err = end(process)
    assert code == 128 + number
    said = re.fullmatch(
        r"Error: stopped at step (\d+) of 100000, and saved; go on with: (.*)\n", err
    )
    assert said[2] == f"bptt train --folder {tmp_path} --resume"
    assert run_file.read(tmp_path / STATE)[2].run.step == int(said[1]) > 0
    assert folder.about(tmp_path)["step"] == int(said[1])


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_second_signal_does_not_hinder_the_saving(tmp_path, text, name):
    process = training(tmp_path, text)
    wait_for(tmp_path / CURVE, process)
    for _ in range(20):
        process.send_signal(getattr(signal, name))
    code, _, err = end(process)
    assert code == 128 + getattr(signal, name)
    assert err.count("\n") == 1
    run_file.read(tmp_path / STATE)
    folder.read(tmp_path)


def test_what_nohup_lets_ignore_is_ignored(tmp_path, text):
    process = training(tmp_path, text, hangup=signal.SIG_IGN)
    wait_for(tmp_path / CURVE, process)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.2)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    assert end(process)[0] == 128 + signal.SIGTERM


STARTING = """
import os, signal, sys, threading
wait, words = float(sys.argv[1]), sys.argv[2:]
threading.Timer(wait, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
sys.argv = ["bptt", *words]
from bptt.__main__ import main
main()
"""


@pytest.mark.parametrize("after", [0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6])
def test_ctrl_c_while_it_starts_prints_no_traceback(after, text, tmp_path):
    """From the first line of the program on: Python's own start is not ours."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    words = ["train", "--text", text, "--folder", tmp_path / "model", "--steps", "100000", *SLOW]
    command = [sys.executable, "-c", STARTING, str(after), *map(str, words)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    signal.signal(signal.SIGINT, before)
    code, _, err = end(process)
    assert "Traceback" not in err
    assert code in {-signal.SIGINT, 128 + signal.SIGINT}
    assert err == "" or re.fullmatch(r"Error: stopped[^\n]*\n", err)


def test_kills_at_random_moments_leave_what_goes_on_and_can_be_used(tmp_path, text):
    rng = np.random.default_rng(0)
    for _ in range(6):
        again = ["--resume"] if (tmp_path / STATE).exists() else ["--text", text, *SLOW]
        more = [] if "--resume" in again else ["--steps", 100_000, "--every", 7]
        process = start("train", "--folder", tmp_path, *again, *more)
        time.sleep(0.5 + rng.random())
        process.kill()
        assert end(process)[0] == -signal.SIGKILL
        if (tmp_path / STATE).exists():
            run_file.read(tmp_path / STATE)
        if (tmp_path / folder.CARD).exists():
            folder.read(tmp_path)
    assert run_file.read(tmp_path / STATE)[2].run.step > 0


# Streams that nobody reads.


def test_training_goes_on_when_its_reader_has_gone(tmp_path, text):
    process = training(tmp_path, text, steps=400)
    process.stdout.readline()
    process.stdout.close()
    with process.stderr:
        assert process.stderr.read() == b""
    assert process.wait(60) == 0
    assert run_file.read(tmp_path / STATE)[2].run.step == 400
    assert "unfinished" not in (tmp_path / folder.CARD).read_text(encoding="utf-8")


CLOSED = {"stdout": ">&-", "stderr": "2>&-", "both": ">&- 2>&-", "full": ">/dev/full"}


@pytest.mark.parametrize("closed", CLOSED)
@pytest.mark.parametrize("command", ["train", "evaluate", "generate", "baselines", "help", "wrong"])
def test_a_closed_or_full_stream_makes_no_traceback(closed, command, text, tmp_path):
    if closed == "full" and not os.path.exists("/dev/full"):  # noqa: PTH110
        pytest.skip("no /dev/full")
    words = {
        "train": f"train --text {text} --folder {tmp_path}/new --steps 3 --every 1 "
        + " ".join(SLOW),
        "evaluate": f"evaluate --text {text}",
        "generate": "generate --length 3",
        "baselines": f"baselines --order 1 --text {text}",
        "help": "train --help",
        "wrong": "train --nothing",
    }[command]
    done = subprocess.run(
        ["bash", "-c", f"exec {sys.executable} -m bptt {words} {CLOSED[closed]}"],  # noqa: S607
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert done.returncode == (2 if command == "wrong" else 1 if failed(closed, command) else 0)
    if command == "train":
        assert run_file.read(tmp_path / "new" / STATE)[2].run.step == 3


def failed(closed, command):
    """Tell whether what was asked for is what the stream did not take; a training is kept."""
    return closed == "full" and command not in {"train", "wrong"}


def test_head_takes_one_line_without_a_traceback(text):
    for words in (f"evaluate --text {text}", f"baselines --order 2 --text {text}", "train --help"):
        done = subprocess.run(
            ["bash", "-c", f"{sys.executable} -m bptt {words} | head -1"],  # noqa: S607
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.count("\n") == 1
        assert done.stderr == ""


def test_a_terminal_that_closes_stops_and_saves(text, tmp_path):
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    process = training(
        tmp_path, text, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True
    )
    os.close(theirs)
    drain = threading.Thread(target=read_all, args=[ours], daemon=True)
    drain.start()
    wait_for(tmp_path / CURVE, process)
    time.sleep(0.3)
    process.send_signal(signal.SIGHUP)
    time.sleep(0.01)
    os.close(ours)
    assert process.wait(60) == 128 + signal.SIGHUP
    assert run_file.read(tmp_path / STATE)[2].run.step > 0


def read_all(number):
    try:
        while os.read(number, 4096):
            pass
    except OSError:
        return


# In the program itself.


def test_signals_are_handled_in_a_block_and_then_as_before():
    before = [signal.getsignal(number) for number in stops.SIGNALS]
    with pytest.raises(KeyboardInterrupt) as stopped, stops.like_ctrl_c():
        signal.raise_signal(signal.SIGTERM)
    assert stopped.value.args == (signal.SIGTERM,)
    with stops.ignored():
        signal.raise_signal(signal.SIGTERM)
    assert [signal.getsignal(number) for number in stops.SIGNALS] == before


def test_another_thread_leaves_the_signals_alone():
    failed = []

    def use():
        try:
            with stops.like_ctrl_c(), stops.ignored():
                pass
        except ValueError as error:
            failed.append(error)

    thread = threading.Thread(target=use)
    thread.start()
    thread.join()
    assert failed == []
