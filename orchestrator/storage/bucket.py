"""A prefix of an S3 bucket as a storage: the bucket is the truth, and each machine has a folder with copies of it."""

from __future__ import annotations

import re
import secrets
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

from orchestrator.errors import StorageError
from orchestrator.storage.address import Storage, checked
from orchestrator.storage.copies import copy_file
from orchestrator.storage.files import size_of
from orchestrator.storage.lease import Lease, living
from orchestrator.storage.lock import building
from orchestrator.storage.objects import Listed, Objects

AT_ONCE = 16

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class Bucket:
    """See `Place`. What is in an attempt's folder never changes once it is committed, so that a copy stays true.

    Args:
        objects: of the bucket.
        cache: folder of the copies on this machine; it may be deleted while nothing runs.
    """

    remote = True

    def __init__(self, objects: Objects, cache: Path) -> None:
        self.storage: Storage = objects.address
        self.local = cache
        self._objects = objects
        self._texts: dict[str, tuple[str, str]] = {}  # ETag and text of small objects that were read

    def where(self, name: str) -> str:
        """See `Place.where`."""
        return f"{self._objects.address}/{name}"

    def path(self, name: str) -> Path:
        """See `Place.path`."""
        return self.local / checked(name)

    def has(self, name: str) -> bool:
        """See `Place.has`."""
        return self._objects.has(checked(name))

    def read(self, name: str) -> str:
        """See `Place.read`."""
        found = self._objects.get(checked(name))
        if found is None:
            raise FileNotFoundError(self.where(name))
        return found.data.decode()

    def read_all(self, pattern: str) -> dict[str, str]:
        """See `Place.read_all`: only what has changed since it was read here is read again."""
        listed = list(self._listed(pattern))
        stale = [each for each in listed if self._texts.get(each.name, ("", ""))[0] != each.etag]
        for each, found in zip(stale, at_once(lambda each: self._objects.get(each.name), stale), strict=True):
            if found is not None:
                self._texts[each.name] = found.etag, found.data.decode()
        return {each.name: self._texts[each.name][1] for each in listed if each.name in self._texts}

    def write(self, name: str, text: str) -> None:
        """See `Place.write`: S3 replaces an object as a whole."""
        self._texts[name] = self._objects.put(checked(name), text.encode()), text

    def create(self, name: str, text: str) -> bool:
        """See `Place.create`: a conditional write."""
        return self._objects.put_new(checked(name), text.encode()) is not None

    def remove(self, name: str, text: str | None = None) -> None:
        """See `Place.remove`."""
        self._texts.pop(name, None)
        if text is None:
            self._objects.delete([checked(name)])
        else:
            found = self._objects.get(checked(name))
            if found is not None and found.data.decode() == text:
                self._objects.delete_if(name, found.etag)
        self.path(name).unlink(missing_ok=True)

    def remove_all(self, folder: str) -> None:
        """See `Place.remove_all`."""
        self._objects.delete(each.name for each in self._objects.listed(f"{checked(folder)}/"))
        shutil.rmtree(self.path(folder), ignore_errors=True)

    def find(self, pattern: str) -> list[str]:
        """See `Place.find`."""
        return [each.name for each in self._listed(pattern)]

    def modified(self, *patterns: str) -> float:
        """See `Place.modified`."""
        return max((each.modified for pattern in patterns for each in self._listed(pattern)), default=0.0)

    def bytes(self, folder: str) -> int:
        """See `Place.bytes`."""
        return sum(each.bytes for each in self._objects.listed(f"{checked(folder)}/"))

    def lacking(self, folder: str, sizes: Mapping[str, int]) -> set[str]:
        """See `Place.lacking`."""
        there = {each.name: each.bytes for each in self._objects.listed(f"{checked(folder)}/")}
        return {name for name, size in sizes.items() if there.get(f"{folder}/{name}") != size}

    def fetch(self, folder: str, files: Mapping[str, Mapping[str, Any]]) -> Path:
        """See `Place.fetch`.

        Raises:
            StorageError: the content of an object is not what was committed.
        """
        home = self.path(folder)
        if missing := [name for name, entry in files.items() if size_of(home / checked(name)) != entry["bytes"]]:
            with building(self.local / "cache" / "copying" / folder.replace("/", "_")):
                at_once(lambda name: copy_file(self._objects, f"{folder}/{name}", home / name, files[name]), missing)
        return home

    def publish(self, folder: str, names: Sequence[str]) -> None:
        """See `Place.publish`."""
        home = self.path(folder)
        at_once(lambda name: self._objects.upload(home / name, f"{folder}/{checked(name)}"), names)

    def clear(self, folder: str, keep: str) -> None:
        """See `Place.clear`."""
        kept = f"{checked(folder)}/{keep}"
        self._objects.delete(each.name for each in self._objects.listed(f"{folder}/") if each.name != kept)
        for path in self.path(folder).glob("*"):
            path.unlink(missing_ok=True)

    def digest(self, name: str) -> str | None:
        """See `Place.digest`."""
        return self._objects.digest(checked(name))

    def lock(self, name: str) -> Lease:
        """See `Place.lock`."""
        return Lease(self._objects, checked(name), f"The sweep in {self.where(name).rsplit('/', 1)[0]}")

    def holder(self, name: str) -> dict[str, Any] | None:
        """See `Place.holder`."""
        return living(self._objects.get(checked(name)))

    @contextmanager
    def turn(self, name: str) -> Iterator[None]:
        """See `Place.turn`: among the processes of this machine first, then among machines."""
        with building(self.path(f"cache/building/{name}")):
            lease = Lease(self._objects, f"cache/building/{name}", name)
            lease.wait()
            try:
                yield
            finally:
                lease.release()

    def require_writable(self) -> None:
        """See `Place.require_writable`; also refuses a server that lets a second writer replace the first one's object.

        Raises:
            StorageError: with the reason and the remedy.
        """
        probe = f".writable-{secrets.token_hex(4)}"
        first, second = (self._objects.put_new(probe, text) for text in (b"first", b"second"))
        self._objects.delete([probe])
        if first is None or second is not None:
            raise StorageError(
                f"{self.storage}: the S3 server ignores If-None-Match, so that one result could overwrite another. Use one "
                "that knows conditional writes, as Amazon's does."
            )
        try:
            self.local.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StorageError(
                f"The folder for copies {self.local} cannot be made: {error.strerror or error}. Name another one in "
                "ORCHESTRATOR_CACHE."
            ) from None

    def _listed(self, pattern: str) -> Iterator[Listed]:
        parts = checked(pattern).split("*")
        wanted = re.compile("[^/]*".join(map(re.escape, parts)))
        return (each for each in self._objects.listed(parts[0]) if wanted.fullmatch(each.name))


def at_once(call: Callable[[Item], Answer], items: Sequence[Item]) -> list[Answer]:
    """The answers in order; several calls wait for the network together."""
    if len(items) < 2:
        return [call(item) for item in items]
    with ThreadPoolExecutor(min(AT_ONCE, len(items))) as pool:
        return list(pool.map(call, items))
