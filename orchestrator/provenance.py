"""Where a result comes from: versions of the libraries, device, commit. Never part of a key."""

from __future__ import annotations

import functools
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "torchvision", "timm", "laplace-torch", "captum", "ray", "optuna", "mlflow", "numpy")


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that matter for numbers."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


@functools.cache
def git_commit() -> str:
    """Commit of this checkout, with a plus sign behind it when files were changed; empty outside a checkout."""
    folder = Path(__file__).parent
    try:
        commit = _git(folder, "rev-parse", "HEAD")
        return commit + ("+" if _git(folder, "status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def provenance() -> dict[str, Any]:
    """Versions and device for a manifest."""
    import torch

    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
    return {"versions": versions(), "device": device}


def worker(*, threads: int, workers: int = 1, gpus: float = 0.0) -> dict[str, Any]:
    """What a result or an epoch was computed with, for the hours of a report. Never part of a key.

    Args:
        threads: CPU threads of each process.
        workers: processes.
        gpus: share of a GPU that was reserved for each process; 0 for none.

    Returns:
        `device`, `threads`, `workers`, `gpu` (whether a GPU was at hand) and `gpus` (what was reserved of it).
    """
    import torch

    at_hand = torch.cuda.is_available()
    return {
        "device": provenance()["device"],
        "gpu": at_hand,
        "gpus": gpus if at_hand else 0.0,
        "threads": threads,
        "workers": workers,
    }


def cpu_worker(threads: int) -> dict[str, Any]:
    """As `worker`, of work that never looks at a GPU; needs no torch.

    Args:
        threads: that were at work at once.
    """
    return {
        "device": platform.processor() or platform.machine(),
        "gpu": False,
        "gpus": 0.0,
        "threads": threads,
        "workers": 1,
    }


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-C", str(folder), *words]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
