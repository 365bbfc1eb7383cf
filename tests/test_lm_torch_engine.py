"""The torch engine takes NumPy's steps, alone and in processes, and both read one checkpoint."""

import dataclasses
import json
import subprocess
import sys
import threading
from pathlib import Path

import ddp
import numpy as np
import pytest
import torch
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

from bptt import tree
from bptt.lm import folder, run_file, torch_engine, update
from bptt.lm.dropout import Rates
from bptt.lm.engine import Numpy
from bptt.lm.save import STATE
from bptt.lm.torch_engine import Torch
from bptt.optim import NonFiniteGradient

CPU = torch.device("cpu")
TORCH = ("--engine", "torch")
DEVICES = ["cpu", *(["cuda"] if torch.cuda.is_available() else [])]
needs_gloo = pytest.mark.skipif(
    not torch.distributed.is_available(), reason="this torch knows no other processes"
)


def assert_same_run(got, want, tol):
    assert (got.step, got.moments.t) == (want.step, want.moments.t)
    assert_close(got.params, want.params, tol)
    assert_close(got.moments, want.moments, tol)
    assert_close(got.states, want.states, tol)
    if want.mean:
        assert_close(got.mean, want.mean, tol)
    dtypes = [[leaf.dtype for _, leaf in tree.leaves(run)] for run in (got, want)]
    assert dtypes[0] == dtypes[1]


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize(
    ("dtype", "of_losses", "of_weights"), [("float32", 1e-5, 1e-3), ("float64", 1e-10, 1e-9)]
)
def test_twenty_steps_are_those_of_numpy(cell, tied, dtype, of_losses, of_weights, device):
    name, widths = cell.__name__.removeprefix("bptt."), (13, 7) if tied else (13, 9)
    settings = dataclasses.replace(SETTINGS, cell=name, tied=tied, widths=widths)
    begun = in_dtype(update.start(settings, K), dtype)
    want, losses = steps_of(Numpy(settings, CODES), begun)
    got, seen = steps_of(Torch(settings, CODES, torch.device(device)), begun)
    assert np.abs(np.subtract(seen, losses)).max() < of_losses
    assert_same_run(got, want, of_weights)
    assert losses[0] - losses[-1] > 0.1  # it learnt


@pytest.mark.parametrize(
    "plain",
    [
        {"rates": Rates()},
        {"alpha": 0.0},
        {"beta": 0.0},
        {"average": 0.0},
        {"clip": np.inf},
        {"chunk": 1},
        {"widths": (6,)},
    ],
    ids=str,
)
def test_what_is_left_out_is_left_out(plain):
    settings = dataclasses.replace(SETTINGS, **plain)
    begun = in_dtype(update.start(settings, K))
    want, losses = steps_of(Numpy(settings, CODES), begun, 4)
    got, seen = steps_of(Torch(settings, CODES, CPU), begun, 4)
    assert np.abs(np.subtract(seen, losses)).max() < 1e-10
    assert_same_run(got, want, 1e-9)


def test_nothing_is_mutated_and_a_whole_run_comes_back_as_it_is():
    taken, begun = Torch(SETTINGS, CODES, CPU), update.start(SETTINGS, K)
    kept = tree.map(np.array, begun)
    at = taken.own(begun)
    before = taken.whole(at)
    after, nats = taken.advance(at)
    assert_equal(tree.map(np.asarray, begun), kept)
    assert_equal(tree.map(np.asarray, taken.whole(at)), kept)
    assert_equal(tree.map(np.asarray, before), kept)
    assert taken.advance(at)[1] == nats
    whole = taken.whole(after)
    assert taken.whole(whole) is whole
    assert not np.array_equal(whole.params.E, begun.params.E)


def test_a_gradient_that_is_not_finite_is_refused():
    settings = dataclasses.replace(SETTINGS, clip=np.inf)
    begun = update.start(settings, K)
    E = begun.params.E.copy()
    E[:] = np.nan
    broken = begun._replace(params=begun.params._replace(E=E))
    taken = Torch(settings, CODES, CPU)
    with pytest.raises(NonFiniteGradient, match="the norm of the gradient is nan"):
        taken.advance(taken.own(broken))
    large = begun.params._replace(W_y=begun.params.W_y * np.float32(1e25))
    with pytest.raises(NonFiniteGradient, match="the square of the gradient overflows; clip it"):
        taken.advance(taken.own(begun._replace(params=large)))


# In processes


class InThreads(Torch):
    """The processes are threads, which add up at a barrier."""

    parts = ()
    barrier = threading.Barrier(1)

    def _summed(self, tensor):
        self.parts[self.rank] = tensor
        self.barrier.wait()
        total = sum(self.parts[1:], self.parts[0])
        self.barrier.wait()
        return total


@pytest.mark.parametrize("size", [2, 4, 5])
def test_processes_with_uneven_shares_take_the_steps_of_one(cell, size, monkeypatch):
    settings = dataclasses.replace(SETTINGS, cell=cell.__name__.removeprefix("bptt."))
    begun = in_dtype(update.start(settings, K))
    want, losses = steps_of(Torch(settings, CODES, CPU), begun)
    monkeypatch.setattr(InThreads, "parts", [None] * size)
    monkeypatch.setattr(InThreads, "barrier", threading.Barrier(size, timeout=60))
    for run, seen in in_threads(
        size, lambda rank: steps_of(InThreads(settings, CODES, CPU, rank, size), begun)
    ):
        assert np.abs(np.subtract(seen, losses)).max() < 1e-10
        assert_same_run(run, want, 1e-9)


def torchrun(size, *words):
    """Run a program in processes."""
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node", str(size)]
    return subprocess.run(
        [*command, *map(str, words)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
        stdin=subprocess.DEVNULL,
    )


@pytest.mark.process
@needs_gloo
def test_two_processes_learn_as_with_distributed_data_parallel():
    done = torchrun(2, Path(__file__).with_name("ddp.py"))
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    _, alone = steps_of(Torch(ddp.SETTINGS, ddp.CODES, CPU), ddp.begun())
    assert found["shares"] == [3, 2]
    assert np.abs(np.subtract(found["ours"], alone)).max() < 1e-10
    assert np.abs(np.subtract(found["scaled"], alone)).max() < 1e-10
    assert np.abs(np.subtract(found["plain"], alone)).max() > 1e-6  # the classic mistake


# The program


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    return write_text(tmp_path_factory.mktemp("text"))


@pytest.fixture(scope="module")
def in_numpy(text, tmp_path_factory):
    place = tmp_path_factory.mktemp("numpy")
    assert bptt(*train(text, place)).exit_code == 0
    return place


@pytest.mark.parametrize("device", [(), *(("--device", device) for device in DEVICES)])
def test_torch_writes_the_folder_of_numpy(text, tmp_path, in_numpy, device):
    done = bptt(*train(text, tmp_path, "--engine", "torch", *device))
    assert (done.exit_code, done.stderr) == (0, "")
    np.testing.assert_allclose(points(tmp_path), points(in_numpy), atol=1e-5)
    assert {f.name for f in tmp_path.iterdir()} == {f.name for f in in_numpy.iterdir()}
    (settings, about, one), (also, noted, two) = (
        run_file.read(place / STATE) for place in (in_numpy, tmp_path)
    )
    assert settings == also
    assert about.keys() == noted.keys()
    assert_same_run(two.run, one.run, 1e-3)
    np.testing.assert_array_equal(folder.read(tmp_path).params.E, two.run.mean.E)


@pytest.mark.parametrize("first", ["torch", "numpy"])
def test_a_stop_under_one_engine_is_saved_and_goes_on_under_the_other(
    first, text, tmp_path, in_numpy, monkeypatch
):
    taken = {"torch": Torch, "numpy": Numpy}[first]
    real = taken.advance

    def interrupted(self, run):
        if run.step == 6:
            raise KeyboardInterrupt
        return real(self, run)

    monkeypatch.setattr(taken, "advance", interrupted)
    done = bptt(*train(text, tmp_path, "--engine", first))
    assert done.exit_code == 130
    assert "stopped at step 6 of 12, and saved; go on with: bptt train" in done.stderr
    monkeypatch.undo()
    begun = run_file.read(tmp_path / STATE)[2]
    assert (begun.run.step, len(begun.losses)) == (6, 2)
    other = {"torch": "numpy", "numpy": "torch"}[first]
    done = bptt("train", "--folder", tmp_path, "--resume", "--engine", other)
    assert (done.exit_code, done.stderr) == (0, "")
    np.testing.assert_allclose(points(tmp_path), points(in_numpy), atol=1e-5)


@pytest.mark.process
@needs_gloo
def test_under_torchrun_two_processes_write_the_curve_of_one(text, tmp_path, in_numpy):
    done = torchrun(2, "-m", "bptt", *train(text, tmp_path, "--engine", "torch"))
    assert done.returncode == 0, done.stderr
    assert "Error" not in done.stderr
    lines = done.stdout.splitlines()
    assert [line[:7] for line in lines[:3]] == ["step 4 ", "step 8 ", "step 12"]
    assert len(lines) == 4
    np.testing.assert_allclose(points(tmp_path), points(in_numpy), atol=1e-5)
    more = ("train", "--folder", tmp_path, "--resume", "--steps", 14)
    assert bptt(*more).exit_code == 0


@pytest.mark.process
@needs_gloo
def test_under_torchrun_more_processes_than_rows_are_one_sentence(text, tmp_path):
    done = torchrun(2, "-m", "bptt", *train(text, tmp_path / "new", "--batch", 1, *TORCH))
    assert done.returncode != 0
    said = [line for line in done.stderr.splitlines() if line.startswith("Error")]
    assert len(said) == 1
    assert "2 processes must share the 1 rows of a batch" in said[0]
    assert not (tmp_path / "new").exists()


# What is not there


@pytest.mark.parametrize("name", ["gpu", "cuda:", "cuda:x", "cpu:1", "mps", ""])
def test_an_unknown_device_is_one_sentence(name, text, tmp_path):
    done = bptt(*train(text, tmp_path / "new", *TORCH, "--device", name))
    assert done.exit_code == 2
    assert "--device must be cpu, cuda or a GPU such as cuda:0, got" in done.stderr
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("name", ["cuda:99", *([] if "cuda" in DEVICES else ["cuda"])])
def test_a_gpu_that_is_not_there_is_one_sentence(name, text, tmp_path):
    done = bptt(*train(text, tmp_path / "new", *TORCH, "--device", name))
    assert done.exit_code == 2
    assert f"--device {name} asks for GPU " in done.stderr
    assert "take --device cpu" in done.stderr
    assert done.stderr.count("\n") == 1


def test_without_torch_one_sentence_says_what_to_install(text, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    done = bptt(*train(text, tmp_path / "new", *TORCH))
    assert done.exit_code == 1
    assert done.stderr == (
        'Error: lm.torch_engine: torch is missing: python -m pip install "bptt[torch]"\n'
    )


def test_a_process_that_has_lost_the_others_says_how_to_go_on(text, tmp_path, monkeypatch):
    def lost(*_):
        with torch_engine._together():
            raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(Torch, "advance", lost)
    done = bptt(*train(text, tmp_path, *TORCH))
    assert done.exit_code == 1
    assert done.stderr == (
        "Error: lm.torch_engine: another process has ended; the last checkpoint stays in "
        f"{tmp_path / STATE}; go on with: bptt train --folder {tmp_path} --resume\n"
    )


def test_a_gpu_without_room_is_not_taken_for_a_lost_process():
    with pytest.raises(torch.OutOfMemoryError), torch_engine._together():
        raise torch.OutOfMemoryError("CUDA out of memory")


def test_several_processes_do_not_share_one_gpu():
    with pytest.raises(ValueError, match=r"cuda:0 is one GPU, and there are 2 processes; take"):
        torch_engine._device("cuda:0", 2)


def test_torch_is_told_nothing_about_threads_and_notes_none(text, tmp_path):
    done = bptt(*train(text, tmp_path, *TORCH))
    assert "thread" not in done.stdout + done.stderr
    assert run_file.read(tmp_path / STATE)[1]["threads"] is None
