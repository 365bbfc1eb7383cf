import io
import json
import os
import pickle
import re
import struct
import sys
import zipfile
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of
from safetensors.numpy import save

from bptt import checkpoint
from bptt.checkpoint import CheckpointError


class Pair(NamedTuple):
    one: Any
    two: Any


class Tensor:
    """What NumPy cannot read, as a tensor of torch."""

    def __init__(self, dtype, *, grad=False):
        self.dtype, self.requires_grad, self.device = dtype, grad, "cpu"

    def __array__(self, dtype=None, copy=None):
        raise TypeError("Got unsupported ScalarType BFloat16")


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


SHAPES = arrays_of.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)
WORDS = st.text(max_size=8) | st.sampled_from(["__metadata__", "sha256", "format", "", "\ud800"])


@st.composite
def any_array(draw):
    """Return an array of any dtype and byte order, whole or strided, turned or read-only."""
    kinds = [
        arrays_of.boolean_dtypes(),
        arrays_of.integer_dtypes(endianness="?"),
        arrays_of.unsigned_integer_dtypes(endianness="?"),
        arrays_of.floating_dtypes(endianness="?", sizes=(16, 32, 64)),
        arrays_of.complex_number_dtypes(),
        arrays_of.datetime64_dtypes(),
        arrays_of.unicode_string_dtypes(max_len=3),
        st.just(np.dtype(np.longdouble)),
    ]
    dtype = draw(st.one_of(*kinds[:4]) | st.one_of(*kinds))
    array = draw(arrays_of.arrays(dtype, draw(SHAPES)))
    if array.ndim and draw(st.booleans()):
        array = array[:: draw(st.sampled_from([-1, 2, 3]))]
    return array.T if draw(st.booleans()) else array


@given(
    st.dictionaries(WORDS | st.integers(0, 1), any_array(), max_size=4),
    st.dictionaries(WORDS, WORDS | st.integers(0, 1), max_size=3),
)
def test_what_is_written_is_read_and_what_could_not_be_read_is_not_written(
    tmp_path_factory, arrays, about
):
    path = tmp_path_factory.mktemp("checkpoint") / "file.safetensors"
    checkpoint.write(path, TREE, {"kind": "old"})
    try:
        checkpoint.write(path, arrays, about)
    except CheckpointError as error:
        refused = str(error)
    else:
        refused = ""
    got, said = checkpoint.read(path)
    if refused:
        assert re.fullmatch("checkpoint.write: [^\n]+", refused)
        assert said == {"kind": "old"}
        return
    assert said == about
    assert got.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(got[name], array)
        assert got[name].shape == array.shape
        assert got[name].dtype == array.dtype.newbyteorder("=")


@pytest.mark.parametrize(
    ("arrays", "about", "says"),
    [
        ({"a": np.ones(2, complex)}, {}, "'a' must hold real numbers, got complex numbers"),
        ({"a": np.array(["b"])}, {}, "'a' must hold real numbers, got text"),
        ({"a": np.array([None])}, {}, "'a' must hold real numbers, got objects"),
        ({"a": np.array(["2026-01-01"], "M8[D]")}, {}, "'a' must hold real numbers, got dates"),
        ({"a": np.ones(2, np.longdouble)}, {}, "'a' is of "),
        (
            {"a": np.ma.masked_array([1.0, 2.0], [0, 1])},
            {},
            "'a' must be a plain array, got a masked one",
        ),
        ({"__metadata__": np.ones(2)}, {}, "'__metadata__' is no name for an array"),
        ({3: np.ones(2)}, {}, "3 is no name for an array"),
        ({"\ud800": np.ones(2)}, {}, "is no name for an array"),
        ({"a": np.ones(2)}, {"sha256": "b"}, "'sha256' is taken"),
        ({"a": np.ones(2)}, {"b": 3}, "'b' must be a string"),
        ({"a": np.ones(2)}, ["b"], "about must be a mapping of str to str"),
        ({"a": [[1.0], [1.0, 2.0]]}, {}, "'a' must be one array, got rows of different lengths"),
        ({"a": Tensor("torch.bfloat16")}, {}, r"'a'.*\.float\(\)"),
        ({"a": Tensor("torch.float32", grad=True)}, {}, r"'a'.*\.detach\(\)"),
        ({"a": np.ones(2)}, {"b": "\ud800"}, "'b' must be a string"),
        ({"a": np.ones(2)}, {"b": "c" * 100_000_001}, "names and notes may take 100,000,000 bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_could_not_be_read_is_refused_by_name_and_the_old_file_stays(
    path, arrays, about, says
):
    checkpoint.write(path, TREE, {"kind": "old"})
    with pytest.raises(CheckpointError, match=f"^checkpoint.write: .*{says}"):
        checkpoint.write(path, arrays, about)
    assert checkpoint.read(path)[1] == {"kind": "old"}


def test_the_order_of_arrays_and_notes_does_not_matter():
    arrays, about = {"b": TREE.one, "a": np.ones(2)}, {"y": "2", "x": "1"}
    digest = checkpoint._digest(arrays, about)
    assert digest == checkpoint._digest({"a": np.ones(2), "b": TREE.one}, {"x": "1", "y": "2"})
    assert digest != checkpoint._digest({"a": TREE.one, "b": np.ones(2)}, about)
    assert digest != checkpoint._digest(arrays, {"y": "1", "x": "2"})
    assert digest != checkpoint._digest({**arrays, "b": TREE.one.reshape(3, 2)}, about)


def test_the_same_arrays_are_the_same_bytes(path):
    about = {f"note {n}": "a" for n in range(9)}
    turned = dict(reversed(about.items()))
    files = {checkpoint.content(TREE, each) for each in (about, turned) for _ in range(5)}
    assert len(files) == 1
    path.write_bytes(files.pop())
    assert checkpoint.read(path)[1] == about


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


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("value", [{"a": 1.0}, [1, 2], np.ones(3), {"state_dict": [np.ones(2)]}])
def test_a_pickle_of_any_protocol_is_called_one(path, protocol, value):
    path.write_bytes(pickle.dumps(value, protocol))
    with pytest.raises(CheckpointError, match="it is a pickle; nothing is unpickled here"):
        checkpoint.read(path)


def test_words_are_no_pickle(path):
    for words in (b"cat\nsat\n", b"(d)o you?", b"Kitty and the cat", b"]q"):
        path.write_bytes(words * 9)
        with pytest.raises(CheckpointError, match="it is cut off, or not a safetensors file"):
            checkpoint.read(path)


@pytest.mark.parametrize("name", ["\ud800", "a\0b"])
def test_a_name_that_no_file_can_have_is_one_sentence(name):
    with pytest.raises(CheckpointError, match="no file can have the name"):
        checkpoint.write(name, TREE, {})
    with pytest.raises(CheckpointError, match="there is no file"):
        checkpoint.read(name)


def test_a_name_that_is_too_long_is_named(path):
    longer = path.with_name("x" * 300)
    with pytest.raises(CheckpointError, match="there is no file"):
        checkpoint.read(longer)
    with pytest.raises(OSError, match=r"File name too long|cannot be written"):
        checkpoint.write(longer, TREE, {})


HTML = b"\n <!DOCTYPE html>\n<html><head><title>Not found</title></head></html>"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 12\n"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (bad_files("x")["pickle"], "is a pickle.*nothing is unpickled here.*save_file"),
        (bad_files("x")["zip"], "is a zip archive, as torch.save writes.*save_file"),
        (bad_files("x")["npz"], "is a zip archive, .*np.savez"),
        (b"\x93NUMPY\x01\x00" + bytes(90), "is an array of np.save"),
        (b"\x89HDF\r\n\x1a\n" + bytes(90), "is an HDF5 file, as Keras writes"),
        (b"\x1f\x8b\x08" + bytes(90), "is compressed by gzip"),
        (b"GGUF\x03" + bytes(90), "is a GGUF file"),
        (POINTER, "is a pointer of Git LFS.*git lfs pull"),
        (HTML, "is an HTML page.*download the file itself"),
        (b"<html lang='en'>" + bytes(90), "is an HTML page"),
        (b"<?xml version='1.0'?><Error/>", "is an XML text"),
        (b'{"error": "Repository not found"}', "is a JSON text"),
        (b"", "is empty"),
        (bad_files("x")["bfloat16"], "holds 'a' in BF16.*no such numbers.*float"),
        (bad_files("x")["float8"], "holds 'a' in F8_E4M3.*no such numbers.*float"),
    ],
    ids=lambda value: repr(value)[:25],
)
def test_a_wrong_file_is_called_what_it_is_with_the_remedy(path, content, says):
    path.write_bytes(content)
    with pytest.raises(
        CheckpointError, match=f"^checkpoint.read: {path} cannot be read: it {says}"
    ):
        checkpoint.read(path)


@pytest.mark.skipif(os.name != "posix", reason="needs the files of POSIX")
def test_what_must_not_be_read_and_what_is_no_file_is_named(path, monkeypatch):
    checkpoint.write(path, TREE, {})

    def forbidden(*_, **__):
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:  # root may read all
        patched.setattr("pathlib.Path.open", forbidden)
        with pytest.raises(CheckpointError, match=f"{path} cannot be read: permission is denied"):
            checkpoint.read(path)
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(CheckpointError, match=f"{path} cannot be read: it is no file"):
        checkpoint.read(path)
    with pytest.raises(CheckpointError, match="is a folder"):
        checkpoint.read(path.parent)


def test_an_array_of_two_names_has_both(path):
    """safetensors.torch.save_model keeps tied weights once, and notes the other name."""
    path.write_bytes(save({"head.weight": TREE.one}, {"format": "pt", "emb.weight": "head.weight"}))
    arrays, about = checkpoint.read(path)
    assert_same(arrays, {"head.weight": TREE.one, "emb.weight": TREE.one})
    assert about == {"format": "pt"}
    checkpoint.write(path, {"head.weight": TREE.one}, {"emb.weight": "head.weight"})  # only a note
    assert checkpoint.read(path)[0].keys() == {"head.weight"}


def test_the_trap_would_work(tmp_path):
    pickle.loads(pickle.dumps(Trap(tmp_path / "trap")))  # noqa: S301  # our own
    assert (tmp_path / "trap").exists()


def test_complex_numbers_are_refused(path):
    path.write_bytes(save({"a": np.ones(2), "b\n": np.ones(3, np.complex64)}))
    with pytest.raises(CheckpointError) as refused:
        checkpoint.read(path)
    assert str(refused.value) == f"checkpoint.read: {path}: 'b\\n' is of complex64"


def test_a_missing_file_and_a_folder_are_named(path, tmp_path):
    with pytest.raises(CheckpointError) as refused:
        checkpoint.read(path)
    assert str(refused.value) == f"checkpoint.read: there is no file {path}"
    with pytest.raises(CheckpointError, match="is a folder"):
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
