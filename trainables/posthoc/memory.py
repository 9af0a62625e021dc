"""How much memory there is, read before a large matrix is made."""

from __future__ import annotations

import os
from pathlib import Path


class NotEnoughMemoryError(ValueError):
    """A task needs more memory than its settings allow or the machine has; trying again would not help."""


def available_bytes() -> int:
    """Bytes that a process can still take: what the machine has free, or what its control group leaves if that is less."""
    limits = [_machine(), _control_group()]
    return min(limit for limit in limits if limit is not None)


def _machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        # no Linux: all of the memory, since the free pages of other systems leave out what they would give back
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _control_group() -> int | None:
    group = Path("/sys/fs/cgroup")
    try:
        limit = (group / "memory.max").read_text().strip()
        used = int((group / "memory.current").read_text())
        return None if limit == "max" else max(0, int(limit) - used)
    except (OSError, ValueError):
        return None
