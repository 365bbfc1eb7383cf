import io
import json
import os
import pickle
import struct
import sys
import zipfile
from typing import Any, NamedTuple

import numpy as np
import pytest
from safetensors.numpy import save

from bptt import checkpoint
from bptt.checkpoint import CheckpointError


class Pair(NamedTuple):
    one: Any
    two: Any


TREE = Pair(np.arange(6, dtype=np.float32).reshape(2, 3), (np.array(7), np.array([1.5, 2.5])))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "file.safetensors"


def header_only(header, data=b""):
    """Return a file with this header, as a program with bad intentions may write it."""
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data


def assert_same(got, want):
    assert got.keys() == want.keys()
    for name, array in want.items():
        np.testing.assert_array_equal(got[name], array)
        assert (got[name].dtype, got[name].shape) == (array.dtype, array.shape)


def test_a_tree_is_kept_with_its_names_shapes_dtypes_and_notes(path):
    checkpoint.write(path, TREE, {"kind": "éü", "more": ""})
    arrays, about = checkpoint.read(path)
    assert about == {"kind": "éü", "more": ""}
    assert_same(arrays, {"one": TREE.one, "two.0": TREE.two[0], "two.1": TREE.two[1]})
    again = checkpoint.fill(TREE, arrays, "here")
    assert isinstance(again, Pair)
    np.testing.assert_array_equal(again.two[1], TREE.two[1])


@pytest.mark.parametrize(
    "array",
    [
        np.zeros((0, 3), np.float16),
        np.array(True),
        np.arange(12, dtype=np.int8).reshape(3, 4).T,
        np.arange(20.0)[::3],
        np.array([np.nan, -0.0, np.inf]),
    ],
)
def test_any_array_is_kept_and_any_name(path, array):
    checkpoint.write(path, {"a name": array}, {})
    arrays, about = checkpoint.read(str(path))
    assert about == {}
    assert_same(arrays, {"a name": array})


def test_the_order_of_arrays_and_notes_does_not_matter():
    arrays, about = {"b": TREE.one, "a": np.ones(2)}, {"y": "2", "x": "1"}
    digest = checkpoint._digest(arrays, about)
    assert digest == checkpoint._digest({"a": np.ones(2), "b": TREE.one}, {"x": "1", "y": "2"})
    assert digest != checkpoint._digest({"a": TREE.one, "b": np.ones(2)}, about)
    assert digest != checkpoint._digest(arrays, {"y": "1", "x": "2"})
    assert digest != checkpoint._digest({**arrays, "b": TREE.one.reshape(3, 2)}, about)


@pytest.mark.parametrize("stop", [OSError("the disk is full"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(path, stop, monkeypatch):
    checkpoint.write(path, TREE, {"kind": "old"})

    def fail(_):
        raise stop

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(type(stop)):
        checkpoint.write(path, TREE, {"kind": "new"})
    assert checkpoint.read(path)[1] == {"kind": "old"}
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_draft_that_a_crash_left_is_no_hindrance(path):
    path.with_name("file.safetensors.draft").write_bytes(b"half")
    checkpoint.write(path, TREE, {})
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_file_of_another_program_needs_no_digest(path):
    path.write_bytes(save({"a": TREE.one}, {"format": "pt"}))
    arrays, about = checkpoint.read(path)
    assert about == {"format": "pt"}
    assert_same(arrays, {"a": TREE.one})
    path.write_bytes(save({"a": TREE.one}))
    assert checkpoint.read(path)[1] == {}


def test_a_file_that_is_cut_off_anywhere_is_refused(path):
    checkpoint.write(path, TREE, {"kind": "a"})
    whole = path.read_bytes()
    for length in [*range(0, len(whole), len(whole) // 50), len(whole) - 1]:
        path.write_bytes(whole[:length])
        with pytest.raises(CheckpointError, match="cannot be read"):
            checkpoint.read(path)
    path.write_bytes(whole + b"\0")
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.read(path)


@pytest.mark.parametrize("flip", [0x01, 0x20])
def test_a_flipped_byte_is_seen_or_changes_nothing(path, flip):
    checkpoint.write(path, TREE, {"kind": "a", "notes": '{"steps": 10}'})
    whole = path.read_bytes()
    arrays, about = checkpoint.read(path)
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    refused = 0
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
        try:
            got, said = checkpoint.read(path)
        except CheckpointError:
            refused += 1
            continue
        assert place < header  # what is damaged in an array never passes
        assert {key: said.get(key) for key in about} == about
        assert_same(got, arrays)
    assert refused > 0.8 * len(whole)


class Trap:
    """Unpickled, it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def bad_files(folder):
    """Return files that are no checkpoints; the pickles among them would make the folder."""
    trap = pickle.dumps(Trap(folder))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:  # as torch.save writes
        archive.writestr("archive/data.pkl", trap)
    npz = io.BytesIO()
    np.savez(npz, a=np.ones(3))
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    return {
        "empty": b"",
        "random": np.random.default_rng(0).bytes(1000),
        "text": b"How do you do?\n" * 20,
        "pickle": trap,
        "zip": packed.getvalue(),
        "npz": npz.getvalue(),
        "header of exabytes": struct.pack("<Q", 2**60) + b"{}",
        "header of 99 MB": struct.pack("<Q", 99_000_000) + b"{}",
        "array of terabytes": header_only(
            {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
        ),
        "shape that overflows": header_only(
            {"a": {"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 8]}}, bytes(8)
        ),
        "empty but large": header_only(
            {"a": {"dtype": "F32", "shape": [0, 2**62], "data_offsets": [0, 0]}}
        ),
        "bfloat16": header_only({"a": {**entry, "dtype": "BF16", "shape": [4]}}, bytes(8)),
        "float8": header_only({"a": {**entry, "dtype": "F8_E4M3", "shape": [8]}}, bytes(8)),
        "no such dtype": header_only({"a": {**entry, "dtype": "X32"}}, bytes(8)),
        "overlap": header_only({"a": entry, "b": entry}, bytes(8)),
        "hole": header_only({"a": {**entry, "data_offsets": [8, 16]}}, bytes(16)),
        "negative": header_only({"a": {**entry, "shape": [-2]}}, bytes(8)),
        "a list": header_only([1, 2]),
        "nested": struct.pack("<Q", 200_000) + b"[" * 200_000,
        "notes of numbers": header_only({"__metadata__": {"kind": 3}}),
        "wrong digest": header_only({"__metadata__": {"sha256": "0" * 64}, "a": entry}, bytes(8)),
    }


@pytest.mark.parametrize("kind", bad_files("x"))
def test_what_is_no_checkpoint_is_refused_and_nothing_in_it_runs(path, tmp_path, kind):
    trap = tmp_path / "trap"
    path.write_bytes(bad_files(trap)[kind])
    with pytest.raises(CheckpointError) as refused:
        checkpoint.read(path)
    assert str(refused.value).startswith(f"checkpoint.read: {path} ")
    assert not trap.exists()


def test_the_trap_would_work(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "trap")))  # noqa: S301  # our own
    assert (tmp_path / "trap").exists()


def test_complex_numbers_are_refused(path):
    checkpoint.write(path, {"a": np.ones(2), "b\n": np.ones(3, np.complex64)}, {})
    with pytest.raises(CheckpointError) as refused:
        checkpoint.read(path)
    assert str(refused.value) == f"checkpoint.read: {path}: 'b\\n' is of complex64"


def test_a_missing_file_and_a_folder_are_named(path, tmp_path):
    with pytest.raises(CheckpointError) as refused:
        checkpoint.read(path)
    assert str(refused.value) == f"checkpoint.read: there is no file {path}"
    with pytest.raises(CheckpointError, match="cannot be read"):
        checkpoint.read(tmp_path)


def two(**other):
    arrays = {"one": TREE.one, "two.0": TREE.two[0], "two.1": TREE.two[1], **other}
    return {name: array for name, array in arrays.items() if array is not None}


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        (two(one=None), "one is missing"),
        (two(three=np.ones(1)), "'three' does not belong to this network"),
        (two(one=TREE.one.T), "one must be (2, 3) of float32, got (3, 2) of float32"),
        (two(one=np.ones((2, 3))), "one must be (2, 3) of float32, got (2, 3) of float64"),
        (two(**{"two.1": np.array([1, np.nan])}), "two.1 holds NaN or infinity"),
        (two(**{"two.1": np.array([1, -np.inf])}), "two.1 holds NaN or infinity"),
    ],
)
def test_arrays_that_do_not_fit_a_tree_are_named(arrays, message):
    with pytest.raises(CheckpointError) as refused:
        checkpoint.fill(TREE, arrays, "here")
    assert str(refused.value) == f"here: {message}"


def test_without_safetensors_the_message_says_what_to_install(path, monkeypatch):
    for name in ("safetensors", "safetensors.numpy"):
        monkeypatch.setitem(sys.modules, name, None)
    says = r'safetensors is missing: python -m pip install "bptt\[lm\]"'
    with pytest.raises(ModuleNotFoundError, match=says):
        checkpoint.write(path, TREE, {})
    with pytest.raises(ModuleNotFoundError, match=says):
        checkpoint.read(path)
