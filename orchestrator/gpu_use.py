"""How busy the GPUs of this machine are, as `nvidia-smi` tells; nothing where there is none."""

from __future__ import annotations

import shutil
import subprocess
import time
from dataclasses import dataclass

COMMAND = "nvidia-smi"
QUERY = ("--query-gpu=utilization.gpu,memory.used,memory.total", "--format=csv,noheader,nounits")


@dataclass(frozen=True, kw_only=True)
class GpuUse:
    """One GPU.

    Attributes:
        percent: share of the last second in which it worked.
        used, total: of its memory, in MiB.
    """

    percent: int
    used: int
    total: int


class GpuWatch:
    """Asks for the GPUs now and then, and says in between what was found last.

    Args:
        every_seconds: time between two questions; each takes some hundredths of a second.
    """

    def __init__(self, every_seconds: float = 5.0) -> None:
        self._command = shutil.which(COMMAND)
        self._every = every_seconds
        self._next = 0.0
        self._found: tuple[GpuUse, ...] = ()

    def __call__(self) -> tuple[GpuUse, ...]:
        """The GPUs of this machine, in their order."""
        if self._command is not None and time.monotonic() >= self._next:
            self._found = _asked(self._command)
            self._next = time.monotonic() + self._every
        return self._found


def _asked(command: str) -> tuple[GpuUse, ...]:
    try:
        done = subprocess.run([command, *QUERY], capture_output=True, text=True, timeout=3, check=True)
    except (OSError, subprocess.SubprocessError):
        return ()
    return parsed(done.stdout)


def parsed(text: str) -> tuple[GpuUse, ...]:
    """GPUs from lines such as `63, 11890, 15360`; a line that does not say (a share of a GPU tells `[N/A]`) is left out."""
    found = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) == 3 and all(cell.isdigit() for cell in cells):
            percent, used, total = map(int, cells)
            found.append(GpuUse(percent=percent, used=used, total=total))
    return tuple(found)


def gpu_text(gpus: tuple[GpuUse, ...]) -> str:
    """`GPU 63 %, 11.6 of 15 GiB`, with commas between several; empty without any."""
    return ", ".join(f"GPU {each.percent} %, {each.used / 1024:.1f} of {each.total / 1024:.0f} GiB" for each in gpus)
