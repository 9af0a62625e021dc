"""Artifacts by key: written in a folder of the attempt's own, committed by a manifest that only one attempt can create.

An artifact without a manifest does not exist. The manifest names the attempt that holds the files; it is created by a
link that fails when there is one already, so that of two writers of one key exactly one commits, and a writer that was
given up long ago cannot replace what others have read. Nothing is ever renamed over something else.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError

MANIFEST = "manifest.json"
STARTED = "started.json"
THINNED = "thinned.txt"


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


class Attempt:
    """A folder in which one writer puts the files of one artifact."""

    def __init__(self, home: Path, key: str) -> None:
        self.key = key
        self._home = home
        self.started_at = time.time()
        self.name = f"attempt-{int(self.started_at * 1000):013d}-{secrets.token_hex(4)}"
        self.folder = home / self.name
        try:
            self.folder.mkdir(parents=True)
            started = {"started_at": self.started_at, "host": socket.gethostname(), "pid": os.getpid()}
            (self.folder / STARTED).write_text(json.dumps(started))
        except OSError as error:
            raise StorageError(
                f"{self.folder} cannot be written: {error}. Free the disk or choose --storage."
            ) from error

    def commit(self, meta: Mapping[str, Any]) -> bool:
        """Make the files the artifact.

        Returns:
            False if another attempt was committed first; the files of this one are then removed.
        """
        if (self._home / MANIFEST).exists():
            self.abandon()
            return False
        try:
            files = {path.name: _describe(path) for path in sorted(self.folder.iterdir()) if path.name != STARTED}
        except FileNotFoundError:
            if not (self._home / MANIFEST).exists():
                raise
            self.abandon()  # the one that committed a moment ago has cleared this attempt away
            return False
        manifest = {
            "key": self.key,
            "attempt": self.name,
            "files": files,
            "meta": dict(meta),
            "started_at": self.started_at,
            "committed_at": time.time(),
        }
        if write_once(self._home / MANIFEST, json.dumps(manifest, allow_nan=False)):
            self._clear_others()
            return True
        self.abandon()
        return False

    def abandon(self) -> None:
        """Remove the files; the note that the attempt was made stays for the audit."""
        _clear(self.folder)

    def _clear_others(self) -> None:
        """Free the disk of what killed writers have left. One that still lives cannot commit any more."""
        for folder in self._home.glob("attempt-*"):
            if folder != self.folder:
                _clear(folder)


class Store:
    """Artifacts in a folder that every worker sees under the same path.

    Args:
        root: the storage folder; artifacts live in `root/artifacts`.
    """

    def __init__(self, root: Path | str) -> None:
        self.root = Path(root).absolute()
        self._artifacts = self.root / "artifacts"

    def begin(self, key: str) -> Attempt:
        """Start writing an artifact. A manifest whose files are gone or cut short is taken back for that."""
        manifest = self._home(key) / MANIFEST
        if manifest.is_file() and not self.exists(key):
            manifest.unlink(missing_ok=True)
        return Attempt(self._home(key), key)

    def exists(self, key: str) -> bool:
        """Whether the artifact is committed and its files are all there in full length."""
        try:
            manifest = self.manifest(key)
        except MissingArtifact:
            return False
        folder = self._home(key) / manifest.attempt
        thinned = _read_lines(folder / THINNED)
        return all(name in thinned or _size(folder / name) == entry["bytes"] for name, entry in manifest.files.items())

    def manifest(self, key: str) -> Manifest:
        """Read what is committed under a key.

        Raises:
            MissingArtifact: nothing is.
        """
        try:
            plain = json.loads((self._home(key) / MANIFEST).read_text())
            return Manifest(**plain)
        except (FileNotFoundError, NotADirectoryError):
            raise MissingArtifact(f"{key} is not in {self.root}. It was not computed yet, or deleted.") from None
        except (OSError, ValueError, TypeError) as error:
            raise StorageError(
                f"{self._home(key) / MANIFEST} cannot be read: {error}. Delete that file to have {key} computed again."
            ) from error

    def folder(self, key: str) -> Path:
        """Folder with the files of a committed artifact."""
        return self._home(key) / self.manifest(key).attempt

    def steps(self, key: str) -> list[str]:
        """Keys of the committed steps of a chain, in order."""
        home = self._home(key)
        names = sorted(path.parent.name for path in home.glob(f"*/{MANIFEST}")) if home.is_dir() else []
        return [f"{key}/{name}" for name in names]

    def thin(self, key: str, names: tuple[str, ...]) -> None:
        """Drop files of a committed artifact that nobody needs any more; its manifest stays."""
        folder = self.folder(key)
        replace(folder / THINNED, "\n".join(sorted({*_read_lines(folder / THINNED), *names})))
        for name in names:
            (folder / name).unlink(missing_ok=True)

    def keys(self, kind: str) -> list[str]:
        """Keys of a kind that are committed."""
        home = self._artifacts / kind
        return sorted(path.parent.name for path in home.glob(f"*/{MANIFEST}")) if home.is_dir() else []

    def attempts(self, key: str) -> Iterator[tuple[str, float]]:
        """Name and start of every attempt at a key, committed or not."""
        for path in sorted(self._home(key).glob(f"attempt-*/{STARTED}")):
            try:
                yield path.parent.name, float(json.loads(path.read_text())["started_at"])
            except (OSError, ValueError, KeyError):
                continue  # killed while writing the note: it had not begun

    def delete(self, key: str) -> None:
        """Remove an artifact: first its manifest, so that it is gone before its files are."""
        home = self._home(key)
        (home / MANIFEST).unlink(missing_ok=True)
        shutil.rmtree(home, ignore_errors=True)

    def size(self, key: str) -> int:
        """Bytes on disk of everything under a key, attempts that came to nothing included."""
        return sum(path.stat().st_size for path in self._home(key).rglob("*") if path.is_file())

    def damaged(self, key: str) -> list[str]:
        """Names of the files whose content is not what the manifest says."""
        manifest = self.manifest(key)
        folder = self._home(key) / manifest.attempt
        present = {name: entry for name, entry in manifest.files.items() if (folder / name).exists()}
        return [name for name, entry in present.items() if _describe(folder / name)["sha256"] != entry["sha256"]]

    def _home(self, key: str) -> Path:
        if ".." in key or key.startswith("/"):
            raise ValueError(f"{key!r} is no key: it would leave the store.")
        return self._artifacts / key.split("-", 1)[0] / key


def require_folder(storage: Path) -> None:
    """Refuse a storage that is the address of an object store.

    Raises:
        ValueError: with the way out.
    """
    if ":/" in str(storage):
        raise ValueError(
            f"--storage {storage}: only folders are supported, on this machine or on a file system that every node mounts "
            "(NFS, EFS). Name such a folder."
        )


def require_writable(storage: Path) -> None:
    """Refuse a storage folder that cannot be written, before anything is computed.

    Raises:
        StorageError: with the reason.
    """
    probe = storage / f".writable-{secrets.token_hex(4)}"
    try:
        storage.mkdir(parents=True, exist_ok=True)
        probe.write_text("")
        probe.unlink()
    except OSError as error:
        raise StorageError(
            f"The storage folder {storage} cannot be written: {error.strerror or error}. Name another one with --storage."
        ) from None


def write_once(path: Path, text: str) -> bool:
    """Create a file with its whole content, or leave the one that is there.

    Returns:
        Whether this call created it.
    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with draft.open("w") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.link(draft, path)
    except FileExistsError:
        return False
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}. Free the disk or choose --storage.") from error
    finally:
        draft.unlink(missing_ok=True)
    return True


def replace(path: Path, text: str) -> None:
    """Give a file new content at once: readers see the old or the new, never a part."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text)
        draft.replace(path)
    except OSError as error:
        raise StorageError(f"{path} cannot be written: {error}. Free the disk or choose --storage.") from error
    finally:
        draft.unlink(missing_ok=True)


def _clear(attempt: Path) -> None:
    """Remove the files of an attempt that came to nothing, all but the note that it was made."""
    for path in attempt.iterdir():
        if path.name != STARTED:
            path.unlink(missing_ok=True)


def _read_lines(path: Path) -> set[str]:
    try:
        return set(path.read_text().split("\n"))
    except FileNotFoundError:
        return set()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def _describe(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"bytes": path.stat().st_size, "sha256": digest}
