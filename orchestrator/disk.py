"""Telling a full disk from a trial that is at fault."""

from __future__ import annotations

import errno
import os

SAID = (os.strerror(errno.ENOSPC).lower(), os.strerror(errno.EDQUOT).lower(), f"os error {errno.ENOSPC}")


def is_disk_full(told: str) -> bool:
    """Whether the text of a failure says that the disk or the quota is full; libraries wrap the error in their own."""
    return any(words in told.lower() for words in SAID)


def disk_full(told: str) -> str:
    """What a person is told about it."""
    return (
        f"The storage is full: {told.splitlines()[0]}. Nothing half written counts. Free some space, or delete what you do not "
        "need (orchestrator delete SWEEP); the same command then goes on."
    )
