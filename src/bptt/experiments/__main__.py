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
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="runs side by side")
    way = parser.add_mutually_exclusive_group()
    way.add_argument(
        "--recheck", action="store_true", help="rerun one seed; restamp if every digit agrees"
    )
    way.add_argument(
        "--cluster",
        choices=["slurm", "local"],
        help="run an array of tasks, one for each run; local tries that here, all at once",
    )
    asked = parser.parse_args()
    try:
        for name in asked.names:
            find(name)
        for name in asked.names or [name for name in NAMES if runner.is_stale(name)]:
            if asked.recheck:
                result = runner.recheck(name, asked.jobs)
            else:
                result = runner.measure(name, asked.jobs, asked.cluster)
            seconds = result.provenance["cpu_seconds"]
            sys.stdout.write(f"{name}: {len(result.runs)} runs, {seconds} s of CPU\n")
    except ValueError as error:
        parser.error(str(error))
    except ModuleNotFoundError as error:
        if error.name not in {"joblib", "submitit"}:
            raise
        parser.error(f'{error.name} is missing: python -m pip install "bptt[cluster,experiments]"')


if __name__ == "__main__":
    main()
