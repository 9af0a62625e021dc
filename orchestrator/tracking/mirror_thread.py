"""The mirror at work beside a driver: never in its way, never its end."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from orchestrator.errors import MachineError
from orchestrator.storage.ledger import Ledger
from orchestrator.tracking.mirror import Sent, clear_pending, mark_pending

logger = logging.getLogger(__name__)

NOT_YET_SENT = "Changes are being sent to the tracking server."
SECONDS_BETWEEN_NOTES = 30.0


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """Whether everything has arrived on the server, and if not, what to do."""

    complete: bool
    message: str = ""


class Syncing(Protocol):
    """A `Mirror`, here or in a process of its own."""

    ledger: Ledger
    sent: Sent

    def sync(self) -> int:
        """Send what the server lacks, and say how many runs were written."""
        ...


class MirrorThread:
    """Syncs in the background when it is poked, and with growing pauses while the server is away.

    It can be used as an observer of a sweep. While the server lacks something, a marker file lies in the sweep's folder.

    Args:
        mirror: of the sweep.
        pause_seconds: from a change to its sync, so that several are sent together.
        longest_pause_seconds: while the server is away.
    """

    def __init__(self, mirror: Syncing, *, pause_seconds: float = 2.0, longest_pause_seconds: float = 60.0) -> None:
        self._mirror = mirror
        self._pause = pause_seconds
        self._longest_pause = longest_pause_seconds
        self._poked = threading.Event()
        self._closing = threading.Event()
        self._marking = threading.Lock()
        self._problem = ""
        self._failures = 0
        self._abandoned = False
        self._thread = threading.Thread(target=self._run, name="tracking-mirror", daemon=True)
        self._thread.start()

    def poke(self) -> None:
        """Say that the ledger or the store has changed. Returns at once."""
        with self._marking:
            if not self._poked.is_set():
                self._poked.set()
                self._mark(self._problem or NOT_YET_SENT)

    def changed(self, driver: object, reconciler: object) -> None:
        """A row or a task of the sweep has changed."""
        self.poke()

    def decoding(self, done: int, total: int) -> None:
        """Images are being decoded; the server is not told."""

    def data_ready(self, text: str) -> None:
        """A data set is in the store; the next sync tells the server what it holds."""

    def abandon(self) -> None:
        """End without a last sync; the sweep's next start sends the rest."""
        self._abandoned = True
        self._closing.set()
        self._poked.set()

    def close(
        self, timeout_seconds: float = 120.0, *, patient: bool = False, stop: Callable[[], bool] = lambda: False
    ) -> Arrival:
        """Sync a last time and end. Where nothing has changed since the last start, the server is not asked.

        Call it when the driver has let go of the sweep's lock: until then the sweep is sent as running.

        Args:
            timeout_seconds: how long it waits.
            patient: whether it waits for longer, as long as the server takes an update in every such time.
            stop: ends the wait.

        Returns:
            Whether everything has arrived; if not, it is sent by the sweep's next start.
        """
        self.poke()
        self._closing.set()
        begun = told = time.monotonic()
        while self._thread.is_alive() and not stop():
            self._thread.join(0.1)
            now, sent = time.monotonic(), self._mirror.sent
            if now - (max(begun, sent.at) if patient else begun) > timeout_seconds:
                break
            if now - told > SECONDS_BETWEEN_NOTES:
                told = now
                logger.warning(
                    "The tracking server has taken %d of %d updates. Ctrl-C leaves the rest to the sweep's next start.",
                    sent.done,
                    sent.of,
                )
        if self._thread.is_alive():
            self._abandoned = True
            waited = "The tracking server has not taken everything"
            waited += " yet." if stop() else f" within {timeout_seconds:.0f} seconds."
            return Arrival(complete=False, message=f"{waited} The sweep's next start sends the rest.")
        return Arrival(complete=not self._problem, message=self._problem)

    def _run(self) -> None:
        is_last = False
        while not is_last:
            self._poked.wait()
            self._closing.wait(self._next_pause())  # several changes are sent together
            is_last = self._closing.is_set()
            if self._abandoned:
                return
            self._poked.clear()
            self._sync_once()

    def _sync_once(self) -> None:
        started = time.perf_counter()
        try:
            written = self._mirror.sync()
        except MachineError as error:
            self._note_failure(str(error))
        except Exception as error:  # a fault in the mirror must not end a sweep of hours
            logger.debug("tracking failed", exc_info=True)
            self._note_failure(f"Tracking failed with {type(error).__name__}: {error}. The sweep goes on without it.")
        else:
            self._note_success()
            logger.debug("wrote %d runs in %.2f s", written, time.perf_counter() - started)

    def _note_failure(self, message: str) -> None:
        if self._abandoned:
            return  # the marker stands, and what ended the sync was the end
        if not self._problem:
            logger.warning("%s", message)
        self._problem = message
        self._failures += 1
        self._poked.set()
        self._mark(message)

    def _note_success(self) -> None:
        if self._problem:
            logger.warning("The tracking server is back and has everything.")
        self._problem, self._failures = "", 0
        with self._marking:
            if not self._poked.is_set():
                clear_pending(self._mirror.ledger)

    def _mark(self, message: str) -> None:
        try:
            if self._mirror.ledger.exists():
                mark_pending(self._mirror.ledger, message)
        except MachineError:
            logger.debug("no marker could be written", exc_info=True)

    def _next_pause(self) -> float:
        return min(self._pause * 2.0**self._failures, self._longest_pause)
