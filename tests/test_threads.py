"""Small products have one thread, unless someone chose; a training notes how many it had."""

import os
import subprocess
import sys

import pytest

from bptt import threads
from bptt.lm import run_file
from bptt.lm.save import STATE

SMALL = ["--embedding", "3", "--widths", "4", "--batch", "2", "--chunk", "4", "--steps", "4"]


@pytest.fixture
def free(monkeypatch):
    """Let nobody have chosen."""
    for name in threads.CHOSEN:
        monkeypatch.delenv(name, raising=False)


def test_a_small_product_has_one_thread_and_a_large_one_those_of_the_machine(free):  # noqa: ARG001  # a fixture
    with threads.limited(threads.SMALL) as all_of_them:
        pass
    with threads.limited(threads.SMALL - 1) as count:
        assert count in {1, None}
    with threads.limited(1, 2) as count:
        assert count in {2, None}
    with threads.limited(threads.SMALL) as after:
        assert after == all_of_them


@pytest.mark.parametrize("name", threads.CHOSEN)
def test_who_chose_is_heard(free, name, monkeypatch):  # noqa: ARG001  # a fixture
    assert not threads.is_chosen()
    with threads.limited(threads.SMALL) as all_of_them:
        pass
    monkeypatch.setenv(name, "3")
    assert threads.is_chosen()
    with threads.limited(1) as count:
        assert count == all_of_them


@pytest.mark.process
def test_a_training_says_and_notes_its_threads_and_says_when_they_change(tmp_path):
    text, place = tmp_path / "words.txt", tmp_path / "model"
    text.write_text("the cat sat on the mat\n" * 150)
    rest = {name: value for name, value in os.environ.items() if name not in threads.CHOSEN}

    def bptt(*words, **more):
        command = [sys.executable, "-m", "bptt", "train", "--folder", place, *words]
        done = subprocess.run(
            command, env={**rest, **more}, capture_output=True, text=True, check=True
        )
        return done.stdout

    said = "One thread does the products, which are small; OMP_NUM_THREADS chooses another."
    first = bptt("--text", text, *SMALL)
    noted = run_file.read(place / STATE)[1]["threads"]
    if noted is None:
        pytest.skip("the library of NumPy's products cannot be asked")
    assert noted == 1
    assert first.startswith(said)
    again = bptt("--resume", "--steps", "6")
    assert said not in again
    assert "threads" not in again
    if os.cpu_count() > 1:
        other = bptt("--resume", "--steps", "8", OPENBLAS_NUM_THREADS="2", OMP_NUM_THREADS="2")
        assert (
            "It was trained with 1 threads, and goes on with 2: the last bits may differ." in other
        )
        assert run_file.read(place / STATE)[1]["threads"] == 2
