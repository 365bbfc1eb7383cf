"""Processes of two hosts learn as one does, and what they tell each other goes over the cable.

`nox -s hosts` insists that none of these tests is skipped.
"""

import contextlib
import dataclasses
import importlib.util
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import double
import hosts
import numpy as np
import pytest
from mpi import ROOM, open_mpi
from test_lm_parallel import bptt, ours, points, wait_for

from bptt import tree
from bptt.lm import folder, run_file
from bptt.lm.engine import Numpy
from bptt.lm.save import CURVE, STATE

PORT = 29500  # the hosts are new, and nothing else listens there
PATIENCE = 600  # seconds, on a machine with much else to do
SIZES = ["--embedding", 16, "--widths", "40,24", "--batch", 5, "--chunk", 8, "--average", 0.9]
DROPPED = ["--inputs", 0.1, "--outputs", 0.2, "--recurrent", 0.2]


WHY_NOT = hosts.why_not()
pytestmark = [
    pytest.mark.process,
    pytest.mark.skipif(bool(WHY_NOT), reason=f"two hosts on one machine: {WHY_NOT}"),
]
# Of the system: what comes with Python's packages is Open MPI 5, which takes other settings.
LAUNCHER = shutil.which("mpiexec")
LIBRARY = {"MPI4PY_LIBMPI": "libmpi.so.40"}  # where the system has it, and not mpi4py's own
needs_mpi = pytest.mark.skipif(
    not (LAUNCHER and importlib.util.find_spec("mpi4py") and open_mpi(LAUNCHER) == 4),
    reason="needs the system's Open MPI 4, and mpi4py",
)
needs_torch = pytest.mark.skipif(not importlib.util.find_spec("torch"), reason="needs torch")
each_engine = pytest.mark.parametrize(
    "engine",
    [pytest.param("numpy", marks=needs_mpi), pytest.param("torch", marks=needs_torch)],
)


class Pair:
    """Two hosts, and a folder that is empty on the second one, as if it was on another disc."""

    def __init__(self, one, two, place):
        self.one, self.two, self.disc = one, two, place / "disc"
        self.disc.mkdir()
        two.run("mount", "-t", "tmpfs", "none", self.disc)
        self.text = self.disc / "words.txt"
        self.text.write_text("the cat sat on the mat\n" * 150)
        # What `mpiexec` calls in place of ssh: with the other host's name, and what to run there.
        self.agent = place / "agent"
        self.agent.write_text(f'#!/bin/sh\nshift\nexec {" ".join(two.own)} sh -c "$*"\n')
        self.agent.chmod(0o755)

    def commands(self, engine, *program):
        """Return what has to be started, and where, for a process of the program on each host."""
        if engine == "numpy":
            return [self.one.command(*self.mpiexec(1, 1), sys.executable, *program)]
        return [
            host.command(
                *(sys.executable, "-m", "torch.distributed.run", "--nnodes", 2),
                *("--node-rank", number, "--master-addr", self.one.address, "--master-port", PORT),
                *program,
            )
            for number, host in enumerate((self.one, self.two))
        ]

    def mpiexec(self, *counts):
        """Return the words of `mpiexec` for so many processes on each host."""
        of_each = zip((self.one, self.two), counts, strict=True)
        named = ",".join(f"{host.address}:{count}" for host, count in of_each if count)
        settings = {
            "plm_rsh_agent": self.agent,
            "btl": "tcp,self",
            "btl_tcp_if_include": hosts.CABLE,
            "oob_tcp_if_include": hosts.CABLE,
            # That a host is gone is known after 4 seconds of silence; of itself after 8 minutes.
            "oob_tcp_keepalive_time": 2,
            "oob_tcp_keepalive_intvl": 1,
            "oob_tcp_keepalive_probes": 2,
        }
        words = [word for item in settings.items() for word in ("--mca", *item)]
        return [LAUNCHER, "-n", sum(counts), "--host", named, *words]


@pytest.fixture
def pair(tmp_path):
    with hosts.connected() as (one, two):
        yield Pair(one, two, tmp_path)


@contextlib.contextmanager
def started(commands):
    """Start commands, and leave none behind."""
    # gloo takes the interface of the host's name, and here nobody knows the names of the hosts.
    where = {**os.environ, **ROOM, **LIBRARY, "GLOO_SOCKET_IFNAME": hosts.CABLE}
    with contextlib.ExitStack() as stack:
        processes = [
            stack.enter_context(
                subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=where,
                    text=True,
                )
            )
            for command in commands
        ]
        for process in processes:
            stack.callback(process.kill)
        yield processes


def finish(processes):
    """Return the first exit code that is not 0, and what was printed and what was said."""
    ended = [(*process.communicate(timeout=PATIENCE), process.returncode) for process in processes]
    out, err, codes = zip(*ended, strict=True)
    return next(filter(None, codes), 0), "".join(out), "".join(err)


def train(pair, place, engine, steps=12):
    words = ("--text", pair.text, "--folder", place, "--steps", steps, "--every", 4)
    return ("-m", "bptt", "train", *words, *SIZES, *DROPPED, "--engine", engine)


def numbers(params):
    return sum(array.size for _, array in tree.leaves(params))


def insist_on_cable(pair, least):
    """Insist that each host sent so many bytes over the cable, and hardly any to itself."""
    over, inside = ([host.sent(by) for host in (pair.one, pair.two)] for by in (hosts.CABLE, "lo"))
    assert min(over) >= least
    assert max(over) < 1.5 * least
    assert max(inside) < least / 10


@each_engine
def test_in_float64_two_hosts_have_the_losses_of_one_process(pair, engine):
    with started(pair.commands(engine, Path(double.__file__), engine)) as processes:
        code, out, err = finish(processes)
    assert code == 0, err
    alone = double.losses(Numpy(double.SETTINGS, double.CODES))
    assert np.abs(np.subtract(json.loads(out), alone)).max() < 1e-10
    assert alone[0] - alone[-1] > 0.1  # it learnt
    # Of two that add up, each hands on as much as the gradient has.
    insist_on_cable(pair, 20 * 8 * numbers(double.begun().params))


@each_engine
def test_two_hosts_write_the_curve_of_one_process_and_only_one_needs_text_and_folder(pair, engine):
    place, alone = pair.disc / "two", pair.disc / "one"
    with started(pair.commands(engine, *train(pair, place, engine))) as processes:
        code, out, err = finish(processes)
    assert (code, ours(err)) == (0, []), err
    assert [line[:7] for line in out.splitlines()[:3]] == ["step 4 ", "step 8 ", "step 12"]
    assert bptt(*train(pair, alone, "numpy")[2:]).exit_code == 0
    np.testing.assert_allclose(points(place), points(alone), atol=1e-5)
    assert {f.name for f in place.iterdir()} == {f.name for f in alone.iterdir()}
    assert pair.two.run("ls", pair.disc) == ""
    insist_on_cable(pair, 12 * 4 * numbers(folder.read(place).params))
    assert bptt("train", "--folder", place, "--resume", "--steps", 14).exit_code == 0


@needs_mpi
def test_two_processes_of_one_host_leave_the_cable_alone(pair):
    """What is asked above is noticed: here the bytes go another way."""
    program = (sys.executable, Path(double.__file__), "numpy")
    command = pair.one.command(*pair.mpiexec(2, 0), *program)
    with started([command]) as processes:
        code, _, err = finish(processes)
    assert code == 0, err
    assert max(host.sent() for host in (pair.one, pair.two)) < 2000


# The other host is lost


def trainer_on(host):
    """Return the process that trains on a host, and is no launcher."""
    space = host.run("readlink", "/proc/self/ns/net").strip()
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            words = (entry / "cmdline").read_text().split("\0")
            python = words[0] == sys.executable and "torch.distributed.run" not in words
            if python and str((entry / "ns" / "net").readlink()) == space:
                found.append(int(entry.name))
    (process,) = found
    return process


@contextlib.contextmanager
def training(pair, place, engine):
    """Train for long, from the second point of the curve on."""
    with started(pair.commands(engine, *train(pair, place, engine, steps=1_000_000))) as processes:
        begun = (place / CURVE).exists
        wait_for(lambda: begun() and len(points(place)) > 1, processes[0], PATIENCE)
        yield processes


def insist_on_going_on(place):
    """Insist that one process takes five steps more, from what was saved last."""
    settings, notes, now = run_file.read(place / STATE)
    steps = now.run.step + 5
    assert steps > 5
    less = dataclasses.replace(settings, steps=steps, decay=0)
    run_file.write(place / STATE, less, notes, now)
    assert bptt("train", "--folder", place, "--resume").exit_code == 0
    assert run_file.read(place / STATE)[2].run.step == steps


def last_words(place):
    """Return what the first process says before it ends."""
    return f"the last checkpoint stays in {place / STATE}; go on with: bptt train --folder {place}"


@each_engine
def test_where_a_process_of_the_other_host_is_killed_it_ends_and_goes_on_alone(pair, engine):
    place = pair.disc / "killed"
    with training(pair, place, engine) as processes:
        os.kill(trainer_on(pair.two), signal.SIGKILL)
        code, _, err = finish(processes)
    assert code != 0
    # Of Open MPI's the first one may not come to speak: where the connection breaks before the
    # signal to end arrives, MPI waits inside of `Test` for a launcher that listens no more.
    said = last_words(place) if engine == "torch" else "exited on signal 9 (Killed)"
    assert said in err
    insist_on_going_on(place)


@needs_mpi
def test_where_the_cable_is_cut_it_ends_with_one_sentence_and_goes_on_alone(pair):
    place = pair.disc / "cut"
    with training(pair, place, "numpy") as processes:
        pair.two.run("ip", "link", "set", hosts.CABLE, "down")
        code, _, err = finish(processes)
    assert code != 0
    (line,) = ours(err)
    assert last_words(place) in line
    insist_on_going_on(place)
