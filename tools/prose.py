"""Measure the prose of the lessons: `python prose.py [--chapter NN]`; fail past a bound.

One row for each lesson, `docs/chapters/*.md`, then every offender with its file and line. Code,
display formulas, folded blocks, alternative texts and the front matter are left out, and so are the
exercises, but for the reading time. It needs the standard library alone.
"""

import argparse
import ast
import re
import symtable
import sys
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from doctest import DocTestParser
from functools import cached_property
from itertools import pairwise
from pathlib import Path
from textwrap import dedent, indent
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT / "docs" / "machinery"))  # the build counts with the same functions

from read.modules import places  # noqa: E402
from read.stages import difference, program  # noqa: E402
from read.words import FOLDED, minutes, pattern  # noqa: E402

# The bounds. Tried as a new reader would, pages of 2,750 words and more, with up to 375 numbers and
# the first picture after up to 1,950 words, were right and exhausting.
WORDS = (1800, 2500)  # less explains too little, more is read to its end by few
WORDS_OF_LONG = (1800, 3000)  # a gate at a time, and a language model: each is two subjects
LONG = {6, 9}
NUMBERS = 60  # a printed table is looked at, and three are not
MINUTES = 25  # one sitting
HOURS = 10  # part one is a day, and part two will be half of one
WORDS_BEFORE_PICTURE = 150  # claim and picture stand on the first screen
ASSERTING = 0  # a block that only asserts convinces a sceptic, so it is folded
STARTS = 0.04  # they were one sentence in eight, and a reader hears nothing else
LONG_SENTENCES = 0.03  # a longer one is read twice
WORDS_OF_SENTENCE = 35
TERMS = 0  # a word is defined before it is used
EXERCISES = (4, 6)  # they fit into an evening
CHANGING = 2  # who changes the program and predicts has understood it
WITHOUT_CODE = 1  # one proof; the others are on the record
TAKEAWAYS = 3  # what can be kept in mind

CONNECTIVES = re.compile(r"(?:So|And|But|Yet|Then|Now|Hence)\b")
FRONT = re.compile(r"\A---\n.*?^---\n", re.DOTALL | re.MULTILINE)
TICKS = re.compile(r"^(?P<indent> *)(?P<ticks>`{3,}|~{3,}) *\{?\.?(?P<word>[\w+-]*)(?P<more>.*)$")
DISPLAY = re.compile(r"\$\$.*?\$\$", re.DOTALL)
# No formula has a blank line, and none begins or ends with a space.
MATH = re.compile(r"(?<![\\$])\$(?![\s$])(?:[^$\n]|\n(?!\s*\n))+?(?<!\s)\$")
CODE = re.compile(r"(?P<ticks>`+)(?!`)(?:[^\n]|\n(?!\s*\n))+?(?<!`)(?P=ticks)(?!`)")
COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
CODE_TAG = re.compile(r"<code>.*?</code>")
TAG = re.compile(r"</?[a-zA-Z][^<>]*>")
PICTURE = re.compile(
    r"!\[(?:[^\[\]]|\[[^\]]*\])*\]\([^)]*\)(?:\{[^}\n]*\})?|<(?:svg|iframe|figure|canvas)\b[^>]*>"
)
MARKER = re.compile(r"^[ ]*(?:!!!|///|===)[^\n]*", re.MULTILINE)
SNIPPET = re.compile(r"^[ ]*--8<--[^\n]*", re.MULTILINE)
ATTRIBUTES = re.compile(r"\{[ ]?[:.#][^}\n]*\}")
# A link: its words, and its target. The words of a link may hold code, a formula or brackets.
LINK = re.compile(
    r"\[(?P<words>(?:[^\[\]]|\[[^\]]*\])*)\]"
    r"(?P<target>\([^()\s]*(?:\([^()]*\)[^()\s]*)*\)|\[[\w.]*\])"
)
RULE = re.compile(r"^[ ]*\|?[ :|-]*-{3}[ :|-]*$", re.MULTILINE)
HEADING = re.compile(
    r"^(?P<marks>#{1,6}) +(?P<title>.*?)(?: +\{(?P<more>[^}\n]*)\})? *$", re.MULTILINE
)
ITEM = re.compile(r"^[ ]*(?:[-*+]|\d+[.)])[ ]+", re.MULTILINE)
TOP_ITEM = re.compile(r"^(?:[-*+]|\d+[.)])[ ]+", re.MULTILINE)
ROW = re.compile(r"^[ ]*\|.*$", re.MULTILINE)
NUMBER = re.compile(
    r"(?<![\w.])[-+−]?(?:\d{1,3}(?:,\d{3})+(?!\d)(?:\.\d+)?|\d+(?:\.\d*)?|\.\d+)"
    r"(?:e[-+−]?\d+)?%?"
)
WORD = re.compile(r"\S*\w\S*")
# The end of a sentence, what may stand behind its stop, and what the next may begin with.
STOP = re.compile(r"""[.!?]["'”’)\]*_]*\s+(?=["'“‘(\[*_]*[A-Z0-9])""")
# What has a stop and ends no sentence: these, an initial, and these before a number.
ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|et al|resp|approx|ca|Dr|Mrs?|St)|(?<![\w'])[A-Z])\.$"
)
BEFORE_NUMBER = re.compile(r"\b(?:no|pp?|vol|ch|chap|sec|figs?|eqs?)\.$", re.IGNORECASE)
EXERCISE = re.compile(r"^\*\*(?P<number>\d+)\. (?P<title>[^*]+?)\.?\*\*", re.MULTILINE)
CHANGE = "Change the program:"
TERM = re.compile(
    r"^(?P<names>[^\s:#][^\n]*?) \{#(?P<anchor>[\w-]+)(?P<more>[^}\n]*)\}\n"
    r"(?P<body>(?::   .*\n(?:    .*\n)*)+)",
    re.MULTILINE,
)
TO_LESSON = re.compile(r"\]\(chapters/(?P<page>[\w-]+\.md)(?:#(?P<anchor>[\w:-]+))?\)")
OUTPUT = re.compile(r"""\btitle=["']Output["']""")
PYTHON = {"python", "python3", "py"}


class Offence(NamedTuple):
    """What is past a bound, and where."""

    place: str
    what: str


class Fence(NamedTuple):
    """A block of code; lines count from 1."""

    line: int
    last: int
    word: str
    options: str
    source: str
    start: int
    end: int


class Section(NamedTuple):
    """A heading with what stands below it, up to the next heading of any level."""

    id: str
    title: str
    level: int
    start: int
    end: int


class Term(NamedTuple):
    """A term of the glossary; no page: no lesson defines it."""

    names: tuple[str, ...]
    line: int
    common: bool
    page: str | None
    anchor: str | None


@dataclass
class Page:
    """A lesson or a record as it is written. Offsets are those of its text."""

    path: Path
    text: str
    name: str = field(init=False)

    def __post_init__(self) -> None:
        """Name the page as offenders are named."""
        inside = self.path.is_relative_to(ROOT)
        self.name = (self.path.relative_to(ROOT) if inside else self.path).as_posix()

    @classmethod
    def read(cls, path: Path) -> "Page":
        """Read a page."""
        return cls(path, path.read_text("utf-8"))

    @property
    def number(self) -> int:
        """The number of its chapter."""
        found = re.match(r"\d+", self.path.name)
        return int(found[0]) if found else 0

    def at(self, offset: int) -> str:
        """Name a place."""
        return f"{self.name}:{self.text.count(chr(10), 0, offset) + 1}"

    @cached_property
    def fences(self) -> list[Fence]:
        """All blocks of code, folded ones too."""
        return list(_fences(self.text))

    @cached_property
    def bare(self) -> str:
        """The text, blank where front matter, code, display formulas and comments stand."""
        text = _blank(self.text, FRONT)
        for fence in self.fences:
            text = _blanked(text, fence.start, fence.end)
        return _blank(_blank(text, COMMENT), DISPLAY)

    @cached_property
    def sections(self) -> list[Section]:
        """Its sections in their order, with the ids that the site gives to their headings."""
        found = list(HEADING.finditer(self.bare))
        starts = [*(heading.start() for heading in found), len(self.text)]
        sections, ids = [], set[str]()
        for heading, end in zip(found, starts[1:], strict=True):
            named = re.search(r"#([\w:-]+)", heading["more"] or "")
            id_ = named[1] if named else _unique(slug(heading["title"]), ids)
            ids.add(id_)
            level = len(heading["marks"])
            sections.append(Section(id_, heading["title"], level, heading.start(), end))
        return sections

    def whole(self, section: Section) -> tuple[int, int]:
        """Return where a section with those below it starts and ends."""
        following = [s for s in self.sections if s.start > section.start]
        ends = (s.start for s in following if s.level <= section.level)
        return section.start, next(ends, len(self.text))

    @cached_property
    def folded(self) -> list[tuple[int, int]]:
        """Where its folded blocks are."""
        return [found.span() for found in FOLDED.finditer(f"{self.text}\n")]

    @cached_property
    def exercises(self) -> tuple[int, int]:
        """Where its exercises are."""
        found = (s for s in self.sections if s.level == 2 and s.title == "Exercises")
        section = next(found, None)
        return self.whole(section) if section else (0, 0)

    def is_open(self, offset: int) -> bool:
        """Tell whether a place is neither folded nor in the exercises."""
        around = [*self.folded, self.exercises]
        return not any(start <= offset < end for start, end in around)

    @cached_property
    def shown(self) -> str:
        """What is read, pictures and markup still in it."""
        text = self.bare
        for start, end in [*self.folded, self.exercises]:
            text = _blanked(text, start, end)
        return text

    @cached_property
    def prose(self) -> str:
        """What is read: a formula is one word, a link its words, and the markup is gone."""
        text = _blank(self.shown, PICTURE)
        for markup in (MARKER, SNIPPET):
            text = _blank(text, markup)
        text = MATH.sub(_as_one_word, text)
        text = _blank(text, TAG)
        text = LINK.sub(_words_of_link, text)
        return _blank(_blank(text, ATTRIBUTES), RULE)

    @cached_property
    def running(self) -> str:
        """What is read without headings, links and code: here a term must be known."""
        text = _blank(self.shown, PICTURE)
        for markup in (MARKER, SNIPPET, HEADING, CODE, CODE_TAG, MATH, LINK, TAG, ATTRIBUTES):
            text = _blank(text, markup)
        return text

    @cached_property
    def sentences(self) -> list[tuple[int, str]]:
        """Its sentences with their places: no headings and no tables."""
        text = CODE.sub(_as_code, self.prose)
        text = _blank(_blank(text, HEADING), ROW)
        return [pair for start, end in _blocks(text) for pair in split(text, start, end)]


def _fences(text: str) -> Iterator[Fence]:
    offset = 0
    opened: tuple[re.Match[str], int, int, list[str]] | None = None
    for number, line in enumerate(text.split("\n"), start=1):
        if opened is None:
            if found := TICKS.match(line):
                opened = found, number, offset, []
        else:
            found, first, start, lines = opened
            if line.strip() == found["ticks"]:
                source = dedent("\n".join([*lines, ""]))
                end = offset + len(line)
                yield Fence(first, number, found["word"], found["more"], source, start, end)
                opened = None
            else:
                lines.append(line)
        offset += len(line) + 1


def _blanked(text: str, start: int, end: int) -> str:
    """Replace a part by spaces; the lines stay."""
    return text[:start] + re.sub(r"[^\n]", " ", text[start:end]) + text[end:]


def _blank(text: str, what: re.Pattern[str]) -> str:
    return what.sub(lambda found: re.sub(r"[^\n]", " ", found[0]), text)


def _filled(word: str, length: int, newlines: int) -> str:
    """Stand in for a part of a text, as long and with as many lines."""
    return word[: length - newlines].ljust(length - newlines) + "\n" * newlines


def _as_one_word(found: re.Match[str]) -> str:
    return _filled("X" * len(found[0]), len(found[0]), found[0].count("\n"))


def _as_code(found: re.Match[str]) -> str:
    """Keep the words of inline code as words that end no sentence."""
    return re.sub(r"[^\s]", "X", found[0])


def _words_of_link(found: re.Match[str]) -> str:
    """Keep the words of a link in their place."""
    words = re.sub(r"[^\n]", " ", found["target"])
    return f" {found['words']} {words}"


def _unique(id_: str, taken: set[str]) -> str:
    """Number an id that is taken, as Markdown does."""
    number, unique = 0, id_
    while unique in taken:
        number += 1
        unique = f"{id_}_{number}"
    return unique


def slug(title: str) -> str:
    """Return the id that Markdown gives to a heading."""
    title = LINK.sub(lambda found: found["words"], title)
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    return re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", plain).strip().lower())


def words(text: str) -> int:
    """Count what has a letter or a digit in it."""
    return len(WORD.findall(text))


def numbers(text: str) -> list[str]:
    """Return the numbers of a text, each written in one way: 1,000 as 1000 and 0.5 as .5."""
    text = re.sub(r"10\^\{?([-−]?\d+)\}?", r"1e\1", text)
    return [_written(found[0]) for found in NUMBER.finditer(text) if found[0].strip("+-−.%")]


def _written(number: str) -> str:
    number = number.replace("−", "-").replace(",", "").removeprefix("+")
    return re.sub(r"^(-?)0+(?=\.\d)", r"\1", number).removesuffix(".")


def printed(page: Page, start: int = 0, end: int | None = None) -> Iterator[tuple[int, str]]:
    """Give the outputs of a part of a page with their places."""
    for fence in page.fences:
        if start <= fence.start < (len(page.text) if end is None else end):
            if OUTPUT.search(fence.options):
                yield fence.start, fence.source
            elif fence.word == "pycon":
                examples = DocTestParser().get_examples(fence.source)
                yield fence.start, "\n".join(example.want for example in examples)


def _blocks(text: str) -> Iterator[tuple[int, int]]:
    """Give the paragraphs and the items of lists."""
    for paragraph in re.finditer(r"(?:[^\n]*\S[^\n]*(?:\n|\Z))+", text):
        starts = [paragraph.start()]
        starts += [item.start() for item in ITEM.finditer(text, *paragraph.span())]
        starts = sorted({*starts, paragraph.end()})
        yield from pairwise(starts)


def split(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, str]]:
    """Split a paragraph into its sentences, with their places."""
    end = len(text) if end is None else end
    marked = ITEM.match(text, start, end)
    first, sentences = marked.end() if marked else start, []
    for stop in STOP.finditer(text, first, end):
        said = " ".join(text[first : stop.start() + 1].split())
        counts = BEFORE_NUMBER.search(said) and text[stop.end()].isdigit()
        if not counts and not ABBREVIATION.search(said):
            sentences.append((first, text[first : stop.end()]))
            first = stop.end()
    sentences.append((first, text[first:end]))
    plain = ((place, " ".join(sentence.split())) for place, sentence in sentences)
    return [
        (place, sentence)
        for place, sentence in plain
        if re.search(r"[^\W\d_]", sentence)  # a number by itself is none
    ]


# What is counted. Each returns a value for the table and what is past its bound.


@dataclass
class Row:
    """A lesson's row of the table."""

    page: Page
    values: dict[str, str] = field(default_factory=dict)
    offences: list[Offence] = field(default_factory=list)
    minutes: int = 0

    def add(self, name: str, value: object, offences: Iterable[Offence] = ()) -> None:
        """Add a value, marked if it is past its bound."""
        offences = list(offences)
        self.values[name] = f"{value}{'*' if offences else ''}"
        self.offences += offences


def measure(page: Page, terms: list[Term], lessons: list[Page]) -> Row:
    """Count all that is counted in a lesson."""
    row = Row(page)
    for name, count in COUNTS.items():
        row.add(name, *count(page))
    row.minutes = reading_time(page)
    past = [Offence(page.at(0), f"{row.minutes} minutes to read, at most {MINUTES}")]
    row.add("minutes", row.minutes, past if row.minutes > MINUTES else [])
    early = list(used_too_early(page, terms, lessons))
    row.add("terms", len(early), early if len(early) > TERMS else [])
    return row


def _length(page: Page) -> tuple[int, list[Offence]]:
    least, most = WORDS_OF_LONG if page.number in LONG else WORDS
    count = words(page.prose)
    what = f"{count} words, the bounds are {least} and {most}"
    return count, [] if least <= count <= most else [Offence(page.at(0), what)]


def _numbers(page: Page) -> tuple[int, list[Offence]]:
    found = [(place, len(numbers(text))) for place, text in printed(page) if page.is_open(place)]
    tables = LINK.sub(_words_of_link, MATH.sub(_as_one_word, page.shown))  # no address is printed
    found += [(row.start(), len(numbers(row[0]))) for row in ROW.finditer(tables)]
    count = sum(n for _, n in found)
    if count <= NUMBERS:
        return count, []
    most = sorted(found, key=lambda pair: -pair[1])[:5]
    return count, [
        Offence(page.at(0), f"{count} printed numbers, at most {NUMBERS}; most of them:"),
        *(Offence(page.at(place), f"prints {n} numbers") for place, n in most if n),
    ]


def reading_time(page: Page) -> int:
    """Return the minutes that the build writes into the header of a page."""
    return minutes(with_programs(with_sources(FRONT.sub("", page.text))))


def with_sources(text: str) -> str:
    """Put functions of the library in place of their names, as the build does."""
    fence = re.compile(r"^(?P<indent> *)```source\n *(?P<name>\S+)\n *```$", re.MULTILINE)

    def listing(found: re.Match[str]) -> str:
        return indent(f"```python\n{_function(found['name'])}\n```", found["indent"])

    return fence.sub(listing, text)


def with_programs(text: str) -> str:
    """Put the stages of the writer, or what they change, in place of their names, likewise."""
    fence = re.compile(
        r"^(?P<indent> *)```writer(?P<diff>-diff)?\n *(?P<name>\S+)\n *```$", re.MULTILINE
    )

    def listing(found: re.Match[str]) -> str:
        word, code = ("diff", difference) if found["diff"] else ("python", program)
        return indent(f"```{word}\n{code(ROOT / 'docs', found['name'])}\n```", found["indent"])

    return fence.sub(listing, text)


def _function(name: str) -> str:
    """Return the lines of a function without its docstring."""
    *_, (file, inside) = places(name, ROOT / "src")
    text = file.read_text("utf-8")
    node: ast.AST = ast.parse(text)
    for part in inside.split("."):
        node = next(n for n in getattr(node, "body", []) if getattr(n, "name", None) == part)
    if not isinstance(node, ast.FunctionDef | ast.ClassDef):
        raise TypeError(f"{name} is no function and no class")
    decorators = [decorator.lineno for decorator in node.decorator_list]
    numbered = range(min([node.lineno, *decorators]), (node.end_lineno or node.lineno) + 1)
    docstring = range(0)
    if ast.get_docstring(node) is not None:
        docstring = range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1)
    lines = text.splitlines()
    return dedent("\n".join(lines[n - 1] for n in numbered if n not in docstring)).strip()


def _before_picture(page: Page) -> tuple[object, list[Offence]]:
    title = next((s for s in page.sections if s.level == 1), None)
    start = page.text.find("\n", title.start) if title else 0
    pictures = (p for p in PICTURE.finditer(page.shown) if p.start() >= start)
    picture = next(pictures, None)
    if picture is None:
        return "none", [Offence(page.at(0), "no picture")]
    count = words(page.prose[start : picture.start()])
    what = f"the first picture, after {count} words, at most {WORDS_BEFORE_PICTURE}"
    past = count > WORDS_BEFORE_PICTURE
    return count, [Offence(page.at(picture.start()), what)] if past else []


def _asserting(page: Page) -> tuple[int, list[Offence]]:
    offences = [
        Offence(page.at(fence.start), "an open block that only asserts: fold it as a check")
        for number, fence in enumerate(page.fences)
        if fence.word in PYTHON and "Not run" not in fence.options and page.is_open(fence.start)
        if only_asserts(fence.source, page.fences[number + 1 :])
    ]
    return len(offences), offences if len(offences) > ASSERTING else []


def only_asserts(source: str, later: Iterable[Fence] = ()) -> bool:
    """Tell whether a block only asserts: it shows nothing, and nothing later needs what it names.

    A block that defines a function shows that function.
    """
    tree = ast.parse(source)
    shows = (ast.FunctionDef, ast.ClassDef, ast.Expr)
    if any(isinstance(node, shows) for node in ast.walk(tree)):
        return False
    if not any(isinstance(node, ast.Assert) for node in ast.walk(tree)):
        return False
    named = {name for statement in tree.body for name in _names(statement)[1]}
    for fence in later:
        for statement in _statements(fence):
            needed, made = _names(statement)
            if named & needed:
                return False
            named -= made
    return True


def _statements(fence: Fence) -> list[ast.stmt]:
    """Return the statements of a block that runs."""
    if fence.word == "pycon":
        examples = DocTestParser().get_examples(fence.source)
        return [node for example in examples for node in ast.parse(example.source).body]
    runs = fence.word in PYTHON and "Not run" not in fence.options
    return ast.parse(fence.source).body if runs else []


def _names(statement: ast.stmt) -> tuple[set[str], set[str]]:
    """Return the names that a statement needs from above, and those that it makes.

    Imports make no name here: what is imported may be imported once more.
    """
    if isinstance(statement, ast.Import | ast.ImportFrom):
        return set(), set()
    table = symtable.symtable(ast.unparse(statement), "<block>", "exec")
    made = {s.get_name() for s in table.get_symbols() if s.is_assigned()}
    needed, tables = set[str](), [table]
    while tables:
        inner = tables.pop()
        tables += inner.get_children()
        needed |= {
            s.get_name()
            for s in inner.get_symbols()
            if s.is_referenced() and (inner is table or s.is_global())
        }
    # A loop makes its names before it needs them; an assignment needs them before.
    if isinstance(statement, ast.AugAssign):
        needed |= {n.id for n in ast.walk(statement.target) if isinstance(n, ast.Name)}
    elif not isinstance(statement, ast.Assign):
        needed -= made
    return needed, made


def _starts(page: Page) -> tuple[str, list[Offence]]:
    found = [pair for pair in page.sentences if begins_with_connective(pair[1])]
    return _share(page, found, STARTS, "begins")


def begins_with_connective(sentence: str) -> bool:
    """Tell whether a sentence begins with So, And, But, Yet, Then, Now or Hence."""
    return bool(CONNECTIVES.match(sentence.lstrip("\"'“‘([*_")))


def _long(page: Page) -> tuple[str, list[Offence]]:
    found = [pair for pair in page.sentences if words(pair[1]) > WORDS_OF_SENTENCE]
    return _share(page, found, LONG_SENTENCES, "is long")


def _share(
    page: Page, found: list[tuple[int, str]], most: float, what: str
) -> tuple[str, list[Offence]]:
    share = len(found) / max(1, len(page.sentences))
    shown = f"{share:.1%}"
    if share <= most:
        return shown, []
    total = f"{len(found)} of {len(page.sentences)} sentences, at most {most:.0%}"
    return shown, [
        Offence(page.at(place), f"{what} ({total}): {_shortened(sentence)}")
        for place, sentence in found
    ]


def _shortened(sentence: str) -> str:
    return sentence if len(sentence) <= 60 else f"{sentence[:57]}..."


def _exercises(page: Page) -> tuple[str, list[Offence]]:
    """Count the exercises, and look at their solutions."""
    start, end = page.exercises
    if not end:
        return "none", [Offence(page.at(0), "no section Exercises")]
    found = list(EXERCISE.finditer(_unfolded(page), start, end))
    ends = [exercise.start() for exercise in found[1:]] + [end]
    changing = sum(exercise["title"].startswith(CHANGE) for exercise in found)
    without, offences = [], []
    for exercise, last in zip(found, ends, strict=True):
        inside = range(exercise.start(), last)
        folded = [pair for pair in page.folded if pair[0] in inside]
        place = page.at(exercise.start())
        if not folded:
            offences.append(Offence(place, f"exercise {exercise['number']} has no solution"))
        elif not any(a <= fence.start < b for a, b in folded for fence in page.fences):
            without.append(
                Offence(place, f"exercise {exercise['number']}: no code in the solution")
            )
    if len(without) > WITHOUT_CODE or any(_changes(page, offence, found) for offence in without):
        offences += without
    least, most = EXERCISES
    if not least <= len(found) <= most:
        what = f"{len(found)} exercises, the bounds are {least} and {most}"
        offences.append(Offence(page.at(start), what))
    if changing < CHANGING:
        what = f'{changing} exercises begin with "{CHANGE}", at least {CHANGING}'
        offences.append(Offence(page.at(start), what))
    return f"{len(found)}/{changing}", offences


def _changes(page: Page, offence: Offence, found: list[re.Match[str]]) -> bool:
    """Tell whether an offence is that of an exercise that changes the program."""
    changing = (e for e in found if e["title"].startswith(CHANGE))
    return any(page.at(exercise.start()) == offence.place for exercise in changing)


def _unfolded(page: Page) -> str:
    text = page.bare
    for start, end in page.folded:
        text = _blanked(text, start, end)
    return text


def _takeaways(page: Page) -> tuple[object, list[Offence]]:
    """Count the items of the last section."""
    last = [s for s in page.sections if s.level == 2][-1:]
    if not last or last[0].title != "Before you go on":
        return "none", [Offence(page.at(len(page.text) - 1), 'does not end "Before you go on"')]
    start, end = page.whole(last[0])
    count = len(TOP_ITEM.findall(page.bare[start:end]))
    what = f"{count} things before one goes on, not {TAKEAWAYS}"
    return count, [Offence(page.at(start), what)] if count != TAKEAWAYS else []


COUNTS: dict[str, Callable[[Page], tuple[object, list[Offence]]]] = {
    "words": _length,
    "numbers": _numbers,
    "to picture": _before_picture,
    "asserting": _asserting,
    "So/And": _starts,
    "long": _long,
    "exercises": _exercises,
    "go on": _takeaways,
}


# The terms of the glossary.


def terms_of(glossary: str) -> list[Term]:
    """Read the terms of the glossary."""
    terms = []
    for found in TERM.finditer(f"{glossary}\n"):
        links = re.split(r"^:   ", found["body"], flags=re.MULTILINE)[2:]
        lesson = TO_LESSON.search(re.sub(r"\s+", " ", "".join(links)))
        line = glossary.count("\n", 0, found.start()) + 1
        names = tuple(found["names"].split(", "))
        where = (lesson["page"], lesson["anchor"]) if lesson else (None, None)
        terms.append(Term(names, line, ".common" in found["more"], *where))
    return terms


def used_too_early(page: Page, terms: list[Term], lessons: list[Page]) -> Iterator[Offence]:
    """Give the first use of each term that this lesson uses before it is defined."""
    rare = [term for term in terms if not term.common]
    if not rare:
        return
    by_name = {name.casefold(): term for term in rare for name in term.names}
    any_name = pattern(name for term in rare for name in term.names)
    order = [lesson.path.name for lesson in lessons]
    seen: set[Term] = set()
    for use in any_name.finditer(page.running):
        term = by_name[" ".join(use["name"].casefold().split())]
        if term not in seen and not _is_defined(term, page, use.start(), lessons, order):
            seen.add(term)
            where = "#".join(filter(None, (term.page, term.anchor))) or "no lesson"
            used = " ".join(use[0].split())
            yield Offence(page.at(use.start()), f'uses "{used}", which is defined in {where}')


def _is_defined(term: Term, page: Page, place: int, lessons: list[Page], order: list[str]) -> bool:
    """Tell whether a term is defined in an earlier place, or in this section."""
    if term.page not in order:
        return False
    defining, here = order.index(term.page), order.index(page.path.name)
    if defining != here or term.anchor is None:
        return defining <= here
    sections = (s for s in lessons[defining].sections if s.id == term.anchor)
    return any(section.start <= place for section in sections)


def lost(terms: list[Term], lessons: list[Page], name: str) -> Iterator[Offence]:
    """Give the terms whose link leads to no section of a lesson."""
    ids = {lesson.path.name: {s.id for s in lesson.sections} for lesson in lessons}
    for term in terms:
        known = term.page in ids and (term.anchor is None or term.anchor in ids[term.page])
        if term.page and not known:
            what = f"{term.names[0]}: no section {term.anchor} in {term.page}"
            yield Offence(f"{name}:{term.line}", what)


def table(rows: list[Row]) -> str:
    """Show the rows; a star marks what is past its bound."""
    names = list(dict.fromkeys(name for row in rows for name in row.values))
    lines = [["chapter", *names]]
    lines += [[f"{row.page.number:02}", *(row.values[name] for name in names)] for row in rows]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    shown = ("  ".join(map(str.rjust, line, widths)) for line in lines)
    return "\n".join(shown)


def main() -> int:
    """Print the table and the offenders."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--chapter", type=int, metavar="NN", help="look at one lesson only")
    parser.add_argument("--docs", type=Path, default=ROOT / "docs", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    lessons = [Page.read(path) for path in sorted(asked.docs.glob("chapters/*.md"))]
    glossary = Page.read(asked.docs / "glossary.md")
    terms = terms_of(glossary.text)
    chosen = [page for page in lessons if asked.chapter in {None, page.number}]
    if not chosen:
        parser.error(f"there is no chapter {asked.chapter}")
    rows = [measure(page, terms, lessons) for page in chosen]
    offences = [offence for row in rows for offence in row.offences]
    said = [table(rows)]
    if asked.chapter is None:
        offences += lost(terms, lessons, glossary.name)
        total = sum(row.minutes for row in rows)
        said.append(f"{total} minutes to read them all, at most {60 * HOURS}")
        if total > 60 * HOURS:
            offences.append(Offence(rows[0].page.name, f"all lessons take {total} minutes"))
    said += [f"{place}: {what}" for place, what in offences]
    sys.stdout.write("\n".join(said) + "\n")
    return 1 if offences else 0


if __name__ == "__main__":
    sys.exit(main())
