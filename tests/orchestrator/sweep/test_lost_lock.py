"""A driver that was cut off and whose sweep another one has taken over: it ends, and changes nothing of it."""

import time
from pathlib import Path

import pytest

from orchestrator.errors import SweepLocked
from orchestrator.storage import bucket as buckets
from orchestrator.storage.address import bucket_address
from orchestrator.storage.lease import Lease
from orchestrator.storage.ledger import Ledger, Row
from orchestrator.storage.objects import Objects
from orchestrator.sweep.driver import SweepDriver
from orchestrator.sweep.reconcile import Reconciler
from tests.orchestrator.storage.conftest import bucket, s3_address
from tests.orchestrator.sweep.tiny import Watcher, outcome, start

__all__ = ["bucket", "s3_address"]

OTHER = b'{"released": false, "lease_seconds": 60, "pid": 1, "host": "other", "machine": "other", "since": 0}'


class Thief(Watcher):
    """Gives the lock to another driver at the third change."""

    storage = ""
    rows: list[Row]

    def changed(self, driver: SweepDriver, reconciler: Reconciler) -> None:
        super().changed(driver, reconciler)
        if self.changes == 3:
            Objects(bucket_address(self.storage)).put("sweeps/tiny/lock", OTHER)
            time.sleep(0.5)
            self.rows = Ledger(self.storage, "tiny").rows()


def test_it_ends_with_the_reason_and_the_sweep_goes_on_elsewhere(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def short(objects: Objects, name: str, what: str) -> Lease:
        return Lease(objects, name, what, renewed_seconds=0.1)

    with monkeypatch.context() as patch:
        patch.setattr(buckets, "Lease", short)
        thief = Thief()
        thief.storage = bucket
        with pytest.raises(SweepLocked, match="another process has taken it"):
            start(bucket, thief, trials=2, member_seeds=0)
    assert Ledger(bucket, "tiny").rows() == thief.rows, "nothing was written once the lock was lost"
    assert {row.state for row in thief.rows} == {"running"}
    assert Ledger(bucket, "tiny").state() == "running", "by the other one"
    Objects(bucket_address(bucket)).delete(["sweeps/tiny/lock"])
    assert start(bucket, trials=2, member_seeds=0).finished
    start(tmp_path / "calm", trials=2, member_seeds=0)
    assert outcome(bucket) == outcome(tmp_path / "calm")
