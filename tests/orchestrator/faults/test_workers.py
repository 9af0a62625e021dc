"""Workers of Ray: how many are started, and what becomes of one that hangs."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.sleeping import SleepingTrial, make, sweep
from orchestrator.executors.ray import RayExecutor
from orchestrator.storage.ledger import Ledger, Report
from orchestrator.sweep.launch import Ended, Launch, run_sweep
from orchestrator.trial import TrialJob
from search_spaces.overrides import Overrides
from search_spaces.sweep import Resources
from tests.orchestrator.executors.scripted import writers

pytestmark = [pytest.mark.ray, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parents[3]


class HangingTrial(SleepingTrial):
    """Trial 0 hangs in its second epoch for good, trial 1 there once; says who its process is."""

    def step(self) -> Report:
        begun = Path(self._job.storage) / f"{self._job.name}-hung"
        number = int(self._job.name[-4:])
        if len(self._reports) == 1 and (number == 0 or (number == 1 and not begun.exists())):
            begun.touch()
            time.sleep(3600)
        return super().step()


def hanging(job: TrialJob) -> HangingTrial:
    """Made on the worker."""
    return HangingTrial(job, seconds=0.05)


@pytest.fixture(autouse=True)
def ray_folder(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    folder = tempfile.mkdtemp(prefix="r", dir="/tmp")
    monkeypatch.setenv("RAY_TMPDIR", folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    yield
    shutil.rmtree(folder, ignore_errors=True)


def run(storage: Path, executor: RayExecutor, *, trials: int, resources: Resources, concurrent: int = 2) -> Ended:
    from dataclasses import replace

    wanted = replace(sweep(trials=trials, epochs=3), resources=resources)
    launch = Launch(sweep=wanted, overrides=Overrides(), name="sleeping", storage=storage, concurrent=concurrent)
    try:
        return run_sweep(launch, executor)
    finally:
        executor.close()


def processes(storage: Path) -> set[int]:
    return {
        pid
        for row in Ledger(storage, "sleeping").rows()
        for epoch in (1, 2, 3)
        for pid in writers(storage, f"{row.fit_key}/epoch-{epoch:04d}")
    }


def test_as_many_workers_start_as_trials_run_at_once_however_short_they_are(tmp_path: Path) -> None:
    ended = run(tmp_path, RayExecutor(make_trial=make(0.05)), trials=10, resources=Resources())
    assert ended.finished
    assert len(processes(tmp_path)) == 2
    assert os.getpid() not in processes(tmp_path)


class LeavingTrial(SleepingTrial):
    """What trial 0 did stays on the GPU of its process, as far as anybody can tell."""

    def step(self) -> Report:
        from orchestrator import memory

        if self._job.name == "trial-0000":
            memory.gpu_bytes_held = lambda: 10**9
        return super().step()


def leaving(job: TrialJob) -> LeavingTrial:
    """Made on the worker."""
    return LeavingTrial(job, seconds=0.05)


def test_a_worker_whose_gpu_memory_is_not_free_takes_no_further_trial(tmp_path: Path) -> None:
    ended = run(tmp_path, RayExecutor(make_trial=leaving), trials=3, resources=Resources(), concurrent=1)
    assert ended.finished
    rows = Ledger(tmp_path, "sleeping").rows()
    assert [row.state for row in rows] == ["completed"] * 3
    first, *others = (
        {pid for epoch in (1, 2, 3) for pid in writers(tmp_path, f"{row.fit_key}/epoch-{epoch:04d}")} for row in rows
    )
    assert len(first) == 1
    assert others[0] == others[1] != first


def test_a_trial_that_hangs_is_tried_on_another_worker_and_then_fails_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestrator.executors.ray.WORKER_DEATHS", 1)
    resources = Resources(timeout_minutes=3 / 60)
    ended = run(tmp_path, RayExecutor(make_trial=hanging), trials=4, resources=resources)
    assert ended.finished
    rows = {row.name: row for row in Ledger(tmp_path, "sleeping").rows()}
    assert [row.state for row in rows.values()] == ["failed", "completed", "completed", "completed"]
    assert "It hung: 2 workers in turn said nothing for 0.05 minutes" in rows["trial-0000"].reason
    assert all([report.epoch for report in row.reports] == [1, 2, 3] for row in list(rows.values())[1:])
