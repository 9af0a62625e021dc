"""The storage behind a name, as every process makes it for itself."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from orchestrator.storage.address import Storage, absolute, bucket_address, cache_folder, endpoint
from orchestrator.storage.local_folder import LocalFolder
from orchestrator.storage.place import Place


def place_of(storage: Storage) -> Place:
    """The storage that a folder or an address names. Nothing is read or written by that.

    Raises:
        ValueError: a malformed address.
    """
    named = absolute(storage)
    if isinstance(named, Path):
        return LocalFolder(named)
    return _bucket(named, cache_folder(bucket_address(named)), endpoint())


@lru_cache(maxsize=8)
def _bucket(address: str, cache: Path, served_by: str) -> Place:
    """One object a bucket and process: it remembers what it has read, and keeps connections open."""
    from orchestrator.storage.bucket import Bucket
    from orchestrator.storage.objects import Objects

    return Bucket(Objects(bucket_address(address), served_by), cache)


os.register_at_fork(after_in_child=_bucket.cache_clear)  # connections are not shared between processes
