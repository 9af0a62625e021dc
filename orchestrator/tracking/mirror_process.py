"""The mirror in a process of its own, so that sending runs, pictures and the best network takes nothing from the driver.

The driver writes a line when something has changed; the process syncs and answers with a line. It reads only what lies in
the storage folder, and it ends at once when the driver does: two mirrors that write at the same time would double runs.
"""

from __future__ import annotations

import functools
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

from orchestrator.errors import MachineError, StorageError, TrackingError
from orchestrator.storage.address import Storage, absolute
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store

ERRORS: dict[str, type[MachineError]] = {"StorageError": StorageError, "TrackingError": TrackingError}


class MirrorProcess:
    """Has a process sync one sweep; the process starts with the first sync.

    Args:
        storage: the storage folder.
        name: of the sweep.
    """

    def __init__(self, storage: Storage, name: str) -> None:
        self.ledger = Ledger(storage, name)
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
            self._process.communicate()
            self._process = None

    def _started(self) -> subprocess.Popen[str]:
        import orchestrator

        paths = [str(Path(orchestrator.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
        return subprocess.Popen(
            [sys.executable, "-m", __name__, str(self._storage), self.ledger.name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        )

    def _asked(self, process: subprocess.Popen[str]) -> dict[str, str] | None:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write("sync\n")
            process.stdin.flush()
            line = process.stdout.readline()
            answer: dict[str, str] | None = json.loads(line) if line else None
        except (OSError, ValueError):  # it has died, or was ended by another thread
            return None
        return answer


def main(storage: str, name: str) -> None:
    """Answer every line of stdin with what a sync came to; the end of stdin ends the process."""
    from orchestrator.best_model import BestModel
    from orchestrator.tracking.mirror import Mirror
    from orchestrator.tracking.mlflow import open_tracker

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the driver's; it says when this process ends
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # what libraries print is no answer
    mirror = Mirror(functools.partial(open_tracker, storage, name), Store(storage), Ledger(storage, name))
    best = BestModel(storage, name)

    def sync() -> int:
        written = mirror.sync()
        best.sync()
        return written

    orders: queue.Queue[str] = queue.Queue()
    threading.Thread(target=_listen, args=(orders,), daemon=True).start()
    while True:
        orders.get()
        answers.write(json.dumps(_answer(sync)) + "\n")
        answers.flush()


def _listen(orders: queue.Queue[str]) -> None:
    for line in sys.stdin:
        orders.put(line)
    os._exit(0)  # also in the middle of a sync, which the sweep's next start repeats


def _answer(sync: Callable[[], int]) -> dict[str, object]:
    try:
        return {"written": sync()}
    except MachineError as error:
        return {"error": type(error).__name__, "message": str(error)}
    except Exception as error:  # a fault in the mirror must not end a sweep of hours
        message = f"Tracking failed with {type(error).__name__}: {error}. The sweep goes on without it."
        return {"error": "TrackingError", "message": message}


if __name__ == "__main__":
    main(*sys.argv[1:])
