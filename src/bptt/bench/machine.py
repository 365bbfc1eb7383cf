"""Which processor this is, as far as the system tells."""

import platform
from pathlib import Path


def cpu_model(info: Path = Path("/proc/cpuinfo")) -> str:
    """Return the name of the processor as Linux tells it, or what Python knows of it.

    Parameters
    ----------
    info : path
        Where Linux tells it.
    """
    if info.is_file():
        for line in info.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
