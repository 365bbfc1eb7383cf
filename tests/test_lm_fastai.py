"""fastai's layout: true names and shapes against a torch model, and what is refused."""

import json
import sys

import numpy as np
import pytest
import torch
from helpers import assert_close, assert_equal

from bptt import lstm, tree
from bptt.checkpoint import CheckpointError
from bptt.layouts import listed
from bptt.lm import fastai
from bptt.lm.fastai import download_fastai, from_fastai, load_fastai
from bptt.lm.network import forward, is_tied
from bptt.shapes import ShapeError

# Vocabulary, embedding, units of a layer but the last, layers.
TRUE = (60, 400, 1152, 3)
SMALL = (7, 4, 6, 3)
OLD = "0.rnns.{}.module.weight_hh_l0_raw"


def state_dict(sizes=SMALL, *, dtype=torch.float64, seed=0):
    """Return what fastai 1 writes, name by name; the copies of E share its memory as there."""
    K, D, H, layers = sizes
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape):
        return (torch.rand(*shape, generator=rng, dtype=torch.float64) * 0.2 - 0.1).to(dtype)

    E = draw(K, D)
    tensors = {"0.encoder.weight": E, "0.encoder_dp.emb.weight": E}
    for n in range(layers):
        reads, units = D if n == 0 else H, D if n == layers - 1 else H
        raw = draw(4 * units, units)
        holes = torch.rand(raw.shape, generator=rng) < 0.2
        tensors |= {
            f"0.rnns.{n}.weight_hh_l0_raw": raw,
            f"0.rnns.{n}.module.weight_ih_l0": draw(4 * units, reads),
            f"0.rnns.{n}.module.weight_hh_l0": torch.where(holes, 0, raw / 0.8),
            f"0.rnns.{n}.module.bias_ih_l0": draw(4 * units),
            f"0.rnns.{n}.module.bias_hh_l0": draw(4 * units),
        }
    return tensors | {"1.decoder.weight": E, "1.decoder.bias": draw(K)}


def of_version_0_7(tensors):
    """Return the same weights under the names of fastai 0.7, whose head has no bias."""
    names = {name: name for name in tensors if ".module.weight_hh" not in name}
    names |= {
        name: name.replace(".weight_hh", ".module.weight_hh") for name in names if "raw" in name
    }
    names["0.encoder_dp.emb.weight"] = "0.encoder_with_dropout.embed.weight"
    return {name: tensors[own] for own, name in names.items() if own != "1.decoder.bias"}


class Theirs(torch.nn.Module):
    """The language model, written with torch's modules and loaded tensor by tensor."""

    def __init__(self, tensors, layers):
        super().__init__()
        K, D = tensors["0.encoder.weight"].shape
        dtype = tensors["0.encoder.weight"].dtype
        self.embed = torch.nn.Embedding(K, D, dtype=dtype)
        self.decode = torch.nn.Linear(D, K, dtype=dtype)
        self.embed.weight.data = tensors["0.encoder.weight"]
        self.decode.weight.data = tensors["1.decoder.weight"]
        self.decode.bias.data = tensors["1.decoder.bias"]
        self.rnns = torch.nn.ModuleList()
        for n in range(layers):
            own = f"0.rnns.{n}."
            rows, reads = tensors[own + "module.weight_ih_l0"].shape
            rnn = torch.nn.LSTM(reads, rows // 4, batch_first=True, dtype=dtype)
            rnn.weight_ih_l0.data = tensors[own + "module.weight_ih_l0"]
            rnn.weight_hh_l0.data = tensors[own + "weight_hh_l0_raw"]
            rnn.bias_ih_l0.data = tensors[own + "module.bias_ih_l0"]
            rnn.bias_hh_l0.data = tensors[own + "module.bias_hh_l0"]
            self.rnns.append(rnn)

    @torch.no_grad()
    def forward(self, texts):
        """Read (B, T) tokens; return logits (B, T, K) and the last states."""
        x, ends = self.embed(texts), []
        for rnn in self.rnns:
            x, end = rnn(x)
            ends.append(end)
        return self.decode(x), ends


def compare(sizes, dtype, tol, tensors=None):
    tensors = tensors or state_dict(sizes, dtype=dtype)
    codes = np.random.default_rng(0).integers(sizes[0], size=(9, 2))
    want, their_ends = Theirs(tensors, sizes[3])(torch.tensor(codes.T))
    params = from_fastai(tensors)
    logits, ends, _ = forward(lstm, params, codes)
    assert_close(logits, want.transpose(0, 1).numpy(), tol)
    for ours, (h, c) in zip(ends, their_ends, strict=True):
        assert_close(ours, lstm.State(h[0].numpy(), c[0].numpy()), tol)
    return params


def test_a_model_of_the_true_shapes_agrees_with_torch():
    params = compare(TRUE, torch.float32, 1e-6)
    assert params.E.dtype == np.float32
    assert [p.W_x.shape for p in params.layers] == [(400, 4608), (1152, 4608), (1152, 1600)]
    assert [len(p.W_h) for p in params.layers] == [1152, 1152, 400]
    assert is_tied(params)


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_a_model_of_any_depth_agrees_with_torch(layers):
    params = compare((*SMALL[:3], layers), torch.float64, 1e-12)
    assert len(params.layers) == layers


def test_the_raw_weights_count_and_not_the_dropped_copy():
    tensors = state_dict()
    params = from_fastai(tensors)
    for n, p in enumerate(params.layers):
        raw = tensors[f"0.rnns.{n}.weight_hh_l0_raw"].numpy()
        copy = tensors[f"0.rnns.{n}.module.weight_hh_l0"].numpy()
        assert np.array_equal(p.W_h, raw.T)
        assert not np.allclose(p.W_h, copy.T)
        assert (copy == 0).any()


def test_copies_may_be_missing():
    tensors = state_dict()
    few = {
        name: tensor
        for name, tensor in tensors.items()
        if name != "0.encoder_dp.emb.weight" and not name.endswith("module.weight_hh_l0")
    }
    assert len(few) == len(tensors) - 4
    assert_equal(from_fastai(few), from_fastai(tensors))


def test_the_names_of_version_0_7_are_read_with_a_bias_of_zero():
    tensors = state_dict()
    old = of_version_0_7(tensors)
    assert OLD.format(2) in old
    assert "0.encoder_with_dropout.embed.weight" in old
    assert "1.decoder.bias" not in old
    tensors["1.decoder.bias"] = torch.zeros(SMALL[0], dtype=torch.float64)
    assert_equal(from_fastai(old), from_fastai(tensors))


def test_a_head_of_its_own_is_kept():
    tensors = state_dict()
    tensors["1.decoder.weight"] = tensors["1.decoder.weight"] + 0.3
    params = compare(SMALL, torch.float64, 1e-12, tensors)
    assert not is_tied(params)
    assert np.array_equal(params.W_y, tensors["1.decoder.weight"].numpy().T)


def test_what_is_read_is_a_copy():
    tensors = state_dict()
    tensors["1.decoder.weight"] = tensors["1.decoder.weight"] + 0.3
    params = from_fastai(tensors)
    kept = tree.map(np.copy, params)
    for tensor in tensors.values():
        tensor.add_(1)
    assert_equal(params, kept)


@pytest.mark.parametrize("name", [n for n in state_dict() if not n.endswith("module.weight_hh_l0")])
def test_a_tensor_that_is_missing_is_named(name):
    tensors = state_dict()
    del tensors[name]
    if name == "0.encoder_dp.emb.weight":  # a copy
        from_fastai(tensors)
        return
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared below
        from_fastai(tensors)
    hint = " (a copy, such as module.weight_hh_l0, may have holes)" * name.endswith("_raw")
    assert str(error.value) == (
        f"lm.from_fastai: {name} must be among the tensors{hint}, got {listed(tensors)}"
    )


def test_no_tensor_at_all_names_all_that_are_missing():
    with pytest.raises(ValueError, match=r"0\.encoder\.weight, 0\.rnns\.0.* got none$"):
        from_fastai({})


@pytest.mark.parametrize("name", state_dict())
@pytest.mark.parametrize("change", ["longer", "transposed", "flat"])
def test_a_tensor_of_another_shape_is_named(name, change):
    tensors = state_dict()
    if name.endswith("module.weight_hh_l0"):
        return  # nobody reads it
    old = tensors[name]
    tensors[name] = {
        "longer": torch.cat([old, old[:1]]),
        "transposed": old.T.contiguous() if old.ndim == 2 else old[None],
        "flat": old.flatten() if old.ndim == 2 else old[:-1],
    }[change]
    if name == "0.encoder.weight":  # then the first that is compared with it is named
        with pytest.raises(ValueError, match=r"0\.encoder"):
            from_fastai(tensors)
        return
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared below
        from_fastai(tensors)
    assert name in str(error.value)


def test_the_message_on_a_shape_tells_both():
    tensors = state_dict()
    tensors["0.rnns.1.module.weight_ih_l0"] = torch.zeros(24, 5, dtype=torch.float64)
    with pytest.raises(ShapeError) as error:
        from_fastai(tensors)
    assert str(error.value) == (
        "lm.from_fastai: 0.rnns.1.module.weight_ih_l0 must be (4H=24, I=6), got (24, 5)"
    )


def test_the_last_layer_is_as_wide_as_an_embedding():
    wide = state_dict((7, 4, 6, 3)) | {
        "0.rnns.2.weight_hh_l0_raw": torch.zeros(24, 6, dtype=torch.float64),
        "0.rnns.2.module.weight_ih_l0": torch.zeros(24, 6, dtype=torch.float64),
    }
    with pytest.raises(ShapeError, match=r"0\.rnns\.2\.weight_hh_l0_raw must be \(4H=16, H=4\)"):
        from_fastai(wide)


def test_a_copy_of_the_rows_that_is_not_equal_is_named():
    tensors = state_dict()
    tensors["0.encoder_dp.emb.weight"] = tensors["0.encoder_dp.emb.weight"] * 2
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared below
        from_fastai(tensors)
    assert str(error.value) == (
        "lm.from_fastai: 0.encoder_dp.emb.weight must be equal to 0.encoder.weight, "
        "of which it is a copy"
    )


@pytest.mark.parametrize(
    "name",
    [
        "0.rnns.0.module.weight_ih_l0_reverse",  # both directions
        "0.rnns.1.layers.0.linear.weight_raw",  # QRNN
        "1.layers.1.weight",  # a classifier
        "0.rnns.4.weight_hh_l0_raw",  # layer 3 is missing
        "opt",
    ],
)
def test_a_tensor_that_has_no_place_is_named(name):
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared below
        from_fastai(state_dict() | {name: torch.zeros(2)})
    assert str(error.value) == (
        f"lm.from_fastai: {name} must not be among the tensors of a language model of LSTM "
        "layers in one direction"
    )


# Where else the tensors may be, and what they may be.


@pytest.mark.parametrize("keys", [[], ["model"], ["state_dict", "it's"], [0]])
@pytest.mark.parametrize("prefix", ["", "module.", "net.'lm'."])
def test_what_the_message_says_to_pass_is_what_is_read(keys, prefix):
    tensors = {prefix + name: tensor for name, tensor in state_dict().items()}
    for key in reversed(keys):
        tensors = {key: tensors, "opt": {"state": [{"lr": 0.1}]}}
    if not keys and not prefix:
        return
    with pytest.raises(ValueError, match="is elsewhere among the tensors: pass ") as error:
        from_fastai(tensors)
    assert str(error.value).startswith("lm.from_fastai: 0.encoder.weight is elsewhere ")
    code = str(error.value).partition(": pass ")[2]
    read = from_fastai(eval(code, {"tensors": tensors}))  # noqa: S307  # that is the test
    assert_equal(read, from_fastai(state_dict()))


def test_a_model_is_read_as_its_state_dict():
    class Model:
        state_dict = staticmethod(state_dict)

    assert_equal(from_fastai(Model()), from_fastai(state_dict()))


def test_tensors_that_require_a_gradient_are_read_and_bfloat16_becomes_float32():
    live = {name: tensor.requires_grad_() for name, tensor in state_dict().items()}
    assert_equal(from_fastai(live), from_fastai(state_dict()))
    params = from_fastai(state_dict(dtype=torch.bfloat16))
    assert {leaf.dtype for _, leaf in tree.leaves(params)} == {np.dtype(np.float32)}
    wide = {name: tensor.float() for name, tensor in state_dict(dtype=torch.bfloat16).items()}
    assert_equal(params, from_fastai(wide))


def test_a_tensor_of_another_dtype_or_of_whole_numbers_is_named():
    for change, said in ((torch.Tensor.float, "of float32"), (torch.Tensor.int, "got torch.int32")):
        tensors = state_dict()
        tensors["0.rnns.1.module.bias_ih_l0"] = change(tensors["0.rnns.1.module.bias_ih_l0"])
        with pytest.raises(TypeError, match=rf"0\.rnns\.1\.module\.bias_ih_l0 .*{said}$"):
            from_fastai(tensors)


# A folder, as the one-line conversion writes it.


def convert(source, folder):
    """Do what the chapter says: torch reads its own file without code, safetensors writes."""
    from safetensors.torch import save_file

    found = torch.load(source, map_location="cpu", weights_only=True)
    found = found.get("model", found)
    save_file({name: w.clone() for name, w in found.items()}, folder / "model.safetensors")


@pytest.fixture
def folder(tmp_path):
    tokens = ["xxunk", "xxpad", "the", "\u00e9t\u00e9", '"', "\\", "\U0001f600"]
    (tmp_path / "vocab.json").write_text(json.dumps(tokens), encoding="utf-8")
    torch.save(state_dict(), tmp_path / "lm.pth")
    convert(tmp_path / "lm.pth", tmp_path)
    return tmp_path


def test_a_folder_holds_the_weights_and_the_tokens(folder):
    params, tokens = load_fastai(folder)
    assert_equal(params, from_fastai(state_dict()))
    assert tokens == ("xxunk", "xxpad", "the", "\u00e9t\u00e9", '"', "\\", "\U0001f600")
    assert_equal(load_fastai(str(folder))[0], params)


def test_a_file_with_the_optimiser_beside_the_model_is_converted_too(folder):
    torch.save({"model": state_dict(seed=1), "opt": {"lr": 0.1}}, folder / "lm.pth")
    convert(folder / "lm.pth", folder)
    assert_equal(load_fastai(folder)[0], from_fastai(state_dict(seed=1)))


def test_shared_tensors_have_to_be_cloned(folder):
    """Why the conversion clones: E stands in memory once and in the file three times."""
    from safetensors.torch import save_file

    with pytest.raises(RuntimeError, match="share memory"):
        save_file(torch.load(folder / "lm.pth", weights_only=True), folder / "shared.safetensors")


def test_a_pickle_is_no_safetensors_file(folder):
    (folder / "model.safetensors").write_bytes((folder / "lm.pth").read_bytes())
    with pytest.raises(CheckpointError, match=r"model\.safetensors cannot be read"):
        load_fastai(folder)


@pytest.mark.parametrize(
    "content", ["", "[1, 2]", '{"the": 0}', '"the"', '["the", null]', "['the']"]
)
def test_a_vocabulary_that_is_no_list_of_strings_is_refused(folder, content):
    (folder / "vocab.json").write_text(content)
    with pytest.raises(CheckpointError, match=r"vocab\.json must (be|hold) .*list of"):
        load_fastai(folder)


def test_a_vocabulary_that_is_not_utf_8_is_refused(folder):
    (folder / "vocab.json").write_bytes('["été"]'.encode("latin-1"))
    with pytest.raises(CheckpointError, match=r"vocab\.json must be a JSON file"):
        load_fastai(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "vocab.json"])
def test_a_file_that_is_missing_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(CheckpointError, match=name):
        load_fastai(folder)


@pytest.mark.parametrize("count", [6, 8])
def test_there_is_one_token_for_each_row(folder, count):
    (folder / "vocab.json").write_text(json.dumps([f"t{n}" for n in range(count)]))
    with pytest.raises(ValueError) as error:  # noqa: PT011  # the message is compared below
        load_fastai(folder)
    assert str(error.value) == (
        f"lm.load_fastai: {folder / 'vocab.json'} must hold 7 tokens, one for each row of "
        f"0.encoder.weight, got {count}"
    )


# A hub, without one.


def test_a_repository_is_fetched_through_the_hub_client(monkeypatch, folder):
    asked = []

    def fetch(repository, **options):
        asked.append((repository, options))
        return str(folder)

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    assert download_fastai("someone/a-model", "abc") == folder
    files = ["model.safetensors", "vocab.json"]
    assert asked == [("someone/a-model", {"revision": "abc", "allow_patterns": files})]
    assert_equal(load_fastai(download_fastai("someone/a-model"))[0], from_fastai(state_dict()))
    assert asked[1][1]["revision"] is None


@pytest.mark.parametrize("error", [ConnectionError, FileNotFoundError, ValueError])
def test_without_a_network_one_sentence_says_what_to_do(monkeypatch, error):
    def fetch(*_, **__):
        raise error("no route")

    monkeypatch.setattr("huggingface_hub.snapshot_download", fetch)
    with pytest.raises(OSError) as caught:  # noqa: PT011  # the message is compared below
        download_fastai("someone/a-model")
    assert str(caught.value) == (
        "lm.download_fastai: someone/a-model could not be fetched, and is not in the cache; with "
        "model.safetensors and vocab.json in a folder, load_fastai needs no network (no route)"
    )


def test_the_clients_own_offline_mode_ends_in_that_sentence(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(OSError, match="someone/a-model could not be fetched"):
        download_fastai("someone/a-model")


def test_without_the_client_one_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ModuleNotFoundError, match=r"needs huggingface_hub: python -m pip install"):
        download_fastai("someone/a-model")


def test_the_module_pulls_in_no_client_and_no_torch():
    assert not {"torch", "huggingface_hub", "pickle"} & set(vars(fastai))
