"""The lessons and their records: `tools/prose.py` itself, and how a lesson knows what it claims."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import machinery
import pytest
from toolbox import tool

prose = tool("prose")

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
LESSONS = sorted(DOCS.glob("chapters/*.md"))
RECORDS = sorted(DOCS.glob("evidence/*.md"))
each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem)
each_record = pytest.mark.parametrize("path", RECORDS, ids=lambda path: path.stem)


# The tool: each rule, on a small lesson that passes and with one change that does not.

SENTENCE = "A cell reads one letter and hands its state on to the next step. "
LESSON = f"""\
---
description: "So it is."
claim: "It is."
---

# The title of a lesson

!!! abstract "Claim"
    It carries a state.

![A [b], not counted, with forget gates.](../figures/01_state.py#states)
/// figure-caption
What is seen.
///

## One idea

{SENTENCE * 140}

$$
\\begin{{equation}}
a = b \\label{{eq:one}}
\\end{{equation}}
$$

```python
x = 1
print(x)
```

```text title="Output"
1
```

??? check "Check"
    ```python
    assert x == 1
    ```

    So nothing here counts: 1 2 3, a forget gate.

## Another idea

A forget gate is a gate.

## Exercises

**1. Change the program: one.** So change it, as a forget bias.

??? success "Solution"
    ```python
    assert x == 1
    ```

**2. Change the program: two.** Change it.

??? success "Solution"
    ```python
    assert x == 1
    ```

**3. Look.** See.

??? success "Solution"
    ```python
    print(1, 2, 3)
    ```

    ```text title="Output"
    1 2 3
    ```

**4. Prove it.** It is so.

??? success "Solution"
    It is.

## Before you go on

- One.
- Two,
  on two lines.
- Three.
"""
GLOSSARY = """\
# Glossary

Forget gate {#forget-gate}
:   It keeps.
:   [Chapter 3: Another idea](chapters/03-toy.md#another-idea)

Gate {#gate}
:   A share.
:   [Chapter 3: Another
    idea](chapters/03-toy.md#another-idea)

Long memory, Memory {#memory}
:   It keeps.
:   [Chapter 4](chapters/04-toy.md)

Nat {#nat}
:   A unit.
:   [The evidence](evidence/03-toy.md#nat) and [chapter 4](chapters/04-toy.md#title)

Seed {#seed}
:   It grows.
:   [The evidence](evidence/03-toy.md#seed)

Layer {#layer .common}
:   Cells.
:   [Chapter 4](chapters/04-toy.md#title)
"""
TERMS = prose.terms_of(GLOSSARY)


def lesson(text: str, name: str = "03-toy.md") -> "prose.Page":
    return prose.Page(Path("docs", "chapters", name), text)


def row(text: str, name: str = "03-toy.md") -> "prose.Row":
    """Measure a lesson that stands between two others."""
    other = "# Title\n\n## A section\n"
    pages = {"02-toy.md": lesson(other, "02-toy.md"), "04-toy.md": lesson(other, "04-toy.md")}
    page = lesson(text, name)
    pages[name] = page
    return prose.measure(page, TERMS, [pages[name] for name in sorted(pages)])


def test_a_good_lesson_is_within_all_bounds():
    found = row(LESSON)
    assert found.offences == []
    assert found.values == {
        # the title, its claim, the caption, two headings, the sentences, one more, and the end
        "words": str(5 + 4 + 3 + 2 + 140 * 14 + 2 + 6 + 4 + 6),
        "numbers": "1",
        "to picture": "4",
        "asserting": "0",
        "So/And": "0.0%",
        "long": "0.0%",
        "exercises": "4/2",
        "go on": "3",
        "minutes": str(found.minutes),
        "terms": "0",
    }


TABLE = "\n| a | 0.5 |\n| --- | --- |\n| 1,000 | −2e-3 |\n"
LONG = " ".join(["long"] * 36)
BEFORE = "A forget gate is"
SEE = """\
    ```python
    print(1, 2, 3)
    ```

    ```text title="Output"
    1 2 3
    ```
"""
SECOND = """\
**2. Change the program: two.** Change it.

??? success "Solution"
    ```python
    assert x == 1
    ```
"""
# What is changed into what, the line of the lesson that is named (by how it begins), and why.
MISTAKES = {
    "too long": (SENTENCE * 140, SENTENCE * 190, "---", "2692 words, the bounds are 1800 and 2500"),
    "too short": (
        SENTENCE * 140,
        SENTENCE * 120,
        "---",
        "1712 words, the bounds are 1800 and 2500",
    ),
    "too many printed": (
        "\n1\n",
        f"\n{'1 ' * 61}\n",
        "---",
        "61 printed numbers, at most 60; most",
    ),
    "which": ("\n1\n", f"\n{'1 ' * 61}\n", "```text", "prints 61 numbers"),
    "a large table": (BEFORE, f"{TABLE * 20}\n{BEFORE}", "---", "61 printed numbers"),
    "a large console": (
        BEFORE,
        f"```pycon\n>>> [1, 2, 3]  # 4\n{'1 ' * 61}\n```\n\n{BEFORE}",
        "---",
        "62 printed numbers",
    ),
    "a late picture": ("![A", f"{SENTENCE * 12}\n\n![A", "![A", "after 172 words, at most 150"),
    "no picture": ("![A [b], not counted, with forget gates.]", "[b]", "---", "no picture"),
    "an open check": (
        BEFORE,
        f"```python\nassert 1 == 1\n```\n\n{BEFORE}",
        "```python\nassert 1",
        "an open block that only asserts",
    ),
    "connectives": (
        SENTENCE * 140,
        SENTENCE * 140 + "So it does. " * 7,
        "A cell",
        "begins (7 of 153 sentences, at most 4%): So it does.",
    ),
    "long sentences": (
        SENTENCE * 140,
        SENTENCE * 140 + f"Is {LONG}. " * 5,
        "A cell",
        "is long (5 of 151 sentences, at most 3%): Is long long",
    ),
    "a term": ("What is seen.", "A gate\nis seen.", "A gate\nis", "defined in 03-toy.md#another"),
    "a later chapter": ("What is seen.", "Long memory.", "Long", 'uses "Long memory", which is'),
    "two lines": ("What is seen.", "Long\n  memories.", None, None),
    "plurals": ("What is seen.", "Long\n  memorys.", "Long", 'uses "Long memorys", which is'),
    "no lesson": ("Another idea\n", "Another idea\n\nSeeds.\n", "Seeds", "defined in no lesson"),
    "few exercises": ("**3. Look.**", "Look.", "## Ex", "3 exercises, the bounds are 4 and 6"),
    "few changes": ("Change the program: two", "Two", "## Ex", "1 exercises begin with"),
    "no solution": (
        '??? success "Solution"\n    It is.',
        "",
        "**4.",
        "exercise 4 has no solution",
    ),
    "a second proof": (SEE, "    It is.\n", "**3.", "exercise 3: no code in the solution"),
    "and the first": (SEE, "    It is.\n", "**4.", "exercise 4: no code in the solution"),
    "a change without code": (
        SECOND,
        f"{SECOND[: SECOND.index('    ```')]}    Do.\n",
        "**2.",
        "exercise 2: no code in the solution",
    ),
    "four things": ("- Three.", "- Three.\n- Four.", "## Before", "4 things before one goes on"),
    "another end": ("- Three.", "- Three.\n\n## More", "## More", 'not end "Before you go on"'),
    "too slow": ("x = 1\n", "x = 1\n" * 200, "---", "27 minutes to read, at most 25"),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_what_is_past_a_bound_is_named_with_its_line(mistake):
    old, new, at, what = MISTAKES[mistake]
    assert old in LESSON
    text = LESSON.replace(old, new, 1)
    found = {(offence.place, offence.what) for offence in row(text).offences}
    if at is None:
        assert found == set()
    else:
        line = text[: f"\n{text}".index(f"\n{at}")].count("\n") + 1
        place = f"docs/chapters/03-toy.md:{line}"
        assert [said for where, said in found if where == place and what in said], found


def test_two_chapters_may_be_longer():
    text = LESSON.replace(SENTENCE * 140, SENTENCE * 200)
    assert row(text, "03-toy.md").values["words"].endswith("*")
    assert not row(text, "06-toy.md").values["words"].endswith("*")
    assert not row(text, "09-toy.md").values["words"].endswith("*")


@pytest.mark.parametrize(
    "free",
    [
        "[gate](03-toy.md)",
        "[the `x` of a gate][bptt.x]",
        "`gate`",
        "$gate$",
        "<!-- gate -->",
        '<span id="gate"></span>',
        "nats",  # its first lesson is the next, but
    ],
)
def test_words_in_links_and_code_are_free(free):
    offences = row(LESSON.replace("What is seen.", f"What is {free} here.")).offences
    assert [o.what.split()[1] for o in offences] == (['"nats",'] if free == "nats" else [])


@pytest.mark.parametrize("name", ["04-toy.md", "05-toy.md"])
def test_a_term_is_known_in_all_that_follows_its_definition(name):
    page = lesson("# Title\n\nGates and memories: memory, layers.\n", name)
    others = [lesson(LESSON), lesson("# Title\n", "04-toy.md")]
    pages = [*(p for p in others if p.path.name != name), page]
    assert list(prose.used_too_early(page, TERMS, pages)) == []


def test_a_link_of_the_glossary_that_leads_to_no_section_is_named():
    pages = [lesson(LESSON), lesson("# Title\n\n## Nat\n", "04-toy.md")]
    assert list(prose.lost(TERMS, pages, "docs/glossary.md")) == []
    renamed = lesson(LESSON.replace("## Another idea", "## An idea {#other}"))
    offences = list(prose.lost(TERMS, [renamed, pages[1]], "docs/glossary.md"))
    assert [offence.place for offence in offences] == ["docs/glossary.md:3", "docs/glossary.md:7"]


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("One. Two! Three? four.", ["One.", "Two!", "Three? four."]),
        ("It is .95. At p = .002 it is 3.5. So.", ["It is .95.", "At p = .002 it is 3.5.", "So."]),
        ("Some, e.g. Elman, i.e. One, cf. Two.", ["Some, e.g. Elman, i.e. One, cf. Two."]),
        ("Pascanu et al. (2013) say so. A. Graves too.", [29, 14]),
        ("See Fig. 3 and eq. 4, p. 5. The answer is no. It is.", [27, 17, 6]),
        (
            'He said "yes." (It was.) *Then* he left.',
            ['He said "yes."', "(It was.)", "*Then* he left."],
        ),
        ("By $a.$ `B. C` and [one two](x.md).\n", 1),
        ("By $a$. `B` is. [Two](x.md) is.", 3),
        ("It ends\nhere. And\ngoes on", ["It ends here.", "And goes on"]),
        (
            "# No. Heading\n\n- One. Two\n- Three\n\n1. Four\n\n| No. | Table. |",
            ["One.", "Two", "Three", "Four"],
        ),
    ],
)
def test_sentences_are_split(text, sentences):
    found = [sentence for _, sentence in lesson(text).sentences]
    if isinstance(sentences, int):
        assert len(found) == sentences
    elif isinstance(sentences[0], int):
        assert [len(sentence) for sentence in found] == sentences
    else:
        assert found == sentences


def test_a_sentence_that_begins_with_a_connective_is_seen():
    begins = ["So it is.", "*Then* it is.", '"And it is."', "(Hence it is.)", "Now"]
    others = ["Some.", "It is so.", "Nowhere.", "Andrew.", "Thenceforth."]
    assert [s for s in begins + others if prose.begins_with_connective(s)] == begins


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("one two, three - four", 4),
        ("A $x + y = z$ and ($a$).", 4),
        ("A `x = 1`, [a link](to-a-long/address.md), [`a.b`][a.b].", 6),
        ("## Title {#anchor}\n\n| a | b |\n| --- | --- |\n| c | d |", 5),
        ("a <!-- b --> <span id='c'></span> ![d](e)", 1),
        ("$$\na b\n$$\n\n```text\na b\n```\n", 0),
    ],
)
def test_words_are_counted(text, count):
    assert prose.words(lesson(text).prose) == count


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("10 seeds, p = .002, 0.50", ["10", ".002", ".50"]),
        ("1e-12 and $10^{-12}$, −3 +4 1.", ["1e-12", "1e-12", "-3", "4", "1"]),
        ("95% of 1,115,394", ["95%", "1115394"]),
        ("[1,2,3] 10-20 1/3", ["1", "2", "3", "10", "20", "1", "3"]),
        ("x1 W_2 float32 v1.2", []),
        ("nothing. - , %", []),
    ],
)
def test_numbers_are_written_in_one_way(text, numbers):
    assert prose.numbers(text) == numbers


FENCE = "```python\n{}\n```\n"


@pytest.mark.parametrize(
    ("source", "later", "asserts"),
    [
        ("assert x", "", True),
        ("import a\nassert a.x", "", True),
        ("for x in y:\n    with z as w:\n        assert x, w", "", True),
        ("y = f(x)\nassert y == 2", "", True),
        ("y = f(x)\nassert y == 2", "print(y)", False),
        ("y = f(x)\nassert y == 2", "y = 3\nprint(y)", True),
        ("y = f(x)\nassert y == 2", "y = y + 3", False),
        ("y = f(x)\nassert y == 2", "y += 3", False),
        ("for t in x:\n    assert t", "for t in x:\n    print(t)", True),
        ("for t in x:\n    assert t", "print([t for t in x], lambda t: t)", True),
        ("y = f(x)\nassert y == 2", "def g():\n    return y", False),
        ("y = f(x)\nassert y == 2", "def g(y):\n    return y", True),
        ("assert x\nprint(x)", "", False),
        ("def f(): ...\nassert f() is None", "", False),
        ("x = 1", "", False),
    ],
)
def test_a_block_that_only_asserts_is_known(source, later, asserts):
    later = lesson(FENCE.format(later)).fences if later else []
    assert prose.only_asserts(source, later) is asserts


def test_a_console_also_needs_names():
    later = lesson("```pycon\n>>> y\n2\n```\n").fences
    assert not prose.only_asserts("y = 2\nassert y", later)


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("What you'll do / need", "what-youll-do-need"),
        ("The `x` of $T = 2$", "the-x-of-t-2"),
        ("[Links](a.md) – and Ünits", "links-and-units"),
    ],
)
def test_a_heading_has_the_id_of_the_site(title, slug):
    assert prose.slug(title) == slug


def test_a_page_has_its_sections_where_headings_are():
    text = "# A\n\n## B\n\n```python\n# C\n```\n\n## B\n\n### D {#d .x}\n\n## E\n"
    page = lesson(text)
    assert [section.id for section in page.sections] == ["a", "b", "b_1", "d", "e"]
    third = page.sections[2]
    assert text[slice(*page.whole(third))] == "## B\n\n### D {#d .x}\n\n"


@each_lesson
def test_a_lesson_takes_the_minutes_that_its_header_says(path):
    where = {"config_file_path": str(ROOT / "mkdocs.yml"), "docs_dir": str(ROOT / "docs")}
    extra = {"repository": "https://example.org/r"}
    config = SimpleNamespace(**where, extra=extra, remote_branch="pages")
    lesson = prose.Page.read(path)
    text = prose.FRONT.sub("", lesson.text)
    file = SimpleNamespace(src_uri=f"chapters/{path.name}")
    shown = machinery.step("write.source").with_sources(text, file, config)
    shown = machinery.step("write.writer").with_writer(shown, file, config)
    page = SimpleNamespace(
        file=file, meta=dict.fromkeys(("claim", "code", "description", "figure"), "")
    )
    machinery.step("write.chapters").count(shown, page)
    assert prose.reading_time(lesson) == page.meta["minutes"]


def test_the_program_prints_a_table_and_fails_past_a_bound(tmp_path, monkeypatch, capsys):
    (tmp_path / "chapters").mkdir()
    (tmp_path / "glossary.md").write_text(GLOSSARY, encoding="utf-8")
    for name in ("03-toy.md", "04-toy.md"):
        (tmp_path / "chapters" / name).write_text(LESSON, encoding="utf-8")

    def run(*arguments: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["prose.py", "--docs", str(tmp_path), *arguments])
        return prose.main(), capsys.readouterr().out

    code, said = run("--chapter", "3")
    header, only = said.splitlines()
    assert code == 0
    assert header.split()[:2] == ["chapter", "words"]
    assert only.split()[0] == "03"
    # The glossary names a section of chapter 4 that is not there.
    code, said = run()
    assert code == 1
    assert f"{tmp_path.as_posix()}/glossary.md:16: Nat: no section title in 04-toy.md" in said
    glossary = GLOSSARY.replace("04-toy.md#title", "04-toy.md")
    (tmp_path / "glossary.md").write_text(glossary, encoding="utf-8")
    code, said = run()
    assert code == 0, said
    monkeypatch.setattr(prose, "HOURS", 0)
    assert run()[0] == 1


# How a lesson knows what it claims.

KNOWN = re.compile(r"^\*How we know[:.]?\*.*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)
EVIDENCE = re.compile(r"\]\(\.\./evidence/(?P<page>[\w-]+\.md)#(?P<anchor>[\w:-]+)\)")
NULL = re.compile(r"^\*\*Null\.\*\*", re.MULTILINE)
# "Draws" is a statistic as a noun; a rule draws, too. A formula's p may be the share of a dropout.
STATISTICS = re.compile(
    r"(?<![\w\\])p\s*[=<]\s*0?\.0|(?<![\w\\$])p\s*[=<]\s*[.\d]|(?i:\b(?:seeds?|medians?|quartiles?)\b|\bdraws\s+of\b"
    r"|\b(?:[\d,]+|ten|twenty|fifty|hundred|thousand|random|several|many|all|the|of|in|by)\s+draws\b)"
)


def unknown(lesson: "prose.Page", records: dict[str, "prose.Page"]) -> Iterator[str]:
    """Give what is wrong with the lines that say how a lesson knows."""
    for line in KNOWN.finditer(lesson.shown):
        place = lesson.at(line.start())
        links = list(EVIDENCE.finditer(line[0]))
        if not links:
            yield f"{place}: no link to a section of a record"
        held: set[str] = set()
        for link in links:
            record = records.get(link["page"])
            sections = [s for s in record.sections if s.id == link["anchor"]] if record else []
            if not sections:
                yield f"{place}: there is no {link['page']}#{link['anchor']}"
                continue
            start, end = record.whole(sections[0])
            shown = (text for _, text in prose.printed(record, start, end))
            held |= {number for text in shown for number in prose.numbers(text)}
            if not any(NULL.search(record.bare[a:b]) for a, b in around(record, sections[0])):
                yield f"{place}: {link['page']}#{link['anchor']} names no null"
        claimed = prose.numbers(prose.LINK.sub(lambda found: found["words"], line[0]))
        for number in dict.fromkeys(claimed):
            if links and number not in held:
                yield f"{place}: the record does not print {number}"


def around(page: "prose.Page", section: "prose.Section") -> Iterator[tuple[int, int]]:
    """Give the places of a section and of the h2 section that holds it."""
    yield page.whole(section)
    above = [s for s in page.sections if s.level == 2 and s.start <= section.start]
    if section.level > 2 and above:
        yield page.whole(above[-1])


def unbacked(lesson: "prose.Page") -> Iterator[str]:
    """Give the statistical words in sections that do not say how they know."""
    for found in STATISTICS.finditer(prose._blank(lesson.shown, prose.CODE)):
        above = [s for s in lesson.sections if s.level in {2, 3} and s.start <= found.start()]
        inside = lesson.whole(above[-1]) if above else (0, 0)
        if not KNOWN.search(lesson.shown[slice(*inside)]):
            yield f"{lesson.at(found.start())}: {found[0].strip()}"


HOW = "*How we know:* 10 seeds, p = .002 ([evidence](../evidence/03-toy.md#one-result)).\n"
CLAIM = f"""\
# Toy

## A claim

The median of ten seeds is less.

{HOW}
## Exercises

Draw seeds.
"""
RECORD = """\
# Toy: the evidence

## Results

**Null.** No difference.

### One result

```python
print(10, 0.002)
```

```text title="Output"
10 0.002
```

### Another

```pycon
>>> 9
9
```
"""


def complaints(claim: str = CLAIM, record: str = RECORD) -> list[str]:
    records = {"03-toy.md": prose.Page(Path("docs/evidence/03-toy.md"), record)}
    page = lesson(claim)
    return [*unknown(page, records), *unbacked(page)]


def test_a_claim_that_is_backed_is_fine():
    assert complaints() == []
    both = CLAIM.replace(
        "evidence](../evidence/03-toy.md#one-result", "all](../evidence/03-toy.md#results"
    )
    assert complaints(both.replace("10 seeds", "9 of 10 seeds")) == []
    below = CLAIM.replace(
        "less.",
        "less.\n\n### Why\n\n#### How\n\nQuartiles, `seed`, $p = q$, $p = 0.5$. It draws them.",
    )
    assert complaints(below) == []


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("10 seeds", "11 seeds", "03-toy.md:7: the record does not print 11"),
        ("10 seeds", "9 of 10 seeds", "03-toy.md:7: the record does not print 9"),
        (".002", ".003", "the record does not print .003"),
        ("#one-result", "#no-result", "there is no 03-toy.md#no-result"),
        ("evidence/03-toy", "evidence/04-toy", "there is no 04-toy.md#one-result"),
        ("../evidence/03-toy.md#one-result", "../evidence/03-toy.md", "no link to a section"),
        (HOW, "", "03-toy.md:5: median"),
        (HOW, "It is so, p = .002.\n", "03-toy.md:7: p ="),
        (HOW, f"## Another\n\n{HOW}", "03-toy.md:5: seeds"),
        (f"{HOW}\n## Exercises", "### Here\n\nBy draws, $p < .05$.\n", "03-toy.md:9: p < .0"),
        (f"{HOW}\n## Exercises", "### Here\n\nBy draws, $p < .05$.\n", "03-toy.md:9: By draws"),
        (
            "The median",
            f"#### Not\n\nSeeds.\n\n## One\n\n{HOW}\n### Two\n\nThe median",
            "03-toy.md:7: Seeds",
        ),
    ],
)
def test_a_claim_that_is_not_backed_is_named(old, new, problem):
    assert any(problem in complaint for complaint in complaints(claim=CLAIM.replace(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("**Null.** No", "No", "03-toy.md#one-result names no null"),
        ("### One result", "### The result", "there is no 03-toy.md#one-result"),
        ("\n10 0.002", "\n10 0.003", "does not print .002"),
        ('```text title="Output"\n10', "```text\n10", "does not print 10"),
        ("**Null.** No difference.\n", "## Null\n\n**Null.** No.\n\n## More\n", "names no null"),
    ],
)
def test_a_record_that_does_not_back_a_claim_is_named(old, new, problem):
    assert any(problem in complaint for complaint in complaints(record=RECORD.replace(old, new)))


def test_a_null_in_the_section_itself_is_enough():
    inside = RECORD.replace("**Null.** No difference.\n\n", "")
    inside = inside.replace("### One result\n", "### One result\n\n**Null.** No difference.\n")
    assert complaints(record=inside) == []


@each_lesson
def test_a_lesson_says_how_it_knows_and_the_record_prints_it(path):
    records = {record.name: prose.Page.read(record) for record in RECORDS}
    assert "\n".join(unknown(prose.Page.read(path), records)) == ""


@each_lesson
def test_statistics_stand_where_the_lesson_says_how_it_knows(path):
    assert "\n".join(unbacked(prose.Page.read(path))) == ""


# The addresses of before, and what a record has.

ANCHORS = dict(
    line.split(maxsplit=1)
    for line in (ROOT / "tests" / "anchors.txt").read_text("utf-8").splitlines()
)
LABEL = re.compile(r"\\label\{([\w:-]+)\}")
SPAN = re.compile(r"""<\w+ id=["']([\w:-]+)["']""")
FIGURE = re.compile(r"\]\(\.\./figures/\w+\.py#([\w-]+)\)")


def ids(page: "prose.Page") -> set[str]:
    """Return the addresses within a page."""
    found = {section.id for section in page.sections}
    found |= {*LABEL.findall(page.text), *SPAN.findall(page.bare)}
    return found | {f"figure-{name}" for name in FIGURE.findall(page.bare)}


def resolving(lesson: "prose.Page", record: "prose.Page") -> set[str]:
    """Return the addresses that lead to something on the page of a lesson.

    The build lists the headings below the title of the record there, with all that their sections
    have.
    """
    first = next((s.start for s in record.sections if s.level == 2), len(record.text))
    below = prose.Page(
        record.path, re.sub(r"[^\n]", " ", record.text[:first]) + record.text[first:]
    )
    return ids(lesson) | ids(below) | {"the-evidence"}


def test_an_address_resolves_on_the_lesson_or_by_its_record():
    old = lesson(
        '# Title {#old}\n\n<span id="span"></span>Text.\n\n## Here\n\n$$\n\\label{eq:a}\n$$\n\n'
        "![A](../figures/01_toy.py#fig)\n\n```python\n# no\n<b id='no'>\n```\n"
    )
    text = (
        '# Record\n\n<span id="top"></span>\n\n## There\n\n### Below {#below}\n\n'
        "$$\n\\label{eq:b}\n$$\n"
    )
    record = prose.Page(Path("docs/evidence/03-toy.md"), text)
    assert resolving(old, record) == {
        *("old", "span", "here", "eq:a", "figure-fig"),
        *("there", "below", "eq:b", "the-evidence"),
    }


def test_every_chapter_has_its_addresses_of_before():
    assert list(ANCHORS) == [path.stem for path in LESSONS]


@each_lesson
def test_the_addresses_of_before_still_resolve(path):
    there = resolving(prose.Page.read(path), prose.Page.read(DOCS / "evidence" / path.name))
    assert [anchor for anchor in ANCHORS[path.stem].split() if anchor not in there] == []


def test_every_lesson_has_a_record_of_its_name():
    assert [path.name for path in RECORDS] == [path.name for path in LESSONS]


@each_record
@pytest.mark.parametrize("title", ["Set-up", "Further reading"])
def test_a_record_has_its_parts(path, title):
    page = prose.Page.read(path)
    titles = [section.title for section in page.sections if section.level == 2]
    assert any(re.match(rf"{title}\b", found) for found in titles), titles
