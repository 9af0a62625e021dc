"""The mirror in a process of its own, so that sending runs, pictures and the best network takes nothing from the driver.

The driver writes a line when something has changed; the process syncs, tells how far it is, and answers with a line. It reads
only what lies in the storage folder, and it ends at once when the driver does: two mirrors that write at the same time would
double runs.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from orchestrator.errors import MachineError, StorageError, TrackingError
from orchestrator.storage.address import Storage, absolute
from orchestrator.storage.ledger import Ledger
from orchestrator.tracking.mirror import Sent

PROGRAM = "orchestrator.mirroring"
ERRORS: dict[str, type[MachineError]] = {"StorageError": StorageError, "TrackingError": TrackingError}


class MirrorProcess:
    """Has a process sync one sweep; the process starts with the first sync.

    Args:
        storage: the storage folder.
        name: of the sweep.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self.ledger = Ledger(storage, name)
        self.sent = Sent()
        self._storage = absolute(storage)
        self._process: subprocess.Popen[str] | None = None

    def sync(self) -> int:
        """Send what the server lacks; see `Mirror.sync`, and for the best network of a finished sweep `BestModel.sync`.

        Raises:
            TrackingError: the server is away, or the process has died; the next call starts another one.
            StorageError: the ledger cannot be read.
        """
        if self._process is None:
            self._process = self._started()
        answer = self._asked(self._process)
        if answer is None:
            self.end()
            raise TrackingError("The process that sends runs to the tracking server has died. Another one is started.")
        if "error" in answer:
            raise ERRORS.get(answer["error"], TrackingError)(answer["message"])
        return int(answer["written"])

    def end(self) -> None:
        """End the process, whatever it is at."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()  # its pipes may be in use by the thread that syncs, which then reads their end
            self._process = None

    def _started(self) -> subprocess.Popen[str]:
        import orchestrator

        paths = [str(Path(orchestrator.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        return subprocess.Popen(
            [sys.executable, "-m", PROGRAM, str(self._storage), self.ledger.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )

    def _asked(self, process: subprocess.Popen[str]) -> dict[str, Any] | None:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write("sync\n")
            process.stdin.flush()
            for line in process.stdout:
                answer: dict[str, Any] = json.loads(line)
                if "of" not in answer:
                    return answer
                self.sent = Sent(done=answer["done"], of=answer["of"], at=time.monotonic())
        except (OSError, ValueError):  # it has died, or was ended by another thread
            return None
        return None
