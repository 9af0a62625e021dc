"""A temporary folder for Tune, which writes down what we never read; those of killed drivers are removed by later ones."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import time
from pathlib import Path

from orchestrator.errors import MachineError
from orchestrator.storage.lock import SweepLock

PREFIX = "orchestrator-tune-"
LOCK = "lock"
SETTLED_SECONDS = 10.0


class Scratch:
    """A folder that is held by a lock while its driver lives.

    Args:
        parent: where it is made; the system's folder for temporary files by default.
    """

    def __init__(self, parent: Path | None = None) -> None:
        parent = parent or Path(tempfile.gettempdir())
        for left in parent.glob(f"{PREFIX}*"):
            _remove_dead(left)
        self.folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=parent))
        self._lock = SweepLock(self.folder / LOCK)
        self._lock.acquire()

    def remove(self) -> None:
        """Throw the folder away."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self._lock.release()


def _remove_dead(folder: Path) -> None:
    """Remove a folder whose driver is dead. A young one may just be made, and one without a lock is not ours."""
    lock = SweepLock(folder / LOCK)
    with contextlib.suppress(MachineError, OSError):
        if time.time() - lock.path.stat().st_mtime > SETTLED_SECONDS:
            lock.acquire()
            shutil.rmtree(folder, ignore_errors=True)
    lock.release()
