"""The peak of memory of one run forwards and backwards, each in a process of its own."""

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from bptt import fused
from bptt.bench import contestants

STATUS = Path("/proc/self/status")
FORGET_PEAK = Path("/proc/self/clear_refs")


def peak_bytes() -> int | None:
    """Return the largest memory that this process has had, in bytes; None on Windows.

    It counts since the start, or since `_forget_peak`.
    """
    if STATUS.is_file():
        # `getrusage` would count what the parent had when it started this process.
        status = STATUS.read_text(encoding="utf-8")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    try:
        import resource
    except ModuleNotFoundError:
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _forget_peak() -> None:
    """Let the peak start again at what is used now, where the system can do so (Linux)."""
    with contextlib.suppress(OSError):
        FORGET_PEAK.write_text("5", encoding="utf-8")


def measure(name: str, **problem: Any) -> dict[str, int] | None:
    """Measure one contestant in a new process.

    Returned are bytes: the "peak" beyond what was there before; for `fused` also what its tape
    "kept". None where memory cannot be measured.

    Parameters
    ----------
    name : str
        The contestant.
    **problem : object
        What `contestants.draw` takes.
    """
    # It starts with nothing but what this module imports.
    command = [sys.executable, "-m", "bptt.bench.memory", name, json.dumps(problem)]
    run = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)  # noqa: S603  # it is this Python
    found: dict[str, int] | None = json.loads(run.stdout)
    return found


def _watch(name: str, **problem: Any) -> dict[str, int] | None:
    """Measure one contestant in this process, which should be a new one.

    What is there before the run does not count: the interpreter, the libraries, the inputs, and
    what a first run at the smallest sizes loads.
    """
    tiny = {**problem, "T": 1, "B": 1, "I": 1, "H": 1}
    contestants.enter((name,), contestants.draw(**tiny))[name].both()
    drawn = contestants.draw(**problem)
    contestant = contestants.enter((name,), drawn)[name]
    _forget_peak()
    before = peak_bytes()
    outcome = contestant.both()
    after = peak_bytes()
    if before is None or after is None:
        return None
    found = {"peak": after - before}
    del outcome
    if name == "fused" or name.startswith("every "):
        _, _, tape = contestant.forward()
        found["kept"] = fused.kept_bytes(tape)
    return found


if __name__ == "__main__":
    sys.stdout.write(json.dumps(_watch(sys.argv[1], **json.loads(sys.argv[2]))))
