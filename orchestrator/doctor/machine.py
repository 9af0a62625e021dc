"""Processors, memory and accelerators of this machine."""

from __future__ import annotations

import os
import shutil
from importlib import metadata
from pathlib import Path
from typing import Any

from orchestrator.doctor.findings import Checked, Finding, gigabytes

LEAST_MEMORY_BYTES = 4e9
LEAST_SHARED_BYTES = 256e6
SHARED_MEMORY = Path("/dev/shm")
CONTROL_GROUP = Path("/sys/fs/cgroup")


def check_processors() -> Checked:
    """How many processors this process may use; a container may lend it fewer than there are."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return Checked(facts={"cpus": usable, "cpus_of_machine": os.cpu_count() or 1})


def check_memory(control_group: Path = CONTROL_GROUP) -> Checked:
    """Memory that is free now, within what a container may use."""
    import psutil

    memory = psutil.virtual_memory()
    free = min(int(memory.available), _free_in(control_group))
    facts = {"memory_bytes": int(memory.total), "memory_free_bytes": free}
    if free >= LEAST_MEMORY_BYTES:
        return Checked(facts=facts)
    message = f"{gigabytes(free)} of memory are free; Ray and one trial want {gigabytes(LEAST_MEMORY_BYTES)} at least."
    remedy = "End other programs, give the container more memory, or run fewer trials at once (--concurrent 1)."
    return Checked(facts=facts, findings=(Finding(kind="memory", message=message, remedy=remedy),))


def check_shared_memory(place: Path = SHARED_MEMORY) -> Checked:
    """Room for Ray's object store, which Ray otherwise puts on the disk."""
    if not place.is_dir():
        return Checked(notes=(f"There is no {place}; Ray keeps its objects in /tmp, which is slower.",))
    free = shutil.disk_usage(place).free
    facts = {"shared_memory_free_bytes": free}
    if free >= LEAST_SHARED_BYTES:
        return Checked(facts=facts)
    message = f"{place} has {gigabytes(free)} left, so that Ray keeps its objects in /tmp, which is slower."
    remedy = "Start the container with --shm-size=2g, or remove what lies there."
    return Checked(facts=facts, findings=(Finding(kind="shared_memory", message=message, remedy=remedy),))


def check_devices() -> Checked:
    """The GPUs that torch can use. Torch is imported only where the machine has one."""
    if not _has_nvidia():
        return Checked(facts={"gpus": []}, notes=("No NVIDIA GPU is here; trials run on the processor.",))
    import torch

    if not torch.cuda.is_available():
        built = torch.version.cuda or "no CUDA"
        message = (
            f"The machine has an NVIDIA GPU, and torch {metadata.version('torch')} (built for {built}) cannot use it."
        )
        remedy = "Install a torch built for the driver's CUDA (see `nvidia-smi`), and check CUDA_VISIBLE_DEVICES."
        return Checked(facts={"gpus": []}, findings=(Finding(kind="device", message=message, remedy=remedy),))
    found = [_examined(torch, number) for number in range(torch.cuda.device_count())]
    return Checked(
        facts={"gpus": [facts for facts, _ in found]}, findings=tuple(finding for _, finding in found if finding)
    )


def _examined(torch: Any, number: int) -> tuple[dict[str, Any], Finding | None]:
    """Facts of a device, on which something is really computed."""
    facts: dict[str, Any] = {"device": f"cuda:{number}", "name": torch.cuda.get_device_name(number)}
    try:
        free, total = torch.cuda.mem_get_info(number)
        facts |= {"memory_bytes": total, "memory_free_bytes": free}
        ones = torch.ones(64, 64, device=f"cuda:{number}")
        computed = float((ones @ ones).sum())
    except RuntimeError as error:
        return facts, _unusable(facts, str(error).splitlines()[0])
    wrong = computed != 64.0**3
    return facts, _unusable(facts, f"a product of ones gave {computed:g}") if wrong else None


def _unusable(facts: dict[str, Any], why: str) -> Finding:
    message = f"{facts['device']} ({facts['name']}) does not compute: {why}"
    remedy = "See `nvidia-smi` for who uses it; leave it out with CUDA_VISIBLE_DEVICES."
    return Finding(kind="device", message=message, remedy=remedy)


def _has_nvidia() -> bool:
    return Path("/proc/driver/nvidia").exists() or Path("/dev/nvidiactl").exists() or bool(shutil.which("nvidia-smi"))


def _free_in(control_group: Path) -> int:
    """Bytes that the container may still take; a very large number where nothing limits it."""
    try:
        limit = (control_group / "memory.max").read_text().strip()
        used = int((control_group / "memory.current").read_text())
        cached = dict(line.split() for line in (control_group / "memory.stat").read_text().splitlines())
    except (OSError, ValueError):
        return 2**62
    return 2**62 if limit == "max" else int(limit) - used + int(cached.get("inactive_file", 0))
