"""The tables of letters: dated right, and where one letter means two things the chapter says so."""

import re
from functools import cache
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"
FENCE = re.compile(r"^( *)(`{3,}).*?^\1\2 *$", re.DOTALL | re.MULTILINE)
FORMULA = re.compile(r"\$\$(.*?)\$\$|\$([^$\n]+(?:\n[^$\n]+)?)\$", re.DOTALL)
GREEK = (
    r"\\(?:alpha|beta|gamma|delta|epsilon|varepsilon|theta|kappa|lambda|Lambda|mu|rho|sigma|tau"
    r"|varphi|chi)(?![A-Za-z])"
)
# Subscripts, words and commands are no letters.
OTHER = (
    r"_\{[^{}]*\}|_\\?\w+"
    r"|\\(?:text|mathrm|operatorname\*?|mathbf|label|eqref|tag|begin|end)\s*\{[^}]*\}"
    rf"|(?!{GREEK})\\[A-Za-z]+"
)
# One meaning in several forms, for another cell or step; then indices and stand-ins.
ONE_MEANING = {*"Wbxhay", *"kzd", r"\delta"}


@cache
def chapters() -> dict[int, str]:
    """The text of each chapter: its lesson, then its record."""
    lessons = {int(path.name[:2]): path for path in DOCS.glob("chapters/*.md")}
    pages = {n: [path, DOCS / "evidence" / path.name] for n, path in lessons.items()}
    return {n: "\n".join(page.read_text("utf-8") for page in both) for n, both in pages.items()}


def formulas(text: str) -> list[str]:
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", text))
    found = [displayed or inline for displayed, inline in FORMULA.findall(prose)]
    return [re.sub(r"\\mathbb\s*\{?(\w)\}?", r"\\mathbb\1", formula) for formula in found]


def letters(formula: str) -> set[str]:
    return set(re.findall(rf"{GREEK}|[A-Za-z]", re.sub(OTHER, " ", formula)))


def rows(heading: str) -> list[list[str]]:
    """The rows of all tables of a section of the conventions, without their heads."""
    _, page = (DOCS / "conventions.md").read_text("utf-8").split(f"\n## {heading}\n")
    lines = [line for line in page.split("\n## ")[0].splitlines() if line.startswith("| ")]
    cells = [[cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]
    return [row for row in cells if row[0] != "Letter" and set(row[0]) != {"-"}]


def test_a_chapter_is_its_lesson_and_its_record() -> None:
    assert chapters()
    assert all(": the evidence\n" in text for text in chapters().values())


SEVERAL = {  # for each letter with several meanings: the chapters of each
    letter.strip("$"): [
        [int(n) for n in meaning.rsplit(" in ", 1)[1].split(", ")]
        for meaning in meanings.split("; ")
    ]
    for letter, meanings in rows("Letters with several meanings")
}


@pytest.mark.parametrize("letter", SEVERAL)
def test_each_chapter_that_uses_such_a_letter_is_listed(letter: str) -> None:
    uses = {
        n for n, text in chapters().items() if letter in set().union(*map(letters, formulas(text)))
    }
    assert {n for numbers in SEVERAL[letter] for n in numbers} == uses


@pytest.mark.parametrize("letter", SEVERAL)
def test_a_chapter_with_two_meanings_says_so(letter: str) -> None:
    listed = [n for numbers in SEVERAL[letter] for n in numbers]
    silent = [
        n
        for n, text in chapters().items()
        if listed.count(n) > 1
        and not re.search(rf"The\s+letter\s+\${re.escape(letter)}\$", FENCE.sub("", text))
    ]
    assert silent == []


def test_a_letter_with_two_rows_is_among_them() -> None:
    named = [
        letter
        for row in rows("Letters and shapes")
        for letter in set().union(*map(letters, formulas(row[0])))
    ]
    assert {letter for letter in named if named.count(letter) > 1} - ONE_MEANING <= {*SEVERAL}


@pytest.mark.parametrize("row", rows("Letters and shapes"), ids=lambda row: row[0])
def test_a_letter_is_dated_to_the_chapter_where_it_first_appears(row: list[str]) -> None:
    (said,) = map(int, re.findall(r"\[(\d+)\]\(chapters/", row[-1]))
    names = re.findall(r"`(\w+)`", row[0] + row[1])
    firsts = {first_in_code(name) for name in names if name[1:] or name.isupper()}
    for formula in formulas(row[0]):
        letter, *others = letters(formula) or "?"
        if letter in SEVERAL and not others:
            firsts |= {min(numbers) for numbers in SEVERAL[letter]}
        else:
            firsts.add(first_in_formulas(formula))
    assert said in firsts


def first_in_code(name: str) -> int | None:
    word = re.compile(rf"(?<![\w.]){name}(?!\w)")
    codes = {n: [fence[0] for fence in FENCE.finditer(text)] for n, text in chapters().items()}
    return min((n for n, code in codes.items() if any(map(word.search, code))), default=None)


def first_in_formulas(tex: str) -> int | None:
    written = re.compile(rf"(?<![A-Za-z\\]){re.escape(tex)}(?![A-Za-z^])")
    found = {n: any(map(written.search, formulas(text))) for n, text in chapters().items()}
    return min((n for n in found if found[n]), default=None)
