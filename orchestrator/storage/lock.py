"""One driver a sweep: a lock that a dead driver does not hold."""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from orchestrator.errors import StorageError, SweepLocked


class SweepLock:
    """An advisory lock on a file of the sweep; the kernel lets go of it when its holder dies.

    Args:
        path: the lock file; its text names the holder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file: IO[str] | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            SweepLocked: a living driver holds it; the message names it.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = self.path.open("a+")
        except OSError as error:
            raise StorageError(f"{self.path} cannot be written: {error}. Choose another --storage.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.close()
            raise SweepLocked(self._held_by()) from None
        file.seek(0)
        file.truncate()
        json.dump({"pid": os.getpid(), "host": socket.gethostname(), "since": time.time()}, file)
        file.flush()
        self._file = file

    def release(self) -> None:
        """Let go of the lock."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def require(self) -> None:
        """See `Lock.require`: the kernel takes it from nobody who lives."""

    def __enter__(self) -> SweepLock:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _held_by(self) -> str:
        holder = holder_of(self.path) or {}
        since = time.strftime("%H:%M:%S", time.localtime(holder.get("since", 0)))
        return (
            f"The sweep in {self.path.parent} is run by process {holder.get('pid', '?')} on {holder.get('host', '?')} "
            f"since {since}. Wait for it, or end it with: orchestrator stop {self.path.parent.name}"
        )


@contextmanager
def building(path: Path) -> Iterator[None]:
    """Hold a lock while something is built that several processes may ask for at once; waits for whoever holds it.

    The kernel lets go of it when its holder dies. The empty file stays: removing it would let two processes hold two locks.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def holder_of(path: Path) -> dict[str, Any] | None:
    """Who holds the lock, or None if nobody does."""
    try:
        with path.open("r") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except OSError:
                holder: dict[str, Any] = json.loads(file.read() or "{}")
                return holder
    except (FileNotFoundError, ValueError):
        pass
    return None
