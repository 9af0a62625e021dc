"""One writer's files of one artifact, and the commit that makes them the artifact."""

from __future__ import annotations

import json
import os
import secrets
import socket
import time
from collections.abc import Mapping
from typing import Any

from orchestrator.errors import StorageError
from orchestrator.storage.files import describe
from orchestrator.storage.place import Place

MANIFEST = "manifest.json"
STARTED = "started.json"


class Attempt:
    """A folder in which one writer puts the files of one artifact.

    Args:
        place: the storage.
        home: of the artifact, in the storage.
        key: of the artifact.

    Attributes:
        folder: on this machine, for the files.
    """

    def __init__(self, place: Place, home: str, key: str) -> None:
        self.key = key
        self._place = place
        self._home = home
        self.started_at = time.time()
        self.name = f"attempt-{int(self.started_at * 1000):013d}-{secrets.token_hex(4)}"
        self._name = f"{home}/{self.name}"
        self.folder = place.path(self._name)
        try:
            self.folder.mkdir(parents=True)
            started = {"started_at": self.started_at, "host": socket.gethostname(), "pid": os.getpid()}
            (self.folder / STARTED).write_text(json.dumps(started))
        except OSError as error:
            raise StorageError(
                f"{self.folder} cannot be written: {error}. Free the disk or choose --storage."
            ) from error
        place.publish(self._name, [STARTED])

    def commit(self, meta: Mapping[str, Any]) -> bool:
        """Make the files the artifact.

        Returns:
            False if another attempt was committed first; the files of this one are then removed.
        """
        manifest_name = f"{self._home}/{MANIFEST}"
        if self._place.has(manifest_name):
            self.abandon()
            return False
        try:
            files = {path.name: describe(path) for path in sorted(self.folder.iterdir()) if path.name != STARTED}
        except FileNotFoundError:
            if not self._place.has(manifest_name):
                raise
            self.abandon()  # the one that committed a moment ago has cleared this attempt away
            return False
        self._place.publish(self._name, list(files))
        manifest = {
            "key": self.key,
            "attempt": self.name,
            "files": files,
            "meta": dict(meta),
            "started_at": self.started_at,
            "committed_at": time.time(),
        }
        if self._place.create(manifest_name, json.dumps(manifest, allow_nan=False)):
            self._clear_others()
            return True
        self.abandon()
        return False

    def abandon(self) -> None:
        """Remove the files; the note that the attempt was made stays for the audit."""
        self._place.clear(self._name, keep=STARTED)

    def _clear_others(self) -> None:
        """Free the disk of what killed writers have left. One that still lives cannot commit any more."""
        for started in self._place.find(f"{self._home}/attempt-*/{STARTED}"):
            folder = started.rsplit("/", 1)[0]
            if folder != self._name:
                self._place.clear(folder, keep=STARTED)
