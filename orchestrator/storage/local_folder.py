"""A storage folder that every worker sees under the same path."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError
from orchestrator.storage.address import Storage, checked
from orchestrator.storage.files import describe, replace, size_of, write_once
from orchestrator.storage.lock import SweepLock, building, holder_of


class LocalFolder:
    """See `Place`. Files are where they are read: nothing is copied, and nothing beyond what is asked is looked at.

    Args:
        root: the folder.
    """

    remote = False

    def __init__(self, root: Path) -> None:
        self.storage: Storage = root
        self.local = root

    def where(self, name: str) -> str:
        """See `Place.where`."""
        return f"{self.local}/{name}"

    def path(self, name: str) -> Path:
        """See `Place.path`."""
        return self.local / checked(name)

    def has(self, name: str) -> bool:
        """See `Place.has`."""
        return self.path(name).is_file()

    def read(self, name: str) -> str:
        """See `Place.read`."""
        return self.path(name).read_text()

    def read_all(self, pattern: str) -> dict[str, str]:
        """See `Place.read_all`."""
        return {name: self.read(name) for name in self.find(pattern)}

    def write(self, name: str, text: str) -> None:
        """See `Place.write`."""
        replace(self.path(name), text)

    def create(self, name: str, text: str) -> bool:
        """See `Place.create`: a link, which fails where there is a file."""
        return write_once(self.path(name), text)

    def remove(self, name: str, text: str | None = None) -> None:
        """See `Place.remove`; a folder cannot compare and remove at once."""
        self.path(name).unlink(missing_ok=True)

    def remove_all(self, folder: str) -> None:
        """See `Place.remove_all`."""
        shutil.rmtree(self.path(folder), ignore_errors=True)

    def find(self, pattern: str) -> list[str]:
        """See `Place.find`."""
        skipped = len(str(self.local)) + 1
        return sorted(str(path)[skipped:] for path in self.local.glob(checked(pattern)))

    def modified(self, *patterns: str) -> float:
        """See `Place.modified`."""
        paths = (path for pattern in patterns for path in self.local.glob(checked(pattern)))
        return max((path.stat().st_mtime for path in paths), default=0.0)

    def bytes(self, folder: str) -> int:
        """See `Place.bytes`."""
        return sum(path.stat().st_size for path in self.path(folder).rglob("*") if path.is_file())

    def lacking(self, folder: str, sizes: Mapping[str, int]) -> set[str]:
        """See `Place.lacking`."""
        home = str(self.path(folder))
        return {name for name, size in sizes.items() if size_of(f"{home}/{name}") != size}

    def fetch(self, folder: str, files: Mapping[str, Mapping[str, Any]]) -> Path:
        """See `Place.fetch`: everything is here."""
        return self.path(folder)

    def publish(self, folder: str, names: Sequence[str]) -> None:
        """See `Place.publish`: whoever mounts the folder sees them."""

    def clear(self, folder: str, keep: str) -> None:
        """See `Place.clear`."""
        for path in self.path(folder).iterdir():
            if path.name != keep:
                path.unlink(missing_ok=True)

    def digest(self, name: str) -> str | None:
        """See `Place.digest`."""
        path = self.path(name)
        return str(describe(path)["sha256"]) if path.exists() else None

    def lock(self, name: str) -> SweepLock:
        """See `Place.lock`: the kernel lets go of it when its holder dies."""
        return SweepLock(self.path(name))

    def holder(self, name: str) -> dict[str, Any] | None:
        """See `Place.holder`."""
        return holder_of(self.path(name))

    def turn(self, name: str) -> AbstractContextManager[None]:
        """See `Place.turn`."""
        return building(self.path(f"cache/building/{name}"))

    def require_writable(self) -> None:
        """See `Place.require_writable`.

        Raises:
            StorageError: with the reason.
        """
        probe = self.local / f".writable-{secrets.token_hex(4)}"
        try:
            self.local.mkdir(parents=True, exist_ok=True)
            probe.write_text("")
            probe.unlink()
        except OSError as error:
            raise StorageError(
                f"The storage folder {self.local} cannot be written: {error.strerror or error}. Name another one with "
                "--storage."
            ) from None
