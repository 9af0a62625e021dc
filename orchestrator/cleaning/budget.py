"""How much disk the networks of a sweep and their chains of epochs may take: `resources/disk_gb`."""

from __future__ import annotations

from collections.abc import Collection

from orchestrator.cleaning.chains import thinnings, uses_of
from orchestrator.errors import StorageError
from orchestrator.memory import GIGABYTE
from orchestrator.storage.ledger import Ledger, Row, ledgers
from orchestrator.storage.store import Store


class DiskBudget:
    """Keeps a sweep within its disk.

    Args:
        gigabytes: of networks and their checkpoints; 0 for no limit.
        store, ledger: of the sweep, whose lock is held.
    """

    def __init__(self, gigabytes: float, store: Store, ledger: Ledger) -> None:
        self._limit = gigabytes * GIGABYTE
        self._store = store
        self._ledger = ledger
        self._sizes: dict[str, int] = {}  # of what has ended: of a thousand trials not all are measured each time

    def keep(self, rows: Collection[Row]) -> None:
        """Thin out chains of ended trainings when the sweep has come over its limit.

        Raises:
            StorageError: it is over the limit with all that is left.
        """
        if not self._limit or (over := self._used(rows) - self._limit) <= 0:
            return
        uses = uses_of(ledgers(self._store.root), {self._ledger.name})
        chains = list(dict.fromkeys(chain for row in rows for chain in row.chains))
        for each in sorted(thinnings(self._store, uses, chains), key=lambda each: -each.bytes):
            if over <= 0:
                return
            self._store.thin(each.step, each.names)
            self._sizes.pop(each.step.split("/")[0], None)
            over -= each.bytes
        if over > 0:
            raise StorageError(
                f"resources/disk_gb is {self._limit / GIGABYTE:g}, and what the sweep needs takes {self._used(rows) / GIGABYTE:.3g} "
                "GB, with states that nobody needs removed. Give it more (--set resources/disk_gb=...); the same command "
                "then goes on."
            )

    def _used(self, rows: Collection[Row]) -> int:
        live = {key for row in rows if row.state == "running" for key in (*row.chains, *row.trained)}
        ended = {key for row in rows for key in (*row.chains, *row.trained)} - live
        for key in ended - self._sizes.keys():
            self._sizes[key] = self._store.size(key)
        return sum(self._sizes[key] for key in ended) + sum(map(self._store.size, live))
