"""NumPy in several processes learns as one does, and wherever it ends it can go on."""

import contextlib
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from engines import (
    CODES,
    SETTINGS,
    K,
    bptt,
    in_dtype,
    in_threads,
    points,
    steps_of,
    train,
    write_text,
)
from helpers import assert_close, assert_equal
from mpi import LAUNCHER, ROOM, needs_mpi, open_mpi

from bptt import cli, tree
from bptt.lm import crews, engine, folder, lock, parallel, project, run_file, training, update
from bptt.lm.engine import Numpy, rows_of
from bptt.lm.parallel import Ranks
from bptt.lm.save import CURVE, STATE


class Threads:
    """A communicator between threads of this process, with the part of MPI's that is used."""

    def __init__(self, size):
        self.size, self.rank = size, 0
        self.parts, self.barrier = [None] * size, threading.Barrier(size, timeout=60)

    def of(self, rank):
        one = object.__new__(Threads)
        vars(one).update(vars(self), rank=rank)
        return one

    def Iallreduce(self, array, total):  # noqa: N802  # MPI's name
        self.parts[self.rank] = array
        self.barrier.wait()
        total[...] = sum(self.parts)
        self.barrier.wait()
        return self

    def Test(self):  # noqa: N802  # MPI's name
        return True


def by_ranks(size, settings, run):
    """Take the steps by ranks in threads; return what each has at the end."""
    comm = Threads(size)
    return in_threads(size, lambda rank: steps_of(Ranks(settings, CODES, comm.of(rank)), run))


# The mathematics


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("size", [2, 4, 5])
def test_processes_with_uneven_shares_take_the_steps_of_one(cell, tied, size):
    name = cell.__name__.removeprefix("bptt.")
    settings = dataclasses.replace(
        SETTINGS, cell=name, tied=tied, widths=(13, 7) if tied else (13, 9)
    )
    begun = in_dtype(update.start(settings, K))
    want, losses = steps_of(Numpy(settings, CODES), begun)
    ended = by_ranks(size, settings, begun)
    for run, seen in ended:
        assert np.abs(np.subtract(seen, losses)).max() < 1e-10
        assert run.step == run.moments.t == 20
        assert_close(run.params, want.params, 1e-10)
        assert_close(run.mean, want.mean, 1e-10)
        assert_close(run.moments.v, want.moments.v, 1e-9)
        assert_close(run.states, want.states, 1e-10)
        assert_equal(run.params, ended[0][0].params)
    assert losses[0] - losses[-1] > 0.1  # it learnt


def test_in_float32_what_is_sent_and_kept_is_float32():
    begun = update.start(SETTINGS, K)
    (run, losses), _ = by_ranks(2, SETTINGS, begun)
    want, alone = steps_of(Numpy(SETTINGS, CODES), begun)
    assert np.abs(np.subtract(losses, alone)).max() < 1e-5
    assert {leaf.dtype for _, leaf in tree.leaves((run.params, run.states))} == {np.dtype("f4")}
    assert_close(run.params, want.params, 1e-3)


@pytest.mark.parametrize(("batch", "size"), [(5, 2), (5, 4), (5, 5), (8, 3), (1, 1)])
def test_each_row_is_of_one_process_and_the_shares_differ_by_one(batch, size):
    shares = [np.arange(batch)[rows_of(batch, rank, size)] for rank in range(size)]
    assert np.concatenate(shares).tolist() == list(range(batch))
    lengths = [len(share) for share in shares]
    assert max(lengths) - min(lengths) <= 1 <= min(lengths)


def test_more_processes_than_rows_are_refused():
    message = (
        "lm.engine: 6 processes must share the 5 rows of a batch, at least one each; start 5 at "
        "most, or make batch larger"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        rows_of(5, 0, 6)
    with pytest.raises(ValueError, match=f"^{message}$"):
        parallel.Crew(Threads(6), 0, 6).engine(SETTINGS, CODES)


def test_a_process_that_follows_takes_part_in_what_the_first_one_collects():
    whole, held_out = [], np.resize(CODES, 300)
    comm = Threads(2)

    class Seen(Ranks):
        def whole(self, run):
            whole.append(run.step)
            return super().whole(run)

    begun = training.begin(SETTINGS, K)
    other = threading.Thread(
        target=training.follow,
        args=[SETTINGS, begun.run, Seen(SETTINGS, CODES, comm.of(1))],
        kwargs={"every": 8},
    )
    other.start()
    saved = []
    training.train(
        SETTINGS, CODES, held_out, K, begun, every=8, save=saved.append, watch=lambda _: None,
        engine=Ranks(SETTINGS, CODES, comm.of(0)),
    )  # fmt: skip
    other.join()
    assert whole == [8, 16, 20]
    assert [len(now.run.states[0].h) for now in saved] == [5, 5, 5]


# Who trains with whom

NAMES = {name: of_all for name, (_, of_all) in crews.LAUNCHERS.items()}


@pytest.fixture
def alone(monkeypatch):
    """Forget what may have started these tests."""
    for name in [*NAMES, *NAMES.values()]:
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


@pytest.mark.parametrize("name", NAMES)
def test_a_launcher_is_known_by_what_it_says_to_each_process(name, alone):
    assert crews.launched() == ("", 0, 1)
    alone.setenv(name, "2")
    assert crews.launched() == ("", 0, 1)
    alone.setenv(NAMES[name], "3")
    by = "torchrun" if name == "RANK" else "mpiexec"
    assert crews.launched() == (by, 2, 3)
    alone.setenv(name, "0")
    alone.setenv(NAMES[name], "1")
    assert crews.launched() == ("", 0, 1)


@pytest.mark.parametrize(
    ("says", "words", "message", "code"),
    [
        ("RANK", [], "torchrun started 2 processes, and --engine numpy takes those of mpiexec", 2),
        ("PMI_RANK", ["--engine", "torch"], "mpiexec started 2 processes, and --engine torch", 2),
        ("PMI_RANK", [], 'mpi4py is missing: python -m pip install "bptt[parallel]"', 1),
        (None, ["--device", "cuda"], "--device is for --engine torch, got cuda; leave it out", 2),
    ],
)
def test_what_does_not_fit_together_is_one_sentence(
    says, words, message, code, alone, text, tmp_path
):
    if says:
        alone.setenv(says, "0")
        alone.setenv(NAMES[says], "2")
    alone.setitem(sys.modules, "mpi4py", None)
    done = bptt("train", "--folder", tmp_path / "new", "--text", text, *words)
    assert done.exit_code == code
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_process_beside_the_first_one_does_not_say_what_that_one_says(alone, text, tmp_path):
    alone.setenv("PMI_RANK", "1")
    alone.setenv("PMI_SIZE", "2")
    alone.setattr(cli.train, "GRACE", 0)
    alone.setattr(crews, "joined", lambda *_: contextlib.nullcontext(engine.Alone()))
    words = ("train", "--folder", tmp_path / "new", "--text", text)
    for stop, code in [(KeyboardInterrupt(signal.SIGTERM), 143), (engine.Lost("gone"), 1)]:
        alone.setattr(project, "follow", raising(stop))
        done = bptt(*words)
        assert (done.exit_code, done.output) == (code, "")
    alone.setattr(project, "follow", raising(ValueError("only here")))
    done = bptt(*words)
    assert (done.exit_code, done.stderr) == (2, "Error: only here\n")


def raising(error):
    def raise_it(*_):
        raise error

    return raise_it


# The lock of a process that was killed


HOLD = (
    "import pathlib, sys, time; from bptt.lm import lock\n"
    "with lock.held(pathlib.Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
)


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="the locks of POSIX")
def test_of_those_that_are_left_one_inherits_the_lock_and_only_from_one_that_was_killed(tmp_path):
    assert not lock.inherited(tmp_path)
    with lock.held(tmp_path):
        assert not lock.inherited(tmp_path)
    assert not lock.inherited(tmp_path)
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        assert not lock.inherited(tmp_path)
        process.kill()
        process.wait()
    assert [lock.inherited(tmp_path) for _ in range(3)] == [True, False, False]
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(sys.platform == "win32", reason="the locks of POSIX")
def test_a_lock_that_its_holder_takes_away_in_the_meantime_is_not_inherited(tmp_path, monkeypatch):
    import fcntl

    path = tmp_path / lock.LOCK
    path.write_text("")
    monkeypatch.setattr(fcntl, "flock", lambda *_: path.unlink())
    assert not lock.inherited(tmp_path)


# The program, under mpiexec


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("text"))


def start(size, *words, code=None):
    """Start `bptt` in processes; another program, if there is code."""
    program = ["-m", "bptt"] if code is None else ["-c", code]
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [LAUNCHER, "-n", str(size), sys.executable, *program, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        env={**os.environ, **ROOM},
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    return process


def finish(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out, err


def ours(err):
    """Return the sentences that are not those of MPI."""
    return [line for line in err.splitlines() if line.startswith(("Error", "Traceback"))]


@pytest.fixture(scope="module")
def alone_in_numpy(text, tmp_path_factory):
    place = tmp_path_factory.mktemp("alone")
    assert bptt(*train(text, place)).exit_code == 0
    return place


@pytest.mark.process
@needs_mpi
def test_two_processes_write_the_curve_of_one_and_only_the_first_speaks(
    text, tmp_path, alone_in_numpy
):
    code, out, err = finish(start(2, *train(text, tmp_path)))
    assert (code, err) == (0, "")
    assert [line[:7] for line in out.splitlines()[:3]] == ["step 4 ", "step 8 ", "step 12"]
    assert len(out.splitlines()) == 4
    np.testing.assert_allclose(points(tmp_path), points(alone_in_numpy), atol=1e-5)
    assert {f.name for f in tmp_path.iterdir()} == {f.name for f in alone_in_numpy.iterdir()}
    one, two = (run_file.read(place / STATE)[2].run for place in (alone_in_numpy, tmp_path))
    assert_close(two.params, one.params, 1e-3)
    assert_close(two.states, one.states, 1e-3)


@pytest.mark.process
@needs_mpi
def test_a_checkpoint_of_two_goes_on_with_any_number(text, tmp_path):
    place = tmp_path / "two"
    assert finish(start(2, *train(text, place, "--warmup", 0, "--decay", 12, steps=4)))[0] == 0
    want = tmp_path / "alone"
    assert bptt(*train(text, want, "--warmup", 0, "--decay", 12, steps=4)).exit_code == 0
    again = ("train", "--resume", "--steps", 8, "--folder")
    assert bptt(*again, want).exit_code == 0
    for size in (1, 3):
        copy = tmp_path / f"then {size}"
        shutil.copytree(place, copy)
        code, _, err = finish(start(size, *again, copy))
        assert (code, err) == (0, "")
        np.testing.assert_allclose(points(copy), points(want), atol=1e-5)


@pytest.mark.process
@needs_mpi
def test_more_processes_than_rows_end_with_one_sentence_and_no_folder(text, tmp_path):
    code, out, err = finish(start(6, *train(text, tmp_path / "new")))
    assert code == 2
    (line,) = ours(err)
    assert "6 processes must share the 5 rows of a batch" in line
    assert out == ""
    assert not (tmp_path / "new").exists()


def ranks(parent):
    """Return the process of each rank below a launcher, as Linux lists them."""
    found, parents = {}, {parent}
    for _ in range(3):
        for entry in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                if int(fields[1]) in parents:
                    parents.add(int(entry.name))
                    said = (entry / "environ").read_bytes()
                    if rank := re.search(rb"\0(?:OMPI_COMM_WORLD|PMI)_RANK=(\d+)", said):
                        found[int(rank[1])] = int(entry.name)
    return found


def wait_for(condition, process, seconds=60):
    for _ in range(100 * seconds):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError("nothing came")


@pytest.mark.process
@needs_mpi
@pytest.mark.skipif(sys.platform != "linux", reason="reads the table of processes of Linux")
@pytest.mark.parametrize(
    ("who", "name"),
    [(0, "SIGKILL"), (1, "SIGKILL"), (0, "SIGTERM"), (2, "SIGTERM"), ("mpiexec", "SIGINT")],
)
def test_a_stop_of_any_process_is_one_sentence_and_it_goes_on_with_another_number(
    who, name, text, tmp_path
):
    process = start(3, *train(text, tmp_path, steps=100_000))
    wait_for(lambda: (tmp_path / CURVE).exists() and len(points(tmp_path)) > 1, process)
    found = ranks(process.pid)
    assert sorted(found) == [0, 1, 2]
    os.kill(process.pid if who == "mpiexec" else found[who], getattr(signal, name))
    code, _, err = finish(process)
    assert code != 0
    # At Ctrl-C `mpiexec` of Open MPI 5 takes no more words of its ranks.
    if not (who == "mpiexec" and open_mpi(LAUNCHER) >= 5):
        (line,) = ours(err)
        assert f"the last checkpoint stays in {tmp_path / STATE}" in line
        assert line.endswith(f"go on with: bptt train --folder {tmp_path} --resume")
    wait_until_gone(found.values())
    settings, _, now = run_file.read(tmp_path / STATE)
    assert now.run.step > 0
    steps = now.run.step + 5
    more = dataclasses.replace(settings, steps=steps, decay=0)
    run_file.write(tmp_path / STATE, more, run_file.read(tmp_path / STATE)[1], now)
    code, _, err = finish(start(2, "train", "--folder", tmp_path, "--resume"))
    assert (code, err) == (0, "")
    assert run_file.read(tmp_path / STATE)[2].run.step == steps
    folder.read(tmp_path)


def wait_until_gone(processes):
    def is_gone(process):
        try:
            state = pathlib.Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        return state == "Z"

    for _ in range(1000):
        if all(map(is_gone, processes)):
            return
        time.sleep(0.01)
    raise AssertionError("a process is left")


BREAK = """
import os, sys
from bptt.lm import parallel
real = parallel.loss_and_grads
left = [6]
def broken(*args, **weights):
    left[0] -= 1
    if not left[0]:
        raise {error}
    return real(*args, **weights)
if os.environ.get("OMPI_COMM_WORLD_RANK", os.environ.get("PMI_RANK")) in {ranks!r}:
    parallel.loss_and_grads = broken
sys.argv = ["bptt", *sys.argv[1:]]
from bptt.__main__ import main
main()
"""


@pytest.mark.process
@needs_mpi
def test_an_error_on_one_rank_is_said_and_leaves_no_other_hanging(text, tmp_path):
    code = BREAK.format(error="MemoryError", ranks="1")
    process = start(3, *train(text, tmp_path, steps=100_000), code=code)
    code, _, err = finish(process)
    assert code == 1
    said = ours(err)
    assert "Error: memory does not suffice: " in said[0]
    assert f"the last checkpoint stays in {tmp_path / STATE}" in said[1]
    assert len(said) == 2
    assert run_file.read(tmp_path / STATE)[2].run.step == 4


@pytest.mark.process
@needs_mpi
def test_an_error_on_all_ranks_is_said_once(text, tmp_path):
    words = train(text, tmp_path, "--lr", 3e38, "--warmup", 0)
    code, _, err = finish(start(2, *words))
    assert code == 1
    (line,) = ours(err)
    assert f"the last checkpoint stays in {tmp_path / STATE}" in line


ALONE = """
import sys
sys.argv = ["bptt", *sys.argv[1:]]
from bptt.cli import commands
commands()(standalone_mode=False)
print("loaded", *sorted({"torch", "mpi4py"} & {name.partition(".")[0] for name in sys.modules}))
"""


@pytest.mark.process
@pytest.mark.usefixtures("alone")
def test_a_process_that_trains_alone_in_numpy_loads_neither_mpi_nor_torch(text, tmp_path):
    command = [sys.executable, "-c", ALONE, *map(str, train(text, tmp_path, steps=2))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "loaded"
