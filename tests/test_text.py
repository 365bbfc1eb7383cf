import functools
import hashlib
import http.server
import math
import os
import re
import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bptt import text
from bptt.text import CorpusError, Vocabulary

PLAY = "First Citizen:\r\nSpeak, spéak.\n"


@pytest.fixture
def corpus(monkeypatch):
    """Take another text for Tiny Shakespeare."""
    monkeypatch.setattr(text, "SHA256", hashlib.sha256(PLAY.encode()).hexdigest())
    monkeypatch.delenv("BPTT_DATA", raising=False)
    return PLAY.encode()


@pytest.fixture
def no_pooch(monkeypatch):
    monkeypatch.setitem(sys.modules, "pooch", None)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """Serve a folder in place of the network."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_):
            pass

    folder = tmp_path / "network"
    folder.mkdir()
    handler = functools.partial(Quiet, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as httpd:
        threading.Thread(target=httpd.serve_forever, args=(0.01,)).start()  # it stops at once
        monkeypatch.setenv("no_proxy", "*")
        monkeypatch.setattr(text, "URL", f"http://127.0.0.1:{httpd.server_port}/input.txt")
        yield folder
        httpd.shutdown()


def put(folder: Path, data: bytes) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / "tinyshakespeare.txt"
    path.write_bytes(data)
    return path


@pytest.mark.usefixtures("no_pooch")
def test_the_corpus_is_read_from_the_folder_given_and_needs_no_pooch(corpus, tmp_path):
    put(tmp_path, corpus)
    assert text.tiny_shakespeare(tmp_path) == PLAY
    assert text.tiny_shakespeare(str(tmp_path)) == PLAY


@pytest.mark.usefixtures("no_pooch")
def test_the_environment_variable_names_the_folder_unless_one_is_given(
    corpus, tmp_path, monkeypatch
):
    put(tmp_path / "named", corpus)
    monkeypatch.setenv("BPTT_DATA", str(tmp_path / "named"))
    assert text.tiny_shakespeare() == PLAY
    put(tmp_path / "given", b"another")
    with pytest.raises(CorpusError, match="given"):
        text.tiny_shakespeare(tmp_path / "given")


@pytest.mark.parametrize("empty", [True, False])
def test_without_a_folder_it_is_read_from_the_cache_of_the_user(
    corpus, tmp_path, monkeypatch, empty
):
    if empty:
        monkeypatch.setenv("BPTT_DATA", "")
    monkeypatch.setattr("pooch.os_cache", lambda name: tmp_path / name)
    put(tmp_path / "bptt", corpus)
    assert text.tiny_shakespeare() == PLAY


@pytest.mark.usefixtures("corpus", "no_pooch")
def test_without_a_folder_and_without_pooch_the_error_says_what_to_do():
    with pytest.raises(CorpusError) as caught:
        text.tiny_shakespeare()
    assert str(caught.value) == (
        "text.tiny_shakespeare: no folder is named, and the user's cache is not known without "
        f'pooch: python -m pip install "bptt[lm]", or save {text.URL} as tinyshakespeare.txt in a '
        "folder, and name the folder in the argument or in the environment variable BPTT_DATA"
    )


@pytest.mark.usefixtures("corpus", "no_pooch")
def test_without_the_file_and_without_pooch_the_error_says_what_to_do(tmp_path):
    with pytest.raises(CorpusError) as caught:
        text.tiny_shakespeare(tmp_path)
    assert str(caught.value) == (
        f"text.tiny_shakespeare: {tmp_path / 'tinyshakespeare.txt'} does not exist, and pooch, "
        f'which would fetch it, is missing: python -m pip install "bptt[lm]", or save {text.URL} '
        "as tinyshakespeare.txt in a folder, and name the folder in the argument or in the "
        "environment variable BPTT_DATA"
    )


def test_it_is_fetched_once(corpus, server, tmp_path):
    (server / "input.txt").write_bytes(corpus)
    folder = tmp_path / "new" / "cache"
    assert text.tiny_shakespeare(folder) == PLAY
    assert (folder / "tinyshakespeare.txt").read_bytes() == corpus
    (server / "input.txt").unlink()
    assert text.tiny_shakespeare(folder) == PLAY


@pytest.mark.usefixtures("corpus")
def test_without_a_network_the_error_names_the_file_and_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(text, "URL", "http://127.0.0.1:9/input.txt")  # nobody answers there
    with pytest.raises(CorpusError) as caught:
        text.tiny_shakespeare(tmp_path)
    assert str(caught.value) == (
        f"text.tiny_shakespeare: {tmp_path / 'tinyshakespeare.txt'} does not exist, and fetching "
        f"it failed (ConnectionError): try again with a network, or save {text.URL} as "
        "tinyshakespeare.txt in a folder, and name the folder in the argument or in the "
        "environment variable BPTT_DATA"
    )


@pytest.mark.usefixtures("corpus")
def test_another_file_that_is_fetched_is_not_kept(server, tmp_path):
    (server / "input.txt").write_bytes(b"<html>Log in first</html>")
    with pytest.raises(CorpusError, match="and what was fetched is another file: try again from"):
        text.tiny_shakespeare(tmp_path)
    assert list(tmp_path.glob("*.txt")) == []


@pytest.mark.usefixtures("corpus", "no_pooch")
def test_another_file_in_the_folder_is_refused_with_both_hashes(tmp_path):
    path = put(tmp_path, PLAY.encode() + b"\n")
    with pytest.raises(CorpusError) as caught:
        text.tiny_shakespeare(tmp_path)
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    assert str(caught.value) == (
        f"text.tiny_shakespeare: {path} is another file: its SHA-256 is {found}, and that of Tiny "
        f"Shakespeare is {text.SHA256}; delete it and it is fetched again"
    )


@pytest.mark.usefixtures("corpus")
def test_a_folder_in_the_place_of_the_file_is_an_error(tmp_path):
    (tmp_path / "tinyshakespeare.txt").mkdir()
    with pytest.raises(CorpusError, match=r"re: cannot read .*tinyshakespeare\.txt: "):
        text.tiny_shakespeare(tmp_path)


def test_tiny_shakespeare_has_its_length_and_its_characters():
    if not os.environ.get("BPTT_DATA"):
        pytest.skip("BPTT_DATA names no folder with tinyshakespeare.txt")
    corpus = text.tiny_shakespeare()
    assert len(corpus) == 1_115_394
    assert corpus.startswith("First Citizen:\nBefore we proceed any further, hear me speak.")
    vocabulary = Vocabulary.of(corpus)
    assert len(vocabulary) == 65
    assert vocabulary.decode(vocabulary.encode(corpus)) == corpus
    assert [len(part) for part in text.split(corpus)] == [1_003_854, 111_540]


def test_the_prose_of_the_standard_library_has_each_paragraph_once():
    prose = text.standard_library()
    paragraphs = prose.split("\n\n")
    assert len(prose) > 300_000
    assert len(paragraphs) == len(set(paragraphs)) > 1_500
    assert 'The "assert" statement\n**********************' in paragraphs
    assert prose == prose.strip("\n")


def test_paragraphs_keep_their_order_and_their_indents():
    topics = {
        "c": "\n  y\n",
        "b": "\nTwo\n\n   x = 1\n\nOne\n",
        "a": "One\nmore\n \n\n\nOne\n\n  Two\n",
    }
    assert text._paragraphs(topics) == "One\nmore\n\nOne\n\n  Two\n\nTwo\n\n   x = 1\n\n  y"


def test_a_file_is_read_as_it_is(tmp_path):
    path = tmp_path / "play.txt"
    path.write_bytes(PLAY.encode())
    assert text.read(path) == text.read(str(path)) == PLAY


def test_a_file_that_is_missing_or_empty_or_no_text_is_named(tmp_path):
    path = tmp_path / "play.txt"
    with pytest.raises(CorpusError) as missing:
        text.read(path)
    assert str(missing.value) == f"text.read: cannot read {path}: No such file or directory"
    path.touch()
    with pytest.raises(CorpusError) as empty:
        text.read(path)
    assert str(empty.value) == f"text.read: {path} is empty"
    path.write_bytes("né".encode("latin-1"))
    with pytest.raises(CorpusError) as foreign:
        text.read(path)
    assert str(foreign.value) == (
        f"text.read: {path} is not UTF-8, see byte 1; convert it, or choose another"
    )


LINES = st.lists(st.sampled_from(["a", "b", "\r", "\n", "\r\n"]), min_size=1)


@given(LINES, st.booleans())
def test_a_text_comes_as_it_is_but_for_its_mark_and_odd_line_ends_are_said(
    tmp_path_factory, parts, mark
):
    whole = "".join(parts)
    path = tmp_path_factory.mktemp("text") / "play.txt"
    path.write_bytes(b"\xef\xbb\xbf" * mark + whole.encode())
    assert text.read(path) == whole
    got, remarks = text.decode(path.read_bytes(), "it")
    assert got == whole
    ends = set(re.findall(r"\r\n|\r|\n", whole))
    assert any("byte-order mark" in remark for remark in remarks) == mark
    assert any("lines end" in remark for remark in remarks) == (len(ends) > 1 or "\r" in ends)


def test_what_is_said_of_a_text_counts_each_kind():
    _, remarks = text.decode(b"\xef\xbb\xbfa\r\nb\nc\rd\re\0", "it")
    mark, ends, zeros = remarks
    assert mark == "the byte-order mark at its start is dropped"
    assert r"lines end in 1 times \r\n and 2 times \r alone and 1 times \n alone" in ends
    assert zeros == "it holds 1 characters of number zero, as UTF-16 read as UTF-8 does"
    assert text.decode(b"a\nb\n", "it")[1] == text.decode(b"a\r\nb\r\n", "it")[1] == ()


@pytest.mark.parametrize("wide", ["utf-16", "utf-32", "utf-16-be"])
def test_a_text_of_wide_characters_is_refused_or_said(wide, tmp_path):
    path = tmp_path / "wide.txt"
    path.write_bytes("Wide.\n".encode(wide))
    if wide == "utf-16-be":  # without a mark it is UTF-8 too
        assert "characters of number zero" in text.decode(path.read_bytes(), "it")[1][0]
    else:
        with pytest.raises(CorpusError, match=f"byte 0, but begins as {wide.upper()} does"):
            text.read(path)


def test_a_file_with_nothing_but_a_mark_is_empty(tmp_path):
    path = tmp_path / "mark.txt"
    path.write_bytes(b"\xef\xbb\xbf")
    with pytest.raises(CorpusError, match="is empty"):
        text.read(path)


@pytest.mark.parametrize("name", ["\ud800", "a\0b"])
def test_a_name_that_no_file_can_have_is_one_sentence(name):
    with pytest.raises(CorpusError, match=r"text\.read: no file can have the name"):
        text.read(name)


def test_a_pointer_of_git_lfs_is_no_text(tmp_path):
    path = tmp_path / "play.txt"
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n")
    with pytest.raises(CorpusError, match=r"is a pointer of Git LFS.*git lfs pull"):
        text.read(path)


def test_a_folder_without_a_name_is_refused():
    with pytest.raises(CorpusError, match="the name of the folder is empty"):
        text.tiny_shakespeare("")


def test_an_unknown_character_is_counted_from_where_its_part_starts():
    with pytest.raises(ValueError, match="'b' at position 902 is none"):
        Vocabulary("a").encode("aab", start=900)


def test_a_split_gives_the_first_characters_to_training():
    assert text.split("abcdefghijklm") == ("abcdefghijk", "lm")  # 11.7 characters
    assert text.split("abcdefghijklm", 0.25) == ("abc", "defghijklm")
    assert text.split("ab", train=0.5) == ("a", "b")


@pytest.mark.parametrize(("whole", "train"), [("", 0.9), ("a", 0.9), ("abc", 0.3), ("abc", 1.0)])
def test_a_split_with_an_empty_part_is_a_value_error(whole, train):
    with pytest.raises(ValueError, match=r"^text\.split: both parts need a character") as caught:
        text.split(whole, train)
    assert str(caught.value).endswith(f", got {len(whole)} characters and train={train}")


def test_a_vocabulary_is_sorted_by_code_point():
    vocabulary = Vocabulary.of("zß aé\U0001f600\nZa")
    assert vocabulary == Vocabulary("\n Zazßé\U0001f600")
    assert len(vocabulary) == 8


@pytest.mark.parametrize("characters", ["", "ba", "aab"])
def test_a_vocabulary_that_is_not_sorted_is_a_value_error(characters):
    with pytest.raises(ValueError, match=r"text\.Vocabulary: characters must be sorted, each once"):
        Vocabulary(characters)


def test_codes_are_places_in_the_vocabulary():
    codes = Vocabulary("aeß\U0001f600").encode("ßa\U0001f600ae")
    assert codes.tolist() == [2, 0, 3, 0, 1]
    assert codes.dtype == np.int64


@given(st.text(st.characters(exclude_categories=[]), min_size=1))
def test_decoding_undoes_encoding(string):
    vocabulary = Vocabulary.of(string)
    codes = vocabulary.encode(string)
    assert vocabulary.decode(codes) == string
    assert vocabulary.decode(codes.tolist()) == string
    assert codes.tolist() == [vocabulary.characters.index(c) for c in string]


def test_an_empty_text_has_no_codes():
    assert Vocabulary("ab").encode("").shape == (0,)
    assert Vocabulary("ab").decode([]) == ""


# Before all that are known, between them, after them, and far after; and half a character.
@pytest.mark.parametrize("unknown", ["\0", "b", "d", "e", "\U0010ffff", "\udcff"])
def test_an_unknown_character_is_named_with_its_first_place(unknown):
    with pytest.raises(ValueError, match=r"^text\.") as caught:
        Vocabulary("ac").encode(f"ca{unknown}a{unknown}")
    assert str(caught.value) == (
        f"text.Vocabulary.encode: {unknown!r} at position 2 is none of the 2 known characters; "
        "remove or replace it, or train on a text with it"
    )


@pytest.mark.parametrize("codes", [[0, 3], [-1], [0.0], [[0, 1]], 1, [True]])
def test_what_is_no_row_of_codes_is_a_value_error(codes):
    with pytest.raises(ValueError, match=r"^text\.") as caught:
        Vocabulary("abc").decode(codes)
    assert str(caught.value) == (
        f"text.Vocabulary.decode: codes must be a row of whole numbers from 0 to 2, got {codes!r}"
    )


def test_a_guess_among_k_has_perplexity_k_and_as_many_bits_as_its_code():
    assert text.bits(math.log(8)) == pytest.approx(3)
    assert text.perplexity(math.log(8)) == pytest.approx(8)
    assert text.perplexity(0.7) == pytest.approx(2 ** text.bits(0.7))


@pytest.mark.parametrize("wrong", [None, 3, b"abc", ["a", "b"]])
def test_only_text_is_encoded(wrong):
    with pytest.raises(TypeError, match=r"^text\.Vocabulary\.encode: text must be a string, got "):
        Vocabulary.of("abc").encode(wrong)
