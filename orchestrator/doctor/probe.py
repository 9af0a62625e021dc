"""What a node of a cluster tells about itself: the same checks as on the driver's machine, and what is to be equal on all."""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import Any

from orchestrator.doctor.examination import run_checks
from orchestrator.doctor.findings import Node
from orchestrator.doctor.machine import check_devices, check_memory, check_processors, check_shared_memory
from orchestrator.doctor.packages import check_packages, check_python
from orchestrator.doctor.storage import check_clock, check_disk, check_storage, nearest_folder
from orchestrator.doctor.surroundings import check_weights
from orchestrator.errors import StorageError
from orchestrator.storage.address import Storage, absolute, is_bucket
from orchestrator.storage.places import place_of

PACKAGES = ("orchestrator", "search_spaces", "trainables")
COMPARED = ("ray", "torch", "torchvision", "timm", "numpy", "safetensors")
"""Packages whose versions change numbers, or that must agree to talk to each other."""


@dataclass(frozen=True, kw_only=True)
class Token:
    """A file, or an object of a bucket, with a random content, written by the driver where the storage is.

    Attributes:
        path: of the file, as the driver sees it, or the address of the object; empty if it could not be written.
        content: what every node must read there.
    """

    path: str
    content: str


@contextmanager
def written_token(storage: Storage) -> Iterator[Token]:
    """Write one for the time of an examination; no folder is made for it. Where that fails the storage's check tells why."""
    name, content = f".doctor-token-{secrets.token_hex(4)}", secrets.token_hex(16)
    bucket = place_of(storage) if is_bucket(storage) else None
    path = bucket.where(name) if bucket else str(nearest_folder(Path(storage)) / name)
    token = Token(path=path, content=content)
    try:
        bucket.write(name, content) if bucket else Path(path).write_text(content)
    except (StorageError, OSError):
        token = Token(path="", content="")
    try:
        yield token
    finally:
        with suppress(StorageError, OSError):
            bucket.remove(name) if bucket else Path(path).unlink()


def probe(storage: str, token: Token) -> dict[str, Any]:
    """Examine this node, as JSON values: a `Node` with facts that are compared with those of other nodes."""
    place = absolute(storage)
    node = run_checks(
        {
            "storage": partial(check_storage, place),
            "disk": partial(check_disk, place),
            "local_disk": partial(check_disk, Path(tempfile.gettempdir())),
            "clock": partial(check_clock, place),
            "python": check_python,
            "packages": check_packages,
            "processors": check_processors,
            "memory": check_memory,
            "shared_memory": check_shared_memory,
            "devices": check_devices,
            "weights": partial(check_weights, os.environ),
        }
    )
    told = node.to_plain()
    told["facts"] |= {"token": _read(place, token.path), **identity()}
    return told


def identity() -> dict[str, Any]:
    """What has to be the same everywhere: versions, and the code itself."""
    versions = {}
    for name in COMPARED:
        with suppress(metadata.PackageNotFoundError):
            versions[name] = metadata.version(name)
    return {"versions": versions, "code": code_hash()}


def code_hash(root: Path | None = None) -> str:
    """Hash of every Python file of the three packages; `.pyc` files and data do not count."""
    root = root or Path(__file__).resolve().parents[2]
    whole = hashlib.sha256()
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            whole.update(f"{path.relative_to(root)}\0".encode() + path.read_bytes() + b"\0")
    return whole.hexdigest()[:16]


def clock() -> float:
    """This machine's time."""
    return time.time()


def name_of_this() -> str:
    """The machine's name."""
    return socket.gethostname()


def as_node(plain: dict[str, Any]) -> Node:
    """The node that a probe tells of."""
    from orchestrator.doctor.findings import Checked, Finding

    findings = tuple(Finding(**each) for each in plain["findings"])
    return Node(
        node=plain["node"],
        checked=(Checked(facts=plain["facts"], findings=findings, notes=tuple(plain["notes"])),),
    )


def _read(storage: Storage, path: str) -> str:
    if not path:
        return ""
    try:
        return place_of(storage).read(path.rsplit("/", 1)[-1]) if is_bucket(storage) else Path(path).read_text()
    except (OSError, StorageError):
        return ""
