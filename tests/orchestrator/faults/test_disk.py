"""A disk that is full in the middle of a sweep, on a small file system of its own."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from orchestrator.errors import StorageError
from orchestrator.sweep.driver import SweepDriver
from orchestrator.sweep.reconcile import Reconciler
from tests.orchestrator.sweep.tiny import Watcher, outcome, repeated_epochs, start

pytestmark = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root mounts a file system"
)
CALM = {"trials": 2, "member_seeds": 0, "scheduler": None}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], capture_output=True)
    if done.returncode:
        pytest.skip("no file system can be mounted here")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


class Filler(Watcher):
    """Fills the disk at a change of the sweep, all but a few bytes."""

    def __init__(self, disk: Path, *, at: int, leave: int) -> None:
        super().__init__()
        self.ballast, self._at, self._leave = disk / "ballast", at, leave

    def changed(self, driver: SweepDriver, reconciler: Reconciler) -> None:
        super().changed(driver, reconciler)
        if self.changes == self._at:
            free = os.statvfs(self.ballast.parent)
            self.ballast.write_bytes(bytes(max(0, free.f_bavail * free.f_bsize - self._leave)))


@pytest.mark.parametrize(("at", "leave"), [(4, 0), (4, 20_000), (6, 8_000), (9, 0)])
def test_a_full_disk_ends_the_sweep_in_order_and_it_goes_on_when_there_is_room(
    small_disk: Path, tmp_path: Path, at: int, leave: int
) -> None:
    start(tmp_path / "calm", **CALM)  # type: ignore[arg-type]
    storage = small_disk / "storage"
    filler = Filler(small_disk, at=at, leave=leave)
    with pytest.raises(StorageError, match=r"No space left on device.*"):
        start(storage, filler, **CALM)  # type: ignore[arg-type]
    filler.ballast.unlink()
    ended = start(storage, **CALM)  # type: ignore[arg-type]
    assert ended.finished
    assert not ended.failed_trials
    assert not ended.failed_tasks
    assert outcome(storage) == outcome(tmp_path / "calm")
    assert repeated_epochs(storage) == []
