"""A lock in a bucket: an object that its holder renews, and that others may take over when the renewals have stopped."""

from __future__ import annotations

import json
import os
import secrets
import socket
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from orchestrator.errors import StorageError, SweepLocked
from orchestrator.storage.objects import Got, Objects

LEASE_SECONDS = 60.0
"""How long a lock outlives the last renewal of its holder."""
RENEWED_SECONDS = 10.0
GIVEN_UP = 0.75  # of the lease: its holder stops writing before others may begin


class Lease:
    """A lock that is held by a living process only.

    Every change of the object is a conditional write, so that of several processes exactly one gets it. How long ago it was
    renewed is read from the server's own clock. Of a process of this machine that is dead it is taken over at once.

    Args:
        objects: of the storage.
        name: of the lock's object.
        what: what is locked, for messages.
        lease_seconds: how long it outlives its holder.
        renewed_seconds: how often it is renewed.
    """

    def __init__(
        self,
        objects: Objects,
        name: str,
        what: str,
        *,
        lease_seconds: float = LEASE_SECONDS,
        renewed_seconds: float = RENEWED_SECONDS,
    ) -> None:
        self._objects = objects
        self._name = name
        self._what = what
        self._lease_seconds = lease_seconds
        self._renewed_seconds = renewed_seconds
        self._owner = secrets.token_hex(8)
        self._etag: str | None = None
        self._until = 0.0
        self._lost = ""
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def acquire(self) -> None:
        """Take the lock.

        Raises:
            SweepLocked: a living process holds it; the message names it.
            StorageError: the bucket is in the way.
        """
        holder = self._try()
        if holder is not None:
            since = time.strftime("%H:%M:%S", time.localtime(holder.get("since", 0)))
            raise SweepLocked(
                f"{self._what} is run by process {holder.get('pid', '?')} on {holder.get('host', '?')} since {since}. Wait "
                f"for it, or end it there with: orchestrator stop. If that machine is gone, its lock ends "
                f"{self._lease_seconds:.0f} seconds after its last sign of life."
            )

    def wait(self, poll_seconds: float = 1.0) -> None:
        """Take the lock as soon as nobody else holds it."""
        while self._try() is not None:
            time.sleep(poll_seconds)

    def release(self) -> None:
        """Let go of the lock."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        if self._etag is not None:
            with suppress(StorageError):  # the lease ends by itself
                self._objects.put_over(self._name, self._note(released=True), self._etag)
        self._etag, self._lost = None, ""

    def require(self) -> None:
        """Refuse to go on if the lock was taken and is lost.

        Raises:
            SweepLocked: another process may hold it by now.
        """
        if self._etag is not None and not self._lost and _now() > self._until:
            self._lost = f"the bucket could not be reached for {GIVEN_UP * self._lease_seconds:.0f} seconds"
        if self._lost:
            raise SweepLocked(
                f"{self._what} is not held by this process any more: {self._lost}. It writes nothing from here on. What was "
                "committed stays; start the same command again."
            )

    def __enter__(self) -> Lease:
        self.acquire()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def _try(self) -> dict[str, Any] | None:
        """Take the lock, or say who holds it."""
        while True:
            begun, found = _now(), self._objects.get(self._name)
            holder = living(found)
            if holder is not None:
                return holder
            note = self._note()
            etag = (
                self._objects.put_new(self._name, note)
                if found is None
                else self._objects.put_over(self._name, note, found.etag)
            )
            if etag is not None:
                self._hold(etag, begun)
                return None

    def _hold(self, etag: str, begun: float) -> None:
        self._etag, self._until, self._lost = etag, begun + GIVEN_UP * self._lease_seconds, ""
        self._stop.clear()
        self._thread = threading.Thread(target=self._renew, name=f"lease {self._name}", daemon=True)
        self._thread.start()

    def _renew(self) -> None:
        while not self._stop.wait(self._renewed_seconds):
            begun = _now()
            try:
                etag = self._objects.put_over(self._name, self._note(), str(self._etag))
            except StorageError:
                continue  # `require` refuses when this lasts
            if etag is None:
                self._lost = "another process has taken it"
                return
            self._etag, self._until = etag, begun + GIVEN_UP * self._lease_seconds

    def _note(self, *, released: bool = False) -> bytes:
        """Another text at each renewal, so that the object's ETag is another one."""
        note = {
            **_self(),
            "owner": self._owner,
            "since": time.time(),
            "nonce": secrets.token_hex(8),
            "lease_seconds": self._lease_seconds,
            "released": released,
        }
        return json.dumps(note).encode()


def living(found: Got | None) -> dict[str, Any] | None:
    """Who holds the lock, from the content of its object; None if nobody does."""
    if found is None:
        return None
    try:
        note: dict[str, Any] = json.loads(found.data)
        is_over = note["released"] or found.age_seconds > float(note["lease_seconds"])
    except (ValueError, KeyError, TypeError):
        return None
    return None if is_over or _is_dead(note) else note


def _is_dead(note: dict[str, Any]) -> bool:
    """Whether the holder was a process of this machine that has ended."""
    own = _self()
    if not own["machine"] or own["machine"] != note.get("machine"):
        return False
    return _begun(int(note["pid"])) != note.get("begun")


def _self() -> dict[str, Any]:
    return {"pid": os.getpid(), "host": socket.gethostname(), "machine": _machine(), "begun": _begun(os.getpid())}


def _machine() -> str:
    """This start of this machine and its space of process numbers; empty where the system does not tell."""
    try:
        return f"{Path('/proc/sys/kernel/random/boot_id').read_text().strip()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return ""


def _begun(pid: int) -> str:
    """When a process began, in ticks since the start of the machine; empty if there is no such process."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[-1].split()
    except OSError:
        return ""
    return "" if fields[0] in "ZX" else fields[19]


def _now() -> float:
    """Seconds on a clock that also runs while the machine sleeps."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)
