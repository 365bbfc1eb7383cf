"""Change one digit or operator of a page at a time: `python mutate_pages.py PAGE [PAGE ...]`.

Do the examples of the page notice? What runs is changed (python fences and consoles, folded or
not): a digit of a number, or an operator (+ to -, * to /, ** to *, < to >=, == to !=, and so on).
A change is noticed if an example, from the changed one on, raises or prints something else than
the page says, or takes far too long. In printed outputs a digit is changed too: to show that the
comparison is exact. A page runs once; at each example a process forks off for each change.

Four kinds of numbers say how, and not what, so they are not counted; operators are:

- seed: arguments of `default_rng` and the like, and what is named `seed` or `seeds`;
- size: how large an example is or how often it is drawn: arguments `size`, `hidden_size`, the
  length T, the batch B, shapes of zeros, and `for _ in range(n)`;
- tolerance: arguments such as `rtol`, and bounds of at most 0.001 in an inequality (with what they
  are multiplied by);
- look: arguments of what draws (`plt`, `ax`, ...), widths of a text, places to round to.

Nor is what changes nothing counted: to multiply by 1, to add 0. And there is one that nothing can
notice where it stands, a bound in an `assert` with an inequality: a looser one holds as well. Those
are counted apart.
"""

import argparse
import ast
import contextlib
import doctest
import importlib
import importlib.util
import io
import os
import random
import re
import resource
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import accumulate
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

import pytest
from sybil import Document, Example
from sybil.region import Lexeme

ROOT = Path(__file__).parents[1]
RAISED = doctest.DocTestParser._EXCEPTION_RE  # noqa: SLF001
LEAST = 30  # seconds of CPU that a change gets, and three times those of the page
SPARE = 4 << 30  # bytes that a change may take on top: "1e3" may become "1e9"

# Another operator for each; what they do to numbers differs almost everywhere.
OPERATORS: dict[type[ast.AST], tuple[str, str]] = {
    ast.Add: ("+", "-"),
    ast.Sub: ("-", "+"),
    ast.Mult: ("*", "/"),
    ast.Div: ("/", "*"),
    ast.FloorDiv: ("//", "*"),
    ast.Mod: ("%", "*"),
    ast.Pow: ("**", "*"),
    ast.MatMult: ("@", "*"),
    ast.Lt: ("<", ">="),
    ast.LtE: ("<=", ">"),
    ast.Gt: (">", "<="),
    ast.GtE: (">=", "<"),
    ast.Eq: ("==", "!="),
    ast.NotEq: ("!=", "=="),
    ast.In: ("in", "not in"),
    ast.NotIn: ("not in", "in"),
    ast.Is: ("is", "is not"),
    ast.IsNot: ("is not", "is"),
}
INEQUALITIES = (ast.Lt, ast.LtE, ast.Gt, ast.GtE)

SEEDED = {"default_rng", "SeedSequence", "manual_seed", "Random"}
SEEDS = {"seed", "seeds"}
SIZES = {"size", "input_size", "hidden_size", "T", "B", "I", "H"}
SIZED = {"standard_normal", "zeros", "ones", "empty", "full", "eye", "draw"}
DRAWING = {"plt", "ax", "axes", "fig", "figure"}
TOLERANCES = {"tol", "rtol", "atol", "abs", "rel", "eps", "tolerance"}
SMALL = 1e-3  # a bound up to this is a tolerance
WHY = {
    **dict.fromkeys(SEEDS, "seed"),
    **dict.fromkeys(SIZES, "size"),
    **dict.fromkeys(TOLERANCES, "tolerance"),
}


class Change(NamedTuple):
    """Another text for a part of an example."""

    start: int
    end: int
    new: str
    kind: str  # "counted", "bound", or why it is not counted


class Result(NamedTuple):
    """A change, where it stands, and whether an example noticed."""

    place: str
    change: str
    kind: str
    noticed: bool


def wired() -> ModuleType:
    """Import conftest.py, which finds and runs examples."""
    spec = importlib.util.spec_from_file_location("wiring", ROOT / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


wiring = wired()


def draws(name: str) -> random.Random:
    """Return random numbers of a name, the same in every run."""
    return random.Random(name)  # noqa: S311


def changes(source: str, draw: random.Random) -> list[Change]:
    """Return a change for each number and each operator of some code."""
    tree = ast.parse(source)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    place = Places(source)
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and type(node.value) in (int, float, complex):
            if span := numeral(source, place.start(node), node.value):
                new = another(source[slice(*span)], draw)
                found.append(Change(*span, new, kind_of(node, parents)))
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
            start = place.start(node)
            if source.startswith("-", start):
                found.append(Change(start, start + 1, "+", "counted"))
        for left, op, right in operations(node):
            if is_same(op, right) or kind_of_side(left, parents) == "tolerance":
                continue
            kind = "bound" if is_in_bound(node, parents) else "counted"
            found += swap(source, place.end(left), place.start(right), op, kind)
    return sorted(set(found))


class Places:
    """Where a piece of code begins and ends in a text; Python counts bytes of a line."""

    def __init__(self, source: str) -> None:
        lines = source.split("\n")
        self.lines = [line.encode() for line in lines]
        self.starts = [0, *accumulate(len(line) + 1 for line in lines)]

    def at(self, line: int, column: int) -> int:
        """Return the place of a column of bytes."""
        return self.starts[line - 1] + len(self.lines[line - 1][:column].decode())

    def start(self, node: ast.expr) -> int:
        """Return where it begins."""
        return self.at(node.lineno, node.col_offset)

    def end(self, node: ast.expr) -> int:
        """Return where it ends."""
        return self.at(node.end_lineno, node.end_col_offset)


def is_same(op: ast.AST, right: ast.expr) -> bool:
    """Tell whether what would become of an operator does the same: to divide by 1."""
    same = {ast.Mult: 1, ast.Div: 1, ast.Add: 0, ast.Sub: 0}
    return isinstance(right, ast.Constant) and same.get(type(op)) == right.value


def is_in_bound(node: ast.AST, parents: dict[ast.AST, ast.AST]) -> bool:
    """Tell whether it is computed from numbers alone, and a side of an inequality in an assert."""
    while not names(node) and (above := parents.get(node)):
        if isinstance(above, ast.Compare) and is_unequal(above):
            while above and not isinstance(above, ast.Assert):
                above = parents.get(above)
            return above is not None
        node = above
    return False


def kind_of_side(side: ast.expr, parents: dict[ast.AST, ast.AST]) -> str:
    """Return the kind of a number, or nothing."""
    is_number = isinstance(side, ast.Constant) and type(side.value) in (int, float)
    return kind_of(side, parents) if is_number else ""


def operations(node: ast.AST) -> Iterator[tuple[ast.expr, ast.AST, ast.expr]]:
    """Give what stands left of an operator, the operator, and what stands right of it."""
    if isinstance(node, ast.BinOp):
        yield node.left, node.op, node.right
    elif isinstance(node, ast.AugAssign):
        yield node.target, node.op, node.value
    elif isinstance(node, ast.Compare):
        sides = [node.left, *node.comparators]
        yield from zip(sides, node.ops, sides[1:], strict=False)


def numeral(source: str, start: int, value: complex) -> tuple[int, int] | None:
    """Return where a number stands. Inside an f-string, Python 3.11 may point elsewhere."""
    match = re.compile(r"[\w.]+((?<=[eE])[-+]\d+)?").match(source, start)
    for stop in range(match.end() if match else start, start, -1):
        with contextlib.suppress(SyntaxError, ValueError):
            if ast.literal_eval(source[start:stop]) == value:
                return start, stop
    return None


def another(numeral: str, draw: random.Random) -> str:
    """Change one digit, so that the value differs and Python can read it."""
    value = ast.literal_eval(numeral)
    places = [place for place, sign in enumerate(numeral) if sign.isdigit()]
    choices = [numeral[:k] + digit + numeral[k + 1 :] for k in places for digit in "0123456789"]
    draw.shuffle(choices)
    for choice in choices:
        with contextlib.suppress(SyntaxError):
            if ast.literal_eval(choice) != value:
                return choice
    raise ValueError(f"no other number is like {numeral}")


def swap(source: str, start: int, end: int, op: ast.AST, kind: str) -> Iterator[Change]:
    """Give the change of an operator that stands between its two sides."""
    if type(op) in OPERATORS:
        old, new = OPERATORS[type(op)]
        gap = re.compile(rf"(?:[\s()\\]|#[^\n]*\n)*?({re.escape(old)}=?)(?:[\s()\\]|#[^\n]*\n)*")
        if match := gap.fullmatch(source, start, end):
            first = match.start(1)
            yield Change(first, first + len(old), new, kind)


def kind_of(number: ast.Constant, parents: dict[ast.AST, ast.AST]) -> str:
    """Say why a number is not counted, or that it is."""
    child: ast.AST = number
    above = []
    while node := parents.get(child):
        above.append(node)
        if kind := kind_in(node, child):
            return kind
        child = node
    unequal = [node for node in above if isinstance(node, ast.Compare) and is_unequal(node)]
    if unequal and 0 < abs(number.value) <= SMALL:
        return "tolerance"
    return "bound" if unequal and any(isinstance(node, ast.Assert) for node in above) else "counted"


def kind_in(node: ast.AST, child: ast.AST) -> str:
    """Say why a number below this child of a node is not counted, if it is the node's reason."""
    if isinstance(node, ast.keyword):
        return WHY.get(node.arg, "")
    if isinstance(node, ast.FormattedValue):
        return "look" if child is node.format_spec else ""
    if isinstance(node, ast.Call):
        return kind_in_call(node, child)
    if isinstance(node, ast.Assign):
        return kind_of_names(*node.targets)
    loop = isinstance(node, ast.For | ast.comprehension) and child is node.iter
    return kind_of_names(node.target) if loop else ""


def kind_in_call(node: ast.Call, child: ast.AST) -> str:
    """Say why a number in a call is not counted, if the function is the reason."""
    name = called(node.func)
    if DRAWING & names(node.func):
        return "look"
    if name == "round":
        return "look" if child in node.args[-1:] else ""
    if name in SIZED:
        return "size" if child in node.args[:1] else ""
    return "seed" if name in SEEDED else ""


def kind_of_names(*targets: ast.expr) -> str:
    """Say what names stand for, if all are names of seeds or all of sizes."""
    found = names(*targets)
    return "seed" if found <= SEEDS else "size" if found <= {"_", *SIZES} else ""


def is_unequal(node: ast.Compare) -> bool:
    """Tell whether one of its operators asks for more or less."""
    return any(isinstance(op, INEQUALITIES) for op in node.ops)


def called(function: ast.expr) -> str:
    """Return the last part of what is called."""
    return getattr(function, "attr", getattr(function, "id", ""))


def names(*nodes: ast.expr) -> set[str]:
    """Return the names in some expressions."""
    return {
        name
        for top in nodes
        for node in ast.walk(top)
        if (name := getattr(node, "id", getattr(node, "attr", "")))
    }


def digits(output: str, draw: random.Random) -> list[Change]:
    """Return a change for each digit of an output."""
    others = {digit: "0123456789".replace(digit, "") for digit in "0123456789"}
    return [
        Change(k, k + 1, draw.choice(others[sign]), "output")
        for k, sign in enumerate(output)
        if sign in others
    ]


class Page:
    """The examples of a page, one after another, and processes that try changes meanwhile."""

    def __init__(self, path: Path, share: float, seed: int, jobs: int, lines: range) -> None:
        self.path, self.share, self.jobs, self.lines = path, share, jobs, lines
        self.draw = draws(f"{seed} {path.name}")
        self.running: dict[int, tuple[str, str, str]] = {}
        self.results: list[Result] = []
        self.page: Document = wiring.pages.parse(path)
        self.examples = list(self.page)
        self.seconds = 300

    def survey(self) -> list[Result]:
        """Try a share of all changes."""
        wiring.pages.setup(self.page.namespace)
        try:
            load(self.examples)
            waited = self.fork(lambda: self.rest(0))
            _, status, used = os.wait4(waited, 0)
            if os.waitstatus_to_exitcode(status) != 0:
                raise RuntimeError(f"{self.path}: its examples fail although nothing is changed")
            self.seconds = LEAST + 3 * int(used.ru_utime + used.ru_stime)
            for number, example in enumerate(self.examples):
                self.try_all(number, example)
                evaluate(example)
            while self.running:
                self.reap()
        finally:
            wiring.pages.teardown(self.page.namespace)
        return sorted(self.results, key=lambda result: int(result.place.rpartition(":")[2]))

    def try_all(self, number: int, example: Example) -> None:
        """Start a process for each change of an example."""
        evaluator = example.region.evaluator
        if evaluator is wiring.evaluate_python:
            source, first = str(example.parsed), example.line + 1 + example.parsed.line_offset
            self.try_changes(number, source, changes(source, self.draw), first)
        elif evaluator is wiring.run_doctest:
            source, want = example.parsed.source, example.parsed.want
            self.try_changes(number, source, changes(source, self.draw), example.line)
            first = example.line + source.count("\n")
            self.try_changes(number, want, digits(want, self.draw), first)
        elif evaluator is wiring.evaluate_output:
            want = str(example.parsed)
            self.try_changes(number, want, digits(want, self.draw), example.line + 1)

    def try_changes(self, number: int, text: str, found: list[Change], first: int) -> None:
        """Start a process for each of a share of changes."""
        for change in found:
            line = first + text.count("\n", 0, change.start)
            left_out = change.kind not in ("counted", "bound", "output")
            share = min(self.share, 0.1) if change.kind == "output" else self.share
            if line not in self.lines or self.draw.random() >= share:
                continue
            place = f"{self.path}:{line}"
            if left_out:
                self.results.append(Result(place, "", change.kind, noticed=False))
                continue
            new = text[: change.start] + change.new + text[change.end :]
            while len(self.running) >= self.jobs:
                self.reap()
            child = self.fork(lambda new=new, kind=change.kind: self.attempt(number, new, kind))
            self.running[child] = (place, shown(text, change), change.kind)

    def attempt(self, number: int, new: str, kind: str) -> None:
        """Run the page from a changed example on; in an output only that one."""
        example = self.examples[number]
        if isinstance(example.parsed, str):
            parsed = example.parsed
            offsets = (getattr(parsed, "offset", 0), getattr(parsed, "line_offset", 0))
            example.parsed = Lexeme(new, *offsets)
        elif kind == "output":
            example.parsed.want = new
            if example.parsed.exc_msg is not None:
                example.parsed.exc_msg = RAISED.match(new)["msg"]
        else:
            example.parsed.source = new
        if kind == "output":
            evaluate(example)
        else:
            self.rest(number)

    def rest(self, number: int) -> None:
        """Run the page from an example on."""
        for example in self.examples[number:]:
            evaluate(example)

    def fork(self, work: Callable[[], None]) -> int:
        """Start a process that ends with 0 if all examples pass."""
        sys.stdout.flush()
        child = os.fork()
        if child:
            return child
        code = 1
        try:
            signal.alarm(20 * self.seconds)  # one that sleeps
            resource.setrlimit(resource.RLIMIT_CPU, (self.seconds, self.seconds + 5))
            limit = SPARE + memory()
            resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
            nothing = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nothing, 1)
            os.dup2(nothing, 2)
            work()
            code = 0
        finally:
            os._exit(code)

    def reap(self) -> None:
        """Wait for one process; a signal ended it if it took too long."""
        child, status = os.wait()
        if child in self.running:
            noticed = os.waitstatus_to_exitcode(status) != 0
            self.results.append(Result(*self.running.pop(child), noticed))


def load(examples: list[Example]) -> None:
    """Import what the examples import: the processes that fork off need not do it again."""
    for example in examples:
        source = getattr(example.parsed, "source", example.parsed)
        if example.region.evaluator not in (wiring.evaluate_python, wiring.run_doctest):
            continue
        for node in ast.walk(ast.parse(source)):
            modules = [name.name for name in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                modules = [node.module, *(f"{node.module}.{name.name}" for name in node.names)]
            for module in modules:
                with contextlib.suppress(ImportError):
                    importlib.import_module(module)


def memory() -> int:
    """Return how many bytes of addresses this process has."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    return pages * resource.getpagesize()


def shown(text: str, change: Change) -> str:
    """Return the changed line, with what was and what is in braces."""
    start = text.rfind("\n", 0, change.start) + 1
    end = text.find("\n", change.end)
    line = text[change.end : end if end >= 0 else len(text)]
    old = text[change.start : change.end]
    return f"{text[start : change.start]}{{{old} -> {change.new}}}{line}".strip()


def evaluate(example: Example) -> None:
    """Run an example; what is skipped is skipped."""
    with contextlib.suppress(pytest.skip.Exception):
        example.evaluate()


def report(path: Path, results: list[Result]) -> tuple[int, int]:
    """Print what was noticed, and each change that was not."""
    kinds = {
        kind: [r for r in results if r.kind == kind] for kind in ("counted", "bound", "output")
    }
    said = {
        kind: f"{sum(r.noticed for r in of_kind)} of {len(of_kind)}"
        for kind, of_kind in kinds.items()
    }
    left_out = Counter(result.kind for result in results if result.kind not in kinds)
    counted = kinds["counted"]
    noticed = sum(result.noticed for result in counted)
    share = noticed / len(counted) if counted else 1
    sys.stdout.write(
        f"{path}: {said['counted']} changes noticed, {share:.1%}; bounds {said['bound']}; "
        f"outputs {said['output']}; not counted: "
        + (", ".join(f"{number} {kind}" for kind, number in sorted(left_out.items())) or "none")
        + "\n"
    )
    for result in results:
        if not result.noticed and result.kind in ("counted", "output"):
            sys.stdout.write(f"  {result.place}: {result.change}\n")
    sys.stdout.flush()
    return len(counted), noticed


def main() -> None:
    """Survey pages and print what nothing noticed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("pages", nargs="+", type=Path, metavar="PAGE")
    parser.add_argument("--share", type=float, default=1.0, help="of all changes (default: all)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=2, help="processes at a time (default: 2)")
    parser.add_argument("--lines", default="1-1000000", help="only these, as in 20-60")
    arguments = parser.parse_args()
    first, _, last = arguments.lines.partition("-")
    lines = range(int(first), int(last or first) + 1)
    total, noticed = 0, 0
    for path in arguments.pages:
        page = Page(path, arguments.share, arguments.seed, arguments.jobs, lines)
        with contextlib.redirect_stderr(io.StringIO()):
            results = page.survey()
        counted = report(path, results)
        total, noticed = total + counted[0], noticed + counted[1]
    if len(arguments.pages) > 1 and total:
        sys.stdout.write(f"Together {noticed} of {total} changes noticed, {noticed / total:.1%}\n")


if __name__ == "__main__":
    main()
