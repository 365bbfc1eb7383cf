"""Measure how fast the code is: `python -m bptt.bench [--short]`, as `nox -s bench` does."""

import argparse
import os
import sys

from bptt.bench import parts, record
from bptt.records.results import Result, Run

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def main() -> None:
    """Time `bptt.fused`, `bptt.unroll` and a plain loop against torch, on one thread."""
    parser = argparse.ArgumentParser(prog="python -m bptt.bench", description=main.__doc__)
    parser.add_argument(
        "--short", action="store_true", help="in a minute, only look whether anything is wrong"
    )
    asked = parser.parse_args()
    if any(os.environ.get(name) != "1" for name in THREADS):
        parser.error(f"{', '.join(THREADS)} must be 1 before Python starts, as nox -s bench does")
    try:
        import torch
    except ModuleNotFoundError:
        parser.error("torch must be installed: python -m pip install 'bptt[torch]'")
    torch.set_num_threads(1)
    sys.exit(_short() if asked.short else _full())


def _full() -> int:
    """Measure everything and save it; 1 if contestants do not agree."""
    try:
        result = record.measure()
    except ValueError as error:
        return _say([str(error)])
    lines = record.summary(result)
    if not any(run.case["part"] == "memory" for run in result.runs):
        lines.append("This system does not tell the peak of memory, so that part is left out.")
    sys.stdout.write("\n".join([*lines, f"{result.provenance['cpu_seconds']} s of CPU\n"]))
    return 0


def _short() -> int:
    """Measure a little, and save nothing; 1 if contestants differ or `fused` is far too slow."""
    found = [Run(*entry) for group in record.run(parts.SHORT) for entry in group.score["runs"]]
    result = Result({}, found, {})
    sys.stdout.write("\n".join([*record.summary(result), ""]))
    return _say(record.differences(found) + record.delays(result))


def _say(wrong: list[str]) -> int:
    sys.stderr.writelines(f"bench: {sentence}\n" for sentence in wrong)
    return int(bool(wrong))


if __name__ == "__main__":
    main()
