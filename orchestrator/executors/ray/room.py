"""What a trial reserves, and how many trials a machine or a cluster has room for."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestrator.errors import MachineError
from orchestrator.memory import GIGABYTE
from search_spaces.sweep import Resources

CPUS_OF_THE_LISTENER = 0.01
FOR_TRIALS = 0.8
"""Of a machine's memory; the rest is for the driver, post-hoc tasks and the system."""
NEARLY = 1e-6
"""Three thirds are one."""


def resources_of_tune(resources: Resources) -> dict[str, float]:
    """What Tune reserves for a trial. For a group that is next to nothing: Ray Train reserves what its workers ask for."""
    if resources.workers == 1:
        return {"CPU": resources.cpus, "GPU": resources.gpus}
    return {"CPU": CPUS_OF_THE_LISTENER}


def resources_of_try(resources: Resources, config: Mapping[str, Any]) -> Any:
    """What Tune reserves for a trial with the share of a GPU that it has come to."""
    from ray import tune

    asked = resources_of_tune(replace(resources, gpus=config.get("gpus", resources.gpus)))
    return tune.PlacementGroupFactory([{name: count for name, count in asked.items() if count}])


def cpus_of(resources: Resources) -> float:
    """CPUs of a trial with all its workers."""
    return resources.cpus if resources.workers == 1 else resources.workers * resources.cpus + CPUS_OF_THE_LISTENER


def gpus_here(resources: Resources) -> int | None:
    """How many GPUs this machine has; None where nobody asks for one."""
    if not resources.gpus:
        return None
    import torch

    return torch.cuda.device_count()


def room_here(resources: Resources, gpus: int | None) -> int:
    """How many trials this machine has room for at once, one at least.

    Raises:
        MachineError: trials ask for more GPUs than there are.
    """
    rooms = [(os.cpu_count() or 1) // (resources.cpus * resources.workers)]
    if resources.gpus:
        rooms.append(int((gpus or 0) / (resources.gpus * resources.workers) + NEARLY))
        if rooms[-1] < 1:
            raise MachineError(
                f"A trial asks for {resources.gpus * resources.workers:g} GPUs, and this machine has {gpus or 0}. Ask for "
                "less (--set resources/gpus=0 trains on CPUs), or join a cluster that has them (--address)."
            )
    if "memory_gb" in resources.measured and resources.memory_gb:
        bytes_here = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        rooms.append(int(FOR_TRIALS * bytes_here / (resources.memory_gb * GIGABYTE * resources.workers)))
    return max(1, min(rooms))


def room_of(address: str | None, cluster: Mapping[str, float], asked: Resources) -> int:
    """How many trials a cluster has room for at once.

    Raises:
        MachineError: not one.
    """
    by_cpu = int((cluster.get("CPU", 0) - 1) // cpus_of(asked))
    by_gpu = int(cluster.get("GPU", 0) / (asked.gpus * asked.workers) + NEARLY) if asked.gpus else by_cpu
    if min(by_cpu, by_gpu) < 1:
        raise MachineError(
            f"The cluster at {address!r} has {cluster.get('CPU', 0):g} CPUs and {cluster.get('GPU', 0):g} GPUs; "
            f"a trial asks for {cpus_of(asked):g} and {asked.gpus * asked.workers:g}, and one CPU is kept for post-hoc "
            "tasks. Add nodes, or ask for less."
        )
    return min(by_cpu, by_gpu)
