"""A model in a folder: what is written is read, in fewer bits if asked for, and nothing else."""

import json

import numpy as np
import pytest

from bptt import checkpoint, gru, lstm, rnn, tree
from bptt.checkpoint import CheckpointError
from bptt.lm import folder, network
from bptt.lm.folder import Model
from bptt.text import Vocabulary

LETTERS = "\n abcé"


def model_of(cell=lstm, *, tied=False, seed=0):
    rng = np.random.default_rng(seed)
    widths = (4, 3) if tied else (4, 5)
    return Model(cell, network.init(cell, 6, 3, widths, tied=tied, rng=rng), Vocabulary(LETTERS))


def leaves_of(model):
    return dict(tree.leaves(model.params))


@pytest.mark.parametrize("cell", [rnn, lstm, gru])
@pytest.mark.parametrize("tied", [False, True])
def test_a_model_in_float32_comes_back_to_the_bit(cell, tied, tmp_path):
    model = model_of(cell, tied=tied)
    folder.write(tmp_path / "new" / "place", model)
    back = folder.read(tmp_path / "new" / "place")
    assert back.cell is cell
    assert back.vocabulary == model.vocabulary
    assert network.is_tied(back.params) == tied
    assert type(back.params.layers[0]) is cell.Params
    for name, array in tree.leaves(model.params):
        np.testing.assert_array_equal(leaves_of(back)[name], array)
        assert leaves_of(back)[name].dtype == np.float32


def test_float16_rounds_matrices_to_half_precision_and_leaves_biases(tmp_path):
    model = model_of()
    folder.write(tmp_path, model, dtype="float16")
    stored, _ = checkpoint.read(tmp_path / folder.WEIGHTS)
    back = leaves_of(folder.read(tmp_path))
    for name, array in leaves_of(model).items():
        wanted = array.astype(np.float16) if array.ndim == 2 else array
        assert stored[name].dtype == wanted.dtype
        np.testing.assert_array_equal(back[name], wanted.astype(np.float32))


def test_eight_bits_round_each_column_to_half_a_step_of_its_own(tmp_path):
    model = model_of()
    folder.write(tmp_path, model, dtype="int8")
    stored, _ = checkpoint.read(tmp_path / folder.WEIGHTS)
    back = leaves_of(folder.read(tmp_path))
    for name, array in leaves_of(model).items():
        if array.ndim < 2:
            np.testing.assert_array_equal(back[name], array)
            continue
        step = np.abs(array).max(axis=0) / 127
        assert stored[name].dtype == np.int8
        np.testing.assert_array_equal(np.abs(stored[name]).max(axis=0), 127)
        assert (np.abs(back[name] - array) <= 0.501 * step).all()
        assert (np.abs(back[name] - array).max(axis=0) > 0.05 * step).any()  # it does round


def test_a_column_of_zeros_stays_zero_in_eight_bits():
    params = model_of().params
    E = params.E.copy()
    E[:, 1] = 0
    arrays = folder.pack(params._replace(E=E), "int8")
    np.testing.assert_array_equal(folder.unpack(arrays)["E"][:, 1], 0)
    assert np.isfinite(folder.unpack(arrays)["E"]).all()


def test_the_files_are_those_of_a_model_hub_and_say_what_they_hold(tmp_path):
    folder.write(tmp_path, model_of(), about={"corpus": "none"}, card="# A model\n")
    assert sorted(file.name for file in tmp_path.iterdir()) == [
        "README.md",
        "config.json",
        "model.safetensors",
    ]
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "# A model\n"
    assert folder.about(tmp_path) == {
        "model_type": "bptt.lm",
        "cell": "lstm",
        "characters": LETTERS,
        "embedding": 3,
        "widths": [4, 5],
        "tied": False,
        "dtype": "float32",
        "corpus": "none",
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"cell": "transformer"}, "does not describe its weights: KeyError('transformer')"),
        ({"cell": ["lstm"]}, "does not describe its weights"),
        ({"characters": "ba"}, "does not describe its weights"),
        ({"characters": 5}, "does not describe its weights"),
        ({"embedding": "3"}, "does not describe its weights"),
        ({"embedding": -3}, "does not describe its weights"),
        ({"widths": []}, "does not describe its weights"),
        ({"widths": 4}, "does not describe its weights"),
        ({"tied": True}, "does not describe its weights"),
        ({"model_type": "gpt2"}, 'must say "model_type": "bptt.lm"'),
        ({"widths": [4, 6]}, "layers.1.W_x must be (4, 24) of float32, got (4, 20) of float32"),
        ({"embedding": 10**12}, "E must be (6, 1000000000000) of float32, got (6, 3)"),
        ({"widths": [4, 10**9]}, "does not describe its weights"),
    ],
)
def test_a_configuration_that_does_not_fit_is_named(change, said, tmp_path):
    folder.write(tmp_path, model_of())
    config = folder.about(tmp_path) | change
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(CheckpointError) as error:
        folder.read(tmp_path)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


NUMBERS = {"cell": "gru", "characters": "\n abcf", "dtype": "float16", "widths": [4, 5.0]}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_form_of_another_model_is_refused_even_where_the_shapes_fit(name, tmp_path):
    folder.write(tmp_path, model_of())
    config = folder.about(tmp_path) | {name: NUMBERS[name]}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.json|b_hn is missing"):
        folder.read(tmp_path)


def test_weights_beside_the_characters_of_another_model_are_refused(tmp_path):
    model, other = model_of(), Vocabulary("\n abcd")
    folder.write(tmp_path / "one", model)
    folder.write(tmp_path / "other", model._replace(vocabulary=other))
    config = (tmp_path / "other" / "config.json").read_bytes()
    (tmp_path / "one" / "config.json").write_bytes(config)
    says = r"config\.json is not the one that was written with model\.safetensors"
    with pytest.raises(CheckpointError, match=says):
        folder.read(tmp_path / "one")


@pytest.mark.parametrize("flip", [0x01, 0x02, 0x20])
def test_a_character_of_the_configuration_that_is_flipped_is_seen_or_changes_nothing(
    tmp_path, flip
):
    folder.write(tmp_path, model_of(), about={"corpus": {"name": "none"}})
    want, whole = folder.read(tmp_path), (tmp_path / "config.json").read_bytes()
    refused = 0
    for at in range(len(whole)):
        (tmp_path / "config.json").write_bytes(
            whole[:at] + bytes([whole[at] ^ flip]) + whole[at + 1 :]
        )
        try:
            got = folder.read(tmp_path)
        except CheckpointError:
            refused += 1
            continue
        assert (got.cell, got.vocabulary) == (want.cell, want.vocabulary)
    assert refused > len(whole) / 2


def test_a_configuration_with_a_byte_order_mark_is_read(tmp_path):
    """As an editor on Windows may save it."""
    folder.write(tmp_path, model_of())
    path = tmp_path / "config.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert folder.read(tmp_path).vocabulary == Vocabulary(LETTERS)


def test_a_folder_of_no_model_is_named_with_the_remedy(tmp_path):
    for place in (tmp_path, tmp_path / "nowhere", "a\0b", "\ud800"):
        with pytest.raises(
            CheckpointError, match=r"cannot be read: .*; name the folder of a model"
        ):
            folder.read(place)


def test_notes_about_a_model_may_be_edited(tmp_path):
    folder.write(tmp_path, model_of(), about={"corpus": "none"})
    config = folder.about(tmp_path) | {"corpus": "plays", "license": "mit"}
    (tmp_path / "config.json").write_text(json.dumps(config, indent=4), encoding="utf-8")
    assert folder.read(tmp_path).vocabulary == Vocabulary(LETTERS)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "1e400", "[NaN]", "[1e30]", "[" + "9" * 400])
def test_a_width_that_is_no_number_or_huge_is_refused(value, tmp_path):
    folder.write(tmp_path, model_of())
    whole = (tmp_path / "config.json").read_text(encoding="utf-8")
    changed = whole.replace('"embedding": 3', f'"embedding": {value}')
    (tmp_path / "config.json").write_text(changed, encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"config\.json"):
        folder.read(tmp_path)


def test_what_could_not_be_read_is_not_written_over_a_good_model(tmp_path):
    folder.write(tmp_path, model_of(), card="old")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    few = model_of()._replace(vocabulary=Vocabulary("abc"))
    with pytest.raises(CheckpointError, match=r"E must be \(3, 3\) of float32, got \(6, 3\)"):
        folder.write(tmp_path, few, card="new")
    for about in ({"nats": float("nan")}, {"characters": "abc"}):
        with pytest.raises(ValueError, match=r"JSON|is taken"):
            folder.write(tmp_path, model_of(), about=about, card="new")
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("halves", ["\ud800", "\udbff\udc00"])
def test_half_characters_come_back_or_are_refused(halves, tmp_path):
    model = model_of()._replace(vocabulary=Vocabulary("abcdef"[: 6 - len(halves)] + halves))
    if len(halves) == 1:
        folder.write(tmp_path, model)
        assert folder.read(tmp_path).vocabulary == model.vocabulary
    else:  # a file joins them
        with pytest.raises(ValueError, match="halves of one"):
            folder.write(tmp_path, model)


def test_a_name_that_utf_8_cannot_hold_is_kept_in_the_configuration(tmp_path):
    folder.write(tmp_path, model_of(), about={"corpus": "a\udcff"}, card="of a\udcff")
    assert folder.about(tmp_path)["corpus"] == "a\udcff"
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "of a\\udcff"


@pytest.mark.parametrize("missing", ["cell", "characters", "embedding", "widths", "tied"])
def test_an_entry_that_is_missing_is_named(missing, tmp_path):
    folder.write(tmp_path, model_of())
    config = folder.about(tmp_path)
    del config[missing]
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(CheckpointError, match=missing):
        folder.read(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff\xfe", b'"lstm"', b"[" * 100_000])
def test_what_is_no_configuration_is_refused(content, tmp_path):
    folder.write(tmp_path, model_of())
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        folder.read(tmp_path)


def test_a_folder_without_files_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"config\.json"):
        folder.read(tmp_path)
    folder.write(tmp_path, model_of())
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match=r"model\.safetensors"):
        folder.read(tmp_path)


def test_scales_that_do_not_fit_are_named():
    arrays = folder.pack(model_of().params, "int8")
    with pytest.raises(CheckpointError, match=r"E\.scale must be \(3,\), got \(2,\)"):
        folder.unpack({**arrays, "E.scale": arrays["E.scale"][:2]})
    with pytest.raises(CheckpointError, match=r"^lm\.unpack: X\.scale is the scale of an array"):
        folder.unpack({**arrays, "X.scale": arrays["E.scale"]})


def test_weights_that_are_not_numbers_are_neither_written_nor_read(tmp_path):
    model = model_of()
    b_y = model.params.b_y.copy()
    b_y[2] = np.nan
    with pytest.raises(ValueError, match=r"^lm\.pack: b_y holds NaN or infinity$"):
        folder.write(tmp_path, model._replace(params=model.params._replace(b_y=b_y)))
    folder.write(tmp_path, model)
    arrays, about = checkpoint.read(tmp_path / "model.safetensors")
    checkpoint.write(tmp_path / "model.safetensors", {**arrays, "b_y": b_y}, about)
    with pytest.raises(CheckpointError, match="b_y holds NaN or infinity"):
        folder.read(tmp_path)


def test_a_weight_that_float16_cannot_hold_is_named():
    params = model_of().params
    with pytest.raises(ValueError, match=r"^lm\.pack: E is too large for float16$"):
        folder.pack(params._replace(E=params.E + np.float32(1e5)), "float16")


def test_an_unknown_dtype_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"one of float32, float16, int8, got 'int4'$"):
        folder.write(tmp_path, model_of(), dtype="int4")
    assert not list(tmp_path.iterdir())
