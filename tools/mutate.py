"""Change the code, one thing at a time, and count what tests notice: `python mutate.py [FILE ...]`.

It runs in the project's folder. cosmic-ray makes the changes, in copies. What is found is kept in
.cache/mutate while sources and tests stay the same, so a run that was stopped goes on where it was.
"""

import argparse
import contextlib
import hashlib
import importlib.metadata
import os
import queue
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import attrs
from cosmic_ray.commands import init
from cosmic_ray.mutating import mutate_and_test
from cosmic_ray.work_db import WorkDB, use_db
from cosmic_ray.work_item import TestOutcome, WorkItem, WorkResult

KEPT = Path(".cache", "mutate")
COPIED = ("pyproject.toml", "conftest.py", "src", "tests")
# Of all files together: in a single one, a few changes that change nothing weigh too much.
ENOUGH = 0.97
TIMEOUT = 300  # seconds for one run of tests: only what never ends takes that long

# Arguments of pytest, in groups: one is asked only if those before it noticed nothing.
Groups = list[tuple[str, ...]]

TORCH = "tests/test_against_torch.py"  # seconds to import, so it comes last
AS_TORCH = (
    f"{TORCH}::test_a_run_and_all_its_gradients_are_those_of_torch",
    f"{TORCH}::test_a_masked_run_is_that_of_torch_over_packed_sequences",
    f"{TORCH}::test_the_gradient_of_the_recurrent_weights_is_zero_where_torch_has_zero",
)


def of_cell(name: str) -> Groups:
    """Return the tests of a cell: its own, those of all cells, and those against torch."""
    only = ("-k", f"bptt.{name}")
    own, shared = (f"tests/test_{name}.py",), ("tests/test_door.py", "tests/test_cells.py", *only)
    return [own, shared, (*AS_TORCH, *only)]


TESTS: dict[str, Groups] = {
    "src/bptt/rnn.py": of_cell("rnn"),
    "src/bptt/lstm.py": of_cell("lstm"),
    "src/bptt/gru.py": of_cell("gru"),
    "src/bptt/unroll.py": [
        ("tests/test_unroll.py", "tests/test_door.py"),
        ("tests/test_cells.py",),
    ],
    "src/bptt/losses.py": [("tests/test_losses.py",), (TORCH, "-k", "entropy")],
    "src/bptt/optim.py": [("tests/test_optim.py",), (TORCH, "-k", "clipping or adam or sgd")],
}

# Such a change fails at once, whatever is tested: operators of bits between floats, or another
# operator for the `|` of a type. No module above works on bits.
BITS = "(RShift|LShift|BitOr|BitAnd|BitXor)"
FAILS_AT_ONCE = re.compile(rf"ReplaceBinaryOperator_(\w+_{BITS}|{BITS}_\w+)$").search


class Count(NamedTuple):
    """How many changes there were, and how many of them the tests noticed."""

    changes: int
    noticed: int

    @property
    def share(self) -> float:
        """The share that was noticed."""
        return self.noticed / self.changes

    def __str__(self) -> str:
        """Say it in words."""
        return f"{self.noticed} of {self.changes} changes noticed, {self.share:.1%}"


def survey(file: str, groups: Groups) -> Count:
    """Make the changes of a file that were not made yet, and print those that nothing noticed."""
    with project_copy() as tree, kept(tree, file, groups) as work:
        pending = [item for item in work.pending_work_items if is_counted(item)]
        if pending:
            rehearse(tree, file, groups)
            others = (tree.with_name(f"copy{k}") for k in range(1, os.cpu_count() or 1))
            trees = [tree, *(shutil.copytree(tree, other) for other in others)]
            change_all(pending, work, trees, file, groups)
        return report(work, file)


def is_counted(item: WorkItem) -> bool:
    """Tell whether a change could go unnoticed."""
    return not any(FAILS_AT_ONCE(change.operator_name) for change in item.mutations)


@contextlib.contextmanager
def project_copy() -> Iterator[Path]:
    """Copy the project, so that nothing is changed in place."""
    leave = shutil.ignore_patterns("__pycache__")
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder).resolve() / "copy"
        tree.mkdir()
        for source in map(Path, COPIED):
            if source.is_dir():
                shutil.copytree(source, tree / source, ignore=leave)
            else:
                shutil.copy(source, tree)
        yield tree


@contextlib.contextmanager
def kept(tree: Path, file: str, groups: Groups) -> Iterator[WorkDB]:
    """Open what is known of a file in this state of sources and tests; what is older goes."""
    state = hashlib.sha256(repr((groups, importlib.metadata.version("cosmic-ray"))).encode())
    for path in sorted(path for path in tree.rglob("*") if path.is_file()):
        state.update(path.relative_to(tree).as_posix().encode() + path.read_bytes())
    name = Path(file).stem
    found = KEPT / f"{name}-{state.hexdigest()[:16]}.sqlite"
    KEPT.mkdir(parents=True, exist_ok=True)
    for other in {*KEPT.glob(f"{name}-*.sqlite")} - {found}:
        other.unlink()
    with use_db(found) as work:
        if not work.num_work_items:
            init([tree / file], work, {})
        yield work


def change_all(
    pending: list[WorkItem], work: WorkDB, trees: list[Path], file: str, groups: Groups
) -> None:
    """Make changes, one in each copy at a time, and keep what came of each."""
    free = queue.SimpleQueue()
    for tree in trees:
        free.put(tree)

    def change(item: WorkItem) -> WorkResult:
        tree = free.get()
        try:
            return outcome(item, tree, file, groups)
        finally:
            free.put(tree)

    pool = ThreadPoolExecutor(len(trees))
    try:
        results = pool.map(change, pending)
        for number, item in enumerate(pending, start=1):
            work.set_result(item.job_id, next(results))
            sys.stderr.write(f"\r{file}: {number} of {len(pending)}")
        sys.stderr.write("\n")
    finally:
        pool.shutdown(cancel_futures=True)


def rehearse(tree: Path, file: str, groups: Groups) -> None:
    """Insist that the tests pass as they are, and that they fail without the file in this copy."""
    code = (tree / file).read_bytes()
    for text, fails in ((code, False), (b"raise ImportError", True)):
        (tree / file).write_bytes(text)
        for tests in groups:
            done = subprocess.run(
                command(tree, tests), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False
            )
            if bool(done.returncode) is not fails:
                how = "pass although it is broken" if fails else "fail although nothing is changed"
                raise RuntimeError(f"{file}: {' '.join(tests)} {how}\n{done.stdout.decode()}")
    (tree / file).write_bytes(code)
    # Python would take these for the code of a change that is as long and as old.
    for compiled in (tree / file).parent.glob(f"__pycache__/{Path(file).stem}.*"):
        compiled.unlink()


def outcome(item: WorkItem, tree: Path, file: str, groups: Groups) -> WorkResult:
    """Make one change in a copy, and ask the tests until some notice."""
    changes = [attrs.evolve(change, module_path=tree / file) for change in item.mutations]
    for tests in groups:
        result = mutate_and_test(changes, shlex.join(command(tree, tests)), TIMEOUT)
        if result.test_outcome is TestOutcome.KILLED:
            break
        if result.test_outcome is not TestOutcome.SURVIVED:
            raise RuntimeError(f"{file}: a change could not be made\n{result.output}")
    return result


def command(tree: Path, tests: tuple[str, ...]) -> list[str]:
    """Return the command that runs tests of a copy on its code, up to the first failure."""
    there = [str(tree / part) if part.startswith("tests/") else part for part in tests]
    program = [sys.executable, str(Path(__file__).with_name("failfast.py"))]
    return [*program, "-c", str(tree / "pyproject.toml"), "-o", "pythonpath=src", *there]


def report(work: WorkDB, file: str) -> Count:
    """Print how many changes were noticed, and each that was not."""
    done = [(item, result) for item, result in work.completed_work_items if is_counted(item)]
    alive = [
        (item.mutations[0].start_pos[0], lines_of(result.diff))
        for item, result in done
        if result.test_outcome is TestOutcome.SURVIVED
    ]
    count = Count(len(done), len(done) - len(alive))
    sys.stdout.write(f"{file}: {count}\n")
    for line, diff in sorted(alive):
        sys.stdout.write(f"{file}:{line}:\n{diff}\n")
    return count


def lines_of(diff: str) -> str:
    """Return the lines of a diff that differ, without its head."""
    return "\n".join(re.findall(r"^[+-](?![+-]{2} ).*", diff, re.MULTILINE))


def main() -> None:
    """Survey the files that were named, or all; fail if of all too little was noticed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("files", nargs="*", metavar="FILE", help=f"of {', '.join(TESTS)}")
    named = [Path(file).as_posix() for file in parser.parse_args().files]
    files = named or list(TESTS)
    if unknown := sorted({*files} - {*TESTS}):
        parser.error(f"no tests are named for {', '.join(unknown)}, but for {', '.join(TESTS)}")
    counts = [survey(file, TESTS[file]) for file in files]
    total = Count(*map(sum, zip(*counts, strict=True)))
    sys.stdout.write(f"Together {total}\n")
    if not named and total.share < ENOUGH:
        sys.exit(f"That is less than {ENOUGH:.0%}.")


if __name__ == "__main__":
    main()
