"""The page of questions: each answer is short, and is run or leads to what is."""

import re
from pathlib import Path

import pytest

PAGE = Path(__file__).parents[1] / "docs" / "questions.md"
QUESTION = re.compile(r"^### ([^\n]*)\n(.*?)(?=^##|\Z)", re.MULTILINE | re.DOTALL)
ANSWERS = dict(QUESTION.findall(PAGE.read_text("utf-8")))
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]+\](?:\(chapters/[\w-]+\.md(?:#[\w-]+)?\)|\[bptt[\w.]*\])")
MOST = 80  # words: who asks wants an answer


def test_there_are_some_thirty_questions():
    assert 20 <= len(ANSWERS) <= 45


@pytest.mark.parametrize("question", ANSWERS)
def test_an_answer_is_short_and_is_run_or_leads_to_what_is(question):
    answer = ANSWERS[question]
    said = FENCE.sub("", answer)
    said = re.sub(r"\]\([^)]*\)|\]\[[^\]]*\]", "", said)
    assert len(said.split()) <= MOST
    assert FENCE.search(answer) or LINK.search(answer)
