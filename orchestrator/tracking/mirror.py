"""Brings the tracking server to what the ledger and the store say. The ledger is the journal: nothing else is kept."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from orchestrator.errors import TrackingError
from orchestrator.storage.files import replace
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store
from orchestrator.tracking.protocol import DIGEST_TAG, RunUpdate, Tracker
from orchestrator.tracking.sweep_runs import SweepRuns

OpenTracker = Callable[[], Tracker]

MARKER = "tracking-pending"
ARRIVED = "tracking-arrived"
REGISTERED = "tracking-registered"


@dataclass(frozen=True, kw_only=True)
class Sent:
    """How far a sync is.

    Attributes:
        done: updates that the server has taken; of a run with pictures there are two.
        of: updates in this sync.
        at: `time.monotonic()` when the last one was taken; 0 if none was.
    """

    done: int = 0
    of: int = 0
    at: float = 0.0


class Mirror:
    """One sweep's runs on the server.

    A run carries the digest of all that was sent to it, written last. A new driver asks once for these, and sends anew
    only the runs whose digest is another one: a kill at any moment costs one repeated update, which changes nothing.
    The digest of the whole also lies in the sweep's folder: where nothing has changed since, the server is not asked.

    Args:
        open_tracker: makes the sweep's tracker; called when there is something to send, so that the sweep exists.
        store: of the storage folder.
        ledger: of the sweep.
        on_sent: called after every update that the server has taken.
    """

    def __init__(
        self, open_tracker: OpenTracker, store: Store, ledger: Ledger, on_sent: Callable[[Sent], None] | None = None
    ) -> None:
        self.ledger = ledger
        self.sent = Sent()
        self._on_sent = on_sent or (lambda sent: None)
        self._open_tracker = open_tracker
        self._runs = SweepRuns(store, ledger)
        self._tracker: Tracker | None = None
        self._sent: dict[str, RunUpdate] | None = None

    def updates(self) -> list[RunUpdate]:
        """Every run as it shall be, parents first."""
        return self._runs.updates()

    def sync(self) -> int:
        """Send what the server lacks.

        Returns:
            How many runs were written.

        Raises:
            TrackingError: the server is away; what was sent stays, and the rest is sent by the next call.
            StorageError: the ledger cannot be read.
        """
        if not self.ledger.exists():
            return 0
        if self._tracker is None:
            self._tracker = self._open_tracker()
        updates = self.updates()
        if _read(self._arrived_file) == _whole(self._tracker, updates):
            return 0
        try:
            written = self._send(self._tracker, updates)
        except TrackingError:
            self._sent = None  # a server that was away may come back with less than it had
            raise
        replace(self._arrived_file, _whole(self._tracker, updates))
        return written

    def _send(self, tracker: Tracker, updates: list[RunUpdate]) -> int:
        if self._sent is None:
            digests = {record.key: record.tags.get(DIGEST_TAG) for record in tracker.runs()}
            self._sent = {update.key: update for update in updates if digests.get(update.key) == update.digest}
        changed = [update for update in updates if not self._has(update)]
        self.sent = dataclasses.replace(self.sent, done=0, of=len(changed))
        for update in changed:  # the numbers of all runs first: pictures take long to draw
            new = lacking(update, self._sent.get(update.key)).artifacts
            self._apply(tracker, _without_pictures(update) if any(map(_is_picture, new)) else update)
        with_pictures = [update for update in changed if not self._has(update)]
        self.sent = dataclasses.replace(self.sent, of=len(changed) + len(with_pictures))
        for update in with_pictures:
            self._apply(tracker, update)
        return len(changed)

    def _has(self, update: RunUpdate) -> bool:
        assert self._sent is not None
        sent = self._sent.get(update.key)
        return sent is not None and sent.digest == update.digest

    def _apply(self, tracker: Tracker, update: RunUpdate) -> None:
        assert self._sent is not None
        tracker.apply(lacking(update, self._sent.get(update.key)))
        self._sent[update.key] = update
        self.sent = Sent(done=self.sent.done + 1, of=self.sent.of, at=time.monotonic())
        self._on_sent(self.sent)

    @property
    def _arrived_file(self) -> Path:
        return self.ledger.folder / ARRIVED


def lacking(update: RunUpdate, sent: RunUpdate | None) -> RunUpdate:
    """The part of an update that was not sent yet, with the digest of the whole."""
    tags = {**update.tags, DIGEST_TAG: update.digest}
    if sent is None:
        return dataclasses.replace(update, tags=tags)
    points = set(sent.metrics)
    return dataclasses.replace(
        update,
        tags={name: value for name, value in tags.items() if sent.tags.get(name) != value},
        params={name: value for name, value in update.params.items() if name not in sent.params},
        metrics=[point for point in update.metrics if point not in points],
        artifacts={
            path: artifact for path, artifact in update.artifacts.items() if sent.artifacts.get(path) != artifact
        },
    )


def _is_picture(path: str) -> bool:
    return path.startswith("figures/")


def _without_pictures(update: RunUpdate) -> RunUpdate:
    """Another digest than that of the whole, so that the pictures are sent, if not now then by the next start."""
    artifacts = {path: artifact for path, artifact in update.artifacts.items() if not _is_picture(path)}
    return dataclasses.replace(update, artifacts=artifacts)


def _whole(tracker: Tracker, updates: list[RunUpdate]) -> str:
    text = " ".join([tracker.place(), *(update.digest for update in updates)])
    return hashlib.sha256(text.encode()).hexdigest()


def mark_pending(ledger: Ledger, message: str) -> None:
    """Note in the sweep's folder that the server lacks something."""
    ledger.note(MARKER, message)


def clear_pending(ledger: Ledger) -> None:
    """Note that everything has arrived."""
    ledger.note(MARKER, "")


def pending(ledger: Ledger) -> str:
    """Why the server lacks something of the sweep; empty if it does not."""
    return ledger.noted(MARKER)


def forget_arrival(ledger: Ledger) -> None:
    """Have the next start ask the server for its runs, because some were found to be gone."""
    for name in (ARRIVED, REGISTERED):
        with contextlib.suppress(OSError):  # a storage that can only be read
            (ledger.folder / name).unlink()


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
