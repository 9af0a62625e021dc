"""Ray's memory monitor really ends a trial's worker: the trial needs more than is left, and less with parts of its batches.

The monitor looks at the whole machine, so its threshold is set above what the machine uses now.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from orchestrator.audit import audit
from orchestrator.executors.ray import RayExecutor
from orchestrator.storage.ledger import Ledger, Report
from orchestrator.storage.store import Store
from orchestrator.sweep.launch import run_sweep
from orchestrator.tracking.network_run import NetworkFacts, network_run
from orchestrator.trial import TrialRun
from tests.orchestrator.sweep.tiny import launch, repeated_epochs
from trainables.spec import Evaluation

pytestmark = [pytest.mark.ray, pytest.mark.slow, pytest.mark.timeout(240)]
ROOT = Path(__file__).resolve().parents[3]

GIGABYTE = 10**9
WHOLE_BATCHES = 2.9 * GIGABYTE  # what the hungry trial takes
PARTS = 0.2 * GIGABYTE  # the same with its batches in parts
RAY_AND_WORKERS = 1.5 * GIGABYTE  # what a small Ray with a worker that has imported torch takes by itself
ROOM = RAY_AND_WORKERS + 1.1 * GIGABYTE
LEAST_FREE = 8 * GIGABYTE
NOTE = "memory-of-trial-0000.txt"


class HungryTrial(TrialRun):
    """Trains as ever; trial 0 holds memory at each epoch, much less with parts of its batches."""

    def step(self) -> Report:
        if self.job.name == "trial-0000":
            parts = self.job.micro_batches
            with (Path(self.job.storage) / NOTE).open("a") as note:
                note.write(f"{parts} {psutil.virtual_memory().used}\n")
            held = hold(WHOLE_BATCHES if parts == 1 else PARTS)
            time.sleep(4.0 if parts == 1 else 1.0)  # the monitor looks four times a second
            del held
        return super().step()


def hold(size: float) -> list[bytearray]:
    """So much memory that is really used; in pieces, so that it comes over some tenths of a second."""
    assert size < 3 * GIGABYTE
    piece = 50_000_000
    held = []
    for _ in range(round(size / piece)):
        held.append(bytearray(b"x") * piece)
        time.sleep(0.01)
    return held


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Iterator[RayExecutor]:
    """A Ray whose monitor ends workers when the machine uses `ROOM` more than now."""
    memory = psutil.virtual_memory()
    if memory.available < LEAST_FREE:
        pytest.skip(f"{memory.available / 1e9:.1f} GB of memory are free, and a test that fills some wants 8 GB")
    folder = tempfile.mkdtemp(prefix="o", dir="/tmp")
    threshold = (memory.total - memory.available + ROOM) / memory.total
    monkeypatch.setenv("RAY_memory_usage_threshold", f"{threshold:.5f}")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "250")
    monkeypatch.setenv("RAY_TMPDIR", folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    made = RayExecutor(make_trial=HungryTrial)
    yield made
    made.close()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_trial_whose_worker_it_ends_goes_on_with_parts_of_batches_and_the_sweep_with_it(
    executor: RayExecutor, tmp_path: Path
) -> None:
    used = psutil.virtual_memory().used
    wanted = launch(tmp_path, trials=2, scheduler=None, member_seeds=0, posthoc=(Evaluation(),))
    ended = run_sweep(replace(wanted, concurrent=1), executor)
    notes = [line.split() for line in (tmp_path / NOTE).read_text().splitlines()]
    tried = [int(parts) for parts, _ in notes]
    grown = [round((int(now) - used) / GIGABYTE, 2) for _, now in notes]
    print(f"\nparts of batches at each try of an epoch: {tried}; GB that the machine used more by then: {grown}")
    assert ended.finished
    assert not ended.failed_trials
    assert not ended.failed_tasks
    if tried.count(1) > 1 and psutil.virtual_memory().used < used - GIGABYTE:
        pytest.skip("other programs gave back so much memory meanwhile that whole batches had room")
    assert tried[:2] == [1, 2], "whole batches were tried once, and the worker died of them"
    assert tried == sorted(tried)
    store, ledger = Store(tmp_path), Ledger(tmp_path, "tiny")
    hungry, other = ledger.rows()
    assert [row.state for row in (hungry, other)] == ["completed", "completed"]
    assert [report.epoch for report in hungry.reports] == [1, 2, 3]
    parts = [report.micro_batches for report in hungry.reports]
    assert parts == sorted(parts)
    assert (min(parts) > 1, parts[-1]) == (True, tried[-1])
    assert {report.micro_batches for report in other.reports} == {1}
    run = network_run(store, "tiny", NetworkFacts(rows=[hungry]))
    assert run.tags["orchestrator.micro_batches"] == str(tried[-1])
    assert audit(store, ledger, None, contents=True).ok
    assert repeated_epochs(tmp_path) == []
