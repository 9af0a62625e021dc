"""What store and ledger ask of a storage: a folder and a bucket answer alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

from orchestrator.storage.address import Storage


class Lock(Protocol):
    """What one driver of a sweep holds."""

    def acquire(self) -> None:
        """Take it, or raise `SweepLocked` with who holds it."""
        ...

    def release(self) -> None:
        """Let go of it."""
        ...

    def require(self) -> None:
        """Raise `SweepLocked` if it was taken and is lost: its holder must not write any more."""
        ...

    def __enter__(self) -> Lock:
        """Take it."""
        ...

    def __exit__(self, *_: object) -> None:
        """Let go of it."""
        ...


class Place(Protocol):
    """A storage. Names in it are relative, with `/`, and cannot leave it; a pattern has `*` within a part of a name.

    Attributes:
        storage: what names it in any process: an absolute folder or a bucket's address.
        local: folder of this machine for what need not be shared: MLflow's own database, remembered fingerprints.
        remote: whether files are copied to this machine before they are read.
    """

    storage: Storage
    local: Path
    remote: bool

    def where(self, name: str) -> str:
        """The full name, for messages."""
        ...

    def path(self, name: str) -> Path:
        """Where the file lies on this machine, or will lie when it was fetched."""
        ...

    def has(self, name: str) -> bool:
        """Whether there is such a file."""
        ...

    def read(self, name: str) -> str:
        """Its text; FileNotFoundError where there is none."""
        ...

    def read_all(self, pattern: str) -> dict[str, str]:
        """Texts by name, sorted."""
        ...

    def write(self, name: str, text: str) -> None:
        """Give it new content at once: readers see the old or the new."""
        ...

    def create(self, name: str, text: str) -> bool:
        """Create it with its whole content, unless it is there; of several writers exactly one is told True."""
        ...

    def remove(self, name: str, text: str | None = None) -> None:
        """Remove a file, if it is there; with `text` only while that is its content, as far as the storage can say."""
        ...

    def remove_all(self, folder: str) -> None:
        """Remove a folder with everything in it."""
        ...

    def find(self, pattern: str) -> list[str]:
        """Names that match, sorted."""
        ...

    def modified(self, *patterns: str) -> float:
        """When one of the files was last written, seconds since 1970; 0 without any."""
        ...

    def bytes(self, folder: str) -> int:
        """Size of everything in a folder."""
        ...

    def lacking(self, folder: str, sizes: Mapping[str, int]) -> set[str]:
        """Which of the files are absent or have another size."""
        ...

    def fetch(self, folder: str, files: Mapping[str, Mapping[str, Any]]) -> Path:
        """The folder on this machine, with the files in it that exist; content is checked where it is copied.

        Args:
            folder: of a committed attempt.
            files: size (`bytes`) and `sha256` by name.
        """
        ...

    def publish(self, folder: str, names: Sequence[str]) -> None:
        """Make files that were written into `path(folder)` visible to all."""
        ...

    def clear(self, folder: str, keep: str) -> None:
        """Remove the files of a folder but one."""
        ...

    def digest(self, name: str) -> str | None:
        """sha256 of the content as it is stored now; None where there is no such file."""
        ...

    def lock(self, name: str) -> Lock:
        """A lock that a dead holder does not keep."""
        ...

    def holder(self, name: str) -> dict[str, Any] | None:
        """Who holds a lock (`pid`, `host`, `since`), or None."""
        ...

    def turn(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock while something is built that several processes may ask for at once; waits for whoever holds it."""
        ...

    def require_writable(self) -> None:
        """Refuse a storage that cannot be written, before anything is computed."""
        ...
