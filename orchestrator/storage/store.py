"""Artifacts by key: written in a folder of the attempt's own, committed by a manifest that only one attempt can create.

An artifact without a manifest does not exist. The manifest names the attempt that holds the files; it is created in a
way that fails when there is one already (a link in a folder, a conditional write in a bucket), so that of two writers of
one key exactly one commits, and a writer that was given up long ago cannot replace what others have read. Nothing is ever
renamed over something else.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError
from orchestrator.storage.address import Storage, is_plain
from orchestrator.storage.attempt import MANIFEST, STARTED, Attempt
from orchestrator.storage.places import place_of
from orchestrator.storage.stray import Stray

THINNED = "thinned.txt"
LOOKED_UP_AT_ONCE = 16


class MissingArtifact(StorageError):
    """Nothing is committed under a key."""


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a committed artifact is.

    Attributes:
        key: its key; a step of a chain is `key/step`.
        attempt: name of the folder that holds the files.
        files: name to size in bytes and sha256.
        meta: what the writer said about it: metrics, seconds, versions, device.
        started_at, committed_at: seconds since 1970 on the writer's clock.
    """

    key: str
    attempt: str
    files: Mapping[str, Mapping[str, Any]]
    meta: Mapping[str, Any]
    started_at: float
    committed_at: float


class Store:
    """Artifacts in a folder that every worker sees under the same path, or in a bucket.

    Args:
        storage: the storage folder or the bucket's address; artifacts live in `artifacts` below it.

    Attributes:
        root: names the storage in any process.
        local: folder of this machine for what need not be shared.
        remote: whether files are copied to this machine before they are read.
    """

    def __init__(self, storage: Storage) -> None:
        self._place = place_of(storage)
        self.root = self._place.storage
        self.local = self._place.local
        self.remote = self._place.remote
        self._dropped: dict[str, set[str]] = {}
        self._manifests: dict[str, Manifest] = {}  # of a bucket: each is a call away, and does not change

    def begin(self, key: str) -> Attempt:
        """Start writing an artifact. A manifest whose files are gone or cut short is taken back for that."""
        home = self._home(key)
        self._manifests.pop(key, None)
        try:
            text = self._place.read(f"{home}/{MANIFEST}")
        except OSError:
            return Attempt(self._place, home, key)
        if not self.exists(key):
            self._place.remove(f"{home}/{MANIFEST}", text)
        return Attempt(self._place, home, key)

    def exists(self, key: str) -> bool:
        """Whether the artifact is committed and its files are all there in full length."""
        was_known = key in self._manifests
        if self._is_whole(key):
            return True
        # it may have been made again since it was read here
        return was_known and self._manifests.pop(key, None) is not None and self._is_whole(key)

    def _is_whole(self, key: str) -> bool:
        try:
            manifest = self.manifest(key)
        except MissingArtifact:
            return False
        folder = f"{self._home(key)}/{manifest.attempt}"
        lacking = self._place.lacking(folder, {name: entry["bytes"] for name, entry in manifest.files.items()})
        return not lacking or lacking <= self._thinned(folder)

    def present(self, keys: Iterable[str]) -> set[str]:
        """Those of the keys that exist; a bucket is asked for several at once."""
        wanted = list(keys)
        if not self.remote:
            return {key for key in wanted if self.exists(key)}
        from concurrent.futures import ThreadPoolExecutor

        with ThreadPoolExecutor(LOOKED_UP_AT_ONCE) as pool:
            return {key for key, there in zip(wanted, pool.map(self.exists, wanted), strict=True) if there}

    def manifest(self, key: str) -> Manifest:
        """Read what is committed under a key.

        Raises:
            MissingArtifact: nothing is.
        """
        if (known := self._manifests.get(key)) is not None:
            return known
        if not key:
            raise MissingArtifact("An artifact without a key is nowhere: what names it was not computed yet.")
        name = f"{self._home(key)}/{MANIFEST}"
        try:
            found = _checked(Manifest(**json.loads(self._place.read(name))))
        except (FileNotFoundError, NotADirectoryError):
            raise MissingArtifact(f"{key} is not in {self.root}. It was not computed yet, or deleted.") from None
        except (OSError, ValueError, TypeError) as error:
            raise StorageError(
                f"{self._place.where(name)} cannot be read: {error}. Delete that file to have {key} computed again."
            ) from error
        if self.remote:
            self._manifests[key] = found
        return found

    def folder(self, key: str) -> Path:
        """Folder on this machine with the files of a committed artifact."""
        manifest = self.manifest(key)
        return self._place.fetch(f"{self._home(key)}/{manifest.attempt}", manifest.files)

    def file(self, key: str, name: str) -> Path:
        """One file of a committed artifact, on this machine; of a bucket nothing else is copied for it."""
        manifest = self.manifest(key)
        wanted = {name: manifest.files[name]} if name in manifest.files else {}
        return self._place.fetch(f"{self._home(key)}/{manifest.attempt}", wanted) / name

    def where(self, key: str) -> str:
        """Where the files of a committed artifact lie, for people."""
        return self._place.where(f"{self._home(key)}/{self.manifest(key).attempt}")

    def steps(self, key: str) -> list[str]:
        """Keys of the committed steps of a chain, in order."""
        return [f"{key}/{_folder_of(name)}" for name in self._place.find(f"{self._home(key)}/*/{MANIFEST}")]

    def thin(self, key: str, names: tuple[str, ...]) -> None:
        """Drop files of a committed artifact that nobody needs any more; its manifest stays."""
        if self._dropped.get(key, set()).issuperset(names):
            return
        folder = f"{self._home(key)}/{self.manifest(key).attempt}"
        dropped = {*self._thinned(folder), *names}
        self._place.write(f"{folder}/{THINNED}", "\n".join(sorted(dropped)))
        for name in names:
            self._place.remove(f"{folder}/{name}")
        self._dropped[key] = dropped

    def thinned(self, key: str) -> set[str]:
        """Names of the files of a committed artifact that were dropped."""
        return self._thinned(f"{self._home(key)}/{self.manifest(key).attempt}")

    def keys(self, kind: str) -> list[str]:
        """Keys of a kind that are committed."""
        return [_folder_of(name) for name in self._place.find(f"artifacts/{kind}/*/{MANIFEST}")]

    def attempts(self, key: str) -> Iterator[tuple[str, float]]:
        """Name and start of every attempt at a key, committed or not."""
        for name, text in self._place.read_all(f"{self._home(key)}/attempt-*/{STARTED}").items():
            try:
                yield _folder_of(name), float(json.loads(text)["started_at"])
            except (ValueError, KeyError):
                continue  # killed while writing the note: it had not begun

    def all_keys(self) -> list[str]:
        """Keys of everything that lies there: artifacts, chains, and what was begun and not committed."""
        patterns = (f"*/*/{MANIFEST}", f"*/*/*/{MANIFEST}", f"*/*/attempt-*/{STARTED}", f"*/*/*/attempt-*/{STARTED}")
        found = (name for pattern in patterns for name in self._place.find(f"artifacts/{pattern}"))
        return sorted({name.split("/")[2] for name in found})

    def strays(self, key: str) -> Iterator[Stray]:
        """Attempts at a key, or at the steps of a chain, that hold files and are not the artifact."""
        home = self._home(key)
        for pattern in (f"attempt-*/{STARTED}", f"*/attempt-*/{STARTED}"):
            for name, text in self._place.read_all(f"{home}/{pattern}").items():
                folder = name.rsplit("/", 1)[0]
                of, attempt = folder.split("/", 2)[2].rsplit("/", 1)
                held = self._place.bytes(folder) - len(text.encode())
                if held > 0 and not self._is_committed(of, attempt):
                    yield Stray.of(of, attempt, held, text)

    def clear_stray(self, stray: Stray) -> None:
        """Remove the files of an attempt that came to nothing; the note that it was made stays for the audit."""
        if not self._is_committed(stray.key, stray.attempt):
            self._place.clear(f"{self._home(stray.key)}/{stray.attempt}", keep=STARTED)

    def _is_committed(self, key: str, attempt: str) -> bool:
        self._manifests.pop(key, None)
        try:
            return self.manifest(key).attempt == attempt
        except MissingArtifact:
            return False

    def delete(self, key: str) -> None:
        """Remove an artifact: first its manifest, so that it is gone before its files are."""
        home = self._home(key)
        self._manifests.pop(key, None)
        self._place.remove(f"{home}/{MANIFEST}")
        self._place.remove_all(home)

    def size(self, key: str) -> int:
        """Bytes in the storage of everything under a key, attempts that came to nothing included."""
        return self._place.bytes(self._home(key))

    def damaged(self, key: str) -> list[str]:
        """Names of the files whose content is not what the manifest says."""
        manifest = self.manifest(key)
        folder = f"{self._home(key)}/{manifest.attempt}"
        found = {name: self._place.digest(f"{folder}/{name}") for name in manifest.files}
        return [name for name, digest in found.items() if digest not in (None, manifest.files[name]["sha256"])]

    def turn(self, name: str) -> AbstractContextManager[None]:
        """Hold a lock while an artifact is built that several processes may ask for at once."""
        return self._place.turn(name)

    def _home(self, key: str) -> str:
        if ".." in key or not is_plain(key):
            raise ValueError(f"{key!r} is no key: it would leave the store.")
        return f"artifacts/{key.split('-', 1)[0]}/{key}"

    def _thinned(self, folder: str) -> set[str]:
        try:
            return set(self._place.read(f"{folder}/{THINNED}").split("\n"))
        except FileNotFoundError:
            return set()


def _checked(manifest: Manifest) -> Manifest:
    """Refuse names that would lead out of the attempt's folder: the file may have been written by anybody."""
    for name in (manifest.attempt, *manifest.files):
        if "/" in name or "\\" in name or name in ("", ".", ".."):
            raise ValueError(f"it names the file {name!r}, which would leave the store")
    return manifest


def _folder_of(name: str) -> str:
    """`epoch-0001` of `.../epoch-0001/manifest.json`."""
    return name.rsplit("/", 2)[-2]
