"""An attempt at an artifact that holds files and was not committed."""

from __future__ import annotations

import json
import os
import socket
import time
from dataclasses import dataclass

OLD_SECONDS = 24 * 3600.0
"""A writer of another machine cannot be asked whether it lives; nothing of ours takes a day for one artifact."""


@dataclass(frozen=True, kw_only=True)
class Stray:
    """What a writer has left, or is still at.

    Attributes:
        key: of the artifact; a step of a chain is `key/step`.
        attempt: name of its folder.
        bytes: of its files.
        started_at: seconds since 1970.
        host, pid: of the writer; an empty text and 0 if it was killed before it had noted them.
    """

    key: str
    attempt: str
    bytes: int
    started_at: float
    host: str
    pid: int

    @staticmethod
    def of(key: str, attempt: str, held: int, note: str) -> Stray:
        """From the note that the writer made when it began."""
        began = float(attempt.split("-")[1]) / 1000
        try:
            noted = json.loads(note)
            host, pid = str(noted["host"]), int(noted["pid"])
        except (ValueError, KeyError, TypeError):
            host, pid = "", 0
        return Stray(key=key, attempt=attempt, bytes=held, started_at=began, host=host, pid=pid)

    def is_dead(self, *, calm: bool) -> bool:
        """Whether nobody will go on with it.

        Args:
            calm: no sweep of the storage runs; else only a process of this machine can be known to be dead.
        """
        if self.host == socket.gethostname() and self.pid and not _lives(self.pid):
            return True
        return calm and time.time() - self.started_at > OLD_SECONDS


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
