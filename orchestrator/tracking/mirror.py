"""Brings the tracking server to what the ledger and the store say. The ledger is the journal: nothing else is kept."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.errors import TrackingError
from orchestrator.storage.ledger import Ledger
from orchestrator.storage.store import Store, replace
from orchestrator.tracking.digest import digest_of, lacking
from orchestrator.tracking.protocol import DIGEST_TAG, RunUpdate, Tracker
from orchestrator.tracking.sweep_runs import SweepRuns

OpenTracker = Callable[[], Tracker]

MARKER = "tracking-pending"


class Mirror:
    """One sweep's runs on the server.

    A run carries the digest of all that was sent to it, written last. A new driver asks once for these, and sends anew
    only the runs whose digest is another one: a kill at any moment costs one repeated update, which changes nothing.

    Args:
        open_tracker: makes the sweep's tracker; called when there is something to send, so that the sweep exists.
        store, ledger: of the sweep.
    """

    def __init__(self, open_tracker: OpenTracker, store: Store, ledger: Ledger) -> None:
        self.ledger = ledger
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
        try:
            return self._send(self._tracker, self.updates())
        except TrackingError:
            self._sent = None  # a server that was away may come back with less than it had
            raise

    def _send(self, tracker: Tracker, updates: list[RunUpdate]) -> int:
        if self._sent is None:
            self._sent = _arrived(tracker, updates)
        written = 0
        for update in updates:
            sent = self._sent.get(update.key)
            if sent != update:
                tracker.apply(lacking(update, sent))
                self._sent[update.key] = update
                written += 1
        return written


def _arrived(tracker: Tracker, updates: list[RunUpdate]) -> dict[str, RunUpdate]:
    digests = {record.key: record.tags.get(DIGEST_TAG) for record in tracker.runs()}
    return {update.key: update for update in updates if digests.get(update.key) == digest_of(update)}


def mark_pending(ledger: Ledger, message: str) -> None:
    """Note in the sweep's folder that the server lacks something."""
    replace(ledger.folder / MARKER, message)


def clear_pending(ledger: Ledger) -> None:
    """Note that everything has arrived."""
    (ledger.folder / MARKER).unlink(missing_ok=True)


def pending(ledger: Ledger) -> str:
    """Why the server lacks something of the sweep; empty if it does not."""
    try:
        return (ledger.folder / MARKER).read_text()
    except OSError:
        return ""
