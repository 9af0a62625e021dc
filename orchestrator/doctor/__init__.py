"""Whether a sweep can run here: storage, tracking, versions, devices, disk and memory of this machine.

A cluster's nodes become further entries of the same answer.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from functools import partial

from orchestrator.doctor.examination import run_checks
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
    return run_checks(checks)
