"""Local weight files: found by name in a folder, known by content. Nothing is downloaded."""

from __future__ import annotations

import hashlib
from pathlib import Path


def weights_file(name: str, folder: Path | None) -> Path:
    """Find a weight file by its name in the weights folder.

    Raises:
        ValueError: no folder was named, the name leaves it, or the file is not there.
    """
    if folder is None:
        raise ValueError(
            f"model/weights is {name!r}, and no folder of weights is known. Put the file into a folder and name the folder "
            "in the environment variable ORCHESTRATOR_WEIGHTS."
        )
    path = folder / name
    if Path(name).name != name or not path.is_file():
        raise ValueError(
            f"model/weights is {name!r}, and {folder} holds no such file. Copy it there (no network is used)."
        )
    return path


def weights_fingerprint(name: str, folder: Path | None) -> str:
    """Content hash of a weight file: an input of the network's key."""
    with weights_file(name, folder).open("rb") as file:
        return "weights-" + hashlib.file_digest(file, "sha256").hexdigest()[:16]
