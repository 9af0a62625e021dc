"""Whether a sweep can run here: storage, tracking, versions, devices, disk and memory of this machine.

A cluster's nodes become further entries of the same answer.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Mapping
from functools import partial

from orchestrator.doctor.findings import Checked, Finding, Node
from orchestrator.doctor.machine import check_devices, check_memory, check_processors, check_shared_memory
from orchestrator.doctor.packages import check_packages, check_python
from orchestrator.doctor.storage import check_clock, check_disk, check_storage
from orchestrator.doctor.surroundings import check_sweeps, check_tracking, check_weights
from orchestrator.storage.address import Storage, absolute

__all__ = ["Checked", "Finding", "Node", "examine"]


def examine(storage: Storage, env: Mapping[str, str] = os.environ) -> Node:
    """Examine this machine. Nothing is left behind in the storage folder, and no folder is made.

    Args:
        storage: the storage that a sweep would use; a folder need not exist yet.
        env: may name a tracking server and a folder of weights.

    Raises:
        ValueError: a malformed address of a bucket.
    """
    storage = absolute(storage)
    checks: dict[str, Callable[[], Checked]] = {
        "storage": partial(check_storage, storage),
        "disk": partial(check_disk, storage),
        "clock": partial(check_clock, storage),
        "tracking": partial(check_tracking, storage, env),
        "python": check_python,
        "packages": check_packages,
        "processors": check_processors,
        "memory": check_memory,
        "shared_memory": check_shared_memory,
        "devices": check_devices,
        "weights": partial(check_weights, env),
        "sweeps": partial(check_sweeps, storage),
    }
    return Node(node=socket.gethostname(), checked=tuple(_guarded(kind, check) for kind, check in checks.items()))


def _guarded(kind: str, check: Callable[[], Checked]) -> Checked:
    try:
        return check()
    except Exception as error:  # a sick machine breaks checks in ways of its own; the other checks must still speak
        message = f"The check itself failed with {type(error).__name__}: {error}"
        remedy = "Mend what the message names; if it names nothing, report it as a fault of the program."
        return Checked(findings=(Finding(kind=kind, message=message, remedy=remedy),))
