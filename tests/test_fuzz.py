"""`nox -s fuzz` notices an answer that is no result and no sentence."""

import subprocess
import sys

import pytest
from toolbox import TOOLS, tool

from bptt import cli
from bptt.lm import folder

fuzz = tool("fuzz")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="it needs an alarm")


def fail_with(error):
    def fail(*_, **__):
        raise error

    return fail


def test_an_answer_is_a_result_or_a_sentence():
    assert fuzz.run(["generate", "--length", "3"]).exit_code == 0
    assert fuzz.run(["generate", "nowhere"]).exit_code == 2
    assert fuzz.run(["generate", "--nothing"]).exit_code == 2


def test_another_error_is_noticed(monkeypatch):
    monkeypatch.setattr(folder, "read", fail_with(KeyError("cell")))
    with pytest.raises(KeyError):
        fuzz.run(["generate"])


def test_more_than_a_sentence_is_noticed(monkeypatch):
    monkeypatch.setattr(folder, "read", fail_with(ValueError("a" * 2000)))
    with pytest.raises(AssertionError, match="a sentence of 2007 characters"):
        fuzz.run(["generate"])
    monkeypatch.setattr(cli.errors, "fail", fail_with(SystemExit(7)))
    with pytest.raises(AssertionError, match="exit code 7"):
        fuzz.run(["generate"])


def test_an_answer_that_does_not_come_is_stopped(monkeypatch):
    monkeypatch.setattr(fuzz, "PATIENCE", 1)
    assert fuzz.run(["generate", "--length", str(10**9)]).exit_code == 130


@pytest.mark.process
@pytest.mark.parametrize("targets", [[], *([name] for name in fuzz.TARGETS)], ids=str)
def test_each_target_has_a_round_and_by_default_all(targets):
    command = [sys.executable, str(TOOLS / "fuzz.py"), "--minutes", "0.001", *targets]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "50 examples each, all answered" in done.stdout
