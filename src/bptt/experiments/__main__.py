"""Measure what the chapters quote: `python -m bptt.experiments [NAME ...] [--recheck]`."""

import argparse
import os
import sys

from bptt.experiments import runner
from bptt.experiments.registry import NAMES, find


def main() -> None:
    """Measure the experiments that were named, or all whose result is missing or stale."""
    parser = argparse.ArgumentParser(prog="python -m bptt.experiments", description=main.__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(NAMES)}")
    parser.add_argument(
        "--recheck", action="store_true", help="rerun one seed; restamp if every digit agrees"
    )
    parser.add_argument("--processes", type=int, default=os.cpu_count(), help="runs side by side")
    asked = parser.parse_args()
    work = runner.recheck if asked.recheck else runner.measure
    try:
        for name in asked.names:
            find(name)
        for name in asked.names or [name for name in NAMES if runner.is_stale(name)]:
            result = work(name, asked.processes)
            seconds = result.provenance["cpu_seconds"]
            sys.stdout.write(f"{name}: {len(result.runs)} runs, {seconds} s of CPU\n")
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
