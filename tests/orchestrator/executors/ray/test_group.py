"""Trials of two workers: Ray Train inside Tune. A group takes seconds to start, so a run of several trials is recorded once."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from orchestrator.executors.inline import InlineExecutor
from orchestrator.executors.ray import RayExecutor
from orchestrator.executors.ray.room import cpus_of, resources_of_tune
from orchestrator.storage.ledger import Report
from orchestrator.storage.store import Store
from orchestrator.trial import TrialJob, stored_reports
from search_spaces.sweep import Asha, Resources
from tests.orchestrator.executors.scripted import Script, explosive, jobs_of, poor, scheduling, slow, small, writers
from trainables.spec import Optimizer, SmallCNN, TrialSpec

ROOT = Path(__file__).resolve().parents[4]
TWO = Resources(workers=2)


@pytest.fixture(scope="module")
def executor() -> Iterator[RayExecutor]:
    folder = tempfile.mkdtemp(prefix="r", dir="/tmp")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_TMPDIR", folder)
        patch.setenv("PYTHONPATH", str(ROOT))
        started = RayExecutor()
        started.start(concurrent=1, resources=TWO)
        yield started
        started.close()
    shutil.rmtree(folder, ignore_errors=True)


def groups_of(storage: Path, specs: list[TrialSpec]) -> list[TrialJob]:
    return [replace(job, workers=2) for job in jobs_of(storage, specs)]


def calm(spec: TrialSpec) -> TrialSpec:
    """Without dropout, whose random numbers are each worker's own, and without Adam, which makes steps of rounding errors."""
    assert isinstance(spec.model, SmallCNN)
    optimizer = Optimizer(kind="sgd", learning_rate=0.02)
    return replace(spec, model=replace(spec.model, dropout=0.0), optimizer=optimizer)


def losses(storage: Path, job: TrialJob) -> list[float]:
    return [report.metrics["train/loss"] for report in stored_reports(Store(storage), job.fit_key)]


@pytest.mark.ray
def test_a_group_trains_fails_and_is_stopped_as_one_process_is(executor: RayExecutor, tmp_path: Path) -> None:
    jobs = groups_of(tmp_path / "two", [calm(small()), poor(), explosive()])
    script = Script(jobs)
    executor.run(script, scheduling(Asha(grace_epochs=1, reduction_factor=2), history=[("trial-0099", 1, 9.0)]))
    assert script.endings["trial-0000"] == ("finished", "")
    assert script.endings["trial-0001"] == ("stopped", "")
    ending, reason = script.endings["trial-0002"]
    assert ending == "failed"
    assert reason.startswith("TrainingDiverged: The loss is")

    store = Store(tmp_path / "two")
    assert [report for name, report in script.reports if name == "trial-0000"] == stored_reports(store, jobs[0].fit_key)
    assert len(store.steps(jobs[1].fit_key)) == 1  # it has not run ahead of the scheduler
    assert store.manifest(jobs[0].key).meta["workers"] == 2

    (alone,) = jobs_of(tmp_path / "one", [calm(small())])
    InlineExecutor().run(Script([alone]), scheduling())
    assert alone.key == jobs[0].key
    assert losses(tmp_path / "two", jobs[0]) == pytest.approx(losses(tmp_path / "one", alone), rel=1e-4)


@pytest.mark.slow
@pytest.mark.ray
def test_a_group_that_loses_a_worker_or_is_interrupted_goes_on(executor: RayExecutor, tmp_path: Path) -> None:
    (job,) = groups_of(tmp_path, [calm(slow())])
    first = Script([job], interrupt_after=2)
    executor.run(first, scheduling())
    assert first.endings == {}
    before = len(stored_reports(Store(tmp_path), job.fit_key))
    second = Script([job])
    killed: list[int] = []

    def kill(name: str, report: Report) -> None:
        if not killed and not report.finished:
            killed.extend(writers(tmp_path, f"{job.fit_key}/epoch-{report.epoch:04d}"))
            os.kill(killed[-1], signal.SIGKILL)

    second.when_reported = kill
    executor.run(second, scheduling())
    assert killed
    assert second.endings == {job.name: ("finished", "")}
    epochs = second.epochs(job.name)
    assert epochs == list(range(min(before + 1, 6), 7))
    (alone,) = jobs_of(tmp_path / "one", [calm(slow())])
    InlineExecutor().run(Script([alone]), scheduling())
    assert losses(tmp_path, job) == pytest.approx(losses(tmp_path / "one", alone), rel=1e-4)


def is_trackers(process: psutil.Process) -> bool:
    """Whether it is Python's own tracker of resources, which lives as long as the tests."""
    try:
        return "resource_tracker" in " ".join(process.cmdline())
    except psutil.Error:  # it has ended
        return False


@pytest.mark.ray
def test_no_worker_outlives_its_executor(executor: RayExecutor) -> None:
    children = [child for child in psutil.Process().children(recursive=True) if not is_trackers(child)]
    executor.close()
    _, alive = psutil.wait_procs(children, timeout=20)
    assert alive == []


def test_a_group_asks_for_the_cpus_of_all_its_workers() -> None:
    assert cpus_of(Resources(cpus=2)) == 2
    assert resources_of_tune(Resources(cpus=2, gpus=0.5)) == {"CPU": 2, "GPU": 0.5}
    assert 6 < cpus_of(Resources(cpus=2, workers=3)) < 6.1
    assert resources_of_tune(Resources(cpus=2, gpus=1, workers=3))["CPU"] < 0.1
