"""Prepared data sets in the store: a table of each, over decoded images that several of them share."""

from __future__ import annotations

import json
import os
import shutil
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.storage.lock import building
from orchestrator.storage.store import Store
from trainables.spec import SPLITS

if TYPE_CHECKING:
    from trainables.data.images import ImageSet


def open_data(store: Store, key: str) -> ImageSet:
    """Open a prepared data set; its images are memory-mapped, one copy for all processes of a machine."""
    from trainables.data.stored import load

    return load(store.folder(key), arrays_folder(store, key))


def arrays_folder(store: Store, key: str) -> Path:
    """Where the decoded images of a data set lie: in an artifact of their own, or beside the table.

    If `ORCHESTRATOR_CACHE` names a folder of the machine's own, they are copied there once, and every process of the machine
    maps that copy: a storage folder on the network is then read once a machine, not once an epoch. What comes from a bucket
    lies on the machine already.
    """
    images = store.manifest(key).meta.get("images")
    if not images:
        return store.folder(key)
    local = "" if store.remote else os.environ.get("ORCHESTRATOR_CACHE", "")
    return local_copy(store.folder(images), Path(local) / images) if local else store.folder(images)


def local_copy(source: Path, target: Path) -> Path:
    """Copy a folder that never changes to a place where it is faster to read; whole, or not at all, and once."""
    if target.is_dir():
        return target
    with building(target.parent / f"{target.name}.lock"):
        if not target.is_dir():
            half = target.with_name(f"{target.name}.{os.getpid()}.half")
            shutil.copytree(source, half)
            os.replace(half, target)
    return target


def left_out(store: Store, key: str) -> list[dict[str, Any]]:
    """What is wrong with images that a data set names and that were left out."""
    from trainables.data.stored import left_out as read

    return read(store.folder(key))


def counts_text(store: Store, key: str) -> str:
    """A line about a data set: images by split and class, for logs."""
    table = json.loads(store.file(key, "table.json").read_text("utf-8"))
    by_split = table["counts"]["splits"]
    sizes = Counter(table["splits"])
    parts = [
        f"{split} {sizes[split]} ({', '.join(f'{name} {count}' for name, count in by_split[split].items())})"
        for split in SPLITS
        if sizes[split]
    ]
    return f"{key}: {'; '.join(parts)}"
