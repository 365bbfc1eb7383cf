"""Run a cell over time in the fastest way that there is for it."""

from types import ModuleType

from bptt import fused, unroll
from bptt.cell import AnyCell


def of(cell: AnyCell) -> ModuleType:
    """Return the module whose `forward` and `backward` run a cell.

    Returns
    -------
    module
        `bptt.fused` for the cells that it knows, `bptt.unroll` for any other.
    """
    return fused if fused.knows(cell) else unroll
