"""Prepared data sets in the store: a table of each, over decoded images that several of them share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestrator.storage.store import Store

if TYPE_CHECKING:
    from trainables.data.images import ImageSet


def open_data(store: Store, key: str) -> ImageSet:
    """Open a prepared data set; its images are memory-mapped, one copy for all processes of a machine."""
    from trainables.data.stored import load

    return load(store.folder(key), arrays_folder(store, key))


def arrays_folder(store: Store, key: str) -> Path:
    """Where the decoded images of a data set lie: in an artifact of their own, or beside the table."""
    images = store.manifest(key).meta.get("images")
    return store.folder(images) if images else store.folder(key)


def left_out(store: Store, key: str) -> list[dict[str, Any]]:
    """What is wrong with images that a data set names and that were left out."""
    from trainables.data.stored import left_out as read

    return read(store.folder(key))
