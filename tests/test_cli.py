"""The command line, in this process and as a program of its own."""

import csv
import hashlib
import io
import itertools
import json
import os
import pickle
import re
import signal
import struct
import subprocess
import sys
import time

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save

from bptt import checkpoint, cli, compress, files, ngram, text
from bptt.lm import adapt, engine, folder, options, pretrained, run_file, sample, score
from bptt.lm import corpus as corpora
from bptt.lm import training as trainings
from bptt.lm.dropout import Rates
from bptt.lm.project import CURVE, STATE
from bptt.lm.settings import Settings
from bptt.optim import NonFiniteGradient

SMALL = ["--embedding", "4", "--widths", "6", "--batch", "3", "--chunk", "8", "--lr", "0.01"]
DROPS = ["--inputs", "0.1", "--between", "0.2", "--outputs", "0.3", "--recurrent", "0.1"]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory):
    """Return a file of 3,600 characters."""
    rng = np.random.default_rng(0)
    words = ["à", "and", "the", "cat", "sat", "mat", "on", "a", "\n"]
    whole = " ".join(rng.choice(words, size=2000))[:3600]
    path = tmp_path_factory.mktemp("corpus") / "words.txt"
    path.write_bytes(whole.encode())
    return path


@pytest.fixture(scope="session")
def trained(corpus, tmp_path_factory):
    """Return a folder with a training that has ended, and its model; to be copied, not changed."""
    place = tmp_path_factory.mktemp("trained") / "model"
    done = bptt("train", "--text", corpus, "--folder", place, "--steps", 6, "--every", 4, *SMALL)
    assert done.exit_code == 0, done.stderr
    return place


@pytest.fixture
def model(trained, tmp_path):
    """Return a copy of it."""
    place = tmp_path / "copy"
    place.mkdir()
    for file in trained.iterdir():
        (place / file.name).write_bytes(file.read_bytes())
    return place


def bptt(*words):
    done = CliRunner().invoke(cli.commands(), [str(word) for word in words], prog_name="bptt")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exc_info
    return done


def program(*words, **options):
    """Start `python -m bptt`; it has one thread for BLAS, as two runs of the same bits need."""
    return subprocess.Popen(
        [sys.executable, "-m", "bptt", *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def finish(process):
    out, err = process.communicate(timeout=120)
    return process.returncode, out.decode(), err.decode()


def wait_for(condition, process):
    for _ in range(6000):
        if condition():
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    raise AssertionError("nothing came")


def assert_refused(done, message, code=2):
    assert done.exit_code == code
    assert done.stdout == ""
    assert re.search(message, done.stderr), done.stderr
    assert re.fullmatch(r"Error: [^\n]*\n", done.stderr)


def points(place):
    """Read the curve without its seconds."""
    lines = (place / CURVE).read_text().splitlines()
    assert lines[0] == "step,seconds,train,held_out"
    return [(row["step"], row["train"], row["held_out"]) for row in csv.DictReader(lines)]


def arrays(place):
    return {name: array.tobytes() for name, array in checkpoint.read(place / STATE)[0].items()}


# Help


@pytest.mark.parametrize("command", ["train", "evaluate", "generate", "baselines"])
def test_each_command_has_a_help_that_fits_a_narrow_terminal(command):
    done = bptt(command, "--help")
    assert done.exit_code == 0
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert done.stdout.startswith(f"Usage: bptt {command} [OPTIONS]")


def test_the_help_of_train_states_the_defaults():
    shown = re.sub(r"\s+", " ", bptt("train", "--help").stdout)
    defaults = options.settings({})
    for name in ("cell", "embedding", "batch", "chunk", "steps", "lr", "seed"):
        assert re.search(rf"--{name} [^-]*\[default: {getattr(defaults, name)}\]", shown), name
    assert "--widths TEXT Units of each layer, such as 512,512. [default: 192]" in shown
    for name in vars(Rates()):
        assert getattr(defaults.rates, name) == 0
    assert (defaults.warmup, defaults.decay) == (200, 3800)  # a twentieth, and the rest


def test_the_name_of_an_option_that_does_not_exist_is_refused():
    done = bptt("train", "--nothing")
    assert done.exit_code == 2
    assert "No such option" in done.stderr


# Train


def test_options_become_the_settings(corpus, tmp_path):
    done = bptt(
        *("train", "--text", corpus, "--folder", tmp_path / "a" / "b", "--every", 1, *DROPS),
        *("--cell", "gru", "--embedding", 5, "--widths", "4, 5", "--tied", "--batch", 2),
        *("--chunk", 9, "--steps", 2, "--lr", 0.5, "--warmup", 3, "--decay", 1, "--seed", 7),
        *("--average", 0.25),
    )
    assert done.exit_code == 0
    settings, about, _ = run_file.read(tmp_path / "a" / "b" / STATE)
    rates = settings.rates
    assert settings == Settings(
        "gru", 5, (4, 5), tied=True, batch=2, chunk=9, steps=2, lr=0.5, warmup=3, decay=1,
        average=0.25, rates=rates, seed=7,
    )  # fmt: skip
    shares = (rates.rows, rates.inputs, rates.between, rates.outputs, rates.recurrent)
    assert shares == (0, 0.1, 0.2, 0.3, 0.1)
    assert about["every"] == 1


def test_training_writes_its_curve_its_state_and_the_model(trained, corpus):
    names = {STATE, CURVE, folder.CONFIG, folder.WEIGHTS, folder.CARD}
    assert {file.name for file in trained.iterdir()} == names
    settings, about, training = run_file.read(trained / STATE)
    whole = text.read(corpus)
    written = about.pop("files")
    assert sorted(written) == sorted(names - {STATE})
    for name, digests in written.items():
        assert hashlib.sha256((trained / name).read_bytes()).hexdigest() in digests
    threads = about.pop("threads")
    assert threads is None or threads == 1  # as conftest chooses
    assert about == {
        "characters": len(set(whole)),
        "vocabulary": "".join(sorted(set(whole))),
        "text": str(corpus),
        "sha256": hashlib.sha256(corpus.read_bytes()).hexdigest(),
        "every": 4,
    }
    assert [point[0] for point in points(trained)] == ["4", "6"]
    lines = (trained / CURVE).read_text().splitlines()[1:]
    rows = [tuple(map(float, line.split(","))) for line in lines]
    assert rows == [tuple(map(float, point)) for point in training.curve]
    model = folder.read(trained)
    np.testing.assert_array_equal(model.params.E, training.run.params.E)
    assert model.vocabulary.characters == about["vocabulary"]
    told = folder.about(trained)
    assert told["corpus"] == {
        "name": "words.txt",  # not where it lies
        "sha256": about["sha256"],
        "train": 3240,
        "validation": 360,
    }
    assert told["val_nats_window256"] == training.curve[-1].held_out
    assert told["settings"]["steps"] == settings.steps
    assert about["sha256"] in (trained / folder.CARD).read_text(encoding="utf-8")


def test_without_a_terminal_there_is_a_line_for_each_point(corpus, tmp_path):
    done = bptt("train", "--text", corpus, "--folder", tmp_path, "--steps", 3, "--every", 2, *SMALL)
    number = r"\d\.\d{4}"
    for line, step in zip(done.stdout.splitlines(), (2, 3), strict=False):
        assert re.fullmatch(
            f"step {step} of 3, \\d s: train {number}, held out {number} nats per character", line
        )
    (last,) = done.stdout.splitlines()[2:]
    assert last == (
        f"The model is in {tmp_path}. Try: bptt evaluate {tmp_path} --text {corpus}; "
        f"bptt generate {tmp_path}"
    )
    assert done.stderr == ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_there_is_a_bar_with_loss_speed_and_time_left(trained, monkeypatch, capsys):
    settings, _, training = run_file.read(trained / STATE)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setenv("COLUMNS", "150")
    with cli.watch.progress_of(settings, trainings.begin(settings, 9)) as show:
        show(training._replace(losses=(2.5,)))
        time.sleep(0.15)
        show(training._replace(losses=(1.25,)))
    shown = sys.stderr.getvalue()
    assert "loss 1.250, held out" in shown
    assert re.search(r"48\.0/144 \[\d\d:\d\d<\d\d:\d\d, .*char/s", shown)
    assert capsys.readouterr().out == ""


def test_without_tqdm_there_are_lines_on_a_terminal_too(trained, monkeypatch, capsys):
    settings, _, training = run_file.read(trained / STATE)
    monkeypatch.setattr(sys, "stderr", Terminal())
    monkeypatch.setitem(sys.modules, "tqdm", None)
    with cli.watch.progress_of(settings, trainings.begin(settings, 9)) as show:
        show(training)
        show(training)
    assert capsys.readouterr().out.count("step 6 of 6") == 1


def test_a_folder_with_a_training_or_a_model_is_not_overwritten(model, corpus):
    before = {file: file.read_bytes() for file in model.iterdir()}
    words = ("train", "--text", corpus, "--folder", model, *SMALL)
    message = "holds a training or a model already; go on with --resume, or choose another folder"
    assert_refused(bptt(*words), message)
    (model / STATE).unlink()
    assert_refused(bptt(*words), message)
    before.pop(model / STATE)
    assert {file: file.read_bytes() for file in model.iterdir()} == before


def test_there_must_be_something_to_resume(tmp_path):
    assert_refused(bptt("train", "--folder", tmp_path, "--resume"), "holds no training")


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--lr", "0.5", "has lr 0.01, and is asked for 0.5; leave that out"),
        ("--widths", "6,6", "has widths 6, and is asked for 6,6; leave that out"),
        ("--inputs", "0.5", "has inputs 0.0, and is asked for 0.5; leave that out"),
        ("--every", "5", "has every 4, and is asked for 5; leave that out"),
        ("--seed", "1", "has seed 0, and is asked for 1; leave that out"),
        ("--tied", None, "has tied False, and is asked for True; leave that out"),
    ],
)
def test_a_training_goes_on_as_it_was_asked_for_or_not_at_all(model, option, value, message):
    words = [option] if value is None else [option, value]
    assert_refused(bptt("train", "--folder", model, "--resume", *words), message)


def test_a_training_goes_on_with_the_same_options_given_again(model, corpus):
    before = (model / folder.WEIGHTS).read_bytes()
    (model / folder.CONFIG).unlink()  # as if it was stopped before it had written the model
    words = (*SMALL, "--text", corpus, "--untied", "--every", 4, "--steps", 6, "--inputs", 0)
    assert bptt("train", "--folder", model, "--resume", *words).exit_code == 0
    assert checkpoint.read(model / folder.WEIGHTS)[0].keys()
    assert len((model / folder.WEIGHTS).read_bytes()) == len(before)
    assert (model / folder.CONFIG).exists()


def test_a_training_does_not_go_on_with_another_text(model, corpus, tmp_path):
    other = tmp_path / "other.txt"
    other.write_bytes(corpus.read_bytes().replace(b"cat", b"act", 1))
    words = ("train", "--folder", model, "--resume")
    assert_refused(bptt(*words, "--text", other), "reads another text than .*other.txt holds now")
    other.write_bytes(corpus.read_bytes())
    assert bptt(*words, "--text", other).exit_code == 0  # the same text in another place


def test_a_training_of_another_program_is_refused(model):
    settings, about, training = run_file.read(model / STATE)
    run_file.write(model / STATE, settings, {"characters": about["characters"]}, training)
    done = bptt("train", "--folder", model, "--resume")
    assert_refused(done, "does not come from `bptt train`: vocabulary is not noted")


@pytest.mark.parametrize(
    "notes", [{"every": 0}, {"every": "4"}, {"text": 3}, {"sha256": None}, {"vocabulary": "ab"}]
)
def test_a_training_with_other_notes_is_refused(model, notes):
    settings, about, training = run_file.read(model / STATE)
    run_file.write(model / STATE, settings, {**about, **notes}, training)
    assert_refused(bptt("train", "--folder", model, "--resume"), "every|text|noted")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--widths", "4,b"], "--widths must be whole numbers with commas between them, got '4,b'"),
        (["--widths", "4,0"], "a width must be a whole number"),
        (["--steps", "0"], "steps must be a whole number"),
        (["--lr", "nan"], "lr must be a number"),
        (["--outputs", "1"], "outputs must be from 0 to below 1"),
        (["--tied"], "with a tied head the last layer must be as wide as the embedding"),
        (["--batch", "1000"], "too few for 1000 places"),
        (["--text", "nowhere.txt"], "cannot read .*nowhere.txt"),
    ],
)
def test_what_cannot_be_trained_is_refused_before_a_folder_is_made(
    corpus, tmp_path, words, message
):
    place = tmp_path / "new"
    assert_refused(
        bptt("train", "--text", corpus, "--folder", place, *SMALL, *words),
        re.escape(message) if "*" not in message else message,
    )
    assert not place.exists()


def test_a_text_that_is_too_short_to_validate_on_is_refused(tmp_path):
    short = tmp_path / "short.txt"
    short.write_text("ab" * 1280)
    done = bptt("train", "--text", short, "--folder", tmp_path / "new", *SMALL)
    assert_refused(done, "the text has 2560 characters, too few: its last 10% must be over 256")
    short.write_text("ab" * 1285)
    words = ("train", "--text", short, "--folder", tmp_path / "new", *SMALL, "--steps", 1)
    assert bptt(*words).exit_code == 0


def test_a_folder_that_cannot_be_written_is_named(corpus, tmp_path):
    file = tmp_path / "file"
    file.write_text("here")
    assert_refused(bptt("train", "--text", corpus, "--folder", file / "x", *SMALL), "file", code=1)


def test_a_gradient_that_is_not_finite_ends_it_and_the_last_checkpoint_stays(corpus, tmp_path):
    words = ("train", "--text", corpus, "--folder", tmp_path, "--steps", 9, "--every", 1, *SMALL)
    done = bptt(*words, "--lr", 3e38, "--warmup", 0)
    assert done.exit_code == 1
    started = re.match(r"Error: lm.train: at step (\d) of 9 the loss is ", done.stderr)
    assert done.stderr.endswith(f"; the last checkpoint stays in {tmp_path / STATE}\n")
    assert done.stderr.count("\n") == 1
    assert run_file.read(tmp_path / STATE)[2].run.step == int(started[1]) - 1
    assert "The training is unfinished" in (tmp_path / folder.CARD).read_text(encoding="utf-8")
    assert issubclass(NonFiniteGradient, ValueError)  # and yet its code is not 2


# Stops


def test_a_stop_between_two_points_saves_and_says_how_to_go_on(corpus, tmp_path, monkeypatch):
    one, other = tmp_path / "one", tmp_path / "other"
    words = ("--text", corpus, "--steps", 9, "--every", 4, *SMALL, *DROPS)
    assert bptt("train", "--folder", one, *words).exit_code == 0

    real, steps = engine.advance, []

    def interrupted(*args):
        steps.append(args)
        if len(steps) in {4, 11}:
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(engine, "advance", interrupted)
    before = signal.getsignal(signal.SIGINT)
    done = bptt("train", "--folder", other, *words)
    assert done.exit_code == 130
    assert done.stderr == (
        "Error: stopped at step 3 of 9, and saved; "
        f"go on with: bptt train --folder {other} --resume\n"
    )
    assert signal.getsignal(signal.SIGINT) is before
    assert points(other) == []
    done = bptt("train", "--folder", other, "--resume")
    assert (done.exit_code, len(steps)) == (0, 4 + 6)
    assert arrays(one) == arrays(other)
    assert points(one) == points(other)


def test_a_stop_while_it_saves_leaves_a_whole_checkpoint(corpus, tmp_path, monkeypatch):
    one, other = tmp_path / "one", tmp_path / "other"
    words = ("--text", corpus, "--steps", 6, "--every", 3, *SMALL)
    assert bptt("train", "--folder", one, *words).exit_code == 0
    real, writes = files.replace, []

    def interrupted(*args):
        writes.append(args)
        if len(writes) == 6:  # of the first point; the five before are of the start
            raise KeyboardInterrupt
        return real(*args)

    monkeypatch.setattr(files, "replace", interrupted)
    assert bptt("train", "--folder", other, *words).exit_code == 130
    assert run_file.read(other / STATE)[2].run.step == 2
    assert bptt("train", "--folder", other, "--resume").exit_code == 0
    assert (arrays(one), points(one)) == (arrays(other), points(other))


def test_ctrl_c_in_the_middle_of_anything_else_is_quiet(model, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(score, "carried", interrupted)
    monkeypatch.setitem(corpora.TEXTS, "library", lambda: "the cat sat on a mat\n" * 200)
    assert_refused(bptt("evaluate", model, "--text", "library"), "stopped", code=130)


LONG = ["--steps", 240, "--every", 24, "--widths", "24,16", "--batch", 4, "--chunk", 16, *DROPS]


@pytest.fixture(scope="module")
def uninterrupted(corpus, tmp_path_factory):
    place = tmp_path_factory.mktemp("whole")
    code, out, err = finish(program("train", "--text", corpus, "--folder", place, *LONG))
    assert (code, err) == (0, "")
    assert out.count("step ") == 10
    return place


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGKILL")
def test_after_a_kill_it_goes_on_to_the_same_bits(corpus, tmp_path, uninterrupted):
    process = program("train", "--text", corpus, "--folder", tmp_path, *LONG)
    wait_for(lambda: (tmp_path / CURVE).exists() and len(points(tmp_path)) >= 3, process)
    process.send_signal(signal.SIGKILL)
    assert finish(process)[0] == -signal.SIGKILL
    assert run_file.read(tmp_path / STATE)[2].run.step < 240
    code, _, err = finish(program("train", "--folder", tmp_path, "--resume"))
    assert (code, err) == (0, "")
    assert arrays(tmp_path) == arrays(uninterrupted)
    assert points(tmp_path) == points(uninterrupted)
    one, other = (checkpoint.read(f / folder.WEIGHTS)[0] for f in (tmp_path, uninterrupted))
    assert {k: v.tobytes() for k, v in one.items()} == {k: v.tobytes() for k, v in other.items()}


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="Windows cannot send Ctrl-C to one process")
def test_ctrl_c_saves_at_once_and_it_goes_on_to_the_same_bits(corpus, tmp_path, uninterrupted):
    words = [*LONG[:2], "--every", 240, *LONG[4:]]  # no point before the end
    for delay in (0.1, 0.05, 0.2, 0.4, 0.8):  # until it comes between the first step and the last
        place = tmp_path / str(delay)
        # A shell lets programs in the background ignore Ctrl-C, and they hand that on.
        before = signal.signal(signal.SIGINT, signal.default_int_handler)
        process = program("train", "--text", corpus, "--folder", place, *words)
        signal.signal(signal.SIGINT, before)
        wait_for((place / folder.CARD).exists, process)
        time.sleep(delay)
        process.send_signal(signal.SIGINT)
        code, out, err = finish(process)
        stopped = re.fullmatch(r"Error: stopped at step (\d+) of 240, and saved; .*\n", err)
        if stopped and int(stopped[1]) > 0:
            break
    step = int(stopped[1])
    assert (code, out) == (130, "")
    assert 0 < step < 240
    training = run_file.read(place / STATE)[2]
    assert (training.run.step, len(training.losses), training.curve) == (step, step, ())
    assert finish(program("train", "--folder", place, "--resume"))[0] == 0
    assert arrays(place) == arrays(uninterrupted)
    assert points(place)[-1][2] == points(uninterrupted)[-1][2]


# Evaluate


def test_a_model_is_scored_both_ways_in_three_units(trained, corpus):
    done = bptt("evaluate", trained, "--text", corpus)
    assert done.exit_code == 0
    cell, params, vocabulary = folder.read(trained)
    held_out = vocabulary.encode(text.split(text.read(corpus))[1])
    scores = [score.carried(cell, params, held_out), score.windows(cell, params, held_out, 256)]
    lines = done.stdout.splitlines()
    assert lines[0].split() == ["per", "character:", "nats", "bits", "perplexity"]
    assert lines[1].startswith("state carried, 359 characters ")
    assert lines[2].startswith("windows of 256, 256 characters ")
    for line, nats in zip(lines[1:], scores, strict=True):
        shown = [float(word) for word in line.split()[-3:]]
        assert shown == pytest.approx([nats, nats / np.log(2), np.exp(nats)], abs=6e-5)


def test_the_text_of_a_model_is_the_default_where_it_has_a_name(model, corpus, monkeypatch):
    assert_refused(bptt("evaluate", model), "was trained on is not known here; add --text")
    known = json.loads((model / folder.CONFIG).read_text(encoding="utf-8"))
    known["corpus"]["name"] = "library"
    (model / folder.CONFIG).write_text(json.dumps(known))
    monkeypatch.setitem(corpora.TEXTS, "library", lambda: text.read(corpus))
    done = bptt("evaluate", model)
    assert done.stdout == bptt("evaluate", model, "--text", corpus).stdout
    assert "not the text" not in done.stdout
    monkeypatch.setitem(corpora.TEXTS, "library", lambda: text.read(corpus)[:-1])
    last = bptt("evaluate", model).stdout.splitlines()[-1]
    assert last == "This is not the text that the model was trained on."
    known["corpus"] = {"name": "Plays", "sha256": text.SHA256}  # as of the model that is shipped
    (model / folder.CONFIG).write_text(json.dumps(known))
    monkeypatch.setitem(corpora.TEXTS, "shakespeare", lambda: text.read(corpus))
    assert "windows of 256" in bptt("evaluate", model).stdout


def test_a_model_is_scored_while_it_learns_from_what_it_has_read(trained, corpus):
    plain = bptt("evaluate", trained, "--text", corpus).stdout.splitlines()
    *lines, last = bptt("evaluate", trained, "--text", corpus, "--adapt").stdout.splitlines()
    assert [line.split() for line in lines] == [line.split() for line in plain]
    cell, params, vocabulary = folder.read(trained)
    seen, unseen = map(vocabulary.encode, text.split(text.read(corpus)))
    scale = adapt.root_mean_squares(cell, params, seen, 20)
    nats = adapt.nats(cell, params, unseen, scale, adapt.Rule())
    assert last.startswith("learning from each 20 once predicted ")
    assert float(last.split()[-3]) == pytest.approx(nats, abs=6e-5)


def test_a_text_with_an_unknown_character_is_not_scored(trained, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("the cat sat on a mat!\n" * 200)
    assert_refused(bptt("evaluate", trained, "--text", other), "'!' at position 3980 is none")


# Generate


def test_a_model_writes_what_it_is_asked_for(trained):
    words = ("generate", trained, "--prompt", "the cà", "--length", 40)
    done = bptt(*words)
    assert done.exit_code == 0
    assert done.stdout.startswith("the cà")
    assert len(done.stdout) == 6 + 40 + 1
    assert bptt(*words).stdout == bptt(*words, "--seed", 0).stdout == done.stdout
    assert bptt(*words, "--seed", 1).stdout != done.stdout
    assert bptt(*words, "--temperature", 2).stdout != done.stdout
    greedy = bptt(*words, "--temperature", 0, "--seed", 3).stdout
    assert greedy == bptt(*words, "--top-k", 1).stdout != done.stdout
    assert bptt("generate", trained, "--length", 0).stdout == "\n\n"


def test_a_model_writes_like_a_text_that_it_learns_from_first(trained, tmp_path):
    other = tmp_path / "other.txt"
    other.write_text("tac eht " * 60, encoding="utf-8")
    words = ("generate", trained, "--prompt", "tac", "--length", 40)
    done = bptt(*words, "--adapt-to", other)
    assert done.exit_code == 0
    cell, params, vocabulary = folder.read(trained)
    learnt = adapt.learn(cell, params, vocabulary.encode("tac eht " * 60), adapt.Rule())
    drawn = sample.generate(cell, learnt, vocabulary.encode("tac"), rng=np.random.default_rng(0))
    assert done.stdout == "tac" + vocabulary.decode(list(itertools.islice(drawn, 40))) + "\n"
    assert done.stdout != bptt(*words).stdout


@pytest.mark.parametrize(
    ("content", "said"),
    [("the cat sat on a mat", "too few to learn from"), ("cats!\n" * 9, "'!' at position 4")],
)
def test_a_text_that_cannot_be_learnt_from_is_refused(trained, tmp_path, content, said):
    other = tmp_path / "other.txt"
    other.write_text(content, encoding="utf-8")
    assert_refused(bptt("generate", trained, "--adapt-to", other), said)
    assert_refused(bptt("generate", trained, "--adapt-to", tmp_path / "none"), "cannot read")


def test_each_character_is_written_when_it_is_drawn(trained, monkeypatch):
    drawn = []

    class Out(io.StringIO):
        def flush(self):
            drawn.append(self.getvalue())

    monkeypatch.setattr(sys, "stdout", Out())
    cli.generate._generate(
        model=str(trained), prompt="a", length=3, temperature=1.0, top_k=None, adapt_to=None, seed=0
    )
    assert [len(written) for written in drawn[:4]] == [1, 2, 3, 4]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--prompt", "the ☃"], "'☃' at position 4 is none of the"),
        (["--prompt", ""], "--prompt must be at least one character"),
        (["--temperature", "-1"], "temperature must be"),
        (["--temperature", "nan"], "temperature must be"),
        (["--top-k", "0"], "top_k must be at least 1"),
    ],
)
def test_what_cannot_be_written_is_refused(trained, words, message):
    done = bptt("generate", trained, *words)
    assert done.exit_code == 2
    assert re.search(rf"^Error: [^\n]*{message}[^\n]*\n$", done.stderr)


@pytest.mark.process
def test_the_program_writes_utf_8_whatever_the_pipe_is(trained):
    process = subprocess.run(
        [sys.executable, "-m", "bptt", "generate", trained, "--prompt", "à", "--length", "0"],
        capture_output=True,
        check=True,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    )
    assert process.stdout.rstrip() == "à".encode()


@pytest.mark.process
@pytest.mark.skipif(sys.platform == "win32", reason="a pipe breaks in another way on Windows")
def test_a_reader_that_has_enough_makes_no_noise(trained):
    with program("generate", trained, "--length", 100_000, bufsize=0) as process:
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(60) == 1


# Baselines


def test_baselines_are_those_of_the_library(corpus):
    done = bptt("baselines", "--text", corpus, "--order", 3)
    assert done.exit_code == 0
    lines = [line for line in done.stdout.splitlines() if "left out" not in line]
    heads = ["frozen, per character:", "adaptive, per character:"]
    begin = [next(i for i, line in enumerate(lines) if line.startswith(head)) for head in heads]
    frozen, adaptive = (
        {line[:24].strip(): line.split()[-3:] for line in part}
        for part in (lines[begin[0] + 1 : begin[1]], lines[begin[1] + 1 :])
    )
    names = [f"{name}, n = {n}" for name in ("Witten-Bell", "Kneser-Ney") for n in (1, 2, 3)]
    assert list(frozen) == ["uniform", *names]
    there = [name for name in compress.METHODS if f"{name} is left out" not in done.stdout]
    assert {"gzip", "bz2", "xz"} <= {*there}
    assert list(adaptive) == [*names[3:], *there]
    whole = text.read(corpus)
    learnt, held_out = text.split(whole)
    K = len(set(whole))
    codes = [text.Vocabulary.of(whole).encode(part) for part in (learnt, held_out)]
    want = ngram.nats(ngram.kneser_ney(ngram.count(codes[0], K, 2)), codes[1])
    assert float(frozen["Kneser-Ney, n = 2"][0]) == pytest.approx(want, abs=6e-5)
    assert float(frozen["uniform"][2]) == pytest.approx(K, abs=6e-5)
    counting_on = ngram.adaptive_nats_of_orders(*codes, K, 2)[1]
    assert float(adaptive["Kneser-Ney, n = 2"][0]) == pytest.approx(counting_on, abs=6e-5)
    xz = compress.nats(learnt, held_out, "xz")
    assert float(adaptive["xz"][1]) == pytest.approx(xz / np.log(2), abs=6e-5)


@pytest.mark.parametrize(
    ("module", "row"),
    [("zlib", "gzip"), ("_bz2", "bz2"), ("_lzma", "xz"), ("pyppmd", "ppmd"), ("zpaq", "zpaq")],
)
def test_a_python_without_a_compressor_loses_one_row_and_nothing_else(
    corpus, module, row, monkeypatch
):
    whole = bptt("baselines", "--text", corpus, "--order", 1).stdout.splitlines()
    for name in (module, "gzip", "bz2", "lzma"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setitem(sys.modules, module, None)
    done = bptt("baselines", "--text", corpus, "--order", 1)
    assert done.exit_code == 0
    said = f"{row} is left out: {compress.LACK[row]}."
    assert said in done.stdout.splitlines()
    left = [line for line in done.stdout.splitlines() if line != said]
    assert left == [line for line in whole if not line.startswith(row)]
    with pytest.raises(ModuleNotFoundError, match=f"there is no {row}"):
        compress.nats("a", "b", row)


@pytest.mark.process
@pytest.mark.parametrize("module", ["_bz2", "_lzma"])  # NumPy itself needs zlib
def test_the_program_starts_on_such_a_python(module, corpus):
    code = f"import sys; sys.modules[{module!r}] = None; from bptt.cli import main; main()"
    words = ["baselines", "--text", corpus, "--order", "1"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"built without its library") == 1


def test_the_default_text_is_the_standard_library(monkeypatch):
    monkeypatch.setitem(corpora.TEXTS, "library", lambda: "the cat sat on a mat\n" * 200)
    assert "uniform" in bptt("baselines", "--order", 1).stdout


# Broken files


class Trap:
    def __init__(self, place):
        self.place = place

    def __reduce__(self):
        return os.mkdir, (str(self.place),)


def damage(whole, trap):
    """Return broken forms of a safetensors file."""
    header = 8 + struct.unpack("<Q", whole[:8])[0]
    return {
        "random": np.random.default_rng(0).bytes(500),
        "pickle": pickle.dumps(Trap(trap)),
        "zip": b"PK\3\4" + bytes(300),
        "huge header": struct.pack("<Q", 2**62) + whole[8:],
        "no header": struct.pack("<Q", 2) + b"{}",
        "bare": whole[:header],
        "turned": whole[:header] + whole[header:][::-1],
        **{f"cut at {n}/50": whole[: len(whole) * n // 50] for n in range(50)},
    }


def assert_one_sentence(done):
    assert done.exit_code == 2
    assert re.fullmatch(r"Error: [^\n]*\n", done.stderr)


def test_a_broken_training_gives_one_sentence_and_code_2(model, tmp_path):
    path, trap = model / STATE, tmp_path / "trap"
    for kind, content in damage(path.read_bytes(), trap).items():
        path.write_bytes(content)
        done = bptt("train", "--folder", model, "--resume")
        assert_one_sentence(done)
        assert str(path) in done.stderr, kind
    assert not trap.exists()


def test_a_broken_model_gives_one_sentence_and_code_2(model, tmp_path):
    path, trap = model / folder.WEIGHTS, tmp_path / "trap"
    for kind, content in damage(path.read_bytes(), trap).items():
        path.write_bytes(content)
        done = bptt("generate", model)
        assert_one_sentence(done)
        assert str(model) in done.stderr, kind
    assert not trap.exists()
    path.unlink()
    assert_refused(bptt("generate", model), "there is no file")
    assert_refused(bptt("evaluate", tmp_path / "nowhere"), "cannot be read")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("params", None),
        ("b_y", np.ones(3, np.float32)),
        ("b_y", "NaN"),
        ("E", np.ones((2, 2, 2), np.float32)),
        ("E", np.ones((9, 4), np.complex64)),
        ("layers.0.W_h.scale", np.ones(5, np.float32)),
        ("alien.scale", np.ones(5, np.float32)),
        ("a\nb\x1b[31m", np.ones(5, np.float32)),
    ],
    ids=["gone", "shape", "NaN", "axes", "complex", "scale", "alien", "escape"],
)
def test_a_model_with_other_arrays_gives_one_sentence_and_code_2(model, name, value):
    path = model / folder.WEIGHTS
    found, about = checkpoint.read(path)
    if value is None:
        found.pop("E")
    elif isinstance(value, str):
        found[name] = np.full_like(found[name], np.nan)
    else:
        found[name] = value
    path.write_bytes(save(found, about))  # as another program would
    done = bptt("generate", model)
    assert_one_sentence(done)
    assert "\x1b" not in done.stderr


@pytest.mark.parametrize(
    "config",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"[]",
        b"null",
        b"[" * 100_000,
        b'{"model_type": "gpt2"}',
        b'{"model_type": "bptt.lm"}',
        b"1" * 5000,
    ],
    ids=lambda config: str(config[:12]),
)
def test_a_broken_config_gives_one_sentence_and_code_2(model, config):
    (model / folder.CONFIG).write_bytes(config)
    for command in ("generate", "evaluate"):
        assert_one_sentence(bptt(command, model))


@pytest.mark.parametrize(
    "change",
    [
        {"cell": "cnn"},
        {"cell": ["lstm"]},
        {"characters": 5},
        {"characters": "ba"},
        {"characters": ""},
        {"characters": None},
        {"embedding": "4"},
        {"embedding": 4.0},
        {"embedding": 10**12},
        {"embedding": -1},
        {"embedding": None},
        {"widths": 6},
        {"widths": []},
        {"widths": ["6"]},
        {"widths": [6, 6]},
        {"widths": [10**9]},
        {"widths": [6] * 100_000},
        {"tied": "yes"},
    ],
    ids=lambda change: repr(change)[:30],
)
def test_a_config_of_another_network_gives_one_sentence_and_code_2(model, change):
    path = model / folder.CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), **change}))
    assert_one_sentence(bptt("generate", model))


@pytest.mark.parametrize(
    "known", ["library", {"a": 1}, 3, {"name": ["library"]}, {"name": "../secret"}]
)
def test_a_config_that_names_a_strange_text_gives_one_sentence(model, known):
    path = model / folder.CONFIG
    path.write_text(json.dumps({**json.loads(path.read_text(encoding="utf-8")), "corpus": known}))
    assert_refused(bptt("evaluate", model), "add --text")


# What is not installed


@pytest.mark.process
@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("click", "click is missing"),
        ("safetensors", "safetensors is missing"),
        ("threadpoolctl", "threadpoolctl is missing"),
        ("filelock", "filelock is missing"),
    ],
)
def test_without_an_extra_one_sentence_says_what_to_install(trained, missing, message):
    code = f"import sys; sys.modules[{missing!r}] = None; from bptt.cli import main; main()"
    words = ["train", "--folder", trained, "--resume"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True, check=False)
    assert done.returncode == 1
    assert done.stdout == b""
    message = rf'Error: .*{message}: python -m pip install "bptt\[lm\]"\r?\n'
    assert re.fullmatch(message, done.stderr.decode())


def test_without_a_model_the_shipped_one_writes():
    done = bptt("generate", "--prompt", "ROMEO:", "--length", 20, "--seed", 1)
    assert done.exit_code == 0
    named = bptt("generate", pretrained.FOLDER, "--prompt", "ROMEO:", "--length", 20, "--seed", 1)
    assert done.stdout == named.stdout
    assert done.stdout != bptt("generate", "--prompt", "ROMEO:", "--length", 20).stdout
