"""The MPI that tests start, for the files that do."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

# mpi4py takes the MPI of its own environment before the system's, and the launcher has to be of the
# same one.
PLACES = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
LAUNCHER = shutil.which("mpiexec", path=PLACES)
# A machine of two processors has room for more, and a container has no other user.
ROOM = {
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "PRTE_ALLOW_RUN_AS_ROOT": "1",
    "PRTE_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
}
THERE = bool(LAUNCHER and importlib.util.find_spec("mpi4py"))
needs_mpi = pytest.mark.skipif(not THERE, reason="needs MPI and mpi4py")


def open_mpi(launcher):
    """Return the first number of Open MPI's version; 0 of another MPI."""
    said = subprocess.run([launcher, "--version"], capture_output=True, text=True, check=False)
    found = re.search(r"\((?:OpenRTE|Open MPI)\) (\d+)", said.stdout)
    return int(found[1]) if found else 0
